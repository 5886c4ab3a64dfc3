//! One loader among processes: who loads holds a lease in the store, and the others wait for what it stores.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::call::{Call, Found, Outcome, Then};
use super::flights::Leader;
use super::loaded::{LoadError, Loaded};
use super::monitor::Event;
use super::options::LoadOptions;
use crate::error::{CacheError, Result};
use crate::provider::{BoxFuture, CacheProvider, MaybeSend};

/// The first wait of who does not get a lease before it looks again, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// How many lives of a lease somebody waits before it loads without: that of a holder that died, and that of who took over.
const LIVES: u32 = 2;


/// Leases in a store that several processes share, for [`LoadOptions::lease`]. A lease has one holder at a time, and ends by
/// itself after its life.
///
/// The providers of Redis and HTTP have it. A provider of your own returns one from
/// [`leases`](crate::CacheProvider::leases), and needs [`flights`](crate::CacheProvider::flights) too.
pub trait Leases: Send + Sync {
    /// Takes the lease of `key` for `life`, in the name of `holder`. False if somebody has it.
    ///
    /// # Errors
    /// Whatever keeps the store from answering. The caller then loads without the lease.
    fn acquire<'a>(&'a self, key: &'a str, holder: &'a str, life: Duration) -> BoxFuture<'a, Result<bool>>;

    /// Gives the lease of `key` back, if `holder` has it; that of another holder stays.
    ///
    /// # Errors
    /// Whatever keeps the store from answering. The lease then ends by itself.
    fn release(&self, key: &str, holder: &str) -> BoxFuture<'static, Result<()>>;
}

/// A lease that is held, or may be. Dropped, it is given back behind.
pub(super) struct Lease<'a> {
    leases: &'a dyn Leases,
    key: &'a str,
    holder: String,
    options: &'a LoadOptions,
    held: bool,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.held {
            let release = self.leases.release(self.key, &self.holder);
            // Where nothing can run behind, and where it fails, the lease ends by itself.
            let _ = self.options.run_on().spawn(Box::pin(async move {
                let _ = release.await;
            }));
        }
    }
}

/// What a leader is to do.
pub(super) enum Turn<'a, T> {
    /// Load: with the lease, or without one where that cannot be had. The rest is as for [`Call::lead`].
    Load { lease: Option<Lease<'a>>, fallback: Option<T>, stored: bool },
    /// Answer what another process has brought.
    Found(T),
    /// Leave it to the process that has the lease, and do with what was found before.
    Elsewhere(Option<T>),
}

impl<'a, P: ?Sized> Call<'a, P> {
    /// Refuses a lease that the provider cannot hold. Within one process none is needed, and a provider that answers without
    /// waiting is within this process.
    pub(super) fn check<T: MaybeSend>(&self) -> Result<()>
    where
        P: CacheProvider<T>,
    {
        self.options.check()?;
        let holds = || self.provider.leases().is_some() && self.provider.flights().is_some();
        if self.options.lease.is_none() || holds() || self.provider.peek_now(self.key).is_some() {
            return Ok(());
        }
        Err(CacheError::invalid("lease", "cannot be held by this provider: it has no leases, or no flights"))
    }

    /// As [`lead`](Self::lead), when it is this process' turn. `in_hand` is of a value that may be answered, which is the
    /// `fallback`.
    pub(super) async fn lead_in_turn<T, E, Fut>(
        &self,
        led: Leader<'_>,
        fallback: Option<T>,
        in_hand: Option<(Then, bool)>,
        loader: impl FnOnce() -> Fut,
    ) -> Outcome<T, E>
    where
        P: CacheProvider<T>,
        T: Clone + MaybeSend + Send + Sync + 'static,
        E: Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Loaded<T>>, E>> + MaybeSend,
    {
        let value = match self.turn(fallback, in_hand.map(|(then, _)| then)).await.map_err(LoadError::Cache)? {
            Turn::Load { lease, fallback, stored } => {
                let outcome = self.lead(led, fallback, stored, loader).await;
                self.release(lease).await;
                return outcome;
            }
            Turn::Found(value) => {
                self.count(Event::Coalesced);
                Some(value)
            }
            Turn::Elsewhere(value) => {
                self.answered(in_hand.is_some_and(|(_, stale)| stale));
                value
            }
        };
        let outcome = Ok(value);
        led.share(Arc::new(outcome.clone()));
        outcome
    }

