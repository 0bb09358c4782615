//! The images of the manifest that hold HFS+ or HFSX, whatever is around the volumes.

use std::path::Path;

use apfs_core::{AnyVolume, Disk, OpenOptions, Secret};
use apfs_tests::corpus::{self, Entries};
use apfs_tests::listing::{scanned, walked};
use tempfile::TempDir;
use toml::Value;

use crate::disks;

pub(crate) fn holds_hfs(image: &Value) -> bool {
    let partitions = image.get("partition").and_then(Value::as_array);
    let is_hfs =
        |partition: &Value| matches!(partition.get("fs").and_then(Value::as_str), Some("hfsplus" | "hfsx"));
    image.get("expected").is_some() && partitions.is_some_and(|partitions| partitions.iter().any(is_hfs))
}

/// Everything on the HFS+ volumes of an image, and whatever could not be read.
fn list(path: &Path, secrets: &[Secret], folder: &TempDir) -> (Entries, Vec<String>) {
    let (mut entries, mut errors) = (Entries::new(), Vec::new());
    let unwrapped = disks::open(path, secrets, folder).unwrap();
    let options = OpenOptions::default();
    let disk = Disk::open(unwrapped.device, &options).unwrap();
    for part in 0..disk.partitions().len() {
        for volume in disk.volumes_in(part, &options).transpose().unwrap().into_iter().flatten() {
            let AnyVolume::Hfs(volume) = volume.unwrap() else { continue };
            assert!(scanned(&volume) == walked(&volume), "the scan gives what the walk gives");
            assert_eq!(volume.findings(), [], "{}", path.display());
            let free = u64::from(volume.header().raw().freeBlocks.get());
            assert_eq!(volume.count_free_blocks().unwrap(), free, "{}", path.display());
            errors.extend(corpus::add_view(&mut entries, &volume, (part as u64, 0, None)));
        }
    }
    (entries, errors)
}

/// Every entry of every HFS+ image is what independent readers say: metadata, both forks, attributes, links.
#[test]
fn hfs_images_read_as_independent_readers_say() {
    let Some(folder) = corpus::folder() else { return };
    let manifest: Value =
        std::fs::read_to_string(folder.join("manifest.toml")).unwrap().parse::<toml::Table>().unwrap().into();
    let (mut images, mut count, mut failures) = (0, 0, Vec::new());
    let unpacked = tempfile::tempdir().unwrap();
    for image in manifest["image"].as_array().unwrap().iter().filter(|image| holds_hfs(image)) {
        let path = folder.join(image["file"].as_str().unwrap());
        if !path.exists() {
            continue;
        }
        let mut want = corpus::expected(&folder.join(image["expected"].as_str().unwrap()));
        for (key, entry) in &mut want {
            // There the reader says 1 where the record holds the number of links.
            if key.3.contains("HFS+ Private Data") {
                entry.as_object_mut().unwrap().remove("nlink");
            }
        }
        let secrets: Vec<_> =
            image.get("dmg_password").and_then(Value::as_str).map(Secret::password).into_iter().collect();
        let (got, errors) = list(&path, &secrets, &unpacked);
        let differences = corpus::compare(&want, &got).into_iter().chain(errors);
        failures.extend(differences.take(5).map(|text| format!("{}: {text}", image["name"])));
        images += 1;
        count += want.len();
    }
    println!("{count} entries of {images} images");
    assert!(images > 0, "the manifest names no HFS+ image");
    assert!(failures.is_empty(), "{failures:#?}");
}
