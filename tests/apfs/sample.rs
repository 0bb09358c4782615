//! The committed demonstration image.

use std::collections::BTreeMap;

use apfs_core::{Fs, FsExt, Kind, StreamId};
use apfs_tests::digest::sha256;
use apfs_tests::listing::{open, read_stream};

const IMAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/demo.img");
const LISTING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/demo.tsv");

/// The file is what its recipe makes, and stays small.
#[test]
fn is_what_the_recipe_makes() {
    let committed = std::fs::read(IMAGE).unwrap();
    assert!(committed.len() < 1 << 20);
    assert!(committed == apfs_tests::sample::demo().bytes, "make it anew: see samples/README.md");
}

fn line(fs: &dyn Fs, snapshot: &str, path: &str) -> String {
    let id = fs.find_no_follow(path).unwrap();
    let stat = fs.stat(id).unwrap();
    let (size, content) = match stat.kind {
        Kind::File => {
            let bytes = read_stream(fs, id, &StreamId::Data).unwrap();
            (bytes.len().to_string(), sha256(&bytes))
        }
        Kind::Symlink => ("-".to_owned(), fs.read_link(id).unwrap().to_string()),
        _ => ("-".to_owned(), "-".to_owned()),
    };
    let names = fs.xattrs(id).unwrap().into_iter().map(|xattr| xattr.name.to_string());
    let mut xattrs: Vec<_> = names.filter(|name| name != "com.apple.fs.symlink").collect();
    for name in &mut xattrs {
        let value = fs.xattr(id, name.as_str()).unwrap();
        *name = format!("{name}={}:{}", value.len(), sha256(&value));
    }
    let xattrs = if xattrs.is_empty() { "-".to_owned() } else { xattrs.join(";") };
    let (mode, uid) = (stat.mode, stat.uid);
    format!("{snapshot}\t{}\t{mode:o}\t{uid}\t{id}\t{size}\t{content}\t{xattrs}\t{path}", stat.kind.word())
}

/// It holds what an independent reader found in it, live and in both snapshots.
#[test]
fn holds_what_an_independent_reader_found() {
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in std::fs::read_to_string(LISTING).unwrap().lines().filter(|line| !line.starts_with('#')) {
        let state = line.split('\t').next().unwrap().to_owned();
        expected.entry(state).or_default().push(line.to_owned());
    }
    assert!(expected.keys().eq(["-", "before", "between"]));
    let volume = open(std::fs::read(IMAGE).unwrap()).unwrap().volume(0).unwrap();
    for (state, mut lines) in expected {
        let view = match state.as_str() {
            "-" => volume.view().unwrap(),
            name => volume.view_at(&volume.snapshot(name).unwrap()).unwrap(),
        };
        let paths = view.walk(view.root()).map(|entry| String::from_utf8(entry.unwrap().path).unwrap());
        let mut found: Vec<_> = paths.map(|path| line(&view, &state, &path)).collect();
        found.sort();
        lines.sort();
        assert_eq!(found, lines, "{state}");
    }
}
