//! What `apfs info` says, as one value for text and JSON.

use apfs_core::apfs::raw::container::{NxFeatures, NxIncompat};
use apfs_core::apfs::{self, WrittenBy};
use apfs_core::text::name::NameRule;
use apfs_core::{AnyVolume, Result, Timestamp, Uuid};
use serde::Serialize;

use super::core_storage::CoreStorage;
use super::fusion::FusionRow;
use super::group::GroupRows;
use super::hfs::HfsVolume;

use crate::exit::{Failure, Outcome};
use crate::flags;
use crate::held::Held;
use crate::layer_row::LayerRow;
use crate::protection_row::ProtectionRow;
use crate::row::lossy;
use crate::session::Session;
use crate::snapshot_row::SnapshotRow;

/// A whole image.
#[derive(Debug, Serialize)]
pub(super) struct Image {
    schema: &'static str,
    pub(super) image: String,
    /// Bytes of the disk, without the disk images around it.
    pub(super) size: u64,
    /// Disk images around the disk, outermost first.
    pub(super) layers: Vec<LayerRow>,
    pub(super) scheme: &'static str,
    pub(super) table_from_backup: bool,
    pub(super) partitions: Vec<Partition>,
}

/// One partition, and what it holds.
#[derive(Debug, Serialize)]
pub(super) struct Partition {
    pub(super) part: usize,
    pub(super) offset: u64,
    pub(super) size: u64,
    #[serde(rename = "type")]
    pub(super) type_name: String,
    type_guid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    type_byte: Option<String>,
    pub(super) label: String,
    pub(super) content: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) container: Option<Container>,
    /// The partition with the first half of the Fusion pair that this is the second half of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fusion_main: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hfs: Option<HfsVolume>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) core_storage: Option<CoreStorage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// A container at one checkpoint.
#[derive(Debug, Serialize)]
pub(super) struct Container {
    pub(super) uuid: String,
    pub(super) block_size: u64,
    pub(super) blocks: u64,
    pub(super) size: u64,
    pub(super) xid: u64,
    pub(super) features: Vec<String>,
    pub(super) readonly_compatible_features: Vec<String>,
    pub(super) incompatible_features: Vec<String>,
    pub(super) flags: Vec<String>,
    pub(super) newest_mounted_version: Option<String>,
    max_volumes: u32,
    pub(super) checkpoints: Vec<Checkpoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ephemeral_damage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fusion: Option<FusionRow>,
    pub(super) volumes: Vec<Volume>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) damaged_volumes: Vec<DamagedVolume>,
    #[serde(flatten)]
    pub(super) groups: GroupRows,
}

/// A checkpoint in the ring.
#[derive(Debug, Serialize)]
pub(super) struct Checkpoint {
    pub(super) xid: u64,
    pub(super) block: u64,
    /// `used`, `kept` (sound by itself, not looked into) or `rejected`.
    pub(super) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// A slot whose volume can't be opened.
#[derive(Debug, Serialize)]
pub(super) struct DamagedVolume {
    pub(super) index: usize,
    pub(super) error: String,
}

/// A volume.
#[derive(Debug, Serialize)]
pub(super) struct Volume {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) uuid: String,
    pub(super) role: String,
    pub(super) group: Option<String>,
    pub(super) encrypted: bool,
    /// How it is encrypted, and what would open it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) protection: Option<ProtectionRow>,
    pub(super) sealed: bool,
    pub(super) names: &'static str,
    pub(super) features: Vec<String>,
    pub(super) readonly_compatible_features: Vec<String>,
    pub(super) incompatible_features: Vec<String>,
    pub(super) flags: Vec<String>,
    pub(super) quota_bytes: Option<u64>,
    pub(super) reserve_bytes: Option<u64>,
    pub(super) used_bytes: u64,
    pub(super) files: u64,
    pub(super) directories: u64,
    pub(super) symlinks: u64,
    pub(super) others: u64,
    pub(super) modified: Time,
    pub(super) unmounted: Option<Time>,
    pub(super) formatted_by: Option<Writer>,
    pub(super) modified_by: Vec<Writer>,
    pub(super) pending_revert: Option<Pending>,
    pub(super) root_snapshot: Option<Pending>,
    pub(super) snapshot_count: u64,
    pub(super) snapshots: Vec<SnapshotRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) snapshots_error: Option<String>,
}

/// A point in time for people and for programs.
#[derive(Debug, Serialize)]
pub(super) struct Time {
    pub(super) time: String,
    time_ns: i64,
}

/// Who wrote a volume.
#[derive(Debug, Serialize)]
pub(super) struct Writer {
    pub(super) program: String,
    #[serde(flatten)]
    pub(super) at: Time,
    pub(super) last_xid: u64,
}

/// A snapshot that the volume is to be reverted to or rooted from.
#[derive(Debug, Serialize)]
pub(super) struct Pending {
    pub(super) xid: u64,
    pub(super) snapshot: Option<String>,
}

