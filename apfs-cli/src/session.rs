//! From the command line's words to opened volumes.

use std::sync::Arc;

use apfs_core::apfs::{ContainerOptions, Snapshot, View, Volume};
use apfs_core::image::probe::Content;
use apfs_core::io::file::FileDevice;
use apfs_core::{Class, Corrupt, Disk, Name, Observer, Xid};

use crate::args::Common;
use crate::exit::{Failure, Outcome};

/// An opened image and what of it was asked for.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) disk: Disk,
    pub(crate) options: ContainerOptions,
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
}

/// Says findings that do not stop the work.
#[derive(Debug)]
struct SayFindings;

impl Observer for SayFindings {
    fn finding(&self, finding: &Corrupt) {
        eprintln!("apfs: noted: {finding}");
    }
}

impl Session {
    /// Opens the image of a command.
    pub(crate) fn open(common: &Common) -> Result<Session, Failure> {
        let name = common.image.display().to_string();
        let device = FileDevice::open(&common.image).map_err(Failure::core(&name))?;
        let options = ContainerOptions {
            checksums: common.checksums.into(),
            observer: Some(Arc::new(SayFindings)),
            checkpoint: common.checkpoint.map(Xid),
            force: common.force,
            ..ContainerOptions::default()
        };
        let disk = Disk::open(Arc::new(device), &options).map_err(Failure::core(&name))?;
        Ok(Session { disk, options, common: common.clone() })
    }

    /// Every volume that was asked for, with the number of its partition. What can't be opened is said.
    pub(crate) fn volumes(&self, outcome: &mut Outcome) -> Result<Vec<(usize, Volume)>, Failure> {
        let mut found = Vec::new();
        let mut first_error = None;
        for partition in self.disk.partitions() {
            let part = partition.index;
            if self.common.partition.is_some_and(|wanted| wanted != part) {
                continue;
            }
            let is_apfs = self.disk.apfs_partitions().contains(&part);
            if !is_apfs && self.common.partition.is_none() {
                if partition.content == Content::HfsPlus {
                    outcome
                        .problem(format!("partition {part}: HFS+ volume left out, this version reads APFS"));
                }
                continue;
            }
            match self.disk.container(part, self.options.clone()) {
                Ok(container) => {
                    if let Some(damage) = container.checkpoint().ephemeral_damage() {
                        outcome.problem(format!(
                            "partition {part}: no checkpoint is whole, files are read: {damage}"
                        ));
                    }
                    if !container.rejected().is_empty() && self.options.checkpoint.is_none() {
                        self.say_rejected(part, &container, outcome);
                    }
                    for (slot, volume) in container.volumes() {
                        match volume {
                            Ok(volume) => found.push((part, volume)),
                            Err(error) => {
                                outcome.problem(format!("partition {part}, volume {slot}: {error}"))
                            }
                        }
                    }
                }
                Err(error) => {
                    outcome.problem(format!("partition {part}: {error}"));
                    first_error = first_error.or(Some(error));
                }
            }
        }
        if let Some(wanted) = &self.common.volume {
            let names: Vec<String> = found.iter().map(|(_, volume)| volume.name().to_string()).collect();
            found.retain(|(_, volume)| is_volume(volume, wanted));
            if found.is_empty() {
                let text = format!("no volume {wanted}; there are: {}", names.join(", "));
                return Err(Failure::Usage(text));
            }
        }
        if found.is_empty() {
            return Err(match first_error {
                Some(error) => Failure::Core(self.common.image.display().to_string(), error),
                None => Failure::Usage(format!("{}: no APFS volume", self.common.image.display())),
            });
        }
        Ok(found)
    }

    /// A fall-back to an older checkpoint is said: what is shown is not the newest state.
    fn say_rejected(&self, part: usize, container: &apfs_core::apfs::Container, outcome: &mut Outcome) {
        let newer = container.rejected().iter().filter(|passed| passed.xid > container.xid());
        let mut count = 0u32;
        for passed in newer {
            count = count.saturating_add(1);
            let (xid, block) = (passed.xid, passed.block);
            outcome.problem(format!(
                "partition {part}: checkpoint {xid} (block {block}) passed over: {}",
                passed.reason
            ));
        }
        if count > 0 {
            outcome.problem(format!("partition {part}: showing the older checkpoint {}", container.xid()));
        }
    }

    /// Every readable state that was asked for: of each volume the live one or the snapshot of `--snapshot`, and
    /// with `all_snapshots` each usable snapshot besides.
    pub(crate) fn targets(&self, all_snapshots: bool, outcome: &mut Outcome) -> Result<Vec<Target>, Failure> {
        let mut targets = Vec::new();
        let mut last = None;
        for (part, volume) in self.volumes(outcome)? {
            let name = volume.name();
            let mut take = |view: apfs_core::Result<View>, what: &str| match view {
                Ok(view) => targets.push(Target { part, view }),
                Err(error) => {
                    let line = match error.class() {
                        Class::Locked => error.to_string(),
                        _ => format!("{what}: {error}"),
                    };
                    outcome.problem(&line);
                    last = Some(line);
                }
            };
            if let Some(wanted) = &self.common.snapshot {
                let view = volume.snapshot(wanted).and_then(|snapshot| volume.view_at(&snapshot));
                take(view, &format!("volume {name}"));
                continue;
            }
            take(volume.view(), &format!("volume {name}"));
            if !all_snapshots || volume.superblock().is_encrypted() {
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
        if targets.is_empty() {
            let text = last.unwrap_or_else(|| "nothing to read".to_owned());
            return Err(Failure::Usage(format!("nothing could be opened: {text}")));
        }
        Ok(targets)
    }

    /// The one state that was asked for.
    pub(crate) fn target(&self, outcome: &mut Outcome) -> Result<Target, Failure> {
        let mut targets = self.targets(false, outcome)?;
        match (targets.pop(), targets.is_empty()) {
            (Some(target), true) => Ok(target),
            (last, _) => {
                targets.extend(last);
                let names: Vec<String> =
                    targets.iter().map(|target| target.volume_name().to_string()).collect();
                let text =
                    format!("there are several volumes, choose one with --volume: {}", names.join(", "));
                Err(Failure::Usage(text))
            }
        }
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
