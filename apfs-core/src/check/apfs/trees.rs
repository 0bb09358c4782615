//! Every node of a B-tree: what the reader demands of it, and what only a check looks at (sheet apfs-02).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::context::Context;
use super::rules::{
    CHILD_XID, FREE_LIST, FREE_SPACE, KEY_COUNT, KEY_ORDER, LONGEST, NODE_COUNT, NODE_OVERLAP, NODE_TABLE,
    OBJECT_FLAGS, SEPARATOR, TREE_FLAGS,
};
use crate::apfs::btree::Tree;
use crate::apfs::node::Node;
use crate::apfs::raw::btree::{
    BTNODE_FIXED_KV_SIZE, BTNODE_HASHED, BTNODE_LEAF, BTNODE_NOHEADER, BTNODE_ROOT, BTREE_EPHEMERAL,
    BTREE_HASHED, BTREE_NOHEADER, BTREE_PHYSICAL, BtreeInfo, BtreeNodePhys, Nloc,
};
use crate::apfs::raw::object::{OBJ_EPHEMERAL, OBJ_PHYSICAL, OBJ_STORAGETYPE_MASK, OBJECT_TYPE_MASK};
use crate::base::bytes::{get, len64, pod};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::tree::node::SearchTree;

/// Tree flag: keys and values are not padded to whole words.
const BTREE_KV_NONALIGNED: u32 = 0x40;
/// Tree flag: keys without values.
const BTREE_ALLOW_GHOSTS: u32 = 4;
/// Tree flags that may be on disk. The lowest two are hints.
const KNOWN_TREE_FLAGS: u32 = 3
    | BTREE_ALLOW_GHOSTS
    | BTREE_EPHEMERAL
    | BTREE_PHYSICAL
    | BTREE_KV_NONALIGNED
    | BTREE_HASHED
    | BTREE_NOHEADER;
/// Flag of `o_type` of encrypted nodes.
const OBJ_ENCRYPTED: u32 = 0x1000_0000;
/// End of a list of free places.
const NO_MORE: u16 = 0xFFFF;
/// The shortest free place that a list has room for.
const SHORTEST_LISTED: u16 = 4;

/// Longest key of a file system's record.
const LONGEST_KEY: u32 = 832;
/// Longest value of a file system's record.
const LONGEST_VALUE: u32 = 3808;

/// What was seen of a tree.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Nodes.
    pub(super) nodes: u64,
    /// Records.
    pub(super) keys: u64,
    longest_key: usize,
    longest_value: usize,
    /// True if every node could be read: without that nothing can be said about counts.
    pub(super) complete: bool,
}

/// Receives every node, parents before their children and leaves in the order of their keys.
pub(super) type EachNode<'n> = dyn FnMut(&mut Context<'_>, &Node) -> Result<()> + 'n;

/// Reads all nodes of a tree. A node that can't be read is one finding, and the rest follows.
pub(super) fn walk(check: &mut Context<'_>, tree: &Tree, each: &mut EachNode<'_>) -> Result<Seen> {
    let mut seen = Seen { complete: true, ..Seen::default() };
    let rules = TreeRules::of(check, tree);
    let mut scratch = Vec::new();
    visit(check, tree.root(), &rules, &mut seen, &mut scratch)?;
    each(check, tree.root())?;
    let mut stack: Vec<(Arc<Node>, usize)> = Vec::new();
    if tree.root().level() > 0 {
        stack.push((tree.root().clone(), 0));
    }
    while let Some((parent, next)) = stack.last_mut() {
        let (index, parent) = (*next, parent.clone());
        *next = next.saturating_add(1);
        if index >= parent.count() {
            stack.pop();
            continue;
        }
        check.go_on()?;
        let child = match tree.child(&parent, index) {
            Ok(child) => child,
            Err(error) => {
                seen.complete = false;
                check.lost_nodes = check.lost_nodes.saturating_add(1);
                check.error(tree.kind().name, error)?;
                continue;
            }
        };
        let order = tree.kind().order;
        // The first key behind the child: all its keys must lie before it, so that no node is reached twice.
        let bound = stack.iter().rev().find(|(node, next)| *next < node.count());
        let bound = bound.map(|(node, next)| node.key(*next));
        let last = child.key(child.count().saturating_sub(1));
        if bound.is_some_and(|bound| order(last, bound) != Ordering::Less) {
            seen.complete = false;
            check.lost_nodes = check.lost_nodes.saturating_add(1);
            check.broken(&KEY_ORDER, Corrupt::new(Damage::KeyOrder, child.place("key")));
            continue;
        }
        if child.key(0) != parent.key(index) {
            let place = parent.place("key").offset(len64(index));
            check.broken(&SEPARATOR, Corrupt::new(Damage::Contradiction, place).found(child.block()));
        }
        if tree.kind().storage == OBJ_PHYSICAL && child.header().xid > parent.header().xid {
            let place = child.place("o_xid");
            check.differs(&CHILD_XID, place, parent.header().xid, child.header().xid);
        }
        visit(check, &child, &rules, &mut seen, &mut scratch)?;
        each(check, &child)?;
        if child.level() > 0 {
            stack.push((child, 0));
        }
    }
    rules.footer(check, tree, &seen);
    Ok(seen)
}

