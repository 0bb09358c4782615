//! What a reader should find: every path with its content, links resolved.

use std::collections::BTreeSet;

use super::builder::HfsBuilder;
use super::item::{Item, Kind, ROOT};
use super::links::{private_data, private_directory_data};

/// Something at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Names as stored; none is the root.
    pub path: Vec<Vec<u16>>,
    /// The record that says all but the name: for a link, that of the file or folder behind it.
    pub item: Item,
    /// The link's own CNID.
    pub link: Option<u32>,
    /// In one of the private folders, or one itself, or a file of the journal.
    pub is_private: bool,
    /// In a folder that is met at one of its links.
    pub below_link: bool,
}

impl Entry {
    /// The path in UTF-8, with a stored `/` as `:`; NULs stay.
    pub fn text(&self) -> String {
        if self.path.is_empty() {
            return "/".to_owned();
        }
        let names = self.path.iter().map(|name| String::from_utf16_lossy(name).replace('/', ":"));
        names.map(|name| format!("/{name}")).collect()
    }
}

impl HfsBuilder {
    /// Everything a full listing shows, in no order. Linked folders come once with each of their names.
    pub fn model(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut pending = vec![(Vec::new(), ROOT, None, (false, false), BTreeSet::new())];
        while let Some((path, cnid, link, (is_private, below_link), above)) = pending.pop() {
            let item = &self.items[&cnid];
            if item.is_folder() && above.contains(&cnid) {
                continue;
            }
            let below = below_link || (item.is_folder() && link.is_some());
            let above: BTreeSet<u32> = above.iter().copied().chain([cnid]).collect();
            for child in self.items.values().filter(|child| child.parent == cnid && item.is_folder()) {
                let mut path = path.clone();
                path.push(child.name.clone());
                let is_private = is_private || (cnid == ROOT && is_private_name(&child.name));
                let target = self.target(child.cnid);
                let child_link = (target != child.cnid).then_some(child.cnid);
                pending.push((path, target, child_link, (is_private, below), above.clone()));
            }
            entries.push(Entry { path, item: item.clone(), link, is_private, below_link });
        }
        entries
    }

    /// The links that lead to a file or folder.
    pub fn links_to(&self, cnid: u32) -> Vec<&Item> {
        let leads =
            |item: &&Item| matches!(item.kind, Kind::FileLink(to) | Kind::FolderLink(to) if to == cnid);
        self.items.values().filter(leads).collect()
    }
}

fn is_private_name(name: &[u16]) -> bool {
    let journal = [".journal", ".journal_info_block"].map(|name| name.encode_utf16().collect::<Vec<_>>());
    name == private_data() || name == private_directory_data() || journal.iter().any(|other| other == name)
}
