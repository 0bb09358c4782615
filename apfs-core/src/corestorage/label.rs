//! Disk labels: what is said of a group without decrypting anything (sheet corestorage, section 4).

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::block::{Block, Rejected};
use super::header::PhysicalVolume;
use super::plist;
use super::raw::{BLK_TYPE_DISK_LABEL, DiskLabel, GroupDescriptor, METADATA_BLOCK, PvAddress};
use crate::base::bytes::{len64, pod, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Paddr, Uuid, Xid};
use crate::base::limits::Limits;

/// Name of a label in messages.
const LABEL: &str = "disk label";

/// A disk label, checked.
#[derive(Clone, Debug)]
pub(super) struct Label {
    /// Transaction that wrote it.
    pub(super) txg: u64,
    /// Number of its physical volume in the group.
    pub(super) pv_index: u16,
    /// Name of the group.
    pub(super) name: String,
    /// Ids of all physical volumes of the group.
    pub(super) volumes: Vec<Uuid>,
    /// Where each copy of the encrypted metadata begins.
    pub(super) metadata: [PvAddress; 2],
    /// Blocks of each copy.
    pub(super) metadata_blocks: u64,
}

/// The sound labels of a physical volume, newest first, and what is wrong with the others. They are written in turn.
///
/// # Errors
/// `Limit` if they are too long, I/O if none can be read.
pub(super) fn labels(volume: &PhysicalVolume, limits: &Limits) -> Result<(Vec<Label>, Vec<Corrupt>)> {
    let mut labels = Vec::new();
    let mut findings = Vec::new();
    let mut failed = None;
    for block in volume.labels() {
        match read(volume, *block, limits) {
            Ok(label) => labels.push(label),
            Err(Error::Corrupt(corrupt)) => findings.push(*corrupt),
            Err(error) => failed = Some(error),
        }
    }
    labels.sort_by_key(|label| core::cmp::Reverse(label.txg));
    match failed {
        Some(error) if labels.is_empty() => Err(error),
        _ => Ok((labels, findings)),
    }
}

fn read(volume: &PhysicalVolume, block: Paddr, limits: &Limits) -> Result<Label> {
    let place = |field| Place::new(LABEL, field).block(block);
    let area = u64::from(volume.label_len());
    if area > limits.image_table_bytes {
        return Err(Error::limit("bytes of a disk label", limits.image_table_bytes, area));
    }
    let start = volume.offset_of(block.0);
    // Offsets in a label count from its start. What a damaged one says may lead anywhere.
    let read = |offset: u64, len: u64, field| -> Result<Vec<u8>> {
        let end = offset.checked_add(len).filter(|end| *end <= area);
        let end = end.ok_or_else(|| Error::damage(Damage::Bounds, place(field)))?;
        let stop = start.and_then(|start| start.checked_add(end));
        if stop.is_none_or(|stop| stop > volume.device().len()) {
            return Err(Error::damage(Damage::PastEnd, place(field)));
        }
        let mut bytes = zeroed(to_usize(len)?)?;
        volume.device().read_exact_at(start.unwrap_or(0).saturating_add(offset), &mut bytes)?;
        Ok(bytes)
    };
    let head = read(0, len64(METADATA_BLOCK), "")?;
    let parsed = Block::parse(&head, block).map_err(|rejected| match rejected {
        Rejected::Wiped => Box::new(Corrupt::new(Damage::Missing, place(""))),
        Rejected::Damaged(corrupt) => corrupt,
    })?;
    let txg = parsed.txg();
    if parsed.kind() != (BLK_TYPE_DISK_LABEL, 0) {
        return Err(Error::damage(Damage::ObjectType, place("mh_blk_type")));
    }
    let raw = *pod::<DiskLabel>(parsed.body).ok_or(Error::Misuse("a block is longer than a label"))?;
    let descriptor =
        read(raw.descriptor_offset.get().into(), len64(size_of::<GroupDescriptor>()), "descriptor offset")?;
    let descriptor =
        *pod::<GroupDescriptor>(&descriptor).ok_or(Error::Misuse("a descriptor was read whole"))?;
    let list = read(raw.plist_offset.get().into(), raw.plist_nbytes.get().into(), "plist size")?;
    let missing = |field| move || Error::from(Corrupt::new(Damage::Missing, place(field).xid(Xid(txg))));
    plist::parse(&list, |dict| {
        let group = dict.uuid("com.apple.corestorage.lvg.uuid").ok_or_else(missing("lvg.uuid"))?;
        if group != volume.group_uuid() {
            let corrupt = Corrupt::new(Damage::Contradiction, place("lvg.uuid"));
            return Err(corrupt.expected(volume.group_uuid()).found(group).into());
        }
        let ids = dict.texts("com.apple.corestorage.lvg.physicalVolumes").map(Uuid::from_text);
        let volumes: Option<Vec<Uuid>> = ids.collect();
        let volumes = volumes.filter(|volumes| !volumes.is_empty());
        Ok(Label {
            txg,
            pv_index: raw.pv_index.get(),
            name: dict.text("com.apple.corestorage.lvg.name").unwrap_or_default().to_string(),
            volumes: volumes.ok_or_else(missing("lvg.physicalVolumes"))?,
            metadata: descriptor.addresses.map(|address| PvAddress::new(address.get())),
            metadata_blocks: descriptor.blocks.get(),
        })
    })
}
