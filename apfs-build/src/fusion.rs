//! Fusion pairs: content on a second device, copies of it on the first, the middle tree and the write-back cache that
//! say which copy counts.

use std::collections::BTreeSet;

use super::bytes::{pack, put};
use super::checkpoint::Ephemeral;
use super::disk::{Disk, Role};
use super::node::Record;
use super::object::{OBJECT_TYPE_NX_FUSION_WBC, OBJECT_TYPE_NX_FUSION_WBC_LIST};
use super::tree;

/// `NX_INCOMPAT_FUSION`.
pub const NX_INCOMPAT_FUSION: u64 = 0x100;
/// `fmv_flags`: the copy is newer than tier 2.
pub const FUSION_MT_DIRTY: u32 = 1;
/// `fmv_flags`: the copy is equal to tier 2.
pub const FUSION_MT_TENANT: u32 = 2;
/// `fwp_version` and `fwlp_version`, as mkapfs writes it.
const WBC_VERSION: u64 = 0x70;

/// What stands before the number of a block of tier 2.
pub fn tier2_flag(block_size: usize) -> u64 {
    0x4000_0000_0000_0000 >> block_size.trailing_zeros()
}

/// Kinds of copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyKind {
    /// In the middle tree, newer than tier 2.
    Dirty,
    /// In the middle tree, equal to tier 2.
    Tenant,
    /// In the write-back cache, newer than everything else.
    Cached,
}

/// Blocks of tier 2 that are to have a copy on the main device.
#[derive(Clone, Copy, Debug)]
pub struct Copy {
    pub kind: CopyKind,
    /// First block, with its flag.
    pub target: u64,
    pub count: u64,
}

/// A second device and how the two are put together.
#[derive(Clone, Debug)]
pub struct Fusion {
    /// Smallest size of the second device in blocks.
    pub min_blocks: u64,
    /// `nx_fusion_uuid` of the main device.
    pub uuid: [u8; 16],
    /// That of the second device, if it is not the same with the last bit set.
    pub tier2_uuid: Option<[u8; 16]>,
    /// Records of the middle tree that no file calls for: key, `fmv_lba`, `fmv_length`, `fmv_flags`.
    pub middle_records: Vec<(u64, u64, u32, u32)>,
    /// Entries of the write-back cache that no file calls for: `fwle_wbcLba`, `fwle_targetLba`, `fwle_length`.
    pub cache_entries: Vec<(u64, u64, u64)>,
    /// `fwp_stableHeadOffset` and `fwp_stableTailOffset`, if not all entries' blocks from 0.
    pub stable: Option<(u64, u64)>,
    /// Entries of the list that are passed over at its begin (`fwlp_indexBegin`).
    pub list_begin: u32,
    /// Whether there is a write-back cache.
    pub has_cache: bool,
}

impl Default for Fusion {
    fn default() -> Self {
        Fusion {
            min_blocks: 256,
            uuid: *b"fusion pair ...\x10",
            tier2_uuid: None,
            middle_records: Vec::new(),
            cache_entries: Vec::new(),
            stable: None,
            list_begin: 0,
            has_cache: true,
        }
    }
}

impl Fusion {
    /// `nx_fusion_uuid` of the second device.
    pub fn second_uuid(&self) -> [u8; 16] {
        let mut uuid = self.uuid;
        uuid[15] |= 1;
        self.tier2_uuid.unwrap_or(uuid)
    }
}

/// What the superblock says of the pair.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    pub nx_fusion_uuid: [u8; 16],
    pub nx_fusion_mt_oid: u64,
    pub nx_fusion_wbc_oid: u64,
    pub nx_fusion_wbc: (u64, u64),
}

/// A copy with its place on the main device.
#[derive(Clone, Copy, Debug)]
struct Placed {
    copy: Copy,
    main: u64,
}

/// Copies, tree and cache, written.
#[derive(Debug)]
pub struct Pair {
    pub fields: Fields,
    /// What belongs in every checkpoint's data area.
    pub ephemeral: Vec<Ephemeral>,
    /// Blocks of the main device in use for it.
    pub blocks: Vec<u64>,
    placed: Vec<Placed>,
}

