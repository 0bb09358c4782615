//! The growing device, the counters objects take their numbers from, and the list of what was written where.

use core::ops::RangeInclusive;

use super::bytes::put;
use super::fusion::{Copy, tier2_flag};
use super::object::Header;

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The superblock copy in block 0.
    BlockZero,
    /// `nx_superblock_t` in the descriptor area.
    ContainerSuperblock,
    CheckpointMap,
    /// Root or other node of the tree behind a fragmented checkpoint area.
    AreaTreeNode,
    Spaceman,
    Reaper,
    FreeQueueNode,
    ChunkInfoBlock,
    /// Addresses of chunk info blocks.
    ChunkInfoList,
    ChunkBitmap,
    PoolBitmap,
    ContainerOmap,
    ContainerOmapNode,
    VolumeSuperblock,
    VolumeOmap,
    VolumeOmapNode,
    OmapSnapshotNode,
    FsNode,
    ExtentrefNode,
    SnapMetaNode,
    SnapshotSuperblock,
    SnapMetaExt,
    IntegrityMeta,
    FextNode,
    /// Keybag of the container or of a volume.
    Keybag,
    /// Content of a data stream; `oid` is the stream's id.
    Data,
    /// Tree of copies on the main device of blocks of tier 2.
    MiddleTreeNode,
    /// Such a copy.
    MiddleCopy,
    /// State of the write-back cache.
    WriteCache,
    WriteCacheList,
    /// Content in the write-back cache.
    CachedData,
}

/// One object or run of data on the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub role: Role,
    pub block: u64,
    /// Length in blocks.
    pub count: u64,
    /// Object id, or the id of the data stream.
    pub oid: u64,
    /// Transaction that wrote it.
    pub xid: u64,
    /// Index of the checkpoint that alone has it: objects of the rings and of the internal pool.
    pub checkpoint: Option<usize>,
    /// Level of a tree node.
    pub level: u16,
    /// Index of the volume it belongs to.
    pub volume: Option<usize>,
    /// Object ids of the records in a file-system tree node.
    pub ids: RangeInclusive<u64>,
}

/// A device written from front to back: no block is ever used twice, so older states stay readable.
#[derive(Debug)]
pub struct Disk {
    pub block_size: usize,
    pub bytes: Vec<u8>,
    /// The second device of a Fusion pair.
    pub tier2: Option<Vec<u8>>,
    /// Content goes to the second device.
    pub to_tier2: bool,
    /// Copies of content on the main device, wanted once everything is written.
    pub copies: Vec<Copy>,
    /// The running transaction.
    pub xid: u64,
    /// `nx_next_oid`.
    pub next_oid: u64,
    /// Most records a tree node may have; fewer give taller trees.
    pub max_records: usize,
    /// The volume being written.
    pub volume: Option<usize>,
    /// The checkpoint being written.
    pub checkpoint: Option<usize>,
    pub places: Vec<Place>,
}

impl Disk {
    pub fn new(block_size: usize, xid: u64, max_records: usize) -> Self {
        Disk {
            block_size,
            bytes: Vec::new(),
            tier2: None,
            to_tier2: false,
            copies: Vec::new(),
            xid,
            next_oid: 1024,
            max_records,
            volume: None,
            checkpoint: None,
            places: Vec::new(),
        }
    }

    /// Blocks handed out so far.
    pub fn len(&self) -> u64 {
        (self.bytes.len() / self.block_size) as u64
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends `count` zero blocks and gives the first one's number.
    pub fn alloc(&mut self, count: u64) -> u64 {
        let first = self.len();
        self.bytes.resize(self.bytes.len() + count as usize * self.block_size, 0);
        first
    }

    /// The next virtual or ephemeral object id.
    pub fn alloc_oid(&mut self) -> u64 {
        self.next_oid += 1;
        self.next_oid - 1
    }

    /// The same for content: on the device where that goes.
    pub fn alloc_data(&mut self, count: u64) -> u64 {
        let Some(tier2) = self.tier2.as_mut().filter(|_| self.to_tier2) else { return self.alloc(count) };
        let first = (tier2.len() / self.block_size) as u64;
        tier2.resize(tier2.len() + count as usize * self.block_size, 0);
        first | tier2_flag(self.block_size)
    }

    pub fn blocks(&self, first: u64, count: u64) -> &[u8] {
        let flag = tier2_flag(self.block_size);
        let device = if first & flag == 0 { &self.bytes } else { self.tier2.as_ref().unwrap() };
        let at = (first & !flag) as usize * self.block_size;
        &device[at..at + count as usize * self.block_size]
    }

    pub fn blocks_mut(&mut self, first: u64, count: u64) -> &mut [u8] {
        let flag = tier2_flag(self.block_size);
        let device = if first & flag == 0 { &mut self.bytes } else { self.tier2.as_mut().unwrap() };
        let at = (first & !flag) as usize * self.block_size;
        &mut device[at..at + count as usize * self.block_size]
    }

    /// Writes whole blocks and records what they are.
    pub fn write(&mut self, block: u64, object: &[u8], role: Role, oid: u64) -> &mut Place {
        let count = (object.len() / self.block_size) as u64;
        put(self.blocks_mut(block, count), 0, object);
        self.places.push(Place {
            role,
            block,
            count,
            oid,
            xid: self.xid,
            checkpoint: self.checkpoint,
            level: 0,
            volume: self.volume,
            ids: 0..=0,
        });
        self.places.last_mut().unwrap()
    }

    /// Writes a physical object to a new block, which becomes its oid.
    pub fn write_physical(&mut self, object: &mut [u8], o_type: u32, o_subtype: u32, role: Role) -> u64 {
        let block = self.alloc(1);
        let o_type = super::object::OBJ_PHYSICAL | o_type;
        Header { o_oid: block, o_xid: self.xid, o_type, o_subtype }.stamp(object);
        self.write(block, object, role, block);
        block
    }

    /// Writes data, zero-padded to whole blocks; `oid` is the stream's id. Gives the first block and the count.
    pub fn write_data(&mut self, data: &[u8], oid: u64) -> (u64, u64) {
        let mut blocks = data.to_vec();
        blocks.resize(data.len().next_multiple_of(self.block_size), 0);
        let count = (blocks.len() / self.block_size) as u64;
        let first = self.alloc_data(count);
        self.write(first, &blocks, Role::Data, oid);
        (first, count)
    }
}
