//! Rules that a tiered cache can break on purpose, to show that the tests of coherence notice it.

/// A broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A value that was read before its key was announced is kept.
    KeepsOldReads,
    /// Of two writes that overlap, the one that ends last is kept.
    KeepsOverlappingWrites,
    /// A connection of another epoch continues the last one.
    ResumesAcrossEpochs,
    /// Near copies do not expire.
    MissesExpiry,
    /// Silence is not noticed.
    MissesSilence,
    /// A read joins one that began before a change.
    JoinsOldReads,
}
