//! Volume groups: physical volumes, and the logical ones on them.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use super::block::Block;
use super::family::{Context, Family};
use super::header::PhysicalVolume;
use super::label::{Label, labels};
use super::list::Lists;
use super::map::Map;
use super::metadata::{Copy, Metadata};
use super::plist;
use super::raw::{BLK_TYPE_FAMILY, BLK_TYPE_VOLUME, METADATA_BLOCK, VolumeBlock};
use super::volume::{Known, LogicalVolume};
use crate::base::bytes::{len64, pod};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Uuid;
use crate::base::options::OpenOptions;
use crate::base::secret::Secret;
use crate::io::read_at::ReadAt;

/// Name of a volume's block in messages.
const VOLUME: &str = "logical volume";
/// Volumes, and families, of a group that are looked at. One is usual.
const MOST: usize = 128;
/// Places of metadata that are tried: one for each label, if all differ.
const PLACES: usize = 4;

/// A volume group: all its physical volumes, and the logical ones that its metadata describe.
///
/// ```no_run
/// # fn main() -> apfs_core::Result<()> {
/// use apfs_core::corestorage::Group;
/// use apfs_core::{Disk, OpenOptions, Secret};
///
/// let disk = Disk::open_file("disk.img")?;
/// let group = Group::open(vec![disk.partition_device(1)?], &OpenOptions::default())?;
/// for volume in group.logical_volumes() {
///     println!("{volume}");
///     let unlocked = volume.unlock(&Secret::password("correct horse"))?;
///     let device = volume.device()?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Group {
    uuid: Uuid,
    name: String,
    physical: Arc<[PhysicalVolume]>,
    logical: Vec<LogicalVolume>,
    findings: Vec<Corrupt>,
}

impl Group {
    /// Opens the group that partitions make together, in any order.
    ///
    /// # Errors
    /// As [`PhysicalVolume::open`] and [`Group::of`].
    pub fn open(devices: Vec<Arc<dyn ReadAt>>, options: &OpenOptions) -> Result<Group> {
        let volumes = devices.into_iter().map(PhysicalVolume::open).collect::<Result<Vec<_>>>()?;
        Group::of(volumes, options)
    }

    /// Opens the group that physical volumes make together, in any order. Of `options` the limits, the observer and the
    /// secrets count; a key file among the secrets is used for families that keep their users there.
    ///
    /// # Errors
    /// `NotFound` if one is missing, by its id; `Corrupt` if no disk label or no metadata is sound, `Unsupported` for a
    /// form that is not known, `Limit`, and `Misuse` for no volumes or those of several groups.
    pub fn of(volumes: Vec<PhysicalVolume>, options: &OpenOptions) -> Result<Group> {
        let limits = &options.limits;
        let first = volumes.first().ok_or(Error::Misuse("a group has physical volumes"))?;
        let uuid = first.group_uuid();
        if volumes.iter().any(|volume| volume.group_uuid() != uuid) {
            return Err(Error::Misuse("physical volumes of several groups"));
        }
        let mut findings: Vec<Corrupt> = volumes.iter().flat_map(PhysicalVolume::findings).cloned().collect();
        let mut labelled = Vec::new();
        let mut lost = None;
        for volume in volumes {
            let (labels, damaged) = labels(&volume, limits)?;
            lost = lost.or_else(|| damaged.first().cloned());
            findings.extend(damaged);
            labelled.push((volume, labels));
        }
        let all = || labelled.iter().flat_map(|(_, labels)| labels);
        let newest = all().max_by_key(|label| label.txg).cloned();
        let none = || lost.unwrap_or(Corrupt::new(Damage::Missing, Place::new("disk label", "")));
        let newest = newest.ok_or_else(none)?;
        let mut places: Vec<Label> = all().cloned().collect();
        places.sort_by_key(|label| Reverse(label.txg));
        let physical = in_order(labelled, &newest, uuid, &mut findings)?;
        let block_size = physical.first().map_or(0, PhysicalVolume::block_size);
        if physical.iter().any(|volume| volume.block_size() != block_size) {
            let hint = "no such group is known; copy its files on a Mac";
            return Err(Error::unsupported("CoreStorage volumes with blocks of several sizes", hint));
        }
        let metadata = read_metadata(&physical, &places, options, &mut findings)?;
        let mut group = Group { uuid, name: newest.name, physical, logical: Vec::new(), findings };
        group.read_volumes(&metadata, options)?;
        if let Some(observer) = &options.observer {
            let of_volumes = group.logical.iter().flat_map(LogicalVolume::findings);
            group.findings.iter().chain(of_volumes).for_each(|finding| observer.finding(finding));
        }
        Ok(group)
    }

    /// Its id.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Its name, may be empty.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its physical volumes, in the order that addresses count them.
    #[must_use]
    pub fn physical_volumes(&self) -> &[PhysicalVolume] {
        &self.physical
    }

