//! Encrypted disk images: AES-CBC by blocks, its keys wrapped by passwords in a header (sheet dmg, sections 5 and 6).
//!
//! | module | holds |
//! |---|---|
//! | [`info`] | what is known without any secret |
//! | `raw` | the headers as they lie in the file |
//! | `header`, `v1`, `v2` | checked headers, and how a password opens their keys |
//! | `password`, `keys` | the key that a password makes; the keys of the data |
//! | [`device`] | the decrypted disk |

pub mod device;
mod header;
pub mod info;
mod keys;
mod password;
mod raw;
mod v1;
mod v2;

pub use device::EncryptedImage;
pub use header::inspect;
pub use info::{EncryptionInfo, Method};
