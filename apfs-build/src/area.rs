//! A checkpoint area: a ring of blocks, either one run or runs listed by a B-tree.

use super::bytes::pack;
use super::disk::{Disk, Role};
use super::node::Record;
use super::tree;

/// Set in `nx_xp_desc_blocks` and `nx_xp_data_blocks` when the base is a tree.
const FRAGMENTED: u32 = 0x8000_0000;

/// The descriptor or the data area.
#[derive(Clone, Debug)]
pub struct Area {
    /// First block and count of each run.
    runs: Vec<(u64, u64)>,
    /// Root and nodes of the tree that lists them.
    tree: Option<(u64, Vec<u64>)>,
}

impl Area {
    /// An area of `len` blocks in one run.
    pub fn contiguous(len: u64, disk: &mut Disk) -> Self {
        Area { runs: vec![(disk.alloc(len), len)], tree: None }
    }

    /// An area of `len` blocks in runs of three, a gap behind each, with its tree.
    pub fn fragmented(len: u64, disk: &mut Disk) -> Self {
        let mut runs = Vec::new();
        let mut records = Vec::new();
        for logical in (0..len).step_by(3) {
            let count = (len - logical).min(3);
            let start = disk.alloc(count);
            disk.alloc(1);
            runs.push((start, count));
            records.push(Record::new(pack![logical], pack![start, count]));
        }
        let tree = tree::write_physical(disk, tree::EXTENT_LIST, records, Role::AreaTreeNode);
        Area { runs, tree: Some(tree) }
    }

    /// Length in blocks.
    #[allow(clippy::len_without_is_empty, reason = "a ring is never empty")]
    pub fn len(&self) -> u64 {
        self.runs.iter().map(|(_, count)| count).sum()
    }

    /// The block at a ring index, modulo the ring's size.
    pub fn block(&self, index: u64) -> u64 {
        let mut rest = index % self.len();
        for (start, count) in &self.runs {
            if rest < *count {
                return start + rest;
            }
            rest -= count;
        }
        panic!("the index is below the sum of the runs")
    }

    /// `nx_xp_*_blocks`.
    pub fn blocks_field(&self) -> u32 {
        self.len() as u32 | if self.tree.is_some() { FRAGMENTED } else { 0 }
    }

    /// `nx_xp_*_base`.
    pub fn base_field(&self) -> u64 {
        self.tree.as_ref().map_or(self.runs[0].0, |(root, _)| *root)
    }

    /// All blocks of the ring and of its tree.
    pub fn all_blocks(&self) -> Vec<u64> {
        let tree = self.tree.iter().flat_map(|(_, nodes)| nodes.iter().copied());
        self.runs.iter().flat_map(|(start, count)| *start..start + count).chain(tree).collect()
    }
}
