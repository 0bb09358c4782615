//! CoreStorage groups: every layout and every key, and everything that is wrong with one.

use std::sync::{Arc, Mutex};

use apfs_core::corestorage::family::Change;
use apfs_core::corestorage::{Encryption, Group, LogicalVolume, PhysicalVolume, UserKind};
use apfs_core::image::probe::Content;
use apfs_core::{
    Class, Corrupt, Damage, Disk, Error, FsExt, LockReason, Observer, OpenOptions, ReadAt, Result, Secret,
    Uuid, hfsplus,
};
use apfs_tests::build::Gpt;
use apfs_tests::build::corestorage::{BLOCK, Built, CoreStorage, METADATA_BLOCK, PARTITION_TYPE, VOLUME_KEY};

use apfs_tests::hfs_volumes;
use apfs_tests::listing::walked;

use super::shared::{check, pattern, read};

const RECOVERY: &str = "35AJ-AC98-TI1H-N4M3-HDUQ-UQFG";

/// What stands on a volume: something with the header of an HFS+ volume, and runs of equal bytes as volumes have them.
/// The last block is not whole.
fn content() -> Vec<u8> {
    let mut content = pattern(40 * BLOCK + 1024, 3);
    content[1024..1028].copy_from_slice(b"H+\0\x04");
    for sector in content.chunks_mut(512).skip(1).step_by(2) {
        sector[100..150].fill(7);
    }
    content
}

fn encrypted() -> CoreStorage {
    CoreStorage::new(&content()).password("first", "the 1st").recovery_key(RECOVERY).password("naïve", "")
}

fn devices(built: &Built) -> Vec<Arc<dyn ReadAt>> {
    built.pvs.iter().map(|pv| -> Arc<dyn ReadAt> { Arc::new(pv.clone()) }).collect()
}

fn options(secrets: &[Secret]) -> OpenOptions {
    OpenOptions { secrets: secrets.to_vec(), ..OpenOptions::default() }
}

fn open(built: &Built, secrets: &[Secret]) -> Result<Group> {
    Group::open(devices(built), &options(secrets))
}

/// The only volume of a group.
fn only(group: &Group) -> LogicalVolume {
    let [volume] = group.logical_volumes() else { panic!("{group:?}") };
    volume.clone()
}

fn why<T>(result: Result<T>) -> LockReason {
    match result.map(drop) {
        Err(Error::Locked(locked)) => locked.why,
        other => panic!("{other:?} is not locked"),
    }
}

fn damages(findings: &[Corrupt]) -> Vec<Damage> {
    findings.iter().map(|finding| finding.damage).collect()
}

/// Whatever the layout is, the volume is what was put in, and nothing is wrong with it.
#[test]
fn layouts() {
    let plain = CoreStorage::new(&content());
    for (name, storage) in [
        ("plain", plain.clone()),
        ("in pieces", plain.clone().spread(1, 7)),
        ("on two", plain.clone().spread(2, 7)),
        ("on three", plain.clone().spread(3, 1)),
        ("compressed", plain.clone().compressed(0)),
        ("relative", plain.clone().relative()),
        ("relative, on two", plain.relative().spread(2, 5)),
        ("encrypted", encrypted()),
        ("encrypted, on two", encrypted().spread(2, 3)),
        ("encrypted, compressed", encrypted().compressed(0)),
        ("encrypted, in several blocks", encrypted().compressed(30_000)),
        ("encrypted, relative", encrypted().relative().spread(1, 9)),
    ] {
        let built = storage.build();
        let group = open(&built, &[Secret::password("naïve")]).unwrap();
        assert_eq!(group.findings(), [], "{name}");
        let volume = only(&group);
        assert_eq!((volume.findings(), volume.name()), (&[][..], "Volume"), "{name}");
        assert!(volume.is_open(), "{name}");
        check(&volume.device().unwrap(), &content());
        let mut numbers: Vec<_> = (0..built.pvs.len()).collect();
        assert_eq!(volume.physical_volumes(), numbers, "{name}");
        // Physical volumes are told by what they say, not by their order.
        numbers.reverse();
        let reversed = numbers.iter().map(|n| PhysicalVolume::open(Arc::new(built.pvs[*n].clone())).unwrap());
        let group = Group::of(reversed.collect(), &options(&[Secret::password("naïve")])).unwrap();
        check(&only(&group).device().unwrap(), &content());
    }
}