/// What holds for all nodes of one tree.
struct TreeRules {
    aligned: bool,
    hashed: bool,
    headerless: bool,
}

impl TreeRules {
    /// From the footer of the root, whose flags must be those of the kind.
    fn of(check: &mut Context<'_>, tree: &Tree) -> TreeRules {
        let flags = tree.info().map_or(0, |info| info.bt_flags.get());
        let (hashed, headerless) = (flags & BTREE_HASHED != 0, flags & BTREE_NOHEADER != 0);
        let kind = tree.kind();
        let bit = |wanted: bool, bit| if wanted { bit } else { 0 };
        let fixed = kind.fixed.is_some();
        let expected = bit(kind.storage == OBJ_PHYSICAL, BTREE_PHYSICAL)
            | bit(kind.storage == OBJ_EPHEMERAL, BTREE_EPHEMERAL)
            | bit(kind.ghosts, BTREE_ALLOW_GHOSTS)
            | bit(!fixed, BTREE_KV_NONALIGNED);
        let compared = BTREE_PHYSICAL | BTREE_EPHEMERAL | BTREE_ALLOW_GHOSTS | BTREE_KV_NONALIGNED;
        if flags & compared != expected || flags & !KNOWN_TREE_FLAGS != 0 {
            let place = Place { structure: "btree_info_t", ..tree.root().place("bt_flags") };
            let hex = |flags| alloc::format!("{flags:#x}");
            check.differs(&TREE_FLAGS, place, hex(expected), hex(flags));
        }
        TreeRules { aligned: flags & BTREE_KV_NONALIGNED == 0, hashed, headerless }
    }

    /// Compares the footer with what was seen.
    fn footer(&self, check: &mut Context<'_>, tree: &Tree, seen: &Seen) {
        let Some(info) = tree.info() else { return };
        let place = |field| Place { structure: "btree_info_t", ..tree.root().place(field) };
        if seen.complete {
            check.equal(&KEY_COUNT, place("bt_key_count"), seen.keys, info.bt_key_count.get());
            check.equal(&NODE_COUNT, place("bt_node_count"), seen.nodes, info.bt_node_count.get());
        }
        let longest = [
            ("bt_longest_key", len64(seen.longest_key), info.bt_longest_key.get()),
            ("bt_longest_val", len64(seen.longest_value), info.bt_longest_val.get()),
        ];
        let most = match tree.kind().fixed {
            Some((key, value)) => [u32::from(key), u32::from(value)],
            None => [LONGEST_KEY, LONGEST_VALUE],
        };
        for ((field, seen, stored), most) in longest.into_iter().zip(most) {
            if stored > most {
                check.differs(&LONGEST, place(field), alloc::format!("at most {most}"), stored);
            }
            if seen > u64::from(stored) {
                check.differs(&LONGEST, place(field), alloc::format!("at least {seen}"), stored);
            }
        }
        let sizes = tree.kind().fixed.map_or((0, 0), |(key, value)| (u32::from(key), u32::from(value)));
        if (info.bt_key_size.get(), info.bt_val_size.get()) != sizes {
            let expected = alloc::format!("{}/{}", sizes.0, sizes.1);
            let found = alloc::format!("{}/{}", info.bt_key_size.get(), info.bt_val_size.get());
            check.differs(&TREE_FLAGS, place("bt_key_size"), expected, found);
        }
    }
}

/// Used places of one area of a node.
type Places = Vec<(usize, usize)>;

