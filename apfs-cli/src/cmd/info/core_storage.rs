//! What `apfs info` says of a CoreStorage group.

use apfs_core::corestorage::{Group, LogicalVolume};
use apfs_core::{AnyVolume, Error};
use serde::Serialize;

use super::hfs::HfsVolume;
use super::model::Container;
use crate::exit::Outcome;
use crate::protection_row::ProtectionRow;
use crate::session::Session;

/// A volume group.
#[derive(Debug, Serialize)]
pub(super) struct CoreStorage {
    pub(super) name: String,
    pub(super) uuid: String,
    /// Partitions that it is made of.
    pub(super) parts: Vec<usize>,
    pub(super) volumes: Vec<Logical>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) findings: Vec<String>,
}

/// A logical volume, and what is on it if it can be opened.
#[derive(Debug, Serialize)]
pub(super) struct Logical {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) uuid: String,
    pub(super) size: u64,
    /// What should be on it.
    pub(super) content: String,
    pub(super) encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) protection: Option<ProtectionRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hfs: Option<HfsVolume>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) container: Option<Container>,
    /// Why its files can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) locked: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) findings: Vec<String>,
}

impl CoreStorage {
    pub(super) fn gather(
        part: usize,
        group: &Group,
        parts: &[usize],
        session: &Session,
        outcome: &mut Outcome,
    ) -> CoreStorage {
        let logical = group.logical_volumes().iter().enumerate();
        let volumes =
            logical.filter_map(|(index, volume)| Logical::gather(part, index, volume, session, outcome));
        CoreStorage {
            name: group.name().to_owned(),
            uuid: group.uuid().to_string(),
            parts: parts.to_vec(),
            volumes: volumes.collect(),
            findings: group.findings().iter().map(ToString::to_string).collect(),
        }
    }
}

impl Logical {
    /// `None` if another one was asked for, by the name of either.
    fn gather(
        part: usize,
        index: usize,
        volume: &LogicalVolume,
        session: &Session,
        outcome: &mut Outcome,
    ) -> Option<Logical> {
        let protection = ProtectionRow::of_logical(volume);
        let (mut hfs, mut container, mut locked) = (None, None, None);
        let mut chosen = session.wants_logical(volume, index);
        match session.on_logical(part, volume).and_then(first) {
            Ok(AnyVolume::Hfs(found)) => {
                chosen |= session.wants(&AnyVolume::Hfs(found.clone()), index);
                hfs = Some(HfsVolume::gather(&found));
            }
            Ok(AnyVolume::Apfs(found)) => {
                let found = Container::gather(part, found.container(), session, outcome);
                chosen |= !found.volumes.is_empty();
                container = Some(found);
            }
            Ok(_) => {}
            Err(error) => {
                // That it is locked is said with the volume, as of others.
                if error.lock().is_none() {
                    outcome.problem(format!("partition {part}, volume {index}: {error}"));
                }
                locked = Some(error.to_string());
            }
        }
        chosen.then(|| Logical {
            index,
            name: volume.name().to_owned(),
            uuid: volume.uuid().to_string(),
            size: volume.len(),
            content: volume.content_hint().to_owned(),
            encrypted: protection.is_some(),
            protection,
            hfs,
            container,
            locked,
            findings: volume.findings().iter().map(ToString::to_string).collect(),
        })
    }
}

/// The first volume that can be opened: a container says by itself what of the others can't.
fn first(found: Vec<apfs_core::Result<AnyVolume>>) -> apfs_core::Result<AnyVolume> {
    let mut failed = Error::not_found("a volume on the logical one");
    for volume in found {
        match volume {
            Ok(volume) => return Ok(volume),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}
