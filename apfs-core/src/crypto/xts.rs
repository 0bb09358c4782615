//! AES in XTS mode (IEEE 1619) over units of 512 bytes, as APFS encrypts, and over units of any length.
//!
//! Equal halves of the key are allowed: keybags are encrypted so.

use alloc::boxed::Box;
use core::fmt;

use aes::cipher::consts::U16;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128Dec, Aes128Enc, Aes256Dec, Aes256Enc};

/// Bytes of a unit: each has a tweak of its own.
pub const UNIT: usize = 512;
/// AES blocks of a unit.
const BLOCKS: usize = UNIT / 16;
/// Units that are worked on together: the cipher is fastest on many blocks, and their tweaks stay in the first cache.
const BATCH: usize = 8;

/// Both keys of XTS, ready for use. They are wiped when dropped, and never shown.
pub struct Xts(Ciphers);

enum Ciphers {
    Aes128(Box<Pair<Aes128Dec, Aes128Enc>>),
    Aes256(Box<Pair<Aes256Dec, Aes256Enc>>),
}

struct Pair<D, T> {
    data: D,
    tweak: T,
}

impl Xts {
    /// AES-128-XTS from the key for the data and the key for the tweaks.
    #[must_use]
    pub fn aes128(data: &[u8; 16], tweak: &[u8; 16]) -> Xts {
        let pair = Pair { data: Aes128Dec::new(data.into()), tweak: Aes128Enc::new(tweak.into()) };
        Xts(Ciphers::Aes128(Box::new(pair)))
    }

    /// AES-256-XTS from the key for the data and the key for the tweaks.
    #[must_use]
    pub fn aes256(data: &[u8; 32], tweak: &[u8; 32]) -> Xts {
        let pair = Pair { data: Aes256Dec::new(data.into()), tweak: Aes256Enc::new(tweak.into()) };
        Xts(Ciphers::Aes256(Box::new(pair)))
    }

    /// Decrypts units in place. `first` is the number of the first one; the next ones count on from it.
    pub fn decrypt(&self, first: u128, units: &mut [[u8; UNIT]]) {
        match &self.0 {
            Ciphers::Aes128(pair) => decrypt(pair, first, units),
            Ciphers::Aes256(pair) => decrypt(pair, first, units),
        }
    }

    /// Decrypts one unit of any length in place; its end is the stolen one of the standard where it is no multiple of
    /// 16 bytes. Less than 16 bytes can't be encrypted and are left alone.
    pub fn decrypt_unit(&self, number: u128, unit: &mut [u8]) {
        match &self.0 {
            Ciphers::Aes128(pair) => decrypt_unit(pair, number, unit),
            Ciphers::Aes256(pair) => decrypt_unit(pair, number, unit),
        }
    }
}

fn decrypt_unit<D, T>(keys: &Pair<D, T>, number: u128, unit: &mut [u8])
where
    D: BlockCipherDecrypt<BlockSize = U16>,
    T: BlockCipherEncrypt<BlockSize = U16>,
{
    let mut start = Array::from(number.to_le_bytes());
    keys.tweak.encrypt_block(&mut start);
    let mut tweak = u128::from_le_bytes(start.into());
    let (blocks, cut) = unit.as_chunks_mut::<16>();
    let (whole, stolen) = match blocks.split_last_mut() {
        Some((last, before)) if !cut.is_empty() => (before, Some(last)),
        _ => (blocks, None),
    };
    let mut tweaks = [0u128; BATCH * BLOCKS];
    for batch in whole.chunks_mut(BATCH * BLOCKS) {
        for (_, of_block) in batch.iter().zip(&mut tweaks) {
            *of_block = tweak;
            tweak = double(tweak);
        }
        decrypt_blocks(keys, batch, &tweaks);
    }
    let Some(last) = stolen else { return };
    // The last two are swapped: the whole one ends with what was taken from it to fill up the cut one.
    decrypt_blocks(keys, core::slice::from_mut(last), &[double(tweak)]);
    let mut filled = *last;
    for (cut, filled) in cut.iter_mut().zip(&mut filled) {
        core::mem::swap(cut, filled);
    }
    *last = filled;
    decrypt_blocks(keys, core::slice::from_mut(last), &[tweak]);
}

fn decrypt_blocks<D, T>(keys: &Pair<D, T>, blocks: &mut [[u8; 16]], tweaks: &[u128])
where
    D: BlockCipherDecrypt<BlockSize = U16>,
{
    xor(blocks, tweaks);
    keys.data.decrypt_blocks(Array::cast_slice_from_core_mut(blocks));
    xor(blocks, tweaks);
}

fn decrypt<D, T>(keys: &Pair<D, T>, first: u128, units: &mut [[u8; UNIT]])
where
    D: BlockCipherDecrypt<BlockSize = U16>,
    T: BlockCipherEncrypt<BlockSize = U16>,
{
    let mut number = first;
    let mut tweaks = [0u128; BATCH * BLOCKS];
    for batch in units.chunks_mut(BATCH) {
        let mut starts = [Array::default(); BATCH];
        for start in &mut starts {
            *start = number.to_le_bytes().into();
            number = number.wrapping_add(1);
        }
        keys.tweak.encrypt_blocks(&mut starts);
        let (of_units, _) = tweaks.as_chunks_mut::<BLOCKS>();
        for (start, of_blocks) in starts.into_iter().zip(of_units) {
            let mut next = u128::from_le_bytes(start.into());
            for tweak in of_blocks {
                *tweak = next;
                next = double(next);
            }
        }
        let (blocks, _) = batch.as_flattened_mut().as_chunks_mut::<16>();
        decrypt_blocks(keys, blocks, &tweaks);
    }
}

