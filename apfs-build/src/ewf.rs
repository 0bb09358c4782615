//! Evidence files (`.E01`): a disk in chunks, every other one compressed where that makes it smaller, in one or more segments.

use std::io::Write;

use super::bytes::{pack, put};

const SECTOR: usize = 512;
const DESCRIPTOR: usize = 76;

/// The segments of a disk, `per_segment` chunks of `sectors` sectors each.
pub fn ewf(disk: &[u8], sectors: usize, per_segment: usize) -> Vec<Vec<u8>> {
    let chunks: Vec<&[u8]> = disk.chunks(sectors * SECTOR).collect();
    let count = chunks.len().div_ceil(per_segment);
    let segments = chunks.chunks(per_segment).enumerate();
    segments.map(|(number, now)| segment(number, number + 1 == count, now, &volume(disk, sectors))).collect()
}

fn segment(number: usize, is_last: bool, chunks: &[&[u8]], volume: &[u8]) -> Vec<u8> {
    let mut file = b"EVF\x09\x0D\x0A\xFF\x00\x01".to_vec();
    file.extend(pack![number as u16 + 1, 0_u16]);
    if number == 0 {
        section(&mut file, "volume", volume);
    }
    let (mut data, mut entries) = (Vec::new(), Vec::new());
    let base = file.len() + DESCRIPTOR;
    for (index, chunk) in chunks.iter().enumerate() {
        let packed = zlib(chunk);
        let is_packed = index % 2 == 0 && packed.len() < chunk.len();
        entries.extend(pack![data.len() as u32 | u32::from(is_packed) << 31]);
        if is_packed {
            data.extend(packed);
        } else {
            data.extend_from_slice(chunk);
            data.extend(pack![adler32(chunk)]);
        }
    }
    section(&mut file, "sectors", &data);
    let mut table = pack![chunks.len() as u32, 0_u32, base as u64, 0_u32];
    table.extend(pack![adler32(&table)]);
    table.extend_from_slice(&entries);
    table.extend(pack![adler32(&entries)]);
    section(&mut file, "table", &table);
    section(&mut file, if is_last { "done" } else { "next" }, &[]);
    file
}

fn zlib(chunk: &[u8]) -> Vec<u8> {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(chunk).unwrap();
    zlib.finish().unwrap()
}

fn volume(disk: &[u8], sectors: usize) -> Vec<u8> {
    let chunks = disk.len().div_ceil(sectors * SECTOR) as u32;
    let mut out = pack![1_u32, chunks, sectors as u32, SECTOR as u32, (disk.len() / SECTOR) as u64];
    out.resize(1048, 0);
    out.extend(pack![adler32(&out)]);
    out
}

/// Appends a section. The last one refers to itself.
fn section(file: &mut Vec<u8>, kind: &str, content: &[u8]) {
    let start = file.len();
    let size = DESCRIPTOR + content.len();
    let next = if content.is_empty() { start } else { start + size };
    let mut descriptor = vec![0; DESCRIPTOR];
    put(&mut descriptor, 0, kind);
    put(&mut descriptor, 16, pack![next as u64, size as u64]);
    let checksum = adler32(&descriptor[..72]);
    put(&mut descriptor, 72, pack![checksum]);
    file.extend(descriptor);
    file.extend_from_slice(content);
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1, 0);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    b << 16 | a
}
