//! AES-XTS and RFC 3394 in the direction that the library does not have: encrypting and wrapping, one block at a time.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256};

/// Bytes that share a tweak.
const UNIT: usize = 512;

/// Encrypts in place with AES-128-XTS; `first` is the number of the first 512 bytes.
pub fn xts_encrypt(data_key: &[u8], tweak_key: &[u8], first: u64, bytes: &mut [u8]) {
    for (index, unit) in bytes.chunks_mut(UNIT).enumerate() {
        xts_encrypt_unit(data_key, tweak_key, first + index as u64, unit);
    }
}

/// Encrypts one unit of any length from 16 bytes on in place.
pub fn xts_encrypt_unit(data_key: &[u8], tweak_key: &[u8], number: u64, unit: &mut [u8]) {
    let (data, tweak) = (aes128(data_key), aes128(tweak_key));
    let mut mask = [0; 16];
    mask[..8].copy_from_slice(&number.to_le_bytes());
    tweak.encrypt_block((&mut mask).into());
    let encrypt = |block: &mut [u8], mask: &[u8; 16]| {
        xor(block, mask);
        data.encrypt_block(block.try_into().unwrap());
        xor(block, mask);
    };
    let (whole, cut) = unit.split_at_mut(unit.len() / 16 * 16);
    for block in whole.chunks_mut(16) {
        encrypt(block, &mask);
        times_x(&mut mask);
    }
    if !cut.is_empty() {
        // The cut block is filled up with the end of the last whole one, and takes its place.
        let last = whole.len() - 16;
        for (cut, whole) in cut.iter_mut().zip(&mut whole[last..]) {
            core::mem::swap(cut, whole);
        }
        encrypt(&mut whole[last..], &mask);
    }
}

fn aes128(key: &[u8]) -> Aes128 {
    Aes128::new(key.try_into().unwrap())
}

fn xor(block: &mut [u8], mask: &[u8; 16]) {
    for (byte, mask) in block.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// Multiplies by x, least significant byte first.
fn times_x(mask: &mut [u8; 16]) {
    let mut carry = 0;
    for byte in mask.iter_mut() {
        let out = *byte >> 7;
        *byte = *byte << 1 | carry;
        carry = out;
    }
    mask[0] ^= carry * 0x87;
}

/// Wraps a key with another one of 16 or 32 bytes.
pub fn wrap(with: &[u8], key: &[u8]) -> Vec<u8> {
    let encrypt: &dyn Fn(&mut [u8; 16]) = match with.len() {
        16 => &|block| aes128(with).encrypt_block(block.into()),
        32 => &|block| Aes256::new(with.try_into().unwrap()).encrypt_block(block.into()),
        len => panic!("no AES key has {len} bytes"),
    };
    let mut integrity = [0xa6; 8];
    let mut parts: Vec<[u8; 8]> = key.chunks(8).map(|part| part.try_into().unwrap()).collect();
    let count = parts.len();
    for round in 0..6 {
        for (index, part) in parts.iter_mut().enumerate() {
            let mut block = [0; 16];
            block[..8].copy_from_slice(&integrity);
            block[8..].copy_from_slice(part);
            encrypt(&mut block);
            let step = (round * count + index + 1) as u64;
            let high = u64::from_be_bytes(block[..8].try_into().unwrap()) ^ step;
            integrity = high.to_be_bytes();
            part.copy_from_slice(&block[8..]);
        }
    }
    [integrity.as_slice(), &parts.concat()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Vectors 1 and 2 of IEEE 1619.
    #[test]
    fn xts() {
        let mut bytes = [0; 32];
        xts_encrypt(&[0; 16], &[0; 16], 0, &mut bytes);
        assert_eq!(hex(&bytes), "917cf69ebd68b2ec9b9fe9a3eadda692cd43d2f59598ed858c02c2652fbf922e");
        let mut bytes = [0x44; 32];
        xts_encrypt(&[0x11; 16], &[0x22; 16], 0x33_3333_3333, &mut bytes);
        assert_eq!(hex(&bytes), "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0");
    }

    /// Vectors 15 and 18 of IEEE 1619.
    #[test]
    fn xts_with_a_cut_block() {
        let data: Vec<u8> = (0xf0..=0xff).rev().collect();
        let tweak: Vec<u8> = (0xb0..=0xbf).rev().collect();
        for (len, expected) in
            [(17, "6c1625db4671522d3d7599601de7ca09ed"), (20, "9d84c813f719aa2c7be3f66171c7c5c2edbf9dac")]
        {
            let mut bytes: Vec<u8> = (0..len).collect();
            xts_encrypt_unit(&data, &tweak, 0x12_3456_789a, &mut bytes);
            assert_eq!(hex(&bytes), expected);
        }
    }

    /// Sections 4.1 and 4.6 of RFC 3394.
    #[test]
    fn wrapping() {
        let key: Vec<u8> = (0..32).collect();
        let data: Vec<u8> = (0..16).map(|n| n * 0x11).chain(0..16).collect();
        assert_eq!(hex(&wrap(&key[..16], &data[..16])), "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5");
        assert_eq!(
            hex(&wrap(&key, &data)),
            "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"
        );
    }
}
