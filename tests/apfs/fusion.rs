//! Fusion pairs: content is that of both devices, whatever lies where; what can't be known is an error, never a guess.

use std::sync::{Arc, Mutex};

use apfs_core::apfs::{Container, View};
use apfs_core::{Class, Corrupt, Damage, Disk, Observer, OpenOptions, ReadAt, Secret};
use apfs_tests::build::gpt::types;
use apfs_tests::build::{Encryption, Gpt, ImageBuilder, Unlock, VolumeBuilder, fix_checksum};
use apfs_tests::listing::read;
use apfs_tests::pairs::{DIRTY, Entry, Pair, TENANT, TIER2};

use crate::variants::pattern;

/// Blocks of the file, and where they are on tier 2.
const BLOCKS: u64 = 8;
const AT: u64 = 40;
/// Blocks of tier 2.
const TIER2_BLOCKS: u64 = 100;

/// What the file holds.
fn content() -> Vec<u8> {
    pattern(BLOCKS as usize * 4096, 3)
}

/// Address of a block of the file on tier 2.
fn slow_block(index: u64) -> u64 {
    (AT + index) | TIER2
}

/// Blocks of something newer.
fn newer(seed: u8, blocks: u64) -> Vec<u8> {
    pattern(blocks as usize * 4096, seed.into())
}

/// A pair with a file on each device.
fn pair() -> Pair {
    let volume = VolumeBuilder::new("V").file("/fast", "on main").file("/slow", content());
    let mut pair = Pair::of(ImageBuilder::new().min_blocks(512).volume(volume).build(), TIER2_BLOCKS);
    pair.move_file("/slow", AT, None);
    pair
}

/// The main device has to be read for everything but data.
fn device(bytes: Vec<u8>) -> Arc<dyn ReadAt> {
    Arc::new(bytes)
}

fn container(pair: &Pair) -> Container {
    let (main, tier2) = pair.devices();
    Container::open_fusion(device(main), device(tier2), OpenOptions::default()).unwrap()
}

fn view(pair: &Pair) -> View {
    container(pair).volume(0).unwrap().view().unwrap()
}

fn without_tier2(pair: &Pair) -> View {
    let container = Container::open(device(pair.devices().0), OpenOptions::default()).unwrap();
    container.volume(0).unwrap().view().unwrap()
}

fn slow(view: &View) -> apfs_core::Result<Vec<u8>> {
    read(view, "/slow")
}

/// The content with other blocks in the place of some.
fn with(parts: &[(u64, &[u8])]) -> Vec<u8> {
    let mut expected = content();
    for (block, bytes) in parts {
        let at = *block as usize * 4096;
        expected[at..][..<[u8]>::len(bytes)].copy_from_slice(bytes);
    }
    expected
}

/// Every block of the file by itself: its content, or `None` for an error.
fn blocks(view: &View) -> Vec<Option<Vec<u8>>> {
    use apfs_core::{Fs, FsExt, StreamId};
    let id = view.find("/slow").unwrap();
    let read = |index| {
        let mut block = vec![0; 4096];
        view.read_at(id, &StreamId::Data, index * 4096, &mut block).map(|_| block).ok()
    };
    (0..BLOCKS).map(read).collect()
}

/// Content comes from both devices, given in either order.
#[test]
fn both_devices() {
    let pair = pair();
    let (main, tier2) = pair.devices();
    assert!(slow(&view(&pair)).unwrap() == content());
    assert_eq!(read(&view(&pair), "/fast").unwrap(), b"on main");
    let swapped = Container::open_fusion(device(tier2), device(main), OpenOptions::default()).unwrap();
    assert!(slow(&swapped.volume(0).unwrap().view().unwrap()).unwrap() == content());
    let fusion = swapped.fusion().unwrap();
    assert!(fusion.is_complete() && fusion.sizes_known && fusion.findings.is_empty());
    assert_eq!((fusion.main_blocks, fusion.tier2_blocks), (512, TIER2_BLOCKS));
    assert_eq!(fusion.tier2_uuid.0, *b"pair of devices/");
}

