//! A circuit breaker: a server that is away costs microseconds, not the time limit of each operation.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;

/// When the breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct BreakerOptions {
    /// So many failures in a row open it. 0: it never opens.
    pub(super) failures: u32,
    /// For so long nobody asks; then one does.
    pub(super) pause: Duration,
}

enum State {
    /// All may ask. So many failures in a row.
    Closed(u32),
    /// Nobody may ask before that time, in milliseconds.
    Open(u64),
    /// One asks, and the others wait for how it goes. If it has not told by that time, another one may.
    HalfOpen(u64),
}

/// Whether to ask. Its state is shared by all operations of a provider.
pub(super) struct Breaker {
    options: BreakerOptions,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Breaker {
    pub(super) fn new(options: BreakerOptions, clock: Arc<dyn Clock>) -> Self {
        Self { options, clock, state: Mutex::new(State::Closed(0)) }
    }

    /// Whether a request may be sent; else how long until one may.
    pub(super) fn admit(&self) -> Result<(), Duration> {
        let now = self.clock.now_ms();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match *state {
            State::Closed(_) => Ok(()),
            State::Open(until) | State::HalfOpen(until) if now < until => Err(Duration::from_millis(until - now)),
            State::Open(_) | State::HalfOpen(_) => {
                *state = State::HalfOpen(now + self.pause_ms());
                Ok(())
            }
        }
    }

    /// Notes that the server answered.
    pub(super) fn succeeded(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Closed(0);
    }

    /// Notes that it did not.
    pub(super) fn failed(&self) {
        let now = self.clock.now_ms();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = match *state {
            State::Closed(failures) if self.options.failures == 0 || failures + 1 < self.options.failures => {
                State::Closed(failures.saturating_add(1))
            }
            State::Open(until) => State::Open(until),
            State::Closed(_) | State::HalfOpen(_) => State::Open(now + self.pause_ms()),
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
            breaker.failed();
        }
        breaker.succeeded();
        for _ in 0..2 {
            breaker.failed();
        }
        assert_eq!(breaker.admit(), Ok(()), "not three in a row");
        breaker.failed();
        assert_eq!(breaker.admit(), Err(Duration::from_secs(5)));
        clock.advance(Duration::from_millis(4999));
        assert_eq!(breaker.admit(), Err(Duration::from_millis(1)));
        clock.advance(Duration::from_millis(1));
        assert_eq!(breaker.admit(), Ok(()), "one probes");
        assert!(breaker.admit().is_err(), "and no other");
        breaker.failed();
        assert_eq!(breaker.admit(), Err(Duration::from_secs(5)));
        clock.advance(Duration::from_secs(5));
        assert_eq!(breaker.admit(), Ok(()));
        breaker.succeeded();
        assert_eq!((breaker.admit(), breaker.admit()), (Ok(()), Ok(())));
    }

    #[test]
    fn a_probe_that_is_given_up_makes_room_for_another() {
        let (breaker, clock) = breaker(1);
        breaker.failed();
        clock.advance(Duration::from_secs(5));
        assert_eq!(breaker.admit(), Ok(()));
        clock.advance(Duration::from_secs(5));
        assert_eq!(breaker.admit(), Ok(()));
    }

    #[test]
    fn without_a_number_it_never_opens() {
        let (breaker, _) = breaker(0);
        for _ in 0..100 {
            breaker.failed();
        }
        assert_eq!(breaker.admit(), Ok(()));
    }
}