impl Image {
    /// Gathers what is asked for; damage is said and left out.
    pub(super) fn gather(image: &str, session: &Session, outcome: &mut Outcome) -> Result<Image, Failure> {
        let all = session.held(outcome)?;
        let mut chosen = false;
        let mut partitions = Vec::new();
        for partition in session.disk.partitions() {
            if session.partition().is_some_and(|wanted| wanted != partition.index) {
                continue;
            }
            let held = all.iter().find(|(part, _)| *part == partition.index).map(|(_, held)| held);
            let (mut container, mut hfs, mut core_storage, mut error) = (None, None, None, None);
            match held {
                Some(Ok(Held::Container(found))) => {
                    container = Some(Container::gather(partition.index, found, session, outcome));
                }
                Some(Ok(Held::Hfs(volume))) if session.wants(&AnyVolume::Hfs(volume.clone()), 0) => {
                    hfs = Some(HfsVolume::gather(volume));
                }
                Some(Ok(Held::CoreStorage(group, parts))) => {
                    core_storage = Some(CoreStorage::gather(partition.index, group, parts, session, outcome));
                }
                Some(Err(found)) => error = Some(found),
                _ => {}
            }
            chosen |= hfs.is_some();
            chosen |= core_storage.as_ref().is_some_and(|group: &CoreStorage| !group.volumes.is_empty());
            chosen |= container.as_ref().is_some_and(|container| !container.volumes.is_empty());
            partitions.push(Partition {
                part: partition.index,
                offset: partition.start,
                size: partition.len,
                type_name: type_name(partition),
                type_guid: partition.type_guid.map(|guid| guid.to_string()),
                type_byte: partition.type_byte.map(|byte| format!("{byte:02x}")),
                label: partition.label.clone(),
                content: partition.content.word(),
                fusion_main: session.disk.fusion_main_of(partition.index),
                container,
                hfs,
                core_storage,
                error: error.map(ToString::to_string),
            });
        }
        if let (Some(wanted), false) = (session.wanted_volume(), chosen) {
            return Err(Failure::Usage(format!("no volume {wanted}")));
        }
        Ok(Image {
            schema: "apfs.info/1",
            image: image.to_owned(),
            size: session.disk.device().len(),
            // Last, so that what was expanded for all this is counted.
            layers: session.disk.layers().iter().map(LayerRow::new).collect(),
            scheme: session.disk.scheme().word(),
            table_from_backup: session.disk.table_from_backup(),
            partitions,
        })
    }

    pub(super) fn has_volumes(&self) -> bool {
        self.partitions.iter().any(|partition| {
            partition.container.is_some() || partition.hfs.is_some() || partition.core_storage.is_some()
        })
    }
}

/// Name of a partition's type; for a type without one the text in an Apple partition map, if that is what it is.
fn type_name(partition: &apfs_core::Partition) -> String {
    let stored = partition.type_text.as_deref().unwrap_or_default();
    if stored.is_empty() { partition.type_name.to_owned() } else { stored.to_owned() }
}

impl Container {
    pub(super) fn gather(
        part: usize,
        container: &apfs::Container,
        session: &Session,
        outcome: &mut Outcome,
    ) -> Container {
        let superblock = container.superblock();
        let raw = superblock.raw();
        let (mut volumes, mut damaged_volumes) = (Vec::new(), Vec::new());
        for (index, volume) in container.volumes() {
            match volume {
                Ok(volume) if session.wants(&AnyVolume::Apfs(volume.clone()), index) => {
                    volumes.push(Volume::gather(part, &volume, outcome));
                }
                Ok(_) => {}
                Err(error) => {
                    outcome.problem(format!("partition {part}, volume {index}: {error}"));
                    damaged_volumes.push(DamagedVolume { index, error: error.to_string() });
                }
            }
        }
        let version = raw.nx_newest_mounted_version.get();
        let block_size = container.block_size().bytes();
        Container {
            uuid: container.uuid().to_string(),
            block_size,
            blocks: superblock.block_count(),
            size: superblock.block_count().saturating_mul(block_size),
            xid: container.xid().0,
            features: flags::of_set(NxFeatures::from_bits_retain(raw.nx_features.get())),
            readonly_compatible_features: flags::unnamed(raw.nx_readonly_compatible_features.get()),
            incompatible_features: flags::of_set(NxIncompat::from_bits_retain(
                raw.nx_incompatible_features.get(),
            )),
            flags: flags::container(raw.nx_flags.get()),
            newest_mounted_version: (version != 0).then(|| mounted_version(version)),
            max_volumes: raw.nx_max_file_systems.get(),
            checkpoints: checkpoints(container),
            ephemeral_damage: container.checkpoint().ephemeral_damage().map(ToString::to_string),
            fusion: container.fusion().map(|fusion| FusionRow::new(fusion, block_size)),
            volumes,
            damaged_volumes,
            groups: GroupRows::gather(container, session),
        }
    }
}

