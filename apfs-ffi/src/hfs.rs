//! What only HFS+ volumes have: the facts of their headers and journals.

use apfs_core::Timestamp;
use apfs_core::hfsplus::journal::ByteOrder;
use apfs_core::hfsplus::{Journal, JournalState, Volume};

use crate::error::apfs_error;
use crate::ptr::apfs_bytes;
use crate::status::apfs_status;
use crate::volume::apfs_volume;

/// HFS+ flag: the volume header is damaged or leads nowhere, and its copy is used.
pub const APFS_HFS_FROM_COPY: u32 = 1;
/// HFS+ flag: it is embedded in a classic HFS volume.
pub const APFS_HFS_WRAPPED: u32 = 2;
/// HFS+ flag: `a` and `A` are two names.
pub const APFS_HFS_CASE_SENSITIVE: u32 = 4;
/// HFS+ flag: it was not unmounted cleanly.
pub const APFS_HFS_DIRTY: u32 = 8;
/// HFS+ flag: `created_local_ns` is known.
pub const APFS_HFS_CREATED: u32 = 0x10;
/// HFS+ flag: `modified_ns` is known.
pub const APFS_HFS_MODIFIED: u32 = 0x20;
/// HFS+ flag: `backed_up_ns` is known.
pub const APFS_HFS_BACKED_UP: u32 = 0x40;
/// HFS+ flag: `checked_ns` is known.
pub const APFS_HFS_CHECKED: u32 = 0x80;

/// What an HFS+ or HFSX volume says about itself, after its journal. Where the copy of the header is used, counts and
/// dates are often old.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_hfs_info {
    /// APFS_HFS_*.
    pub flags: u32,
    /// Attributes as stored (`kHFSVolume*`): 0x100 cleanly unmounted, 0x2000 journaled, ...
    pub attributes: u32,
    /// Who mounted it last, four characters: `10.0`, `HFSJ`, `fsck`, `H+Lx`, ...
    pub last_mounted_version: [u8; 4],
    /// Bytes of an allocation block.
    pub block_size: u32,
    /// Allocation blocks.
    pub total_blocks: u32,
    /// Those that are free, as recorded.
    pub free_blocks: u32,
    /// Files as recorded, those that hard links lead to included.
    pub files: u32,
    /// Folders as recorded, the root not counted.
    pub folders: u32,
    /// Next catalog node id: files have smaller numbers, unless they are reused.
    pub next_id: u32,
    /// Counts mounts that could write.
    pub write_count: u32,
    /// Text encodings that names had, a bit for each.
    pub encodings: u64,
    /// `finderInfo` as stored: blessed folders, and the id that the UUID is made of.
    pub finder_info: [u32; 8],
    /// Creation, in nanoseconds since 1970 of the local time of whoever made it.
    pub created_local_ns: i64,
    /// Last change, in nanoseconds since 1970 UTC.
    pub modified_ns: i64,
    /// Last backup, in nanoseconds since 1970 UTC.
    pub backed_up_ns: i64,
    /// Last check, in nanoseconds since 1970 UTC.
    pub checked_ns: i64,
    /// First byte of the volume in its partition: not 0 if it is embedded in a classic HFS volume.
    pub start: u64,
}

/// What the journal of a volume asks for.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_journal_state {
    /// The volume has no journal.
    None = 0,
    /// Empty: the volume is as it is stored.
    Clean = 1,
    /// It holds changes, and the volume is shown with them; without them if it was opened with
    /// APFS_OPTIONS_NO_JOURNAL.
    Dirty = 2,
    /// Not written yet: whoever mounts the volume first has to make it.
    NeedsInit = 3,
    /// On another device, which may hold changes that are missing here.
    OnOtherDevice = 4,
    /// Damaged, and nothing of it can be replayed. The volume may lack changes.
    Unusable = 5,
    /// Of a kind that this header does not name.
    Other = 99,
}

/// The journal of an HFS+ volume. Text belongs to the volume.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_journal {
    /// What it asks for; if that is APFS_JOURNAL_STATE_NONE, all below is 0.
    pub state: apfs_journal_state,
    /// True if the volume is shown as it is once this journal has been replayed.
    pub replayed: bool,
    /// True if its numbers are big-endian: written by a PowerPC.
    pub big_endian: bool,
    /// First byte, from the start of the volume; 0 if that can't be read.
    pub offset: u64,
    /// Length in bytes; 0 if that can't be read.
    pub len: u64,
    /// Where changes begin, from the start of the journal.
    pub start: u64,
    /// Where changes end, from the start of the journal.
    pub end: u64,
    /// Transactions to replay.
    pub transactions: u64,
    /// Blocks that they write.
    pub blocks: u64,
    /// Bytes of these blocks.
    pub bytes: u64,
    /// UUID of the partition of a journal on another device as stored, else empty.
    pub device: apfs_bytes,
}