/// Multiplies by x in the field of 2^128 elements that XTS uses.
fn double(tweak: u128) -> u128 {
    let carry = (tweak.cast_signed() >> 127).cast_unsigned();
    (tweak << 1) ^ (carry & 0x87)
}

fn xor(blocks: &mut [[u8; 16]], tweaks: &[u128]) {
    for (block, tweak) in blocks.iter_mut().zip(tweaks) {
        *block = (u128::from_le_bytes(*block) ^ tweak).to_le_bytes();
    }
}

impl fmt::Debug for Xts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Xts(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;
    use alloc::vec::Vec;

    fn hex(text: &str) -> Vec<u8> {
        let Some(Secret::Key(bytes)) = Secret::key_from_hex(text) else { panic!("{text}") };
        bytes.to_vec()
    }

    fn aes128(data: &str, tweak: &str) -> Xts {
        Xts::aes128(&hex(data).try_into().unwrap(), &hex(tweak).try_into().unwrap())
    }

    /// Blocks are independent of each other, so of a unit the first and last two show as much as all of them.
    fn ends(xts: &Xts, number: u128, first: &str, last: &str) -> (Vec<u8>, Vec<u8>) {
        let mut unit = [0u8; UNIT];
        unit[..32].copy_from_slice(&hex(first));
        unit[480..].copy_from_slice(&hex(last));
        xts.decrypt(number, core::slice::from_mut(&mut unit));
        (unit[..32].to_vec(), unit[480..].to_vec())
    }

    const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    /// Vectors 1 to 3 of IEEE 1619, of which the first has equal halves.
    #[test]
    fn short_vectors() {
        let zeros = "00000000000000000000000000000000";
        let xts = aes128(zeros, zeros);
        let ciphertext = "917cf69ebd68b2ec9b9fe9a3eadda692cd43d2f59598ed858c02c2652fbf922e";
        assert_eq!(ends(&xts, 0, ciphertext, NOTHING).0, [0; 32]);
        let twos = "22222222222222222222222222222222";
        for (key, ciphertext) in [
            (
                "11111111111111111111111111111111",
                "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0",
            ),
            (
                "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0",
                "af85336b597afc1a900b2eb21ec949d292df4c047e0b21532186a5971a227a89",
            ),
        ] {
            assert_eq!(ends(&aes128(key, twos), 0x33_3333_3333, ciphertext, NOTHING).0, [0x44; 32]);
        }
    }

    /// Vectors 4 and 10 of IEEE 1619: whole units, AES-128 and AES-256, whose plaintext counts upward.
    #[test]
    fn whole_units() {
        let expected = ((0..32).collect::<Vec<u8>>(), (224..=255).collect::<Vec<u8>>());
        let xts = aes128("27182818284590452353602874713526", "31415926535897932384626433832795");
        let first = "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c";
        let last = "eb4a427d1923ce3ff262735779a418f20a282df920147beabe421ee5319d0568";
        assert_eq!(ends(&xts, 0, first, last), expected);
        let data = hex("2718281828459045235360287471352662497757247093699959574966967627");
        let tweak = hex("3141592653589793238462643383279502884197169399375105820974944592");
        let xts = Xts::aes256(&data.try_into().unwrap(), &tweak.try_into().unwrap());
        let first = "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b";
        let last = "773dad38014bd2092fa755c824bb5e54c4f36ffda9fcea70b9c6e693e148c151";
        assert_eq!(ends(&xts, 0xFF, first, last), expected);
    }

    /// Vectors 15 to 18 of IEEE 1619: units of 17 to 20 bytes. A unit of 512 bytes is decrypted as one of many is.
    #[test]
    fn units_of_any_length() {
        let xts = aes128("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0", "bfbebdbcbbbab9b8b7b6b5b4b3b2b1b0");
        for ciphertext in [
            "6c1625db4671522d3d7599601de7ca09ed",
            "d069444b7a7e0cab09e24447d24deb1fedbf",
            "e5df1351c0544ba1350b3363cd8ef4beedbf9d",
            "9d84c813f719aa2c7be3f66171c7c5c2edbf9dac",
        ] {
            let mut unit = hex(ciphertext);
            xts.decrypt_unit(0x12_3456_789A, &mut unit);
            assert_eq!(unit, (0..20).take(unit.len()).collect::<Vec<u8>>());
        }
        let (mut one, mut many) = ([7u8; UNIT], [7u8; UNIT]);
        xts.decrypt_unit(5, &mut one);
        xts.decrypt(5, core::slice::from_mut(&mut many));
        assert_eq!(one, many);
        xts.decrypt_unit(5, &mut []);
        xts.decrypt_unit(5, &mut [1; 15]);
    }

    /// Units are numbered on across batches, and past the largest 64-bit number.
    #[test]
    fn many_units() {
        let xts = aes128("27182818284590452353602874713526", "31415926535897932384626433832795");
        for first in [0, u128::from(u64::MAX) - 3] {
            let mut together = [[7u8; UNIT]; 2 * BATCH + 3];
            xts.decrypt(first, &mut together);
            for (number, unit) in (first..).zip(together) {
                let mut alone = [7u8; UNIT];
                xts.decrypt(number, core::slice::from_mut(&mut alone));
                assert_eq!(unit, alone, "{number}");
            }
        }
        assert_eq!(alloc::format!("{xts:?}"), "Xts(..)");
    }
}
