//! `apfs verify` of seals and lists of sums; checksums of images are tested with the images.

use std::fs;

use apfs_tests::build::{Encryption, Image, ImageBuilder, Unlock, VolumeBuilder};
use apfs_tests::compress::sample;
use apfs_tests::digest::sha256;
use apfs_tests::sealed;
use serde_json::{Value, json};

use crate::support::Disk;

fn sealed_image() -> Image {
    sealed::image(8, |_| ())
}

/// The seal of the live state and of the snapshot that the volume boots from; either alone if asked for.
#[test]
fn intact() {
    let disk = Disk::of(&sealed::booted(8));
    let text = disk.apfs("verify", &[]).clean();
    assert!(text.starts_with("System: seal intact (SHA-256)\n"), "{text}");
    assert!(text.contains(&format!("\nSystem at {}: seal intact", sealed::UPDATE)), "{text}");
    let run = disk.apfs("verify", &["--json", "--only", "seal,crc", "--snapshot", sealed::UPDATE]);
    let report = run.json();
    assert_eq!(report["schema"], "apfs.verify/1");
    let [seal] = report["seals"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!((&seal["verdict"], &seal["snapshot"]), (&json!("intact"), &json!(sealed::UPDATE)));
    assert_eq!(disk.apfs("verify", &["--volume", "Other"]).code, 2);
}

/// What differs is told with its place, the same on any number of threads, and makes the exit status 1.
#[test]
fn mismatch() {
    let mut image = sealed_image();
    let block = image.data_of(0, "/usr/pieces")[2].block;
    image.block_mut(block)[9] ^= 1;
    let node = image.fs_nodes(0)[4].clone();
    image.block_mut(node.block)[2048] ^= 1;
    let disk = Disk::of(&image);
    let run = disk.apfs("verify", &[]);
    assert!(
        run.code == 1 && run.stderr.contains("System: seal MISMATCH: 1 nodes, 1 pieces"),
        "{}",
        run.stderr
    );
    assert!(run.text().contains("/usr/pieces at byte 8192: "), "{}", run.text());
    let rows = |threads: &str| disk.apfs("verify", &["--json", "--threads", threads]).any_json();
    let report = rows("1");
    assert_eq!(rows("3"), report);
    let seal = &report["seals"][0];
    let (wrong, found) = (&seal["wrong_files"][0], &seal["wrong_nodes"][0]);
    assert_eq!((&seal["verdict"], &wrong["path"]), (&json!("mismatch"), &json!("/usr/pieces")));
    assert_eq!((&wrong["offset"], &found["block"]), (&json!(8192), &json!(node.block)));
    let digest = sha256(image.block(block));
    assert_eq!(wrong["found"], json!(digest));
}

/// Broken by its own word, of a function that is not known, damaged.
#[test]
fn other_verdicts() {
    let broken = ImageBuilder::new().volume(sealed::volume("V").broken_seal(5)).build();
    let run = Disk::of(&broken).apfs("verify", &[]);
    assert!(
        run.code == 1 && run.text().contains("broken by transaction 5; all hashes match"),
        "{}",
        run.text()
    );
    let run = Disk::of(&sealed::image(8, |seal| seal.im_hash_type = 9)).apfs("verify", &[]);
    assert!(run.code == 2 && run.text().contains("not checked: hash of unknown type 9"), "{}", run.text());
    let mut image = sealed_image();
    let block = image.block_of(apfs_tests::build::Role::IntegrityMeta);
    image.corrupt(block);
    let run = Disk::of(&image).apfs("verify", &["--json"]);
    assert_eq!((run.code, &run.any_json()["seals"][0]["verdict"]), (1, &json!("unreadable")));
}

/// Nothing that can be verified, and requests that contradict themselves.
#[test]
fn nothing() {
    let plain = Disk::of(&ImageBuilder::new().volume(VolumeBuilder::new("V")).build());
    for args in [&[][..], &["--only", "seal"], &["--only", "manifest"], &["--manifest", "/nowhere"]] {
        assert_eq!(plain.apfs("verify", args).code, 2, "{args:?}");
    }
    let locked = VolumeBuilder::new("V").encrypted(Encryption::native([Unlock::disk("sesame")]));
    let run = Disk::of(&ImageBuilder::new().volume(locked).build()).apfs("verify", &[]);
    assert!(run.code == 2 && run.stderr.contains("--password-file"), "{}", run.stderr);
}

/// A list in lines of sha256sum, made of what was written: all is there; then something is missing, new, different.
#[test]
fn manifest() {
    let (one, two) = (sample::noise(50_000, 1), sample::noise(5, 2));
    let volume = VolumeBuilder::new("V").dir("/d").file("/d/one", &one).file("/two", &two).file("/e\n", "");
    let disk = Disk::of(&ImageBuilder::new().volume(volume).build());
    let list = disk.path().with_extension("sums");
    let lines = format!("{}  ./d/one\n{} */two\n\\{}  e\\n\n", sha256(&one), sha256(&two), sha256(b""));
    let verify = |text: &str| -> (i32, Value) {
        fs::write(&list, text).unwrap();
        let run = disk.apfs("verify", &["--json", "--manifest", list.to_str().unwrap()]);
        (run.code, run.any_json()["manifest"].clone())
    };
    let (code, report) = verify(&lines);
    assert_eq!((code, &report["matching"], &report["findings"]), (0, &json!(3), &json!([])));
    let wrong = format!("{}  /two\n{}  /three\n{}  /d/one\n", sha256(b"2"), sha256(b"3"), sha256(&one));
    let (code, report) = verify(&wrong);
    let findings: Vec<_> = report["findings"].as_array().unwrap().iter().collect();
    let pairs: Vec<_> = findings.iter().map(|row| (row["result"].as_str(), row["path"].as_str())).collect();
    let expected = [("additional", "/e\n"), ("missing", "/three"), ("differs", "/two")];
    assert_eq!(pairs, expected.map(|(result, path)| (Some(result), Some(path))));
    assert_eq!((code, &report["matching"]), (1, &json!(1)));
    assert_eq!(findings[2]["found"], json!(sha256(&two)));
    for format in [&["hash"][..], &["hash", "--json"], &["ls", "-lR", "--hash", "--json"]] {
        let made = disk.apfs(format[0], &format[1..]).clean();
        assert_eq!(verify(&made).0, 0, "{made}");
    }
}
