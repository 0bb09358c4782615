//! Views: a volume live or at a snapshot, its files by number and by path.

use apfs_core::apfs::Snapshot;
use apfs_core::{AnyFs, AnyVolume, Error, FileId, Fs, FsExt, Kind, Result, Stat, Timestamp};

use crate::error::apfs_error;
use crate::guard;
use crate::ptr::{Shared, share};
use crate::status::apfs_status;
use crate::volume::apfs_volume;

/// Path flag: a symbolic link at the end of the path is meant itself, not its target.
pub const APFS_NO_FOLLOW: u32 = 1;

/// `apfs_stat.nchildren` is known.
pub const APFS_STAT_NCHILDREN: u32 = 1;
/// `apfs_stat.sparse_bytes` is known.
pub const APFS_STAT_SPARSE_BYTES: u32 = 2;
/// `apfs_stat.modified_ns` is known.
pub const APFS_STAT_MODIFIED: u32 = 4;
/// `apfs_stat.changed_ns` is known.
pub const APFS_STAT_CHANGED: u32 = 8;
/// `apfs_stat.created_ns` is known.
pub const APFS_STAT_CREATED: u32 = 0x10;
/// `apfs_stat.accessed_ns` is known.
pub const APFS_STAT_ACCESSED: u32 = 0x20;
/// `apfs_stat.rdev` is known.
pub const APFS_STAT_RDEV: u32 = 0x40;
/// `apfs_stat.document_id` is known.
pub const APFS_STAT_DOCUMENT_ID: u32 = 0x80;
/// The file is compressed, `apfs_stat.compression` says how.
pub const APFS_STAT_COMPRESSION: u32 = 0x100;
/// `apfs_stat.resource_size` is known.
pub const APFS_STAT_RESOURCE_SIZE: u32 = 0x200;

/// A volume's files at one moment: live, or at a snapshot; or System and Data of one macOS as one tree.
#[derive(Debug)]
pub struct apfs_view {
    pub(crate) view: AnyFs,
}

impl Shared for apfs_view {}

/// Type of a file; the numbers are those of the type bits of a POSIX mode.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_kind {
    /// None of the others.
    Unknown = 0,
    /// Named pipe.
    Fifo = 1,
    /// Character device.
    CharDevice = 2,
    /// Directory.
    Dir = 4,
    /// Block device.
    BlockDevice = 6,
    /// Regular file.
    File = 8,
    /// Symbolic link.
    Symlink = 10,
    /// Socket.
    Socket = 12,
    /// Whiteout of a union mount.
    Whiteout = 14,
}

impl From<Kind> for apfs_kind {
    fn from(kind: Kind) -> apfs_kind {
        match kind {
            Kind::Fifo => apfs_kind::Fifo,
            Kind::CharDevice => apfs_kind::CharDevice,
            Kind::Dir => apfs_kind::Dir,
            Kind::BlockDevice => apfs_kind::BlockDevice,
            Kind::File => apfs_kind::File,
            Kind::Symlink => apfs_kind::Symlink,
            Kind::Socket => apfs_kind::Socket,
            Kind::Whiteout => apfs_kind::Whiteout,
            _ => apfs_kind::Unknown,
        }
    }
}

/// Metadata of one file or directory. Times are nanoseconds since 1970 UTC.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_stat {
    /// Number of the file in its volume.
    pub id: u64,
    /// Directory of the primary link.
    pub parent: u64,
    /// Type.
    pub kind: apfs_kind,
    /// Which of the fields that not every file has are known: APFS_STAT_*. The others are 0.
    pub known: u32,
    /// POSIX mode, all 16 bits as stored.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of hard links; 1 for directories without links of their own.
    pub nlink: u32,
    /// Directories: number of entries as recorded. Do not size anything by it: some volumes lie.
    pub nchildren: u32,
    /// Bytes that a program reads: decompressed size of a compressed file, length of a link's target.
    pub size: u64,
    /// Bytes allocated for the data stream, holes included.
    pub allocated: u64,
    /// Bytes of holes.
    pub sparse_bytes: u64,
    /// Last change of the content.
    pub modified_ns: i64,
    /// Last change of the metadata.
    pub changed_ns: i64,
    /// Creation.
    pub created_ns: i64,
    /// Last access.
    pub accessed_ns: i64,
    /// BSD flags (`UF_*`, `SF_*`).
    pub bsd_flags: u32,
    /// Device number as stored; major in the top 8 bits.
    pub rdev: u32,
    /// File-system flags (`INODE_*`).
    pub internal_flags: u64,
    /// Id of the data stream; clones share one.
    pub private_id: u64,
    /// Document id.
    pub document_id: u32,
    /// `compression_type` of `com.apple.decmpfs`.
    pub compression: u32,
    /// Default protection class as stored.
    pub protection_class: u32,
    /// Counter of data changes.
    pub write_generation: u32,
    /// Bytes of the resource fork, where that is no attribute: HFS+.
    pub resource_size: u64,
}

