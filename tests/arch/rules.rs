//! The rules of checks: codes that are well made, and the committed table of them.

use std::collections::BTreeSet;
use std::fmt::Write;

use apfs_core::check::{Group, rules};

use super::sources::root;

/// The table, as `docs/rules.md` has it.
fn table() -> String {
    let mut text = String::from(
        "# Rules of `apfs check`\n\nMade by `cargo xtask rules` from the rules in `apfs-core/src/check`: do not edit. A code \
         never changes its\nmeaning. What must hold is said; a finding says where it does not.\n",
    );
    let mut group: Option<&Group> = None;
    for rule in rules() {
        if group != Some(rule.group) {
            write!(
                text,
                "\n## {} {}\n\n| code | severity | name | what must hold |\n|---|---|---|---|\n",
                rule.group.code, rule.group.name
            )
            .unwrap();
            group = Some(rule.group);
        }
        writeln!(text, "| {} | {} | {} | {} |", rule.code, rule.severity, rule.name, rule.text).unwrap();
    }
    text
}

/// The committed table is that of the rules; `cargo xtask rules` writes it.
#[test]
fn the_table_is_up_to_date() {
    let path = root().join("docs/rules.md");
    if std::env::var_os("APFS_UPDATE_RULES").is_some() {
        std::fs::write(&path, table()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == table(), "docs/rules.md is old: run `cargo xtask rules`");
}

/// Codes begin with that of their group and go up; codes and names are unique; texts are sentences.
#[test]
fn rules_are_well_made() {
    let (mut codes, mut names) = (BTreeSet::new(), BTreeSet::new());
    for rule in rules() {
        assert!(rule.code.starts_with(rule.group.code) && rule.code.len() == 5, "{}", rule.code);
        assert!(rule.code[1..].bytes().all(|byte| byte.is_ascii_digit()), "{}", rule.code);
        assert!(codes.insert(rule.code), "{} twice", rule.code);
        assert!(names.insert((&rule.code[..1], rule.name)), "{} twice", rule.name);
        assert!(rule.text.ends_with('.'), "{}", rule.text);
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!(rule.name.bytes().all(is_name), "{}", rule.name);
    }
}
