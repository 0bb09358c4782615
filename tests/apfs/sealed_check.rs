//! Checks of seals: what is sound is intact, and one flipped bit in each kind of place is found there.

use apfs_core::Damage;
use apfs_core::apfs::seal::{SealEvent, SealTally, SealedFile};
use apfs_core::apfs::{SealCheck, SealSummary, SealVerdict};
use apfs_tests::build::records::Key;
use apfs_tests::build::{Image, ImageBuilder, Role};
use apfs_tests::listing::view;
use apfs_tests::sealed::{self, mismatch, verdict};

/// Type of the records with hashes of data, and what their number begins with.
const FILE_INFO: u8 = 0xD;
const DATA_HASH: u64 = 1 << 56;

fn small() -> Image {
    sealed::image(8, |_| ())
}

/// The byte in the image where a piece of a file begins.
fn byte_of(image: &Image, path: &str, offset: u64) -> usize {
    let block = offset / image.block_size as u64;
    let extents = image.data_of(0, path).iter();
    let mut found = extents.filter(|extent| (extent.logical..extent.logical + extent.count).contains(&block));
    let extent = found.next().unwrap();
    (extent.block + block - extent.logical) as usize * image.block_size
}

/// Replaces the only place in the blocks of a role where `from` stands, and repairs the checksum.
fn replace(image: &mut Image, role: Role, from: &[u8], to: &[u8]) {
    let blocks: Vec<u64> = image.live(role).iter().map(|place| place.block).collect();
    let places = blocks.iter().flat_map(|block| {
        let found = image.block(*block).windows(from.len()).enumerate();
        found.filter(|(_, bytes)| *bytes == from).map(|(at, _)| (*block, at)).collect::<Vec<_>>()
    });
    let places: Vec<_> = places.collect();
    let [(block, at)] = places[..] else { panic!("{places:?}") };
    image.edit(block, |bytes| bytes[at..at + to.len()].copy_from_slice(to));
}

fn places(files: &[SealedFile]) -> Vec<(&str, u64)> {
    files.iter().map(|file| (core::str::from_utf8(&file.path).unwrap(), file.offset)).collect()
}

/// Every hash function, version, place of the root hash, length of pieces and block size.
#[test]
fn intact() {
    for im_hash_type in 1..=8 {
        let image = sealed::image(8, |seal| seal.im_hash_type = im_hash_type);
        assert!(verdict(image.bytes).unwrap().is_intact(), "type {im_hash_type}");
    }
    for (version, offset) in [(1, 0x38), (2, 0x80), (2, 4096 - 32)] {
        let image = sealed::image(1000, |seal| {
            (seal.im_version, seal.im_root_hash_offset) = (version, offset);
        });
        assert!(verdict(image.bytes).unwrap().is_intact(), "offset {offset}");
    }
    for (block_size, piece_blocks) in [(4096, 2), (4096, 3), (4096, 64), (8192, 1), (16384, 4), (65536, 1)] {
        let volume = sealed::volume("System").seal(|seal| seal.piece_blocks = piece_blocks);
        let image =
            ImageBuilder::new().block_size(block_size).max_records_per_node(16).volume(volume).build();
        assert!(verdict(image.bytes.clone()).unwrap().is_intact(), "{block_size} times {piece_blocks}");
        let mut image = image;
        let last = 40_000 / block_size as u64 * block_size as u64;
        let at = byte_of(&image, "/bin/plain", last);
        image.bytes[at] ^= 1;
        let piece = block_size as u64 * u64::from(piece_blocks);
        let found = mismatch(image.bytes);
        assert!(places(&found.files).contains(&("/bin/plain", last / piece * piece)), "{found:?}");
    }
}

/// A function that nobody knows is no verdict on the content; that the volume calls itself broken is told.
#[test]
fn unknown_type() {
    for im_hash_type in [0, 9, u32::MAX] {
        let image = sealed::image(8, |seal| seal.im_hash_type = im_hash_type);
        let found = verdict(image.bytes).unwrap();
        let is_it = |found: &SealVerdict, flag: Option<u64>| {
            matches!(found, SealVerdict::Unknown { hash_type, broken }
                if *hash_type == im_hash_type && broken.map(|xid| xid.0) == flag)
        };
        assert!(is_it(&found, None), "{found:?}");
        let image = sealed::image(8, |seal| (seal.im_hash_type, seal.broken) = (im_hash_type, Some(7)));
        let found = verdict(image.bytes).unwrap();
        assert!(is_it(&found, Some(7)), "{found:?}");
    }
}

