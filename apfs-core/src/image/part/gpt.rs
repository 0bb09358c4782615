//! GUID partition tables, from either end of the disk (sheet partitions, section 1).

use alloc::string::String;
use alloc::vec::Vec;

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::table::{Entry, PartitionType};
use crate::base::bytes::{get, len64, pod, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Uuid;
use crate::base::limits::Limits;
use crate::io::read_at::ReadAt;
use crate::sum::crc32::{crc32, crc32_digest};

/// Sector sizes to try: 512 is usual, 4096 is that of Apple's own SSDs.
const SECTOR_SIZES: [u64; 4] = [512, 4096, 2048, 1024];

/// Header (`EFI_PARTITION_TABLE_HEADER`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawHeader {
    signature: [u8; 8],
    revision: U32,
    header_size: U32,
    header_crc32: U32,
    reserved: U32,
    my_lba: U64,
    alternate_lba: U64,
    first_usable_lba: U64,
    last_usable_lba: U64,
    disk_guid: [u8; 16],
    partition_entry_lba: U64,
    number_of_partition_entries: U32,
    size_of_partition_entry: U32,
    partition_entry_array_crc32: U32,
}

/// Entry (`EFI_PARTITION_ENTRY`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawEntry {
    type_guid: [u8; 16],
    unique_guid: [u8; 16],
    starting_lba: U64,
    ending_lba: U64,
    attributes: U64,
    name: [U16; 36],
}

const _: () = assert!(size_of::<RawHeader>() == 92 && size_of::<RawEntry>() == 128);

/// One used entry of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GptEntry {
    /// What it is for.
    pub type_guid: Uuid,
    /// Its own id.
    pub unique_guid: Uuid,
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
    /// Its name.
    pub name: String,
    /// Where the entry itself stands.
    pub place: Place,
}

impl GptEntry {
    /// What it has in common with entries of other tables.
    pub(super) fn into_entry(self) -> Entry {
        let GptEntry { type_guid, start, len, name, place, .. } = self;
        Entry { start, len, kind: PartitionType::Guid(type_guid), label: name, place }
    }
}

/// A GUID partition table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Gpt {
    /// Bytes in a sector.
    pub sector_size: u64,
    /// Id of the disk.
    pub disk_guid: Uuid,
    /// True if the table at the end of the disk was used because the first one is damaged.
    pub from_backup: bool,
    /// Used entries, in the order of the array.
    pub entries: Vec<GptEntry>,
    /// What is wrong with it, where that does not stop reading.
    pub findings: Vec<Corrupt>,
}

