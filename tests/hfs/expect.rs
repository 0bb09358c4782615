//! A volume compared with the description it was made from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apfs_core::hfsplus::Volume;
use apfs_core::text::hfs_name;
use apfs_core::{
    DirEntry, Error, FileId, Fs, FsExt, Kind, OpenOptions, ReadAt, Result, Scan, Stat, StreamId, Timestamp,
};
use apfs_tests::build::hfs::item::UNIX_TO_MAC;
use apfs_tests::build::hfs::{Entry, HfsBuilder, Item};
use apfs_tests::hfs_volumes::{compressed_content, compressed_len};
use apfs_tests::listing::{read_stream, scanned, scanned_in_parts, walked};

/// Opens a volume with default options.
pub(crate) fn open(bytes: impl Into<Vec<u8>>) -> Result<Volume> {
    open_on(Arc::new(bytes.into()))
}

/// Opens a volume on a device.
pub(crate) fn open_on(device: Arc<dyn ReadAt>) -> Result<Volume> {
    Volume::open(device, OpenOptions::default())
}

/// Opens a volume without its journal.
pub(crate) fn open_as_stored(bytes: impl Into<Vec<u8>>) -> Result<Volume> {
    let options = OpenOptions { no_journal: true, ..OpenOptions::default() };
    Volume::open(Arc::new(bytes.into()), options)
}

/// Opens a sound volume, and demands that nothing is wrong with it.
pub(crate) fn open_sound(bytes: impl Into<Vec<u8>>) -> Volume {
    let volume = open(bytes).unwrap();
    assert!(volume.findings().is_empty(), "{:?}", volume.findings());
    volume
}

/// A stored name as the library gives it.
pub(crate) fn shown(name: &[u16]) -> Vec<u8> {
    let stored: Vec<u8> = name.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    let mut text = Vec::new();
    hfs_name::push_text(&stored, &mut text);
    text
}

/// A path as the library gives it.
pub(crate) fn path(names: &[Vec<u16>]) -> Vec<u8> {
    if names.is_empty() {
        return b"/".to_vec();
    }
    names.iter().flat_map(|name| [b"/".to_vec(), shown(name)].concat()).collect()
}

/// Everything the description says, in every way there is to ask.
pub(crate) fn check(volume: &Volume, wanted: &HfsBuilder) {
    let model = wanted.model();
    assert_eq!(volume.name().as_bytes(), shown(&wanted.items[&2].name));
    check_walks(volume, wanted, &model);
    check_scans(volume, &model);
    let mut seen = BTreeSet::new();
    for entry in &model {
        let what = String::from_utf8_lossy(&path(&entry.path)).into_owned();
        check_lookup(volume, wanted, entry, &what);
        if seen.insert(entry.item.cnid) {
            check_content(volume, &entry.item, &what);
            check_attributes(volume, &entry.item, &what);
            check_links(volume, wanted, &entry.item, &what);
        }
    }
}

/// Metadata that the description calls for. Parents are checked by lookups, sizes by contents.
fn check_stat(stat: &Stat, wanted: &HfsBuilder, item: &Item, what: &str) {
    assert_eq!(stat.id, FileId(item.cnid.into()), "{what}");
    assert_eq!(stat.kind, kind(item), "{what}");
    assert_eq!((stat.mode, stat.uid, stat.gid), (item.mode, item.owner, item.group), "{what}");
    let flags = u32::from(item.admin_flags) << 16 | u32::from(item.owner_flags);
    assert_eq!(stat.bsd_flags, flags, "{what}");
    let links = wanted.links_to(item.cnid).len() as u32;
    let is_orphan = shown(&item.name).starts_with(b"temp");
    assert_eq!(stat.nlink, if is_orphan { 0 } else { links.max(1) }, "{what}");
    let children = wanted.items.values().filter(|child| child.parent == item.cnid).count() as u32;
    assert_eq!(stat.nchildren, item.is_folder().then_some(children), "{what}");
    let times = [stat.created, stat.modified, stat.changed, stat.accessed];
    let expanded = item.flags & 0x1000 != 0;
    let time = |seconds: u32| {
        let seconds_1970 = i64::from(seconds) - if expanded { 0 } else { i64::from(UNIX_TO_MAC) };
        (seconds != 0).then(|| Timestamp(seconds_1970 * 1_000_000_000))
    };
    assert_eq!(times, core::array::from_fn(|n| time(item.dates[n])), "{what}");
    let is_device = matches!(stat.kind, Kind::CharDevice | Kind::BlockDevice);
    assert_eq!(stat.rdev, is_device.then_some(item.special), "{what}");
    let packed = packed(item);
    assert_eq!(stat.compression.map(|packed| packed.kind), packed.as_ref().map(|(kind, _)| *kind), "{what}");
    let size = packed.map_or(item.data.bytes.len(), |(_, content)| content.len());
    assert_eq!(stat.size, size as u64, "{what}");
    if stat.compression.is_none() {
        assert_eq!(stat.resource_size.unwrap_or(0), item.resource.bytes.len() as u64, "{what}");
    }
}

