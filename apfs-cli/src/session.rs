//! From the command line's words to opened volumes.

mod merged;

use std::sync::Arc;

use apfs_core::apfs::{Container, Snapshot, View, Volume};
use apfs_core::backups::{self, Backup, Machine, Problem};
use apfs_core::corestorage::LogicalVolume;
use apfs_core::text::name::NameRule;
use apfs_core::{
    AnyFs, AnyVolume, Class, Corrupt, Disk, Error, FileId, Name, Observer, OpenOptions, Secret, Xid,
};

use crate::args::Common;
use crate::cmd::backups::no_backup;
use crate::exit::{self, Failure, Outcome};

/// An opened image and what of it was asked for.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) disk: Disk,
    pub(crate) options: OpenOptions,
    common: Common,
}

/// A volume and where it was found.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) part: usize,
    /// Number of the volume in its partition.
    pub(crate) index: usize,
    pub(crate) volume: AnyVolume,
}

/// A readable state of a volume and how it is named on the outside.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) part: usize,
    /// Number of the volume in its partition.
    pub(crate) index: usize,
    pub(crate) view: AnyFs,
    /// The backup in which paths begin, if that is not the root.
    pub(crate) backup: Option<InBackup>,
}

/// A backup that is looked at.
#[derive(Debug)]
pub(crate) struct InBackup {
    /// Machine and name.
    pub(crate) name: String,
    /// Its folder.
    path: Vec<u8>,
}

impl Target {
    /// A path of the command line as a path of the volume.
    pub(crate) fn in_volume(&self, path: &[u8]) -> Vec<u8> {
        let base = self.backup.as_ref().map_or(&[][..], |backup| &backup.path);
        [base, b"/", path].concat()
    }

    /// Name of the live volume.
    pub(crate) fn volume_name(&self) -> Name {
        self.view.volume_name()
    }

    /// The volume that a file is on: its name, index and snapshot. In a merged tree that depends on the file.
    pub(crate) fn place_of(&self, id: FileId) -> (Name, usize, Option<Name>) {
        if let Some(merged) = self.view.as_merged() {
            let backing = merged.backing(id).map(|backing| backing.view);
            let snapshot = backing.and_then(|view| view.snapshot()).map(|snapshot| snapshot.name.clone());
            let name = backing.map(|view| view.volume().name()).unwrap_or_default();
            return (name, backing.map_or(self.index, |view| view.volume().slot()), snapshot);
        }
        (self.volume_name(), self.index, self.snapshot_name().cloned())
    }

    /// Name of the snapshot, if it is one.
    pub(crate) fn snapshot_name(&self) -> Option<&Name> {
        self.view.snapshot_name()
    }