/// What a group says of itself, its volume and its users.
#[test]
fn facts() {
    let group = open(&encrypted().institution().icloud().spread(2, 7).build(), &[]).unwrap();
    assert_eq!(group.to_string(), "Group of the builder (2 physical volumes, 1 logical volume)");
    let ids: Vec<Uuid> = group.physical_volumes().iter().map(PhysicalVolume::uuid).collect();
    assert_eq!(ids, [0, 1].map(|n| Uuid::from_text(&Built::pv_uuid(n)).unwrap()));
    let volume = only(&group);
    assert_eq!((volume.len(), volume.content_hint()), (content().len() as u64, "Apple_HFS"));
    assert_eq!(volume.encryption(), Encryption::Encrypted);
    assert_eq!(volume.to_string(), format!("logical volume Volume ({} bytes, FileVault 2)", content().len()));
    let users: Vec<_> = volume.users().map(|user| (user.kind, user.hint.as_str(), user.rounds)).collect();
    assert_eq!(
        users,
        [
            (UserKind::Password, "the 1st", Some(7)),
            (UserKind::PersonalRecovery, "", Some(7)),
            (UserKind::Password, "", Some(7)),
            (UserKind::InstitutionalRecovery, "", None),
            (UserKind::ICloudUser, "", None),
        ]
    );
    assert_eq!(volume.users().next().unwrap().name, "the 1st", "a name that refers to the hint");
    let plain = only(&open(&CoreStorage::new(&content()).build(), &[]).unwrap());
    assert_eq!((plain.encryption(), plain.users().count()), (Encryption::None, 0));
    assert_eq!(plain.unlock(&Secret::password("p")).unwrap_err().class(), Class::Misuse);
}

/// Every kind of key opens the volume; it says whose it was, and stays open. A recovery key may be typed in any form.
#[test]
fn keys() {
    let built = encrypted().build();
    let group = open(&built, &[]).unwrap();
    let volume = only(&group);
    assert_eq!(why(volume.device()), LockReason::NeedsSecret);
    for wrong in [Secret::password("First"), Secret::password(""), Secret::key([7; 16]), Secret::key([7; 3])]
    {
        assert_eq!(why(volume.unlock(&wrong)), LockReason::WrongSecret, "{wrong:?}");
    }
    assert_eq!(volume.unlock(&Secret::key_file([7; 99])).unwrap_err().class(), Class::Misuse);
    assert!(!volume.is_open());
    let unlocked = volume.unlock(&Secret::password("first")).unwrap();
    assert_eq!(unlocked.user.unwrap().hint, "the 1st");
    check(&only(&group).device().unwrap(), &content());
    for recovery in
        [RECOVERY.to_owned(), RECOVERY.replace('-', ""), RECOVERY.replace('-', " ").to_lowercase()]
    {
        let volume = only(&open(&built, &[]).unwrap());
        let unlocked = volume.unlock(&Secret::password(recovery.as_str())).unwrap();
        assert_eq!(unlocked.user.unwrap().kind, UserKind::PersonalRecovery, "{recovery}");
        check(&volume.device().unwrap(), &content());
    }
    let volume = only(&open(&built, &[Secret::password("x"), Secret::key(VOLUME_KEY)]).unwrap());
    check(&volume.device().unwrap(), &content());
    assert_eq!(volume.unlock(&Secret::key(VOLUME_KEY)).unwrap().user, None);
    let volume = only(&open(&built, &[Secret::password("x")]).unwrap());
    assert_eq!(why(volume.device()), LockReason::WrongSecret);
    volume.unlock(&Secret::password("naïve")).unwrap();
    check(&volume.device().unwrap(), &content());
}

