//! System and Data as one tree: it equals the one written down here, by walks, scans and lookups.

use std::collections::{BTreeMap, BTreeSet};

use apfs_core::apfs::{Container, Volume};
use apfs_core::group::{Boot, Finding, Groups, MergeOptions, MergedView, Reached, Source, VolumeGroup};
use apfs_core::{Class, Disk, Error, FileId, Fs, FsExt, Kind, LockReason, OpenOptions, Secret, StreamId};
use apfs_tests::build::{Encryption, Image, Unlock, VolumeBuilder};
use apfs_tests::listing::{
    list_sound, open, open_with, read, read_stream, scanned, scanned_in_parts, walked,
};
use apfs_tests::macs::{self, BOOTED, GROUP, container, data, mac, preboot, system, vm};

/// Number of the first object of System.
const S: u64 = 0x0FFF_FFFF_0000_0010;

/// Path, volume, number there, and what a file contains or a link leads to. Directories end with a slash.
const TREE: [(&str, &str, u64, &str); 39] = [
    ("/", "Mac", 2, ""),
    ("/Applications/", "Mac - Data", 16, ""),
    ("/System/", "Mac", S, ""),
    ("/System/Library/", "Mac", S + 1, ""),
    ("/System/Library/Caches/", "Mac - Data", 19, ""),
    ("/System/Library/Caches/c", "Mac - Data", 20, "cached"),
    ("/System/Volumes/", "Mac", S + 3, ""),
    ("/System/Volumes/Data/", "Mac - Data", 2, ""),
    ("/System/Volumes/Data/System/", "Mac - Data", 17, ""),
    ("/System/Volumes/Data/System/Library/", "Mac - Data", 18, ""),
    ("/System/Volumes/Data/left/", "Mac - Data", 26, ""),
    ("/System/Volumes/Data/left/home", "Mac - Data", 28, "/Users/ada"),
    ("/System/Volumes/Data/left/notes too", "Mac - Data", 23, "some notes"),
    ("/System/Volumes/Data/left/over", "Mac - Data", 27, "no firmlink leads here"),
    ("/System/Volumes/Data/usr/", "Mac - Data", 32, ""),
    ("/System/Volumes/Preboot/", "Preboot", 2, ""),
    ("/System/Volumes/Preboot/boot/", "Preboot", 16, ""),
    ("/System/Volumes/Preboot/boot/kernel", "Preboot", 17, "a kernel"),
    ("/System/Volumes/VM/", "VM", 2, ""),
    ("/System/Volumes/VM/swapfile0", "VM", 16, "swapped"),
    ("/Users/", "Mac - Data", 21, ""),
    ("/Users/ada/", "Mac - Data", 22, ""),
    ("/Users/ada/notes", "Mac - Data", 23, "some notes"),
    ("/Users/ada/shell", "Mac - Data", 24, "/bin/sh"),
    ("/Users/ada/up", "Mac - Data", 25, "../../bin/sh"),
    ("/bin/", "Mac", S + 9, ""),
    ("/bin/sh", "Mac", S + 10, "shell"),
    ("/etc", "Mac", S + 11, "private/etc"),
    ("/private/", "Mac - Data", 29, ""),
    ("/private/etc/", "Mac - Data", 30, ""),
    ("/private/etc/hosts", "Mac - Data", 31, "localhost"),
    ("/usr/", "Mac", S + 13, ""),
    ("/usr/local/", "Mac - Data", 33, ""),
    ("/usr/local/tool", "Mac - Data", 34, "a tool"),
    ("/usr/share/", "Mac", S + 15, ""),
    (
        "/usr/share/firmlinks",
        "Mac",
        S + 16,
        "/AppleInternal\tAppleInternal\n/Applications\tApplications\n\
         /System/Library/Caches\tSystem/Library/Caches\n/Users\tUsers\n/private\tprivate\n/usr/local\tusr/local\n",
    ),
    // Entries that are hidden from listings, since a firmlink shows them elsewhere.
    ("-/System/Volumes/Data/Applications/", "Mac - Data", 16, ""),
    ("-/System/Volumes/Data/System/Library/Caches/", "Mac - Data", 19, ""),
    ("-/System/Volumes/Data/usr/local/", "Mac - Data", 33, ""),
];

