//! Slicing and decoding that return nothing instead of panicking, and the two length conversions.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::error::{Error, Result};

/// A length in memory as a 64-bit number; lossless on every platform Rust supports.
#[must_use]
pub fn len64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A 64-bit length as a length in memory.
///
/// # Errors
/// [`Error::Limit`] if this platform can't address it.
pub fn to_usize(len: u64) -> Result<usize> {
    usize::try_from(len).map_err(|_| Error::limit("length in memory", len64(usize::MAX), len))
}

/// `len` bytes of `bytes` from `offset`, or `None` if they are not all there.
#[must_use]
pub fn get(bytes: &[u8], offset: usize, len: usize) -> Option<&[u8]> {
    bytes.get(offset..offset.checked_add(len)?)
}

/// The structure at the start of `bytes`, or `None` if they are too short.
#[must_use]
pub fn pod<T: FromBytes + KnownLayout + Immutable + Unaligned>(bytes: &[u8]) -> Option<&T> {
    T::ref_from_prefix(bytes).ok().map(|(value, _)| value)
}

/// The structure at the start of `bytes` and what follows it.
#[must_use]
pub fn pod_rest<T: FromBytes + KnownLayout + Immutable + Unaligned>(bytes: &[u8]) -> Option<(&T, &[u8])> {
    T::ref_from_prefix(bytes).ok()
}

/// Little-endian u16 at `offset`.
#[must_use]
pub fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    get(bytes, offset, 2)?.try_into().ok().map(u16::from_le_bytes)
}

/// Little-endian u32 at `offset`.
#[must_use]
pub fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    get(bytes, offset, 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// Little-endian u64 at `offset`.
#[must_use]
pub fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    get(bytes, offset, 8)?.try_into().ok().map(u64::from_le_bytes)
}

/// Big-endian u16 at `offset`.
#[must_use]
pub fn be16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    get(bytes, offset, 2)?.try_into().ok().map(u16::from_be_bytes)
}

/// Big-endian u32 at `offset`.
#[must_use]
pub fn be32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    get(bytes, offset, 4)?.try_into().ok().map(u32::from_be_bytes)
}

/// A buffer of `len` zeros, or [`Error::Limit`] if there is no memory for it.
///
/// # Errors
/// [`Error::Limit`] if the allocation fails.
pub fn zeroed(len: usize) -> Result<alloc::vec::Vec<u8>> {
    let mut buffer = alloc::vec::Vec::new();
    buffer.try_reserve_exact(len).map_err(|_| Error::limit("memory for a buffer", 0, len64(len)))?;
    buffer.resize(len, 0);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No offset or length, however large, does more than return nothing.
    #[test]
    fn out_of_range_is_none() {
        let bytes = [1, 0, 2, 0];
        assert_eq!(u16_at(&bytes, 2), Some(2));
        assert_eq!(u16_at(&bytes, 3), None);
        assert_eq!(u32_at(&bytes, usize::MAX), None);
        assert_eq!(get(&bytes, 1, usize::MAX), None);
    }
}
