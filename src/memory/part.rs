//! A table and its lock. A cache has one or, once several threads compete for it, one for each part of its keys.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::table::Table;

/// A table, and the lookups that its engine does not count.
///
/// In this order, a lookup writes only to the cache line of the lock, which its processor has to fetch anyway.
#[repr(C)]
pub(super) struct Part<T> {
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) table: Table<T>,
}

impl<T> Part<T> {
    pub(super) fn new(table: Table<T>) -> Self {
        Self { hits: 0, misses: 0, table }
    }
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
