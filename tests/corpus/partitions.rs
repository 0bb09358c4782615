//! Partition tables and signatures of the manifest's disks.

use apfs_core::image::probe::Content;
use apfs_core::{Class, Disk, Format, OpenOptions, Partition, Secret};
use apfs_tests::corpus;
use toml::Value;

use super::disks;

/// What the manifest says of a partition, as far as a table and signatures tell it.
#[derive(Debug, PartialEq)]
struct Row {
    scheme: String,
    offset: u64,
    size: u64,
    kind: String,
    label: String,
    fs: String,
}

impl Row {
    fn expected(partition: &Value) -> Row {
        let text = |key: &str| partition.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |key: &str| partition[key].as_integer().unwrap() as u64;
        let (offset, size) = (number("offset"), number("size"));
        Row { scheme: text("scheme"), offset, size, kind: text("type"), label: text("label"), fs: text("fs") }
    }

    fn found(disk: &Disk, partition: &Partition) -> Row {
        let guid = partition.type_guid.map(|guid| guid.to_string());
        let byte = partition.type_byte.map(|byte| format!("{byte:02x}"));
        let kind = guid.or_else(|| partition.type_text.clone()).or(byte).unwrap_or_default();
        let fs = match partition.content {
            content if content.is_apple_volume() => content.word(),
            _ => "none",
        };
        Row {
            scheme: disk.scheme().word().to_owned(),
            offset: partition.start,
            size: partition.len,
            kind,
            label: partition.label.clone(),
            fs: fs.to_owned(),
        }
    }
}

/// Every partition of every disk is where independent readers say, of that type, label and file system. What is no
/// file system that is read is refused by name.
#[test]
fn disks_have_the_partitions_that_independent_readers_say() {
    let Some(folder) = corpus::folder() else { return };
    let manifest: Value =
        std::fs::read_to_string(folder.join("manifest.toml")).unwrap().parse::<toml::Table>().unwrap().into();
    let unpacked = tempfile::tempdir().unwrap();
    let (mut images, mut count, mut refused) = (0, 0, 0);
    for image in manifest["image"].as_array().unwrap() {
        let path = folder.join(image["file"].as_str().unwrap());
        let partitions = image.get("partition").and_then(Value::as_array).cloned().unwrap_or_default();
        let is_header = image["name"].as_str().unwrap().starts_with("utillinux-cs");
        if !path.exists() || partitions.is_empty() && !is_header {
            continue;
        }
        images += 1;
        let name = &image["name"];
        let mut expected: Vec<Row> = partitions.iter().map(Row::expected).collect();
        let password = image.get("dmg_password").and_then(Value::as_str);
        let secrets: Vec<_> = password.map(Secret::password).into_iter().collect();
        let device = disks::open(&path, &secrets, &unpacked).unwrap().device;
        let disk = Disk::open_as(device, Some(Format::Raw), &OpenOptions::default());
        if expected.iter().any(|row| row.fs == "hfs") {
            let error = disk.unwrap_err();
            assert_eq!(error.class(), Class::Unsupported, "{name}: {error}");
            assert!(error.to_string().contains("classic HFS volume"), "{name}: {error}");
            refused += 1;
            continue;
        }
        let disk = disk.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(disk.findings(), [], "{name}");
        if is_header {
            assert_eq!(disk.partitions()[0].content, Content::CoreStorage, "{name}");
            continue;
        }
        // CoreStorage is what the disk says it holds; the oracle looked past it, at the volume behind.
        for row in expected.iter_mut().filter(|row| row.kind.starts_with("53746F72-6167")) {
            row.fs = "corestorage".to_owned();
        }
        let found: Vec<Row> =
            disk.partitions().iter().map(|partition| Row::found(&disk, partition)).collect();
        assert_eq!(found, expected, "{name}");
        count += found.len();
    }
    println!("{count} partitions of {images} images, {refused} refused by name");
    assert!(images > 0 && count > 0, "the manifest names no disk");
}
