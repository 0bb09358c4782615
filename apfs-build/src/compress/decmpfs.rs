//! Compressed files as writers lay them out: the attribute and the resource fork.

use super::{lzbitmap, lzfse, lzvn, zlib};

/// Bytes of an expanded chunk.
pub const CHUNK: usize = 0x1_0000;

/// Every type that holds data.
pub const KINDS: [u32; 11] = [1, 3, 4, 7, 8, 9, 10, 11, 12, 13, 14];

/// The value of `com.apple.decmpfs`.
pub fn attribute(kind: u32, size: u64, payload: &[u8]) -> Vec<u8> {
    [b"fpmc", &kind.to_le_bytes()[..], &size.to_le_bytes()[..], payload].concat()
}

/// A whole file: attribute, and fork if the type has one.
pub fn packed(kind: u32, data: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    let size = data.len() as u64;
    let chunks: Vec<Vec<u8>> = data.chunks(CHUNK).map(|data| chunk(kind, data)).collect();
    match kind {
        4 => (attribute(kind, size, b""), Some(resource_fork(&chunks))),
        8 | 10 | 12 | 14 => (attribute(kind, size, b""), Some(offset_fork(&chunks, 0))),
        _ => (attribute(kind, size, &chunk(kind, data)), None),
    }
}

/// Packed bytes of a file or chunk of some type.
pub fn chunk(kind: u32, data: &[u8]) -> Vec<u8> {
    match kind {
        3 | 4 => zlib(data),
        7 | 8 => lzvn(data),
        9 | 10 => marked(kind, data),
        11 | 12 => lzfse(data),
        13 | 14 => lzbitmap(data),
        _ => data.to_vec(),
    }
}

/// Bytes that are stored as they are, behind the marker of the type.
pub fn marked(kind: u32, data: &[u8]) -> Vec<u8> {
    let marker = match kind {
        7 | 8 => 0x06,
        9 | 10 => 0xCC,
        _ => 0xFF,
    };
    [&[marker], data].concat()
}

/// The layout of types 8, 10, 12 and 14, with some zero words behind the table.
pub fn offset_fork(chunks: &[Vec<u8>], extra_words: usize) -> Vec<u8> {
    let mut end = 4 * (chunks.len() + 1 + extra_words);
    let mut table = (end as u32).to_le_bytes().to_vec();
    for chunk in chunks {
        end += chunk.len();
        table.extend((end as u32).to_le_bytes());
    }
    table.extend(vec![0; 4 * extra_words]);
    [table, chunks.concat()].concat()
}

/// The layout of type 4: a resource file with one resource.
pub fn resource_fork(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut table = (chunks.len() as u32).to_le_bytes().to_vec();
    let mut offset = 4 + 8 * chunks.len();
    for chunk in chunks {
        table.extend((offset as u32).to_le_bytes());
        table.extend((chunk.len() as u32).to_le_bytes());
        offset += chunk.len();
    }
    let resource = [table, chunks.concat()].concat();
    let len = resource.len() as u32;
    let header = [0x100, 0x100 + 4 + len, 4 + len, 50].map(u32::to_be_bytes).concat();
    let map = [
        &[0; 24][..],
        &[0, 0x1C, 0, 0x32, 0, 0],
        b"cmpf",
        &[0, 0, 0, 0x0A, 0, 1, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    [header, vec![0; 240], len.to_be_bytes().to_vec(), resource, map.concat()].concat()
}
