//! Two states compared the slow way: everything in both is listed and read, nothing is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apfs_core::apfs::View;
use apfs_core::apfs::btree::Tree;
use apfs_core::apfs::delta::{Change, DeltaStats, Fields, Method, Op, XattrOp};
use apfs_core::apfs::node::Node;
use apfs_core::tree::node::SearchTree;
use apfs_core::{ExtentKind, FileId, Fs, FsExt, Kind, Result, Stat, StreamId};

use crate::digest::hex;
use sha2::{Digest, Sha256};

/// Size, flags and hash of attributes by name.
type Xattrs = BTreeMap<Vec<u8>, (u64, u16, String)>;

/// A file as one state has it.
#[derive(Debug)]
pub struct Seen {
    stat: Stat,
    /// Number of the directory, name, and path.
    names: BTreeMap<(u64, Vec<u8>), Vec<u8>>,
    xattrs: Xattrs,
    hash: String,
    /// Start, end and byte on the device of what is stored.
    runs: Vec<(u64, u64, u64)>,
}

/// Everything in a state by the number of the file.
pub type Listing = BTreeMap<u64, Seen>;

fn hash(view: &View, id: FileId, stream: &StreamId) -> Result<String> {
    let (mut hash, mut buffer, mut at) = (Sha256::new(), vec![0; 1 << 20], 0);
    loop {
        match view.read_at(id, stream, at, &mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => {
                hash.update(&buffer[..read]);
                at += read as u64;
            }
        }
    }
}

fn seen(view: &View, stat: &Stat) -> Result<Seen> {
    let mut xattrs = Xattrs::new();
    for xattr in view.xattrs(stat.id)? {
        let hash = hash(view, stat.id, &StreamId::Xattr(xattr.name.clone()))?;
        xattrs.insert(xattr.name.as_bytes().to_vec(), (xattr.size, xattr.flags, hash));
    }
    let (mut runs, mut content) = (Vec::new(), String::new());
    if stat.kind == Kind::File {
        let mut found = Vec::new();
        view.extents(stat.id, &StreamId::Raw, 0, &mut found, usize::MAX)?;
        runs.extend(found.iter().filter_map(|run| match run.kind {
            ExtentKind::Data(at) => Some((run.logical, run.logical + run.len, at)),
            _ => None,
        }));
        content = hash(view, stat.id, &StreamId::Data)?;
    }
    Ok(Seen { stat: stat.clone(), names: BTreeMap::new(), xattrs, hash: content, runs })
}

/// Walks and reads a whole state.
pub fn listing(view: &View) -> Result<Listing> {
    let mut listing = Listing::new();
    let mut dirs: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for entry in view.walk(view.root()) {
        let entry = entry.map_err(|error| error.error)?;
        let id = entry.entry.id.0;
        if entry.stat.kind == Kind::Dir {
            dirs.insert(entry.path.clone(), id);
        }
        let slash = entry.path.iter().rposition(|byte| *byte == b'/').unwrap();
        let (dir, name) = (&entry.path[..slash], &entry.path[slash + 1..]);
        let parent = if id == 2 { 1 } else { dirs[if dir.is_empty() { b"/" } else { dir }] };
        if let std::collections::btree_map::Entry::Vacant(vacant) = listing.entry(id) {
            vacant.insert(seen(view, &entry.stat)?);
        }
        listing.get_mut(&id).unwrap().names.insert((parent, name.to_vec()), entry.path);
    }
    Ok(listing)
}

fn fields(a: &Stat, b: &Stat) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    let mut see = |name, differs| {
        if differs {
            names.insert(name);
        }
    };
    see("mode", a.mode != b.mode);
    see("uid", a.uid != b.uid);
    see("gid", a.gid != b.gid);
    see("nlink", a.nlink != b.nlink);
    see("nchildren", a.nchildren != b.nchildren);
    see("size", a.size != b.size);
    see("allocated", a.allocated != b.allocated);
    see("sparse", a.sparse_bytes != b.sparse_bytes);
    see("mtime", a.modified != b.modified);
    see("ctime", a.changed != b.changed);
    see("btime", a.created != b.created);
    see("atime", a.accessed != b.accessed);
    see("bsd_flags", a.bsd_flags != b.bsd_flags);
    see("internal_flags", a.internal_flags != b.internal_flags);
    see("stream", a.private_id != b.private_id);
    see("rdev", a.rdev != b.rdev);
    see("document_id", a.document_id != b.document_id);
    see("compression", a.compression != b.compression);
    see("protection_class", a.protection_class != b.protection_class);
    see("write_generation", a.write_generation != b.write_generation);
    names
}

