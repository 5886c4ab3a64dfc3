//! The lookup of a call, and what it means for the call.

use super::call::Call;
use super::freshness::Verdict;
use super::single_flight::SingleFlight;
use super::support::{Kept, Loading, Lookup};
use super::wait::boxed;
use crate::engine::{Millis, NEVER};
use crate::error::CacheError;
use crate::provider::{CacheProvider, MaybeSend};

/// The freshness of a missing entry.
const ABSENT: Millis = Millis::NEG_INFINITY;

/// A lookup in the provider.
pub(super) struct Look<T> {
    pub(super) found: Found<T>,
    pub(super) snapshot: Snapshot,
}

/// The state of the key at a lookup, to detect whether it has changed since.
#[derive(Clone, Copy)]
pub(super) struct Snapshot {
    before: Before,
    /// The freshness of the entry.
    pub(super) fresh_for: Millis,
}

/// The state before a lookup.
#[derive(Clone, Copy, Default)]
pub(super) struct Before {
    /// The version of the key.
    writes: u64,
    /// The time.
    time: u64,
}

impl Before {
    pub(super) fn of(single_flight: &SingleFlight, key: &str) -> Self {
        Self { writes: single_flight.writes(key), time: single_flight.now() }
    }
}

impl<T> Look<T> {
    pub(super) fn after(mut self, before: Before) -> Self {
        self.snapshot.before = before;
        self
    }
}

impl Snapshot {
    /// When the lookup began.
    pub(super) fn began(&self) -> u64 {
        self.before.time
    }
}

/// The result of a lookup.
pub(super) enum Found<T> {
    /// A value to return.
    Answer(T),
    /// A value to return, but a load is due because it is stale, or soon will be.
    Refresh { value: T, stale: bool },
    /// No value to return, but possibly a fallback if the load fails.
    Nothing(Option<T>),
    /// The provider failed.
    Failed,
}

impl<P: ?Sized> Call<'_, P> {
    pub(super) fn judge<T>(&self, found: Result<Option<Kept<T>>, CacheError>) -> Result<Look<T>, CacheError> {
        let look = |found, fresh_for| Look { found, snapshot: Snapshot { before: Before::default(), fresh_for } };
        let Kept { value, fresh_for } = match found {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(look(Found::Nothing(None), ABSENT)),
            // The loaded value replaces any existing entry.
            Err(error @ CacheError::Deserialize { .. }) => {
                return self.provider_failed(error).map(|()| look(Found::Nothing(None), NEVER));
            }
            Err(error) => return self.provider_failed(error).map(|()| look(Found::Failed, NEVER)),
        };
        let windows = self.options.windows();
        if !windows.any() {
            return Ok(look(Found::Answer(value), NEVER));
        }
        let found = match windows.judge(fresh_for, self.options.chance()) {
            Verdict::Fresh => Found::Answer(value),
            Verdict::Early => Found::Refresh { value, stale: false },
            Verdict::Stale => Found::Refresh { value, stale: true },
            Verdict::Fallback => Found::Nothing(Some(value)),
            Verdict::Expired => Found::Nothing(None),
        };
        Ok(look(found, fresh_for))
    }

    /// Looks up the key if that needs no waiting, unless a fresh value is forced.
    pub(super) fn find_at_once<T: MaybeSend>(&self) -> Result<Option<Look<T>>, CacheError>
    where
        P: CacheProvider<T>,
    {
        if self.options.force_fresh { Ok(None) } else { self.find_now().transpose() }
    }

    /// Looks up the key if that needs no waiting.
    fn find_now<T: MaybeSend>(&self) -> Option<Result<Look<T>, CacheError>>
    where
        P: CacheProvider<T>,
    {
        let loading = self.provider.loading();
        if self.options.force_fresh {
            return Some(self.judge(Ok(None)).map(|look| look.after(self.before(loading))));
        }
        let lookup = if self.options.windows().any() { Lookup::Kept } else { Lookup::Fresh };
        let known = loading?.look_now(self.key, lookup)?;
        Some(self.judge(known).map(|look| match look.found {
            Found::Answer(_) => look,
            // Nothing can have come in between, since nothing was awaited.
            _ => look.after(self.before(loading)),
        }))
    }

    fn before<T>(&self, loading: Option<&dyn Loading<T>>) -> Before {
        loading.map_or_else(Before::default, |loading| Before::of(loading.single_flight(), self.key))
    }

    /// Looks up the key in a provider that answers asynchronously.
    async fn find_later<T: MaybeSend>(&self) -> Result<Look<T>, CacheError>
    where
        P: CacheProvider<T>,
    {
        let loading = self.provider.loading();
        let before = self.before(loading);
        if self.options.windows().any() {
            if let Some(look) = loading.and_then(|loading| loading.look(self.key)) {
                return self.judge(look.await).map(|look| look.after(before));
            }
            let found = self.provider.get_with_ttl(self.key).await;
            let found = found.map(|found| found.map(|(value, left)| Kept::fresh(value, left)));
            return self.judge(found).map(|look| look.after(before));
        }
        let found = self.provider.get(self.key).await;
        let found = found.map(|found| found.map(|value| Kept { value, fresh_for: NEVER }));
        self.judge(found).map(|look| look.after(before))
    }

    /// Looks up the key in the provider. A lookup without waiting allocates nothing.
    pub(super) async fn find<T: MaybeSend>(&self) -> Result<Look<T>, CacheError>
    where
        P: CacheProvider<T>,
    {
        match self.find_now() {
            Some(look) => look,
            None => boxed(|| self.find_later()).await,
        }
    }

    /// Whether the key has changed since a lookup.
    pub(super) fn has_changed<T: MaybeSend>(&self, loading: &dyn Loading<T>, snapshot: Snapshot) -> bool {
        if self.options.force_fresh {
            return false;
        }
        match loading.look_now(self.key, Lookup::Peek) {
            Some(Ok(Some(kept))) => kept.fresh_for > snapshot.fresh_for && kept.fresh_for > 0.0,
            Some(Ok(None) | Err(_)) => false,
            None => loading.single_flight().writes(self.key) != snapshot.before.writes,
        }
    }
}
