//! The volume's own files: bitmap, trees, startup file, bad blocks (sheet hfsplus, sections 1.5, 2 and 11).

use alloc::vec::Vec;

use super::btree::Cursor;
use super::data::Content;
use super::fork::{self, Fork, ForkType};
use super::raw::catalog::{
    ALLOCATION_FILE_ID, ATTRIBUTES_FILE_ID, BAD_BLOCK_FILE_ID, CATALOG_FILE_ID, EXTENTS_FILE_ID,
    STARTUP_FILE_ID,
};
use super::record::key;
use super::tree_kind::extent_key;
use super::volume::Volume;
use crate::base::bytes::{len64, pod, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::flaw::Flaw;
use crate::fs::space::{BlockRun, FirstBit, each_run};
use crate::fs::types::ExtentRun;

/// Bytes of the bitmap that are read at a time.
const CHUNK: usize = 64 << 10;

/// A file of the volume's own, which no folder lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpecialFile {
    /// One bit for each block, set if it is in use.
    Allocation,
    /// Tree of the extents that the catalog has no room for.
    Extents,
    /// Tree of folders and files.
    Catalog,
    /// Tree of extended attributes.
    Attributes,
    /// Boot loader of systems that know nothing of HFS+.
    Startup,
}

impl SpecialFile {
    /// All of them, in the order of the volume header.
    pub const ALL: [SpecialFile; 5] = [
        SpecialFile::Allocation,
        SpecialFile::Extents,
        SpecialFile::Catalog,
        SpecialFile::Attributes,
        SpecialFile::Startup,
    ];
}

impl Volume {
    fn special(&self, file: SpecialFile) -> Result<Content<'_>> {
        let raw = self.header().raw();
        let (cnid, raw) = match file {
            SpecialFile::Allocation => (ALLOCATION_FILE_ID, &raw.allocationFile),
            SpecialFile::Extents => (EXTENTS_FILE_ID, &raw.extentsFile),
            SpecialFile::Catalog => (CATALOG_FILE_ID, &raw.catalogFile),
            SpecialFile::Attributes => (ATTRIBUTES_FILE_ID, &raw.attributesFile),
            SpecialFile::Startup => (STARTUP_FILE_ID, &raw.startupFile),
        };
        Ok(Content::Stream(self.stream(cnid, Fork::from(raw), ForkType::Data)?))
    }

    /// Length of one of the volume's own files in bytes, 0 if it has none.
    ///
    /// # Errors
    /// Damage of the extents overflow tree, if it is needed.
    pub fn special_len(&self, file: SpecialFile) -> Result<u64> {
        Ok(self.special(file)?.len())
    }

    /// Reads bytes of one of the volume's own files; returns how many, less than asked only at the end.
    ///
    /// # Errors
    /// Damage or I/O.
    pub fn read_special(&self, file: SpecialFile, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.special(file)?.read_at(offset, buf)
    }

    /// Appends up to `max` runs of one of the volume's own files from byte `from` on, as [`Fs::extents`](crate::Fs::extents)
    /// does.
    ///
    /// # Errors
    /// Damage or I/O.
    pub fn special_extents(
        &self,
        file: SpecialFile,
        from: u64,
        out: &mut Vec<ExtentRun>,
        max: usize,
    ) -> Result<()> {
        match self.special(file)? {
            Content::Stream(stream) => stream.extents(from, out, max),
            Content::Inline(_) => Ok(()),
        }
    }

    /// Blocks that were found to be bad and are used for nothing: the extents of the bad-block file.
    ///
    /// # Errors
    /// Damage or I/O.
    pub fn bad_blocks(&self) -> Result<Vec<BlockRun>> {
        let mut bad = Vec::new();
        let Some(tree) = self.extents_overflow()? else { return Ok(bad) };
        let mut cursor = Cursor::new();
        cursor.seek(tree, &key::extent(BAD_BLOCK_FILE_ID, ForkType::Data, 0))?;
        while let Some(record) = cursor.record() {
            if extent_key(record.key()).0 != BAD_BLOCK_FILE_ID {
                break;
            }
            let damaged = |flaw: Flaw| flaw.at_cnid(record.place("", ""), BAD_BLOCK_FILE_ID);
            let short = Flaw::new(Damage::Bounds, "HFSPlusExtentRecord", "");
            let extents = fork::extents(pod(record.value()).ok_or(short).map_err(damaged)?);
            fork::check(&extents, self.header().total_blocks()).map_err(damaged)?;
            let used = extents.iter().filter(|(_, count)| *count > 0);
            bad.extend(used.map(|(start, count)| BlockRun {
                start: u64::from(*start),
                count: u64::from(*count),
                used: true,
            }));
            cursor.advance(tree)?;
        }
        Ok(bad)
    }

    /// Gives all blocks of the volume as runs that are in use or free, by the allocation bitmap, in order.
    ///
    /// A run can be given in several pieces.
    ///
    /// # Errors
    /// `Corrupt` if the bitmap is too short; damage or I/O; whatever `each` returns.
    pub fn each_block_run(&self, mut each: impl FnMut(BlockRun) -> Result<()>) -> Result<()> {
        let (bitmap, blocks) =
            (self.special(SpecialFile::Allocation)?, u64::from(self.header().total_blocks()));
        if bitmap.len().saturating_mul(8) < blocks {
            let place = Place::new("HFSPlusVolumeHeader", "allocationFile").cnid(ALLOCATION_FILE_ID);
            let finding = Corrupt::new(Damage::Bounds, place).expected(alloc::format!("{blocks} bits"));
            return Err(finding.found(bitmap.len().saturating_mul(8)).into());
        }
        let (mut buffer, mut offset, mut first) = (zeroed(CHUNK)?, 0u64, 0u64);
        while first < blocks {
            let read = bitmap.read_at(offset, &mut buffer)?;
            let here = len64(read).saturating_mul(8).min(blocks.saturating_sub(first));
            if here == 0 {
                return Err(Error::Misuse("the bitmap ends before its length"));
            }
            let mut result = Ok(());
            each_run(buffer.get(..read).unwrap_or(&[]), FirstBit::Highest, first, here, &mut |run| {
                if result.is_ok() {
                    result = each(run);
                }
            });
            result?;
            first = first.saturating_add(here);
            offset = offset.saturating_add(len64(read));
        }
        Ok(())
    }

    /// Number of free blocks by the allocation bitmap; the volume header should say the same.
    ///
    /// # Errors
    /// As [`Volume::each_block_run`].
    pub fn count_free_blocks(&self) -> Result<u64> {
        let mut free = 0u64;
        self.each_block_run(|run| {
            free = free.saturating_add(if run.used { 0 } else { run.count });
            Ok(())
        })?;
        Ok(free)
    }
}