pub(crate) fn groups(image: &Image) -> Groups {
    Groups::find(&open(image.bytes.clone()).unwrap())
}

/// The only group of an image.
pub(crate) fn group(image: &Image) -> VolumeGroup {
    let mut groups = groups(image).groups;
    assert_eq!(groups.len(), 1);
    groups.pop().unwrap()
}

pub(crate) fn merged(image: &Image) -> MergedView {
    group(image).view(&MergeOptions::default()).unwrap()
}

/// Findings as path and word.
pub(crate) fn words(findings: &[Finding]) -> Vec<(String, &'static str)> {
    findings.iter().map(|finding| (finding.path.to_string(), finding.problem.word())).collect()
}

/// Volume, number there and content of a file, in the form of [`TREE`].
fn row(view: &MergedView, path: &[u8], id: FileId) -> (String, String, u64, String) {
    let stat = view.stat(id).unwrap();
    let content = match stat.kind {
        Kind::File => String::from_utf8(read_stream(view, id, &StreamId::Data).unwrap()).unwrap(),
        Kind::Symlink => view.read_link(id).unwrap().to_string(),
        _ => String::new(),
    };
    let slash = if stat.kind == Kind::Dir && path != b"/" { "/" } else { "" };
    let backing = view.backing(id).unwrap();
    let path = format!("{}{slash}", core::str::from_utf8(path).unwrap());
    (path, backing.view.volume().name().to_string(), backing.id.0, content)
}

/// What a walk gives is what is written down, in any shape of the volumes.
#[test]
fn equals_the_tree_written_down() {
    let expected: BTreeSet<_> = TREE
        .iter()
        .filter(|(path, ..)| !path.starts_with('-'))
        .map(|(path, volume, id, content)| {
            ((*path).to_owned(), (*volume).to_owned(), *id, (*content).to_owned())
        })
        .collect();
    let plain = container([system(), data(), preboot(), vm()]);
    let other_order = container([vm(), data(), preboot(), macs::booted()]);
    for image in [mac(), plain, other_order] {
        let view = merged(&image);
        let mut found = BTreeSet::new();
        for entry in view.walk(view.root()) {
            let entry = entry.unwrap();
            assert!(found.insert(row(&view, &entry.path, entry.stat.id)), "twice: {entry:?}");
            // Every path that is listed is found, and leads to the same file.
            assert_eq!(view.find_no_follow(&entry.path).unwrap(), entry.stat.id);
        }
        assert_eq!(found, expected);
        for (path, volume, id, content) in TREE {
            let path = path.trim_start_matches('-');
            let found = view.find_no_follow(path).unwrap();
            let own = if path == "/" { path } else { path.trim_end_matches('/') };
            assert_eq!(row(&view, own.as_bytes(), found), (path.into(), volume.into(), id, content.into()));
        }
        assert_eq!(words(view.findings()), [("/AppleInternal".to_owned(), "not-on-system")]);
        assert!(view.findings().iter().all(|finding| finding.problem.is_usual()));
    }
}

/// A scan, whole or in parts, gives what a walk over everything gives; numbers are unique in it.
#[test]
fn scan_is_walk() {
    let without_places = system().remove("/System/Volumes/Data").remove("/System/Volumes/VM");
    let images = [mac(), container([data(), without_places, vm(), preboot()]), container([bare(), data()])];
    for image in images {
        let view = merged(&image);
        let walked = walked(&view);
        assert_eq!(scanned(&view), walked);
        for parts in [1, 2, 3, 7, 1000] {
            assert_eq!(scanned_in_parts(&view, parts), walked, "{parts} parts");
        }
        let files: Vec<_> = view.walk(view.root()).map(|entry| entry.unwrap()).collect();
        let dirs: Vec<_> = files.iter().filter(|entry| entry.stat.kind == Kind::Dir).collect();
        let numbers: BTreeSet<_> = dirs.iter().map(|entry| entry.stat.id).collect();
        assert_eq!(numbers.len(), dirs.len());
        for entry in files.iter().filter(|entry| entry.stat.nlink == 1) {
            assert_eq!(view.path_of(entry.stat.id).unwrap(), entry.path, "{}", entry.stat.id);
        }
    }
}

