//! Finds the modules of a crate that a source file uses.

use std::collections::BTreeSet;

/// Modules named in the file at `module` (for example `["apfs", "btree"]`), each from the crate's root on.
/// Comments, texts and the file's own unit tests do not count.
pub(crate) fn imports(module: &[&str], source: &str) -> BTreeSet<Vec<String>> {
    let code = without_comments_and_tests(source);
    let mut found = BTreeSet::new();
    let mut rest = code.as_str();
    while let Some((at, start)) = first_root(rest, module) {
        let (paths, after) = expand(&rest[at..]);
        for path in paths {
            let full: Vec<String> = start.iter().cloned().chain(path).collect();
            found.insert(full);
        }
        rest = &rest[at + after.max(1)..];
    }
    found
}

/// The next `crate::` or `super::` with what it stands for; gives the place behind it.
fn first_root(code: &str, module: &[&str]) -> Option<(usize, Vec<String>)> {
    let keyword = |word: &str| {
        code.match_indices(word).map(|(at, _)| at).find(|at| {
            let before = code[..*at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$' || c == ':')
        })
    };
    let at = keyword("crate::").into_iter().chain(keyword("super::")).min()?;
    if code[at..].starts_with("crate::") {
        return Some((at + 7, Vec::new()));
    }
    let mut behind = at;
    let mut up = 0;
    while code[behind..].starts_with("super::") {
        behind += 7;
        up += 1;
    }
    let parent = module[..module.len().saturating_sub(up)].iter().map(|name| (*name).to_owned()).collect();
    Some((behind, parent))
}

/// The paths of a `use` tree, and how long it is.
fn expand(code: &str) -> (Vec<Vec<String>>, usize) {
    let trimmed = code.trim_start();
    let skipped = code.len() - trimmed.len();
    if let Some(inside) = trimmed.strip_prefix('{') {
        let (mut paths, mut at) = (Vec::new(), 1);
        let mut rest = inside;
        while !rest.trim_start().starts_with('}') && !rest.is_empty() {
            let (more, len) = expand(rest);
            paths.extend(more);
            let after = &rest[len.max(1).min(rest.len())..];
            let comma = after.len() - after.trim_start_matches([',', ' ', '\n']).len();
            at += len.max(1) + comma;
            rest = &after[comma..];
        }
        return (paths, skipped + at + 1);
    }
    let len = trimmed.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(trimmed.len());
    let name = trimmed[..len].to_owned();
    if let Some(below) = trimmed[len..].strip_prefix("::") {
        let (paths, more) = expand(below);
        let paths = paths.into_iter().map(|path| [vec![name.clone()], path].concat());
        return (paths.collect(), skipped + len + 2 + more);
    }
    (vec![vec![name]], skipped + len)
}

fn without_comments_and_tests(source: &str) -> String {
    let code = source.split("#[cfg(test)]").next().unwrap_or("");
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or(""));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn texts(module: &[&str], source: &str) -> Vec<String> {
    imports(module, source).into_iter().map(|path| path.join("::")).collect()
}

/// All ways to name a module are seen: groups, nested groups, `super`, and paths inside code.
#[test]
fn finds_every_form() {
    let source = "
        use crate::base::{error::{Error, Result}, ids::Oid};
        use super::node::Node;
        pub(crate) use super::super::io::cache;
        fn f() -> crate::fs::Kind { super::raw::object::X }
    ";
    let expected = [
        "apfs::node::Node",
        "apfs::raw::object::X",
        "base::error::Error",
        "base::error::Result",
        "base::ids::Oid",
        "fs::Kind",
        "io::cache",
    ];
    assert_eq!(texts(&["apfs", "btree"], source), expected);
}

/// Comments and unit tests may name anything.
#[test]
fn ignores_comments_and_tests() {
    let source =
        "/// See [`crate::open`].\nfn f() {} // crate::open\n#[cfg(test)]\nmod tests { use crate::open; }";
    assert_eq!(texts(&["base"], source), [""; 0]);
}
