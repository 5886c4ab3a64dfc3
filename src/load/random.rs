//! Chance, for spreading expiry. Nothing secret hangs on it.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher};

thread_local! {
    /// Seeded once for each thread.
    static STATE: Cell<u64> = Cell::new(foldhash::fast::RandomState::default().build_hasher().finish());
}

/// A number from 0 up to, and not including, 1.
pub(crate) fn random() -> f64 {
    // SplitMix64.
    let state = STATE.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    // The upper 53 bits are exact in an f64.
    #[allow(clippy::cast_precision_loss)]
    {
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