    /// Name of the volume, and of the snapshot or backup if it is one, for headings and messages.
    pub(crate) fn title(&self) -> String {
        if let Some(backup) = &self.backup {
            return format!("{} at {}", self.volume_name(), backup.name);
        }
        if let Some(merged) = self.view.as_merged() {
            let data = merged.data().map(|data| format!(" and {}", data.volume().name()));
            return format!("{}{}", self.volume_name(), data.unwrap_or_default());
        }
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
            no_journal: common.no_journal,
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
    pub(crate) fn wants(&self, volume: &AnyVolume, index: usize) -> bool {
        self.wanted_volume().is_none_or(|wanted| is_volume(volume, index, wanted))
    }

    /// True if the logical volume of CoreStorage is the one that was asked for, or none was.
    pub(crate) fn wants_logical(&self, volume: &LogicalVolume, index: usize) -> bool {
        self.wanted_volume().is_none_or(|wanted| {
            volume.name() == wanted
                || volume.uuid().to_string().eq_ignore_ascii_case(wanted)
                || wanted.parse() == Ok(index)
        })
    }

    /// Every volume that was asked for. What can't be opened is said.
    pub(crate) fn volumes(&self, outcome: &mut Outcome) -> Result<Vec<Placed>, Failure> {
        let (mut found, mut failed) = (Vec::new(), None);
        for (part, held) in self.held(outcome)? {
            match held {
                Ok(held) => {
                    for (index, volume) in self.volumes_of(&held) {
                        match volume {
                            Ok(volume) => found.push(Placed { part, index, volume }),
                            Err(error) => {
                                outcome.problem(match error.class() {
                                    Class::Locked => error.to_string(),
                                    _ => format!("partition {part}, volume {index}: {error}"),
                                });
                                failed = failed.or(Some(error));
                            }
                        }
                    }
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if found.is_empty() {
            return Err(self.nothing(failed));
        }
        if let Some(wanted) = self.wanted_volume() {
            let names: Vec<String> = found.iter().map(|placed| placed.volume.name().to_string()).collect();
            let has_roles = found.iter().any(|placed| matches!(placed.volume, AnyVolume::Apfs(_)));
            found.retain(|placed| self.wants(&placed.volume, placed.index));
            if found.is_empty() {
                let roles =
                    if wanted.starts_with("role:") && !has_roles { " (HFS+ has no roles)" } else { "" };
                let text = format!("no volume {wanted}; there are: {}{roles}", names.join(", "));
                return Err(Failure::Usage(text));
            }
        }
        Ok(found)
    }

    /// That there is no volume at all, with the reason if one is known.
    pub(crate) fn nothing(&self, failed: Option<Error>) -> Failure {
        let image = self.common.source.image.display();
        match failed {
            Some(error) => Failure::Core(image.to_string(), error),
            None if self.options.checkpoint.is_some() && !self.disk.hfs_partitions().is_empty() => {
                Failure::Usage(format!("{image}: HFS+ has no checkpoints: leave out --checkpoint"))
            }
            None => Failure::Core(image.to_string(), self.disk.no_volume()),
        }
    }

    /// Opens something with what the user types, if it is locked and somebody is there.
    pub(crate) fn asking<T>(
        &self,
        what: &str,
        unlock: impl Fn(&Secret) -> apfs_core::Result<()>,
        open: impl Fn() -> apfs_core::Result<T>,
    ) -> apfs_core::Result<T> {
        let (opened, _) = self.common.source.asking(what, Vec::new(), |typed| {
            typed.last().map_or(Ok(()), &unlock)?;
            open()
        });
        opened
    }

    /// The container of a partition at an older checkpoint. It keeps little in memory: there can be many.
    pub(crate) fn checkpoint(&self, part: usize, xid: Xid) -> apfs_core::Result<Container> {
        let mut options = OpenOptions { checkpoint: Some(xid), ..self.options.clone() };
        options.limits.cache_bytes = options.limits.cache_bytes.min(4 << 20);
        self.disk.container(part, options)
    }

    /// Opens a state of an APFS volume; asks for its password if it is locked and somebody is there.
    pub(crate) fn unlocked_view(
        &self,
        volume: &Volume,
        view: impl Fn() -> apfs_core::Result<View>,
    ) -> apfs_core::Result<View> {
        let what = format!("volume {}", volume.name());
        self.asking(&what, |secret| volume.unlock(secret).map(|_| ()), view)
    }

    /// Opens a state of a volume; asks for its password if it is locked and somebody is there.
    fn unlocking(
        &self,
        volume: &Volume,
        view: impl Fn() -> apfs_core::Result<AnyFs>,
    ) -> apfs_core::Result<AnyFs> {
        let what = format!("volume {}", volume.name());
        self.asking(&what, |secret| volume.unlock(secret).map(|_| ()), view)
    }

    /// Every readable state that was asked for: of each volume the live one or the snapshot of `--snapshot`, and
    /// with `all_snapshots` each usable snapshot besides.
    pub(crate) fn targets(&self, all_snapshots: bool, outcome: &mut Outcome) -> Result<Vec<Target>, Failure> {
        if let Some(wanted) = &self.common.backup {
            return self.in_backups(wanted, outcome);
        }
        if self.common.merged {
            return self.merged(outcome);
        }
        let image = self.common.source.image.display();
        let volumes = self.volumes(outcome)?;
        let mut targets = Vec::new();
        for Placed { part, index, volume } in &volumes {
            let mut take = |view: apfs_core::Result<AnyFs>, what: &str| match view {
                Ok(view) => targets.push(Target { part: *part, index: *index, view, backup: None }),
                Err(error) => {
                    let line = match error.class() {
                        Class::Locked => error.to_string(),
                        _ => format!("{what}: {error}"),
                    };
                    outcome.problem(line);
                }
            };
            match volume {
                AnyVolume::Apfs(volume) => self.states(volume, all_snapshots, &mut take),
                // One that has no snapshots has not the one that was asked for.
                volume if self.common.snapshot.is_none() => {
                    take(volume.view(), &format!("volume {}", volume.name()));
                }
                _ => {}
            }
        }
        if let (Some(wanted), true) = (&self.common.snapshot, targets.is_empty()) {
            let why = match volumes.iter().any(|placed| matches!(placed.volume, AnyVolume::Apfs(_))) {
                true => format!("see `apfs snapshots {image}`"),
                false => "HFS+ has no snapshots".to_owned(),
            };
            return Err(Failure::Usage(format!("{image}: no snapshot {wanted}; {why}")));
        }
        if targets.is_empty() {
            return Err(Failure::Usage(format!("{image}: no volume could be opened")));
        }
        Ok(targets)
    }

    /// What Time Machine left on the volumes that were asked for. What can't be read is said.
    pub(crate) fn backups(&self, outcome: &mut Outcome) -> Result<Vec<(Placed, Vec<Machine>)>, Failure> {
        let mut all = Vec::new();
        for placed in self.volumes(outcome)? {
            if let AnyVolume::Apfs(volume) = &placed.volume
                && volume.role().name() == Some("backup")
            {
                // Whether that opens it is found out by whoever needs it.
                let _ = self.unlocking(volume, || volume.view().map(AnyFs::Apfs));
            }
            let name = placed.volume.name();
            match backups::find(&placed.volume) {
                Ok(found) => {
                    for Problem { at, error, .. } in found.problems {
                        match error.class() {
                            Class::Locked => outcome.problem(error),
                            _ => outcome.problem(format!("volume {name}: {at}: {error}")),
                        }
                    }
                    all.push((placed, found.machines));
                }
                Err(error) => outcome.problem(format!("volume {name}: {error}")),
            }
        }
        Ok(all)
    }

    /// The trees of the backups of a name.
    fn in_backups(&self, wanted: &str, outcome: &mut Outcome) -> Result<Vec<Target>, Failure> {
        let (mut targets, mut failed) = (Vec::new(), None);
        for (Placed { part, index, volume }, machines) in self.backups(outcome)? {
            for (machine, backup) in chosen(&machines, wanted) {
                let name = format!("{}/{}", machine.name, backup.name);
                match backup.open(&volume) {
                    Ok(tree) => {
                        let path = backup.path.strip_suffix(b"/").unwrap_or(&backup.path).to_vec();
                        let backup = Some(InBackup { name, path });
                        targets.push(Target { part, index, view: tree.fs, backup });
                    }
                    Err(error) => {
                        if let Some(earlier) = failed.replace(Failure::Core(name, error)) {
                            outcome.problem(earlier);
                        }
                    }
                }
            }
        }
        match failed {
            Some(failure) if targets.is_empty() => Err(failure),
            None if targets.is_empty() => Err(no_backup(&self.common, wanted)),
            failed => {
                failed.into_iter().for_each(|failure| outcome.problem(failure));
                Ok(targets)
            }
        }
    }

    /// The states of an APFS volume that were asked for.
    fn states(
        &self,
        volume: &Volume,
        all_snapshots: bool,
        take: &mut dyn FnMut(apfs_core::Result<AnyFs>, &str),
    ) {
        let what = format!("volume {}", volume.name());
        let at = |snapshot: &Snapshot| volume.view_at(snapshot).map(AnyFs::Apfs);
        if let Some(wanted) = &self.common.snapshot {
            let view = volume.snapshot(wanted).and_then(|snapshot| self.unlocking(volume, || at(&snapshot)));
            match view {
                // Said only if no volume has it, unless several of one volume fit.
                Err(Error::NotFound(text)) if !is_ambiguous(&text) => {}
                view => take(view, &what),
            }
            return;
        }
        let view = self.unlocking(volume, || volume.view().map(AnyFs::Apfs));
        let locked = matches!(&view, Err(Error::Locked(_)));
        take(view, &what);
        if !all_snapshots || locked {
            return;
        }
        match volume.snapshots() {
            Ok(snapshots) => {
                for snapshot in snapshots {
                    take(at(&snapshot), &describe(volume, &snapshot));
                }
            }
            Err(error) => take(Err(error), &format!("{what}: snapshots")),
        }
    }
}

/// The backups of a name, with or without that of the machine before it. A whole name counts more than the time in it.
pub(crate) fn chosen<'m>(machines: &'m [Machine], wanted: &str) -> Vec<(&'m Machine, &'m Backup)> {
    let all = machines.iter().flat_map(|machine| machine.backups.iter().map(move |backup| (machine, backup)));
    let is_of = |machine: &Machine, name: &str| {
        NameRule::NormalizationInsensitive.same(machine.name.as_bytes(), name.as_bytes())
    };
    let matches = |(machine, backup): &(&Machine, &Backup), exactly: bool| {
        let name = match wanted.split_once('/') {
            Some((name, rest)) if is_of(machine, name) => rest,
            Some(_) => return false,
            None => wanted,
        };
        if exactly { backup.name.as_bytes() == name.as_bytes() } else { backup.is_named(name) }
    };
    let exact: Vec<_> = all.clone().filter(|found| matches(found, true)).collect();
    if exact.is_empty() { all.filter(|found| matches(found, false)).collect() } else { exact }
}

/// True if nothing was found since several fit.
pub(crate) fn is_ambiguous(text: &str) -> bool {
    text.starts_with("one snapshot ")
}

fn describe(volume: &Volume, snapshot: &Snapshot) -> String {
    format!("volume {}, snapshot {}", volume.name(), snapshot.name)
}

/// True if `wanted` names the volume: by name, index, UUID, or of APFS `role:` and a role.
fn is_volume(volume: &AnyVolume, index: usize, wanted: &str) -> bool {
    let uuid = match volume {
        AnyVolume::Apfs(volume) => {
            if let Some(role) = wanted.strip_prefix("role:") {
                return volume.role().to_string().eq_ignore_ascii_case(role);
            }
            Some(volume.uuid())
        }
        AnyVolume::Hfs(volume) => volume.uuid(),
        _ => None,
    };
    // HFS+ stores names in another form than they are typed in.
    NameRule::NormalizationInsensitive.same(volume.name().as_bytes(), wanted.as_bytes())
        || uuid.is_some_and(|uuid| uuid.to_string().eq_ignore_ascii_case(wanted))
        || wanted.parse() == Ok(index)
}
