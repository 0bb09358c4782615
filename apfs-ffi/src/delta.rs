//! What differs between two states of a volume.

use apfs_core::apfs::View;
use apfs_core::apfs::delta::{Change, Delta, DeltaStats, Method, Op, XattrChange, XattrOp};
use apfs_core::{Error, Result, Stat};

use crate::error::apfs_error;
use crate::ptr::{Owned, apfs_bytes, own};
use crate::status::apfs_status;
use crate::view::{apfs_kind, apfs_stat, apfs_view};

/// Changes of one batch, whatever the caller has room for: bounds the memory of a handle.
const MAX_CHANGES: usize = 1024;

/// `apfs_change.old_path` is known.
pub const APFS_CHANGE_OLD_PATH: u32 = 1;
/// `apfs_change.before` is known.
pub const APFS_CHANGE_BEFORE: u32 = 2;
/// `apfs_change.after` is known.
pub const APFS_CHANGE_AFTER: u32 = 4;

/// Field that differs: type or permissions.
pub const APFS_FIELD_MODE: u32 = 1;
/// Field that differs: owner.
pub const APFS_FIELD_UID: u32 = 2;
/// Field that differs: group.
pub const APFS_FIELD_GID: u32 = 4;
/// Field that differs: number of names.
pub const APFS_FIELD_NLINK: u32 = 8;
/// Field that differs: number of entries of a directory.
pub const APFS_FIELD_NCHILDREN: u32 = 0x10;
/// Field that differs: size as a program reads it.
pub const APFS_FIELD_SIZE: u32 = 0x20;
/// Field that differs: bytes allocated.
pub const APFS_FIELD_ALLOCATED: u32 = 0x40;
/// Field that differs: bytes of holes.
pub const APFS_FIELD_SPARSE: u32 = 0x80;
/// Field that differs: last change of the content.
pub const APFS_FIELD_MTIME: u32 = 0x100;
/// Field that differs: last change of the metadata.
pub const APFS_FIELD_CTIME: u32 = 0x200;
/// Field that differs: creation.
pub const APFS_FIELD_BTIME: u32 = 0x400;
/// Field that differs: last access.
pub const APFS_FIELD_ATIME: u32 = 0x800;
/// Field that differs: BSD flags.
pub const APFS_FIELD_BSD_FLAGS: u32 = 0x1000;
/// Field that differs: flags that the file system keeps for itself.
pub const APFS_FIELD_INTERNAL_FLAGS: u32 = 0x2000;
/// Field that differs: id of the data stream, as when a clone gets data of its own.
pub const APFS_FIELD_STREAM: u32 = 0x4000;
/// Field that differs: device number.
pub const APFS_FIELD_RDEV: u32 = 0x8000;
/// Field that differs: document id.
pub const APFS_FIELD_DOCUMENT_ID: u32 = 0x1_0000;
/// Field that differs: way of compression.
pub const APFS_FIELD_COMPRESSION: u32 = 0x2_0000;
/// Field that differs: protection class.
pub const APFS_FIELD_PROTECTION_CLASS: u32 = 0x4_0000;
/// Field that differs: counter of data changes.
pub const APFS_FIELD_WRITE_GENERATION: u32 = 0x8_0000;
/// Field that differs: something in the inode that has no name here, where nothing else of it differs.
pub const APFS_FIELD_OTHER: u32 = 0x10_0000;

/// A comparison of two states: where it stands, and its last batch. Used by one thread at a time.
#[derive(Debug)]
pub struct apfs_delta {
    delta: Delta<'static>,
    batch: Vec<Change>,
    /// Found behind changes that were returned first.
    late: Option<Error>,
}

impl Owned for apfs_delta {}

/// What happened to a name, or to the file behind it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_op {
    /// Nothing: there is no change.
    None = 0,
    /// The name is in the second state only. Of a file with several names it may be one more of them.
    Created = 1,
    /// The name is in the first state only. A file with several names may have kept others.
    Deleted = 2,
    /// The file has another name or is in another directory. What is in a renamed directory is not listed for that.
    Renamed = 3,
    /// Name and directory are the same; metadata, data or attributes are not.
    Modified = 4,
}

/// What happened to an extended attribute.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_xattr_op {
    /// It is in the second state only.
    Created = 1,
    /// It is in the first state only.
    Deleted = 2,
    /// Its value, or how that is stored, differs.
    Changed = 3,
}

/// What differs between two states for one name or one file. Text lives as long as the function that gave it says.
///
/// A file has one change with its fields, ranges and attributes: the first that is RENAMED if it was renamed, else
/// MODIFIED. Further names that came or went are changes of their own with the same `ino`. A file that is in one state
/// only has none of the three: all of it came or went.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_change {
    /// What happened.
    pub op: apfs_op,
    /// Type; of what was deleted, in the first state.
    pub kind: apfs_kind,
    /// Which of `old_path`, `before` and `after` are known: APFS_CHANGE_*. The others are empty or 0.
    pub known: u32,
    /// Metadata that differs: APFS_FIELD_*.
    pub fields: u32,
    /// Number of the file.
    pub ino: u64,
    /// Path in the second state; of what was deleted, in the first.
    pub path: apfs_bytes,
    /// Path in the first state, where the file is in both and that differs: it was renamed, or a directory above it.
    pub old_path: apfs_bytes,
    /// Number of ranges of data that differ.
    pub range_count: usize,
    /// Number of extended attributes that differ.
    pub xattr_count: usize,
    /// Metadata in the first state.
    pub before: apfs_stat,
    /// Metadata in the second state.
    pub after: apfs_stat,
}

