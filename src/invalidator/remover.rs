//! Providers of any type of values, as an invalidator sees them.

use std::marker::PhantomData;

use crate::error::Result;
use crate::provider::{BoxFuture, CacheProvider, CounterProvider, MaybeSend};
use crate::tags::{Tagged, TaggedEntry};

/// The operations of a provider that an invalidator needs, whatever its values are.
pub(super) trait Remover: Send + Sync {
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>>;
    fn clear_pattern<'a>(&'a self, pattern: &'a str) -> BoxFuture<'a, Result<u64>>;
    /// `None` for a provider without tags.
    fn tags(&self) -> Option<&dyn Invalidate>;
}

/// The operation of a provider that has tags.
pub(super) trait Invalidate: Send + Sync {
    fn invalidate_tag<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<()>>;
}

/// A provider of `T`. It contains no `T`, so it is `Send` and `Sync` whatever `T` is.
pub(super) struct Untagged<P, T>(pub(super) P, pub(super) PhantomData<fn() -> T>);

impl<T: MaybeSend, P: CacheProvider<T>> Remover for Untagged<P, T> {
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.0.delete(key))
    }

    fn clear_pattern<'a>(&'a self, pattern: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.0.clear_pattern(pattern))
    }

    fn tags(&self) -> Option<&dyn Invalidate> {
        None
    }
}

/// A provider of tagged entries with a value of `T`.
pub(super) struct WithTags<P, C, T>(pub(super) Tagged<P, C>, pub(super) PhantomData<fn() -> T>);

impl<T, P, C> Remover for WithTags<P, C, T>
where
    T: MaybeSend,
    P: CacheProvider<TaggedEntry<T>>,
    C: CounterProvider,
{
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.0.entries().delete(key))
    }

    fn clear_pattern<'a>(&'a self, pattern: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.0.entries().clear_pattern(pattern))
    }

    fn tags(&self) -> Option<&dyn Invalidate> {
        Some(self)
    }
}

impl<T, P, C> Invalidate for WithTags<P, C, T>
where
    T: MaybeSend,
    P: CacheProvider<TaggedEntry<T>>,
    C: CounterProvider,
{
    fn invalidate_tag<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.0.invalidate_tags(&[tag]).await })
    }
}
