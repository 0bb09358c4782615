//! Journals written by hand from the sheet, in both orders of bytes.

mod maker;

use super::*;
use crate::base::error::Class;
use alloc::string::ToString;
use alloc::vec;
use maker::{FIRST, INFO, KILLED, Maker, SIZE, START, SUMMED, VOLUME, block};

/// Transactions are replayed in order, of both orders of bytes and with sectors of both sizes.
#[test]
fn replays() {
    for (big, head, list_head) in
        [(false, 512, 4096), (true, 512, 4096), (false, 4096, 8192), (true, 4096, 16384), (false, 512, 512)]
    {
        let mut maker = Maker::new(big, head, list_head, head);
        maker.transaction(&[block(2, 1, 4096), block(100, 2, 8192)]);
        maker.transaction(&[block(101, 3, 4096), block(5, 4, 512)]);
        maker.end();
        let journal = maker.assert_replayed(2);
        assert_eq!((journal.blocks, journal.bytes, journal.findings.len()), (4, 16896, 0));
        let header = journal.header.unwrap();
        assert_eq!(header.byte_order == ByteOrder::Big, big);
        assert_eq!((header.start, header.end, header.size), (head as u64, maker.at as u64, SIZE as u64));
        assert_eq!((header.jhdr_size, header.blhdr_size), (head as u32, list_head as u32));
        assert_eq!(header.sequence_num, 42);
    }
}

/// Headers of lists and data that pass the end of the ring go on behind its header, wherever they are cut.
#[test]
fn wraps() {
    for big in [false, true] {
        for sectors in 1..40 {
            let start = SIZE - 512 * sectors;
            let mut maker = Maker::new(big, 512, 4096, start);
            maker.transaction(&[block(2, 1, 4096), block(9, 2, 512)]);
            maker.transaction(&[block(3, 3, 4096)]);
            assert!(sectors > 33 || maker.at < start);
            maker.end();
            assert!(maker.assert_replayed(2).findings.is_empty());
        }
    }
    // Ends right at the end of the ring, which the header may call its size or its beginning.
    for end in [SIZE, 512] {
        let mut maker = Maker::new(false, 512, 4096, SIZE - 8192);
        maker.transaction(&[block(2, 1, 4096)]);
        assert_eq!(maker.at, 512);
        maker.header(maker.start, end);
        maker.assert_replayed(1);
    }
    // Begins there.
    let mut maker = Maker::little();
    maker.transaction(&[block(2, 1, 4096)]);
    maker.header(SIZE, maker.at);
    maker.assert_replayed(1);
}

/// What has been replayed is not replayed again, also where start and end are equal under two names.
#[test]
fn clean() {
    let mut maker = Maker::little();
    maker.transaction(&[block(2, 1, 4096)]);
    for (start, end) in [(maker.at, maker.at), (512, 512), (SIZE, SIZE), (SIZE, 512), (512, SIZE)] {
        maker.header(start, end);
        let journal = maker.read();
        assert_eq!((journal.state.clone(), journal.transactions), (JournalState::Clean, 0));
        assert!(journal.overlay(Arc::new(maker.volume.clone())).is_none());
    }
}

/// A journal that was never written is not looked at; one that is elsewhere is named.
#[test]
fn elsewhere() {
    let mut maker = Maker::little();
    for flags in [5, 6] {
        maker.info(flags, u64::MAX, 1);
        let journal = maker.read();
        assert_eq!(journal.state, JournalState::NeedsInit);
        let info = journal.info.unwrap();
        assert_eq!((info.external_uuid, info.machine_serial), (None, None), "filled with 0x5A");
    }
    maker.info(2, 0, 0);
    maker.volume[INFO + 52..][..37].copy_from_slice(b"A1B2C3D4-0000-1111-2222-333344445555\0");
    maker.volume[INFO + 89..][..8].copy_from_slice(b"W8812345");
    maker.volume[INFO + 97] = 0;
    let journal = maker.read();
    assert_eq!(journal.state, JournalState::OnOtherDevice);
    let info = journal.info.unwrap();
    assert_eq!(info.external_uuid.as_deref(), Some("A1B2C3D4-0000-1111-2222-333344445555"));
    assert_eq!(info.machine_serial.as_deref(), Some("W8812345"));
    // Neither here nor there, or something else than an info block.
    for flags in [0, 4, 8, 0x4005] {
        maker.info(flags, START as u64, SIZE as u64);
        maker.assert_unusable(Damage::Range, "flags");
    }
}

