//! Structures that lie: only what hangs on them is lost, and it is said.

use std::time::{Duration, Instant};

use apfs_core::{Fs, FsExt, StreamId};
use apfs_tests::build::hfs::btree::Node;
use apfs_tests::build::hfs::bytes::{self, put, u16_at, u32_at};
use apfs_tests::build::hfs::{HfsBuilder, HfsImage, HfsRole};
use apfs_tests::hfs_volumes::{dir_links, file_links, pattern, rich};

use crate::answer::{Answer, Key, ask};
use crate::expect::open;

const SLOW: Duration = Duration::from_secs(10);

/// A sound image and what it says.
struct Bench {
    image: HfsImage,
    sound: Answer,
    names: Vec<Key>,
}

impl Bench {
    fn new(volume: &HfsBuilder) -> Self {
        let image = volume.build();
        let names: Vec<Key> = ask(&image.bytes, []).listed.into_keys().collect();
        let sound = ask(&image.bytes, &names);
        assert_eq!(sound.reports, [""; 0]);
        Bench { image, sound, names }
    }

    /// Asks a damaged copy. What differs is said.
    fn damaged(&self, what: &str, change: impl FnOnce(&mut HfsImage)) -> Answer {
        self.damaged_in(what, &[], change)
    }

    /// Asks a copy with damage in the records of some CNIDs.
    fn damaged_in(&self, what: &str, cnids: &[u64], change: impl FnOnce(&mut HfsImage)) -> Answer {
        let mut image = self.image.clone();
        change(&mut image);
        let start = Instant::now();
        let answer = ask(&image.bytes, &self.names);
        assert!(start.elapsed() < SLOW, "{:?}", start.elapsed());
        let differences = answer.silent_differences(&self.sound, cnids);
        assert!(differences.is_empty(), "{what}, in silence: {differences:#?}");
        answer
    }

    /// The damage is said, and at least `least` entries are still listed as they were.
    fn local(&self, what: &str, least: usize, change: impl FnOnce(&mut HfsImage)) {
        let answer = self.damaged(what, change);
        assert!(!answer.reports.is_empty(), "{what}: nothing was noticed");
        let same = |(key, said): &(&Key, &_)| self.sound.listed.get(*key) == Some(*said);
        let whole = answer.listed.iter().filter(same).count();
        assert!(
            whole >= least,
            "{what}: only {whole} of {} are left: {:?}",
            self.names.len(),
            answer.reports
        );
    }

    fn nodes(&self, role: HfsRole, height: core::ops::RangeInclusive<u8>) -> Vec<Node> {
        let tree = &self.image.trees[&role];
        tree.nodes.iter().filter(|node| height.contains(&node.height)).cloned().collect()
    }
}

fn tall() -> HfsBuilder {
    let volume = (0..20).fold(HfsBuilder::new("V").dir("/d"), |volume, n| {
        let volume = volume.file(&format!("/d/file {n:02}"), pattern(n * 30));
        volume.xattr(&format!("/d/file {n:02}"), "n", n.to_string())
    });
    volume
        .fragmented("/pieces", pattern(60_000), 60)
        .block_size(512)
        .node_sizes(1024, 512, 1024)
        .max_records_per_node(3)
}

const TREES: [HfsRole; 3] = [HfsRole::Catalog, HfsRole::Attributes, HfsRole::Extents];

/// A child that is its own ancestor, one child in two places, and children that are none.
#[test]
fn children_that_lie() {
    let bench = Bench::new(&tall());
    for role in TREES {
        let tree = &bench.image.trees[&role];
        for node in bench.nodes(role, 2..=16) {
            let child_of = |range: &core::ops::Range<usize>| {
                u32_at(&tree.bytes[tree.node_range(node.number)], range.end - 4)
            };
            let range = node.records.last().unwrap().0.clone();
            let (first, last) = (child_of(&node.records[0].0), child_of(&range));
            let targets = [tree.root, node.number, first, 0, tree.total_nodes as u32, u32::MAX];
            for target in targets.into_iter().filter(|target| *target != last) {
                let what = format!("{role:?} node {} leads to {target}", node.number);
                bench.local(&what, 1, |image| {
                    image.edit_node(role, node.number, |bytes| {
                        put(bytes, range.end - 4, target.to_be_bytes())
                    });
                });
            }
        }
    }
}

