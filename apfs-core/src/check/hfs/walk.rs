//! Going through every node of a tree, from the root: what nodes say of themselves and of each other.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::place::{At, header_place, node_place, of_error};
use super::rules;
use crate::base::bytes::pod_rest;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::report::Cancel;
use crate::check::report::Report;
use crate::check::rule::Rule;
use crate::hfsplus::btree::Tree;
use crate::hfsplus::node::Node;
use crate::hfsplus::raw::btree::BTNodeDescriptor;
use crate::tree::node::{SearchTree, TreeNode};

/// Nodes of a tree, at most: a map of them takes 64 MiB. A tree of so many nodes of 4 KiB has 2 TiB.
const MOST_NODES: u32 = 1 << 29;

/// One bit for each node.
#[derive(Clone, Debug)]
pub(super) struct Bits(Vec<u8>);

impl Bits {
    fn new(count: u32) -> Result<Bits> {
        let len = crate::base::bytes::to_usize(u64::from(count).div_ceil(8))?;
        crate::base::bytes::zeroed(len).map(Bits)
    }

    pub(super) fn has(&self, number: u32) -> bool {
        let byte = crate::base::bytes::to_usize(u64::from(number >> 3)).ok().and_then(|at| self.0.get(at));
        byte.is_some_and(|byte| byte & (0x80 >> (number & 7)) != 0)
    }

    /// Sets a bit; false if it was set before.
    pub(super) fn set(&mut self, number: u32) -> bool {
        let at = crate::base::bytes::to_usize(u64::from(number >> 3)).ok();
        let Some(byte) = at.and_then(|at| self.0.get_mut(at)) else { return false };
        let bit = 0x80 >> (number & 7);
        let is_new = *byte & bit == 0;
        *byte |= bit;
        is_new
    }
}

/// What going through a tree amounts to.
#[derive(Debug)]
pub(super) struct Walked {
    /// Nodes that were reached.
    pub(super) reached: Bits,
    /// Every node below the root was read.
    pub(super) complete: bool,
    pub(super) records: u64,
}

/// The node of a level that was passed last.
#[derive(Clone, Copy, Debug)]
enum Last {
    /// None yet.
    None,
    /// Its number, and the next one as it says.
    Node(u32, u32),
    /// One that could not be read.
    Unknown,
}

struct Walk<'t, 'r, 'f> {
    tree: &'t Tree,
    report: &'r mut Report<'f>,
    walked: Walked,
    /// By level.
    last: Vec<Last>,
    first_leaf: u32,
    /// Last key of the leaf before.
    key_before: Vec<u8>,
}

/// Goes through a tree; `each` is given every record of every leaf, in order.
pub(super) fn walk(
    tree: &Tree,
    report: &mut Report<'_>,
    cancel: Option<Cancel<'_>>,
    each: &mut dyn FnMut(At<'_>, &mut Report<'_>) -> Result<()>,
) -> Result<Walked> {
    let nodes = tree.layout().nodes;
    if nodes > MOST_NODES {
        return Err(Error::limit("nodes of a tree", u64::from(MOST_NODES), u64::from(nodes)));
    }
    let mut reached = Bits::new(nodes)?;
    reached.set(0);
    let walked = Walked { reached, complete: true, records: 0 };
    let levels = usize::from(tree.levels());
    let last = alloc::vec![Last::None; levels];
    let mut walk = Walk { tree, report, walked, last, first_leaf: 0, key_before: Vec::new() };
    walk.run(cancel, each)?;
    walk.finish();
    Ok(walk.walked)
}

