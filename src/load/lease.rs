//! One load among several processes: the process that loads holds a lease in the store, and the others wait for its
//! value.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::call::{Call, Outcome};
use super::loaded::{LoadError, Loaded};
use super::lookup::{Found, Snapshot};
use super::monitor::Event;
use super::options::LoadOptions;
use super::single_flight::Leader;
use super::support::{Loading, Lookup, cannot_keep_stale};
use super::wait::{Limit, boxed, race, sleep};
use crate::error::{CacheError, Result};
use crate::provider::{BoxFuture, CacheProvider, MaybeSend};

/// The shortest and the longest delay before a process without the lease looks again.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// How many lease ttls a process waits before it loads without a lease: one ttl for a holder that crashed, and one for
/// its successor.
const LEASES_TO_WAIT_FOR: u32 = 2;

/// Leases in a store that several processes share, for [`LoadOptions::lease`]. A lease has one holder at a time, and
/// expires after its ttl.
///
/// The providers of Redis and HTTP support leases. Your own provider can return an implementation from
/// [`Loading::lease_provider`](crate::Loading::lease_provider).
pub trait LeaseProvider: Send + Sync {
    /// Acquires the lease of `key` for `ttl`, on behalf of `holder`. Returns false if another holder has it.
    ///
    /// # Errors
    /// Any error of the store. The caller then loads without the lease.
    fn acquire<'a>(&'a self, key: &'a str, holder: &'a str, ttl: Duration) -> BoxFuture<'a, Result<bool>>;

    /// Releases the lease of `key` if `holder` has it. A lease of another holder is not affected.
    ///
    /// # Errors
    /// Any error of the store. The lease then expires after its ttl.
    fn release(&self, key: &str, holder: &str) -> BoxFuture<'static, Result<()>>;
}

/// A lease that is held, or may be. Dropping it releases the lease in the background.
pub(super) struct Lease<'a> {
    provider: &'a dyn LeaseProvider,
    key: &'a str,
    holder: String,
    options: &'a LoadOptions,
    held: bool,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.held {
            let release = self.provider.release(self.key, &self.holder);
            // Without a runtime, or if the release fails, the lease expires after its ttl.
            let _ = self.options.run_on().spawn(Box::pin(async move {
                let _ = release.await;
            }));
        }
    }
}

