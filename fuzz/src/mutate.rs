//! Structure-aware mutation: picks a field that a structure really has, and a value that hurts.

use crate::patch::{Input, Patch, region_of};
use crate::rng::Rng;
use crate::seed::{Region, RegionKind, Seed, seeds};

/// Most changes in one input.
const MAX_PATCHES: usize = 6;

/// A new input with one to four changes.
pub fn fresh(rng: &mut Rng) -> Input {
    fresh_of(seeds(), rng)
}

/// A new input with one to four changes of one of these seeds.
pub fn fresh_of(seeds: &[Seed], rng: &mut Rng) -> Input {
    let mut input = Input { seed: rng.below(seeds.len()) as u8, patches: Vec::new() };
    for _ in 0..1 + rng.below(4) {
        add(&mut input, seeds, rng);
    }
    input
}

/// Changes an input a little: the custom mutator of libFuzzer. Returns the new length.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    mutate_of(seeds(), data, size, max_size, seed)
}

/// Changes an input to one of these seeds a little. Returns the new length.
pub fn mutate_of(seeds: &[Seed], data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut rng = Rng(u64::from(seed));
    let mut input = Input::decode(data.get(..size).unwrap_or(&[]));
    match rng.below(8) {
        0 => input.seed = rng.below(seeds.len()) as u8,
        1 if !input.patches.is_empty() => drop(input.patches.swap_remove(rng.below(input.patches.len()))),
        2 if input.patches.len() > 1 => {
            let (a, b) = (rng.below(input.patches.len()), rng.below(input.patches.len()));
            input.patches.swap(a, b);
        }
        _ => add(&mut input, seeds, &mut rng),
    }
    if input.patches.len() > MAX_PATCHES {
        input.patches.remove(0);
    }
    let encoded = input.encode();
    let len = encoded.len().min(max_size).min(data.len());
    data[..len].copy_from_slice(&encoded[..len]);
    len
}

fn add(input: &mut Input, seeds: &[Seed], rng: &mut Rng) {
    let seed = &seeds[usize::from(input.seed) % seeds.len()];
    let number = pick_region(seed, rng);
    let region = region_of(seed, number);
    let patch = match rng.below(40) {
        0 => Patch::Cut { left: rng.next() as u8 },
        1 => Patch::Stale {
            region: number,
            offset: rng.below(region.len.min(65_536)) as u16,
            bytes: vec![rng.next() as u8],
        },
        2 | 3 => Patch::Copy { region: number, from: pick_region(seed, rng) },
        4 | 5 => {
            let bytes = (0..1 + rng.below(4)).map(|_| rng.next() as u8).collect();
            Patch::Set { region: number, offset: rng.below(region.len.min(65_536)) as u16, bytes }
        }
        _ => {
            let (offset, len) = field(seed, region, rng);
            let bytes = value(seed, region, offset, len, rng);
            Patch::Set { region: number, offset: offset as u16, bytes }
        }
    };
    input.patches.push(patch);
}

/// Trees are where most of the code is: their nodes come first, content of files rarely.
fn pick_region(seed: &Seed, rng: &mut Rng) -> u16 {
    for _ in 0..8 {
        let number = rng.below(seed.regions.len());
        let wanted = match seed.regions[number].kind {
            RegionKind::Plain => rng.one_in(20),
            RegionKind::Object(_) if !seed.regions[number].is_node() => rng.one_in(3),
            _ => true,
        };
        if wanted {
            return number as u16;
        }
    }
    0
}

/// Offset and length of a field.
fn field(seed: &Seed, region: Region, rng: &mut Rng) -> (usize, usize) {
    let bytes = &seed.bytes[region.start..][..region.len];
    if region.is_node()
        && let Some(field) = node_field(bytes, rng)
    {
        return field;
    }
    if region.kind == RegionKind::HfsNode
        && let Some(field) = hfs_node_field(bytes, rng)
    {
        return field;
    }
    let (start, end) = match region.kind {
        RegionKind::Object(_) => (0x08, region.len.min(0x500)),
        _ => (0, region.len),
    };
    let len = [1, 2, 4, 8][rng.below(4)];
    (start + rng.below((end - start) / len) * len, len)
}

