//! Seed images, built once: small, and together of everything that the library reads.

use std::sync::OnceLock;

use apfs_tests::build::fusion::tier2_flag;
use apfs_tests::build::gpt::types;
use apfs_tests::build::object::checksum_is_right;
use apfs_tests::build::{Encryption, Gpt, Image, ImageBuilder, Role, Unlock, VolumeBuilder};
use apfs_tests::compress::{decmpfs, sample};
use apfs_tests::macs;

/// What a region of a seed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionKind {
    /// An object with a header and a checksum.
    Object(Role),
    /// A node without a header, and thus without a checksum.
    Headerless,
    /// A node of an HFS+ tree.
    HfsNode,
    /// A volume header of HFS+.
    HfsHeader,
    /// Content of a file, or a bitmap.
    Plain,
    /// Header or entries of a partition table.
    Table,
}

/// Bytes of a seed that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// First byte.
    pub start: usize,
    /// Length in bytes.
    pub len: usize,
    /// What it is.
    pub kind: RegionKind,
}

impl Region {
    /// True if it is a node of an APFS B-tree.
    pub fn is_node(&self) -> bool {
        use Role::{AreaTreeNode, ContainerOmapNode, ExtentrefNode, FextNode, FreeQueueNode, FsNode};
        use Role::{OmapSnapshotNode, SnapMetaNode, VolumeOmapNode};
        match self.kind {
            RegionKind::Headerless => true,
            RegionKind::Object(role) => matches!(
                role,
                AreaTreeNode
                    | ContainerOmapNode
                    | ExtentrefNode
                    | FextNode
                    | FsNode
                    | FreeQueueNode
                    | OmapSnapshotNode
                    | SnapMetaNode
                    | VolumeOmapNode
            ),
            _ => false,
        }
    }
}

/// A sound image and what lies where in it.
#[derive(Clone, Debug)]
pub struct Seed {
    /// What it is good for.
    pub name: &'static str,
    /// The image.
    pub bytes: Vec<u8>,
    /// Bytes in a block of the container.
    pub block_size: usize,
    /// Bytes in a sector of the partition table, if it has one.
    pub gpt_sector: Option<usize>,
    /// Everything that was written: objects that reading depends on first.
    pub regions: Vec<Region>,
}

/// All seeds.
pub fn seeds() -> &'static [Seed] {
    static SEEDS: OnceLock<Vec<Seed>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        vec![
            container("tall trees", ImageBuilder::new().max_records_per_node(3).volume(everything("Tall"))),
            container("wide nodes", ImageBuilder::new().volume(everything("Wide").case_sensitive())),
            container(
                "snapshots",
                ImageBuilder::new().checkpoints(3).max_records_per_node(4).volume(history()),
            ),
            container(
                "sealed",
                ImageBuilder::new().max_records_per_node(4).volume(everything("Sealed").sealed()),
            ),
            container(
                "large blocks, scattered areas",
                ImageBuilder::new()
                    .block_size(16384)
                    .fragmented_areas(true)
                    .checkpoints(2)
                    .volume(everything("Large")),
            ),
            container(
                "several volumes",
                ImageBuilder::new()
                    .checkpoints(2)
                    .max_records_per_node(5)
                    .volume(small("Plain").plain_keys())
                    .volume(small("Locked").encrypted_flag())
                    .volume(small("Case").case_sensitive()),
            ),
            partitioned(),
            container(
                "encrypted",
                ImageBuilder::new()
                    .max_records_per_node(6)
                    .volume(small("Secret").snapshot("s").encrypted(native()))
                    .volume(small("Converted").encrypted(converted())),
            ),
            container("compressed", ImageBuilder::new().max_records_per_node(4).volume(compressed())),
            container("system and data", small_nodes_of_a_mac()),
        ]
    })
}

/// System and Data of one group, and what stands beside them.
fn small_nodes_of_a_mac() -> ImageBuilder {
    let volumes = [macs::booted(), macs::data(), macs::preboot()];
    volumes.into_iter().fold(ImageBuilder::new().max_records_per_node(6), ImageBuilder::volume)
}

/// Password of encrypted seeds.
pub const PASSWORD: &str = "sesame";

/// Keybags that are not encrypted, so that their checksums can be repaired.
fn native() -> Encryption {
    let unlocks = [Unlock::user(1, "another"), Unlock::disk(PASSWORD)];
    Encryption::native(unlocks).with(|encryption| {
        encryption.hint = Some("the usual".to_owned());
        encryption.plain_keybags = true;
    })
}

fn converted() -> Encryption {
    Encryption::core_storage([Unlock::disk(PASSWORD)]).with(|encryption| encryption.plain_keybags = true)
}

/// Every kind of file and record.
fn everything(name: &str) -> VolumeBuilder {
    let volume = VolumeBuilder::new(name)
        .dir("/a")
        .dir("/a/b")
        .dir("/a/b/c")
        .dir("/z")
        .file("/a/x", pattern(5000))
        .file("/empty", b"")
        .sparse("/a/sparse", 120_000, &[(32_768, &[5; 30_000])])
        .fragmented("/a/b/pieces", pattern(40_000), 1)
        .clone_file("/a/b/pieces", "/z/clone")
        .hardlink("/a/x", "/z/x2")
        .hardlink("/a/x", "/a/b/x3")
        .symlink("/link", "a/b/../x")
        .symlink("/loop", "loop")
        .fifo("/pipe")
        .socket("/a/socket")
        .char_device("/tty", 4, 2)
        .xattr("/a/x", "small", b"value")
        .xattr("/z", "com.apple.FinderInfo", [7; 32])
        .stream_xattr("/a/x", "big", pattern(9000))
        .stream_xattr("/a/b/pieces", "com.apple.ResourceFork", pattern(5000))
        .compressed_inline("/packed", stored_attribute(3, 11))
        .dir_stats("/a")
        .orphan_of("/gone");
    (0..24).fold(volume.rename("/z", "/a/b/c/z"), |volume, n| {
        volume.file(&format!("/a/b/file {n:02}"), [n; 100])
    })
}