/// Where no password can help, that is said, and what would.
#[test]
fn without_a_password() {
    let locked = |storage: CoreStorage| {
        let volume = only(&open(&storage.build(), &[Secret::password("p")]).unwrap());
        let raw = volume.unlock(&Secret::key(VOLUME_KEY));
        assert!(raw.is_ok(), "the key itself opens it: {raw:?}");
        why(volume.clone().unlock(&Secret::password("p")))
    };
    let none = || CoreStorage::new(&content());
    assert_eq!(locked(none().institution()), LockReason::InstitutionalKey);
    assert_eq!(locked(none().icloud()), LockReason::ICloudKey);
    assert_eq!(locked(none().icloud().institution()), LockReason::InstitutionalKey);
    assert_eq!(locked(none().institution().password("other", "")), LockReason::WrongSecret);
}

/// Startup disks keep users and keys in a file, which opens nothing without a password.
#[test]
fn key_file() {
    let storage = encrypted().wiped();
    let built = storage.build();
    let file = Secret::key_file(built.key_file.clone());
    let volume = only(&open(&built, &[Secret::password("naïve")]).unwrap());
    assert_eq!((volume.encryption(), volume.users().count()), (Encryption::Encrypted, 0));
    assert_eq!(why(volume.device()), LockReason::NeedsKeyFile);
    let volume = only(&open(&built, std::slice::from_ref(&file)).unwrap());
    assert_eq!((volume.encryption(), volume.users().count()), (Encryption::Encrypted, 3));
    assert_eq!(why(volume.device()), LockReason::NeedsSecret);
    volume.unlock(&Secret::password(RECOVERY)).unwrap();
    check(&volume.device().unwrap(), &content());
    let volume = only(&open(&built, &[Secret::password("naïve"), file.clone()]).unwrap());
    check(&volume.device().unwrap(), &content());
    let mut other = built.key_file.clone();
    other[40] ^= 1;
    let volume = only(&open(&built, &[Secret::key_file(other), Secret::password("naïve")]).unwrap());
    assert_eq!(why(volume.device()), LockReason::NeedsKeyFile);
    // Any of several files may be the one.
    let secrets = [Secret::key_file([1; 500]), file, Secret::password("naïve")];
    check(&only(&open(&built, &secrets).unwrap()).device().unwrap(), &content());
    let volume = only(&open(&built, &[Secret::key(VOLUME_KEY)]).unwrap());
    check(&volume.device().unwrap(), &content());
}

/// Rounds and attempts have a ceiling, and what lies below it is still tried.
#[test]
fn ceilings() {
    let attempt = |built: &Built, change: fn(&mut OpenOptions)| {
        let mut options = options(&[Secret::password("wrong"), Secret::password("naïve")]);
        change(&mut options);
        only(&Group::open(devices(built), &options).unwrap())
            .device()
            .map(drop)
            .map_err(|error| error.class())
    };
    let built = encrypted().build();
    assert_eq!(attempt(&built, |_| ()), Ok(()));
    assert_eq!(attempt(&built, |options| options.limits.unlock_attempts = 6), Ok(()));
    assert_eq!(attempt(&built, |options| options.limits.unlock_attempts = 5), Err(Class::Limit));
    assert_eq!(attempt(&built, |options| options.limits.kdf_rounds = 21), Ok(()));
    assert_eq!(attempt(&built, |options| options.limits.kdf_rounds = 20), Err(Class::Limit));
    assert_eq!(attempt(&encrypted().claimed_rounds(u32::MAX).build(), |_| ()), Err(Class::Limit));
    let volume = only(&open(&encrypted().claimed_rounds(0).build(), &[Secret::password("naïve")]).unwrap());
    assert!(volume.users().all(|user| user.damaged && user.rounds.is_none()));
    assert_eq!(why(volume.device()), LockReason::NoKey);
    for change in [
        (|options: &mut OpenOptions| options.limits.image_table_bytes = 1000) as fn(&mut OpenOptions),
        |options| options.limits.image_bytes = 1000,
    ] {
        let mut options = OpenOptions::default();
        change(&mut options);
        assert_eq!(Group::open(devices(&built), &options).unwrap_err().class(), Class::Limit);
    }
}

