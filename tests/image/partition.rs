//! Disks with Apple partition maps, master boot records and several tables at once.

use std::sync::Arc;

use apfs_core::image::probe::Content;
use apfs_core::{Class, Corrupt, Damage, Disk, Error, OpenOptions, Result, Scheme};
use apfs_tests::build::apm::put_map;
use apfs_tests::build::gpt::types;
use apfs_tests::build::hfs::HfsBuilder;
use apfs_tests::build::mbr::put_record;
use apfs_tests::build::{Apm, Gpt, ImageBuilder, Mbr, VolumeBuilder};
use apfs_tests::device::Failing;
use apfs_tests::listing::read;

fn container(text: &str) -> Vec<u8> {
    ImageBuilder::new().volume(VolumeBuilder::new("V").file("/x", text)).build().bytes
}

/// The start of an HFS+ volume.
fn hfs_plus() -> Vec<u8> {
    HfsBuilder::new("Old").file("/x", b"old").build().bytes
}

/// The boot sector of a FAT volume, with code where a master boot record has entries.
fn fat() -> Vec<u8> {
    let mut bytes = vec![0; 8192];
    bytes[..11].copy_from_slice(b"\xEB\x3C\x90MSDOS5.0");
    bytes[54..62].copy_from_slice(b"FAT16   ");
    bytes[510..512].copy_from_slice(&[0x55, 0xAA]);
    bytes
}

fn open(bytes: &[u8]) -> Result<Disk> {
    Disk::open(Arc::new(bytes.to_vec()), &OpenOptions::default())
}

/// Contents of `/x` of every volume.
fn contents(disk: &Disk) -> Vec<String> {
    let volumes = disk.volumes(&OpenOptions::default()).unwrap().into_iter();
    let text = |volume: Result<apfs_core::AnyVolume>| read(&volume.unwrap().view().unwrap(), "/x").unwrap();
    volumes.map(|volume| String::from_utf8(text(volume)).unwrap()).collect()
}

fn kinds(disk: &Disk) -> Vec<Damage> {
    disk.findings().iter().map(|finding: &Corrupt| finding.damage).collect()
}

/// Maps of both block sizes, with and without a driver descriptor map: every entry is listed, the map itself and
/// free space included; labels and types are as stored.
#[test]
fn apple_partition_map() {
    for (block, driver_map) in
        [(512, Some(512)), (512, None), (2048, Some(2048)), (2048, None), (512, Some(2048))]
    {
        let mut apm = Apm::new(block);
        if let Some(size) = driver_map {
            apm = apm.driver_map(size);
        }
        let apm = apm
            .partition("Apple_APFS", "First", &container("first"))
            .partition("apple_hfs", "Old", &hfs_plus())
            .partition("Apple_Free", "", &[0; 4096])
            .partition("Apple_APFS", "Second", &container("second"));
        let (bytes, offsets) = apm.build();
        let disk = open(&bytes).unwrap();
        assert_eq!((disk.scheme(), kinds(&disk)), (Scheme::Apm, vec![]), "{block} {driver_map:?}");
        let parts = disk.partitions().iter();
        let found: Vec<_> = parts
            .map(|part| {
                (
                    part.start as usize,
                    part.type_text.as_deref().unwrap(),
                    part.label.as_str(),
                    part.content.word(),
                )
            })
            .collect();
        let expected = [
            (block, "Apple_partition_map", "Apple", "unknown"),
            (offsets[0], "Apple_APFS", "First", "apfs"),
            (offsets[1], "apple_hfs", "Old", "hfsplus"),
            (offsets[2], "Apple_Free", "", "unknown"),
            (offsets[3], "Apple_APFS", "Second", "apfs"),
        ];
        assert_eq!(found, expected, "{block} {driver_map:?}");
        assert_eq!(disk.partitions()[0].len, (32 << 10) - block as u64);
        assert_eq!(disk.partitions()[2].type_name, "Apple_HFS");
        assert!(disk.partitions()[0].is_filler() && disk.partitions()[3].is_filler());
        assert_eq!((disk.apfs_partitions(), disk.hfs_partitions()), (vec![1, 4], vec![2]));
        assert_eq!(contents(&disk), ["first", "old", "second"]);
    }
}

