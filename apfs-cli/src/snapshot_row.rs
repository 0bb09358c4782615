//! One snapshot as `apfs snapshots` and `apfs info` show it.

use apfs_core::Name;
use apfs_core::apfs::{Snapshot, Volume};
use serde::Serialize;

use crate::out::hex;
use crate::row::lossy;

/// A snapshot and the volume that it belongs to.
#[derive(Debug, Serialize)]
pub(crate) struct SnapshotRow {
    part: usize,
    volume: String,
    volume_index: usize,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_raw: Option<String>,
    pub(crate) xid: u64,
    pub(crate) uuid: Option<String>,
    create_time_ns: i64,
    pub(crate) create_time: String,
    change_time_ns: i64,
    pub(crate) change_time: String,
    flags: u32,
    pub(crate) flag_names: Vec<&'static str>,
    usable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
    /// What deleting it alone would free, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frees_bytes: Option<u64>,
    /// The name as stored, for text.
    #[serde(skip)]
    pub(crate) stored_name: Name,
}

impl SnapshotRow {
    pub(crate) fn new(part: usize, volume: &Volume, snapshot: &Snapshot) -> SnapshotRow {
        let name = snapshot.name.as_bytes();
        let reason = snapshot.unusable_because();
        SnapshotRow {
            part,
            volume: lossy(volume.name().as_bytes()).into_owned(),
            volume_index: volume.slot(),
            name: lossy(name).into_owned(),
            name_raw: core::str::from_utf8(name).is_err().then(|| hex(name)),
            xid: snapshot.xid.0,
            uuid: snapshot.uuid.map(|uuid| uuid.to_string()),
            create_time_ns: snapshot.created.0,
            create_time: snapshot.created.to_string(),
            change_time_ns: snapshot.changed.0,
            change_time: snapshot.changed.to_string(),
            flags: snapshot.flags,
            flag_names: snapshot.flag_words().collect(),
            usable: reason.is_none(),
            reason,
            frees_bytes: None,
            stored_name: snapshot.name.clone(),
        }
    }
}
