//! HFS+ and HFSX: volumes, their trees and files (sheet hfsplus).

pub mod raw;
