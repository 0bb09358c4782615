//! Structures of HFS+ as they lie on disk, with Apple's names: big-endian, packed to two bytes (sheet hfsplus).
