//! `apfs backups`: what Time Machine left on an image.

use std::collections::BTreeMap;
use std::io;

use apfs_core::Timestamp;
use apfs_core::backups::{Amounts, Attribute, Backup, Machine, Manifest, SourceVolume, State};
use apfs_core::text::escape::Escaped;
use clap::Args as ClapArgs;
use serde::Serialize;

use crate::args::Common;
use crate::exit::{Failure, Outcome};
use crate::out::{Out, hex};
use crate::row::lossy;
use crate::session::{Placed, Session, chosen};
use crate::time::push_time;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs backups disk.img                           machines, backups, when and of what
  apfs backups disk.img 2020-01-16-145806         everything that is known of one
  apfs ls --backup latest disk.img                the volumes in the newest one
  apfs cat --backup 'My Mac/latest' disk.img '/Macintosh HD/etc/hosts'
  apfs extract --backup 2020-01-16-145806 disk.img '/Macintosh HD/Users' -o out

Backups are folders of Backups.backupdb (HFS+) or snapshots (APFS); local snapshots are listed too. Names hold the
local time of the Mac, all other times are UTC. With --backup paths of any command begin in the backup; hard links to
folders are followed.")]
pub(crate) struct Backups {
    #[command(flatten)]
    common: Common,

    /// One backup, as for --backup
    #[arg(value_name = "BACKUP")]
    wanted: Option<String>,
}

#[derive(Debug, Serialize)]
struct Listing {
    schema: &'static str,
    stores: Vec<StoreRow>,
}

/// One Mac, or the snapshots of one volume.
#[derive(Debug, Serialize)]
struct StoreRow {
    part: usize,
    volume: String,
    volume_index: usize,
    /// `database`, `mobile`, `snapshots` or `local`.
    store: &'static str,
    /// Name of the machine's folder, of the volume where there is none.
    machine: String,
    path: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
    backups: Vec<BackupRow>,
    /// Backups that the manifest still lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gone: Vec<ManifestRow>,
}

#[derive(Debug, Serialize)]
struct BackupRow {
    name: String,
    /// The local time in the name.
    stamp: String,
    state: &'static str,
    latest: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<TimeRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<TimeRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_copied: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_xid: Option<u64>,
    /// Folder of the tree in the volume or snapshot.
    path: String,
    volumes: Vec<VolumeRow>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<ManifestRow>,
}

#[derive(Debug, Serialize)]
struct VolumeRow {
    name: String,
    path: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
}

/// What `backup_manifest.plist` says.
#[derive(Debug, Serialize)]
struct ManifestRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<TimeRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<TimeRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<AmountsRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    propagated: Option<AmountsRow>,
    /// Transaction of the volume that was backed up.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_xid: Option<u64>,
    /// What is said of the volumes that were backed up, by UUID.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    volumes: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    others: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct AmountsRow {
    count: Option<u64>,
    logical_size: Option<u64>,
    physical_size: Option<u64>,
}

#[derive(Debug, Serialize)]
struct TimeRow {
    time: String,
    time_ns: i64,
}

/// Lists the backups of all volumes, or shows one.
pub(crate) fn run(args: &Backups) -> Result<Outcome, Failure> {
    let wanted = args.wanted.as_ref().or(args.common.backup.as_ref());
    if args.common.snapshot.is_some() {
        return Err(Failure::Usage(
            "backups shows all snapshots with backups: leave out --snapshot".to_owned(),
        ));
    }
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    let mut out = Out::new();
    let mut stores = Vec::new();
    for (placed, mut machines) in session.backups(&mut outcome)? {
        if let Some(wanted) = wanted {
            let chosen = chosen(&machines, wanted);
            let names: Vec<_> =
                chosen.iter().map(|(machine, backup)| (machine.name.clone(), backup.name.clone())).collect();
            for machine in &mut machines {
                machine.backups.retain(|backup| names.contains(&(machine.name.clone(), backup.name.clone())));
            }
            machines.retain(|machine| !machine.backups.is_empty());
        }
        stores.extend(machines.into_iter().map(|machine| (placed.clone(), machine)));
    }
    if let (Some(wanted), true) = (wanted, stores.is_empty()) {
        return Err(no_backup(&args.common, wanted));
    }
    if args.common.json {
        let rows = stores.iter().map(|(placed, machine)| StoreRow::new(placed, machine));
        out.json(&Listing { schema: "apfs.backups/1", stores: rows.collect() })?;
    } else if stores.is_empty() {
        out.display(format_args!("{}: no backups", Escaped(args.common.source.name().as_bytes())))?;
        out.line()?;
    }
    for (number, (placed, machine)) in stores.iter().enumerate().filter(|_| !args.common.json) {
        if number > 0 {
            out.line()?;
        }
        show_machine(&mut out, placed, machine, wanted.is_some())?;
    }
    out.flush()?;
    Ok(outcome)
}

