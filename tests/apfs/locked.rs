//! Encrypted volumes that stay locked, or are damaged: what is said of them, and what can be read all the same.

use std::sync::{Arc, Mutex};

use apfs_core::apfs::{Container, Encryption as Keys};
use apfs_core::{Checksums, Class, Corrupt, Damage, Fs, FsExt, LockReason, Observer, OpenOptions, Secret};
use apfs_tests::build::encryption::{
    ICLOUD_RECOVERY, ICLOUD_USER, INSTITUTIONAL_RECOVERY, INSTITUTIONAL_USER, er_state,
};
use apfs_tests::build::object::{Header, OBJ_PHYSICAL};
use apfs_tests::build::{Encryption, Image, ImageBuilder, Role, Unlock, VolumeBuilder};
use apfs_tests::listing::{open_with, read, view};

use crate::encrypted::{password, reason, several, small, volume};

const FS_FLAGS: usize = 0x108;
const ER_STATE_OID: usize = 0x3d0;

/// Why a volume is locked for which there are these secrets.
fn verdict(image: &Image, secrets: &[Secret]) -> LockReason {
    let volume = volume(image, secrets);
    let why = reason(&volume.view().unwrap_err());
    assert_eq!(reason(&volume.view().unwrap_err()), why, "the second answer is the first one");
    assert!(volume.is_locked());
    why
}

/// What would help is said: a secret, another secret, the device, a certificate, an account, or nothing.
#[test]
fn verdicts() {
    let native = |unlocks: &[Unlock]| small(Encryption::native(unlocks));
    let wrong = [password("wrong"), Secret::key([7; 32])];
    let bound = |unlock: Unlock| unlock.with(|unlock| unlock.hardware_bound = true);

    let image = native(&[Unlock::disk("sesame")]);
    assert_eq!(verdict(&image, &[]), LockReason::NeedsSecret);
    assert_eq!(verdict(&image, &wrong), LockReason::WrongSecret);
    for (unlocks, why) in [
        (
            vec![bound(Unlock::user(1, "a")), Unlock::opaque(INSTITUTIONAL_RECOVERY)],
            LockReason::HardwareBound,
        ),
        (
            vec![Unlock::opaque(INSTITUTIONAL_RECOVERY), Unlock::opaque(ICLOUD_USER)],
            LockReason::InstitutionalKey,
        ),
        (vec![Unlock::of(INSTITUTIONAL_USER, "a")], LockReason::InstitutionalKey),
        (vec![Unlock::opaque(ICLOUD_RECOVERY)], LockReason::ICloudKey),
        (vec![Unlock::opaque(ICLOUD_USER)], LockReason::ICloudKey),
        (vec![], LockReason::NoKey),
    ] {
        let image = native(&unlocks);
        assert_eq!(verdict(&image, &[]), why);
        assert_eq!(verdict(&image, &wrong), why, "no secret helps");
    }
    let key_bound = small(Encryption::native([Unlock::disk("sesame")]).with(|e| e.hardware_bound = true));
    assert_eq!(verdict(&key_bound, &[password("sesame")]), LockReason::HardwareBound);
    assert!(volume(&key_bound, &[]).protection().unwrap().hardware_bound);
    let keyless = small(Encryption::native([Unlock::disk("sesame")]).with(|e| e.keyless = true));
    assert_eq!(verdict(&keyless, &[password("sesame")]), LockReason::NoKey);
    let no_keybag = VolumeBuilder::new("Secret").encrypted_flag();
    assert_eq!(verdict(&ImageBuilder::new().volume(no_keybag).build(), &wrong), LockReason::NoKey);
}

/// The error for the right password where the volume does not fit to its key.
fn damage(image: &Image, checksums: Checksums) -> Corrupt {
    let options = OpenOptions { checksums, secrets: vec![password("sesame")], ..OpenOptions::default() };
    let container = Container::open(Arc::new(image.bytes.clone()), options).unwrap();
    let error = container.volume(0).unwrap().view().unwrap_err();
    error.corrupt().unwrap_or_else(|| panic!("{error}")).clone()
}

/// A password that passes every check of the keybag and decrypts nothing is the right one of a damaged volume, whatever
/// is done with checksums; a raw key that does is a wrong one.
#[test]
fn passes_the_padding_check() {
    for encryption in
        [Encryption::native([Unlock::disk("sesame")]), Encryption::core_storage([Unlock::disk("sesame")])]
    {
        let other: Vec<u8> = encryption.key.iter().map(|byte| byte ^ 1).collect();
        let image = small(encryption.with(|e| e.foreign_key = Some(other)));
        for checksums in [Checksums::Require, Checksums::Report, Checksums::Ignore] {
            let found = damage(&image, checksums);
            assert_eq!((found.damage, found.place.field), (Damage::Checksum, "apfs_root_tree_oid"));
        }
        assert_eq!(verdict(&image, &[password("wrong"), Secret::key([7; 32])]), LockReason::WrongSecret);
    }
}