/// A broken seal is told apart from one that does not match, and what still matches is known.
#[test]
fn broken() {
    let mut image = ImageBuilder::new().volume(sealed::volume("V").broken_seal(5)).build();
    let found = verdict(image.bytes.clone()).unwrap();
    assert!(matches!(found, SealVerdict::BrokenFlag { xid } if xid.0 == 5), "{found:?}");
    let at = byte_of(&image, "/usr/pieces", 0);
    image.bytes[at] ^= 1;
    let found = mismatch(image.bytes);
    assert_eq!((found.broken.map(|xid| xid.0), places(&found.files)), (Some(5), vec![("/usr/pieces", 0)]));
}

/// A bit in any node, root and footer included, is found in that node alone, with the way to it.
#[test]
fn nodes() {
    let image = small();
    let root = image.fs_root(0);
    let nodes: Vec<_> = image.fs_nodes(0).into_iter().cloned().collect();
    let height = nodes.iter().find(|node| node.block == root).unwrap().level;
    assert!(height >= 2, "index nodes below the root");
    for node in &nodes {
        // A zero of the empty header, and a place in the middle, which is free in index nodes.
        for at in [0x1F, image.block_size / 2] {
            let mut image = image.clone();
            image.block_mut(node.block)[at] ^= 0x10;
            let Ok(found) = verdict(image.bytes) else {
                assert_eq!(node.block, root, "only without the root there is no tree");
                continue;
            };
            let SealVerdict::Mismatch(found) = found else { panic!("{found:?}") };
            let wrong =
                found.nodes.iter().find(|wrong| wrong.block.is_some_and(|block| block.0 == node.block));
            let wrong = wrong.unwrap_or_else(|| panic!("block {}: {found:?}", node.block));
            assert_eq!(found.nodes.len(), 1, "{found:?}");
            assert_eq!(wrong.level, node.level);
            assert_eq!(wrong.path.len(), usize::from(height - node.level));
            assert_eq!(wrong.path.first().map(|step| step.block.0), (node.block != root).then_some(root));
            let ends = [node.ids.start(), node.ids.end()];
            assert!(ends.iter().all(|id| wrong.ids.contains(id)) || node.level > 0, "{wrong:?}");
            assert_eq!(wrong.error.corrupt().unwrap().damage, Damage::Hash);
        }
    }
}

/// A bit of the first, a middle and the last piece of a file is found there.
#[test]
fn data() {
    for (path, offsets) in [
        ("/bin/plain", [0, 16_384, 36_864]),
        ("/usr/pieces", [0, 8192, 69_632]),
        ("/usr/sparse", [65_536, 81_920, 131_072]),
        ("/etc/file 7", [0; 3]),
    ] {
        for offset in offsets {
            let mut image = small();
            let at = byte_of(&image, path, offset);
            image.bytes[at + 3] ^= 0x80;
            let found = mismatch(image.bytes);
            assert!(found.nodes.is_empty() && places(&found.files).contains(&(path, offset)), "{found:?}");
            assert!(found.files.iter().all(|file| file.offset == offset), "{found:?}");
            assert_eq!(found.files[0].error.corrupt().unwrap().damage, Damage::Hash);
        }
    }
}

/// What is behind the end of a file nobody reads, and the hash is that of zeros there.
#[test]
fn behind_the_end() {
    let mut image = small();
    let at = byte_of(&image, "/bin/plain", 36_864);
    image.bytes[at + 4095] ^= 1;
    assert!(verdict(image.bytes).unwrap().is_intact());
}

