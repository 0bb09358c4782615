//! The logical volume of a real CoreStorage disk, in the eyes of other readers.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Command;

use apfs_core::corestorage::Encryption;
use apfs_core::{Disk, OpenOptions, ReadAt, hfsplus};
use apfs_tests::corpus::{self, Entries};

const IMAGE: &str = "images/hfsinspect-CoreStorageDemo.img.gz";
const LISTING: &str = "expected/hfsinspect-CoreStorageDemo.img.gz.jsonl";

/// Group and volume are what the disk says; the volume's bytes are the HFS+ volume that other readers list, with all that
/// is in it.
#[test]
fn a_logical_volume_is_read() {
    let Some(folder) = corpus::folder() else { return };
    if !folder.join(IMAGE).exists() {
        println!("skipped: there is no {IMAGE}");
        return;
    }
    let disk = Disk::open(corpus::device(&folder.join(IMAGE)), &OpenOptions::default()).unwrap();
    let mut groups = disk.volume_groups(&OpenOptions::default());
    assert_eq!(groups.len(), 1);
    let (partitions, group) = groups.remove(0);
    let group = group.unwrap();
    assert_eq!((partitions, group.findings().len()), (vec![0], 0), "{:?}", group.findings());
    assert_eq!(group.to_string(), "Core Storage Demo (1 physical volume, 1 logical volume)");
    assert_eq!(group.uuid().to_string(), "5CE1F624-A359-46BF-A255-1E26BFE55A83");
    let [volume] = group.logical_volumes() else { panic!("{group:?}") };
    assert_eq!(
        (volume.len(), volume.encryption(), volume.users().count()),
        (652_738_560, Encryption::None, 0)
    );
    assert_eq!((volume.content_hint(), volume.findings()), ("Apple_HFS", &[][..]));
    assert_eq!(volume.uuid().to_string(), "94A898FB-2A64-43D8-BED3-467F4FAE23BC");
    let device = volume.device().unwrap();
    let hfs = hfsplus::Volume::open(device.clone(), OpenOptions::default()).unwrap();
    let mut found = Entries::new();
    let errors = corpus::add_view(&mut found, &hfs, (0, 0, None));
    let expected = corpus::expected(&folder.join(LISTING));
    assert_eq!((corpus::compare(&expected, &found), errors), (Vec::new(), Vec::new()));
    let path = std::env::temp_dir().join(format!("apfs-logical-volume-{}.img", std::process::id()));
    copy(&*device, &File::create(&path).unwrap());
    let listed = Command::new("fls").args(["-r", "-p", "-u", "-f", "hfs"]).arg(&path).output();
    std::fs::remove_file(&path).unwrap();
    let Ok(listed) = listed else {
        println!("skipped: fls is not installed");
        return;
    };
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let text = String::from_utf8(listed.stdout).unwrap();
    let rows = text.lines().filter_map(|line| line.split_once('\t')).map(|(_, path)| format!("/{path}"));
    // Files of the volume itself are no entries, and fls shows the characters of private names in a way of its own.
    let is_ordinary = |path: &String| !path.starts_with("/$") && !path.contains("HFS+ Private");
    let found: BTreeSet<String> = rows.filter(is_ordinary).collect();
    let expected = expected.into_keys().map(|(_, _, _, path)| path);
    let expected: BTreeSet<String> = expected.filter(|path| path != "/" && is_ordinary(path)).collect();
    assert_eq!(found, expected);
    println!("fls lists {} entries of the logical volume", found.len());
}

/// Copies a device to a file, without its zeros.
fn copy(device: &dyn ReadAt, file: &File) {
    file.set_len(device.len()).unwrap();
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    while at < device.len() {
        let len = (device.len() - at).min(buffer.len() as u64) as usize;
        device.read_exact_at(at, &mut buffer[..len]).unwrap();
        if buffer[..len].iter().any(|byte| *byte != 0) {
            file.write_all_at(&buffer[..len], at).unwrap();
        }
        at += len as u64;
    }
}
