//! Backups on APFS: snapshots of a volume for backups, and local ones (sheet time-machine, section 2).

use alloc::vec::Vec;

use super::backup::{Backup, Backups, Machine, SourceVolume, State, Store};
use super::find::{find_path, join};
use super::manifest::{self, Manifest};
use super::stamp::Stamp;
use crate::apfs::{Snapshot, View, Volume};
use crate::base::error::Result;
use crate::fs::types::{Kind, Name};
use crate::fs::view::Fs;

/// `APFS_VOL_ROLE_BACKUP`.
const BACKUP_ROLE: u16 = 0x180;
/// Before the stamp in the name of a snapshot.
const PREFIX: &[u8] = b"com.apple.TimeMachine.";
/// Where Time Machine keeps what it knows of all backups.
const MANIFEST: &str = "/backup_manifest.plist";

/// Finds backups and local snapshots.
pub(super) fn find(volume: &Volume, backups: &mut Backups) -> Result<()> {
    let snapshots = volume.snapshots()?;
    let of_kind = |suffix: &[u8]| -> Vec<(Stamp, &Snapshot)> {
        let stamped = snapshots.iter().filter_map(|snapshot| {
            let (stamp, rest) = Stamp::begin(snapshot.name.as_bytes().strip_prefix(PREFIX)?)?;
            (rest == suffix).then_some((stamp, snapshot))
        });
        stamped.collect()
    };
    let (stored, local) = (of_kind(b".backup"), of_kind(b".local"));
    let is_store = volume.role().0 == BACKUP_ROLE;
    // Elsewhere nothing needs to be opened, and nothing unlocked.
    if is_store || !stored.is_empty() {
        let machine = store(volume, backups, &stored);
        backups.machines.push(machine);
    }
    if !local.is_empty() {
        let mut locals: Vec<Backup> =
            local.iter().map(|(stamp, snapshot)| of_snapshot(*stamp, snapshot, b"/".to_vec())).collect();
        mark_latest(&mut locals);
        backups.machines.push(machine_of(volume, Store::LocalSnapshots, locals));
    }
    Ok(())
}

fn machine_of(volume: &Volume, store: Store, backups: Vec<Backup>) -> Machine {
    let (attributes, gone) = (Vec::new(), Vec::new());
    Machine { name: volume.name(), store, path: b"/".to_vec(), attributes, backups, gone }
}

/// A volume for backups.
fn store(volume: &Volume, all: &mut Backups, stored: &[(Stamp, &Snapshot)]) -> Machine {
    let live = all.note(b"/", volume.view());
    let mut backups = Vec::new();
    for (stamp, snapshot) in stored {
        let path = alloc::format!("/{stamp}.backup").into_bytes();
        let mut backup = of_snapshot(*stamp, snapshot, path);
        // What is locked was said once.
        if live.is_some() {
            look_into(volume, all, snapshot, &mut backup);
        } else {
            backup.state = State::Unknown;
        }
        backups.push(backup);
    }
    mark_latest(&mut backups);
    let Some(live) = live else { return machine_of(volume, Store::Snapshots, backups) };
    leftovers(&live, all, &mut backups);
    let mut gone = Vec::new();
    for entry in all.note(MANIFEST.as_bytes(), read_manifest(&live)).unwrap_or_default() {
        match backups.iter_mut().find(|backup| is_of(backup, &entry)) {
            Some(backup) => {
                backup.started = entry.started;
                backup.bytes_copied = entry.changed.and_then(|changed| changed.logical_size);
                backup.manifest = Some(entry);
            }
            None => gone.push(entry),
        }
    }
    backups.sort_by(|a, b| (a.stamp, &a.name).cmp(&(b.stamp, &b.name)));
    Machine { gone, ..machine_of(volume, Store::Snapshots, backups) }
}

