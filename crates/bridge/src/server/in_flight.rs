//! Counts of requests in progress, by caller.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::quality::RandomState;

/// Counts by profile name. A name with nothing in progress takes no memory.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    counts: Mutex<HashMap<Arc<str>, u64, RandomState>>,
    total: AtomicU64,
}

/// A request or stream in progress, until it is dropped.
#[derive(Debug)]
pub struct InFlight {
    counts: Counts,
    name: Arc<str>,
}

impl Counts {
    /// Counts one more, unless `limit` is reached.
    pub fn begin(&self, name: &str, limit: u64) -> Option<InFlight> {
        let mut counts = self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = counts.get_key_value(name).map(|(name, count)| (Arc::clone(name), *count));
        let (name, count) = known.unwrap_or_else(|| (name.into(), 0));
        if count >= limit {
            return None;
        }
        counts.insert(Arc::clone(&name), count + 1);
        drop(counts);
        self.shared.total.fetch_add(1, Ordering::Relaxed);
        Some(InFlight { counts: self.clone(), name })
    }

    /// The sum of all counts.
    pub fn total(&self) -> u64 {
        self.shared.total.load(Ordering::Relaxed)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut counts = self.counts.shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.name);
            }
        }
        drop(counts);
        self.counts.shared.total.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_own_limit_and_leaves_nothing_behind() {
        let usage = Counts::default();
        let first = usage.begin("a", 2).unwrap();
        let second = usage.begin("a", 2).unwrap();
        assert!(usage.begin("a", 2).is_none());
        assert!(usage.begin("b", 0).is_none());
        let other = usage.begin("b", 1).unwrap();
        assert_eq!(usage.total(), 3);
        drop(first);
        let third = usage.begin("a", 2).unwrap();
        drop((second, third, other));
        assert_eq!(usage.total(), 0);
        assert!(usage.shared.counts.lock().unwrap().is_empty());
    }
}
