//! Two states of a volume compared, against what was done between them and against full listings of both.

use std::sync::Arc;

use apfs_core::apfs::delta::{Change, History, Method, Op, XattrOp};
use apfs_core::apfs::{Container, View, Volume};
use apfs_core::{FileId, OpenOptions, Secret, Xid};
use apfs_tests::build::{Encryption, ImageBuilder, Unlock, VolumeBuilder};
use apfs_tests::delta::{examine, listing};
use apfs_tests::listing::open;

fn at(volume: &Volume, snapshot: &str) -> View {
    volume.view_at(&volume.snapshot(snapshot).unwrap()).unwrap()
}

fn changes(a: &View, b: &View) -> Vec<Change> {
    a.changes(b).unwrap().map(|change| change.unwrap()).collect()
}

/// `op old -> path [fields] ranges xattrs`, without times and counters, which every change has.
fn short(change: &Change) -> String {
    let mut text = change.op.word().to_owned();
    if let Some(old) = &change.old_path {
        text += &format!(" {} ->", String::from_utf8_lossy(old));
    }
    text += &format!(" {}", String::from_utf8_lossy(&change.path));
    let dull = ["mtime", "ctime", "write_generation", "allocated", "nchildren", "internal_flags", "other"];
    let fields: Vec<&str> = change.fields.names().filter(|name| !dull.contains(name)).collect();
    if !fields.is_empty() {
        text += &format!(" {}", fields.join(","));
    }
    if !change.ranges.is_empty() {
        text += &format!(" {:?}", change.ranges);
    }
    for xattr in &change.xattrs {
        text += &format!(" {}={}", xattr.name, xattr.op.word());
    }
    text
}

/// All changes but those of directories whose entries alone differ.
fn told(a: &View, b: &View) -> Vec<String> {
    let mut all: Vec<String> = changes(a, b).iter().map(short).collect();
    all.retain(|line| !["modified /", "modified /d", "modified /e"].contains(&line.as_str()));
    all.sort();
    all
}

/// Every state of the first volume: snapshots and live.
fn states(volume: &Volume) -> Vec<View> {
    let snapshots = volume.snapshots().unwrap();
    let mut all: Vec<View> = snapshots.iter().map(|snapshot| volume.view_at(snapshot).unwrap()).collect();
    all.push(volume.view().unwrap());
    all
}

/// Every ordered pair of states, against full listings of both.
fn examine_all(views: &[View]) -> usize {
    let listings: Vec<_> = views.iter().map(|view| listing(view).unwrap()).collect();
    let mut total = 0;
    for (a, before) in views.iter().zip(&listings) {
        for (b, after) in views.iter().zip(&listings) {
            let (wrong, count) = examine(a, b, before, after);
            assert_eq!(wrong, [""; 0], "{} to {}", a.xid(), b.xid());
            assert_eq!(count == 0, a.xid() == b.xid(), "{} to {}", a.xid(), b.xid());
            total += count;
        }
    }
    total
}

/// One of each kind of change.
fn every_kind() -> VolumeBuilder {
    VolumeBuilder::new("V")
        .dir("/d")
        .dir("/e")
        .file("/d/kept", "kept")
        .file("/d/grows", vec![1; 5000])
        .file("/d/gone", "gone")
        .file("/d/moves", "moves")
        .file("/linked", "x")
        .file("/twice", "y")
        .hardlink("/twice", "/e/twice too")
        .file("/original", vec![7; 40_000])
        .clone_file("/original", "/clone")
        .sparse("/sparse", 200_000, &[(65_536, &[1; 5000])])
        .xattr("/d/kept", "goes", "1")
        .xattr("/d/kept", "stays", "1")
        .stream_xattr("/d/kept", "large", vec![5; 9000])
        .symlink("/link", "d/kept")
        .fragmented("/pieces", vec![9; 60_000], 1)
        .snapshot("one")
        .overwrite("/d/grows", 4096, vec![2; 8000])
        .remove("/d/gone")
        .file("/e/new", "new")
        .rename("/d/moves", "/e/moved")
        .hardlink("/linked", "/e/linked too")
        .remove("/e/twice too")
        .overwrite("/clone", 8192, vec![8; 4096])
        .overwrite("/sparse", 4096, vec![3; 4096])
        .xattr("/d/kept", "comes", "2")
        .xattr("/d/kept", "stays", "2")
        .stream_xattr("/d/kept", "large", vec![6; 9000])
        .change(|content, _| {
            content.inode_at("/d/kept").xattrs.remove("goes");
        })
        .inode("/link", |inode| inode.owner = 0)
        .overwrite("/pieces", 20_480, vec![4; 4096])
}

