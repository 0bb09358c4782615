//! Records that lie: extents, sizes, directories, links.

use apfs_core::{Class, Damage, Fs, FsExt, Kind, Scan};
use apfs_tests::build::records::{
    APFS_TYPE_DIR_REC, APFS_TYPE_FILE_EXTENT, APFS_TYPE_INODE, Key, dir_rec, file_extent,
};
use apfs_tests::build::{ImageBuilder, Keys, VolumeBuilder};
use apfs_tests::listing::{list, read, view};

fn volume() -> VolumeBuilder {
    VolumeBuilder::new("V")
        .file("/bad", [1; 10_000])
        .file("/good", [2; 10_000])
        .dir("/dir")
        .file("/dir/in", "in")
}

fn build(volume: VolumeBuilder) -> apfs_core::apfs::View {
    view(ImageBuilder::new().volume(volume).build().bytes)
}

const BAD: u64 = 16;

/// Extents behind the end of the container: an error for the file, no other is touched.
#[test]
fn extents_past_the_end() {
    for block in [256, 1 << 20, 1 << 51, u64::MAX >> 1, u64::MAX] {
        let mut image = ImageBuilder::new().volume(volume()).build();
        image.set_first_extent(0, "/bad", block);
        let view = view(image.bytes);
        let error = read(&view, "/bad").unwrap_err();
        let damage = error.corrupt().unwrap().damage;
        assert!(matches!(damage, Damage::PastEnd | Damage::Range), "block {block}: {error}");
        assert_eq!(read(&view, "/good").unwrap(), [2; 10_000]);
        assert_eq!(list(&view).errors, [""; 0]);
    }
}

/// Extents that are too long, empty, or not whole blocks.
#[test]
fn strange_lengths() {
    for len in [0, 1, 4095, 5000, (1 << 56) - 1, 1 << 55] {
        let key = Key::numbered(BAD, APFS_TYPE_FILE_EXTENT, 0);
        let view = build(volume().record(key, file_extent(len, 0, 100, 0)));
        let Err(error) = read(&view, "/bad") else { panic!("length {len} went unnoticed") };
        assert_eq!(error.class(), Class::Corrupt, "length {len}: {error}");
        assert_eq!(read(&view, "/good").unwrap(), [2; 10_000]);
    }
}

/// Two extents for the same bytes.
#[test]
fn overlapping_extents() {
    let key = Key::numbered(BAD, APFS_TYPE_FILE_EXTENT, 4096);
    let view = build(volume().record(key, file_extent(8192, 0, 100, 0)));
    let Err(error) = read(&view, "/bad") else { panic!("the overlap went unnoticed") };
    assert_eq!(error.corrupt().unwrap().damage, Damage::Overlap, "{error}");
    assert_eq!(read(&view, "/good").unwrap(), [2; 10_000]);
}

/// A size without the bytes for it is not answered with zeros without end.
#[test]
fn giant_size() {
    for (size, allocated) in [(u64::MAX, 12_288), (1 << 60, 12_288), (1 << 40, 12_288), (u64::MAX, u64::MAX)]
    {
        let mut image = ImageBuilder::new().volume(volume()).build();
        let leaf = image.fs_leaves_of(0, BAD)[0];
        let old = [10_000_u64.to_le_bytes(), 12_288_u64.to_le_bytes()].concat();
        let new = [size.to_le_bytes(), u64::to_le_bytes(allocated)].concat();
        image.edit(leaf, |block| {
            // Values lie from the end of a node down: the last find is the first file's.
            let at = block.windows(16).rposition(|bytes| bytes == old).unwrap();
            block[at..at + 16].copy_from_slice(&new);
        });
        let view = view(image.bytes);
        let id = view.find("/bad").unwrap();
        assert_eq!(view.stat(id).unwrap().size, size);
        let mut buffer = [0; 100];
        let error = view.read_at(id, &apfs_core::StreamId::Data, 1 << 30, &mut buffer).unwrap_err();
        assert!(matches!(error.class(), Class::Corrupt | Class::Limit), "{error}");
        assert_eq!(read(&view, "/good").unwrap(), [2; 10_000]);
    }
}

/// A directory that lists itself, or its parent.
#[test]
fn directory_in_itself() {
    for (dir, target) in [(18_u64, 18_u64), (18, 2), (2, 2)] {
        for keys in [Keys::CaseInsensitive, Keys::Plain] {
            let key = Key::dir_rec(dir, "loop", keys, &Default::default());
            let volume =
                volume().option(|options| options.keys = keys).record(key, dir_rec(target, 0, 4, None));
            let view = build(volume);
            let listing = list(&view);
            assert_eq!(listing.errors.len(), 1, "{:?}", listing.errors);
            assert!(listing.errors[0].contains("loop"), "{:?}", listing.errors);
            assert_eq!(listing.files.len(), 5);
            let mut errors = 0;
            let mut paths = Vec::new();
            view.scan(None, &mut |entry| {
                match entry {
                    Ok(entry) => paths.push(entry.path.to_vec()),
                    Err(_) => errors += 1,
                }
                Ok(())
            })
            .unwrap();
            assert!(paths.len() <= 6 && errors <= 3, "{paths:?} and {errors} errors");
            assert!(paths.iter().any(|path| path == b"/good"), "{paths:?}");
        }
    }
}

