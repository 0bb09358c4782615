//! Extended fields of inodes and directory records (sheet apfs-04, section 3).

use super::Flaw;
use crate::apfs::raw::fs::XField;
use crate::base::bytes::{get, pod, u16_at};
use crate::base::damage::Damage;

/// Iterator over (type, flags, value) of a checked blob of extended fields.
#[derive(Clone, Debug)]
pub struct XFields<'a> {
    table: &'a [u8],
    values: &'a [u8],
}

impl<'a> XFields<'a> {
    /// Checks a blob; an empty one has no fields.
    ///
    /// # Errors
    /// A field that leaves the blob.
    pub fn parse(blob: &'a [u8]) -> Result<XFields<'a>, Flaw> {
        if blob.is_empty() {
            return Ok(XFields { table: &[], values: &[] });
        }
        Self::split(blob).ok_or(Flaw::new(Damage::Bounds, "xf_blob_t", "xf_num_exts"))
    }

    fn split(blob: &'a [u8]) -> Option<XFields<'a>> {
        let table_len = usize::from(u16_at(blob, 0)?).checked_mul(size_of::<XField>())?;
        let table = get(blob, 4, table_len)?;
        let values = blob.get(table_len.checked_add(4)?..)?;
        let mut needed = 0usize;
        for field in table.chunks_exact(size_of::<XField>()) {
            let size = usize::from(pod::<XField>(field)?.x_size.get());
            // Only the padding of the last value may be cut off.
            if needed.checked_add(size)? > values.len() {
                return None;
            }
            needed = needed.checked_add(size.next_multiple_of(8))?;
        }
        Some(XFields { table, values })
    }
}

impl<'a> Iterator for XFields<'a> {
    type Item = (u8, u8, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (field, table) = self.table.split_at_checked(size_of::<XField>())?;
        let field: &XField = pod(field)?;
        let size = usize::from(field.x_size.get());
        let value = self.values.get(..size)?;
        self.values = self.values.get(size.next_multiple_of(8)..).unwrap_or(&[]);
        self.table = table;
        Some((field.x_type, field.x_flags, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Values start after the table, each padded to 8 bytes; the last padding may be missing.
    #[test]
    fn two_fields() {
        let blob = [2, 0, 16, 0, 4, 2, 3, 0, 14, 34, 4, 0, b'a', b'b', 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
        let fields: Vec<_> = XFields::parse(&blob).unwrap().collect();
        assert_eq!(fields, [(4, 2, &b"ab\0"[..]), (14, 34, &[1u8, 2, 3, 4][..])]);
    }

    /// A field that leaves the blob is refused, as is a table that does.
    #[test]
    fn lying_sizes() {
        assert!(XFields::parse(&[1, 0, 0, 0, 4, 2, 9, 0, 1, 2, 3]).is_err());
        assert!(XFields::parse(&[255, 255, 0, 0]).is_err());
        assert!(XFields::parse(&[1]).is_err());
        assert_eq!(XFields::parse(&[]).unwrap().count(), 0);
    }
}
