//! The memory of the bridge.

use crate::load;
use crate::process::{Bridge, resident_bytes};
use crate::requests;

/// Resident memory, in bytes.
pub struct Footprint {
    /// After the start and one request.
    pub idle: f64,
    pub entries: usize,
    /// With this number of entries of 16 bytes each for key and value.
    pub filled: f64,
}

/// Measures a bridge with the embedded store.
pub fn measure(threads: usize, entries: usize) -> Footprint {
    let bridge = Bridge::start("memory", threads, &[]);
    load::once(bridge.address, &requests::small_entries(0, 1));
    let idle = resident_bytes(bridge.pid());
    for first in (0..entries).step_by(1000) {
        load::once(bridge.address, &requests::small_entries(first, 1000));
    }
    Footprint { idle, entries, filled: resident_bytes(bridge.pid()) }
}
