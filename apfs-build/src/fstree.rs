//! The file-system tree: virtual nodes that keep their oid from one transaction to the next, so that a change
//! rewrites the nodes it touches and nothing else. Sealed volumes use the hashed form without object headers.

use super::disk::{Disk, Role};
use super::node::{BTNODE_HASHED, BTNODE_NOHEADER, Form, Info, Node, Record};
use super::object::{Header, OBJ_ENCRYPTED, OBJECT_TYPE_BTREE, OBJECT_TYPE_BTREE_NODE, OBJECT_TYPE_FSTREE};
use super::omap::{Mapping, OMAP_VAL_ENCRYPTED, OMAP_VAL_NOHEADER, Omap};
use super::records::Key;
use super::seal::Seal;
use super::tree::split;

const BTREE_KV_NONALIGNED: u32 = 0x040;
const BTREE_SEQUENTIAL_INSERT: u32 = 0x002;
const BTREE_HASHED: u32 = 0x080;
const BTREE_NOHEADER: u32 = 0x100;

/// What a volume's kind asks of its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    None,
    /// Marked as encrypted; the bytes stay plain.
    EncryptedFlag,
    Sealed,
}

type Entry = (Key, Vec<u8>);

#[derive(Clone, Debug)]
struct Slot {
    oid: u64,
    first: Key,
    /// The node as written, before its header.
    body: Vec<u8>,
    block: u64,
}

/// The tree as of the last transaction.
#[derive(Clone, Debug)]
pub struct FsTree {
    pub root_oid: u64,
    protection: Protection,
    seal: Seal,
    levels: Vec<Vec<Slot>>,
}

impl FsTree {
    pub fn new(root_oid: u64, protection: Protection, seal: Seal) -> Self {
        FsTree { root_oid, protection, seal, levels: Vec::new() }
    }

    /// Blocks of the nodes in use, root last.
    pub fn blocks(&self) -> impl Iterator<Item = u64> + '_ {
        self.levels.iter().flatten().map(|slot| slot.block)
    }

    /// Hash of the root node.
    pub fn root_hash(&self) -> Vec<u8> {
        self.seal.hash(&self.levels.last().unwrap()[0].body)
    }

    /// Makes the tree hold `entries`, in key order.
    pub fn update(&mut self, entries: Vec<Entry>, disk: &mut Disk, omap: &mut Omap) {
        let old = core::mem::take(&mut self.levels);
        let longest_key = entries.iter().map(|(key, _)| key.bytes.len()).max().unwrap_or(0) as u32;
        let longest_val = entries.iter().map(|(_, value)| value.len()).max().unwrap_or(0) as u32;
        let key_count = entries.len() as u64;
        let mut entries = entries;
        let mut node_count = 0;
        loop {
            let level = self.levels.len();
            let old_slots = old.get(level).map_or(&[][..], Vec::as_slice);
            let parts = partition(old_slots, entries, |part| self.part_fits(part, level as u16, disk));
            node_count += parts.len() as u64;
            let is_root = parts.len() == 1;
            let info = is_root.then(|| Info {
                bt_flags: self.tree_flags(),
                bt_longest_key: longest_key,
                bt_longest_val: longest_val,
                bt_key_count: key_count,
                bt_node_count: node_count,
            });
            let mut slots = Vec::new();
            let mut index = Vec::new();
            for (previous, part) in parts {
                let kept = previous.filter(|slot| is_root == (slot.oid == self.root_oid));
                let oid = match kept {
                    Some(slot) => slot.oid,
                    None if is_root => self.root_oid,
                    None => disk.alloc_oid(),
                };
                let body = self.encode(&part, level as u16, info, disk);
                let unchanged = kept.filter(|slot| slot.body == body).map(|slot| slot.block);
                let block = unchanged.unwrap_or_else(|| self.write(&body, oid, &part, disk, omap));
                let first = part[0].0.clone();
                let mut child = oid.to_le_bytes().to_vec();
                if self.protection == Protection::Sealed {
                    child = (oid - self.root_oid).to_le_bytes().to_vec();
                    child.extend(self.seal.hash(&body));
                }
                index.push((first.clone(), child));
                slots.push(Slot { oid, first, body, block });
            }
            self.levels.push(slots);
            if is_root {
                break;
            }
            entries = index;
        }
        let used: Vec<u64> = self.levels.iter().flatten().map(|slot| slot.oid).collect();
        for slot in old.iter().flatten().filter(|slot| !used.contains(&slot.oid)) {
            omap.delete(slot.oid, disk.xid);
        }
    }

    fn part_fits(&self, part: &[Entry], level: u16, disk: &Disk) -> bool {
        part.len() <= disk.max_records && {
            let records = records_of(part);
            Node { form: Form::Variable, extra_flags: 0, level, records: &records, info: None }
                .fits(disk.block_size)
        }
    }

    fn encode(&self, part: &[Entry], level: u16, info: Option<Info>, disk: &Disk) -> Vec<u8> {
        let sealed = self.protection == Protection::Sealed;
        let extra_flags = if sealed { BTNODE_HASHED | BTNODE_NOHEADER } else { 0 };
        let records = records_of(part);
        Node { form: Form::Variable, extra_flags, level, records: &records, info }.encode(disk.block_size)
    }

    fn tree_flags(&self) -> u32 {
        match self.protection {
            Protection::Sealed => BTREE_KV_NONALIGNED | BTREE_HASHED | BTREE_NOHEADER,
            _ => BTREE_KV_NONALIGNED | BTREE_SEQUENTIAL_INSERT,
        }
    }

    /// Writes a new version of a node and gives its block.
    fn write(&self, body: &[u8], oid: u64, part: &[Entry], disk: &mut Disk, omap: &mut Omap) -> u64 {
        let mut node = body.to_vec();
        let mut o_type = if oid == self.root_oid { OBJECT_TYPE_BTREE } else { OBJECT_TYPE_BTREE_NODE };
        let mut ov_flags = 0;
        match self.protection {
            Protection::None => {}
            Protection::EncryptedFlag => {
                o_type |= OBJ_ENCRYPTED;
                ov_flags = OMAP_VAL_ENCRYPTED;
            }
            Protection::Sealed => ov_flags = OMAP_VAL_NOHEADER,
        }
        if self.protection != Protection::Sealed {
            Header { o_oid: oid, o_xid: disk.xid, o_type, o_subtype: OBJECT_TYPE_FSTREE }.stamp(&mut node);
        }
        let block = disk.alloc(1);
        let place = disk.write(block, &node, Role::FsNode, oid);
        place.level = super::bytes::u16_at(body, 0x22);
        place.ids = part[0].0.id..=part[part.len() - 1].0.id;
        omap.set(oid, disk.xid, Mapping { ov_flags, ov_paddr: block });
        block
    }
}