impl Gpt {
    /// The table of a disk; `None` if it has none.
    ///
    /// # Errors
    /// `Corrupt` if there is a table and neither copy of it can be used.
    pub fn read(device: &dyn ReadAt, limits: &Limits) -> Result<Option<Gpt>> {
        let (mut failed, mut unsound) = (None, None);
        for sector_size in SECTOR_SIZES {
            match Gpt::read_header(device, sector_size, sector_size, limits) {
                Ok(Some(gpt)) if gpt.array_damage().is_none() => return Ok(Some(gpt)),
                Ok(Some(gpt)) => unsound = unsound.or(Some(gpt)),
                Ok(None) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        for (sector_size, at) in Gpt::backups(device) {
            if let Ok(Some(mut gpt)) = Gpt::read_header(device, at, sector_size, limits) {
                if let (Some(unsound), Some(_)) = (&unsound, gpt.array_damage()) {
                    return Ok(Some(unsound.clone()));
                }
                gpt.from_backup = true;
                gpt.findings.extend(failed.as_ref().and_then(Error::corrupt).cloned());
                gpt.findings.extend(unsound.as_ref().and_then(Gpt::array_damage).cloned());
                return Ok(Some(gpt));
            }
        }
        match (unsound, failed) {
            (Some(gpt), _) => Ok(Some(gpt)),
            (None, failed) => failed.map_or(Ok(None), Err),
        }
    }

    /// The table at the start of a disk, if nothing is wrong with it.
    pub(super) fn sound_at_start(device: &dyn ReadAt, limits: &Limits) -> Option<Gpt> {
        let tables = SECTOR_SIZES.into_iter();
        let mut tables =
            tables.filter_map(|size| Gpt::read_header(device, size, size, limits).ok().flatten());
        tables.find(|gpt| gpt.array_damage().is_none())
    }

    /// Where the other copy of a table may be, by sector size: where the first header says, however damaged it is,
    /// and at the end of the device. They differ on an image that is longer than its disk was.
    fn backups(device: &dyn ReadAt) -> impl Iterator<Item = (u64, u64)> {
        SECTOR_SIZES.into_iter().flat_map(move |sector| {
            let mut bytes = [0; size_of::<RawHeader>()];
            let first = device.read_exact_at(sector, &mut bytes).ok().and_then(|()| pod::<RawHeader>(&bytes));
            let told = first.filter(|raw| raw.signature == *b"EFI PART").map(|raw| raw.alternate_lba.get());
            let last = device.len().checked_div(sector).and_then(|count| count.checked_sub(1));
            [told, last].into_iter().flatten().filter_map(move |lba| Some((sector, lba.checked_mul(sector)?)))
        })
    }

    /// The finding that the entries are not those that the header was made for.
    fn array_damage(&self) -> Option<&Corrupt> {
        self.findings.iter().find(|finding| finding.place.field == "PartitionEntryArrayCRC32")
    }

    fn read_header(device: &dyn ReadAt, at: u64, sector: u64, limits: &Limits) -> Result<Option<Gpt>> {
        let place = |field| Place::new("EFI_PARTITION_TABLE_HEADER", field).offset(at);
        let mut bytes = zeroed(to_usize(sector)?)?;
        if device.read_exact_at(at, &mut bytes).is_err() {
            return Ok(None);
        }
        let Some(raw) = pod::<RawHeader>(&bytes).filter(|raw| raw.signature == *b"EFI PART") else {
            return Ok(None);
        };
        let size = to_usize(u64::from(raw.header_size.get()))?;
        let header = get(&bytes, 0, size).filter(|_| size >= size_of::<RawHeader>());
        let header = header.ok_or_else(|| Corrupt::new(Damage::Range, place("HeaderSize")).found(size))?;
        if header_crc(header) != raw.header_crc32.get() {
            return Err(Error::damage(Damage::Checksum, place("HeaderCRC32")));
        }
        let (count, each) = (raw.number_of_partition_entries.get(), raw.size_of_partition_entry.get());
        if count > limits.partitions {
            let (limit, found) = (u64::from(limits.partitions), u64::from(count));
            return Err(Error::limit("partition entries", limit, found));
        }
        if !(128..=4096).contains(&each) {
            return Err(Corrupt::new(Damage::Range, place("SizeOfPartitionEntry")).found(each).into());
        }
        let mut array = zeroed(to_usize(u64::from(count).saturating_mul(u64::from(each)))?)?;
        let array_at = raw.partition_entry_lba.get().checked_mul(sector);
        let array_at = array_at.ok_or_else(|| Corrupt::new(Damage::Range, place("PartitionEntryLBA")))?;
        device.read_exact_at(array_at, &mut array)?;
        let mut gpt = Gpt {
            sector_size: sector,
            disk_guid: Uuid::from_mixed_endian(raw.disk_guid),
            from_backup: false,
            entries: Vec::new(),
            findings: Vec::new(),
        };
        if crc32(&array) != raw.partition_entry_array_crc32.get() {
            gpt.findings.push(Corrupt::new(Damage::Checksum, place("PartitionEntryArrayCRC32")));
        }
        for (index, entry) in array.chunks_exact(to_usize(u64::from(each))?).enumerate() {
            let at = array_at.saturating_add(len64(index).saturating_mul(u64::from(each)));
            gpt.take_entry(entry, at);
        }
        Ok(Some(gpt))
    }

    fn take_entry(&mut self, bytes: &[u8], at: u64) {
        let Some(raw) = pod::<RawEntry>(bytes).filter(|raw| raw.type_guid != [0; 16]) else { return };
        let first = raw.starting_lba.get();
        let range = raw.ending_lba.get().checked_sub(first).and_then(|count| {
            let start = first.checked_mul(self.sector_size)?;
            let len = count.checked_add(1)?.checked_mul(self.sector_size)?;
            start.checked_add(len).map(|_| (start, len))
        });
        let place = Place::new("EFI_PARTITION_ENTRY", "StartingLBA").offset(at);
        // Numbers of entries stay those of the array: one that makes no sense is kept, empty.
        let (start, len) = range.unwrap_or((0, 0));
        if range.is_none() {
            self.findings.push(Corrupt::new(Damage::Range, place.clone()));
        }
        let name = char::decode_utf16(raw.name.iter().map(|unit| unit.get()).take_while(|unit| *unit != 0));
        self.entries.push(GptEntry {
            type_guid: Uuid::from_mixed_endian(raw.type_guid),
            unique_guid: Uuid::from_mixed_endian(raw.unique_guid),
            start,
            len,
            name: name.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
            place,
        });
    }
}

/// CRC of a header with its own CRC field as zeros.
fn header_crc(header: &[u8]) -> u32 {
    let mut digest = crc32_digest();
    digest.update(header.get(..16).unwrap_or(&[]));
    digest.update(&[0; 4]);
    digest.update(header.get(20..).unwrap_or(&[]));
    digest.finalize()
}

/// Name of a partition type, Apple's where it is one of Apple's; `None` for a type that is not known here.
#[must_use]
pub fn type_name(type_guid: &Uuid) -> Option<&'static str> {
    let text = alloc::format!("{type_guid}");
    TYPES.into_iter().find(|(guid, _)| *guid == text).map(|(_, name)| name)
}

/// Types by their ids (sheet partitions, section 1). The second one is the first with a field swapped, as some tools
/// write it.
const TYPES: [(&str, &str); 22] = [
    ("7C3457EF-0000-11AA-AA11-00306543ECAC", "Apple_APFS"),
    ("EF57347C-0000-11AA-AA11-00306543ECAC", "Apple_APFS"),
    ("69646961-6700-11AA-AA11-00306543ECAC", "Apple_APFS_ISC"),
    ("52637672-7900-11AA-AA11-00306543ECAC", "Apple_APFS_Recovery"),
    ("48465300-0000-11AA-AA11-00306543ECAC", "Apple_HFS"),
    ("53746F72-6167-11AA-AA11-00306543ECAC", "Apple_CoreStorage"),
    ("426F6F74-0000-11AA-AA11-00306543ECAC", "Apple_Boot"),
    ("52414944-0000-11AA-AA11-00306543ECAC", "Apple_RAID"),
    ("52414944-5F4F-11AA-AA11-00306543ECAC", "Apple_RAID_Offline"),
    ("4C616265-6C00-11AA-AA11-00306543ECAC", "Apple_Label"),
    ("5265636F-7665-11AA-AA11-00306543ECAC", "Apple_TV_Recovery"),
    ("4A6F7572-6E61-11AA-AA11-00306543ECAC", "Apple_Journal"),
    ("55465300-0000-11AA-AA11-00306543ECAC", "Apple_UFS"),
    ("6A898CC3-1DD2-11B2-99A6-080020736631", "ZFS"),
    ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "EFI"),
    ("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "Microsoft Basic Data"),
    ("E3C9E316-0B5C-4DB8-817D-F92DF00215AE", "Microsoft Reserved"),
    ("DE94BBA4-06D1-4D40-A16A-BFD50179D6AC", "Windows Recovery"),
    ("0FC63DAF-8483-4772-8E79-3D69D8477DE4", "Linux Filesystem"),
    ("0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", "Linux swap"),
    ("E6D6D379-F507-44C2-A23C-238F2A3DF928", "Linux LVM"),
    ("21686148-6449-6E6F-744E-656564454649", "BIOS Boot"),
];