/// Data that differs. A block that was written again counts, even with the bytes that it had. Of a compressed file all of
/// it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_range {
    /// First byte.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
}

/// An extended attribute that differs.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_xattr_change {
    /// Its name.
    pub name: apfs_bytes,
    /// What happened to it.
    pub op: apfs_xattr_op,
}

/// What a comparison has read.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_delta_stats {
    /// Changes given so far.
    pub changes: u64,
    /// Leaves of the tree of files, of the first and the second state.
    pub leaves: [u64; 2],
    /// Index nodes of the tree of files.
    pub index_nodes: [u64; 2],
    /// Nodes of the object map that are newer than the older state.
    pub omap_nodes: u64,
    /// Nodes of the object map that were read and passed over, since they are not newer.
    pub older_omap_nodes: u64,
    /// True if leaves were found through the object map that both states share; false if through both trees.
    pub by_map: bool,
}

impl From<Op> for apfs_op {
    fn from(op: Op) -> apfs_op {
        match op {
            Op::Created => apfs_op::Created,
            Op::Deleted => apfs_op::Deleted,
            Op::Renamed => apfs_op::Renamed,
            Op::Modified => apfs_op::Modified,
        }
    }
}

impl apfs_change {
    /// No change.
    pub(crate) const NONE: apfs_change = apfs_change {
        op: apfs_op::None,
        kind: apfs_kind::Unknown,
        known: 0,
        fields: 0,
        ino: 0,
        path: apfs_bytes::EMPTY,
        old_path: apfs_bytes::EMPTY,
        range_count: 0,
        xattr_count: 0,
        before: apfs_stat::UNKNOWN,
        after: apfs_stat::UNKNOWN,
    };
}

impl From<&Change> for apfs_change {
    fn from(change: &Change) -> apfs_change {
        let known = [
            (change.old_path.is_some(), APFS_CHANGE_OLD_PATH),
            (change.before.is_some(), APFS_CHANGE_BEFORE),
            (change.after.is_some(), APFS_CHANGE_AFTER),
        ];
        let stat = |stat: Option<&Stat>| stat.map_or(apfs_stat::UNKNOWN, apfs_stat::from);
        apfs_change {
            op: change.op.into(),
            kind: change.kind.into(),
            known: known.iter().filter(|(known, _)| *known).fold(0, |bits, (_, bit)| bits | bit),
            fields: change.fields.bits(),
            ino: change.ino.0,
            path: change.path.as_slice().into(),
            old_path: change.old_path.as_deref().map_or(apfs_bytes::EMPTY, apfs_bytes::from),
            range_count: change.ranges.len(),
            xattr_count: change.xattrs.len(),
            before: stat(change.before.as_ref()),
            after: stat(change.after.as_ref()),
        }
    }
}

impl From<&(u64, u64)> for apfs_range {
    fn from((offset, len): &(u64, u64)) -> apfs_range {
        apfs_range { offset: *offset, len: *len }
    }
}

impl From<&XattrChange> for apfs_xattr_change {
    fn from(change: &XattrChange) -> apfs_xattr_change {
        let op = match change.op {
            XattrOp::Created => apfs_xattr_op::Created,
            XattrOp::Deleted => apfs_xattr_op::Deleted,
            XattrOp::Changed => apfs_xattr_op::Changed,
        };
        apfs_xattr_change { name: change.name.as_bytes().into(), op }
    }
}

impl From<DeltaStats> for apfs_delta_stats {
    fn from(stats: DeltaStats) -> apfs_delta_stats {
        apfs_delta_stats {
            changes: stats.changes,
            leaves: stats.leaves,
            index_nodes: stats.index_nodes,
            omap_nodes: stats.omap_nodes,
            older_omap_nodes: stats.older_omap_nodes,
            by_map: stats.method == Some(Method::Map),
        }
    }
}

/// The APFS view of a handle.
pub(crate) fn apfs(view: &apfs_view) -> Result<&View> {
    let hint = "HFS+ volumes have one state; of a merged tree compare the volumes that it is made of";
    view.view.as_apfs().ok_or_else(|| Error::unsupported("states of anything but an APFS volume", hint))
}

