//! Damaged and hostile UDIF images: an error that says what is wrong, soon, and the rest stays readable.

use std::sync::Arc;
use std::time::{Duration, Instant};

use apfs_core::image::layers::unwrap;
use apfs_core::image::udif::{Check, Checksum};
use apfs_core::{Class, Damage, Error, Limits, ReadAt};
use apfs_tests::build::udif::{Entry, Lists, Store, Udif};
use apfs_tests::compress::sample::{self, Numbers};
use apfs_tests::compress::zlib;

use crate::udif::{every_store, open, read};

type Image = apfs_core::image::udif::Udif;

fn damage(error: &Error) -> Option<Damage> {
    error.corrupt().map(|corrupt| corrupt.damage)
}

/// Three chunks of ten sectors, the middle one changed.
fn three(change: impl Fn(&mut Entry)) -> (Udif, Vec<u8>) {
    let data = sample::text(512 * 10, 1);
    let chunks = Udif::new().table("a", 0).chunk(Store::Zlib, &data).chunk(Store::Zlib, &data);
    let mut built = chunks.chunk(Store::Zlib, &data);
    change(&mut built.tables[0].entries[1]);
    (built, data)
}

/// The error of the middle chunk; the others are read all the same.
fn middle(change: impl Fn(&mut Entry)) -> Error {
    let (built, data) = three(change);
    let image = open(&built.build()).unwrap();
    assert!(read(&image, 0, data.len()).unwrap() == data);
    assert!(read(&image, 512 * 20, data.len()).unwrap() == data);
    assert!(image.verify_table(0, &mut |_| Ok(())).is_err());
    let small = read(&image, 512 * 10, 1).unwrap_err();
    let whole = read(&image, 512 * 10, data.len()).unwrap_err();
    assert_eq!(small.to_string(), whole.to_string());
    whole
}

/// A chunk that can't be read costs itself, and its error says why and where.
#[test]
fn broken_chunks() {
    let error = middle(|entry| entry.offset = 1 << 40);
    assert_eq!(damage(&error), Some(Damage::PastEnd), "{error}");
    assert!(error.to_string().contains("at byte 5120"), "{error}");
    let error = middle(|entry| entry.offset = u64::MAX);
    assert_eq!(damage(&error), Some(Damage::PastEnd), "{error}");
    let error = middle(|entry| entry.len = u64::MAX);
    assert_eq!(damage(&error), Some(Damage::PastEnd), "{error}");
    let error = middle(|entry| entry.len = 5);
    assert_eq!(damage(&error), Some(Damage::Compressed), "{error}");
    let error = middle(|entry| entry.offset += 1);
    assert_eq!(damage(&error), Some(Damage::Compressed), "{error}");
    let error = middle(|entry| entry.kind = 0x8000_0006);
    assert_eq!(damage(&error), Some(Damage::Compressed), "{error}");
    let (built, _) = three(|entry| entry.kind = 1);
    let image = open(&built.build()).unwrap();
    assert!(read(&image, 512 * 10, 50).is_ok());
    let error = read(&image, 512 * 10, 512 * 10).unwrap_err();
    assert_eq!(damage(&error), Some(Damage::Bounds), "raw and too short: {error}");
    let error = middle(|entry| entry.kind = 0x8000_0003);
    assert_eq!(error.to_string(), "unsupported: chunk of a disk image, type 0x80000003");
}

/// A broken chunk is expanded once, however often its parts are asked for.
#[test]
fn broken_chunk_again() {
    let (built, data) = three(|entry| entry.len = 5);
    let image = open(&built.build()).unwrap();
    let mut said: Vec<_> =
        (10..20).map(|sector| read(&image, sector * 512, 512).unwrap_err().to_string()).collect();
    said.dedup();
    assert_eq!((said.len(), image.expanded().times), (1, 1));
    assert!(read(&image, 0, data.len()).is_ok());
}

/// A chunk that promises more sectors than it has is an error, never zeros.
#[test]
fn lying_sectors() {
    for (sectors, class) in [(11, Class::Corrupt), (9, Class::Corrupt), (1 << 20, Class::Limit)] {
        let data = sample::text(512 * 10, 1);
        let mut built = Udif::new().table("a", 0).chunk(Store::Lzfse, &data);
        built.tables[0].entries[0].sectors = sectors;
        let image = open(&built.build()).unwrap();
        assert_eq!(read(&image, 0, 512).unwrap_err().class(), class, "{sectors}");
        assert!(!image.findings().is_empty(), "{sectors}");
    }
}

