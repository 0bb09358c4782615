//! Containers inside a GUID partition table.

use std::sync::Arc;

use apfs_core::{Disk, OpenOptions, Result, Scheme};
use apfs_tests::build::gpt::types;
use apfs_tests::build::{Gpt, ImageBuilder, VolumeBuilder};
use apfs_tests::listing::read;

fn disk(sector: usize) -> (Vec<u8>, Vec<usize>) {
    let image = |text: &str| {
        let volume = VolumeBuilder::new("V").file("/x", text);
        ImageBuilder::new().volume(volume).build().bytes
    };
    Gpt::new(sector)
        .partition(types::EFI_SYSTEM, "EFI", &[0; 8192])
        .partition(types::APFS, "First", &image("first"))
        .partition(types::APFS, "Second", &image("second"))
        .build()
}

fn open(bytes: &[u8]) -> Result<Disk> {
    Disk::open(Arc::new(bytes.to_vec()), &OpenOptions::default())
}

fn contents(disk: &Disk) -> Vec<Vec<u8>> {
    let volumes = disk.volumes(&OpenOptions::default()).unwrap();
    volumes.into_iter().map(|volume| read(&volume.unwrap().view().unwrap(), "/x").unwrap()).collect()
}

/// Sectors of both sizes; partitions keep their order, names, types and places.
#[test]
fn both_sector_sizes() {
    for sector in [512, 4096] {
        let (bytes, offsets) = disk(sector);
        let disk = open(&bytes).unwrap();
        assert_eq!((disk.scheme(), disk.table_from_backup()), (Scheme::Gpt, false));
        let found: Vec<_> =
            disk.partitions().iter().map(|part| (part.label.as_str(), part.start as usize)).collect();
        assert_eq!(found, [("EFI", offsets[0]), ("First", offsets[1]), ("Second", offsets[2])]);
        assert_eq!(disk.apfs_partitions(), [1, 2]);
        assert_eq!(contents(&disk), [b"first".to_vec(), b"second".to_vec()]);
    }
}

/// A damaged header or table at the start is replaced by the copy at the end, and that is said.
#[test]
fn backup_table() {
    for sector in [512, 4096] {
        for at in [sector + 40, sector * 2 + 1] {
            let (mut bytes, _) = disk(sector);
            bytes[at] ^= 0xff;
            let disk = open(&bytes).unwrap();
            assert!(disk.table_from_backup() && !disk.findings().is_empty(), "byte {at}");
            assert_eq!(contents(&disk), [b"first".to_vec(), b"second".to_vec()]);
        }
    }
}

/// Without any sound table nothing is guessed.
#[test]
fn both_tables_damaged() {
    let (mut bytes, _) = disk(512);
    let backup = bytes.len() - 512;
    bytes[512 + 40] ^= 0xff;
    bytes[backup + 40] ^= 0xff;
    assert!(open(&bytes).is_err());
}

/// A cut disk shows the partitions that are still there.
#[test]
fn cut_disk() {
    let (mut bytes, offsets) = disk(512);
    bytes.truncate(offsets[2] + 5000);
    let volumes = open(&bytes).unwrap().volumes(&OpenOptions::default()).unwrap();
    let read_first = read(&volumes[0].as_ref().unwrap().view().unwrap(), "/x").unwrap();
    assert_eq!(read_first, b"first");
    assert!(volumes[1..].iter().all(|volume| volume.as_ref().is_err_and(|_| true)), "{volumes:?}");
}
