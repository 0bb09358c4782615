//! What the check says of the APFS containers that macOS and Linux wrote: nothing, or what is known of them.

use std::path::{Path, PathBuf};

use apfs_core::check::{self, CheckOptions, Finding, Severity};
use apfs_core::{Disk, Error, OpenOptions, Secret};
use apfs_tests::corpus;
use tempfile::TempDir;
use toml::Value;

use crate::disks;

/// Findings that are true of an image, by its file's name and the rule's code.
const KNOWN: &[(&str, &str)] = &[
    // The beta kept a resource fork in the record, and had no map records of hard links yet.
    ("dissect-case_sensitive_beta.raw.gz", "A2105"),
    ("dissect-case_sensitive_beta.raw.gz", "A1706"),
    // The image ends inside the last block; converting left a count of entries too high.
    ("dissect-jhfs_converted.raw.gz", "A0402"),
    ("dissect-jhfs_converted.raw.gz", "A1405"),
    // Cut short by whoever made them.
    ("secron-apfs_content.bin.gz", "A0402"),
    ("secron-apfs_container_chain.bin.gz", "A0402"),
    // The Linux driver leaves link records with a directory that was moved.
    ("rich-ci.img.zst", "A1707"),
    ("rich-cs.img.zst", "A1707"),
    ("rich-csz.img.zst", "A1707"),
];

/// Findings of every container of an image, notes left out; and how many containers there were.
fn findings(path: &Path, secrets: &[Secret], folder: &TempDir) -> (Vec<Finding>, usize) {
    let (mut found, mut containers) = (Vec::new(), 0);
    let is_packed = path.extension().is_some_and(|extension| extension == "zst");
    let device =
        if is_packed { corpus::device(path) } else { disks::open(path, secrets, folder).unwrap().device };
    let options = OpenOptions { secrets: secrets.to_vec(), ..OpenOptions::default() };
    let disk = Disk::open(device, &options).unwrap();
    for part in disk.apfs_partitions() {
        // Images that were cut short before their first object map hold nothing to check.
        let container = match disk.container(part, options.clone()) {
            Err(Error::Io(_)) => continue,
            container => container.unwrap(),
        };
        containers += 1;
        let mut choices = CheckOptions::default();
        (choices.snapshots, choices.findings_per_rule) = (true, u64::MAX);
        check::apfs::check(&container, &choices, None, &mut |finding| found.push(finding)).unwrap();
    }
    found.retain(|finding| finding.severity() != Severity::Note);
    (found, containers)
}

/// True if an image holds APFS.
fn holds_apfs(image: &Value) -> bool {
    let partitions = image.get("partition").and_then(Value::as_array);
    partitions.into_iter().flatten().any(|part| part.get("fs").and_then(Value::as_str) == Some("apfs"))
}

/// Every container is clean, or what is found is explained here.
#[test]
fn containers_are_clean_or_explained() {
    let Some(folder) = corpus::folder() else { return };
    let manifest: toml::Table =
        std::fs::read_to_string(folder.join("manifest.toml")).unwrap().parse().unwrap();
    let unpacked = tempfile::tempdir().unwrap();
    let images = manifest["image"].as_array().unwrap().iter().filter(|image| holds_apfs(image));
    let images = images.map(|image| {
        let secret = |key| image.get(key).and_then(Value::as_str).map(Secret::password);
        let secrets: Vec<Secret> =
            secret("dmg_password").into_iter().chain(secret("volume_password")).collect();
        (folder.join(image["file"].as_str().unwrap()), secrets)
    });
    let lab = corpus::lab_images(&folder).into_iter().map(|path| (path, Vec::new()));
    let all: Vec<(PathBuf, Vec<Secret>)> = images.chain(lab).filter(|(path, _)| path.exists()).collect();
    let (mut containers, mut wrong) = (0, Vec::new());
    for (path, secrets) in all {
        let (found, count) = findings(&path, &secrets, &unpacked);
        containers += count;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let known = |finding: &Finding| KNOWN.contains(&(name.as_str(), finding.rule.code));
        let unknown = found.iter().filter(|finding| !known(finding));
        wrong.extend(unknown.map(|finding| format!("{name}: {finding}")));
    }
    println!("{containers} containers");
    assert!(containers > 0);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
