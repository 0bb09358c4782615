//! Extended attributes, in the record or in a stream (sheet apfs-04, section 8).

use super::{Flaw, name};
use crate::apfs::raw::fs::{JXattrDstream, JXattrVal, XATTR_DATA_EMBEDDED, XATTR_DATA_STREAM};
use crate::base::bytes::{len64, pod, pod_rest, u16_at};
use crate::base::damage::Damage;

const STRUCTURE: &str = "j_xattr_val_t";

/// Attribute that holds the target of a symbolic link.
pub const SYMLINK_XATTR: &[u8] = b"com.apple.fs.symlink";
/// Attribute that holds the compression header.
pub const DECMPFS_XATTR: &[u8] = b"com.apple.decmpfs";
/// Attribute that holds the resource fork.
pub const RESOURCE_FORK_XATTR: &[u8] = b"com.apple.ResourceFork";
/// Attribute that holds Finder info.
pub const FINDER_INFO_XATTR: &[u8] = b"com.apple.FinderInfo";

/// An extended attribute.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Xattr<'a> {
    /// Name, without its NUL.
    pub name: &'a [u8],
    /// Flags as stored.
    pub flags: u16,
    /// Where the value is.
    pub value: XattrValue<'a>,
}

/// Where the value of an attribute is.
#[derive(Clone, Copy, Debug)]
pub enum XattrValue<'a> {
    /// In the record.
    Embedded(&'a [u8]),
    /// In a stream: its id and sizes.
    Stream(&'a JXattrDstream),
}

impl<'a> Xattr<'a> {
    /// Decodes a record.
    ///
    /// # Errors
    /// Key or value too short, a bad name, or not exactly one of the two storage flags.
    pub fn parse(key: &'a [u8], value: &'a [u8]) -> Result<Xattr<'a>, Flaw> {
        let name = xattr_name(key)?;
        let (raw, rest): (&JXattrVal, _) = pod_rest(value).ok_or(Flaw::new(Damage::Bounds, STRUCTURE, ""))?;
        let flags = raw.flags.get();
        let data = rest.get(..usize::from(raw.xdata_len.get()));
        let data = data.ok_or(Flaw::new(Damage::Bounds, STRUCTURE, "xdata_len"))?;
        let value = match flags & (XATTR_DATA_STREAM | XATTR_DATA_EMBEDDED) {
            XATTR_DATA_EMBEDDED => XattrValue::Embedded(data),
            XATTR_DATA_STREAM => {
                XattrValue::Stream(pod(data).ok_or(Flaw::new(Damage::Bounds, "j_xattr_dstream_t", ""))?)
            }
            _ => return Err(Flaw::new(Damage::Contradiction, STRUCTURE, "flags")),
        };
        Ok(Xattr { name, flags, value })
    }

    /// Length of the value in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self.value {
            XattrValue::Embedded(bytes) => len64(bytes.len()),
            XattrValue::Stream(stream) => stream.dstream.size.get(),
        }
    }
}

/// Name in the key of an attribute, without its NUL.
///
/// # Errors
/// A key that is too short, or a bad name.
pub fn xattr_name(key: &[u8]) -> Result<&[u8], Flaw> {
    let structure = "j_xattr_key_t";
    let len = u16_at(key, 8).ok_or(Flaw::new(Damage::Bounds, structure, "name_len"))?;
    let rest = key.get(10..).unwrap_or(&[]);
    // A search compares whole keys: with more behind its name the attribute would be listed and never found.
    if rest.len() > usize::from(len) {
        return Err(Flaw::new(Damage::Bounds, structure, "name_len"));
    }
    name(rest, usize::from(len), structure)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"\x02\0\0\0\0\0\0\x40\x03\0ab\0";

    /// A value in the record, and one in a stream.
    #[test]
    fn both_places() {
        let embedded = Xattr::parse(KEY, b"\x02\0\x03\0xyz").unwrap();
        assert_eq!((embedded.name, embedded.size()), (&b"ab"[..], 3));
        let mut stream = alloc::vec![1, 0, 48, 0];
        stream.resize(52, 0);
        stream[4] = 77;
        stream[12] = 99;
        let xattr = Xattr::parse(KEY, &stream).unwrap();
        assert!(matches!(xattr.value, XattrValue::Stream(stream) if stream.xattr_obj_id.get() == 77));
        assert_eq!(xattr.size(), 99);
    }

    /// Both storage flags or none, a length past the end, a name without its NUL: refused.
    #[test]
    fn contradictions() {
        for value in [&b"\x03\0\x00\0"[..], b"\x00\0\x00\0", b"\x02\0\x09\0xyz", b"\x01\0\x03\0xyz", b"\x02"]
        {
            assert!(Xattr::parse(KEY, value).is_err(), "{value:?}");
        }
        assert!(Xattr::parse(b"\x02\0\0\0\0\0\0\x40\x02\0ab", b"\x02\0\0\0").is_err());
        assert!(Xattr::parse(b"\x02\0\0\0\0\0\0\x40\x03\0ab\0\0", b"\x02\0\0\0").is_err());
    }
}