/// While encryption is being changed, every extent is read as it is stored. What can't be told is not handed out.
#[test]
fn conversions() {
    for (status, change, word) in [
        ("Converting", Change::Encrypting, "encrypting"),
        ("Pending", Change::Pending, "pending"),
        ("Paused", Change::Other, "converting"),
    ] {
        let storage = encrypted().spread(1, 10).status(status, &[2, 4]);
        let volume = only(&open(&storage.build(), &[]).unwrap());
        assert_eq!(volume.encryption(), Encryption::Converting(change));
        assert_eq!(volume.encryption().word(), word);
        assert_eq!(why(volume.device()), LockReason::NeedsSecret);
        assert_eq!(why(volume.unlock(&Secret::password("wrong"))), LockReason::WrongSecret);
        assert_eq!(why(volume.unlock(&Secret::key([9; 16]))), LockReason::WrongSecret);
        volume.unlock(&Secret::password("first")).unwrap();
        check(&volume.device().unwrap(), &content());
        let conversion = volume.conversion().unwrap().unwrap();
        assert_eq!((conversion.plain, conversion.encrypted), (10 * 4096 + 1024, 30 * 4096));
    }
    // Nothing is encrypted yet, or no longer: no key is needed.
    for status in ["Pending", "Converting"] {
        let storage = encrypted().spread(1, 10).status(status, &[0, 1, 2, 3, 4]);
        check(&only(&open(&storage.build(), &[]).unwrap()).device().unwrap(), &content());
    }
    // An extent of noise may be either.
    let mut unclear = content();
    unclear[20 * BLOCK..30 * BLOCK].copy_from_slice(&pattern(10 * BLOCK, 9));
    let storage = CoreStorage::new(&unclear).password("p", "").spread(1, 10).status("Converting", &[2]);
    let volume = only(&open(&storage.build(), &[Secret::password("p")]).unwrap());
    let device = volume.device().unwrap();
    assert!(read(&device, 0, 20 * BLOCK).unwrap() == unclear[..20 * BLOCK]);
    assert_eq!(why(read(&device, 20 * BLOCK as u64 - 1, 2)), LockReason::Converting(None));
    assert!(read(&device, 30 * BLOCK as u64, 100).unwrap() == unclear[30 * BLOCK..30 * BLOCK + 100]);
    let conversion = volume.conversion().unwrap().unwrap();
    assert_eq!((conversion.plain, conversion.unknown), (0, 10 * 4096));
}

/// The right password of a volume whose data are not what the key decrypts is not called wrong, and no bytes are given.
#[test]
fn nothing_known() {
    let storage = CoreStorage::new(&pattern(40 * BLOCK, 1)).password("p", "");
    let volume = only(&open(&storage.build(), &[Secret::password("p")]).unwrap());
    let error = error_of(volume.device());
    assert!(error.contains("no file system that the key decrypts, though the password is right"), "{error}");
    // A volume that is not encrypted may hold anything.
    let plain = pattern(40 * BLOCK, 1);
    check(&only(&open(&CoreStorage::new(&plain).build(), &[]).unwrap()).device().unwrap(), &plain);
}

fn error_of<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("no error"),
        Err(error) => error.to_string(),
    }
}

