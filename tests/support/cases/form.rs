//! The form of a damage case: one file of TOML. Keys that are not known here are mistakes.

use serde::Deserialize;

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is wrong, in one line.
    pub purpose: String,
    /// Name of the sound image, see [`Base`](super::Base).
    pub image: String,
    /// What makes it wrong, in order.
    pub edit: Vec<Edit>,
    /// Findings that must be made.
    pub expect: Vec<Expect>,
    /// Codes of other findings of severity error that follow from the same edits.
    #[serde(default)]
    pub also: Vec<String>,
    /// Whether the trees of snapshots are checked too.
    #[serde(default)]
    pub snapshots: bool,
}

/// Where an object is: role, and as much as is needed to make it the only one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// A role of `apfs_build::Role` or `apfs_build::hfs::HfsRole`, as it is written there.
    pub role: String,
    /// Which one of those that are left, in the order they were written; 0 if not given.
    #[serde(default)]
    pub number: usize,
    /// Level of a tree node, leaves being 0.
    pub level: Option<u16>,
    /// APFS: index of the volume.
    pub volume: Option<usize>,
    /// APFS: index of the checkpoint, oldest first; the newest if not given.
    pub checkpoint: Option<usize>,
    /// Has a record of this object id; for blocks of a file, belongs to it.
    pub holds: Option<Box<Value>>,
    /// HFS+: number of the node in its tree; 0 is the header node.
    pub node: Option<u32>,
}

/// One record of a tree node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Object id in its key (APFS), or file or folder it is about (HFS+).
    pub id: Option<Value>,
    /// Type in its key (APFS) or its data (HFS+: of catalog and attributes; fork type of extents).
    #[serde(rename = "type")]
    pub kind: Option<u64>,
    /// Which one of those that are left, 0 if not given.
    #[serde(default)]
    pub index: usize,
}

/// The half of a record that offsets count in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    Key,
    #[default]
    Value,
}

/// One edit: where, and one of `set`, `add`, `xor`, `bytes`, `bit`, `remove`, `swap`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    pub at: Object,
    pub record: Option<Record>,
    #[serde(default)]
    pub part: Part,
    /// Offset in the object, or in the part of the record; counted from the end if negative.
    #[serde(default)]
    pub offset: i64,
    /// Bytes of the number that is changed: 1, 2, 4 or 8.
    pub width: Option<usize>,
    /// The number becomes this.
    pub set: Option<Value>,
    /// This is added to the number.
    pub add: Option<i64>,
    /// These bits of the number are flipped.
    pub xor: Option<u64>,
    /// These bytes are written, in hexadecimal digits; spaces do not count.
    pub bytes: Option<String>,
    /// The bit of this block in a bitmap is flipped.
    pub bit: Option<Value>,
    /// The record is taken out; the counts of its node and tree follow.
    #[serde(default)]
    pub remove: bool,
    /// The record and the one with this index in the node change places.
    pub swap: Option<usize>,
    /// The checksum stays that of the sound object.
    #[serde(default)]
    pub keep_checksum: bool,
}

/// A number, said in one of several ways.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Number(i64),
    /// `/path`: inode number or CNID; `data:/path`: first block of its data; `stream:/path`: id of its data stream;
    /// `record:/path`: CNID of the record there, which may be a link.
    Name(String),
    /// First block of an object.
    Block(Object),
}

/// A finding that must be made. What is not given may be anything.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub severity: String,
    pub code: String,
    pub structure: String,
    pub field: String,
    pub block: Option<Value>,
    /// HFS+: number of the node.
    pub node: Option<u32>,
    /// HFS+: file or folder.
    pub cnid: Option<Value>,
}
