//! Volumes caught before their journal was replayed: shown as they would be afterwards, or as they are stored.
//!
//! The blocks of a transaction are what differs between two volumes of the builder. Written into the first by the test
//! itself they give the second, which fls reads like any other.

use apfs_core::hfsplus::Volume;
use apfs_core::{FsExt, StreamId};
use apfs_tests::build::hfs::journal::{BlockList, Change, Order, difference};
use apfs_tests::build::hfs::{HfsBuilder, HfsImage, HfsRole, Journal, JournalState, wrapper};
use apfs_tests::hfs_volumes::{pattern, rich};
use apfs_tests::listing::read_stream;

use crate::expect::{check, open, open_as_stored};
use crate::judges::sleuth_kit_agrees;

const SIZE: usize = 512 << 10;

/// A volume before and after some changes, and the blocks that are changed.
struct States {
    before: HfsImage,
    after: HfsImage,
    changes: Vec<Change>,
}

fn base() -> HfsBuilder {
    rich("Journal").journal(SIZE, JournalState::Empty).option(|options| {
        options.dirty = true;
        options.total_blocks = Some(500);
    })
}

fn states() -> States {
    let before = base().build();
    let after = base()
        .dir("/new folder")
        .file("/new folder/new file", pattern(9000))
        .xattr("/new folder/new file", "new", b"value")
        .item("/folder/text", |item| item.mode = 0o100_600)
        .rename("/folder/pieces", &"renamed".encode_utf16().collect::<Vec<_>>())
        .build();
    let journal = before.all(HfsRole::Journal).next().unwrap().range.clone();
    let changes = difference(&before.bytes, &after.bytes, 4096, &journal);
    assert!(changes.len() > 5, "{} blocks differ", changes.len());
    States { before, after, changes }
}

/// The image before the changes, with a journal that holds them.
fn dirty(states: &States, journal: &Journal) -> Vec<u8> {
    let mut image = states.before.clone();
    journal.write(image.journal_mut());
    image.bytes
}

/// The image with the changes carried out by hand.
fn by_hand(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for change in changes {
        if let Change::Write(offset, data) = change {
            bytes[*offset as usize..][..data.len()].copy_from_slice(data);
        }
    }
    bytes
}

fn shows(volume: &Volume, image: &HfsImage) {
    check(volume, image.description());
}

/// One transaction, in both byte orders and with other sizes of blocks and lists.
#[test]
fn a_transaction_is_replayed() {
    let states = states();
    for (order, header_size, list_size) in [
        (Order::Little, 512, 4096),
        (Order::Big, 512, 4096),
        (Order::Little, 4096, 16384),
        (Order::Big, 2048, 98304),
    ] {
        let journal = Journal::new()
            .with(|journal| {
                (journal.order, journal.header_size, journal.list_size) = (order, header_size, list_size)
            })
            .transaction(states.changes.clone());
        let bytes = dirty(&states, &journal);
        shows(&open(bytes.clone()).unwrap(), &states.after);
        shows(&open_as_stored(bytes).unwrap(), &states.before);
    }
}

/// The image on which the test wrote the blocks itself is the one after the changes, for fls as for the library.
#[test]
fn what_is_replayed_is_what_writing_by_hand_gives() {
    let states = states();
    let journal = Journal::new().transaction(states.changes.clone());
    let dirty = dirty(&states, &journal);
    let by_hand = by_hand(&dirty, &states.changes);
    sleuth_kit_agrees("journal-before", states.before.description(), &dirty);
    sleuth_kit_agrees("journal-after", states.after.description(), &by_hand);
    let (replayed, written) = (open(dirty).unwrap(), open_as_stored(by_hand).unwrap());
    shows(&written, &states.after);
    for path in ["/new folder/new file", "/folder/text", "/folder/renamed", "/folder/deeper/large"] {
        let read =
            |volume: &Volume| read_stream(volume, volume.find(path).unwrap(), &StreamId::Data).unwrap();
        assert!(read(&replayed) == read(&written), "{path}");
    }
}

