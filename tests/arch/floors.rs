//! Every file of the library uses its own folder and what lies below it, never what lies above.

use super::imports::imports;
use super::sources::{root, sources};

/// Folders and files from the ground up. Those of one line may not use each other. Floors 1 and 3 have two lines:
/// names are hashed with checksums, and decmpfs headers complete what the common view says of a file.
const FLOORS: [&[&str]; 6] = [
    &["base"],
    &["sum"],
    &["io", "codec", "crypto", "text", "tree"],
    &["image"],
    &["apfs/raw", "hfsplus/raw", "fs"],
    &["decmpfs", "corestorage"],
];

/// Files of floors 4 and 5: each may use those before it. The file systems do not use one another.
const FILE_SYSTEMS: [(&str, &[&str]); 2] = [("apfs", &APFS), ("hfsplus", &HFSPLUS)];

const APFS: [&str; 30] = [
    "object",
    "tree_kind",
    "node",
    "moved",
    "tiers",
    "store",
    "btree",
    "omap",
    "record",
    "superblock",
    "area",
    "checkpoint",
    "fusion",
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
    "extentref",
    "space",
    "seal",
    "delta",
];

const HFSPLUS: [&str; 18] = [
    "header",
    "wrapper",
    "journal",
    "tree_kind",
    "node",
    "fork",
    "store",
    "btree",
    "record",
    "extents",
    "volume",
    "links",
    "data",
    "facts",
    "special",
    "fs",
    "places",
    "scan",
];

/// Floors 6 and 7: folders and files over whole file systems, each may use those before it.
const JOBS: [&str; 5] = ["group", "any", "backups", "open", "check"];

/// The folder or file that a module belongs to, and how high it stands. `None` for what has no place.
fn place(module: &[&str]) -> Option<(String, usize)> {
    let (system, unit) = match module {
        [name, ..] if JOBS.contains(name) => {
            let index = JOBS.iter().position(|job| job == name)?;
            return Some(((*name).to_owned(), 1000 + index));
        }
        [system @ ("apfs" | "hfsplus"), name, ..] => (*system, format!("{system}/{name}")),
        [name, ..] => ("", (*name).to_owned()),
        [] => return None,
    };
    if let Some(floor) = FLOORS.iter().position(|names| names.contains(&unit.as_str())) {
        return Some((unit, floor));
    }
    let (_, files) = FILE_SYSTEMS.iter().find(|(name, _)| *name == system)?;
    let index = files.iter().position(|name| unit.ends_with(&format!("/{name}")))?;
    Some((unit, FLOORS.len() + index))
}

/// True if both are parts of file systems, but not of the same one.
fn are_strangers(one: &str, other: &str) -> bool {
    let system = |unit: &str| FILE_SYSTEMS.iter().position(|(name, _)| unit.starts_with(&format!("{name}/")));
    matches!((system(one), system(other)), (Some(one), Some(other)) if one != other)
}

/// Imports of a file that it may not have.
fn violations(module: &[&str], source: &str) -> Vec<String> {
    let Some((unit, height)) = place(module) else {
        return vec![format!("{} has no floor: give it one", module.join("/"))];
    };
    let forbidden = |path: &Vec<String>| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match place(&path) {
            Some((other, other_height)) => {
                other != unit && (other_height >= height || are_strangers(&unit, &other))
            }
            // What the `mod.rs` of a file system hands out is for the floors above.
            None => !(JOBS.contains(&unit.as_str()) && matches!(path.first(), Some(&("apfs" | "hfsplus")))),
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
        (vec!["hfsplus", "scan"], "use crate::apfs::node::Node;"),
        (vec!["apfs", "scan"], "use crate::hfsplus::raw::header::X;"),
        (vec!["hfsplus", "node"], "use super::btree::Cursor;"),
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