impl From<&Volume> for apfs_hfs_info {
    fn from(volume: &Volume) -> apfs_hfs_info {
        let header = volume.header();
        let raw = header.raw();
        let (created, modified) = (header.created_local(), header.modified());
        let (backed_up, checked) = (header.backed_up(), header.checked());
        let flags = [
            (volume.from_copy(), APFS_HFS_FROM_COPY),
            (volume.wrapper().is_some(), APFS_HFS_WRAPPED),
            (volume.is_case_sensitive(), APFS_HFS_CASE_SENSITIVE),
            (!header.is_clean(), APFS_HFS_DIRTY),
            (created.is_some(), APFS_HFS_CREATED),
            (modified.is_some(), APFS_HFS_MODIFIED),
            (backed_up.is_some(), APFS_HFS_BACKED_UP),
            (checked.is_some(), APFS_HFS_CHECKED),
        ];
        let ns = |time: Option<Timestamp>| time.unwrap_or_default().0;
        apfs_hfs_info {
            flags: flags.iter().filter(|(is_set, _)| *is_set).fold(0, |bits, (_, bit)| bits | bit),
            attributes: raw.attributes.get(),
            last_mounted_version: raw.lastMountedVersion,
            block_size: header.block_size(),
            total_blocks: header.total_blocks(),
            free_blocks: raw.freeBlocks.get(),
            files: raw.fileCount.get(),
            folders: raw.folderCount.get(),
            next_id: raw.nextCatalogID.get(),
            write_count: raw.writeCount.get(),
            encodings: raw.encodingsBitmap.get(),
            finder_info: raw.finderInfo.map(|word| word.get()),
            created_local_ns: ns(created),
            modified_ns: ns(modified),
            backed_up_ns: ns(backed_up),
            checked_ns: ns(checked),
            start: volume.wrapper().map_or(0, |wrapper| wrapper.start),
        }
    }
}

/// The journal of a volume that has none.
const NO_JOURNAL: apfs_journal = apfs_journal {
    state: apfs_journal_state::None,
    replayed: false,
    big_endian: false,
    offset: 0,
    len: 0,
    start: 0,
    end: 0,
    transactions: 0,
    blocks: 0,
    bytes: 0,
    device: apfs_bytes::EMPTY,
};

impl From<&JournalState> for apfs_journal_state {
    fn from(state: &JournalState) -> apfs_journal_state {
        match state {
            JournalState::Clean => apfs_journal_state::Clean,
            JournalState::Dirty => apfs_journal_state::Dirty,
            JournalState::NeedsInit => apfs_journal_state::NeedsInit,
            JournalState::OnOtherDevice => apfs_journal_state::OnOtherDevice,
            JournalState::Unusable(_) => apfs_journal_state::Unusable,
            _ => apfs_journal_state::Other,
        }
    }
}

impl apfs_journal {
    fn new(journal: &Journal, replayed: bool) -> apfs_journal {
        let (info, header) = (journal.info.as_ref(), journal.header.as_ref());
        let device = info.and_then(|info| info.external_uuid.as_ref());
        apfs_journal {
            state: (&journal.state).into(),
            replayed,
            big_endian: header.is_some_and(|header| header.byte_order == ByteOrder::Big),
            offset: info.map_or(0, |info| info.offset),
            len: info.map_or(0, |info| info.size),
            start: header.map_or(0, |header| header.start),
            end: header.map_or(0, |header| header.end),
            transactions: journal.transactions,
            blocks: journal.blocks,
            bytes: journal.bytes,
            device: device.map_or(apfs_bytes::EMPTY, |uuid| uuid.as_bytes().into()),
        }
    }
}

/// What an HFS+ or HFSX volume says about itself. APFS_STATUS_UNSUPPORTED for any other.
///
/// # Safety
/// `volume` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_volume_get_hfs_info(
    volume: *const apfs_volume,
    out: *mut apfs_hfs_info,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (volume, out) = (given!(volume), out!(out));
        out.put(volume.hfs()?.into());
        Ok(())
    })
}

/// The journal of an HFS+ or HFSX volume. APFS_STATUS_UNSUPPORTED for any other. What is wrong with it was told to
/// `apfs_options.finding` when the volume was opened.
///
/// # Safety
/// `volume` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_volume_get_journal(
    volume: *const apfs_volume,
    out: *mut apfs_journal,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (volume, out) = (given!(volume), out!(out));
        let volume = volume.hfs()?;
        let replayed = volume.is_replayed();
        out.put(volume.journal().map_or(NO_JOURNAL, |journal| apfs_journal::new(journal, replayed)));
        Ok(())
    })
}
