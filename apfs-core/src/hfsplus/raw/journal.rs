//! The journal (sheet hfsplus, section 8). The info block is big-endian; everything inside the journal is in the byte
//! order of the machine that wrote it.

use zerocopy::byteorder::big_endian;
use zerocopy::{BigEndian, ByteOrder, FromBytes, Immutable, KnownLayout, U16, U32, U64, Unaligned};

/// Where the journal of a volume is (`JournalInfoBlock`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct JournalInfoBlock {
    /// `kJI*`.
    pub flags: big_endian::U32,
    /// Says which device an external journal is on.
    pub device_signature: [big_endian::U32; 8],
    /// First byte of the journal, from the start of the volume.
    pub offset: big_endian::U64,
    /// Bytes of the journal.
    pub size: big_endian::U64,
    /// UUID of the partition of an external journal, a C string.
    pub ext_jnl_uuid: [u8; 37],
    /// Serial number of the machine that has it, a C string.
    pub machine_serial_num: [u8; 48],
    /// Nothing.
    pub reserved: [u8; 43],
}

const _: () = assert!(size_of::<JournalInfoBlock>() == 180);

bitflags::bitflags! {
    /// Flags of a [`JournalInfoBlock`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct JournalInfoFlags: u32 {
        /// `kJIJournalInFSMask`: inside the volume.
        const IN_FS = 1;
        /// `kJIJournalOnOtherDeviceMask`: on another device.
        const ON_OTHER_DEVICE = 2;
        /// `kJIJournalNeedInitMask`: not written yet.
        const NEED_INIT = 4;
    }
}

/// Start of the journal (`journal_header`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct JournalHeader<O: ByteOrder> {
    /// [`JOURNAL_HEADER_MAGIC`] or [`OLD_JOURNAL_HEADER_MAGIC`].
    pub magic: U32<O>,
    /// [`ENDIAN_MAGIC`].
    pub endian: U32<O>,
    /// Where the oldest transaction begins that is not in place yet, from the start of the journal.
    pub start: U64<O>,
    /// Where the newest one ends.
    pub end: U64<O>,
    /// Bytes of the journal, this header included.
    pub size: U64<O>,
    /// Bytes that the header of each block list takes.
    pub blhdr_size: U32<O>,
    /// Checksum of the first [`JOURNAL_HEADER_CKSUM_LEN`] bytes, this field taken as 0.
    pub checksum: U32<O>,
    /// Bytes that this header takes, which is the unit of block numbers.
    pub jhdr_size: U32<O>,
    /// Number of the newest transaction, since Mac OS X 10.5.
    pub sequence_num: U32<O>,
}

const _: () = assert!(size_of::<JournalHeader<BigEndian>>() == 48);

/// `JNLx`.
pub const JOURNAL_HEADER_MAGIC: u32 = 0x4A4E_4C78;
/// `JHDR`: an older header, without a checksum.
pub const OLD_JOURNAL_HEADER_MAGIC: u32 = 0x4A48_4452;
/// Value of `endian`.
pub const ENDIAN_MAGIC: u32 = 0x1234_5678;
/// Bytes of a [`JournalHeader`] that its checksum covers.
pub const JOURNAL_HEADER_CKSUM_LEN: usize = 44;

/// Head of a list of blocks, [`BlockInfo`]s follow (`block_list_header`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BlockListHeader<O: ByteOrder> {
    /// Entries that there is room for.
    pub max_blocks: U16<O>,
    /// Entries in use. The first is for the list itself.
    pub num_blocks: U16<O>,
    /// Bytes of header and data together.
    pub bytes_used: U32<O>,
    /// Checksum of the first [`BLHDR_CHECKSUM_LEN`] bytes, this field taken as 0.
    pub checksum: U32<O>,
    /// [`BLHDR_CHECK_CHECKSUMS`], [`BLHDR_FIRST_HEADER`].
    pub flags: U32<O>,
}

const _: () = assert!(size_of::<BlockListHeader<BigEndian>>() == 16);

/// The entries have checksums of their data.
pub const BLHDR_CHECK_CHECKSUMS: u32 = 1;
/// First list of its transaction.
pub const BLHDR_FIRST_HEADER: u32 = 2;
/// Bytes that the checksum of a list covers: the head and its first entry.
pub const BLHDR_CHECKSUM_LEN: usize = 32;

/// One block of a list (`block_info`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BlockInfo<O: ByteOrder> {
    /// Where it belongs, in units of `jhdr_size` from the start of the volume, or [`KILLED`].
    pub bnum: U64<O>,
    /// Bytes of its data.
    pub bsize: U32<O>,
    /// Checksum of its data; in the first entry of a list the number of the transaction.
    pub cksum: U32<O>,
}

const _: () = assert!(size_of::<BlockInfo<BigEndian>>() == 16);

/// [`BlockInfo::bnum`] of a block that was given up after it was written into the journal.
pub const KILLED: u64 = u64::MAX;
