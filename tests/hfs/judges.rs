//! The builder's volumes in the eyes of other readers. A reader that is not installed is passed over with a message.
//!
//! | feature | readers that confirm it |
//! |---|---|
//! | listing, contents, case folding, binary order, block and node sizes, tall trees, map nodes | fls and icat, libfshfs |
//! | owners, modes, dates, resource forks, inline attributes, links to files | libfshfs |
//! | links to folders, also below each other | fls |
//! | overflowing data and resource forks | 7zz, icat (data), libfshfs |
//! | overflowing catalog file | fls, 7zz |
//! | overflowing attributes file | 7zz |
//! | attributes with a fork | libfshfs |
//! | wrapper | fls and icat, 7zz |
//!
//! None of them reads extents records of attributes, lone surrogates, links whose reference is not the CNID, or a
//! journal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use apfs_tests::build::hfs::item::{S_IFLNK, S_IFREG};
use apfs_tests::build::hfs::{Entry, HfsBuilder, Item, Kind, XattrForm, wrapper};
use apfs_tests::digest::sha256;
use apfs_tests::hfs_volumes;
use serde_json::Value;

/// Exit status of our script when its library is not installed.
const ABSENT: i32 = 77;

/// An image in a file, removed with the value.
struct File(PathBuf);

impl File {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("hfs-judges-{name}-{}.img", std::process::id()));
        fs::write(&path, bytes).unwrap();
        File(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What a program prints, if it is installed.
fn run(program: &str, args: &[&str]) -> Option<Output> {
    let output = Command::new(program).args(args).output().ok();
    let output = output.filter(|output| output.status.code() != Some(ABSENT));
    if output.is_none() {
        println!("skipped: {program} {} is not installed", args.first().unwrap_or(&""));
    }
    output
}

fn success(output: Output, what: &str) -> Vec<u8> {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {errors} {}", String::from_utf8_lossy(&output.stdout));
    output.stdout
}

/// Whether the content is read by programs as it is stored.
fn is_plain(entry: &Entry) -> bool {
    let decmpfs: Vec<u16> = "com.apple.decmpfs".encode_utf16().collect();
    entry.item.kind == Kind::File
        && matches!(entry.item.mode & 0o170_000, S_IFREG | 0)
        && !entry.item.xattrs.iter().any(|xattr| xattr.name == decmpfs)
}

/// The data of every regular file by CNID, what is packed being unpacked.
fn contents(volume: &HfsBuilder) -> BTreeMap<u32, String> {
    let mut contents = BTreeMap::new();
    for entry in volume.model() {
        let name = entry.path.last().map(|name| String::from_utf16_lossy(name)).unwrap_or_default();
        // What stands in the journal's files is not in the description.
        if is_plain(&entry) && !name.starts_with(".journal") {
            contents.insert(entry.item.cnid, sha256(&entry.item.data.bytes));
        } else if let Some(kind) = name.strip_prefix("type ").and_then(|kind| kind.parse().ok()) {
            let content = hfs_volumes::compressed_content(kind, hfs_volumes::compressed_len(kind));
            contents.insert(entry.item.cnid, sha256(&content));
        }
    }
    contents
}

fn check_all(check: impl Fn(&str, &HfsBuilder, &[u8]), except: &[&str]) {
    for (name, volume) in hfs_volumes::all() {
        if !except.contains(&name) {
            check(name, &volume, &volume.build().bytes);
        }
    }
}

/// fls lists every path with its CNID, links to folders followed; icat reads every file.
#[test]
fn sleuth_kit() {
    check_all(sleuth_kit_agrees, &["surrogates", "old-links", "compressed"]);
}

pub(crate) fn sleuth_kit_agrees(name: &str, volume: &HfsBuilder, bytes: &[u8]) {
    let file = File::new(&format!("fls-{name}"), bytes);
    let path = file.0.to_str().unwrap();
    let Some(output) = run("fls", &["-rp", "-f", "hfs", path]) else { return };
    let text = String::from_utf8(success(output, name)).unwrap();
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let (kind, rest) = line.split_once(' ').unwrap();
        let (id, path) = rest.split_once(":\t").unwrap();
        let id: u32 = id.parse().unwrap();
        if id >= 16 {
            assert!(found.insert((kind.to_owned(), id, format!("/{path}"))), "{name}: {line} comes twice");
        }
    }
    let shown = |entry: &Entry| {
        let path = entry.text().replace(|c: char| c.is_ascii_control(), "^");
        (kind_of(entry).to_owned(), entry.item.cnid, path)
    };
    let expected: BTreeSet<_> = volume.model().iter().filter(|e| !e.path.is_empty()).map(shown).collect();
    assert_eq!(found, expected, "{name}");
    // icat gives nothing of a file that has attributes with a fork.
    let unread = |item: &Item| item.xattrs.iter().any(|xattr| xattr.form != XattrForm::Inline);
    for (cnid, hash) in contents(volume).into_iter().filter(|(cnid, _)| !unread(&volume.items[cnid])) {
        let content = run("icat", &["-f", "hfs", path, &cnid.to_string()]).unwrap();
        // It fails on files without data.
        assert_eq!(sha256(&content.stdout), hash, "{name}: file {cnid}");
    }
    println!("fls agrees on {name}");
}