/// Names, fields, ranges and attributes are what was done, in both directions.
#[test]
fn every_kind_of_change() {
    let volume = open(ImageBuilder::new().volume(every_kind()).build().bytes).unwrap().volume(0).unwrap();
    let (one, live) = (at(&volume, "one"), volume.view().unwrap());
    assert_eq!(
        told(&one, &live),
        [
            "created /e/linked too",
            "created /e/new",
            "deleted /d/gone",
            "deleted /e/twice too",
            "modified /clone stream [(8192, 4096)]",
            "modified /d/grows size [(4096, 8000)]",
            "modified /d/kept comes=created goes=deleted large=changed stays=changed",
            "modified /link uid",
            "modified /linked nlink",
            "modified /pieces [(20480, 4096)]",
            "modified /sparse sparse [(4096, 4096)]",
            "modified /twice nlink",
            "renamed /d/moves -> /e/moved",
        ]
    );
    let back = told(&live, &one);
    assert!(back.contains(&"created /d/gone".to_owned()) && back.contains(&"deleted /e/new".to_owned()));
    assert!(back.contains(&"renamed /e/moved -> /d/moves".to_owned()), "{back:?}");
    assert_eq!(told(&one, &one), [""; 0]);
    assert!(examine_all(&states(&volume)) > 20);
}

/// The same on all kinds of volumes and trees, against full listings.
#[test]
fn every_kind_of_volume() {
    for records in [2, 3, 5, usize::MAX] {
        for volume in [
            every_kind(),
            every_kind().case_sensitive(),
            every_kind().plain_keys(),
            every_kind().sealed(),
            every_kind().option(|options| options.first_obj_id = 1 << 40),
        ] {
            let image = ImageBuilder::new().max_records_per_node(records).volume(volume).build();
            let volume = open(image.bytes).unwrap().volume(0).unwrap();
            assert!(examine_all(&states(&volume)) > 20);
        }
    }
}

/// A renamed directory is one change; what changes in it has both paths.
#[test]
fn renamed_directory() {
    let volume = VolumeBuilder::new("V")
        .dir("/d")
        .dir("/d/in")
        .file("/d/in/a", "a")
        .file("/d/in/b", "b")
        .snapshot("one")
        .rename("/d", "/e")
        .overwrite("/e/in/b", 0, "B");
    let volume = open(ImageBuilder::new().volume(volume).build().bytes).unwrap().volume(0).unwrap();
    let found = told(&at(&volume, "one"), &volume.view().unwrap());
    assert_eq!(found, ["modified /d/in/b -> /e/in/b [(0, 1)]", "renamed /d -> /e"]);
    examine_all(&states(&volume));
}

/// A tree of four levels in which one leaf alone was rewritten, under untouched index nodes: it is found, and no other
/// leaf is read.
#[test]
fn a_leaf_changed_under_an_untouched_root() {
    let mut volume = VolumeBuilder::new("V");
    for number in 0..60 {
        volume = volume.file(&format!("/file {number}"), "x");
    }
    let volume = volume.snapshot("one").inode("/file 30", |inode| inode.owner = 7).snapshot("two");
    let image = ImageBuilder::new().max_records_per_node(4).volume(volume).build();
    let volume = open(image.bytes).unwrap().volume(0).unwrap();
    let (one, two) = (at(&volume, "one"), at(&volume, "two"));
    assert!(one.tree().levels() >= 4);
    assert_eq!(
        one.tree().info().unwrap().bt_node_count.get(),
        two.tree().info().unwrap().bt_node_count.get()
    );
    for method in [Method::Map, Method::Trees] {
        let mut delta = one.changes(&two).unwrap().method(method);
        let found: Vec<String> = delta.by_ref().map(|change| short(&change.unwrap())).collect();
        assert_eq!(found, ["modified /file 30 uid"], "{method:?}");
        let stats = delta.stats();
        assert_eq!((stats.method, stats.leaves), (Some(method), [1, 1]));
        if method == Method::Map {
            assert_eq!(stats.index_nodes, [0, 0], "no index node was rewritten");
        }
    }
    examine_all(&states(&volume));
}

