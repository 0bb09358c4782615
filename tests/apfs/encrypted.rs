//! Encrypted volumes that are opened: what opens them, and what is read then.

use apfs_core::apfs::{Encryption as Keys, UnlockKind, Volume};
use apfs_core::{Class, Damage, Error, Fs, FsExt, LockReason, Secret, StreamId};
use apfs_tests::build::encryption::{ICLOUD_RECOVERY, INSTITUTIONAL_RECOVERY, PERSONAL_RECOVERY};
use apfs_tests::build::records::{APFS_TYPE_FILE_EXTENT, Key, file_extent};
use apfs_tests::build::{Encryption, Image, ImageBuilder, Role, Unlock, VolumeBuilder};
use apfs_tests::listing::{list_sound, open, open_with, read};

use crate::variants::{pattern, rich};

const RECOVERY: &str = "ABCD-EFGH-IJKL-MNOP-QRST-UVWX";

pub(crate) fn password(text: &str) -> Secret {
    Secret::password(text)
}

/// A small volume under an encryption.
pub(crate) fn small(encryption: Encryption) -> Image {
    ImageBuilder::new()
        .volume(VolumeBuilder::new("Secret").file("/x", "content").encrypted(encryption))
        .build()
}

/// The first volume, for which there are these secrets.
pub(crate) fn volume(image: &Image, secrets: &[Secret]) -> Volume {
    open_with(image.bytes.clone(), secrets).unwrap().volume(0).unwrap()
}

pub(crate) fn reason(error: &Error) -> LockReason {
    match error {
        Error::Locked(locked) => {
            assert!(locked.what.contains("Secret"), "{locked}");
            locked.why
        }
        other => panic!("not locked: {other}"),
    }
}

/// Block sizes and most records of a node.
const SHAPES: [(usize, usize); 4] = [(4096, usize::MAX), (4096, 4), (16384, 5), (65536, 7)];

/// Both states of the rich volume are read as those of the same volume without encryption, in containers of any shape.
fn reads_like_plain(encryption: &Encryption, shapes: &[(usize, usize)]) {
    for &(block_size, records) in shapes {
        let build =
            |volume| ImageBuilder::new().block_size(block_size).max_records_per_node(records).volume(volume);
        let plain = open(build(rich("V")).build().bytes).unwrap().volume(0).unwrap();
        let image = build(rich("V").encrypted(encryption.clone())).build();
        let volume = volume(&image, &[password("no"), password("sesame")]);
        assert!(volume.is_locked());
        assert!(list_sound(&volume.view().unwrap()) == list_sound(&plain.view().unwrap()), "{block_size}");
        assert!(!volume.is_locked());
        let (snapshot, of_plain) = (volume.snapshot("first").unwrap(), plain.snapshot("first").unwrap());
        assert!(snapshot.uuid.is_some() && snapshot.uuid == of_plain.uuid);
        let (state, of_plain) = (volume.view_at(&snapshot).unwrap(), plain.view_at(&of_plain).unwrap());
        assert!(list_sound(&state) == list_sound(&of_plain), "{block_size}");
    }
}

/// A volume as macOS formats it: keys of 256 bits.
#[test]
fn native() {
    reads_like_plain(&Encryption::native([Unlock::disk("sesame")]), &SHAPES);
}

/// A volume converted from CoreStorage: keys of 128 bits, and tweaks that are not the block numbers.
#[test]
fn core_storage() {
    reads_like_plain(&Encryption::core_storage([Unlock::disk("sesame")]), &SHAPES);
}

/// Keybags whose entries are not aligned, and keybags that the device that wrote them has decrypted.
#[test]
fn other_keybags() {
    let disk = [Unlock::user(1, "one"), Unlock::user(2, "two"), Unlock::disk("sesame")];
    reads_like_plain(&Encryption::native(disk.clone()).with(|e| e.unaligned = true), &SHAPES[..1]);
    reads_like_plain(&Encryption::native(disk.clone()).with(|e| e.plain_keybags = true), &SHAPES[..1]);
    reads_like_plain(
        &Encryption::core_storage(disk).with(|e| (e.unaligned, e.plain_keybags) = (true, true)),
        &SHAPES[..1],
    );
}

/// What is stored is not what is read: the builder did encrypt.
#[test]
fn nothing_is_stored_in_the_clear() {
    let image = small(Encryption::native([Unlock::disk("sesame")]));
    let holds = |text: &[u8]| image.bytes.windows(text.len()).any(|window| window == text);
    assert!(holds(b"Secret"), "the name of the volume is not encrypted");
    assert!(!holds(b"content") && !holds(b"private-dir"));
}