impl Pair {
    /// Finds places for all copies and writes what lists them.
    pub fn write(fusion: &Fusion, disk: &mut Disk) -> Pair {
        let place = |copy: &Copy, disk: &mut Disk| Placed { copy: *copy, main: disk.alloc(copy.count) };
        let copies = core::mem::take(&mut disk.copies);
        let (cached, middle): (Vec<_>, Vec<_>) =
            copies.into_iter().partition(|copy| copy.kind == CopyKind::Cached);
        let mut placed: Vec<Placed> = middle.iter().map(|copy| place(copy, disk)).collect();
        let mut records: Vec<(u64, u64, u32, u32)> = placed
            .iter()
            .map(|Placed { copy, main }| {
                let flags = if copy.kind == CopyKind::Dirty { FUSION_MT_DIRTY } else { FUSION_MT_TENANT };
                (copy.target, *main, copy.count as u32, flags)
            })
            .chain(fusion.middle_records.iter().copied())
            .collect();
        records.sort_unstable();
        let records =
            records.iter().map(|(key, lba, len, flags)| Record::new(pack![key], pack![lba, len, flags]));
        let (nx_fusion_mt_oid, nodes) =
            tree::write_physical(disk, tree::MIDDLE, records.collect(), Role::MiddleTreeNode);

        let cache = disk.len();
        placed.extend(cached.iter().map(|copy| place(copy, disk)));
        let cache_len = (disk.len() - cache).max(1);
        if disk.len() == cache {
            disk.alloc(1);
        }
        let in_cache = placed.iter().filter(|placed| placed.copy.kind == CopyKind::Cached);
        let entries: Vec<_> = in_cache
            .map(|Placed { copy, main }| (*main, copy.target, copy.count))
            .chain(fusion.cache_entries.iter().copied())
            .collect();
        let (oid, ephemeral) =
            if fusion.has_cache { write_cache(fusion, &entries, disk) } else { (0, Vec::new()) };
        for Placed { copy, main } in &placed {
            let role = if copy.kind == CopyKind::Cached { Role::CachedData } else { Role::MiddleCopy };
            let blank = vec![0; copy.count as usize * disk.block_size];
            disk.write(*main, &blank, role, copy.target);
        }
        let copied = placed.iter().flat_map(|placed| placed.main..placed.main + placed.copy.count);
        let blocks: BTreeSet<u64> = copied.chain(nodes).chain(cache..cache + cache_len).collect();
        Pair {
            fields: Fields {
                nx_fusion_uuid: fusion.uuid,
                nx_fusion_mt_oid,
                nx_fusion_wbc_oid: oid,
                nx_fusion_wbc: (cache, cache_len),
            },
            ephemeral,
            blocks: blocks.into_iter().collect(),
            placed,
        }
    }

    /// Fills the copies with what is on tier 2, and makes everything wrong that no longer counts.
    pub fn fill(&self, disk: &mut Disk) {
        let right = disk.tier2.clone().unwrap_or_default();
        let flag = tier2_flag(disk.block_size);
        let size = disk.block_size;
        let is_cached = |block: u64| {
            let cached = self.placed.iter().filter(|placed| placed.copy.kind == CopyKind::Cached);
            cached.clone().any(|Placed { copy, .. }| (copy.target..copy.target + copy.count).contains(&block))
        };
        let each = |kind: CopyKind| {
            let of_kind = self.placed.iter().filter(move |placed| placed.copy.kind == kind);
            of_kind.flat_map(|Placed { copy, main }| (copy.target..).zip(*main..).take(copy.count as usize))
        };
        let right_of = |block: u64| right[(block & !flag) as usize * size..][..size].to_vec();
        for kind in [CopyKind::Dirty, CopyKind::Cached] {
            for (target, main) in each(kind) {
                let wrong: Vec<u8> = right_of(target).iter().map(|byte| byte ^ 0xff).collect();
                disk.blocks_mut(target, 1).copy_from_slice(&wrong);
                let bytes = right_of(target);
                disk.blocks_mut(main, 1).copy_from_slice(&bytes);
            }
        }
        for (target, main) in each(CopyKind::Dirty).filter(|(target, _)| is_cached(*target)) {
            let wrong: Vec<u8> = right_of(target).iter().map(|byte| byte ^ 0x0f).collect();
            disk.blocks_mut(main, 1).copy_from_slice(&wrong);
        }
        for (target, main) in each(CopyKind::Tenant) {
            let bytes = disk.blocks(target, 1).to_vec();
            disk.blocks_mut(main, 1).copy_from_slice(&bytes);
        }
    }
}

/// State of the write-back cache, with one list if there are entries; gives the oid of the state.
fn write_cache(fusion: &Fusion, entries: &[(u64, u64, u64)], disk: &mut Disk) -> (u64, Vec<Ephemeral>) {
    let oid = disk.alloc_oid();
    let mut state = vec![0; disk.block_size];
    put(&mut state, 0x20, WBC_VERSION.to_le_bytes());
    let mut ephemeral = Vec::new();
    if !entries.is_empty() {
        let list_oid = disk.alloc_oid();
        let len: u64 = entries.iter().map(|(_, _, count)| count).sum();
        let (head, tail) = fusion.stable.unwrap_or((0, len));
        put(&mut state, 0x28, pack![list_oid, list_oid, head, tail, 1_u32]);
        let mut list = vec![0; disk.block_size];
        let room = (disk.block_size - 0x40) / 24;
        assert!(entries.len() <= room, "one list has room for {room} entries");
        put(
            &mut list,
            0x20,
            pack![WBC_VERSION, len, fusion.list_begin, entries.len() as u32, room as u32, 0_u32],
        );
        for (n, (wbc, target, count)) in entries.iter().enumerate() {
            put(&mut list, 0x40 + n * 24, pack![wbc, target, count]);
        }
        ephemeral.push(Ephemeral {
            o_type: OBJECT_TYPE_NX_FUSION_WBC_LIST,
            o_subtype: 0,
            oid: list_oid,
            object: list,
            role: Role::WriteCacheList,
        });
    }
    let cache = Ephemeral {
        o_type: OBJECT_TYPE_NX_FUSION_WBC,
        o_subtype: 0,
        oid,
        object: state,
        role: Role::WriteCache,
    };
    ephemeral.insert(0, cache);
    (oid, ephemeral)
}