/// Either header serves, whichever byte of the other is changed.
#[test]
fn headers() {
    let built = CoreStorage::new(&content()).build();
    let end = built.pvs[0].len() - 512;
    for (start, what) in [(0, "first"), (end, "last")] {
        for at in (0..512).step_by(5) {
            let mut pv = built.pvs[0].clone();
            pv[start + at] ^= 0x20;
            let volume = PhysicalVolume::open(Arc::new(pv.clone())).unwrap();
            assert_eq!(volume.findings().len(), 1, "{what} {at}");
            let group = Group::of(vec![volume], &OpenOptions::default()).unwrap();
            assert_eq!(group.findings().len(), 1, "{what} {at}");
            check(&only(&group).device().unwrap(), &content());
        }
    }
    let mut pv = built.pvs[0].clone();
    (pv[88], pv[end + 88]) = (b'X', b'Y');
    let error = PhysicalVolume::open(Arc::new(pv)).unwrap_err();
    assert_eq!(error.corrupt().map(|corrupt| corrupt.damage), Some(Damage::Magic), "{error}");
    for len in [0, 1, 511, 512, 4096] {
        let pv = built.pvs[0][..len].to_vec();
        let opened = PhysicalVolume::open(Arc::new(pv));
        assert_eq!(opened.is_ok(), len >= 512, "{len}");
    }
}

/// The newest label counts, an older one serves in its place, and without any there is no group.
#[test]
fn labels() {
    let built = CoreStorage::new(&content()).build();
    let broken = |numbers: &[usize]| {
        let mut built = built.clone();
        for number in numbers {
            let start = built.labels[*number].start;
            built.pvs[0][start + 100] ^= 1;
        }
        open(&built, &[])
    };
    for numbers in [&[0][..], &[1, 2], &[0, 1, 3]] {
        let group = broken(numbers).unwrap();
        assert_eq!(damages(group.findings()), vec![Damage::Checksum; numbers.len()]);
        check(&only(&group).device().unwrap(), &content());
    }
    let error = broken(&[0, 1, 2, 3]).unwrap_err();
    assert_eq!(error.corrupt().map(|corrupt| corrupt.damage), Some(Damage::Checksum), "{error}");
    // What a checksum does not cover: where the newest label says that the metadata lie.
    let mut moved = built.clone();
    let descriptor = moved.labels[0].start + METADATA_BLOCK;
    moved.pvs[0][descriptor + 32] ^= 0x10;
    moved.pvs[0][descriptor + 40] ^= 0x10;
    let group = open(&moved, &[]).unwrap();
    assert!(!group.findings().is_empty());
    check(&only(&group).device().unwrap(), &content());
}

/// Blocks that one copy of the metadata lacks come from the other; those that both lack are an older state, and that is
/// said.
#[test]
fn metadata() {
    let built = encrypted().build();
    let secrets = [Secret::password("naïve")];
    for copy in 0..2 {
        for number in 0..built.metadata_blocks.len() {
            let mut built = built.clone();
            let start = built.metadata[copy].start + number * METADATA_BLOCK;
            built.pvs[0][start + 1000] ^= 1;
            let group = open(&built, &secrets).unwrap();
            assert_eq!(damages(group.findings()), [Damage::Checksum], "copy {copy}, block {number}");
            check(&only(&group).device().unwrap(), &content());
        }
        let mut built = built.clone();
        built.pvs[0][built.metadata[copy].clone()].fill(0);
        let group = open(&built, &secrets).unwrap();
        assert_eq!(damages(group.findings()), [Damage::Checksum]);
        check(&only(&group).device().unwrap(), &content());
    }
    let lost = |number: usize| {
        let mut built = built.clone();
        for copy in built.metadata.clone() {
            built.pvs[0][copy.start + number * METADATA_BLOCK + 1000] ^= 1;
        }
        open(&built, &secrets)
    };
    // The last transaction's block of the volume: the sixth object of nine.
    let group = lost(built.metadata_blocks.len() - 4).unwrap();
    assert_eq!(damages(group.findings()), [Damage::Missing], "{:?}", group.findings());
    assert_eq!(only(&group).name(), "Old name");
    let mut nothing = built.clone();
    built.metadata.iter().for_each(|copy| nothing.pvs[0][copy.clone()].fill(0x55));
    assert_eq!(open(&nothing, &secrets).unwrap_err().class(), Class::Corrupt);
}

