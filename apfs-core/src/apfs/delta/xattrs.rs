//! Extended attributes of one file in two states.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::change::{XattrChange, XattrOp};
use super::pieces::{self, Extents, Ranges};
use super::records::{Pair, Side};
use crate::apfs::btree::Cursor;
use crate::apfs::record::inode::Inode;
use crate::apfs::record::key::{self, RecordType};
use crate::apfs::record::xattr::{FINDER_INFO_XATTR, Xattr, XattrValue};
use crate::apfs::view::View;
use crate::base::error::Result;
use crate::fs::types::Name;

/// Where data differs, by stream; `None` if only the streams themselves tell.
pub(super) type Streams<'s> = Option<&'s BTreeMap<u64, Ranges>>;

/// True if a stream, by its id in each state, has other data.
pub(super) fn stream_differs(views: [&View; 2], ids: [u64; 2], streams: Streams<'_>) -> Result<bool> {
    let [a, b] = ids;
    if let (true, Some(streams)) = (a == b, streams) {
        return Ok(streams.contains_key(&a));
    }
    Ok(!stream_ranges(views, ids)?.is_empty())
}

/// Where the data of two streams differs, by all their extents.
pub(super) fn stream_ranges([a, b]: [&View; 2], [one, other]: [u64; 2]) -> Result<Ranges> {
    let (mut first, mut second) = (Extents::of(a, one), Extents::of(b, other));
    let most = a.volume().container().limits().differences;
    pieces::compare(|| first.next(), || second.next(), most)
}

/// What differs between the attributes of a file.
pub(super) fn compare(views: [&View; 2], id: u64, streams: Streams<'_>) -> Result<Vec<XattrChange>> {
    let [a, b] = views;
    let mut changes = Vec::new();
    let mut cursors = Pair(Cursor::new(), Cursor::new());
    let first = key::first(id, RecordType::Xattr);
    cursors.0.seek(a.tree(), &first)?;
    cursors.1.seek(b.tree(), &first)?;
    let belongs = |key: &[u8]| key::decode(key) == Some((id, RecordType::Xattr));
    // Finder info may be kept in the inode instead of a record.
    let mut finder_records = Pair(false, false);
    let mut finder_change = None;
    loop {
        let heads = Pair(cursors.0.record(), cursors.1.record());
        let heads = Pair(
            heads.0.filter(|record| belongs(record.key())),
            heads.1.filter(|record| belongs(record.key())),
        );
        let order = match (&heads.0, &heads.1) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => (a.tree().kind().order)(one.key(), other.key()),
        };
        let parsed = |side: Side| -> Result<Option<Xattr<'_>>> {
            let hidden = if side == Side::First { Ordering::Greater } else { Ordering::Less };
            let Some(record) = heads.of(side).as_ref().filter(|_| order != hidden) else { return Ok(None) };
            let xattr = Xattr::parse(record.key(), record.value());
            xattr.map(Some).map_err(|flaw| flaw.at(record.place("", ""), id))
        };
        let pair = (parsed(Side::First)?, parsed(Side::Second)?);
        let found = match &pair {
            (Some(one), Some(other)) => {
                differs(views, one, other, streams)?.then_some((one.name, XattrOp::Changed))
            }
            (Some(one), None) => Some((one.name, XattrOp::Deleted)),
            (None, Some(other)) => Some((other.name, XattrOp::Created)),
            (None, None) => None,
        };
        let is_finder =
            |xattr: &Option<Xattr<'_>>| xattr.as_ref().is_some_and(|xattr| xattr.name == FINDER_INFO_XATTR);
        finder_records.0 |= is_finder(&pair.0);
        finder_records.1 |= is_finder(&pair.1);
        match found {
            Some((name, op)) if name == FINDER_INFO_XATTR => finder_change = Some(op),
            Some((name, op)) => changes.push(XattrChange { name: Name::from(name), op }),
            None => {}
        }
        if order != Ordering::Greater {
            cursors.0.advance(a.tree())?;
        }
        if order != Ordering::Less {
            cursors.1.advance(b.tree())?;
        }
    }
    let in_inode = Pair(finder_info(a, id)?, finder_info(b, id)?);
    let has = Pair(finder_records.0 || in_inode.0.is_some(), finder_records.1 || in_inode.1.is_some());
    let op = match (has.0, has.1) {
        (true, false) => Some(XattrOp::Deleted),
        (false, true) => Some(XattrOp::Created),
        (false, false) => None,
        (true, true) if finder_records.0 != finder_records.1 => Some(XattrOp::Changed),
        (true, true) if finder_records.0 => finder_change,
        (true, true) => (in_inode.0 != in_inode.1).then_some(XattrOp::Changed),
    };
    changes.extend(op.map(|op| XattrChange { name: Name::from(FINDER_INFO_XATTR), op }));
    changes.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(changes)
}

fn differs(views: [&View; 2], a: &Xattr<'_>, b: &Xattr<'_>, streams: Streams<'_>) -> Result<bool> {
    if a.flags != b.flags {
        return Ok(true);
    }
    match (a.value, b.value) {
        (XattrValue::Embedded(one), XattrValue::Embedded(other)) => Ok(one != other),
        (XattrValue::Stream(one), XattrValue::Stream(other)) => {
            let ids = [one.xattr_obj_id.get(), other.xattr_obj_id.get()];
            Ok(one.dstream.size != other.dstream.size || stream_differs(views, ids, streams)?)
        }
        _ => Ok(true),
    }
}

fn finder_info(view: &View, id: u64) -> Result<Option<Vec<u8>>> {
    let record = view.tree().get(&key::first(id, RecordType::Inode))?;
    let inode = record.as_ref().and_then(|record| Inode::parse(record.value()).ok());
    Ok(inode.and_then(|inode| inode.finder_info.map(<[u8]>::to_vec)))
}
