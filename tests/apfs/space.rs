//! The space manager against what the builder allocated: blocks in use, the pool, the free queues.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apfs_core::OpenOptions;
use apfs_core::apfs::Container;
use apfs_core::apfs::extentref::{ExtentItem, References};
use apfs_core::apfs::space::{
    ContainerPart, Device, FreeQueue, Owner, Space, SpaceFinding, Spaceman, VolumePart,
};
use apfs_tests::build::{Image, ImageBuilder, Role, VolumeBuilder};
use apfs_tests::device::ZeroTail;

use crate::variants::{images, rich};

pub(crate) fn open(image: &Image) -> Container {
    Container::open(Arc::new(image.bytes.clone()), OpenOptions::default()).unwrap()
}

fn go_on() -> bool {
    false
}

fn queued(spaceman: &Spaceman, queue: FreeQueue) -> BTreeSet<u64> {
    let mut blocks = BTreeSet::new();
    let mut each = |entry: apfs_core::Result<apfs_core::apfs::space::FreeEntry>| {
        let run = entry.unwrap().run;
        blocks.extend(run.start.0..run.start.0 + run.count);
        Ok(())
    };
    spaceman.free_queue(queue, &go_on, &mut each).unwrap();
    blocks
}

fn allocated(spaceman: &Spaceman) -> BTreeSet<u64> {
    let mut blocks = BTreeSet::new();
    let mut each = |run: apfs_core::Result<apfs_core::fs::space::BlockRun>| {
        let run = run.unwrap();
        assert!(run.used && run.count > 0);
        blocks.extend(run.start..run.start + run.count);
        Ok(())
    };
    spaceman.allocated(Device::Main, &go_on, &mut each).unwrap();
    blocks
}