pub(crate) fn several() -> Encryption {
    let unlocks = [
        Unlock::user(1, "first user"),
        Unlock::opaque(INSTITUTIONAL_RECOVERY),
        Unlock::user(2, "second user").with(|unlock| unlock.hardware_bound = true),
        Unlock::of(PERSONAL_RECOVERY, RECOVERY),
        Unlock::user(3, "third user")
            .with(|unlock| (unlock.rounds, unlock.claimed_rounds) = (20_000, 20_000)),
        Unlock::disk("disk password"),
        Unlock::opaque(ICLOUD_RECOVERY),
    ];
    Encryption::native(unlocks).with(|encryption| encryption.hint = Some("as always".into()))
}

/// Every user and the recovery key open the volume, and it is said who did; a hardware-bound record opens nothing.
#[test]
fn every_kind_of_password() {
    let image = small(several());
    for (secret, kind, uuid) in [
        ("first user", UnlockKind::User, Some([1; 16])),
        ("third user", UnlockKind::User, Some([3; 16])),
        (RECOVERY, UnlockKind::PersonalRecovery, None),
        ("disk password", UnlockKind::DiskPassword, None),
    ] {
        let volume = volume(&image, &[]);
        let record = volume.unlock(&password(secret)).unwrap().record.unwrap();
        assert_eq!(record.kind, kind);
        assert_eq!(record.uuid.0, uuid.unwrap_or(record.uuid.0));
        assert_eq!(read(&volume.view().unwrap(), "/x").unwrap(), b"content");
        assert_eq!(volume.unlock(&password(secret)).unwrap().record, Some(record), "it can be asked again");
    }
    for wrong in ["second user", "", "abcd-efgh-ijkl-mnop-qrst-uvwx", "first use"] {
        assert_eq!(
            reason(&volume(&image, &[]).unlock(&password(wrong)).unwrap_err()),
            LockReason::WrongSecret
        );
    }
}

/// Everything that can be said without a secret.
#[test]
fn protection() {
    let found = volume(&small(several()), &[]).protection().unwrap();
    assert_eq!((found.encryption, found.hint.unwrap().to_str().unwrap()), (Keys::VolumeKey, "as always"));
    assert_eq!((found.hardware_bound, found.from_core_storage, found.rolling), (false, false, None));
    let records: Vec<_> = found
        .records
        .iter()
        .map(|record| (record.kind, record.hardware_bound, record.rounds, record.damaged))
        .collect();
    assert_eq!(
        records,
        [
            (UnlockKind::User, false, Some(10), false),
            (UnlockKind::InstitutionalRecovery, false, None, false),
            (UnlockKind::User, true, Some(10), false),
            (UnlockKind::PersonalRecovery, false, Some(10), false),
            (UnlockKind::User, false, Some(20_000), false),
            (UnlockKind::DiskPassword, false, Some(10), false),
            (UnlockKind::ICloudRecovery, false, None, false),
        ]
    );
    let converted = volume(&small(Encryption::core_storage([])), &[]).protection().unwrap();
    assert_eq!((converted.from_core_storage, converted.records.len(), converted.hint), (true, 0, None));
    let plain = ImageBuilder::new().volume(VolumeBuilder::new("Plain")).build();
    let plain = volume(&plain, &[]);
    let found = plain.protection().unwrap();
    assert_eq!((found.encryption, found.records.len(), found.rolling), (Keys::None, 0, None));
    assert_eq!(plain.unlock(&password("x")).unwrap_err().class(), Class::Misuse);
}

/// The volume's key itself opens it, with and without usable keybags; any other key does not.
#[test]
fn raw_keys() {
    for encryption in [Encryption::native([]), Encryption::core_storage([])] {
        let key = Secret::key(encryption.key.clone());
        let image = small(encryption.clone());
        let volume = volume(&image, &[]);
        assert_eq!(volume.unlock(&key).unwrap().record, None);
        assert_eq!(read(&volume.view().unwrap(), "/x").unwrap(), b"content");
        for wrong in [0, 1, 15, 16, 31, 32, 33, 64] {
            assert!(volume.unlock(&Secret::key(vec![9; wrong])).is_err(), "{wrong}");
        }
        assert!(volume.view().is_ok(), "a wrong key locks nothing");
    }
    let encryption = Encryption::native([]);
    let key = Secret::key(encryption.key.clone());
    let mut image = small(encryption);
    for keybag in image.all(Role::Keybag).map(|place| place.block).collect::<Vec<_>>() {
        image.corrupt(keybag);
    }
    assert_eq!(read(&volume(&image, &[key]).view().unwrap(), "/x").unwrap(), b"content");
}

