//! Whole images, checked by what the builder itself says about them.

use super::bytes::{u16_at, u32_at, u64_at};
use super::fusion::CopyKind;
use super::object::{Header, OBJ_PHYSICAL, checksum_is_right};
use super::{Fusion, Image, ImageBuilder, Role, VolumeBuilder};

fn volume(name: &str) -> VolumeBuilder {
    VolumeBuilder::new(name)
        .dir("/a")
        .file("/a/x", b"hello")
        .sparse("/a/sparse", 300_000, &[(131_072, &[5; 70_000])])
        .hardlink("/a/x", "/y")
        .stream_xattr("/y", "big", [1; 10_000])
        .snapshot("s1")
        .overwrite("/a/x", 0, b"HELLO")
        .remove("/a/sparse")
}

fn has_header(role: Role) -> bool {
    use Role::{CachedData, ChunkBitmap, Data, MiddleCopy, PoolBitmap};
    !matches!(role, Data | ChunkBitmap | PoolBitmap | MiddleCopy | CachedData)
}

fn check_objects(image: &Image) {
    for index in 0..image.checkpoints.len() {
        let all = image.places.iter().map(|place| place.role).filter(|role| has_header(*role));
        for place in all.flat_map(|role| image.of_checkpoint(index, role)).filter(|place| place.count == 1) {
            let block = image.block(place.block);
            assert!(checksum_is_right(block), "{place:?}");
            let header = Header::read(block);
            assert_eq!((header.o_oid, header.o_xid), (place.oid, place.xid), "{place:?}");
            if header.o_type & OBJ_PHYSICAL != 0 {
                assert_eq!(header.o_oid, place.block);
            }
        }
    }
}

#[test]
fn every_object_names_itself_and_has_the_right_checksum() {
    for block_size in [4096, 16384, 65536] {
        let builder = ImageBuilder::new().block_size(block_size).checkpoints(3).max_records_per_node(4);
        check_objects(&builder.fragmented_areas(true).ring_start(5, 48).volume(volume("V")).build());
    }
}

#[test]
fn the_same_description_gives_the_same_bytes() {
    let build =
        || ImageBuilder::new().checkpoints(2).volume(volume("V")).volume(volume("W").sealed()).build();
    assert!(build().bytes == build().bytes);
}

#[test]
fn a_checkpoint_superblock_lies_at_the_end_of_its_run() {
    let image = ImageBuilder::new().checkpoints(4).ring_start(7, 0).volume(volume("V")).build();
    let ring = 8;
    for checkpoint in &image.checkpoints {
        let block = image.block(checkpoint.superblock);
        let (base, index, len) = (u64_at(block, 0x70), u32_at(block, 0x88), u32_at(block, 0x8c));
        assert_eq!(checkpoint.superblock, base + u64::from((index + len - 1) % ring));
    }
    assert_eq!(image.block(0), image.block(image.newest().superblock));
}

#[test]
fn older_checkpoints_and_snapshots_keep_their_blocks() {
    let image = ImageBuilder::new().checkpoints(2).volume(volume("V")).build();
    let [old, new] = &image.checkpoints[..] else { panic!("two checkpoints") };
    assert_eq!(old.xid + 1, new.xid);
    let snapshot = image.live(Role::SnapshotSuperblock)[0].block;
    assert!(old.used.contains(&snapshot) && new.used.contains(&snapshot));
    assert!(!new.used.contains(&old.nx_omap_oid));
}

#[test]
fn hundreds_of_snapshots_make_tall_trees() {
    let volume = (0..300).fold(VolumeBuilder::new("V").file("/x", b"0"), |volume, n| {
        volume.snapshot(&format!("snapshot {n}")).overwrite("/x", 0, [n as u8])
    });
    let image = ImageBuilder::new().max_records_per_node(4).volume(volume).build();
    for role in [Role::SnapMetaNode, Role::OmapSnapshotNode, Role::VolumeOmapNode] {
        assert!(image.live(role).iter().any(|node| node.level >= 4), "{role:?}");
    }
    assert_eq!(u32_at(image.block(image.block_of(Role::VolumeOmap)), 0x24), 300);
}

#[test]
fn damage_is_where_it_was_put_and_checksums_stay_right() {
    let builder = ImageBuilder::new().checkpoints(2).max_records_per_node(4).volume(volume("V"));
    let mut image = builder.build();
    let root = image.fs_root(0);
    let root_oid = image.volumes[0].root_oid;
    image.set_child(root, 1, root_oid);
    assert_eq!(image.child(root, 1), root_oid);
    image.set_level(root, 9);
    image.set_nkeys(root, u32::MAX);
    assert_eq!((u16_at(image.block(root), 0x22), u32_at(image.block(root), 0x24)), (9, u32::MAX));
    image.set_first_extent(0, "/a/x", u64::MAX >> 1);
    let xid = image.checkpoints[1].xid;
    image.set_checkpoint_xid(0, xid);
    assert!(image.live(Role::FsNode).iter().all(|node| checksum_is_right(image.block(node.block))));
    assert_eq!(u64_at(image.block(image.checkpoints[0].superblock), 0x10), xid);
    let omap = image.newest().nx_omap_oid;
    image.corrupt(omap);
    assert!(!checksum_is_right(image.block(omap)));
}

#[test]
fn a_fusion_pair_has_content_on_both_devices_and_its_trees_on_one() {
    let flag = super::fusion::tier2_flag(4096);
    let volume = VolumeBuilder::new("F").file("/main", [1; 9000]).on_tier2(true).file("/slow", [2; 9000]);
    let volume =
        volume.copy_on_main("/slow", CopyKind::Dirty, 1, 2).copy_on_main("/slow", CopyKind::Cached, 0, 1);
    let image = ImageBuilder::new().fusion(Fusion::default()).volume(volume).build();
    check_objects(&image);
    assert!(image.data_of(0, "/main").iter().all(|extent| extent.block < flag));
    let slow = image.data_of(0, "/slow")[0];
    assert!(slow.block > flag);
    // Where copies are newer, tier 2 holds other bytes.
    assert_eq!((image.block(slow.block)[0], image.block(slow.block + 2)[0]), (!2, !2));
    assert_eq!(image.block_of(Role::MiddleCopy), image.block_of(Role::MiddleTreeNode) - 2);
    assert_eq!(image.block(image.block_of(Role::CachedData)), [2; 4096]);
    assert!(image.places.iter().all(|place| place.block < flag || place.role == Role::Data));
    // The copy of block 0 differs in the pair's id and its checksum.
    let differ: Vec<_> = (0..4096).filter(|n| image.block(0)[*n] != image.block(flag)[*n]).collect();
    assert!(differ.contains(&0x50f) && differ.iter().all(|n| *n < 8 || *n == 0x50f), "{differ:?}");
}
