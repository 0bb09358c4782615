//! Whole B-trees built bottom-up from sorted records, for the physical and the ephemeral trees.

use super::disk::{Disk, Role};
use super::node::{Form, Info, Node, Record};
use super::object::{
    Header, OBJ_EPHEMERAL, OBJ_PHYSICAL, OBJECT_TYPE_BLOCKREFTREE, OBJECT_TYPE_BTREE, OBJECT_TYPE_BTREE_NODE,
    OBJECT_TYPE_EXTENT_LIST_TREE, OBJECT_TYPE_FEXT_TREE, OBJECT_TYPE_FUSION_MIDDLE_TREE, OBJECT_TYPE_OMAP,
    OBJECT_TYPE_OMAP_SNAPSHOT, OBJECT_TYPE_SNAPMETATREE, OBJECT_TYPE_SPACEMAN_FREE_QUEUE,
};

/// What distinguishes the kinds of trees.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub o_subtype: u32,
    /// `OBJ_PHYSICAL` or `OBJ_EPHEMERAL`.
    pub storage: u32,
    pub form: Form,
    pub bt_flags: u32,
}

const fn physical(o_subtype: u32, form: Form, bt_flags: u32) -> Kind {
    Kind { o_subtype, storage: OBJ_PHYSICAL, form, bt_flags }
}

pub const OMAP: Kind = physical(OBJECT_TYPE_OMAP, Form::Fixed { key: 16, value: 16 }, 0x12);
pub const OMAP_SNAPSHOTS: Kind = physical(OBJECT_TYPE_OMAP_SNAPSHOT, Form::Fixed { key: 8, value: 16 }, 0x10);
pub const EXTENTREF: Kind = physical(OBJECT_TYPE_BLOCKREFTREE, Form::Variable, 0x52);
pub const SNAP_META: Kind = physical(OBJECT_TYPE_SNAPMETATREE, Form::Variable, 0x52);
pub const FEXT: Kind = physical(OBJECT_TYPE_FEXT_TREE, Form::Fixed { key: 16, value: 16 }, 0x10);
pub const EXTENT_LIST: Kind = physical(OBJECT_TYPE_EXTENT_LIST_TREE, Form::Fixed { key: 8, value: 16 }, 0x10);
pub const MIDDLE: Kind = physical(OBJECT_TYPE_FUSION_MIDDLE_TREE, Form::Fixed { key: 8, value: 16 }, 0x10);
pub const FREE_QUEUE: Kind = Kind {
    o_subtype: OBJECT_TYPE_SPACEMAN_FREE_QUEUE,
    storage: OBJ_EPHEMERAL,
    form: Form::Fixed { key: 16, value: 8 },
    bt_flags: 0x0e,
};

/// One finished node.
#[derive(Clone, Debug)]
pub struct Built {
    pub oid: u64,
    pub level: u16,
    pub block: Vec<u8>,
}

/// The nodes of the tree of `records`, children before parents, the root last. `next_oid` numbers them.
pub fn build(
    kind: Kind,
    records: Vec<Record>,
    (block_size, xid, max_records): (usize, u64, usize),
    mut next_oid: impl FnMut() -> u64,
) -> Vec<Built> {
    let (longest_key, longest_value) = longest(kind.form, &records);
    let key_count = records.len() as u64;
    let mut nodes = Vec::new();
    let mut records = records;
    let mut level = 0;
    loop {
        let parts = split(records, |part| {
            let node = Node { form: kind.form, extra_flags: 0, level, records: part, info: None };
            part.len() <= max_records && node.fits(block_size)
        });
        let is_root = parts.len() <= 1;
        let mut index = Vec::new();
        for part in if is_root { vec![parts.concat()] } else { parts } {
            let info = is_root.then(|| Info {
                bt_flags: kind.bt_flags,
                bt_longest_key: longest_key as u32,
                bt_longest_val: longest_value as u32,
                bt_key_count: key_count,
                bt_node_count: nodes.len() as u64 + 1,
            });
            let node = Node { form: kind.form, extra_flags: 0, level, records: &part, info };
            let mut block = node.encode(block_size);
            let oid = next_oid();
            let o_type = kind.storage | if is_root { OBJECT_TYPE_BTREE } else { OBJECT_TYPE_BTREE_NODE };
            Header { o_oid: oid, o_xid: xid, o_type, o_subtype: kind.o_subtype }.stamp(&mut block);
            nodes.push(Built { oid, level, block });
            if !is_root {
                index.push(Record::new(part[0].key.clone(), oid.to_le_bytes().to_vec()));
            }
        }
        if is_root {
            return nodes;
        }
        records = index;
        level += 1;
    }
}

/// `bt_longest_key` and `bt_longest_val`.
fn longest(form: Form, records: &[Record]) -> (usize, usize) {
    match form {
        Form::Fixed { key, value } => (key, value),
        Form::Variable => (
            records.iter().map(|record| record.key.len()).max().unwrap_or(0),
            records.iter().filter_map(|record| record.value.as_ref()).map(Vec::len).max().unwrap_or(0),
        ),
    }
}

/// Writes a physical tree. Gives the root and the blocks of all nodes.
pub fn write_physical(disk: &mut Disk, kind: Kind, records: Vec<Record>, role: Role) -> (u64, Vec<u64>) {
    let (settings, mut next) = ((disk.block_size, disk.xid, disk.max_records), disk.len());
    let nodes = build(kind, records, settings, || {
        next += 1;
        next - 1
    });
    let first = disk.alloc(nodes.len() as u64);
    let end = first + nodes.len() as u64;
    for node in &nodes {
        disk.write(node.oid, &node.block, role, node.oid).level = node.level;
    }
    (end - 1, (first..end).collect())
}

/// Cuts `records` into the longest runs that fit.
pub fn split<T>(records: Vec<T>, fits: impl Fn(&[T]) -> bool) -> Vec<Vec<T>> {
    let mut parts: Vec<Vec<T>> = Vec::new();
    for record in records {
        match parts.last_mut() {
            Some(part) => {
                part.push(record);
                if part.len() > 1 && !fits(part) {
                    let record = part.pop().unwrap();
                    parts.push(vec![record]);
                }
            }
            None => parts.push(vec![record]),
        }
        assert!(
            parts.last().is_some_and(|part| part.len() > 1 || fits(part)),
            "a record is larger than a node"
        );
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::super::bytes::{u16_at, u64_at};
    use super::*;

    fn omap(count: u64, max_records: usize) -> Vec<Built> {
        let records =
            (0..count).map(|n| Record::new([n, 1].map(u64::to_le_bytes).concat(), vec![0; 16])).collect();
        let mut next = 100;
        build(OMAP, records, (4096, 5, max_records), || {
            next += 1;
            next
        })
    }

    #[test]
    fn few_records_a_node_give_many_levels() {
        let nodes = omap(64, 4);
        let root = nodes.last().unwrap();
        assert_eq!((root.level, nodes.len()), (2, 16 + 4 + 1));
        assert_eq!((u64_at(&root.block, 4096 - 16), u64_at(&root.block, 4096 - 8)), (64, 21));
    }

    #[test]
    fn an_empty_tree_is_one_root_leaf() {
        let nodes = omap(0, 4);
        assert_eq!((nodes.len(), u16_at(&nodes[0].block, 0x20)), (1, 0x7));
    }

    #[test]
    fn a_full_node_leaves_room_for_the_footer() {
        assert_eq!(omap(111, usize::MAX).len(), 1);
        assert_eq!(omap(112, usize::MAX).len(), 3);
    }
}
