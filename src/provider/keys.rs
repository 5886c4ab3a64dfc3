//! The keys of a cache, and bulk operations with a result for each key.

use std::fmt;
use std::future::{Future, poll_fn};
use std::task::{Context, Poll};

use super::{BoxFuture, MaybeSend};
use crate::error::Result;

/// A cache that can list its keys.
///
/// ```
/// use isocache::{CacheProvider, KeysProvider, MemoryCacheProvider};
///
/// # pollster::block_on(async {
/// let cache = MemoryCacheProvider::default();
/// for id in 1..=3 {
///     cache.set(&format!("user:{id}"), id, None).await?;
/// }
/// let mut keys = cache.keys("user:*")?;
/// while let Some(key) = keys.next().await {
///     println!("{}", key?);
/// }
/// assert_eq!(cache.exists_many(&["user:1", "user:9"]).await?, [true, false]);
/// assert_eq!(cache.delete_many_each(&["user:9", "user:1"]).await?, [false, true]);
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
pub trait KeysProvider: Send + Sync {
    /// Returns the keys that match a [`Glob`](crate::Glob), in no particular order; `"*"` matches all. Listing counts
    /// neither as a hit or miss nor as a use of the entries.
    ///
    /// Keys that are written or deleted while the listing runs may or may not be included. Redis lists keys in steps,
    /// with `SCAN`: each step ends within the time limit of an operation, and a key may be returned twice if the server
    /// resizes its table during the listing.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::CacheError::InvalidArgument) for an empty pattern. An error of the store is returned
    /// as an item and ends the listing.
    fn keys<'a>(&'a self, pattern: &str) -> Result<Keys<'a>>;

    /// Returns whether there is an entry under each of `keys`, in the same order. Counts neither as a hit or miss nor
    /// as a use.
    ///
    /// # Errors
    /// A key outside the limits, or any error of the store.
    fn exists_many(&self, keys: &[&str]) -> impl Future<Output = Result<Vec<bool>>> + MaybeSend;

    /// Removes the entries under `keys`, and returns for each key whether there was an entry, in the same order.
    ///
    /// # Errors
    /// A key outside the limits (nothing was removed then), or any error of the store.
    fn delete_many_each(&self, keys: &[&str]) -> impl Future<Output = Result<Vec<bool>>> + MaybeSend;
}

/// An asynchronous sequence of the keys of a cache, returned by [`KeysProvider::keys`].
///
/// It does not implement a stream trait, because the standard library has none yet. To get a stream, use
/// `stream::poll_fn(move |context| keys.poll_next(context))` from the `futures` crate.
#[must_use = "keys are fetched only when they are asked for"]
pub struct Keys<'a> {
    page: std::vec::IntoIter<String>,
    source: Source<'a>,
}

/// Fetches one page of keys and the state for the next page; `None` at the end.
type Page<'a> = Option<(Vec<String>, Box<dyn Pages<'a> + 'a>)>;

trait Pages<'a>: MaybeSend {
    fn next(self: Box<Self>) -> BoxFuture<'a, Result<Page<'a>>>;
}

enum Source<'a> {
    Idle(Box<dyn Pages<'a> + 'a>),
    Fetching(BoxFuture<'a, Result<Page<'a>>>),
    Ended,
}

struct Unfold<S, F> {
    state: S,
    step: F,
}

impl<'a, S, F, R> Pages<'a> for Unfold<S, F>
where
    S: MaybeSend + 'a,
    F: FnMut(S) -> R + MaybeSend + 'a,
    R: Future<Output = Result<Option<(Vec<String>, S)>>> + MaybeSend + 'a,
{
    fn next(self: Box<Self>) -> BoxFuture<'a, Result<Page<'a>>> {
        Box::pin(async move {
            let Self { state, mut step } = *self;
            let page = step(state).await?;
            Ok(page.map(|(keys, state)| (keys, Box::new(Self { state, step }) as Box<dyn Pages<'a> + 'a>)))
        })
    }
}

impl<'a> Keys<'a> {
    /// Creates a listing from keys that are already known.
    pub fn of(keys: Vec<String>) -> Self {
        Self { page: keys.into_iter(), source: Source::Ended }
    }

    /// Creates a listing from a function that fetches one page at a time, for your own providers. `step` receives the
    /// state that it returned with the previous page, and returns `None` at the end. A page may be empty.
    pub fn unfold<S, F, R>(state: S, step: F) -> Self
    where
        S: MaybeSend + 'a,
        F: FnMut(S) -> R + MaybeSend + 'a,
        R: Future<Output = Result<Option<(Vec<String>, S)>>> + MaybeSend + 'a,
    {
        Self { page: Vec::new().into_iter(), source: Source::Idle(Box::new(Unfold { state, step })) }
    }

    /// Returns the next key; `None` at the end, and after an error.
    pub async fn next(&mut self) -> Option<Result<String>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Collects the remaining keys.
    ///
    /// # Errors
    /// The first error of [`next`](Self::next).
    pub async fn collect(mut self) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        while let Some(key) = self.next().await {
            keys.push(key?);
        }
        Ok(keys)
    }

    /// Polls for the next key, as a stream does.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<String>>> {
        loop {
            if let Some(key) = self.page.next() {
                return Poll::Ready(Some(Ok(key)));
            }
            match std::mem::replace(&mut self.source, Source::Ended) {
                Source::Ended => return Poll::Ready(None),
                Source::Idle(pages) => self.source = Source::Fetching(pages.next()),
                Source::Fetching(mut page) => {
                    let Poll::Ready(fetched) = page.as_mut().poll(context) else {
                        self.source = Source::Fetching(page);
                        return Poll::Pending;
                    };
                    match fetched {
                        Ok(Some((keys, pages))) => {
                            self.page = keys.into_iter();
                            self.source = Source::Idle(pages);
                        }
                        Ok(None) => {}
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("page", &self.page).finish_non_exhaustive()
    }
}
