//! Which checkpoint is taken, and what is said about those passed over.

use std::sync::Arc;

use apfs_core::apfs::Container;
use apfs_core::{Class, Damage, Oid, OpenOptions, Paddr, Result, Xid};
use apfs_tests::build::{Image, ImageBuilder, Role, VolumeBuilder};
use apfs_tests::listing::{open, read};

/// Three checkpoints; the file says which is which.
fn builder() -> ImageBuilder {
    let volume = VolumeBuilder::new("V").file("/x", "one").commit();
    let volume = volume.overwrite("/x", 0, "two").commit().overwrite("/x", 0, "three");
    ImageBuilder::new().checkpoints(3).volume(volume)
}

fn content(container: &Container) -> String {
    let view = container.volume(0).unwrap().view().unwrap();
    String::from_utf8(read(&view, "/x").unwrap()).unwrap()
}

fn open_at(image: &Image, xid: u64) -> Result<Container> {
    let options = OpenOptions { checkpoint: Some(Xid(xid)), ..OpenOptions::default() };
    Container::open(Arc::new(image.bytes.clone()), options)
}

/// The second checkpoint was taken because of damage in a block of the third.
fn assert_fell_back(image: &Image, damaged: u64) {
    let container = open(image.bytes.clone()).unwrap();
    assert_eq!(content(&container), "two");
    let [rejected] = container.rejected() else { panic!("{:?}", container.rejected()) };
    let newest = image.newest();
    assert_eq!((rejected.xid, rejected.block), (Xid(newest.xid), Paddr(newest.superblock)));
    let finding = rejected.reason.corrupt().unwrap();
    assert_eq!((finding.damage, finding.place.block), (Damage::Checksum, Some(Paddr(damaged))));
    assert!(container.checkpoint().ephemeral_damage().is_none());
}

/// A sound image opens at its newest checkpoint and nothing is passed over.
#[test]
fn the_newest_checkpoint_is_taken() {
    let image = builder().build();
    let container = open(image.bytes.clone()).unwrap();
    assert_eq!((content(&container).as_str(), container.xid()), ("three", Xid(image.newest().xid)));
    assert!(container.rejected().is_empty());
    let xids: Vec<u64> = container.checkpoints().iter().map(|superblock| superblock.xid().0).collect();
    assert_eq!(xids, [4, 3, 2]);
}

/// Block 0 may be older than the newest checkpoint: the ring decides.
#[test]
fn an_old_block_zero_leads_to_the_newest_checkpoint() {
    for lag in 1..3 {
        assert_eq!(content(&open(builder().block_zero_lags(lag).build().bytes).unwrap()), "three");
    }
}

/// A damaged superblock is passed over.
#[test]
fn damaged_superblock() {
    let mut image = builder().build();
    let block = image.newest().superblock;
    image.corrupt(block);
    assert_fell_back(&image, block);
}

/// A superblock is worth nothing without its object map.
#[test]
fn damaged_object_map() {
    let mut image = builder().build();
    let block = image.newest().nx_omap_oid;
    image.corrupt(block);
    assert_fell_back(&image, block);
}

/// A damaged checkpoint map makes its checkpoint incomplete.
#[test]
fn damaged_map() {
    let mut image = builder().build();
    let block = image.block_of(Role::CheckpointMap);
    image.corrupt(block);
    assert_fell_back(&image, block);
}

/// So does every damaged ephemeral object.
#[test]
fn damaged_ephemeral_object() {
    for role in [Role::Spaceman, Role::Reaper, Role::FreeQueueNode] {
        let mut image = builder().build();
        let block = image.live(role)[0].block;
        image.corrupt(block);
        assert_fell_back(&image, block);
    }
}

/// Without a whole checkpoint the newest with an object map is read, and says what is damaged.
#[test]
fn no_checkpoint_is_whole() {
    let mut image = builder().build();
    for index in 0..3 {
        let block = image.of_checkpoint(index, Role::Spaceman)[0].block;
        image.corrupt(block);
    }
    let block = image.live(Role::Spaceman)[0].block;
    let container = open(image.bytes.clone()).unwrap();
    assert_eq!(content(&container), "three");
    let damage = container.checkpoint().ephemeral_damage().and_then(|damage| damage.corrupt()).unwrap();
    assert_eq!((damage.damage, damage.place.block), (Damage::Checksum, Some(Paddr(block))));
    let spaceman = Oid(image.live(Role::Spaceman)[0].oid);
    assert_eq!(container.ephemeral(spaceman).unwrap_err().class(), Class::Corrupt);
    let reaper = Oid(image.live(Role::Reaper)[0].oid);
    assert_eq!(container.ephemeral(reaper).unwrap().len(), 4096);
}

/// Without any object map there is nothing to read, and the error names a block.
#[test]
fn nothing_is_left() {
    let mut image = builder().build();
    for index in 0..3 {
        let block = image.checkpoints[index].nx_omap_oid;
        image.corrupt(block);
    }
    let error = open(image.bytes).unwrap_err();
    assert_eq!(error.corrupt().unwrap().damage, Damage::Checksum, "{error}");
}

/// A damaged block 0 costs nothing but a remark.
#[test]
fn damaged_block_zero() {
    for block_size in [4096, 65536] {
        let mut image = builder().block_size(block_size).build();
        image.corrupt(0);
        let container = open(image.bytes.clone()).unwrap();
        assert_eq!(content(&container), "three");
        let [rejected] = container.rejected() else { panic!("{:?}", container.rejected()) };
        assert_eq!(rejected.block, Paddr(0));
        image.block_mut(0).fill(0);
        assert_eq!(content(&open(image.bytes).unwrap()), "three");
    }
}

/// Of two superblocks of one transaction the later one counts, wherever in the ring it lies.
#[test]
fn one_transaction_twice() {
    for start in [0, 2, 4, 6] {
        let mut image = builder().ring_start(start, 0).build();
        let xid = image.newest().xid;
        image.set_checkpoint_xid(1, xid);
        assert_eq!(content(&open(image.bytes).unwrap()), "three", "ring from {start}");
    }
}

/// A superblock of another container in the ring is none of ours.
#[test]
fn superblock_of_another_container() {
    let mut image = builder().build();
    let newest = image.newest().clone();
    image.edit(newest.superblock, |block| block[0x48] ^= 1);
    let container = open(image.bytes).unwrap();
    assert_eq!(content(&container), "two");
    let finding = container.rejected()[0].reason.corrupt().unwrap();
    assert_eq!((finding.damage, finding.place.field), (Damage::Contradiction, "nx_uuid"));
}

/// An older checkpoint can be asked for and shows the older content.
#[test]
fn pinned_checkpoint() {
    let image = builder().build();
    for (index, expected) in ["one", "two", "three"].iter().enumerate() {
        let xid = image.checkpoints[index].xid;
        let container = open_at(&image, xid).unwrap();
        assert_eq!((content(&container).as_str(), container.xid()), (*expected, Xid(xid)));
    }
    assert_eq!(open_at(&image, 99).unwrap_err().class(), Class::NotFound);
}

/// A pinned checkpoint is not exchanged for another one when it is damaged: the error says what is wrong with it.
#[test]
fn pinned_and_damaged() {
    let mut image = builder().build();
    let xid = image.newest().xid;
    let block = image.newest().nx_omap_oid;
    image.corrupt(block);
    let error = open_at(&image, xid).unwrap_err();
    assert_eq!(error.corrupt().map(|finding| finding.place.block), Some(Some(Paddr(block))), "{error}");
}