/// Nothing is taken from a journal whose header can't be right.
#[test]
fn bad_headers() {
    let mut sound = Maker::little();
    sound.list(SUMMED | FIRST, &[block(2, 1, 4096)]);
    sound.end();
    let with = |start: u64, end: u64, size: usize| {
        let mut maker = sound.clone();
        maker.header_with(0x4A4E_4C78, &[(start, 8), (end, 8), (size as u64, 8)]);
        maker
    };
    for start in [0, 256, 700, SIZE as u64 + 512, u64::MAX - 511] {
        with(start, 1024, SIZE).assert_unusable(Damage::Range, "start");
        with(512, start, SIZE).assert_unusable(Damage::Range, "end");
    }
    with(512, 1024, SIZE * 2).assert_unusable(Damage::Contradiction, "size");
    for (head, list_head, field) in [
        (0, 4096, "jhdr_size"),
        (256, 4096, "jhdr_size"),
        (1000, 4000, "jhdr_size"),
        (1 << 17, 1 << 17, "jhdr_size"),
        (512, 0, "blhdr_size"),
        (512, 1000, "blhdr_size"),
        (512, SIZE, "blhdr_size"),
        (512, 1 << 31, "blhdr_size"),
    ] {
        let mut maker = sound.clone();
        (maker.head, maker.list_head) = (head, list_head);
        maker.end();
        maker.assert_unusable(Damage::Range, field);
    }
    let mut maker = sound.clone();
    maker.header_with(0x4A4E_4C79, &[(512, 8), (1024, 8), (SIZE as u64, 8)]);
    maker.assert_unusable(Damage::Magic, "magic");
    for at in 4..44 {
        let mut maker = sound.clone();
        maker.volume[START + at] ^= 0x40;
        maker.assert_unusable(Damage::Checksum, "checksum");
    }
    for (offset, size, damage, field) in [
        (START as u64, VOLUME as u64, Damage::PastEnd, "offset"),
        (u64::MAX, SIZE as u64, Damage::PastEnd, "offset"),
        (START as u64, 4096, Damage::Range, "size"),
        (START as u64, 2 * SIZE as u64, Damage::Contradiction, "size"),
    ] {
        let mut maker = sound.clone();
        maker.info(1, offset, size);
        maker.assert_unusable(damage, field);
    }
    let read = |at: u64| Journal::read(&sound.volume, at, &Limits::default()).unwrap().state;
    for at in [VOLUME as u64 - 179, VOLUME as u64, u64::MAX] {
        assert!(matches!(read(at), JournalState::Unusable(why) if why.place.field == "journalInfoBlock"));
    }
}

/// The old header has no checksum, and none of the later fields; a wrong mark of the order is told.
#[test]
fn old_header() {
    for big in [false, true] {
        let mut maker = Maker::new(big, 512, 4096, 512);
        maker.transaction(&[block(2, 1, 4096)]);
        maker.header_with(0x4A48_4452, &[(512, 8), (maker.at as u64, 8), (SIZE as u64, 8)]);
        maker.volume[START + 36..START + 48].fill(0);
        let journal = maker.assert_replayed(1);
        let header = journal.header.unwrap();
        assert_eq!((header.is_old, header.jhdr_size, journal.findings.len()), (true, 512, 0));
        maker.volume[START + 4] ^= 1;
        assert_eq!(maker.assert_replayed(1).findings[0].place.field, "endian");
    }
}

