//! Records of the catalog (sheet hfsplus, sections 4.2 to 4.5).

use zerocopy::byteorder::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::volume::HFSPlusForkData;

/// Owner, mode and a number whose meaning depends on the file (`HFSPlusBSDInfo`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct HFSPlusBSDInfo {
    /// User; of a hard link's record the previous link.
    pub ownerID: U32,
    /// Group; of a hard link's record the next link.
    pub groupID: U32,
    /// `SF_*` >> 16.
    pub adminFlags: u8,
    /// `UF_*`.
    pub ownerFlags: u8,
    /// POSIX mode.
    pub fileMode: U16,
    /// `iNodeNum`, `linkCount` or `rawDevice`.
    pub special: U32,
}

const _: () = assert!(size_of::<HFSPlusBSDInfo>() == 16);

/// What folders and files have in common, 88 bytes: all of a folder (`HFSPlusCatalogFolder`), and the start of a file
/// (`HFSPlusCatalogFile`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct HFSPlusCatalogCommon {
    /// `kHFSPlus*Record`.
    pub recordType: U16,
    /// `kHFS*Mask`.
    pub flags: U16,
    /// Folder: number of entries (`valence`). File: with a link chain the first link (`hl_firstLinkID`).
    pub valence: U32,
    /// `folderID` or `fileID`.
    pub cnid: U32,
    /// Creation.
    pub createDate: U32,
    /// Last change of the content.
    pub contentModDate: U32,
    /// Last change of the metadata.
    pub attributeModDate: U32,
    /// Last access.
    pub accessDate: U32,
    /// Last backup.
    pub backupDate: U32,
    /// Owner and mode.
    pub bsdInfo: HFSPlusBSDInfo,
    /// `FndrFileInfo` or `FndrDirInfo`.
    pub userInfo: [u8; 16],
    /// `FndrExtendedFileInfo` or `FndrExtendedDirInfo`.
    pub finderInfo: [u8; 16],
    /// Encoding that the name was typed in.
    pub textEncoding: U32,
    /// Folder: number of folders in it, if flagged (`folderCount`).
    pub folderCount: U32,
}

const _: () = assert!(size_of::<HFSPlusCatalogCommon>() == 88);

/// A file (`HFSPlusCatalogFile`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct HFSPlusCatalogFile {
    /// What a folder has too.
    pub common: HFSPlusCatalogCommon,
    /// Content.
    pub dataFork: HFSPlusForkData,
    /// Resource fork.
    pub resourceFork: HFSPlusForkData,
}

const _: () = assert!(size_of::<HFSPlusCatalogFile>() == 248);

/// A folder (`kHFSPlusFolderRecord`).
pub const FOLDER_RECORD: u16 = 1;
/// A file (`kHFSPlusFileRecord`).
pub const FILE_RECORD: u16 = 2;
/// Where a folder is (`kHFSPlusFolderThreadRecord`).
pub const FOLDER_THREAD_RECORD: u16 = 3;
/// Where a file is (`kHFSPlusFileThreadRecord`).
pub const FILE_THREAD_RECORD: u16 = 4;

bitflags::bitflags! {
    /// Flags of a catalog record (sheet hfsplus, section 4.5).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct CatalogFlags: u16 {
        /// Locked in the Finder (`kHFSFileLockedMask`).
        const FILE_LOCKED = 0x1;
        /// There is a thread record (`kHFSThreadExistsMask`).
        const THREAD_EXISTS = 0x2;
        /// It has attributes (`kHFSHasAttributesMask`).
        const HAS_ATTRIBUTES = 0x4;
        /// It has an access control list (`kHFSHasSecurityMask`).
        const HAS_SECURITY = 0x8;
        /// `folderCount` counts (`kHFSHasFolderCountMask`).
        const HAS_FOLDER_COUNT = 0x10;
        /// A hard link, or what several lead to, with numbers that connect them (`kHFSHasLinkChainMask`).
        const HAS_LINK_CHAIN = 0x20;
        /// There is a hard link to a directory below (`kHFSHasChildLinkMask`).
        const HAS_CHILD_LINK = 0x40;
        /// The Finder info says when it was put here (`kHFSHasDateAddedMask`).
        const HAS_DATE_ADDED = 0x80;
        /// Kept on the fast device (`kHFSFastDevPinnedMask`).
        const FAST_DEV_PINNED = 0x100;
        /// Never kept on the fast device (`kHFSDoNotFastDevPinMask`).
        const DO_NOT_FAST_DEV_PIN = 0x200;
        /// May be moved to the fast device (`kHFSFastDevCandidateMask`).
        const FAST_DEV_CANDIDATE = 0x400;
        /// Chosen for the fast device by itself (`kHFSAutoCandidateMask`).
        const AUTO_CANDIDATE = 0x800;
        /// Dates count from 1970 (`kHFSCatExpandedTimesMask`).
        const EXPANDED_TIMES = 0x1000;
    }
}

/// Type and creator of a file that is a hard link to a file.
pub const HARD_LINK: [u8; 8] = *b"hlnkhfs+";
/// Type and creator of a file that is a hard link to a directory.
pub const DIR_LINK: [u8; 8] = *b"fdrpMACS";

/// Above the root (`kHFSRootParentID`) (`kHFSRootParentID`).
pub const ROOT_PARENT_ID: u32 = 1;
/// The root (`kHFSRootFolderID`) (`kHFSRootFolderID`).
pub const ROOT_FOLDER_ID: u32 = 2;
/// Extents overflow file (`kHFSExtentsFileID`).
pub const EXTENTS_FILE_ID: u32 = 3;
/// Catalog (`kHFSCatalogFileID`).
pub const CATALOG_FILE_ID: u32 = 4;
/// Bad blocks, extents of nothing else (`kHFSBadBlockFileID`).
pub const BAD_BLOCK_FILE_ID: u32 = 5;
/// Allocation bitmap (`kHFSAllocationFileID`).
pub const ALLOCATION_FILE_ID: u32 = 6;
/// Startup file (`kHFSStartupFileID`).
pub const STARTUP_FILE_ID: u32 = 7;
/// Attributes (`kHFSAttributesFileID`).
pub const ATTRIBUTES_FILE_ID: u32 = 8;
/// First number of a user's file or folder (`kHFSFirstUserCatalogNodeID`).
pub const FIRST_USER_CATALOG_NODE_ID: u32 = 16;
