//! What differs between two states of a volume, at a cost that follows the change (sheet apfs-05, section 7).
//!
//! An index node that both states share says nothing of the leaves below it, since references between nodes are
//! virtual: only leaves are passed over unread, where both object maps lead to the same block of the same transaction.
//! The records of the others, merged in key order, cancel where they are equal; what remains is gathered by file, and
//! each of those files is compared in both states.

mod change;
mod compare;
mod file;
mod gather;
mod history;
mod leaves;
mod pieces;
mod records;
mod shared;
mod states;
mod xattrs;

pub use change::{Change, Fields, Op, XattrChange, XattrOp};
pub use compare::{Delta, DeltaStats, Method};
pub use history::{History, Version};