/// Without the second device all but its data is read, and what is missing is named, never zeros.
#[test]
fn missing_tier2() {
    let view = without_tier2(&pair());
    assert_eq!(read(&view, "/fast").unwrap(), b"on main");
    let error = slow(&view).unwrap_err();
    assert_eq!(error.class(), Class::Io);
    assert!(error.to_string().contains("Fusion member missing"), "{error}");
    let container = view.volume().container().clone();
    let fusion = container.fusion().unwrap();
    assert!(!fusion.is_complete() && fusion.finding_count == 1);
    assert_eq!(fusion.findings[0].corrupt().unwrap().damage, Damage::Missing);
}

/// The second device alone says what it is and what is needed; a stranger, or twice the same, what does not fit.
#[test]
fn devices_that_do_not_fit() {
    let (main, tier2) = pair().devices();
    let open = |one: &Vec<u8>, other: &Vec<u8>| {
        let options = OpenOptions::default();
        Container::open_fusion(device(one.clone()), device(other.clone()), options).unwrap_err()
    };
    let alone = Container::open(device(tier2.clone()), OpenOptions::default()).unwrap_err();
    assert_eq!(alone.class(), Class::Unsupported);
    assert!(alone.to_string().contains("--tier2"), "{alone}");
    assert_eq!(open(&main, &main).corrupt().unwrap().place.field, "nx_fusion_uuid");
    let stranger = Pair::of(ImageBuilder::new().uuid([9; 16]).build(), 50).devices().1;
    let error = open(&main, &stranger);
    assert!(error.class() == Class::NotFound && error.to_string().contains("09090909"), "{error}");
    let single = ImageBuilder::new().uuid([8; 16]).build().bytes;
    for error in [open(&main, &single), open(&single, &tier2)] {
        assert!(error.to_string().contains("on one device") && error.to_string().contains("08080808"));
    }
    let mut other = tier2.clone();
    other[0x505] ^= 4;
    fix_checksum(&mut other[..4096]);
    assert_eq!(open(&main, &other).corrupt().unwrap().place.field, "nx_fusion_uuid");
    // The caller knows better.
    let options = OpenOptions { fusion_as_given: true, ..OpenOptions::default() };
    let container = Container::open_fusion(device(main), device(other), options).unwrap();
    assert!(slow(&container.volume(0).unwrap().view().unwrap()).unwrap() == content());
}

/// Newer copies on the main device take the place of what is on tier 2, also in the middle of a read.
#[test]
fn dirty_middle_tree() {
    let mut pair = pair();
    let (one, two) = (newer(50, 2), newer(60, 1));
    let (first, second) = (pair.put_main(&one), pair.put_main(&two));
    pair.middle_tree(&[(slow_block(1), first, 2, DIRTY), (slow_block(7), second, 1, DIRTY)], usize::MAX);
    let expected = with(&[(1, &one), (7, &two)]);
    assert!(slow(&view(&pair)).unwrap() == expected);
    assert!(blocks(&view(&pair)).into_iter().map(Option::unwrap).collect::<Vec<_>>().concat() == expected);
    let tree = container(&pair).fusion().unwrap().middle_tree;
    assert_eq!((tree.entries, tree.dirty_blocks, tree.clean_blocks), (2, 3, 0));
    // Without tier 2 the copies are there.
    let found = blocks(&without_tier2(&pair));
    for (index, block) in found.iter().enumerate() {
        let here = &expected[index * 4096..][..4096];
        assert!(block.as_deref() == [1, 2, 7].contains(&index).then_some(here), "{index}");
    }
}