/// The letters of fls.
fn kind_of(entry: &Entry) -> &'static str {
    if entry.item.is_folder() {
        return "d/d";
    }
    match entry.item.mode & 0o170_000 {
        0o010_000 => "p/p",
        0o020_000 => "c/c",
        0o060_000 => "b/b",
        0o120_000 => "l/l",
        0o140_000 => "s/h",
        0 => "-/r",
        _ => "r/r",
    }
}

/// libfshfs finds every record with its metadata, content, resource fork and attributes. It does not follow links to
/// folders and links without a chain, and reads no file that is none.
#[test]
fn libfshfs() {
    let unread = [
        "surrogates",
        "small",
        "special-fragments",
        "attribute-extents",
        "compressed",
        "old-links",
        "odd-files",
    ];
    check_all(
        |name, volume, bytes| {
            let python = std::env::var("APFS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/hfs/readers.py");
            let file = File::new(&format!("libfshfs-{name}"), bytes);
            let Some(output) = run(&python, &[script, file.0.to_str().unwrap()]) else { return };
            let text = String::from_utf8(success(output, name)).unwrap();
            let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let rows: BTreeMap<String, Value> =
                rows.map(|row| (row["path"].as_str().unwrap().to_owned(), row)).collect();
            libfshfs_agrees(name, volume, &rows);
        },
        &unread,
    );
}

fn libfshfs_agrees(name: &str, volume: &HfsBuilder, rows: &BTreeMap<String, Value>) {
    let contents = contents(volume);
    let mut seen = 0;
    let is_folder_link = |id: u32| matches!(volume.items[&id].kind, Kind::FolderLink(_));
    for entry in volume.model().iter().filter(|entry| !entry.below_link) {
        let path = entry.text().replace('\0', "\u{2400}");
        let row = rows.get(&path).unwrap_or_else(|| panic!("{name}: {path} is not found"));
        seen += 1;
        if entry.link.is_some_and(is_folder_link) {
            continue;
        }
        let item = &entry.item;
        let what = format!("{name}: {path}");
        assert_eq!(row["id"], item.cnid, "{what}");
        assert_eq!(row["link"].as_u64(), entry.link.map(u64::from), "{what}");
        assert_eq!((&row["mode"], &row["uid"]), (&item.mode.into(), &item.owner.into()), "{what}");
        assert_eq!(row["gid"], item.group, "{what}");
        assert_eq!(row["dates"], Value::from(item.dates[..4].to_vec()), "{what}");
        if let Some(hash) = contents.get(&item.cnid) {
            assert_eq!(row["sha256"], hash.as_str(), "{what}");
        }
        if item.mode & 0o170_000 == S_IFLNK && entry.link.is_none() {
            assert_eq!(row["target"].as_str().map(str::as_bytes), Some(&item.data.bytes[..]), "{what}");
        }
        // Where both forks of a file overflow it takes the records of one for the other's.
        let overflow = item.data.pieces > 8 && item.resource.pieces > 8;
        if !item.resource.bytes.is_empty() && is_plain(entry) && !overflow {
            assert_eq!(row["resource"], sha256(&item.resource.bytes), "{what}");
        }
        let hidden = |name: &str| name == "com.apple.decmpfs";
        let xattrs = item
            .xattrs
            .iter()
            .map(|xattr| (String::from_utf16(&xattr.name).unwrap(), Value::from(sha256(&xattr.value))));
        let expected: BTreeMap<_, _> = xattrs.filter(|(name, _)| !hidden(name)).collect();
        let found = row["xattrs"].as_object().unwrap().clone().into_iter();
        let found: BTreeMap<_, _> = found.filter(|(name, _)| !hidden(name)).collect();
        assert_eq!(found, expected, "{what}");
    }
    assert_eq!(seen, rows.len(), "{name}");
    println!("libfshfs agrees on {name}");
}

