//! Inodes (sheet apfs-04, sections 2 and 3).

use super::xfield::XFields;
use super::{Flaw, is_component};
use crate::apfs::raw::fs::{
    INO_EXT_TYPE_DIR_STATS_KEY, INO_EXT_TYPE_DOCUMENT_ID, INO_EXT_TYPE_DSTREAM, INO_EXT_TYPE_FINDER_INFO,
    INO_EXT_TYPE_NAME, INO_EXT_TYPE_RDEV, INO_EXT_TYPE_SPARSE_BYTES, INODE_HAS_UNCOMPRESSED_SIZE, JDstream,
    JInodeVal,
};
use crate::base::bytes::{pod, pod_rest, u32_at, u64_at};
use crate::base::damage::Damage;
use crate::base::ids::FileId;
use crate::base::time::Timestamp;
use crate::fs::types::{Kind, Stat};

const STRUCTURE: &str = "j_inode_val_t";

/// An inode and the extended fields that readers use; [`Inode::fields`] has them all.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inode<'a> {
    /// The fixed part.
    pub raw: &'a JInodeVal,
    /// All extended fields.
    pub fields: XFields<'a>,
    /// Name of the primary link, without its NUL.
    pub name: Option<&'a [u8]>,
    /// Size of the default data stream; `None` if the file has none.
    pub dstream: Option<&'a JDstream>,
    /// Bytes of holes.
    pub sparse_bytes: Option<u64>,
    /// Device number as stored.
    pub rdev: Option<u32>,
    /// Document id.
    pub document_id: Option<u32>,
    /// Finder info, where it is kept in the inode.
    pub finder_info: Option<&'a [u8]>,
    /// Record of the directory's statistics.
    pub dir_stats_key: Option<u64>,
}

impl<'a> Inode<'a> {
    /// Decodes the value of an inode record.
    ///
    /// # Errors
    /// A value that is too short, or an extended field that leaves it.
    #[inline]
    pub fn parse(value: &'a [u8]) -> Result<Inode<'a>, Flaw> {
        let (raw, blob): (&JInodeVal, _) = pod_rest(value).ok_or(Flaw::new(Damage::Bounds, STRUCTURE, ""))?;
        let fields = XFields::parse(blob)?;
        let mut inode = Inode {
            raw,
            fields: fields.clone(),
            name: None,
            dstream: None,
            sparse_bytes: None,
            rdev: None,
            document_id: None,
            finder_info: None,
            dir_stats_key: None,
        };
        let short = Flaw::new(Damage::Bounds, "x_field_t", "x_size");
        for (field, _, value) in fields {
            match field {
                // Only a copy: the directory's own record decides, and a bad copy must lead nowhere.
                INO_EXT_TYPE_NAME => {
                    inode.name =
                        Some(value.strip_suffix(&[0]).unwrap_or(value)).filter(|name| is_component(name));
                }
                INO_EXT_TYPE_DSTREAM => inode.dstream = Some(pod(value).ok_or(short)?),
                INO_EXT_TYPE_SPARSE_BYTES => inode.sparse_bytes = Some(u64_at(value, 0).ok_or(short)?),
                INO_EXT_TYPE_RDEV => inode.rdev = Some(u32_at(value, 0).ok_or(short)?),
                INO_EXT_TYPE_DOCUMENT_ID => inode.document_id = Some(u32_at(value, 0).ok_or(short)?),
                INO_EXT_TYPE_FINDER_INFO => inode.finder_info = Some(value.get(..32).ok_or(short)?),
                INO_EXT_TYPE_DIR_STATS_KEY => inode.dir_stats_key = Some(u64_at(value, 0).ok_or(short)?),
                _ => {}
            }
        }
        Ok(inode)
    }

    /// Type, from the mode.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::from_mode(self.raw.mode.get())
    }

    /// Number of hard links of anything but a directory.
    #[must_use]
    pub fn nlink(&self) -> u32 {
        u32::try_from(self.raw.nchildren_or_nlink.get()).unwrap_or(0)
    }

