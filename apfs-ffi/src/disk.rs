//! Disks: opening them and listing their partitions.

use core::ffi::c_char;
use std::sync::{Arc, OnceLock};

use apfs_core::image::probe::Content;
use apfs_core::{AnyVolume, Disk, Error, Layer, OpenOptions, Partition, ReadAt, Result};

use crate::error::apfs_error;
use crate::guard;
use crate::options::{apfs_options, joined, open_as, parse};
use crate::ptr::{Shared, apfs_bytes, share};
use crate::source::{CallbackDevice, apfs_source};
use crate::status::apfs_status;
use crate::volume_info::{Listed, apfs_volume_info};

/// A disk or disk image.
#[derive(Debug)]
pub struct apfs_disk {
    pub(crate) disk: Disk,
    pub(crate) options: OpenOptions,
    volumes: OnceLock<Vec<Listed>>,
}

impl Shared for apfs_disk {}

impl apfs_disk {
    fn new(disk: Disk, options: OpenOptions) -> apfs_disk {
        apfs_disk { disk, options, volumes: OnceLock::new() }
    }

    /// The volumes of all partitions, listed once; at least one.
    pub(crate) fn volumes(&self) -> Result<&[Listed]> {
        let volumes = self.volumes.get_or_init(|| {
            let partitions = self.disk.partitions().iter();
            partitions.flat_map(|partition| self.volumes_in(partition)).collect()
        });
        if volumes.is_empty() { Err(self.disk.no_volume()) } else { Ok(volumes) }
    }

    fn volumes_in(&self, partition: &Partition) -> Vec<Listed> {
        let index = partition.index;
        if self.disk.apfs_partitions().contains(&index) {
            return match self.disk.container(index, self.options.clone()) {
                Ok(container) => {
                    let volumes = container.volumes().into_iter();
                    volumes.map(|(slot, volume)| Listed::of_apfs(index, slot, volume)).collect()
                }
                Err(error) => vec![Listed::of_apfs(index, 0, Err(error))],
            };
        }
        match self.disk.volumes_in(index, &self.options) {
            Some(Ok(volumes)) => volumes.into_iter().map(|volume| Listed::new(index, 0, volume)).collect(),
            Some(Err(error)) => vec![Listed::new(index, 0, Err(error))],
            None => Vec::new(),
        }
    }

    /// A volume of the list, with the number of its partition. One that could not be opened is tried again.
    pub(crate) fn volume(&self, nth: usize) -> Result<(usize, AnyVolume)> {
        let volumes = self.volumes()?;
        let missing = || Error::not_found(format!("volume {nth}, there are {}", volumes.len()));
        let listed = volumes.get(nth).ok_or_else(missing)?;
        if let Ok(volume) = &listed.volume {
            return Ok((listed.partition, volume.clone()));
        }
        let before = volumes.iter().take(nth).filter(|other| other.partition == listed.partition).count();
        let partition = self.disk.partitions().get(listed.partition).ok_or_else(missing)?;
        let again = self.volumes_in(partition).into_iter().nth(before).ok_or_else(missing)?;
        Ok((again.partition, again.volume?))
    }
}

/// What is in a partition.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_content {
    /// Nothing known.
    Unknown = 0,
    /// An APFS container.
    Apfs = 1,
    /// An HFS+ or HFSX volume, also in an HFS wrapper.
    HfsPlus = 2,
    /// Something else, named by `content_text`.
    Other = 3,
}

/// One partition. Text belongs to the disk.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_partition {
    /// Its number: used entries in the order of the table, from 0; logical partitions after the others.
    pub index: usize,
    /// First byte on the disk.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
    /// Type in a GUID partition table, else zeros.
    pub type_guid: [u8; 16],
    /// Type in a master boot record, else 0.
    pub type_byte: u8,
    /// Type in an Apple partition map, else empty.
    pub type_text: apfs_bytes,
    /// Name of the type, empty if it has none.
    pub type_name: apfs_bytes,
    /// Name in the table.
    pub label: apfs_bytes,
    /// What is in it.
    pub content: apfs_content,
    /// What is in it, in words; empty if nothing is known.
    pub content_text: apfs_bytes,
}

