//! AppleDouble files (`._name`): what macOS writes beside a file where a file system has no attributes.
//!
//! Big-endian. Entry 9 is the Finder info, behind which macOS keeps a table of attributes (`ATTR`); entry 2 is the
//! resource fork, which comes last and is not held in memory.

use apfs_core::{AnyFs, Error, Fs, Name, Result, Stat, StreamId};

use super::xattrs::{Attribute, RESOURCE_FORK};

const MAGIC: u32 = 0x0005_1607;
const VERSION: u32 = 0x0002_0000;
const HOME: &[u8; 16] = b"Mac OS X        ";
const FINDER_INFO_ENTRY: u32 = 9;
const RESOURCE_FORK_ENTRY: u32 = 2;
/// Bytes before the Finder info: header and two entries.
const FINDER_INFO_AT: usize = 50;
const FINDER_INFO_LEN: usize = 32;
/// Bytes of Finder info, padding and the head of the attribute table.
const ATTR_TABLE_AT: usize = 84;
const ATTR_HEADER: usize = 36;
const ATTR_MAGIC: &[u8; 4] = b"ATTR";
const FINDER_INFO: &[u8] = b"com.apple.FinderInfo";
/// Longest name, with its NUL, in the table.
const MAX_ATTR_NAME: usize = 255;

/// An AppleDouble file to be written.
#[derive(Debug)]
pub(crate) struct AppleDouble {
    head: Vec<u8>,
    fork_len: u64,
    /// Attributes that not even this form can hold.
    pub(crate) refused: Vec<Name>,
}

impl AppleDouble {
    /// Puts attributes of a file together; reads all values but the resource fork.
    pub(crate) fn new(view: &AnyFs, stat: &Stat, xattrs: &[Attribute]) -> Result<AppleDouble> {
        let mut finder_info = [0; FINDER_INFO_LEN];
        let (mut attrs, mut refused, mut fork_len) = (Vec::new(), Vec::new(), 0);
        for xattr in xattrs {
            let name = xattr.name.as_bytes();
            if name == RESOURCE_FORK && u32::try_from(xattr.size).is_ok() {
                fork_len = xattr.size;
                continue;
            }
            if name.len() >= MAX_ATTR_NAME {
                refused.push(xattr.name.clone());
                continue;
            }
            let value = xattr.value(view, stat)?;
            match <[u8; FINDER_INFO_LEN]>::try_from(value.as_slice()) {
                Ok(info) if name == FINDER_INFO => finder_info = info,
                _ => attrs.push((name, value)),
            }
        }
        let fork = u32::try_from(fork_len).unwrap_or(0);
        let too_long = || Error::limit("attributes of one file", u64::from(u32::MAX), u64::MAX);
        let head = head(&finder_info, &attrs, fork).ok_or_else(too_long)?;
        Ok(AppleDouble { head, fork_len, refused })
    }

    /// Length of the file in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.fork_len.saturating_add(u64::try_from(self.head.len()).unwrap_or(u64::MAX))
    }

    /// Gives the bytes of the file in order.
    pub(crate) fn write<E: From<Error>>(
        &self,
        view: &AnyFs,
        stat: &Stat,
        sink: &mut dyn FnMut(&[u8]) -> core::result::Result<(), E>,
    ) -> core::result::Result<(), E> {
        sink(&self.head)?;
        let (mut buffer, mut at) = (vec![0; 1 << 16], 0u64);
        while at < self.fork_len {
            let read = view.read_at(stat.id, &StreamId::ResourceFork, at, &mut buffer)?;
            if read == 0 {
                break;
            }
            sink(buffer.get(..read).unwrap_or(&[]))?;
            at = at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}

/// Everything before the resource fork; `None` if a length does not fit its field.
fn head(finder_info: &[u8; FINDER_INFO_LEN], attrs: &[(&[u8], Vec<u8>)], fork_len: u32) -> Option<Vec<u8>> {
    let entry_len = |name: &[u8]| 12usize.saturating_add(name.len()).next_multiple_of(4);
    let table_len: usize = attrs.iter().map(|(name, _)| entry_len(name)).sum();
    let data_start = ATTR_TABLE_AT.checked_add(ATTR_HEADER)?.checked_add(table_len)?;
    let data_len: usize = attrs.iter().map(|(_, value)| value.len()).sum();
    let end = u32::try_from(data_start.checked_add(data_len)?).ok()?;

    let mut head = Vec::new();
    head.extend_from_slice(&MAGIC.to_be_bytes());
    head.extend_from_slice(&VERSION.to_be_bytes());
    head.extend_from_slice(HOME);
    head.extend_from_slice(&2u16.to_be_bytes());
    let finder_at = u32::try_from(FINDER_INFO_AT).ok()?;
    let entries =
        [FINDER_INFO_ENTRY, finder_at, end.checked_sub(finder_at)?, RESOURCE_FORK_ENTRY, end, fork_len];
    head.extend(entries.iter().flat_map(|word| word.to_be_bytes()));
    head.extend_from_slice(finder_info);
    head.extend_from_slice(&[0; 2]);

    head.extend_from_slice(ATTR_MAGIC);
    let words = [0, end, u32::try_from(data_start).ok()?, u32::try_from(data_len).ok()?, 0, 0, 0];
    head.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    head.extend_from_slice(&0u16.to_be_bytes());
    head.extend_from_slice(&u16::try_from(attrs.len()).ok()?.to_be_bytes());
    let mut at = data_start;
    for (name, value) in attrs {
        head.extend_from_slice(&u32::try_from(at).ok()?.to_be_bytes());
        head.extend_from_slice(&u32::try_from(value.len()).ok()?.to_be_bytes());
        head.extend_from_slice(&0u16.to_be_bytes());
        head.push(u8::try_from(name.len().checked_add(1)?).ok()?);
        head.extend_from_slice(name);
        head.push(0);
        head.resize(head.len().next_multiple_of(4), 0);
        at = at.checked_add(value.len())?;
    }
    for (_, value) in attrs {
        head.extend_from_slice(value);
    }
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offsets in the tables lead to the values (layout: Apple's `copyfile.c`, `struct attr_header`).
    #[test]
    fn offsets_lead_to_values() {
        let attrs = [(&b"a"[..], b"one".to_vec()), (&b"com.b"[..], b"three".to_vec())];
        let head = head(&[7; 32], &attrs, 10).unwrap();
        let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
        let place = |at: usize| usize::try_from(word(at)).unwrap();
        assert_eq!((word(0), word(26), word(30)), (MAGIC, 9, 50));
        assert_eq!((word(38), place(42), word(46)), (2, head.len(), 10));
        assert_eq!(head[50..82], [7; 32]);
        assert_eq!(&head[84..88], ATTR_MAGIC);
        assert_eq!(head[118..120], [0, 2]);
        let first = place(120);
        assert_eq!((&head[first..first + 3], word(124)), (&b"one"[..], 3));
        assert_eq!(head[130], 2);
        // The first entry takes 13 bytes, filled up to 16.
        let second = place(136);
        assert_eq!(&head[second..second + 5], b"three");
    }
}
