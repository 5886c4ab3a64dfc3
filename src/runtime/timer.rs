//! A timer thread, for code outside tokio.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// The wakers of sleeping futures by time, with a number that distinguishes futures of the same time.
static SLEEPERS: Mutex<BTreeMap<(Instant, u64), Waker>> = Mutex::new(BTreeMap::new());
/// Signalled when there is a new first sleeper.
static CHANGED: Condvar = Condvar::new();

fn sleepers() -> MutexGuard<'static, BTreeMap<(Instant, u64), Waker>> {
    SLEEPERS.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Sleep {
    /// Its time and number; `None` if the time is too far in the future to be reached.
    at: Option<(Instant, u64)>,
}

/// A future that completes after `time`.
pub(super) fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    Sleep { at: Instant::now().checked_add(time).map(|at| (at, number)) }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        if at.0 <= Instant::now() {
            return Poll::Ready(());
        }
        let mut sleepers = sleepers();
        sleepers.insert(at, context.waker().clone());
        if sleepers.first_key_value().is_some_and(|(first, _)| *first == at) {
            start();
            CHANGED.notify_one();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(at) = self.at {
            // The waker is dropped outside the lock: it may hold the last handle to a task that itself sleeps.
            let waker = sleepers().remove(&at);
            drop(waker);
        }
    }
}

/// Starts the thread, once. If it cannot be started, sleeping futures complete only when something else wakes them.
fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let _ = thread::Builder::new().name("isocache-timer".to_owned()).spawn(keep_time);
    });
}

fn keep_time() {
    let mut sleeping = sleepers();
    loop {
        let Some(first) = sleeping.first_entry() else {
            sleeping = CHANGED.wait(sleeping).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let left = first.key().0.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let waker = first.remove();
            drop(sleeping);
            waker.wake();
            sleeping = sleepers();
        } else {
            sleeping = CHANGED.wait_timeout(sleeping, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::block_on;

    #[test]
    fn futures_end_at_their_time_and_dropped_ones_leave_nothing() {
        let ms = Duration::from_millis;
        let start = Instant::now();
        let threads: Vec<_> = [30, 10, 20].map(|time| thread::spawn(move || block_on(sleep(ms(time))))).into();
        drop(sleep(Duration::MAX));
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(start.elapsed() >= ms(30));
        let mut dropped = Box::pin(sleep(Duration::from_secs(3600)));
        assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let at = Instant::now() + Duration::from_secs(1800);
        assert!(sleepers().keys().any(|(time, _)| *time > at));
        drop(dropped);
        assert!(!sleepers().keys().any(|(time, _)| *time > at));
    }
}
