//! [`Fs`] for an HFS+ volume.

use alloc::vec::Vec;

use super::volume::Volume;
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::base::limits::Limits;
use crate::fs::types::{DirEntry, DirPos, ExtentRun, Name, Stat, StreamId, XattrInfo};
use crate::fs::view::{Fs, sealed};

impl sealed::Sealed for Volume {}

impl Fs for Volume {
    fn root(&self) -> FileId {
        FileId(2)
    }
    fn limits(&self) -> &Limits {
        Volume::limits(self)
    }
    fn stat(&self, _id: FileId) -> Result<Stat> {
        Err(Error::Cancelled)
    }
    fn lookup(&self, _dir: FileId, _name: &[u8]) -> Result<DirEntry> {
        Err(Error::Cancelled)
    }
    fn read_dir(&self, _dir: FileId, _pos: &mut DirPos, _out: &mut Vec<DirEntry>, _max: usize) -> Result<()> {
        Err(Error::Cancelled)
    }
    fn stream_len(&self, _id: FileId, _stream: &StreamId) -> Result<u64> {
        Err(Error::Cancelled)
    }
    fn read_at(&self, _id: FileId, _stream: &StreamId, _offset: u64, _buf: &mut [u8]) -> Result<usize> {
        Err(Error::Cancelled)
    }
    fn extents(
        &self,
        _id: FileId,
        _stream: &StreamId,
        _from: u64,
        _out: &mut Vec<ExtentRun>,
        _max: usize,
    ) -> Result<()> {
        Err(Error::Cancelled)
    }
    fn xattrs(&self, _id: FileId) -> Result<Vec<XattrInfo>> {
        Err(Error::Cancelled)
    }
    fn read_link(&self, _id: FileId) -> Result<Name> {
        Err(Error::Cancelled)
    }
}