/// A transaction that begins at the end of the ring goes on behind the header.
#[test]
fn the_ring_wraps() {
    let states = states();
    for start in [SIZE - 512, SIZE - 1024, SIZE - 4096, SIZE - 8192, SIZE - 20_480] {
        let journal =
            Journal::new().with(|journal| journal.start = start).transaction(states.changes.clone());
        shows(&open(dirty(&states, &journal)).unwrap(), &states.after);
    }
}

/// Several transactions, in several lists each, blocks written twice and blocks that were killed.
#[test]
fn later_blocks_win_and_killed_ones_do_not_count() {
    let states = states();
    let garbage = states.changes.iter().map(|change| match change {
        Change::Write(offset, data) => Change::Write(*offset, vec![0xBD; data.len()]),
        Change::Killed(len) => Change::Killed(*len),
    });
    let (first, second) = states.changes.split_at(3);
    let journal = Journal::new()
        .transaction(garbage.collect())
        .transaction(vec![Change::Killed(4096), first[0].clone(), Change::Killed(512)])
        .long_transaction(vec![first.to_vec(), vec![Change::Killed(8192)], second.to_vec()]);
    shows(&open(dirty(&states, &journal)).unwrap(), &states.after);
}

/// An empty journal changes nothing, whatever still stands in the ring.
#[test]
fn a_clean_journal_is_not_replayed() {
    let states = states();
    let mut image = states.before.clone();
    Journal::new().transaction(states.changes.clone()).write(image.journal_mut());
    let area = image.journal_mut();
    let end = area[16..24].to_vec();
    area[8..16].copy_from_slice(&end);
    area[36..40].fill(0);
    let sum = apfs_tests::build::hfs::journal::checksum(&area[..44]);
    area[36..40].copy_from_slice(&sum.to_le_bytes());
    let volume = open(image.bytes).unwrap();
    shows(&volume, &states.before);
}

/// A transaction with a wrong checksum, and all behind it, is left out and reported; those before it are replayed.
#[test]
fn a_bad_transaction_ends_the_replay() {
    let states = states();
    let block = states.changes[0].clone();
    let bad_header = BlockList {
        changes: vec![block.clone()],
        is_first: true,
        bad_header_checksum: true,
        ..BlockList::default()
    };
    let bad_block = BlockList {
        changes: vec![Change::Killed(512), Change::Write(0, vec![0xEE; 4096])],
        is_first: true,
        bad_block_checksum: Some(1),
        ..BlockList::default()
    };
    // Where a header can't be read it is not known whether the transaction before it ended there.
    let before_header = vec![Change::Write(1024, vec![0; 512])];
    for (bad, before) in [(bad_header, Some(before_header)), (bad_block, None)] {
        let journal = Journal::new().transaction(states.changes.clone());
        let journal = before.into_iter().fold(journal, Journal::transaction);
        let journal = journal.list(bad).transaction(vec![Change::Write(1024, vec![0; 512])]);
        let volume = open(dirty(&states, &journal)).unwrap();
        assert!(!volume.findings().is_empty());
        shows(&volume, &states.after);
    }
}

/// A transaction whose second list is broken is left out as a whole.
#[test]
fn half_a_transaction_is_not_replayed() {
    let states = states();
    let (first, second) = states.changes.split_at(2);
    let list = |changes: &[Change], is_first| BlockList {
        changes: changes.to_vec(),
        is_first,
        ..BlockList::default()
    };
    let journal = Journal::new()
        .list(list(first, true))
        .list(BlockList { bad_header_checksum: true, ..list(second, false) });
    let volume = open(dirty(&states, &journal)).unwrap();
    assert!(!volume.findings().is_empty());
    shows(&volume, &states.before);
}

