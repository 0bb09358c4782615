//! What a check looks at, and how much of it is told.

/// Choices for a check. The defaults read everything of the newest state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckOptions {
    /// Findings of one rule in one container or volume that are told; those beyond are counted only. Default 100.
    pub findings_per_rule: u64,
    /// Whether the trees of all snapshots are read too. Default false.
    pub snapshots: bool,
}

impl Default for CheckOptions {
    fn default() -> CheckOptions {
        CheckOptions { findings_per_rule: 100, snapshots: false }
    }
}
