//! Edits of APFS images.

use super::change::{self, Order};
use super::form::{Edit, Object, Part, Record, Value};
use crate::build::bytes::{put, u16_at, u32_at, u64_at};
use crate::build::disk::Place;
use crate::build::node::{
    BTNODE_FIXED_KV_SIZE, BTNODE_HASHED, BTNODE_LEAF, BTNODE_NOHEADER, BTNODE_ROOT, Form, INFO_LEN, Node,
    Record as Stored, TOC, entry,
};
use crate::build::object::HEADER_LEN;
use crate::build::{Image, Role, fix_checksum};

const ID: u64 = 0x0fff_ffff_ffff_ffff;

/// What a value means in an image; paths are those of a volume.
pub fn value(image: &Image, value: &Value, volume: usize) -> i64 {
    let number = match value {
        Value::Number(number) => return *number,
        Value::Block(object) => find(image, object).block,
        Value::Name(name) => match name.split_once(':') {
            Some(("data", path)) => image.data_of(volume, path).first().expect("a file with data").block,
            Some(("stream", path)) => {
                let map = &image.volumes[volume];
                map.private_ids[&image.inode(volume, path)]
            }
            _ => image.inode(volume, name),
        },
    };
    number as i64
}

/// The object that is meant.
pub fn find(image: &Image, object: &Object) -> Place {
    let checkpoint = object.checkpoint.unwrap_or(image.checkpoints.len() - 1);
    let holds = object.holds.as_ref().map(|id| value(image, id, object.volume.unwrap_or(0)) as u64);
    let fits = |place: &&&Place| {
        format!("{:?}", place.role) == object.role
            && object.level.is_none_or(|level| level == place.level)
            && object.volume.is_none_or(|volume| place.volume == Some(volume))
            && holds.is_none_or(|id| has(image, place, id))
    };
    let alive = |place: &&Place| {
        let mine = place.checkpoint.is_none_or(|other| other == checkpoint);
        let used = image.checkpoints[checkpoint].used.contains(&place.block);
        place.role == Role::BlockZero || mine && used
    };
    let live = image.places.iter().filter(alive).collect::<Vec<_>>();
    let live = live.iter().filter(|place| place.role != Role::FsNode || is_newest(image, place));
    live.filter(fits)
        .nth(object.number)
        .map(|place| (*place).clone())
        .unwrap_or_else(|| panic!("no {object:?}"))
}

/// File-system nodes of snapshots are asked for by their checkpoint's age only where nothing newer is meant.
fn is_newest(image: &Image, place: &Place) -> bool {
    place.volume.is_none_or(|volume| image.volumes[volume].fs_nodes.contains(&place.block))
}

fn has(image: &Image, place: &Place, id: u64) -> bool {
    if place.role == Role::Data {
        return place.oid == id;
    }
    let block = image.block(place.block);
    (0..u32_at(block, 0x24) as usize).any(|index| u64_at(&block[entry(block, index).0], 0) & ID == id)
}

/// Makes an edit.
pub fn edit(image: &mut Image, edit: &Edit) {
    let volume = edit.at.volume.unwrap_or(0);
    let place = find(image, &edit.at);
    assert!(!image.encrypted.contains(&place.block), "an edit of ciphertext: {edit:?}");
    let set = edit.set.as_ref().map(|set| value(image, set, volume));
    let bit = edit.bit.as_ref().map(|bit| value(image, bit, volume) as usize);
    let index = edit.record.as_ref().map(|record| index_of(image, place.block, record, volume));
    if edit.remove {
        return remove(image, &place, index.expect("which record is removed"));
    }
    let range = place.block as usize * image.block_size..;
    let object = &mut image.bytes[range][..place.count as usize * image.block_size];
    if let Some(bit) = bit {
        let bit = bit % (object.len() * 8);
        object[bit / 8] ^= 1 << (bit % 8);
        return;
    }
    let has_header = object[..HEADER_LEN].iter().any(|byte| *byte != 0)
        && !matches!(place.role, Role::Data | Role::ChunkBitmap | Role::PoolBitmap);
    match (index, edit.swap) {
        (Some(one), Some(other)) => {
            let words = if u16_at(object, 0x20) & BTNODE_FIXED_KV_SIZE == 0 { 8 } else { 4 };
            let entry = |index: usize| TOC + index * words..TOC + (index + 1) * words;
            change::exchange(object, entry(one), entry(other));
        }
        (Some(index), None) => {
            let (key, value) = entry(object, index);
            let part = if edit.part == Part::Key { key } else { value };
            change::bytes(&mut object[part], edit, set, Order::Little);
        }
        _ => change::bytes(object, edit, set, Order::Little),
    }
    if has_header && !edit.keep_checksum {
        fix_checksum(object);
    }
}

