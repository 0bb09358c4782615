//! Extraction: a volume's files become files of the host, or entries of a tar archive.
//!
//! Nothing in an image is trusted. A name is one component or it is refused; directories are opened one component at
//! a time and never through a link; files are created anew, never opened; what exists stays unless it was asked for.

pub(crate) mod apple_double;
#[cfg(unix)]
pub(crate) mod attrs;
pub(crate) mod content;
#[cfg(unix)]
pub(crate) mod host;
pub(crate) mod links;
pub(crate) mod name;
#[cfg(unix)]
pub(crate) mod node;
pub(crate) mod options;
pub(crate) mod pax;
#[cfg(unix)]
pub(crate) mod queue;
pub(crate) mod report;
pub(crate) mod special;
pub(crate) mod tar;
#[cfg(unix)]
pub(crate) mod tree;
pub(crate) mod xattrs;

pub(crate) use options::Options;