/// Unlocking holds for every volume of the slot that the container gives, before and after; others stay as they are.
#[test]
fn several_volumes() {
    let encrypted = |name: &str, word: &str| {
        VolumeBuilder::new(name).file("/x", name).encrypted(Encryption::native([Unlock::disk(word)]))
    };
    let builder = ImageBuilder::new()
        .volume(encrypted("Secret 0", "zero"))
        .volume(VolumeBuilder::new("Open").file("/x", "Open"));
    let builder = builder.volume(encrypted("Secret 2", "two"));
    let container = open(builder.build().bytes).unwrap();
    let before = container.volume(2).unwrap();
    assert_eq!(reason(&before.view().unwrap_err()), LockReason::NeedsSecret);
    container.volume(2).unwrap().unlock(&password("two")).unwrap();
    for volume in
        [&before, &before.clone(), &container.volume(2).unwrap(), &container.clone().volume(2).unwrap()]
    {
        assert!(!volume.is_locked());
        assert_eq!(read(&volume.view().unwrap(), "/x").unwrap(), b"Secret 2");
    }
    assert_eq!(read(&container.volume(1).unwrap().view().unwrap(), "/x").unwrap(), b"Open");
    let locked = container.volume(0).unwrap();
    assert!(locked.is_locked());
    assert_eq!(reason(&locked.view().unwrap_err()), LockReason::NeedsSecret);
    assert_eq!(reason(&locked.unlock(&password("two")).unwrap_err()), LockReason::WrongSecret);
    assert_eq!(locked.snapshots().unwrap().len(), 0, "what is not encrypted can be asked for");
}

/// One volume's nodes are never given to another one, not even where a lying map leads to them.
#[test]
fn nodes_are_kept_by_key() {
    let encrypted = |name: &str, key: u8| {
        let encryption = Encryption::native([]).with(|e| e.key = vec![key; 32]);
        VolumeBuilder::new(name).file("/x", name).encrypted(encryption)
    };
    let builder = ImageBuilder::new().max_records_per_node(6).volume(encrypted("Secret A", 1));
    let mut image = builder.volume(encrypted("Secret B", 2)).build();
    let roots = [0, 1].map(|volume| (image.volumes[volume].root_oid, image.fs_root(volume)));
    let of_b = |image: &Image, role| image.live(role).iter().find(|p| p.volume == Some(1)).unwrap().block;
    for (role, from, to) in [
        (Role::VolumeSuperblock, roots[1].0, roots[0].0),
        (Role::VolumeOmapNode, roots[1].0, roots[0].0),
        (Role::VolumeOmapNode, roots[1].1, roots[0].1),
    ] {
        let block = of_b(&image, role);
        image.edit(block, |bytes| {
            let at = bytes.windows(8).position(|window| window == from.to_le_bytes()).unwrap();
            bytes[at..at + 8].copy_from_slice(&to.to_le_bytes());
        });
    }
    let container = open(image.bytes).unwrap();
    let [a, b] = [0, 1].map(|slot| container.volume(slot).unwrap());
    a.unlock(&Secret::key([1; 32])).unwrap();
    assert_eq!(read(&a.view().unwrap(), "/x").unwrap(), b"Secret A");
    // Proved by the nodes that are still its own.
    b.unlock(&Secret::key([2; 32])).unwrap();
    let finding = b.view().unwrap_err();
    assert_eq!(finding.corrupt().unwrap().damage, Damage::Checksum, "{finding}");
    assert!(a.view().is_ok());
}

/// With the right password a damaged root is damage, not a wrong password.
#[test]
fn a_damaged_root_is_no_wrong_password() {
    let build = ImageBuilder::new().max_records_per_node(4);
    let secret = rich("Secret").encrypted(Encryption::native([Unlock::disk("sesame")]));
    let mut image = build.volume(secret).build();
    let root = image.fs_root(0);
    image.corrupt(root);
    let volume = volume(&image, &[password("sesame")]);
    let error = volume.view().unwrap_err();
    assert_eq!(error.corrupt().unwrap().place.block.unwrap().0, root);
    assert!(!volume.is_locked());
    assert_eq!(reason(&volume.unlock(&password("wrong")).unwrap_err()), LockReason::WrongSecret);
    assert!(volume.view_at(&volume.snapshot("first").unwrap()).is_ok(), "the snapshot has a root of its own");
}

