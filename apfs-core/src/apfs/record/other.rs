//! Records that listing and reading do not need, for those who look deeper: stream users, key states, directory
//! statistics, link maps and data hashes (sheets apfs-04, sections 9 and 10, apfs-07 and apfs-08, section 5).

use super::Flaw;
use crate::apfs::raw::fs::{JCryptoVal, JDirStatsVal};
use crate::apfs::raw::sealed::APFS_FILE_INFO_DATA_HASH;
use crate::base::bytes::{get, pod, pod_rest, u16_at, u32_at, u64_at};
use crate::base::damage::Damage;

/// Number of inodes that share a data stream (`DSTREAM_ID`).
///
/// # Errors
/// A value that is too short.
pub fn dstream_users(value: &[u8]) -> Result<u32, Flaw> {
    u32_at(value, 0).ok_or(Flaw::new(Damage::Bounds, "j_dstream_id_val_t", "refcnt"))
}

/// File of a hard link's number (`SIBLING_MAP`).
///
/// # Errors
/// A value that is too short.
pub fn sibling_file(value: &[u8]) -> Result<u64, Flaw> {
    u64_at(value, 0).ok_or(Flaw::new(Damage::Bounds, "j_sibling_map_val_t", "file_id"))
}

/// Statistics of a directory (`DIR_STATS`).
///
/// # Errors
/// A value that is too short.
pub fn dir_stats(value: &[u8]) -> Result<&JDirStatsVal, Flaw> {
    pod(value).ok_or(Flaw::new(Damage::Bounds, "j_dir_stats_val_t", ""))
}

/// State of a key, and the wrapped key itself (`CRYPTO_STATE`).
///
/// # Errors
/// A value that is too short for its key.
pub fn crypto_state(value: &[u8]) -> Result<(&JCryptoVal, &[u8]), Flaw> {
    let short = Flaw::new(Damage::Bounds, "j_crypto_val_t", "key_len");
    let (raw, rest): (&JCryptoVal, _) = pod_rest(value).ok_or(short)?;
    let key = rest.get(..usize::from(raw.key_len.get())).ok_or(short)?;
    Ok((raw, key))
}

/// Hash of a piece of file data (`FILE_INFO` of type data hash).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataHash<'a> {
    /// Offset of the piece; sources disagree whether in bytes of the file or in blocks of the disk.
    pub offset: u64,
    /// Length of the piece in blocks.
    pub blocks: u16,
    /// The hash.
    pub hash: &'a [u8],
}

impl<'a> DataHash<'a> {
    /// Decodes a record; `None` for information of another type.
    ///
    /// # Errors
    /// Key or value too short.
    pub fn parse(key: &[u8], value: &'a [u8]) -> Result<Option<DataHash<'a>>, Flaw> {
        let short = Flaw::new(Damage::Bounds, "j_file_info_val_t", "");
        let info_and_lba = u64_at(key, 8).ok_or(short)?;
        if info_and_lba >> 56 != APFS_FILE_INFO_DATA_HASH {
            return Ok(None);
        }
        let blocks = u16_at(value, 0).ok_or(short)?;
        let len = usize::from(*value.get(2).ok_or(short)?);
        let hash = get(value, 3, len).ok_or(short)?;
        Ok(Some(DataHash { offset: info_and_lba & 0x00FF_FFFF_FFFF_FFFF, blocks, hash }))
    }
}