impl Walk<'_, '_, '_> {
    fn run(
        &mut self,
        cancel: Option<Cancel<'_>>,
        each: &mut dyn FnMut(At<'_>, &mut Report<'_>) -> Result<()>,
    ) -> Result<()> {
        let tree = self.tree;
        let mut stack: Vec<(Node, usize)> = Vec::new();
        if tree.root().count() > 0 {
            stack.extend(self.enter(tree.root().number(), &[])?.map(|root| (root, 0)));
        }
        while let Some((node, index)) = stack.last_mut() {
            if cancel.is_some_and(|cancel| cancel()) {
                return Err(Error::Cancelled);
            }
            if node.level() == 0 {
                for index in 0..node.count() {
                    each(At { tree, node, index }, self.report)?;
                }
                self.walked.records =
                    self.walked.records.saturating_add(crate::base::bytes::len64(node.count()));
                stack.pop();
                continue;
            }
            if *index >= node.count() {
                stack.pop();
                continue;
            }
            let child = node.child(*index).unwrap_or(0);
            *index = index.saturating_add(1);
            let child = self.enter(child, &stack)?;
            stack.extend(child.map(|child| (child, 0)));
        }
        Ok(())
    }

    fn broken(&mut self, rule: &'static Rule, damage: Damage, place: Place) {
        self.report.broken(rule, Corrupt::new(damage, place));
    }

    /// A node could not be gone into: what lies on its level and below is not known.
    fn lost(&mut self, level: usize) {
        self.walked.complete = false;
        for last in self.last.iter_mut().take(level.saturating_add(1)) {
            *last = Last::Unknown;
        }
    }

    /// Reads and checks a node; the stack leads to it.
    fn enter(&mut self, number: u32, stack: &[(Node, usize)]) -> Result<Option<Node>> {
        let above = stack.last();
        let level = match above {
            Some((parent, _)) => usize::from(parent.level()).saturating_sub(1),
            None => self.last.len().saturating_sub(1),
        };
        let place = |field| node_place(self.tree, number, field);
        if number == 0 || number >= self.tree.layout().nodes {
            let at = above.map_or(0, |(parent, _)| parent.number());
            let place = Place { structure: "BTIndexRecord", ..node_place(self.tree, at, "childNode") };
            self.report.broken(&rules::NODE_CHILD, Corrupt::new(Damage::PastEnd, place).found(number));
            self.lost(level);
            return Ok(None);
        }
        if !self.walked.reached.set(number) {
            self.broken(&rules::NODE_TWICE, Damage::Loop, place(""));
            self.lost(level);
            return Ok(None);
        }
        let node = match self.read(number) {
            Ok(node) => node,
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => {
                let corrupt = of_error(error, place(""));
                let rule = rule_of(&corrupt);
                let corrupt = Corrupt {
                    place: Place { block: self.tree.block_of(number), ..corrupt.place },
                    ..corrupt
                };
                self.report.broken(rule, corrupt);
                self.lost(level);
                return Ok(None);
            }
        };
        if usize::from(node.level()) != level {
            let corrupt = Corrupt::new(Damage::Level, place("height"));
            let (expected, found) = (level.saturating_add(1), node.level().saturating_add(1));
            self.report.broken(&rules::NODE_HEIGHT, corrupt.expected(expected).found(found));
            self.lost(level);
            return Ok(None);
        }
        self.compare_keys(&node, stack);
        self.compare_links(&node, level);
        Ok(Some(node))
    }

    fn read(&mut self, number: u32) -> Result<Node> {
        let bytes = self.tree.node_bytes(number)?;
        let head = pod_rest::<BTNodeDescriptor>(&bytes).map(|(head, _)| head.reserved.get());
        if head.is_some_and(|reserved| reserved != 0) {
            let place = node_place(self.tree, number, "reserved");
            self.broken(&rules::NODE_RESERVED, Damage::Range, place);
        }
        Node::parse(bytes, number, self.tree.layout())
    }

    /// The keys of a node against those that lead to it and past it.
    fn compare_keys(&mut self, node: &Node, stack: &[(Node, usize)]) {
        let place = || node_place(self.tree, node.number(), "key");
        let (first, last) = (node.key(0), node.key(node.count().saturating_sub(1)));
        // The index of a node on the stack is that of the entry behind the one taken.
        let separator = stack.last().map(|(parent, index)| parent.key(index.saturating_sub(1)));
        if separator.is_some_and(|separator| separator != first) {
            let corrupt = Corrupt::new(Damage::Contradiction, place()).expected("the key that leads to it");
            self.report.broken(&rules::NODE_SEPARATOR, corrupt);
        }
        let bound = stack.iter().rev().find(|(parent, index)| *index < parent.count());
        let bound = bound.map(|(parent, index)| parent.key(*index));
        if bound.is_some_and(|bound| node.order(last, bound) != Ordering::Less) {
            self.broken(&rules::NODE_BOUNDS, Damage::KeyOrder, place());
        }
        if node.level() == 0 {
            let before = core::mem::take(&mut self.key_before);
            if !before.is_empty() && node.order(&before, first) != Ordering::Less {
                let corrupt =
                    Corrupt::new(Damage::KeyOrder, place()).expected("above those of the leaf before");
                self.report.broken(&rules::NODE_BOUNDS, corrupt);
            }
            self.key_before = before;
            self.key_before.clear();
            self.key_before.extend_from_slice(last);
        }
    }

    /// The links of a node against the order in which nodes are reached.
    fn compare_links(&mut self, node: &Node, level: usize) {
        let number = node.number();
        let (mut next, mut previous) = (None, None);
        match self.last.get(level).copied().unwrap_or(Last::Unknown) {
            Last::None => {
                previous = Some(0);
                if level == 0 {
                    self.first_leaf = number;
                }
            }
            Last::Node(before, its_next) => {
                previous = Some(before);
                next = (its_next != number).then_some((before, its_next));
            }
            Last::Unknown => {}
        }
        if let Some((before, found)) = next {
            let corrupt = Corrupt::new(Damage::Contradiction, node_place(self.tree, before, "fLink"));
            self.report.broken(&rules::NODE_NEXT, corrupt.expected(number).found(found));
        }
        if let Some(expected) = previous.filter(|previous| *previous != node.previous()) {
            let corrupt = Corrupt::new(Damage::Contradiction, node_place(self.tree, number, "bLink"));
            self.report.broken(&rules::NODE_PREVIOUS, corrupt.expected(expected).found(node.previous()));
        }
        if let Some(last) = self.last.get_mut(level) {
            *last = Last::Node(number, node.next());
        }
    }

    /// The last nodes of each level, and what the header says of the whole.
    fn finish(&mut self) {
        for last in self.last.clone() {
            if let Last::Node(number, found @ 1..) = last {
                let corrupt = Corrupt::new(Damage::Contradiction, node_place(self.tree, number, "fLink"));
                self.report.broken(&rules::NODE_NEXT, corrupt.expected(0).found(found));
            }
        }
        let header = self.tree.header();
        let is_empty = self.tree.root().count() == 0;
        let depth = if is_empty { 0 } else { self.tree.levels() };
        let mut compare = |rule, field, expected: u64, found: u64| {
            if expected != found {
                let corrupt = Corrupt::new(Damage::Contradiction, header_place(self.tree, field));
                self.report.broken(rule, corrupt.expected(expected).found(found));
            }
        };
        compare(&rules::TREE_DEPTH, "treeDepth", depth.into(), header.treeDepth.get().into());
        if !self.walked.complete {
            return;
        }
        compare(&rules::TREE_RECORDS, "leafRecords", self.walked.records, header.leafRecords.get().into());
        compare(
            &rules::FIRST_LEAF,
            "firstLeafNode",
            self.first_leaf.into(),
            header.firstLeafNode.get().into(),
        );
        let last_leaf = match self.last.first() {
            Some(Last::Node(number, _)) => *number,
            _ => 0,
        };
        compare(&rules::LAST_LEAF, "lastLeafNode", last_leaf.into(), header.lastLeafNode.get().into());
    }
}

/// The rule that a node broke which could not be read.
fn rule_of(corrupt: &Corrupt) -> &'static Rule {
    match corrupt.place.field {
        "offsets" => &rules::NODE_OFFSETS,
        "key" | "record" => &rules::NODE_KEYS,
        "kind" | "height" | "numRecords" | "fLink" | "bLink" => &rules::NODE_HEAD,
        _ => &rules::NODE_UNREADABLE,
    }
}
