//! What the partitions of a disk hold.

use apfs_core::apfs::Container;
use apfs_core::corestorage::{Group, LogicalVolume};
use apfs_core::hfsplus::{self, JournalState};
use apfs_core::image::probe::Content;
use apfs_core::{AnyVolume, Error, Partition, Secret, Xid};

use crate::exit::{self, Failure, Outcome};
use crate::journal_row::JournalRow;
use crate::session::Session;

/// What a partition holds.
#[derive(Debug)]
pub(crate) enum Held {
    Container(Container),
    Hfs(hfsplus::Volume),
    /// A CoreStorage group, and the numbers of its partitions.
    CoreStorage(Group, Vec<usize>),
}

impl Session {
    /// What the partitions hold that were asked for, with their numbers. What is left out or can't be opened is said;
    /// so is what is wrong with the partition table.
    pub(crate) fn held(
        &self,
        outcome: &mut Outcome,
    ) -> Result<Vec<(usize, apfs_core::Result<Held>)>, Failure> {
        let wanted = self.partition();
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
        let (apfs, hfs) = (self.disk.apfs_partitions(), self.disk.hfs_partitions());
        let mut groups = self.disk.volume_groups(&self.options);
        let in_group: Vec<usize> = groups.iter().flat_map(|(parts, _)| parts).copied().collect();
        let mut all = Vec::new();
        for partition in self.disk.partitions() {
            let part = partition.index;
            if wanted.is_some_and(|wanted| wanted != part) {
                continue;
            }
            let is_plain = apfs.contains(&part) || hfs.contains(&part);
            let group = groups.iter().position(|(parts, _)| !is_plain && parts.contains(&part));
            let held = if let Some(group) = group {
                let (parts, group) = groups.swap_remove(group);
                group.map(|group| Held::CoreStorage(group, parts))
            } else if in_group.contains(&part) && !is_plain {
                // Its group was met at its first partition.
                continue;
            } else if apfs.contains(&part) {
                self.disk.container(part, self.options.clone()).map(Held::Container)
            } else if hfs.contains(&part) && self.options.checkpoint.is_some() {
                match wanted {
                    Some(_) => Err(Error::not_found("a checkpoint: HFS+ has none, it keeps one state only")),
                    None => continue,
                }
            } else if hfs.contains(&part) {
                self.disk.hfs_volume(part, self.options.clone()).map(Held::Hfs)
            } else if wanted.is_some() {
                Err(no_volume_in(partition))
            } else {
                if let Some(what) = left_out(partition) {
                    outcome.problem(format!("partition {part}: {what}"));
                }
                continue;
            };
            match &held {
                Ok(Held::Container(container)) => self.say_state(part, container, outcome),
                // What is wrong with it the observer was told.
                Ok(Held::Hfs(volume)) => say_journal(part, volume),
                Ok(Held::CoreStorage(..)) => {}
                Err(error) => outcome.problem(format!("partition {part}: {error}")),
            }
            all.push((part, held));
        }
        Ok(all)
    }

    /// The volumes in a partition, each with its index. Those in a locked one are asked for, if somebody is there.
    pub(crate) fn volumes_of(&self, held: &Held) -> Vec<(usize, apfs_core::Result<AnyVolume>)> {
        match held {
            Held::Container(container) => {
                let volumes = container.volumes().into_iter();
                volumes.map(|(slot, volume)| (slot, volume.map(AnyVolume::Apfs))).collect()
            }
            Held::Hfs(volume) => vec![(0, Ok(AnyVolume::Hfs(volume.clone())))],
            Held::CoreStorage(group, parts) => {
                let part = parts.first().copied().unwrap_or(0);
                let logical = group.logical_volumes().iter().enumerate();
                logical.flat_map(|(index, logical)| self.volumes_on(part, index, logical)).collect()
            }
        }
    }

    /// The volumes on a logical volume of CoreStorage.
    fn volumes_on(
        &self,
        part: usize,
        index: usize,
        logical: &LogicalVolume,
    ) -> Vec<(usize, apfs_core::Result<AnyVolume>)> {
        let what = format!("CoreStorage volume {}", logical.name());
        let unlock = |secret: &Secret| logical.unlock(secret).map(|_| ());
        match self.asking(&what, unlock, || self.on_logical(part, logical)) {
            // The volumes of a container have numbers of their own.
            Ok(found) => found
                .into_iter()
                .map(|volume| match volume {
                    Ok(volume @ AnyVolume::Apfs(_)) => (volume.index(), Ok(volume)),
                    volume => (index, volume),
                })
                .collect(),
            Err(error) => vec![(index, Err(error))],
        }
    }

    /// The volumes on a logical volume that is open. That a journal was replayed is said.
    pub(crate) fn on_logical(
        &self,
        part: usize,
        logical: &LogicalVolume,
    ) -> apfs_core::Result<Vec<apfs_core::Result<AnyVolume>>> {
        let found = self.disk.volumes_on(logical, &self.options)?;
        for volume in &found {
            if let Ok(AnyVolume::Hfs(volume)) = volume {
                say_journal(part, volume);
            }
        }
        Ok(found)
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
}

/// What of Apple's a partition holds that is not read, with advice. Others, such as EFI, hold nothing that was asked
/// for.
fn left_out(partition: &Partition) -> Option<String> {
    match partition.content {
        Content::Other(what, advice) if what.contains("HFS") => Some(format!("{what} left out: {advice}")),
        content if content.is_apple_volume() => Some(format!("{content} left out: {}", content.advice())),
        _ if partition.is_filler() => None,
        _ => Some(partition.type_name)
            .filter(|name| name.starts_with("Apple_"))
            .map(|name| format!("{name} left out")),
    }
}

/// What stands in the way of reading a partition that holds no volume.
fn no_volume_in(partition: &Partition) -> Error {
    match partition.content {
        Content::Unknown => Error::not_found(format!("a volume in partition {}", partition.index)),
        content => Error::unsupported(content.to_string(), content.advice()),
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

/// Whether what is shown is what is stored. That is no problem, whichever it is.
fn say_journal(part: usize, volume: &hfsplus::Volume) {
    let Some(journal) = volume.journal().filter(|journal| journal.state == JournalState::Dirty) else {
        return;
    };
    let what = JournalRow::amount(journal);
    let what = match volume.is_replayed() {
        true => format!(
            "was in use; shown as after a replay of its journal: {what}; --no-journal shows it as stored"
        ),
        false => format!("was in use; shown as stored, without its journal: {what}"),
    };
    exit::say(format_args!("apfs: partition {part}, volume {}: {what}", volume.name()));
}