/// Compressed data is hashed as it is read: in the attribute, and in the resource fork.
#[test]
fn compressed() {
    let image = small();
    let id = image.inode(0, "/usr/inline");
    let mut inline = image.clone();
    let leaf = image.fs_leaves_of(0, id).into_iter().find_map(|leaf| {
        let at = image.block(leaf).windows(4).position(|bytes| bytes == b"fpmc")?;
        Some((leaf, at))
    });
    let (leaf, at) = leaf.unwrap();
    inline.block_mut(leaf)[at + 40] ^= 1;
    let found = mismatch(inline.bytes);
    assert!(found.nodes.iter().any(|node| node.block.unwrap().0 == leaf), "{found:?}");
    assert!(found.files.iter().all(|file| file.path.starts_with(b"/usr/")), "{found:?}");
    assert!(!found.files.is_empty());

    let map = &image.volumes[0];
    let forks = map.extents.iter().filter(|(id, _)| !map.private_ids.values().any(|other| other == *id));
    let forks: Vec<_> = forks.collect();
    assert!(forks.len() >= 2, "{forks:?}");
    for (stream, extents) in forks {
        let mut image = image.clone();
        let block = extents[0].block + extents[0].count / 2;
        image.block_mut(block)[1000] ^= 4;
        let found = mismatch(image.bytes);
        assert!(found.nodes.is_empty() && !found.files.is_empty(), "{stream}: {found:?}");
        let is_fork = |file: &SealedFile| file.stream == *stream && file.path.starts_with(b"/usr/");
        assert!(found.files.iter().all(is_fork), "{found:?}");
    }
}

/// The record of the seal: what can't be true is told with its field; with a wrong checksum there is no verdict.
#[test]
fn record_of_the_seal() {
    let field = |at: usize, bytes: &[u8]| {
        let mut image = small();
        let block = image.block_of(Role::IntegrityMeta);
        image.edit(block, |object| object[at..at + bytes.len()].copy_from_slice(bytes));
        image.bytes
    };
    for (at, bytes, name) in [
        (0x20, 0_u64, "im_version"),
        (0x20, 3, "im_version"),
        (0x24, 1, "im_broken_xid"),
        (0x24, 4, "im_flags"),
        (0x2C, 0x28, "im_root_hash_offset"),
        (0x2C, 0x84, "im_root_hash_offset"),
        (0x2C, 4096 - 24, "im_root_hash_offset"),
        (0x2C, 0xFFFF_FFF8, "im_root_hash_offset"),
        (0x30, 5, "im_broken_xid"),
    ] {
        let found = mismatch(field(at, &bytes.to_le_bytes()[..4]));
        let fields: Vec<_> = found.recorded.iter().map(|flaw| flaw.place.field).collect();
        assert_eq!((fields, found.nodes.len(), found.files.len()), (vec![name], 0, 0), "{at:#x}");
    }
    // A hash of another place, another function of the same and of another length.
    for (at, value) in [(0x2C, 0x88_u32), (0x28, 5), (0x28, 3)] {
        let found = mismatch(field(at, &value.to_le_bytes()));
        assert!(found.nodes.iter().any(|node| node.path.is_empty()), "{found:?}");
        assert!(found.recorded.is_empty(), "{found:?}");
    }
    let mut image = small();
    let block = image.block_of(Role::IntegrityMeta);
    image.edit(block, |object| object[0x80 + 31] ^= 1);
    let found = mismatch(image.bytes);
    assert_eq!((found.nodes.len(), found.files.len(), found.nodes[0].path.len()), (1, 0, 0), "{found:?}");
    for at in [0x20, 0x24, 0x28, 0x2C, 0x30, 0x90] {
        let mut image = small();
        image.block_mut(block)[at] ^= 1;
        let error = verdict(image.bytes).unwrap_err();
        assert_eq!(error.corrupt().unwrap().damage, Damage::Checksum, "{error}");
    }
}

/// An object map that leads to another node of the same tree.
#[test]
fn other_node() {
    let image = small();
    let nodes = image.fs_nodes(0);
    let leaves: Vec<_> = nodes.into_iter().filter(|node| node.level == 0).cloned().collect();
    let (one, other) = (&leaves[3], &leaves[5]);
    let mapping = |block: u64| [&4096_u32.to_le_bytes()[..], &block.to_le_bytes()].concat();
    let mut changed = image.clone();
    replace(&mut changed, Role::VolumeOmapNode, &mapping(one.block), &mapping(other.block));
    let found = mismatch(changed.bytes);
    let node = found.nodes.iter().find(|node| node.oid.0 == one.oid).unwrap_or_else(|| panic!("{found:?}"));
    assert_eq!((node.block.unwrap().0, node.error.corrupt().unwrap().damage), (other.block, Damage::Hash));
}

