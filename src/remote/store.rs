//! A store of bytes somewhere else.

use std::borrow::Cow;
use std::future::Future;
use std::time::Duration;

use crate::error::Result;
use crate::provider::MaybeSend;

/// A life as stores take it: whole milliseconds, or for ever.
pub(crate) type Life = Option<u64>;

/// The commands that a remote provider needs. Keys are whole, and lives have been checked.
pub(crate) trait RemoteStore: Clone + Send + Sync + 'static {
    /// Bytes as the store hands them out.
    type Bytes: AsRef<[u8]> + MaybeSend;

    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Self::Bytes>>> + MaybeSend;

    /// The value with what is left of its life, at one moment.
    fn get_with_ttl(
        &self,
        key: &str,
    ) -> impl Future<Output = Result<Option<(Self::Bytes, Option<Duration>)>>> + MaybeSend;

    /// The value, which lives for so long from now.
    fn get_and_touch(&self, key: &str, life: Life) -> impl Future<Output = Result<Option<Self::Bytes>>> + MaybeSend;

    /// One answer for each key, in their order.
    fn get_many(&self, keys: &[Cow<'_, str>]) -> impl Future<Output = Result<Vec<Option<Self::Bytes>>>> + MaybeSend;

    fn set(&self, key: &str, value: Vec<u8>, life: Life) -> impl Future<Output = Result<()>> + MaybeSend;

    /// Stores a value if there is one; whether there was.
    fn replace(&self, key: &str, value: Vec<u8>, life: Life) -> impl Future<Output = Result<bool>> + MaybeSend;

    fn set_many(&self, entries: Vec<(String, Vec<u8>, Life)>) -> impl Future<Output = Result<()>> + MaybeSend;

    /// Removes keys; how many there were.
    fn delete(&self, keys: &[Cow<'_, str>]) -> impl Future<Output = Result<u64>> + MaybeSend;

    fn exists(&self, key: &str) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Removes the keys that match a pattern with wildcards; how many there were.
    fn clear(&self, pattern: &str) -> impl Future<Output = Result<u64>> + MaybeSend;

    /// Adds to a counter. A new one starts from 0 and gets its life; an old one keeps what it has.
    fn increment(&self, key: &str, by: i64, life: Life) -> impl Future<Output = Result<i64>> + MaybeSend;

    /// Stores who holds a lease, if there is nothing; whether there was nothing. It is not tried twice: the second time would
    /// find what the first has stored.
    fn acquire(&self, key: &str, holder: &str, ms: u64) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Removes a key if it holds this holder.
    fn release(&self, key: &str, holder: &str) -> impl Future<Output = Result<()>> + MaybeSend;

    /// The number of live keys in the whole store, where it is known exactly and at little cost.
    fn entries(&self) -> impl Future<Output = Result<Option<u64>>> + MaybeSend;
}