    /// Its logical volumes.
    #[must_use]
    pub fn logical_volumes(&self) -> &[LogicalVolume] {
        &self.logical
    }

    /// What is wrong with it, where that does not stop reading. What is wrong with one logical volume is there.
    #[must_use]
    pub fn findings(&self) -> &[Corrupt] {
        &self.findings
    }

    fn read_volumes(&mut self, metadata: &Metadata, options: &OpenOptions) -> Result<()> {
        let blocks = |kind| metadata.blocks().filter(move |block| block.kind() == (kind, 0));
        let count = blocks(BLK_TYPE_VOLUME).count();
        let most = count.max(blocks(BLK_TYPE_FAMILY).count());
        if most > MOST {
            return Err(Error::limit("logical volumes of a CoreStorage group", len64(MOST), len64(most)));
        }
        let mut lists = Lists::new(metadata, &options.limits);
        let mut families = BTreeMap::new();
        for block in blocks(BLK_TYPE_FAMILY) {
            match Family::read(&mut lists, &block) {
                Ok((uuid, family)) => {
                    families.insert(uuid, family);
                }
                Err(Error::Corrupt(corrupt)) => self.findings.push(*corrupt),
                Err(error) => return Err(error),
            }
        }
        for block in blocks(BLK_TYPE_VOLUME) {
            match self.volume(metadata, &mut lists, &block, &families, (count == 1, options)) {
                Ok(known) => self.logical.push(LogicalVolume::new(known, &options.secrets, &options.limits)),
                Err(Error::Corrupt(corrupt)) => self.findings.push(*corrupt),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn volume(
        &self,
        metadata: &Metadata,
        lists: &mut Lists<'_>,
        block: &Block<'_>,
        families: &BTreeMap<Uuid, Family>,
        (is_only, options): (bool, &OpenOptions),
    ) -> Result<Known> {
        let raw = pod::<VolumeBlock>(block.body).ok_or(Error::Misuse("a block is longer than its start"))?;
        let list = lists.read(block, &raw.plist, 0, VOLUME)?;
        let place = |field| block.place(VOLUME, field);
        plist::parse(&list, |dict| {
            let missing = |field| move || Error::damage(Damage::Missing, place(field));
            let family_uuid =
                dict.uuid("com.apple.corestorage.lv.familyUUID").ok_or_else(missing("familyUUID"))?;
            let len = dict.integer("com.apple.corestorage.lv.size").ok_or_else(missing("size"))?;
            if len > options.limits.image_bytes {
                return Err(Error::limit("bytes of a logical volume", options.limits.image_bytes, len));
            }
            if len.checked_rem(512) != Some(0) {
                let corrupt = Corrupt::new(Damage::Range, place("size"));
                return Err(corrupt.expected("a multiple of 512").found(len).into());
            }
            let mut findings = Vec::new();
            let map = match Map::read(metadata, raw, (len, is_only), &self.physical) {
                Ok((map, found)) => {
                    findings.extend(found);
                    Ok(map)
                }
                Err(Error::Corrupt(corrupt)) => Err(*corrupt),
                Err(error) => return Err(error),
            };
            findings.extend(map.as_ref().err().cloned());
            let family = families.get(&family_uuid).cloned().unwrap_or(Family::Elsewhere);
            let family = match family {
                Family::Known(_) => family,
                Family::Elsewhere | Family::Damaged(_) => {
                    self.in_key_file(&options.secrets).unwrap_or(family)
                }
            };
            if let Family::Damaged(corrupt) = &family {
                findings.push(corrupt.clone());
            }
            let text = |key| dict.text(key).unwrap_or_default().to_string();
            Ok(Known {
                uuid: dict.uuid("com.apple.corestorage.lv.uuid").unwrap_or_default(),
                name: text("com.apple.corestorage.lv.name"),
                len,
                content_hint: text("com.apple.corestorage.lv.contenthint"),
                family_uuid,
                family,
                is_wiped: metadata.has_wiped,
                map,
                volumes: self.physical.clone(),
                findings,
            })
        })
    }

    /// Users and keys from the first key file that belongs to this group.
    fn in_key_file(&self, secrets: &[Secret]) -> Option<Family> {
        let files = secrets.iter().filter_map(|secret| match secret {
            Secret::KeyFile(content) => Some(content),
            _ => None,
        });
        let mut decrypted = files.flat_map(|file| {
            self.physical.iter().map(|volume| {
                let mut text = file.clone();
                volume.key_file_key().decrypt_unit(0, &mut text);
                text
            })
        });
        decrypted.find_map(|text| Context::parse_file(&text).ok()).map(Family::Known)
    }
}

/// Physical volumes by their number in the group: the one in their labels, or where those do not give each its own, the
/// one in the list of the group.
fn in_order(
    labelled: Vec<(PhysicalVolume, Vec<Label>)>,
    newest: &Label,
    group: Uuid,
    findings: &mut Vec<Corrupt>,
) -> Result<Arc<[PhysicalVolume]>> {
    for uuid in &newest.volumes {
        if !labelled.iter().any(|(volume, _)| volume.uuid() == *uuid) {
            let (have, all) = (labelled.len(), newest.volumes.len());
            return Err(Error::not_found(format!(
                "physical volume {uuid} of volume group {} ({group}), which has {all}, of which {have} are here; give all \
                 of them together",
                newest.name
            )));
        }
    }
    let place = |field| Place::new("disk label", field);
    let listed = |volume: &PhysicalVolume| newest.volumes.iter().position(|uuid| *uuid == volume.uuid());
    let mut volumes = Vec::new();
    for (volume, labels) in labelled {
        let number = labels.first().map(|label| usize::from(label.pv_index));
        match listed(&volume) {
            Some(position) => volumes.push((number, position, volume)),
            None => {
                let corrupt = Corrupt::new(Damage::Contradiction, place("lvg.physicalVolumes"));
                findings.push(corrupt.found(format!("physical volume {} is not in the list", volume.uuid())));
            }
        }
    }
    volumes.sort_by_key(|(_, position, _)| *position);
    if volumes.windows(2).any(|pair| matches!(pair, [(_, a, _), (_, b, _)] if a == b)) {
        let corrupt = Corrupt::new(Damage::Contradiction, place("lvg.physicalVolumes"));
        return Err(corrupt.found("two physical volumes of one id").into());
    }
    let mut numbers: Vec<usize> = volumes.iter().filter_map(|(number, _, _)| *number).collect();
    numbers.sort_unstable();
    let are_whole = numbers.iter().copied().eq(0..volumes.len());
    if are_whole {
        volumes.sort_by_key(|(number, _, _)| *number);
    }
    if volumes
        .iter()
        .enumerate()
        .any(|(index, (number, position, _))| *number != Some(index) || *position != index)
    {
        let corrupt = Corrupt::new(Damage::Contradiction, place("pv_index"));
        let order =
            if are_whole { "other numbers than the list" } else { "numbers that are not those of a group" };
        findings.push(corrupt.found(order));
    }
    Ok(volumes.into_iter().map(|(_, _, volume)| volume).collect())
}

/// The metadata that the newest label leads to, or an older one if that leads nowhere.
fn read_metadata(
    physical: &[PhysicalVolume],
    labels: &[Label],
    options: &OpenOptions,
    findings: &mut Vec<Corrupt>,
) -> Result<Metadata> {
    let mut tried = Vec::new();
    let mut failed = None;
    for label in labels {
        let place = (label.metadata, label.metadata_blocks);
        if tried.contains(&place) || tried.len() >= PLACES {
            continue;
        }
        tried.push(place);
        let copies = label.metadata.iter().filter_map(|address| {
            let volume = physical.get(usize::from(address.pv))?;
            // What follows the last whole block of metadata is none.
            let unit = METADATA_BLOCK.checked_div(usize::try_from(volume.block_size()).ok()?)?.max(1);
            let blocks =
                label.metadata_blocks.checked_sub(label.metadata_blocks.checked_rem(len64(unit))?)?;
            Some(Copy { volume, block: address.block, blocks })
        });
        let copies: Vec<Copy<'_>> = copies.collect();
        let mut holders: Vec<&PhysicalVolume> = copies.iter().map(|copy| copy.volume).collect();
        holders.extend(physical.get(usize::from(label.pv_index)));
        holders.sort_by_key(|volume| volume.uuid());
        holders.dedup_by_key(|volume| volume.uuid());
        let keys: Vec<_> = holders.into_iter().map(PhysicalVolume::metadata_key).collect();
        match Metadata::read(&copies, &keys, &options.limits) {
            Ok((metadata, found)) => {
                findings.extend(found);
                return Ok(metadata);
            }
            Err(error @ Error::Limit(_)) => return Err(error),
            Err(error) => {
                if let Error::Corrupt(corrupt) = &error {
                    findings.push((**corrupt).clone());
                }
                failed = failed.or(Some(error));
            }
        }
    }
    Err(failed.unwrap_or_else(|| Error::damage(Damage::Missing, Place::new("encrypted metadata", ""))))
}

/// Name and numbers, for example `Macintosh HD (2 physical volumes, 1 logical volume)`.
impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let volumes =
            |count: usize, kind| format!("{count} {kind} volume{}", if count == 1 { "" } else { "s" });
        let (physical, logical) =
            (volumes(self.physical.len(), "physical"), volumes(self.logical.len(), "logical"));
        match self.name.as_str() {
            "" => write!(f, "volume group {} ({physical}, {logical})", self.uuid),
            name => write!(f, "{name} ({physical}, {logical})"),
        }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("uuid", &self.uuid)
            .field("name", &self.name)
            .field("physical", &self.physical)
            .field("logical", &self.logical)
            .finish_non_exhaustive()
    }
}
