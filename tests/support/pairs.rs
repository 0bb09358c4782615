//! Fusion pairs made of images of one device: files moved to a second one, a middle tree, a write-back cache.
//!
//! Their space managers know the sizes of both devices and nothing more of the second one.

use apfs_build::bytes::{put, u32_at, u64_at};
use apfs_build::node::{Form, Record};
use apfs_build::object::{Header, OBJ_EPHEMERAL, OBJ_PHYSICAL};
use apfs_build::tree::{Kind, build};
use apfs_build::{Encryption, Image, Role, fix_checksum};
use apfs_core::crypto::xts::Xts;

/// Bit of block numbers on tier 2 where blocks have 4096 bytes.
pub const TIER2: u64 = 1 << 50;
/// Flags of entries of the middle tree.
pub const DIRTY: u32 = 1;
pub const TENANT: u32 = 2;

/// Object ids of the write-back cache and its first list.
const CACHE_OID: u64 = 0x9000;
pub const LIST_OID: u64 = 0x9001;
/// Blocks of the data area in builder images.
const DATA_AREA: u64 = 52;

/// An entry of the middle tree: address on tier 2, block of the main device, length, flags.
pub type Entry = (u64, u64, u32, u32);

/// A list of the write-back cache: where it ends in the log, and entries of copy, target, length.
pub type List<'a> = (u64, &'a [(u64, u64, u64)]);

/// A pair under construction.
#[derive(Debug, Clone)]
pub struct Pair {
    pub image: Image,
    pub tier2: Vec<u8>,
    /// Free blocks of the main device end here.
    free: u64,
    /// The same of the data area.
    ephemeral: u64,
    /// Block of the root of the middle tree, and of the write-back cache and its lists.
    pub middle: Option<u64>,
    pub cache: Vec<u64>,
}

impl Pair {
    /// A pair whose second device has this many blocks, all but the first unused.
    pub fn of(image: Image, blocks: u64) -> Pair {
        assert_eq!(image.block_size, 4096);
        let free = image.block_count;
        let mut pair =
            Pair { image, tier2: Vec::new(), free, ephemeral: DATA_AREA, middle: None, cache: Vec::new() };
        // What is not written is recognised where it is read all the same.
        pair.tier2 = vec![0x77; blocks as usize * 4096];
        pair.superblocks(|block| {
            put(block, 0x28, (free + blocks).to_le_bytes());
            let features = u64_at(block, 0x40) | 0x100;
            put(block, 0x40, features.to_le_bytes());
            put(block, 0x500, b"pair of devices.");
        });
        pair.spaceman(|block| put(block, 0x60, blocks.to_le_bytes()));
        pair
    }

    /// Changes all superblocks, and so the copy on tier 2.
    pub fn superblocks(&mut self, change: impl Fn(&mut [u8])) {
        let mut all: Vec<u64> = self.image.checkpoints.iter().map(|it| it.superblock).collect();
        all.push(0);
        for block in all {
            self.image.edit(block, &change);
        }
        let copy = self.image.block(0).to_vec();
        self.tier2[..4096].copy_from_slice(&copy);
        self.tier2[0x50f] ^= 1;
        fix_checksum(&mut self.tier2[..4096]);
    }

    /// Changes the space manager.
    pub fn spaceman(&mut self, change: impl FnOnce(&mut [u8])) {
        let block = self.image.block_of(Role::Spaceman);
        self.image.edit(block, change);
    }

    /// Moves the content of a file to blocks of tier 2 from `at` on; where it was is no longer what it was.
    pub fn move_file(&mut self, path: &str, at: u64, encryption: Option<&Encryption>) {
        let extents = self.image.data_of(0, path).to_vec();
        let id = self.image.inode(0, path);
        let mut to = at;
        for extent in extents {
            for index in 0..extent.count {
                let bytes = self.image.block(extent.block + index).to_vec();
                self.put_tier2(to + index, &bytes);
                self.image.block_mut(extent.block + index).fill(0xEE);
            }
            for leaf in self.image.fs_leaves_of(0, id) {
                let block = self.image.block_mut(leaf);
                if let Some(encryption) = encryption {
                    let [data, tweak] = [&encryption.key[..16], &encryption.key[16..]];
                    let key = Xts::aes128(data.try_into().unwrap(), tweak.try_into().unwrap());
                    key.decrypt(u128::from(leaf) * 8, block.as_chunks_mut().0);
                }
                // The top byte of a length is flags.
                let is_old = |bytes: &[u8]| {
                    u64_at(bytes, 0) << 8 == (extent.count * 4096) << 8 && u64_at(bytes, 8) == extent.block
                };
                let new = (to | TIER2).to_le_bytes();
                if let Some(at) = block.windows(16).position(is_old) {
                    put(block, at + 8, new);
                    fix_checksum(block);
                }
                if let Some(encryption) = encryption {
                    encryption.encrypt(leaf, 4096, block);
                }
            }
            to += extent.count;
        }
    }

