//! B-trees of HFS+: their header, their nodes by number (sheet hfsplus, sections 3.2 and 3.5).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use super::fork::Fork;
use super::node::{Layout, Node, place};
use super::raw::btree::{BIG_KEYS, BTHeaderRec, BTNodeDescriptor, HEADER_NODE, VARIABLE_INDEX_KEYS};
use super::store::Store;
use super::tree_kind::TreeKind;
use crate::base::bytes::{be32_at, len64, pod, pod_rest, to_usize};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Paddr;
use crate::io::cache::Cache;
use crate::io::read_ahead::ReadAhead;
use crate::tree;
use crate::tree::node::{SearchTree, TreeNode};

const STRUCTURE: &str = "BTHeaderRec";
/// Bytes of the header node that are looked at.
const HEAD: usize = 512;

/// A position in a tree.
pub type Cursor = tree::cursor::Cursor<Node>;

/// One record of a tree.
pub type Record = tree::node::Record<Node>;

/// One run of a tree's file: where it begins in the file, and where on the volume, in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) logical: u32,
    pub(super) start: u32,
    pub(super) count: u32,
}

/// A B-tree, with its header and root read.
pub struct Tree {
    store: Arc<Store>,
    header: BTHeaderRec,
    layout: Layout,
    runs: Vec<Run>,
    root: Arc<Node>,
    /// Nodes above the leaves are met again and again, most leaves pass by once: they must not push the others out, and
    /// few of them are still warm in the processor when their memory is used again.
    index: Cache<Arc<Node>>,
    leaves: Cache<Arc<Node>>,
    read_ahead: ReadAhead,
    node_size: usize,
}

impl Tree {
    /// Reads the head of a tree whose file lies in these runs. `kind` chooses what the tree is of by its header.
    pub(super) fn open(
        store: Arc<Store>,
        fork: &Fork,
        runs: Vec<Run>,
        cache_bytes: usize,
        kind: impl FnOnce(&BTHeaderRec) -> Result<&'static TreeKind>,
    ) -> Result<Tree> {
        let mut head = [0; HEAD];
        read_file(&store, &runs, 0, &mut head)?;
        let header = parse_header(&head)?;
        let kind = kind(&header)?;
        let place = |field| Place { structure: STRUCTURE, ..place(kind, 0, field) };
        let size = header.nodeSize.get();
        if !size.is_power_of_two() || !(512..=32_768).contains(&size) {
            return Err(Corrupt::new(Damage::Range, place("nodeSize")).found(size).into());
        }
        if header.attributes.get() & BIG_KEYS == 0 {
            return Err(Corrupt::new(Damage::Contradiction, place("attributes")).expected("big keys").into());
        }
        let stored = fork.size.min(u64::from(fork.blocks).saturating_mul(store.block_size()));
        let room = stored.checked_div(u64::from(size)).unwrap_or(0);
        let nodes = header.totalNodes.get();
        if u64::from(nodes) != room {
            store.report(
                &Corrupt::new(Damage::Contradiction, place("totalNodes")).expected(room).found(nodes),
            );
        }
        let nodes = u32::try_from(room).unwrap_or(u32::MAX);
        let fixed = header.attributes.get() & VARIABLE_INDEX_KEYS == 0;
        let fixed_index_key = fixed.then(|| header.maxKeyLength.get());
        let node_size = usize::from(size);
        let mut tree = Tree {
            index: Cache::new(cache_bytes.saturating_sub(cache_bytes >> 3), node_size),
            leaves: Cache::new(cache_bytes >> 3, node_size),
            read_ahead: ReadAhead::new(node_size),
            layout: Layout { kind, nodes, fixed_index_key },
            root: Arc::new(Node::empty(kind)),
            store,
            header,
            runs,
            node_size,
        };
        if header.treeDepth.get() > 0 || header.rootNode.get() > 0 {
            tree.root = tree.open_root()?;
        } else if header.leafRecords.get() > 0 || header.firstLeafNode.get() > 0 {
            return Err(Error::damage(Damage::Contradiction, place("rootNode")));
        }
        Ok(tree)
    }

