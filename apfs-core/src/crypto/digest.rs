//! Hash functions that a volume chooses among: one type for all of them.

use core::fmt;

use sha2::{Digest as _, Sha256, Sha384, Sha512, Sha512_256};
use sha3::{Sha3_256, Sha3_384, Sha3_512};

/// Bytes of the longest hash.
pub const MAX_DIGEST: usize = 64;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512/256.
    Sha512Of256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA3-256.
    Sha3Of256,
    /// SHA3-384.
    Sha3Of384,
    /// SHA3-512.
    Sha3Of512,
}

impl Algorithm {
    /// Length of its hashes in bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "no hash is empty")]
    pub fn len(self) -> usize {
        match self {
            Algorithm::Sha256 | Algorithm::Sha512Of256 | Algorithm::Sha3Of256 => 32,
            Algorithm::Sha384 | Algorithm::Sha3Of384 => 48,
            Algorithm::Sha512 | Algorithm::Sha3Of512 => 64,
        }
    }

    /// Its name by the standard: `SHA-256`, `SHA-512/256`, `SHA3-384`, ...
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512Of256 => "SHA-512/256",
            Algorithm::Sha384 => "SHA-384",
            Algorithm::Sha512 => "SHA-512",
            Algorithm::Sha3Of256 => "SHA3-256",
            Algorithm::Sha3Of384 => "SHA3-384",
            Algorithm::Sha3Of512 => "SHA3-512",
        }
    }

    /// Hash of some bytes.
    #[must_use]
    pub fn digest(self, bytes: &[u8]) -> Digest {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        hasher.finish()
    }

    /// A hash to which bytes are added piece by piece.
    #[must_use]
    pub fn hasher(self) -> Hasher {
        Hasher(match self {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512Of256 => State::Sha512Of256(Sha512_256::new()),
            Algorithm::Sha384 => State::Sha384(Sha384::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
            Algorithm::Sha3Of256 => State::Sha3Of256(Sha3_256::new()),
            Algorithm::Sha3Of384 => State::Sha3Of384(Sha3_384::new()),
            Algorithm::Sha3Of512 => State::Sha3Of512(Sha3_512::new()),
        })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A hash under way.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha512Of256(Sha512_256),
    Sha384(Sha384),
    Sha512(Sha512),
    Sha3Of256(Sha3_256),
    Sha3Of384(Sha3_384),
    Sha3Of512(Sha3_512),
}

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(hash) => hash.update(bytes),
            State::Sha512Of256(hash) => hash.update(bytes),
            State::Sha384(hash) => hash.update(bytes),
            State::Sha512(hash) => hash.update(bytes),
            State::Sha3Of256(hash) => hash.update(bytes),
            State::Sha3Of384(hash) => hash.update(bytes),
            State::Sha3Of512(hash) => hash.update(bytes),
        }
    }

    /// The hash of everything that was added.
    #[must_use]
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(hash) => Digest::new(&hash.finalize()),
            State::Sha512Of256(hash) => Digest::new(&hash.finalize()),
            State::Sha384(hash) => Digest::new(&hash.finalize()),
            State::Sha512(hash) => Digest::new(&hash.finalize()),
            State::Sha3Of256(hash) => Digest::new(&hash.finalize()),
            State::Sha3Of384(hash) => Digest::new(&hash.finalize()),
            State::Sha3Of512(hash) => Digest::new(&hash.finalize()),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").finish_non_exhaustive()
    }
}

/// A finished hash. Shown as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    bytes: [u8; MAX_DIGEST],
    len: usize,
}

impl Digest {
    fn new(hash: &[u8]) -> Digest {
        let mut bytes = [0; MAX_DIGEST];
        for (target, byte) in bytes.iter_mut().zip(hash) {
            *target = *byte;
        }
        Digest { bytes, len: hash.len() }
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(self.as_bytes()), f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Shows bytes as small hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// The examples of FIPS 180-4 and FIPS 202 for "abc", whole and in pieces.
    #[test]
    fn abc() {
        for (algorithm, expected) in [
            (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (Algorithm::Sha512Of256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
            (
                Algorithm::Sha384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
                 8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                Algorithm::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
            (Algorithm::Sha3Of256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
            (
                Algorithm::Sha3Of384,
                "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b2\
                 98d88cea927ac7f539f1edf228376d25",
            ),
            (
                Algorithm::Sha3Of512,
                "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e\
                 10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
            ),
        ] {
            let digest = algorithm.digest(b"abc");
            assert_eq!((digest.to_string().as_str(), digest.as_bytes().len()), (expected, algorithm.len()));
            let mut hasher = algorithm.hasher();
            for piece in [&b"a"[..], b"", b"bc"] {
                hasher.update(piece);
            }
            assert_eq!(hasher.finish(), digest);
        }
    }
}
