//! Volume header and forks (sheet hfsplus, sections 1.2 and 1.4).

use zerocopy::byteorder::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// One run of allocation blocks (`HFSPlusExtentDescriptor`).
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct HFSPlusExtentDescriptor {
    /// First allocation block.
    pub startBlock: U32,
    /// Number of blocks; 0 ends the list.
    pub blockCount: U32,
}

/// Eight runs in the order of the file (`HFSPlusExtentRecord`).
pub type HFSPlusExtentRecord = [HFSPlusExtentDescriptor; 8];

const _: () = assert!(size_of::<HFSPlusExtentRecord>() == 64);

/// A fork: its size and where it begins (`HFSPlusForkData`).
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct HFSPlusForkData {
    /// Bytes.
    pub logicalSize: U64,
    /// Of special files a hint for growing, of others blocks read.
    pub clumpSize: U32,
    /// Blocks of all extents together, those in the extents overflow file included.
    pub totalBlocks: U32,
    /// The first eight extents.
    pub extents: HFSPlusExtentRecord,
}

const _: () = assert!(size_of::<HFSPlusForkData>() == 80);

/// Volume header, 1024 bytes from the start of the volume, and its copy (`HFSPlusVolumeHeader`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct HFSPlusVolumeHeader {
    /// `H+` or `HX`.
    pub signature: [u8; 2],
    /// 4 for HFS+, 5 for HFSX.
    pub version: U16,
    /// `kHFSVolume*`.
    pub attributes: U32,
    /// Who mounted it last, four characters.
    pub lastMountedVersion: [u8; 4],
    /// Block of the journal info block, if journaled.
    pub journalInfoBlock: U32,
    /// Creation, in local time.
    pub createDate: U32,
    /// Last change.
    pub modifyDate: U32,
    /// Last backup.
    pub backupDate: U32,
    /// Last check.
    pub checkedDate: U32,
    /// Files, special ones not counted.
    pub fileCount: U32,
    /// Folders, the root not counted.
    pub folderCount: U32,
    /// Bytes of an allocation block.
    pub blockSize: U32,
    /// Allocation blocks.
    pub totalBlocks: U32,
    /// Those that are free.
    pub freeBlocks: U32,
    /// Where to look for free blocks next.
    pub nextAllocation: U32,
    /// Hint for growing resource forks.
    pub rsrcClumpSize: U32,
    /// Hint for growing data forks.
    pub dataClumpSize: U32,
    /// Next catalog node id.
    pub nextCatalogID: U32,
    /// Counts mounts that could write.
    pub writeCount: U32,
    /// Text encodings that names had.
    pub encodingsBitmap: U64,
    /// Blessed folders and volume id.
    pub finderInfo: [U32; 8],
    /// Allocation bitmap.
    pub allocationFile: HFSPlusForkData,
    /// Extents overflow B-tree.
    pub extentsFile: HFSPlusForkData,
    /// Catalog B-tree.
    pub catalogFile: HFSPlusForkData,
    /// Attributes B-tree.
    pub attributesFile: HFSPlusForkData,
    /// Boot loader of other systems.
    pub startupFile: HFSPlusForkData,
}

const _: () = assert!(size_of::<HFSPlusVolumeHeader>() == 512);

/// Head of a classic HFS volume that may embed an HFS+ volume (`HFSMasterDirectoryBlock`, up to `drEmbedExtent`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct HFSMasterDirectoryBlock {
    /// `BD`.
    pub drSigWord: [u8; 2],
    /// Dates of creation and last change.
    pub drDates: [u8; 8],
    /// Volume attributes.
    pub drAtrb: U16,
    /// Files in the root.
    pub drNmFls: U16,
    /// Where the bitmap begins.
    pub drVBMSt: U16,
    /// Where to look for free blocks next.
    pub drAllocPtr: U16,
    /// Allocation blocks.
    pub drNmAlBlks: U16,
    /// Bytes of an allocation block.
    pub drAlBlkSiz: U32,
    /// Hint for growing files.
    pub drClpSiz: U32,
    /// First allocation block, in sectors of 512 bytes from the start.
    pub drAlBlSt: U16,
    /// Next catalog node id.
    pub drNxtCNID: U32,
    /// Free allocation blocks.
    pub drFreeBks: U16,
    /// Name: length and MacRoman text.
    pub drVN: [u8; 28],
    /// From the date of the last backup to the Finder info.
    pub drVolBkUp: [u8; 60],
    /// `H+` or `HX` if a volume is embedded.
    pub drEmbedSigWord: [u8; 2],
    /// First allocation block of the embedded volume.
    pub drEmbedExtentStartBlock: U16,
    /// Its allocation blocks.
    pub drEmbedExtentBlockCount: U16,
}

const _: () = assert!(size_of::<HFSMasterDirectoryBlock>() == 130);

bitflags::bitflags! {
    /// Attributes of a volume (`attributes`, sheet hfsplus, section 1.3).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct VolumeAttributes: u32 {
        /// `kHFSVolumeHardwareLockBit`.
        const HARDWARE_LOCK = 0x80;
        /// Cleanly unmounted.
        const UNMOUNTED = 0x100;
        /// There are bad blocks in the extents overflow file.
        const SPARED_BLOCKS = 0x200;
        /// A disk in memory.
        const NO_CACHE_REQUIRED = 0x400;
        /// A boot volume was not cleanly unmounted.
        const BOOT_VOLUME_INCONSISTENT = 0x800;
        /// Catalog node ids were used again.
        const CATALOG_NODE_IDS_REUSED = 0x1000;
        /// There is a journal.
        const JOURNALED = 0x2000;
        /// Found inconsistent while mounted.
        const INCONSISTENT = 0x4000;
        /// Write-protected by software.
        const SOFTWARE_LOCK = 0x8000;
        /// Some dates count from 1970.
        const EXPANDED_TIMES = 0x2000_0000;
        /// Files have keys of their own.
        const CONTENT_PROTECTION = 0x4000_0000;
        /// Unused B-tree nodes are zeros.
        const UNUSED_NODE_FIX = 0x8000_0000;
    }
}

/// Length of the volume header.
pub const HEADER_LEN: usize = size_of::<HFSPlusVolumeHeader>();
/// Where the volume header is, from the start of the volume; its copy is as far from the end.
pub const HEADER_OFFSET: u64 = 1024;
/// Signature of HFS+.
pub const HFS_PLUS: [u8; 2] = *b"H+";
/// Signature of HFSX.
pub const HFSX: [u8; 2] = *b"HX";
/// Signature of classic HFS.
pub const HFS: [u8; 2] = *b"BD";
