//! What the user wants of an extraction.

/// What the user wants beside the default.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    /// Replace what is there.
    pub(crate) overwrite: bool,
    /// Devices, pipes, sockets, owners, set-user-id bits.
    pub(crate) preserve_special: bool,
    /// What the file system keeps for itself.
    pub(crate) all: bool,
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
