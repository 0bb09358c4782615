//! Encrypted images of our builder, in the eyes of other readers: what it makes is what others understand as well.

use std::collections::BTreeMap;
use std::process::Command;

use apfs_core::Secret;
use apfs_tests::build::corestorage::CoreStorage;
use apfs_tests::build::{Encryption, ImageBuilder, Unlock, VolumeBuilder};
use apfs_tests::digest::sha256;
use apfs_tests::listing::{open_with, read};

/// Exit status of a reader that is not installed.
const ABSENT: i32 = 77;

/// `$APFS_PYTHON` or `python3`, which may have the readers.
fn python() -> String {
    std::env::var("APFS_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// dissect.apfs and libfsapfs read the same files from native and converted volumes, by every password.
#[test]
fn other_readers_open_our_encrypted_images() {
    let data: Vec<u8> = (0..300_000_u32).map(|n| (n * 7 + n / 251) as u8).collect();
    let volume = |encryption| {
        VolumeBuilder::new("Encrypted")
            .dir("/a")
            .file("/a/x", "hello")
            .file("/big", &data)
            .fragmented("/pieces", &data, 1)
            .snapshot("s")
            .overwrite("/big", 4096, [1; 5000])
            .encrypted(encryption)
    };
    let unlocks = [Unlock::user(1, "one"), Unlock::disk("sesame")];
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/readers.py");
    for (name, encryption) in
        [("native", Encryption::native(unlocks.clone())), ("converted", Encryption::core_storage(unlocks))]
    {
        let image = ImageBuilder::new().max_records_per_node(8).volume(volume(encryption)).build();
        let path = std::env::temp_dir().join(format!("apfs-readers-{name}-{}.img", std::process::id()));
        std::fs::write(&path, &image.bytes).unwrap();
        let container = open_with(image.bytes, &[Secret::password("sesame")]).unwrap();
        let view = container.volume(0).unwrap().view().unwrap();
        let files = ["/a/x", "/big", "/pieces"].into_iter();
        let ours: BTreeMap<_, _> =
            files.map(|file| (file.to_owned(), sha256(&read(&view, file).unwrap()))).collect();
        for (reader, password) in ["dissect", "libfsapfs"].iter().flat_map(|r| [(r, "one"), (r, "sesame")]) {
            let output = Command::new(python()).arg(script).arg(reader).arg(&path).arg(password).output();
            let Some(output) = output.ok().filter(|output| output.status.code() != Some(ABSENT)) else {
                println!("skipped: {reader} is not installed");
                continue;
            };
            assert!(output.status.success(), "{reader}: {}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8(output.stdout).unwrap();
            let lines = text.lines().map(|line| line.split_once(' ').unwrap());
            let theirs: BTreeMap<_, _> =
                lines.map(|(hash, file)| (file.to_owned(), hash.to_owned())).collect();
            assert_eq!(theirs, ours, "{reader}, {name}, {password}");
            println!("{reader} agrees on the {name} volume");
        }
        std::fs::remove_file(&path).unwrap();
    }
}

/// libfvde decrypts the same bytes from CoreStorage groups, by password and recovery key. It takes addresses to count
/// from the record of unused space, and no older transaction.
#[test]
fn libfvde_opens_our_core_storage_groups() {
    let mut content: Vec<u8> = (0..100 * 4096_u32).map(|n| (n * 7 + n / 251) as u8).collect();
    content[1024..1028].copy_from_slice(b"H+\0\x04");
    let recovery = "35AJ-AC98-TI1H-N4M3-HDUQ-UQFG";
    let storage = CoreStorage::new(&content).password("sesame", "open").recovery_key(recovery);
    let storage = storage.relative().one_transaction();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/readers.py");
    for (name, storage) in [
        ("simple", storage.clone()),
        ("in pieces", storage.clone().spread(1, 7)),
        ("on two", storage.clone().spread(2, 7)),
        ("compressed", storage.clone().compressed(20_000)),
        ("with a key file", storage.wiped()),
    ] {
        let built = storage.build();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("group");
        for (number, pv) in built.pvs.iter().enumerate() {
            std::fs::write(path.with_extension(number.to_string()), pv).unwrap();
        }
        if name == "with a key file" {
            std::fs::write(path.with_extension("wipekey"), &built.key_file).unwrap();
        }
        for password in ["sesame", recovery] {
            let output = Command::new(python()).arg(script).arg("libfvde").arg(&path).arg(password).output();
            let Some(output) = output.ok().filter(|output| output.status.code() != Some(ABSENT)) else {
                println!("skipped: libfvde is not installed");
                return;
            };
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8(output.stdout).unwrap();
            assert_eq!(text.trim(), format!("{} /", sha256(&content)), "{name}, {password}");
        }
        println!("libfvde agrees on the group {name}");
    }
}
