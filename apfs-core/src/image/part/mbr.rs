//! Master boot records, with extended partitions, and those that stand beside a GUID table (sheet partitions,
//! section 2).

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use zerocopy::byteorder::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::table::{Entry, PartitionType, Scheme, Table};
use crate::base::bytes::{get, len64, pod};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::image::probe::{Content, probe_at};
use crate::io::read_at::ReadAt;

/// Type of the entry that keeps other programs off a disk with a GUID table.
pub(super) const PROTECTIVE: u8 = 0xEE;

/// Sizes of a sector to try: the table does not say in what it counts.
const SECTOR_SIZES: [u64; 2] = [512, 4096];

/// Where the four entries begin.
const ENTRIES: usize = 446;

/// Entry of a boot record.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawEntry {
    status: u8,
    chs_first: [u8; 3],
    kind: u8,
    chs_last: [u8; 3],
    start: U32,
    count: U32,
}

const _: () = assert!(size_of::<RawEntry>() == 16);

impl RawEntry {
    fn is_used(&self) -> bool {
        self.kind != 0
    }

    /// True for what a partitioning program writes; code of a boot sector hardly ever looks like it.
    fn is_sane(&self) -> bool {
        matches!(self.status, 0 | 0x80) && (!self.is_used() || (self.start.get() > 0 && self.count.get() > 0))
    }
}

/// A boot record of either kind: four entries and where it was read.
struct Record {
    at: u64,
    entries: [RawEntry; 4],
}

impl Record {
    /// The record at a byte of the device, if its signature is there.
    fn read(device: &dyn ReadAt, at: u64) -> Result<Option<Record>> {
        let mut bytes = [0; 512];
        device.read_exact_at(at, &mut bytes)?;
        let entries = get(&bytes, ENTRIES, 64).and_then(pod::<[RawEntry; 4]>);
        let is_signed = bytes.ends_with(&[0x55, 0xAA]);
        Ok(entries.copied().filter(|_| is_signed).map(|entries| Record { at, entries }))
    }

    /// The master boot record of a disk, if its entries make sense.
    fn master(device: &dyn ReadAt) -> Option<Record> {
        let record = Record::read(device, 0).ok().flatten()?;
        let is_sane = record.entries.iter().all(RawEntry::is_sane);
        (is_sane && record.entries.iter().any(RawEntry::is_used)).then_some(record)
    }

    /// The used entries and where they stand.
    fn used(&self) -> impl Iterator<Item = (&RawEntry, Place)> {
        let places = (0..4_u64).map(|index| {
            let at = self.at.saturating_add(len64(ENTRIES)).saturating_add(index.saturating_mul(16));
            Place::new(if self.at == 0 { "master boot record" } else { "extended boot record" }, "entry")
                .offset(at)
        });
        self.entries.iter().zip(places).filter(|(raw, _)| raw.is_used())
    }
}

/// The table of a disk that as a whole looks like `whole`; `None` if it has none. The boot sector of a foreign volume
/// ends like a table and is none.
///
/// # Errors
/// `Limit` for more entries than [`Limits::partitions`].
pub(super) fn read(device: &dyn ReadAt, whole: Content, limits: &Limits) -> Result<Option<Table>> {
    if whole.has_boot_sector() {
        return Ok(None);
    }
    let Some(record) = Record::master(device) else { return Ok(None) };
    let is_here = |raw: &RawEntry, sector: u64| bytes(raw.start, sector) < device.len();
    let looks_right = |sector: &u64| {
        record.used().any(|(raw, _)| {
            let range = (bytes(raw.start, *sector), bytes(raw.count, *sector));
            is_here(raw, *sector)
                && probe_at(device, range.0, range.1).is_ok_and(|found| found != Content::Unknown)
        })
    };
    if !record.used().any(|(raw, _)| is_here(raw, 512)) {
        return Ok(None);
    }
    let sector = SECTOR_SIZES.into_iter().find(looks_right).unwrap_or(512);
    let mut table = Table::new(Scheme::Mbr);
    for (raw, place) in record.used() {
        table.take(entry(raw, 0, sector, place), limits)?;
    }
    for (raw, _) in record.used().filter(|(raw, _)| is_extended(raw.kind)) {
        read_extended(
            device,
            (bytes(raw.start, sector), bytes(raw.count, sector)),
            sector,
            limits,
            &mut table,
        )?;
    }
    Ok(Some(table))
}

