//! CoreStorage: logical volumes on physical ones, FileVault 2 included (sheet corestorage).
//!
//! A [`Group`] is made of [`PhysicalVolume`]s, partitions mostly, and holds [`LogicalVolume`]s, each a device for the file
//! system in it. What is known of them without a password is in [`family`].
//!
//! | module | holds |
//! |---|---|
//! | [`raw`] | structures as they lie on disk |
//! | `block` | a block of metadata, its checksum verified |
//! | `plist` | the dialect of property lists: values that refer to others, numbers in hexadecimal |
//! | [`header`] | physical volumes, by the header at either end |
//! | `label` | disk labels: the group, its physical volumes, where the metadata lies |
//! | `metadata` | the encrypted metadata: the newest block of every object, from both copies |
//! | `list` | property lists kept in several blocks, or compressed |
//! | [`family`] | how volumes are encrypted, and for whom |
//! | `map` | which blocks of which physical volume a logical one is made of |
//! | `device` | the bytes of a logical volume, decrypted as they are read |
//! | `unlock` | from a password to the key of the volume |
//! | `conversion` | which extents are encrypted while that is being changed |
//! | [`volume`], [`group`] | what callers use |

mod block;
mod conversion;
mod device;
pub mod family;
pub mod group;
pub mod header;
mod label;
mod list;
mod map;
mod metadata;
mod plist;
pub mod raw;
mod unlock;
pub mod volume;

pub use family::{CryptoUser, Encryption, UserKind};
pub use group::Group;
pub use header::PhysicalVolume;
pub use volume::{Conversion, LogicalVolume, Unlocked};
