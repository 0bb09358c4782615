//! Sparse bundles.

use std::fs;
use std::path::Path;

use apfs_core::image::bundle::Bundle;
use apfs_core::image::format::Format;
use apfs_core::image::path::open_path;
use apfs_core::{Class, Error, Limits, LockReason, ReadAt, Secret};
use apfs_tests::build::EncryptedImage;
use apfs_tests::build::bundle::{band, bundle, list};

use super::shared::{check, pattern, read};

const BAND: usize = 2048;

/// A disk of 18 bands, the last one cut, of which four are stored, one of them short.
fn sample(folder: &Path) -> Vec<u8> {
    let mut disk = vec![0; 17 * BAND + 1000];
    bundle(folder, disk.len() as u64, BAND as u64, &[]);
    for (number, len) in [(0, BAND), (3, 700), (10, BAND), (17, BAND)] {
        let content = pattern(len, number + 1);
        band(folder, number, &content);
        let at = number as usize * BAND;
        let end = disk.len().min(at + len);
        disk[at..end].copy_from_slice(&content[..end - at]);
    }
    disk
}

/// Bands are files named in hexadecimal; what is missing is zeros.
#[test]
fn bands_and_holes() {
    let folder = tempfile::tempdir().unwrap();
    let disk = sample(folder.path());
    check(&Bundle::open(folder.path(), &Limits::default()).unwrap(), &disk);
    let opened = open_path(folder.path(), None, &[], &Limits::default()).unwrap();
    assert_eq!(opened.unwrapped.layers[0].format, Format::SparseBundle);
    check(&*opened.unwrapped.device, &disk);
    check(&*opened.source, &disk);
}

/// Tokens of both versions: blocks are counted over the whole disk, and missing bands are zeros all the same.
#[test]
fn encrypted() {
    for (version, bits) in [(1, 256), (2, 128)] {
        let folder = tempfile::tempdir().unwrap();
        let image = EncryptedImage::new(version, bits).password("p");
        let mut disk = pattern(5 * BAND + 100, 1);
        bundle(folder.path(), disk.len() as u64, BAND as u64, &image.token());
        let data = image.encrypt(&disk);
        // Band 2 is missing, band 3 has its first two blocks.
        for (number, len) in [(0, BAND), (1, BAND), (3, 1024), (4, BAND), (5, 512)] {
            band(folder.path(), number as u64, &data[number * BAND..][..len]);
        }
        disk[2 * BAND..3 * BAND].fill(0);
        disk[3 * BAND + 1024..4 * BAND].fill(0);
        let open = |secrets: &[Secret]| open_path(folder.path(), None, secrets, &Limits::default());
        let opened = open(&[Secret::password("p")]).unwrap();
        let formats: Vec<_> = opened.unwrapped.layers.iter().map(|layer| layer.format).collect();
        let encrypted = if version == 1 { Format::EncryptedV1 } else { Format::EncryptedV2 };
        assert_eq!(formats, [Format::SparseBundle, encrypted]);
        check(&*opened.unwrapped.device, &disk);
        let Err(Error::Locked(locked)) = open(&[]) else { panic!("opened without a secret") };
        assert_eq!(locked.why, LockReason::NeedsSecret);
        // A band that ends inside a block costs that block.
        band(folder.path(), 3, &data[3 * BAND..][..1030]);
        let device = open(&[Secret::password("p")]).unwrap().unwrapped.device;
        assert_eq!(read(&*device, 3 * BAND as u64, 1024).unwrap(), disk[3 * BAND..][..1024]);
        assert_eq!(read(&*device, 3 * BAND as u64 + 1024, 1).unwrap_err().class(), Class::Corrupt);
        assert_eq!(read(&*device, 4 * BAND as u64, 512).unwrap(), disk[4 * BAND..][..512]);
    }
}

