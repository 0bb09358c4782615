//! Every file of the library uses its own folder and what lies below it, never what lies above.

use super::imports::imports;
use super::sources::{root, sources};

/// Folders and files from the ground up. Those of one line may not use each other. Floors 1 and 3 have two lines:
/// names are hashed with checksums, and decmpfs headers complete what the common view says of a file.
const FLOORS: [&[&str]; 6] =
    [&["base"], &["sum"], &["io", "codec", "crypto", "text"], &["image"], &["apfs/raw", "fs"], &["decmpfs"]];

/// Files of floors 4 and 5: each may use those before it.
const APFS: [&str; 23] = [
    "object",
    "tree_kind",
    "node",
    "store",
    "btree",
    "omap",
    "record",
    "superblock",
    "area",
    "checkpoint",
    "container",
    "volume",
    "key_blob",
    "keybag",
    "protection",
    "unlock",
    "snapshot",
    "view",
    "data",
    "compressed",
    "fs",
    "places",
    "scan",
];

/// The folder or file that a module belongs to, and how high it stands. `None` for what has no place.
fn place(module: &[&str]) -> Option<(String, usize)> {
    let unit = match module {
        ["apfs", name, ..] => format!("apfs/{name}"),
        [name, ..] => (*name).to_owned(),
        [] => return None,
    };
    let floor = FLOORS.iter().position(|names| names.contains(&unit.as_str()));
    let in_apfs = || APFS.iter().position(|name| unit.strip_prefix("apfs/") == Some(name));
    let top = || (unit == "open").then_some(0);
    let height = floor
        .or_else(|| in_apfs().map(|index| FLOORS.len() + index))
        .or_else(|| top().map(|_| FLOORS.len() + APFS.len()));
    height.map(|height| (unit, height))
}

/// Imports of a file that it may not have.
fn violations(module: &[&str], source: &str) -> Vec<String> {
    let Some((unit, height)) = place(module) else {
        return vec![format!("{} has no floor: give it one", module.join("/"))];
    };
    let forbidden = |path: &Vec<String>| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match place(&path) {
            Some((other, other_height)) => other != unit && other_height >= height,
            // What `apfs/mod.rs` hands out is for the floors above.
            None => !(unit == "open" && path.first() == Some(&"apfs")),
        }
    };
    let paths = imports(module, source).into_iter().filter(forbidden);
    paths.map(|path| format!("{} uses {}", module.join("/"), path.join("::"))).collect()
}

/// No file of the library looks up.
#[test]
fn nothing_uses_what_is_above_it() {
    let library = root().join("apfs-core/src");
    let mut found = Vec::new();
    let mut imports_seen = 0;
    for path in sources(&library) {
        let relative = path.strip_prefix(&library).unwrap().with_extension("");
        let names: Vec<String> = relative.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        let module: Vec<&str> = names.iter().map(String::as_str).collect();
        if module == ["lib"] || module.last() == Some(&"mod") {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        imports_seen += imports(&module, &source).len();
        found.extend(violations(&module, &source));
    }
    assert!(imports_seen > 200, "only {imports_seen} imports were seen");
    assert!(found.is_empty(), "{found:#?}");
}

/// A planted upward import is caught, wherever it hides.
#[test]
fn planted_imports_are_caught() {
    for (module, source) in [
        (vec!["base", "ids"], "use crate::io::cache::Cache;"),
        (vec!["io", "cache"], "use crate::text::name::NameRule;"),
        (vec!["fs", "walk"], "use crate::{base::ids::Oid, apfs::raw::fs::X};"),
        (vec!["apfs", "node"], "use super::btree::Cursor;"),
        (vec!["apfs", "record", "key"], "fn f() { crate::apfs::superblock::parse() }"),
        (vec!["apfs", "omap"], "use super::{node::Node, view::View};"),
        (vec!["apfs", "view"], "use crate::open::Disk;"),
        (vec!["apfs", "view"], "use crate::apfs::Container;"),
        (vec!["apfs", "view"], "use crate::Error;"),
        (vec!["sum", "crc32"], "use super::super::io::cache;"),
        (vec!["penthouse"], ""),
    ] {
        assert_eq!(violations(&module, source).len(), 1, "{module:?}: {source}");
    }
}

/// Looking down and around in the own folder is fine.
#[test]
fn downward_imports_pass() {
    for (module, source) in [
        (vec!["base", "ids"], "use super::error::Result;"),
        (vec!["fs", "walk"], "use super::view::Fs; use crate::text::escape::Escaped;"),
        (
            vec!["apfs", "scan"],
            "use super::record::key; use super::fs::ROOT_DIR; use crate::fs::types::Stat;",
        ),
        (vec!["apfs", "record", "dir"], "use super::xfield::XFields; use crate::apfs::raw::fs::J;"),
        (vec!["open"], "use crate::apfs::{Container, Volume}; use crate::image::probe::probe;"),
    ] {
        assert_eq!(violations(&module, source), [""; 0], "{module:?}");
    }
}