/// A tree of several levels is read whole.
#[test]
fn deep_middle_tree() {
    let mut pair = pair();
    let copies: Vec<Vec<u8>> = (0..BLOCKS).map(|index| newer(100 + index as u8, 1)).collect();
    let lbas: Vec<u64> = copies.iter().map(|copy| pair.put_main(copy)).collect();
    let entries = (0..).zip(&lbas).map(|(index, lba)| (slow_block(index), *lba, 1, DIRTY));
    pair.middle_tree(&entries.collect::<Vec<_>>(), 2);
    assert!(slow(&view(&pair)).unwrap() == copies.concat());
}

/// Equal copies serve where tier 2 is missing, and only there.
#[test]
fn clean_tenants() {
    let mut pair = pair();
    let copy = pair.on_tier2(AT, 4);
    let lba = pair.put_main(&copy);
    pair.middle_tree(&[(slow_block(0), lba, 4, TENANT)], usize::MAX);
    assert!(slow(&view(&pair)).unwrap() == content());
    let found = blocks(&without_tier2(&pair));
    let expected: Vec<_> = content().chunks(4096).map(<[u8]>::to_vec).collect();
    assert!((0..4).all(|index| found[index].as_ref() == Some(&expected[index])));
    assert!((4..8).all(|index| found[index].is_none()));
}

/// The write-back cache comes before the middle tree, as far as its entries lie between stable head and tail, a later
/// one before an earlier one; whether offsets count blocks or bytes.
#[test]
fn write_back_cache() {
    let (tree, one, two, three) = (newer(20, 4), newer(30, 2), newer(40, 2), newer(90, 1));
    for unit in [1, 4096] {
        let mut pair = pair();
        let lba = pair.put_main(&tree);
        pair.middle_tree(&[(slow_block(0), lba, 4, DIRTY)], usize::MAX);
        let [a, b, c] = [&one, &two, &three].map(|bytes| pair.put_main(bytes));
        let first = [(c, slow_block(6), 1), (a, slow_block(1), 2)];
        let second = [(b, slow_block(2), 2), (c, slow_block(7), 1)];
        // The log goes from 100 on; its first block is behind us, its last one not yet stable.
        let lists = [(103 * unit, &first[..]), (106 * unit, &second[..])];
        pair.write_back(101 * unit, 105 * unit, &lists);
        let expected = with(&[(0, &tree), (1, &one), (2, &two)]);
        assert!(slow(&view(&pair)).unwrap() == expected, "{unit}");
        let cache = container(&pair).fusion().unwrap().write_back;
        assert_eq!((cache.present, cache.lists, cache.entries, cache.blocks), (true, 2, 4, 4));
    }
}

/// Entries count in parts where the stable range begins or ends inside them.
#[test]
fn stable_part_of_an_entry() {
    let mut pair = pair();
    let copy = newer(30, 4);
    let lba = pair.put_main(&copy);
    pair.write_back(11, 13, &[(14, &[(lba, slow_block(0), 4)])]);
    assert!(slow(&view(&pair)).unwrap() == with(&[(1, &copy[4096..3 * 4096])]));
}

/// Where the offsets do not come out, nobody can say whether entries count: their targets are refused, the rest is read.
#[test]
fn unclear_write_back_cache() {
    for (head, tail, end) in [(5, 9, 7), (0, 1, 4096 * 3), (9, 5, 9)] {
        let mut pair = pair();
        let lba = pair.put_main(&newer(30, 2));
        pair.write_back(head, tail, &[(end, &[(lba, slow_block(3), 2)])]);
        let found = blocks(&view(&pair));
        let expected = content();
        for (index, block) in found.iter().enumerate() {
            let here = &expected[index * 4096..][..4096];
            assert!(block.as_deref() == (![3, 4].contains(&index)).then_some(here), "{index}");
        }
        assert_eq!(container(&pair).fusion().unwrap().finding_count, 1);
        assert!(read(&view(&pair), "/fast").is_ok());
    }
    // A list that can't be read may say anything; what it says of metadata is nothing. Force reads tier 2.
    let mut pair = pair();
    let lba = pair.put_main(&newer(30, 2));
    pair.write_back(0, 2, &[(2, &[(lba, slow_block(0), 2)])]);
    let list = *pair.cache.last().unwrap();
    pair.image.edit(list, |block| block[0x34] = 200);
    assert!(slow(&view(&pair)).is_err() && read(&view(&pair), "/fast").is_ok());
    let (main, tier2) = pair.devices();
    let options = OpenOptions { force: true, ..OpenOptions::default() };
    let forced = Container::open_fusion(device(main), device(tier2), options).unwrap();
    assert!(slow(&forced.volume(0).unwrap().view().unwrap()).unwrap() == content());
}

