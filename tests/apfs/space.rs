//! The space manager against what the builder allocated: blocks in use, the pool, the free queues.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apfs_core::OpenOptions;
use apfs_core::apfs::Container;
use apfs_core::apfs::extentref::{ExtentItem, References};
use apfs_core::apfs::space::{Device, FreeQueue, Spaceman};
use apfs_tests::build::{Image, ImageBuilder};

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