impl apfs_stat {
    /// Metadata of which nothing is known.
    pub(crate) const UNKNOWN: apfs_stat = apfs_stat {
        id: 0,
        parent: 0,
        kind: apfs_kind::Unknown,
        known: 0,
        mode: 0,
        uid: 0,
        gid: 0,
        nlink: 0,
        nchildren: 0,
        size: 0,
        allocated: 0,
        sparse_bytes: 0,
        modified_ns: 0,
        changed_ns: 0,
        created_ns: 0,
        accessed_ns: 0,
        bsd_flags: 0,
        rdev: 0,
        internal_flags: 0,
        private_id: 0,
        document_id: 0,
        compression: 0,
        protection_class: 0,
        write_generation: 0,
        resource_size: 0,
    };
}

impl From<&Stat> for apfs_stat {
    fn from(stat: &Stat) -> apfs_stat {
        let known = [
            (stat.nchildren.is_some(), APFS_STAT_NCHILDREN),
            (stat.sparse_bytes.is_some(), APFS_STAT_SPARSE_BYTES),
            (stat.modified.is_some(), APFS_STAT_MODIFIED),
            (stat.changed.is_some(), APFS_STAT_CHANGED),
            (stat.created.is_some(), APFS_STAT_CREATED),
            (stat.accessed.is_some(), APFS_STAT_ACCESSED),
            (stat.rdev.is_some(), APFS_STAT_RDEV),
            (stat.document_id.is_some(), APFS_STAT_DOCUMENT_ID),
            (stat.compression.is_some(), APFS_STAT_COMPRESSION),
            (stat.resource_size.is_some(), APFS_STAT_RESOURCE_SIZE),
        ];
        let ns = |time: Option<Timestamp>| time.unwrap_or_default().0;
        apfs_stat {
            id: stat.id.0,
            parent: stat.parent.0,
            kind: stat.kind.into(),
            known: known.iter().filter(|(known, _)| *known).fold(0, |bits, (_, bit)| bits | bit),
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            nlink: stat.nlink,
            nchildren: stat.nchildren.unwrap_or(0),
            size: stat.size,
            allocated: stat.allocated,
            sparse_bytes: stat.sparse_bytes.unwrap_or(0),
            modified_ns: ns(stat.modified),
            changed_ns: ns(stat.changed),
            created_ns: ns(stat.created),
            accessed_ns: ns(stat.accessed),
            bsd_flags: stat.bsd_flags,
            rdev: stat.rdev.unwrap_or(0),
            internal_flags: stat.internal_flags,
            private_id: stat.private_id,
            document_id: stat.document_id.unwrap_or(0),
            compression: stat.compression.map_or(0, |compression| compression.kind),
            protection_class: stat.protection_class,
            write_generation: stat.write_generation,
            resource_size: stat.resource_size.unwrap_or(0),
        }
    }
}

fn find(view: &AnyFs, path: &[u8], flags: u32) -> Result<FileId> {
    match flags {
        0 => view.find(path),
        APFS_NO_FOLLOW => view.find_no_follow(path),
        _ => Err(Error::Misuse("flags: unknown flag")),
    }
}

/// The state of a volume that the first snapshot keeps for which `wanted` holds.
fn at_snapshot(
    volume: &apfs_volume,
    wanted: impl Fn(&Snapshot) -> bool,
    missing: impl Fn() -> Error,
) -> Result<AnyFs> {
    let snapshot = volume.snapshots()?.iter().find(|snapshot| wanted(snapshot));
    match (&volume.volume, snapshot) {
        (AnyVolume::Apfs(volume), Some(snapshot)) => volume.view_at(snapshot).map(AnyFs::Apfs),
        _ => Err(missing()),
    }
}

/// Opens the live state of a volume; HFS+ has no other.
///
/// # Safety
/// `volume` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_open(
    volume: *const apfs_volume,
    out: *mut *const apfs_view,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (volume, out) = (given!(volume), out!(out));
        out.put(share(apfs_view { view: volume.volume.view()? }));
        Ok(())
    })
}

/// Opens the state that a snapshot keeps, by the snapshot's name.
///
/// # Safety
/// `volume` is a handle; `name` is valid for `name_len` bytes; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_open_snapshot(
    volume: *const apfs_volume,
    name: *const u8,
    name_len: usize,
    out: *mut *const apfs_view,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (volume, name, out) = (given!(volume), bytes!(name, name_len), out!(out));
        let missing = || Error::not_found(format!("snapshot {}", apfs_core::Name::from(name)));
        let view = at_snapshot(volume, |snapshot| snapshot.name.as_bytes() == name, missing)?;
        out.put(share(apfs_view { view }));
        Ok(())
    })
}

