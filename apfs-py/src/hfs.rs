//! What only HFS+ volumes have: the facts of their headers and journals.

use apfs_core::Timestamp;
use apfs_core::hfsplus::journal::ByteOrder;
use apfs_core::hfsplus::{self, JournalState, Volume};
use pyo3::prelude::*;
use pyo3::types::PyDateTime;

use crate::text;

/// What an HFS+ volume says about itself.
#[pyclass(frozen, module = "apfs", get_all)]
#[derive(Debug)]
pub(crate) struct HfsInfo {
    attributes: u32,
    last_mounted_version: String,
    is_clean: bool,
    from_copy: bool,
    wrapper_offset: Option<u64>,
    block_size: u32,
    total_blocks: u32,
    free_blocks: u32,
    files: u32,
    folders: u32,
    next_id: u32,
    write_count: u32,
    encodings: u64,
    finder_info: [u32; 8],
    created_local: Option<Py<PyDateTime>>,
    modified: Option<Py<PyDateTime>>,
    backed_up: Option<Py<PyDateTime>>,
    checked: Option<Py<PyDateTime>>,
    journal: Option<Py<Journal>>,
}

impl HfsInfo {
    pub(crate) fn new(py: Python<'_>, volume: &Volume) -> PyResult<HfsInfo> {
        let header = volume.header();
        let (raw, replayed) = (header.raw(), volume.is_replayed());
        let utc = |time: Option<Timestamp>| {
            time.map(|time| text::datetime(py, time).map(Bound::unbind)).transpose()
        };
        let created = header.created_local().map(|time| text::local_datetime(py, time));
        Ok(HfsInfo {
            attributes: raw.attributes.get(),
            last_mounted_version: header.last_mounted_version(),
            is_clean: header.is_clean(),
            from_copy: volume.from_copy(),
            wrapper_offset: volume.wrapper().map(|wrapper| wrapper.start),
            block_size: header.block_size(),
            total_blocks: header.total_blocks(),
            free_blocks: raw.freeBlocks.get(),
            files: raw.fileCount.get(),
            folders: raw.folderCount.get(),
            next_id: raw.nextCatalogID.get(),
            write_count: raw.writeCount.get(),
            encodings: raw.encodingsBitmap.get(),
            finder_info: raw.finderInfo.map(|word| word.get()),
            created_local: created.transpose()?.map(Bound::unbind),
            modified: utc(header.modified())?,
            backed_up: utc(header.backed_up())?,
            checked: utc(header.checked())?,
            journal: volume
                .journal()
                .map(|journal| Py::new(py, Journal::new(journal, replayed)))
                .transpose()?,
        })
    }
}

#[pymethods]
impl HfsInfo {
    fn __repr__(&self) -> String {
        let HfsInfo { block_size, total_blocks, files, folders, .. } = self;
        format!(
            "HfsInfo(block_size={block_size}, total_blocks={total_blocks}, files={files}, folders={folders})"
        )
    }
}

/// The journal of an HFS+ volume.
#[pyclass(frozen, module = "apfs", get_all)]
#[derive(Debug)]
pub(crate) struct Journal {
    state: &'static str,
    replayed: bool,
    byte_order: Option<&'static str>,
    offset: Option<u64>,
    length: Option<u64>,
    start: Option<u64>,
    end: Option<u64>,
    transactions: u64,
    blocks: u64,
    bytes: u64,
    device: Option<String>,
}

impl Journal {
    fn new(journal: &hfsplus::Journal, replayed: bool) -> Journal {
        let (info, header) = (journal.info.as_ref(), journal.header.as_ref());
        Journal {
            state: match journal.state {
                JournalState::Clean => "clean",
                JournalState::Dirty => "dirty",
                JournalState::NeedsInit => "needs-init",
                JournalState::OnOtherDevice => "on-other-device",
                JournalState::Unusable(_) => "unusable",
                _ => "unknown",
            },
            replayed,
            byte_order: header.map(|header| match header.byte_order {
                ByteOrder::Little => "little",
                ByteOrder::Big => "big",
            }),
            offset: info.map(|info| info.offset),
            length: info.map(|info| info.size),
            start: header.map(|header| header.start),
            end: header.map(|header| header.end),
            transactions: journal.transactions,
            blocks: journal.blocks,
            bytes: journal.bytes,
            device: info.and_then(|info| info.external_uuid.clone()),
        }
    }
}

#[pymethods]
impl Journal {
    fn __repr__(&self) -> String {
        let Journal { state, transactions, blocks, .. } = self;
        format!("Journal(state='{state}', transactions={transactions}, blocks={blocks})")
    }
}
