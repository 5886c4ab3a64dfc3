//! What the age of an entry means for who asks for it. Milliseconds throughout, for Rust and JavaScript alike.
//!
//! An entry that may be answered when it is stale lives longer than it is fresh: by the longer of the two windows. So what
//! is left of its life tells its age, nothing needs to be stored beside the value, and other clients read it as it is.
//!
//! ```text
//! written            fresh until         stale until, at the latest
//!    |---- ttl ----------|---- window -------|
//!                        |<- left <= window >|
//! ```

use crate::engine::Millis;

/// How long an entry may be answered after it has become stale.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Windows {
    /// While a load runs behind.
    pub(crate) while_revalidate: Millis,
    /// If the load fails.
    pub(crate) if_error: Millis,
    /// About how long before it becomes stale a load is worth it.
    pub(crate) early: Millis,
}

/// What to do with what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Answer it.
    Fresh,
    /// Answer it, and load behind.
    Early,
    /// Answer it though it is stale, and load behind.
    Stale,
    /// Load; if that fails, answer it.
    Fallback,
    /// Load.
    Expired,
}

impl Windows {
    /// Whether what is left of a life matters at all.
    pub(crate) fn any(self) -> bool {
        self.longest() > 0.0 || self.early > 0.0
    }

    fn longest(self) -> Millis {
        self.while_revalidate.max(self.if_error)
    }

    /// What to do with an entry that has `left` to live; infinity for one that does not expire. `random` is from 0 to 1.
    ///
    /// Early loads follow the rule of "optimal probabilistic cache stampede prevention" (Vattani, Chierichetti and
    /// Lowenstein, 2015): the closer the end, the likelier, so that of many callers about one begins.
    pub(crate) fn judge(self, left: Millis, random: f64) -> Verdict {
        let fresh = left - self.longest();
        if fresh > 0.0 {
            let before = self.early * -random.max(f64::MIN_POSITIVE).ln();
            return if fresh <= before { Verdict::Early } else { Verdict::Fresh };
        }
        let stale_for = -fresh;
        if stale_for < self.while_revalidate {
            Verdict::Stale
        } else if stale_for < self.if_error {
            Verdict::Fallback
        } else {
            Verdict::Expired
        }
    }

    /// The life to store an entry with that is fresh for `ttl`, shortened by up to the share `jitter` of it.
    pub(crate) fn life(self, ttl: Millis, jitter: f64, random: f64) -> Millis {
        (ttl * (1.0 - jitter * random)).ceil().max(1.0) + self.longest()
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "whole numbers, which are exact")]
mod tests {
    use super::*;

    const BOTH: Windows = Windows { while_revalidate: 10.0, if_error: 30.0, early: 0.0 };

    #[test]
    fn an_entry_is_fresh_then_stale_then_a_fallback_then_nothing() {
        let life = BOTH.life(100.0, 0.0, 0.5);
        assert_eq!(life, 130.0);
        let at = |age: f64| BOTH.judge(life - age, 0.5);
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
        assert_eq!(Windows::default().life(7.0, 0.0, 0.9), 7.0);
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
        assert_eq!(BOTH.life(100.0, 0.2, 1.0), 110.0);
        assert_eq!(Windows::default().life(1.0, 1.0, 1.0), 1.0);
        assert_eq!(Windows::default().life(f64::INFINITY, 0.5, 0.5), f64::INFINITY);
    }

    #[test]
    fn the_vectors_that_javascript_has_too() {
        let vectors: serde_json::Value = serde_json::from_str(include_str!("../../tests/vectors/load.json")).unwrap();
        let cases = |name: &str| vectors[name].as_array().unwrap().clone();
        let number = |case: &serde_json::Value, name: &str| case[name].as_f64().unwrap();
        let windows = |case: &serde_json::Value| Windows {
            while_revalidate: number(case, "while_revalidate"),
            if_error: number(case, "if_error"),
            early: number(case, "early"),
        };
        let mut ran = 0;
        for case in cases("judge") {
            let verdict = format!("{:?}", windows(&case).judge(number(&case, "left"), number(&case, "random")));
            assert_eq!(verdict.to_lowercase(), case["verdict"].as_str().unwrap(), "{case}");
            ran += 1;
        }
        for case in cases("life") {
            let life = windows(&case).life(number(&case, "ttl"), number(&case, "jitter"), number(&case, "random"));
            assert_eq!(life, number(&case, "life"), "{case}");
            ran += 1;
        }
        assert!(ran > 20);
    }
}
