//! Space of every foreign container: both sides of both accounting identities are the same, and no block is lost,
//! claimed twice or claimed and free.

use std::path::PathBuf;

use apfs_core::apfs::Container;
use apfs_core::apfs::space::{Owner, Space};
use apfs_core::{Disk, OpenOptions, Secret};
use apfs_tests::corpus;
use toml::Value;

fn space(container: &Container, failures: &mut Vec<String>, name: &str) -> Option<Space> {
    let mut told = 0;
    let space = container.space(&|| false, &mut |finding| {
        told += 1;
        if told < 6 {
            failures.push(format!("{name}: {finding:?}"));
        }
        Ok(())
    });
    match space {
        Ok(space) => Some(space),
        Err(error) => {
            failures.push(format!("{name}: {error}"));
            None
        }
    }
}

fn check(container: &Container, failures: &mut Vec<String>, name: &str) -> usize {
    let Some(space) = space(container, failures, name) else { return 0 };
    if !space.is_sound() {
        let counts: Vec<_> = space.volumes.iter().map(|volume| volume.alloc_count).collect();
        failures.push(format!("{name}: {:?} {} {counts:?}", space.used(), space.allocated()));
    }
    for volume in &space.volumes {
        let use_of = volume.data_use;
        let data = use_of.unshared + use_of.shared + use_of.kept;
        let owned = space.sum(|owner| owner.volume() == Some(volume.slot) && Owner::is_data(owner));
        if data != volume.data || owned != data {
            failures.push(format!("{name}: {} data blocks, {use_of:?}", volume.data));
        }
    }
    space.volumes.len()
}

/// The identities of the sheet, as numbers and as sets, on every image of the manifest that holds APFS.
#[test]
fn identities_hold_on_every_image() {
    let Some(folder) = corpus::folder() else { return };
    let manifest: Value =
        std::fs::read_to_string(folder.join("manifest.toml")).unwrap().parse::<toml::Table>().unwrap().into();
    let unpacked = tempfile::tempdir().unwrap();
    let (mut containers, mut volumes, mut failures) = (0, 0, Vec::new());
    for image in manifest["image"].as_array().unwrap() {
        let partitions = image.get("partition").and_then(Value::as_array);
        let is_apfs = |partition: &Value| partition.get("fs").and_then(Value::as_str) == Some("apfs");
        let path = folder.join(image["file"].as_str().unwrap());
        if !partitions.is_some_and(|partitions| partitions.iter().any(is_apfs)) || !path.exists() {
            continue;
        }
        let password = image.get("dmg_password").and_then(Value::as_str);
        let secrets: Vec<_> = password.map(Secret::password).into_iter().collect();
        let disk = crate::disks::open(&path, &secrets, &unpacked).unwrap();
        let disk = Disk::open(disk.device, &OpenOptions::default()).unwrap();
        for part in disk.apfs_partitions() {
            let container = match disk.container(part, OpenOptions::default()) {
                Ok(container) => container,
                Err(error) => {
                    println!("{}: {error}", image["name"]);
                    continue;
                }
            };
            containers += 1;
            volumes += check(&container, &mut failures, image["name"].as_str().unwrap());
        }
    }
    println!("{containers} containers, {volumes} volumes");
    assert!(containers > 0);
    assert!(failures.is_empty(), "{failures:#?}");
}

/// The same on images that the Linux driver wrote, the large ones included where they are.
#[test]
fn identities_hold_on_images_of_linux() {
    let Some(folder) = corpus::folder() else { return };
    let large = std::env::var_os("APFS_LAB_IMAGES").map(PathBuf::from);
    let large = large.iter().flat_map(|lab| ["many100k.img", "bulk.img"].map(|name| lab.join(name)));
    let mut failures = Vec::new();
    for path in corpus::lab_images(&folder).into_iter().chain(large.filter(|path| path.exists())) {
        let device: std::sync::Arc<dyn apfs_core::ReadAt> =
            match path.extension().and_then(|name| name.to_str()) {
                Some("img") => std::sync::Arc::new(apfs_core::io::file::FileDevice::open(&path).unwrap()),
                _ => corpus::device(&path),
            };
        let container = Container::open(device, OpenOptions::default()).unwrap();
        check(&container, &mut failures, &path.to_string_lossy());
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