/// 7zz extracts plain files, also where data forks, the catalog and the attributes file overflow.
#[test]
fn seven_zip() {
    for name in ["rich", "rich-hfsx", "fragments", "special-fragments", "tall", "blocks-512", "blocks-65536"]
    {
        let (_, volume) = hfs_volumes::all().into_iter().find(|(other, _)| *other == name).unwrap();
        seven_zip_agrees(name, &volume, &volume.build().bytes);
    }
}

fn seven_zip_agrees(name: &str, volume: &HfsBuilder, bytes: &[u8]) {
    let file = File::new(&format!("7zz-{name}"), bytes);
    let folder = tempfile::tempdir().unwrap();
    let out = format!("-o{}", folder.path().display());
    let path = file.0.to_str().unwrap();
    let Some(output) = run("7zz", &["x", "-y", "-snl-", &out, path]) else { return };
    success(output, name);
    let root = folder.path().join(String::from_utf16(&volume.items[&2].name).unwrap());
    let mut files = 0;
    for entry in volume.model() {
        let is_plain = is_plain(&entry) && entry.link.is_none() && !entry.is_private;
        if is_plain {
            let found = fs::read(root.join(&entry.text()[1..])).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(sha256(&found), sha256(&entry.item.data.bytes), "{name}: {}", entry.text());
            files += 1;
        }
    }
    assert!(files > 0, "{name}");
    println!("7zz agrees on {name}");
}

/// 7zz reads attributes from an attributes file that overflows.
#[test]
fn seven_zip_reads_attributes() {
    let volume = hfs_volumes::special_fragments();
    assert!(volume.build().facts.files[3].extents.len() > 8);
    let file = File::new("7zz-attributes", &volume.build().bytes);
    for n in [0, 1, 77, 149] {
        let name = format!("Special/d/a file with a name of some length, number {n}:com.example.attribute");
        let Some(output) = run("7zz", &["e", "-so", file.0.to_str().unwrap(), &name]) else { return };
        assert_eq!(success(output, &name), [n as u8; 500]);
    }
}

/// 7zz reads resource forks whose extents fill several leaves.
#[test]
fn seven_zip_reads_resource_forks() {
    let volume = hfs_volumes::fragments();
    let file = File::new("7zz-resources", &volume.build().bytes);
    for name in ["8", "9", "17", "40", "200"] {
        let stream = format!("Fragments/{name}:rsrc");
        let Some(output) = run("7zz", &["e", "-so", file.0.to_str().unwrap(), &stream]) else { return };
        let item = &volume.items[&volume.cnid(&format!("/{name}"))];
        assert_eq!(sha256(&success(output, name)), sha256(&item.resource.bytes), "{name}");
    }
}

/// A wrapper is looked through by fls, icat and 7zz.
#[test]
fn wrapped() {
    for name in ["rich", "fragments", "blocks-512"] {
        let (_, volume) = hfs_volumes::all().into_iter().find(|(other, _)| *other == name).unwrap();
        let (bytes, start) = wrapper::wrap(&volume.build().bytes, "Wrapper");
        assert!(start > 0);
        sleuth_kit_agrees(&format!("wrapped-{name}"), &volume, &bytes);
        seven_zip_agrees(&format!("wrapped-{name}"), &volume, &bytes);
    }
}

/// fsstat finds the numbers of blocks and files that the builder wrote.
#[test]
fn fsstat() {
    check_all(
        |name, volume, bytes| {
            let file = File::new(&format!("fsstat-{name}"), bytes);
            let Some(output) = run("fsstat", &["-f", "hfs", path(&file.0)]) else { return };
            let text = String::from_utf8(success(output, name)).unwrap();
            let image = volume.build();
            let number = |label: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(label));
                line.map(|rest| rest.trim().to_owned()).unwrap_or_else(|| panic!("{name}: {label} in {text}"))
            };
            assert_eq!(number("Number of files:"), image.facts.file_count.to_string(), "{name}");
            assert_eq!(number("Number of folders:"), image.facts.folder_count.to_string(), "{name}");
            assert_eq!(number("Number of Free Blocks:"), image.facts.free_blocks.to_string(), "{name}");
        },
        &["surrogates"],
    );
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
