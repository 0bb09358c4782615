//! Firmlinks that are not as they should be, and damage in the volumes of a group: told, and nothing is followed twice.

use apfs_core::group::{MergeOptions, MergedView, Source};
use apfs_core::{Class, Error, FsExt};
use apfs_tests::build::records::{APFS_TYPE_DIR_REC, Key, dir_rec};
use apfs_tests::build::{Image, Keys, Role, VolumeBuilder};
use apfs_tests::listing::{list, list_sound, open, read, scanned, walked};
use apfs_tests::macs::{GROUP, container, data, mac, system};

use crate::group::{group, groups, merged, words};

/// A System with the usual directories and no firmlinks yet.
fn plain() -> VolumeBuilder {
    ["/System", "/System/Volumes", "/System/Volumes/Data", "/usr", "/usr/share"]
        .iter()
        .fold(VolumeBuilder::new("Mac").system(GROUP), |volume, path| volume.dir(path))
}

/// The merged tree with the usual Data, and what is found out about it. Walk and scan agree and give nothing twice.
fn found(system: VolumeBuilder) -> (MergedView, Vec<(String, &'static str)>) {
    let view = merged(&container([system, data()]));
    assert_eq!(scanned(&view), walked(&view));
    list_sound(&view);
    let words = words(view.findings());
    (view, words)
}

fn paths(view: &MergedView) -> Vec<String> {
    view.firmlinks().iter().map(|link| link.path.to_string()).collect()
}

fn told<const N: usize>(findings: [(&str, &'static str); N]) -> Vec<(String, &'static str)> {
    findings.iter().map(|(path, word)| ((*path).to_owned(), *word)).collect()
}

/// Targets that are not there, are no directories, or are no paths in Data.
#[test]
fn broken() {
    let system = plain()
        .firmlink("/gone", "nowhere/at all")
        .firmlink("/file", "Users/ada/notes")
        .firmlink("/through", "left/home")
        .firmlink("/up", "Users/../left")
        .firmlink("/long", &format!("Users/{}", "a/".repeat(505)))
        .firmlink("/longer", &"a/".repeat(600))
        .dir("/nothing said")
        .inode("/nothing said", |inode| inode.bsd_flags |= 0x80_0000)
        .dir("/not flagged")
        .xattr("/not flagged", "com.apple.fs.firmlink", "Users")
        .firmlink("/works", "left");
    let (view, findings) = found(system);
    assert_eq!(
        findings,
        told([
            ("/longer", "unreadable"),
            ("/file", "target-kind"),
            ("/gone", "no-target"),
            ("/long", "no-target"),
            ("/nothing said", "no-attribute"),
            ("/through", "target-kind"),
            ("/up", "bad-target"),
        ])
    );
    assert_eq!(paths(&view), ["/works"]);
    assert_eq!(read(&view, "/works/over").unwrap(), b"no firmlink leads here");
    // They are shown as what they are on System: empty directories.
    for path in ["/gone", "/file", "/through", "/up", "/nothing said", "/not flagged"] {
        let id = view.find(path).unwrap();
        assert_eq!(view.backing(id).unwrap().view.volume().name(), "Mac".into());
        assert!(view.list(id).unwrap().is_empty());
    }
}

/// Lines of the list that lead nowhere or contradict each other or the directories.
#[test]
fn the_list() {
    let system = plain()
        .dir("/a")
        .firmlink("/b", "Users")
        .firmlink("/unlisted", "private")
        .file("/file", "")
        .dir("/flagless")
        .xattr("/flagless", "com.apple.fs.firmlink", "private")
        .symlink("/link", "/a")
        .firmlink_list(&[
            ("/missing", "missing"),
            ("/a", "Device/left"),
            ("/a", "left"),
            ("/a", "Users"),
            ("/b", "left"),
            ("no slash", "left"),
            ("/file", "left"),
            ("/link", "left"),
            ("/flagless", "/Applications"),
        ]);
    let (view, findings) = found(system);
    assert_eq!(
        findings,
        told([
            ("/missing", "not-on-system"),
            ("/a", "listed-again"),
            ("/usr/share/firmlinks", "bad-line"),
            ("/file", "not-a-directory"),
            ("/link", "not-a-directory"),
            ("/flagless", "no-flag"),
            ("/b", "disagrees"),
            ("/unlisted", "not-listed"),
        ])
    );
    let links: Vec<_> =
        view.firmlinks().iter().map(|l| (l.path.to_string(), l.target.to_string(), l.source)).collect();
    let expected = [
        ("/a", "/left", Source::List),
        ("/b", "/Users", Source::Attribute),
        ("/flagless", "/Applications", Source::List),
        ("/unlisted", "/private", Source::Attribute),
    ];
    assert_eq!(links, expected.map(|(path, target, source)| (path.to_owned(), target.to_owned(), source)));
    assert!(view.findings().iter().any(|finding| {
        finding.to_string()
            == "/b: firmlink to Users by its attribute, which is followed, and to left by the list"
    }));
}

/// A directory that really is called `Device` comes before what early versions meant by that.
#[test]
fn device_prefix() {
    let system = || plain().dir("/a").firmlink_list(&[("/a", "Device/left")]);
    let beta = merged(&container([system(), data()]));
    assert_eq!(beta.firmlinks()[0].target, "/left".into());
    let real = merged(&container([system(), data().dir("/Device").dir("/Device/left")]));
    assert_eq!(real.firmlinks()[0].target, "/Device/left".into());
}

/// Firmlinks that would lead into themselves.
#[test]
fn loops() {
    for (path, make) in
        [("/System", false), ("/System/Volumes", false), ("/System/Volumes/Data", false), ("/all", true)]
    {
        let system = if make { plain().dir(path) } else { plain() };
        let flagged = system
            .xattr(path, "com.apple.fs.firmlink", if make { "/" } else { "Users" })
            .inode(path, |inode| inode.bsd_flags |= 0x80_0000);
        let listed = if make { plain().dir(path) } else { plain() }.firmlink_list(&[(path, "Users")]);
        let (view, findings) = found(flagged);
        // What is flagged and not listed is looked for where macOS has firmlinks.
        if path != "/System/Volumes" && path != "/System/Volumes/Data" {
            assert_eq!(findings, told([(path, "loop")]), "{path}");
        }
        assert!(view.firmlinks().is_empty());
        if !make {
            let (view, findings) = found(listed);
            assert_eq!(findings, told([(path, "loop")]), "{path}");
            assert_eq!(read(&view, "/System/Volumes/Data/Users/ada/notes").unwrap(), b"some notes");
        }
    }
    let (_, findings) =
        found(plain().firmlink_list(&[("/", "Users"), ("/System/Volumes/Data/Users", "Users")]));
    assert_eq!(findings, told([("/System/Volumes/Data/Users", "not-on-system"), ("/", "loop")]));
}

/// Firmlinks inside one another, on either side: what one shows no other one shows again.
#[test]
fn nested() {
    let system = plain()
        .firmlink("/Users", "Users")
        .dir("/Users/Shared")
        .firmlink("/again", "Users")
        .firmlink("/inside", "Users/ada")
        .firmlink_list(&[
            ("/Users", "Users"),
            ("/Users/Shared", "left"),
            ("/again", "Users"),
            ("/inside", "Users/ada"),
        ]);
    let (view, findings) = found(system);
    assert_eq!(
        findings,
        told([
            ("/Users/Shared", "behind"),
            ("/again", "shown-by"),
            ("/inside", "shown-by"),
            ("/Users", "hides")
        ])
    );
    assert_eq!(paths(&view), ["/Users"]);
    assert!(view.find("/Users/Shared").is_err() && view.find("/again/ada").is_err());
    // The outer one is followed, whichever comes first by name.
    let (view, findings) = found(plain().firmlink("/a", "Users/ada").firmlink("/b", "Users"));
    assert_eq!((paths(&view), findings), (vec!["/b".to_owned()], told([("/a", "shown-by")])));
}

/// One whose target another shows does not stand for it, and one behind a broken one is followed.
#[test]
fn behind_broken() {
    let system = plain()
        .firmlink("/broken", "nowhere")
        .dir("/broken/in")
        .firmlink_list(&[("/broken", "nowhere"), ("/broken/in", "left")]);
    let (view, findings) = found(system);
    assert_eq!(findings, told([("/broken", "no-target")]));
    assert_eq!(paths(&view), ["/broken/in"]);
}

/// A flagged directory where none was looked for is told wherever it is met, never shown as an empty directory.
#[test]
fn in_unusual_places() {
    let system = plain().dir("/deep").dir("/deep/er").firmlink("/deep/er/link", "Users");
    let view = merged(&container([system, data()]));
    assert!(view.findings().is_empty());
    let error = view.find("/deep/er/link").unwrap_err();
    assert_eq!(error.class(), Class::Unsupported);
    assert_eq!(list(&view).errors.len(), 1);
    assert!(list(&view).errors[0].starts_with("/deep/er/link: "), "{:?}", list(&view).errors);
    let mut errors = Vec::new();
    let sink = &mut |item: Result<apfs_core::ScanEntry<'_>, apfs_core::WalkError>| {
        errors.extend(item.err().map(|error| error.to_string()));
        Ok(())
    };
    apfs_core::Scan::scan(&view, None, sink).unwrap();
    assert_eq!(errors, list(&view).errors);
    // Beside one that is listed it is found.
    let system =
        plain().dir("/deep").dir("/deep/er").firmlink("/deep/er/link", "Users").dir("/deep/er/other");
    let (view, findings) = found(system.firmlink_list(&[("/deep/er/other", "left")]));
    assert_eq!(paths(&view), ["/deep/er/link", "/deep/er/other"]);
    assert_eq!(findings, told([("/deep/er/link", "not-listed")]));
}

/// More lines than the limit are told; so is a list that is no text.
#[test]
fn bounded() {
    let lines: Vec<_> = (0..2000).map(|number| format!("/{number}")).collect();
    let lines: Vec<_> = lines.iter().map(|line| (line.as_str(), "x")).collect();
    let (_, findings) = found(plain().firmlink_list(&lines));
    assert_eq!(findings.len(), 1025);
    assert_eq!(findings[1024], ("/usr/share/firmlinks".to_owned(), "too-many"));
    let (_, findings) = found(plain().file("/usr/share/firmlinks", [0xFF, b'\n', 0, b'\n', b'\t']));
    assert_eq!(findings, told([("/usr/share/firmlinks", "bad-line"), ("/usr/share/firmlinks", "bad-line")]));
    let (_, findings) = found(plain().sparse("/usr/share/firmlinks", 1 << 21, &[]));
    assert_eq!(findings, told([("/usr/share/firmlinks", "unreadable")]));
}

/// Places of volumes that are no directories.
#[test]
fn occupied_mount_points() {
    let image = container([VolumeBuilder::new("Mac").system(GROUP).file("/System", "a file"), data()]);
    let error = group(&image).view(&MergeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("a System volume whose /System is a file"), "{error}");
    let image =
        container([plain().remove("/System/Volumes/Data").symlink("/System/Volumes/Data", "/"), data()]);
    let error = group(&image).view(&MergeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("/System/Volumes/Data is a symlink"), "{error}");
    let (view, findings) = {
        let vm = apfs_tests::macs::vm();
        let view = merged(&container([plain().file("/System/Volumes/VM", "in the way"), data(), vm]));
        let words = words(view.findings());
        (view, words)
    };
    assert_eq!(findings, told([("/System/Volumes/VM", "left-out")]));
    assert_eq!(read(&view, "/System/Volumes/VM").unwrap(), b"in the way");
}

/// Entries of Data that lead to numbers which no file has, or to those of System: damage of that entry alone.
#[test]
fn numbers_out_of_range() {
    let stray = |id: u64| {
        let key = Key::dir_rec(21, "stray", Keys::CaseInsensitive, &Default::default());
        assert_eq!(key.bytes[7] >> 4, APFS_TYPE_DIR_REC);
        let view = merged(&container([system(), data().record(key, dir_rec(id, 0, 8, None))]));
        let errors = list(&view).errors;
        assert!(read(&view, "/Users/ada/notes").is_ok());
        errors
    };
    for id in [1 << 60 | 23, u64::MAX, 5 << 60 | 2, 0x0FFF_FFFF_0000_001A] {
        let errors = stray(id);
        assert_eq!(errors.len(), 1, "{id:#x}: {errors:?}");
        assert!(errors[0].starts_with("/Users/stray: damaged: j_drec_val_t.file_id"), "{errors:?}");
    }
}

/// Damage in one member: its superblock, its tree, one of its leaves.
#[test]
fn damaged_members() {
    for (slot, name) in [(0, "Mac"), (1, "Mac - Data")] {
        let mut image = container([system(), data()]);
        image.corrupt(image.fs_root(slot));
        let error = group(&image).view(&MergeOptions::default()).unwrap_err();
        assert_eq!(error.class(), Class::Corrupt);
        assert!(error.to_string().contains(&format!("on volume {name}")), "{error}");
        let other = open(image.bytes).unwrap().volume(1 - slot).unwrap();
        list_sound(&other.view().unwrap());
    }
    let mut image = container([system(), data()]);
    let superblock = image.live(Role::VolumeSuperblock)[1].block;
    image.corrupt(superblock);
    let found = groups(&image);
    assert_eq!(found.problems.iter().map(|problem| problem.word()).collect::<Vec<_>>(), ["unreadable"]);
    let error = found.groups[0].view(&MergeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("no Data volume; volume 1 can't be read"), "{error}");
}

/// A leaf of Data that can't be read costs what is in it; paths in the errors are those of the merged tree.
#[test]
fn damaged_leaf() {
    let build = || -> Image {
        let volumes = [system(), data()].into_iter();
        let builder = apfs_tests::build::ImageBuilder::new().max_records_per_node(4);
        volumes.fold(builder, |builder, volume| builder.volume(volume)).build()
    };
    let sound = list_sound(&merged(&build()));
    let (mut opened, leaves) = (0, build().fs_nodes(1).iter().filter(|node| node.level == 0).count());
    for index in 0..leaves {
        let mut image = build();
        let leaf = image.fs_nodes(1).iter().filter(|node| node.level == 0).nth(index).unwrap().block;
        image.corrupt(leaf);
        let view = match group(&image).view(&MergeOptions::default()) {
            Ok(view) => view,
            Err(error) => {
                assert!(matches!(error, Error::Corrupt(_)), "{error}");
                continue;
            }
        };
        opened += 1;
        let listing = list(&view);
        let told = listing.errors.len()
            + view.findings().iter().filter(|finding| !finding.problem.is_usual()).count();
        if told == 0 {
            // It held none of the names: extents, say, which the content of files shows.
            assert!(listing.files.keys().eq(sound.keys()), "leaf {index} was lost in silence");
        }
        let moved = view.firmlinks().len() < 5;
        for path in listing.files.keys() {
            assert!(moved || sound.contains_key(path), "{}", String::from_utf8_lossy(path));
        }
    }
    assert!(opened > leaves / 2);
}

/// No byte of the list and the attributes leads to a panic, a walk without end, or a file that is listed twice.
#[test]
fn flipped_lists() {
    let image = mac();
    let text = b"/AppleInternal\t";
    let at = image.bytes.windows(text.len()).rposition(|window| window == text).unwrap();
    let len =
        apfs_tests::macs::LIST.iter().map(|(path, target)| path.len() + target.len() + 2).sum::<usize>();
    for offset in 0..len {
        for value in [0, b'\n', b'\t', b'/', b'.', 0xFF] {
            let mut image = image.clone();
            image.bytes[at + offset] = value;
            let view = merged(&image);
            assert_eq!(list(&view).errors, [""; 0], "byte {offset} is {value}");
        }
    }
}
