//! `backup_manifest.plist`: what Time Machine knows of its backups on APFS (sheet time-machine, section 2).

use alloc::string::String;
use alloc::vec::Vec;

use super::bplist::{Plist, Value};
use crate::apfs::View;
use crate::base::bytes::{to_usize, zeroed};
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::base::time::Timestamp;
use crate::fs::types::StreamId;
use crate::fs::view::Fs;

/// Longest manifest that is read. One backup takes some hundred bytes.
const MOST_BYTES: u64 = 64 << 20;

/// What the manifest says of one backup. What is not known here is kept as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// When its snapshot was taken.
    pub date: Option<Timestamp>,
    /// When it was begun.
    pub started: Option<Timestamp>,
    /// What was copied for it.
    pub changed: Option<Amounts>,
    /// What was carried over from the backup before.
    pub propagated: Option<Amounts>,
    /// Transaction of the volume that was backed up; not one of the volume with the backups.
    pub xid: Option<u64>,
    /// UUIDs of the volumes that were backed up, each with all that is said of it.
    pub volumes: Vec<(String, Vec<(String, String)>)>,
    /// Everything else, as text.
    pub others: Vec<(String, String)>,
}

/// A number of files and their sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Amounts {
    /// Files.
    pub count: Option<u64>,
    /// Bytes of their content.
    pub logical_size: Option<u64>,
    /// Bytes allocated for it.
    pub physical_size: Option<u64>,
}

/// Reads a manifest.
pub(super) fn read(view: &View, id: FileId) -> Result<Vec<Manifest>> {
    let size = view.stat(id)?.size;
    if size > MOST_BYTES {
        return Err(Error::limit("length of backup_manifest.plist", MOST_BYTES, size));
    }
    let mut bytes = zeroed(to_usize(size)?)?;
    let read = view.read_at(id, &StreamId::Data, 0, &mut bytes)?;
    bytes.truncate(read);
    parse(&bytes)
}

/// Dates and dictionaries take turns; whatever else there is, each dictionary is one backup.
fn parse(bytes: &[u8]) -> Result<Vec<Manifest>> {
    let plist = Plist::parse(bytes)?;
    let Value::Array(items) = plist.top()? else {
        return Err(Error::unsupported("backup_manifest.plist that is no array", ""));
    };
    let (mut all, mut date) = (Vec::new(), None);
    for item in items {
        match plist.value(item)? {
            Value::Date(found) => date = Some(found),
            Value::Dict(entries) => {
                let mut manifest = Manifest { date: date.take(), ..Manifest::default() };
                for (key, value) in entries {
                    manifest.add(&plist, &plist.shown(key)?, value)?;
                }
                all.push(manifest);
            }
            _ => {}
        }
    }
    Ok(all)
}

impl Manifest {
    fn add(&mut self, plist: &Plist<'_>, key: &str, index: u64) -> Result<()> {
        match (key, plist.value(index)?) {
            ("startDate", Value::Date(date)) => self.started = Some(date),
            ("xid", Value::Integer(xid)) => self.xid = u64::try_from(xid).ok(),
            ("stats", Value::Dict(stats)) => {
                for (key, value) in stats {
                    let (key, parsed) = (plist.shown(key)?, amounts(plist, value)?);
                    match (key.as_str(), parsed) {
                        ("changed", Some(amounts)) => self.changed = Some(amounts),
                        ("propagated", Some(amounts)) => self.propagated = Some(amounts),
                        _ => self.others.push((alloc::format!("stats.{key}"), plist.shown(value)?)),
                    }
                }
            }
            ("volumeStoreInfo", Value::Dict(volumes)) => {
                for (uuid, value) in volumes {
                    let mut facts = Vec::new();
                    match plist.value(value)? {
                        Value::Dict(entries) => {
                            for (key, value) in entries {
                                facts.push((plist.shown(key)?, plist.shown(value)?));
                            }
                        }
                        _ => facts.push((String::new(), plist.shown(value)?)),
                    }
                    self.volumes.push((plist.shown(uuid)?, facts));
                }
            }
            _ => self.others.push((String::from(key), plist.shown(index)?)),
        }
        Ok(())
    }
}

/// Count and sizes; `None` if it is something else or says more.
fn amounts(plist: &Plist<'_>, index: u64) -> Result<Option<Amounts>> {
    let Value::Dict(entries) = plist.value(index)? else { return Ok(None) };
    let mut amounts = Amounts::default();
    for (key, value) in entries {
        let field = match plist.shown(key)?.as_str() {
            "count" => &mut amounts.count,
            "logicalSize" => &mut amounts.logical_size,
            "physicalSize" => &mut amounts.physical_size,
            _ => return Ok(None),
        };
        match plist.value(value)? {
            Value::Integer(number) => *field = u64::try_from(number).ok(),
            _ => return Ok(None),
        }
    }
    Ok(Some(amounts))
}