/// If the first list is damaged, nothing is replayed, and it is said why.
#[test]
fn first_list_damaged() {
    let mut sound = Maker::little();
    sound.list(SUMMED | FIRST, &[block(2, 1, 4096), block(20, 2, 512)]);
    sound.list(SUMMED | FIRST, &[block(30, 2, 512)]);
    sound.end();
    for at in 512..544 {
        let mut maker = sound.clone();
        maker.flip(at);
        maker.assert_unusable(Damage::Checksum, "checksum");
    }
    for at in [512 + 4096, 512 + 4096 + 4095, 512 + 4096 + 4096 + 7] {
        let mut maker = sound.clone();
        maker.flip(at);
        maker.assert_unusable(Damage::Checksum, "cksum");
    }
}

/// A damaged transaction ends the replay: those before it count, those behind it do not.
#[test]
fn later_list_damaged() {
    let mut sound = Maker::little();
    sound.transaction(&[block(2, 1, 4096)]);
    let first = sound.replayed.clone();
    sound.transaction(&[block(2, 2, 512), block(40, 2, 512)]);
    let kept = sound.replayed.clone();
    sound.sequence += 1;
    let third = sound.list(SUMMED | FIRST, &[block(3, 3, 512), block(50, 3, 512)]);
    sound.sequence += 1;
    sound.list(SUMMED | FIRST, &[block(60, 4, 512)]);
    sound.end();
    for (at, damage, field) in [
        (third + 4096, Damage::Checksum, "cksum"),
        (third + 4096 + 1023, Damage::Checksum, "cksum"),
        (third + 32 + 12, Damage::Checksum, "cksum"),
    ] {
        let mut maker = sound.clone();
        maker.flip(at);
        let journal = maker.assert_replayed(2);
        assert!(maker.replayed == kept);
        let [why] = journal.findings.as_slice() else { panic!("{:?}", journal.findings) };
        assert_eq!((why.damage, why.place.field), (damage, field));
        assert!(why.to_string().contains("transaction 43"), "{why}");
    }
    // Without a header it can't be told whether the second transaction is complete.
    let mut maker = sound.clone();
    maker.flip(third);
    maker.replayed = first.clone();
    let journal = maker.assert_replayed(1);
    assert_eq!(journal.findings[0].place.offset, Some(third as u64));
}

/// Lists whose numbers do not fit into their header or into the ring are damaged.
#[test]
fn list_numbers() {
    let blocks = [block(2, 1, 4096)];
    for (head, damage, field) in [
        ([255, 0, 8192], Damage::Range, "num_blocks"),
        ([1, 2, 8192], Damage::Range, "num_blocks"),
        ([400, 300, 8192], Damage::Range, "num_blocks"),
        ([513, 2, 8192], Damage::Range, "max_blocks"),
        ([255, 2, 0], Damage::Bounds, "bytes_used"),
        ([255, 2, 4095], Damage::Bounds, "bytes_used"),
        ([255, 2, 8704], Damage::Bounds, "bytes_used"),
        ([255, 2, u64::from(u32::MAX)], Damage::Bounds, "bytes_used"),
        ([255, 2, 8191], Damage::Bounds, "bsize"),
        ([255, 3, 8192], Damage::Bounds, "bsize"),
    ] {
        let mut maker = Maker::little();
        maker.list_with(SUMMED | FIRST, head, &blocks);
        maker.end();
        maker.assert_unusable(damage, field);
    }
    let mut maker = Maker::little();
    maker.list(SUMMED | FIRST, &[block(2, 1, 512), block(3, 1, 0)]);
    maker.end();
    maker.assert_unusable(Damage::Range, "bsize");
}

