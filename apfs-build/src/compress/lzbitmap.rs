//! An LZBITMAP encoder: the better of two distances for every eight bytes.

use std::collections::BTreeMap;

const MAX_CHUNK: usize = 0x8000;
const COMPRESSED_HEADER: usize = 15;

/// An LZBITMAP stream with its end mark.
pub fn lzbitmap(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x5A, 0x42, 0x4D, 0x09];
    let mut latest = BTreeMap::new();
    for start in (0..data.len()).step_by(MAX_CHUNK) {
        let end = data.len().min(start + MAX_CHUNK);
        let chunk = compressed(data, start, end, &mut latest);
        if chunk.len() < end - start + 6 {
            out.extend(chunk);
        } else {
            out.extend(u24(end - start + 6));
            out.extend(u24(end - start));
            out.extend(&data[start..end]);
        }
    }
    out.extend([6, 0, 0, 0, 0, 0]);
    out
}

/// Bitmap of a group of eight bytes, and how many bytes its new distance takes.
type Group = (u8, u16);

fn compressed(data: &[u8], start: usize, end: usize, latest: &mut BTreeMap<[u8; 4], usize>) -> Vec<u8> {
    let (mut new, mut distances, mut groups) = (Vec::new(), Vec::new(), Vec::<Group>::new());
    let mut distance = 8;
    for at in (start..end).step_by(8) {
        let group = &data[at..end.min(at + 8)];
        let key = group.first_chunk::<4>().copied();
        let found = key.and_then(|key| latest.insert(key, at)).map(|from| at - from);
        let found = found.filter(|found| *found <= 0xFFFF && *found != distance);
        let mut group_of = (bitmap(data, at, group, distance), 0);
        if let Some(found) = found {
            let other = bitmap(data, at, group, found);
            if other.count_ones() + 2 < group_of.0.count_ones() {
                distance = found;
                let bytes = if found < 0x100 { 1 } else { 2 };
                distances.extend(&found.to_le_bytes()[..bytes]);
                group_of = (other, bytes as u16);
            }
        }
        new.extend(
            group.iter().enumerate().filter(|(bit, _)| group_of.0 >> bit & 1 == 1).map(|(_, byte)| *byte),
        );
        groups.push(group_of);
    }
    assemble(end - start, &new, &distances, &groups)
}

/// Bit by bit: is this byte new?
fn bitmap(data: &[u8], at: usize, group: &[u8], distance: usize) -> u8 {
    let is_new = |bit: usize| (at + bit).checked_sub(distance).is_none_or(|from| data[from] != group[bit]);
    (0..group.len()).map(|bit| u8::from(is_new(bit)) << bit).sum()
}

fn assemble(len: usize, new: &[u8], distances: &[u8], groups: &[Group]) -> Vec<u8> {
    let mut counts = BTreeMap::<Group, usize>::new();
    for group in groups {
        *counts.entry(*group).or_default() += 1;
    }
    let mut common: Vec<Group> = counts.keys().copied().collect();
    common.sort_by_key(|group| std::cmp::Reverse(counts[group]));
    common.truncate(12);

    let mut bitmaps = Vec::new();
    let indices: Vec<u8> = groups
        .iter()
        .map(|group| match common.iter().position(|entry| entry == group) {
            Some(place) => 3 + place as u8,
            None => {
                bitmaps.push(group.0);
                group.1 as u8
            }
        })
        .collect();
    let mut nibbles = Vec::new();
    for run in indices.chunk_by(|a, b| a == b) {
        if run.len() < 4 {
            nibbles.extend(run);
            continue;
        }
        nibbles.extend([run[0], 15]);
        nibbles.extend(vec![15; (run.len() - 4) / 15]);
        nibbles.push(((run.len() - 4) % 15) as u8);
    }
    nibbles.resize(nibbles.len().next_multiple_of(2), 0);

    let mut table = 0u128;
    for (place, (bitmap, bytes)) in common.iter().enumerate() {
        table |= u128::from(u16::from(*bitmap) | bytes << 8) << (10 * place);
    }
    let at_distances = COMPRESSED_HEADER + new.len();
    let at_bitmaps = at_distances + distances.len();
    let at_nibbles = at_bitmaps + bitmaps.len();
    let chunk_len = at_nibbles + nibbles.len() / 2 + 17;
    let mut chunk: Vec<u8> = [chunk_len, len, at_distances, at_bitmaps, at_nibbles].map(u24).concat();
    chunk.extend(new);
    chunk.extend(distances);
    chunk.extend(bitmaps);
    chunk.extend(nibbles.chunks(2).map(|pair| pair[0] | pair[1] << 4));
    chunk.extend(table.to_le_bytes());
    chunk.push(0);
    chunk
}

fn u24(number: usize) -> [u8; 3] {
    [number as u8, (number >> 8) as u8, (number >> 16) as u8]
}
