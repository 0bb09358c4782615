//! Encoders that are crates.

use std::io::Write;

/// A zlib stream, by flate2.
pub fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A bzip2 stream, by libbz2.
pub fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// An .xz stream without a check, as Apple writes them, by `lzma-rust2`.
pub fn xz(data: &[u8]) -> Vec<u8> {
    let mut options = lzma_rust2::XzOptions::with_preset(6);
    options.set_check_sum_type(lzma_rust2::CheckType::None);
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
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
