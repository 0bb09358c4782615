//! A file mapped into memory as a device: the only unsafe code of the program, used when asked for.

use std::fs::File;
use std::io;
use std::path::Path;

use apfs_core::{ReadAt, Result};
use memmap2::Mmap;

/// An image mapped into memory. Reading it copies nothing that is not needed.
#[derive(Debug)]
pub(crate) struct MapDevice {
    map: Mmap,
}

impl MapDevice {
    /// Maps a whole file.
    #[allow(unsafe_code, reason = "mapping a file can't be checked by the compiler")]
    pub(crate) fn open(path: &Path) -> io::Result<MapDevice> {
        // Nothing else has a length that is known here; opening a pipe would wait for a writer.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("only a regular file can be mapped: leave out --mmap"));
        }
        let file = File::open(path)?;
        // SAFETY: the map is only read. Should another program shorten the file while it is mapped, the system ends
        // this process: the help of `--mmap`, which is off by default, says so. That others may write to the file
        // meanwhile is the part the compiler can't rule out: every byte is copied out before it is parsed, and readers
        // take any bytes for hostile.
        let map = unsafe { Mmap::map(&file) }?;
        Ok(MapDevice { map })
    }
}

impl ReadAt for MapDevice {
    fn len(&self) -> u64 {
        ReadAt::len(&self.map[..])
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.map[..].read_exact_at(offset, buf)
    }

    fn slice_at(&self, offset: u64, len: usize) -> Option<&[u8]> {
        self.map[..].slice_at(offset, len)
    }
}
