//! Disks: opening them and listing their partitions.

use core::ffi::c_char;
use std::sync::Arc;

use apfs_core::apfs::ContainerOptions;
use apfs_core::image::probe::Content;
use apfs_core::io::file::FileDevice;
use apfs_core::{Disk, Error, Partition, ReadAt, Result};

use crate::error::apfs_error;
use crate::options::{apfs_options, parse};
use crate::ptr::{Shared, apfs_bytes, share};
use crate::source::{CallbackDevice, apfs_source};
use crate::status::apfs_status;

/// A disk or disk image.
#[derive(Debug)]
pub struct apfs_disk {
    pub(crate) disk: Disk,
    pub(crate) options: ContainerOptions,
}

impl Shared for apfs_disk {}

/// What is in a partition.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_content {
    /// Nothing known.
    Unknown = 0,
    /// An APFS container.
    Apfs = 1,
    /// An HFS+ or HFSX volume.
    HfsPlus = 2,
    /// Something else, named by `content_text`.
    Other = 3,
}

/// One partition. Text belongs to the disk.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_partition {
    /// Its number: used entries in the order of the table, from 0.
    pub index: usize,
    /// First byte on the disk.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
    /// Type as the table has it, zeros without a table.
    pub type_guid: [u8; 16],
    /// Name of the type, empty if it has none.
    pub type_name: apfs_bytes,
    /// Name in the table.
    pub label: apfs_bytes,
    /// What is in it.
    pub content: apfs_content,
    /// What is in it, in words, if `content` is APFS_CONTENT_OTHER.
    pub content_text: apfs_bytes,
}

impl From<&Partition> for apfs_partition {
    fn from(partition: &Partition) -> apfs_partition {
        let (content, text) = match partition.content {
            Content::Apfs => (apfs_content::Apfs, ""),
            Content::HfsPlus => (apfs_content::HfsPlus, ""),
            Content::Image(what, _) | Content::Other(what, _) => (apfs_content::Other, what),
            _ => (apfs_content::Unknown, ""),
        };
        apfs_partition {
            index: partition.index,
            start: partition.start,
            len: partition.len,
            type_guid: partition.type_guid.map_or([0; 16], |guid| guid.0),
            type_name: partition.type_name.as_bytes().into(),
            label: partition.label.as_bytes().into(),
            content,
            content_text: text.as_bytes().into(),
        }
    }
}

fn open(device: Arc<dyn ReadAt>, options: ContainerOptions) -> Result<apfs_disk> {
    Ok(apfs_disk { disk: Disk::open(device, &options)?, options })
}

/// Opens an image file or device node by its path, ended by a NUL. It is never written to.
///
/// # Safety
/// `path` ends with a NUL; `options` may be NULL; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_disk_open(
    path: *const c_char,
    options: *const apfs_options,
    out: *mut *const apfs_disk,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (path, out) = (text!(path), out!(out));
        let options = parse(optional!(options))?.unwrap_or_default();
        let device = FileDevice::open(os_path(path.to_bytes())?)?;
        out.put(share(open(Arc::new(device), options)?));
        Ok(())
    })
}

#[cfg(unix)]
fn os_path(path: &[u8]) -> Result<&std::path::Path> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(path).as_ref())
}

#[cfg(not(unix))]
fn os_path(path: &[u8]) -> Result<&std::path::Path> {
    let path = core::str::from_utf8(path).map_err(|_| Error::Misuse("path is not UTF-8"))?;
    Ok(path.as_ref())
}

/// Opens an image in memory. The bytes are not copied: they must stay as they are until all handles are freed.
///
/// # Safety
/// `data` is valid for `len` bytes; `options` may be NULL; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_disk_open_memory(
    data: *const u8,
    len: usize,
    options: *const apfs_options,
    out: *mut *const apfs_disk,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (device, out) = (lent!(data, len), out!(out));
        let options = parse(optional!(options))?.unwrap_or_default();
        out.put(share(open(Arc::new(device), options)?));
        Ok(())
    })
}

/// Opens an image through your own functions. The source's context is released when the last handle over it is
/// freed, and also if opening fails, unless `source` or its `read` is NULL.
///
/// # Safety
/// `source` is valid and its functions keep their promises; `options` may be NULL; `out` is writable; `err` is NULL
/// or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_disk_open_source(
    source: *const apfs_source,
    options: *const apfs_options,
    out: *mut *const apfs_disk,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let source = given!(source);
        let device = CallbackDevice::new(reader!(source), source)?;
        let out = out!(out);
        let options = parse(optional!(options))?.unwrap_or_default();
        out.put(share(open(Arc::new(device), options)?));
        Ok(())
    })
}

/// Lists partitions from number `first` on: up to `cap` into `out`, how many into `n`. None written means the end.
/// A disk without a partition table has one partition.
///
/// # Safety
/// `disk` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_disk_partitions(
    disk: *const apfs_disk,
    first: usize,
    out: *mut apfs_partition,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (disk, out, n) = (given!(disk), slots!(out, cap), out!(n));
        let partitions = disk.disk.partitions().iter().skip(first);
        n.put(out.fill(partitions.map(apfs_partition::from)));
        Ok(())
    })
}

/// Number of the first partition that holds an APFS container.
///
/// # Safety
/// `disk` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_disk_first_apfs(
    disk: *const apfs_disk,
    out: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (disk, out) = (given!(disk), out!(out));
        let first = disk.disk.apfs_partitions().first().copied();
        out.put(first.ok_or_else(|| Error::not_found("no APFS container"))?);
        Ok(())
    })
}

/// Frees a disk. What was opened from it stays usable. NULL is allowed.
///
/// # Safety
/// `disk` is NULL or a handle that is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_disk_free(disk: *const apfs_disk) {
    free_shared!(disk);
}
