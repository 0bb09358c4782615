//! Floor 1: the little cryptography that images need, on established crates. Keys are wiped when dropped.

pub mod kdf;
