//! One pass over the file-system tree of a view, in the order of its records: what each file says of itself is compared at
//! once, and what others say of it from small facts that are kept until the end.

mod entry;
mod facts;
mod group;
mod inode;
mod links;
mod pass;
mod streams;
mod xattr;
mod xfields;

pub(super) use facts::Counts;
pub(super) use pass::{Catalog, read};