/// A CD may carry two maps of the same disk: the driver descriptor map says which one counts.
#[test]
fn two_maps() {
    let entries = |block: usize, name: &str| -> Vec<(String, String, usize, usize)> {
        let volume = 64 << 10;
        vec![
            ("Apple_partition_map".into(), "Apple".into(), 1, 7),
            ("Apple_HFS".into(), name.into(), volume / block, (64 << 10) / block),
        ]
    };
    for (told, name) in [(512_u16, "small"), (2048, "large"), (0, "small"), (1000, "small")] {
        let mut disk = vec![0; 128 << 10];
        disk[(64 << 10)..(72 << 10)].copy_from_slice(&hfs_plus()[..8 << 10]);
        put_map(&mut disk, 2048, &entries(2048, "large"));
        put_map(&mut disk, 512, &entries(512, "small"));
        disk[..2].copy_from_slice(b"ER");
        disk[2..4].copy_from_slice(&told.to_be_bytes());
        let disk = open(&disk).unwrap();
        let part = &disk.partitions()[1];
        assert_eq!(
            (part.label.as_str(), part.start, part.content),
            (name, 64 << 10, Content::HfsPlus),
            "{told}"
        );
        assert_eq!(disk.partitions().len(), 2);
    }
}

/// A damaged entry of a map keeps its number and costs nothing else; entries missing at the end are one finding.
#[test]
fn damaged_map() {
    let apm = Apm::new(512)
        .partition("Apple_APFS", "First", &container("first"))
        .partition("Apple_Free", "", &[0; 512])
        .partition("Apple_APFS", "Second", &container("second"));
    let (bytes, _) = apm.build();
    let mut middle = bytes.clone();
    middle[512 * 3] = 0;
    let disk = open(&middle).unwrap();
    assert_eq!(kinds(&disk), [Damage::Magic]);
    assert_eq!((disk.partitions().len(), disk.partitions()[2].len), (4, 0));
    assert_eq!(
        (disk.apfs_partitions(), contents(&disk)),
        (vec![1, 3], vec!["first".to_owned(), "second".to_owned()])
    );
    let mut itself = bytes.clone();
    itself[512] = 0;
    let disk = open(&itself).unwrap();
    assert_eq!((kinds(&disk), disk.apfs_partitions()), (vec![Damage::Magic], vec![1, 3]));
    let mut end = bytes;
    end[512 * 3] = 0;
    end[512 * 4] = 0;
    let disk = open(&end).unwrap();
    assert_eq!((kinds(&disk), disk.partitions().len()), (vec![Damage::Missing], 2));
    assert_eq!(contents(&disk), ["first"]);
}

/// A map that promises more entries than the limit allows is refused, by name.
#[test]
fn too_many_entries() {
    let (mut bytes, _) = Apm::new(512).partition("Apple_APFS", "", &container("x")).build();
    bytes[516..520].copy_from_slice(&u32::MAX.to_be_bytes());
    let error = open(&bytes).unwrap_err();
    assert_eq!((error.class(), error.to_string().contains("partition entries")), (Class::Limit, true));
}

/// Primary partitions in order, then logical ones; the extended partition itself has a number, too.
#[test]
fn master_boot_record() {
    for sector in [512, 4096] {
        let (bytes, offsets) = Mbr::new(sector)
            .partition(0x0B, &fat())
            .partition(0xAF, &container("first"))
            .logical(0xAF, &container("second"))
            .logical(0x83, &[0; 4096])
            .logical(0xAF, &container("third"))
            .build();
        let disk = open(&bytes).unwrap();
        assert_eq!((disk.scheme(), kinds(&disk)), (Scheme::Mbr, vec![]), "{sector}");
        let parts = disk.partitions().iter();
        let found: Vec<_> =
            parts.map(|part| (part.start as usize, part.type_byte.unwrap(), part.type_name)).collect();
        let expected = [
            (offsets[0], 0x0B, "FAT32"),
            (offsets[1], 0xAF, "Apple_HFS"),
            (offsets[2], 0x0F, "Extended"),
            (offsets[3], 0xAF, "Apple_HFS"),
            (offsets[4], 0x83, "Linux Filesystem"),
            (offsets[5], 0xAF, "Apple_HFS"),
        ];
        assert_eq!(found, expected, "{sector}");
        assert!(matches!(disk.partitions()[0].content, Content::Other("FAT (MS-DOS) volume", _)));
        assert_eq!(contents(&disk), ["first", "second", "third"]);
    }
}

