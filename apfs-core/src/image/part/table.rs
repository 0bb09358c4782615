//! What the kinds of partition tables have in common, and which of them a disk has (sheet partitions, section 5).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::gpt::Gpt;
use super::{apm, gpt, mbr};
use crate::base::bytes::len64;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Uuid;
use crate::base::limits::Limits;
use crate::image::probe::Content;
use crate::io::read_at::ReadAt;

/// How the partitions of a disk are described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// No table: one file system fills the disk.
    None,
    /// GUID partition table.
    Gpt,
    /// Apple partition map.
    Apm,
    /// Master boot record.
    Mbr,
}

impl Scheme {
    /// Short name: `none`, `gpt`, `apm` or `mbr`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Scheme::None => "none",
            Scheme::Gpt => "gpt",
            Scheme::Apm => "apm",
            Scheme::Mbr => "mbr",
        }
    }
}

/// What a partition is for, as its table says it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartitionType {
    /// Id in a GUID partition table.
    Guid(Uuid),
    /// Text in an Apple partition map.
    Text(String),
    /// Byte in a master boot record.
    Byte(u8),
}

impl PartitionType {
    /// Name of the type, Apple's where it is one of Apple's; `None` for a type that is not known here.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        match self {
            PartitionType::Guid(guid) => gpt::type_name(guid),
            PartitionType::Text(text) => apm::type_name(text),
            PartitionType::Byte(byte) => mbr::type_name(*byte),
        }
    }
}

/// One used entry of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// First byte.
    pub start: u64,
    /// Length in bytes; the partition may pass the end of a truncated device.
    pub len: u64,
    /// What it is for.
    pub kind: PartitionType,
    /// Its name, empty in a master boot record.
    pub label: String,
    /// Where the entry itself stands.
    pub place: Place,
}

/// The partition table that counts on a disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Table {
    /// Its kind, never [`Scheme::None`].
    pub scheme: Scheme,
    /// True if the copy at the end of the disk was used because the first one is damaged.
    pub from_backup: bool,
    /// Used entries in the order of the table; logical partitions after the others.
    pub entries: Vec<Entry>,
    /// What is wrong with it, where that does not stop reading.
    pub findings: Vec<Corrupt>,
}

impl Table {
    /// A table of some kind without entries.
    pub(super) fn new(scheme: Scheme) -> Table {
        Table { scheme, from_backup: false, entries: Vec::new(), findings: Vec::new() }
    }

    /// Appends an entry, as long as there are not too many.
    pub(super) fn take(&mut self, entry: Entry, limits: &Limits) -> Result<()> {
        let (limit, count) = (u64::from(limits.partitions), len64(self.entries.len()).saturating_add(1));
        if count > limit {
            return Err(Error::limit("partition entries", limit, count));
        }
        self.entries.push(entry);
        Ok(())
    }

    /// The table of a disk that as a whole looks like `whole`; `None` if it has none, or is rather a single volume.
    ///
    /// A sound GUID table at the start counts most. Then a volume of Apple's from the first byte on: formatting a
    /// disk leaves old tables behind. Then a GUID table at the end, an Apple partition map, a master boot record.
    ///
    /// # Errors
    /// `Corrupt` if there is a GUID table of which no copy can be used, and nothing else; `Limit` for more entries
    /// than [`Limits::partitions`].
    pub fn find(device: &dyn ReadAt, whole: Content, limits: &Limits) -> Result<Option<Table>> {
        if whole.is_apple_volume() {
            return Ok(Gpt::sound_at_start(device, limits).map(|gpt| Table::of_gpt(gpt, device)));
        }
        let damaged = match Gpt::read(device, limits) {
            Ok(Some(gpt)) => return Ok(Some(Table::of_gpt(gpt, device))),
            Ok(None) => None,
            Err(error @ Error::Limit(_)) => return Err(error),
            Err(error) => Some(error),
        };
        let mut table = match apm::read(device, limits)? {
            Some(table) => table,
            None => match mbr::read(device, whole, limits)? {
                Some(table) => table,
                None => return damaged.map_or(Ok(None), Err),
            },
        };
        if table.entries.iter().all(|entry| entry.kind == PartitionType::Byte(mbr::PROTECTIVE)) {
            let missing = Corrupt::new(Damage::Missing, Place::new("EFI_PARTITION_TABLE_HEADER", ""));
            return Err(damaged.unwrap_or_else(|| missing.into()));
        }
        table.findings.extend(damaged.as_ref().and_then(Error::corrupt).cloned());
        table.check(device.len());
        Ok(Some(table))
    }

    fn of_gpt(gpt: Gpt, device: &dyn ReadAt) -> Table {
        let mut table =
            Table { from_backup: gpt.from_backup, findings: gpt.findings, ..Table::new(Scheme::Gpt) };
        table.entries = gpt.entries.into_iter().map(gpt::GptEntry::into_entry).collect();
        table.findings.extend(mbr::without_twin(device, gpt.sector_size, &table.entries));
        table.check(device.len());
        table
    }

    /// Finds entries that pass the end of the device, or share bytes with another one.
    fn check(&mut self, device: u64) {
        let mut ends = BTreeMap::new();
        let mut found = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.len > 0) {
            let end = entry.start.saturating_add(entry.len);
            if end > device {
                let finding = Corrupt::new(Damage::PastEnd, entry.place.clone());
                found.push(finding.expected(alloc::format!("at most {device}")).found(end));
            }
            // An extended partition is there to hold others.
            if matches!(entry.kind, PartitionType::Byte(byte) if mbr::is_extended(byte)) {
                continue;
            }
            let other = ends.range(..end).next_back().filter(|(_, other)| **other > entry.start);
            match other {
                Some((start, other)) => {
                    let finding = Corrupt::new(Damage::Overlap, entry.place.clone());
                    let range =
                        alloc::format!("bytes {} to {end}, and another one {start} to {other}", entry.start);
                    found.push(finding.found(range));
                }
                None => {
                    ends.insert(entry.start, end);
                }
            }
        }
        self.findings.append(&mut found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(ranges: &[(u64, u64)]) -> Table {
        let entry = |(start, len): &(u64, u64)| Entry {
            start: *start,
            len: *len,
            kind: PartitionType::Byte(0xAF),
            label: String::new(),
            place: Place::default(),
        };
        Table { entries: ranges.iter().map(entry).collect(), ..Table::new(Scheme::Mbr) }
    }

    /// Shared bytes are found in whatever order the entries come; neighbours and empty entries share nothing.
    #[test]
    fn overlaps() {
        let cases: [(&[(u64, u64)], usize); 7] = [
            (&[(0, 10), (10, 10), (20, 5)], 0),
            (&[(20, 5), (10, 10), (0, 10)], 0),
            (&[(0, 10), (5, 0)], 0),
            (&[(0, 10), (9, 5)], 1),
            (&[(9, 5), (0, 10)], 1),
            (&[(0, 100), (10, 1), (50, 1), (100, 1)], 2),
            (&[(50, 1), (10, 1), (0, 100)], 1),
        ];
        for (ranges, count) in cases {
            let mut table = table(ranges);
            table.check(1000);
            assert_eq!(table.findings.len(), count, "{ranges:?}");
        }
    }

    /// Ends are compared without overflow.
    #[test]
    fn past_the_end() {
        let mut table = table(&[(999, 1), (1000, 1), (u64::MAX, u64::MAX)]);
        table.check(1000);
        let damage: Vec<_> = table.findings.iter().map(|finding| finding.damage).collect();
        assert_eq!(damage, [Damage::PastEnd, Damage::PastEnd]);
    }
}
