//! Images with HFS+ volumes for tests in other languages.

use crate::build::corestorage::{self, CoreStorage};
use crate::build::gpt::{Gpt, types};
use crate::build::hfs::journal::difference;
use crate::build::hfs::{HfsBuilder, HfsRole, Journal, JournalState, wrapper};
use crate::build::{ImageBuilder, VolumeBuilder};
use crate::hfs_volumes::{pattern, rich};
use crate::sample::PASSWORD;

/// Bytes of the journals.
const JOURNAL: usize = 512 << 10;

/// Every image with its name.
pub fn all() -> [(&'static str, Vec<u8>); 5] {
    [
        ("mixed", mixed()),
        ("dirty", dirty()),
        ("header-copy", header_copy()),
        ("damaged", damaged()),
        ("filevault", filevault()),
    ]
}

/// A disk with an APFS container of two volumes, a journaled HFS+ volume and a case-sensitive HFSX volume with hard
/// links to folders.
pub fn mixed() -> Vec<u8> {
    let data = VolumeBuilder::new("Data").file("/hello.txt", "hello");
    let container = ImageBuilder::new().volume(data).volume(VolumeBuilder::new("Other")).build();
    let plus = rich("Macintosh HD").journal(JOURNAL, JournalState::Empty).build();
    let disk = Gpt::new(512)
        .partition(types::APFS, "apfs", &container.bytes)
        .partition(types::HFS_PLUS, "plus", &plus.bytes)
        .partition(types::HFS_PLUS, "x", &linked().build().bytes);
    disk.build().0
}

/// A folder with three names, in it one with two, a plain one and a file with two.
fn linked() -> HfsBuilder {
    HfsBuilder::new("Dir Links")
        .case_sensitive()
        .private_folders()
        .dir("/a")
        .dir("/a/shared")
        .dir("/a/shared/inner")
        .dir("/a/shared/plain")
        .file("/a/shared/inner/file", "inner")
        .file("/a/shared/plain/file", "plain")
        .file("/a/shared/top", "top")
        .dir("/b")
        .dir("/b/c")
        .dir_link("/a/shared", "/b/shared too")
        .dir_link("/b/shared too", "/b/c/shared three")
        .dir_link("/a/shared/inner", "/b/inner")
        .hardlink("/a/shared/top", "/b/top")
}

/// A volume that was not unmounted, with changes in its journal: `/new` is in it, and `/folder/pieces` has become
/// `/folder/renamed`.
pub fn dirty() -> Vec<u8> {
    let before = rich("Dirty").journal(JOURNAL, JournalState::Empty).option(|options| {
        options.dirty = true;
        options.total_blocks = Some(500);
    });
    let renamed: Vec<u16> = "renamed".encode_utf16().collect();
    let after = before.clone().file("/new", pattern(9000)).rename("/folder/pieces", &renamed).build();
    let mut image = before.build();
    let area = image.all(HfsRole::Journal).next().expect("it has a journal").range.clone();
    let changes = difference(&image.bytes, &after.bytes, 4096, &area);
    Journal::new().transaction(changes).write(image.journal_mut());
    image.bytes
}

/// A volume in a classic one, whose first header is damaged.
pub fn header_copy() -> Vec<u8> {
    let (mut bytes, start) =
        wrapper::wrap(&HfsBuilder::new("Inside").file("/file", "text").build().bytes, "Outside");
    bytes[start + 1024] = b'?';
    bytes
}

/// A volume of which a leaf of the catalog is damaged.
pub fn damaged() -> Vec<u8> {
    let volume = HfsBuilder::new("Damaged").dir("/many").max_records_per_node(6);
    let volume = (0..200).fold(volume, |volume, n| volume.file(&format!("/many/file {n}"), "x"));
    let mut image = volume.build();
    let file = image.cnid("/many/file 100");
    let leaf = image.trees[&HfsRole::Catalog].leaves_of(file).next().expect("it has records").number;
    // Its kind: that of a node of the index.
    image.edit_node(HfsRole::Catalog, leaf, |node| node[8] = 0);
    image.bytes
}

/// A disk with an encrypted volume on CoreStorage, which [`PASSWORD`] opens.
pub fn filevault() -> Vec<u8> {
    let volume = HfsBuilder::new("Secret").file("/file", "text").build();
    let mut group = CoreStorage::new(&volume.bytes).password(PASSWORD, "").build();
    let disk = Gpt::new(512).partition(corestorage::PARTITION_TYPE, "group", &group.pvs.remove(0));
    disk.build().0
}
