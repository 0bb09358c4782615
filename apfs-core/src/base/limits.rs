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
    /// Directories that one walk enters again, since they have several hard links. Default 1,000,000.
    pub repeated_dirs: u64,
    /// Ranges of an HFS+ volume that replaying its journal changes. Default 500,000.
    pub journal_ranges: usize,
    /// Firmlinks of one System volume. Default 1,024; macOS has about 20.
    pub firmlinks: usize,
    /// Entries of the middle tree or of the write-back cache of one Fusion pair. Default 2,000,000: up to 200 MB.
    pub fusion_entries: usize,
    /// Snapshots of one volume. Default 1,000,000.
    pub snapshots: usize,
    /// Runs of blocks that are remembered at once to tell whose they are: extents of one volume, and what owns blocks in
    /// one container. Default 8,000,000, of 32 bytes each.
    pub space_runs: usize,
    /// Facts that a check of one volume keeps to compare them: about three for each file, of 32 bytes on average.
    /// Default 400,000,000.
    pub check_facts: u64,
    /// Files, names, byte ranges and tree leaves in which two compared states of a volume differ, each counted one.
    /// Default 8,000,000: some hundred megabytes.
    pub differences: usize,
    /// Entries of a partition table, extended partitions included. Default 1,024.
    pub partitions: u32,
    /// Disk images inside one another. Default 8.
    pub image_depth: usize,
    /// Bytes that one compressed chunk of a disk image expands to. Default 32 MiB; Apple's have up to 1 MiB.
    pub image_chunk_bytes: u64,
    /// Bytes of decompressed chunks of one disk image, or of one volume's compressed files, that are kept.
    /// Default 8 MiB.
    pub chunk_cache_bytes: usize,
    /// Bytes of the property list or resource fork of a disk image, of a CoreStorage group's metadata, or of its property
    /// lists together. Default 256 MiB.
    pub image_table_bytes: u64,
    /// Bytes of the disk in a disk image, or of a logical volume. Default 2^53 (8 PiB).
    pub image_bytes: u64,
    /// Files that a disk image is split into. Default 100,000.
    pub image_segments: usize,
    /// Rounds of key derivation for one password, on all records of a volume together. Default 20,000,000: some
    /// seconds.
    pub kdf_rounds: u32,
    /// Attempts to open something with a password or key. Default 256.
    pub unlock_attempts: u32,
    /// Runs of blocks with their owners that a check of a volume keeps. Default 8,000,000: 96 MB.
    pub check_runs: usize,
    /// Bytes of a file that one hash of a sealed volume covers. Default 64 MiB; Apple's cover some blocks.
    pub seal_piece_bytes: u64,
    /// Data streams of a sealed volume that are not those of the file with their number: each is hashed once, however
    /// many files share it. Default 4,000,000.
    pub seal_streams: usize,
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
            repeated_dirs: 1_000_000,
            journal_ranges: 500_000,
            firmlinks: 1024,
            fusion_entries: 2_000_000,
            snapshots: 1_000_000,
            space_runs: 8_000_000,
            check_facts: 400_000_000,
            differences: 8_000_000,
            partitions: 1024,
            image_depth: 8,
            image_chunk_bytes: 32 << 20,
            chunk_cache_bytes: 8 << 20,
            image_table_bytes: 256 << 20,
            image_bytes: 1 << 53,
            image_segments: 100_000,
            kdf_rounds: 20_000_000,
            unlock_attempts: 256,
            check_runs: 8_000_000,
            seal_piece_bytes: 64 << 20,
            seal_streams: 4_000_000,
        }
    }
}
