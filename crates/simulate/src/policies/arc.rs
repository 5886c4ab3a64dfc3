//! ARC: entries that were used once and entries that were used again, in two lists whose lengths adapt to the keys that
//! return after eviction.
//!
//! From Megiddo and Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003; the names of the four lists are
//! those of the paper.

use super::list::{Links, List};
use crate::trace::Trace;

/// The list that a key is in.
#[derive(Clone, Copy, PartialEq)]
enum In {
    None,
    /// Held, used once.
    T1,
    /// Held, used again.
    T2,
    /// Evicted from `T1`.
    B1,
    /// Evicted from `T2`.
    B2,
}

struct Arc {
    size: u32,
    /// The target length of `t1`. It moves by ratios of lengths, so it is not an integer.
    target: f64,
    places: Vec<In>,
    links: Links,
    t1: List,
    t2: List,
    b1: List,
    b2: List,
}

impl Arc {
    fn list(&mut self, of: In) -> &mut List {
        match of {
            In::T1 => &mut self.t1,
            In::T2 => &mut self.t2,
            In::B1 => &mut self.b1,
            In::B2 | In::None => &mut self.b2,
        }
    }

    fn put(&mut self, key: u32, into: In) {
        let from = std::mem::replace(&mut self.places[key as usize], into);
        let Self { links, t1, t2, b1, b2, .. } = self;
        match from {
            In::None => {}
            In::T1 => t1.remove(links, key),
            In::T2 => t2.remove(links, key),
            In::B1 => b1.remove(links, key),
            In::B2 => b2.remove(links, key),
        }
        match into {
            In::None => {}
            In::T1 => t1.push(links, key),
            In::T2 => t2.push(links, key),
            In::B1 => b1.push(links, key),
            In::B2 => b2.push(links, key),
        }
    }

    /// Moves the oldest key of one list to another.
    fn shift(&mut self, from: In, into: In) {
        let oldest = self.list(from).oldest();
        self.put(oldest, into);
    }

    /// Evicts one entry. `from_b2` says that the requested key was in `b2`.
    fn replace(&mut self, from_b2: bool) {
        let first = f64::from(self.t1.len());
        if first > 0.0 && (first > self.target || (from_b2 && first >= self.target)) {
            self.shift(In::T1, In::B1);
        } else {
            self.shift(In::T2, In::B2);
        }
    }

    fn request(&mut self, key: u32) -> bool {
        let (first, second) = (f64::from(self.b1.len()), f64::from(self.b2.len()));
        match self.places[key as usize] {
            In::T1 | In::T2 => {
                self.put(key, In::T2);
                return true;
            }
            In::B1 => {
                self.target = (self.target + (second / first).max(1.0)).min(f64::from(self.size));
                self.replace(false);
                self.put(key, In::T2);
            }
            In::B2 => {
                self.target = (self.target - (first / second).max(1.0)).max(0.0);
                self.replace(true);
                self.put(key, In::T2);
            }
            In::None => {
                let recent = self.t1.len() + self.b1.len();
                if recent == self.size {
                    if self.t1.len() < self.size {
                        self.shift(In::B1, In::None);
                        self.replace(false);
                    } else {
                        self.shift(In::T1, In::None);
                    }
                } else {
                    let all = u64::from(recent) + u64::from(self.t2.len()) + u64::from(self.b2.len());
                    if all >= u64::from(self.size) {
                        if all == 2 * u64::from(self.size) {
                            self.shift(In::B2, In::None);
                        }
                        self.replace(false);
                    }
                }
                self.put(key, In::T1);
            }
        }
        false
    }
}

pub(super) fn hits(trace: &Trace, size: u32) -> u64 {
    let mut arc = Arc {
        size,
        target: 0.0,
        places: vec![In::None; trace.keys() as usize],
        links: Links::new(trace.keys()),
        t1: List::new(),
        t2: List::new(),
        b1: List::new(),
        b2: List::new(),
    };
    trace.requests().iter().map(|&key| u64::from(arc.request(key))).sum()
}