/// Where two files lie in different places, cut into the smallest intervals and put together again.
fn ranges(a: &Seen, b: &Seen) -> Vec<(u64, u64)> {
    let (size, common) = (a.stat.size.max(b.stat.size), a.stat.size.min(b.stat.size));
    let mut borders = BTreeSet::from([0, common, size]);
    borders.extend(a.runs.iter().chain(&b.runs).flat_map(|run| [run.0, run.1]).filter(|at| *at < size));
    let place = |runs: &[(u64, u64, u64)], at: u64| {
        let run = runs[..runs.partition_point(|run| run.0 <= at)].last();
        run.filter(|run| at < run.1).map(|run| run.2 + (at - run.0))
    };
    let borders: Vec<u64> = borders.into_iter().collect();
    let mut found: Vec<(u64, u64)> = Vec::new();
    for pair in borders.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        if from < common && place(&a.runs, from) == place(&b.runs, from) {
            continue;
        }
        match found.last_mut() {
            Some((start, len)) if *start + *len == from => *len = to - *start,
            _ => found.push((from, to - from)),
        }
    }
    found
}

type Told = BTreeSet<(Op, Vec<u8>, Option<Vec<u8>>)>;

/// What is wrong with the changes given between two states, nothing if they are what two full listings show.
pub fn mistakes(changes: &[Change], before: &Listing, after: &Listing) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut of_file: BTreeMap<u64, Vec<&Change>> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.fields != Fields::OTHER) {
        of_file.entry(change.ino.0).or_default().push(change);
    }
    let ids: BTreeSet<u64> = before.keys().chain(after.keys()).chain(of_file.keys()).copied().collect();
    for id in ids {
        let given = of_file.remove(&id).unwrap_or_default();
        let told: Told = given
            .iter()
            .filter(|change| change.op != Op::Modified)
            .map(|change| (change.op, change.path.clone(), change.old_path.clone()))
            .collect();
        let content: Vec<_> = given.iter().filter(|change| change.has_content()).collect();
        let mut want = Told::new();
        match (before.get(&id), after.get(&id)) {
            (None, None) => {}
            (Some(a), None) => want.extend(a.names.values().map(|path| (Op::Deleted, path.clone(), None))),
            (None, Some(b)) => want.extend(b.names.values().map(|path| (Op::Created, path.clone(), None))),
            (Some(a), Some(b)) => {
                let alone = |a: &Seen, b: &Seen| {
                    let names = a.names.iter().filter(|(name, _)| !b.names.contains_key(*name));
                    let mut paths: Vec<Vec<u8>> = names.map(|(_, path)| path.clone()).collect();
                    paths.sort();
                    paths
                };
                let (gone, come) = (alone(a, b), alone(b, a));
                let both = gone.len().min(come.len());
                want.extend(
                    gone.iter().zip(&come).map(|(old, new)| (Op::Renamed, new.clone(), Some(old.clone()))),
                );
                want.extend(gone[both..].iter().map(|path| (Op::Deleted, path.clone(), None)));
                want.extend(come[both..].iter().map(|path| (Op::Created, path.clone(), None)));
                wrong.extend(check_content(id, a, b, &content));
            }
        }
        if told != want {
            wrong.push(format!("file {id}: told {told:?}, should be {want:?}"));
        }
        let once = before.contains_key(&id) && after.contains_key(&id);
        if content.len() > usize::from(once) {
            wrong.push(format!("file {id}: content told {} times", content.len()));
        }
    }
    wrong
}

