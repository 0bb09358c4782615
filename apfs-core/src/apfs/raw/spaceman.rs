//! Space manager, its chunks and free queues, and the EFI jumpstart (sheets apfs-06, sections 1, 2 and 5; apfs-01,
//! section 11).

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::object::ObjPhys;

/// One device of the space manager (`spaceman_device_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SpacemanDevice {
    /// Blocks.
    pub sm_block_count: U64,
    /// Chunks.
    pub sm_chunk_count: U64,
    /// Chunk info blocks.
    pub sm_cib_count: U32,
    /// Blocks of addresses of chunk info blocks, or 0.
    pub sm_cab_count: U32,
    /// Free blocks.
    pub sm_free_count: U64,
    /// Where in the space manager the addresses begin, in bytes.
    pub sm_addr_offset: U32,
    /// Zero.
    pub sm_reserved: U32,
    /// Zero.
    pub sm_reserved2: U64,
}

const _: () = assert!(size_of::<SpacemanDevice>() == 48);

/// A queue of blocks that become free later (`spaceman_free_queue_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SpacemanFreeQueue {
    /// Blocks queued.
    pub sfq_count: U64,
    /// Tree, ephemeral, or 0.
    pub sfq_tree_oid: U64,
    /// Oldest transaction in it.
    pub sfq_oldest_xid: U64,
    /// Most nodes of the tree.
    pub sfq_tree_node_limit: U16,
    /// Padding.
    pub sfq_pad16: U16,
    /// Padding.
    pub sfq_pad32: U32,
    /// Zero.
    pub sfq_reserved: U64,
}

const _: () = assert!(size_of::<SpacemanFreeQueue>() == 40);

/// Space manager (`spaceman_phys_t`), up to where its versioned form goes on.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SpacemanPhys {
    /// Object header.
    pub sm_o: ObjPhys,
    /// Bytes in a block.
    pub sm_block_size: U32,
    /// Blocks in a chunk: as many as a block has bits.
    pub sm_blocks_per_chunk: U32,
    /// Chunks in a chunk info block.
    pub sm_chunks_per_cib: U32,
    /// Chunk info blocks in a block of their addresses.
    pub sm_cibs_per_cab: U32,
    /// Main device, then the slow one of a Fusion pair.
    pub sm_dev: [SpacemanDevice; 2],
    /// 1: versioned.
    pub sm_flags: U32,
    /// Copies of a pool bitmap in their ring.
    pub sm_ip_bm_tx_multiplier: U32,
    /// Blocks of the internal pool.
    pub sm_ip_block_count: U64,
    /// Blocks of one pool bitmap.
    pub sm_ip_bm_size_in_blocks: U32,
    /// Blocks of the ring of pool bitmaps.
    pub sm_ip_bm_block_count: U32,
    /// First block of the ring.
    pub sm_ip_bm_base: U64,
    /// First block of the pool.
    pub sm_ip_base: U64,
    /// Blocks reserved for volumes.
    pub sm_fs_reserve_block_count: U64,
    /// Reserved blocks in use.
    pub sm_fs_reserve_alloc_count: U64,
    /// Queues of the pool, the main device and the slow one.
    pub sm_fq: [SpacemanFreeQueue; 3],
    /// First free index of the ring.
    pub sm_ip_bm_free_head: U16,
    /// Last free index of the ring.
    pub sm_ip_bm_free_tail: U16,
    /// Where transactions of the pool bitmaps begin, in bytes.
    pub sm_ip_bm_xid_offset: U32,
    /// Where ring indices of the pool bitmaps begin, in bytes.
    pub sm_ip_bitmap_offset: U32,
    /// Where the list of free ring indices begins, in bytes.
    pub sm_ip_bm_free_next_offset: U32,
}

const _: () = assert!(size_of::<SpacemanPhys>() == 0x150);

/// Head of a chunk info block (`chunk_info_block_t`); the infos follow.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ChunkInfoBlock {
    /// Object header.
    pub cib_o: ObjPhys,
    /// Its index.
    pub cib_index: U32,
    /// Infos in it.
    pub cib_chunk_info_count: U32,
}

const _: () = assert!(size_of::<ChunkInfoBlock>() == 40);

/// One chunk (`chunk_info_t`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ChunkInfo {
    /// Transaction of its last change.
    pub ci_xid: U64,
    /// First block.
    pub ci_addr: U64,
    /// Blocks, in the low 20 bits.
    pub ci_block_count: U32,
    /// Free blocks, in the low 20 bits.
    pub ci_free_count: U32,
    /// Bitmap, or 0 if all blocks are free.
    pub ci_bitmap_addr: U64,
}

const _: () = assert!(size_of::<ChunkInfo>() == 32);

/// Head of a block of addresses of chunk info blocks (`cib_addr_block_t`); the addresses follow.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CibAddrBlock {
    /// Object header.
    pub cab_o: ObjPhys,
    /// Its index.
    pub cab_index: U32,
    /// Addresses in it.
    pub cab_cib_count: U32,
}

const _: () = assert!(size_of::<CibAddrBlock>() == 40);

/// Head of the EFI driver's place (`nx_efi_jumpstart_t`); its extents follow.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct EfiJumpstart {
    /// Object header.
    pub nej_o: ObjPhys,
    /// `JSDR`.
    pub nej_magic: [u8; 4],
    /// 1.
    pub nej_version: U32,
    /// Bytes of the driver.
    pub nej_efi_file_len: U32,
    /// Extents that follow.
    pub nej_num_extents: U32,
    /// Zero.
    pub nej_reserved: [U64; 16],
}

const _: () = assert!(size_of::<EfiJumpstart>() == 0xB0);

/// Part of a chunk's counts that is the count.
pub const CI_COUNT_MASK: u32 = 0x000F_FFFF;
/// Bit of `sm_ip_bm_block_count`: the ring lies in several runs.
pub const SM_IP_BM_FRAGMENTED: u32 = 0x8000_0000;
/// Bit of `sm_ip_block_count`: the pool lies in several runs.
pub const SM_IP_FRAGMENTED: u64 = 1 << 63;
/// Byte address on the slow device of a Fusion pair; shifted by the block size, the bit of its block numbers.
pub const FUSION_TIER2_DEVICE_BYTE_ADDR: u64 = 0x4000_0000_0000_0000;
/// Magic of the EFI driver's place.
pub const NX_EFI_JUMPSTART_MAGIC: [u8; 4] = *b"JSDR";
