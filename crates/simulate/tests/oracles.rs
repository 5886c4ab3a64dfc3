//! Small random streams: every policy has the hits of a plain implementation of its definition, over vectors that are
//! searched from end to end.

use isocache_simulate::{Policy, Trace};
use proptest::prelude::*;

/// Runs a policy, which changes what it holds and says whether the request was a hit.
fn hits(requests: &[u8], mut request: impl FnMut(usize, u8) -> bool) -> u64 {
    requests.iter().enumerate().map(|(at, &key)| u64::from(request(at, key))).sum()
}

fn lru(requests: &[u8], size: usize) -> u64 {
    let mut held: Vec<u8> = Vec::new();
    hits(requests, |_, key| {
        let found = held.iter().position(|&own| own == key);
        if let Some(at) = found {
            held.remove(at);
        } else if held.len() == size {
            held.remove(0);
        }
        held.push(key);
        found.is_some()
    })
}

fn fifo(requests: &[u8], size: usize) -> u64 {
    let mut held: Vec<u8> = Vec::new();
    hits(requests, |_, key| {
        let found = held.contains(&key);
        if !found {
            if held.len() == size {
                held.remove(0);
            }
            held.push(key);
        }
        found
    })
}

/// The oldest first, with a mark for those that were used, and the place of the hand.
fn sieve(requests: &[u8], size: usize) -> u64 {
    let (mut held, mut hand): (Vec<(u8, bool)>, usize) = (Vec::new(), 0);
    hits(requests, |_, key| {
        if let Some((_, used)) = held.iter_mut().find(|(own, _)| *own == key) {
            *used = true;
            return true;
        }
        if held.len() == size {
            hand %= size;
            while held[hand].1 {
                held[hand].1 = false;
                hand = (hand + 1) % size;
            }
            held.remove(hand);
            // At the newest end, the hand starts again at the oldest.
            hand = if hand == size - 1 { 0 } else { hand };
        }
        held.push((key, false));
        false
    })
}

/// The length of a short list, exactly.
fn length(list: &[u8]) -> f64 {
    f64::from(u32::try_from(list.len()).unwrap())
}

fn arc(requests: &[u8], size: usize) -> u64 {
    let most = f64::from(u32::try_from(size).unwrap());
    let [mut t1, mut t2, mut b1, mut b2] = [const { Vec::<u8>::new() }; 4];
    let mut target = 0.0;
    let take = |list: &mut Vec<u8>, key| list.iter().position(|&own| own == key).map(|at| list.remove(at)).is_some();
    hits(requests, |_, key| {
        let replace = |t1: &mut Vec<u8>, t2: &mut Vec<u8>, b1: &mut Vec<u8>, b2: &mut Vec<u8>, target, in_b2| {
            let first = length(t1);
            if first > 0.0 && (first > target || (in_b2 && first >= target)) {
                b1.push(t1.remove(0));
            } else {
                b2.push(t2.remove(0));
            }
        };
        let (first, second) = (length(&b1), length(&b2));
        if take(&mut t1, key) || take(&mut t2, key) {
            t2.push(key);
            return true;
        }
        if b1.contains(&key) {
            target = (target + (second / first).max(1.0)).min(most);
            replace(&mut t1, &mut t2, &mut b1, &mut b2, target, false);
            take(&mut b1, key);
            t2.push(key);
        } else if b2.contains(&key) {
            target = (target - (first / second).max(1.0)).max(0.0);
            replace(&mut t1, &mut t2, &mut b1, &mut b2, target, true);
            take(&mut b2, key);
            t2.push(key);
        } else {
            if t1.len() + b1.len() == size {
                if t1.len() < size {
                    b1.remove(0);
                    replace(&mut t1, &mut t2, &mut b1, &mut b2, target, false);
                } else {
                    t1.remove(0);
                }
            } else if t1.len() + t2.len() + b1.len() + b2.len() >= size {
                if t1.len() + t2.len() + b1.len() + b2.len() == 2 * size {
                    b2.remove(0);
                }
                replace(&mut t1, &mut t2, &mut b1, &mut b2, target, false);
            }
            t1.push(key);
        }
        false
    })
}

fn optimum(requests: &[u8], size: usize) -> u64 {
    let mut held: Vec<u8> = Vec::new();
    hits(requests, |at, key| {
        let found = held.contains(&key);
        if !found {
            if held.len() == size {
                let next = |key| requests[at..].iter().position(|&own| own == key).unwrap_or(usize::MAX);
                let last = (0..size).max_by_key(|&place| next(held[place])).unwrap();
                held.remove(last);
            }
            held.push(key);
        }
        found
    })
}

/// The most hits that any decisions could have, found by trying all.
fn best_of_all(requests: &[u8], size: usize, held: &[u8]) -> u64 {
    let Some((&key, rest)) = requests.split_first() else { return 0 };
    if held.contains(&key) {
        return 1 + best_of_all(rest, size, held);
    }
    let with = |without: Option<usize>| {
        let mut held = held.to_vec();
        without.map(|at| held.remove(at));
        held.push(key);
        best_of_all(rest, size, &held)
    };
    if held.len() < size { with(None) } else { (0..size).map(|at| with(Some(at))).max().unwrap() }
}

fn trace(requests: &[u8]) -> Trace {
    requests.iter().map(|&key| [key]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn every_policy_has_the_hits_of_its_definition(
        requests in prop::collection::vec((0_u8..12, 0_u8..24, prop::bool::ANY).prop_map(|(few, many, is_few)| if is_few { few } else { many }), 1..300),
        size in 1_u32..16,
    ) {
        let trace = trace(&requests);
        let entries = size as usize;
        prop_assert_eq!(Policy::Lru.hits(&trace, size), lru(&requests, entries));
        prop_assert_eq!(Policy::Fifo.hits(&trace, size), fifo(&requests, entries));
        prop_assert_eq!(Policy::Sieve.hits(&trace, size), sieve(&requests, entries));
        prop_assert_eq!(Policy::Arc.hits(&trace, size), arc(&requests, entries));
        let best = optimum(&requests, entries);
        prop_assert_eq!(Policy::Optimum.hits(&trace, size), best);
        prop_assert!(Policy::ALL.into_iter().all(|policy| policy.hits(&trace, size) <= best));
    }

    #[test]
    fn no_decisions_are_better_than_the_optimum(requests in prop::collection::vec(0_u8..5, 1..11), size in 1_u32..4) {
        prop_assert_eq!(Policy::Optimum.hits(&trace(&requests), size), best_of_all(&requests, size as usize, &[]));
    }

    #[test]
    fn with_room_for_all_keys_only_the_first_request_of_each_misses(requests in prop::collection::vec(0_u8..20, 1..200)) {
        let trace = trace(&requests);
        for policy in Policy::ALL {
            prop_assert_eq!(policy.hits(&trace, trace.keys()), u64::from(trace.len() - trace.keys()));
        }
    }
}
