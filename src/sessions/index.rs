//! The index of the sessions of a user.
//!
//! Each user has a ring of places for tokens, `session-user:{user}:{place}`, and a counter, `session-user:{user}`, which
//! gives each new session the next place. So the index of a user does not grow beyond the ring, two sessions that begin
//! at the same time do not meet, and the session whose place is taken is the oldest. `session-owner:{token}` holds the
//! key of the place of a token. All of it expires with the absolute limit of the newest session.

use std::time::Duration;

use crate::error::{CacheError, Result};
use crate::key::KeyPart;
use crate::provider::{AtomicProvider, BoxFuture, CacheProvider, CounterProvider, read_many};

crate::key_pattern! {
    /// The counter of the sessions that a user has begun.
    fn session_user(user) = "session-user:{user}";
    /// A place in the ring of a user.
    fn session_place(user, place) = "session-user:{user}:{place}";
    /// The key of the place of a token.
    fn session_owner(token) = "session-owner:{token}";
}

/// The maximum number of times that the index of a user is read while sessions keep beginning.
const MAX_ROUNDS: usize = 100;

/// The store of an index.
pub(super) trait Places: Send + Sync {
    /// Counts up and returns the count.
    fn next(&self, counter: String, ttl: Duration) -> BoxFuture<'_, Result<i64>>;
    fn read(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Vec<Option<String>>>>;
    fn write(&self, entries: Vec<(String, String)>, ttl: Duration) -> BoxFuture<'_, Result<()>>;
    /// Removes an entry and returns its value.
    fn take(&self, key: String) -> BoxFuture<'_, Result<Option<String>>>;
    fn remove(&self, key: String) -> BoxFuture<'_, Result<bool>>;
}

/// An index over a provider of texts and one of counters.
pub(super) struct Providers<S, C> {
    pub(super) tokens: S,
    pub(super) counters: C,
}

impl<S, C> Places for Providers<S, C>
where
    S: CacheProvider<String> + AtomicProvider<String>,
    C: CounterProvider,
{
    fn next(&self, counter: String, ttl: Duration) -> BoxFuture<'_, Result<i64>> {
        Box::pin(async move {
            // Unlike `increment`, it keeps the counter while there may be sessions.
            let counted = self.counters.increment_within(&counter, 1, 0..=(1 << 53) - 1, Some(ttl)).await?;
            Ok(counted.count)
        })
    }

    fn read(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Vec<Option<String>>>> {
        Box::pin(async move { read_many(&self.tokens, &keys.iter().map(String::as_str).collect::<Vec<_>>()).await })
    }

    fn write(&self, entries: Vec<(String, String)>, ttl: Duration) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let entries = entries.iter().map(|(key, value)| (key.as_str(), value.clone(), Some(ttl))).collect();
            self.tokens.set_many(entries).await
        })
    }

    fn take(&self, key: String) -> BoxFuture<'_, Result<Option<String>>> {
        Box::pin(async move { crate::provider::read_and_delete(&self.tokens, &key).await })
    }

    fn remove(&self, key: String) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move { self.tokens.delete(&key).await })
    }
}

/// The index of the sessions of all users.
pub(super) struct Index {
    pub(super) places: Box<dyn Places>,
    /// The number of places of a user.
    pub(super) per_user: u32,
}

impl Index {
    fn ring(&self, user: &impl KeyPart) -> Vec<String> {
        (0..self.per_user).map(|place| session_place(user, place)).collect()
    }

    /// Adds the token of a new session. Returns the token that had its place before.
    pub(super) async fn add(&self, user: &impl KeyPart, token: &str, ttl: Duration) -> Result<Option<String>> {
        let number = self.places.next(session_user(user), ttl).await?;
        let place = session_place(user, number.rem_euclid(i64::from(self.per_user)));
        let old = self.places.read(vec![place.clone()]).await?.pop().flatten();
        let entries = vec![(place.clone(), token.to_owned()), (session_owner(token), place)];
        self.places.write(entries, ttl).await?;
        Ok(old)
    }

    /// The tokens of a user's sessions, both live and ended.
    pub(super) async fn tokens(&self, user: &impl KeyPart) -> Result<Vec<String>> {
        Ok(self.places.read(self.ring(user)).await?.into_iter().flatten().collect())
    }

    /// Removes the tokens of a user, and passes them on in groups until none are left, including those of sessions that
    /// begin in the meantime.
    pub(super) async fn drain<F>(&self, user: &impl KeyPart, mut end: impl FnMut(Vec<String>) -> F) -> Result<u64>
    where
        F: Future<Output = Result<u64>>,
    {
        let ring = self.ring(user);
        let mut ended = 0;
        for _ in 0..MAX_ROUNDS {
            let found = self.places.read(ring.clone()).await?;
            let mut tokens = Vec::new();
            for (place, _) in ring.iter().zip(found).filter(|(_, token)| token.is_some()) {
                tokens.extend(self.places.take(place.clone()).await?);
            }
            if tokens.is_empty() {
                return Ok(ended);
            }
            for token in &tokens {
                self.forget(token).await?;
            }
            ended += end(tokens).await?;
        }
        Err(CacheError::Unavailable(
            "new sessions of this user kept beginning while all were being ended; try again".into(),
        ))
    }

    /// Forgets which place a token has.
    pub(super) async fn forget(&self, token: &str) -> Result<()> {
        self.places.remove(session_owner(token)).await.map(drop)
    }

    /// Gives the place of a token to another one. Returns the key of the place; `None` if the token has none, because
    /// its session has ended or is being rotated. Of several concurrent callers, only one gets it.
    pub(super) async fn replace(&self, old: &str, new: &str, ttl: Duration) -> Result<Option<String>> {
        let Some(place) = self.places.take(session_owner(old)).await? else { return Ok(None) };
        let entries = vec![(place.clone(), new.to_owned()), (session_owner(new), place.clone())];
        self.places.write(entries, ttl).await?;
        Ok(Some(place))
    }

    /// Whether a place holds a token.
    pub(super) async fn holds(&self, place: String, token: &str) -> Result<bool> {
        Ok(self.places.read(vec![place]).await?.pop().flatten().as_deref() == Some(token))
    }
}
