//! What must hold for any mounted volume, however damaged: a broken promise is a panic that names it.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use apfs_core::tree::cursor::Cursor;
use apfs_core::tree::node::{Record, SearchTree, TreeNode};
use apfs_core::{
    AnyFs, Class, Error, ExtentKind, FileId, Fs, FsExt, Kind, ReadAt, Result, Scan, ScanLedger, Stat,
    StreamId,
};

use crate::rng::Rng;

/// More entries than any seed could give if each of its records were used once.
const MAX_ENTRIES: usize = 20_000;
/// Records of one tree, at most.
const MAX_RECORDS: usize = 50_000;
/// Bytes read of one stream.
const STREAM_BYTES: u64 = 160 << 10;
/// Bytes read of one volume.
const VIEW_BYTES: u64 = 3 << 20;

/// What was seen: how much was reported as damaged, and a digest of everything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Errors that say that something is wrong with the image.
    pub findings: usize,
    /// Digest of all answers.
    pub digest: u64,
}

impl Outcome {
    /// Counts an error, unless it is about something sound that can't be read.
    pub fn error(&mut self, error: &Error) {
        assert!(!error.to_string().is_empty(), "promise: an error says something");
        if !matches!(error.class(), Class::Locked | Class::Unsupported) {
            self.findings += 1;
        }
    }

    /// Takes an answer into the digest.
    pub fn answer(&mut self, answer: impl Hash) {
        let mut hasher = DefaultHasher::new();
        (self.digest, answer).hash(&mut hasher);
        self.digest = hasher.finish();
    }

    /// The value, or its error counted.
    pub fn ok<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.error(&error)).ok()
    }
}

type Listing = Vec<(Vec<u8>, Stat)>;

/// Lists a volume in every way, reads its files, and compares what should be the same.
pub fn check(view: &AnyFs, device: &dyn ReadAt, out: &mut Outcome) {
    let mut rng = Rng(1);
    match view {
        AnyFs::Apfs(view) => {
            rng = Rng(view.xid().0);
            check_tree(view.tree(), |key| view.tree().get(key), out);
            if let Some(tree) = view.sealed_extents() {
                check_tree(tree, |key| tree.get(key), out);
            }
        }
        AnyFs::Hfs(volume) => {
            check_tree(volume.catalog(), |key| volume.catalog().get(key), out);
            for tree in [volume.attributes(), volume.extents_overflow()] {
                if let Some(tree) = out.ok(tree).flatten() {
                    check_tree(tree, |key| tree.get(key), out);
                }
            }
        }
        _ => {}
    }
    let (walked, walk_errors) = walk(view, out);
    let (scanned, scan_errors) = scan(view, out);
    if scan_errors == 0 {
        assert_eq!(walk_errors, 0, "promise: a scan without errors means a walk without errors");
    }
    if walk_errors == 0 && scan_errors == 0 {
        same(&walked, &scanned, "walk and scan");
        // A directory whose inode and parent disagree is found by one way of cutting and reported by another.
        let (parts, part_errors) = scan_in_parts(view);
        if part_errors == 0 {
            same(&scanned, &parts, "scan and scan in parts");
        }
    }
    let mut files = BTreeSet::new();
    let mut left = VIEW_BYTES;
    for (path, stat) in &walked {
        out.answer((path, format!("{stat:?}")));
        if files.insert(stat.id) {
            check_file(view, stat, device, &mut left, &mut rng, out);
        }
        let _ = (view.find(path), view.find_no_follow(path));
    }
}

fn same(a: &Listing, b: &Listing, what: &str) {
    if a == b {
        return;
    }
    let only = |a: &Listing, b: &Listing| {
        let lost = a.iter().filter(|entry| !b.contains(entry)).take(3);
        lost.map(|(path, stat)| format!("{} = {}", path.escape_ascii(), stat.id)).collect::<Vec<_>>()
    };
    let (first, second) = (only(a, b), only(b, a));
    panic!("promise: {what} without errors are the same; first alone {first:?}, second alone {second:?}");
}

fn sorted(mut listing: Listing) -> Listing {
    listing.sort_by(|a, b| (&a.0, a.1.id).cmp(&(&b.0, b.1.id)));
    listing
}

