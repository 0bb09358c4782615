//! Hard links to files and folders, and files removed while open: the private folders.

use super::builder::HfsBuilder;
use super::bytes::{put, units};
use super::item::{
    Content, HAS_CHILD_LINK, HAS_FOLDER_COUNT, HAS_LINK_CHAIN, INVISIBLE_AND_LOCKED, IS_ALIAS, Kind, ROOT,
    S_IFREG, UF_IMMUTABLE, XattrForm,
};
use crate::resource_fork::resource_fork;

/// Name of the folder that holds the files behind hard links.
pub fn private_data() -> Vec<u16> {
    units("\u{2400}\u{2400}\u{2400}\u{2400}HFS+ Private Data")
}

/// Name of the folder that holds the folders behind hard links.
pub fn private_directory_data() -> Vec<u16> {
    units(".HFS+ Private Directory Data\r")
}

const FIRST_LINK: &str = "com.apple.system.hfs.firstlink";

/// What the resource fork of an alias holds.
pub fn alias_fork() -> Vec<u8> {
    resource_fork(&[(*b"alis", 0, String::new(), vec![0x5A; 150])])
}

impl HfsBuilder {
    /// The folder of hard-linked files, made if need be.
    pub fn private_folder(&mut self) -> u32 {
        self.private(private_data(), 0o040_000)
    }

    /// The folder of hard-linked folders, made if need be.
    pub fn private_directory_folder(&mut self) -> u32 {
        self.private(private_directory_data(), 0x436D)
    }

    fn private(&mut self, name: Vec<u16>, mode: u16) -> u32 {
        if let Some(cnid) = self.child(ROOT, &name) {
            return cnid;
        }
        let cnid = self.create_in(ROOT, name, Kind::Folder, mode);
        let item = self.item_mut(cnid);
        (item.owner, item.group) = (0, 0);
        item.owner_flags = UF_IMMUTABLE;
        item.flags = HAS_FOLDER_COUNT;
        item.set_finder_flags(INVISIBLE_AND_LOCKED);
        cnid
    }

    /// Both private folders, as a current system makes them at the first mount.
    pub fn private_folders(mut self) -> Self {
        self.private_folder();
        self.private_directory_folder();
        self
    }

    /// Another name for an existing file.
    pub fn hardlink(mut self, existing: &str, path: &str) -> Self {
        let record = self.record_at(existing);
        if self.items[&record].kind == Kind::File {
            self.move_to_private(record);
        }
        let inode = self.cnid(existing);
        let (parent, name) = self.parent_and_name(path);
        self.add_file_link(inode, parent, name);
        self
    }

    /// Makes a file the inode behind a link that takes its place.
    fn move_to_private(&mut self, cnid: u32) {
        let folder = self.private_folder();
        let reference = if self.chains { cnid } else { cnid.wrapping_mul(0x9E37_79B1) >> 4 };
        let item = self.item_mut(cnid);
        let (parent, name) = (item.parent, core::mem::take(&mut item.name));
        item.parent = folder;
        item.name = units(&format!("iNode{reference}"));
        item.special = 0;
        self.add_file_link(cnid, parent, name);
    }

    fn add_file_link(&mut self, inode: u32, parent: u32, name: Vec<u16>) {
        let folder = self.private_folder();
        let created = self.items[&folder].dates[0];
        let reference = String::from_utf16(&self.items[&inode].name).unwrap();
        let mode = if self.chains { S_IFREG | 0o444 } else { 0 };
        let link = self.create_in(parent, name, Kind::FileLink(inode), mode);
        let item = self.item_mut(link);
        item.dates[0] = created;
        (item.owner, item.group) = (0, 0);
        item.set_type(b"hlnk", b"hfs+");
        item.special = reference.trim_start_matches("iNode").parse().unwrap();
        if self.chains {
            self.item_mut(link).owner_flags = UF_IMMUTABLE;
            self.item_mut(link).set_finder_flags(0x0100);
            self.chain(inode, link);
        }
        self.item_mut(inode).special += 1;
    }

    /// Puts a link at the head of the chain.
    fn chain(&mut self, inode: u32, link: u32) {
        let first = self.first_link(inode);
        self.item_mut(inode).flags |= HAS_LINK_CHAIN;
        let item = self.item_mut(link);
        item.flags |= HAS_LINK_CHAIN;
        // Owner and group are the links before and behind.
        (item.owner, item.group) = (0, first);
        if first != 0 {
            self.item_mut(first).owner = link;
        }
        let inode = self.item_mut(inode);
        if inode.is_folder() {
            inode.set_xattr(FIRST_LINK, link.to_string().as_bytes(), XattrForm::Inline);
        } else {
            inode.first_link = link;
        }
    }

    fn first_link(&self, inode: u32) -> u32 {
        let item = &self.items[&inode];
        let name: Vec<u16> = FIRST_LINK.encode_utf16().collect();
        let xattr = item.xattrs.iter().find(|xattr| xattr.name == name);
        match xattr {
            Some(xattr) => core::str::from_utf8(&xattr.value).unwrap().parse().unwrap(),
            None => item.first_link,
        }
    }

    /// Another name for an existing folder.
    pub fn dir_link(mut self, existing: &str, path: &str) -> Self {
        let record = self.record_at(existing);
        if self.items[&record].kind == Kind::Folder {
            let folder = self.private_directory_folder();
            let item = self.item_mut(record);
            let (parent, name) = (item.parent, core::mem::take(&mut item.name));
            item.parent = folder;
            item.name = units(&format!("dir_{record}"));
            self.add_dir_link(record, parent, name);
        }
        let inode = self.cnid(existing);
        let (parent, name) = self.parent_and_name(path);
        self.add_dir_link(inode, parent, name);
        self
    }

    fn add_dir_link(&mut self, inode: u32, parent: u32, name: Vec<u16>) {
        let folder = self.private_directory_folder();
        let created = self.items[&folder].dates[0];
        let link = self.create_in(parent, name, Kind::FolderLink(inode), S_IFREG | 0o444);
        let item = self.item_mut(link);
        item.dates[0] = created;
        item.owner_flags = UF_IMMUTABLE;
        item.set_type(b"fdrp", b"MACS");
        item.set_finder_flags(IS_ALIAS);
        item.special = inode;
        item.resource = Content::new(alias_fork());
        self.chain(inode, link);
        self.item_mut(inode).special += 1;
        let mut dir = parent;
        while dir != ROOT {
            let item = self.item_mut(dir);
            item.flags |= HAS_CHILD_LINK;
            dir = item.parent;
        }
    }

    /// Removes a file that stays open.
    pub fn orphan(mut self, path: &str) -> Self {
        let folder = self.private_folder();
        let cnid = self.record_at(path);
        let item = self.item_mut(cnid);
        item.parent = folder;
        item.name = units(&format!("temp{cnid}"));
        self
    }

    /// Bytes of an extended date field: seconds since 1970 in the extended Finder info.
    pub fn date_added(self, path: &str, seconds: u32) -> Self {
        self.item(path, |item| {
            item.flags |= super::item::HAS_DATE_ADDED;
            put(&mut item.finder, 20, seconds.to_be_bytes());
        })
    }
}
