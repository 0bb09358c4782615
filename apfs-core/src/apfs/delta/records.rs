//! The records that two states do not share, in key order: equal ones, which only moved between leaves, cancel.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::cmp::Ordering;

use super::leaves::{Gap, Leaves, Part};
use crate::apfs::node::Node;
use crate::base::damage::{Corrupt, Damage};
use crate::base::error::{Error, Result};
use crate::base::report::Cancel;
use crate::tree::node::TreeNode;

/// Leaves between two questions whether to stop.
const LEAVES_PER_QUESTION: u32 = 64;

/// First or second state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    First,
    Second,
}

impl Side {
    pub(super) const BOTH: [Side; 2] = [Side::First, Side::Second];

    pub(super) fn other(self) -> Side {
        match self {
            Side::First => Side::Second,
            Side::Second => Side::First,
        }
    }
}

/// One value for each state.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pair<T>(pub(super) T, pub(super) T);

impl<T> Pair<T> {
    pub(super) fn of(&self, side: Side) -> &T {
        match side {
            Side::First => &self.0,
            Side::Second => &self.1,
        }
    }

    pub(super) fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::First => &mut self.0,
            Side::Second => &mut self.1,
        }
    }
}

/// Where the records of one state stand.
struct Stream<'v> {
    leaves: Leaves<'v>,
    here: Option<Here>,
    /// Last key of the leaf before.
    last: Box<[u8]>,
    /// Of keys below this one nothing is known in the other state.
    unknown_below: Option<Until>,
    ended: bool,
}

enum Here {
    Record(Arc<Node>, usize),
    Gap(Gap),
}

enum Until {
    Key(Box<[u8]>),
    End,
}

/// The records of both states.
pub(super) struct Records<'v> {
    streams: Pair<Stream<'v>>,
    order: fn(&[u8], &[u8]) -> Ordering,
    cancel: Option<Cancel<'v>>,
    leaves_seen: u32,
}

/// What is told: a record that one state has alone or with another value, and what can't be read.
pub(super) enum Told<'r> {
    Record(Side, &'r Arc<Node>, usize),
    Unreadable(Error),
}

impl<'v> Records<'v> {
    pub(super) fn new(
        leaves: Pair<Leaves<'v>>,
        order: fn(&[u8], &[u8]) -> Ordering,
        cancel: Option<Cancel<'v>>,
    ) -> Records<'v> {
        let stream =
            |leaves| Stream { leaves, here: None, last: Box::default(), unknown_below: None, ended: false };
        let Pair(first, second) = leaves;
        Records { streams: Pair(stream(first), stream(second)), order, cancel, leaves_seen: 0 }
    }

    /// Leaves and index nodes read of a state.
    pub(super) fn read(&self, side: Side) -> (u64, u64) {
        self.streams.of(side).leaves.read()
    }

    /// False if leaves of one tree were passed over that the other tree has not; to be asked at the end.
    pub(super) fn passed_the_same(&self) -> bool {
        let [first, second] = Side::BOTH.map(|side| self.streams.of(side).leaves.passed());
        first == second
    }

    /// Tells all differences to `tell`.
    ///
    /// # Errors
    /// What `tell` says, `Cancelled`, and `Corrupt` if leaves are out of order.
    pub(super) fn each(&mut self, tell: &mut dyn FnMut(Told<'_>) -> Result<()>) -> Result<()> {
        loop {
            for side in Side::BOTH {
                self.fill(side)?;
            }
            let keys = Pair(self.key(Side::First), self.key(Side::Second));
            let order = match (keys.0, keys.1) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => (self.order)(a, b),
            };
            // A gap comes before the other state's records with its first key.
            let gap = |side| matches!(self.streams.of(side).here, Some(Here::Gap(_)));
            match order {
                Ordering::Less => self.take(Side::First, tell)?,
                Ordering::Greater => self.take(Side::Second, tell)?,
                Ordering::Equal if gap(Side::First) => self.take(Side::First, tell)?,
                Ordering::Equal if gap(Side::Second) => self.take(Side::Second, tell)?,
                Ordering::Equal => {
                    if self.value(Side::First) == self.value(Side::Second) {
                        self.step(Side::First);
                        self.step(Side::Second);
                    } else {
                        self.take(Side::First, tell)?;
                        self.take(Side::Second, tell)?;
                    }
                }
            }
        }
    }

    /// Tells what is next of a state, and moves on.
    fn take(&mut self, side: Side, tell: &mut dyn FnMut(Told<'_>) -> Result<()>) -> Result<()> {
        match &self.streams.of(side).here {
            Some(Here::Record(node, index)) => {
                tell(Told::Record(side, node, *index))?;
                self.step(side);
            }
            Some(Here::Gap(_)) => {
                if let Some(Here::Gap(gap)) = self.streams.of_mut(side).here.take() {
                    self.streams.of_mut(side.other()).unknown_below =
                        Some(gap.to.map_or(Until::End, Until::Key));
                    tell(Told::Unreadable(gap.error))?;
                }
            }
            None => {}
        }
        Ok(())
    }

    fn step(&mut self, side: Side) {
        if let Some(Here::Record(_, index)) = &mut self.streams.of_mut(side).here {
            *index = index.saturating_add(1);
        }
    }

    fn key(&self, side: Side) -> Option<&[u8]> {
        match self.streams.of(side).here.as_ref()? {
            Here::Record(node, index) => Some(node.key(*index)),
            Here::Gap(gap) => Some(&gap.from),
        }
    }

    fn value(&self, side: Side) -> Option<&[u8]> {
        match self.streams.of(side).here.as_ref()? {
            Here::Record(node, index) => node.value(*index),
            Here::Gap(_) => None,
        }
    }

    /// Makes the next record of a state stand ready; passes over those of which nothing is known in the other.
    fn fill(&mut self, side: Side) -> Result<()> {
        let (order, cancel) = (self.order, self.cancel);
        let stream = self.streams.of_mut(side);
        loop {
            match &mut stream.here {
                Some(Here::Record(node, index)) if *index < node.count() => {
                    let is_unknown = match &stream.unknown_below {
                        None => false,
                        Some(Until::End) => true,
                        Some(Until::Key(key)) => order(node.key(*index), key) == Ordering::Less,
                    };
                    if !is_unknown {
                        return Ok(());
                    }
                    *index = index.saturating_add(1);
                }
                Some(Here::Gap(_)) => return Ok(()),
                _ if stream.ended => {
                    stream.here = None;
                    return Ok(());
                }
                here => {
                    if let Some(Here::Record(node, _)) = here {
                        stream.last = node.key(node.count().saturating_sub(1)).into();
                    }
                    *here = None;
                    self.leaves_seen = self.leaves_seen.wrapping_add(1);
                    if self.leaves_seen.is_multiple_of(LEAVES_PER_QUESTION)
                        && cancel.is_some_and(|cancel| cancel())
                    {
                        return Err(Error::Cancelled);
                    }
                    match stream.leaves.next() {
                        None => stream.ended = true,
                        Some(Part::Gap(gap)) => *here = Some(Here::Gap(gap)),
                        Some(Part::Leaf(leaf)) => {
                            if !stream.last.is_empty() && order(&stream.last, leaf.key(0)) != Ordering::Less {
                                let place = TreeNode::place(&*leaf, "key");
                                return Err(Corrupt::new(Damage::KeyOrder, place).into());
                            }
                            *here = Some(Here::Record(leaf, 0));
                        }
                    }
                }
            }
        }
    }
}
