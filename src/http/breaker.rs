//! A circuit breaker: while a server is down, an operation fails in microseconds instead of waiting for its time limit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;

/// When the breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct BreakerOptions {
    /// The number of failures in a row that opens it; 0 for never.
    pub(super) failures: u32,
    /// The time without requests, after which one probes the server.
    pub(super) pause: Duration,
}

enum Phase {
    /// Requests are sent. The number of failures in a row.
    Closed(u32),
    /// No request is sent before this time, in milliseconds.
    Open(u64),
    /// One request probes the server. If its outcome is not known by this time, another may probe.
    HalfOpen(u64),
}

struct State {
    phase: Phase,
    /// The reason for the last failure.
    last: String,
}

/// Decides whether requests are sent. All operations of a provider share its state.
pub(super) struct Breaker {
    options: BreakerOptions,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// Why a request is not sent.
#[derive(Debug, PartialEq)]
pub(super) struct Paused {
    /// The number of failures in a row that opened the breaker.
    pub(super) failures: u32,
    /// The time until the next request may be sent.
    pub(super) left: Duration,
    /// The reason for the last failure.
    pub(super) last: String,
}

impl Breaker {
    pub(super) fn new(options: BreakerOptions, clock: Arc<dyn Clock>) -> Self {
        Self { options, clock, state: Mutex::new(State { phase: Phase::Closed(0), last: String::new() }) }
    }

    /// Whether a request may be sent.
    pub(super) fn admit(&self) -> Result<(), Paused> {
        let now = self.clock.now_ms();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.phase {
            Phase::Closed(_) => Ok(()),
            Phase::Open(until) | Phase::HalfOpen(until) if now < until => Err(Paused {
                failures: self.options.failures,
                left: Duration::from_millis(until - now),
                last: state.last.clone(),
            }),
            Phase::Open(_) | Phase::HalfOpen(_) => {
                state.phase = Phase::HalfOpen(now + self.pause_ms());
                Ok(())
            }
        }
    }

    /// Records that the server replied.
    pub(super) fn succeeded(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).phase = Phase::Closed(0);
    }

    /// Records that the server failed, and why.
    pub(super) fn failed(&self, reason: &str) {
        let now = self.clock.now_ms();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        reason.clone_into(&mut state.last);
        state.phase = match state.phase {
            Phase::Closed(failures) if self.options.failures == 0 || failures + 1 < self.options.failures => {
                Phase::Closed(failures.saturating_add(1))
            }
            Phase::Open(until) => Phase::Open(until),
            Phase::Closed(_) | Phase::HalfOpen(_) => Phase::Open(now + self.pause_ms()),
        };
    }

    fn pause_ms(&self) -> u64 {
        u64::try_from(self.options.pause.as_millis()).unwrap_or(u64::MAX / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn breaker(failures: u32) -> (Breaker, ManualClock) {
        let clock = ManualClock::new();
        clock.set_ms(1000);
        let options = BreakerOptions { failures, pause: Duration::from_secs(5) };
        (Breaker::new(options, Arc::new(clock.clone())), clock)
    }

    #[test]
    fn it_opens_probes_and_closes() {
        let (breaker, clock) = breaker(3);
        for _ in 0..2 {
            breaker.failed("refused");
        }
        breaker.succeeded();
        for _ in 0..2 {
            breaker.failed("refused");
        }
        assert_eq!(breaker.admit(), Ok(()), "not three in a row");
        breaker.failed("refused");
        assert_eq!(breaker.admit().unwrap_err().left, Duration::from_secs(5));
        clock.advance(Duration::from_millis(4999));
        assert_eq!(breaker.admit().unwrap_err().left, Duration::from_millis(1));
        clock.advance(Duration::from_millis(1));
        assert_eq!(breaker.admit(), Ok(()), "one probes");
        assert!(breaker.admit().is_err(), "and no other");
        breaker.failed("refused");
        assert_eq!(breaker.admit().unwrap_err().left, Duration::from_secs(5));
        clock.advance(Duration::from_secs(5));
        assert_eq!(breaker.admit(), Ok(()));
        breaker.succeeded();
        assert_eq!((breaker.admit(), breaker.admit()), (Ok(()), Ok(())));
    }

    #[test]
    fn a_probe_that_is_given_up_makes_room_for_another() {
        let (breaker, clock) = breaker(1);
        breaker.failed("refused");
        clock.advance(Duration::from_secs(5));
        assert_eq!(breaker.admit(), Ok(()));
        clock.advance(Duration::from_secs(5));
        assert_eq!(breaker.admit(), Ok(()));
    }

    #[test]
    fn without_a_number_it_never_opens() {
        let (breaker, _) = breaker(0);
        for _ in 0..100 {
            breaker.failed("refused");
        }
        assert_eq!(breaker.admit(), Ok(()));
    }
}