fn index_of(image: &Image, block: u64, record: &Record, volume: usize) -> usize {
    let node = image.block(block);
    let id = record.id.as_ref().map(|id| value(image, id, volume) as u64);
    let fits = |index: &usize| {
        let key = u64_at(&node[entry(node, *index).0], 0);
        let is_plain = u16_at(node, 0x20) & BTNODE_FIXED_KV_SIZE != 0;
        let (own, kind) = if is_plain { (key, None) } else { (key & ID, Some(key >> 60)) };
        id.is_none_or(|id| id == own) && record.kind.is_none_or(|wanted| kind == Some(wanted))
    };
    let mut all = (0..u32_at(node, 0x24) as usize).filter(fits);
    all.nth(record.index).unwrap_or_else(|| panic!("no {record:?} in block {block}"))
}

/// Takes a record out of a leaf, which is packed anew, and out of the count at the root.
fn remove(image: &mut Image, place: &Place, index: usize) {
    let node = image.block(place.block).to_vec();
    let count = u32_at(&node, 0x24) as usize;
    let flags = u16_at(&node, 0x20);
    assert!(flags & BTNODE_LEAF != 0, "records are removed from leaves");
    let range = |index: usize| entry(&node, index);
    let stored = |index: usize| Stored::new(node[range(index).0].to_vec(), node[range(index).1].to_vec());
    let records: Vec<Stored> = (0..count).filter(|other| *other != index).map(stored).collect();
    let (key, value) = range(0);
    let form = match flags & BTNODE_FIXED_KV_SIZE {
        0 => Form::Variable,
        _ => Form::Fixed { key: key.len(), value: value.len() },
    };
    let extra_flags = flags & (BTNODE_HASHED | BTNODE_NOHEADER);
    let mut new = Node { form, extra_flags, level: 0, records: &records, info: None }.encode(node.len());
    if flags & BTNODE_ROOT != 0 {
        // The footer takes the end of the node: values move down.
        let packed = new.clone();
        let used: usize = records.iter().map(|record| record.value.as_ref().map_or(0, Vec::len)).sum();
        let end = new.len();
        put(&mut new, end - INFO_LEN - used, &packed[end - used..]);
        put(&mut new, end - INFO_LEN, &node[end - INFO_LEN..]);
        let free = u16_at(&new, 0x2e) - INFO_LEN as u16;
        put(&mut new, 0x2e, free.to_le_bytes());
        put(&mut new, 0x20, flags.to_le_bytes());
    }
    put(&mut new, 0, &node[..HEADER_LEN]);
    let has_header = new[..HEADER_LEN].iter().any(|byte| *byte != 0);
    if has_header {
        fix_checksum(&mut new);
    }
    image.block_mut(place.block).copy_from_slice(&new);
    let is_root = |other: &&Place| {
        let same = other.role == place.role && other.volume == place.volume && other.block >= place.block;
        same && u16_at(image.block(other.block), 0x20) & BTNODE_ROOT != 0
    };
    // Children are written before their parents, and trees one after another.
    let root = image.places.iter().filter(is_root).map(|place| place.block).min().expect("a tree has a root");
    image.edit(root, |root| {
        let at = root.len() - 16;
        let count = u64_at(root, at) - 1;
        put(root, at, count.to_le_bytes());
    });
}
