//! The journal of an HFS+ volume, as `apfs info` shows it.

use apfs_core::hfsplus::journal::ByteOrder;
use apfs_core::hfsplus::{Journal, JournalState, Volume};
use serde::Serialize;

/// Whether a volume is shown as it is stored, and what its journal would change.
#[derive(Debug, Serialize)]
pub(crate) struct JournalRow {
    /// `needs_init`, `on_other_device`, `clean`, `dirty` or `unusable`.
    state: &'static str,
    /// The volume is shown as after a replay.
    replayed: bool,
    transactions: u64,
    blocks: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    byte_order: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine_serial: Option<String>,
    /// The state in words.
    #[serde(skip)]
    pub(crate) words: String,
}

impl JournalRow {
    /// `None` for a volume without a journal.
    pub(crate) fn new(volume: &Volume) -> Option<JournalRow> {
        let (journal, replayed) = (volume.journal()?, volume.is_replayed());
        let amount = JournalRow::amount(journal);
        let (state, words) = match &journal.state {
            JournalState::NeedsInit => ("needs_init", "not written yet".to_owned()),
            JournalState::OnOtherDevice => ("on_other_device", "on another device".to_owned()),
            JournalState::Clean => ("clean", "empty".to_owned()),
            JournalState::Dirty if replayed => ("dirty", format!("replayed: {amount}")),
            JournalState::Dirty => ("dirty", format!("not replayed: {amount}")),
            JournalState::Unusable(why) => ("unusable", format!("damaged: {why}")),
            _ => ("unknown", "of an unknown state".to_owned()),
        };
        let (info, header) = (journal.info.as_ref(), journal.header.as_ref());
        Some(JournalRow {
            state,
            replayed,
            transactions: journal.transactions,
            blocks: journal.blocks,
            bytes: journal.bytes,
            offset: info.map(|info| info.offset),
            size: info.map(|info| info.size),
            byte_order: header.map(|header| match header.byte_order {
                ByteOrder::Little => "little",
                ByteOrder::Big => "big",
            }),
            sequence: header.map(|header| header.sequence_num),
            external_uuid: info.and_then(|info| info.external_uuid.clone()),
            machine_serial: info.and_then(|info| info.machine_serial.clone()),
            words,
        })
    }

    /// How much is to be replayed, in words.
    pub(crate) fn amount(journal: &Journal) -> String {
        let Journal { transactions, blocks, bytes, .. } = journal;
        format!("{transactions} transactions, {blocks} blocks, {bytes} bytes")
    }
}
