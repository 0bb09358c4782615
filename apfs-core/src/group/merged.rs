//! System and Data as one tree: what it is made of, and what is behind each file.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::boot::{self, Boot};
use super::find::VolumeGroup;
use super::finding::{Finding, Problem};
use super::firmlink::{self, Firmlink};
use super::mount::{MadeUp, Mounts};
use super::number::{Tag, split};
use super::routes::Routes;
use crate::apfs::{Snapshot, View, Volume};
use crate::base::damage::Corrupt;
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::fs::types::{DirEntry, DirPos, Name};
use crate::fs::view::Fs;

/// Name of the directory in `/System/Volumes` where Data is.
const DATA: &str = "Data";

/// Which states are joined. The default is what a Mac shows.
#[derive(Clone, Debug, Default)]
pub struct MergeOptions {
    /// System at this snapshot, not the one that a Mac starts from.
    pub system: Option<Snapshot>,
    /// System as it is live, not at a snapshot.
    pub system_live: bool,
    /// Data at this snapshot.
    pub data: Option<Snapshot>,
    /// System and the others without Data, as if there were none: for Data that is locked or damaged.
    pub without_data: bool,
}

/// What a file of a merged tree is on its volume.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Backing<'a> {
    /// The volume, at the state that is shown.
    pub view: &'a View,
    /// Its number there.
    pub id: FileId,
}

