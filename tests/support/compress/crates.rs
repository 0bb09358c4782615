//! Encoders that are crates.

use std::io::Write;

/// A zlib stream, by flate2.
pub fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// An LZFSE stream, by `lzfse_rust`: stored, LZVN or entropy-coded blocks as it sees fit.
pub fn lzfse(data: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    lzfse_rust::encode_bytes(data, &mut stream).unwrap();
    stream
}

/// An LZFSE stream of one LZVN block around a raw LZVN stream.
pub fn lzvn_block(lzvn: &[u8], len: usize) -> Vec<u8> {
    let numbers = [len as u32, lzvn.len() as u32];
    let header = numbers.map(u32::to_le_bytes).concat();
    [b"bvxn", &header[..], lzvn, b"bvx$"].concat()
}