/// Of a small volume the root may be all that proves a key: that it is damaged does not make the password a wrong one.
#[test]
fn damaged_root() {
    let sound = small(Encryption::native([Unlock::disk("sesame")]));
    let root = sound.fs_root(0);
    let mut image = sound.clone();
    image.corrupt(root);
    assert_eq!(damage(&image, Checksums::Require).damage, Damage::Checksum);
    assert_eq!(verdict(&image, &[password("wrong")]), LockReason::WrongSecret);

    // A root that lies outside: other objects still tell a right key from a wrong one.
    let volume_of = VolumeBuilder::new("Secret").file("/x", "content");
    let volume_of = volume_of.encrypted(Encryption::native([Unlock::disk("sesame")]));
    let mut image = ImageBuilder::new().max_records_per_node(4).volume(volume_of).build();
    let (root, map) = (image.fs_root(0).to_le_bytes(), image.block_of(Role::VolumeOmapNode));
    image.edit(map, |bytes| {
        let at = bytes.windows(8).rposition(|window| window == root).unwrap();
        bytes[at..at + 8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    });
    assert_eq!(verdict(&image, &[Secret::key([7; 32])]), LockReason::WrongSecret);
    let volume = volume(&image, &[]);
    assert_eq!(reason(&volume.unlock(&Secret::key([7; 32])).unwrap_err()), LockReason::WrongSecret);
    assert!(volume.unlock(&password("sesame")).is_ok());
    assert_eq!(volume.view().unwrap_err().corrupt().unwrap().damage, Damage::PastEnd);
}

/// Secrets are tried in order, at most so many times.
#[test]
fn attempts_are_limited() {
    let image = small(several());
    let open = |attempts, words: &[&str]| {
        let mut options = OpenOptions::default();
        options.limits.unlock_attempts = attempts;
        options.secrets = words.iter().map(|word| password(word)).collect();
        Container::open(Arc::new(image.bytes.clone()), options).unwrap().volume(0).unwrap().view()
    };
    // Four records take a password.
    assert!(open(4, &["disk password"]).is_ok());
    assert_eq!(open(3, &["disk password"]).unwrap_err().class(), Class::Limit);
    assert!(open(5, &["wrong", "first user"]).is_ok());
    assert_eq!(open(4, &["wrong", "first user"]).unwrap_err().class(), Class::Limit);
    assert_eq!(reason(&open(8, &["wrong", "also"]).unwrap_err()), LockReason::WrongSecret);
}

/// A record that asks for absurd key derivation is refused at once; another one still opens the volume.
#[test]
fn absurd_rounds() {
    let absurd = Unlock::user(1, "slow").with(|unlock| unlock.claimed_rounds = u64::from(u32::MAX));
    let image = small(Encryption::native([absurd.clone()]));
    let error = volume(&image, &[password("slow")]).view().unwrap_err();
    assert_eq!(error.class(), Class::Limit, "{error}");
    assert_eq!(verdict(&image, &[]), LockReason::NeedsSecret);
    assert_eq!(volume(&image, &[]).protection().unwrap().records[0].rounds, Some(u32::MAX));
    let image = small(Encryption::native([absurd, Unlock::user(2, "fast")]));
    assert!(volume(&image, &[password("fast")]).view().is_ok());
    // Many records that each ask for what is allowed take no longer together.
    let users = (1..=3).map(|number| Unlock::user(number, "slow").with(|unlock| unlock.claimed_rounds = 400));
    let image = small(Encryption::native(users.chain([Unlock::user(4, "fast")]).collect::<Vec<_>>()));
    let open = |most, word| {
        let mut options = OpenOptions::default();
        options.limits.kdf_rounds = most;
        options.secrets = vec![password(word)];
        Container::open(Arc::new(image.bytes.clone()), options).unwrap().volume(0).unwrap().view()
    };
    assert_eq!(open(1200, "wrong").unwrap_err().class(), Class::Limit);
    assert_eq!(reason(&open(1210, "wrong").unwrap_err()), LockReason::WrongSecret);
    assert!(open(810, "fast").is_ok());
    for claimed in [0, 1 << 32, u64::MAX] {
        let impossible = Unlock::user(1, "x").with(|unlock| unlock.claimed_rounds = claimed);
        let error = volume(&small(Encryption::native([impossible])), &[password("x")]).view().unwrap_err();
        assert_eq!(error.corrupt().unwrap().damage, Damage::Range, "{claimed}");
    }
}

/// Damage that leaves nothing to try a key on is damage, not a wrong password.
#[test]
fn damaged_object_map() {
    let mut image = small(Encryption::native([Unlock::disk("sesame")]));
    let block = image.block_of(Role::VolumeOmapNode);
    image.corrupt(block);
    let volume = volume(&image, &[password("sesame")]);
    assert_eq!(volume.view().unwrap_err().corrupt().unwrap().place.block.unwrap().0, block);
    let build = ImageBuilder::new().max_records_per_node(2);
    let secret = VolumeBuilder::new("Secret").file("/x", "content");
    let mut image = build.volume(secret.encrypted(Encryption::native([Unlock::disk("sesame")]))).build();
    let leaves: Vec<u64> =
        image.live(Role::VolumeOmapNode).iter().filter(|p| p.level == 0).map(|p| p.block).collect();
    assert!(leaves.len() > 2);
    for leaf in leaves {
        image.corrupt(leaf);
    }
    let volume = self::volume(&image, &[password("sesame")]);
    assert_eq!(volume.view().unwrap_err().corrupt().unwrap().damage, Damage::Checksum);
}

#[derive(Default)]
struct Findings(Mutex<Vec<Corrupt>>);

impl Observer for Findings {
    fn finding(&self, finding: &Corrupt) {
        self.0.lock().unwrap().push(finding.clone());
    }
}

/// A damaged keybag is damage of its volume, with its place; others are read, and so is what needs no key.
#[test]
fn damaged_keybags() {
    let secret = VolumeBuilder::new("Secret").file("/x", "a").snapshot("s");
    let secret = secret.encrypted(Encryption::native([Unlock::disk("sesame")]));
    let builder = ImageBuilder::new().volume(secret).volume(VolumeBuilder::new("Open").file("/x", "Open"));
    let sound = builder.build();
    for index in 0..2 {
        let mut image = sound.clone();
        let block = image.all(Role::Keybag).nth(index).unwrap().block;
        image.corrupt(block);
        let container = open_with(image.bytes, &[password("sesame")]).unwrap();
        let volume = container.volume(0).unwrap();
        for error in [volume.view().unwrap_err(), volume.protection().unwrap_err()] {
            let finding = error.corrupt().unwrap_or_else(|| panic!("{error}"));
            assert_eq!((finding.damage, finding.place.block.unwrap().0), (Damage::Checksum, block));
        }
        assert_eq!(volume.snapshots().unwrap()[0].uuid, None);
        assert_eq!(read(&container.volume(1).unwrap().view().unwrap(), "/x").unwrap(), b"Open");
    }
}

/// A changed record is damage if it is the only one, and costs nothing more than itself if it is not.
#[test]
fn damaged_records() {
    let broken = Unlock::user(1, "one").with(|unlock| unlock.broken = true);
    let image = small(Encryption::native([broken.clone()]));
    for secrets in [vec![], vec![password("one")]] {
        let error = volume(&image, &secrets).view().unwrap_err();
        assert_eq!(error.corrupt().unwrap().damage, Damage::Checksum, "{error}");
    }
    let image = small(Encryption::native([broken, Unlock::user(2, "two")]));
    let findings = Arc::new(Findings::default());
    let options = OpenOptions { observer: Some(findings.clone()), ..OpenOptions::default() };
    let volume = Container::open(Arc::new(image.bytes), options).unwrap().volume(0).unwrap();
    let damaged: Vec<_> = volume.protection().unwrap().records.iter().map(|record| record.damaged).collect();
    assert_eq!(damaged, [true, false]);
    assert_eq!(findings.0.lock().unwrap()[0].place.field, "hmac");
    assert!(volume.unlock(&password("two")).is_ok());

    let image = small(Encryption::native([Unlock::disk("sesame")]).with(|e| e.broken = true));
    let error = self::volume(&image, &[password("sesame")]).view().unwrap_err();
    assert_eq!(error.corrupt().unwrap().place.field, "hmac");
}

/// Changes flags of the live superblock.
fn set_flags(image: &mut Image, flags: u64) {
    let block = image.block_of(Role::VolumeSuperblock);
    image.edit(block, |bytes| bytes[FS_FLAGS..FS_FLAGS + 8].copy_from_slice(&flags.to_le_bytes()));
}

/// A key for every file: names are read where they are not encrypted, content never is; elsewhere nothing.
#[test]
fn file_keys() {
    let with_key = |content: &mut apfs_tests::build::content::Content| {
        let id = content.find("/x").unwrap();
        content.streams.get_mut(&id).unwrap().extents[0].crypto_id = 19;
    };
    let volume =
        VolumeBuilder::new("Secret").file("/x", "ciphertext").file("/none", "plain").symlink("/l", "x");
    let mut image = ImageBuilder::new().volume(volume.change(move |content, _| with_key(content))).build();
    for flags in [0, 0x100] {
        set_flags(&mut image, flags);
        let volume = self::volume(&image, &[password("any")]);
        assert!(volume.is_locked());
        assert_eq!(volume.protection().unwrap().encryption, Keys::FileKeys);
        assert_eq!(reason(&volume.unlock(&password("any")).unwrap_err()), LockReason::PerFileKeys);
        let view = volume.view().unwrap();
        assert_eq!(reason(&read(&view, "/x").unwrap_err()), LockReason::PerFileKeys);
        assert_eq!(read(&view, "/none").unwrap(), b"plain");
        assert_eq!(view.read_link(view.find_no_follow("/l").unwrap()).unwrap().as_bytes(), b"x");
    }
    let mut image = small(Encryption::native([Unlock::disk("sesame")]));
    set_flags(&mut image, 0x100);
    let volume = self::volume(&image, &[password("sesame")]);
    assert_eq!(reason(&volume.view().unwrap_err()), LockReason::PerFileKeys);
    let found = volume.protection().unwrap();
    assert_eq!((found.encryption, found.records.len()), (Keys::FileKeys, 1));
    for keybag in image.all(Role::Keybag).map(|place| place.block).collect::<Vec<_>>() {
        image.corrupt(keybag);
    }
    let volume = self::volume(&image, &[]);
    assert_eq!(reason(&volume.view().unwrap_err()), LockReason::PerFileKeys, "keybags do not matter");
    assert_eq!(volume.protection().unwrap().records.len(), 0);
}

/// Extents of a sealed volume do not say how they are encrypted: their data is refused, the rest is read.
#[test]
fn sealed_and_encrypted() {
    let mut image =
        ImageBuilder::new().volume(VolumeBuilder::new("Secret").file("/x", "content").sealed()).build();
    set_flags(&mut image, 0x100);
    let view = view(image.bytes);
    assert_eq!(view.stat(view.find("/x").unwrap()).unwrap().size, 7);
    assert_eq!(read(&view, "/x").unwrap_err().class(), Class::Unsupported);
}

/// Puts the state of a running change of encryption into free space at the end.
fn rolling(image: &mut Image, state: &[u8]) {
    const ER_STATE: u32 = 0x18;
    let block = (image.bytes.len() / image.block_size) as u64 - 1;
    let xid = image.newest().xid;
    image.block_mut(block).copy_from_slice(state);
    let header = Header { o_oid: block, o_xid: xid, o_type: OBJ_PHYSICAL | ER_STATE, o_subtype: 0 };
    header.stamp(image.block_mut(block));
    let superblock = image.block_of(Role::VolumeSuperblock);
    image.edit(superblock, |bytes| {
        bytes[ER_STATE_OID..ER_STATE_OID + 8].copy_from_slice(&block.to_le_bytes());
    });
}

/// A volume whose encryption is being changed says how far it is, and by force shows names, never content.
#[test]
fn rolling_in_progress() {
    let secrets = [password("sesame")];
    for (version, done, total, percent) in [
        (1, 25, 100, Some(25)),
        (2, 1, 3, Some(33)),
        (2, u64::MAX, 3, Some(100)),
        (2, 5, 0, None),
        (3, 1, 2, None),
    ] {
        let mut image = small(Encryption::native([Unlock::disk("sesame")]));
        rolling(&mut image, &er_state(version, done, total, 4096));
        let volume = volume(&image, &secrets);
        let why = LockReason::Converting(percent);
        assert_eq!(reason(&volume.view().unwrap_err()), why, "{version} {done} {total}");
        let found = volume.protection().unwrap().rolling.unwrap();
        assert_eq!((found.percent, found.flags), (percent, u64::from(version < 3)));

        let options = OpenOptions { secrets: secrets.to_vec(), force: true, ..OpenOptions::default() };
        let view =
            Container::open(Arc::new(image.bytes), options).unwrap().volume(0).unwrap().view().unwrap();
        assert_eq!(view.stat(view.find("/x").unwrap()).unwrap().size, 7);
        assert_eq!(reason(&read(&view, "/x").unwrap_err()), why);
    }
    // The state of a plain volume that is being encrypted, and one that is not there.
    let mut image = ImageBuilder::new().volume(VolumeBuilder::new("Secret").file("/x", "a")).build();
    rolling(&mut image, &er_state(2, 9, 10, 4096));
    assert_eq!(reason(&volume(&image, &[]).view().unwrap_err()), LockReason::Converting(Some(90)));
    let last = (image.bytes.len() / image.block_size) as u64 - 1;
    image.corrupt(last);
    assert_eq!(reason(&volume(&image, &[]).view().unwrap_err()), LockReason::Converting(None));
}