/// How a file got its place in a merged tree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reached<'a> {
    /// It is on System.
    System,
    /// It is on Data, and a firmlink shows it.
    Firmlink(&'a Firmlink),
    /// It is on a volume that stands in this directory.
    Mount(&'a [u8]),
    /// It is a directory that no volume has, shown so that others can be reached.
    MadeUp,
}

/// System and Data of one macOS as the tree that it shows. Cheap to clone, shared between threads.
///
/// It is an [`Fs`](crate::Fs) and a [`Scan`](crate::Scan). The number of a file says which volume it is on:
/// [`MergedView::backing`] takes it apart. Firmlinks, absolute symbolic links and `..` lead where they do on a Mac.
/// `/System/Volumes/Data` is the root of Data; what firmlinks show elsewhere is hidden there from listings
/// ([`Fs::is_private`](crate::Fs::is_private)), so that each file is listed once, and is found all the same.
#[derive(Clone)]
pub struct MergedView {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    group: VolumeGroup,
    system: View,
    data: Option<View>,
    /// System first.
    pub(super) members: Vec<Member>,
    boot: Boot,
    pub(super) firmlinks: Vec<Firmlink>,
    findings: Vec<Finding>,
    /// What is shown in place of directories of System.
    pub(super) instead: BTreeMap<FileId, FileId>,
    /// Where what is shown elsewhere than on its volume is.
    pub(super) moved: BTreeMap<FileId, Moved>,
    /// Entries of Data that firmlinks show elsewhere, by directory and name.
    pub(super) aliases: BTreeMap<(FileId, Name), Alias>,
    /// Entries of directories that no volume has.
    pub(super) added: BTreeMap<FileId, Vec<DirEntry>>,
    pub(super) made_up: Vec<MadeUp>,
    /// Directories of System with the flag of a firmlink that are known.
    pub(super) flagged: BTreeSet<FileId>,
}

/// A volume of the tree.
pub(super) struct Member {
    pub(super) tag: Tag,
    pub(super) view: View,
    pub(super) routes: Routes,
}

/// An entry of Data that a firmlink shows elsewhere.
pub(super) struct Alias {
    /// Tells it from what the firmlink shows.
    pub(super) link_id: u64,
    /// What the firmlink shows.
    pub(super) shown: FileId,
    /// Path of the entry, below the place where Data stands.
    pub(super) path: Vec<u8>,
}

/// Where something is in the merged tree.
pub(super) struct Moved {
    /// Directories from the root to the one that it is in.
    pub(super) above: Vec<FileId>,
    pub(super) path: Vec<u8>,
}

impl Moved {
    /// Its name.
    pub(super) fn name(&self) -> Name {
        Name::from(self.path.rsplit(|byte| *byte == b'/').next().unwrap_or(&[]))
    }
}

impl MergedView {
    pub(super) fn open(group: &VolumeGroup, options: &MergeOptions) -> Result<MergedView> {
        let (system, data) = match options.without_data {
            true => (group.system()?, None),
            false => group.pair().map(|(system, data)| (system, Some(data)))?,
        };
        let (view, boot) = boot::open(system, options).map_err(|error| on(system, error))?;
        let data = match (data, &options.data) {
            (Some(data), Some(snapshot)) => Some(data.view_at(snapshot).map_err(|error| on(data, error))?),
            (Some(data), None) => Some(data.view().map_err(|error| on(data, error))?),
            (None, _) => None,
        };
        let inner = Inner::join(group, (view, boot), data).map_err(|error| on(system, error))?;
        Ok(MergedView { inner: Arc::new(inner) })
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> &VolumeGroup {
        &self.inner.group
    }

    /// System, at the state that is shown.
    #[must_use]
    pub fn system(&self) -> &View {
        &self.inner.system
    }

    /// Data, at the state that is shown; `None` if it was left out as asked for.
    #[must_use]
    pub fn data(&self) -> Option<&View> {
        self.inner.data.as_ref()
    }

    /// How the state of System was chosen.
    #[must_use]
    pub fn boot(&self) -> Boot {
        self.inner.boot
    }

    /// The firmlinks that are followed, by path.
    #[must_use]
    pub fn firmlinks(&self) -> &[Firmlink] {
        &self.inner.firmlinks
    }

    /// What is not as it should be with firmlinks and mount points. What concerns the group is among its
    /// [problems](VolumeGroup::problems).
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.inner.findings
    }

    /// The volume that a file is on, and its number there; `None` for a directory that no volume has.
    #[must_use]
    pub fn backing(&self, id: FileId) -> Option<Backing<'_>> {
        let (tag, id) = split(id);
        let member = self.inner.members.get(tag.index())?;
        Some(Backing { view: &member.view, id })
    }

    /// How a file got its place: by its first link, if it has several.
    ///
    /// # Errors
    /// As [`MergedView::path_of`].
    pub fn reached(&self, id: FileId) -> Result<Reached<'_>> {
        let Ok(member) = self.member(split(id).0) else { return Ok(Reached::MadeUp) };
        if member.tag == Tag::SYSTEM {
            return Ok(Reached::System);
        }
        let path = member.view.path_of(split(id).1)?;
        let is_below = |firmlink: &&Firmlink| {
            let rest = path.strip_prefix(firmlink.target.as_bytes());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        let is_data = self.data().is_some_and(|data| data.volume().slot() == member.view.volume().slot());
        let firmlink = self.inner.firmlinks.iter().filter(|_| is_data).find(is_below);
        Ok(firmlink.map_or(Reached::Mount(&member.routes.root), Reached::Firmlink))
    }

    /// Every link of a file: directory and name.
    ///
    /// # Errors
    /// `NotFound` if there is no such file.
    pub fn links(&self, id: FileId) -> Result<Vec<(FileId, Name)>> {
        if let Some(moved) = self.inner.moved.get(&id) {
            let dir = moved.above.last().copied().unwrap_or_else(|| self.inner.system.root());
            return Ok(alloc::vec![(dir, moved.name())]);
        }
        let (tag, own) = split(id);
        let links = self.member(tag)?.view.links(own)?;
        Ok(links.into_iter().map(|(dir, name)| (tag.merged(dir), name)).collect())
    }

    /// Path of a file by its first link, from the root.
    ///
    /// # Errors
    /// `Corrupt` if the parents never reach the root; `NotFound` for what a firmlink hides on System.
    pub fn path_of(&self, id: FileId) -> Result<Vec<u8>> {
        if let Some(moved) = self.inner.moved.get(&id) {
            return Ok(moved.path.clone());
        }
        let (tag, own) = split(id);
        let member = self.member(tag)?;
        let (on_volume, mut path) = (member.view.path_of(own)?, Vec::new());
        if member.routes.write(&on_volume, &mut path) {
            Ok(path)
        } else {
            Err(Error::not_found(alloc::format!("a path of file {own}, which a firmlink hides")))
        }
    }

    pub(super) fn member(&self, tag: Tag) -> Result<&Member> {
        let member = self.inner.members.get(tag.index());
        member.ok_or_else(|| Error::not_found("a file with a number out of range"))
    }
}

impl fmt::Debug for MergedView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergedView")
            .field("group", &self.inner.group.id)
            .field("boot", &self.inner.boot)
            .field("firmlinks", &self.inner.firmlinks.len())
            .finish_non_exhaustive()
    }
}

/// An error with the volume that it is about, where that does not say it yet.
fn on(volume: &Volume, error: Error) -> Error {
    match error {
        Error::Corrupt(finding) => {
            let comma = if finding.found.is_empty() { "" } else { ", " };
            let found = alloc::format!("{}{comma}on volume {}", finding.found, volume.name());
            Corrupt::found(*finding, found).into()
        }
        other => other,
    }
}

