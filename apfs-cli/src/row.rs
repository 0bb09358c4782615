//! One entry of a listing as JSON: keys and meanings are those that the acceptance listing specifies.

use std::borrow::Cow;
use std::collections::BTreeMap;

use apfs_core::text::escape::Escaped;
use apfs_core::{AnyFs, ExtentKind, Fs, Kind, Stat, StreamId, Timestamp};
use serde::Serialize;

use crate::digest;
use crate::exit::Outcome;
use crate::out::hex;
use crate::place::Item;
use crate::progress::Progress;
use crate::session::Target;

/// What all rows of one listing share.
#[derive(Debug)]
pub(crate) struct RowContext<'a> {
    pub(crate) target: &'a Target,
    /// Also hash contents.
    pub(crate) hash: bool,
}

/// One entry. Keys that do not apply are absent; only `snapshot` is null.
#[derive(Debug, Serialize)]
pub(crate) struct Row<'a> {
    part: usize,
    volume: String,
    volume_index: usize,
    snapshot: Option<String>,
    /// The backup that the path begins in, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<String>,
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    ino: u64,
    /// Number of the hard link itself, on HFS+.
    #[serde(skip_serializing_if = "Option::is_none")]
    link_id: Option<u64>,
    mode: u16,
    uid: u32,
    gid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    nlink: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nchildren: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime_ns: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ctime_ns: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    btime_ns: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    atime_ns: Option<i64>,
    bsd_flags: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal_flags: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rdev: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doc_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decmpfs_type: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extents: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hole_extents: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sparse_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rsrc_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rsrc_sha256: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    xattrs: BTreeMap<String, XattrRow>,
}

#[derive(Debug, Serialize)]
struct XattrRow {
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// APFS only.
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<u16>,
}

impl<'a> Row<'a> {
    /// Gathers everything about an entry; what can't be read is said and left out.
    pub(crate) fn new(context: &RowContext<'_>, item: &Item<'a>, outcome: &mut Outcome) -> Row<'a> {
        let (target, Item { path, stat, link_id }) = (context.target, *item);
        let (view, is_file) = (&target.view, stat.kind == Kind::File);
        let is_apfs = view.as_hfs().is_none();
        let progress = outcome.progress().clone();
        let mut problem = |error: apfs_core::Error| outcome.problem(format!("{}: {error}", Escaped(path)));
        let link = (stat.kind == Kind::Symlink).then(|| view.read_link(stat.id));
        let link = link.and_then(|target| target.map_err(&mut problem).ok());
        let sha256 = (is_file && context.hash).then(|| digest::data(view, stat, &progress));
        let sha256 = sha256.and_then(|hash| hash.map_err(&mut problem).ok());
        let extents = (is_file && is_apfs).then(|| count_extents(target, stat));
        let extents = extents.and_then(|counts| counts.map_err(&mut problem).ok());
        let rsrc_size = resource_fork(stat);
        let rsrc_sha256 = rsrc_size.filter(|_| context.hash).and_then(|size| {
            let hash = digest::stream(view, stat, &StreamId::ResourceFork, size, &progress);
            hash.map_err(&mut problem).ok()
        });
        let xattrs = xattrs(context, stat, &progress, &mut problem);
        let ns = |time: Option<Timestamp>| time.map(|time| time.0);
        let (volume, volume_index, snapshot) = target.place_of(stat.id);
        Row {
            part: target.part,
            volume: lossy(volume.as_bytes()).into_owned(),
            volume_index,
            snapshot: snapshot.map(|name| lossy(name.as_bytes()).into_owned()),
            backup: target.backup.as_ref().map(|backup| backup.name.clone()),
            path: lossy_path(view, path),
            path_raw: core::str::from_utf8(path).is_err().then(|| hex(path)),
            kind: stat.kind.word(),
            ino: view.own_number(stat.id).0,
            link_id,
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            nlink: (stat.kind != Kind::Dir || !is_apfs).then_some(nlink(stat)),
            nchildren: stat.nchildren.filter(|_| is_apfs),
            size: is_file.then_some(stat.size),
            mtime_ns: ns(stat.modified),
            ctime_ns: ns(stat.changed),
            btime_ns: ns(stat.created),
            atime_ns: ns(stat.accessed),
            bsd_flags: stat.bsd_flags,
            internal_flags: is_apfs.then_some(stat.internal_flags),
            private_id: is_apfs.then_some(stat.private_id),
            rdev: stat.rdev,
            doc_id: stat.document_id,
            target: link.map(|name| lossy(name.as_bytes()).into_owned()),
            sha256,
            decmpfs_type: stat.compression.map(|compression| compression.kind),
            extents: extents.map(|(all, _)| all),
            hole_extents: extents.map(|(_, holes)| holes),
            sparse_bytes: stat.sparse_bytes,
            rsrc_size,
            rsrc_sha256,
            xattrs,
        }
    }
}

/// Number of hard links; of directories 1, whatever they have on HFS+.
fn nlink(stat: &Stat) -> u32 {
    if stat.kind == Kind::Dir { 1 } else { stat.nlink }
}

/// Length of a resource fork that is no attribute; `None` if it is empty, or holds the content of a compressed file.
pub(crate) fn resource_fork(stat: &Stat) -> Option<u64> {
    stat.resource_size.filter(|size| *size > 0 && stat.compression.is_none())
}

/// Text for JSON: what is not Unicode becomes U+FFFD.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// A path for JSON. On HFS+ only a unit of UTF-16 without its partner is not Unicode, and three bytes stand for it.
pub(crate) fn lossy_path<'p>(view: &AnyFs, path: &'p [u8]) -> Cow<'p, str> {
    if view.as_hfs().is_none() || core::str::from_utf8(path).is_ok() {
        return lossy(path);
    }
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        text.push_str(chunk.valid());
        // The first of the three bytes has its high bits set alone, the others not.
        text.extend(
            chunk.invalid().iter().filter(|byte| **byte >= 0xC0).map(|_| char::REPLACEMENT_CHARACTER),
        );
    }
    Cow::Owned(text)
}

/// Extent records of the stored data stream, and those of them that are holes.
fn count_extents(target: &Target, stat: &Stat) -> apfs_core::Result<(u64, u64)> {
    let (mut all, mut holes, mut from) = (0u64, 0u64, 0u64);
    let mut runs = Vec::new();
    loop {
        runs.clear();
        target.view.extents(stat.id, &StreamId::Raw, from, &mut runs, 256)?;
        let Some(last) = runs.last() else { return Ok((all, holes)) };
        from = last.logical.saturating_add(last.len);
        for run in &runs {
            all = all.saturating_add(1);
            holes = holes.saturating_add(u64::from(run.kind == ExtentKind::Hole));
        }
    }
}

fn xattrs(
    context: &RowContext<'_>,
    stat: &Stat,
    progress: &Progress,
    problem: &mut dyn FnMut(apfs_core::Error),
) -> BTreeMap<String, XattrRow> {
    let view = &context.target.view;
    let mut rows = BTreeMap::new();
    for xattr in view.xattrs(stat.id).map_err(&mut *problem).unwrap_or_default() {
        let sha256 = if context.hash {
            let value = StreamId::Xattr(xattr.name.clone());
            digest::stream(view, stat, &value, xattr.size, progress).map_err(&mut *problem).ok()
        } else {
            None
        };
        let flags = view.as_hfs().is_none().then_some(xattr.flags);
        let row = XattrRow { size: xattr.size, sha256, flags };
        rows.insert(lossy(xattr.name.as_bytes()).into_owned(), row);
    }
    rows
}
