//! HFS+ and HFSX: volumes, their trees and files (sheet hfsplus).

mod fs;
pub mod header;
pub mod raw;
mod scan;
pub mod volume;
pub mod wrapper;

pub use header::{Variant, VolumeHeader};
pub use volume::Volume;
pub use wrapper::Wrapper;