/// That there is no such backup.
pub(crate) fn no_backup(common: &Common, wanted: &str) -> Failure {
    let image = common.source.name();
    Failure::Usage(format!("{image}: no backup {wanted}; see `apfs backups {image}`"))
}

fn show_machine(out: &mut Out, placed: &Placed, machine: &Machine, details: bool) -> io::Result<()> {
    let Machine { name, store, backups, .. } = machine;
    out.display(format_args!("{name}: {} backups", backups.len()))?;
    out.line()?;
    line(
        out,
        "Kept as",
        format_args!("{} on volume {}, partition {}", store.word(), placed.volume.name(), placed.part),
    )?;
    attributes(out, &machine.attributes)?;
    if !machine.gone.is_empty() {
        line(out, "Gone", format_args!("{} backups that the manifest still lists", machine.gone.len()))?;
    }
    if details {
        return backups.iter().try_for_each(|backup| show(out, backup));
    }
    if !backups.is_empty() {
        out.display(format_args!(
            "    {:<17}  {:<26}  {:<19}  {:>14}  VOLUMES",
            "BACKUP", "STATE", "COMPLETED", "COPIED"
        ))?;
        out.line()?;
    }
    for backup in backups {
        let latest = if backup.is_latest { ", latest" } else { "" };
        let state = format!("{}{latest}", backup.state.words());
        let completed = backup.completed.map_or("-".to_owned(), short);
        let copied = backup.bytes_copied.map_or("-".to_owned(), |bytes| bytes.to_string());
        let volumes: Vec<String> = backup.volumes.iter().map(|volume| volume.name.to_string()).collect();
        let stamp = backup.stamp.to_string();
        out.display(format_args!(
            "    {stamp:<17}  {state:<26}  {completed:<19}  {copied:>14}  {}",
            volumes.join(", ")
        ))?;
        out.line()?;
    }
    Ok(())
}

fn show(out: &mut Out, backup: &Backup) -> io::Result<()> {
    out.line()?;
    line(out, "Backup", &backup.name)?;
    line(out, "State", backup.state.words())?;
    if backup.is_latest {
        line(out, "Latest", "yes")?;
    }
    for (label, time) in [("Started", backup.started), ("Completed", backup.completed)] {
        if let Some(time) = time {
            line(out, label, time)?;
        }
    }
    if let Some(bytes) = backup.bytes_copied {
        line(out, "Bytes copied", bytes)?;
    }
    if let Some(snapshot) = &backup.snapshot {
        line(out, "Snapshot", format_args!("{} (transaction {})", snapshot.name, snapshot.xid))?;
    }
    line(out, "Path", Escaped(&backup.path))?;
    attributes(out, &backup.attributes)?;
    for SourceVolume { name, attributes: of_volume, .. } in &backup.volumes {
        line(out, "Volume", name)?;
        attributes(out, of_volume)?;
    }
    let Some(manifest) = &backup.manifest else { return Ok(()) };
    for (label, amounts) in [("Changed", manifest.changed), ("Propagated", manifest.propagated)] {
        if let Some(Amounts { count, logical_size, .. }) = amounts {
            let number = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
            line(out, label, format_args!("{} files, {} bytes", number(count), number(logical_size)))?;
        }
    }
    for (uuid, facts) in &manifest.volumes {
        let facts: Vec<String> = facts.iter().map(|(key, value)| format!("{key} {value}")).collect();
        let (uuid, facts) = (Escaped(uuid.as_bytes()), facts.join(", "));
        line(out, "Source", format_args!("{uuid}: {}", Escaped(facts.as_bytes())))?;
    }
    for (key, value) in &manifest.others {
        line(out, "Manifest", format_args!("{}: {}", Escaped(key.as_bytes()), Escaped(value.as_bytes())))?;
    }
    Ok(())
}