/// A group of which a physical volume is missing names it.
#[test]
fn missing_volume() {
    let built = CoreStorage::new(&content()).spread(3, 4).build();
    for missing in 0..3 {
        let mut devices = devices(&built);
        devices.remove(missing);
        let error = Group::open(devices, &OpenOptions::default()).unwrap_err();
        assert_eq!(error.class(), Class::NotFound);
        let text = error.to_string();
        assert!(
            text.contains(&Built::pv_uuid(missing)) && text.contains("has 3, of which 2 are here"),
            "{text}"
        );
    }
    assert_eq!(Group::open(Vec::new(), &OpenOptions::default()).unwrap_err().class(), Class::Misuse);
    let mut twice = devices(&built);
    twice.push(twice[0].clone());
    assert_eq!(Group::open(twice, &OpenOptions::default()).unwrap_err().class(), Class::Corrupt);
}

/// Entries of the map that overlap are refused; one that leads nowhere costs only its own bytes.
#[test]
fn maps() {
    let map = |at: usize, bytes: &[u8]| {
        let built = CoreStorage::new(&content()).spread(1, 10).change_map(at, bytes).build();
        only(&open(&built, &[]).unwrap())
    };
    let entry = |number: usize, field: usize| 8 + number * 40 + field;
    let volume = map(entry(1, 8), &[9]);
    assert_eq!(damages(volume.findings()), [Damage::Overlap]);
    let error = error_of(volume.device());
    assert!(error.contains("address map at byte 36864: extents overlap"), "{error}");
    for (field, bytes, damage) in [
        (32, &[0xFF, 0xFF][..], Damage::PastEnd),
        (32, &[0, 0, 0, 0, 0, 0, 1], Damage::Bounds),
        (16, &[0, 0, 0, 0], Damage::Range),
        (15, &[0xFF], Damage::Range),
    ] {
        let volume = map(entry(2, field), bytes);
        assert_eq!(damages(volume.findings()), [damage, Damage::Missing]);
        let device = volume.device().unwrap();
        assert!(read(&device, 0, 20 * BLOCK).unwrap() == content()[..20 * BLOCK]);
        assert!(read(&device, 30 * BLOCK as u64, BLOCK).unwrap() == content()[30 * BLOCK..31 * BLOCK]);
        let error = read(&device, 20 * BLOCK as u64 - 1, 2).unwrap_err();
        assert_eq!(error.corrupt().map(|corrupt| corrupt.damage), Some(Damage::Missing), "{error}");
    }
    let volume = map(0, &[0xFF, 0xFF]);
    assert_eq!(damages(volume.findings()), [Damage::Bounds, Damage::Missing]);
    // The same entry twice is no contradiction.
    let first: Vec<u8> = CoreStorage::new(&content()).spread(1, 10).map_entry(0);
    let volume = map(8 + 5 * 40, &first);
    assert_eq!(volume.findings(), []);
    check(&volume.device().unwrap(), &content());
}