/// A journal that makes no sense is reported, and the volume shown as it is stored.
#[test]
fn an_unusable_journal_is_reported() {
    let states = states();
    let journal = Journal::new().transaction(states.changes.clone());
    let bad_sum = journal.clone().with(|journal| journal.bad_header_checksum = true);
    let volume = open(dirty(&states, &bad_sum)).unwrap();
    assert!(!volume.findings().is_empty());
    shows(&volume, &states.before);
    // Magic, start, end, size, sizes of list and header.
    for field in [0, 8, 16, 24, 32, 40] {
        let mut image = states.before.clone();
        journal.write(image.journal_mut());
        let area = image.journal_mut();
        area[field..field + 4].fill(0xFD);
        area[36..40].fill(0);
        let sum = apfs_tests::build::hfs::journal::checksum(&area[..44]);
        area[36..40].copy_from_slice(&sum.to_le_bytes());
        let volume = open(image.bytes).unwrap();
        assert!(!volume.findings().is_empty(), "field {field}");
        shows(&volume, &states.before);
    }
}

/// Old journals have another magic, and no checksums to look at.
#[test]
fn old_journals() {
    let states = states();
    let journal = Journal::new()
        .with(|journal| (journal.old_magic, journal.block_checksums) = (true, false))
        .transaction(states.changes.clone());
    shows(&open(dirty(&states, &journal)).unwrap(), &states.after);
}

/// Transactions that the header does not know of yet are replayed as long as their numbers go on.
#[test]
fn transactions_behind_the_end() {
    let states = states();
    let (first, second) = states.changes.split_at(3);
    let behind = |changes: &[Change], sequence| BlockList {
        changes: changes.to_vec(),
        is_first: true,
        sequence,
        is_behind_end: true,
        ..BlockList::default()
    };
    let journal = Journal::new().transaction(first.to_vec()).list(behind(second, None));
    shows(&open(dirty(&states, &journal)).unwrap(), &states.after);
    // One of an older round is not.
    let all = Journal::new().transaction(states.changes.clone());
    let journal = all.list(behind(&[Change::Write(1024, vec![0; 512])], Some(7)));
    let volume = open(dirty(&states, &journal)).unwrap();
    shows(&volume, &states.after);
}

/// Blocks that lie outside the volume are not replayed, and said.
#[test]
fn blocks_that_lead_nowhere() {
    let states = states();
    let journal = Journal::new().transaction(vec![Change::Write(1 << 50, vec![1; 512])]);
    match open(dirty(&states, &journal)) {
        Ok(volume) => {
            assert!(!volume.findings().is_empty());
            shows(&volume, &states.before);
        }
        Err(error) => panic!("{error}"),
    }
}

/// Within a wrapper all offsets count from the embedded volume.
#[test]
fn journals_of_wrapped_volumes() {
    let states = states();
    let journal = Journal::new().transaction(states.changes.clone());
    let (bytes, _) = wrapper::wrap(&dirty(&states, &journal), "Wrapper");
    shows(&open(bytes.clone()).unwrap(), &states.after);
    shows(&open_as_stored(bytes).unwrap(), &states.before);
}

/// A first header that is damaged, or leads to no journal, is no reason not to replay: its copy leads to it.
#[test]
fn the_journal_of_a_damaged_header() {
    let states = states();
    let bytes = dirty(&states, &Journal::new().transaction(states.changes.clone()));
    for (at, value) in [(1024, 0_u32), (1024 + 12, 3), (1024 + 40, 8192)] {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        let volume = open(bytes).unwrap();
        assert!(volume.is_replayed(), "byte {at}");
        shows(&volume, &states.after);
    }
}

/// A volume that was in use and lost the flag that it has a journal may lack changes.
#[test]
fn a_journal_that_is_not_said() {
    let states = states();
    let mut bytes = dirty(&states, &Journal::new().transaction(states.changes.clone()));
    bytes[1024 + 6] &= !0x20;
    let volume = open(bytes).unwrap();
    assert!(!volume.is_replayed() && !volume.findings().is_empty());
}
