//! Floor 1: the little cryptography that images need, on established crates. Keys are wiped when dropped.

pub mod cbc;
pub mod kdf;
pub mod mac;
