//! The check of whole volumes: every built one is clean, and hardly a flipped bit of the metadata goes unnoticed.

use std::collections::BTreeMap;
use std::sync::Arc;

use apfs_core::check::{self, CheckOptions, Finding, Severity};
use apfs_core::{Error, OpenOptions, hfsplus};
use apfs_tests::build::hfs::{HfsImage, HfsRole};
use apfs_tests::hfs_volumes::{all, small};

/// What the check says of a volume.
fn findings(bytes: &[u8]) -> Vec<Finding> {
    let volume = match hfsplus::Volume::open(Arc::new(bytes.to_vec()), OpenOptions::default()) {
        Ok(volume) => volume,
        Err(error) => return vec![check::hfs::unreadable(&error).unwrap_or_else(|| panic!("{error}"))],
    };
    let mut findings = Vec::new();
    match check::hfs::check(&volume, &CheckOptions::default(), None, &mut |finding| findings.push(finding)) {
        Ok(_) | Err(Error::Limit(_)) => findings,
        Err(error) => panic!("{error}"),
    }
}

/// Volumes with something unusual that is there on purpose, and the rule that says so.
const UNUSUAL: [(&str, &str); 4] = [
    ("compressed", "compressed-flag"),
    ("compressed-usual", "compressed-flag"),
    ("odd-files", "blessed-folders"),
    ("names", "name-form"),
];

/// Nothing is wrong with any built volume.
#[test]
fn built_volumes_are_clean() {
    let (mut wrong, mut unusual) = (Vec::new(), UNUSUAL.to_vec());
    for (name, volume) in all() {
        let found = findings(&volume.build().bytes);
        unusual.retain(|(other, rule)| {
            *other != name || !found.iter().any(|finding| finding.rule.name == *rule)
        });
        let is_meant = |finding: &Finding| {
            finding.severity() == Severity::Note || UNUSUAL.contains(&(name, finding.rule.name))
        };
        wrong.extend(
            found.iter().filter(|finding| !is_meant(finding)).map(|finding| format!("{name}: {finding}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(unusual, [], "listed in vain");
}

/// Bytes of the metadata of a volume, and what they are of.
fn metadata(image: &HfsImage) -> Vec<(HfsRole, usize)> {
    let roles = [
        HfsRole::Header,
        HfsRole::AlternateHeader,
        HfsRole::Bitmap,
        HfsRole::Extents,
        HfsRole::Catalog,
        HfsRole::Attributes,
    ];
    let places = image.places.iter().filter(|place| roles.contains(&place.role));
    places.flat_map(|place| place.range.clone().map(|at| (place.role, at))).collect()
}

/// Flips a bit of every `step`th byte: by role, how many flips there were, and the bytes of those that were not noticed.
fn flip(step: usize) -> BTreeMap<HfsRole, (usize, Vec<usize>)> {
    let image = small("Small").build();
    let sound: Vec<String> = findings(&image.bytes).iter().map(ToString::to_string).collect();
    let mut bytes = image.bytes.clone();
    let mut seen = BTreeMap::new();
    for (role, at) in metadata(&image).into_iter().step_by(step) {
        bytes[at] ^= 1 << (at % 8);
        let found: Vec<String> = findings(&bytes).iter().map(ToString::to_string).collect();
        bytes[at] ^= 1 << (at % 8);
        let (flips, missed): &mut (usize, Vec<usize>) = seen.entry(role).or_default();
        *flips += 1;
        if found == sound {
            missed.push(at);
        }
    }
    seen
}

/// Of the flips in what is in use most are noticed. What is not is free to be anything: free space of nodes, dates,
/// owners, Finder information, inline values, hints.
#[test]
fn flips_are_noticed() {
    let all = flip(29);
    for (role, (flips, missed)) in &all {
        println!("{role:?}: {} of {flips} flips noticed", flips - missed.len());
    }
    let share = |role| {
        let (flips, missed) = &all[&role];
        (flips - missed.len()) * 100 / flips
    };
    for (role, least) in
        [(HfsRole::Bitmap, 95), (HfsRole::Header, 60), (HfsRole::Catalog, 20), (HfsRole::Extents, 10)]
    {
        assert!(share(role) >= least, "{role:?}: {} %", share(role));
    }
}

/// Every byte: what is missed is listed, to be explained.
#[test]
#[ignore = "takes minutes"]
fn every_flip() {
    for (role, (flips, missed)) in flip(1) {
        println!("{role:?}: {} of {flips} flips noticed; not: {missed:?}", flips - missed.len());
    }
}

/// An embedded volume ends in the last blocks that its wrapper has for it.
#[test]
fn wrappers() {
    for (name, volume) in all() {
        let (bytes, _) = apfs_tests::build::hfs::wrapper::wrap(&volume.build().bytes, "Wrapper");
        let is_told = |bytes: &[u8]| findings(bytes).iter().any(|finding| finding.rule.code == "H0201");
        assert!(!is_told(&bytes), "{name}");
        let mut longer = bytes;
        let count = u16::from_be_bytes([longer[1152], longer[1153]]) + 20;
        longer[1152..1154].copy_from_slice(&count.to_be_bytes());
        longer.resize(longer.len() + (4 << 20), 0);
        assert!(is_told(&longer), "{name}");
    }
}
