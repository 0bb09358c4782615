//! What the format says twice and one place says wrongly: told, and never another file's content.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use apfs_core::hfsplus::Volume;
use apfs_core::{Corrupt, Error, FileId, Fs, FsExt, Observer, OpenOptions, Scan};
use apfs_tests::build::hfs::bytes::{put, u16_at};
use apfs_tests::build::hfs::{HfsBuilder, HfsImage, HfsRole};
use apfs_tests::listing::read;

use crate::expect::{open, open_sound};

/// Where the data of the catalog record of a file or folder begins.
fn record(image: &HfsImage, path: &str) -> usize {
    let cnid = image.record_at(path);
    let tree = &image.trees[&HfsRole::Catalog];
    let leaves = tree.nodes.iter().filter(|node| node.height == 1);
    let mut places = leaves.flat_map(|node| {
        let (at, _) = image.node_place(HfsRole::Catalog, node.number);
        node.records.iter().filter(move |(_, owner)| *owner == cnid).map(move |(range, _)| at + range.start)
    });
    // Its thread has a key without a name.
    let start = places.find(|at| u16_at(&image.bytes, at + 6) > 0).unwrap();
    start + 2 + usize::from(u16_at(&image.bytes, start))
}

/// Gives the record at a path another number.
fn renumber(image: &mut HfsImage, path: &str, cnid: u32) {
    let at = record(image, path);
    put(&mut image.bytes, at + 8, cnid.to_be_bytes());
}

fn errors_of_walk(volume: &Volume) -> Vec<Error> {
    volume.walk(volume.root()).filter_map(|item| item.err().map(|error| error.error)).collect()
}

fn errors_of_scan(volume: &Volume) -> Vec<Error> {
    let mut errors = vec![];
    volume
        .scan(None, &mut |item| {
            errors.extend(item.err().map(|error| error.error));
            Ok(())
        })
        .unwrap();
    errors
}

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Observer for Told {
    fn finding(&self, finding: &Corrupt) {
        self.0.lock().unwrap().push(finding.to_string());
    }
}

/// A volume, and what its observer is told.
fn observed(bytes: Vec<u8>) -> (Volume, Arc<Told>) {
    let told = Arc::new(Told::default());
    let options = OpenOptions { observer: Some(told.clone()), ..OpenOptions::default() };
    (Volume::open(Arc::new(bytes), options).unwrap(), told)
}

/// The number of a file is in its thread too: a record that has another one's does not give that one's content.
#[test]
fn numbers_of_others() {
    let volume = HfsBuilder::new("V").dir("/a").file("/a/x", b"x").dir("/b").file("/b/x", b"other");
    let volume = volume.file("/mine", b"mine").file("/yours", b"yours").hardlink("/mine", "/a/link");
    for (path, other, asked) in
        [("/a", "/b", "/a/x"), ("/yours", "/b/x", "/yours"), ("/b/x", "/yours", "/b/x")]
    {
        let mut image = volume.build();
        let cnid = image.cnid(other);
        renumber(&mut image, path, cnid);
        let volume = open(image.bytes).unwrap();
        assert!(matches!(volume.find(asked), Err(Error::Corrupt(_))), "{path}");
        assert_eq!(errors_of_walk(&volume).len(), 1, "{path}");
        assert!(!errors_of_scan(&volume).is_empty(), "{path}");
    }
}

/// The same of what a link leads to.
#[test]
fn numbers_behind_links() {
    let volume = HfsBuilder::new("V").file("/file", b"mine").hardlink("/file", "/link").file("/other", b"no");
    let volume = volume.dir("/dir").file("/dir/x", b"x").dir("/b").file("/b/x", b"no").dir("/c");
    let volume = volume.dir_link("/dir", "/c/dir too");
    for (path, other, asked) in [("/file", "/other", "/link"), ("/dir", "/b", "/c/dir too/x")] {
        let mut image = volume.build();
        let (wrong, own) = (image.cnid(other), image.cnid(path));
        let name = String::from_utf16(&volume.items[&own].name).unwrap();
        let parent = volume.items.values().find(|item| item.cnid == volume.items[&own].parent).unwrap();
        let inode =
            format!("/{}/{name}", String::from_utf16(&parent.name).unwrap().replace('\0', "\u{2400}"));
        renumber(&mut image, &inode, wrong);
        let volume = open(image.bytes).unwrap();
        assert!(matches!(volume.find(asked), Err(Error::Corrupt(_))), "{path}");
        assert!(!errors_of_walk(&volume).is_empty() && !errors_of_scan(&volume).is_empty(), "{path}");
    }
}

/// A file whose thread names nothing, or can't be read, is still found and given.
#[test]
fn threads_that_name_nothing() {
    let mut image = HfsBuilder::new("V").file("/file", b"content").build();
    let at = record(&image, "/file");
    let cnid = image.cnid("/file").to_be_bytes();
    // The key of the thread, and its name.
    let key = [&[0, 6][..], &cnid, &[0, 0], &[0, 4, 0, 0, 0, 0, 0, 2, 0, 4]].concat();
    let thread = image.bytes.windows(key.len()).position(|bytes| bytes == key).unwrap();
    assert_ne!(thread, at);
    image.bytes[thread + key.len() + 1] ^= 1;
    let (volume, told) = observed(image.bytes);
    let entry = volume.lookup(volume.root(), b"file").unwrap();
    let stat = volume.stat_entry(volume.root(), &entry).unwrap();
    let mut content = [0; 9];
    assert_eq!(volume.read_file(&stat, 0, &mut content).unwrap(), 7);
    assert_eq!((&content[..7], errors_of_walk(&volume).len()), (&b"content"[..], 0));
    assert!(!told.0.lock().unwrap().is_empty() && !errors_of_scan(&volume).is_empty());
}