/// Both ways to a file lead to the same one, and what is hidden from listings is hidden as the file system's own.
#[test]
fn both_ways() {
    let view = merged(&mac());
    for path in ["/Users", "/Users/ada/notes", "/private/etc/hosts", "/usr/local/tool", "/Applications"] {
        assert_eq!(
            view.find(path).unwrap(),
            view.find(format!("/System/Volumes/Data{path}")).unwrap(),
            "{path}"
        );
    }
    let data = view.find("/System/Volumes/Data").unwrap();
    let names = |all: bool| -> Vec<String> {
        let entries = view.list(data).unwrap().into_iter();
        entries
            .filter(|e| all || !view.is_private(data, e.name.as_bytes()))
            .map(|e| e.name.to_string())
            .collect()
    };
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(sorted(names(false)), ["System", "left", "usr"]);
    assert_eq!(sorted(names(true)), ["Applications", "System", "Users", "left", "private", "usr"]);
    // Names are looked up by the rule of their own volume, and in any case there.
    assert_eq!(view.find("/USERS/Ada/Notes").unwrap(), view.find("/Users/ada/notes").unwrap());
}

/// `..` of a directory that a firmlink shows leads to System, whichever way one came; absolute links begin at the one root.
#[test]
fn up_and_links() {
    let view = merged(&mac());
    let at = |path: &str| view.path_of(view.find(path).unwrap()).unwrap();
    assert_eq!(at("/Users/.."), b"/");
    assert_eq!(at("/System/Volumes/Data/Users/../bin/sh"), b"/bin/sh");
    assert_eq!(at("/System/Volumes/Data/usr/local/.."), b"/usr");
    assert_eq!(at("/System/Volumes/Data/usr/local/../../bin"), b"/bin");
    assert_eq!(at("/usr/local/../share"), b"/usr/share");
    assert_eq!(at("/System/Volumes/Data/left/.."), b"/System/Volumes/Data");
    assert_eq!(at("/System/Volumes/Data/.."), b"/System/Volumes");
    assert_eq!(at("/System/Volumes/Data/../../Library"), b"/System/Library");
    assert_eq!(at("/../.."), b"/");
    assert_eq!(read(&view, "/Users/ada/shell").unwrap(), b"shell");
    assert_eq!(read(&view, "/Users/ada/up").unwrap(), b"shell");
    assert_eq!(read(&view, "/System/Volumes/Data/left/home/notes").unwrap(), b"some notes");
    assert_eq!(read(&view, "/etc/hosts").unwrap(), b"localhost");
    let stat = |path: &str| view.stat(view.find(path).unwrap()).unwrap();
    for (path, parent) in
        [("/Users", "/"), ("/usr/local", "/usr"), ("/System/Volumes/Data", "/System/Volumes")]
    {
        assert_eq!(stat(path).parent, stat(parent).id, "{path}");
    }
}

/// Hard links of Data are told with the directories that firmlinks show.
#[test]
fn hard_links() {
    let view = merged(&mac());
    let id = view.find("/Users/ada/notes").unwrap();
    assert_eq!(id, view.find("/System/Volumes/Data/left/notes too").unwrap());
    let links = view.links(id).unwrap().into_iter().map(|(dir, name)| (view.path_of(dir).unwrap(), name));
    let links: BTreeSet<_> =
        links.map(|(dir, name)| format!("{}/{name}", core::str::from_utf8(&dir).unwrap())).collect();
    let expected = ["/Users/ada/notes", "/System/Volumes/Data/left/notes too"].map(String::from);
    assert_eq!(links, BTreeSet::from(expected));
    let users = view.find("/Users").unwrap();
    assert_eq!(view.links(users).unwrap(), [(view.root(), "Users".into())]);
}