/// Extents that lead elsewhere, and a hole that is none any more.
#[test]
fn extents() {
    let image = small();
    let extent = |len: u64, block: u64| [len.to_le_bytes(), block.to_le_bytes()].concat();
    let block = image.data_of(0, "/bin/plain")[0].block;
    for (len, from, to, path, offset) in [
        (40_960, block, block + 1, "/bin/plain", 0),
        (45_056, 0, block, "/usr/sparse", 86_016),
        (20_480, image.data_of(0, "/usr/sparse")[1].block, 0, "/usr/sparse", 65_536),
    ] {
        let mut image = image.clone();
        replace(&mut image, Role::FextNode, &extent(len, from), &extent(len, to));
        let found = mismatch(image.bytes);
        assert!(found.nodes.is_empty() && places(&found.files).contains(&(path, offset)), "{found:?}");
    }
}

/// Hash records that are sealed like everything else and still can't be right.
#[test]
fn hash_records() {
    let plain = small();
    let id = plain.inode(0, "/usr/pieces");
    let empty = plain.inode(0, "/empty");
    let key = |id, offset: u64| Key::numbered(id, FILE_INFO, DATA_HASH | offset);
    let value =
        |blocks: u16, len: u8, hash: usize| [&blocks.to_le_bytes()[..], &[len], &vec![7; hash]].concat();
    for (key, value, path, offset, damage) in [
        (key(id, 8192), None, "/usr/pieces", 8192, Some(Damage::Contradiction)),
        (key(id, 69_632), None, "/usr/pieces", 69_632, Some(Damage::Missing)),
        (key(id, 73_728), Some(value(1, 32, 32)), "/usr/pieces", 73_728, Some(Damage::Contradiction)),
        (key(id, 8193), Some(value(1, 32, 32)), "/usr/pieces", 12_288, Some(Damage::Contradiction)),
        (key(empty, 0), Some(value(1, 32, 32)), "/empty", 0, Some(Damage::Contradiction)),
        (key(id, 8192), Some(value(1, 16, 16)), "/usr/pieces", 8192, Some(Damage::Range)),
        (key(id, 8192), Some(value(1, 255, 32)), "/usr/pieces", 8192, Some(Damage::Bounds)),
        (key(id, 8192), Some(value(1, 48, 48)), "/usr/pieces", 8192, Some(Damage::Range)),
        (key(id, 8192), Some(value(0, 32, 32)), "/usr/pieces", 8192, Some(Damage::Range)),
        (key(id, 8192), Some(value(2, 32, 32)), "/usr/pieces", 8192, Some(Damage::Hash)),
        (key(id, 8192), Some(value(u16::MAX, 32, 32)), "/usr/pieces", 8192, None),
    ] {
        let volume = sealed::volume("System").sealed();
        let volume = match value {
            Some(value) => volume.record(key.clone(), value),
            None => volume.without_record(key.clone()),
        };
        let image = ImageBuilder::new().max_records_per_node(8).volume(volume).build();
        let found = mismatch(image.bytes);
        let first = found.files.first().unwrap_or_else(|| panic!("{key:?}: {found:?}"));
        assert_eq!(places(&found.files)[0], (path, offset), "{found:?}");
        assert_eq!(first.error.corrupt().map(|corrupt| corrupt.damage), damage, "{found:?}");
        assert!(found.nodes.is_empty(), "{found:?}");
    }
    // No hash at all.
    let mut volume = sealed::volume("System").sealed();
    for piece in 0..18 {
        volume = volume.without_record(key(id, piece * 4096));
    }
    let found = mismatch(ImageBuilder::new().volume(volume).build().bytes);
    assert_eq!(places(&found.files), [("/usr/pieces", 0)]);
    assert_eq!(found.files[0].error.corrupt().unwrap().damage, Damage::Missing);
}

