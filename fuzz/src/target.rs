//! One function per fuzz target: bytes in, a panic if a promise is broken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apfs_core::apfs::Container;
use apfs_core::apfs::key_blob::KeyBlob;
use apfs_core::apfs::keybag;
use apfs_core::apfs::record::dir::DirRec;
use apfs_core::apfs::record::extent::FileExtent;
use apfs_core::apfs::record::inode::Inode;
use apfs_core::apfs::record::other::{DataHash, crypto_state, dir_stats, dstream_users, sibling_file};
use apfs_core::apfs::record::sibling::SiblingLink;
use apfs_core::apfs::record::xattr::Xattr;
use apfs_core::apfs::record::{key, xfield::XFields};
use apfs_core::group::{Groups, MergeOptions};
use apfs_core::image::part::table::{PartitionType, Table};
use apfs_core::image::plist::resource_fork;
use apfs_core::image::probe;
use apfs_core::image::resource_fork::ResourceFork;
use apfs_core::text::escape::Escaped;
use apfs_core::text::hfs_name::{self, HfsNameRule};
use apfs_core::text::name::NameRule;
use apfs_core::{AnyFs, BlockSize, Corrupt, Disk, Limits, Observer, OpenOptions, ReadAt, Secret};

use crate::codec;
use crate::delta;
use crate::hfs;
use crate::journal;
use crate::patch::{Input, Patch, region_of};
use crate::seed::{PASSWORD, RegionKind, seeds};
use crate::view::{self, Outcome};
use crate::wrapped;

/// Name and function of every target.
pub const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("image", image),
    ("node", node),
    ("records", records),
    ("names", names),
    ("gpt", gpt),
    ("apm", apm),
    ("mbr", mbr),
    ("probe", probe),
    ("keybag", keybag),
    ("encrypted", wrapped::encrypted),
    ("sparse", wrapped::sparse),
    ("asif", wrapped::asif),
    ("corestorage", wrapped::core_storage),
    ("codec", codec::codec),
    ("decmpfs", codec::decmpfs_file),
    ("udif", udif),
    ("plist", plist),
    ("journal", journal::journal),
    ("delta", delta::delta),
    ("fusion", crate::fusion::fusion),
    ("hfs_volume", hfs::volume),
    ("hfs_node", hfs::node),
    ("hfs_record", hfs::record),
    ("check", crate::check::of_any),
    ("seal", crate::seal::seal),
];

/// Ceilings low enough that reaching one is quick.
pub fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.cache_bytes = 256 << 10;
    limits.descriptor_bytes = 4 << 20;
    limits.ephemeral_bytes = 4 << 20;
    limits.xattr_bytes = 1 << 20;
    limits.journal_ranges = 40;
    limits.directory_depth = 64;
    limits.snapshots = 100;
    limits.kdf_rounds = 1000;
    limits.unlock_attempts = 8;
    limits
}

pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::default();
    options.limits = limits();
    options.secrets = vec![Secret::password(PASSWORD)];
    options
}

/// A whole image, made of a seed and changes to it (see [`patch`](crate::patch)).
pub fn image(bytes: &[u8]) {
    let input = Input::decode(bytes);
    let outcome = check_disk(input.image());
    // A change that leaves a checksum wrong is found, or does not matter.
    let is_seen = |patch: &Patch| match patch {
        Patch::Stale { region, .. } => matches!(region_of(input.seed(), *region).kind, RegionKind::Object(_)),
        _ => false,
    };
    if outcome.findings == 0 && input.patches.iter().all(is_seen) {
        let sound = check_disk(input.seed().bytes.clone());
        assert_eq!(outcome.digest, sound.digest, "promise: a wrong checksum is never passed over in silence");
    }
}

