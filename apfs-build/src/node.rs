//! One B-tree node (`btree_node_phys_t`): its encoding, and the places of its fields for tests that damage it.

use core::ops::Range;

use super::bytes::{put, u16_at, u32_at};

pub const BTNODE_ROOT: u16 = 0x01;
pub const BTNODE_LEAF: u16 = 0x02;
pub const BTNODE_FIXED_KV_SIZE: u16 = 0x04;
pub const BTNODE_HASHED: u16 = 0x08;
pub const BTNODE_NOHEADER: u16 = 0x10;

/// Length of `btree_info_t`, the end of every root.
pub const INFO_LEN: usize = 40;
/// Where the table of contents begins.
pub const TOC: usize = 0x38;
/// Value offset of a ghost, and the end of a free list.
const BTOFF_INVALID: u16 = 0xffff;

/// A key with its value; no value is a ghost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

impl Record {
    pub fn new(key: Vec<u8>, value: Vec<u8>) -> Self {
        Record { key, value: Some(value) }
    }

    fn value_len(&self) -> usize {
        self.value.as_ref().map_or(0, Vec::len)
    }
}

/// How the table of contents describes records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `kvloc_t` entries.
    Variable,
    /// `kvoff_t` entries; `value` is the length in leaves, children are eight bytes.
    Fixed { key: usize, value: usize },
}

/// `btree_info_t` without the node size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    pub bt_flags: u32,
    pub bt_longest_key: u32,
    pub bt_longest_val: u32,
    pub bt_key_count: u64,
    pub bt_node_count: u64,
}

/// A node to encode. `info` makes it a root.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    pub form: Form,
    /// `BTNODE_HASHED` and `BTNODE_NOHEADER`; the other flags follow from the fields.
    pub extra_flags: u16,
    pub level: u16,
    pub records: &'a [Record],
    pub info: Option<Info>,
}

impl Node<'_> {
    /// Whether the records fit a block of `block_size`, leaving room for the footer of a root.
    pub fn fits(&self, block_size: usize) -> bool {
        let content: usize = self.records.iter().map(|r| r.key.len() + r.value_len()).sum();
        TOC + self.toc_len(block_size) + content + INFO_LEN <= block_size
    }

    /// The node's block with a zero object header.
    pub fn encode(&self, block_size: usize) -> Vec<u8> {
        let mut block = vec![0; block_size];
        let mut flags = self.extra_flags;
        if self.level == 0 {
            flags |= BTNODE_LEAF;
        }
        if let Form::Fixed { .. } = self.form {
            flags |= BTNODE_FIXED_KV_SIZE;
        }
        let mut value_end = block_size;
        if let Some(info) = self.info {
            flags |= BTNODE_ROOT;
            value_end -= INFO_LEN;
            self.put_info(&mut block[value_end..], info, block_size);
        }
        let toc_len = self.toc_len(block_size);
        let key_start = TOC + toc_len;
        let (mut key_at, mut value_at) = (key_start, value_end);
        for (index, record) in self.records.iter().enumerate() {
            let key = [(key_at - key_start) as u16, record.key.len() as u16];
            put(&mut block, key_at, &record.key);
            key_at += record.key.len();
            let value = match &record.value {
                Some(bytes) => {
                    value_at -= bytes.len();
                    put(&mut block, value_at, bytes);
                    [(value_end - value_at) as u16, bytes.len() as u16]
                }
                None => [BTOFF_INVALID, 0],
            };
            let words: &[u16] = match self.form {
                Form::Variable => &[key[0], key[1], value[0], value[1]],
                Form::Fixed { .. } => &[key[0], value[0]],
            };
            for (n, word) in words.iter().enumerate() {
                put(&mut block, TOC + (index * words.len() + n) * 2, word.to_le_bytes());
            }
        }
        put(&mut block, 0x20, flags.to_le_bytes());
        put(&mut block, 0x22, self.level.to_le_bytes());
        put(&mut block, 0x24, (self.records.len() as u32).to_le_bytes());
        put(&mut block, 0x2a, (toc_len as u16).to_le_bytes());
        put(&mut block, 0x2c, ((key_at - key_start) as u16).to_le_bytes());
        put(&mut block, 0x2e, ((value_at - key_at) as u16).to_le_bytes());
        put(&mut block, 0x30, BTOFF_INVALID.to_le_bytes());
        put(&mut block, 0x34, BTOFF_INVALID.to_le_bytes());
        block
    }

    /// Variable tables grow by eight entries; fixed ones have room for all records the node could hold. Keys
    /// begin at a multiple of eight.
    fn toc_len(&self, block_size: usize) -> usize {
        match self.form {
            Form::Variable => self.records.len().next_multiple_of(8).max(8) * 8,
            Form::Fixed { key, value } => {
                let value = if self.level == 0 { value } else { 8 };
                let capacity = (block_size - TOC) / (key + value + 4) / 2 * 2;
                capacity.max(self.records.len().next_multiple_of(2)) * 4
            }
        }
    }

    fn put_info(&self, footer: &mut [u8], info: Info, block_size: usize) {
        let (key, value) = match self.form {
            Form::Variable => (0, 0),
            Form::Fixed { key, value } => (key, value),
        };
        let sizes = [block_size as u32, key as u32, value as u32, info.bt_longest_key, info.bt_longest_val];
        put(footer, 0x00, info.bt_flags.to_le_bytes());
        for (n, size) in sizes.iter().enumerate() {
            put(footer, 4 + n * 4, size.to_le_bytes());
        }
        put(footer, 0x18, info.bt_key_count.to_le_bytes());
        put(footer, 0x20, info.bt_node_count.to_le_bytes());
    }
}