    fn open_root(&self) -> Result<Arc<Node>> {
        let root = self.node(self.header.rootNode.get(), false)?;
        tree::node::check_levels(&*root, "height")?;
        let place = |field| Place { structure: STRUCTURE, ..place(self.layout.kind, 0, field) };
        // A node beside others is not the root: the others would be lost.
        if root.next() != 0 || root.previous() != 0 {
            return Err(Corrupt::new(Damage::Contradiction, place("rootNode")).found(root.number()).into());
        }
        let (depth, levels) = (self.header.treeDepth.get(), root.level().saturating_add(1));
        if depth != levels {
            let finding = Corrupt::new(Damage::Level, place("treeDepth"));
            self.store.report(&finding.expected(levels).found(depth));
        }
        Ok(root)
    }

    /// What the tree is of.
    #[must_use]
    pub fn kind(&self) -> &'static TreeKind {
        self.layout.kind
    }

    /// The header as stored. Do not size anything by it.
    #[must_use]
    pub fn header(&self) -> &BTHeaderRec {
        &self.header
    }

    /// Levels of the tree, 1 if the root is a leaf or the tree is empty.
    #[must_use]
    pub fn levels(&self) -> u16 {
        self.root.level().saturating_add(1)
    }

    /// The record with exactly this key.
    ///
    /// # Errors
    /// Damage or I/O on the way to it.
    pub fn get(&self, key: &[u8]) -> Result<Option<Record>> {
        let (node, below) = tree::node::leaf_of(self, key)?;
        let index = below.checked_sub(1);
        if let Some(index) = index.filter(|index| node.order(node.key(*index), key) == Ordering::Equal) {
            return Ok(Some(Record { node, index }));
        }
        // Behind the last key of a leaf: should the nodes above have lost the next leaf, it would be found there.
        if below == node.count() && node.next() != 0 && node.level() == 0 {
            let next = self.node(node.next(), true)?;
            if next.level() != 0 || self.order(next.key(0), key) != Ordering::Greater {
                return Err(Error::damage(Damage::Contradiction, next.place("fLink")));
            }
        }
        Ok(None)
    }

    /// The last record whose key is not above this one.
    pub(super) fn floor(&self, key: &[u8]) -> Result<Option<Record>> {
        let (node, below) = tree::node::leaf_of(self, key)?;
        Ok(below.checked_sub(1).filter(|_| node.level() == 0).map(|index| Record { node, index }))
    }

    fn order(&self, a: &[u8], b: &[u8]) -> Ordering {
        (self.layout.kind.order)(a, b)
    }

    /// Parent ids at which nodes begin, at least `wanted` of them if the tree has so many above its leaves: borders for
    /// cutting the catalog into parts. Nodes that can't be read are not looked into.
    pub(super) fn border_ids(&self, wanted: usize) -> Vec<u32> {
        let nodes = tree::node::borders(self, wanted);
        let keys = nodes.iter().flat_map(|node| (0..node.count()).map(|index| node.key(index)));
        keys.filter_map(|key| be32_at(key, 0)).collect()
    }

    /// Bytes of a node as they are stored, past all caches: for those who check what searches rely on.
    pub(crate) fn node_bytes(&self, number: u32) -> Result<Vec<u8>> {
        let last = u64::from(self.layout.nodes);
        let read = |first: u64, buf: &mut [u8]| {
            read_file(&self.store, &self.runs, first.saturating_mul(len64(self.node_size)), buf)
        };
        self.read_ahead.block(u64::from(number), |number| number >= last, read)
    }

    /// How nodes are laid out.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Block of the volume in which a node begins.
    pub(crate) fn block_of(&self, number: u32) -> Option<Paddr> {
        let at =
            u64::from(number).saturating_mul(len64(self.node_size)).checked_div(self.store.block_size())?;
        let index = self.runs.partition_point(|run| u64::from(run.logical) <= at).checked_sub(1)?;
        let run = self.runs.get(index)?;
        Some(Paddr(at.saturating_sub(u64::from(run.logical)).saturating_add(u64::from(run.start))))
    }

    /// A node, from the cache if it is there.
    fn node(&self, number: u32, is_leaf: bool) -> Result<Arc<Node>> {
        // The header node is no node of the search.
        if number == 0 || number >= self.layout.nodes {
            let place = Place { structure: "BTIndexRecord", ..place(self.layout.kind, number, "childNode") };
            return Err(Corrupt::new(Damage::PastEnd, place)
                .expected(alloc::format!("below {}", self.layout.nodes))
                .into());
        }
        let cache = if is_leaf { &self.leaves } else { &self.index };
        if let Some(node) = cache.get(u64::from(number)) {
            return Ok(node);
        }
        let last = u64::from(self.layout.nodes);
        let is_kept = |number| number >= last || cache.contains(number);
        let read = |first: u64, buf: &mut [u8]| {
            read_file(&self.store, &self.runs, first.saturating_mul(len64(self.node_size)), buf)
        };
        let bytes = self.read_ahead.block(u64::from(number), is_kept, read)?;
        let node = Arc::new(Node::parse(bytes, number, &self.layout)?);
        cache.insert(u64::from(number), node.clone());
        Ok(node)
    }
}

