//! Extended fields of inodes and directory records (sheet apfs-04, section 3).

use super::super::context::Context;
use super::super::rules::{
    XFIELD_BLOB, XFIELD_EMPTY, XFIELD_FLAGS, XFIELD_PADDING, XFIELD_SIZE, XFIELD_TWICE, XFIELD_TYPE,
};
use super::pass::At;
use crate::apfs::raw::fs::{JDrecVal, JInodeVal, XField};
use crate::apfs::record::inode::Inode;
use crate::base::bytes::{get, len64, u16_at};

/// Sizes of the fields of inodes by their type; `None` for a name, which has any, `Some(0)` for types not known.
fn inode_size(kind: u8) -> Option<usize> {
    match kind {
        3 | 14 => Some(4),
        4 => None,
        7 => Some(32),
        8 => Some(40),
        11 => Some(16),
        1 | 2 | 5 | 10 | 12 | 13 | 15 | 16 | 18 | 19 | 21 => Some(8),
        20 => Some(2),
        17 | 22 => None,
        _ => Some(0),
    }
}

/// Sizes of the fields of directory records by their type, likewise.
fn entry_size(kind: u8) -> Option<usize> {
    match kind {
        1 => Some(8),
        2 => None,
        _ => Some(0),
    }
}

/// The fields of an inode.
pub(super) fn inode(check: &mut Context<'_>, at: &At<'_>, inode: &Inode<'_>) {
    let blob = at.value().get(size_of::<JInodeVal>()..).unwrap_or(&[]);
    fields(check, at, blob, inode_size);
    for (kind, _, value) in inode.fields.clone() {
        let ends = value.last() == Some(&0) && value.iter().filter(|byte| **byte == 0).count() == 1;
        if kind == 4 && !ends {
            check.range(&XFIELD_SIZE, at.place("x_field_t", "name"), "a name that does not end with its NUL");
        }
    }
}

/// The fields of a directory record.
pub(super) fn entry(check: &mut Context<'_>, at: &At<'_>) {
    fields(check, at, at.value().get(size_of::<JDrecVal>()..).unwrap_or(&[]), entry_size);
}

fn fields(check: &mut Context<'_>, at: &At<'_>, blob: &[u8], size_of_kind: fn(u8) -> Option<usize>) {
    let (Some(count), Some(used)) = (u16_at(blob, 0), u16_at(blob, 2)) else { return };
    let place = |field| at.place("xf_blob_t", field);
    if count == 0 {
        check.range(&XFIELD_EMPTY, place("xf_num_exts"), count);
    }
    let table_len = usize::from(count).saturating_mul(size_of::<XField>());
    let Some(table) = get(blob, 4, table_len) else { return };
    let values = blob.get(table_len.saturating_add(4)..).unwrap_or(&[]);
    let (mut start, mut seen) = (0usize, 0u64);
    for field in table.chunks_exact(size_of::<XField>()) {
        let &[kind, flags, ref size @ ..] = field else { continue };
        let size = usize::from(u16_at(size, 0).unwrap_or(0));
        let place = |field| at.place("x_field_t", field).offset(len64(start));
        match size_of_kind(kind) {
            Some(0) => check.range(&XFIELD_TYPE, place("x_type"), kind),
            Some(expected) if expected != size => {
                check.differs(&XFIELD_SIZE, place("x_size"), expected, size);
            }
            _ => {}
        }
        let bit = 1u64 << (kind & 63);
        if seen & bit != 0 {
            check.range(&XFIELD_TWICE, place("x_type"), kind);
        }
        seen |= bit;
        if flags & 0xC4 != 0 {
            check.range(&XFIELD_FLAGS, place("x_flags"), alloc::format!("{flags:#x}"));
        }
        let end = start.saturating_add(size);
        let next = start.saturating_add(size.next_multiple_of(8));
        let padding = values.get(end..next.min(values.len())).unwrap_or(&[]);
        if padding.iter().any(|byte| *byte != 0) {
            check.range(&XFIELD_PADDING, place("x_size"), "bytes that are not 0");
        }
        start = next;
    }
    if start != usize::from(used) || start != values.len() {
        let found = alloc::format!("{used} of {}", values.len());
        check.differs(&XFIELD_BLOB, place("xf_used_data"), start, found);
    }
}
