//! B-trees of all kinds: records packed into nodes, index levels above them, header and map nodes.

use core::ops::Range;

use super::bytes::{be, put};

/// A key, its length included, with its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub key: Vec<u8>,
    pub data: Vec<u8>,
    /// File or folder the record says something about.
    pub owner: u32,
}

impl Record {
    /// Key and data, padded to whole words.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = [&self.key[..], &self.data].concat();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    }
}

/// How a tree is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub node_size: usize,
    /// Records in a node, at most: few of them make tall trees.
    pub max_records: usize,
    pub spare_nodes: usize,
    /// Nodes do not follow each other in the order of their keys.
    pub scattered: bool,
    /// Bytes of a map node behind its record and before its offsets.
    pub map_slack: usize,
}

impl Shape {
    pub fn of(node_size: usize) -> Self {
        Shape { node_size, max_records: usize::MAX, spare_nodes: 0, scattered: false, map_slack: 0 }
    }
}

/// Fields of the header record that differ from tree to tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub max_key: u16,
    pub btree_type: u8,
    pub compare: u8,
    pub attributes: u32,
    /// The second record of the header node.
    pub user_data: Vec<u8>,
}

/// A node of a finished tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub number: u32,
    pub height: u8,
    /// Bytes of each record within the node, and its owner.
    pub records: Vec<(Range<usize>, u32)>,
}

/// A finished tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    pub bytes: Vec<u8>,
    pub node_size: usize,
    pub total_nodes: usize,
    pub depth: u8,
    pub root: u32,
    /// Leaves first, in key order; the root last. Without header and map nodes.
    pub nodes: Vec<Node>,
    pub map_nodes: Vec<u32>,
}

const DESCRIPTOR: usize = 14;
const LEAF: i8 = -1;
const INDEX: i8 = 0;
const HEADER: i8 = 1;
const MAP: i8 = 2;

/// A tree of records, which are in order, as the content of a file of whole blocks.
pub fn build(records: &[Record], shape: &Shape, header: &Header, block_size: usize) -> Tree {
    let levels = levels(records, shape);
    let used: usize = levels.iter().map(Vec::len).sum();
    let numbers = numbers(used, shape.scattered);
    let maps = map_count(1 + used + shape.spare_nodes, shape, block_size);
    let total = total_nodes(1 + used + shape.spare_nodes + maps, shape, block_size);
    let mut tree = Tree {
        bytes: vec![0; total * shape.node_size],
        node_size: shape.node_size,
        total_nodes: total,
        depth: levels.len() as u8,
        ..Tree::default()
    };
    let mut next = numbers.iter().copied();
    let mut below: Vec<u32> = Vec::new();
    for (level, groups) in levels.iter().enumerate() {
        let own: Vec<u32> = next.by_ref().take(groups.len()).collect();
        let mut children = below.iter();
        for (index, group) in groups.iter().enumerate() {
            let link = |index: Option<usize>| index.and_then(|index| own.get(index)).copied().unwrap_or(0);
            let links = (link(index.checked_add(1)), link(index.checked_sub(1)));
            let records = group.iter().map(|record| match level {
                0 => (record.encode(), record.owner),
                _ => ([&record.key[..], &children.next().unwrap().to_be_bytes()].concat(), record.owner),
            });
            let kind = if level == 0 { LEAF } else { INDEX };
            let records: Vec<_> = records.collect();
            tree.put_node(own[index], links, kind, level as u8 + 1, &records);
        }
        below = own;
    }
    tree.root = below.last().copied().unwrap_or(0);
    tree.map_nodes = (0..maps).map(|map| (1 + used + map) as u32).collect();
    tree.put_header(records.len(), levels.first().map_or(0, Vec::len), header);
    tree.put_map(1 + used + maps, shape);
    tree
}

/// Groups of records for the nodes of each level, leaves first.
fn levels(records: &[Record], shape: &Shape) -> Vec<Vec<Vec<Record>>> {
    let mut levels = Vec::new();
    let mut records = records.to_vec();
    while !records.is_empty() {
        let is_leaf = levels.is_empty();
        let mut groups: Vec<Vec<Record>> = vec![Vec::new()];
        let mut left = 0;
        for record in records {
            let len = 2 + if is_leaf { record.encode().len() } else { record.key.len() + 4 };
            let group = groups.last().unwrap();
            // An index node of one record would never end.
            let is_full = group.len() >= shape.max_records.max(if is_leaf { 1 } else { 2 });
            if !group.is_empty() && (left < len || is_full) {
                groups.push(Vec::new());
            }
            if groups.last().unwrap().is_empty() {
                left = shape.node_size - DESCRIPTOR - 2;
            }
            assert!(len <= left, "a record of {len} bytes does not fit a node");
            left -= len;
            groups.last_mut().unwrap().push(record);
        }
        records = groups.iter().map(|group| group[0].clone()).collect();
        let done = groups.len() == 1;
        levels.push(groups);
        if done {
            break;
        }
    }
    levels
}