fn check_content(id: u64, a: &Seen, b: &Seen, content: &[&&Change]) -> Vec<String> {
    let mut wrong = Vec::new();
    let first = content.first();
    let names: BTreeSet<&str> = first
        .map(|change| change.fields.names().filter(|name| *name != "other").collect())
        .unwrap_or_default();
    let want = fields(&a.stat, &b.stat);
    if names != want {
        wrong.push(format!("file {id}: fields {names:?}, should be {want:?}"));
    }
    let found = first.map_or(&[][..], |change| &change.ranges);
    let size = a.stat.size.max(b.stat.size);
    let is_file = a.stat.kind == Kind::File && b.stat.kind == Kind::File;
    let fits = if a.stat.compression.is_some() || b.stat.compression.is_some() {
        found == [(0, size)] || (found.is_empty() && (a.hash == b.hash || size == 0))
    } else {
        found == if is_file { ranges(a, b) } else { Vec::new() }
    };
    if !fits {
        wrong.push(format!("file {id}: ranges {found:?}, should be {:?}", ranges(a, b)));
    }
    let told: BTreeMap<&[u8], XattrOp> = first
        .map(|change| change.xattrs.iter().map(|xattr| (xattr.name.as_bytes(), xattr.op)).collect())
        .unwrap_or_default();
    let all: BTreeSet<&Vec<u8>> = a.xattrs.keys().chain(b.xattrs.keys()).collect();
    for name in all {
        let op = told.get(name.as_slice()).copied();
        let fits = match (a.xattrs.get(name), b.xattrs.get(name)) {
            (Some(_), None) => op == Some(XattrOp::Deleted),
            (None, Some(_)) => op == Some(XattrOp::Created),
            (Some(one), Some(other)) if one != other => op == Some(XattrOp::Changed),
            // A stream that was written again with equal bytes counts as changed.
            (Some(one), _) => op.is_none() || (op == Some(XattrOp::Changed) && one.1 & 1 != 0),
            _ => false,
        };
        if !fits {
            wrong.push(format!("file {id}: attribute {:?}: {op:?}", String::from_utf8_lossy(name)));
        }
    }
    // Data that reads differently must be told.
    if a.hash != b.hash && found.is_empty() {
        wrong.push(format!("file {id}: other content, no ranges"));
    }
    if let Some(change) = first.filter(|change| change.op == Op::Modified)
        && !b.names.values().any(|path| *path == change.path)
    {
        wrong.push(format!("file {id}: path {:?}", String::from_utf8_lossy(&change.path)));
    }
    wrong
}

/// Transactions and blocks of nodes.
type NodePlaces = BTreeSet<(u64, u64)>;

/// Every node: leaves, and index nodes. A node that can't be read is a failed test.
pub fn nodes(tree: &Tree) -> (NodePlaces, NodePlaces) {
    let (mut leaves, mut index) = (BTreeSet::new(), BTreeSet::new());
    let mut pending: Vec<Arc<Node>> = vec![tree.root().clone()];
    while let Some(node) = pending.pop() {
        let place = (node.header().xid.0, node.block().0);
        if node.level() == 0 {
            leaves.insert(place);
            continue;
        }
        index.insert(place);
        pending.extend((0..node.count()).map(|entry| tree.child(&node, entry).unwrap()));
    }
    (leaves, index)
}

/// What is wrong with the number of nodes read, against walks through both trees.
pub fn miscounts(a: &View, b: &View, stats: DeltaStats) -> Vec<String> {
    let (first, second) = (nodes(a.tree()), nodes(b.tree()));
    let alone = |one: &NodePlaces, other: &NodePlaces| one.difference(other).count() as u64;
    let mut wrong = Vec::new();
    let leaves = [alone(&first.0, &second.0), alone(&second.0, &first.0)];
    if stats.leaves != leaves {
        wrong.push(format!("{:?} leaves read, should be {leaves:?}", stats.leaves));
    }
    let index = match stats.method {
        Some(Method::Map) => [alone(&first.1, &second.1), alone(&second.1, &first.1)],
        _ => [first.1.len() as u64, second.1.len() as u64],
    };
    // A root leaf that is shared is not looked into.
    if stats.index_nodes != index {
        wrong.push(format!("{:?} index nodes read, should be {index:?}", stats.index_nodes));
    }
    if stats.method == Some(Method::Map) {
        let (leaves, index) = nodes(a.volume().omap().unwrap().tree());
        let older = a.xid().0.min(b.xid().0);
        let newer = leaves.iter().chain(&index).filter(|node| node.0 > older).count() as u64;
        if stats.omap_nodes != newer {
            wrong.push(format!("{} nodes of the map read, should be {newer}", stats.omap_nodes));
        }
    }
    wrong
}

/// Compares two states in both ways and against their listings; gives what is wrong and the number of changes.
pub fn examine(a: &View, b: &View, before: &Listing, after: &Listing) -> (Vec<String>, usize) {
    let mut wrong = Vec::new();
    let mut results: Vec<Vec<Change>> = Vec::new();
    for method in [Method::Map, Method::Trees] {
        let mut delta = a.changes(b).unwrap().method(method);
        let mut changes = Vec::new();
        for change in &mut delta {
            match change {
                Ok(change) => changes.push(change),
                Err(error) => wrong.push(error.to_string()),
            }
        }
        wrong.extend(mistakes(&changes, before, after));
        let shares_a_map = a.volume().container().xid() == b.volume().container().xid();
        if shares_a_map && delta.stats().method != Some(method) {
            wrong.push(format!("{:?} was used, not {method:?}", delta.stats().method));
        }
        if !a.superblock().is_sealed() {
            wrong.extend(miscounts(a, b, delta.stats()));
        }
        results.push(changes);
    }
    if results[0] != results[1] {
        wrong.push("the two ways differ".to_owned());
    }
    (wrong, results[0].len())
}
