//! SIEVE: a hand moves over the entries from the oldest to the newest, and evicts the first that was not used since it
//! last passed.
//!
//! From Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is simpler than LRU", NSDI 2024.

use super::NONE;
use super::list::{Links, List};
use crate::trace::Trace;

/// The state of a key.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Absent,
    Held,
    Used,
}

pub(super) fn hits(trace: &Trace, size: u32) -> u64 {
    let mut states = vec![State::Absent; trace.keys() as usize];
    let mut links = Links::new(trace.keys());
    let mut list = List::new();
    let mut hand = NONE;
    let mut hits = 0;
    for &key in trace.requests() {
        if states[key as usize] != State::Absent {
            states[key as usize] = State::Used;
            hits += 1;
            continue;
        }
        if list.len() == size {
            let mut at = if hand == NONE { list.oldest() } else { hand };
            while states[at as usize] == State::Used {
                states[at as usize] = State::Held;
                let newer = links.newer(at);
                at = if newer == NONE { list.oldest() } else { newer };
            }
            hand = links.newer(at);
            list.remove(&mut links, at);
            states[at as usize] = State::Absent;
        }
        list.push(&mut links, key);
        states[key as usize] = State::Held;
    }
    hits
}