fn walk(view: &AnyFs, out: &mut Outcome) -> (Listing, usize) {
    let (mut listing, mut errors) = (Vec::new(), 0);
    for entry in view.walk(view.root()).private(true) {
        match entry {
            Ok(entry) => listing.push((entry.path, entry.stat)),
            Err(error) => {
                errors += 1;
                assert!(!error.to_string().is_empty());
                out.error(&error.error);
            }
        }
        assert!(listing.len() + errors < MAX_ENTRIES, "promise: a walk ends");
    }
    (sorted(listing), errors)
}

fn scan(view: &AnyFs, out: &mut Outcome) -> (Listing, usize) {
    let (mut listing, mut errors) = (Vec::new(), 0);
    let ledger = view.scan(None, &mut |entry| {
        match entry {
            Ok(entry) => {
                let mut names = entry.path.split(|byte| *byte == b'/').skip(1);
                // Names of HFS+ can hold NULs.
                let nul_is_safe = view.as_hfs().is_some();
                let is_safe =
                    |name: &[u8]| !matches!(name, b"" | b"." | b"..") && (nul_is_safe || !name.contains(&0));
                assert!(entry.path == b"/" || names.all(is_safe), "promise: no path leads elsewhere");
                listing.push((entry.path.to_vec(), entry.stat.clone()));
            }
            Err(error) => {
                errors += 1;
                out.error(&error.error);
            }
        }
        assert!(listing.len() + errors < MAX_ENTRIES, "promise: a scan ends");
        Ok(())
    });
    let ledger = ledger.expect("promise: only the sink and the cancel hook stop a scan");
    assert_eq!(ledger.entries(), listing.len() as u64, "promise: a scan counts what it gives");
    (sorted(listing), errors)
}

fn scan_in_parts(view: &AnyFs) -> (Listing, usize) {
    let (mut listing, mut errors) = (Vec::new(), 0);
    let mut sink = |entry: core::result::Result<apfs_core::ScanEntry<'_>, apfs_core::WalkError>| {
        match entry {
            Ok(entry) => listing.push((entry.path.to_vec(), entry.stat.clone())),
            Err(_) => errors += 1,
        }
        Ok(())
    };
    let mut ledger = ScanLedger::default();
    for part in view.scan_parts(3) {
        ledger.merge(&view.scan_range(part, None, &mut sink).expect("the sink never fails"));
    }
    view.reconcile(&ledger, &mut sink).expect("the sink never fails");
    (sorted(listing), errors)
}

/// Every record forwards, backwards and by its key; without damage all three agree.
fn check_tree<T: SearchTree>(
    tree: &T,
    get: impl Fn(&[u8]) -> Result<Option<Record<T::Node>>>,
    out: &mut Outcome,
) where
    T::Node: TreeNode,
{
    let (mut keys, mut errors, mut cursor) = (Vec::new(), 0, Cursor::new());
    let mut moved = cursor.seek(tree, &[]);
    loop {
        match &moved {
            Ok(()) => match cursor.record() {
                Some(record) => keys.push(record.key().to_vec()),
                None => break,
            },
            Err(error) => {
                errors += 1;
                out.error(error);
                if cursor.key_behind().is_none() {
                    break;
                }
            }
        }
        assert!(keys.len() + errors < MAX_RECORDS, "promise: a tree ends");
        moved = cursor.advance(tree);
    }
    if errors > 0 {
        let _ = cursor.back(tree);
        return;
    }
    for key in &keys {
        let found = get(key).expect("promise: what a cursor reads can be searched");
        assert!(found.is_some_and(|record| record.key() == key), "promise: every key is found");
    }
    let mut cursor = Cursor::new();
    for key in keys.iter().rev() {
        cursor.back(tree).expect("promise: what can be read forwards can be read backwards");
        assert!(
            cursor.record().is_some_and(|record| record.key() == key),
            "promise: backwards is the reverse"
        );
    }
}

fn check_file(
    view: &AnyFs,
    listed: &Stat,
    device: &dyn ReadAt,
    left: &mut u64,
    rng: &mut Rng,
    out: &mut Outcome,
) {
    let id = listed.id;
    let stat = match view.stat(id) {
        Ok(stat) => stat,
        // By its number a file of HFS+ is found by another record than by its name.
        Err(error) if view.as_hfs().is_some() => return out.error(&error),
        Err(error) => panic!("promise: what was listed can be looked at: {error}"),
    };
    assert!(
        stat == *listed || view.as_hfs().is_some() && out.findings > 0,
        "promise: stat is the same when asked again"
    );
    let _ = (out.ok(view.links(id)), view.path_of(id).is_ok());
    if stat.kind == Kind::Symlink {
        if let Some(target) = out.ok(view.read_link(id)) {
            out.answer(target.as_bytes());
        }
    }
    for stream in [StreamId::Data, StreamId::Raw] {
        if stat.kind != Kind::Dir {
            check_stream(view, id, &stream, device, left, rng, out);
        }
    }
    for xattr in out.ok(view.xattrs(id)).unwrap_or_default() {
        out.answer((xattr.name.as_bytes(), xattr.size, xattr.flags));
        let stream = StreamId::Xattr(xattr.name.clone());
        match view.stream_len(id, &stream) {
            Ok(len) => assert_eq!(len, xattr.size, "promise: an attribute has one length"),
            Err(error) => out.error(&error),
        }
        check_stream(view, id, &stream, device, left, rng, out);
    }
}

