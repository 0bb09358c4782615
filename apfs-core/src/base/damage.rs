//! What can be wrong with an image, and where: the vocabulary shared by reader and checker.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use super::ids::{Oid, Paddr, Xid};

/// Kind of damage. The numbers are stable: scripts and the C interface may rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum Damage {
    /// The stored checksum is not the one of the bytes.
    Checksum = 1,
    /// A magic number is not the expected one.
    Magic = 2,
    /// An object says another object id than the reference to it.
    ObjectId = 3,
    /// An object says another type, subtype or storage kind than the reference to it.
    ObjectType = 4,
    /// An object says another transaction than the reference to it.
    Transaction = 5,
    /// A number is outside the range that its structure allows.
    Range = 6,
    /// A length, count or offset leaves the structure that holds it.
    Bounds = 7,
    /// A block address or extent lies past the end of the container.
    PastEnd = 8,
    /// Keys of a B-tree are not strictly increasing, within a node or between nodes.
    KeyOrder = 9,
    /// The level of a B-tree node is not one below that of its parent.
    Level = 10,
    /// A structure that must end refers back to itself.
    Loop = 11,
    /// A record that another one refers to is not there.
    Missing = 12,
    /// Two records contradict each other.
    Contradiction = 13,
    /// A name is empty, too long, not terminated or holds a byte that no name may hold.
    Name = 14,
    /// Two extents of one stream overlap.
    Overlap = 15,
    /// Compressed data cannot be expanded.
    Compressed = 16,
    /// The hash that seals a node or a piece of a file is not the one of the bytes.
    Hash = 17,
}

impl Damage {
    /// Stable number of this kind of damage.
    #[must_use]
    #[allow(clippy::as_conversions, reason = "discriminant of a repr(u32) enum")]
    pub fn code(self) -> u32 {
        self as u32
    }

    fn text(self) -> &'static str {
        match self {
            Damage::Checksum => "checksum does not match",
            Damage::Magic => "wrong magic number",
            Damage::ObjectId => "wrong object id",
            Damage::ObjectType => "wrong object type",
            Damage::Transaction => "wrong transaction id",
            Damage::Range => "value out of range",
            Damage::Bounds => "leaves its structure",
            Damage::PastEnd => "past the end of the container",
            Damage::KeyOrder => "keys out of order",
            Damage::Level => "wrong tree level",
            Damage::Loop => "refers back to itself",
            Damage::Missing => "record is missing",
            Damage::Contradiction => "contradicts another record",
            Damage::Name => "bad name",
            Damage::Overlap => "extents overlap",
            Damage::Compressed => "compressed data cannot be expanded",
            Damage::Hash => "hash does not match",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Where in the image: structure and field by Apple's names, and the coordinates that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// Structure, for example `nx_superblock_t`.
    pub structure: &'static str,
    /// Field of the structure, empty if the whole structure is meant.
    pub field: &'static str,
    /// Byte offset inside the structure or block.
    pub offset: Option<u64>,
    /// Block number in the container.
    pub block: Option<Paddr>,
    /// Object id.
    pub oid: Option<Oid>,
    /// Transaction id.
    pub xid: Option<Xid>,
    /// HFS+: number of the node in its B-tree.
    pub node: Option<u32>,
    /// HFS+: catalog node id, of a B-tree's file, a file or a folder.
    pub cnid: Option<u32>,
}

impl Place {
    /// A place named by structure and field alone.
    #[must_use]
    pub fn new(structure: &'static str, field: &'static str) -> Place {
        Place { structure, field, ..Place::default() }
    }

    /// The same place with its block number.
    #[must_use]
    pub fn block(mut self, block: Paddr) -> Place {
        self.block = Some(block);
        self
    }

    /// The same place with its object id.
    #[must_use]
    pub fn oid(mut self, oid: Oid) -> Place {
        self.oid = Some(oid);
        self
    }

    /// The same place with its transaction id.
    #[must_use]
    pub fn xid(mut self, xid: Xid) -> Place {
        self.xid = Some(xid);
        self
    }

    /// The same place with the number of a B-tree node.
    #[must_use]
    pub fn node(mut self, node: u32) -> Place {
        self.node = Some(node);
        self
    }

    /// The same place with its catalog node id.
    #[must_use]
    pub fn cnid(mut self, cnid: u32) -> Place {
        self.cnid = Some(cnid);
        self
    }

    /// The same place with a byte offset.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Place {
        self.offset = Some(offset);
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.structure)?;
        if !self.field.is_empty() {
            write!(f, ".{}", self.field)?;
        }
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        if let Some(block) = self.block {
            write!(f, " in block {block}")?;
        }
        if let Some(node) = self.node {
            write!(f, " in node {node}")?;
        }
        if let Some(oid) = self.oid {
            write!(f, ", object {oid}")?;
        }
        if let Some(cnid) = self.cnid {
            write!(f, ", CNID {cnid}")?;
        }
        if let Some(xid) = self.xid {
            write!(f, ", transaction {xid}")?;
        }
        Ok(())
    }
}

/// One finding: kind of damage, place, and what was expected and found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Corrupt {
    /// What is wrong.
    pub damage: Damage,
    /// Where.
    pub place: Place,
    /// What should stand there, empty if that can't be said.
    pub expected: Cow<'static, str>,
    /// What stands there, empty if that can't be said.
    pub found: Cow<'static, str>,
}

impl Corrupt {
    /// A finding without an expected and a found value.
    #[must_use]
    pub fn new(damage: Damage, place: Place) -> Corrupt {
        Corrupt { damage, place, expected: Cow::Borrowed(""), found: Cow::Borrowed("") }
    }

    /// The same finding with the value that should stand there.
    #[must_use]
    pub fn expected(mut self, value: impl fmt::Display) -> Corrupt {
        self.expected = Cow::Owned(text(value));
        self
    }

    /// The same finding with the value that stands there.
    #[must_use]
    pub fn found(mut self, value: impl fmt::Display) -> Corrupt {
        self.found = Cow::Owned(text(value));
        self
    }
}

fn text(value: impl fmt::Display) -> String {
    alloc::format!("{value}")
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.damage)?;
        match (self.expected.is_empty(), self.found.is_empty()) {
            (false, false) => write!(f, " (expected {}, found {})", self.expected, self.found),
            (false, true) => write!(f, " (expected {})", self.expected),
            (true, false) => write!(f, " (found {})", self.found),
            (true, true) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A finding names structure, field, block, object, transaction, expected and found.
    #[test]
    fn says_everything_it_knows() {
        let place = Place::new("obj_phys_t", "o_cksum").block(Paddr(7)).oid(Oid(1026)).xid(Xid(9));
        let text = alloc::format!("{}", Corrupt::new(Damage::Checksum, place).expected(1).found(2));
        assert_eq!(
            text,
            "obj_phys_t.o_cksum in block 7, object 0x402, transaction 9: checksum does not match (expected 1, found 2)"
        );
    }
}
