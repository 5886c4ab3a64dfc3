//! Stores a loaded value: in the background if the provider and the runtime support it, and never after it was
//! overtaken.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::call::{Call, ToStore, provider_failed};
use super::flight::Ended;
use super::options::LoadOptions;
use super::scope::Scoped;
use super::single_flight::{Leader, StorePermit};
use super::support::{NewEntry, Storing};
use super::wait::Limit;
use crate::error::{CacheError, Result};
use crate::provider::{BoxFuture, CacheProvider, MaybeSend};

impl<P: ?Sized> Call<'_, P> {
    /// Stores the value of a flight. Its followers wait until storing ends: the store may refuse the value.
    pub(super) async fn store<T: MaybeSend>(
        &self,
        leader: Leader,
        ToStore { value, ttl, window }: ToStore<T>,
        limit: &mut Limit<'_>,
    ) -> Result<()>
    where
        P: CacheProvider<T>,
    {
        let permit = leader.permit();
        let Some(loading) = self.provider.loading().filter(|_| permit.is_valid()) else { return Ok(()) };
        let entry = NewEntry { value, ttl, window, permit: permit.clone() };
        let stored = match loading.store(self.key, entry) {
            Storing::Done(stored) => {
                leader.has_stored();
                stored
            }
            Storing::Later(storing) => return self.store_later(leader, storing, limit).await,
            Storing::NotSupported(value) => {
                if !leader.begin_to_store(false) {
                    return Ok(());
                }
                let storing = self.provider.set(self.key, value, ttl);
                let storing = Scoped { flight: leader.scope(), future: Box::pin(storing) };
                while_valid(permit, storing).await
            }
        };
        outcome_of_storing(&leader, self.options, stored)
    }

    /// Stores a value in the background, if possible. The caller waits for the end, within its time limit; storing
    /// continues if the caller is dropped.
    async fn store_later(
        &self,
        leader: Leader,
        storing: BoxFuture<'static, Result<()>>,
        limit: &mut Limit<'_>,
    ) -> Result<()> {
        let in_background = self.options.can_spawn();
        if !leader.begin_to_store(in_background) {
            return Ok(());
        }
        if !in_background {
            let stored = while_valid(leader.permit(), storing).await;
            return outcome_of_storing(&leader, self.options, stored);
        }
        let flight = Arc::clone(leader.flight());
        let options = self.options.clone();
        let task = async move {
            let stored = while_valid(leader.permit(), storing).await;
            // The callers get the error from the flight.
            let _ = outcome_of_storing(&leader, &options, stored);
        };
        if let Err(task) = self.options.run_on().spawn(Box::pin(task)) {
            task.await;
        }
        match limit.within(flight.ended(0)).await {
            Some(Ended { store_error: Some(error), .. }) => Err(error),
            // At its time limit, the caller returns its value without waiting for the store.
            Some(_) | None => Ok(()),
        }
    }
}

/// Bypasses an error of storing, or makes it the outcome for all callers, as the options of the leader say.
fn outcome_of_storing(leader: &Leader, options: &LoadOptions, stored: Result<()>) -> Result<()> {
    stored.or_else(|error| provider_failed(options, error)).inspect_err(|error| leader.fail_to_store(error.clone()))
}

/// Polls a future that stores a value only while that is permitted.
async fn while_valid(permit: StorePermit, storing: impl Future<Output = Result<(), CacheError>>) -> Result<()> {
    let mut storing = pin!(storing);
    poll_fn(|context| if permit.is_valid() { storing.as_mut().poll(context) } else { Poll::Ready(Ok(())) }).await
}
