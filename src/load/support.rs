//! The interface between loading and a provider, in addition to that of every cache.

use std::time::Duration;

use super::lease::LeaseProvider;
use super::single_flight::{SingleFlight, StorePermit};
use crate::engine::{Millis, NEVER};
use crate::error::{CacheError, Result};
use crate::provider::{BoxFuture, CacheProvider, MaybeSend};

/// Loading's interface to a provider, returned by [`CacheProvider::loading`].
///
/// Your own provider can return its [`SingleFlight`], which implements this trait and is enough to share loads and to
/// let writes win over them. A provider that implements the trait itself can do more: keep stale values, hold leases
/// among processes, and answer without waiting.
pub trait Loading<T>: Send + Sync {
    /// The loads in progress.
    fn single_flight(&self) -> &SingleFlight;

    /// Leases in a store that processes share, for [`LoadOptions::lease`](crate::LoadOptions::lease).
    fn lease_provider(&self) -> Option<&dyn LeaseProvider> {
        None
    }

    /// The ttl of entries that are written without one, [`Duration::MAX`] if they do not expire; `None` if it is not known.
    fn default_ttl(&self) -> Option<Duration> {
        None
    }

    /// Whether [`look`](Self::look) and [`store`](Self::store) support stale values. If not,
    /// [`stale_while_revalidate`](crate::LoadOptions::stale_while_revalidate) and
    /// [`stale_if_error`](crate::LoadOptions::stale_if_error) are refused.
    fn keeps_stale(&self) -> bool {
        false
    }

    /// Looks up a key without waiting; `None` if the provider cannot.
    fn look_now(&self, key: &str, lookup: Lookup) -> Option<Result<Option<Kept<T>>>> {
        let _ = (key, lookup);
        None
    }

    /// Returns the entry under `key`, fresh or stale, and counts the lookup as [`get`](CacheProvider::get) does; `None`
    /// if the provider does not support stale values.
    fn look<'a>(&'a self, key: &'a str) -> Option<BoxFuture<'a, Result<Option<Kept<T>>>>> {
        let _ = key;
        None
    }

    /// Returns the values under `keys`, in the same order, like [`get_many`](CacheProvider::get_many), but without
    /// counting lookups; `None` if the provider cannot. For tags, rate limiters and sessions, which keep their own
    /// entries in a provider.
    fn read_many<'a>(&'a self, keys: &'a [&'a str]) -> Option<BoxFuture<'a, Result<Vec<Option<T>>>>> {
        let _ = keys;
        None
    }

    /// Like [`get_and_touch`](crate::TouchProvider::get_and_touch), without counting a lookup; `None` if the provider
    /// cannot.
    fn read_and_touch<'a>(&'a self, key: &'a str, ttl: Duration) -> Option<BoxFuture<'a, Result<Option<T>>>> {
        let _ = (key, ttl);
        None
    }

    /// Like [`get_and_delete`](crate::AtomicProvider::get_and_delete), without counting a lookup; `None` if the
    /// provider cannot.
    fn read_and_delete<'a>(&'a self, key: &'a str) -> Option<BoxFuture<'a, Result<Option<T>>>> {
        let _ = key;
        None
    }

    /// Stores a loaded value, if its [permit](NewEntry::permit) is valid.
    fn store(&self, key: &str, entry: NewEntry<T>) -> Storing<T> {
        let _ = key;
        Storing::NotSupported(entry.value)
    }
}

impl<T> Loading<T> for SingleFlight {
    fn single_flight(&self) -> &SingleFlight {
        self
    }
}

/// The kind of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A fresh entry, counted as [`get`](CacheProvider::get) is.
    Fresh,
    /// An entry, fresh or stale, counted as [`get`](CacheProvider::get) is.
    Kept,
    /// An entry, fresh or stale, neither counted nor marked as used.
    Peek,
}

/// A value and its freshness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kept<T> {
    pub(crate) value: T,
    /// How long it remains fresh; zero or negative if it is stale, [`NEVER`] if it does not expire.
    pub(crate) fresh_for: Millis,
}

impl<T> Kept<T> {
    /// A value that remains fresh for some time; `None` if it does not expire.
    pub fn fresh(value: T, fresh_for: Option<Duration>) -> Self {
        Self { value, fresh_for: fresh_for.map_or(NEVER, super::freshness::millis) }
    }

    /// A value that has been stale for some time.
    pub fn stale(value: T, stale_for: Duration) -> Self {
        Self { value, fresh_for: -super::freshness::millis(stale_for) }
    }

    /// The value.
    pub fn into_value(self) -> T {
        self.value
    }

    /// Whether the value is fresh.
    pub fn is_fresh(&self) -> bool {
        self.fresh_for > 0.0
    }

    /// Replaces the value.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Kept<U> {
        Kept { value: map(self.value), fresh_for: self.fresh_for }
    }
}

/// A loaded value to store.
#[derive(Clone, Debug)]
pub struct NewEntry<T> {
    /// The value.
    pub value: T,
    /// How long it is fresh; `None` means the provider's default ttl, [`Duration::MAX`] means no expiry.
    pub ttl: Option<Duration>,
    /// How long it is kept after that.
    pub window: Duration,
    /// Whether it may be stored.
    pub permit: StorePermit,
}

impl<T> NewEntry<T> {
    /// Replaces the value.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> NewEntry<U> {
        NewEntry { value: map(self.value), ttl: self.ttl, window: self.window, permit: self.permit }
    }
}

/// The result of [`Loading::store`].
pub enum Storing<T> {
    /// The value was stored, or its permit was not valid.
    Done(Result<()>),
    /// This future stores the value. It owns its data, so that it can run in the background.
    Later(BoxFuture<'static, Result<()>>),
    /// The caller should store the value with [`set`](CacheProvider::set).
    NotSupported(T),
}

impl<T> std::fmt::Debug for Storing<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Done(_) => "Done",
            Self::Later(_) => "Later",
            Self::NotSupported(_) => "NotSupported",
        })
    }
}

/// The result of [`get`](CacheProvider::get), if it is available without waiting.
pub(crate) fn get_now<T: MaybeSend>(
    provider: &(impl CacheProvider<T> + ?Sized),
    key: &str,
) -> Option<Result<Option<T>>> {
    let known = provider.loading()?.look_now(key, Lookup::Fresh)?;
    Some(known.map(|found| found.map(|kept| kept.value)))
}

/// The error for windows that a provider does not support.
pub(super) fn cannot_keep_stale() -> CacheError {
    let reason = "this provider keeps no stale values: implement `Loading::look` and `Loading::store` for it, or leave out \
                  stale_while_revalidate and stale_if_error";
    CacheError::invalid("stale_while_revalidate", reason)
}