/// The data of killed blocks is passed over; without the flag, or with a checksum of 0, data is not checked.
#[test]
fn killed_and_unchecked() {
    let mut maker = Maker::little();
    maker.expect(&[block(2, 1, 512), block(4, 3, 512)]);
    maker.list(FIRST, &[block(2, 1, 512), block(KILLED, 2, 1536), block(4, 3, 512)]);
    maker.end();
    assert_eq!(maker.assert_replayed(1).blocks, 2);

    let mut maker = Maker::little();
    maker.expect(&[block(2, 1, 512)]);
    maker.list(SUMMED | FIRST, &[block(KILLED, 9, 512), block(2, 1, 512)]);
    maker.put(512 + 32 + 12, &[0; 4]);
    maker.put(512 + 48 + 12, &[0; 4]);
    maker.end();
    maker.assert_replayed(1);
}

/// A transaction of several lists counts as a whole or not at all.
#[test]
fn several_lists() {
    let mut maker = Maker::little();
    maker.transaction(&[block(2, 1, 512)]);
    let kept = maker.replayed.clone();
    maker.transaction(&[block(3, 2, 512)]);
    maker.expect(&[block(4, 2, 512), block(5, 2, 512)]);
    let second = maker.list(SUMMED, &[block(4, 2, 512)]);
    maker.list(SUMMED, &[block(5, 2, 512)]);
    maker.end();
    assert_eq!(maker.assert_replayed(2).blocks, 4);
    for at in [second, second + 4096] {
        let mut damaged = maker.clone();
        damaged.flip(at);
        damaged.replayed = kept.clone();
        assert_eq!(damaged.assert_replayed(1).findings.len(), 1);
    }
    // The only transaction there is.
    let mut maker = Maker::little();
    maker.list(SUMMED | FIRST, &[block(3, 2, 512)]);
    let second = maker.list(SUMMED, &[block(4, 2, 512)]);
    maker.end();
    maker.flip(second + 4096);
    maker.assert_unusable(Damage::Checksum, "cksum");
}

/// Numbers of transactions stay or rise by one; one that leaps ends the replay, and 0 stands for none.
#[test]
fn sequence() {
    let mut sound = Maker::little();
    sound.transaction(&[block(2, 1, 512)]);
    sound.transaction(&[block(3, 2, 512)]);
    for (flags, kept) in [(SUMMED | FIRST, 2), (SUMMED, 1)] {
        for leap in [2, u32::MAX] {
            let mut maker = sound.clone();
            if kept == 1 {
                maker.replayed[3 * 512..4 * 512].copy_from_slice(&maker.volume[3 * 512..4 * 512]);
            }
            maker.sequence = maker.sequence.wrapping_add(leap);
            maker.list(flags, &[block(4, 3, 512)]);
            maker.end();
            assert_eq!(maker.assert_replayed(kept).findings[0].damage, Damage::Transaction);
        }
    }
    let mut maker = Maker::little();
    for sequence in [7, 0, 100, 0] {
        maker.sequence = sequence;
        maker.expect(&[block(u64::from(sequence), 1, 512)]);
        maker.list(SUMMED | FIRST, &[block(u64::from(sequence), 1, 512)]);
    }
    maker.end();
    maker.assert_replayed(4);
}

