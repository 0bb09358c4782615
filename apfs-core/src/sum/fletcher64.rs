//! Fletcher-64 as APFS objects carry it (sheet apfs-01, section 3).

/// Words handled side by side; wide enough for the compiler to use vector instructions.
const LANES: usize = 8;

/// Words between two reductions: 2^14 words keep the sums below 2^60.
const CHUNK_BYTES: usize = 4 << 14;

const MODULUS: u64 = 0xFFFF_FFFF;

/// Checksum of an object's bytes after the checksum field itself. A tail shorter than a word is left out.
#[must_use]
#[allow(clippy::arithmetic_side_effects, reason = "sums of at most 2^14 u32 words, reduced after each chunk")]
pub fn fletcher64(bytes: &[u8]) -> u64 {
    let (mut sum1, mut sum2) = (0u64, 0u64);
    for chunk in bytes.chunks(CHUNK_BYTES) {
        let (words, first, second) = chunk_sums(chunk);
        // The words before this chunk stand in `sum1` once for every word of the chunk.
        sum2 = (sum2 + (sum1 * words) % MODULUS + second) % MODULUS;
        sum1 = (sum1 + first) % MODULUS;
    }
    let check1 = MODULUS - (sum1 + sum2) % MODULUS;
    let check2 = MODULUS - (sum1 + check1) % MODULUS;
    check2 << 32 | check1
}

/// Number of words, their sum, and the sum of the running sums.
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "constant lanes; sums below 2^60"
)]
#[inline]
fn chunk_sums(chunk: &[u8]) -> (u64, u64, u64) {
    let (rows, tail) = chunk.as_chunks::<{ LANES * 4 }>();
    let (mut sums, mut running) = ([0u64; LANES], [0u64; LANES]);
    let mut words = 0u64;
    for row in rows {
        let (row, _) = row.as_chunks::<4>();
        for lane in 0..LANES {
            sums[lane] += u64::from(u32::from_le_bytes(row[lane]));
            running[lane] += sums[lane];
        }
        words += 8;
    }
    // A word in lane j of row r is counted LANES * (rows - r) - j times.
    let (mut first, mut second, mut j) = (0u64, 0u64, 0u64);
    for lane in 0..LANES {
        first += sums[lane];
        second += running[lane] * 8 - sums[lane] * j;
        j += 1;
    }
    for word in tail.as_chunks::<4>().0 {
        first += u64::from(u32::from_le_bytes(*word));
        second += first;
        words += 1;
    }
    (words, first, second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// The definition, word by word.
    #[allow(clippy::arithmetic_side_effects, reason = "a test")]
    fn plain(bytes: &[u8]) -> u64 {
        let (mut sum1, mut sum2) = (0u64, 0u64);
        for word in bytes.chunks_exact(4) {
            sum1 = (sum1 + u64::from(u32::from_le_bytes(word.try_into().unwrap()))) % MODULUS;
            sum2 = (sum2 + sum1) % MODULUS;
        }
        let check1 = MODULUS - (sum1 + sum2) % MODULUS;
        let check2 = MODULUS - (sum1 + check1) % MODULUS;
        check2 << 32 | check1
    }

    /// An all-zero body gives all ones, so an all-zero block is never valid.
    #[test]
    fn zeros() {
        assert_eq!(fletcher64(&[0; 4088]), u64::MAX);
    }

    /// The largest sums that an object can give do not overflow.
    #[test]
    fn largest() {
        let ones = alloc::vec![0xFF; 300_000];
        assert_eq!(fletcher64(&ones), plain(&ones));
    }

    proptest! {
        /// The lanes compute what the definition says, at every length.
        #[test]
        fn equals_definition(bytes in proptest::collection::vec(any::<u8>(), 0..70_000)) {
            let words: Vec<u8> = bytes;
            prop_assert_eq!(fletcher64(&words), plain(&words));
        }
    }
}