/// Heights, kinds, links to neighbours, counts and offsets of records.
#[test]
fn nodes_that_lie() {
    let bench = Bench::new(&tall());
    for role in TREES {
        for node in bench.nodes(role, 1..=16).into_iter().step_by(4) {
            for (at, values) in
                [(8, &[0_u8, 1, 2, 0xFF][..]), (9, &[0, 1, 2, 17]), (10, &[0xFF]), (11, &[0, 1, 2, 5])]
            {
                for value in values {
                    let what = format!("{role:?} node {} byte {at} = {value}", node.number);
                    bench.damaged(&what, |image| {
                        image.edit_node(role, node.number, |bytes| bytes[at] = *value)
                    });
                }
            }
            for entry in 0..=node.records.len() {
                for value in [0_u16, 13, 16, 100, 0xFFFF] {
                    let what = format!("{role:?} node {} offset {entry} = {value}", node.number);
                    bench.damaged(&what, |image| {
                        image.edit_node(role, node.number, |bytes| {
                            let at = bytes.len() - 2 * (entry + 1);
                            put(bytes, at, value.to_be_bytes());
                        });
                    });
                }
            }
        }
    }
}

/// Two records in the wrong order, and lengths of keys that reach too far.
#[test]
fn records_that_lie() {
    let bench = Bench::new(&tall());
    for role in TREES {
        for node in bench.nodes(role, 1..=16) {
            // The nodes that the root folder is in take all with them.
            let least = usize::from(role != HfsRole::Catalog || node.records[0].1 > 2);
            if node.records.len() > 1 {
                bench.local(&format!("{role:?} node {} swapped", node.number), least, |image| {
                    image.edit_node(role, node.number, |bytes| {
                        let end = bytes.len();
                        let (a, b) = (node.records[0].0.clone(), node.records[1].0.clone());
                        let swapped = [&bytes[b.clone()], &bytes[a.clone()]].concat();
                        put(bytes, a.start, &swapped);
                        put(bytes, end - 4, ((a.start + b.len()) as u16).to_be_bytes());
                    });
                });
            }
            for (range, _) in &node.records {
                for value in [0_u16, 5, 0xFFFF] {
                    let what = format!("{role:?} node {} key of {value} at {}", node.number, range.start);
                    bench.local(&what, least, |image| {
                        image.edit_node(role, node.number, |bytes| {
                            put(bytes, range.start, value.to_be_bytes())
                        });
                    });
                }
            }
        }
    }
}

/// Every field of a tree's header.
#[test]
fn tree_headers_that_lie() {
    let bench = Bench::new(&tall());
    for role in TREES {
        let sizes = [0_u32, 1, 256, 511, 513, 512, 2048, 3000, 32768, 0xFFFF];
        let numbers = [0, 1, 2, 17, 1000, 0x7FFF_FFFF, 0xFFFF_FFFF];
        // Depth, root, leaf records, first and last leaf, node size, longest key, nodes, free nodes.
        for (at, len, values) in [
            (14, 2, &numbers[..]),
            (16, 4, &numbers),
            (20, 4, &numbers),
            (24, 4, &numbers),
            (28, 4, &numbers),
            (32, 2, &sizes),
            (34, 2, &numbers),
            (36, 4, &numbers),
            (40, 4, &numbers),
            (52, 4, &numbers),
        ] {
            for value in values {
                bench.damaged(&format!("{role:?} header byte {at} = {value}"), |image| {
                    image.edit_node(role, 0, |bytes| put(bytes, at, &value.to_be_bytes()[4 - len..]));
                });
            }
        }
        for byte in 0..14 {
            bench.damaged(&format!("{role:?} header byte {byte}"), |image| {
                image.edit_node(role, 0, |bytes| bytes[byte] ^= 0xFF);
            });
        }
    }
}

/// Forks that reach behind the end of the volume, or say they are longer than their blocks.
#[test]
fn forks_that_lie() {
    let bench = Bench::new(&rich("V"));
    let cnid = bench.image.cnid("/folder/deeper/large");
    let leaf = bench.image.trees[&HfsRole::Catalog].leaves_of(cnid).next().unwrap().clone();
    let record = |image: &HfsImage| {
        let tree = &image.trees[&HfsRole::Catalog];
        let bytes = &tree.bytes[tree.node_range(leaf.number)];
        let ranges = leaf.records.iter().filter(|(range, owner)| *owner == cnid && range.len() > 248);
        let start = ranges.map(|(range, _)| range.start).next().unwrap();
        start + 2 + usize::from(u16_at(bytes, start))
    };
    let data = record(&bench.image);
    // Length, blocks, first extent's start and count, second extent's count.
    for (at, value) in [
        (88, u64::MAX.to_be_bytes().to_vec()),
        (88, (1_u64 << 40).to_be_bytes().to_vec()),
        (100, u32::MAX.to_be_bytes().to_vec()),
        (100, 1_u32.to_be_bytes().to_vec()),
        (104, u32::MAX.to_be_bytes().to_vec()),
        (108, u32::MAX.to_be_bytes().to_vec()),
        (108, 1_u32.to_be_bytes().to_vec()),
        (116, 5_u32.to_be_bytes().to_vec()),
    ] {
        let answer = bench.damaged_in(&format!("fork byte {at}"), &[cnid.into()], |image| {
            image.edit_node(HfsRole::Catalog, leaf.number, |bytes| put(bytes, data + at, &value));
        });
        assert!(!answer.reports.is_empty(), "byte {at}: nothing was noticed");
        assert!(answer.differences(&bench.sound, &[cnid.into()]).is_empty(), "byte {at}");
    }
}