fn parse_header(head: &[u8]) -> Result<BTHeaderRec> {
    let wrong = |damage, structure, field| Error::damage(damage, Place::new(structure, field).node(0));
    let (descriptor, rest): (&BTNodeDescriptor, _) =
        pod_rest(head).ok_or_else(|| wrong(Damage::Bounds, "BTNodeDescriptor", ""))?;
    if descriptor.kind != HEADER_NODE {
        return Err(wrong(Damage::ObjectType, "BTNodeDescriptor", "kind"));
    }
    let header: &BTHeaderRec = pod(rest).ok_or_else(|| wrong(Damage::Bounds, STRUCTURE, ""))?;
    Ok(*header)
}

/// Reads bytes of a file by all its runs.
fn read_file(store: &Store, runs: &[Run], offset: u64, buf: &mut [u8]) -> Result<()> {
    let size = store.block_size();
    let mut rest = buf;
    let mut at = offset;
    while !rest.is_empty() {
        let block = at.checked_div(size).unwrap_or(0);
        let index = runs.partition_point(|run| u64::from(run.logical) <= block).checked_sub(1);
        let run = index.and_then(|index| runs.get(index)).copied();
        let run = run.filter(|run| block < u64::from(run.logical).saturating_add(u64::from(run.count)));
        let run = run.ok_or_else(|| {
            Error::damage(Damage::Missing, Place::new("HFSPlusForkData", "extents").offset(offset))
        })?;
        let skip = at.saturating_sub(u64::from(run.logical).saturating_mul(size));
        let left = u64::from(run.count).saturating_mul(size).saturating_sub(skip);
        let len = to_usize(left.min(len64(rest.len())))?;
        let (now, later) = rest.split_at_mut(len.min(rest.len()));
        store.read(run.start, skip, now)?;
        at = at.saturating_add(len64(now.len()));
        rest = later;
    }
    Ok(())
}

impl SearchTree for Tree {
    type Node = Node;

    fn root(&self) -> &Arc<Node> {
        &self.root
    }

    fn child(&self, parent: &Arc<Node>, index: usize) -> Result<Arc<Node>> {
        let number =
            parent.child(index).ok_or_else(|| Error::damage(Damage::Bounds, parent.place("record")))?;
        let child = self.node(number, parent.level() == 1)?;
        if child.level().checked_add(1) != Some(parent.level()) {
            let finding = Corrupt::new(Damage::Level, child.place("height"));
            return Err(finding.expected(parent.level()).found(child.level().saturating_add(1)).into());
        }
        match self.order(child.key(0), parent.key(index)) {
            Ordering::Less => Err(Error::damage(Damage::KeyOrder, child.place("key"))),
            Ordering::Equal => Ok(child),
            // An index record repeats the first key of its child.
            Ordering::Greater => {
                self.store.report(
                    &Corrupt::new(Damage::Contradiction, child.place("key"))
                        .expected("the key that leads to it"),
                );
                Ok(child)
            }
        }
    }

    fn gap(&self, child: &Node) -> Result<()> {
        Err(Error::damage(Damage::Contradiction, child.place("key")))
    }

    fn neighbours(&self, leaf: &Node, next: Option<&Node>) {
        let expected = next.map_or(0, Node::number);
        if leaf.next() != expected {
            let finding = Corrupt::new(Damage::Contradiction, leaf.place("fLink"));
            self.store.report(&finding.expected(expected).found(leaf.next()));
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("kind", &self.layout.kind.name).field("levels", &self.levels()).finish()
    }
}