/// What is behind a file: volume, number, and what shows it.
#[test]
fn backing() {
    let view = merged(&mac());
    let reached = |path: &str| view.reached(view.find_no_follow(path).unwrap()).unwrap();
    assert_eq!(reached("/bin/sh"), Reached::System);
    assert_eq!(reached("/System/Volumes/Data/left/over"), Reached::Mount(b"/System/Volumes/Data"));
    assert_eq!(reached("/System/Volumes/VM/swapfile0"), Reached::Mount(b"/System/Volumes/VM"));
    let firmlinks: Vec<_> = view
        .firmlinks()
        .iter()
        .map(|link| (link.path.to_string(), link.target.to_string(), link.source))
        .collect();
    let expected = [
        ("/Applications", Source::Attribute),
        ("/System/Library/Caches", Source::List),
        ("/Users", Source::Attribute),
        ("/private", Source::List),
        ("/usr/local", Source::Attribute),
    ];
    assert_eq!(firmlinks, expected.map(|(path, source)| (path.to_owned(), path.to_owned(), source)));
    for path in ["/Users/ada/notes", "/Users", "/System/Volumes/Data/Users/ada"] {
        assert_eq!(reached(path), Reached::Firmlink(&view.firmlinks()[2]), "{path}");
    }
    assert_eq!(view.group().id.0, GROUP);
    assert_eq!(view.group().name(), "Mac".into());
}

/// System at the snapshot that it says, else at the newest of an update if sealed, else live.
#[test]
fn booted_state() {
    let has = |view: &MergedView, path: &str| view.find(path).is_ok();
    let of = |system: VolumeBuilder| merged(&container([system, data()]));
    let newest = of(macs::booted());
    assert_eq!((newest.boot(), has(&newest, "/bin/too new")), (Boot::NewestUpdate, false));
    assert_eq!(newest.system().snapshot().unwrap().name, BOOTED.into());
    let two = || {
        let first =
            system().snapshot("com.apple.os.update-1").file("/one", "").snapshot("com.apple.os.update-2");
        first.file("/two", "").snapshot("other").file("/three", "")
    };
    let newest = of(two().sealed());
    assert_eq!(
        (newest.boot(), has(&newest, "/one"), has(&newest, "/two")),
        (Boot::NewestUpdate, true, false)
    );
    let rooted = of(two().sealed().rooted_at("com.apple.os.update-1"));
    assert_eq!((rooted.boot(), has(&rooted, "/one")), (Boot::RootTo, false));
    let rooted = of(two().rooted_at("other"));
    assert_eq!((rooted.boot(), has(&rooted, "/two"), has(&rooted, "/three")), (Boot::RootTo, true, false));
    let live = of(two());
    assert_eq!((live.boot(), has(&live, "/three")), (Boot::Live, true));
    let live = of(system().sealed());
    assert_eq!(live.boot(), Boot::Live);

    let image = container([two().sealed().root_to_xid(77), data()]);
    let error = group(&image).view(&MergeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("apfs_root_to_xid") && error.to_string().contains("77"), "{error}");
    let live = MergeOptions { system_live: true, ..MergeOptions::default() };
    let live = group(&image).view(&live).unwrap();
    assert_eq!((live.boot(), has(&live, "/three")), (Boot::Chosen, true));
}

/// Any states can be chosen.
#[test]
fn chosen_states() {
    let image = container([macs::booted(), data().snapshot("before").remove("/left/over")]);
    let group = group(&image);
    let (system, data) = group.pair().unwrap();
    let options = MergeOptions {
        system: Some(system.snapshot(BOOTED).unwrap()),
        data: Some(data.snapshot("before").unwrap()),
        ..MergeOptions::default()
    };
    let view = group.view(&options).unwrap();
    assert_eq!(view.boot(), Boot::Chosen);
    assert!(view.find("/System/Volumes/Data/left/over").is_ok());
    assert!(merged(&image).find("/System/Volumes/Data/left/over").is_err());
}

/// A System without any place for others: the directories are shown, so that nothing is out of reach.
fn bare() -> VolumeBuilder {
    VolumeBuilder::new("Bare").system(GROUP).firmlink("/Users", "Users").file("/x", "x")
}