trait Orphan {
    /// A file that was removed while it was open.
    fn orphan_of(self, path: &str) -> Self;
}

impl Orphan for VolumeBuilder {
    fn orphan_of(self, path: &str) -> Self {
        self.file(path, b"still open").orphan(path)
    }
}

fn small(name: &str) -> VolumeBuilder {
    let volume = VolumeBuilder::new(name).dir("/d").file("/d/f", pattern(5000)).symlink("/l", "/d/f");
    (0..6).fold(volume.hardlink("/d/f", "/g"), |volume, n| volume.file(&format!("/d/{n}"), [n; 10]))
}

/// A volume with six snapshots between which files change, come and go.
fn history() -> VolumeBuilder {
    let volume = VolumeBuilder::new("History").dir("/d").file("/d/f", pattern(9000)).hardlink("/d/f", "/g");
    (0..6_u8).fold(volume, |volume, n| {
        volume
            .snapshot(&format!("s{n}"))
            .overwrite("/d/f", 4096, [n; 4096])
            .file(&format!("/d/new {n}"), [n; 300])
            .dir(&format!("/dir {n}"))
    })
}

fn container(name: &'static str, builder: ImageBuilder) -> Seed {
    let image = builder.build();
    let regions = regions(&image, 0);
    Seed { name, bytes: image.bytes, block_size: image.block_size, gpt_sector: None, regions }
}

/// A Fusion pair, tier 2 behind the main device.
pub(crate) fn pair(name: &'static str, image: &Image) -> Seed {
    let bytes = [image.bytes.as_slice(), &image.tier2].concat();
    Seed { name, bytes, block_size: image.block_size, gpt_sector: None, regions: regions(image, 0) }
}

fn partitioned() -> Seed {
    let sector = 512;
    let image = ImageBuilder::new().max_records_per_node(4).volume(small("Part")).build();
    let (bytes, offsets) = Gpt::new(sector)
        .partition(types::APFS, "Container", &image.bytes)
        .partition(types::APFS, "Nothing", &[0; 4096])
        .build();
    let last = bytes.len() - sector;
    let tables = [(sector, 92), (2 * sector, 512), (last, 92), (last - 32 * sector, 512)];
    let tables = tables.map(|(start, len)| Region { start, len, kind: RegionKind::Table });
    let regions = [tables.to_vec(), regions(&image, offsets[0])].concat();
    Seed { name: "partitioned", bytes, block_size: image.block_size, gpt_sector: Some(sector), regions }
}

/// Regions of an image that begins at a byte of the seed: the newest checkpoint's objects, older ones, content.
fn regions(image: &Image, at: usize) -> Vec<Region> {
    let newest = &image.newest().used;
    let mut regions: Vec<(u8, Region)> = Vec::new();
    for place in &image.places {
        let len = place.count as usize * image.block_size;
        let flag = tier2_flag(image.block_size);
        let (device, before) = match place.block & flag {
            0 => (&image.bytes, 0),
            _ => (&image.tier2, image.bytes.len()),
        };
        let inside = (place.block & !flag) as usize * image.block_size;
        let (start, bytes) = (before + inside, &device[inside..inside + len]);
        let (order, kind) = match place.role {
            Role::Data | Role::ChunkBitmap | Role::PoolBitmap => (2, RegionKind::Plain),
            Role::Keybag => (0, RegionKind::Object(Role::Keybag)),
            // What lies in such a block after a change is another thing for every key.
            _ if image.encrypted.contains(&place.block) => (2, RegionKind::Plain),
            _ if !checksum_is_right(bytes) => (0, RegionKind::Headerless),
            role if newest.contains(&place.block) || place.block == 0 => (0, RegionKind::Object(role)),
            role => (1, RegionKind::Object(role)),
        };
        regions.push((order, Region { start: at + start, len, kind }));
    }
    regions.sort_by_key(|(order, _)| *order);
    regions.into_iter().map(|(_, region)| region).collect()
}

/// Bytes of which no two blocks are alike.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 251) as u8).collect()
}

/// Compressed files of every type, with and without a fork.
fn compressed() -> VolumeBuilder {
    let volume = VolumeBuilder::new("Packed").dir("/d");
    decmpfs::KINDS.iter().fold(volume, |volume, kind| {
        let len = if kind % 2 == 1 { 300 } else { 70_000 };
        let path = format!("/d/type {kind}");
        match decmpfs::packed(*kind, &sample::text(len, u64::from(*kind))) {
            (attribute, Some(fork)) => volume.compressed_fork(&path, attribute, fork),
            (attribute, None) => volume.compressed_inline(&path, attribute),
        }
    })
}

/// A decmpfs attribute of some type.
fn stored_attribute(kind: u32, size: u64) -> Vec<u8> {
    [b"fpmc".as_slice(), &kind.to_le_bytes(), &size.to_le_bytes(), &[0xFF; 12]].concat()
}