/// Lists of a family that are bombs, go round in circles or make no sense cost what they say, and no more.
#[test]
fn hostile_lists() {
    let family = |text: &str| {
        let built = CoreStorage::new(&content()).compressed(0).family_list(text).build();
        open(&built, &[])
    };
    let uuid =
        "<key>com.apple.corestorage.lvf.uuid</key><string>5A5A5A5A-0003-4000-8000-00000000C0DE</string>";
    let context = |text: &str| {
        let list = format!(
            "<dict ID=\"0\">{uuid}<key>com.apple.corestorage.lvf.encryption.context</key>{text}</dict>"
        );
        only(&family(&list).unwrap())
    };
    // What is not known to be encrypted is read if it is a file system as it stands.
    for text in ["<dict>", "", "<plist/>", "<dict/>", "\u{1}", &format!("<dict>{uuid}</dict>")] {
        let group = family(text).unwrap();
        assert_eq!(only(&group).encryption(), Encryption::Unknown, "{text}");
        check(&only(&group).device().unwrap(), &content());
    }
    for text in ["<dict/>", "<dict IDREF=\"0\"/>", "<reference IDREF=\"9\"/>", "<string/>"] {
        assert_eq!(context(text).encryption(), Encryption::Unknown, "{text}");
    }
    let loops = "<dict ID=\"1\"><key>CryptoUsers</key><array ID=\"2\"><array IDREF=\"2\"/><dict IDREF=\"1\"/>\
        <dict ID=\"3\" IDREF=\"4\"/><dict ID=\"4\" IDREF=\"3\"/></array><key>WrappedVolumeKeys</key><array IDREF=\"2\"/>\
        </dict>";
    let error =
        family(&format!("<dict>{uuid}<key>com.apple.corestorage.lvf.encryption.context</key>{loops}</dict>"));
    assert_eq!(error.unwrap_err().class(), Class::Unsupported, "a key without an algorithm");
    let keys = "<key>WrappedVolumeKeys</key><array/>";
    let many = format!("<dict><key>CryptoUsers</key><array>{}</array>{keys}</dict>", "<dict/>".repeat(2000));
    let list = |context: &str| {
        format!("<dict>{uuid}<key>com.apple.corestorage.lvf.encryption.context</key>{context}</dict>")
    };
    assert_eq!(family(&list(&many)).unwrap_err().class(), Class::Limit);
    let long = format!(
        "<dict><key>CryptoUsers</key><array><dict><key>UserFullName</key><string ID=\"7\">{}</string>\
         <key>PassphraseHint</key><string IDREF=\"7\"/></dict></array>{keys}</dict>",
        "long ".repeat(100_000)
    );
    let volume = context(&long);
    assert!(volume.users().all(|user| user.name.is_empty() && user.hint.is_empty()));
    let entity = format!("<!DOCTYPE d [<!ENTITY a \"aaaa\">]>{}", list(&format!("<dict>{keys}</dict>")));
    assert_eq!(family(&entity).unwrap_err().class(), Class::Unsupported);
    let deep = "<array>".repeat(100_000) + &"</array>".repeat(100_000);
    assert_eq!(context(&format!("<dict>{keys}{deep}</dict>")).encryption(), Encryption::None);
}

/// Any byte that describes the group changed: the volume is what it was, or there is an error. Never other bytes.
#[test]
fn flips() {
    let built = encrypted().spread(2, 9).build();
    let secrets = [Secret::password("naïve")];
    let mut answers = [0; 2];
    let mut flip = |pv: usize, at: usize, bit: u8| {
        let mut built = built.clone();
        built.pvs[pv][at] ^= bit;
        let bytes = open(&built, &secrets).and_then(|group| {
            let volume = group.logical_volumes().first().cloned();
            let device = volume.ok_or_else(|| Error::not_found("volume"))?.device()?;
            read(&device, 0, device.len() as usize)
        });
        if let Ok(bytes) = &bytes {
            assert!(*bytes == content(), "bit {bit} of byte {at} of {pv}");
        }
        answers[usize::from(bytes.is_ok())] += 1;
    };
    for pv in 0..2 {
        let label = built.labels[0].start;
        // The newest label behind its checksum: descriptor and list.
        for at in (0..700).step_by(9) {
            flip(pv, label + METADATA_BLOCK + at, 1 << (at % 8));
        }
        for at in (0..METADATA_BLOCK).step_by(1021) {
            flip(pv, label + at, 1 << (at % 8));
        }
        for at in (0..512).step_by(61) {
            flip(pv, at, 1 << (at % 8));
        }
    }
    for at in (0..built.metadata_blocks.len() * METADATA_BLOCK).step_by(8191) {
        flip(0, built.metadata[0].start + at, 1 << (at % 8));
    }
    println!("{answers:?} opened not at all and as they were");
    assert!(answers[1] > 4 * answers[0], "most is there twice: {answers:?}");
}

