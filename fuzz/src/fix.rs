//! Makes checksums right again after a change, so that a change is met by the code behind the checksum test.
//!
//! Written without the library: a wrong checksum in the library must not be repeated here.

use apfs_tests::build::object::{HEADER_LEN, checksum_is_right, fix_checksum};
use crc::{CRC_32_ISO_HDLC, Crc};

const CRC32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Repairs every block of a container that looks like an object, of any image; returns how many were changed.
///
/// Objects of several blocks and header-less nodes can't be told from their bytes alone and stay as they are.
pub fn repair_all(container: &mut [u8], block_size: usize) -> usize {
    let mut repaired = 0;
    for block in container.chunks_exact_mut(block_size.max(HEADER_LEN)) {
        if looks_like_object(block) && !checksum_is_right(block) {
            fix_checksum(block);
            repaired += 1;
        }
    }
    repaired
}

/// True if a block begins with the header of an object: a known type, known flags, an id and a transaction.
pub fn looks_like_object(block: &[u8]) -> bool {
    let u64_at =
        |at: usize| block.get(at..at + 8).map(|b| u64::from_le_bytes(b.try_into().expect("eight bytes")));
    let (Some(oid), Some(xid), Some(types)) = (u64_at(0x08), u64_at(0x10), u64_at(0x18)) else {
        return false;
    };
    let (kind, flags) = (types & 0xFFFF, types >> 16 & 0xFFFF);
    oid != 0 && xid != 0 && xid < 1 << 48 && (1..=0x25).contains(&kind) && flags & !0xF800 == 0
}

/// Repairs the checksum of one object of any length.
pub fn repair_object(object: &mut [u8]) {
    if object.len() >= HEADER_LEN {
        fix_checksum(object);
    }
}

/// Repairs both headers of a GUID partition table, and the checksums of the arrays that they name.
pub fn repair_gpt(disk: &mut [u8], sector: usize) {
    let last = (disk.len() / sector.max(1)).saturating_sub(1) * sector;
    for at in [sector, last] {
        repair_gpt_header(disk, at, sector);
    }
}

fn repair_gpt_header(disk: &mut [u8], at: usize, sector: usize) -> Option<()> {
    let header = disk.get(at..at + 92)?.to_vec();
    let u32_at = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
    let table = u64::from_le_bytes(header[72..80].try_into().expect("eight bytes"));
    let table_at = usize::try_from(table).ok()?.checked_mul(sector);
    let table_len = (u32_at(80) as usize).checked_mul(u32_at(84) as usize);
    let end = table_at.zip(table_len).and_then(|(at, len)| at.checked_add(len));
    if let Some(array) = table_at.zip(end).and_then(|(start, end)| disk.get(start..end)) {
        let checksum = CRC32.checksum(array);
        disk.get_mut(at + 88..at + 92)?.copy_from_slice(&checksum.to_le_bytes());
    }
    let header_end = at.checked_add(u32_at(12) as usize)?;
    let mut header = disk.get(at..header_end)?.to_vec();
    header.get_mut(16..20)?.fill(0);
    let checksum = CRC32.checksum(&header);
    disk.get_mut(at + 16..at + 20)?.copy_from_slice(&checksum.to_le_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::seeds;

    /// Sound images have nothing to repair; a changed object is found and repaired, a changed data block is not.
    #[test]
    fn repairs_what_was_changed() {
        for seed in seeds().iter().filter(|seed| seed.gpt_sector.is_none()) {
            let mut bytes = seed.bytes.clone();
            assert_eq!(repair_all(&mut bytes, seed.block_size), 0, "{}", seed.name);
            bytes[0x40] ^= 1;
            assert_eq!(repair_all(&mut bytes, seed.block_size), 1, "{}", seed.name);
        }
    }

    /// A sound partition table stays as it is, a changed entry gets both checksums right again.
    #[test]
    fn repairs_partition_tables() {
        let seed = seeds().iter().find(|seed| seed.gpt_sector.is_some()).unwrap();
        let sector = seed.gpt_sector.unwrap();
        let mut bytes = seed.bytes.clone();
        repair_gpt(&mut bytes, sector);
        assert!(bytes == seed.bytes);
        bytes[2 * sector + 40] ^= 1;
        repair_gpt(&mut bytes, sector);
        assert!(bytes[sector + 16..sector + 20] != seed.bytes[sector + 16..sector + 20]);
    }
}