/// Reads a stream in one piece and in many; both are the same, or both are damaged.
fn check_stream(
    view: &AnyFs,
    id: FileId,
    stream: &StreamId,
    device: &dyn ReadAt,
    left: &mut u64,
    rng: &mut Rng,
    out: &mut Outcome,
) {
    let Some(len) = out.ok(view.stream_len(id, stream)) else { return };
    let wanted = len.min(STREAM_BYTES).min(*left);
    *left -= wanted;
    let mut whole = vec![0xA5; wanted as usize];
    let read = view.read_at(id, stream, 0, &mut whole);
    let _ = view.read_at(id, stream, len.saturating_sub(3), &mut [0; 9]);
    assert!(
        view.read_at(id, stream, u64::MAX, &mut [0; 9]).is_ok_and(|read| read == 0) || read.is_err(),
        "promise: behind the end of a sound stream there is nothing"
    );
    let pieces = read_in_pieces(view, id, stream, wanted as usize, rng);
    match (&read, &pieces) {
        (Ok(count), Ok(pieces)) => {
            assert_eq!(*count as u64, wanted, "promise: a read is short only at the end");
            assert!(
                whole == *pieces,
                "promise: reads do not depend on how they are cut (file {id}, {stream:?})"
            );
            out.answer(&whole);
            check_extents(view, id, stream, device, &whole, out);
        }
        (Err(error), Err(_)) => out.error(error),
        (Ok(_), Err(error)) => {
            panic!("promise: pieces of a read that works can be read: {id} {stream:?} {error}")
        }
        (Err(error), Ok(_)) => panic!("promise: cutting a read hides no damage: {id} {stream:?} {error}"),
    }
}

fn read_in_pieces(view: &AnyFs, id: FileId, stream: &StreamId, len: usize, rng: &mut Rng) -> Result<Vec<u8>> {
    let mut bytes = vec![0x5A; len];
    let mut at = 0;
    loop {
        let end = len.min(at + 1 + rng.below(30_000));
        let read = view.read_at(id, stream, at as u64, &mut bytes[at..end])?;
        assert_eq!(read, end - at, "promise: a read is short only at the end");
        at = end;
        if at == len {
            return Ok(bytes);
        }
    }
}

/// The runs of a stream are in order, and the bytes read are the ones that lie there, unless they are encrypted.
fn check_extents(
    view: &AnyFs,
    id: FileId,
    stream: &StreamId,
    device: &dyn ReadAt,
    bytes: &[u8],
    out: &mut Outcome,
) {
    let mut runs = Vec::new();
    if let Err(error) = view.extents(id, stream, 0, &mut runs, 1000) {
        return out.error(&error);
    }
    let mut expected = vec![0; bytes.len()];
    let mut end = 0;
    for run in runs {
        assert!(run.logical >= end && run.len > 0, "promise: runs are in order");
        end = run.logical.saturating_add(run.len);
        let Some(rest) = expected.get_mut(run.logical.min(bytes.len() as u64) as usize..) else { break };
        let count = rest.len().min(run.len as usize);
        if let ExtentKind::Data(offset) = run.kind {
            let read = device.read_exact_at(offset, &mut rest[..count]);
            read.expect("promise: what was read lies where the runs say");
        }
    }
    let backing = match view {
        AnyFs::Apfs(view) => Some(view),
        AnyFs::Merged(view) => view.backing(id).map(|backing| backing.view),
        _ => None,
    };
    let is_plain = backing
        .is_none_or(|view| !view.superblock().is_encrypted() && !view.volume().superblock().is_encrypted());
    assert!(!is_plain || expected == bytes, "promise: a file is what its runs hold (file {id}, {stream:?})");
}
