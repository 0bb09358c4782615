//! Encrypted disk images: every kind of key, and everything that does not open them.

use std::sync::Arc;

use apfs_core::image::encrypted::{self, EncryptionInfo, Method, inspect};
use apfs_core::image::format::Format;
use apfs_core::image::layers::unwrap;
use apfs_core::{Class, Damage, Error, Limits, LockReason, Result, Secret};
use apfs_tests::build::{EncryptedImage, SparseImage};

use super::shared::{check, pattern, read};

/// A disk that begins with zeros, as disks do, and ends in the middle of a block.
fn disk() -> Vec<u8> {
    [vec![0; 600], pattern(9_000, 1)].concat()
}

fn open(file: &[u8], secrets: &[Secret]) -> Result<encrypted::EncryptedImage> {
    encrypted::EncryptedImage::open(Arc::new(file.to_vec()), secrets, &Limits::default())
}

fn why(result: Result<encrypted::EncryptedImage>) -> LockReason {
    match result {
        Err(Error::Locked(locked)) => locked.why,
        other => panic!("{other:?} is not locked"),
    }
}

/// Both versions, both key lengths, both usual block sizes: passwords among others, and raw keys.
#[test]
fn every_kind_of_key() {
    for (version, bits, block) in
        [(1, 128, 4096), (1, 256, 512), (2, 128, 4096), (2, 256, 512), (2, 128, 512)]
    {
        let image = EncryptedImage::new(version, bits).block_size(block).password("naïve pass");
        let file = image.build(&disk());
        let secrets = [Secret::password("first"), Secret::key([1; 16]), Secret::password("naïve pass")];
        check(&open(&file, &secrets).unwrap(), &disk());
        let opened = open(&file, &[Secret::key([9; 36]), Secret::key([9; 52]), Secret::key(image.raw_key())]);
        check(&opened.unwrap(), &disk());
        assert_eq!(why(open(&file, &[])), LockReason::NeedsSecret);
        let wrong = [
            Secret::password("naive pass"),
            Secret::password(""),
            Secret::key([9; 36]),
            Secret::key([9; 52]),
        ];
        assert_eq!(why(open(&file, &wrong)), LockReason::WrongSecret);
        let mut almost = image.raw_key();
        almost[0] ^= 1;
        assert_eq!(why(open(&file, &[Secret::key(almost)])), LockReason::WrongSecret);
    }
}

/// Sound padding does not make a password right: what stands behind the keys, or the header's code, decides.
#[test]
fn padding_is_not_enough() {
    for version in [1, 2] {
        let file = EncryptedImage::new(version, 256).unchecked_password("p").build(&disk());
        assert_eq!(why(open(&file, &[Secret::password("p")])), LockReason::WrongSecret);
    }
    // One wrong password of 256 has sound padding.
    let file = EncryptedImage::new(2, 128).password("right").build(&disk());
    for n in 0..1000 {
        assert_eq!(why(open(&file, &[Secret::password(format!("wrong {n}"))])), LockReason::WrongSecret);
    }
}

/// All key records are tried, whatever stands between them.
#[test]
fn several_records() {
    let image = EncryptedImage::new(2, 256).certificate().password("a").other(3).lost_record().password("b");
    let file = image.build(&disk());
    for password in ["a", "b"] {
        check(&open(&file, &[Secret::password(password)]).unwrap(), &disk());
    }
    assert_eq!(why(open(&file, &[Secret::password("c")])), LockReason::WrongSecret);
    let info = inspect(&file, &Limits::default()).unwrap();
    let password = Method::Password { rounds: 3 };
    let methods = [Method::Certificate, password, Method::Other(3), Method::Unreadable, password];
    let EncryptionInfo { format, key_bits, block_size, len, .. } = info;
    assert_eq!((format, key_bits, block_size, len), (Format::EncryptedV2, 256, 512, disk().len() as u64));
    assert_eq!(info.methods, methods);
}

/// Where no password can help, that is said, and what would; a raw key helps always.
#[test]
fn without_a_password() {
    let passwords = [Secret::password("p")];
    let certificate = EncryptedImage::new(2, 128).certificate();
    assert_eq!(why(open(&certificate.build(&disk()), &passwords)), LockReason::InstitutionalKey);
    assert_eq!(why(open(&EncryptedImage::new(2, 128).build(&disk()), &passwords)), LockReason::NoKey);
    let error = open(&EncryptedImage::new(2, 128).other(9).build(&disk()), &passwords).unwrap_err();
    assert!(error.class() == Class::Unsupported && error.to_string().contains("way 9"), "{error}");
    let error = open(&EncryptedImage::new(2, 128).lost_record().build(&disk()), &passwords).unwrap_err();
    assert_eq!(error.corrupt().map(|corrupt| corrupt.damage), Some(Damage::Bounds));
    let opened = open(&certificate.build(&disk()), &[Secret::key(certificate.raw_key())]);
    check(&opened.unwrap(), &disk());
}

