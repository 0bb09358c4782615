//! Firmlinks: directories of System that stand for directories of Data (sheet apfs-04, section 6).
//!
//! An attribute and a flag of the directory say so, or a list on the volume. Both are looked at. There is no index of flagged
//! directories: they are looked for at every path of the list and beside it, and where macOS has them.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::vec::Vec;

use super::descend::{At, Way, descend, names};
use super::finding::{Finding, Problem};
use super::list::{self, LIST, MOST_PATH, relative, without_device};
use super::mount::Mounts;
use crate::apfs::View;
use crate::base::bytes::len64;
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::fs::path::FsExt;
use crate::fs::types::{DirPos, Kind, Name, StreamId, bsd_flags};
use crate::fs::view::Fs;

/// Attribute with the target.
const ATTRIBUTE: &[u8] = b"com.apple.fs.firmlink";

/// Directories in which macOS has firmlinks.
const USUAL_PLACES: [&[u8]; 7] = [
    b"/",
    b"/System",
    b"/System/Library",
    b"/System/Library/CoreServices/CoreTypes.bundle/Contents",
    b"/usr",
    b"/usr/libexec",
    b"/usr/share",
];

/// Entries of these directories that are looked at: there are about a thousand on a Mac.
const MOST_ENTRIES: usize = 65_536;
/// Entries read at a time.
const BATCH: usize = 256;

/// What says that a directory is a firmlink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Its flag and its attribute `com.apple.fs.firmlink`.
    Attribute,
    /// The list `/usr/share/firmlinks`.
    List,
}

impl Source {
    /// Word for programs: `attribute`, `list`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Source::Attribute => "attribute",
            Source::List => "list",
        }
    }
}

/// A directory of System that stands for one of Data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Firmlink {
    /// Path on System, and in the merged tree.
    pub path: Name,
    /// Path on Data.
    pub target: Name,
    /// What says so.
    pub source: Source,
    /// The way to it on System.
    pub(super) system: Way,
    /// The way to its target on Data.
    pub(super) data: Way,
}

/// A directory that may be a firmlink.
#[derive(Debug)]
struct Candidate {
    way: Way,
    is_flagged: bool,
    attribute: Option<Vec<u8>>,
    /// The attribute can't be read, which was told.
    is_told: bool,
    listed: Option<Vec<u8>>,
}

/// The search for firmlinks.
pub(super) struct Search<'v> {
    system: &'v View,
    data: &'v View,
    candidates: BTreeMap<FileId, Candidate>,
    has_list: bool,
    looked_at: usize,
    findings: &'v mut Vec<Finding>,
}

/// What the search gives.
#[derive(Default)]
pub(super) struct Found {
    pub(super) firmlinks: Vec<Firmlink>,
    /// Numbers of all flagged directories that were looked at, followed or not.
    pub(super) flagged: BTreeSet<FileId>,
}

/// Looks for the firmlinks of a System volume.
pub(super) fn search(
    system: &View,
    data: &View,
    mounts: &Mounts,
    findings: &mut Vec<Finding>,
) -> Result<Found> {
    let (candidates, has_list) = (BTreeMap::new(), false);
    let mut search = Search { system, data, candidates, has_list, looked_at: 0, findings };
    let mut places: BTreeSet<Vec<u8>> = USUAL_PLACES.iter().map(|place| place.to_vec()).collect();
    search.read_list(&mut places)?;
    for place in places {
        search.look_into(&place)?;
    }
    let firmlinks = search.follow(mounts)?;
    let flagged = search.candidates.into_iter().filter(|(_, candidate)| candidate.is_flagged);
    Ok(Found { firmlinks, flagged: flagged.map(|(id, _)| id).collect() })
}

