//! The corpus of foreign images, which lies beside the project and is never part of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apfs_core::{FileId, Fs, FsExt, Kind, ReadAt, Result, StreamId};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::device::Sparse;
use crate::digest::hex;

/// Partition, slot, snapshot and path of an entry.
pub type Key = (u64, u64, Option<String>, String);
/// Entries of an image, each an object with the keys of the corpus's listings.
pub type Entries = BTreeMap<Key, Value>;

/// The corpus: `$APFS_CORPUS`, or the folder beside the project. `None`, and a message, if there is none.
pub fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = std::env::var_os("APFS_CORPUS").map_or(beside, PathBuf::from);
    let found = folder.join("manifest.toml").is_file();
    if !found {
        println!("skipped: there is no corpus at {}", folder.display());
    }
    found.then_some(folder)
}

/// An image file as a device, decompressed if its name says so.
pub fn device(path: &Path) -> Arc<dyn ReadAt> {
    let file = File::open(path).unwrap();
    let image = match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Sparse::read(flate2::read::GzDecoder::new(file)),
        Some("zst") => Sparse::read(zstd::stream::read::Decoder::new(file).unwrap()),
        _ => Sparse::read(file),
    };
    Arc::new(image.unwrap())
}

/// The images of the kernel lab, without their ending.
pub fn lab_images(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("kernel-lab")).into_iter().flatten();
    let images = entries.map(|entry| entry.unwrap().path());
    let mut images: Vec<_> = images
        .filter(|path| path.to_string_lossy().ends_with(".img.zst"))
        .filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with("hfs"))
        .collect();
    images.sort();
    images
}

/// Key of an entry of a listing.
pub fn key(entry: &Value) -> Key {
    let number = |name: &str| entry[name].as_u64().unwrap_or(0);
    let text = |name: &str| entry[name].as_str().map(str::to_owned);
    (number("part"), number("volume_index"), text("snapshot"), text("path").unwrap())
}

/// The listing an independent reader made.
pub fn expected(path: &Path) -> Entries {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).unwrap()).map(|entry| (key(&entry), entry)).collect()
}

/// Everything a view says about a file, by the keys of the corpus's listings.
pub fn entry(fs: &dyn Fs, id: FileId, with_content: bool) -> Result<Value> {
    let stat = fs.stat(id)?;
    let time = |time: Option<apfs_core::Timestamp>| json!(time.map(|time| time.0));
    let mut entry = json!({
        "type": stat.kind.word(), "ino": stat.id.0, "mode": stat.mode, "perm": stat.mode & 0o7777,
        "uid": stat.uid, "gid": stat.gid, "bsd_flags": stat.bsd_flags,
        "mtime_ns": time(stat.modified), "ctime_ns": time(stat.changed),
        "btime_ns": time(stat.created), "atime_ns": time(stat.accessed),
    });
    if let Some(size) = stat.resource_size.filter(|size| *size > 0 && stat.compression.is_none()) {
        entry["rsrc_size"] = json!(size);
        entry["rsrc_sha256"] = json!(sha256(fs, id, &StreamId::ResourceFork)?);
    }
    match stat.kind {
        Kind::Dir => entry["nchildren"] = json!(stat.nchildren),
        Kind::Symlink => {
            entry["target"] = json!(String::from_utf8_lossy(fs.read_link(id)?.as_bytes()));
        }
        Kind::File => {
            entry["size"] = json!(stat.size);
            entry["nlink"] = json!(stat.nlink);
            entry["hole_extents"] = json!(holes(fs, id)?);
            if let Some(compression) = stat.compression {
                entry["decmpfs_type"] = json!(compression.kind);
            }
            if with_content {
                entry["sha256"] = json!(sha256(fs, id, &StreamId::Data)?);
            }
        }
        _ => {}
    }
    let mut xattrs = Map::new();
    for xattr in fs.xattrs(id)? {
        let hash = sha256(fs, id, &StreamId::Xattr(xattr.name.clone()))?;
        let value = json!({ "size": xattr.size, "flags": xattr.flags, "sha256": hash });
        xattrs.insert(String::from_utf8_lossy(xattr.name.as_bytes()).into_owned(), value);
    }
    entry["xattrs"] = Value::Object(xattrs);
    Ok(entry)
}

fn holes(fs: &dyn Fs, id: FileId) -> Result<usize> {
    let mut runs = Vec::new();
    fs.extents(id, &StreamId::Raw, 0, &mut runs, usize::MAX)?;
    Ok(runs.iter().filter(|run| run.kind == apfs_core::ExtentKind::Hole).count())
}

fn sha256(fs: &dyn Fs, id: FileId, stream: &StreamId) -> Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    loop {
        match fs.read_at(id, stream, at, &mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => {
                hash.update(&buffer[..read]);
                at += read as u64;
            }
        }
    }
}

/// Adds everything a view holds. Errors come back as text.
pub fn add_view(
    entries: &mut Entries,
    fs: &dyn Fs,
    (part, slot, snapshot): (u64, u64, Option<&str>),
) -> Vec<String> {
    let mut errors = Vec::new();
    for item in fs.walk(fs.root()).private(true) {
        let result = item.map_err(|error| error.to_string()).and_then(|item| {
            let path = String::from_utf8_lossy(&item.path).into_owned();
            let value = entry(fs, item.entry.id, true).map_err(|error| format!("{path}: {error}"))?;
            let key = (part, slot, snapshot.map(str::to_owned), path.clone());
            match entries.insert(key, value) {
                None => Ok(()),
                Some(_) => Err(format!("{path} came twice")),
            }
        });
        errors.extend(result.err());
    }
    errors
}

const ALWAYS: [&str; 12] = [
    "type",
    "ino",
    "mode",
    "uid",
    "gid",
    "mtime_ns",
    "ctime_ns",
    "btime_ns",
    "atime_ns",
    "bsd_flags",
    "target",
    "nchildren",
];
const FILES: [&str; 6] = ["size", "nlink", "decmpfs_type", "hole_extents", "rsrc_size", "rsrc_sha256"];

/// What differs between an expected entry and ours, by key.
pub fn differences(want: &Value, got: &Value) -> Vec<String> {
    let is_file = want["type"] == "file";
    let keys = ALWAYS.iter().chain(FILES.iter().filter(|_| is_file)).copied().chain(["perm"]);
    let differs = |key: &&str| !want[*key].is_null() && want[*key] != got[*key];
    let mut different: Vec<String> = keys.filter(differs).map(str::to_owned).collect();
    // A hash that a single reader gave is a question, but all those of compressed files were answered.
    let sure = !want["sha256_agree"].is_null() || !want["decmpfs_type"].is_null();
    if sure && want["sha256"] != got["sha256"] {
        different.push("sha256".to_owned());
    }
    for (name, xattr) in want["xattrs"].as_object().into_iter().flatten() {
        for key in ["size", "sha256", "flags"] {
            if !xattr[key].is_null() && xattr[key] != got["xattrs"][name][key] {
                different.push(format!("xattr {name} {key}"));
            }
        }
    }
    different
}

/// All differences between two listings, none if they are equal.
pub fn compare(want: &Entries, got: &Entries) -> Vec<String> {
    let missing = want.keys().filter(|key| !got.contains_key(*key)).map(|key| format!("missing {key:?}"));
    let extra = got.keys().filter(|key| !want.contains_key(*key)).map(|key| format!("extra {key:?}"));
    let different = want.iter().filter_map(|(key, want)| {
        let keys = differences(want, got.get(key)?);
        (!keys.is_empty()).then(|| format!("{key:?} differs in {keys:?}"))
    });
    missing.chain(extra).chain(different).collect()
}
