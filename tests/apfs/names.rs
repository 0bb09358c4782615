//! Which names are the same name, by the three kinds of directory keys.

use std::collections::HashMap;

use apfs_core::apfs::View;
use apfs_core::{Class, Fs, FsExt};
use apfs_tests::build::namehash::{Forms, name_len_and_hash};
use apfs_tests::build::records::{APFS_TYPE_DIR_REC, Key, dir_rec};
use apfs_tests::build::{ImageBuilder, Keys, VolumeBuilder};
use apfs_tests::listing::{list_sound, read, view};

const COMPOSED: &str = "\u{c4}pfel";
const DECOMPOSED: &str = "A\u{308}pfel";

fn build(volume: VolumeBuilder) -> View {
    view(ImageBuilder::new().volume(volume).build().bytes)
}

fn finds(view: &View, name: &str) -> bool {
    match view.lookup(view.root(), name.as_bytes()) {
        Ok(entry) => {
            assert_eq!(view.stat(entry.id).unwrap().id, entry.id);
            true
        }
        Err(error) => {
            assert_eq!(error.class(), Class::NotFound, "{error}");
            false
        }
    }
}

/// Names differ in case and composition only: the same on a case-insensitive volume.
#[test]
fn case_insensitive() {
    for stored in [COMPOSED, DECOMPOSED] {
        let view =
            build(VolumeBuilder::new("V").form_of(stored, "a\u{308}pfel").file(&format!("/{stored}"), "x"));
        for name in [COMPOSED, DECOMPOSED, "\u{e4}PFEL", "a\u{308}pFeL"] {
            assert!(finds(&view, name), "{name} of {stored}");
        }
        assert!(!finds(&view, "Apfel"));
        assert_eq!(view.list(view.root()).unwrap()[0].name.to_str(), Some(stored), "listed as stored");
    }
}

/// Full case folding: one letter may fold to two.
#[test]
fn full_case_folding() {
    let view = build(VolumeBuilder::new("V").form_of("Stra\u{df}e", "strasse").file("/Stra\u{df}e", "x"));
    for name in ["Stra\u{df}e", "STRASSE", "strasse", "STRA\u{1e9e}E"] {
        assert!(finds(&view, name), "{name}");
    }
    assert!(!finds(&view, "Strase"));
}

/// On a case-sensitive volume composition does not matter and case does.
#[test]
fn case_sensitive() {
    for stored in [COMPOSED, DECOMPOSED] {
        let volume = VolumeBuilder::new("V").case_sensitive().form_of(stored, DECOMPOSED);
        let view = build(volume.file(&format!("/{stored}"), "x").file("/readme", "1").file("/README", "2"));
        assert!(finds(&view, COMPOSED) && finds(&view, DECOMPOSED));
        assert!(!finds(&view, "\u{e4}pfel"));
        assert_eq!(read(&view, "/readme").unwrap(), b"1");
        assert_eq!(read(&view, "/README").unwrap(), b"2");
        assert!(!finds(&view, "Readme"));
    }
}

/// Keys without hashes: byte for byte.
#[test]
fn plain_keys() {
    let view = build(VolumeBuilder::new("V").plain_keys().file(&format!("/{COMPOSED}"), "x").file("/b", "y"));
    assert!(finds(&view, COMPOSED) && finds(&view, "b"));
    assert!(!finds(&view, DECOMPOSED) && !finds(&view, "B") && !finds(&view, "a"));
    assert_eq!(list_sound(&view).len(), 3);
}

/// Names that are no text are found by their bytes, listed as they are, and shown without loss.
#[test]
fn names_that_are_not_text() {
    let name = b"bad\xff\xfename";
    let mut rest = (name.len() as u16 + 1).to_le_bytes().to_vec();
    rest.extend_from_slice(name);
    rest.push(0);
    let key = Key::new(2, APFS_TYPE_DIR_REC, 0, name, &rest);
    let volume = VolumeBuilder::new("V").plain_keys().file("/file", "x").record(key, dir_rec(16, 0, 8, None));
    let view = build(volume);
    let entry = view.lookup(view.root(), name).unwrap();
    assert_eq!((entry.id.0, entry.name.as_bytes(), entry.name.to_str()), (16, &name[..], None));
    assert_eq!(entry.name.to_string(), r"bad\xff\xfename");
    assert_eq!(view.list(view.root()).unwrap().len(), 2);
    assert_eq!(view.find([b"/", &name[..]].concat()).unwrap().0, 16);
}

/// Two names with one hash are two names.
#[test]
fn colliding_hashes() {
    for keys in [Keys::CaseInsensitive, Keys::CaseSensitive] {
        let mut seen: HashMap<u32, Vec<String>> = HashMap::new();
        let three = (0..).find_map(|number| {
            let name = format!("name {number:06}");
            let same = seen.entry(name_len_and_hash(&name, keys, &Forms::new())).or_default();
            same.push(name);
            (same.len() == 3).then(|| same.clone())
        });
        let [first, second, third] = &three.unwrap()[..] else { panic!("three names") };
        let volume = VolumeBuilder::new("V").option(|options| options.keys = keys);
        let view = build(
            volume.file(&format!("/{first}"), "first").file(&format!("/{second}"), "second").dir("/other"),
        );
        assert_eq!(read(&view, first).unwrap(), b"first");
        assert_eq!(read(&view, second).unwrap(), b"second");
        assert!(!finds(&view, third), "a third name of the same hash is not there");
    }
}

/// The longest name there can be.
#[test]
fn longest_names() {
    let name = "n".repeat(255);
    let view = build(VolumeBuilder::new("V").file(&format!("/{name}"), "x"));
    assert!(finds(&view, &name) && finds(&view, &name.to_uppercase()));
    assert!(!finds(&view, &"n".repeat(254)) && !finds(&view, &"n".repeat(2000)) && !finds(&view, ""));
}
