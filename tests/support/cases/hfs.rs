//! Edits of HFS+ volumes.

use core::ops::Range;

use super::change::{self, Order};
use super::form::{Edit, Object, Part, Record, Value};
use crate::build::bytes::put;
use crate::build::hfs::bytes::{u16_at, u32_at};
use crate::build::hfs::{HfsImage, HfsRole};

const ROLES: [HfsRole; 12] = [
    HfsRole::Header,
    HfsRole::AlternateHeader,
    HfsRole::Bitmap,
    HfsRole::Extents,
    HfsRole::Catalog,
    HfsRole::Attributes,
    HfsRole::Startup,
    HfsRole::JournalInfo,
    HfsRole::Journal,
    HfsRole::Data,
    HfsRole::Resource,
    HfsRole::XattrData,
];

/// Where `leafRecords` stands in the header node.
const LEAF_RECORDS: usize = 14 + 6;

/// What a value means in a volume.
pub fn value(image: &HfsImage, value: &Value) -> i64 {
    match value {
        Value::Number(number) => *number,
        Value::Block(object) => (find(image, object).start / image.block_size) as i64,
        Value::Name(name) => match name.split_once(':') {
            Some(("data", path)) => image.forks[&image.cnid(path)].0.extents[0].start.into(),
            Some(("record", path)) => image.record_at(path).into(),
            _ => image.cnid(name).into(),
        },
    }
}

fn role(object: &Object) -> HfsRole {
    let found = ROLES.into_iter().find(|role| format!("{role:?}") == object.role);
    found.unwrap_or_else(|| panic!("no role {}", object.role))
}

/// The bytes that are meant.
pub fn find(image: &HfsImage, object: &Object) -> Range<usize> {
    candidates(image, object).into_iter().nth(object.number).unwrap_or_else(|| panic!("no {object:?}"))
}

/// Everything that fits, whatever its number.
fn candidates(image: &HfsImage, object: &Object) -> Vec<Range<usize>> {
    let role = role(object);
    let holds = object.holds.as_ref().map(|id| value(image, id) as u32);
    if !is_tree(role) {
        let places = image.all(role).filter(|place| holds.is_none_or(|id| id == place.owner));
        return places.map(|place| place.range.clone()).collect();
    }
    let place = |number| {
        let (at, len) = image.node_place(role, number);
        at..at + len
    };
    if let Some(number) = object.node {
        return vec![place(number)];
    }
    let owns = |id: u32| move |record: &(Range<usize>, u32)| record.1 == id;
    let nodes = image.trees[&role].nodes.iter().filter(|node| {
        object.level.is_none_or(|level| u16::from(node.height) == level + 1)
            && holds.is_none_or(|id| node.records.iter().any(owns(id)))
    });
    nodes.map(|node| place(node.number)).collect()
}

fn is_tree(role: HfsRole) -> bool {
    matches!(role, HfsRole::Catalog | HfsRole::Extents | HfsRole::Attributes)
}

/// Makes an edit.
pub fn edit(image: &mut HfsImage, edit: &Edit) {
    let role = role(&edit.at);
    let set = edit.set.as_ref().map(|set| value(image, set));
    if let Some(bit) = &edit.bit {
        let block = value(image, bit) as usize;
        let fork = &image.facts.files[0];
        let at = fork.place(block / 8, image.block_size);
        image.bytes[at] ^= 0x80 >> (block % 8);
        return;
    }
    let id = edit.record.as_ref().and_then(|record| record.id.as_ref()).map(|id| value(image, id) as u32);
    let Some(record) = &edit.record else {
        let range = find(image, &edit.at);
        return change::bytes(&mut image.bytes[range], edit, set, Order::Big);
    };
    // Records about one file may be in several leaves.
    let mut nodes = candidates(image, &edit.at).into_iter().skip(edit.at.number);
    let found =
        nodes.find_map(|range| Some((index_of(&image.bytes[range.clone()], role, record, id)?, range)));
    let (index, range) = found.unwrap_or_else(|| panic!("no {record:?}"));
    let object = &mut image.bytes[range];
    if edit.remove {
        let records = records(object);
        let kept: Vec<Vec<u8>> = records
            .enumerate()
            .filter(|(other, _)| *other != index)
            .map(|(_, range)| object[range].to_vec())
            .collect();
        put_records(object, &kept);
        return image.edit_node(role, 0, |header| {
            let count = u32_at(header, LEAF_RECORDS) - 1;
            put(header, LEAF_RECORDS, count.to_be_bytes());
        });
    }
    if let Some(other) = edit.swap {
        let mut all: Vec<Vec<u8>> = records(object).map(|range| object[range].to_vec()).collect();
        all.swap(index, other);
        return put_records(object, &all);
    }
    let range = records(object).nth(index).unwrap();
    let data = data_of(object, &range);
    let part = if edit.part == Part::Key { range.start..data } else { data..range.end };
    change::bytes(&mut object[part], edit, set, Order::Big);
}

/// Bytes of the records of a node.
fn records(node: &[u8]) -> impl Iterator<Item = Range<usize>> + use<> {
    let count = usize::from(u16_at(node, 10));
    let offset = |index: usize| usize::from(u16_at(node, node.len() - 2 * (index + 1)));
    let all: Vec<Range<usize>> = (0..count).map(|index| offset(index)..offset(index + 1)).collect();
    all.into_iter()
}

/// Writes the records of a node anew.
fn put_records(node: &mut [u8], records: &[Vec<u8>]) {
    let len = node.len();
    node[14..].fill(0);
    put(node, 10, (records.len() as u16).to_be_bytes());
    let mut at = 14;
    for (index, record) in records.iter().enumerate() {
        put(node, len - 2 * (index + 1), (at as u16).to_be_bytes());
        put(node, at, record);
        at += record.len();
    }
    put(node, len - 2 * (records.len() + 1), (at as u16).to_be_bytes());
}

/// Where the data of a record begins.
fn data_of(node: &[u8], record: &Range<usize>) -> usize {
    record.start + (2 + usize::from(u16_at(node, record.start))).next_multiple_of(2)
}

fn index_of(node: &[u8], role: HfsRole, record: &Record, id: Option<u32>) -> Option<usize> {
    let facts = |range: &Range<usize>| {
        let data = data_of(node, range);
        match role {
            HfsRole::Catalog => match u64::from(u16_at(node, data)) {
                kind @ (1 | 2) => (u32_at(node, data + 8), kind),
                kind => (u32_at(node, range.start + 2), kind),
            },
            HfsRole::Extents => (u32_at(node, range.start + 4), node[range.start + 2].into()),
            _ => (u32_at(node, range.start + 4), u32_at(node, data).into()),
        }
    };
    let fits = |(_, range): &(usize, Range<usize>)| {
        // Index nodes are asked by index alone.
        if id.is_none() && record.kind.is_none() {
            return true;
        }
        let (own, kind) = facts(range);
        id.is_none_or(|id| id == own) && record.kind.is_none_or(|wanted| wanted == kind)
    };
    records(node).enumerate().filter(fits).nth(record.index).map(|(index, _)| index)
}