/// The copy of the property list stands in for a damaged one.
#[test]
fn damaged_property_list() {
    let folder = tempfile::tempdir().unwrap();
    let disk = sample(folder.path());
    let (first, copy) = (folder.path().join("Info.plist"), folder.path().join("Info.bckup"));
    let open = || Bundle::open(folder.path(), &Limits::default());
    let without =
        |key: &str| list(disk.len() as u64, BAND as u64).replace(&format!("<key>{key}<"), "<key>other<");
    for bad in ["", "<plist", "<plist><dict/></plist>", &without("size"), &without("band-size")] {
        fs::write(&first, bad).unwrap();
        check(&open().unwrap(), &disk);
    }
    fs::remove_file(&first).unwrap();
    check(&open().unwrap(), &disk);
    fs::write(&first, "").unwrap();
    fs::remove_file(&copy).unwrap();
    assert_eq!(open().unwrap_err().class(), Class::Corrupt);
    for (size, band_size) in [(1, 0), (1, 511), (1, 1 << 41), (1, 1000)] {
        fs::write(&first, list(size, band_size)).unwrap();
        assert_eq!(open().unwrap_err().class(), Class::Corrupt, "{band_size}");
    }
    fs::write(&first, list(u64::MAX, 4096)).unwrap();
    assert_eq!(open().unwrap_err().class(), Class::Limit);
    let good = list(disk.len() as u64, BAND as u64);
    let version = "backingstore-version</key>\n\t<integer>";
    fs::write(&first, good.replace(&format!("{version}1"), &format!("{version}2"))).unwrap();
    check(&open().unwrap(), &disk);
    fs::write(&first, good.replace(&format!("{version}1"), &format!("{version}3"))).unwrap();
    assert_eq!(open().unwrap_err().class(), Class::Unsupported);
}

/// A folder that is no bundle, and a bundle without its bands, are named as such.
#[test]
fn no_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let open =
        || open_path(folder.path(), None, &[], &Limits::default()).map(drop).map_err(|error| error.class());
    assert_eq!(open(), Err(Class::NotFound));
    sample(folder.path());
    assert_eq!(open(), Ok(()));
    fs::remove_dir_all(folder.path().join("bands")).unwrap();
    assert_eq!(open(), Err(Class::Corrupt));
}

/// A band that can't be read costs its bytes alone. Links and pipes are not followed: one would leave the bundle, the
/// other never end.
#[cfg(unix)]
#[test]
fn strange_bands() {
    let folder = tempfile::tempdir().unwrap();
    let disk = sample(folder.path());
    let bands = folder.path().join("bands");
    std::os::unix::fs::symlink("/dev/zero", bands.join("1")).unwrap();
    fs::create_dir(bands.join("2")).unwrap();
    let device = Bundle::open(folder.path(), &Limits::default()).unwrap();
    for number in [1, 2] {
        assert_eq!(read(&device, number * BAND as u64, 1).unwrap_err().class(), Class::Io);
        let run = device.run_at(number * BAND as u64).unwrap();
        assert_eq!((run.len, run.zeros), (BAND as u64, false));
    }
    assert_eq!(read(&device, 0, BAND).unwrap(), disk[..BAND]);
    assert_eq!(read(&device, 3 * BAND as u64, 3 * BAND).unwrap(), disk[3 * BAND..6 * BAND]);
}

/// However many bands there are, only some files are open at a time.
#[cfg(target_os = "linux")]
#[test]
fn few_open_files() {
    let folder = tempfile::tempdir().unwrap();
    bundle(folder.path(), 300 * 512, 512, &[]);
    for number in 0..300 {
        band(folder.path(), number, &pattern(512, number));
    }
    let device = Bundle::open(folder.path(), &Limits::default()).unwrap();
    assert!(read(&device, 0, 300 * 512).is_ok());
    let open =
        fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let ours = open.filter(|path| path.starts_with(folder.path())).count();
    assert!((1..=64).contains(&ours), "{ours} files");
}
