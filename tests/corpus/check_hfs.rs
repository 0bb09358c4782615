//! What the check says of the HFS+ volumes that macOS and Linux wrote: nothing, or what is known of them.

use std::path::{Path, PathBuf};

use apfs_core::check::{self, CheckOptions, Finding, Severity};
use apfs_core::{AnyVolume, Disk, OpenOptions, Secret};
use apfs_tests::corpus;
use tempfile::TempDir;
use toml::Value;

use crate::disks;

/// Findings of every HFS+ volume of an image, notes left out; and how many volumes there were.
fn findings(path: &Path, secrets: &[Secret], folder: &TempDir) -> (Vec<Finding>, usize) {
    let (mut found, mut volumes) = (Vec::new(), 0);
    let is_packed = path.extension().is_some_and(|extension| extension == "zst");
    let device =
        if is_packed { corpus::device(path) } else { disks::open(path, secrets, folder).unwrap().device };
    let options = OpenOptions::default();
    let disk = Disk::open(device, &options).unwrap();
    for part in 0..disk.partitions().len() {
        for volume in disk.volumes_in(part, &options).transpose().unwrap().into_iter().flatten() {
            let AnyVolume::Hfs(volume) = volume.unwrap() else { continue };
            volumes += 1;
            check::hfs::check(&volume, &CheckOptions::default(), None, &mut |finding| found.push(finding))
                .unwrap();
        }
    }
    found.retain(|finding| finding.severity() != Severity::Note);
    (found, volumes)
}

/// Every volume is clean, or what is found is explained here.
#[test]
fn volumes_are_clean_or_explained() {
    let Some(folder) = corpus::folder() else { return };
    let manifest: toml::Table =
        std::fs::read_to_string(folder.join("manifest.toml")).unwrap().parse().unwrap();
    let unpacked = tempfile::tempdir().unwrap();
    let images = manifest["image"].as_array().unwrap().iter().filter(|image| super::hfs::holds_hfs(image));
    let images = images.map(|image| {
        let password = image.get("dmg_password").and_then(Value::as_str);
        (folder.join(image["file"].as_str().unwrap()), password.map(Secret::password))
    });
    let lab = ["hfs-rich", "hfsx-rich"].map(|name| folder.join(format!("kernel-lab/{name}.img.zst")));
    let lab = lab.into_iter().map(|path| (path, None));
    let all: Vec<(PathBuf, Option<Secret>)> = images.chain(lab).filter(|(path, _)| path.exists()).collect();
    let (mut volumes, mut wrong) = (0, Vec::new());
    for (path, secret) in all {
        let (found, count) = findings(&path, secret.as_slice(), &unpacked);
        volumes += count;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let known = |finding: &Finding| KNOWN.contains(&(name.as_str(), finding.rule.code));
        let unknown = found.iter().filter(|finding| !known(finding));
        wrong.extend(unknown.map(|finding| format!("{name}: {finding}")));
    }
    println!("{volumes} volumes");
    assert!(volumes > 0);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Findings that are right, by image and rule.
///
/// The Linux driver leaves marks of names as they were typed, makes symbolic links of any length, and forgets an emptied
/// node of the attributes file.
const KNOWN: &[(&str, &str)] = &[
    ("hfs-rich.img.zst", "H0506"),
    ("hfs-rich.img.zst", "H0711"),
    ("hfs-rich.img.zst", "H1404"),
    ("hfsx-rich.img.zst", "H0506"),
    ("hfsx-rich.img.zst", "H0711"),
    ("hfsx-rich.img.zst", "H1404"),
];
