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
pub(crate) mod pax;
#[cfg(unix)]
pub(crate) mod queue;
pub(crate) mod report;
pub(crate) mod special;
pub(crate) mod tar;
#[cfg(unix)]
pub(crate) mod tree;
pub(crate) mod xattrs;

/// What the user wants beside the default.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    /// Replace what is there.
    pub(crate) overwrite: bool,
    /// Devices, pipes, sockets, owners, set-user-id bits.
    pub(crate) preserve_special: bool,
    /// Keep the readable beginning of damaged files.
    pub(crate) keep_damaged: bool,
}

impl Options {
    /// Permission bits to give to a file.
    pub(crate) fn mode(self, stored: u16) -> u16 {
        const SET_ID: u16 = 0o6000;
        let permissions = stored & 0o7777;
        if self.preserve_special { permissions } else { permissions & !SET_ID }
    }
}
