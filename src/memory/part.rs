//! A table and its lock. A cache has one or, once several threads compete for it, one for each part of its keys.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::table::Table;

/// The number of writes in a row by one thread after which it counts as the only one that writes.
const ALONE: u32 = 4;

/// A table, and the lookups that its engine does not count.
///
/// In this order, a lookup writes only to the cache line of the lock, which its processor has to fetch anyway.
#[repr(C)]
pub(super) struct Part<T> {
    pub(super) hits: u64,
    pub(super) misses: u64,
    /// The thread that wrote last, and its number of writes in a row, up to [`ALONE`].
    writer: usize,
    writes: u32,
    pub(super) table: Table<T>,
}

impl<T> Part<T> {
    /// A part in which this thread counts as the only one that writes.
    pub(super) fn new(table: Table<T>) -> Self {
        Self { hits: 0, misses: 0, writer: this_thread(), writes: ALONE, table }
    }

    /// Records a write by this thread. Returns whether it is the only one that writes.
    pub(super) fn is_alone(&mut self) -> bool {
        let writer = this_thread();
        self.writes = if self.writer == writer { ALONE.min(self.writes + 1) } else { 0 };
        self.writer = writer;
        self.writes == ALONE
    }
}

/// A number that no other running thread has.
fn this_thread() -> usize {
    // A cell, because constants of all threads may become one.
    thread_local! { static HERE: Cell<u8> = const { Cell::new(0) } }
    HERE.with(|here| here.as_ptr().addr())
}

impl<T> Deref for Part<T> {
    type Target = Table<T>;

    #[inline]
    fn deref(&self) -> &Table<T> {
        &self.table
    }
}

impl<T> DerefMut for Part<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Table<T> {
        &mut self.table
    }
}

/// Locks a part. If `T::clone` panics, the table is unchanged, so a poisoned lock can be used.
#[inline]
pub(super) fn lock<T>(part: &Mutex<Part<T>>) -> MutexGuard<'_, Part<T>> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}
