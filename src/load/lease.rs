//! One load among processes: the process that loads holds a lease in the store, and the others wait for its value.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::call::{Call, Found, Outcome, Then};
use super::loaded::{LoadError, Loaded};
use super::monitor::Event;
use super::options::LoadOptions;
use super::single_flight::Leader;
use super::support::{Loading, Lookup, cannot_keep_stale};
use super::wait::{Limit, boxed, race, sleep};
use crate::error::{CacheError, Result};
use crate::provider::{BoxFuture, CacheProvider, MaybeSend};

/// The first wait of a process that does not get a lease before it looks again, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// For how many ttls of a lease a process waits before it loads without: that of a holder that died, and that of its
/// successor.
const LEASES_TO_WAIT_FOR: u32 = 2;

/// Leases in a store that several processes share, for [`LoadOptions::lease`]. A lease has one holder at a time, and ends by
/// itself after its ttl.
///
/// The providers of Redis and HTTP have it. A provider of your own returns one from
/// [`Loading::lease_provider`](crate::Loading::lease_provider).
pub trait LeaseProvider: Send + Sync {
    /// Takes the lease of `key` for `ttl`, in the name of `holder`. False if another holder has it.
    ///
    /// # Errors
    /// Whatever keeps the store from answering. The caller then loads without the lease.
    fn acquire<'a>(&'a self, key: &'a str, holder: &'a str, ttl: Duration) -> BoxFuture<'a, Result<bool>>;

    /// Gives the lease of `key` back, if `holder` has it; that of another holder stays.
    ///
    /// # Errors
    /// Whatever keeps the store from answering. The lease then ends by itself.
    fn release(&self, key: &str, holder: &str) -> BoxFuture<'static, Result<()>>;
}

/// A lease that is held, or may be. When it is dropped, it is given back in the background.
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
            // Where nothing runs in the background, and where it fails, the lease ends by itself.
            let _ = self.options.run_on().spawn(Box::pin(async move {
                let _ = release.await;
            }));
        }
    }
}

/// Which process loads.
pub(super) enum Permission<'a, T> {
    /// This one: with the lease, or without one where that cannot be had. The rest is as for [`Call::lead`].
    Load { lease: Option<Lease<'a>>, fallback: Option<T>, stored: bool },
    /// Another one has loaded.
    Found(T),
    /// Another one loads, and the value that was found before is the answer.
    Elsewhere(Option<T>),
}

impl<'a, P: ?Sized> Call<'a, P> {
    /// Refuses invalid arguments and options, and options that the provider cannot fulfil.
    pub(super) fn check<T: MaybeSend>(&self) -> Result<()>
    where
        P: CacheProvider<T>,
    {
        self.options.check()?;
        let loading = self.provider.loading();
        if self.options.windows().longest() > 0.0 && !loading.is_some_and(Loading::keeps_stale) {
            return Err(cannot_keep_stale());
        }
        // A provider that answers without waiting is within this process, which needs no lease.
        let is_fulfilled = loading.is_some_and(|loading| {
            loading.lease_provider().is_some() || loading.look_now(self.key, Lookup::Peek).is_some()
        });
        if self.options.lease.is_none() || is_fulfilled {
            return Ok(());
        }
        let reason =
            "this provider holds no leases: leave the option out, or implement `Loading::lease_provider` for it";
        Err(CacheError::invalid("lease", reason))
    }

    /// [`lead`](Self::lead), if this process is the one to load. `in_hand` is of a value that may be answered, which is the
    /// `fallback`.
    pub(super) async fn lead_with_lease<T, E, Fut>(
        &self,
        leader: Leader,
        fallback: Option<T>,
        in_hand: Option<(Then, bool)>,
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
        // Boxed, so that calls without a lease are no larger for it.
        let permission = Box::pin(self.permission(provider, ttl, fallback, in_hand.map(|(then, _)| then)));
        let Some(permission) = limit.within(permission).await else {
            let outcome: Outcome<T, E> = Err(self.timed_out(limit));
            leader.share(Arc::new(outcome.clone()));
            return self.or_stale(outcome, old);
        };
        let value = match permission.map_err(LoadError::Cache)? {
            Permission::Load { lease, fallback, stored } => {
                let outcome = boxed(|| self.lead(leader, fallback, stored, limit, loader)).await;
                self.release(lease).await;
                return outcome;
            }
            Permission::Found(value) => {
                if !self.in_background {
                    self.count(Event::Coalesced);
                }
                Some(value)
            }
            Permission::Elsewhere(value) => {
                self.answered(in_hand.is_some_and(|(_, stale)| stale));
                value
            }
        };
        let outcome = Ok(value);
        leader.share(Arc::new(outcome.clone()));
        outcome
    }

    /// Waits until this process is the one to load, or there is a value. With a value `in_hand` it does not wait.
    async fn permission<T: MaybeSend>(
        &self,
        provider: &'a dyn LeaseProvider,
        ttl: Duration,
        mut fallback: Option<T>,
        in_hand: Option<Then>,
    ) -> Result<Permission<'a, T>>
    where
        P: CacheProvider<T>,
    {
        let mut lease = Lease { provider, key: self.key, holder: holder(), options: self.options, held: false };
        let mut limit = sleep(self.options, self.is_blocking, ttl.saturating_mul(LEASES_TO_WAIT_FOR));
        let mut wait = FIRST_WAIT;
        loop {
            // From before the answer is there: dropped meanwhile, it may have it.
            lease.held = true;
            match provider.acquire(self.key, &lease.holder, ttl).await {
                Ok(held) => lease.held = held,
                Err(error) => {
                    lease.held = false;
                    self.provider_failed(error)?;
                    return Ok(Permission::Load { lease: None, fallback, stored: true });
                }
            }
            if !lease.held && in_hand.is_some() {
                return Ok(Permission::Elsewhere(fallback));
            }
            // Also with the lease: its last holder may have stored a value between the last look and this one.
            let look = self.find().await?;
            match look.found {
                Found::Answer(value) | Found::Refresh { value, .. } => {
                    if in_hand.is_none_or(|before| look.then.fresh_for > before.fresh_for.max(0.0)) {
                        self.release(lease.held.then_some(lease)).await;
                        return Ok(Permission::Found(value));
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

    /// Gives a lease back. Whatever becomes of it, the load stands.
    async fn release(&self, lease: Option<Lease<'_>>) {
        let Some(mut lease) = lease else { return };
        let released = lease.provider.release(lease.key, &lease.holder).await;
        lease.held = false;
        if released.is_err() {
            self.count(Event::Bypass);
        }
    }
}

/// A name that no other holder has.
fn holder() -> String {
    format!("{:032x}", super::random::unique())
}