fn kind(item: &Item) -> Kind {
    match item.mode >> 12 {
        _ if item.is_folder() => Kind::Dir,
        0 => Kind::File,
        _ => Kind::from_mode(item.mode),
    }
}

/// Type and content of a compressed file.
fn packed(item: &Item) -> Option<(u32, Vec<u8>)> {
    let name: Vec<u16> = "com.apple.decmpfs".encode_utf16().collect();
    let xattr = item.xattrs.iter().find(|xattr| xattr.name == name)?;
    let kind = u32::from_le_bytes(xattr.value[4..8].try_into().unwrap());
    Some((kind, compressed_content(kind, compressed_len(kind))))
}

/// A walk as a Mac shows it, and one over everything once.
fn check_walks(volume: &Volume, wanted: &HfsBuilder, model: &[Entry]) {
    let mut left: BTreeMap<Vec<u8>, &Entry> =
        model.iter().filter(|entry| !entry.is_private).map(|entry| (path(&entry.path), entry)).collect();
    for entry in volume.walk(volume.root()) {
        let entry = entry.unwrap();
        let what = String::from_utf8_lossy(&entry.path).into_owned();
        let expected = left.remove(&entry.path).unwrap_or_else(|| panic!("{what} is not expected"));
        assert_eq!(entry.entry.link_id, expected.link.map(u64::from), "{what}");
        assert_eq!((entry.entry.id, entry.entry.kind), (entry.stat.id, entry.stat.kind), "{what}");
        check_stat(&entry.stat, wanted, &expected.item, &what);
    }
    assert!(left.is_empty(), "{:?} are missing", left.keys().map(|p| p.escape_ascii().to_string()));
    let all: BTreeSet<Vec<u8>> =
        model.iter().filter(|entry| !entry.below_link).map(|entry| path(&entry.path)).collect();
    let found: BTreeSet<Vec<u8>> = walked(volume).into_iter().map(|(path, _)| path).collect();
    assert_eq!(found, all);
}

/// A scan gives what a walk over everything gives, with the right links and privacy, in one part and in many.
fn check_scans(volume: &Volume, model: &[Entry]) {
    let walked = walked(volume);
    assert!(scanned(volume) == walked, "walk and scan");
    for parts in [2, 3, 7, 100] {
        assert!(scanned_in_parts(volume, parts) == walked, "walk and scan in {parts} parts");
    }
    let facts = model.iter().filter(|entry| !entry.below_link);
    let facts: BTreeMap<_, _> =
        facts.map(|entry| (path(&entry.path), (entry.link, entry.is_private))).collect();
    let ledger = volume.scan(None, &mut |entry| {
        let entry = entry.map_err(|error| error.error)?;
        let found = (entry.link_id.map(|id| id as u32), entry.private);
        assert_eq!(facts[entry.path], found, "{}", entry.path.escape_ascii());
        Ok(())
    });
    assert_eq!(ledger.unwrap().entries() as usize, facts.len());
}

/// Every name is found in its folder, and the whole path from the root.
fn check_lookup(volume: &Volume, wanted: &HfsBuilder, entry: &Entry, what: &str) {
    let id = FileId(entry.item.cnid.into());
    assert_eq!(volume.find_no_follow(path(&entry.path)).unwrap(), id, "{what}");
    check_stat(&volume.stat(id).unwrap(), wanted, &entry.item, what);
    let Some((name, above)) = entry.path.split_last() else { return };
    let dir = volume.find_no_follow(path(above)).unwrap();
    let found: DirEntry = volume.lookup(dir, &shown(name)).unwrap();
    assert_eq!((found.id, found.link_id), (id, entry.link.map(u64::from)), "{what}");
    assert_eq!(found.name.as_bytes(), shown(name), "{what}");
    check_stat(&volume.stat_entry(dir, &found).unwrap(), wanted, &entry.item, what);
    assert_eq!(volume.is_private(dir, &shown(name)), above.is_empty() && entry.is_private, "{what}");
    let absent = [&shown(name)[..], b"?"].concat();
    assert!(matches!(volume.lookup(dir, &absent), Err(Error::NotFound(_))), "{what}?");
}

