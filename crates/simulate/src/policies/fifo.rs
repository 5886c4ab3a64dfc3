//! FIFO: evicts the oldest entry.

use crate::trace::Trace;

pub(super) fn hits(trace: &Trace, size: u32) -> u64 {
    let mut is_held = vec![false; trace.keys() as usize];
    // The keys by age, in a circle: the oldest is overwritten.
    let mut order: Vec<u32> = Vec::new();
    let (mut oldest, mut hits) = (0, 0);
    for &key in trace.requests() {
        if is_held[key as usize] {
            hits += 1;
            continue;
        }
        if order.len() < size as usize {
            order.push(key);
        } else {
            let left = std::mem::replace(&mut order[oldest], key);
            is_held[left as usize] = false;
            oldest = (oldest + 1) % order.len();
        }
        is_held[key as usize] = true;
    }
    hits
}