/// Which process loads.
pub(super) enum Permission<'a, T> {
    /// This process, with the lease, or without one if the store fails. The other fields are as for [`Call::lead`].
    Load { lease: Option<Lease<'a>>, fallback: Option<T>, stored: bool },
    /// Another process has loaded the value. Other callers may have it if they began before it was `read`, unless it is
    /// stale.
    Found { value: T, read: Option<u64>, lease: Option<Lease<'a>> },
    /// Another process is loading, and the value found earlier is returned.
    Elsewhere(Option<T>),
}

impl<'a, P: ?Sized> Call<'a, P> {
    /// Rejects invalid arguments and options, and options that the provider does not support.
    pub(super) fn check<T: MaybeSend>(&self) -> Result<()>
    where
        P: CacheProvider<T>,
    {
        self.options.check()?;
        let loading = self.provider.loading();
        if self.options.windows().longest() > 0.0 && !loading.is_some_and(Loading::keeps_stale) {
            return Err(cannot_keep_stale());
        }
        if self.options.lease.is_none() {
            return Ok(());
        }
        // A provider that answers without waiting is within this process and needs no lease.
        let is_fulfilled = loading.is_some_and(|loading| {
            loading.lease_provider().is_some() || loading.look_now(self.key, Lookup::Peek).is_some()
        });
        if is_fulfilled {
            return Ok(());
        }
        let reason =
            "this provider holds no leases: leave the option out, or implement `Loading::lease_provider` for it";
        Err(CacheError::invalid("lease", reason))
    }

    /// Calls [`lead`](Self::lead) once this process may load. With `refreshed`, the `fallback` may be returned to the
    /// caller.
    pub(super) async fn lead_with_lease<T, E, Fut>(
        &self,
        leader: Leader,
        fallback: Option<T>,
        refreshed: Option<(Snapshot, bool)>,
        limit: &mut Limit<'_>,
        loader: impl FnOnce() -> Fut,
    ) -> Outcome<T, E>
    where
        P: CacheProvider<T>,
        T: Clone + MaybeSend + Send + Sync + 'static,
        E: Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Loaded<T>>, E>>,
    {
        let (Some(ttl), false) = (self.options.lease, self.options.force_fresh) else {
            return boxed(|| self.lead(leader, fallback, true, limit, loader)).await;
        };
        let Some(provider) = self.provider.loading().and_then(|loading| loading.lease_provider()) else {
            return boxed(|| self.lead(leader, fallback, true, limit, loader)).await;
        };
        let old = fallback.clone();
        // Boxed, so that calls without a lease stay small.
        let before = refreshed.map(|(snapshot, _)| snapshot);
        let permission = Box::pin(self.permission((provider, ttl), &leader, fallback, before));
        let Some(permission) = limit.within(permission).await else {
            let outcome: Outcome<T, E> = Err(self.timed_out(limit));
            leader.share(Arc::new(outcome.clone()), leader.reads());
            return self.or_stale(outcome, old);
        };
        // The flight ends before the lease is released: a call in between reads the store.
        match permission.map_err(LoadError::Cache)? {
            Permission::Load { lease, fallback, stored } => {
                let outcome = boxed(|| self.lead(leader, fallback, stored, limit, loader)).await;
                self.release(lease, limit).await;
                outcome
            }
            Permission::Found { value, read, lease } => {
                let outcome: Outcome<T, E> = Ok(Some(value));
                if let Some(read) = read {
                    leader.share(Arc::new(outcome.clone()), read);
                }
                drop(leader);
                if !self.in_background {
                    self.count(Event::Coalesced);
                }
                self.release(lease, limit).await;
                outcome
            }
            Permission::Elsewhere(value) => {
                // Other callers look themselves: their options may not allow the stale value.
                drop(leader);
                self.answered(refreshed.is_some_and(|(_, stale)| stale));
                Ok(value)
            }
        }
    }

    /// Waits until this process may load, or there is a value. With `refreshed`, it does not wait.
    async fn permission<T: MaybeSend>(
        &self,
        (provider, ttl): (&'a dyn LeaseProvider, Duration),
        leader: &Leader,
        mut fallback: Option<T>,
        refreshed: Option<Snapshot>,
    ) -> Result<Permission<'a, T>>
    where
        P: CacheProvider<T>,
    {
        let mut lease = Lease { provider, key: self.key, holder: holder(), options: self.options, held: false };
        let mut limit = sleep(self.options, self.is_blocking, ttl.saturating_mul(LEASES_TO_WAIT_FOR));
        let mut wait = FIRST_WAIT;
        loop {
            // Set before the reply arrives: if this future is dropped before, the lease may have been acquired.
            lease.held = true;
            match provider.acquire(self.key, &lease.holder, ttl).await {
                Ok(held) => lease.held = held,
                Err(error) => {
                    lease.held = false;
                    self.provider_failed(error)?;
                    return Ok(Permission::Load { lease: None, fallback, stored: true });
                }
            }
            if !lease.held && refreshed.is_some() {
                return Ok(Permission::Elsewhere(fallback));
            }
            // Looks up the key even if the lease was acquired: its last holder may have stored a value since the last
            // lookup.
            let read = leader.reads();
            let look = self.find().await?;
            match look.found {
                Found::Answer(value) | Found::Refresh { value, .. } => {
                    if refreshed.is_none_or(|before| look.snapshot.fresh_for > before.fresh_for.max(0.0)) {
                        let read = (look.snapshot.fresh_for > 0.0).then_some(read);
                        return Ok(Permission::Found { value, read, lease: lease.held.then_some(lease) });
                    }
                    fallback = Some(value);
                }
                Found::Nothing(old) => fallback = old,
                Found::Failed => {
                    return Ok(Permission::Load { lease: lease.held.then_some(lease), fallback, stored: false });
                }
            }
            if lease.held {
                return Ok(Permission::Load { lease: Some(lease), fallback, stored: true });
            }
            let time = wait.mul_f64(0.5 + self.options.chance() / 2.0);
            if race(sleep(self.options, self.is_blocking, time), &mut limit).await.is_none() {
                return Ok(Permission::Load { lease: None, fallback, stored: true });
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Releases a lease; after the time limit of the call, in the background. A failure does not affect the load.
    async fn release(&self, lease: Option<Lease<'_>>, limit: &mut Limit<'_>) {
        let Some(mut lease) = lease else { return };
        let Some(released) = limit.within(lease.provider.release(lease.key, &lease.holder)).await else { return };
        lease.held = false;
        if released.is_err() {
            self.count(Event::Bypass);
        }
    }
}

/// A unique holder name.
fn holder() -> String {
    format!("{:032x}", super::random::unique())
}
