//! Backups on HFS+: folders of `Backups.backupdb` (sheet time-machine, section 1).

use alloc::vec::Vec;

use super::backup::{Attribute, Backup, Backups, Machine, SourceVolume, State, Store};
use super::find::{find_path, join};
use super::stamp::Stamp;
use crate::base::ids::FileId;
use crate::base::time::Timestamp;
use crate::fs::types::{Kind, Name};
use crate::fs::view::Fs;
use crate::hfsplus::Volume;

/// Folders in the root, and how what is in them is kept.
const DATABASES: [(&str, Store); 3] = [
    ("/Backups.backupdb", Store::Database),
    ("/.MobileBackups", Store::Mobile),
    ("/.MobileBackups.trash", Store::Mobile),
];
/// Behind the name of a backup that is not finished.
const IN_PROGRESS: &[u8] = b".inProgress";
/// Link to the newest backup.
const LATEST: &[u8] = b"Latest";

/// Finds the backups of all machines.
pub(super) fn find(volume: &Volume, backups: &mut Backups) {
    for (path, store) in DATABASES {
        let Some(database) = backups.note(path.as_bytes(), find_path(volume, path)).flatten() else {
            continue;
        };
        for entry in backups.entries(volume, database, path.as_bytes()) {
            let name = entry.name.as_bytes();
            // `.RecoverySets` and the like.
            if entry.kind != Kind::Dir || name.starts_with(b".") {
                continue;
            }
            let path = join(path.as_bytes(), name);
            let machine = machine(volume, backups, entry.id, entry.name, store, path);
            backups.machines.push(machine);
        }
    }
}

fn machine(
    volume: &Volume,
    all: &mut Backups,
    id: FileId,
    name: Name,
    store: Store,
    path: Vec<u8>,
) -> Machine {
    let attributes = all.attributes(volume, id, &path);
    let (mut backups, mut latest) = (Vec::new(), None);
    for entry in all.entries(volume, id, &path) {
        let name = entry.name.as_bytes();
        let path = join(&path, name);
        if entry.kind == Kind::Symlink {
            if name == LATEST {
                latest = all.note(&path, volume.read_link(entry.id));
            }
            continue;
        }
        let Some((stamp, suffix)) = Stamp::begin(name) else { continue };
        if suffix.is_empty() || suffix == IN_PROGRESS {
            backups.push(backup(volume, all, entry.id, &entry.name, stamp, path));
        }
    }
    let target = latest.as_ref().and_then(|target| target.as_bytes().rsplit(|byte| *byte == b'/').next());
    for backup in &mut backups {
        backup.is_latest = target == Some(backup.name.as_bytes());
    }
    Machine { name, store, path, attributes, backups, gone: Vec::new() }
}

fn backup(
    volume: &Volume,
    all: &mut Backups,
    id: FileId,
    name: &Name,
    stamp: Stamp,
    path: Vec<u8>,
) -> Backup {
    let attributes = all.attributes(volume, id, &path);
    let in_progress = name.as_bytes().ends_with(IN_PROGRESS);
    let completed = microseconds(&attributes, "com.apple.backupd.SnapshotCompletionDate");
    let mut volumes = Vec::new();
    for entry in all.entries(volume, id, &path) {
        if entry.kind != Kind::Dir || entry.name.as_bytes().starts_with(b".") {
            continue;
        }
        let path = join(&path, entry.name.as_bytes());
        // An unfinished one has a folder with the UUID of the attempt above its volumes.
        if in_progress && is_uuid(entry.name.as_bytes()) {
            for entry in all.entries(volume, entry.id, &path) {
                let path = join(&path, entry.name.as_bytes());
                push_source(volume, all, entry.id, entry.name, path, &mut volumes);
            }
        } else {
            push_source(volume, all, entry.id, entry.name, path, &mut volumes);
        }
    }
    Backup {
        name: name.clone(),
        stamp,
        state: match completed {
            _ if in_progress => State::InProgress,
            Some(_) => State::Complete,
            None => State::Incomplete,
        },
        is_latest: false,
        started: microseconds(&attributes, "com.apple.backupd.SnapshotStartDate"),
        completed,
        bytes_copied: number(&attributes, "com.apple.backupd.SnapshotTotalBytesCopied"),
        snapshot: None,
        path,
        volumes,
        attributes,
        manifest: None,
    }
}

fn push_source(
    volume: &Volume,
    all: &mut Backups,
    id: FileId,
    name: Name,
    path: Vec<u8>,
    volumes: &mut Vec<SourceVolume>,
) {
    let attributes = all.attributes(volume, id, &path);
    volumes.push(SourceVolume { name, path, attributes });
}

fn is_uuid(name: &[u8]) -> bool {
    name.len() == 36 && name.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

fn number(attributes: &[Attribute], name: &str) -> Option<u64> {
    let attribute = attributes.iter().find(|attribute| attribute.name.as_bytes() == name.as_bytes())?;
    attribute.text()?.trim().parse().ok()
}

/// Microseconds since 1970 as a point in time.
fn microseconds(attributes: &[Attribute], name: &str) -> Option<Timestamp> {
    let micros = i64::try_from(number(attributes, name)?).ok()?;
    micros.checked_mul(1000).map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(value: &str) -> [Attribute; 1] {
        [Attribute { name: Name::from("n"), value: value.as_bytes().to_vec() }]
    }

    /// Decimal microseconds, with and without a NUL; what is no number is none.
    #[test]
    fn dates() {
        let time = |value| microseconds(&attribute(value), "n");
        assert_eq!(time("1579186686000001"), Some(Timestamp(1_579_186_686_000_001_000)));
        assert_eq!(time("5\0"), Some(Timestamp(5000)));
        for wrong in ["", "-1", "today", "18446744073709551615", "9300000000000000"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
        assert_eq!(microseconds(&attribute("5"), "m"), None);
    }
}
