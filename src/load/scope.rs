//! Tracks the flights to which the running code belongs, so that a loader that requests its own key does not wait for
//! itself, and storing a loaded value does not wait for its own end.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

thread_local! {
    /// The innermost flight is last. Set while a future of the flight is polled, or its function runs.
    static CURRENT: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Whether the running code belongs to a flight. Code that the loader has moved to another task does not.
pub(super) fn is_inside(flight: usize) -> bool {
    CURRENT.with_borrow(|current| current.contains(&flight))
}

/// Enters the scope of a flight, until it is dropped.
pub(super) struct Entered(());

impl Entered {
    pub(super) fn new(flight: usize) -> Self {
        CURRENT.with_borrow_mut(|current| current.push(flight));
        Self(())
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(Vec::pop);
    }
}

/// A future whose polls are in the scope of a flight.
pub(super) struct Scoped<F> {
    pub(super) flight: usize,
    pub(super) future: Pin<Box<F>>,
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let _entered = Entered::new(self.flight);
        self.future.as_mut().poll(context)
    }
}
