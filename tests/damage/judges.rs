//! The damage cases of APFS in the eyes of `apfsck`, where it is installed (`$APFSCK`, or in the path): how many of them it
//! notices too. It ends at the first thing that is wrong.

use std::path::{Path, PathBuf};
use std::process::Command;

use apfs_tests::cases::Base;

use crate::cases::cases;

/// The program, if it is there; a message if not.
fn apfsck() -> Option<PathBuf> {
    let program = std::env::var_os("APFSCK").map_or_else(|| PathBuf::from("apfsck"), PathBuf::from);
    let found = Command::new(&program).arg("-v").output().is_ok();
    if !found {
        println!("skipped: there is no apfsck");
    }
    found.then_some(program)
}

/// What it says of an image; nothing if it is content.
fn verdict(program: &Path, image: &[u8]) -> Option<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), image).unwrap();
    let output = Command::new(program).arg("-cuw").arg(file.path()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).lines().next().unwrap_or("").to_owned();
    (!output.status.success() || !text.is_empty()).then_some(text)
}

/// The check of this library notices every case; the other program notices some.
#[test]
fn cases_that_apfsck_notices() {
    let Some(program) = apfsck() else { return };
    let (mut judged, mut noticed, mut passed) = (0, 0, Vec::new());
    let mut sound = std::collections::BTreeMap::new();
    for (name, case) in cases() {
        let Some(base @ Base::Apfs(_)) = Base::named(&case.image) else { continue };
        let said = sound.entry(case.image.clone()).or_insert_with(|| verdict(&program, base.bytes()));
        if let Some(said) = said {
            println!("{}: not judged, the sound image {} is refused: {said}", name, case.image);
            continue;
        }
        let mut damaged = base.clone();
        case.edit.iter().for_each(|edit| damaged.edit(edit));
        judged += 1;
        match verdict(&program, damaged.bytes()) {
            Some(_) => noticed += 1,
            None => passed.push(name),
        }
    }
    println!("apfsck notices {noticed} of {judged} cases; not {passed:?}");
}
