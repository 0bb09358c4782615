//! Ways to make an image wrong on purpose while its checksums stay right.

use super::bytes::{put, u64_at};
use super::disk::Role;
use super::image::Image;
use super::node::{INFO_LEN, TOC, entry};
use super::object::HEADER_LEN;

impl Image {
    /// Overwrites the start of the value of entry `index` in a tree node.
    pub fn set_value(&mut self, node: u64, index: usize, offset: usize, bytes: &[u8]) {
        self.edit_node(node, |block| {
            let (_, value) = entry(block, index);
            put(&mut block[value], offset, bytes);
        });
    }

    /// Overwrites the start of the key of entry `index` in a tree node.
    pub fn set_key(&mut self, node: u64, index: usize, offset: usize, bytes: &[u8]) {
        self.edit_node(node, |block| {
            let (key, _) = entry(block, index);
            put(&mut block[key], offset, bytes);
        });
    }

    /// Makes entry `index` of an index node point to `child`: an ancestor's oid gives a loop.
    pub fn set_child(&mut self, node: u64, index: usize, child: u64) {
        self.set_value(node, index, 0, &child.to_le_bytes());
    }

    /// The child oid of entry `index` of an index node.
    pub fn child(&self, node: u64, index: usize) -> u64 {
        let block = self.block(node);
        u64_at(&block[entry(block, index).1], 0)
    }

    /// `btn_level`.
    pub fn set_level(&mut self, node: u64, level: u16) {
        self.edit_node(node, |block| put(block, 0x22, level.to_le_bytes()));
    }

    /// `btn_flags`.
    pub fn set_node_flags(&mut self, node: u64, flags: u16) {
        self.edit_node(node, |block| put(block, 0x20, flags.to_le_bytes()));
    }

    /// `btn_nkeys`.
    pub fn set_nkeys(&mut self, node: u64, count: u32) {
        self.edit_node(node, |block| put(block, 0x24, count.to_le_bytes()));
    }

    /// Offset and length of `btn_table_space`.
    pub fn set_table_space(&mut self, node: u64, offset: u16, len: u16) {
        self.edit_node(node, |block| put(block, 0x28, [offset.to_le_bytes(), len.to_le_bytes()].concat()));
    }

    /// Word `word` of entry `index` in the table of contents, for entries of `words` words: a variable tree's have
    /// key offset and length, value offset and length; a fixed tree's have the two offsets.
    pub fn set_toc(&mut self, node: u64, index: usize, (word, words): (usize, usize), value: u16) {
        self.edit_node(node, |block| put(block, TOC + (index * words + word) * 2, value.to_le_bytes()));
    }

    /// Exchanges two entries of the table of contents of a variable tree: the keys are out of order.
    pub fn swap_entries(&mut self, node: u64, first: usize, second: usize) {
        self.edit_node(node, |block| {
            for byte in 0..8 {
                block.swap(TOC + first * 8 + byte, TOC + second * 8 + byte);
            }
        });
    }

    /// A field of the root's `btree_info_t`, counted from its start.
    pub fn set_info(&mut self, root: u64, offset: usize, bytes: &[u8]) {
        self.edit_node(root, |block| {
            let at = block.len() - INFO_LEN + offset;
            put(block, at, bytes);
        });
    }

    /// Changes the first extent of the file at a path in a volume's live tree to begin at `block`.
    pub fn set_first_extent(&mut self, volume: usize, path: &str, block: u64) {
        let map = &self.volumes[volume];
        let id = map.private_ids[&self.inode(volume, path)];
        let header = id | u64::from(super::records::APFS_TYPE_FILE_EXTENT) << 60;
        for leaf in self.fs_leaves_of(volume, id) {
            let bytes = self.block(leaf);
            let count = super::bytes::u32_at(bytes, 0x24) as usize;
            let found = (0..count).find(|index| u64_at(&bytes[entry(bytes, *index).0], 0) == header);
            if let Some(index) = found {
                return self.set_value(leaf, index, 8, &block.to_le_bytes());
            }
        }
        panic!("{path} has no extents");
    }

    /// Gives a checkpoint the transaction id of another one: the ring then holds two of the same.
    pub fn set_checkpoint_xid(&mut self, checkpoint: usize, xid: u64) {
        let roles = [
            Role::ContainerSuperblock,
            Role::CheckpointMap,
            Role::Spaceman,
            Role::Reaper,
            Role::FreeQueueNode,
        ];
        for role in roles {
            let blocks: Vec<u64> =
                self.of_checkpoint(checkpoint, role).iter().map(|place| place.block).collect();
            for block in blocks {
                self.edit(block, |bytes| {
                    put(bytes, 0x10, xid.to_le_bytes());
                    if role == Role::ContainerSuperblock {
                        put(bytes, 0x60, (xid + 1).to_le_bytes());
                    }
                });
            }
        }
        self.checkpoints[checkpoint].xid = xid;
    }

    /// Changes a node; the checksum follows unless the node has no header.
    fn edit_node(&mut self, node: u64, change: impl FnOnce(&mut [u8])) {
        let bytes = self.block_mut(node);
        let has_header = bytes[..HEADER_LEN].iter().any(|byte| *byte != 0);
        change(bytes);
        if has_header {
            super::object::fix_checksum(bytes);
        }
    }
}