/// What chunks that contradict each other, or make no sense, should describe can't be read; the others can.
#[test]
fn lost_chunks() {
    let sound = three(|_| ()).0.disk();
    let far = [(u64::MAX, 1), (1, u64::MAX), (1 << 55, 10), (0, 1 << 55)].map(|place| (place, Damage::Range));
    for ((first, sectors), why) in far.into_iter().chain([((9, 10), Damage::Overlap)]) {
        let image = open(&three(|entry| (entry.first, entry.sectors) = (first, sectors)).0.build()).unwrap();
        assert_eq!(image.findings().first().map(|finding| finding.damage), Some(why));
        for sector in 0..30 {
            let read = read(&image, sector * 512, 512);
            // The first chunk shares a sector with the one that overlaps.
            if sector >= 20 || (sector < 10 && why != Damage::Overlap) {
                assert!(read.unwrap() == sound[sector as usize * 512..][..512], "{sector}");
            } else {
                assert_eq!(damage(&read.unwrap_err()), Some(why), "{sector}");
                assert_eq!(image.run_at(sector * 512).map(|run| run.zeros), Some(false), "{sector}");
            }
        }
        let check = image.verify_table(0, &mut |_| Ok(()));
        assert!(check.is_err() || matches!(check, Ok(Check::Differs { .. })), "{check:?}");
    }
}

/// A broken table costs its own part of the disk, wherever the tables are listed.
#[test]
fn broken_table() {
    let data = sample::text(512 * 10, 1);
    for lists in [Lists::Xml, Lists::Fork] {
        let mut built = Udif::new().table("a", 0).chunk(Store::Zlib, &data).table("b", 10);
        built = built.chunk(Store::Zlib, &data).table("c", 20).chunk(Store::Zlib, &data);
        (built.lists, built.tables[1].count) = (lists, Some(9));
        let image = open(&built.build()).unwrap();
        let names: Vec<_> = image.tables().iter().map(|table| table.name.as_str()).collect();
        assert_eq!((names, image.findings().len()), (vec!["a", "c"], 1));
        assert!(
            read(&image, 0, data.len()).unwrap() == data
                && read(&image, 20 * 512, data.len()).unwrap() == data
        );
        assert_eq!(damage(&read(&image, 10 * 512, 512).unwrap_err()), Some(Damage::Bounds));
        assert!(matches!(image.verify_master(), Check::Differs { .. }));
    }
}

/// Images without a sound table, or larger than the limits, are refused.
#[test]
fn refused() {
    let refused = |built: &Udif| open(&built.build()).unwrap_err();
    let large = three(|entry| (entry.first, entry.kind) = (1 << 45, 2)).0;
    assert_eq!(refused(&large).class(), Class::Limit);
    let mut many = three(|_| ()).0;
    many.tables[0].count = Some(u32::MAX);
    assert_eq!(damage(&refused(&many)), Some(Damage::Bounds));
    let mut none = three(|_| ()).0;
    none.lists = Lists::Fork;
    none.tables.clear();
    assert_eq!(damage(&refused(&none)), Some(Damage::Missing));
    let mut far = three(|_| ()).0;
    far.sectors = Some(1 << 50);
    assert_eq!(refused(&far).class(), Class::Limit);
}

/// A trailer that says less than the tables is contradicted, and nothing is cut off.
#[test]
fn short_trailer() {
    let (mut built, data) = three(|_| ());
    built.sectors = Some(12);
    let image = open(&built.build()).unwrap();
    assert_eq!(image.findings().len(), 1);
    assert_eq!(image.len(), 30 * 512);
    assert!(read(&image, 512 * 20, data.len()).unwrap() == data);
}

/// Petabytes of nothing take neither time nor memory, not even to verify.
#[test]
fn much_of_nothing() {
    let start = Instant::now();
    let mut built = Udif::new().table("a", 0).chunk(Store::Zero, &[0; 512]);
    built.tables[0].entries[0].sectors = 1 << 43;
    built.tables[0].sectors = 1 << 43;
    built.sectors = Some(1 << 43);
    built.tables[0].checksum = (0, 0, 0);
    let image = open(&built.build()).unwrap();
    assert_eq!(image.len(), 1 << 52);
    assert_eq!(read(&image, (1 << 52) - 9, 9).unwrap(), [0; 9]);
    assert_eq!(image.run_at(0).map(|run| (run.len, run.zeros)), Some((1 << 52, true)));
    assert_eq!(image.verify_table(0, &mut |_| Ok(())).unwrap(), Check::Absent);
    built.tables[0].checksum = (2, 32, 0);
    let image = open(&built.build()).unwrap();
    assert!(matches!(image.verify_table(0, &mut |_| Ok(())).unwrap(), Check::Differs { .. }));
    assert!(start.elapsed() < Duration::from_secs(2));
}