fn visit(
    check: &mut Context<'_>,
    node: &Node,
    rules: &TreeRules,
    seen: &mut Seen,
    used: &mut Places,
) -> Result<()> {
    seen.nodes = seen.nodes.saturating_add(1);
    if node.level() == 0 {
        seen.keys = seen.keys.saturating_add(len64(node.count()));
    }
    let Some(raw) = pod::<BtreeNodePhys>(node.bytes()) else { return Ok(()) };
    let place = |field| node.place(field);
    let bit = |wanted: bool, bit: u16| if wanted { bit } else { 0 };
    let expected = bit(rules.hashed, BTNODE_HASHED)
        | bit(rules.headerless, BTNODE_NOHEADER)
        | bit(node.kind().fixed.is_some(), BTNODE_FIXED_KV_SIZE)
        | bit(node.is_root(), BTNODE_ROOT)
        | bit(node.level() == 0, BTNODE_LEAF);
    if raw.btn_flags.get() != expected {
        let hex = |flags| alloc::format!("{flags:#x}");
        check.differs(&TREE_FLAGS, place("btn_flags"), hex(expected), hex(raw.btn_flags.get()));
    }
    if !node.is_headerless() {
        let known = OBJECT_TYPE_MASK | OBJ_STORAGETYPE_MASK | OBJ_ENCRYPTED;
        let flags = node.header().type_and_flags;
        if flags & !known != 0 {
            check.range(&OBJECT_FLAGS, place("o_type"), alloc::format!("{flags:#x}"));
        }
    }
    if raw.btn_table_space.off.get() != 0 {
        check.range(&NODE_TABLE, place("btn_table_space"), raw.btn_table_space.off.get());
    }
    let entry = if raw.btn_flags.get() & BTNODE_FIXED_KV_SIZE != 0 { 4usize } else { 8 };
    let table = usize::from(raw.btn_table_space.off.get());
    let keys_at = size_of::<BtreeNodePhys>()
        .saturating_add(table)
        .saturating_add(usize::from(raw.btn_table_space.len.get()));
    debug_assert!(entry <= 8, "entries of a table have 4 or 8 bytes");
    let values_end =
        node.bytes().len().saturating_sub(if node.is_root() { size_of::<BtreeInfo>() } else { 0 });
    let padded = |len: usize| if rules.aligned { len.next_multiple_of(8) } else { len };

    // Keys, from the start of their area up.
    used.clear();
    for index in 0..node.count() {
        let (start, len) = node.key_place(index);
        used.push((start.saturating_sub(keys_at), padded(len)));
        if node.level() == 0 {
            seen.longest_key = seen.longest_key.max(len);
        }
    }
    let area = usize::from(raw.btn_free_space.off.get());
    let read = |off: usize| link(node.bytes(), keys_at.checked_add(off)?);
    free_places(check, node, "btn_key_free_list", &raw.btn_key_free_list, area, used, &read);

    // Values, from the end of their area down: distances are counted from there.
    used.clear();
    let free_end = keys_at.saturating_add(area).saturating_add(usize::from(raw.btn_free_space.len.get()));
    let area = values_end.saturating_sub(free_end);
    for index in 0..node.count() {
        let Some((start, len)) = node.value_place(index) else { continue };
        // A value of padded length begins at its start: the padding lies behind it.
        used.push((start.saturating_sub(free_end), padded(len)));
        if node.level() == 0 {
            seen.longest_value = seen.longest_value.max(len);
        }
    }
    let read = |off: usize| link(node.bytes(), values_end.checked_sub(off)?);
    free_places(check, node, "btn_val_free_list", &raw.btn_val_free_list, area, used, &read);
    Ok(())
}

/// A link of a list of free places.
fn link(bytes: &[u8], at: usize) -> Option<Nloc> {
    get(bytes, at, size_of::<Nloc>()).and_then(pod).copied()
}

/// Used places of an area and its list of free ones: together they fill it.
fn free_places(
    check: &mut Context<'_>,
    node: &Node,
    field: &'static str,
    head: &Nloc,
    area: usize,
    used: &mut Places,
    read: &dyn Fn(usize) -> Option<Nloc>,
) {
    used.sort_unstable();
    let mut end = 0usize;
    let mut total = 0usize;
    for (start, len) in used.iter() {
        if *start < end && *len > 0 {
            let place = node.place(field).offset(len64(*start));
            check.broken(&NODE_OVERLAP, Corrupt::new(Damage::Overlap, place));
        }
        end = end.max(start.saturating_add(*len));
        total = total.saturating_add(*len);
    }
    let free = area.saturating_sub(total);
    let listed = usize::from(head.len.get());
    if free != listed {
        check.differs(&FREE_SPACE, node.place(field), free, listed);
    }
    let is_value = field == "btn_val_free_list";
    let (mut next, mut left) = (head.off.get(), listed);
    while next != NO_MORE {
        let off = usize::from(next);
        let Some(link) = read(off) else {
            let place = node.place(field).offset(len64(off));
            check.broken(&FREE_LIST, Corrupt::new(Damage::Bounds, place));
            return;
        };
        let len = usize::from(link.len.get());
        // Offsets of values are counted back from the end of their area.
        let start = if is_value { area.checked_sub(off) } else { Some(off) };
        let fits = start.is_some_and(|start| {
            let end = start.saturating_add(len);
            let index = used.partition_point(|(used, _)| *used < end);
            let before = index.checked_sub(1).and_then(|index| used.get(index));
            end <= area && before.is_none_or(|(used, len)| used.saturating_add(*len) <= start)
        });
        if !fits || link.len.get() < SHORTEST_LISTED || len > left {
            let place = node.place(field).offset(len64(off));
            check.broken(&FREE_LIST, Corrupt::new(Damage::Bounds, place).found(len));
            return;
        }
        // What is left gets less with every step: the list ends.
        left = left.saturating_sub(len);
        next = link.off.get();
    }
}