impl Inner {
    /// Puts everything together.
    fn join(group: &VolumeGroup, (system, boot): (View, Boot), data: Option<View>) -> Result<Inner> {
        let (mut findings, mut mounts) = (Vec::new(), Mounts::find(&system)?);
        let mut members =
            alloc::vec![Member { tag: Tag::SYSTEM, view: system.clone(), routes: Routes::default() }];
        let mut add = |view: &View, directory: &str, findings: &mut Vec<Finding>| {
            let Some(tag) = Tag::of(members.len()) else { return Ok(()) };
            let path = mounts.mount((&system, directory), (tag, view.root()), findings)?;
            members.push(Member { tag, view: view.clone(), routes: Routes::new(path) });
            Ok(())
        };
        if let Some(data) = &data {
            add(data, DATA, &mut findings)?;
        }
        for companion in &group.companions {
            let (directory, name) = (companion.directory, companion.volume.name());
            let added = companion.volume.view().and_then(|view| add(&view, directory, &mut findings));
            match added {
                Ok(()) => {}
                Err(error @ Error::Io(_)) => return Err(error),
                Err(error) => findings.push(Finding::new(
                    &alloc::format!("/System/Volumes/{directory}").into_bytes(),
                    Problem::LeftOut(name, error.to_string()),
                )),
            }
        }
        let found = match &data {
            Some(data) => firmlink::search(&system, data, &mounts, &mut findings)?,
            None => firmlink::Found::default(),
        };
        let mut inner = Inner {
            group: group.clone(),
            system,
            data,
            members,
            boot,
            firmlinks: found.firmlinks,
            findings,
            instead: BTreeMap::new(),
            moved: BTreeMap::new(),
            aliases: BTreeMap::new(),
            added: BTreeMap::new(),
            made_up: Vec::new(),
            flagged: found.flagged,
        };
        inner.place_mounts(mounts);
        inner.place_firmlinks();
        inner.tell_hidden()?;
        Ok(inner)
    }

    /// Shows the roots of volumes in place of directories of System, or beside them.
    fn place_mounts(&mut self, mounts: Mounts) {
        let above = mounts.way().to_vec();
        for member in self.members.iter().skip(1) {
            let path = member.routes.root.clone();
            self.moved.insert(member.tag.merged(member.view.root()), Moved { above: above.clone(), path });
        }
        for (dir, tag) in &mounts.over {
            let member = self.members.get(tag.index());
            let Some(path) = member.map(|member| member.routes.root.clone()) else { continue };
            let root = member.map_or(*dir, |member| tag.merged(member.view.root()));
            self.instead.insert(*dir, root);
            self.hide(&path);
        }
        for made_up in &mounts.made_up {
            let way = above.iter().take_while(|id| **id != made_up.id).copied().collect();
            self.moved.insert(made_up.id, Moved { above: way, path: made_up.path.clone() });
        }
        for (dir, entry) in mounts.added {
            self.added.entry(dir).or_default().push(entry);
        }
        self.made_up = mounts.made_up;
    }

    /// Shows directories of Data in place of directories of System.
    fn place_firmlinks(&mut self) {
        let Some(data) = self.data.clone() else { return };
        let Some((tag, root)) = self.members.get(1).map(|member| (member.tag, member.routes.root.clone()))
        else {
            return;
        };
        let firmlinks = core::mem::take(&mut self.firmlinks);
        for Firmlink { system, data: target, .. } in &firmlinks {
            let (dir, shown) = (system.id(&self.system), tag.merged(target.id(&data)));
            self.instead.insert(Tag::SYSTEM.merged(dir), shown);
            let above = system.above().iter().map(|id| Tag::SYSTEM.merged(*id)).collect();
            self.moved.insert(shown, Moved { above, path: system.path.clone() });
            let parent = target.above().last().copied().unwrap_or_else(|| data.root());
            let alias = Alias { link_id: dir.0, shown, path: [&root[..], &target.path].concat() };
            self.aliases.insert((tag.merged(parent), Name::from(target.name())), alias);
            if let Some(member) = self.members.get_mut(1) {
                member.routes.moves(&target.path, Some(&system.path));
            }
            self.hide(&system.path);
        }
        self.firmlinks = firmlinks;
    }

    /// What System has at a path is not shown.
    fn hide(&mut self, path: &[u8]) {
        if let Some(system) = self.members.first_mut() {
            system.routes.moves(path, None);
        }
    }

    /// Tells which directories of System are not empty and stand for others.
    fn tell_hidden(&mut self) -> Result<()> {
        let paths = self.instead.iter().filter_map(|(dir, shown)| Some((*dir, self.moved.get(shown)?)));
        for (dir, Moved { path, .. }) in paths {
            let mut entries = Vec::new();
            match self.system.read_dir(dir, &mut DirPos::default(), &mut entries, 1) {
                Ok(()) if entries.is_empty() => {}
                Ok(()) => self.findings.push(Finding::new(path, Problem::Hides)),
                Err(error @ Error::Io(_)) => return Err(error),
                Err(error) => {
                    self.findings.push(Finding::new(path, Problem::Unreadable(error.to_string())));
                }
            }
        }
        Ok(())
    }
}