/// Follows the chain of boot records in an extended partition. The first entry of each is a logical partition, the
/// other one leads to the next record, counted from the first.
fn read_extended(
    device: &dyn ReadAt,
    (start, len): (u64, u64),
    sector: u64,
    limits: &Limits,
    table: &mut Table,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    let mut next = Some(start);
    while let Some(at) = next.take() {
        let wrong = |damage| Corrupt::new(damage, Place::new("extended boot record", "").offset(at));
        if !seen.insert(at) {
            table.findings.push(wrong(Damage::Loop));
            break;
        }
        if at >= start.saturating_add(len) {
            table.findings.push(wrong(Damage::Bounds));
            break;
        }
        let record = match Record::read(device, at) {
            Ok(Some(record)) => record,
            Ok(None) => {
                table.findings.push(wrong(Damage::Magic).expected("55 AA"));
                break;
            }
            Err(_) => {
                table.findings.push(wrong(Damage::PastEnd));
                break;
            }
        };
        for (raw, place) in record.used() {
            if is_extended(raw.kind) {
                next = next.or(Some(start.saturating_add(bytes(raw.start, sector))));
                continue;
            }
            table.take(entry(raw, at, sector, place), limits)?;
        }
        // Records without a partition take time, too.
        let (limit, count) = (u64::from(limits.partitions), len64(seen.len()));
        if count > limit {
            return Err(Error::limit("extended boot records", limit, count));
        }
    }
    Ok(())
}

/// Findings about entries beside a GUID table that it does not have: the GUID table counts, but other systems go by
/// these.
pub(super) fn without_twin(device: &dyn ReadAt, sector: u64, gpt: &[Entry]) -> Vec<Corrupt> {
    let Some(record) = Record::master(device) else { return Vec::new() };
    let real = record.used().filter(|(raw, _)| raw.kind != PROTECTIVE);
    let without = real.filter(|(raw, _)| {
        let range = (bytes(raw.start, sector), bytes(raw.count, sector));
        !gpt.iter().any(|entry| (entry.start, entry.len) == range)
    });
    let finding = |(raw, place): (&RawEntry, Place)| {
        let (kind, start, count) = (raw.kind, raw.start, raw.count);
        let found = alloc::format!("type {kind:02x}, {count} sectors from {start}");
        Corrupt::new(Damage::Contradiction, place)
            .expected("an entry of the GUID partition table")
            .found(found)
    };
    without.map(finding).collect()
}

fn entry(raw: &RawEntry, base: u64, sector: u64, place: Place) -> Entry {
    Entry {
        start: base.saturating_add(bytes(raw.start, sector)),
        len: bytes(raw.count, sector),
        kind: PartitionType::Byte(raw.kind),
        label: String::new(),
        place,
    }
}

fn bytes(sectors: U32, sector: u64) -> u64 {
    u64::from(sectors.get()).saturating_mul(sector)
}

/// True for a partition that holds a chain of others.
pub(super) fn is_extended(kind: u8) -> bool {
    matches!(kind, 0x05 | 0x0F | 0x85)
}

/// Name of a type, Apple's where it is one of Apple's.
pub(super) fn type_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0xAF => "Apple_HFS",
        0xA8 => "Apple_UFS",
        0xAB => "Apple_Boot",
        0xAC => "Apple_RAID",
        PROTECTIVE => "GPT protective",
        0xEF => "EFI",
        0x05 | 0x0F | 0x85 => "Extended",
        0x01 | 0x04 | 0x06 | 0x0E => "FAT",
        0x0B | 0x0C => "FAT32",
        0x07 => "NTFS or exFAT",
        0x82 => "Linux swap",
        0x83 => "Linux Filesystem",
        0x8E => "Linux LVM",
        _ => return None,
    })
}
