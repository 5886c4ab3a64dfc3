//! The optimum, by Belady: evicts the entry that is needed last. As under the other policies, a write follows each
//! miss, even if the new entry is the one needed last.

use std::collections::BinaryHeap;

use super::NONE;
use crate::trace::Trace;

/// The next use of a key that is not held. The first request is never a next use.
const ABSENT: u32 = 0;

pub(super) fn hits(trace: &Trace, size: u32) -> u64 {
    let next = next_uses(trace);
    // When each key is needed next; `NONE` is later than any time.
    let mut needed = vec![ABSENT; trace.keys() as usize];
    // The keys that are held, by their next use. Uses in the past are recognized by `needed`.
    let mut latest: BinaryHeap<(u32, u32)> = BinaryHeap::new();
    let (mut held, mut hits) = (0, 0);
    for (&key, &next) in trace.requests().iter().zip(&next) {
        if needed[key as usize] != ABSENT {
            hits += 1;
        } else if held < size {
            held += 1;
        } else {
            while let Some((at, victim)) = latest.pop() {
                if needed[victim as usize] == at {
                    needed[victim as usize] = ABSENT;
                    break;
                }
            }
        }
        needed[key as usize] = next;
        latest.push((next, key));
    }
    hits
}

/// For each request, the index of the next one for the same key, or `NONE`.
fn next_uses(trace: &Trace) -> Vec<u32> {
    let mut last = vec![NONE; trace.keys() as usize];
    let mut next = vec![NONE; trace.requests().len()];
    for ((at, &key), next) in (0..trace.len()).zip(trace.requests()).zip(&mut next).rev() {
        *next = std::mem::replace(&mut last[key as usize], at);
    }
    next
}