impl From<&Partition> for apfs_partition {
    fn from(partition: &Partition) -> apfs_partition {
        let content = match partition.content {
            Content::Apfs => apfs_content::Apfs,
            Content::HfsPlus | Content::HfsX | Content::HfsWrapper => apfs_content::HfsPlus,
            Content::Unknown => apfs_content::Unknown,
            _ => apfs_content::Other,
        };
        let text = if content == apfs_content::Unknown { "" } else { partition.content.name() };
        apfs_partition {
            index: partition.index,
            start: partition.start,
            len: partition.len,
            type_guid: partition.type_guid.map_or([0; 16], |guid| guid.0),
            type_byte: partition.type_byte.unwrap_or(0),
            type_text: partition.type_text.as_deref().unwrap_or("").as_bytes().into(),
            type_name: partition.type_name.as_bytes().into(),
            label: partition.label.as_bytes().into(),
            content,
            content_text: text.as_bytes().into(),
        }
    }
}

/// A disk image around a disk. Text lives for ever.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_layer {
    /// Its format by its word, as for `apfs_options.open_as`.
    pub format: apfs_bytes,
    /// Its format by a name for people.
    pub name: apfs_bytes,
    /// Bytes of the disk in it.
    pub len: u64,
}

impl From<&Layer> for apfs_layer {
    fn from(layer: &Layer) -> apfs_layer {
        let (format, name) = (layer.format.word(), layer.format.name());
        apfs_layer { format: format.as_bytes().into(), name: name.as_bytes().into(), len: layer.len }
    }
}

fn open(device: Arc<dyn ReadAt>, options: Option<&apfs_options>) -> Result<apfs_disk> {
    let (format, parsed) = (open_as(options)?, parse(options)?.unwrap_or_default());
    Ok(apfs_disk::new(joined(Disk::open_as(device, format, &parsed)?, options)?, parsed))
}

/// Opens what is at a path, ended by a NUL: an image file or device node, a sparse bundle, or all files of an image in
/// pieces, given one of them. Nothing is ever written to.
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
        let (path, given) = (os_path(path.to_bytes())?, optional!(options));
        let (format, options) = (open_as(given)?, parse(given)?.unwrap_or_default());
        let disk = joined(Disk::open_path_as(path, format, &options)?, given)?;
        out.put(share(apfs_disk::new(disk, options)));
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
    let path = core::str::from_utf8(path).map_err(|_| apfs_core::Error::Misuse("path is not UTF-8"))?;
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
        out.put(share(open(Arc::new(device), optional!(options))?));
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
        out.put(share(open(Arc::new(device), optional!(options))?));
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

/// Lists the disk images around a disk, outermost first, from number `first` on: up to `cap` into `out`, how many into
/// `n`. None written means the end; a raw disk has none.
///
/// # Safety
/// `disk` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_disk_layers(
    disk: *const apfs_disk,
    first: usize,
    out: *mut apfs_layer,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (disk, out, n) = (given!(disk), slots!(out, cap), out!(n));
        n.put(out.fill(disk.disk.layers().iter().skip(first).map(apfs_layer::from)));
        Ok(())
    })
}

/// How the partitions of a disk are described: "none", "gpt", "apm" or "mbr"; lives for ever. Empty for NULL.
///
/// # Safety
/// `disk` is NULL or a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_disk_scheme(disk: *const apfs_disk) -> apfs_bytes {
    let none: &[u8] = &[];
    guard::or(none.into(), || optional!(disk).map_or("", |disk| disk.disk.scheme().word()).as_bytes().into())
}

/// Lists the volumes of a disk, of all partitions and every kind, from number `first` on: up to `cap` into `out`, how
/// many into `n`. None written means the end. One that can't be opened is in the list, with its status; a container
/// that can't be opened stands there as one volume. A disk without any volume that is read is an error that says what
/// it holds instead. The options are those of the disk.
///
/// # Safety
/// `disk` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_disk_volumes(
    disk: *const apfs_disk,
    first: usize,
    out: *mut apfs_volume_info,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (disk, out, n) = (given!(disk), slots!(out, cap), out!(n));
        n.put(out.fill(disk.volumes()?.iter().skip(first).map(apfs_volume_info::from)));
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
        out.put(first.ok_or_else(|| disk.disk.no_volume())?);
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
