//! The journal of a volume: what it says, and the volume as it is once it has been replayed (sheet hfsplus, section 8).
//!
//! Nothing is written and nothing copied: what the journal holds is laid over the volume.

mod header;
mod info;
mod list;
mod replay;
mod ring;
#[cfg(test)]
#[allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    reason = "small numbers by hand; a panic is a failed test"
)]
mod tests;

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::raw::journal::JournalInfoFlags;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::io::overlay::{Overlay, Replaced};
use crate::io::read_at::ReadAt;

pub use header::{ByteOrder, Header};
pub use info::JournalInfo;
use replay::Replay;
use ring::Ring;

/// What the journal of a volume says, and what replaying it changes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Journal {
    /// Whether there is something to replay.
    pub state: JournalState,
    /// Where the journal is; `None` if that can't be read.
    pub info: Option<JournalInfo>,
    /// How far the journal is filled; `None` if there is no valid header, or none at all yet.
    pub header: Option<Header>,
    /// Transactions to replay, those past the recorded end included.
    pub transactions: u64,
    /// Blocks that they write.
    pub blocks: u64,
    /// Bytes of these blocks.
    pub bytes: u64,
    /// Blocks that are not written, since they belong neither into the volume nor anywhere.
    pub misplaced: u64,
    /// What is wrong, at most about a hundred findings. Offsets count from the start of the journal.
    pub findings: Vec<Corrupt>,
    replaced: Arc<Replaced>,
}

/// Whether a journal holds something to replay.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalState {
    /// Not written yet: whoever mounts the volume first has to make it (`kJIJournalNeedInitMask`).
    NeedsInit,
    /// On another device, which may hold transactions that are missing here.
    OnOtherDevice,
    /// Empty: the volume is as it is stored. Transactions that have been replayed may still be in the ring.
    Clean,
    /// Transactions are to be replayed; up to a damaged one, if there is a finding of it.
    Dirty,
    /// Damaged, and nothing of it can be replayed. The volume may lack changes.
    Unusable(Corrupt),
}

impl Journal {
    /// Reads the journal of the volume that fills a device, from its info block at a byte offset.
    ///
    /// Damage is no error but [`JournalState::Unusable`] or one of the findings.
    ///
    /// # Errors
    /// `Io` if the device fails; `Limit` if more ranges are changed than [`Limits::journal_ranges`] allows.
    pub fn read(device: &dyn ReadAt, info_offset: u64, limits: &Limits) -> Result<Journal> {
        let mut journal = Journal {
            state: JournalState::Clean,
            info: None,
            header: None,
            transactions: 0,
            blocks: 0,
            bytes: 0,
            misplaced: 0,
            findings: Vec::new(),
            replaced: Arc::new(Replaced::new(0)),
        };
        journal.state = match journal.examine(device, info_offset, limits) {
            Ok(state) => state,
            Err(Error::Corrupt(why)) => JournalState::Unusable(*why),
            Err(error) => return Err(error),
        };
        Ok(journal)
    }

    /// The volume as it is after replay: a device over `device`, which must be the one that was read. `None` if there
    /// is nothing to replay.
    #[must_use]
    pub fn overlay(&self, device: Arc<dyn ReadAt>) -> Option<Arc<dyn ReadAt>> {
        if self.replaced.is_empty() {
            return None;
        }
        Some(Arc::new(Overlay::new(device.clone(), device, self.replaced.clone())))
    }

    fn examine(&mut self, device: &dyn ReadAt, info_offset: u64, limits: &Limits) -> Result<JournalState> {
        let info = self.info.insert(JournalInfo::read(device, info_offset)?);
        let place = JournalInfoFlags::IN_FS | JournalInfoFlags::ON_OTHER_DEVICE;
        // Whatever else stands where the block should be must not pass for a journal without content.
        if !info.flags.intersects(place) || info.flags.bits() & !JournalInfoFlags::all().bits() != 0 {
            let place = Place::new("JournalInfoBlock", "flags");
            return Err(Corrupt::new(Damage::Range, place).found(info.flags.bits()).into());
        }
        // A journal without content tells nothing, wherever it is.
        if info.flags.contains(JournalInfoFlags::NEED_INIT) {
            return Ok(JournalState::NeedsInit);
        }
        if !info.flags.contains(JournalInfoFlags::IN_FS) {
            return Ok(JournalState::OnOtherDevice);
        }
        let header = self.header.insert(Header::read(device, info)?);
        self.findings.extend(header.finding());
        if header.start == header.end {
            return Ok(JournalState::Clean);
        }
        let replay = Replay::run(&Ring::new(device, info.offset, header), header, limits)?;
        self.transactions = replay.transactions;
        self.blocks = replay.blocks;
        self.bytes = replay.bytes;
        self.misplaced = replay.misplaced;
        self.findings.extend(replay.findings);
        self.replaced = Arc::new(replay.replaced);
        match replay.failure {
            Some(why) if self.transactions == 0 => Err(why.into()),
            failure => {
                self.findings.extend(failure);
                Ok(JournalState::Dirty)
            }
        }
    }
}
