//! From the command line's words to opened volumes.

use std::sync::Arc;

use apfs_core::apfs::{Container, Snapshot, View, Volume};
use apfs_core::image::probe::Content;
use apfs_core::{Class, Corrupt, Disk, Error, Name, Observer, OpenOptions, Partition, Xid};

use crate::args::Common;
use crate::exit::{self, Failure, Outcome};

/// An opened image and what of it was asked for.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) disk: Disk,
    pub(crate) options: OpenOptions,
    common: Common,
}

/// A readable state of a volume and how it is named on the outside.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) part: usize,
    pub(crate) view: View,
}

impl Target {
    pub(crate) fn volume(&self) -> &Volume {
        self.view.volume()
    }

    /// Name of the live volume.
    pub(crate) fn volume_name(&self) -> Name {
        self.volume().name()
    }

    /// Name of the snapshot, if it is one.
    pub(crate) fn snapshot_name(&self) -> Option<&Name> {
        self.view.snapshot().map(|snapshot| &snapshot.name)
    }

    /// Name of the volume, and of the snapshot if it is one, for headings and messages.
    pub(crate) fn title(&self) -> String {
        match self.snapshot_name() {
            Some(snapshot) => format!("{} at {snapshot}", self.volume_name()),
            None => self.volume_name().to_string(),
        }
    }
}

/// Says findings that do not stop the work: what is shown may be wrong or lack something.
#[derive(Debug)]
struct SayFindings;

impl Observer for SayFindings {
    fn finding(&self, finding: &Corrupt) {
        exit::note(finding);
    }
}

impl Session {
    /// Opens the image of a command.
    pub(crate) fn open(common: &Common) -> Result<Session, Failure> {
        let mut options = OpenOptions {
            checksums: common.checksums.into(),
            observer: Some(Arc::new(SayFindings)),
            checkpoint: common.checkpoint.map(Xid),
            force: common.force,
            ..OpenOptions::default()
        };
        let disk = common.source.open(&mut options)?;
        Ok(Session { disk, options, common: common.clone() })
    }

    /// The partition that was asked for, if one was.
    pub(crate) fn partition(&self) -> Option<usize> {
        self.common.partition
    }

    /// The volume that was asked for, if one was.
    pub(crate) fn wanted_volume(&self) -> Option<&str> {
        self.common.volume.as_deref()
    }

    /// True if the volume is the one that was asked for, or none was.
    pub(crate) fn wants(&self, volume: &Volume) -> bool {
        self.wanted_volume().is_none_or(|wanted| is_volume(volume, wanted))
    }

    /// The containers that were asked for, with the numbers of their partitions. What is left out or can't be opened
    /// is said; so is what is wrong with the partition table.
    pub(crate) fn containers(
        &self,
        outcome: &mut Outcome,
    ) -> Result<Vec<(usize, apfs_core::Result<Container>)>, Failure> {
        let wanted = self.common.partition;
        let count = self.disk.partitions().len();
        if let Some(number) = wanted.filter(|number| *number >= count) {
            let last = count.saturating_sub(1);
            return Err(Failure::Usage(format!("no partition {number}; there are 0 to {last}")));
        }
        outcome.layer_findings(self.disk.layers());
        if self.disk.table_from_backup() {
            outcome.problem("the partition table is damaged, its copy at the end of the disk is used");
        }
        for finding in self.disk.findings() {
            outcome.problem(format!("partition table: {finding}"));
        }
        let apfs = self.disk.apfs_partitions();
        let mut containers = Vec::new();
        for partition in self.disk.partitions() {
            let part = partition.index;
            if wanted.is_some_and(|wanted| wanted != part) {
                continue;
            }
            if !apfs.contains(&part) && wanted.is_none() {
                if let Some(what) = left_out(partition) {
                    outcome.problem(format!("partition {part}: {what} left out, this version reads APFS"));
                }
                continue;
            }
            let container = self.disk.container(part, self.options.clone());
            match &container {
                Ok(container) => self.say_state(part, container, outcome),
                Err(error) => outcome.problem(format!("partition {part}: {error}")),
            }
            containers.push((part, container));
        }
        Ok(containers)
    }

