//! A disk with a GUID partition table around images.

use crc::{CRC_32_ISO_HDLC, Crc};

use super::bytes::{pack, put};

/// Type GUIDs as they are on disk, the first three fields little-endian.
pub mod types {
    /// APFS container.
    pub const APFS: [u8; 16] = *b"\xef\x57\x34\x7c\x00\x00\xaa\x11\xaa\x11\x00\x30\x65\x43\xec\xac";
    /// iBoot system container of Apple silicon.
    pub const APFS_ISC: [u8; 16] = *b"\x61\x69\x64\x69\x00\x67\xaa\x11\xaa\x11\x00\x30\x65\x43\xec\xac";
    /// Recovery container of Apple silicon.
    pub const APFS_RECOVERY: [u8; 16] = *b"\x72\x76\x63\x52\x00\x79\xaa\x11\xaa\x11\x00\x30\x65\x43\xec\xac";
    /// HFS+ volume.
    pub const HFS_PLUS: [u8; 16] = *b"\x00\x53\x46\x48\x00\x00\xaa\x11\xaa\x11\x00\x30\x65\x43\xec\xac";
    /// EFI system partition.
    pub const EFI_SYSTEM: [u8; 16] = *b"\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b";
}

const ENTRIES: usize = 128;
const ENTRY_LEN: usize = 128;
const HEADER_LEN: usize = 92;
/// Partitions begin at multiples of this, as disk utilities place them.
const ALIGNMENT: usize = 1 << 20;

/// A partitioned disk.
#[derive(Clone, Debug)]
pub struct Gpt {
    sector: usize,
    partitions: Vec<([u8; 16], String, Vec<u8>)>,
}

impl Gpt {
    /// A disk with sectors of 512 or 4096 bytes.
    pub fn new(sector: usize) -> Self {
        Gpt { sector, partitions: Vec::new() }
    }

    /// Appends a partition holding `content`, padded to whole sectors.
    pub fn partition(mut self, type_guid: [u8; 16], name: &str, content: &[u8]) -> Self {
        self.partitions.push((type_guid, name.to_owned(), content.to_vec()));
        self
    }

    /// The disk's bytes and the byte offset of every partition.
    pub fn build(self) -> (Vec<u8>, Vec<usize>) {
        let sector = self.sector;
        let mut entries = vec![0; ENTRIES * ENTRY_LEN];
        let mut disk = vec![0; ALIGNMENT];
        let mut offsets = Vec::new();
        for (n, (type_guid, name, content)) in self.partitions.iter().enumerate() {
            offsets.push(disk.len());
            let first = disk.len() / sector;
            let last = first + content.len().div_ceil(sector) - 1;
            disk.extend_from_slice(content);
            disk.resize(disk.len().next_multiple_of(ALIGNMENT), 0);
            let entry = &mut entries[n * ENTRY_LEN..][..ENTRY_LEN];
            let mut unique = *b"test partition .";
            unique[15] = n as u8;
            put(entry, 0, type_guid);
            put(entry, 16, unique);
            put(entry, 32, pack![first as u64, last as u64]);
            let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            put(entry, 56, &name[..name.len().min(72)]);
        }
        disk.resize(disk.len() + ALIGNMENT, 0);
        self.put_tables(&mut disk, &entries);
        (disk, offsets)
    }

    fn put_tables(&self, disk: &mut [u8], entries: &[u8]) {
        let sector = self.sector;
        let (sectors, table) = (disk.len() / sector, entries.len().div_ceil(sector));
        let last = sectors - 1;
        let usable = (2 + table, last - table - 1);
        for (my_lba, alternate, entry_lba) in [(1, last, 2), (last, 1, last - table)] {
            let header = header((my_lba, alternate), usable, entry_lba, entries);
            put(disk, my_lba * sector, header);
            put(disk, entry_lba * sector, entries);
        }
        // The protective MBR: one entry of type EE over the whole disk.
        let mut mbr = [0; 16];
        mbr[4] = 0xee;
        put(&mut mbr, 8, pack![1_u32, last as u32]);
        put(disk, 446, mbr);
        put(disk, 510, [0x55, 0xaa]);
    }
}

fn header(
    (my_lba, alternate): (usize, usize),
    usable: (usize, usize),
    entry_lba: usize,
    entries: &[u8],
) -> Vec<u8> {
    let crc = Crc::<u32>::new(&CRC_32_ISO_HDLC);
    let mut header = b"EFI PART".to_vec();
    header.extend(pack![0x1_0000_u32, HEADER_LEN as u32, 0_u32, 0_u32]);
    header.extend(pack![my_lba as u64, alternate as u64, usable.0 as u64, usable.1 as u64]);
    header.extend_from_slice(b"test disk.......");
    header.extend(pack![entry_lba as u64, ENTRIES as u32, ENTRY_LEN as u32, crc.checksum(entries)]);
    let checksum = crc.checksum(&header);
    put(&mut header, 16, checksum.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_headers_point_at_each_other_and_at_the_partition() {
        for sector in [512, 4096] {
            let (disk, offsets) = Gpt::new(sector).partition(types::APFS, "Data", &[7; 8192]).build();
            let backup = disk.len() - sector;
            assert_eq!(&disk[sector..sector + 8], b"EFI PART");
            assert_eq!(&disk[backup..backup + 8], b"EFI PART");
            let alternate = super::super::bytes::u64_at(&disk, sector + 32);
            assert_eq!(alternate as usize * sector, backup);
            assert_eq!(&disk[offsets[0]..offsets[0] + 4], &[7; 4]);
            let first = super::super::bytes::u64_at(&disk, 2 * sector + 32);
            assert_eq!(first as usize * sector, offsets[0]);
        }
    }
}