/// Data of an encrypted volume is decrypted by what its extent says, wherever the bytes are read.
#[test]
fn encrypted_tier2() {
    let encryption = Encryption::native([Unlock::disk("sesame")]);
    let volume = VolumeBuilder::new("V").file("/slow", content()).encrypted(encryption.clone());
    let mut pair = Pair::of(ImageBuilder::new().min_blocks(512).volume(volume).build(), TIER2_BLOCKS);
    pair.move_file("/slow", AT, Some(&encryption));
    let options = OpenOptions { secrets: vec![Secret::password("sesame")], ..OpenOptions::default() };
    let view = |pair: &Pair| {
        let (main, tier2) = pair.devices();
        let container = Container::open_fusion(device(main), device(tier2), options.clone()).unwrap();
        container.volume(0).unwrap().view().unwrap()
    };
    assert!(slow(&view(&pair)).unwrap() == content());
    // The copy has the bytes as they are; tier 2 has older ones.
    let bytes = pair.on_tier2(AT + 2, 3);
    let lba = pair.put_main(&bytes);
    pair.put_tier2(AT + 2, &newer(1, 3));
    pair.middle_tree(&[(slow_block(2), lba, 3, DIRTY)], usize::MAX);
    assert!(slow(&view(&pair)).unwrap() == content());
}

/// Entries of the middle tree that overlap, lie outside or have no clear flags: findings, and nothing is guessed.
#[test]
fn entries_that_lie() {
    let cases: [(&str, &[Entry], &[u64]); 10] = [
        ("overlap", &[(0, 0, 3, DIRTY), (2, 4, 2, DIRTY)], &[0, 1, 2, 3]),
        ("overlap of equal ones", &[(0, 0, 3, TENANT), (2, 4, 2, TENANT)], &[]),
        ("both flags", &[(1, 0, 2, DIRTY | TENANT)], &[1, 2]),
        ("no flag", &[(1, 0, 2, 0)], &[1, 2]),
        ("unknown flag", &[(1, 0, 2, DIRTY | 8)], &[1, 2]),
        ("copy behind the end", &[(1, 100_000, 2, DIRTY)], &[1, 2]),
        ("equal copy behind the end", &[(1, 100_000, 2, TENANT)], &[]),
        ("past tier 2", &[(5, 0, 60, DIRTY)], &[5, 6, 7]),
        ("empty", &[(5, 0, 0, DIRTY)], &[5]),
        ("empty and equal", &[(5, 0, 0, TENANT)], &[]),
    ];
    for (name, entries, refused) in cases {
        let mut pair = pair();
        let base = pair.put_main(&newer(30, 70));
        let entry = |(key, lba, length, flags): &Entry| (slow_block(*key), base + lba, *length, *flags);
        pair.middle_tree(&entries.iter().map(entry).collect::<Vec<_>>(), usize::MAX);
        let (found, expected) = (blocks(&view(&pair)), content());
        for (index, block) in found.iter().enumerate() {
            let here = &expected[index * 4096..][..4096];
            let readable = !refused.contains(&(index as u64));
            assert!(block.as_deref() == readable.then_some(here), "{name}: block {index}");
        }
        assert!(container(&pair).fusion().unwrap().finding_count > 0, "{name}");
        assert!(read(&view(&pair), "/fast").is_ok(), "{name}");
    }
    // A key or a copy on the wrong device.
    let mut wrong = pair();
    let lba = wrong.put_main(&newer(30, 1));
    wrong
        .middle_tree(&[(lba, slow_block(0), 1, DIRTY), (slow_block(0), slow_block(1), 1, DIRTY)], usize::MAX);
    let found = blocks(&view(&wrong));
    assert!(found[0].is_none() && found[1..].iter().all(Option::is_some));
    assert_eq!(container(&wrong).fusion().unwrap().finding_count, 2);
}