fn records_of(part: &[Entry]) -> Vec<Record> {
    part.iter().map(|(key, value)| Record::new(key.bytes.clone(), value.clone())).collect()
}

/// Gives every entry to the node whose keys it lies among; a node that overflows is split.
fn partition(
    old: &[Slot],
    entries: Vec<Entry>,
    fits: impl Fn(&[Entry]) -> bool,
) -> Vec<(Option<&Slot>, Vec<Entry>)> {
    let mut groups: Vec<Vec<Entry>> = vec![Vec::new(); old.len().max(1)];
    let mut at = 0;
    for entry in entries {
        while old.get(at + 1).is_some_and(|next| next.first <= entry.0) {
            at += 1;
        }
        groups[at].push(entry);
    }
    let mut parts = Vec::new();
    for (index, group) in groups.into_iter().enumerate() {
        for (n, part) in split(group, &fits).into_iter().enumerate() {
            parts.push((if n == 0 { old.get(index) } else { None }, part));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::super::records::APFS_TYPE_INODE;
    use super::*;

    fn entries(ids: impl Iterator<Item = u64>, value: u8) -> Vec<Entry> {
        ids.map(|id| (Key::plain(id, APFS_TYPE_INODE), vec![value; 16])).collect()
    }

    #[test]
    fn a_changed_value_rewrites_its_leaf_alone() {
        let (mut disk, mut omap) = (Disk::new(4096, 2, 4), Omap::default());
        let root = disk.alloc_oid();
        let mut tree = FsTree::new(root, Protection::None, Seal::default());
        let mut records = entries(16..80, 0);
        tree.update(records.clone(), &mut disk, &mut omap);
        assert_eq!((tree.levels.len(), omap.mappings.len()), (3, 21));
        disk.xid = 3;
        records[20].1[0] = 1;
        tree.update(records, &mut disk, &mut omap);
        assert_eq!(omap.mappings.keys().filter(|(_, xid)| *xid == 3).count(), 1);
    }

    #[test]
    fn the_root_keeps_its_oid_while_the_tree_grows_and_shrinks() {
        let (mut disk, mut omap) = (Disk::new(4096, 2, 4), Omap::default());
        let root = disk.alloc_oid();
        let mut tree = FsTree::new(root, Protection::None, Seal::default());
        for count in [3, 30, 2] {
            tree.update(entries(16..16 + count, 0), &mut disk, &mut omap);
            assert_eq!(tree.levels.last().unwrap()[0].oid, root);
            assert_eq!(omap.mappings.len(), tree.blocks().count());
            disk.xid += 1;
        }
    }
}
