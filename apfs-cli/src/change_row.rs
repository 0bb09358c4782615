//! One change between two states, as JSON and as text.

use std::borrow::Cow;

use apfs_core::apfs::delta::{Change, Op, XattrOp};
use apfs_core::text::escape::Escaped;
use apfs_core::{Stat, Timestamp};
use serde::Serialize;

use crate::out::{Out, hex};
use crate::row::lossy;

/// A change as one JSON object.
#[derive(Debug, Serialize)]
pub(crate) struct ChangeRow<'c> {
    op: &'static str,
    path: Cow<'c, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    old_path: Option<Cow<'c, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_path_raw: Option<String>,
    ino: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    fields: Vec<&'static str>,
    ranges: &'c [(u64, u64)],
    xattrs: Vec<XattrRow<'c>>,
    before: Option<SideRow>,
    after: Option<SideRow>,
}

#[derive(Debug, Serialize)]
struct XattrRow<'c> {
    name: Cow<'c, str>,
    op: &'static str,
}

/// Metadata of one side.
#[derive(Debug, Serialize)]
pub(crate) struct SideRow {
    size: u64,
    mode: u16,
    uid: u32,
    gid: u32,
    mtime_ns: Option<i64>,
    ctime_ns: Option<i64>,
    btime_ns: Option<i64>,
    atime_ns: Option<i64>,
}

impl SideRow {
    pub(crate) fn new(stat: &Stat) -> SideRow {
        let ns = |time: Option<Timestamp>| time.map(|time| time.0);
        SideRow {
            size: stat.size,
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            mtime_ns: ns(stat.modified),
            ctime_ns: ns(stat.changed),
            btime_ns: ns(stat.created),
            atime_ns: ns(stat.accessed),
        }
    }
}

/// Bytes of a path that is no text, in hexadecimal.
pub(crate) fn raw(path: &[u8]) -> Option<String> {
    core::str::from_utf8(path).is_err().then(|| hex(path))
}

impl<'c> ChangeRow<'c> {
    pub(crate) fn new(change: &'c Change) -> ChangeRow<'c> {
        let old_path = change.old_path.as_deref();
        ChangeRow {
            op: change.op.word(),
            path: lossy(&change.path),
            path_raw: raw(&change.path),
            old_path: old_path.map(lossy),
            old_path_raw: old_path.and_then(raw),
            ino: change.ino.0,
            kind: change.kind.word(),
            fields: change.fields.names().collect(),
            ranges: &change.ranges,
            xattrs: change
                .xattrs
                .iter()
                .map(|xattr| XattrRow { name: lossy(xattr.name.as_bytes()), op: xattr.op.word() })
                .collect(),
            before: change.before.as_ref().map(SideRow::new),
            after: change.after.as_ref().map(SideRow::new),
        }
    }
}

/// A change as one line: `M mtime,size  /path  [0+4096]  +attribute`.
pub(crate) fn line(out: &mut Out, change: &Change) -> std::io::Result<()> {
    let letter = match change.op {
        Op::Created => 'C',
        Op::Deleted => 'D',
        Op::Renamed => 'R',
        Op::Modified => 'M',
    };
    out.display(letter)?;
    if !change.fields.is_empty() {
        out.display(format_args!(" {}", change.fields))?;
    }
    out.display("  ")?;
    if let (Op::Renamed, Some(old_path)) = (change.op, &change.old_path) {
        out.name(old_path, change.kind)?;
        out.display(" -> ")?;
    }
    out.name(&change.path, change.kind)?;
    details(out, change)?;
    out.line()
}

/// Ranges and attributes of a change.
pub(crate) fn details(out: &mut Out, change: &Change) -> std::io::Result<()> {
    for (index, (offset, len)) in change.ranges.iter().enumerate() {
        out.display(format_args!("{}{offset}+{len}", if index == 0 { "  [" } else { " " }))?;
    }
    if !change.ranges.is_empty() {
        out.display("]")?;
    }
    for xattr in &change.xattrs {
        let sign = match xattr.op {
            XattrOp::Created => '+',
            XattrOp::Deleted => '-',
            XattrOp::Changed => '~',
        };
        out.display(format_args!("  {sign}{}", Escaped(xattr.name.as_bytes())))?;
    }
    Ok(())
}
