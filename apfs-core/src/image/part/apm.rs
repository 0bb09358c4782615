//! Apple partition maps, in blocks of 512 bytes or, on CDs, 2048 (sheet partitions, section 3).

use alloc::string::String;
use alloc::vec::Vec;

use zerocopy::byteorder::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::table::{Entry, PartitionType, Scheme, Table};
use crate::base::bytes::pod;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::io::read_at::ReadAt;

/// Sizes of a block that a map may use. A map of 512-byte blocks has entries at places of the other kind, too.
const BLOCK_SIZES: [u64; 2] = [512, 2048];

/// Start of block 0, the driver descriptor map (`Block0`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawBlock0 {
    sb_sig: [u8; 2],
    sb_blk_size: U16,
}

/// Entry (`Partition`), without what only drivers need.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawEntry {
    pm_sig: [u8; 2],
    pm_sig_pad: [u8; 2],
    pm_map_blk_cnt: U32,
    pm_py_part_start: U32,
    pm_part_blk_cnt: U32,
    pm_part_name: [u8; 32],
    pm_par_type: [u8; 32],
}

const _: () = assert!(size_of::<RawBlock0>() == 4 && size_of::<RawEntry>() == 80);

/// The map of a disk; `None` if it has none.
///
/// Hybrid CDs carry two maps of the same disk, one for each size of block. The one that the driver descriptor map
/// tells of is taken if it is whole, else the whole one with the smallest blocks.
///
/// # Errors
/// `Limit` for more entries than [`Limits::partitions`].
pub(super) fn read(device: &dyn ReadAt, limits: &Limits) -> Result<Option<Table>> {
    let told = block(device, 0).and_then(|bytes| pod::<RawBlock0>(&bytes).copied());
    let told = told.filter(|raw| raw.sb_sig == *b"ER").map(|raw| u64::from(raw.sb_blk_size.get()));
    let sizes = told.filter(|size| BLOCK_SIZES.contains(size)).into_iter().chain(BLOCK_SIZES);
    let (mut partial, mut failed) = (None, None);
    for size in sizes {
        match read_map(device, size, limits) {
            Ok(Some(table)) if table.findings.is_empty() => return Ok(Some(table)),
            Ok(Some(table)) if size == 512 || lists_itself(&table, size) => partial = partial.or(Some(table)),
            Ok(_) => {}
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(partial), Err)
}

/// True if the map has an entry for itself, which tells the size of its blocks.
fn lists_itself(map: &Table, size: u64) -> bool {
    map.entries.iter().any(|entry| entry.start == size && entry.kind.name() == Some("Apple_partition_map"))
}

/// The map in blocks of a given size, if its first entry is there, or the second one.
fn read_map(device: &dyn ReadAt, size: u64, limits: &Limits) -> Result<Option<Table>> {
    let first = entry(device, size, 1).or_else(|| entry(device, size, 2));
    let Some(first) = first else { return Ok(None) };
    let count = first.pm_map_blk_cnt.get();
    if count > limits.partitions {
        return Err(Error::limit("partition entries", u64::from(limits.partitions), u64::from(count)));
    }
    let entries: Vec<_> = (1..=u64::from(count)).map(|number| entry(device, size, number)).collect();
    let present = entries.iter().rposition(Option::is_some).map_or(0, |last| last.saturating_add(1));
    let mut table = Table::new(Scheme::Apm);
    for (number, raw) in (1_u64..).zip(entries.iter().take(present)) {
        let place = |field| Place::new("Partition", field).offset(number.saturating_mul(size));
        let Some(raw) = raw else {
            // It is kept, empty: the others keep their numbers.
            table.findings.push(Corrupt::new(Damage::Magic, place("pmSig")).expected("PM"));
            let (kind, label) = (PartitionType::Text(String::new()), String::new());
            table.entries.push(Entry { start: 0, len: 0, kind, label, place: place("pmSig") });
            continue;
        };
        let bytes = |blocks: U32| u64::from(blocks.get()).saturating_mul(size);
        table.entries.push(Entry {
            start: bytes(raw.pm_py_part_start),
            len: bytes(raw.pm_part_blk_cnt),
            kind: PartitionType::Text(text(&raw.pm_par_type)),
            label: text(&raw.pm_part_name),
            place: place("pmPyPartStart"),
        });
    }
    if present < entries.len() {
        let place = Place::new("Partition", "pmMapBlkCnt").offset(size);
        table.findings.push(Corrupt::new(Damage::Missing, place).expected(count).found(present));
    }
    Ok(Some(table).filter(|table| !table.entries.is_empty()))
}

fn entry(device: &dyn ReadAt, size: u64, number: u64) -> Option<RawEntry> {
    let bytes = block(device, number.checked_mul(size)?)?;
    pod::<RawEntry>(&bytes).copied().filter(|raw| raw.pm_sig == *b"PM")
}

fn block(device: &dyn ReadAt, at: u64) -> Option<[u8; size_of::<RawEntry>()]> {
    let mut bytes = [0; size_of::<RawEntry>()];
    device.read_exact_at(at, &mut bytes).ok().map(|()| bytes)
}

/// A C string in a field of its own.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or(field)).into_owned()
}

/// Types by their usual spelling; maps are written in any case.
const TYPES: [&str; 19] = [
    "Apple_APFS",
    "Apple_HFS",
    "Apple_HFSX",
    "Apple_CoreStorage",
    "Apple_Boot",
    "Apple_Boot_RAID",
    "Apple_RAID",
    "Apple_UFS",
    "Apple_MFS",
    "Apple_PRODOS",
    "Apple_UNIX_SVR2",
    "Apple_Bootstrap",
    "Apple_partition_map",
    "Apple_Free",
    "Apple_Void",
    "Apple_Extra",
    "Apple_Patches",
    "Apple_Loader",
    "Apple_Driver",
];

/// Name of a type in its usual spelling; all kinds of drivers are `Apple_Driver`.
pub(super) fn type_name(text: &str) -> Option<&'static str> {
    let driver = "Apple_Driver";
    let is_driver = text.get(..driver.len()).is_some_and(|start| start.eq_ignore_ascii_case(driver));
    if is_driver {
        return Some(driver);
    }
    TYPES.into_iter().find(|name| name.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types are known in any case, drivers by their beginning.
    #[test]
    fn types() {
        assert_eq!(type_name("APPLE_hfs"), Some("Apple_HFS"));
        assert_eq!(type_name("Apple_Driver43_CD"), Some("Apple_Driver"));
        assert_eq!(type_name("Apple_Überall"), None);
        assert_eq!(type_name(""), None);
    }
}