/// Where entry `index` of an encoded node lies: the bytes of its key and of its value.
pub fn entry(block: &[u8], index: usize) -> (Range<usize>, Range<usize>) {
    let flags = u16_at(block, 0x20);
    let key_start = TOC + usize::from(u16_at(block, 0x2a));
    let root = flags & BTNODE_ROOT != 0;
    let value_end = block.len() - if root { INFO_LEN } else { 0 };
    let word = |n: usize, size: usize| usize::from(u16_at(block, TOC + index * size + n * 2));
    let (key, key_len, value, value_len) = if flags & BTNODE_FIXED_KV_SIZE == 0 {
        (word(0, 8), word(1, 8), word(2, 8), word(3, 8))
    } else {
        // Only the root's footer has the sizes; evenly packed records give them too.
        let count = u32_at(block, 0x24) as usize;
        let keys = usize::from(u16_at(block, 0x2c));
        let values = value_end - key_start - keys - usize::from(u16_at(block, 0x2e));
        (word(0, 4), keys / count, word(1, 4), values / count)
    };
    let value_at = value_end - value;
    (key_start + key..key_start + key + key_len, value_at..value_at + value_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: u64, value: usize) -> Vec<Record> {
        (0..count).map(|n| Record::new(n.to_le_bytes().to_vec(), vec![n as u8; value])).collect()
    }

    #[test]
    fn a_fixed_table_has_the_length_apple_writes() {
        for (key, value, level, len) in [(16, 16, 0, 448), (16, 16, 1, 576), (8, 16, 0, 576), (16, 8, 0, 576)]
        {
            let node =
                Node { form: Form::Fixed { key, value }, extra_flags: 0, level, records: &[], info: None };
            assert_eq!(u16_at(&node.encode(4096), 0x2a), len);
        }
    }

    #[test]
    fn entries_are_found_where_they_were_put() {
        let records = numbers(5, 20);
        let info =
            Info { bt_flags: 0x52, bt_longest_key: 8, bt_longest_val: 20, bt_key_count: 5, bt_node_count: 1 };
        for form in [Form::Variable, Form::Fixed { key: 8, value: 20 }] {
            for info in [None, Some(info)] {
                let block = Node { form, extra_flags: 0, level: 0, records: &records, info }.encode(4096);
                for (index, record) in records.iter().enumerate() {
                    let (key, value) = entry(&block, index);
                    assert_eq!(block[key], record.key);
                    assert_eq!(Some(&block[value]), record.value.as_deref());
                }
            }
        }
    }

    #[test]
    fn a_ghost_has_no_value() {
        let records = [Record { key: vec![7; 16], value: None }];
        let form = Form::Fixed { key: 16, value: 8 };
        let block = Node { form, extra_flags: 0, level: 0, records: &records, info: None }.encode(4096);
        assert_eq!(block[TOC..TOC + 4], [0, 0, 0xff, 0xff]);
    }
}