/// A real volume on an encrypted one that lies in pieces on two others: its files are what was put in.
#[test]
fn a_file_system() {
    let image = hfs_volumes::small("Inside").build();
    let built = CoreStorage::new(&image.bytes).password("p", "").spread(2, 3).compressed(9_000).build();
    let volume = only(&open(&built, &[Secret::password("p")]).unwrap());
    let view = hfsplus::Volume::open(volume.device().unwrap(), OpenOptions::default()).unwrap();
    assert_eq!(view.findings(), []);
    let alone = hfsplus::Volume::open(Arc::new(image.bytes), OpenOptions::default()).unwrap();
    assert_eq!(walked(&view), walked(&alone));
    let mut bytes = vec![0; 9000];
    assert_eq!(view.open("/d/pieces").unwrap().read_at(0, &mut bytes).unwrap(), bytes.len());
    assert!(bytes == hfs_volumes::pattern(9000));
}

/// Findings reach the observer once.
#[test]
fn observed() {
    #[derive(Default)]
    struct Heard(Mutex<Vec<Damage>>);
    impl Observer for Heard {
        fn finding(&self, finding: &Corrupt) {
            self.0.lock().unwrap().push(finding.damage);
        }
    }
    let heard = Arc::new(Heard::default());
    let options = OpenOptions { observer: Some(heard.clone()), ..OpenOptions::default() };
    let mut built = CoreStorage::new(&content()).spread(1, 10).change_map(8 + 32, &[0xFF, 0xFF]).build();
    built.pvs[0][3] ^= 1;
    Group::open(devices(&built), &options).unwrap();
    assert_eq!(*heard.0.lock().unwrap(), [Damage::Checksum, Damage::PastEnd, Damage::Missing]);
}

/// The volumes of a disk, by the signature of a partition or, where its header is damaged, by its type.
#[test]
fn on_a_disk() {
    let built = encrypted().spread(2, 9).build();
    let other = CoreStorage::new(&content()).spread(2, 5).build();
    let mut first = built.pvs[0].clone();
    first[88] = 0;
    let disk = Gpt::new(512)
        .partition(PARTITION_TYPE, "A", &first)
        .partition([7; 16], "B", &built.pvs[1])
        .partition(PARTITION_TYPE, "C", &[0; 8192])
        .build()
        .0;
    let disk = Disk::open(Arc::new(disk), &OpenOptions::default()).unwrap();
    let contents: Vec<_> = disk.partitions().iter().map(|partition| partition.content).collect();
    assert_eq!(contents, [Content::Unknown, Content::CoreStorage, Content::Unknown]);
    assert_eq!(disk.core_storage_partitions(), [0, 1, 2]);
    let volumes = disk.logical_volumes(&options(&[Secret::password("first")]));
    assert_eq!(volumes.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 2]);
    check(&volumes[0].1.as_ref().unwrap().device().unwrap(), &content());
    assert_eq!(volumes[1].1.as_ref().unwrap_err().class(), Class::Corrupt);
    let groups = disk.volume_groups(&OpenOptions::default());
    assert_eq!(groups[0].0, [0, 1]);
    assert_eq!(groups[0].1.as_ref().unwrap().findings().len(), 1);
    // Half a group, on a disk without a table.
    let disk = Disk::open(Arc::new(other.pvs[1].clone()), &OpenOptions::default()).unwrap();
    let volumes = disk.logical_volumes(&OpenOptions::default());
    assert_eq!(volumes.len(), 1);
    assert_eq!(volumes[0].1.as_ref().unwrap_err().class(), Class::NotFound);
}
