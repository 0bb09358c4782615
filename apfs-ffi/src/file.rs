//! Reading the streams of files.

use apfs_core::{Error, FileId, Fs, Name, Result, StreamId};

use crate::error::apfs_error;
use crate::status::apfs_status;
use crate::view::apfs_view;

/// Stream: the content as a program reads it.
pub const APFS_STREAM_DATA: u32 = 0;
/// Stream: the data stream as stored, compressed or not.
pub const APFS_STREAM_RAW: u32 = 1;
/// Stream: the resource fork.
pub const APFS_STREAM_RESOURCE_FORK: u32 = 2;
/// Stream: the value of the extended attribute of a name.
pub const APFS_STREAM_XATTR: u32 = 3;

/// Which bytes of a file are meant. Where one is asked for, NULL means the content.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_stream {
    /// APFS_STREAM_*.
    pub kind: u32,
    /// Name of the extended attribute, for APFS_STREAM_XATTR; else not looked at.
    pub name: *const u8,
    /// Bytes of the name.
    pub name_len: usize,
}

/// Which stream a call is about.
pub(crate) fn parse(stream: Option<&apfs_stream>) -> Result<StreamId> {
    let Some(stream) = stream else { return Ok(StreamId::Data) };
    match stream.kind {
        APFS_STREAM_DATA => Ok(StreamId::Data),
        APFS_STREAM_RAW => Ok(StreamId::Raw),
        APFS_STREAM_RESOURCE_FORK => Ok(StreamId::ResourceFork),
        APFS_STREAM_XATTR => Ok(StreamId::Xattr(Name::from(bytes!(stream.name, stream.name_len)))),
        _ => Err(Error::Misuse("stream: unknown kind")),
    }
}

/// Length of a stream in bytes.
///
/// # Safety
/// `view` is a handle; `stream` is NULL or valid; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_stream_len(
    view: *const apfs_view,
    id: u64,
    stream: *const apfs_stream,
    out: *mut u64,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, stream, out) = (given!(view), parse(optional!(stream))?, out!(out));
        out.put(view.view.stream_len(FileId(id), &stream)?);
        Ok(())
    })
}

/// Reads a stream from byte `offset` on: up to `len` bytes into `buf`, how many into `n`, less than `len` only at
/// the end of the stream. After an error the content of `buf` is not defined.
///
/// # Safety
/// `view` is a handle; `stream` is NULL or valid; `buf` has room for `len` bytes; `n` is writable; `err` is NULL or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_read(
    view: *const apfs_view,
    id: u64,
    stream: *const apfs_stream,
    offset: u64,
    buf: *mut u8,
    len: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (view, stream, buf, n) = (given!(view), parse(optional!(stream))?, buffer!(buf, len), out!(n));
        n.put(view.view.read_at(FileId(id), &stream, offset, buf)?);
        Ok(())
    })
}
