//! A record where it lies, and places for findings about it.

use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Error;
use crate::hfsplus::btree::Tree;
use crate::hfsplus::node::Node;
use crate::tree::node::TreeNode;

/// A record of a leaf.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'n> {
    pub(super) tree: &'n Tree,
    pub(super) node: &'n Node,
    pub(super) index: usize,
}

impl<'n> At<'n> {
    pub(super) fn key(&self) -> &'n [u8] {
        self.node.key(self.index)
    }

    pub(super) fn value(&self) -> &'n [u8] {
        self.node.value(self.index)
    }

    /// Place of a field of the record, which is about a file or folder.
    pub(super) fn place(&self, structure: &'static str, field: &'static str, cnid: u32) -> Place {
        Place { structure, ..node_place(self.tree, self.node.number(), field) }.cnid(cnid)
    }
}

/// Place of a field of a node.
pub(super) fn node_place(tree: &Tree, number: u32, field: &'static str) -> Place {
    let place = Place::new("BTNodeDescriptor", field).node(number).cnid(tree.kind().cnid);
    Place { block: tree.block_of(number), ..place }
}

/// Place of a field of a tree's header.
pub(super) fn header_place(tree: &Tree, field: &'static str) -> Place {
    Place { structure: "BTHeaderRec", ..node_place(tree, 0, field) }
}

/// Place of a field of the volume header.
pub(super) fn volume_place(field: &'static str) -> Place {
    Place::new("HFSPlusVolumeHeader", field).offset(crate::hfsplus::raw::volume::HEADER_OFFSET)
}

/// What an error says, as a finding at a place, unless it has a place of its own.
pub(super) fn of_error(error: Error, place: Place) -> Corrupt {
    match error {
        Error::Corrupt(corrupt) => *corrupt,
        other => Corrupt::new(Damage::Missing, place).found(other),
    }
}
