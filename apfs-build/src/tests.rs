//! Whole images, checked by what the builder itself says about them.

use super::bytes::{u16_at, u32_at, u64_at};
use super::object::{Header, OBJ_PHYSICAL, checksum_is_right};
use super::{Image, ImageBuilder, Role, VolumeBuilder};

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
    !matches!(role, Role::Data | Role::ChunkBitmap | Role::PoolBitmap)
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
