//! The two CRC-32 variants Apple's formats use.

use crc::{Algorithm, CRC_32_ISO_HDLC, Crc, Digest, Table};

/// CRC-32C without the final inversion: the name hash of APFS (sheet apfs-04, section 5).
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

/// A running CRC-32C without final inversion.
#[must_use]
pub(crate) fn name_hash_digest() -> Digest<'static, u32, Table<16>> {
    NAME.digest()
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
    }
}