/// A leaf of the middle tree that can't be read: what it may cover is refused, the rest is not.
#[test]
fn damaged_leaf() {
    let mut pair = pair();
    let copies: Vec<Vec<u8>> = (0..BLOCKS).map(|index| newer(100 + index as u8, 1)).collect();
    let lbas: Vec<u64> = copies.iter().map(|copy| pair.put_main(copy)).collect();
    let entries = (0..).zip(&lbas).map(|(index, lba)| (slow_block(index), *lba, 1, DIRTY));
    pair.middle_tree(&entries.collect::<Vec<_>>(), 4);
    let leaf = pair.middle.unwrap() + 1;
    pair.image.corrupt(leaf);
    let found = blocks(&view(&pair));
    let read = found.iter().filter(|block| block.is_some()).count();
    assert_eq!(read, 4, "half of the blocks are covered by the other leaf");
    for (block, copy) in found.iter().zip(&copies) {
        assert!(block.as_ref().is_none_or(|block| block == copy));
    }
}

/// Sizes that do not add up, or are more than the devices have, cost what lies outside and nothing more.
#[test]
fn lying_sizes() {
    let mut odd = pair();
    odd.spaceman(|block| block[0x60] += 1);
    let opened = container(&odd);
    assert!(!opened.fusion().unwrap().sizes_known);
    assert!(slow(&view(&odd)).unwrap() == content());
    // Blocks given to the wrong device.
    let mut shifted = pair();
    shifted.spaceman(|block| {
        block[0x30..0x38].copy_from_slice(&(512 + TIER2_BLOCKS - 20).to_le_bytes());
        block[0x60..0x68].copy_from_slice(&20u64.to_le_bytes());
    });
    let view = view(&shifted);
    assert_eq!(slow(&view).unwrap_err().corrupt().unwrap().damage, Damage::PastEnd);
    assert!(read(&view, "/fast").is_ok());
    // Cut devices.
    let (main, mut tier2) = pair().devices();
    tier2.truncate((AT as usize + 4) * 4096);
    let cut = Container::open_fusion(device(main), device(tier2), OpenOptions::default()).unwrap();
    let found = blocks(&cut.volume(0).unwrap().view().unwrap());
    assert!(found[..4].iter().all(Option::is_some) && found[4..].iter().all(Option::is_none));
}