impl Search<'_> {
    fn tell(&mut self, path: &[u8], problem: Problem) {
        self.findings.push(Finding::new(path, problem));
    }

    /// Damage costs only what it touches, and is told; a device that fails ends the search.
    fn or_tell<T>(&mut self, path: &[u8], result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error @ Error::Io(_)) => Err(error),
            Err(error) => {
                self.tell(path, Problem::Unreadable(error.to_string()));
                Ok(None)
            }
        }
    }

    /// Notes what the list says, and the directories that its paths are in.
    fn read_list(&mut self, places: &mut BTreeSet<Vec<u8>>) -> Result<()> {
        let text = list::read(self.system);
        let Some(Some(text)) = self.or_tell(LIST, text)? else { return Ok(()) };
        self.has_list = true;
        let most = self.system.limits().firmlinks;
        for (count, (number, line)) in list::lines(&text).enumerate() {
            if count >= most {
                self.tell(LIST, Problem::TooMany(most));
                break;
            }
            let Some(line) = line else {
                self.tell(LIST, Problem::BadLine(number));
                continue;
            };
            self.note_line(line.path, line.target)?;
            let above = names(line.path).rev().skip(1).collect::<Vec<_>>();
            let above = above.iter().rev().flat_map(|name| [&b"/"[..], *name]).collect::<Vec<_>>().concat();
            places.insert(if above.is_empty() { b"/".to_vec() } else { above });
        }
        Ok(())
    }

    fn note_line(&mut self, path: &[u8], target: &[u8]) -> Result<()> {
        let at = descend(self.system, path);
        let way = match self.or_tell(path, at)? {
            Some(At::Dir(way)) => way,
            Some(At::Nothing) => {
                self.tell(path, Problem::NotOnSystem);
                return Ok(());
            }
            Some(At::Other(kind)) => {
                self.tell(path, Problem::NotADirectory(kind));
                return Ok(());
            }
            None => return Ok(()),
        };
        let id = way.id(self.system);
        if !self.candidates.contains_key(&id) && !self.take(way, true)? {
            return Ok(());
        }
        let Some(candidate) = self.candidates.get_mut(&id) else { return Ok(()) };
        match &candidate.listed {
            None => candidate.listed = Some(target.to_vec()),
            Some(first) if !same(first, target) => {
                self.findings.push(Finding::new(path, Problem::ListedAgain(Name::from(target))));
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Makes a candidate of a directory if it is flagged, or listed. False if it can't be read.
    fn take(&mut self, way: Way, is_listed: bool) -> Result<bool> {
        let (id, path) = (way.id(self.system), way.shown());
        let stat = self.system.stat(id).map_err(|error| self.system.lost_entry(id, error));
        let Some(stat) = self.or_tell(&path, stat)? else { return Ok(false) };
        let is_flagged = stat.bsd_flags & bsd_flags::SF_FIRMLINK != 0;
        if !is_flagged && !is_listed {
            return Ok(false);
        }
        let attribute = self.attribute(id);
        let attribute = self.or_tell(&path, attribute)?;
        let is_told = attribute.is_none();
        let mut attribute = attribute.flatten();
        if !is_flagged && attribute.take().is_some() {
            self.tell(&path, Problem::NoFlag);
        }
        self.candidates.insert(id, Candidate { way, is_flagged, attribute, is_told, listed: None });
        Ok(true)
    }

    fn attribute(&self, id: FileId) -> Result<Option<Vec<u8>>> {
        let len = match self.system.stream_len(id, &StreamId::Xattr(Name::from(ATTRIBUTE))) {
            Ok(len) => len,
            Err(Error::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let most = len64(MOST_PATH).saturating_add(1);
        if len > most {
            return Err(Error::limit("length of a firmlink's target", most, len));
        }
        self.system.xattr(id, ATTRIBUTE).map(Some)
    }

    /// Looks for flagged directories in a directory.
    fn look_into(&mut self, place: &[u8]) -> Result<()> {
        let at = descend(self.system, place);
        let Some(At::Dir(dir)) = self.or_tell(place, at)? else { return Ok(()) };
        let (mut pos, mut entries) = (DirPos::default(), Vec::new());
        loop {
            if self.looked_at >= MOST_ENTRIES {
                self.tell(place, Problem::TooMany(MOST_ENTRIES));
                return Ok(());
            }
            let listed = self.system.read_dir(dir.id(self.system), &mut pos, &mut entries, BATCH);
            let failed = self.or_tell(place, listed)?.is_none();
            if entries.is_empty() && (!failed || pos.is_end()) {
                return Ok(());
            }
            self.looked_at = self.looked_at.saturating_add(entries.len()).saturating_add(1);
            for entry in entries.drain(..).filter(|entry| entry.kind == Kind::Dir) {
                if self.candidates.contains_key(&entry.id) {
                    continue;
                }
                let mut way = dir.clone();
                way.ids.push(entry.id);
                way.path.push(b'/');
                way.path.extend_from_slice(entry.name.as_bytes());
                self.take(way, false)?;
            }
        }
    }

    /// Follows the candidates to Data. Those that would be met twice, or lead into a loop, are told and not followed.
    fn follow(&mut self, mounts: &Mounts) -> Result<Vec<Firmlink>> {
        let mut order: Vec<(usize, Vec<u8>, FileId)> = self
            .candidates
            .iter()
            .map(|(id, candidate)| (candidate.way.ids.len(), candidate.way.path.clone(), *id))
            .collect();
        order.sort_unstable();
        let mut followed: BTreeMap<FileId, Firmlink> = BTreeMap::new();
        for (_, _, id) in order {
            let Some(candidate) = self.candidates.get(&id) else { continue };
            let (system, path) = (candidate.way.clone(), candidate.way.shown());
            let Some((target, source)) = self.choose(id, &path) else { continue };
            if mounts.meets(&system, self.system) {
                self.tell(&path, Problem::Loop);
                continue;
            }
            if let Some(outer) = system.above().iter().find_map(|id| followed.get(id)) {
                self.tell(&path, Problem::Behind(outer.path.clone()));
                continue;
            }
            let at = self.at_target(&target);
            let target = Name::from(target);
            match self.or_tell(&path, at)? {
                Some(Some(At::Dir(data))) if data.path.is_empty() => self.tell(&path, Problem::Loop),
                Some(Some(At::Dir(data))) => {
                    let (path, target) = (Name::from(path), Name::from(data.shown()));
                    followed.insert(id, Firmlink { path, target, source, system, data });
                }
                Some(Some(At::Nothing)) => self.tell(&path, Problem::NoTarget(target)),
                Some(Some(At::Other(kind))) => self.tell(&path, Problem::TargetKind(target, kind)),
                Some(None) => self.tell(&path, Problem::BadTarget(target)),
                None => {}
            }
        }
        Ok(self.once_each(followed.into_values().collect()))
    }

    /// Where a candidate leads to, and what says so. That the two sources differ is told.
    fn choose(&mut self, id: FileId, path: &[u8]) -> Option<(Vec<u8>, Source)> {
        let candidate = self.candidates.get(&id)?;
        let attribute = candidate.attribute.as_deref().map(|target| relative(target).to_vec());
        let listed = candidate.listed.clone();
        let lacks_attribute = candidate.is_flagged && !candidate.is_told;
        match (attribute, listed) {
            (Some(attribute), listed) => {
                match listed {
                    Some(listed) if !same(&attribute, &listed) => {
                        let (attribute, listed) = (Name::from(&*attribute), Name::from(listed));
                        self.tell(path, Problem::Disagrees { attribute, listed });
                    }
                    None if self.has_list => self.tell(path, Problem::NotListed),
                    _ => {}
                }
                Some((attribute, Source::Attribute))
            }
            (None, Some(listed)) => Some((listed, Source::List)),
            (None, None) => {
                if lacks_attribute {
                    self.tell(path, Problem::NoAttribute);
                }
                None
            }
        }
    }

    /// What a target is on Data; `None` if it is no path in it. A directory that really is called `Device` comes first.
    fn at_target(&self, target: &[u8]) -> Result<Option<At>> {
        if target.len() > MOST_PATH || names(target).any(|name| name == b".." || name == b".") {
            return Ok(None);
        }
        match (descend(self.data, target)?, without_device(target)) {
            (At::Nothing, Some(target)) => descend(self.data, target).map(Some),
            (at, _) => Ok(Some(at)),
        }
    }

    /// Leaves out firmlinks to what another one shows already, the innermost ones first.
    fn once_each(&mut self, mut firmlinks: Vec<Firmlink>) -> Vec<Firmlink> {
        firmlinks.sort_by(|a, b| (a.data.ids.len(), &a.path).cmp(&(b.data.ids.len(), &b.path)));
        let mut shown: BTreeMap<FileId, Name> = BTreeMap::new();
        let mut once = Vec::new();
        for firmlink in firmlinks {
            if let Some(other) = firmlink.data.ids.iter().find_map(|id| shown.get(id)) {
                self.findings
                    .push(Finding { path: firmlink.path.clone(), problem: Problem::ShownBy(other.clone()) });
                continue;
            }
            shown.insert(firmlink.data.id(self.data), firmlink.path.clone());
            once.push(firmlink);
        }
        once.sort_by(|a, b| a.path.cmp(&b.path));
        once
    }
}

/// True if two targets are the same path.
fn same(a: &[u8], b: &[u8]) -> bool {
    let plain = |target| names(without_device(target).unwrap_or(target));
    plain(a).eq(plain(b))
}
