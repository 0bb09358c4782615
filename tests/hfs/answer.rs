//! Everything a volume says, in comparable form, with everything it complains about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use apfs_core::hfsplus::Volume;
use apfs_core::{
    Corrupt, DirEntry, DirPos, Error, FileId, Fs, Kind, Name, Observer, OpenOptions, Scan, StreamId,
};
use apfs_tests::digest::sha256;
use apfs_tests::listing::read_stream;

/// Folder and name of an entry.
pub(crate) type Key = (u64, Name);

/// What one entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// CNID of the file and of the link.
    pub(crate) ids: (u64, Option<u64>),
    pub(crate) text: String,
}

/// What a volume says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Found by listing folders.
    pub(crate) listed: BTreeMap<Key, Said>,
    /// Found by a scan: by CNIDs and name.
    pub(crate) scanned: BTreeMap<(u64, Option<u64>, Name), Said>,
    /// Found by looking up the names of a sound volume.
    pub(crate) looked_up: BTreeMap<Key, Said>,
    /// Errors, findings of the volume, and what the observer was told, all but those of the scan.
    pub(crate) reports: Vec<String>,
    pub(crate) scan_reports: Vec<String>,
}

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Observer for Told {
    fn finding(&self, finding: &Corrupt) {
        self.0.lock().unwrap().push(finding.to_string());
    }
}

/// Asks a volume for everything, and for some names.
pub(crate) fn ask<'n>(bytes: &[u8], names: impl IntoIterator<Item = &'n Key>) -> Answer {
    let mut answer = Answer::default();
    let mut scanned = Answer::default();
    answer.ask(bytes, |answer, volume| {
        answer.list(volume);
        for (dir, name) in names {
            answer.look_up(volume, *dir, name);
        }
    });
    // By itself: what was reported once is not reported again.
    scanned.ask(bytes, Answer::scan);
    Answer { scanned: scanned.scanned, scan_reports: scanned.reports, ..answer }
}

impl Answer {
    fn ask(&mut self, bytes: &[u8], questions: impl FnOnce(&mut Answer, &Volume)) {
        let told = Arc::new(Told::default());
        let options = OpenOptions { observer: Some(told.clone()), ..OpenOptions::default() };
        match Volume::open(Arc::new(bytes.to_vec()), options) {
            Ok(volume) => {
                questions(self, &volume);
                self.reports.extend(volume.findings().iter().map(ToString::to_string));
            }
            Err(error) => self.reports.push(error.to_string()),
        }
        self.reports.extend(told.0.lock().unwrap().iter().cloned());
    }

    /// Whether anything at all was reported.
    pub(crate) fn is_silent(&self) -> bool {
        self.reports.is_empty() && self.scan_reports.is_empty()
    }

    fn list(&mut self, volume: &Volume) {
        let (mut pending, mut seen) = (vec![volume.root()], BTreeSet::new());
        while let Some(dir) = pending.pop() {
            if !seen.insert(dir) {
                continue;
            }
            let mut pos = DirPos::default();
            loop {
                let mut entries = Vec::new();
                let result = volume.read_dir(dir, &mut pos, &mut entries, 16);
                let is_end = entries.is_empty() && result.is_ok();
                if let Err(error) = result {
                    self.reports.push(error.to_string());
                    assert!(self.reports.len() < 1000, "a listing ends");
                }
                for entry in entries {
                    if entry.kind == Kind::Dir {
                        pending.push(entry.id);
                    }
                    let said = self.said(volume, dir, &entry);
                    self.listed.insert((dir.0, entry.name.clone()), said);
                }
                if is_end || pos.is_end() {
                    break;
                }
            }
        }
    }

    fn scan(&mut self, volume: &Volume) {
        let (mut found, mut reports) = (Vec::new(), Vec::new());
        let result = volume.scan(None, &mut |entry| {
            match entry {
                Ok(entry) => {
                    let name = entry.path.rsplit(|byte| *byte == b'/').next().unwrap_or(b"");
                    let ids = (entry.stat.id.0, entry.link_id);
                    found.push((
                        (ids.0, ids.1, Name::from(name)),
                        Said { ids, text: format!("{:?}", entry.stat) },
                    ));
                }
                Err(error) => reports.push(error.to_string()),
            }
            Ok(())
        });
        self.reports.extend(result.err().map(|error| error.to_string()));
        self.reports.extend(reports);
        self.scanned.extend(found);
    }