/// Checkpoints have object maps of their own; they compare with each other, with snapshots and with the live state.
#[test]
fn older_checkpoints() {
    for records in [4, usize::MAX] {
        let volume = every_kind().snapshot("two").file("/late", "l").commit().overwrite("/late", 0, "L");
        let image = ImageBuilder::new().checkpoints(4).max_records_per_node(records).volume(volume).build();
        let device: Arc<Vec<u8>> = Arc::new(image.bytes);
        let mut views = Vec::new();
        let newest = Container::open(device.clone(), OpenOptions::default()).unwrap();
        for superblock in newest.checkpoints() {
            let options = OpenOptions { checkpoint: Some(superblock.xid()), ..OpenOptions::default() };
            let container = Container::open(device.clone(), options).unwrap();
            views.push(container.volume(0).unwrap().view().unwrap());
        }
        assert_eq!(views.len(), 4);
        views.reverse();
        let mut total = 0;
        for a in &views {
            for b in &views {
                let (wrong, count) = examine(a, b, &listing(a).unwrap(), &listing(b).unwrap());
                assert_eq!(wrong, [""; 0], "{} to {}", a.xid(), b.xid());
                total += count;
            }
        }
        assert!(total > 20);
        let snapshot = at(views[3].volume(), "one");
        let (wrong, _) =
            examine(&snapshot, &views[3], &listing(&snapshot).unwrap(), &listing(&views[3]).unwrap());
        assert_eq!(wrong, [""; 0]);
    }
}

/// An encrypted volume compares once it is unlocked.
#[test]
fn encrypted() {
    let volume = every_kind().encrypted(Encryption::native([Unlock::disk("secret")]));
    let image = ImageBuilder::new().max_records_per_node(5).volume(volume).build();
    let options = OpenOptions { secrets: vec![Secret::password("secret")], ..OpenOptions::default() };
    let volume = Container::open(Arc::new(image.bytes), options).unwrap().volume(0).unwrap();
    assert!(examine_all(&states(&volume)) > 20);
}

/// States that can't be compared are refused: other containers, also copies that went their own way, and volumes.
#[test]
fn strangers() {
    let build = |name: &str| {
        let volume = VolumeBuilder::new("V").file("/a", "a").snapshot("one").rename("/a", name);
        let volume = if name == "/b" { volume.file("/more", "more") } else { volume };
        ImageBuilder::new().volume(volume).volume(VolumeBuilder::new("W")).build().bytes
    };
    let container = open(build("/c")).unwrap();
    let live = container.volume(0).unwrap().view().unwrap();
    let copy = open(build("/b")).unwrap().volume(0).unwrap().view().unwrap();
    let error = live.changes(&copy).unwrap_err().to_string();
    assert!(error.contains("two containers"), "{error}");
    let other = container.volume(1).unwrap().view().unwrap();
    let error = live.changes(&other).unwrap_err().to_string();
    assert!(error.contains("comparing volume"), "{error}");
}