/// A file whose record has become that of a folder, or its thread that of a folder's: told by a scan.
#[test]
fn records_of_another_kind() {
    let bench = Bench::new(&tall());
    for path in ["/d/file 03", "/pieces"] {
        let cnid = bench.image.cnid(path);
        for node in bench.image.trees[&HfsRole::Catalog].leaves_of(cnid).cloned().collect::<Vec<_>>() {
            for (range, _) in node.records.iter().filter(|(_, owner)| *owner == cnid) {
                let answer = bench.damaged(path, |image| {
                    image.edit_node(HfsRole::Catalog, node.number, |bytes| {
                        let data = range.start + 2 + usize::from(u16_at(bytes, range.start));
                        // 2 is a file, 4 its thread; 1 and 3 are those of folders.
                        bytes[data + 1] -= 1;
                    });
                });
                assert!(!answer.scan_reports.is_empty(), "{path}");
            }
        }
    }
}

/// A tree's own extents lead out of the volume, in both headers.
#[test]
fn special_files_that_lie() {
    let bench = Bench::new(&rich("V"));
    for file in [112, 192, 272, 352, 432] {
        for (field, value) in [(0, 0xFF_u8), (3, 0x40), (12, 0xFF), (16, 0xFF), (20, 0xFF), (15, 0), (23, 0)]
        {
            bench.damaged(&format!("file {file} byte {field} = {value}"), |image| {
                image.edit_headers(|header| header[file + field] = value);
            });
        }
    }
}

/// An overflow record that is not there costs the part of the fork that it describes.
#[test]
fn missing_overflow_records() {
    let bench = Bench::new(&tall());
    let cnid = bench.image.cnid("/pieces");
    for node in bench.nodes(HfsRole::Extents, 1..=1) {
        for (range, owner) in &node.records {
            assert_eq!(*owner, cnid);
            let answer = bench.damaged("start block", |image| {
                image.edit_node(HfsRole::Extents, node.number, |bytes| bytes[range.end - 60] ^= 0x40);
            });
            assert!(!answer.reports.is_empty());
        }
    }
    let mut image = tall().build();
    // The catalog of the whole file with an extents file that knows nothing of it.
    image.edit_node(HfsRole::Extents, 0, |bytes| bytes[14..28].fill(0));
    let volume = open(image.bytes).unwrap();
    let id = volume.find("/pieces").unwrap();
    let mut start = [0; 4096];
    let read = volume.read_at(id, &StreamId::Data, 0, &mut start).unwrap();
    assert_eq!(&start[..read], &pattern(60_000)[..4096]);
    assert!(volume.read_at(id, &StreamId::Data, 59_000, &mut start).is_err());
}

/// A file or folder behind a link that is not there, and links to things of the wrong kind.
#[test]
fn links_that_lead_nowhere() {
    for (volume, linked) in [(file_links(), "/five"), (file_links(), "/a/two"), (dir_links(), "/a/shared")] {
        let bench = Bench::new(&volume);
        let cnid = volume.cnid(linked);
        let mut changed = volume.clone();
        changed.items.get_mut(&cnid).unwrap().name = bytes::units("lost");
        let answer = ask(&changed.build().bytes, &bench.names);
        assert!(!answer.reports.is_empty(), "{linked}");
        let mut may_differ: Vec<u64> = volume.links_to(cnid).iter().map(|link| link.cnid.into()).collect();
        may_differ.push(cnid.into());
        let differences = answer.differences(&bench.sound, &may_differ);
        assert!(differences.is_empty(), "{linked}: {differences:#?}");
    }
}