    /// A name that is gone is no report.
    fn look_up(&mut self, volume: &Volume, dir: u64, name: &Name) {
        match volume.lookup(FileId(dir), name.as_bytes()) {
            Ok(entry) => {
                let stat = match volume.stat_entry(FileId(dir), &entry) {
                    Ok(stat) => format!("{stat:?}"),
                    Err(error) => return self.reports.push(error.to_string()),
                };
                let said = Said { ids: (entry.id.0, entry.link_id), text: format!("{entry:?} {stat}") };
                self.looked_up.insert((dir, name.clone()), said);
            }
            Err(Error::NotFound(_)) => {}
            Err(error) => self.reports.push(error.to_string()),
        }
    }

    fn said(&mut self, volume: &Volume, dir: FileId, entry: &DirEntry) -> Said {
        let mut text = format!("{entry:?}");
        match volume.stat_entry(dir, entry) {
            Ok(stat) => text.push_str(&format!(" {stat:?}")),
            Err(error) => self.reports.push(error.to_string()),
        }
        let mut streams = vec![];
        if entry.kind == Kind::File {
            streams.extend([StreamId::Data, StreamId::ResourceFork]);
        }
        match volume.xattrs(entry.id) {
            Ok(xattrs) => streams.extend(xattrs.into_iter().map(|xattr| StreamId::Xattr(xattr.name))),
            Err(error) => self.reports.push(error.to_string()),
        }
        if entry.kind == Kind::Symlink {
            match volume.read_link(entry.id) {
                Ok(target) => text.push_str(&format!(" -> {target}")),
                Err(error) => self.reports.push(error.to_string()),
            }
        }
        for stream in streams {
            // A fork that says it is large takes no memory before it was looked at.
            let bytes = match volume.stream_len(entry.id, &stream) {
                Ok(len) if len > 1 << 24 => {
                    volume.read_at(entry.id, &stream, len - 1, &mut [0]).map(|_| vec![])
                }
                Ok(_) => read_stream(volume, entry.id, &stream),
                Err(error) => Err(error),
            };
            match bytes {
                Ok(bytes) => text.push_str(&format!(" {stream:?} {} {}", bytes.len(), sha256(&bytes))),
                Err(Error::NotFound(_)) if stream == StreamId::ResourceFork => {}
                Err(error) => self.reports.push(error.to_string()),
            }
        }
        Said { ids: (entry.id.0, entry.link_id), text }
    }

    /// What differs from a sound answer in entries that are not about one of some CNIDs.
    pub(crate) fn differences(&self, sound: &Answer, may_differ: &[u64]) -> Vec<String> {
        let mut differences = self.differences_of_listing(sound, may_differ);
        differences.extend(compare(&self.scanned, &sound.scanned, may_differ, "scan"));
        differences
    }

    /// What differs without a word: in the listing without a report of it, in the scan without one of its own.
    pub(crate) fn silent_differences(&self, sound: &Answer, may_differ: &[u64]) -> Vec<String> {
        let mut differences = Vec::new();
        if self.reports.is_empty() {
            differences.extend(self.differences_of_listing(sound, may_differ));
        }
        if self.scan_reports.is_empty() {
            differences.extend(compare(&self.scanned, &sound.scanned, may_differ, "scan"));
        }
        differences
    }

    fn differences_of_listing(&self, sound: &Answer, may_differ: &[u64]) -> Vec<String> {
        let mut differences = compare(&self.listed, &sound.listed, may_differ, "listing");
        differences.extend(compare(&self.looked_up, &sound.looked_up, may_differ, "lookup"));
        differences
    }
}

fn compare<K: Ord + core::fmt::Debug>(
    found: &BTreeMap<K, Said>,
    sound: &BTreeMap<K, Said>,
    may_differ: &[u64],
    what: &str,
) -> Vec<String> {
    let keys: BTreeSet<&K> = found.keys().chain(sound.keys()).collect();
    let may = |said: Option<&Said>| {
        said.is_some_and(|said| {
            may_differ.contains(&said.ids.0) || said.ids.1.is_some_and(|id| may_differ.contains(&id))
        })
    };
    let differ = keys.into_iter().filter(|key| found.get(key) != sound.get(key));
    let differ = differ.filter(|key| !may(found.get(key)) && !may(sound.get(key)));
    differ.map(|key| format!("{what}: {key:?}: {}", change(found.get(key), sound.get(key)))).collect()
}

/// The words that differ.
fn change(found: Option<&Said>, sound: Option<&Said>) -> String {
    let (found, sound) = match (found, sound) {
        (Some(found), Some(sound)) => (format!("{found:?}"), format!("{sound:?}")),
        (found, _) => return if found.is_some() { "new".to_owned() } else { "gone".to_owned() },
    };
    let words = |text: &str, other: &str| {
        let other: BTreeSet<&str> = other.split(' ').collect();
        text.split(' ').filter(|word| !other.contains(word)).take(12).collect::<Vec<_>>().join(" ")
    };
    format!("{:?} instead of {:?}", words(&found, &sound), words(&sound, &found))
}
