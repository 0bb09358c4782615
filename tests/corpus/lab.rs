//! Images that the Linux driver wrote, with the listings that Linux showed.

use std::path::Path;

use apfs_core::OpenOptions;
use apfs_core::apfs::Container;
use apfs_tests::corpus::{self, Entries};
use serde_json::{Map, Value, json};

/// `\xNN` in a listing stands for a byte.
pub(crate) fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let hex = after.strip_prefix(b"x").and_then(|hex| hex.get(..2));
        let byte = hex.and_then(|hex| u8::from_str_radix(core::str::from_utf8(hex).ok()?, 16).ok());
        match (first, byte) {
            (b'\\', Some(byte)) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn kind(letter: &str) -> &'static str {
    match letter {
        "f" => "file",
        "d" => "dir",
        "l" => "symlink",
        "p" => "fifo",
        "c" => "char",
        "b" => "block",
        "s" => "socket",
        other => panic!("unknown type {other}"),
    }
}

fn add_listing(entries: &mut Entries, path: &Path, slot: u64, snapshot: Option<&str>) {
    let text = std::fs::read_to_string(path).unwrap();
    for line in text.split('\n').filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, letter, size, mode, uid, gid, mtime, nlink, ino, _, _, target, sha, xattrs] = fields[..]
        else {
            panic!("{line}")
        };
        let number = |text: &str| text.parse::<u64>().unwrap();
        let (seconds, nanos) = mtime.split_once('.').unwrap();
        let mtime = seconds.parse::<i64>().unwrap() * 1_000_000_000 + nanos.parse::<i64>().unwrap();
        let mut entry = json!({
            "type": kind(letter), "uid": number(uid), "gid": number(gid), "ino": number(ino),
            "perm": u64::from_str_radix(mode, 8).unwrap(), "mtime_ns": mtime,
        });
        if letter == "f" {
            entry["size"] = json!(number(size));
            entry["nlink"] = json!(number(nlink));
            entry["sha256"] = json!(sha);
            entry["sha256_agree"] = json!(["linux"]);
        }
        if letter == "l" {
            entry["target"] = json!(unescaped(target));
        }
        let mut sizes = Map::new();
        for (name, value) in xattrs.split(';').filter_map(|xattr| xattr.split_once('=')) {
            if !value.starts_with('!') {
                let size = number(value.split(':').next().unwrap());
                sizes.insert(unescaped(name), json!({ "size": size }));
            }
        }
        entry["xattrs"] = Value::Object(sizes);
        entries.insert((0, slot, snapshot.map(str::to_owned), unescaped(name)), entry);
    }
}

/// Every entry of every image of the Linux driver is what Linux showed, in every volume and snapshot.
#[test]
fn linux_images_read_as_linux_showed_them() {
    let Some(folder) = corpus::folder() else { return };
    let mut failures = Vec::new();
    let images = corpus::lab_images(&folder);
    for image in &images {
        let base = image.to_string_lossy().trim_end_matches(".img.zst").to_owned();
        let container = Container::open(corpus::device(image), OpenOptions::default()).unwrap();
        let (mut want, mut got) = (Entries::new(), Entries::new());
        for (slot, volume) in container.volumes() {
            let (slot, volume) = (slot as u64, volume.unwrap());
            let live = [format!("{base}.tsv"), format!("{base}.vol-{slot}.tsv")];
            let live = live.iter().find(|path| Path::new(path).exists());
            if let Some(live) = live {
                add_listing(&mut want, Path::new(live), slot, None);
                let view = volume.view().unwrap();
                failures.extend(corpus::add_view(&mut got, &view, (0, slot, None)));
            }
            for snapshot in volume.snapshots().unwrap() {
                let name = snapshot.name.to_string();
                add_listing(&mut want, Path::new(&format!("{base}.{name}.tsv")), slot, Some(&name));
                let view = volume.view_at(&snapshot).unwrap();
                failures.extend(corpus::add_view(&mut got, &view, (0, slot, Some(&name))));
            }
        }
        assert!(!want.is_empty(), "{base} has no listing");
        failures
            .extend(corpus::compare(&want, &got).into_iter().take(5).map(|text| format!("{base}: {text}")));
    }
    assert_eq!(images.len(), 5, "{images:?}");
    assert!(failures.is_empty(), "{failures:#?}");
}