/// The runs in use are what the builder marked, and those of the queue are among them; the pool's bitmap is its chunk
/// info blocks, bitmaps and queue; counts fit.
#[test]
fn bitmaps_say_what_was_built() {
    for (name, image) in images() {
        let container = open(&image);
        let spaceman = container.spaceman().unwrap();
        let (used, queue) = (allocated(&spaceman), queued(&spaceman, FreeQueue::Main));
        let built = &image.newest().used;
        assert!(queue.is_disjoint(built), "{name}");
        assert_eq!(used, built | &queue, "{name}");
        let main = spaceman.device(Device::Main).unwrap();
        assert_eq!(main.block_count - main.free_count, used.len() as u64, "{name}");
        assert_eq!(spaceman.queue(FreeQueue::Main).unwrap().sfq_count.get(), queue.len() as u64, "{name}");

        let (mut in_pool, mut chunks) = (BTreeSet::new(), 0);
        spaceman
            .each_info_block(Device::Main, &mut |block| {
                in_pool.insert(block.unwrap().block.0);
                Ok(())
            })
            .unwrap();
        spaceman
            .each_chunk(Device::Main, &go_on, &mut |chunk| {
                let chunk = chunk.unwrap();
                in_pool.extend(chunk.bitmap.map(|block| block.0));
                chunks += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(chunks, main.chunk_count, "{name}");
        in_pool.extend(queued(&spaceman, FreeQueue::Pool));
        let mut pool_bits = BTreeSet::new();
        spaceman
            .pool_runs(&mut |run| {
                if run.used {
                    pool_bits.extend(run.start..run.start + run.count);
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(pool_bits, in_pool, "{name}");
    }
}

/// The counts of every block at the live state and the snapshot are those of the builder's records, block by block.
#[test]
fn references_are_those_of_every_block() {
    let image = ImageBuilder::new().max_records_per_node(4).volume(rich("V")).build();
    let volume = open(&image).volume(0).unwrap();
    let snapshots = volume.snapshots().unwrap();
    let references = References::read(&volume, &snapshots, &go_on, &mut |error| panic!("{error}")).unwrap();
    let trees = volume.extent_trees(&snapshots);
    assert_eq!(trees.len(), 2);
    let mut by_block: BTreeMap<u64, [i64; 2]> = BTreeMap::new();
    for (index, tree) in trees.iter().enumerate() {
        volume
            .each_extent(tree, &go_on, &mut |item| {
                let ExtentItem::Extent(extent) = item.unwrap() else { return Ok(()) };
                for block in extent.run.start.0..extent.run.start.0 + extent.run.count {
                    let counts = by_block.entry(block).or_default();
                    counts[index..].iter_mut().for_each(|count| *count += i64::from(extent.refcnt));
                }
                Ok(())
            })
            .unwrap();
    }
    let mut found = BTreeMap::new();
    references
        .each_segment(&go_on, &mut |segment| {
            assert_eq!(segment.allocations(), 1);
            for block in segment.run.start.0..segment.run.start.0 + segment.run.count {
                found.insert(block, [segment.count(1), segment.count(2)]);
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(found, by_block);
    let live = image.volumes[0].extents.values().flatten().filter(|extent| extent.block != 0);
    let mut covered: BTreeMap<u64, i64> = BTreeMap::new();
    for block in live.flat_map(|extent| extent.block..extent.block + extent.count) {
        *covered.entry(block).or_default() += 1;
    }
    let counted = found.iter().filter(|(_, counts)| counts[1] > 0);
    assert_eq!(counted.map(|(block, counts)| (*block, counts[1])).collect::<BTreeMap<_, _>>(), covered);
}

fn sound(name: &str, image: &Image) -> Space {
    let mut findings = Vec::new();
    let space = open(image).space(&go_on, &mut |finding| {
        findings.push(format!("{finding:?}"));
        Ok(())
    });
    let space = space.unwrap();
    assert!(findings.is_empty(), "{name}: {findings:#?}");
    assert!(space.is_sound(), "{name}: {space:#?}");
    space
}

/// Both identities hold on containers of all shapes: several volumes, snapshots, clones, sealed, scattered, large blocks.
#[test]
fn identities_hold_on_built_images() {
    for (name, image) in images() {
        let space = sound(name, &image);
        assert_eq!(
            space.sum(|owner| owner == FREE_QUEUE),
            space.allocated() - image.newest().used.len() as u64
        );
    }
    sound("encrypted", &apfs_tests::sample::encrypted());
    sound("empty", &ImageBuilder::new().build());
}

const FREE_QUEUE: Owner = Owner::Container(ContainerPart::FreeQueue);

/// A volume with a clone and four snapshots. `with` takes each of them, or not.
fn history(with: [bool; 4]) -> Image {
    let take = |volume: VolumeBuilder, index: usize| {
        if with[index] { volume.snapshot(&format!("s{index}")) } else { volume.commit() }
    };
    let block = |seed: u8, blocks: usize| vec![seed; blocks * 4096];
    let mut volume = VolumeBuilder::new("V").file("/a", block(1, 10)).file("/b", block(2, 6)).dir("/d");
    for number in 0..30 {
        volume = volume.file(&format!("/d/{number}"), "short");
    }
    volume = take(volume, 0).clone_file("/a", "/clone").overwrite("/a", 8192, block(3, 4));
    volume = take(volume, 1).overwrite("/a", 12288, block(4, 2)).remove("/b").file("/c", block(5, 7));
    volume = take(volume, 2).remove("/c").remove("/clone").overwrite("/d/7", 0, block(6, 1));
    volume = take(volume, 3).overwrite("/a", 0, block(7, 3)).remove("/d/9");
    ImageBuilder::new().max_records_per_node(8).volume(volume).build()
}

/// What deleting a snapshot frees is what the image has less without it: data and objects, by the builder's own list.
#[test]
fn a_snapshot_frees_what_is_not_there_without_it() {
    let blocks = |image: &Image, roles: &[Role]| {
        let places = roles.iter().flat_map(|role| image.live(*role));
        places.map(|place| place.count).sum::<u64>()
    };
    let data = |image: &Image| open(image).space(&go_on, &mut |_| Ok(())).unwrap().volumes[0].data;
    let all = history([true; 4]);
    sound("all", &all);
    let volume = open(&all).volume(0).unwrap();
    let snapshots = volume.snapshots().unwrap();
    let mut with_data = 0;
    for deleted in 0..4 {
        let mut with = [true; 4];
        with[deleted] = false;
        let without = history(with);
        sound("without one", &without);
        let freed = volume.freed_by_deleting(&snapshots[deleted], &go_on).unwrap();
        assert_eq!(freed.data, data(&all) - data(&without), "data of snapshot {deleted}");
        let objects = [Role::FsNode, Role::SnapMetaExt];
        assert_eq!(
            freed.metadata,
            blocks(&all, &objects) - blocks(&without, &objects),
            "objects of snapshot {deleted}"
        );
        assert!(freed.own >= 2);
        with_data += usize::from(freed.data > 0);
    }
    assert!(with_data >= 2, "the description must make snapshots that keep data");
}

/// Each damage is found where it was made: lost blocks, a used block that is free, blocks with two owners, counts.
#[test]
fn wrong_bits_and_claims_are_found() {
    let good = ImageBuilder::new().min_blocks(600).volume(rich("V")).build();
    let findings = |image: &Image| {
        let mut found = Vec::new();
        let space = open(image).space(&go_on, &mut |finding| {
            found.push(finding);
            Ok(())
        });
        (found, space.unwrap())
    };
    let bitmap = good.live(Role::ChunkBitmap)[0].block;
    let free = (0..600).find(|block| !good.newest().used.contains(block)).unwrap();
    let mut image = good.clone();
    image.block_mut(bitmap)[free as usize / 8] ^= 1 << (free % 8);
    let (found, space) = findings(&image);
    assert!(
        matches!(&found[..], [SpaceFinding::Leaked(run)] if run.start.0 == free && run.count == 1),
        "{found:?}"
    );
    assert_eq!((space.leaked, space.is_sound()), (1, false));

    let data = good.data_of(0, "/large")[0].block;
    let mut image = good.clone();
    image.block_mut(bitmap)[data as usize / 8] &= !(1 << (data % 8));
    let (found, _) = findings(&image);
    assert!(
        matches!(&found[..], [SpaceFinding::NotAllocated { run, owner }]
            if run.start.0 == data && run.count == 1 && owner.0 == Owner::Volume(0, VolumePart::Data)),
        "{found:?}"
    );

    // The container's keybag is said to lie on a file's data.
    let mut image = good.clone();
    let superblock = image.newest().superblock;
    image.edit(superblock, |block| {
        block[0x510..0x518].copy_from_slice(&data.to_le_bytes());
        block[0x518..0x520].copy_from_slice(&2_u64.to_le_bytes());
    });
    let (found, space) = findings(&image);
    let twice = found.iter().any(|finding| {
        matches!(finding, SpaceFinding::ClaimedTwice { run, .. } if run.start.0 == data && run.count == 2)
    });
    assert!(twice && space.claimed_twice == 2, "{found:?}");

    // A chunk info block that can't be read leaves its blocks unknown, and a wrong count fails the identity.
    let mut image = good.clone();
    image.corrupt(good.live(Role::ChunkInfoBlock)[0].block);
    let (_, space) = findings(&image);
    assert_eq!((space.devices[0].unknown, space.damaged), (space.devices[0].blocks, 1));
    let mut image = good.clone();
    let live = image.live(Role::VolumeSuperblock)[0].block;
    image.edit(live, |block| block[0x58] ^= 1);
    let (found, space) = findings(&image);
    assert!(found.is_empty() && !space.volumes[0].alloc_count.holds() && !space.is_sound());
}

/// A chunk info block outside the pool, a chunk in the wrong place, counts that are too large: errors, no guess.
#[test]
fn chunks_that_lie_are_refused() {
    let good = ImageBuilder::new().volume(rich("V")).build();
    let cib = good.live(Role::ChunkInfoBlock)[0].block;
    for (offset, value, field) in [
        (0x20, 9, "cib_index"),
        (0x24, 3, "cib_chunk_info_count"),
        (0x30, 77, "ci_addr"),
        (0x38, 77, "ci_block_count"),
        (0x3C, 0xF_FFFF, "ci_free_count"),
        (0x40, 1, "ci_bitmap_addr"),
    ] {
        let mut image = good.clone();
        image.edit(cib, |block| block[offset..offset + 4].copy_from_slice(&u32::to_le_bytes(value)));
        let spaceman = open(&image).spaceman().unwrap();
        let mut fields = Vec::new();
        spaceman
            .each_block_run(Device::Main, &go_on, &mut |run| {
                fields.extend(run.err().map(|error| error.corrupt().unwrap().place.field));
                Ok(())
            })
            .unwrap();
        assert_eq!(fields, [field]);
    }
}

/// A container of 8 TB: its chunk info blocks are listed in blocks of their own; only bitmaps of chunks in use are read.
#[test]
fn a_container_of_8_tb() {
    let image = ImageBuilder::new().min_blocks(1 << 31).sparse().volume(rich("V")).build();
    let len = image.block_count * image.block_size as u64;
    assert!(image.bytes.len() < 16 << 20, "only what is not zero is kept");
    let device = ZeroTail::new(image.bytes.clone(), len);
    let container = Container::open(Arc::new(device), OpenOptions::default()).unwrap();
    let spaceman = container.spaceman().unwrap();
    let main = spaceman.device(Device::Main).unwrap();
    assert_eq!((main.chunk_count, main.cib_count, main.cab_count), (1 << 16, 521, 2));
    assert_eq!(allocated(&spaceman), image.newest().used);
    let space = container.space(&go_on, &mut |finding| panic!("{finding:?}")).unwrap();
    assert!(space.is_sound());

    // A list that is damaged hides its chunks and no others.
    let mut bytes = image.bytes.clone();
    let list = image.live(Role::ChunkInfoList)[1].block as usize;
    bytes[list * image.block_size + 100] ^= 1;
    let container = Container::open(Arc::new(ZeroTail::new(bytes, len)), OpenOptions::default()).unwrap();
    let (mut known, mut errors) = (0, 0);
    let spaceman = container.spaceman().unwrap();
    spaceman
        .each_block_run(Device::Main, &go_on, &mut |run| {
            match run {
                Ok(run) => known += run.count,
                Err(_) => errors += 1,
            }
            Ok(())
        })
        .unwrap();
    assert_eq!((known, errors), (507 * 126 * 32768, 1));
}