/// Rounds and attempts have a ceiling, and what lies below it is still tried.
#[test]
fn ceilings() {
    for version in [1, 2] {
        let file = EncryptedImage::new(version, 128).rounds(u32::MAX).password("p").build(&disk());
        let error = open(&file, &[Secret::password("p")]).unwrap_err();
        assert_eq!(error.class(), Class::Limit, "{error}");
    }
    let file = EncryptedImage::new(2, 128).password("p").password("p").build(&disk());
    let limits = |attempts| {
        let mut limits = Limits::default();
        limits.unlock_attempts = attempts;
        limits
    };
    let wrong = [Secret::password("x"), Secret::password("y")];
    let open = |attempts| {
        encrypted::EncryptedImage::open(Arc::new(file.clone()), &wrong, &limits(attempts))
            .unwrap_err()
            .class()
    };
    assert_eq!((open(4), open(3), open(1)), (Class::Locked, Class::Limit, Class::Limit));
}

/// A cut file gives what is left of it, and says for the rest that it is cut.
#[test]
fn cut_files() {
    let disk = disk();
    let mut file = EncryptedImage::new(2, 128).block_size(4096).password("p").build(&disk);
    file.truncate(0x2000 + 4096 + 1000);
    let image = open(&file, &[Secret::password("p")]).unwrap();
    assert_eq!(read(&image, 0, 4096).unwrap(), &disk[..4096]);
    assert_eq!(read(&image, 4096, 992).unwrap(), &disk[4096..4096 + 992], "whole cells of a cut block");
    for (at, len) in [(4096, 993), (0, disk.len()), (8192, 1), (disk.len() as u64 - 1, 1)] {
        let error = read(&image, at, len).unwrap_err();
        assert_eq!(
            error.corrupt().map(|corrupt| corrupt.damage),
            Some(Damage::PastEnd),
            "{at} {len}: {error}"
        );
    }
}

/// Headers that make no sense are named, whatever field it is.
#[test]
fn damaged_headers() {
    let good = EncryptedImage::new(2, 128).password("p").build(&disk());
    let class = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        open(&file, &[Secret::password("p")]).map(drop).map_err(|error| error.class())
    };
    assert_eq!(class(0, b"encrcdsa"), Ok(()));
    assert_eq!(class(0, b"x"), Err(Class::Corrupt), "signature");
    assert_eq!(class(8, &[0, 0, 0, 3]), Err(Class::Unsupported), "version");
    assert_eq!(class(20, &[0, 0, 0, 1]), Err(Class::Unsupported), "cipher");
    assert_eq!(class(24, &[0, 0, 0, 192]), Err(Class::Corrupt), "key bits");
    assert_eq!(class(52, &[0, 0, 2, 1]), Err(Class::Corrupt), "block size");
    assert_eq!(class(52, &[0xFF, 0, 0, 0]), Err(Class::Corrupt), "block size");
    assert_eq!(class(56, &[0xFF; 8]), Err(Class::Limit), "data size");
    assert_eq!(class(72, &[0xFF; 4]), Err(Class::Limit), "number of keys");
    assert_eq!(class(76 + 12, &[0; 8]), Err(Class::Corrupt), "size of the record");
    let record = 76 + 20 + 36;
    assert_eq!(class(record, &[0, 0, 0, 104]), Err(Class::Unsupported), "key derivation");
    assert_eq!(class(record + 8, &[0; 4]), Err(Class::Corrupt), "no rounds");
    assert_eq!(class(record + 12, &[0, 0, 0, 33]), Err(Class::Corrupt), "salt");
    assert_eq!(class(record + 100, &[0xFF; 4]), Err(Class::Corrupt), "blob");
    for len in 0..0x2000 {
        assert!(open(&good[..len], &[Secret::password("p")]).is_err() || len > record + 104, "cut at {len}");
    }
}

/// An image in an image: encrypted around sparse, twice.
#[test]
fn nested() {
    let disk = [vec![0; 512], pattern(4096 - 512, 2)].concat();
    let (sparse, _) = SparseImage::new(4, 8).band(1, &disk[2048..]).band(0, &disk[..2048]).build();
    let inner = EncryptedImage::new(1, 128).password("inner").build(&sparse);
    let outer = EncryptedImage::new(2, 256).password("outer").build(&inner);
    let secrets = [Secret::password("inner"), Secret::password("outer")];
    let found = unwrap(Arc::new(outer), None, &secrets, &Limits::default()).unwrap();
    let formats: Vec<_> = found.layers.iter().map(|layer| layer.format).collect();
    assert_eq!(formats, [Format::EncryptedV2, Format::EncryptedV1, Format::SparseImage]);
    check(&*found.device, &disk);
}