/// Two directories that are each in the other are reachable from nowhere and hang nothing.
#[test]
fn directories_in_each_other() {
    let image = ImageBuilder::new()
        .volume(VolumeBuilder::new("V").dir("/a").dir("/a/b").file("/x", "x").change(|content, _| {
            let entry = content.entries.remove(&(2, "a".to_owned())).unwrap();
            content.entries.insert((17, "a".to_owned()), entry);
            content.inodes.get_mut(&16).unwrap().links[0].parent = 17;
        }))
        .build();
    let view = view(image.bytes);
    let (mut paths, mut errors) = (Vec::new(), Vec::new());
    view.scan(None, &mut |entry| {
        match entry {
            Ok(entry) => paths.push(entry.path.to_vec()),
            Err(error) => errors.push(error.error.corrupt().unwrap().damage),
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(paths, [b"/".to_vec(), b"/x".to_vec()]);
    assert_eq!(errors, [Damage::Missing; 2], "both directories are nowhere");
    assert!(view.path_of(apfs_core::FileId(16)).is_err());
}

/// Links that lead in a circle.
#[test]
fn symlink_loops() {
    let volume = volume()
        .symlink("/self", "self")
        .symlink("/one", "two")
        .symlink("/two", "/dir/../one")
        .symlink("/dir/up", "../dir/up/up")
        .symlink("/ok", "dir/in");
    let view = build(volume);
    for path in ["/self", "/one", "/two/x", "/dir/up"] {
        assert!(matches!(view.find(path), Err(apfs_core::Error::TooManyLinks)), "{path}");
        assert!(path == "/two/x" || view.find_no_follow(path).is_ok());
    }
    assert_eq!(read(&view, "/ok").unwrap(), b"in");
    assert_eq!(list(&view).errors, [""; 0]);
}

/// A directory entry whose file has no inode: an error at its place, the neighbours are listed.
#[test]
fn entry_without_a_file() {
    let view = build(volume().without_record(Key::plain(BAD, APFS_TYPE_INODE)));
    let listing = list(&view);
    let paths: Vec<_> = listing.files.keys().map(|path| String::from_utf8_lossy(path)).collect();
    assert_eq!(paths, ["/", "/dir", "/dir/in", "/good"]);
    assert_eq!(listing.errors.len(), 1);
    assert!(listing.errors[0].starts_with("/bad"), "{:?}", listing.errors);
    let mut errors = Vec::new();
    view.scan(None, &mut |entry| {
        errors.extend(entry.err().map(|error| error.to_string()));
        Ok(())
    })
    .unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("/bad"), "{errors:?}");
}

/// A file that is in no directory although it says so: the scan does not list it and says why.
#[test]
fn file_without_an_entry() {
    let key = Key::dir_rec(2, "bad", Keys::CaseInsensitive, &Default::default());
    assert_eq!(key.kind, APFS_TYPE_DIR_REC);
    let view = build(volume().without_record(key));
    assert_eq!(list(&view).files.len(), 4);
    let mut errors = Vec::new();
    view.scan(None, &mut |entry| {
        errors.extend(entry.err().map(|error| error.error));
        Ok(())
    })
    .unwrap();
    let [error] = &errors[..] else { panic!("{errors:?}") };
    assert_eq!(error.corrupt().unwrap().damage, Damage::Contradiction, "{error}");
}

/// Names that no name may be do not hide the others.
#[test]
fn impossible_names() {
    for name in [&b""[..], b"a/b", b".", b"..", b"nul\0inside"] {
        let mut rest = (name.len() as u16 + 1).to_le_bytes().to_vec();
        rest.extend_from_slice(name);
        rest.push(0);
        let key = Key::new(2, APFS_TYPE_DIR_REC, 0, name, &rest);
        let volume = volume().plain_keys().record(key, dir_rec(BAD, 0, 8, None));
        let listing = list(&build(volume));
        assert_eq!(listing.errors.len(), 1, "{name:?}: {:?}", listing.errors);
        assert_eq!(listing.files.len(), 5, "{name:?}");
    }
}

/// An entry that calls a directory a file.
#[test]
fn entry_of_the_wrong_kind() {
    let key = Key::dir_rec(2, "dir", Keys::CaseInsensitive, &Default::default());
    let view = build(volume().record(key, dir_rec(18, 0, 8, None)));
    assert_eq!(view.metadata("/dir").unwrap().kind, Kind::Dir);
    let listing = list(&view);
    assert!(listing.files.contains_key(&b"/x"[..]) || listing.files.len() > 2, "neighbours");
    let [error] = &listing.errors[..] else { panic!("{:?}", listing.errors) };
    assert!(error.contains("/dir") && error.contains("j_drec_val_t.flags"), "{error}");
}
