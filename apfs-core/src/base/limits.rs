//! Ceilings that keep a hostile image from costing unbounded time or memory.

/// Ceilings for everything whose size an image controls. The defaults fit every real disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes that cached blocks of one container may take. Default 16 MiB.
    pub cache_bytes: usize,
    /// Bytes of the checkpoint descriptor area. Default 64 MiB; Apple's has up to 280 blocks.
    pub descriptor_bytes: u64,
    /// Bytes of the ephemeral objects of one checkpoint together. Default 256 MiB.
    pub ephemeral_bytes: u32,
    /// Bytes of one extended attribute that is returned whole. Default 64 MiB.
    pub xattr_bytes: u64,
    /// How many times the size of its container, or of the device if that is shorter, a sparse stream may be.
    /// Default 1024: reading holes takes time.
    pub sparse_factor: u64,
    /// Symbolic links followed in one path. Default 32, as macOS.
    pub symlinks: u32,
    /// Directories inside one another. Default 4,096.
    pub directory_depth: usize,
    /// Snapshots of one volume. Default 1,000,000.
    pub snapshots: usize,
    /// GPT entries. Default 1,024.
    pub partitions: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            cache_bytes: 16 << 20,
            descriptor_bytes: 64 << 20,
            ephemeral_bytes: 256 << 20,
            xattr_bytes: 64 << 20,
            sparse_factor: 1024,
            symlinks: 32,
            directory_depth: 4096,
            snapshots: 1_000_000,
            partitions: 1024,
        }
    }
}