/// Images in images, of which each sector says that it takes the first 140 sectors of the image around it to expand: the
/// costs of the layers must not multiply.
#[test]
fn greedy_layers() {
    const SECTORS: u64 = 140;
    let start = Instant::now();
    let mut contents = vec![sample::text(512, 1)];
    for _ in 0..3 {
        let mut packed = zlib(contents.last().unwrap());
        packed.resize(512, 0);
        contents.push(packed);
    }
    let mut rest = Vec::new();
    for packed in &contents[1..] {
        let mut built = Udif::new().table("all", 0);
        built.fork = packed.repeat(SECTORS as usize);
        let first =
            |first| Entry { kind: 0x8000_0005, comment: 0, first, sectors: 1, offset: 0, len: SECTORS * 512 };
        built.tables[0].entries = (0..SECTORS).map(first).collect();
        built.tables[0].sectors = SECTORS;
        if !rest.is_empty() {
            built = built.chunk(Store::Raw, &rest);
        }
        let file = built.build();
        rest = file[SECTORS as usize * 512..].to_vec();
        // The disk around ends with the trailer.
        let fill = rest.len().next_multiple_of(512) - rest.len();
        let end = rest.len() - 512;
        rest.splice(end..end, vec![b'\n'; fill]);
    }
    let file = [contents[3].repeat(SECTORS as usize), rest].concat();
    let unwrapped = unwrap(Arc::new(file), None, &[], &Limits::default()).unwrap();
    assert_eq!(unwrapped.layers.len(), 3);
    assert!(read(&*unwrapped.device, 512 * 139, 512).unwrap() == contents[0]);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

/// Limits hold: on a chunk, a table and the disk.
#[test]
fn limits() {
    let bytes = every_store().build();
    let open = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        Image::open(Arc::new(bytes.clone()), &limits)
    };
    let image = open(|limits| limits.image_chunk_bytes = 512 * 36).unwrap();
    assert_eq!(read(&image, 512 * 100, 512 * 200).unwrap_err().class(), Class::Limit);
    assert_eq!(open(|limits| limits.image_table_bytes = 1000).unwrap_err().class(), Class::Limit);
    assert_eq!(open(|limits| limits.image_bytes = 100_000).unwrap_err().class(), Class::Limit);
    let image = open(|limits| limits.chunk_cache_bytes = 0).unwrap();
    assert!(read(&image, 3, 512 * 700).unwrap() == every_store().disk()[3..3 + 512 * 700]);
}

/// Wrong and missing checksums are told apart.
#[test]
fn checksums() {
    let data = sample::text(512 * 10, 1);
    let mut built = Udif::new();
    for (n, checksum) in (0u64..).zip([(2, 32, 0), (2, 32, 1), (0, 0, 0), (4, 128, 0)]) {
        built = built.table("t", n * 10).chunk(Store::Bzip2, &data);
        built.tables.last_mut().unwrap().checksum = checksum;
    }
    let mut bytes = built.build();
    let image = open(&bytes).unwrap();
    let checks: Vec<_> = (0..4).map(|index| image.verify_table(index, &mut |_| Ok(())).unwrap()).collect();
    assert!(matches!(checks[0], Check::Matches(_)), "{checks:?}");
    assert!(matches!(checks[1], Check::Differs { stored, computed } if stored == computed ^ 1), "{checks:?}");
    assert_eq!(checks[2..], [Check::Absent, Check::NotChecked(Checksum::Other(4))]);
    assert_eq!(image.verify_table(4, &mut |_| Ok(())).unwrap_err().class(), Class::NotFound);
    let stop = image.verify_table(0, &mut |_| Err(Error::Cancelled));
    assert_eq!(stop.unwrap_err().class(), Class::Cancelled);
    let trailer = bytes.len() - 512;
    bytes[trailer + 88] ^= 1;
    bytes[trailer + 360] ^= 1;
    let image = open(&bytes).unwrap();
    assert!(matches!(image.verify_data_fork(0, &mut |_| Ok(())).unwrap(), Check::Differs { .. }));
    assert!(matches!(image.verify_master(), Check::Differs { .. }));
}

/// Cut at any place or with any byte changed: an error, or a disk that can be read to its end.
#[test]
fn cut_and_flipped() {
    for lists in [Lists::Xml, Lists::Fork] {
        let mut built = three(|_| ()).0;
        built.lists = lists;
        let sound = built.build();
        for len in 0..sound.len() {
            assert!(open(&sound[..len]).is_err(), "cut to {len}");
        }
        let mut numbers = Numbers(77);
        for at in 0..sound.len() {
            let mut bytes = sound.clone();
            bytes[at] = numbers.draw() as u8;
            let Ok(image) = open(&bytes) else { continue };
            let mut offset = 0;
            while let Some(run) = image.run_at(offset).filter(|_| offset < 1 << 20) {
                assert!(run.len > 0);
                let _ = read(&image, offset, run.len.min(1 << 16) as usize);
                offset += run.len;
            }
        }
    }
}