/// `aaa.bbb.ccc.ddd.eee` from its decimal fixed-point form, three digits for each part but the first.
fn mounted_version(version: u64) -> String {
    let part = |unit: u64| version.checked_div(unit).unwrap_or(0);
    let [a, b, c, d] = [1_000_000_000_000, 1_000_000_000, 1_000_000, 1000].map(part);
    format!("{a}.{}.{}.{}.{}", b % 1000, c % 1000, d % 1000, version % 1000)
}

/// All checkpoints, newest first.
fn checkpoints(container: &apfs::Container) -> Vec<Checkpoint> {
    let used = container.superblock().block();
    let reject = |passed: &apfs::Rejected| Checkpoint {
        xid: passed.xid.0,
        block: passed.block.0,
        state: "rejected",
        reason: Some(passed.reason.to_string()),
    };
    let mut all: Vec<Checkpoint> = container.rejected().iter().map(reject).collect();
    for sound in container.checkpoints() {
        if all.iter().all(|rejected| rejected.block != sound.block().0) {
            let state = if sound.block() == used { "used" } else { "kept" };
            all.push(Checkpoint { xid: sound.xid().0, block: sound.block().0, state, reason: None });
        }
    }
    all.sort_by_key(|checkpoint| core::cmp::Reverse(checkpoint.xid));
    all
}

impl Volume {
    fn gather(part: usize, volume: &apfs::Volume, outcome: &mut Outcome) -> Volume {
        let (superblock, name) = (volume.superblock(), volume.name());
        let raw = superblock.raw();
        let block_size = volume.container().block_size().bytes();
        let bytes = |blocks: u64| blocks.saturating_mul(block_size);
        let some_bytes = |blocks: u64| (blocks != 0).then(|| bytes(blocks));
        let (snapshots, snapshots_error) = match volume.snapshots() {
            Ok(snapshots) => (snapshots, None),
            Err(error) => {
                outcome.problem(format!("volume {name}: snapshots: {error}"));
                (Vec::new(), Some(error.to_string()))
            }
        };
        let protection = volume.protection().map(|protection| ProtectionRow::new(&protection));
        let protection = protection.unwrap_or_else(|error| {
            outcome.problem(format!("volume {name}: {error}"));
            None
        });
        let pending = |xid: u64| {
            let snapshot = snapshots.iter().find(|snapshot| snapshot.xid.0 == xid);
            let snapshot = snapshot.map(|snapshot| lossy(snapshot.name.as_bytes()).into_owned());
            (xid != 0).then_some(Pending { xid, snapshot })
        };
        Volume {
            index: volume.slot(),
            name: lossy(name.as_bytes()).into_owned(),
            uuid: volume.uuid().to_string(),
            role: volume.role().to_string(),
            group: volume.group().map(|group: Uuid| group.to_string()),
            encrypted: superblock.is_encrypted(),
            protection,
            sealed: superblock.is_sealed(),
            names: match superblock.name_rule() {
                NameRule::CaseInsensitive => "case-insensitive",
                NameRule::NormalizationInsensitive => "case-sensitive",
                NameRule::Bytes => "case-sensitive, not normalized",
            },
            features: flags::of_set(superblock.features()),
            readonly_compatible_features: flags::unnamed(raw.apfs_readonly_compatible_features.get()),
            incompatible_features: flags::of_set(superblock.incompatible_features()),
            flags: flags::of_set(superblock.flags()),
            quota_bytes: some_bytes(raw.apfs_fs_quota_block_count.get()),
            reserve_bytes: some_bytes(raw.apfs_fs_reserve_block_count.get()),
            used_bytes: bytes(raw.apfs_fs_alloc_count.get()),
            files: raw.apfs_num_files.get(),
            directories: raw.apfs_num_directories.get(),
            symlinks: raw.apfs_num_symlinks.get(),
            others: raw.apfs_num_other_fsobjects.get(),
            modified: Time::new(Timestamp(raw.apfs_last_mod_time.get())),
            unmounted: Some(Timestamp(raw.apfs_unmount_time.get())).filter(|time| time.0 != 0).map(Time::new),
            formatted_by: volume.formatted_by().map(Writer::new),
            modified_by: volume.modified_by().into_iter().map(Writer::new).collect(),
            pending_revert: pending(raw.apfs_revert_to_xid.get()),
            root_snapshot: pending(raw.apfs_root_to_xid.get()),
            snapshot_count: raw.apfs_num_snapshots.get(),
            snapshots: snapshots.iter().map(|snapshot| SnapshotRow::new(part, volume, snapshot)).collect(),
            snapshots_error,
        }
    }
}

impl Time {
    pub(super) fn new(time: Timestamp) -> Time {
        Time { time: time.to_string(), time_ns: time.0 }
    }
}

impl Writer {
    fn new(writer: WrittenBy) -> Writer {
        Writer { program: writer.program, at: Time::new(writer.time), last_xid: writer.last_xid.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stored example of the format sheet, and a version that uses every part.
    #[test]
    fn version() {
        assert_eq!(mounted_version(2_632_000_084_000_000), "2632.0.84.0.0");
        assert_eq!(mounted_version(1_412_081_001_002_003), "1412.81.1.2.3");
    }
}