/// What lies in a leaf that can't be read is told as damage, not as deleted or created.
#[test]
fn damage_is_not_deletion() {
    let mut volume = VolumeBuilder::new("V");
    for number in 0..40 {
        volume = volume.file(&format!("/file {number}"), "x");
    }
    let volume = volume.snapshot("one").inode("/file 20", |inode| inode.owner = 7);
    let mut image = ImageBuilder::new().max_records_per_node(4).volume(volume).build();
    let leaf = image.fs_leaves_of(0, image.inode(0, "/file 20"))[0];
    image.corrupt(leaf);
    let volume = open(image.bytes).unwrap().volume(0).unwrap();
    let (one, live) = (at(&volume, "one"), volume.view().unwrap());
    for (a, b) in [(&one, &live), (&live, &one)] {
        let all: Vec<_> = a.changes(b).unwrap().collect();
        assert!(all.iter().any(Result::is_err));
        let wrong: Vec<_> = all.iter().flatten().filter(|change| change.op != Op::Modified).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

/// Too many differences are an error that says so.
#[test]
fn ceiling() {
    let mut volume = VolumeBuilder::new("V").snapshot("one");
    for number in 0..40 {
        volume = volume.file(&format!("/file {number}"), "x");
    }
    let image = ImageBuilder::new().volume(volume).build();
    let mut options = OpenOptions::default();
    options.limits.differences = 20;
    let volume = Container::open(Arc::new(image.bytes), options).unwrap().volume(0).unwrap();
    let (one, live) = (at(&volume, "one"), volume.view().unwrap());
    let all: Vec<_> = one.changes(&live).unwrap().collect();
    assert!(matches!(all.as_slice(), [Err(apfs_core::Error::Limit(_))]), "{all:?}");
}

/// Extents of a stream that two clones share change while no inode does: both clones are told.
#[test]
fn a_shared_stream_moves() {
    let volume = VolumeBuilder::new("V")
        .file("/a", vec![1; 20_000])
        .clone_file("/a", "/b")
        .remove("/a")
        .clone_file("/b", "/c")
        .stream_xattr("/c", "large", vec![5; 9000])
        .snapshot("one")
        .change(|content, disk| {
            let streams: Vec<u64> = content.streams.keys().copied().collect();
            for id in streams {
                let mut stream = content.streams[&id].clone();
                let data = stream.read(disk);
                let (block, count) = content.extents.alloc(&data, id, disk);
                stream.replace(0, block, count);
                content.streams.insert(id, stream);
            }
        });
    let volume = open(ImageBuilder::new().volume(volume).build().bytes).unwrap().volume(0).unwrap();
    let all = changes(&at(&volume, "one"), &volume.view().unwrap());
    let lines: Vec<String> = all.iter().map(short).collect();
    assert_eq!(lines, ["modified /b [(0, 20000)]", "modified /c [(0, 20000)] large=changed"]);
    assert_eq!(all[1].xattrs[0].op, XattrOp::Changed);
}

/// Versions of a file: created, changed, renamed, deleted.
#[test]
fn history() {
    let volume = VolumeBuilder::new("V")
        .snapshot("0")
        .file("/a", "a")
        .snapshot("1")
        .file("/b", "b")
        .snapshot("2")
        .overwrite("/a", 0, "A")
        .rename("/a", "/c")
        .snapshot("3")
        .remove("/c");
    let image = ImageBuilder::new().volume(volume).build();
    let volume = open(image.bytes).unwrap().volume(0).unwrap();
    let id = apfs_core::FsExt::find(&at(&volume, "1"), "/a").unwrap();
    let mut history = History::new(id);
    for (number, view) in states(&volume).iter().enumerate() {
        history.add(number, view).unwrap();
    }
    let versions = history.versions();
    let states: Vec<_> = versions.iter().map(|version| version.states.clone()).collect();
    assert_eq!(states, [vec![0], vec![1, 2], vec![3], vec![4]]);
    let exists: Vec<bool> = versions.iter().map(|version| version.file.is_some()).collect();
    assert_eq!(exists, [false, true, true, false]);
    let change = versions[2].change.as_ref().unwrap();
    assert_eq!(short(change), "renamed /a -> /c [(0, 1)]");
    assert_eq!(versions[1].file.as_ref().unwrap().1.id, FileId(id.0));
    assert!(volume.view().unwrap().xid() > Xid(0));
}