    /// Every volume that was asked for, with the number of its partition. What can't be opened is said.
    pub(crate) fn volumes(&self, outcome: &mut Outcome) -> Result<Vec<(usize, Volume)>, Failure> {
        let image = self.common.source.image.display();
        let mut found = Vec::new();
        let mut failed = None;
        for (part, container) in self.containers(outcome)? {
            match container {
                Ok(container) => {
                    for (slot, volume) in container.volumes() {
                        match volume {
                            Ok(volume) => found.push((part, volume)),
                            Err(error) => {
                                outcome.problem(format!("partition {part}, volume {slot}: {error}"));
                                failed = failed.or(Some(error));
                            }
                        }
                    }
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if found.is_empty() {
            return Err(match failed {
                Some(error) => Failure::Core(image.to_string(), error),
                None => Failure::Core(image.to_string(), self.disk.no_volume()),
            });
        }
        if let Some(wanted) = self.wanted_volume() {
            let names: Vec<String> = found.iter().map(|(_, volume)| volume.name().to_string()).collect();
            found.retain(|(_, volume)| self.wants(volume));
            if found.is_empty() {
                let text = format!("no volume {wanted}; there are: {}", names.join(", "));
                return Err(Failure::Usage(text));
            }
        }
        Ok(found)
    }

    /// Opens a state of a volume; asks for its password if it is locked and somebody is there.
    fn unlocking(
        &self,
        volume: &Volume,
        view: impl Fn() -> apfs_core::Result<View>,
    ) -> apfs_core::Result<View> {
        let what = format!("volume {}", volume.name());
        let (view, _) = self.common.source.asking(&what, Vec::new(), |typed| {
            typed.last().map_or(Ok(()), |secret| volume.unlock(secret).map(|_| ()))?;
            view()
        });
        view
    }

    /// What is not as it should be with the chosen checkpoint.
    fn say_state(&self, part: usize, container: &Container, outcome: &mut Outcome) {
        if let Some(damage) = container.checkpoint().ephemeral_damage() {
            outcome.problem(format!("partition {part}: no checkpoint is whole, files are read: {damage}"));
        }
        if self.options.checkpoint.is_none() {
            say_rejected(part, container, outcome);
        }
    }

    /// Every readable state that was asked for: of each volume the live one or the snapshot of `--snapshot`, and
    /// with `all_snapshots` each usable snapshot besides.
    pub(crate) fn targets(&self, all_snapshots: bool, outcome: &mut Outcome) -> Result<Vec<Target>, Failure> {
        let mut targets = Vec::new();
        for (part, volume) in self.volumes(outcome)? {
            let name = volume.name();
            let mut take = |view: apfs_core::Result<View>, what: &str| match view {
                Ok(view) => targets.push(Target { part, view }),
                Err(error) => {
                    let line = match error.class() {
                        Class::Locked => error.to_string(),
                        _ => format!("{what}: {error}"),
                    };
                    outcome.problem(line);
                }
            };
            if let Some(wanted) = &self.common.snapshot {
                let view = volume
                    .snapshot(wanted)
                    .and_then(|snapshot| self.unlocking(&volume, || volume.view_at(&snapshot)));
                match view {
                    // Said only if no volume has it.
                    Err(Error::NotFound(_)) => {}
                    view => take(view, &format!("volume {name}")),
                }
                continue;
            }
            let view = self.unlocking(&volume, || volume.view());
            let locked = matches!(&view, Err(Error::Locked(_)));
            take(view, &format!("volume {name}"));
            if !all_snapshots || locked {
                continue;
            }
            match volume.snapshots() {
                Ok(snapshots) => {
                    for snapshot in snapshots {
                        take(volume.view_at(&snapshot), &describe(&volume, &snapshot));
                    }
                }
                Err(error) => outcome.problem(format!("volume {name}: snapshots: {error}")),
            }
        }
        if let (Some(wanted), true) = (&self.common.snapshot, targets.is_empty()) {
            let image = self.common.source.image.display();
            return Err(Failure::Usage(format!(
                "{image}: no snapshot {wanted}; see `apfs snapshots {image}`"
            )));
        }
        if targets.is_empty() {
            return Err(Failure::Usage(format!(
                "{}: no volume could be opened",
                self.common.source.image.display()
            )));
        }
        Ok(targets)
    }
}

/// What of Apple's a partition holds that is not read. Others, such as EFI, hold nothing that was asked for.
fn left_out(partition: &Partition) -> Option<String> {
    match partition.content {
        Content::Other(what, _) if what.contains("HFS") => Some(what.to_owned()),
        content if content.is_apple_volume() => Some(content.to_string()),
        _ if partition.is_filler() => None,
        _ => Some(partition.type_name).filter(|name| name.starts_with("Apple_")).map(str::to_owned),
    }
}

/// A fall-back to an older checkpoint is said: what is shown is not the newest state, or may not be.
fn say_rejected(part: usize, container: &Container, outcome: &mut Outcome) {
    let rejected = container.rejected();
    let newer: Vec<_> = rejected.iter().filter(|passed| passed.xid > container.xid()).collect();
    for passed in &newer {
        let (xid, block, reason) = (passed.xid, passed.block, &passed.reason);
        outcome.problem(format!("partition {part}: checkpoint {xid} (block {block}) passed over: {reason}"));
    }
    if !newer.is_empty() {
        outcome.problem(format!("partition {part}: showing the older checkpoint {}", container.xid()));
    }
    let mut unreadable = rejected.iter().filter(|passed| passed.xid == Xid(0));
    if let Some(first) = unreadable.next() {
        let (others, block, reason) = (unreadable.count(), first.block, &first.reason);
        let more = if others > 0 { format!(" and {others} others") } else { String::new() };
        outcome
            .problem(format!("partition {part}: superblock in block {block}{more} can't be read: {reason}"));
    }
}

fn describe(volume: &Volume, snapshot: &Snapshot) -> String {
    format!("volume {}, snapshot {}", volume.name(), snapshot.name)
}

/// True if `wanted` names the volume: by name, index, UUID, or `role:` and a role.
fn is_volume(volume: &Volume, wanted: &str) -> bool {
    if let Some(role) = wanted.strip_prefix("role:") {
        return volume.role().to_string().eq_ignore_ascii_case(role);
    }
    volume.name().as_bytes() == wanted.as_bytes()
        || volume.uuid().to_string().eq_ignore_ascii_case(wanted)
        || wanted.parse() == Ok(volume.slot())
}
