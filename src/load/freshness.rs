//! How the age of an entry, in milliseconds, determines what a caller does.
//!
//! A write determines how long its entry is fresh (the ttl) and how long it is kept after that (the longer of its two
//! windows). Both belong to the entry. A reader with smaller windows tolerates less; a reader with larger ones does not
//! get more, because the entry is gone by then. A reader without windows sees a stale entry as absent.
//!
//! ```text
//! written            fresh until              kept until
//!    |---- ttl ----------|---- window ----------|
//!          fresh         |         stale        |  absent
//! ```

use std::time::Duration;

use crate::engine::Millis;

/// How long a caller tolerates a stale entry; for a write, how long its entry is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Windows {
    /// While a load runs in the background.
    pub(crate) while_revalidate: Millis,
    /// If the load fails.
    pub(crate) if_error: Millis,
    /// About how long before its ttl ends a fresh entry may be reloaded.
    pub(crate) early: Millis,
}

/// The action for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Return it.
    Fresh,
    /// Return it, and load in the background.
    Early,
    /// Return it though it is stale, and load in the background.
    Stale,
    /// Load; return it if the load fails.
    Fallback,
    /// Load.
    Expired,
}

impl Windows {
    /// Whether the age of an entry matters.
    pub(crate) fn any(self) -> bool {
        self.longest() > 0.0 || self.early > 0.0
    }

    /// How long an entry is kept after its ttl.
    pub(crate) fn longest(self) -> Millis {
        self.while_revalidate.max(self.if_error)
    }

    /// The action for an entry that remains fresh for `fresh_for`: zero or negative if it is stale, infinity if it does
    /// not expire. `random` is from 0 to 1.
    ///
    /// Early loads implement "optimal probabilistic cache stampede prevention" (Vattani, Chierichetti and Lowenstein,
    /// 2015): the closer the end of the ttl, the more likely a load, so that about one of many callers begins one.
    pub(crate) fn judge(self, fresh_for: Millis, random: f64) -> Verdict {
        if fresh_for > 0.0 {
            let before = self.early * -random.max(f64::MIN_POSITIVE).ln();
            return if fresh_for <= before { Verdict::Early } else { Verdict::Fresh };
        }
        let stale_for = -fresh_for;
        if stale_for < self.while_revalidate {
            Verdict::Stale
        } else if stale_for < self.if_error {
            Verdict::Fallback
        } else {
            Verdict::Expired
        }
    }
}

/// A ttl, shortened by a random fraction of at most `jitter`, and at least one millisecond.
pub(crate) fn jittered(ttl: Millis, jitter: f64, random: f64) -> Millis {
    (ttl * (1.0 - jitter * random)).ceil().max(1.0)
}

pub(crate) fn millis(duration: Duration) -> Millis {
    duration.as_secs_f64() * 1000.0
}

#[cfg(all(test, feature = "serde"))]
#[allow(clippy::float_cmp, reason = "whole numbers, which are exact")]
mod tests {
    use super::*;

    const BOTH: Windows = Windows { while_revalidate: 10.0, if_error: 30.0, early: 0.0 };

    #[test]
    fn an_entry_is_fresh_then_stale_then_a_fallback_then_nothing() {
        assert_eq!(BOTH.longest(), 30.0);
        let at = |age: f64| BOTH.judge(100.0 - age, 0.5);
        assert_eq!(at(0.0), Verdict::Fresh);
        assert_eq!(at(99.0), Verdict::Fresh);
        assert_eq!(at(100.0), Verdict::Stale);
        assert_eq!(at(109.0), Verdict::Stale);
        assert_eq!(at(110.0), Verdict::Fallback);
        assert_eq!(at(129.0), Verdict::Fallback);
        assert_eq!(at(130.0), Verdict::Expired);
        assert_eq!(BOTH.judge(f64::INFINITY, 0.0), Verdict::Fresh);
    }

    #[test]
    fn without_windows_everything_found_is_fresh() {
        assert!(!Windows::default().any());
        assert_eq!(Windows::default().judge(1.0, 0.0), Verdict::Fresh);
        assert_eq!(jittered(7.0, 0.0, 0.9), 7.0);
    }

    #[test]
    fn early_loads_are_likelier_towards_the_end() {
        let early = Windows { early: 10.0, ..Windows::default() };
        let share = |left: f64| {
            let early = (1..1000).filter(|i| early.judge(left, f64::from(*i) / 1000.0) == Verdict::Early);
            early.count()
        };
        assert!(share(1.0) > 890 && share(10.0) > 350 && share(10.0) < 380 && share(100.0) == 0);
    }

    #[test]
    fn jitter_shortens_and_never_to_nothing() {
        assert_eq!(jittered(100.0, 0.2, 1.0), 80.0);
        assert_eq!(jittered(1.0, 1.0, 1.0), 1.0);
        assert_eq!(jittered(f64::INFINITY, 0.5, 0.5), f64::INFINITY);
    }

    #[test]
    fn the_vectors_that_javascript_has_too() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/freshness.json")).unwrap();
        let judge = vectors["judge"].as_array().unwrap();
        assert!(judge.len() > 10);
        for vector in judge {
            let number = |name: &str| vector[name].as_f64().unwrap();
            let windows = Windows {
                while_revalidate: number("while_revalidate"),
                if_error: number("if_error"),
                early: number("early"),
            };
            let verdict = format!("{:?}", windows.judge(number("fresh_for"), number("random"))).to_lowercase();
            assert_eq!(verdict, vector["verdict"].as_str().unwrap(), "{vector}");
        }
        let jitter = vectors["jitter"].as_array().unwrap();
        assert!(jitter.len() > 3);
        for vector in jitter {
            let number = |name: &str| vector[name].as_f64().unwrap();
            assert_eq!(jittered(number("ttl"), number("jitter"), number("random")), number("jittered"), "{vector}");
        }
    }
}