/// A read may begin and end anywhere, and pass from one extent to the next.
#[test]
fn reads_at_any_offset() {
    for encryption in [Encryption::native([]), Encryption::core_storage([])] {
        let secret = Secret::key(encryption.key.clone());
        let content = pattern(30_000, 4);
        let volume = VolumeBuilder::new("Secret").fragmented("/x", &content, 1);
        let volume = volume.sparse("/holes", 40_000, &[(8192, &content[..5000])]);
        let image = ImageBuilder::new().volume(volume.encrypted(encryption)).build();
        let view = self::volume(&image, &[secret]).view().unwrap();
        let holes = [vec![0; 8192], content[..5000].to_vec(), vec![0; 40_000 - 13_192]].concat();
        for (path, content) in [("/x", &content), ("/holes", &holes)] {
            let id = view.find(path).unwrap();
            let edges =
                [0, 1, 15, 16, 511, 512, 513, 1024, 4095, 4096, 4097, 8191, 8192, 8700, 12_288, 29_999];
            for offset in edges {
                for len in [1, 15, 16, 17, 511, 512, 513, 1023, 1024, 3000, 4096, 5000, 20_000] {
                    let mut buf = vec![0xEE; len];
                    let count = view.read_at(id, &StreamId::Data, offset as u64, &mut buf).unwrap();
                    let expected = &content[offset..content.len().min(offset + len)];
                    assert!(buf[..count] == *expected, "{path} {offset} {len}");
                }
            }
        }
    }
}

/// Extents that follow one another on disk and not for the cipher are decrypted one by one.
#[test]
fn tweaks_that_do_not_join() {
    let content = pattern(5 * 4096, 9);
    let volume = VolumeBuilder::new("Secret").file("/x", &content).change(|content, _| {
        let id = content.find("/x").unwrap();
        let extents = &mut content.streams.get_mut(&id).unwrap().extents;
        let whole = extents.pop().unwrap();
        // Two blocks, one, and two, of which the first ones' tweaks would meet.
        for (logical, count, crypto_id) in [(0, 2, 700), (2, 1, 702), (3, 2, 9000)] {
            let block = whole.block + logical;
            extents.push(apfs_tests::build::Extent { logical, count, block, crypto_id, flags: 1 });
        }
    });
    let encryption = Encryption::native([]);
    let secret = Secret::key(encryption.key.clone());
    let image = ImageBuilder::new().volume(volume.encrypted(encryption)).build();
    let view = self::volume(&image, &[secret]).view().unwrap();
    assert!(read(&view, "/x").unwrap() == content);
    let id = view.find("/x").unwrap();
    let mut runs = Vec::new();
    view.extents(id, &StreamId::Data, 0, &mut runs, 10).unwrap();
    assert_eq!(runs.iter().map(|run| run.crypto_id).collect::<Vec<_>>(), [700, 702, 9000]);
}

/// On a volume with one key an extent without a key is given as stored, and one with a key of its own is refused.
#[test]
fn extents_without_the_volume_key() {
    let volume = VolumeBuilder::new("Secret").file("/plain", "a").file("/own key", "b").file("/x", "c");
    let volume = volume.change(|content, _| {
        for (path, crypto_id) in [("/plain", 0), ("/own key", 77)] {
            let id = content.find(path).unwrap();
            let block = content.streams[&id].extents[0].block;
            let key = Key::numbered(id, APFS_TYPE_FILE_EXTENT, 0);
            content.extra_records.insert(key, file_extent(4096, 0, block, crypto_id));
        }
    });
    let encryption = Encryption::native([]);
    let secret = Secret::key(encryption.key.clone());
    let image = ImageBuilder::new().volume(volume.encrypted(encryption)).build();
    let view = self::volume(&image, &[secret]).view().unwrap();
    assert_eq!(read(&view, "/plain").unwrap(), image.block(image.data_of(0, "/plain")[0].block)[..1]);
    assert_eq!(reason(&read(&view, "/own key").unwrap_err()), LockReason::PerFileKeys);
    assert_eq!(read(&view, "/x").unwrap(), b"c");
}
