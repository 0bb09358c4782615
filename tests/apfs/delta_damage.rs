//! Two states compared where something is damaged or lies: what is told is true, and what can't be known is an error.

use std::collections::BTreeSet;

use apfs_core::apfs::View;
use apfs_core::apfs::delta::{Change, History, Method, Op};
use apfs_core::tree::cursor::Cursor;
use apfs_core::{Class, Fs, FsExt};
use apfs_tests::build::{Image, ImageBuilder, Role, VolumeBuilder};
use apfs_tests::listing::{open, read};

fn image() -> Image {
    let mut volume = VolumeBuilder::new("V").dir("/d").dir("/e");
    for number in 0..12 {
        volume = volume.file(&format!("/d/file {number}"), "x").xattr(&format!("/d/file {number}"), "a", "1");
    }
    let volume = volume
        .snapshot("one")
        .rename("/d/file 1", "/e/file 1")
        .remove("/d/file 2")
        .overwrite("/d/file 7", 0, "yy")
        .xattr("/d/file 9", "a", "2")
        .file("/e/new", "new");
    ImageBuilder::new().max_records_per_node(4).volume(volume).build()
}

/// Changes from the snapshot to the live state, and whether anything was said to be wrong.
fn compare(bytes: Vec<u8>, method: Method) -> Option<(Vec<Change>, bool)> {
    let volume = open(bytes).ok()?.volume(0).ok()?;
    let one: View = volume.view_at(&volume.snapshot("one").ok()?).ok()?;
    let live = volume.view().ok()?;
    let (mut found, mut is_sound) = (Vec::new(), true);
    for change in one.changes(&live).ok()?.method(method) {
        match change {
            Ok(change) => found.push(change),
            Err(_) => is_sound = false,
        }
    }
    Some((found, is_sound))
}

/// True of a change that is in the truth, or half of a rename of which the other name can't be read, or that a file whose
/// names can't all be read was modified.
fn is_true(change: &Change, truth: &[Change]) -> bool {
    truth.iter().filter(|one| one.ino == change.ino).any(|one| match change.op {
        Op::Created => one.path == change.path && matches!(one.op, Op::Created | Op::Renamed),
        Op::Deleted => {
            let old_path = if one.op == Op::Renamed { one.old_path.as_ref() } else { Some(&one.path) };
            old_path == Some(&change.path) && matches!(one.op, Op::Deleted | Op::Renamed)
        }
        Op::Modified => one.path == change.path && one.has_content(),
        Op::Renamed => (one.op, &one.path, &one.old_path) == (change.op, &change.path, &change.old_path),
    })
}

/// Every node of files and every node of the object map damaged in turn: each change told is one of the true ones, and
/// where one is missing an error is given.
#[test]
fn every_node_damaged() {
    let sound = image();
    let (truth, is_sound) = compare(sound.bytes.clone(), Method::Map).unwrap();
    assert!(is_sound && truth.len() >= 6);
    let places =
        sound.places.iter().filter(|place| matches!(place.role, Role::FsNode | Role::VolumeOmapNode));
    let (mut compared, mut cut) = (0, 0);
    for block in places.map(|place| place.block) {
        for method in [Method::Map, Method::Trees] {
            let mut image = image();
            image.corrupt(block);
            // A root that can't be read is an error before anything is compared.
            let Some((found, is_sound)) = compare(image.bytes, method) else { continue };
            compared += 1;
            cut += usize::from(!is_sound);
            for change in &found {
                assert!(is_true(change, &truth), "block {block}, {method:?}: {change:?} is made up");
            }
            assert!(
                !is_sound || found == truth,
                "block {block}, {method:?}: something is missing in silence"
            );
        }
    }
    assert!(compared > 40 && cut > 10, "{compared} {cut}");
}

/// A node of the object map that says it is older than its mappings is not believed.
#[test]
fn a_map_that_says_it_is_older() {
    let sound = image();
    let (truth, _) = compare(sound.bytes.clone(), Method::Trees).unwrap();
    let leaves = sound.live(Role::VolumeOmapNode).into_iter().filter(|place| place.level == 0);
    let leaves: Vec<u64> = leaves.map(|place| place.block).collect();
    assert!(leaves.len() > 2);
    for block in leaves {
        let mut image = image();
        image.edit(block, |bytes| bytes[0x10..0x18].copy_from_slice(&1_u64.to_le_bytes()));
        assert_eq!(compare(image.bytes, Method::Map), Some((truth.clone(), true)), "block {block}");
    }
}