/// Chains of links in circles end; the names that are on them are found or an error says that not all are.
#[test]
fn chains_in_circles() {
    let volume = file_links();
    let inode = volume.cnid("/five");
    let links: Vec<u32> = volume.links_to(inode).iter().map(|link| link.cnid).collect();
    for from in &links {
        for to in links.iter().chain([&0, &inode, &2, &99_999]) {
            let mut changed = volume.clone();
            let item = changed.items.get_mut(from).unwrap();
            let before = item.group;
            item.group = *to;
            let opened = open(changed.build().bytes).unwrap();
            let found = opened.links(apfs_core::FileId(inode.into()));
            let is_whole = found.as_ref().is_ok_and(|found| found.len() == links.len());
            assert!(before == *to || found.is_err() || is_whole, "{from} leads to {to}: {found:?}");
            let content = apfs_tests::listing::read(&opened, "/five").unwrap();
            assert_eq!(content, b"five");
        }
    }
}

/// A folder that is linked inside itself is entered once on every way down.
#[test]
fn folders_inside_themselves() {
    let volume = HfsBuilder::new("V")
        .dir("/a")
        .dir("/a/b")
        .file("/a/b/file", b"x")
        .dir("/other")
        .dir_link("/a", "/other/a too")
        .dir_link("/a", "/a/b/a again")
        .dir_link("/a/b", "/a/b again");
    let opened = open(volume.build().bytes).unwrap();
    let (mut entries, mut errors) = (0, 0);
    for entry in opened.walk(opened.root()) {
        match entry {
            Ok(_) => entries += 1,
            Err(_) => errors += 1,
        }
        assert!(entries + errors < 200, "a walk ends");
    }
    assert!(errors > 0 && entries > 8, "{entries} entries, {errors} errors");
    apfs_tests::listing::read(&opened, "/a/b/a again/b/a again/b/file").unwrap();
    assert!(!apfs_tests::listing::walked(&opened).is_empty());
}

/// Many levels of folders that are each linked twice would be met a million times; a limit ends it.
#[test]
fn links_that_multiply() {
    let mut volume = HfsBuilder::new("V").dir("/0").file("/0/file", b"x");
    for level in 1..24 {
        let (this, below) = (format!("/{level}"), format!("/{}", level - 1));
        volume = volume
            .dir(&this)
            .dir_link(&below, &format!("{this}/left"))
            .dir_link(&below, &format!("{this}/right"));
    }
    let image = volume.build();
    let mut options = apfs_core::OpenOptions::default();
    options.limits.repeated_dirs = 1000;
    let opened = apfs_core::hfsplus::Volume::open(std::sync::Arc::new(image.bytes), options).unwrap();
    let start = Instant::now();
    let errors = opened.walk(opened.root()).filter(Result::is_err).take(5).count();
    assert!(errors > 0 && start.elapsed() < SLOW);
}

/// Numbers of children are what a record says, and nobody relies on them.
#[test]
fn numbers_of_children_that_lie() {
    let volume = rich("V");
    for error in [-1, 1, i32::MAX, i32::MIN] {
        let lying = volume.clone().item("/folder", |item| item.valence_error = error);
        let bench = Bench::new(&volume);
        let answer = ask(&lying.build().bytes, &bench.names);
        let folder = volume.cnid("/folder");
        assert!(answer.differences(&bench.sound, &[folder.into()]).is_empty());
    }
}

/// A file whose thread record is missing is listed, or said to be damaged.
#[test]
fn missing_threads() {
    let volume = rich("V");
    let bench = Bench::new(&volume);
    for path in ["/folder/pieces", "/folder/deeper", "/link", "/folder/text"] {
        let lying = volume.clone().item(path, |item| item.has_thread = false);
        let answer = ask(&lying.build().bytes, &bench.names);
        let differences = answer.differences(&bench.sound, &[volume.cnid(path).into()]);
        // What a folder holds is found by its thread.
        let is_said = volume.items[&volume.cnid(path)].is_folder() && !answer.reports.is_empty();
        assert!(differences.is_empty() || is_said, "{path}: {differences:#?}");
    }
}

/// An image that is cut anywhere gives errors and parts of the right answer.
#[test]
fn truncated_images() {
    let bench = Bench::new(&rich("V"));
    let len = bench.image.bytes.len();
    for cut in
        (0..40).map(|part| len * part / 40).chain([512, 1024, 1535, 1536, len - 1, len - 512, len - 1024])
    {
        let answer = bench.damaged(&format!("{cut} bytes"), |image| image.bytes.truncate(cut));
        assert!(!answer.reports.is_empty(), "{cut} of {len} bytes");
    }
}