/// Complete transactions behind the recorded end are replayed, as long as their numbers go on.
#[test]
fn past_the_end() {
    let mut maker = Maker::little();
    maker.transaction(&[block(2, 1, 512)]);
    maker.end();
    maker.transaction(&[block(3, 2, 512)]);
    maker.list(SUMMED, &[block(4, 2, 512)]);
    maker.expect(&[block(4, 2, 512)]);
    let sound = maker.clone();
    assert!(sound.assert_replayed(2).findings.is_empty());

    // From an earlier round, torn in the header, torn in the data: none of them is a finding.
    let mut stale = sound.clone();
    stale.sequence -= 20;
    stale.list(SUMMED | FIRST, &[block(5, 3, 512)]);
    stale.assert_replayed(2);
    for torn in [0, 4096] {
        let mut maker = sound.clone();
        maker.sequence += 1;
        let at = maker.list(SUMMED | FIRST, &[block(5, 3, 512)]);
        maker.flip(at + torn);
        assert!(maker.assert_replayed(2).findings.is_empty());
    }
    // Torn in its second list: the whole transaction is not there.
    let mut maker = sound.clone();
    maker.sequence += 1;
    maker.list(SUMMED | FIRST, &[block(5, 3, 512)]);
    let at = maker.list(SUMMED, &[block(6, 3, 512)]);
    maker.flip(at + 4096);
    maker.assert_replayed(2);
    // Without numbers nothing is taken.
    let mut maker = Maker::little();
    maker.sequence = 0;
    maker.expect(&[block(2, 1, 512)]);
    maker.list(SUMMED | FIRST, &[block(2, 1, 512)]);
    maker.end();
    maker.list(SUMMED | FIRST, &[block(3, 1, 512)]);
    maker.assert_replayed(1);
}

/// A ring full of transactions is gone round once.
#[test]
fn full_ring() {
    let mut maker = Maker::new(false, 512, 512, 512 * 20);
    for number in 0..(SIZE / 512 - 1) / 7 {
        maker.sequence += 1;
        let blocks = [block(number as u64 % 64, number as u8, 512 * 6)];
        maker.expect(&blocks);
        maker.list(SUMMED | FIRST, &blocks);
    }
    assert_eq!(maker.at, maker.start);
    // All of it stands behind an end that is one transaction on.
    maker.header(maker.start, maker.start + 512 * 7);
    maker.assert_replayed(73);
}

/// Blocks that belong outside the volume or into the journal are not written, and told.
#[test]
fn misplaced() {
    let last = VOLUME as u64 / 512;
    let mut maker = Maker::little();
    maker.transaction(&[block(last - 1, 1, 512), block(2, 1, 512)]);
    let outside = [last, last - 7, u64::MAX / 2, u64::MAX - 1, 1 << 55];
    let inside = [START as u64 / 512 - 7, START as u64 / 512, (START + SIZE) as u64 / 512 - 1];
    let blocks: Vec<_> = outside.iter().chain(&inside).map(|bnum| block(*bnum, 2, 4096)).collect();
    maker.sequence += 1;
    maker.list(SUMMED | FIRST, &blocks);
    maker.transaction(&[block(START as u64 / 512 - 8, 3, 4096), block((START + SIZE) as u64 / 512, 3, 512)]);
    maker.end();
    let journal = maker.assert_replayed(3);
    assert_eq!((journal.blocks, journal.misplaced), (4, 8));
    let damages: Vec<_> = journal.findings.iter().map(|finding| finding.damage).collect();
    assert_eq!(damages, [[Damage::PastEnd; 5].as_slice(), &[Damage::Overlap; 3]].concat());

    let mut maker = Maker::new(false, 512, 16384, 512);
    maker.list(SUMMED | FIRST, &vec![block(last, 1, 512); 300]);
    maker.end();
    let journal = maker.assert_replayed(1);
    assert_eq!(journal.misplaced, 300);
    assert!((50..=100).contains(&journal.findings.len()), "{}", journal.findings.len());
}

/// More ranges than allowed are an error, not a part of the truth.
#[test]
fn limits() {
    let mut maker = Maker::little();
    maker.transaction(&[block(2, 1, 512), block(4, 1, 512), block(6, 1, 512)]);
    maker.transaction(&[block(8, 1, 512)]);
    maker.end();
    let read = |ranges| {
        let limits = Limits { journal_ranges: ranges, ..Limits::default() };
        Journal::read(&maker.volume, INFO as u64, &limits)
    };
    assert!(read(4).is_ok());
    assert_eq!(read(3).unwrap_err().class(), Class::Limit, "ranges of all");
    assert_eq!(read(2).unwrap_err().class(), Class::Limit, "blocks of one transaction");
}
