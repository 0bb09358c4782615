//! A finished image: its bytes, what lies where, and the means to change it.

use std::collections::{BTreeMap, BTreeSet};

use super::disk::{Place, Role};
use super::fusion::tier2_flag;
use super::live::Volume;
use super::object::fix_checksum;
use super::stream::Extent;

/// A checkpoint still in the rings.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub xid: u64,
    /// Block of its superblock.
    pub superblock: u64,
    pub nx_omap_oid: u64,
    /// Blocks allocated for it, those of the free queues excepted.
    pub used: BTreeSet<u64>,
}

/// Where the live state of a volume lies.
#[derive(Clone, Debug)]
pub struct VolumeMap {
    /// Inode numbers by path.
    pub inodes: BTreeMap<String, u64>,
    /// Extents by stream id.
    pub extents: BTreeMap<u64, Vec<Extent>>,
    /// `private_id` by inode number.
    pub private_ids: BTreeMap<u64, u64>,
    /// Nodes of the file-system tree, leaves first, the root last.
    pub fs_nodes: Vec<u64>,
    pub root_oid: u64,
}

impl VolumeMap {
    pub(super) fn of(volume: &Volume) -> Self {
        let content = &volume.content;
        VolumeMap {
            inodes: content.paths(),
            extents: content.streams.iter().map(|(id, stream)| (*id, stream.extents.clone())).collect(),
            private_ids: content.inodes.values().map(|inode| (inode.id, inode.private_id)).collect(),
            fs_nodes: volume.tree.blocks().collect(),
            root_oid: volume.tree.root_oid,
        }
    }
}

/// A built image.
#[derive(Clone, Debug)]
pub struct Image {
    pub block_size: usize,
    /// Blocks of the container.
    pub block_count: u64,
    /// All of it; of a sparse one what is not zero.
    pub bytes: Vec<u8>,
    /// The second device of a Fusion pair.
    pub tier2: Vec<u8>,
    /// Everything written, in the order it was written.
    pub places: Vec<Place>,
    /// Oldest first.
    pub checkpoints: Vec<Checkpoint>,
    pub volumes: Vec<VolumeMap>,
    /// Blocks that are encrypted.
    pub encrypted: BTreeSet<u64>,
}

impl Image {
    /// The newest checkpoint.
    pub fn newest(&self) -> &Checkpoint {
        self.checkpoints.last().unwrap()
    }

    /// Everything with a role, of any age.
    pub fn all(&self, role: Role) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(move |place| place.role == role)
    }

    /// What a checkpoint has in a role.
    pub fn of_checkpoint(&self, index: usize, role: Role) -> Vec<&Place> {
        let used = &self.checkpoints[index].used;
        let belongs = |place: &&Place| place.checkpoint.is_none_or(|checkpoint| checkpoint == index);
        self.all(role).filter(|place| used.contains(&place.block)).filter(belongs).collect()
    }

    /// What the newest checkpoint has in a role.
    pub fn live(&self, role: Role) -> Vec<&Place> {
        self.of_checkpoint(self.checkpoints.len() - 1, role)
    }

    /// The only block the newest checkpoint has in a role.
    pub fn block_of(&self, role: Role) -> u64 {
        let places = self.live(role);
        assert_eq!(places.len(), 1, "{role:?} is not one block");
        places[0].block
    }

    /// The inode number at a path of a volume's live tree.
    pub fn inode(&self, volume: usize, path: &str) -> u64 {
        *self.volumes[volume].inodes.get(path).unwrap_or_else(|| panic!("{path} does not exist"))
    }

    /// The nodes of a volume's live file-system tree.
    pub fn fs_nodes(&self, volume: usize) -> Vec<&Place> {
        let live = &self.volumes[volume].fs_nodes;
        self.all(Role::FsNode).filter(|place| live.contains(&place.block)).collect()
    }

    /// The root node of a volume's live file-system tree.
    pub fn fs_root(&self, volume: usize) -> u64 {
        *self.volumes[volume].fs_nodes.last().unwrap()
    }

    /// The live leaves that have records of an object id.
    pub fn fs_leaves_of(&self, volume: usize, id: u64) -> Vec<u64> {
        let nodes = self.fs_nodes(volume);
        nodes.iter().filter(|node| node.level == 0 && node.ids.contains(&id)).map(|node| node.block).collect()
    }

    /// Extents of the file at a path.
    pub fn data_of(&self, volume: usize, path: &str) -> &[Extent] {
        let map = &self.volumes[volume];
        let private_id = map.private_ids[&self.inode(volume, path)];
        map.extents.get(&private_id).map_or(&[], Vec::as_slice)
    }

    /// The block's bytes.
    pub fn block(&self, block: u64) -> &[u8] {
        let flag = tier2_flag(self.block_size);
        let device = if block & flag == 0 { &self.bytes } else { &self.tier2 };
        let at = (block & !flag) as usize * self.block_size;
        &device[at..at + self.block_size]
    }

    /// The block's bytes, to be damaged: its checksum stays as it is.
    pub fn block_mut(&mut self, block: u64) -> &mut [u8] {
        let flag = tier2_flag(self.block_size);
        let device = if block & flag == 0 { &mut self.bytes } else { &mut self.tier2 };
        let at = (block & !flag) as usize * self.block_size;
        &mut device[at..at + self.block_size]
    }

    /// Changes a one-block object and makes its checksum right again.
    pub fn edit(&mut self, block: u64, change: impl FnOnce(&mut [u8])) {
        let bytes = self.block_mut(block);
        change(bytes);
        fix_checksum(bytes);
    }

    /// Flips the bits of one byte in the middle of a block, which makes its checksum wrong.
    pub fn corrupt(&mut self, block: u64) {
        let middle = self.block_size / 2;
        self.block_mut(block)[middle] ^= 0xff;
    }

    /// Cuts the device behind `blocks` blocks.
    pub fn truncate(&mut self, blocks: u64) {
        self.bytes.truncate(blocks as usize * self.block_size);
    }
}