/// A stored `:` and a stored `/` are shown alike; each entry has its own metadata.
#[test]
fn names_that_are_shown_alike() {
    let volume = HfsBuilder::new("V").file("/with:slash", b"12345").file("/with_slash", b"1");
    let name: Vec<u16> = "with:slash".encode_utf16().collect();
    let volume = volume.rename("/with_slash", &name);
    let volume = open_sound(volume.build().bytes);
    let mut sizes: Vec<(FileId, u64)> = vec![];
    for entry in volume.walk(volume.root()).map(Result::unwrap).filter(|entry| entry.depth > 0) {
        assert_eq!((entry.entry.id, entry.path.as_slice()), (entry.stat.id, &b"/with:slash"[..]));
        sizes.push((entry.stat.id, entry.stat.size));
    }
    sizes.sort();
    assert_eq!(sizes.iter().map(|(_, size)| *size).collect::<Vec<_>>(), [5, 1]);
}

/// One bit makes a value "more extents": it is not left out in silence.
#[test]
fn attributes_of_another_type() {
    let volume = HfsBuilder::new("V").file("/f", b"").xattr("/f", "inline", [7; 100]);
    let image = volume.fork_xattr("/f", "fork", [8; 9000], 2).build();
    let id = FileId(image.cnid("/f").into());
    assert_eq!(open_sound(image.bytes.clone()).xattrs(id).unwrap().len(), 2);
    let (at, len) = image.node_place(HfsRole::Attributes, image.trees[&HfsRole::Attributes].root);
    for kind in [0x10, 0x20_u8] {
        let mut bytes = image.bytes.clone();
        let node = &mut bytes[at..at + len];
        let found = node.windows(8).position(|bytes| *bytes == [0, 0, 0, kind, 0, 0, 0, 0]).unwrap();
        node[found + 3] = 0x30;
        assert!(matches!(open(bytes).unwrap().xattrs(id), Err(Error::Corrupt(_))), "{kind:#x}");
    }
}

/// A thread that says folder of a file is told by a scan.
#[test]
fn threads_of_another_type() {
    let mut image = HfsBuilder::new("V").file("/file", b"content").build();
    let cnid = image.cnid("/file").to_be_bytes();
    let key = [&[0, 6][..], &cnid, &[0, 0, 0, 4]].concat();
    let at = image.bytes.windows(key.len()).position(|bytes| bytes == key).unwrap();
    image.bytes[at + key.len() - 1] = 3;
    assert_eq!(errors_of_scan(&open(image.bytes).unwrap()).len(), 1);
}

/// A file that is marked as compressed and has no data and no header of compressed data.
#[test]
fn compressed_without_a_header() {
    let volume = HfsBuilder::new("V").compressed("/f", b"cmpf", None);
    let volume = volume.item("/f", |item| item.xattrs.clear());
    let (volume, told) = observed(volume.build().bytes);
    assert_eq!(read(&volume, "/f").unwrap(), b"");
    assert!(told.0.lock().unwrap().iter().any(|told| told.contains("com.apple.decmpfs")));
}

/// Folders that are each in the other one take no longer than others.
#[test]
fn many_small_circles() {
    let mut volume = HfsBuilder::new("V");
    for pair in 0..300 {
        let (one, two) = (format!("/{pair} a"), format!("/{pair} b"));
        volume = volume.dir(&one).dir(&two);
        let (a, b) = (volume.cnid(&one), volume.cnid(&two));
        volume.items.get_mut(&a).unwrap().parent = b;
        volume.items.get_mut(&b).unwrap().parent = a;
    }
    let volume = open(volume.build().bytes).unwrap();
    let start = Instant::now();
    let errors = errors_of_scan(&volume);
    assert!(errors.len() >= 300 && start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

/// A header that says of a tree that it is empty is not believed when the rest of it says otherwise.
#[test]
fn trees_that_vanish() {
    let volume = HfsBuilder::new("V").file("/f", b"").xattr("/f", "name", b"value").build();
    let id = FileId(volume.cnid("/f").into());
    // Number of blocks of the attributes file, in the first header only and in both.
    let mut image = volume.clone();
    put(&mut image.bytes, 1024 + 352 + 12, [0; 4]);
    let opened = open(image.bytes.clone()).unwrap();
    assert!(opened.from_copy() && !opened.findings().is_empty());
    assert_eq!(opened.xattr(id, "name").unwrap(), b"value");
    image.edit_headers(|header| put(header, 352 + 12, [0; 4]));
    let opened = open(image.bytes).unwrap();
    assert!(opened.xattrs(id).is_err() && !opened.findings().is_empty());
    // Depth and root of the tree itself.
    let mut image = volume;
    image.edit_node(HfsRole::Attributes, 0, |node| node[14..20].fill(0));
    let opened = open(image.bytes).unwrap();
    assert!(opened.xattrs(id).is_err() && !opened.findings().is_empty());
}
