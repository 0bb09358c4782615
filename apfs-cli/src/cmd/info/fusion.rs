//! A Fusion pair, for `apfs info`.

use std::io;

use apfs_core::apfs::Fusion;
use indicatif::DecimalBytes;
use serde::Serialize;

/// Two devices as one container.
#[derive(Debug, Serialize)]
pub(super) struct FusionRow {
    main: DeviceRow,
    tier2: DeviceRow,
    /// Entries of the middle tree.
    middle_tree_entries: u64,
    /// Bytes whose copy on the main device is newer.
    middle_tree_dirty_bytes: u64,
    /// Bytes whose copy on the main device is equal.
    middle_tree_clean_bytes: u64,
    write_back: bool,
    write_back_entries: u64,
    /// Bytes of tier 2 that are newer in the write-back cache.
    write_back_bytes: u64,
    findings: Vec<String>,
    finding_count: u64,
}

/// One of the two.
#[derive(Debug, Serialize)]
struct DeviceRow {
    uuid: String,
    blocks: u64,
    size: u64,
    /// False: it is missing.
    present: bool,
}

impl FusionRow {
    pub(super) fn new(fusion: &Fusion, block_size: u64) -> FusionRow {
        let bytes = |blocks: u64| blocks.saturating_mul(block_size);
        let device = |uuid: apfs_core::Uuid, blocks, present| DeviceRow {
            uuid: uuid.to_string(),
            blocks,
            size: bytes(blocks),
            present,
        };
        FusionRow {
            main: device(fusion.main_uuid, fusion.main_blocks, true),
            tier2: device(fusion.tier2_uuid, fusion.tier2_blocks, fusion.is_complete()),
            middle_tree_entries: fusion.middle_tree.entries,
            middle_tree_dirty_bytes: bytes(fusion.middle_tree.dirty_blocks),
            middle_tree_clean_bytes: bytes(fusion.middle_tree.clean_blocks),
            write_back: fusion.write_back.present,
            write_back_entries: fusion.write_back.entries,
            write_back_bytes: bytes(fusion.write_back.blocks),
            findings: fusion.findings.iter().map(ToString::to_string).collect(),
            finding_count: fusion.finding_count,
        }
    }

    /// Prints one line after the other with its label.
    pub(super) fn show(&self, field: &mut dyn FnMut(&str, String) -> io::Result<()>) -> io::Result<()> {
        for (label, device) in [("Fusion main", &self.main), ("Fusion tier 2", &self.tier2)] {
            let missing = if device.present { "" } else { ", missing: data on it can't be read" };
            field(
                label,
                format!("{} ({} blocks), {}{missing}", DecimalBytes(device.size), device.blocks, device.uuid),
            )?;
        }
        let (dirty, clean) =
            (DecimalBytes(self.middle_tree_dirty_bytes), DecimalBytes(self.middle_tree_clean_bytes));
        field("Middle tree", format!("{} entries, {dirty} newer, {clean} equal", self.middle_tree_entries))?;
        let cache = match self.write_back {
            true => {
                format!("{} entries, {} in use", self.write_back_entries, DecimalBytes(self.write_back_bytes))
            }
            false => "none".to_owned(),
        };
        field("Write-back cache", cache)?;
        self.findings.iter().try_for_each(|finding| field("Finding", finding.clone()))
    }
}
