//! One file a command.

pub(crate) mod backups;
pub(crate) mod cat;
pub(crate) mod check;
pub(crate) mod convert;
pub(crate) mod diff;
pub(crate) mod extract;
pub(crate) mod find;
pub(crate) mod hash;
pub(crate) mod history;
pub(crate) mod info;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod snapshots;
pub(crate) mod space;
pub(crate) mod stat;
pub(crate) mod tree;
pub(crate) mod unlock;
pub(crate) mod verify;
pub(crate) mod xattr;