/// Opens the state that a snapshot keeps, by the snapshot's transaction.
///
/// # Safety
/// `volume` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_open_xid(
    volume: *const apfs_volume,
    xid: u64,
    out: *mut *const apfs_view,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (volume, out) = (given!(volume), out!(out));
        let missing = || Error::not_found(format!("snapshot of transaction {xid}"));
        let view = at_snapshot(volume, |snapshot| snapshot.xid.0 == xid, missing)?;
        out.put(share(apfs_view { view }));
        Ok(())
    })
}

/// Opens the state that a snapshot keeps, by a text that says which: its name; else its UUID, its transaction in decimal
/// or hexadecimal (`0x2a`), or a date or time in UTC (`2024-05-01`, `2024-05-01 12:30:00`), which means the newest one
/// taken until then, of a date until its end. APFS_STATUS_NOT_FOUND if there is none, or if several fit: the message
/// lists them.
///
/// # Safety
/// `volume` is a handle; `wanted` is valid for `wanted_len` bytes; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_open_at(
    volume: *const apfs_volume,
    wanted: *const u8,
    wanted_len: usize,
    out: *mut *const apfs_view,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (volume, wanted, out) = (given!(volume), bytes!(wanted, wanted_len), out!(out));
        let view = match &volume.volume {
            AnyVolume::Apfs(volume) => volume.view_at(&volume.snapshot(wanted)?).map(AnyFs::Apfs)?,
            _ => return Err(Error::not_found(format!("snapshot {}", apfs_core::Name::from(wanted)))),
        };
        out.put(share(apfs_view { view }));
        Ok(())
    })
}

/// Number of the root directory; 0 for NULL.
///
/// # Safety
/// `view` is NULL or a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_root(view: *const apfs_view) -> u64 {
    guard::or(0, || optional!(view).map_or(0, |view| view.view.root().0))
}

/// Transaction of the state; 0 for NULL, for a merged tree, which is made of several, and on HFS+, which has none.
///
/// # Safety
/// `view` is NULL or a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_xid(view: *const apfs_view) -> u64 {
    guard::or(0, || optional!(view).and_then(|view| view.view.as_apfs()).map_or(0, |view| view.xid().0))
}

/// Metadata of a file by its number.
///
/// # Safety
/// `view` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_stat(
    view: *const apfs_view,
    id: u64,
    out: *mut apfs_stat,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, out) = (given!(view), out!(out));
        out.put((&view.view.stat(FileId(id))?).into());
        Ok(())
    })
}

/// Metadata of a file by its path: names separated by '/', from the root. `flags`: APFS_NO_FOLLOW or 0.
///
/// # Safety
/// `view` is a handle; `path` is valid for `path_len` bytes; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_stat_path(
    view: *const apfs_view,
    path: *const u8,
    path_len: usize,
    flags: u32,
    out: *mut apfs_stat,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, path, out) = (given!(view), bytes!(path, path_len), out!(out));
        let id = find(&view.view, path, flags)?;
        out.put((&view.view.stat(id)?).into());
        Ok(())
    })
}

/// Number of the file at a path. `flags`: APFS_NO_FOLLOW or 0.
///
/// # Safety
/// `view` is a handle; `path` is valid for `path_len` bytes; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_find(
    view: *const apfs_view,
    path: *const u8,
    path_len: usize,
    flags: u32,
    out: *mut u64,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, path, out) = (given!(view), bytes!(path, path_len), out!(out));
        out.put(find(&view.view, path, flags)?.0);
        Ok(())
    })
}

/// Number of the file of a name in a directory, by the volume's own rule of which names are equal.
///
/// # Safety
/// `view` is a handle; `name` is valid for `name_len` bytes; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_lookup(
    view: *const apfs_view,
    dir: u64,
    name: *const u8,
    name_len: usize,
    out: *mut u64,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, name, out) = (given!(view), bytes!(name, name_len), out!(out));
        out.put(view.view.lookup(FileId(dir), name)?.id.0);
        Ok(())
    })
}

/// Target of a symbolic link. Its length goes to `n`; the bytes go to `buf` only if all of them fit in `cap`, so
/// compare `n` with `cap`. `buf` may be NULL if `cap` is 0.
///
/// # Safety
/// `view` is a handle; `buf` has room for `cap` bytes; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_read_link(
    view: *const apfs_view,
    id: u64,
    buf: *mut u8,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, buf, n) = (given!(view), slots!(buf, cap), out!(n));
        let target = view.view.read_link(FileId(id))?;
        let target = target.as_bytes();
        if target.len() <= buf.cap() {
            buf.fill(target.iter().copied());
        }
        n.put(target.len());
        Ok(())
    })
}

/// Frees a view. What was opened from it stays usable. NULL is allowed.
///
/// # Safety
/// `view` is NULL or a handle that is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_free(view: *const apfs_view) {
    free_shared!(view);
}