/// Places that System lacks are shown and told.
#[test]
fn missing_mount_points() {
    let view = merged(&container([bare(), data(), vm()]));
    assert_eq!(read(&view, "/System/Volumes/Data/left/over").unwrap(), b"no firmlink leads here");
    assert_eq!(read(&view, "/system/volumes/VM/swapfile0").unwrap(), b"swapped");
    let volumes = view.find("/System/Volumes").unwrap();
    assert!(view.backing(volumes).is_none());
    assert_eq!(view.reached(volumes).unwrap(), Reached::MadeUp);
    assert_eq!(view.path_of(volumes).unwrap(), b"/System/Volumes");
    assert_eq!(view.find("/System/Volumes/Data/../..").unwrap(), view.find("/System").unwrap());
    assert!(view.xattrs(volumes).unwrap().is_empty());
    assert!(matches!(view.read_at(volumes, &StreamId::Data, 0, &mut [0]), Err(Error::IsADirectory)));
    let told = [("/System/Volumes/Data", "no-mount-point"), ("/System/Volumes/VM", "no-mount-point")];
    assert_eq!(words(view.findings()), told.map(|(path, word)| (path.to_owned(), word)));
    let paths: Vec<_> = view.walk(view.root()).map(|entry| entry.unwrap().path).collect();
    let in_volumes =
        |path: &&Vec<u8>| path.starts_with(b"/System/Volumes/") && path.split(|b| *b == b'/').count() == 4;
    assert_eq!(paths.iter().filter(in_volumes).count(), 2);
    // One at a time gives the same.
    let (mut pos, mut one_by_one) = (apfs_core::DirPos::default(), Vec::new());
    for _ in 0..100 {
        view.read_dir(view.root(), &mut pos, &mut one_by_one, 1).unwrap();
    }
    assert_eq!(one_by_one, view.list(view.root()).unwrap());
    assert!(pos.is_end() && one_by_one.len() == 3);
}

/// Numbers of files that volumes have in common do not mix: here all four begin at 16.
#[test]
fn overlapping_numbers() {
    let view = merged(&container([system().first_obj_id(16), data(), preboot(), vm()]));
    let mut seen = BTreeMap::new();
    for entry in view.walk(view.root()) {
        let entry = entry.unwrap();
        let content = row(&view, &entry.path, entry.stat.id);
        if let Some(before) = seen.insert(entry.stat.id, content.clone()) {
            // Only the file with two hard links comes twice.
            assert_eq!((before.3.as_str(), content.3.as_str()), ("some notes", "some notes"));
        }
    }
    assert_eq!(seen.len(), TREE.len() - 4);
    assert_eq!(scanned(&view), walked(&view));
}

/// Groups that nobody can join without guessing are not joined, and say why; their volumes are read as before.
#[test]
fn no_pair() {
    let other = || VolumeBuilder::new("Other").data(GROUP).file("/o", "o");
    let cases: [(Vec<VolumeBuilder>, &str, Class, &str); 5] = [
        (
            vec![system(), data(), other()],
            "several-data",
            Class::Corrupt,
            "2 Data volumes: Mac - Data, Other",
        ),
        (vec![system(), preboot()], "no-data", Class::Unsupported, "no Data volume"),
        (vec![data()], "no-system", Class::Unsupported, "no System volume"),
        (vec![system(), bare(), data()], "several-systems", Class::Corrupt, "2 System volumes: Mac, Bare"),
        (vec![system(), data().group(*b"another group...")], "no-data", Class::Unsupported, "no Data volume"),
    ];
    for (volumes, word, class, text) in cases {
        let image = container(volumes);
        let container = open(image.bytes.clone()).unwrap();
        let groups = Groups::find(&container).groups;
        let group = groups.iter().find(|group| group.id.0 == GROUP).unwrap();
        assert_eq!(group.problems.iter().map(|problem| problem.word()).collect::<Vec<_>>(), [word]);
        let error = group.view(&MergeOptions::default()).unwrap_err();
        assert_eq!(error.class(), class, "{error}");
        assert!(error.to_string().contains(text), "{error}");
        assert!(error.to_string().contains("67726F75-7020-6F66-2061-206D61632E2E"), "{error}");
        for (_, volume) in container.volumes() {
            list_sound(&volume.unwrap().view().unwrap());
        }
    }
}