/// Chains of extended records that lead back, out of their partition, nowhere, or on for ever end with a finding.
#[test]
fn hostile_chains() {
    let mbr = Mbr::new(512).partition(0xAF, &container("first"));
    let (bytes, offsets) = mbr.logical(0xAF, &container("second")).logical(0xAF, &container("third")).build();
    let first = offsets[1];
    let next = |to: u32| {
        let mut bytes = bytes.clone();
        bytes[first + 446 + 16 + 8..][..4].copy_from_slice(&to.to_le_bytes());
        bytes
    };
    for (to, damage) in [(0, Damage::Loop), (1 << 20, Damage::Bounds), (1, Damage::Magic)] {
        let disk = open(&next(to)).unwrap();
        assert_eq!(kinds(&disk), [damage], "to {to}");
        assert_eq!(contents(&disk), ["first", "second"], "to {to}");
    }
    // Every record leads to the next sector, each with a partition of its own.
    let mut endless = vec![0; 4 << 20];
    put_record(&mut endless, 0, &[(0x05, 8, 8000)]);
    for n in 0..4000 {
        put_record(&mut endless, (8 + n) * 512, &[(0x83, 1, 1), (0x05, n + 1, 1)]);
    }
    let error = open(&endless).unwrap_err();
    assert_eq!(error.class(), Class::Limit, "{error}");
}

