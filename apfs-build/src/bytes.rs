//! Little-endian fields at fixed offsets.

/// Writes `bytes` at offset `at`.
pub fn put(block: &mut [u8], at: usize, bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

pub fn u16_at(block: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(block[at..at + 2].try_into().unwrap())
}

pub fn u32_at(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(block[at..at + 4].try_into().unwrap())
}

pub fn u64_at(block: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(block[at..at + 8].try_into().unwrap())
}

/// Concatenates fields of different widths into one record.
macro_rules! pack {
    ($($field:expr),* $(,)?) => {{
        let mut record = Vec::<u8>::new();
        $(record.extend_from_slice(($field).to_le_bytes().as_ref());)*
        record
    }};
}
pub(crate) use pack;