/// However the work is cut and in whatever order it is done, the outcome is one.
#[test]
fn parts_agree() {
    let mut image = small();
    for (path, offset) in [("/bin/plain", 4096), ("/etc/file 20", 0), ("/usr/pieces", 65_536)] {
        let at = byte_of(&image, path, offset);
        image.bytes[at] ^= 2;
    }
    let nodes: Vec<_> = image.fs_nodes(0).into_iter().map(|node| (node.block, node.level)).collect();
    for level in [0, 1] {
        let of_level: Vec<_> = nodes.iter().filter(|node| node.1 == level).collect();
        image.block_mut(of_level[of_level.len() / 2].0)[2048] ^= 1;
    }
    let view = view(image.bytes);
    let whole = format!("{:?}", view.verify_seal(None).unwrap().unwrap());
    let mut tallies = Vec::new();
    for wanted in [1, 2, 5, 40] {
        let check = SealCheck::new(&view).unwrap();
        let (mut summary, mut tally) = (SealSummary::new(check.seal()), SealTally::default());
        let mut hashed = 0;
        let mut sink = |event| {
            if let SealEvent::Hashed(bytes) = event {
                hashed += bytes;
            }
            summary.add(event);
            Ok(())
        };
        for part in check.parts(wanted).into_iter().rev() {
            tally.merge(&check.part(part, None, &mut sink).unwrap());
        }
        tally.merge(&check.root(&mut sink).unwrap());
        assert_eq!(hashed, tally.bytes, "all bytes are told");
        assert_eq!(format!("{:?}", summary.verdict()), whole, "{wanted} parts");
        tallies.push(tally);
    }
    assert_eq!(tallies[0].nodes, nodes.len() as u64);
    assert!(tallies.windows(2).all(|pair| pair[0] == pair[1]), "{tallies:?}");
}

/// The snapshot that a system boots from has a seal of its own.
#[test]
fn booted() {
    let image = sealed::booted(8);
    let container = apfs_tests::listing::open(image.bytes).unwrap();
    let volume = container.volume(0).unwrap();
    let snapshot = volume.boot_snapshot().unwrap().unwrap();
    assert_eq!(snapshot.name.as_bytes(), sealed::UPDATE.as_bytes());
    let view = volume.view_at(&snapshot).unwrap();
    assert!(view.verify_seal(None).unwrap().unwrap().is_intact());
}

/// Before seals the snapshots of updates were states to return to: nothing boots from them.
#[test]
fn nothing_boots_from_an_unsealed_update() {
    let volume = apfs_tests::build::VolumeBuilder::new("V").role(1).file("/a", "a").snapshot(sealed::UPDATE);
    let image = apfs_tests::build::ImageBuilder::new().volume(volume).build();
    let volume = apfs_tests::listing::open(image.bytes).unwrap().volume(0).unwrap();
    assert_eq!(volume.snapshots().unwrap().len(), 1);
    assert!(volume.boot_snapshot().unwrap().is_none());
}

/// Attributes that all say to be their file's own data are hashed once, however many they are.
#[test]
fn attributes_that_share_a_stream() {
    let large = apfs_tests::compress::sample::noise(20_000, 9);
    let mut volume = sealed::volume("System").seal(|_| ());
    for number in 0..5 {
        volume = volume.stream_xattr("/bin/plain", &format!("large {number}"), large.clone());
    }
    let mut image = apfs_tests::build::ImageBuilder::new().volume(volume).build();
    let id = image.inode(0, "/bin/plain");
    let pieces = |image: &Image| {
        let view = apfs_tests::listing::open(image.bytes.clone()).unwrap().volume(0).unwrap().view().unwrap();
        let check = SealCheck::new(&view).unwrap();
        check.part(0..u64::MAX, None, &mut |_| Ok(())).unwrap().pieces
    };
    let sound = pieces(&image);
    let mut edited = 0;
    let nodes: Vec<u64> = image.live(Role::FsNode).into_iter().map(|place| place.block).collect();
    for block in nodes {
        image.edit(block, |bytes| {
            // Number of the stream, its size, its room.
            let size = [20_000_u64.to_le_bytes(), 20_480_u64.to_le_bytes()].concat();
            let starts: Vec<usize> =
                (8..bytes.len() - 16).filter(|at| bytes[*at..*at + 16] == size).map(|at| at - 8).collect();
            for at in starts {
                edited += 1;
                bytes[at..at + 8].copy_from_slice(&id.to_le_bytes());
                bytes[at + 8..at + 16].copy_from_slice(&40_000_u64.to_le_bytes());
            }
        });
    }
    assert_eq!(edited, 5);
    let once = pieces(&image) - sound;
    assert!(once <= 10, "{once} pieces more for 10 blocks");
}
