//! Random numbers, to spread expiry. They are not used for secrets.

use std::cell::Cell;

thread_local! {
    /// Seeded once for each thread.
    #[allow(clippy::cast_possible_truncation)]
    static STATE: Cell<u64> = Cell::new(unique() as u64);
}

/// 128 bits that are unique to each call, in this process and all others.
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub(crate) fn unique() -> u128 {
    use std::hash::{BuildHasher, RandomState};
    // Keyed by the operating system, and differently in each call.
    let state = RandomState::new();
    u128::from(state.hash_one(0_u8)) << 64 | u128::from(state.hash_one(1_u8))
}

/// The same for WebAssembly, where the standard library has no source of randomness.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub(crate) fn unique() -> u128 {
    #[wasm_bindgen::prelude::wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_namespace = Math, js_name = random)]
        fn math_random() -> f64;
    }
    // The upper 32 of the 52 random bits of a draw.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (0..4).fold(0, |bits, _| bits << 32 | u128::from((math_random() * 4_294_967_296.0) as u32))
}

/// A number from 0 (inclusive) to 1 (exclusive).
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
