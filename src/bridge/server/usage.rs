//! What each caller has under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts of what is under way, by name of the profile. A name that has nothing under way takes no room.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    counts: Arc<Mutex<HashMap<Box<str>, u64>>>,
}

/// One thing under way, until it is dropped.
#[derive(Debug)]
pub struct UnderWay {
    usage: Usage,
    name: Box<str>,
}

impl Usage {
    /// Counts one more, unless there are `limit` already.
    pub fn begin(&self, name: &str, limit: u64) -> Option<UnderWay> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(name) {
            Some(count) if *count >= limit => return None,
            Some(count) => *count += 1,
            None if limit == 0 => return None,
            None => {
                counts.insert(name.into(), 1);
            }
        }
        drop(counts);
        Some(UnderWay { usage: self.clone(), name: name.into() })
    }

    /// How much is under way for all together.
    pub fn total(&self) -> u64 {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut counts = self.usage.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_own_limit_and_leaves_nothing_behind() {
        let usage = Usage::default();
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
        assert!(usage.counts.lock().unwrap().is_empty());
    }
}