    /// Size of a compressed file, where the inode keeps it.
    #[must_use]
    pub fn uncompressed_size(&self) -> Option<u64> {
        let kept = self.raw.internal_flags.get() & INODE_HAS_UNCOMPRESSED_SIZE != 0;
        kept.then(|| self.raw.uncompressed_size.get())
    }

    /// Metadata as far as this record alone tells it: size of the data stream, no link target, no compression.
    #[must_use]
    pub fn stat(&self, id: FileId) -> Stat {
        let raw = self.raw;
        let kind = self.kind();
        let is_dir = kind == Kind::Dir;
        let time = |time: zerocopy::byteorder::little_endian::I64| Some(Timestamp(time.get()));
        Stat {
            id,
            parent: FileId(raw.parent_id.get()),
            kind,
            mode: raw.mode.get(),
            uid: raw.owner.get(),
            gid: raw.group.get(),
            nlink: if is_dir { 1 } else { self.nlink() },
            nchildren: is_dir.then(|| self.nlink()),
            size: self.dstream.map_or(0, |dstream| dstream.size.get()),
            allocated: self.dstream.map_or(0, |dstream| dstream.alloced_size.get()),
            sparse_bytes: self.sparse_bytes,
            modified: time(raw.mod_time),
            changed: time(raw.change_time),
            created: time(raw.create_time),
            accessed: time(raw.access_time),
            bsd_flags: raw.bsd_flags.get(),
            internal_flags: raw.internal_flags.get(),
            private_id: raw.private_id.get(),
            rdev: self.rdev,
            document_id: self.document_id,
            compression: None,
            protection_class: raw.default_protection_class.get(),
            write_generation: raw.write_generation_counter.get(),
            resource_size: None,
            first_extents: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// A regular file with a name, a data stream and a device number, put together by hand.
    fn bytes() -> Vec<u8> {
        let mut value = alloc::vec![0; 0x5C];
        value[..8].copy_from_slice(&2u64.to_le_bytes());
        value[0x18..0x20].copy_from_slice(&(-5i64).to_le_bytes());
        value[0x38..0x3C].copy_from_slice(&3i32.to_le_bytes());
        value[0x50..0x52].copy_from_slice(&0o100_644u16.to_le_bytes());
        value.extend_from_slice(&[3, 0, 56, 0, 4, 2, 2, 0, 8, 0x20, 40, 0, 14, 0x22, 4, 0]);
        value.extend_from_slice(b"a\0\0\0\0\0\0\0");
        let mut dstream = [0; 40];
        dstream[..8].copy_from_slice(&1234u64.to_le_bytes());
        dstream[8..16].copy_from_slice(&4096u64.to_le_bytes());
        value.extend_from_slice(&dstream);
        value.extend_from_slice(&[1, 0, 0, 3, 0, 0, 0, 0]);
        value
    }

    /// Fixed part and extended fields come out as they stand there.
    #[test]
    fn a_file() {
        let value = bytes();
        let inode = Inode::parse(&value).unwrap();
        assert_eq!((inode.name, inode.rdev), (Some(&b"a"[..]), Some(0x0300_0001)));
        let stat = inode.stat(FileId(20));
        assert_eq!((stat.kind, stat.nlink, stat.size, stat.allocated), (Kind::File, 3, 1234, 4096));
        assert_eq!((stat.parent, stat.modified), (FileId(2), Some(Timestamp(-5))));
        assert_eq!(stat.nchildren, None);
    }

    /// No shorter value decodes, but for one that ends in the padding of its last field.
    #[test]
    fn cut_off() {
        let value = bytes();
        let decodes: Vec<usize> =
            (0..value.len()).filter(|len| Inode::parse(&value[..*len]).is_ok()).collect();
        let padding = value.len() - 4..value.len();
        assert_eq!(decodes, core::iter::once(0x5C).chain(padding).collect::<Vec<_>>());
    }
}
