//! Checkpoints: ephemeral objects in the data area, their maps and the superblock in the descriptor area.

use super::area::Area;
use super::bytes::{pack, put};
use super::disk::{Disk, Role};
use super::fusion::NX_INCOMPAT_FUSION;
use super::object::{
    Header, OBJ_EPHEMERAL, OBJ_PHYSICAL, OBJECT_TYPE_CHECKPOINT_MAP, OBJECT_TYPE_NX_REAPER,
    OBJECT_TYPE_NX_SUPERBLOCK,
};

const CHECKPOINT_MAP_LAST: u32 = 1;
/// The macOS 10.13 format.
const NX_INCOMPAT_VERSION2: u64 = 2;
/// `nx_flags` of a container with software encryption.
const NX_CRYPTO_SW: u64 = 4;
/// Object id of every container superblock.
pub const OID_NX_SUPERBLOCK: u64 = 1;

/// An object of the data area.
#[derive(Clone, Debug)]
pub struct Ephemeral {
    pub o_type: u32,
    pub o_subtype: u32,
    pub oid: u64,
    /// Whole blocks; the header is stamped when the checkpoint is written.
    pub object: Vec<u8>,
    pub role: Role,
}

/// The idle reaper.
pub fn reaper(oid: u64, block_size: usize) -> Ephemeral {
    const NR_BHM_FLAG: u32 = 1;
    let mut object = vec![0; block_size];
    put(&mut object, 0x20, 1_u64.to_le_bytes());
    put(&mut object, 0x40, NR_BHM_FLAG.to_le_bytes());
    put(&mut object, 0x6c, (block_size as u32 - 112).to_le_bytes());
    Ephemeral { o_type: OBJECT_TYPE_NX_REAPER, o_subtype: 0, oid, object, role: Role::Reaper }
}

/// What all checkpoints of a container have in common.
#[derive(Clone, Debug)]
pub struct Container {
    pub nx_uuid: [u8; 16],
    pub nx_block_count: u64,
    pub nx_max_file_systems: u32,
    pub min_block_count: u64,
    pub nx_spaceman_oid: u64,
    pub nx_reaper_oid: u64,
    pub nx_fs_oid: Vec<u64>,
    pub desc: Area,
    pub data: Area,
    pub extra_incompatible_features: u64,
    /// Block of the keybag.
    pub nx_keylocker: Option<u64>,
    /// What a Fusion pair adds.
    pub fusion: Option<super::fusion::Fields>,
}

/// Where the next checkpoint goes in both rings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub desc: u64,
    pub data: u64,
}

impl Container {
    /// Writes a checkpoint of the disk's transaction; gives the superblock's block and the position behind it.
    pub fn write_checkpoint(
        &self,
        at: Position,
        objects: Vec<Ephemeral>,
        nx_omap_oid: u64,
        volumes: usize,
        disk: &mut Disk,
    ) -> (u64, Position) {
        let block_size = disk.block_size;
        let mut data_len = 0;
        let mut mappings = Vec::new();
        for Ephemeral { o_type, o_subtype, oid, mut object, role } in objects {
            let o_type = OBJ_EPHEMERAL | o_type;
            Header { o_oid: oid, o_xid: disk.xid, o_type, o_subtype }.stamp(&mut object);
            let cpm_paddr = self.data.block(at.data + data_len);
            mappings.push(pack![o_type, o_subtype, object.len() as u32, 0_u32, 0_u64, oid, cpm_paddr]);
            for part in object.chunks(block_size) {
                disk.write(self.data.block(at.data + data_len), part, role, oid);
                data_len += 1;
            }
        }
        let maps: Vec<&[Vec<u8>]> = mappings.chunks((block_size - 40) / 40).collect();
        for (n, entries) in maps.iter().enumerate() {
            let mut map = vec![0; block_size];
            let flags = if n + 1 == maps.len() { CHECKPOINT_MAP_LAST } else { 0 };
            put(&mut map, 0x20, pack![flags, entries.len() as u32]);
            put(&mut map, 0x28, entries.concat());
            let block = self.desc.block(at.desc + n as u64);
            let o_type = OBJ_PHYSICAL | OBJECT_TYPE_CHECKPOINT_MAP;
            Header { o_oid: block, o_xid: disk.xid, o_type, o_subtype: 0 }.stamp(&mut map);
            disk.write(block, &map, Role::CheckpointMap, block);
        }
        let desc_len = maps.len() as u64 + 1;
        assert!(
            desc_len <= self.desc.len() && data_len <= self.data.len(),
            "the checkpoint areas are too small"
        );
        let end = Position {
            desc: (at.desc + desc_len) % self.desc.len(),
            data: (at.data + data_len) % self.data.len(),
        };
        let superblock = self.superblock(at, (desc_len, data_len), end, nx_omap_oid, volumes, disk);
        let block = self.desc.block(at.desc + desc_len - 1);
        disk.write(block, &superblock, Role::ContainerSuperblock, OID_NX_SUPERBLOCK);
        (block, end)
    }

    fn superblock(
        &self,
        at: Position,
        (desc_len, data_len): (u64, u64),
        end: Position,
        nx_omap_oid: u64,
        volumes: usize,
        disk: &Disk,
    ) -> Vec<u8> {
        let mut block = vec![0; disk.block_size];
        let pair = if self.fusion.is_some() { NX_INCOMPAT_FUSION } else { 0 };
        let features = NX_INCOMPAT_VERSION2 | pair | self.extra_incompatible_features;
        put(&mut block, 0x020, b"NXSB");
        put(&mut block, 0x024, pack![disk.block_size as u32, self.nx_block_count, 0_u64, 0_u64, features]);
        put(&mut block, 0x048, self.nx_uuid);
        put(&mut block, 0x058, pack![disk.next_oid, disk.xid + 1]);
        put(&mut block, 0x068, pack![self.desc.blocks_field(), self.data.blocks_field()]);
        put(&mut block, 0x070, pack![self.desc.base_field(), self.data.base_field()]);
        let indices = [end.desc, end.data, at.desc, desc_len, at.data, data_len];
        for (n, index) in indices.iter().enumerate() {
            put(&mut block, 0x080 + n * 4, (*index as u32).to_le_bytes());
        }
        put(&mut block, 0x098, pack![self.nx_spaceman_oid, nx_omap_oid, self.nx_reaper_oid]);
        put(&mut block, 0x0b4, self.nx_max_file_systems.to_le_bytes());
        for (n, oid) in self.nx_fs_oid.iter().take(volumes).enumerate() {
            put(&mut block, 0x0b8 + n * 8, oid.to_le_bytes());
        }
        if let Some(keybag) = self.nx_keylocker {
            put(&mut block, 0x4f0, NX_CRYPTO_SW.to_le_bytes());
            put(&mut block, 0x510, pack![keybag, 1_u64]);
        }
        if let Some(fusion) = &self.fusion {
            put(&mut block, 0x500, fusion.nx_fusion_uuid);
            let (start, count) = fusion.nx_fusion_wbc;
            put(&mut block, 0x548, pack![fusion.nx_fusion_mt_oid, fusion.nx_fusion_wbc_oid, start, count]);
        }
        put(&mut block, 0x520, (self.min_block_count << 32 | 4 << 16 | 1).to_le_bytes());
        let o_type = OBJ_EPHEMERAL | OBJECT_TYPE_NX_SUPERBLOCK;
        Header { o_oid: OID_NX_SUPERBLOCK, o_xid: disk.xid, o_type, o_subtype: 0 }.stamp(&mut block);
        block
    }
}