impl apfs_delta {
    /// Reads the next batch. An error behind changes waits for the call after them.
    fn next(&mut self, cap: usize) -> Result<()> {
        self.batch.clear();
        if let Some(error) = self.late.take() {
            return Err(error);
        }
        while self.batch.len() < cap.min(MAX_CHANGES) {
            match self.delta.next() {
                Some(Ok(change)) => self.batch.push(change),
                Some(Err(error)) if self.batch.is_empty() => return Err(error),
                Some(Err(error)) => {
                    self.late = Some(error);
                    break;
                }
                None => break,
            }
        }
        Ok(())
    }

    fn nth(&self, nth: usize) -> Result<&Change> {
        self.batch.get(nth).ok_or_else(|| Error::not_found(format!("change {nth} of the last batch")))
    }
}

/// Begins to compare two states of one APFS volume, also of different checkpoints of one disk. The cost follows what
/// differs, not the size of the volume.
///
/// # Safety
/// `from` and `to` are handles; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_delta_open(
    from: *const apfs_view,
    to: *const apfs_view,
    out: *mut *mut apfs_delta,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (from, to, out) = (given!(from), given!(to), out!(out));
        let delta = apfs(from)?.changes(apfs(to)?)?;
        out.put(own(apfs_delta { delta, batch: Vec::new(), late: None }));
        Ok(())
    })
}

/// Gives the next changes, by the number of the file: up to `cap` into `out`, how many into `n`. None written means the
/// end. What can't be compared is one failed call in its place; the next one goes on behind it. Text lives until the next
/// call with the same comparison.
///
/// # Safety
/// `delta` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_delta_read(
    delta: *mut apfs_delta,
    out: *mut apfs_change,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (delta, out, n) = (given_mut!(delta), slots!(out, cap), out!(n));
        if out.cap() == 0 {
            return Err(Error::Misuse("cap is 0: there is room for no change"));
        }
        delta.next(out.cap())?;
        n.put(out.fill(delta.batch.iter().map(apfs_change::from)));
        Ok(())
    })
}

/// Lists the ranges of data that differ of a change of the last batch, by its place in that, from number `first` on: up
/// to `cap` into `out`, how many into `n`.
///
/// # Safety
/// `delta` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_delta_ranges(
    delta: *const apfs_delta,
    nth: usize,
    first: usize,
    out: *mut apfs_range,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (delta, out, n) = (given!(delta), slots!(out, cap), out!(n));
        n.put(out.fill(delta.nth(nth)?.ranges.iter().skip(first).map(apfs_range::from)));
        Ok(())
    })
}

/// Lists the extended attributes that differ of a change of the last batch, by its place in that, from number `first` on:
/// up to `cap` into `out`, how many into `n`.
///
/// # Safety
/// `delta` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_delta_xattrs(
    delta: *const apfs_delta,
    nth: usize,
    first: usize,
    out: *mut apfs_xattr_change,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (delta, out, n) = (given!(delta), slots!(out, cap), out!(n));
        n.put(out.fill(delta.nth(nth)?.xattrs.iter().skip(first).map(apfs_xattr_change::from)));
        Ok(())
    })
}

/// What a comparison has read so far.
///
/// # Safety
/// `delta` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_delta_get_stats(
    delta: *const apfs_delta,
    out: *mut apfs_delta_stats,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (delta, out) = (given!(delta), out!(out));
        out.put(delta.delta.stats().into());
        Ok(())
    })
}

/// Frees a comparison. NULL is allowed.
///
/// # Safety
/// `delta` is NULL or a handle that is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_delta_free(delta: *mut apfs_delta) {
    free_owned!(delta);
}

#[cfg(test)]
mod tests {
    use apfs_core::apfs::delta::Fields;

    use super::*;

    /// The numbers of the header are those of the core, every one of them.
    #[test]
    fn fields_are_those_of_the_core() {
        let first = [APFS_FIELD_MODE, APFS_FIELD_UID, APFS_FIELD_GID, APFS_FIELD_NLINK, APFS_FIELD_NCHILDREN];
        let sizes = [APFS_FIELD_SIZE, APFS_FIELD_ALLOCATED, APFS_FIELD_SPARSE];
        let times = [APFS_FIELD_MTIME, APFS_FIELD_CTIME, APFS_FIELD_BTIME, APFS_FIELD_ATIME];
        let flags = [APFS_FIELD_BSD_FLAGS, APFS_FIELD_INTERNAL_FLAGS, APFS_FIELD_STREAM, APFS_FIELD_RDEV];
        let ids = [APFS_FIELD_DOCUMENT_ID, APFS_FIELD_COMPRESSION, APFS_FIELD_PROTECTION_CLASS];
        let rest = [APFS_FIELD_WRITE_GENERATION, APFS_FIELD_OTHER];
        let all = [&first[..], &sizes, &times, &flags, &ids, &rest].concat();
        let core: Vec<u32> = Fields::all().iter().map(|field| field.bits()).collect();
        assert_eq!(all, core);
        for (field, name) in
            [(APFS_FIELD_MTIME, "mtime"), (APFS_FIELD_STREAM, "stream"), (APFS_FIELD_OTHER, "other")]
        {
            assert_eq!(Fields::from_bits_retain(field).to_string(), name);
        }
    }
}
