//! The volume header.

use super::builder::{HfsOptions, JournalState};
use super::bytes::be;
use super::fork::Fork;

const UNMOUNTED: u32 = 0x100;
const SPARED_BLOCKS: u32 = 0x200;
const JOURNALED: u32 = 0x2000;

/// What the header says beside the options.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub journal_info_block: u32,
    pub file_count: u32,
    pub folder_count: u32,
    pub total_blocks: u32,
    pub free_blocks: u32,
    pub next_cnid: u32,
    pub encodings: u64,
    /// Allocation, extents, catalog, attributes, startup.
    pub files: [Fork; 5],
}

/// `HFSPlusVolumeHeader`.
pub fn encode(options: &HfsOptions, facts: &Facts) -> Vec<u8> {
    let (signature, version) = if options.extended { (*b"HX", 5_u16) } else { (*b"H+", 4) };
    let mut attributes = options.extra_attributes;
    if !options.dirty {
        attributes |= UNMOUNTED;
    }
    if options.bad_blocks > 0 {
        attributes |= SPARED_BLOCKS;
    }
    if options.journal.is_some() {
        attributes |= JOURNALED;
    }
    let [created, modified, backed_up, checked] = options.dates;
    let mut header = signature.to_vec();
    header.extend(be![version, attributes]);
    header.extend(options.last_mounted);
    header.extend(be![facts.journal_info_block, created, modified, backed_up, checked]);
    header.extend(be![facts.file_count, facts.folder_count, options.block_size as u32, facts.total_blocks]);
    let clump = 4 * options.block_size as u32;
    let next_allocation = facts.total_blocks / 2;
    header.extend(be![facts.free_blocks, next_allocation, clump, clump, facts.next_cnid, 7_u32]);
    header.extend(facts.encodings.to_be_bytes());
    header.extend(options.finder_info.iter().flat_map(|word| word.to_be_bytes()));
    header.extend(facts.files.iter().flat_map(Fork::encode));
    assert_eq!(header.len(), 512);
    header
}

const IN_VOLUME: u32 = 1;
const ON_OTHER_DEVICE: u32 = 2;
const NEED_INIT: u32 = 4;

/// `JournalInfoBlock`.
pub fn journal_info(state: &JournalState, offset: u64, size: u64) -> Vec<u8> {
    let (flags, uuid) = match state {
        JournalState::Empty => (IN_VOLUME, ""),
        JournalState::NeedInit => (IN_VOLUME | NEED_INIT, ""),
        JournalState::External(uuid) => (ON_OTHER_DEVICE, uuid.as_str()),
    };
    let mut block = be![flags];
    block.resize(36, 0);
    block.extend(be![offset, size]);
    block.extend(uuid.as_bytes());
    block.resize(180, 0);
    block
}
