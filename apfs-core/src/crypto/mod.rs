//! Floor 1: the little cryptography that images need, on established crates. Keys are wiped when dropped.

pub mod cbc;
pub mod der;
pub mod digest;
pub mod hash;
pub mod kdf;
pub mod keywrap;
pub mod mac;
pub mod xts;
