//! The sound images that damage cases begin with.

use super::form::{Edit, Value};
use crate::build::hfs::{HfsBuilder, HfsImage, JournalState};
use crate::build::{Image, ImageBuilder, VolumeBuilder};
use crate::hfs_volumes;
use crate::sample;

/// A sound image.
#[derive(Clone, Debug)]
pub enum Base {
    Apfs(Box<Image>),
    Hfs(Box<HfsImage>),
}

/// Names of all images.
pub const NAMES: [&str; 21] = [
    "plain",
    "small",
    "checkpoints",
    "multi-level",
    "snapshots",
    "clones",
    "encrypted",
    "sealed",
    "group",
    "hfs",
    "hfs-small",
    "hfs-tall",
    "hfs-fragments",
    "hfs-special-fragments",
    "hfs-attributes",
    "hfs-links",
    "hfs-dir-links",
    "hfs-compressed",
    "hfs-journaled",
    "hfs-odd",
    "hfs-maps",
];

impl Base {
    /// The image of a name that cases use. Files have the names and sizes said at each builder.
    pub fn named(name: &str) -> Option<Base> {
        let apfs = |builder: ImageBuilder| Some(Base::Apfs(Box::new(builder.build())));
        let hfs = |builder: HfsBuilder| Some(Base::Hfs(Box::new(builder.build())));
        match name {
            "plain" => apfs(ImageBuilder::new().volume(rich("Plain"))),
            "small" => {
                apfs(ImageBuilder::new().volume(VolumeBuilder::new("Small").dir("/d").file("/d/x", "x")))
            }
            "checkpoints" => apfs(ImageBuilder::new().checkpoints(3).volume(rich("Checkpoints"))),
            "multi-level" => apfs(ImageBuilder::new().max_records_per_node(4).volume(rich("Levels"))),
            "snapshots" => apfs(ImageBuilder::new().volume(snapshots())),
            "clones" => apfs(ImageBuilder::new().volume(clones())),
            "encrypted" => Some(Base::Apfs(Box::new(sample::encrypted()))),
            "sealed" => apfs(ImageBuilder::new().volume(rich("Sealed").sealed())),
            "group" => apfs(group()),
            "hfs" => hfs(hfs_volumes::rich("Rich").folder_counts()),
            "hfs-small" => hfs(hfs_volumes::small("Small")),
            "hfs-tall" => hfs(hfs_volumes::tall()),
            "hfs-fragments" => hfs(hfs_volumes::fragments()),
            "hfs-special-fragments" => hfs(hfs_volumes::special_fragments()),
            "hfs-attributes" => hfs(hfs_volumes::fork_attributes(30)),
            "hfs-links" => hfs(hfs_volumes::file_links()),
            "hfs-dir-links" => hfs(hfs_volumes::dir_links()),
            "hfs-compressed" => hfs(plain_flags(hfs_volumes::compressed(&[3, 4, 7, 8]))),
            "hfs-journaled" => hfs(hfs_volumes::rich("Journaled").journal(512 << 10, JournalState::Empty)),
            "hfs-odd" => hfs(hfs_volumes::odd_files().option(|options| options.finder_info = [0; 8])),
            "hfs-maps" => hfs(hfs_volumes::maps()),
            _ => None,
        }
    }

    /// The image's bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Base::Apfs(image) => &image.bytes,
            Base::Hfs(image) => &image.bytes,
        }
    }

    /// Password that opens what is encrypted, if anything is.
    pub fn password(name: &str) -> Option<&'static str> {
        (name == "encrypted").then_some(sample::PASSWORD)
    }

    /// Makes an edit.
    pub fn edit(&mut self, edit: &Edit) {
        match self {
            Base::Apfs(image) => super::apfs::edit(image, edit),
            Base::Hfs(image) => super::hfs::edit(image, edit),
        }
    }

    /// What a value of a recipe means here.
    pub fn value(&self, value: &Value, volume: usize) -> i64 {
        match self {
            Base::Apfs(image) => super::apfs::value(image, value, volume),
            Base::Hfs(image) => super::hfs::value(image, value),
        }
    }
}

/// Every kind of file: `/d` with `/d/file 00` to `/d/file 19` (500 bytes times the number), `/d/sub/deep` (empty),
/// `/large` (50,000 bytes), `/pieces` (40,000 bytes in one-block runs), `/sparse`, `/link` to `d/file 01`, `/two` with
/// the hard link `/d/two again`, `/pipe`, `/tty`, attributes `small` on `/large` and `stream` (9,000 bytes) on `/two`.
fn rich(name: &str) -> VolumeBuilder {
    let volume = VolumeBuilder::new(name)
        .dir("/d")
        .dir("/d/sub")
        .file("/d/sub/deep", "")
        .file("/large", hfs_volumes::pattern(50_000))
        .fragmented("/pieces", hfs_volumes::pattern(40_000), 1)
        .sparse("/sparse", 100_000, &[(32_768, b"an island")])
        .symlink("/link", "d/file 01")
        .file("/two", "two names")
        .hardlink("/two", "/d/two again")
        .fifo("/pipe")
        .char_device("/tty", 4, 2)
        .xattr("/large", "small", "value")
        .stream_xattr("/two", "stream", hfs_volumes::pattern(9000));
    (0..20).fold(volume, |volume, number| {
        volume.file(&format!("/d/file {number:02}"), hfs_volumes::pattern(number * 500))
    })
}

/// Snapshots `first` and `second` with changes between and after.
fn snapshots() -> VolumeBuilder {
    rich("Snapshots")
        .snapshot("first")
        .overwrite("/large", 4096, hfs_volumes::pattern(5000))
        .remove("/d/file 03")
        .file("/new", hfs_volumes::pattern(5000))
        .snapshot("second")
        .rename("/d/file 04", "/d/renamed")
        .truncate("/pieces", 8192)
}

/// `/clone` of `/large` as it was, `/changed` as a clone of `/large` with one block of its own.
fn clones() -> VolumeBuilder {
    rich("Clones").clone_file("/large", "/clone").clone_file("/large", "/changed").overwrite(
        "/changed",
        4096,
        hfs_volumes::pattern(4096),
    )
}

/// Without the flag for compression on a file that is not compressed.
fn plain_flags(volume: HfsBuilder) -> HfsBuilder {
    volume.item("/not packed", |item| item.owner_flags = 0)
}

/// A system and a data volume of one group.
fn group() -> ImageBuilder {
    const ROLE_SYSTEM: u16 = 1;
    const ROLE_DATA: u16 = 0x40;
    const SYSTEM_IDS: u64 = 0x0800_0000_0000_0000;
    let id = *b"group of volumes";
    let system = VolumeBuilder::new("System").role(ROLE_SYSTEM).group(id).first_obj_id(SYSTEM_IDS);
    let system = system.dir("/System").file("/System/kernel", "a kernel").firmlink("/Users", "Users");
    let data = VolumeBuilder::new("Data").role(ROLE_DATA).group(id).dir("/Users").file("/Users/me", "mine");
    ImageBuilder::new().volume(system).volume(data)
}