fn attributes(out: &mut Out, attributes: &[Attribute]) -> io::Result<()> {
    attributes.iter().try_for_each(|attribute| {
        line(out, "", format_args!("{} = {}", attribute.name, Escaped(value(attribute).as_bytes())))
    })
}

/// The text of an attribute, or its bytes in hexadecimal.
fn value(attribute: &Attribute) -> String {
    attribute.text().map_or_else(|| hex(&attribute.value), str::to_owned)
}

fn line(out: &mut Out, label: &str, value: impl core::fmt::Display) -> io::Result<()> {
    let colon = if label.is_empty() { " " } else { ":" };
    out.display(format_args!("    {:<14}{value}", format!("{label}{colon}")))?;
    out.line()
}

fn short(time: Timestamp) -> String {
    let mut text = Vec::new();
    push_time(&mut text, time);
    String::from_utf8_lossy(&text).into_owned()
}

impl StoreRow {
    fn new(placed: &Placed, machine: &Machine) -> StoreRow {
        StoreRow {
            part: placed.part,
            volume: lossy(placed.volume.name().as_bytes()).into_owned(),
            volume_index: placed.index,
            store: machine.store.word(),
            machine: lossy(machine.name.as_bytes()).into_owned(),
            path: lossy(&machine.path).into_owned(),
            attributes: rows(&machine.attributes),
            backups: machine.backups.iter().map(BackupRow::new).collect(),
            gone: machine.gone.iter().map(ManifestRow::new).collect(),
        }
    }
}

impl BackupRow {
    fn new(backup: &Backup) -> BackupRow {
        BackupRow {
            name: lossy(backup.name.as_bytes()).into_owned(),
            stamp: backup.stamp.to_string(),
            state: match backup.state {
                State::Complete => "complete",
                State::InProgress => "in_progress",
                State::Interrupted => "interrupted",
                State::WorkingCopy => "working_copy",
                State::Previous => "previous",
                State::Incomplete => "incomplete",
                _ => "unknown",
            },
            latest: backup.is_latest,
            started: backup.started.map(TimeRow::new),
            completed: backup.completed.map(TimeRow::new),
            bytes_copied: backup.bytes_copied,
            snapshot: backup.snapshot.as_ref().map(|snapshot| lossy(snapshot.name.as_bytes()).into_owned()),
            snapshot_xid: backup.snapshot.as_ref().map(|snapshot| snapshot.xid.0),
            path: lossy(&backup.path).into_owned(),
            volumes: backup.volumes.iter().map(VolumeRow::new).collect(),
            attributes: rows(&backup.attributes),
            manifest: backup.manifest.as_ref().map(ManifestRow::new),
        }
    }
}

impl VolumeRow {
    fn new(volume: &SourceVolume) -> VolumeRow {
        VolumeRow {
            name: lossy(volume.name.as_bytes()).into_owned(),
            path: lossy(&volume.path).into_owned(),
            attributes: rows(&volume.attributes),
        }
    }
}

impl ManifestRow {
    fn new(manifest: &Manifest) -> ManifestRow {
        let amounts = |amounts: Amounts| AmountsRow {
            count: amounts.count,
            logical_size: amounts.logical_size,
            physical_size: amounts.physical_size,
        };
        let volumes =
            manifest.volumes.iter().map(|(uuid, facts)| (uuid.clone(), facts.iter().cloned().collect()));
        ManifestRow {
            date: manifest.date.map(TimeRow::new),
            started: manifest.started.map(TimeRow::new),
            changed: manifest.changed.map(amounts),
            propagated: manifest.propagated.map(amounts),
            source_xid: manifest.xid,
            volumes: volumes.collect(),
            others: manifest.others.iter().cloned().collect(),
        }
    }
}

impl TimeRow {
    fn new(time: Timestamp) -> TimeRow {
        TimeRow { time: time.to_string(), time_ns: time.0 }
    }
}

fn rows(attributes: &[Attribute]) -> BTreeMap<String, String> {
    let row = |attribute: &Attribute| (lossy(attribute.name.as_bytes()).into_owned(), value(attribute));
    attributes.iter().map(row).collect()
}
