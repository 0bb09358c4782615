//! Sums of marks: two sides that say the same cancel out, whatever the order in which they say it.

/// What must cancel out over the whole volume.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// Threads against the records of files and folders.
    pub(super) threads: u64,
    /// Flags for attributes against the owners of attributes.
    pub(super) attributes: u64,
    /// Flags for access control lists against the owners of such.
    pub(super) security: u64,
    /// Flags for compression against the owners of the attribute for it.
    pub(super) compressed: u64,
    /// Hard links against the counts of what they lead to.
    pub(super) link_counts: u64,
    /// Next links against previous links, and first links against what names them.
    pub(super) chains: u64,
}

impl Sums {
    /// Adds a mark to a sum as often as said.
    pub(super) fn add(sum: &mut u64, mark: u64, times: u32) {
        *sum = sum.wrapping_add(mark.wrapping_mul(u64::from(times)));
    }

    /// Takes a mark from a sum as often as said.
    pub(super) fn take(sum: &mut u64, mark: u64, times: u32) {
        *sum = sum.wrapping_sub(mark.wrapping_mul(u64::from(times)));
    }

    /// True if anything about hard links does not come out.
    pub(super) fn links_differ(&self) -> bool {
        self.link_counts != 0 || self.chains != 0
    }
}