    /// Whose turn it is to load; this process' where no lease is asked for. With a value `in_hand`, nobody waits.
    pub(super) async fn turn<T: MaybeSend>(&self, fallback: Option<T>, in_hand: Option<Then>) -> Result<Turn<'a, T>>
    where
        P: CacheProvider<T>,
    {
        let leases = if self.options.force_fresh { None } else { self.provider.leases() };
        match (self.options.lease, leases) {
            // Boxed, so that calls without a lease are no larger for it.
            (Some(life), Some(leases)) => Box::pin(self.turn_by(leases, life, fallback, in_hand)).await,
            _ => Ok(Turn::Load { lease: None, fallback, stored: true }),
        }
    }

    async fn turn_by<T: MaybeSend>(
        &self,
        leases: &'a dyn Leases,
        life: Duration,
        mut fallback: Option<T>,
        in_hand: Option<Then>,
    ) -> Result<Turn<'a, T>>
    where
        P: CacheProvider<T>,
    {
        let mut lease = Lease { leases, key: self.key, holder: holder(), options: self.options, held: false };
        let mut limit = self.options.run_on().sleep(life.saturating_mul(LIVES));
        let mut wait = FIRST_WAIT;
        loop {
            // From before the answer is there: dropped meanwhile, it may have it.
            lease.held = true;
            match leases.acquire(self.key, &lease.holder, life).await {
                Ok(held) => lease.held = held,
                Err(error) => {
                    lease.held = false;
                    self.provider_failed(error)?;
                    return Ok(Turn::Load { lease: None, fallback, stored: true });
                }
            }
            if !lease.held && in_hand.is_some() {
                return Ok(Turn::Elsewhere(fallback));
            }
            // Also by who has it now: the one before may have stored its value and gone between the last look and this.
            let look = self.find().await?;
            match look.found {
                Found::Answer(value) | Found::Refresh { value, .. } => {
                    if in_hand.is_none_or(|before| look.then.left > before.left) {
                        self.release(lease.held.then_some(lease)).await;
                        return Ok(Turn::Found(value));
                    }
                    fallback = Some(value);
                }
                Found::Nothing(old) => fallback = old,
                Found::Failed => {
                    return Ok(Turn::Load { lease: lease.held.then_some(lease), fallback, stored: false });
                }
            }
            if lease.held {
                return Ok(Turn::Load { lease: Some(lease), fallback, stored: true });
            }
            let time = wait.mul_f64(0.5 + self.options.chance() / 2.0);
            if !slept(self.options.run_on().sleep(time), &mut limit).await {
                return Ok(Turn::Load { lease: None, fallback, stored: true });
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Gives a lease back. Whatever becomes of it, what was loaded stands.
    pub(super) async fn release(&self, lease: Option<Lease<'_>>) {
        let Some(mut lease) = lease else { return };
        let released = lease.leases.release(lease.key, &lease.holder).await;
        lease.held = false;
        if released.is_err() {
            self.count(Event::Bypass);
        }
    }
}

/// Sleeps; false if the limit came first, or if there is no timer.
async fn slept(time: Option<BoxFuture<'static, ()>>, limit: &mut Option<BoxFuture<'static, ()>>) -> bool {
    let (Some(mut time), Some(limit)) = (time, limit) else { return false };
    poll_fn(|context| {
        if Pin::new(&mut *limit).poll(context).is_ready() {
            return Poll::Ready(false);
        }
        Pin::new(&mut time).poll(context).map(|()| true)
    })
    .await
}

/// A name that no other holder has.
fn holder() -> String {
    format!("{:032x}", super::random::unique())
}