/// A snapshot that has given up its data has names and metadata, and its data is not read from blocks that may be
/// others' by now.
#[test]
fn dataless_snapshot() {
    let mut image = image();
    let superblock = image.live(Role::VolumeSuperblock)[0].block;
    image.edit(superblock, |bytes| bytes[0x38] |= 2);
    let records = image.live(Role::SnapMetaNode)[0].block;
    image.edit(records, |bytes| {
        let name = b"\x04\0one\0";
        let at = bytes.windows(name.len()).rposition(|window| window == name).unwrap();
        bytes[at - 0x30..at - 0x28].fill(0);
    });
    let volume = open(image.bytes.clone()).unwrap().volume(0).unwrap();
    let snapshot = volume.snapshot("one").unwrap();
    assert!(snapshot.flag_words().any(|word| word == "dataless"));
    let (one, live) = (volume.view_at(&snapshot).unwrap(), volume.view().unwrap());
    assert_eq!(one.stat(one.find("/d/file 3").unwrap()).unwrap().size, 1);
    assert_eq!(read(&one, "/d/file 3").unwrap_err().class(), Class::Unsupported);
    assert_eq!(read(&live, "/d/file 3").unwrap(), b"x");
    let all: Vec<_> = one.changes(&live).unwrap().map(Result::unwrap).collect();
    assert_eq!(all, compare(self::image().bytes, Method::Map).unwrap().0);
    let forced = apfs_tests::listing::open_forced(image.bytes).unwrap().volume(0).unwrap();
    assert!(read(&forced.view_at(&snapshot).unwrap(), "/d/file 3").is_ok());
}

/// A state in which the file can't be read is left out of its history, with an error; the others stay.
#[test]
fn history_over_damage() {
    let volume = VolumeBuilder::new("V").file("/a", "a").snapshot("1").overwrite("/a", 0, "b").snapshot("2");
    let volume = volume.overwrite("/a", 0, "c").snapshot("3").overwrite("/a", 0, "d");
    let mut image = ImageBuilder::new().max_records_per_node(2).volume(volume).build();
    let id = image.inode(0, "/a");
    let found = open(image.bytes.clone()).unwrap().volume(0).unwrap();
    let second = found.view_at(&found.snapshot("2").unwrap()).unwrap();
    let tree = second.tree();
    let mut leaves = BTreeSet::new();
    let mut cursor = Cursor::new();
    cursor.seek(tree, &[]).unwrap();
    while let Some((leaf, index)) = cursor.leaf() {
        let key = u64::from_le_bytes(leaf.key(index)[..8].try_into().unwrap());
        // Written for this state, and about the file.
        if leaf.header().xid == second.xid() && key & ((1 << 60) - 1) == id {
            leaves.insert(leaf.block().0);
        }
        cursor.advance(tree).unwrap();
    }
    assert!(!leaves.is_empty());
    for block in leaves {
        image.corrupt(block);
    }
    let volume = open(image.bytes).unwrap().volume(0).unwrap();
    let mut history = History::new(apfs_core::FileId(id));
    let mut failed = Vec::new();
    for snapshot in volume.snapshots().unwrap() {
        let view = volume.view_at(&snapshot).unwrap();
        if history.add(snapshot.name.to_string(), &view).is_err() {
            failed.push(snapshot.name.to_string());
        }
    }
    history.add("live".to_owned(), &volume.view().unwrap()).unwrap();
    let states: Vec<_> = history.versions().iter().map(|version| version.states.clone()).collect();
    assert_eq!(failed, ["2"]);
    assert_eq!(states, [["1"], ["3"], ["live"]]);
}

/// A leaf that the newer tree has lost, while the object map kept it, does not pass for a shared one: what was in it was
/// deleted.
#[test]
fn a_leaf_that_the_map_alone_keeps() {
    let mut volume = VolumeBuilder::new("V").dir("/d");
    for number in 10..30 {
        volume = volume.file(&format!("/d/file {number}"), "x");
    }
    volume = volume.snapshot("one");
    for number in 12..28 {
        volume = volume.remove(&format!("/d/file {number}"));
    }
    let mut image = ImageBuilder::new().max_records_per_node(4).volume(volume).build();
    let (truth, is_sound) = compare(image.bytes.clone(), Method::Trees).unwrap();
    assert!(is_sound && truth.len() >= 16);
    let mut lost = 0;
    let nodes = image.live(Role::VolumeOmapNode).into_iter().filter(|place| place.level == 0);
    for block in nodes.map(|place| place.block).collect::<Vec<_>>() {
        image.edit(block, |bytes| {
            let table = 56 + usize::from(u16::from_le_bytes([bytes[0x28], bytes[0x29]]));
            let count = u32::from_le_bytes(bytes[0x24..0x28].try_into().unwrap()) as usize;
            let keys = table + usize::from(u16::from_le_bytes([bytes[0x2A], bytes[0x2B]]));
            let root = u16::from_le_bytes([bytes[0x20], bytes[0x21]]) & 1 != 0;
            let end = bytes.len() - if root { 40 } else { 0 };
            for index in 0..count {
                let entry = table + 4 * index;
                let key = keys + usize::from(u16::from_le_bytes([bytes[entry], bytes[entry + 1]]));
                let value = end - usize::from(u16::from_le_bytes([bytes[entry + 2], bytes[entry + 3]]));
                // The end of an object is moved into the future.
                if bytes[value] == 1 {
                    bytes[key + 15] = 1;
                    lost += 1;
                }
            }
        });
    }
    assert!(lost > 2);
    for method in [Method::Trees, Method::Map] {
        assert_eq!(compare(image.bytes.clone(), method), Some((truth.clone(), true)), "{method:?}");
    }
}
