//! The project's sources, and rules for every file.

use std::path::{Path, PathBuf};

/// Longest file, in lines.
const MAX_LINES: usize = 600;

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All Rust sources below a folder.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// No file is longer than a reader can hold in mind.
#[test]
fn no_file_is_too_long() {
    let all = sources(&root());
    assert!(all.len() > 80, "only {} sources found", all.len());
    let lines = |path: &PathBuf| std::fs::read_to_string(path).unwrap().lines().count();
    let long: Vec<_> = all.iter().map(|path| (lines(path), path)).filter(|(n, _)| *n > MAX_LINES).collect();
    assert!(long.is_empty(), "{long:?}");
}

/// The first item in a `mod.rs` that is neither documentation, `use` nor `mod`.
fn foreign_item(source: &str) -> Option<&str> {
    let mut in_use = false;
    for line in source.split("#[cfg(test)]").next().unwrap_or("").lines().map(str::trim) {
        let item = line
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub(super) ")
            .trim_start_matches("pub ");
        let is_use = in_use || item.starts_with("use ");
        in_use = is_use && !line.ends_with(';');
        let is_mod = item.starts_with("mod ") && item.ends_with(';');
        let is_remark = line.is_empty() || line.starts_with("//") || line.starts_with('#');
        if !is_use && !is_mod && !is_remark {
            return Some(line);
        }
    }
    None
}

/// `mod.rs` files say what a folder holds and nothing else.
#[test]
fn folders_are_indices_only() {
    for path in sources(&root()).iter().filter(|path| path.ends_with("mod.rs")) {
        let source = std::fs::read_to_string(path).unwrap();
        assert_eq!(foreign_item(&source), None, "{}", path.display());
    }
}

/// Code in a `mod.rs` is noticed.
#[test]
fn foreign_items_are_noticed() {
    let good = "//! Docs.\n\n/// What.\npub mod a;\nmod b;\npub use a::{\n    X,\n    Y,\n};\n";
    assert_eq!(foreign_item(good), None);
    assert_eq!(foreign_item("mod a;\npub(crate) fn f() {}\n"), Some("pub(crate) fn f() {}"));
    assert_eq!(foreign_item("mod a {\n}"), Some("mod a {"));
}
