//! Replay: which bytes of the journal take the place of which bytes of the volume.

use alloc::vec::Vec;
use core::mem::take;

use super::header::Header;
use super::list::{Block, List};
use super::ring::Ring;
use crate::base::bytes::len64;
use crate::base::damage::{Corrupt, Damage};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::io::overlay::Replaced;

/// Findings that are kept; a hostile journal can have millions.
const MAX_FINDINGS: usize = 99;

/// What replaying a journal changes.
pub(super) struct Replay {
    pub(super) replaced: Replaced,
    pub(super) transactions: u64,
    pub(super) blocks: u64,
    pub(super) bytes: u64,
    pub(super) misplaced: u64,
    pub(super) findings: Vec<Corrupt>,
    /// Why it ended before the end of the journal.
    pub(super) failure: Option<Corrupt>,
}

/// A transaction that may have further lists.
#[derive(Default)]
struct Transaction {
    lists: u64,
    blocks: Vec<Block>,
}

/// What was found where a list is expected.
enum Found {
    /// A list, of so many bytes.
    List(u64),
    /// None that follows the one before it. `starts`: it belongs to another transaction.
    NotNext { why: Corrupt, starts: bool },
    /// One whose content is damaged.
    Damaged(Corrupt),
}

impl Replay {
    /// Goes through all complete transactions of a journal that is not empty.
    pub(super) fn run(ring: &Ring<'_>, header: &Header, limits: &Limits) -> Result<Replay> {
        let replay = Replay {
            replaced: Replaced::new(limits.journal_ranges),
            transactions: 0,
            blocks: 0,
            bytes: 0,
            misplaced: 0,
            findings: Vec::new(),
            failure: None,
        };
        let most = limits.journal_ranges;
        let mut walk =
            Walk { ring, header, most, at: header.start, last: 0, open: Transaction::default(), replay };
        if walk.up_to_end()? {
            walk.past_end()?;
        }
        Ok(walk.replay)
    }
}

struct Walk<'a> {
    ring: &'a Ring<'a>,
    header: &'a Header,
    /// Blocks that a transaction has at most.
    most: usize,
    /// Where the next list begins.
    at: u64,
    /// Number of the transaction of the last list.
    last: u32,
    open: Transaction,
    replay: Replay,
}

impl Walk<'_> {
    /// Takes the lists from `start` to `end`; `false` if that was not possible to the end.
    fn up_to_end(&mut self) -> Result<bool> {
        let mut left = self.ring.distance(self.header.start, self.header.end);
        while left > 0 {
            let why = match self.next(left, false)? {
                Found::List(len) => {
                    left = left.saturating_sub(len);
                    continue;
                }
                Found::NotNext { why, starts } => {
                    if starts {
                        self.commit()?;
                    }
                    why
                }
                Found::Damaged(why) => why,
            };
            self.replay.failure = Some(why);
            return Ok(false);
        }
        self.commit()?;
        Ok(true)
    }

    /// Takes what was written behind `end` before the header could be: the next transactions, by their numbers.
    fn past_end(&mut self) -> Result<()> {
        let used = self.ring.distance(self.header.start, self.header.end);
        let mut room = self.ring.capacity().saturating_sub(used);
        while room > 0 {
            match self.next(room, true)? {
                Found::List(len) => room = room.saturating_sub(len),
                // What is not complete there was never meant to count.
                Found::Damaged(_) => return Ok(()),
                Found::NotNext { .. } => break,
            }
        }
        self.commit()
    }

    /// Looks at the list at the current position and takes it if it is sound.
    fn next(&mut self, room: u64, must_be_numbered: bool) -> Result<Found> {
        let list = match found(List::read(self.ring, self.at))? {
            Ok(list) => list,
            Err(why) => return Ok(Found::NotNext { why, starts: false }),
        };
        let is_numbered = self.last != 0 && list.sequence != 0;
        let follows = list.sequence == self.last || list.sequence == self.last.wrapping_add(1);
        if is_numbered && !follows || must_be_numbered && !is_numbered {
            let why = list.finding(Damage::Transaction, "binfo[0].sequence_num");
            let why = why.expected(self.last.wrapping_add(1)).found(list.sequence);
            return Ok(Found::NotNext { why, starts: list.is_first() });
        }
        if list.is_first() {
            self.commit()?;
        }
        let blocks = match found(list.blocks(self.ring, self.header, room))? {
            Ok(blocks) => blocks,
            Err(why) => return Ok(Found::Damaged(why)),
        };
        self.open.lists = self.open.lists.saturating_add(1);
        self.open.blocks.extend(blocks);
        if self.open.blocks.len() > self.most {
            let (most, found) = (len64(self.most), len64(self.open.blocks.len()));
            return Err(Error::limit("number of blocks of a journal's transaction", most, found));
        }
        self.at = self.ring.after(self.at, list.bytes_used());
        self.last = list.sequence;
        Ok(Found::List(list.bytes_used()))
    }

    /// The open transaction is complete: its blocks count.
    fn commit(&mut self) -> Result<()> {
        let Transaction { lists, blocks } = take(&mut self.open);
        if lists > 0 {
            self.replay.transactions = self.replay.transactions.saturating_add(1);
        }
        blocks.into_iter().try_for_each(|block| self.put(block))
    }

    /// Lays a block over the volume, unless it belongs elsewhere.
    fn put(&mut self, block: Block) -> Result<()> {
        let start = block.bnum.checked_mul(self.header.jhdr_size.into());
        let start = start.filter(|start| self.ring.is_in_volume(*start, block.len));
        let damage = match start {
            None => Damage::PastEnd,
            Some(start) if self.ring.overlaps(start, block.len) => Damage::Overlap,
            Some(mut start) => {
                for (source, len) in self.ring.runs(block.data, block.len) {
                    self.replay.replaced.insert(start, len, source)?;
                    start = start.saturating_add(len);
                }
                self.replay.blocks = self.replay.blocks.saturating_add(1);
                self.replay.bytes = self.replay.bytes.saturating_add(block.len);
                return Ok(());
            }
        };
        self.replay.misplaced = self.replay.misplaced.saturating_add(1);
        if self.replay.findings.len() < MAX_FINDINGS {
            self.replay.findings.push(block.finding(damage));
        }
        Ok(())
    }
}

/// Damage apart from errors that are none.
fn found<T>(result: Result<T>) -> Result<core::result::Result<T, Corrupt>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Error::Corrupt(why)) => Ok(Err(*why)),
        Err(error) => Err(error),
    }
}
