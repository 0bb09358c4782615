//! The images of the manifest that hold APFS as it is, encrypted volumes included.

use std::collections::BTreeSet;
use std::path::Path;

use apfs_core::{Disk, OpenOptions, Secret};
use apfs_tests::corpus::{self, Entries};
use apfs_tests::listing::{scanned, walked};
use toml::Value;

fn texts<'v>(image: &'v Value, key: &str) -> Vec<&'v str> {
    image.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// APFS in a raw image; the password is known where a volume is encrypted.
fn is_raw_apfs(image: &Value) -> bool {
    let partitions = image.get("partition").and_then(Value::as_array);
    let is_apfs = |partition: &Value| partition.get("fs").and_then(Value::as_str) == Some("apfs");
    image.get("expected").is_some()
        && partitions.is_some_and(|partitions| partitions.iter().any(is_apfs))
        && texts(image, "layers").iter().all(|layer| *layer == "raw")
        && image.get("dmg_password").is_none()
}

/// Everything in the states of an image that the expected listing knows.
fn list(path: &Path, password: Option<&str>, states: &BTreeSet<Option<String>>) -> (Entries, Vec<String>) {
    let (mut entries, mut errors) = (Entries::new(), Vec::new());
    let mut options = OpenOptions::default();
    options.secrets.extend(password.map(Secret::password));
    let disk = Disk::open(corpus::device(path), &options).unwrap();
    for part in disk.apfs_partitions() {
        let container = disk.container(part, options.clone()).unwrap();
        for (slot, volume) in container.volumes() {
            let volume = volume.unwrap();
            let (part, slot) = (part as u64, slot as u64);
            let view = volume.view().unwrap();
            assert!(scanned(&view) == walked(&view), "the scan gives what the walk gives");
            errors.extend(corpus::add_view(&mut entries, &view, (part, slot, None)));
            for snapshot in volume.snapshots().unwrap() {
                let name = String::from_utf8_lossy(snapshot.name.as_bytes()).into_owned();
                if states.contains(&Some(name.clone())) {
                    let view = volume.view_at(&snapshot).unwrap();
                    errors.extend(corpus::add_view(&mut entries, &view, (part, slot, Some(&name))));
                }
            }
        }
    }
    (entries, errors)
}

/// Every entry of every raw APFS image is what independent readers say: metadata, contents, attributes, snapshots.
#[test]
fn raw_apfs_images_read_as_independent_readers_say() {
    let Some(folder) = corpus::folder() else { return };
    let manifest: Value =
        std::fs::read_to_string(folder.join("manifest.toml")).unwrap().parse::<toml::Table>().unwrap().into();
    let (mut images, mut count, mut failures) = (0, 0, Vec::new());
    for image in manifest["image"].as_array().unwrap().iter().filter(|image| is_raw_apfs(image)) {
        let path = folder.join(image["file"].as_str().unwrap());
        if !path.exists() {
            continue;
        }
        let want = corpus::expected(&folder.join(image["expected"].as_str().unwrap()));
        let states = want.keys().map(|key| key.2.clone()).collect();
        let password = image.get("volume_password").and_then(Value::as_str);
        let (got, errors) = list(&path, password, &states);
        let differences = corpus::compare(&want, &got).into_iter().chain(errors);
        failures.extend(differences.take(5).map(|text| format!("{}: {text}", image["name"])));
        images += 1;
        count += want.len();
    }
    println!("{count} entries of {images} images");
    assert!(images > 0, "the manifest names no raw APFS image");
    assert!(failures.is_empty(), "{failures:#?}");
}