/// Two partitions of one disk find each other, in either order; two disks do when the second is given.
#[test]
fn partitions_and_disks() {
    let (main, tier2) = pair().devices();
    let read_all = |disk: &Disk| {
        let mut volumes = disk.volumes(&OpenOptions::default()).unwrap();
        assert_eq!((volumes.len(), disk.apfs_partitions().len()), (1, 1));
        let view = volumes.pop().unwrap().unwrap().view().unwrap();
        read(&view, "/slow")
    };
    for (parts, second) in [([&main, &tier2], 1), ([&tier2, &main], 0)] {
        let gpt =
            Gpt::new(512).partition(types::APFS, "one", parts[0]).partition(types::APFS, "two", parts[1]);
        let disk = Disk::open(device(gpt.build().0), &OpenOptions::default()).unwrap();
        assert!(read_all(&disk).unwrap() == content());
        assert_eq!(disk.fusion_main_of(second), Some(1 - second));
        assert_eq!(disk.fusion_main_of(1 - second), None);
    }
    // Which of two halves counts nobody can say: without one, tier 2 is missing.
    let three = [&main, &tier2, &tier2]
        .into_iter()
        .fold(Gpt::new(512), |gpt, part| gpt.partition(types::APFS, "part", part));
    let disk = Disk::open(device(three.build().0), &OpenOptions::default()).unwrap();
    let volume = disk.container(0, OpenOptions::default()).unwrap().volume(0).unwrap();
    assert!(read(&volume.view().unwrap(), "/slow").is_err());
    let disk = |bytes: &Vec<u8>| Disk::open(device(bytes.clone()), &OpenOptions::default()).unwrap();
    assert!(read_all(&disk(&main)).is_err());
    for (one, other) in [(&main, &tier2), (&tier2, &main)] {
        assert!(read_all(&disk(one).with_second(&disk(other)).unwrap()).unwrap() == content());
    }
    let stranger = ImageBuilder::new().uuid([9; 16]).build().bytes;
    assert_eq!(disk(&main).with_second(&disk(&stranger)).unwrap_err().class(), Class::NotFound);
    assert_eq!(disk(&stranger).with_second(&disk(&main)).unwrap_err().class(), Class::NotFound);
}

/// Remembers what was told.
#[derive(Default)]
struct Heard(Mutex<Vec<Corrupt>>);

impl Observer for Heard {
    fn finding(&self, finding: &Corrupt) {
        self.0.lock().unwrap().push(finding.clone());
    }
}

/// Any flipped bit of the middle tree or the write-back cache, its checksum made right: what is read is what was there,
/// or there is an error or a finding; but for the numbers that are said once, where a sound entry becomes another one.
#[test]
fn flips() {
    let mut sound = pair();
    let (tree, cached) = (newer(20, 2), newer(30, 2));
    let (lba, copy) = (sound.put_main(&tree), sound.put_main(&cached));
    sound.middle_tree(&[(slow_block(1), lba, 2, DIRTY)], usize::MAX);
    sound.write_back(10, 12, &[(12, &[(copy, slow_block(4), 2)])]);
    let expected = with(&[(1, &tree), (4, &cached)]);
    assert!(slow(&view(&sound)).unwrap() == expected);
    let (mut wrong, mut total) = (Vec::new(), 0);
    for block in [sound.middle.unwrap()].into_iter().chain(sound.cache.iter().copied()) {
        let used: Vec<usize> =
            (8..4096).filter(|at| sound.image.block(block)[*at] != 0 || *at < 0x80).collect();
        for at in used {
            for bit in 0..8 {
                let mut pair = sound.clone();
                pair.image.edit(block, |bytes| bytes[at] ^= 1 << bit);
                let heard = Arc::new(Heard::default());
                let options = OpenOptions { observer: Some(heard.clone()), ..OpenOptions::default() };
                let (main, tier2) = pair.devices();
                total += 1;
                let Ok(container) = Container::open_fusion(device(main), device(tier2), options) else {
                    continue;
                };
                let Ok(view) = container.volume(0).and_then(|volume| volume.view()) else { continue };
                let found = container.fusion().unwrap().finding_count > 0 || !container.rejected().is_empty();
                let found = found || container.checkpoint().ephemeral_damage().is_some();
                if !found && slow(&view).is_ok_and(|bytes| bytes != expected) {
                    wrong.push((block, at, bit));
                }
            }
        }
    }
    // Which copy of which blocks an entry is for, and from where on entries count, is said once: those numbers can be
    // changed without a trace.
    println!("{} of {total} flips change the content without a finding", wrong.len());
    let [cache, list] = *sound.cache.as_slice() else { panic!("a cache with one list") };
    for (block, at, bit) in wrong {
        let said_once = match block {
            _ if block == cache => (0x38..0x48).contains(&at),
            _ if block == list => (0x40..0x58).contains(&at),
            _ => at > 0x100,
        };
        assert!(said_once, "block {block}, byte {at:#x}, bit {bit}");
    }
}