    /// Writes a block of tier 2.
    pub fn put_tier2(&mut self, block: u64, bytes: &[u8]) {
        put(&mut self.tier2, block as usize * 4096, bytes);
    }

    /// Bytes of blocks of tier 2.
    pub fn on_tier2(&self, block: u64, count: u64) -> Vec<u8> {
        self.tier2[block as usize * 4096..(block + count) as usize * 4096].to_vec()
    }

    /// Writes whole blocks to free ones of the main device, and gives the first.
    pub fn put_main(&mut self, bytes: &[u8]) -> u64 {
        let count = bytes.len() as u64 / 4096;
        self.free -= count;
        let at = self.free;
        put(&mut self.image.bytes, at as usize * 4096, bytes);
        at
    }

    /// Writes the middle tree, with at most so many entries in a node.
    pub fn middle_tree(&mut self, entries: &[Entry], most: usize) {
        let kind = Kind {
            o_subtype: 0x15,
            storage: OBJ_PHYSICAL,
            form: Form::Fixed { key: 8, value: 16 },
            bt_flags: 0x10,
        };
        let records = entries.iter().map(|(key, lba, length, flags)| {
            let value = [&lba.to_le_bytes()[..], &length.to_le_bytes(), &flags.to_le_bytes()].concat();
            Record::new(key.to_le_bytes().to_vec(), value)
        });
        let xid = self.image.newest().xid;
        let mut next = self.free;
        let nodes = build(kind, records.collect(), (4096, xid, most), || {
            next -= 1;
            next
        });
        for node in &nodes {
            put(&mut self.image.bytes, node.oid as usize * 4096, &node.block);
        }
        self.free = next;
        let root = nodes.last().unwrap().oid;
        self.middle = Some(root);
        self.superblocks(|block| put(block, 0x548, root.to_le_bytes()));
    }

    /// Writes the write-back cache: stable head and tail, and lists, oldest first.
    pub fn write_back(&mut self, head: u64, tail: u64, lists: &[List<'_>]) {
        let last = LIST_OID + (lists.len() as u64).saturating_sub(1);
        let ends = if lists.is_empty() { [0, 0] } else { [LIST_OID, last] };
        let mut cache = vec![0; 4096];
        put(&mut cache, 0x20, [0x70, ends[0], ends[1], head, tail].map(u64::to_le_bytes).concat());
        put(&mut cache, 0x48, (lists.len() as u32).to_le_bytes());
        self.ephemeral(0x16, CACHE_OID, cache);
        for ((offset, entries), oid) in lists.iter().zip(LIST_OID..) {
            let mut list = vec![0; 4096];
            put(&mut list, 0x20, [0x70, *offset].map(u64::to_le_bytes).concat());
            put(&mut list, 0x30, [0, entries.len() as u32, 168].map(u32::to_le_bytes).concat());
            for (index, (copy, target, length)) in entries.iter().enumerate() {
                put(&mut list, 0x40 + index * 24, [*copy, *target, *length].map(u64::to_le_bytes).concat());
            }
            self.ephemeral(0x17, oid, list);
        }
        self.superblocks(|block| put(block, 0x550, CACHE_OID.to_le_bytes()));
    }

    /// Adds an ephemeral object of one block to the newest checkpoint.
    fn ephemeral(&mut self, kind: u32, oid: u64, mut object: Vec<u8>) {
        self.ephemeral -= 1;
        let at = u64_at(self.image.block(self.image.newest().superblock), 0x78) + self.ephemeral;
        let o_type = OBJ_EPHEMERAL | kind;
        let o_xid = self.image.newest().xid;
        Header { o_oid: oid, o_xid, o_type, o_subtype: 0 }.stamp(&mut object);
        put(&mut self.image.bytes, at as usize * 4096, &object);
        self.cache.push(at);
        let map = self.image.block_of(Role::CheckpointMap);
        self.image.edit(map, |block| {
            let count = u32_at(block, 0x24);
            put(block, 0x24, (count + 1).to_le_bytes());
            let words = [o_type, 0, 4096, 0].map(u32::to_le_bytes).concat();
            let numbers = [0, oid, at].map(u64::to_le_bytes).concat();
            put(block, 0x28 + count as usize * 40, [words, numbers].concat());
        });
    }

    /// Both devices, the main one first.
    pub fn devices(&self) -> (Vec<u8>, Vec<u8>) {
        (self.image.bytes.clone(), self.tier2.clone())
    }
}
