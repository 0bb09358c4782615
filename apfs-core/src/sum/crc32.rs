//! The two CRC-32 variants Apple's formats use.

use crc::{Algorithm, CRC_32_ISO_HDLC, Crc, Digest, Table};

/// CRC-32C without the final inversion: the name hash of APFS (sheet apfs-04, section 5), and the checksum of
/// CoreStorage (sheet corestorage, section 1).
const NAME_HASH: Algorithm<u32> = Algorithm {
    width: 32,
    poly: 0x1EDC_6F41,
    init: 0xFFFF_FFFF,
    refin: true,
    refout: true,
    xorout: 0,
    check: 0x1CF9_6D7C,
    residue: 0,
};

static NAME: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&NAME_HASH);
static ISO: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// CRC-32 as zip and GPT use it.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    ISO.checksum(bytes)
}

/// A running CRC-32 as zip and GPT use it.
#[must_use]
pub(crate) fn crc32_digest() -> Digest<'static, u32, Table<16>> {
    ISO.digest()
}

/// A running CRC-32 that can also take any number of zeros at once.
#[derive(Clone, Debug)]
pub(crate) struct Crc32 {
    /// Bits in reverse order, not inverted yet.
    state: u32,
}

impl Crc32 {
    pub(crate) fn new() -> Crc32 {
        Crc32 { state: u32::MAX }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let mut digest = ISO.digest_with_initial(self.state.reverse_bits());
        digest.update(bytes);
        self.state = !digest.finalize();
    }

    /// Takes `count` bytes of zero, in a time that does not depend on how many they are.
    pub(crate) fn update_zeros(&mut self, mut count: u64) {
        // A zero byte multiplies the state, a polynomial, by x^8: n of them by x^8n, by squaring.
        let mut factor = REVERSED_ONE >> 8;
        while count > 0 {
            if count & 1 != 0 {
                self.state = multiply(self.state, factor);
            }
            factor = multiply(factor, factor);
            count >>= 1;
        }
    }

    pub(crate) fn value(&self) -> u32 {
        !self.state
    }
}

/// The polynomial 1 with its bits in reverse order.
const REVERSED_ONE: u32 = 1 << 31;
/// The polynomial of CRC-32 with its bits in reverse order.
const REVERSED_POLYNOMIAL: u32 = 0xEDB8_8320;

/// Product of two polynomials modulo that of CRC-32.
fn multiply(a: u32, mut b: u32) -> u32 {
    let (mut product, mut bit) = (0, REVERSED_ONE);
    while bit != 0 {
        if a & bit != 0 {
            product ^= b;
        }
        b = if b & 1 != 0 { b >> 1 ^ REVERSED_POLYNOMIAL } else { b >> 1 };
        bit >>= 1;
    }
    product
}

/// A running CRC-32C without final inversion.
#[must_use]
pub(crate) fn name_hash_digest() -> Digest<'static, u32, Table<16>> {
    NAME.digest()
}

/// CRC-32C without final inversion.
#[must_use]
pub(crate) fn crc32c_plain(bytes: &[u8]) -> u32 {
    NAME.checksum(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check values of the published catalogue: "123456789".
    #[test]
    fn check_values() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        let mut digest = name_hash_digest();
        digest.update(b"123456789");
        assert_eq!(digest.finalize(), !0xE306_9283);
        assert_eq!(crc32c_plain(b"123456789"), !0xE306_9283);
    }
    /// Zeros taken at once count as if they were given; what came before and comes after counts as well.
    #[test]
    fn zeros_at_once() {
        for count in [0usize, 1, 7, 511, 512, 100_000] {
            let mut crc = Crc32::new();
            crc.update(b"before");
            crc.update_zeros(u64::try_from(count).unwrap());
            crc.update(b"after");
            let bytes = [b"before".as_slice(), &alloc::vec![0; count], b"after"].concat();
            assert_eq!(crc.value(), crc32(&bytes), "{count}");
        }
    }
}
