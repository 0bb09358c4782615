//! ASIF images.

use std::sync::Arc;

use apfs_core::image::asif::AsifImage;
use apfs_core::{Class, Damage, Limits, ReadAt, Result};
use apfs_tests::build::Asif;
use apfs_tests::build::asif::{CHUNK, GROUP, SECTOR};

use super::shared::{check, pattern, read};

fn open(file: &[u8]) -> Result<AsifImage> {
    AsifImage::open(Arc::new(file.to_vec()), &Limits::default())
}

/// Sectors of the sample.
const LEN: usize = 5 * CHUNK - 7 * SECTOR;

/// Chunks 0 and 2 whole, chunk 3 with every third sector, chunk 4 with the first one and cut by the end of the disk.
fn sample() -> (Vec<u8>, Vec<u8>) {
    let whole = pattern(CHUNK, 1);
    let some: Vec<bool> = (0..CHUNK / SECTOR).map(|sector| sector % 3 == 1).collect();
    let first: Vec<bool> = (0..CHUNK / SECTOR).map(|sector| sector == 0).collect();
    let asif = Asif::new((LEN / SECTOR) as u64)
        .chunk(2, &whole)
        .partial(4, &whole, &first)
        .partial(3, &whole, &some)
        .chunk(0, &whole);
    let mut disk = vec![0; 5 * CHUNK];
    for (chunk, sectors) in [(0, None), (2, None), (3, Some(some)), (4, Some(first))] {
        for sector in 0..CHUNK / SECTOR {
            if sectors.as_ref().is_none_or(|stored| stored[sector]) {
                let at = sector * SECTOR;
                disk[chunk * CHUNK + at..][..SECTOR].copy_from_slice(&whole[at..at + SECTOR]);
            }
        }
    }
    disk.truncate(LEN);
    (asif.build(), disk)
}

/// Whole chunks, chunks of which a bitmap tells, holes, and the end of the disk inside a chunk.
#[test]
fn chunks_and_sectors() {
    let (file, disk) = sample();
    check(&open(&file).unwrap(), &disk);
}

/// Several groups and tables, and tables that are not there: a hole is one run.
#[test]
fn groups_and_tables() {
    let (a, b, c) = (pattern(CHUNK, 1), pattern(CHUNK, 2), pattern(CHUNK, 3));
    let (second, fifth, far) = (GROUP, 5 * GROUP + 9, 900 * GROUP);
    let file = Asif::new((far + 1) as u64 * (CHUNK / SECTOR) as u64)
        .chunk(fifth, &b)
        .chunk(second, &a)
        .chunk(far, &c)
        .build();
    let image = open(&file).unwrap();
    let at = |chunk: usize| chunk as u64 * CHUNK as u64;
    for (chunk, content) in [(second, &a), (fifth, &b), (far, &c)] {
        assert!(read(&image, at(chunk), CHUNK).unwrap() == *content, "chunk {chunk}");
        let around = read(&image, at(chunk) - 100, 200).unwrap();
        assert_eq!((&around[..100], &around[100..]), (&[0; 100][..], &content[..100]));
    }
    let (mut stored, mut runs, mut offset) = (0, 0, 0);
    while let Some(run) = image.run_at(offset) {
        stored += if run.zeros { 0 } else { run.len };
        runs += 1;
        offset += run.len;
    }
    assert_eq!((offset, stored), (image.len(), 3 * CHUNK as u64));
    assert!(runs < 20, "{runs} runs");
}

/// The directory with the higher sequence number counts; one that is not in the file does not.
#[test]
fn directories() {
    let (mut file, disk) = sample();
    let mut older = file.clone();
    older[2048..2056].copy_from_slice(&7u64.to_be_bytes());
    check(&open(&older).unwrap(), &vec![0; LEN]);
    for lost in [[0; 8], [0xFF; 8], (1u64 << 40).to_be_bytes()] {
        older[16..24].copy_from_slice(&lost);
        check(&open(&older).unwrap(), &disk);
    }
    file[16..32].fill(0xFF);
    assert_eq!(open(&file).unwrap_err().corrupt().unwrap().damage, Damage::Missing);
}

/// Damage costs the chunk that it touches.
#[test]
fn damaged_chunks() {
    let damaged = |at: usize, bytes: &[u8]| {
        let (mut file, disk) = sample();
        let table = u64::from_be_bytes(file[4104..4112].try_into().unwrap()) as usize * CHUNK;
        file[table + at..][..bytes.len()].copy_from_slice(bytes);
        let image = open(&file).unwrap();
        let mut classes = Vec::new();
        for chunk in 0..5 {
            let at = chunk * CHUNK;
            let len = CHUNK.min(disk.len() - at);
            match read(&image, at as u64, len) {
                Ok(bytes) => assert!(bytes == disk[at..at + len], "chunk {chunk}"),
                Err(error) => classes.push((chunk, error.class())),
            }
        }
        classes
    };
    assert_eq!(damaged(2 * 8, &[0x80]), [(2, Class::Unsupported)], "status 2");
    assert_eq!(damaged(2 * 8, &[0x00]), [(2, Class::Unsupported)], "not stored, with a number");
    assert_eq!(damaged(2 * 8 + 3, &[0xFF]), [(2, Class::Corrupt)], "past the end");
    assert_eq!(damaged(2 * 8, &[0x40, 0, 0, 0, 0, 0, 0, 0]), [(2, Class::Corrupt)], "the header's chunk");
    assert_eq!(damaged(GROUP * 8, &[0; 8]), [(3, Class::Corrupt), (4, Class::Corrupt)], "no bitmap");
    let (mut file, _) = sample();
    let table = u64::from_be_bytes(file[4104..4112].try_into().unwrap()) as usize * CHUNK;
    let bitmap = u64::from_be_bytes(file[table + GROUP * 8..][..8].try_into().unwrap()) as usize * CHUNK;
    file[bitmap + 3 * CHUNK / SECTOR / 4] |= 2;
    let error = read(&open(&file).unwrap(), 3 * CHUNK as u64, 512).unwrap_err();
    assert_eq!(error.class(), Class::Unsupported, "unknown state of a sector");
}

/// Headers that make no sense are refused.
#[test]
fn damaged_headers() {
    let class = |at: usize, bytes: &[u8]| {
        let (mut file, _) = sample();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        open(&file).map(drop).map_err(|error| error.class())
    };
    assert_eq!(class(0, b"shdw"), Ok(()));
    assert_eq!(class(0, b"x"), Err(Class::Corrupt));
    assert_eq!(class(4, &[9]), Err(Class::Unsupported));
    assert_eq!(class(48, &[1, 0, 0, 0, 0, 0, 0, 0]), Err(Class::Corrupt), "more sectors than there may be");
    assert_eq!(class(48, &[1, 0, 0, 0, 0, 0, 0, 0, 0xFF]), Err(Class::Limit), "a disk too long");
    for chunk in [0u32, 1, 512, 16_391, 40_961, u32::MAX] {
        assert_eq!(class(64, &chunk.to_be_bytes()), Err(Class::Corrupt), "chunks of {chunk}");
    }
    for sector in [0u16, 1, 256, 513, 8192] {
        assert_eq!(class(68, &sector.to_be_bytes()), Err(Class::Corrupt), "sectors of {sector}");
    }
    let (file, _) = sample();
    for len in [0, 1, 79, 80] {
        assert!(open(&file[..len]).is_err(), "cut at {len}");
    }
}
