//! Journals of the manifest's HFS+ volumes: their states, and what their rings still hold.

use std::collections::BTreeSet;
use std::sync::Arc;

use apfs_core::hfsplus::journal::{ByteOrder, Journal, JournalState};
use apfs_core::io::overlay::{Overlay, Replaced};
use apfs_core::io::window::Window;
use apfs_core::{Limits, ReadAt, Secret};
use apfs_tests::corpus;
use toml::Value;

use super::disks;

/// Volumes that were not unmounted. Each has one transaction, which had reached the disk before.
const DIRTY: [&str; 2] = ["hfsinspect-CoreStorageDemo.img.gz", "hfsinspect-test.img.gz"];

/// Journaled volumes of the corpus, with the names of their images.
fn volumes() -> Vec<(String, Arc<dyn ReadAt>)> {
    let Some(folder) = corpus::folder() else { return Vec::new() };
    let manifest: Value =
        std::fs::read_to_string(folder.join("manifest.toml")).unwrap().parse::<toml::Table>().unwrap().into();
    let unpacked = tempfile::tempdir().unwrap();
    let mut found = Vec::new();
    for image in manifest["image"].as_array().unwrap() {
        let path = folder.join(image["file"].as_str().unwrap());
        let partitions = image.get("partition").and_then(Value::as_array).cloned().unwrap_or_default();
        let is_journaled = |partition: &&Value| {
            let hfs = partition.get("hfs").and_then(|hfs| hfs.get("journaled"));
            hfs.and_then(Value::as_bool) == Some(true)
        };
        for partition in partitions.iter().filter(is_journaled) {
            let password = image.get("dmg_password").and_then(Value::as_str);
            let secrets: Vec<_> = password.map(Secret::password).into_iter().collect();
            let disk = disks::open(&path, &secrets, &unpacked).unwrap().device;
            let number = |key: &str| partition[key].as_integer().unwrap() as u64;
            let volume = Window::new(disk, number("offset"), number("size"));
            // A bundle goes with the folder that it was unpacked into.
            let in_memory: Arc<dyn ReadAt> = if volume.len() < 128 << 20 {
                let mut bytes = vec![0; volume.len() as usize];
                volume.read_exact_at(0, &mut bytes).unwrap();
                Arc::new(bytes)
            } else {
                Arc::new(volume)
            };
            found.push((image["name"].as_str().unwrap().to_owned(), in_memory));
        }
    }
    found
}

/// Where the info block is, by the volume header.
fn info_offset(volume: &dyn ReadAt) -> u64 {
    let mut header = [0; 512];
    volume.read_exact_at(1024, &mut header).unwrap();
    let number = |at: usize| u64::from(u32::from_be_bytes(header[at..at + 4].try_into().unwrap()));
    assert!(header.starts_with(b"H") && number(4) & 0x2000 != 0, "a journaled volume");
    number(12) * number(40)
}

fn read(volume: &dyn ReadAt) -> Journal {
    Journal::read(volume, info_offset(volume), &Limits::default()).unwrap()
}

/// Blocks of 512 bytes in which two devices differ.
fn differences(a: &dyn ReadAt, b: &dyn ReadAt) -> usize {
    let (mut at, mut count) = (0, 0);
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    while let (Some(one), Some(other)) = (a.run_at(at), b.run_at(at)) {
        let len = one.len.min(other.len).min(1 << 20);
        if !(one.zeros && other.zeros) {
            let (left, right) = (&mut left[..len as usize], &mut right[..len as usize]);
            a.read_exact_at(at, left).unwrap();
            b.read_exact_at(at, right).unwrap();
            count += left.chunks(512).zip(right.chunks(512)).filter(|(a, b)| a != b).count();
        }
        at += len;
    }
    assert_eq!(at, a.len());
    count
}

/// Every journal is sound and in the state that was found by other means.
#[test]
fn states() {
    let (mut dirty, mut counts) = (BTreeSet::new(), [0; 3]);
    for (name, volume) in volumes() {
        let journal = read(&*volume);
        assert_eq!(journal.findings, [], "{name}");
        let kind = match journal.state {
            JournalState::Clean => 0,
            JournalState::NeedsInit => 1,
            JournalState::Dirty => {
                assert_eq!((journal.transactions, journal.misplaced), (1, 0), "{name}");
                let replayed = journal.overlay(volume.clone()).unwrap();
                assert_eq!(differences(&*volume, &*replayed), 0, "{name}");
                dirty.insert(name.clone());
                2
            }
            state => panic!("{name}: {state:?}"),
        };
        counts[kind] += 1;
        let header = journal.header.map(|header| (header.byte_order, header.jhdr_size));
        assert!(kind == 1 || header == Some((ByteOrder::Little, 512)), "{name}: {header:?}");
    }
    println!("journals: {} clean, {} to be made, {} dirty", counts[0], counts[1], counts[2]);
    if counts != [0; 3] {
        assert_eq!(dirty, DIRTY.map(str::to_owned).into());
    }
}

/// The volume, its journal said to begin at the start of its ring: all that the ring still holds is to be replayed.
fn unplayed(volume: &Arc<dyn ReadAt>, journal: u64) -> Arc<dyn ReadAt> {
    let mut header = vec![0; 48];
    volume.read_exact_at(journal, &mut header).unwrap();
    header[8..16].copy_from_slice(&512_u64.to_le_bytes());
    header[36..40].fill(0);
    let sum = header[..44].iter().fold(0_u32, |c, x| (c << 8) ^ c.wrapping_add(u32::from(*x)));
    header[36..40].copy_from_slice(&(!sum).to_le_bytes());
    let mut replaced = Replaced::new(1);
    replaced.insert(journal, 48, 0).unwrap();
    Arc::new(Overlay::new(volume.clone(), Arc::new(header), Arc::new(replaced)))
}

/// The transactions in the rings, played by macOS long ago, give what is on the disks when they are replayed again:
/// all but two sectors of one volume, which were written later and not through the journal.
#[test]
fn rings() {
    let (mut transactions, mut different) = (0, 0);
    let volumes = volumes();
    for (name, volume) in &volumes {
        let journal = read(&**volume);
        // This ring has gone round: its beginning is no beginning of a list.
        let (Some(info), Some(_), false) = (journal.info, journal.header, name == DIRTY[0]) else { continue };
        let again = unplayed(volume, info.offset);
        let journal = read(&*again);
        assert_eq!((&journal.state, &journal.findings[..]), (&JournalState::Dirty, &[][..]), "{name}");
        different += differences(&*again, &*journal.overlay(again.clone()).unwrap());
        transactions += journal.transactions;
    }
    println!("{transactions} transactions in rings, {different} sectors differ");
    assert!(volumes.is_empty() || (transactions, different) == (75, 2));
}
