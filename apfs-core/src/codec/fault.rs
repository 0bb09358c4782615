//! Why compressed bytes could not be expanded.

/// What is wrong with compressed bytes. The caller knows where they lie and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{codec}: {why}")]
#[non_exhaustive]
pub struct Fault {
    /// Name of the codec, for example `LZFSE`.
    pub codec: &'static str,
    /// What is wrong.
    pub why: &'static str,
}

impl Fault {
    pub(crate) fn new(codec: &'static str, why: &'static str) -> Fault {
        Fault { codec, why }
    }
}