fn check_content(volume: &Volume, item: &Item, what: &str) {
    let id = FileId(item.cnid.into());
    let read = |stream: &StreamId| read_stream(volume, id, stream);
    if item.is_folder() {
        assert!(
            matches!(volume.read_at(id, &StreamId::Data, 0, &mut [0]), Err(Error::IsADirectory)),
            "{what}"
        );
        return;
    }
    let data = packed(item).map_or_else(|| item.data.bytes.clone(), |(_, content)| content);
    // What stands in the journal's files is not in the description.
    let is_journal = shown(&item.name).starts_with(b".journal");
    if kind(item) == Kind::File && !is_journal {
        assert!(read(&StreamId::Data).unwrap() == data, "{what}");
        assert!(read(&StreamId::Raw).unwrap() == item.data.bytes, "{what}");
        for (offset, len) in [(1, 5), (4095, 2), (5000, 70_000), (data.len().saturating_sub(3), 9)] {
            let mut bytes = vec![0; len];
            let count = volume.read_at(id, &StreamId::Data, offset as u64, &mut bytes).unwrap();
            let expected = &data[offset.min(data.len())..data.len().min(offset + len)];
            assert!(&bytes[..count] == expected, "{what}: {len} bytes at {offset}");
        }
        let stat = volume.stat(id).unwrap();
        let mut bytes = vec![0; data.len()];
        assert_eq!(volume.read_file(&stat, 0, &mut bytes).unwrap(), data.len(), "{what}");
        assert!(bytes == data, "{what}");
    }
    if kind(item) == Kind::Symlink {
        assert_eq!(volume.read_link(id).unwrap().as_bytes(), item.data.bytes, "{what}");
    } else {
        assert!(matches!(volume.read_link(id), Err(Error::NotASymlink)), "{what}");
    }
    match read(&StreamId::ResourceFork) {
        Ok(bytes) => assert!(bytes == item.resource.bytes, "{what}: resource fork"),
        Err(error) => {
            assert!(matches!(error, Error::NotFound(_)) && item.resource.bytes.is_empty(), "{what}")
        }
    }
}

fn check_attributes(volume: &Volume, item: &Item, what: &str) {
    let id = FileId(item.cnid.into());
    let mut expected: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for xattr in &item.xattrs {
        expected.insert(String::from_utf16(&xattr.name).unwrap().into_bytes(), xattr.value.clone());
    }
    if item.finder != [0; 32] {
        expected.insert(b"com.apple.FinderInfo".to_vec(), item.finder.to_vec());
    }
    let mut found = BTreeMap::new();
    for xattr in volume.xattrs(id).unwrap() {
        let value = read_stream(volume, id, &StreamId::Xattr(xattr.name.clone())).unwrap();
        assert_eq!(xattr.size, value.len() as u64, "{what}: {}", xattr.name);
        let twice = found.insert(xattr.name.as_bytes().to_vec(), value);
        assert!(twice.is_none(), "{what}: {} comes twice", xattr.name);
    }
    assert!(found == expected, "{what}: {:?} instead of {:?}", found.keys(), expected.keys());
    let absent = StreamId::Xattr("not there".into());
    assert!(matches!(volume.stream_len(id, &absent), Err(Error::NotFound(_))), "{what}");
}

/// All names of a file are found from it, and its path leads to it.
fn check_links(volume: &Volume, wanted: &HfsBuilder, item: &Item, what: &str) {
    let id = FileId(item.cnid.into());
    let links = wanted.links_to(item.cnid);
    let expected: BTreeSet<(u64, Vec<u8>)> = match links.as_slice() {
        [] => BTreeSet::from([(item.parent.into(), shown(&item.name))]),
        links => links.iter().map(|link| (link.parent.into(), shown(&link.name))).collect(),
    };
    let found = volume.links(id).unwrap();
    assert_eq!(found.len(), expected.len(), "{what}: {found:?}");
    if item.cnid != 2 {
        let found: BTreeSet<_> =
            found.into_iter().map(|(dir, name)| (dir.0, name.as_bytes().to_vec())).collect();
        assert_eq!(found, expected, "{what}");
    }
    let path = volume.path_of(id).unwrap();
    assert_eq!(volume.find_no_follow(&path).unwrap(), id, "{what}: {}", path.escape_ascii());
}
