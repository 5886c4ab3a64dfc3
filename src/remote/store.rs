//! The interface of a remote store of bytes.

use std::borrow::Cow;
use std::future::Future;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::stale::StaleCheck;
use crate::error::Result;
use crate::provider::{BoundedIncrement, MaybeSend};
use crate::ttl::TtlMs;

/// Some keys, and the next position if there are more.
pub(crate) type ScanStep<C> = (Vec<Vec<u8>>, Option<C>);

/// The outcome of [`RemoteStore::set_if_absent_or_get`].
pub(crate) enum SetIfAbsent<V> {
    /// The value was stored.
    Stored,
    /// There is an entry, with this value; `None` if it is not a string, or has just left.
    Exists(Option<V>),
}

/// The commands that a remote provider needs. Keys include the namespace, and ttls have been checked.
pub(crate) trait RemoteStore: Clone + Send + Sync + 'static {
    /// Bytes in the form in which the store returns them.
    type Bytes: AsRef<[u8]> + MaybeSend;
    /// A position in a listing of keys; the default is its beginning.
    type Cursor: Default + MaybeSend;

    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Self::Bytes>>> + MaybeSend;

    /// The value and its remaining ttl, read in this order. If another client writes the key in between, the ttl is
    /// that of the newer entry. [`TieredCacheProvider`](crate::TieredCacheProvider) then does not keep the value,
    /// because the write is announced to it. The other order could give a newer value the longer ttl of an older one.
    fn get_with_ttl(
        &self,
        key: &str,
    ) -> impl Future<Output = Result<Option<(Self::Bytes, Option<Duration>)>>> + MaybeSend;

    /// Gives the entry a new ttl. Returns the value, and the ttl that was left.
    fn get_and_touch(
        &self,
        key: &str,
        ttl: TtlMs,
    ) -> impl Future<Output = Result<Option<(Self::Bytes, TtlMs)>>> + MaybeSend;

    /// Returns and removes the value. Not retried: a second attempt would find nothing.
    fn get_and_delete(&self, key: &str) -> impl Future<Output = Result<Option<Self::Bytes>>> + MaybeSend;

    /// The remaining ttl; `None` if there is no entry.
    fn ttl(&self, key: &str) -> impl Future<Output = Result<Option<TtlMs>>> + MaybeSend;

    /// Gives an entry a new ttl. Returns whether there is an entry.
    fn touch(&self, key: &str, ttl: TtlMs) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Returns the values of the keys, in the same order.
    fn get_many(&self, keys: &[Cow<'_, str>]) -> impl Future<Output = Result<Vec<Option<Self::Bytes>>>> + MaybeSend;

    fn set(&self, key: &str, value: Vec<u8>, ttl: TtlMs) -> impl Future<Output = Result<()>> + MaybeSend;

    /// Stores a value if there is an entry. Returns whether it was stored.
    fn replace(&self, key: &str, value: Vec<u8>, ttl: TtlMs) -> impl Future<Output = Result<bool>> + MaybeSend;

    fn set_many(&self, entries: Vec<(String, Vec<u8>, TtlMs)>) -> impl Future<Output = Result<()>> + MaybeSend;

    /// Removes keys. Returns the number of existing ones.
    fn delete(&self, keys: &[Cow<'_, str>]) -> impl Future<Output = Result<u64>> + MaybeSend;

    /// Removes keys. Returns for each whether there was an entry.
    fn delete_each(&self, keys: &[Cow<'_, str>]) -> impl Future<Output = Result<Vec<bool>>> + MaybeSend;

    /// Removes keys. Returns the number of existing ones, and their values, as [`get_many`](Self::get_many) does.
    fn delete_reading(
        &self,
        keys: &[Cow<'_, str>],
    ) -> impl Future<Output = Result<(u64, Vec<Option<Self::Bytes>>)>> + MaybeSend;

    /// Removes keys. Returns for each whether there was an entry, and its value if it was a string.
    fn take_many(
        &self,
        keys: &[Cow<'_, str>],
    ) -> impl Future<Output = Result<Vec<(bool, Option<Self::Bytes>)>>> + MaybeSend;

    /// As [`get_many`](Self::get_many), with a command for each key; `None` also for a key that cannot be read.
    fn get_each(&self, keys: &[Cow<'_, str>]) -> impl Future<Output = Result<Vec<Option<Self::Bytes>>>> + MaybeSend;

    /// Returns the first bytes of each value; `None` for a key that holds something other than a string.
    fn heads(
        &self,
        keys: &[Cow<'_, str>],
        length: usize,
    ) -> impl Future<Output = Result<Vec<Option<Self::Bytes>>>> + MaybeSend;

    /// Returns for each key whether there is an entry.
    fn exists_many(&self, keys: &[Cow<'_, str>]) -> impl Future<Output = Result<Vec<bool>>> + MaybeSend;

    /// One step of a listing of the keys that match a pattern with wildcards, without stale entries that `check`
    /// recognizes.
    fn scan(
        &self,
        pattern: &str,
        cursor: Self::Cursor,
        check: Option<StaleCheck>,
    ) -> impl Future<Output = Result<ScanStep<Self::Cursor>>> + MaybeSend;

    fn exists(&self, key: &str) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Removes the keys that match a pattern with wildcards. Returns their number, without stale entries if they can be
    /// recognized.
    fn clear(&self, pattern: &str, check: Option<StaleCheck>) -> impl Future<Output = Result<u64>> + MaybeSend;

    /// Adds to a counter. A new counter starts at 0 and gets the ttl; an existing one keeps its own.
    fn increment(&self, key: &str, by: i64, ttl: TtlMs) -> impl Future<Output = Result<i64>> + MaybeSend;

    /// Raises a counter to at least the lower bound, adds to it, and stores the sum for `ttl` from now, if it is within
    /// the bounds.
    fn increment_within(
        &self,
        key: &str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: TtlMs,
    ) -> impl Future<Output = Result<BoundedIncrement>> + MaybeSend;

    /// Stores a value if there is no entry. Returns whether it was stored. Not retried: a second attempt would find the
    /// value of the first.
    fn set_if_absent(&self, key: &str, value: Vec<u8>, ttl: TtlMs) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// As [`set_if_absent`](Self::set_if_absent), in one round trip with the value of an existing entry.
    fn set_if_absent_or_get(
        &self,
        key: &str,
        value: &[u8],
        ttl: TtlMs,
    ) -> impl Future<Output = Result<SetIfAbsent<Self::Bytes>>> + MaybeSend;

    /// Replaces a value, with its ttl, if it is the expected one. Returns whether it was replaced. Not retried: a second
    /// attempt would find the value of the first.
    fn compare_and_set(
        &self,
        key: &str,
        expected: &[u8],
        value: &[u8],
        ttl: TtlMs,
    ) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Removes a lease if it belongs to this holder.
    fn release(&self, key: &str, holder: &str) -> impl Future<Output = Result<()>> + MaybeSend;

    /// The number of live keys in the whole store, if it can be determined exactly and cheaply.
    fn entries(&self) -> impl Future<Output = Result<Option<u64>>> + MaybeSend;
}