/// One B-tree node with any content behind its header: seed, number of the node, content from `btn_flags` on.
pub fn node(bytes: &[u8]) {
    let Some(([seed, number], content)) = bytes.split_first_chunk::<2>() else { return };
    let seed = &seeds()[usize::from(*seed) % seeds().len()];
    let nodes: Vec<_> = seed.regions.iter().filter(|region| region.is_node()).collect();
    let region = nodes[usize::from(*number) % nodes.len()];
    let mut image = seed.bytes.clone();
    let object = &mut image[region.start..][..region.len];
    let count = content.len().min(region.len - 0x20);
    object[0x20..0x20 + count].copy_from_slice(&content[..count]);
    if region.kind != RegionKind::Headerless {
        crate::fix::repair_object(object);
    }
    check_disk(image);
}

/// Counts what is told on the side: damage that costs only its own record.
#[derive(Default)]
pub(crate) struct Told(AtomicUsize);

impl Told {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Observer for Told {
    fn finding(&self, _: &Corrupt) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Opens everything that is on a disk, and checks every volume and some snapshots.
pub fn check_disk(bytes: Vec<u8>) -> Outcome {
    let told = Arc::new(Told::default());
    let mut options = options();
    options.observer = Some(told.clone());
    let mut out = check_disk_with(bytes, &options);
    out.findings += told.count();
    out
}

fn check_disk_with(bytes: Vec<u8>, options: &OpenOptions) -> Outcome {
    let mut out = Outcome::default();
    let device: Arc<dyn ReadAt> = Arc::new(bytes);
    let Some(disk) = out.ok(Disk::open(device, options)) else { return out };
    out.findings += disk.findings().len() + usize::from(disk.table_from_backup());
    for partition in disk.apfs_partitions() {
        let Some(container) = out.ok(disk.container(partition, options.clone())) else { continue };
        out.findings += container.rejected().len();
        if let Some(damage) = container.checkpoint().ephemeral_damage() {
            out.error(damage);
        }
        let device = disk.partition_device(partition).expect("promise: a listed partition is there");
        for mapping in container.checkpoint().mappings().iter().take(20) {
            let _ = out.ok(container.ephemeral(mapping.oid));
        }
        crate::space::check(&container, &mut out);
        for (slot, volume) in container.volumes() {
            let Some(volume) = out.ok(volume) else { continue };
            if let Some(protection) = out.ok(volume.protection()) {
                let kinds: Vec<_> = protection.records.iter().map(|record| record.kind).collect();
                out.answer((kinds, protection.hint, protection.rolling.map(|rolling| rolling.percent)));
            }
            out.answer((slot, volume.name().as_bytes(), volume.role().0, volume.modified_by().len()));
            if let Some(view) = out.ok(volume.view()) {
                view::check(&AnyFs::Apfs(view), &*device, &mut out);
            }
            let snapshots = out.ok(volume.snapshots()).unwrap_or_default();
            for snapshot in snapshots.iter().take(3) {
                out.answer((snapshot.name.as_bytes(), snapshot.xid.0));
                if let Some(view) = out.ok(volume.view_at(snapshot)) {
                    view::check(&AnyFs::Apfs(view), &*device, &mut out);
                }
            }
        }
        check_groups(&container, &*device, &mut out);
    }
    out
}

/// System and Data of every group as one tree.
fn check_groups(container: &Container, device: &dyn ReadAt, out: &mut Outcome) {
    let found = Groups::find(container);
    out.findings += found.problems.len();
    for group in &found.groups {
        out.findings += group.problems.len();
        for without_data in [false, true] {
            let wanted = MergeOptions { without_data, ..MergeOptions::default() };
            let Some(view) = out.ok(group.view(&wanted)) else { continue };
            out.findings += view.findings().iter().filter(|finding| !finding.problem.is_usual()).count();
            view::check(&AnyFs::Merged(view), device, out);
        }
    }
}

/// Every record decoder on any key and value: one byte for the length of the key, key, value.
pub fn records(bytes: &[u8]) {
    let Some((len, rest)) = bytes.split_first() else { return };
    let (key, value) = rest.split_at(usize::from(*len).min(rest.len()));
    let _ = key::decode(key);
    let _ = (dstream_users(value), sibling_file(value), dir_stats(value), DataHash::parse(key, value));
    if let Ok((_, wrapped)) = crypto_state(value) {
        assert!(wrapped.len() <= value.len());
    }
    for hashed in [true, false] {
        if let Ok(record) = DirRec::parse(key, value, hashed) {
            let entry = record.to_entry();
            let name = entry.name.as_bytes();
            assert!(!name.is_empty() && name != b"." && name != b"..", "promise: names lead nowhere else");
            assert!(!name.iter().any(|byte| matches!(byte, 0 | b'/')), "promise: a name is one component");
            assert_eq!(record.hash.is_some(), hashed);
        }
    }
    if let Ok(link) = SiblingLink::parse(key, value) {
        assert!(!link.name.is_empty());
        let name = link.name;
        assert!(!name.iter().any(|byte| matches!(byte, 0 | b'/')), "promise: a link's name is one component");
    }
    if let Ok(xattr) = Xattr::parse(key, value) {
        assert!(!xattr.name.is_empty());
        let _ = xattr.size();
    }
    if let Ok(inode) = Inode::parse(value) {
        let stat = inode.stat(apfs_core::FileId(7));
        assert_eq!(stat.kind, inode.kind());
        let _ = (inode.uncompressed_size(), inode.nlink());
    }
    if let Ok(fields) = XFields::parse(value) {
        assert!(fields.map(|(_, _, value)| value.len()).sum::<usize>() <= value.len());
    }
    let block_size = BlockSize::new(4096).expect("a valid size");
    for extent in
        [FileExtent::parse(key, value, block_size), FileExtent::parse_sealed(key, value, block_size)]
    {
        if let Ok(extent) = extent {
            assert!(extent.len > 0 && extent.len % 4096 == 0 && extent.logical % 4096 == 0);
            assert_eq!(extent.logical.checked_add(extent.len), Some(extent.end()));
        }
    }
}

/// Entries of a keybag from any bytes behind its object header, and a key blob from the same bytes.
pub fn keybag(bytes: &[u8]) {
    if let Ok(entries) = keybag::entries(bytes) {
        let held: usize = entries.iter().map(|entry| 24 + entry.data.len()).sum();
        assert!(16 + held <= bytes.len(), "promise: entries lie in their keybag, one after the other");
        for entry in &entries {
            let _ = KeyBlob::parse(&entry.data).map(|blob| (blob.rounds(), blob.uuid()));
        }
    }
    if let Ok(blob) = KeyBlob::parse(bytes) {
        assert_ne!(blob.rounds(), Some(0), "promise: there is no derivation without rounds");
    }
}

/// Comparison, hash and display of any two names, cut at the first NUL.
pub fn names(bytes: &[u8]) {
    let cut = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (a, b) = (&bytes[..cut], bytes.get(cut + 1..).unwrap_or(&[]));
    for rule in [NameRule::CaseInsensitive, NameRule::NormalizationInsensitive, NameRule::Bytes] {
        assert!(rule.same(a, a) && rule.hash(a) == rule.hash(a), "promise: a name is the same as itself");
        assert_eq!(rule.same(a, b), rule.same(b, a), "promise: the order does not matter");
        assert!(rule.hash(a) < 1 << 22, "promise: a hash has 22 bits");
        if rule.same(a, b) {
            assert_eq!(rule.hash(a), rule.hash(b), "promise: equal names have equal hashes");
        }
    }
    if NameRule::NormalizationInsensitive.same(a, b) {
        assert!(NameRule::CaseInsensitive.same(a, b), "promise: folding never tells names apart");
    }
    hfs_names(a, b);
    for name in [a, b, bytes] {
        let shown = Escaped(name).to_string();
        assert!(!shown.chars().any(char::is_control), "promise: what is shown has no control characters");
        assert_eq!(unescape(&shown), name, "promise: what is shown loses nothing");
    }
}

/// Order, display and lookup keys of names of HFS+, taken both as stored and as text.
fn hfs_names(a: &[u8], b: &[u8]) {
    for rule in [HfsNameRule::CaseFolding, HfsNameRule::Binary] {
        assert!(rule.same(a, a) && rule.equivalent(a, a), "promise: a name is the same as itself");
        assert_eq!(rule.compare(a, b), rule.compare(b, a).reverse(), "promise: the order is one");
        assert!(rule.equivalent(a, b) || !rule.same(a, b), "promise: what is the same is equivalent");
    }
    for name in [a, b] {
        let stored = &name[..(name.len() & !1).min(510)];
        let mut shown = Vec::new();
        hfs_name::push_text(stored, &mut shown);
        assert!(!shown.contains(&b'/'), "promise: what is shown is one component");
        let back = hfs_name::to_stored_as_is(&shown).expect("promise: what is shown can be typed");
        let has_colon = stored.chunks(2).any(|unit| unit == [0, b':']);
        assert!(back == stored || has_colon, "promise: what is shown leads back");
        if let Some(key) = hfs_name::to_stored(name) {
            assert!(key.len() <= 510 && key.len() % 2 == 0, "promise: a name has 255 units at most");
            let mut again = Vec::new();
            hfs_name::push_text(&key, &mut again);
            assert_eq!(hfs_name::to_stored(&again), Some(key), "promise: a key is the key of itself");
        }
    }
}

/// The bytes that [`Escaped`] showed.
fn unescape(shown: &str) -> Vec<u8> {
    let plain = |text: &str| text.replace('␀', "\0").into_bytes();
    let mut bytes = Vec::new();
    let mut rest = shown;
    while let Some(at) = rest.find('\\') {
        bytes.extend(plain(&rest[..at]));
        rest = &rest[at + 1..];
        let mut chars = rest.chars();
        match chars.next() {
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('r') => bytes.push(b'\r'),
            Some('x') => {
                bytes.push(u8::from_str_radix(&rest[1..3], 16).expect("two digits"));
                chars = rest[3..].chars();
            }
            Some('u') => {
                let end = rest.find('}').expect("a closing brace");
                let code = u32::from_str_radix(&rest[2..end], 16).expect("digits");
                let c = char::from_u32(code).expect("a character");
                bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
                chars = rest[end + 1..].chars();
            }
            Some(c) => bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => panic!("promise: a backslash is never alone"),
        }
        rest = chars.as_str();
    }
    bytes.extend(plain(rest));
    bytes
}

/// A GUID partition table: changes to a partitioned seed, as for [`image`]; both checksums of both tables are
/// repaired.
pub fn gpt(bytes: &[u8]) {
    let mut input = Input::decode(bytes);
    let partitioned = seeds().iter().position(|seed| seed.gpt_sector.is_some());
    input.seed = partitioned.unwrap_or(0) as u8;
    let mut disk = input.image();
    crate::fix::repair_gpt(&mut disk, 512);
    check_tables(disk);
}

/// An Apple partition map: one byte for the size of its blocks, then the disk from block 0 on. Entries have their
/// signature.
pub fn apm(bytes: &[u8]) {
    let Some((selector, map)) = bytes.split_first() else { return };
    let block = if selector % 2 == 0 { 512 } else { 2048 };
    let mut disk = vec![0; 128 << 10];
    for (number, content) in map.chunks(96).enumerate().take(60) {
        let start = &mut disk[number * block..][..96];
        start[..content.len()].copy_from_slice(content);
        start[..2].copy_from_slice(if number == 0 { b"ER" } else { b"PM" });
    }
    check_tables(disk);
}

/// A master boot record and the sectors behind it, which may be extended ones: 64 bytes of entries for each.
pub fn mbr(bytes: &[u8]) {
    let mut disk = vec![0; 128 << 10];
    for (number, entries) in bytes.chunks(64).enumerate().take(200) {
        let sector = &mut disk[number * 512..][..512];
        sector[446..446 + entries.len()].copy_from_slice(entries);
        // What stands there otherwise is refused at once.
        for status in [446, 462, 478, 494] {
            sector[status] &= 0x80;
        }
        sector[510..].copy_from_slice(&[0x55, 0xAA]);
    }
    check_tables(disk);
}

/// Finds the partition table of a disk and opens what it describes.
fn check_tables(disk: Vec<u8>) {
    let len = disk.len() as u64;
    let device: Arc<dyn ReadAt> = Arc::new(disk);
    let whole = probe::probe(&*device).expect("promise: memory can be read");
    if let Ok(Some(table)) = Table::find(&*device, whole, &limits()) {
        let entries = &table.entries;
        assert!(entries.len() <= limits().partitions as usize, "promise: the limit is kept");
        for (number, entry) in entries.iter().enumerate() {
            let end = entry.start.checked_add(entry.len).expect("promise: a partition ends");
            let is_clean = table.findings.is_empty();
            assert!(end <= len || entry.len == 0 || !is_clean, "promise: passing the end is reported");
            let extended = |kind: &PartitionType| matches!(kind, PartitionType::Byte(0x05 | 0x0F | 0x85));
            let others = entries.iter().take(number).filter(|other| !extended(&other.kind));
            let mut shared = others.filter(|other| {
                other.start.max(entry.start) < end.min(other.start.saturating_add(other.len))
            });
            let overlaps = shared.next().is_some() && !extended(&entry.kind);
            assert!(!overlaps || !is_clean, "promise: shared bytes are reported");
        }
    }
    if let Ok(disk) = Disk::open(device, &options()) {
        for (number, partition) in disk.partitions().iter().enumerate() {
            assert_eq!(partition.index, number, "promise: numbers have no gaps");
            let _ = format!("{partition:?}");
            let device = disk.partition_device(number).expect("promise: a listed partition is there");
            assert!(device.len() <= partition.len);
            let _ = disk.container(number, options());
        }
    }
}

/// Signatures: where the range begins, how many zeros stand between the two halves of the rest, the rest.
pub fn probe(bytes: &[u8]) {
    let Some(([before, gap], rest)) = bytes.split_first_chunk::<2>() else { return };
    let (start, end) = rest.split_at(rest.len() / 2);
    let range = [start, &vec![0; usize::from(*gap) * 512], end].concat();
    let whole = [&vec![0xA5; usize::from(*before)], range.as_slice(), &[0xA5; 700]].concat();
    let alone = probe::probe(&range).expect("promise: memory can be read");
    let inside = probe::probe_at(&whole, u64::from(*before), range.len() as u64);
    assert_eq!(inside.ok(), Some(alone), "promise: only the range counts");
    assert!(!alone.word().is_empty() && !alone.to_string().is_empty(), "promise: what is found has a name");
    check_tables(range);
}

/// A UDIF image: a sound one with changes, or any bytes (see [`udif`](crate::udif)).
pub fn udif(bytes: &[u8]) {
    let mut limits = limits();
    limits.image_chunk_bytes = 1 << 20;
    limits.image_table_bytes = 1 << 20;
    crate::udif::check(crate::udif::image(bytes), &limits);
}

/// What lists the tables of a disk image: a property list, or, behind a byte of zero, a resource fork.
pub fn plist(bytes: &[u8]) {
    if let Some((0, fork)) = bytes.split_first() {
        if let Ok(found) = ResourceFork::read(&fork.to_vec(), &limits()) {
            for resource in &found.resources {
                let end = resource.start.checked_add(resource.len);
                assert!(end <= Some(fork.len() as u64), "promise: a resource is inside of its fork");
            }
        }
        return;
    }
    let head = b"<plist version=\"1.0\"><dict><key>resource-fork</key><dict><key>blkx</key>";
    for list in [bytes.to_vec(), [head, bytes, b"</dict></dict></plist>"].concat()] {
        if let Ok(entries) = resource_fork(&list, "blkx") {
            let bytes: usize = entries.iter().flatten().map(|entry| entry.data.len()).sum();
            assert!(bytes <= list.len(), "promise: entries are not longer than their list");
        }
    }
}
