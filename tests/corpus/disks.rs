//! The raw disk in every image of the manifest: whatever is around it, its hash is what independent tools gave.

use std::path::Path;
use std::sync::Arc;

use apfs_core::image::format::Format;
use apfs_core::image::layers::{Unwrapped, unwrap};
use apfs_core::image::path::open_path;
use apfs_core::{Limits, LockReason, ReadAt, Result, Secret};
use apfs_tests::corpus;
use apfs_tests::digest::hex;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use toml::Value;

/// SHA-256 of a whole device. Where it says that nothing is stored, that is believed.
fn sha256(device: &dyn ReadAt) -> Result<String> {
    let (mut hash, mut at, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    while let Some(run) = device.run_at(at) {
        let len = run.len.min(buffer.len() as u64) as usize;
        match run.zeros {
            true => buffer[..len].fill(0),
            false => device.read_exact_at(at, &mut buffer[..len])?,
        }
        hash.update(&buffer[..len]);
        at += len as u64;
    }
    assert_eq!(at, device.len(), "runs follow one another up to the end");
    Ok(hex(&hash.finalize()))
}

/// Opens an image of the manifest. A bundle is unpacked into the folder first.
fn open(path: &Path, secrets: &[Secret], folder: &TempDir) -> Result<Unwrapped> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let Some(bundle) = name.strip_suffix(".tar.gz") else {
        return unwrap(corpus::device(path), None, secrets, &Limits::default());
    };
    let packed = flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap());
    let inside = folder.path().join(bundle);
    tar::Archive::new(packed).unpack(&inside).unwrap();
    let found = std::fs::read_dir(&inside).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<_> = found.filter(|path| path.join("Info.plist").is_file()).collect();
    let bundle = found.first().unwrap_or(&inside);
    open_path(bundle, None, secrets, &Limits::default()).map(|opened| opened.unwrapped)
}

fn text<'v>(image: &'v Value, key: &str) -> Option<&'v str> {
    image.get(key).and_then(Value::as_str)
}

fn images(folder: &Path) -> Vec<Value> {
    let manifest = std::fs::read_to_string(folder.join("manifest.toml")).unwrap();
    let manifest: Value = manifest.parse::<toml::Table>().unwrap().into();
    manifest["image"].as_array().unwrap().clone()
}

/// The formats that the manifest names; a raw disk is not one.
fn layers(image: &Value) -> Vec<Format> {
    let names = image["layers"].as_array().unwrap().iter().map(|layer| layer.as_str().unwrap());
    let formats = names.map(|name| match name {
        "encrcdsa-v2" => Format::EncryptedV2,
        "cdsaencr-v1" => Format::EncryptedV1,
        name => name.parse().unwrap(),
    });
    formats.filter(|format| *format != Format::Raw).collect()
}

/// Layers, length and hash of every disk.
#[test]
fn every_disk_is_the_one_in_the_manifest() {
    let Some(folder) = corpus::folder() else { return };
    let unpacked = tempfile::tempdir().unwrap();
    let (mut count, mut failures) = (0, Vec::new());
    for image in images(&folder) {
        let path = folder.join(image["file"].as_str().unwrap());
        let (Some(expected), true) = (text(&image, "disk_sha256"), path.exists()) else { continue };
        let secrets: Vec<_> = text(&image, "dmg_password").map(Secret::password).into_iter().collect();
        let found = open(&path, &secrets, &unpacked).and_then(|found| {
            let formats: Vec<_> = found.layers.iter().map(|layer| layer.format).collect();
            Ok((formats, found.device.len(), sha256(&*found.device)?))
        });
        let expected =
            (layers(&image), image["disk_bytes"].as_integer().unwrap() as u64, expected.to_owned());
        count += 1;
        if found.as_ref().ok() != Some(&expected) {
            failures.push(format!("{}: {found:?}", image["name"]));
        }
    }
    println!("{count} disks");
    assert!(count > 0, "the manifest names no disk");
    assert!(failures.is_empty(), "{failures:#?}");
}

/// An encrypted image says what it needs, and is not opened by anything else.
#[test]
fn encrypted_images_say_what_they_need() {
    let Some(folder) = corpus::folder() else { return };
    let unpacked = tempfile::tempdir().unwrap();
    let reason = |path: &Path, secrets: &[Secret]| match open(path, secrets, &unpacked) {
        Err(apfs_core::Error::Locked(locked)) => Some(locked.why),
        _ => None,
    };
    let mut count = 0;
    for image in images(&folder) {
        let path = folder.join(image["file"].as_str().unwrap());
        if text(&image, "dmg_password").is_none() || !path.exists() {
            continue;
        }
        let name = &image["name"];
        assert_eq!(reason(&path, &[]), Some(LockReason::NeedsSecret), "{name}");
        let wrong = [Secret::password("wrong"), Secret::key([7; 36]), Secret::key([7; 52])];
        assert_eq!(reason(&path, &wrong), Some(LockReason::WrongSecret), "{name}");
        count += 1;
    }
    println!("{count} encrypted images");
}

/// A disk of 16 GiB in a small encrypted image: opened at once, read here and there.
#[test]
fn a_large_virtual_disk_is_read_here_and_there() {
    let Some(folder) = corpus::folder() else { return };
    let path = folder.join("images/john-openwall.dmg");
    if !path.exists() {
        return;
    }
    let device: Arc<dyn ReadAt> = corpus::device(&path);
    let found = unwrap(device, None, &[Secret::password("openwall")], &Limits::default()).unwrap();
    assert_eq!(found.device.len(), 33_554_432 * 512);
    let mut bytes = vec![0; 4096];
    found.device.read_exact_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes[..2], b"ER", "a driver descriptor map stands first");
    for at in [1 << 20, 8 << 30, found.device.len() - 4096] {
        found.device.read_exact_at(at, &mut bytes).unwrap();
    }
}
