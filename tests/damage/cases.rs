//! Every damage case of this folder (see README.md): the sound image is clean, and the damage is said with its place.

use std::collections::BTreeSet;
use std::path::PathBuf;

use std::sync::Arc;

use apfs_core::apfs::Container;
use apfs_core::check::{self, CheckOptions, Finding, Severity};
use apfs_core::{OpenOptions, Secret, hfsplus};
use apfs_tests::build::Image;
use apfs_tests::build::hfs::HfsImage;
use apfs_tests::cases::bases::NAMES;
use apfs_tests::cases::form::Value;
use apfs_tests::cases::{Base, Case, Expect};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("damage")
}

/// All cases by name.
pub(crate) fn cases() -> Vec<(String, Case)> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let case = toml::from_str(&std::fs::read_to_string(path).unwrap());
        (name.clone(), case.unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    paths.iter().map(read).collect()
}

/// What the check says of an image.
fn findings_of(name: &str, base: &Base, snapshots: bool) -> Vec<Finding> {
    let mut options = CheckOptions::default();
    (options.snapshots, options.findings_per_rule) = (snapshots, u64::MAX);
    match base {
        Base::Apfs(image) => check_apfs(name, image, &options),
        Base::Hfs(image) => check_hfs(name, image, &options),
    }
}

fn check_apfs(name: &str, image: &Image, options: &CheckOptions) -> Vec<Finding> {
    let mut open = OpenOptions::default();
    open.secrets.extend(Base::password(name).map(Secret::password));
    let container = Container::open(Arc::new(image.bytes.clone()), open);
    let container = match container {
        Ok(container) => container,
        Err(error) => {
            return vec![check::disk::unreadable(&error).unwrap_or_else(|| panic!("{name}: {error}"))];
        }
    };
    let mut findings = Vec::new();
    check::apfs::check(&container, options, None, &mut |finding| findings.push(finding)).unwrap();
    findings
}

fn check_hfs(name: &str, image: &HfsImage, options: &CheckOptions) -> Vec<Finding> {
    let volume = hfsplus::Volume::open(Arc::new(image.bytes.clone()), OpenOptions::default());
    let volume = match volume {
        Ok(volume) => volume,
        Err(error) => {
            return vec![check::hfs::unreadable(&error).unwrap_or_else(|| panic!("{name}: {error}"))];
        }
    };
    let mut findings = Vec::new();
    check::hfs::check(&volume, options, None, &mut |finding| findings.push(finding)).unwrap();
    findings
}

/// True if an expected finding is this one.
fn is(expect: &Expect, finding: &Finding, base: &Base) -> bool {
    let place = &finding.corrupt.place;
    let number = |value: &Value| base.value(value, finding.volume.unwrap_or(0));
    finding.severity().name() == expect.severity
        && finding.rule.code == expect.code
        && place.structure == expect.structure
        && place.field == expect.field
        && expect
            .block
            .as_ref()
            .is_none_or(|block| place.block.is_some_and(|at| at.0 as i64 == number(block)))
        && expect.node.is_none_or(|node| place.node == Some(node))
        && expect.cnid.as_ref().is_none_or(|cnid| place.cnid.is_some_and(|at| i64::from(at) == number(cnid)))
}

fn texts(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("\n    {finding}")).collect()
}

/// What is wrong with how a case went.
fn run(name: &str, case: &Case) -> Vec<String> {
    let sound = Base::named(&case.image).unwrap_or_else(|| panic!("{name}: no image {}", case.image));
    let mut damaged = sound.clone();
    for edit in &case.edit {
        damaged.edit(edit);
    }
    assert!(damaged.bytes() != sound.bytes(), "{name}: nothing was changed");
    let findings = findings_of(&case.image, &damaged, case.snapshots);
    let mut wrong = Vec::new();
    for expect in &case.expect {
        if !findings.iter().any(|finding| is(expect, finding, &sound)) {
            wrong.push(format!("{name}: not found: {expect:?}, but{}", texts(&findings)));
        }
    }
    let also: BTreeSet<&str> = case.also.iter().map(String::as_str).collect();
    let listed: BTreeSet<&str> =
        case.expect.iter().map(|expect| expect.code.as_str()).chain(also.clone()).collect();
    for finding in findings.iter().filter(|finding| finding.severity() == Severity::Error) {
        if !listed.contains(finding.rule.code) {
            wrong.push(format!("{name}: found too: {finding}"));
        }
    }
    let mut told = BTreeSet::new();
    for finding in &findings {
        let place = format!("{:?}", finding.corrupt.place);
        let what = (finding.rule.code, finding.volume, place, &finding.corrupt.found);
        if !told.insert(what) {
            wrong.push(format!("{name}: told twice: {finding}"));
        }
    }
    for code in also {
        if !findings.iter().any(|finding| finding.rule.code == code) {
            wrong.push(format!("{name}: {code} is listed in vain"));
        }
    }
    wrong
}

/// A case whose recipe fits nothing, or whose check panics, is told beside the others.
fn run_caught(name: &str, case: &Case) -> Vec<String> {
    std::panic::catch_unwind(|| run(name, case))
        .unwrap_or_else(|_| vec![format!("{name}: a panic, see above")])
}

/// The images that cases begin with have nothing wrong with them.
#[test]
fn sound_images_are_clean() {
    let mut wrong = Vec::new();
    for name in NAMES {
        let base = Base::named(name).unwrap();
        for snapshots in [false, true] {
            let mut findings = findings_of(name, &base, snapshots);
            findings.retain(|finding| finding.severity() != Severity::Note);
            if !findings.is_empty() {
                wrong.push(format!("{name}:{}", texts(&findings)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every case is found, with its place, and nothing else is called an error.
#[test]
fn cases_are_found() {
    let wrong: Vec<String> = cases().iter().flat_map(|(name, case)| run_caught(name, case)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A key that means nothing is a mistake, wherever it stands.
#[test]
fn unknown_keys_are_refused() {
    let sound = "purpose = 'p'\nimage = 'plain'\n[[edit]]\nat = { role = 'Spaceman' }\nbytes = '00'\n[[expect]]\n\
                 severity = 'error'\ncode = 'A0001'\nstructure = 's'\nfield = 'f'\n";
    assert!(toml::from_str::<Case>(sound).is_ok());
    let planted = [
        format!("colour = 'red'\n{sound}"),
        sound.replace("bytes", "byte"),
        sound.replace("'Spaceman' }", "'Spaceman', row = 1 }"),
        sound.replace("field", "fields"),
        sound.replace("bytes", "record = { name = 'x' }\nbytes"),
        sound.replace("bytes = '00'", "set = { role = 'Spaceman', row = 1 }"),
    ];
    for text in planted {
        assert!(toml::from_str::<Case>(&text).is_err(), "{text}");
    }
}