/// What is wrong with members without standing in the way.
#[test]
fn odd_members() {
    let image = container([
        system().group_feature(false),
        data(),
        VolumeBuilder::new("Third").group(GROUP).role(0x02),
        VolumeBuilder::new("Lone").group_feature(true),
        preboot(),
        VolumeBuilder::new("Preboot 2").role(macs::PREBOOT),
    ]);
    let groups = groups(&image);
    let text = |problem: &apfs_core::group::GroupProblem| problem.to_string();
    assert_eq!(
        groups.groups[0].problems.iter().map(text).collect::<Vec<_>>(),
        [
            "volume Mac is a member by its group id, not by its features",
            "volume Third is a member with the role user"
        ]
    );
    assert_eq!(
        groups.problems.iter().map(text).collect::<Vec<_>>(),
        [
            "2 volumes with the role preboot: Preboot, Preboot 2",
            "volume Lone is a member of a group by its features, and has no group id",
        ]
    );
    assert_eq!(groups.groups[0].others.len(), 1);
    let view = merged(&image);
    assert!(view.find("/Users/ada/notes").is_ok() && view.find("/System/Volumes/Preboot/boot").is_err());
}

/// Two macOS in one container: each group is joined with its own Data, both with the same neighbours.
#[test]
fn two_groups() {
    let second = *b"second group....";
    let image = container([
        system(),
        data(),
        VolumeBuilder::new("Two").system(second).firmlink("/Users", "Users"),
        VolumeBuilder::new("Two - Data").data(second).dir("/Users").file("/Users/eve", "eve"),
        preboot(),
    ]);
    let groups = groups(&image).groups;
    assert_eq!(groups.iter().map(|group| group.name().to_string()).collect::<Vec<_>>(), ["Mac", "Two"]);
    for (group, path) in groups.iter().zip(["/Users/ada/notes", "/Users/eve"]) {
        let view = group.view(&MergeOptions::default()).unwrap();
        assert!(view.find(path).is_ok() && view.find("/System/Volumes/Preboot/boot/kernel").is_ok());
    }
    let disk = Disk::open(std::sync::Arc::new(image.bytes), &OpenOptions::default()).unwrap();
    let on_disk = disk.mac_groups(&OpenOptions::default());
    assert_eq!(on_disk.len(), 1);
    assert_eq!(on_disk[0].1.as_ref().unwrap().groups.len(), 2);
}

fn by_name(container: &Container, name: &str) -> Volume {
    let mut volumes = container.volumes().into_iter().map(|(_, volume)| volume.unwrap());
    volumes.find(|volume| volume.name() == name.into()).unwrap()
}

/// A locked Data volume is said to be locked; System alone comes only when that is asked for; unlocked all is there.
#[test]
fn locked_data() {
    let image = macs::locked(Encryption::native([Unlock::disk("sesame")]));
    let container = open(image.bytes.clone()).unwrap();
    let group = Groups::find(&container).groups.pop().unwrap();
    let Error::Locked(locked) = group.view(&MergeOptions::default()).unwrap_err() else {
        panic!("not locked")
    };
    assert_eq!((locked.why, locked.what.as_str()), (LockReason::NeedsSecret, "volume Mac - Data"));
    let alone = MergeOptions { without_data: true, ..MergeOptions::default() };
    let alone = group.view(&alone).unwrap();
    assert!(alone.data().is_none() && alone.firmlinks().is_empty());
    assert!(alone.find("/bin/sh").is_ok() && alone.find("/Users/ada").is_err());
    assert!(alone.find("/System/Volumes/Preboot/boot").is_ok());
    assert_eq!(scanned(&alone), walked(&alone));
    let _ = by_name(&container, "Mac - Data").unlock(&Secret::password("sesame")).unwrap();
    let view = group.view(&MergeOptions::default()).unwrap();
    assert_eq!(read(&view, "/Users/ada/notes").unwrap(), b"some notes");
    let with_secret = open_with(image.bytes, &[Secret::password("sesame")]).unwrap();
    let view = Groups::find(&with_secret).groups[0].view(&MergeOptions::default()).unwrap();
    assert_eq!(scanned(&view), walked(&view));
}

/// A neighbour that is locked is left out and told.
#[test]
fn locked_companion() {
    let vm = vm().encrypted(Encryption::native([Unlock::disk("sesame")]));
    let view = merged(&container([system(), data(), vm]));
    let left_out = view.findings().iter().find(|finding| finding.problem.word() == "left-out").unwrap();
    assert!(
        left_out.to_string().starts_with("/System/Volumes/VM: volume VM is left out: locked"),
        "{left_out}"
    );
    assert!(view.find("/Users/ada/notes").is_ok());
}
