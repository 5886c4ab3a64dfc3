//! A store of bytes somewhere else.

use std::borrow::Cow;
use std::future::Future;
use std::time::Duration;

use crate::error::Result;
use crate::provider::MaybeSend;
use crate::ttl::TtlMs;

/// The commands that a remote provider needs. Keys have their namespace, and ttls have been checked.
pub(crate) trait RemoteStore: Clone + Send + Sync + 'static {
    /// Bytes as the store hands them out.
    type Bytes: AsRef<[u8]> + MaybeSend;
    /// A place in a listing of keys; the default is its beginning.
    type Cursor: Default + MaybeSend;

    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Self::Bytes>>> + MaybeSend;

    /// The value with the ttl that is left, at one moment.
    fn get_with_ttl(
        &self,
        key: &str,
    ) -> impl Future<Output = Result<Option<(Self::Bytes, Option<Duration>)>>> + MaybeSend;

    /// The value, which gets a new ttl.
    fn get_and_touch(&self, key: &str, ttl: TtlMs) -> impl Future<Output = Result<Option<Self::Bytes>>> + MaybeSend;

    /// The value, which is removed. It is not tried twice: the second time would find nothing.
    fn get_and_delete(&self, key: &str) -> impl Future<Output = Result<Option<Self::Bytes>>> + MaybeSend;

    /// The ttl that is left; `None` if there is no entry.
    fn ttl(&self, key: &str) -> impl Future<Output = Result<Option<TtlMs>>> + MaybeSend;

    /// Gives an entry a new ttl; whether there is one.
    fn touch(&self, key: &str, ttl: TtlMs) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// One answer for each key, in their order.
    fn get_many(&self, keys: &[Cow<'_, str>]) -> impl Future<Output = Result<Vec<Option<Self::Bytes>>>> + MaybeSend;

    fn set(&self, key: &str, value: Vec<u8>, ttl: TtlMs) -> impl Future<Output = Result<()>> + MaybeSend;

    /// Stores a value if there is one; whether there was.
    fn replace(&self, key: &str, value: Vec<u8>, ttl: TtlMs) -> impl Future<Output = Result<bool>> + MaybeSend;

    fn set_many(&self, entries: Vec<(String, Vec<u8>, TtlMs)>) -> impl Future<Output = Result<()>> + MaybeSend;

    /// Removes keys; how many there were.
    fn delete(&self, keys: &[Cow<'_, str>]) -> impl Future<Output = Result<u64>> + MaybeSend;

    /// Removes keys; for each, whether there was an entry.
    fn delete_each(&self, keys: &[Cow<'_, str>]) -> impl Future<Output = Result<Vec<bool>>> + MaybeSend;

    /// For each key, whether there is an entry.
    fn exists_many(&self, keys: &[Cow<'_, str>]) -> impl Future<Output = Result<Vec<bool>>> + MaybeSend;

    /// One step of listing the keys that match a pattern with wildcards: some keys, and where to go on if there are more.
    fn scan(
        &self,
        pattern: &str,
        cursor: Self::Cursor,
    ) -> impl Future<Output = Result<(Vec<Vec<u8>>, Option<Self::Cursor>)>> + MaybeSend;

    fn exists(&self, key: &str) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Removes the keys that match a pattern with wildcards; how many there were.
    fn clear(&self, pattern: &str) -> impl Future<Output = Result<u64>> + MaybeSend;

    /// Adds to a counter. A new one starts from 0 and gets the ttl; an old one keeps its own.
    fn increment(&self, key: &str, by: i64, ttl: TtlMs) -> impl Future<Output = Result<i64>> + MaybeSend;

    /// Stores a value if there is none; whether there was none. It is not tried twice: the second time would find what the
    /// first has stored.
    fn set_if_absent(&self, key: &str, value: Vec<u8>, ttl: TtlMs) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Removes a key if it holds this holder.
    fn release(&self, key: &str, holder: &str) -> impl Future<Output = Result<()>> + MaybeSend;

    /// The number of live keys in the whole store, where it is known exactly and at little cost.
    fn entries(&self) -> impl Future<Output = Result<Option<u64>>> + MaybeSend;
}