/// A field of a node: of its header, its table, a key, a value or its footer.
fn node_field(node: &[u8], rng: &mut Rng) -> Option<(usize, usize)> {
    const DATA: usize = 0x38;
    const INFO: usize = 40;
    let u16_at = |at: usize| node.get(at..at + 2).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]])));
    let (flags, count) = (u16_at(0x20)?, u16_at(0x24)?);
    let (is_root, is_leaf, fixed) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0);
    let (table, table_len) = (DATA + u16_at(0x28)?, u16_at(0x2A)?);
    let keys = table + table_len;
    let values_end = node.len() - if is_root { INFO } else { 0 };
    let entry = table + rng.below(count) * if fixed { 4 } else { 8 };
    let (key, key_len, value_offset, value_len) = if fixed {
        (keys + u16_at(entry)?, 16, u16_at(entry + 2)?, if is_leaf { 16 } else { 8 })
    } else {
        (keys + u16_at(entry)?, u16_at(entry + 2)?, u16_at(entry + 4)?, u16_at(entry + 6)?)
    };
    let value = values_end.checked_sub(value_offset)?;
    let inside = |start: usize, len: usize, rng: &mut Rng| {
        let width = [1, 2, 4, 8][rng.below(4)].min(len.max(1));
        (start + rng.below(len / width) * width, width)
    };
    let (offset, len) = match rng.below(12) {
        0 => [(0x20, 2), (0x22, 2), (0x24, 4), (0x28, 2), (0x2A, 2), (0x2C, 2), (0x2E, 2)][rng.below(7)],
        1 => [(0x08, 8), (0x10, 8), (0x18, 4), (0x1C, 4)][rng.below(4)],
        2 => inside(entry, if fixed { 4 } else { 8 }, rng),
        3 if is_root => inside(values_end, INFO, rng),
        3..=6 => inside(key, key_len, rng),
        _ => inside(value, value_len, rng),
    };
    (offset + len <= node.len()).then_some((offset, len))
}

/// A field of a node of HFS+: of its descriptor, its offsets, or of a record: key, start of the data, all of it.
fn hfs_node_field(node: &[u8], rng: &mut Rng) -> Option<(usize, usize)> {
    const DESCRIPTOR: usize = 14;
    let u16_at = |at: usize| node.get(at..at + 2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
    let count = u16_at(10)?;
    let entry = |index: usize| node.len().checked_sub(2 * (index + 1));
    let index = rng.below(count);
    let (start, end) = (u16_at(entry(index)?)?, u16_at(entry(index + 1)?)?);
    let data = start + 2 + u16_at(start)?;
    let inside = |start: usize, end: usize, rng: &mut Rng| {
        let len = end.saturating_sub(start);
        let width = [1, 2, 4, 8][rng.below(4)].min(len.max(1));
        (start + rng.below(len / width) * width, width)
    };
    let (offset, len) = match rng.below(12) {
        0 => [(0, 4), (4, 4), (8, 1), (9, 1), (10, 2)][rng.below(5)],
        1 => (entry(rng.below(count + 1))?, 2),
        // The header node's first record has no key.
        2..=3 if node[8] == 1 => inside(DESCRIPTOR, DESCRIPTOR + 42, rng),
        4 => (start, 2),
        5 | 6 => inside(start, data.min(end), rng),
        7 | 8 => inside(data, end.min(data + 16), rng),
        _ => inside(data, end, rng),
    };
    (offset + len <= node.len()).then_some((offset, len))
}

/// A value for a field: near the old one, at a border, or one that is a reference somewhere else in the image.
fn value(seed: &Seed, region: Region, offset: usize, len: usize, rng: &mut Rng) -> Vec<u8> {
    let bytes = &seed.bytes[region.start..][..region.len];
    let is_big = matches!(region.kind, RegionKind::HfsNode | RegionKind::HfsHeader);
    let number = |bytes: &[u8]| {
        let digit = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if is_big { bytes.iter().fold(0, digit) } else { bytes.iter().rev().fold(0, digit) }
    };
    let old = number(&bytes[offset..offset + len]);
    let new = match rng.below(10) {
        0 => 0,
        1 => u64::MAX,
        2 => 1 << rng.below(64),
        3 => old.wrapping_add(1 + rng.below(4) as u64),
        4 => old.wrapping_sub(1 + rng.below(4) as u64),
        5 => old ^ 1 << rng.below(len * 8),
        6 => (1 << rng.below(64)) - 1,
        7 => rng.below(64) as u64,
        8 => rng.next(),
        _ => {
            // The same field of another node or object of this kind: ids, names and blocks that exist.
            let other = region_of(seed, pick_region(seed, rng));
            let bytes = &seed.bytes[other.start..][..other.len];
            let (at, width) = field(seed, other, rng);
            number(&bytes[at..at + width])
        }
    };
    if is_big { new.to_be_bytes()[8 - len..].to_vec() } else { new.to_le_bytes()[..len].to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mutated inputs decode to what was meant, fit their buffer and never touch anything outside the image.
    #[test]
    fn stays_inside() {
        let mut rng = Rng(1);
        let mut data = vec![0; 200];
        let mut size = 1;
        for round in 0..2000 {
            size = mutate(&mut data, size, 200, round);
            assert!(size <= 200);
            let input = Input::decode(&data[..size]);
            assert!(input.image().len() <= input.seed().bytes.len());
            assert!(!fresh(&mut rng).patches.is_empty());
        }
    }
}