fn of_snapshot(stamp: Stamp, snapshot: &Snapshot, path: Vec<u8>) -> Backup {
    Backup {
        name: snapshot.name.clone(),
        stamp,
        state: match snapshot.unusable_because() {
            None => State::Complete,
            Some(_) => State::Incomplete,
        },
        is_latest: false,
        started: None,
        completed: Some(snapshot.created),
        bytes_copied: None,
        snapshot: Some(snapshot.clone()),
        path,
        volumes: Vec::new(),
        attributes: Vec::new(),
        manifest: None,
    }
}

/// Looks whether the tree is there that a snapshot should hold, and what volumes are in it.
fn look_into(volume: &Volume, all: &mut Backups, snapshot: &Snapshot, backup: &mut Backup) {
    let at = snapshot.name.as_bytes();
    let path = backup.path.clone();
    let text = core::str::from_utf8(&path).unwrap_or_default();
    let opened = volume.view_at(snapshot).and_then(|view| Ok((find_path(&view, text)?, view)));
    match all.note(at, opened) {
        Some((Some(root), view)) => {
            for entry in all.entries(&view, root, at).into_iter().filter(|entry| entry.kind == Kind::Dir) {
                let path = join(&path, entry.name.as_bytes());
                let attributes = all.attributes(&view, entry.id, &path);
                backup.volumes.push(SourceVolume { name: entry.name, path, attributes });
            }
            backup.attributes = all.attributes(&view, root, at);
        }
        Some((None, _)) => backup.state = State::Incomplete,
        None => backup.state = State::Unknown,
    }
}

/// Folders of the live volume: of a backup under way, of a stopped one, and what the next one begins with.
fn leftovers(live: &View, all: &mut Backups, backups: &mut Vec<Backup>) {
    for entry in all.entries(live, live.root(), b"/") {
        let name = entry.name.as_bytes();
        let Some((stamp, suffix)) = Stamp::begin(name).filter(|_| entry.kind == Kind::Dir) else { continue };
        let has_snapshot = backups.iter().any(|backup| backup.stamp == stamp && backup.snapshot.is_some());
        let state = match suffix.to_ascii_lowercase().as_slice() {
            b".previous" if has_snapshot => State::WorkingCopy,
            b".previous" => State::Previous,
            b".inprogress" => State::InProgress,
            b".interrupted" => State::Interrupted,
            _ => continue,
        };
        let path = join(b"/", name);
        let mut volumes = Vec::new();
        for source in all.entries(live, entry.id, &path).into_iter().filter(|entry| entry.kind == Kind::Dir) {
            let path = join(&path, source.name.as_bytes());
            let attributes = all.attributes(live, source.id, &path);
            volumes.push(SourceVolume { name: source.name, path, attributes });
        }
        let attributes = all.attributes(live, entry.id, &path);
        backups.push(Backup {
            name: Name::from(name),
            stamp,
            state,
            is_latest: false,
            started: None,
            completed: None,
            bytes_copied: None,
            snapshot: None,
            path,
            volumes,
            attributes,
            manifest: None,
        });
    }
}

/// Marks the newest complete one.
fn mark_latest(backups: &mut [Backup]) {
    let complete = backups.iter_mut().filter(|backup| backup.state == State::Complete);
    if let Some(newest) = complete.max_by_key(|backup| backup.completed) {
        newest.is_latest = true;
    }
}

/// The manifest of a volume; nothing if it has none.
fn read_manifest(live: &View) -> Result<Vec<Manifest>> {
    match find_path(live, MANIFEST)? {
        Some(id) => manifest::read(live, id),
        None => Ok(Vec::new()),
    }
}

/// True if an entry of the manifest is about a backup: its date is that of the snapshot to the second.
fn is_of(backup: &Backup, entry: &Manifest) -> bool {
    let created = backup.snapshot.as_ref().map(|snapshot| snapshot.created.seconds());
    created.is_some() && created == entry.date.map(|date| date.seconds())
}
