//! Records of the catalog.

use core::cmp::Ordering;

use super::btree::Record;
use super::bytes::{be, stored_name};
use super::fold::folded;
use super::fork::Fork;
use super::item::{HAS_ATTRIBUTES, HAS_SECURITY, Item, Kind, THREAD_EXISTS};

const FOLDER: u16 = 1;
const FILE: u16 = 2;
const FOLDER_THREAD: u16 = 3;
const FILE_THREAD: u16 = 4;

/// A record with what it is sorted by.
#[derive(Clone, Debug)]
pub struct Sorted {
    pub parent: u32,
    pub name: Vec<u16>,
    pub record: Record,
}

/// Numbers of a folder's children: all, and those that are folders.
pub type Children = (u32, u32);

/// The record of an item and its thread.
pub fn records(item: &Item, forks: &(Fork, Fork), children: Children) -> Vec<Sorted> {
    let thread_type = if item.is_folder() { FOLDER_THREAD } else { FILE_THREAD };
    let thread = [be![thread_type, 0_u16, item.parent], stored_name(&item.name)].concat();
    let data = if item.is_folder() { folder(item, children) } else { file(item, forks) };
    let mut records = vec![sorted(item.parent, &item.name, data, item.cnid)];
    if item.has_thread {
        records.push(sorted(item.cnid, &[], thread, item.cnid));
    }
    records
}

fn sorted(parent: u32, name: &[u16], data: Vec<u8>, owner: u32) -> Sorted {
    Sorted { parent, name: name.to_vec(), record: Record { key: key(parent, name), data, owner } }
}

/// `HFSPlusCatalogKey`.
pub fn key(parent: u32, name: &[u16]) -> Vec<u8> {
    [be![6 + 2 * name.len() as u16, parent], stored_name(name)].concat()
}

/// Sorts records as the volume compares names.
pub fn sort(records: &mut [Sorted], binary: bool) {
    let names = |a: &[u16], b: &[u16]| if binary { a.cmp(b) } else { folded(a, b) };
    records.sort_by(|a, b| a.parent.cmp(&b.parent).then_with(|| names(&a.name, &b.name)));
    let twice = records.windows(2).find(|pair| {
        pair[0].parent == pair[1].parent && names(&pair[0].name, &pair[1].name) == Ordering::Equal
    });
    assert!(twice.is_none(), "one name twice: {twice:?}");
}

fn flags(item: &Item) -> u16 {
    let mut flags = item.flags;
    if !item.is_folder() && item.has_thread {
        flags |= THREAD_EXISTS;
    }
    let security: Vec<u16> = "com.apple.system.Security".encode_utf16().collect();
    if !item.xattrs.is_empty() {
        flags |= HAS_ATTRIBUTES;
    }
    if item.xattrs.iter().any(|xattr| xattr.name == security) {
        flags |= HAS_SECURITY;
    }
    flags
}

fn common(item: &Item, record_type: u16, second: u32, last: u32) -> Vec<u8> {
    let mut record = be![record_type, flags(item), second, item.cnid];
    record.extend(item.dates.iter().flat_map(|date| date.to_be_bytes()));
    record.extend(be![item.owner, item.group, item.admin_flags, item.owner_flags, item.mode, item.special]);
    record.extend(item.finder);
    record.extend(be![item.encoding, last]);
    assert_eq!(record.len(), 88);
    record
}

fn folder(item: &Item, (all, folders): Children) -> Vec<u8> {
    let counted = item.flags & super::item::HAS_FOLDER_COUNT != 0;
    common(item, FOLDER, all.wrapping_add_signed(item.valence_error), if counted { folders } else { 0 })
}

fn file(item: &Item, (data, resource): &(Fork, Fork)) -> Vec<u8> {
    let linked = matches!(item.kind, Kind::FileLink(_));
    assert!(!linked || data.blocks() + resource.blocks() == 0, "a link has no content of its own");
    [common(item, FILE, item.first_link, 0), data.encode(), resource.encode()].concat()
}