/// The boot sector of a foreign volume is not taken for a partition table, whatever stands in it.
#[test]
fn boot_sectors() {
    let mut with_entries = fat();
    put_record(&mut with_entries, 0, &[(0x0B, 1, 8)]);
    let mut code = vec![0x90; 8192];
    code[510..512].copy_from_slice(&[0x55, 0xAA]);
    for (bytes, text) in [(fat(), "FAT"), (with_entries, "FAT"), (code, "no partition table")] {
        let error = open(&bytes).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

/// A GUID table counts more than the boot record beside it; an entry that only the latter has is a finding.
#[test]
fn hybrid() {
    let (mut bytes, offsets) = Gpt::new(512)
        .partition(types::EFI_SYSTEM, "EFI", &fat())
        .partition(types::APFS, "Data", &container("data"))
        .build();
    let data = (offsets[1] / 512, container("data").len() / 512);
    put_record(&mut bytes, 0, &[(0xEE, 1, offsets[1] / 512 - 1), (0xAF, data.0, data.1)]);
    let twins = open(&bytes).unwrap();
    assert_eq!((twins.scheme(), kinds(&twins)), (Scheme::Gpt, vec![]));
    put_record(&mut bytes, 0, &[(0xEE, 1, offsets[1] / 512 - 1), (0xAF, data.0 + 8, data.1 - 8)]);
    let differs = open(&bytes).unwrap();
    assert_eq!((differs.scheme(), kinds(&differs)), (Scheme::Gpt, vec![Damage::Contradiction]));
    assert!(differs.findings()[0].to_string().contains("type af"), "{}", differs.findings()[0]);
    assert_eq!(contents(&differs), ["data"]);
}

/// With both GUID tables gone a hybrid boot record still leads to the partitions, and the damage is said; a purely
/// protective one leads nowhere.
#[test]
fn hybrid_without_guid_tables() {
    let (mut bytes, offsets) = Gpt::new(512).partition(types::APFS, "Data", &container("data")).build();
    let last = bytes.len() - 512;
    let mut gone = bytes.clone();
    for at in [512, last] {
        bytes[at + 40] ^= 0xFF;
        gone[at..at + 8].fill(0);
    }
    assert_eq!(open(&bytes).unwrap_err().class(), Class::Corrupt);
    let missing = open(&gone).unwrap_err();
    assert!(matches!(&missing, Error::Corrupt(corrupt) if corrupt.damage == Damage::Missing), "{missing}");
    put_record(&mut bytes, 0, &[(0xEE, 1, 100), (0xAF, offsets[0] / 512, container("data").len() / 512)]);
    let disk = open(&bytes).unwrap();
    assert_eq!((disk.scheme(), kinds(&disk)), (Scheme::Mbr, vec![Damage::Checksum]));
    assert_eq!(contents(&disk), ["data"]);
}

/// Formatting a whole disk leaves old tables behind: a volume from the first byte on counts more than a table that
/// is no longer whole, and less than a whole one.
#[test]
fn bare_volume_over_an_old_table() {
    let (mut bytes, _) = Gpt::new(4096).partition(types::APFS, "Data", &container("data")).build();
    bytes[1024..1026].copy_from_slice(b"H+");
    assert_eq!(open(&bytes).unwrap().scheme(), Scheme::Gpt, "the table is whole");
    bytes[2 * 4096 + 1] ^= 0xFF;
    let bare = open(&bytes).unwrap();
    assert_eq!((bare.scheme(), bare.partitions()[0].content), (Scheme::None, Content::HfsPlus));
    let mut formatted = Gpt::new(512).partition(types::APFS, "Old", &container("old")).build().0;
    let new = container("new");
    formatted[..new.len()].copy_from_slice(&new);
    assert_eq!(contents(&open(&formatted).unwrap()), ["new"]);
}

/// Entries that pass the end of the disk are kept and said, as are those that share bytes.
#[test]
fn past_the_end_and_overlapping() {
    let (mut bytes, offsets) = Mbr::new(512).partition(0xAF, &container("first")).build();
    let first = (offsets[0] / 512, container("first").len() / 512);
    bytes.resize(bytes.len() + 4096, 0);
    let long = bytes.len() / 512;
    put_record(&mut bytes, 0, &[(0xAF, first.0, first.1), (0x83, first.0 + 1, 4), (0x83, long - 1, 9)]);
    let disk = open(&bytes).unwrap();
    assert_eq!((kinds(&disk), disk.partitions().len()), (vec![Damage::Overlap, Damage::PastEnd], 3));
    assert_eq!(disk.partitions()[2].len, 9 * 512);
    assert_eq!(contents(&disk), ["first"]);

    let mut apm = Apm::new(512).partition("Apple_APFS", "", &container("apm")).build().0;
    apm.truncate(apm.len() - 512);
    let disk = open(&apm).unwrap();
    assert_eq!(kinds(&disk), [Damage::PastEnd]);
    assert_eq!(contents(&disk), ["apm"]);
}

/// A disk that holds nothing of Apple's says what it holds.
#[test]
fn foreign_disks() {
    let volumes = |bytes: &[u8]| open(bytes).unwrap().volumes(&OpenOptions::default()).unwrap_err();
    let (bytes, _) = Mbr::new(512).partition(0x0B, &fat()).build();
    let error = volumes(&bytes);
    assert_eq!(error.class(), Class::Unsupported);
    assert!(error.to_string().contains("FAT (MS-DOS) volume"), "{error}");
    let mut classic = vec![0; 8192];
    classic[1024..1026].copy_from_slice(b"BD");
    let (bytes, _) = Mbr::new(512).partition(0xAF, &classic).build();
    let error = volumes(&bytes);
    assert_eq!(error.class(), Class::Unsupported);
    assert!(error.to_string().contains("classic HFS volume"), "{error}");
    let (bytes, _) = Mbr::new(512).partition(0x83, &[0; 512]).build();
    assert_eq!(volumes(&bytes).class(), Class::NotFound);
}

/// A place that can't be read costs neither the table nor what lies elsewhere.
#[test]
fn unreadable_places() {
    let (bytes, offsets) = Mbr::new(512).partition(0x0B, &fat()).partition(0xAF, &container("x")).build();
    for bad in [1024..1536, 32_768..33_280, offsets[0] as u64..offsets[0] as u64 + 512] {
        let device = Failing::new(bytes.clone());
        device.set_bad(bad.clone());
        let disk = Disk::open(Arc::new(device), &OpenOptions::default()).unwrap();
        assert_eq!(contents(&disk), ["x"], "{bad:?}");
    }
}