/// Node numbers in the order in which nodes are made.
fn numbers(used: usize, scattered: bool) -> Vec<u32> {
    let all = 1..=used as u32;
    if !scattered {
        return all.collect();
    }
    all.clone().filter(|n| n % 2 == 0).rev().chain(all.filter(|n| n % 2 == 1)).collect()
}

fn map_count(nodes: usize, shape: &Shape, block_size: usize) -> usize {
    let (first, each) = (map_bits(shape, true), map_bits(shape, false));
    let enough = |maps: &usize| total_nodes(nodes + maps, shape, block_size) <= first + maps * each;
    (0..).find(enough).unwrap()
}

fn map_bits(shape: &Shape, header: bool) -> usize {
    8 * if header { shape.node_size - 256 } else { shape.node_size - DESCRIPTOR - 4 - shape.map_slack }
}

fn total_nodes(nodes: usize, shape: &Shape, block_size: usize) -> usize {
    (nodes * shape.node_size).next_multiple_of(block_size.max(shape.node_size)) / shape.node_size
}

impl Tree {
    /// Bytes of a node within the file.
    pub fn node_range(&self, number: u32) -> Range<usize> {
        let at = number as usize * self.node_size;
        at..at + self.node_size
    }

    /// The leaves that have records of a file or folder.
    pub fn leaves_of(&self, owner: u32) -> impl Iterator<Item = &Node> {
        let has = move |node: &&Node| node.records.iter().any(|(_, other)| *other == owner);
        self.nodes.iter().filter(|node| node.height == 1).filter(has)
    }

    fn put_node(&mut self, number: u32, links: (u32, u32), kind: i8, height: u8, records: &[(Vec<u8>, u32)]) {
        let range = self.node_range(number);
        let node = &mut self.bytes[range];
        put(node, 0, be![links.0, links.1, kind, height, records.len() as u16, 0_u16]);
        let mut at = DESCRIPTOR;
        let mut places = Vec::new();
        for (index, (record, owner)) in records.iter().enumerate() {
            put(node, self.node_size - 2 * (index + 1), (at as u16).to_be_bytes());
            put(node, at, record);
            places.push((at..at + record.len(), *owner));
            at += record.len();
        }
        put(node, self.node_size - 2 * (records.len() + 1), (at as u16).to_be_bytes());
        if kind == LEAF || kind == INDEX {
            self.nodes.push(Node { number, height, records: places });
        }
    }

    fn put_header(&mut self, records: usize, leaves: usize, header: &Header) {
        let used = 1 + self.nodes.len() + self.map_nodes.len();
        let leaf = |node: Option<&Node>| node.filter(|node| node.height == 1).map_or(0, |node| node.number);
        let mut record = be![u16::from(self.depth), self.root, records as u32];
        record.extend(be![leaf(self.nodes.first()), leaf(self.nodes.get(leaves.wrapping_sub(1)))]);
        record.extend(be![self.node_size as u16, header.max_key, self.total_nodes as u32]);
        record.extend(be![(self.total_nodes - used) as u32, 0_u16, 0_u32]);
        record.extend(be![header.btree_type, header.compare, header.attributes]);
        record.resize(106, 0);
        let mut user_data = header.user_data.clone();
        user_data.resize(128, 0);
        let map = vec![0; self.node_size - 256];
        let link = self.map_nodes.first().copied().unwrap_or(0);
        let records = [(record, 0), (user_data, 0), (map, 0)];
        self.put_node(0, (link, 0), HEADER, 0, &records);
    }

    /// Marks the first `used` nodes; links the map nodes.
    fn put_map(&mut self, used: usize, shape: &Shape) {
        let first = self.node_size - 256;
        let each = map_bits(shape, false) / 8;
        let mut map = vec![0; first + each * self.map_nodes.len()];
        for node in 0..used {
            map[node / 8] |= 0x80 >> (node % 8);
        }
        put(&mut self.bytes, 248, &map[..first]);
        for (index, number) in self.map_nodes.clone().into_iter().enumerate() {
            let link = |index: Option<usize>| index.and_then(|index| self.map_nodes.get(index)).copied();
            let links = (link(Some(index + 1)).unwrap_or(0), link(index.checked_sub(1)).unwrap_or(0));
            let part = map[first + index * each..][..each].to_vec();
            self.put_node(number, links, MAP, 0, &[(part, 0)]);
        }
    }
}
