//! Sessions with a sliding expiry.

mod index;
mod token;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use self::index::{Index, Providers};
pub use self::token::SessionToken;
use self::token::{Claims, claims, without};
use crate::clock::{Clock, UnixClock};
use crate::error::{CacheError, Result};
use crate::key::{self, KeyPart};
use crate::provider::{
    AtomicProvider, CacheProvider, CounterProvider, MaybeSend, TouchProvider, read_and_delete, read_and_touch,
    read_many,
};
use crate::ttl::whole_ms;

/// The default maximum number of sessions of a user.
const PER_USER: u32 = 100;

/// A session of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSession<T> {
    /// The token of the session.
    pub token: SessionToken,
    /// The value of the session.
    pub value: T,
}

/// Sessions under `session:{token}`, in any [`TouchProvider`]; each expires after `ttl` without use.
///
/// A destroyed session stays destroyed: a concurrent [`get`](Self::get) or [`update`](Self::update) does not bring it
/// back. Each use takes one round trip. Text that cannot be a token is not looked up. The provider does not encrypt
/// values or keys: anyone who can list the keys of the store can use the sessions.
///
/// With [`users`](Self::users), sessions can belong to a user: [`all`](Self::all) returns them, and
/// [`destroy_all`](Self::destroy_all) ends them.
///
/// Errors and [`Debug`] never show a token. Statistics of the provider count no lookups of sessions.
///
/// ```
/// use isocache::{MemoryCacheProvider, SessionStore};
/// use std::time::Duration;
///
/// # pollster::block_on(async {
/// let sessions = SessionStore::new(MemoryCacheProvider::default(), Duration::from_secs(20 * 60))?;
/// let token = sessions.create("Ada".to_string()).await?;
/// assert_eq!(sessions.get(token.as_str()).await?.as_deref(), Some("Ada"));
/// assert!(sessions.destroy(token.as_str()).await?);
/// assert_eq!(sessions.get(token.as_str()).await?, None);
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
pub struct SessionStore<T, P> {
    provider: P,
    ttl: Duration,
    /// In milliseconds.
    longest: Option<u64>,
    index: Option<Index>,
    clock: Arc<dyn Clock>,
    // It contains no `T`, so it is `Send` and `Sync` whatever `T` is.
    values: PhantomData<fn() -> T>,
}

impl<T, P> SessionStore<T, P> {
    /// Creates a store of sessions that end after `ttl` without use.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a ttl outside the limits.
    pub fn new(provider: P, ttl: Duration) -> Result<Self> {
        let ttl = Duration::from_millis(whole_ms(ttl)?);
        Ok(Self { provider, ttl, longest: None, index: None, clock: Arc::new(UnixClock), values: PhantomData })
    }

    /// Sets an absolute limit: new sessions end after this time, however much they are used. Existing sessions keep
    /// their end.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a duration outside the limits of a ttl.
    pub fn absolute_limit(mut self, limit: Duration) -> Result<Self> {
        self.longest = Some(whole_ms(limit)?);
        Ok(self)
    }

    /// Sets the clock for the absolute limit. The default is the system clock. All stores that share sessions must
    /// agree on the time.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Keeps an index of the sessions of each user, in a provider of texts and one of counters, which may be views of the
    /// provider of the sessions. It needs an [absolute limit](Self::absolute_limit), after which it forgets them.
    ///
    /// ```
    /// use isocache::{MemoryCacheProvider, SessionStore};
    /// use std::time::Duration;
    ///
    /// # pollster::block_on(async {
    /// let hours = |hours: u64| Duration::from_secs(hours * 3600);
    /// let sessions = SessionStore::new(MemoryCacheProvider::default(), hours(1))?
    ///     .absolute_limit(hours(12))?
    ///     .users(MemoryCacheProvider::default(), MemoryCacheProvider::<i64>::default());
    /// let laptop = sessions.create_for("ada", "laptop").await?;
    /// let phone = sessions.create_for("ada", "phone").await?;
    /// let phone = sessions.rotate(phone.as_str()).await?.expect("a session");
    /// let all = sessions.all("ada").await?;
    /// assert_eq!(all.iter().map(|session| session.value).collect::<Vec<_>>(), ["laptop", "phone"]);
    /// assert_eq!(sessions.destroy_all("ada").await?, 2);
    /// assert_eq!(sessions.get(phone.as_str()).await?, None);
    /// # Ok::<(), isocache::CacheError>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn users<S, C>(mut self, tokens: S, counters: C) -> Self
    where
        S: CacheProvider<String> + AtomicProvider<String> + 'static,
        C: CounterProvider + 'static,
    {
        let per_user = self.index.as_ref().map_or(PER_USER, |index| index.per_user);
        self.index = Some(Index { places: Box::new(Providers { tokens, counters }), per_user });
        self
    }

    /// Sets the maximum number of sessions of a user: a further one ends the oldest. The default is 100. All stores
    /// that share sessions must agree.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for a number that is not from 1 to 1000, and before [`users`](Self::users).
    pub fn max_per_user(mut self, sessions: u32) -> Result<Self> {
        if !(1..=1000).contains(&sessions) {
            return Err(CacheError::invalid("sessions", format!("{sessions} is not from 1 to 1000")));
        }
        let Some(index) = &mut self.index else { return Err(no_index()) };
        index.per_user = sessions;
        Ok(self)
    }

    fn index(&self) -> Result<&Index> {
        self.index.as_ref().ok_or_else(no_index)
    }

    /// The key of a token, and the ttl of its session from now; `None` if there cannot be a session.
    fn locate(&self, token: &str) -> Option<(String, Duration)> {
        let ttl = match claims(token)?.end {
            None => self.ttl,
            Some(end) => {
                let left = end.checked_sub(self.clock.now_ms()).filter(|left| *left > 0)?;
                self.ttl.min(Duration::from_millis(left))
            }
        };
        Some((key::patterns::session(token), ttl))
    }
}

fn no_index() -> CacheError {
    CacheError::invalid("user", "this store has no index of users: call SessionStore::users first")
}

impl<T: MaybeSend, P: TouchProvider<T> + AtomicProvider<T> + CacheProvider<T>> SessionStore<T, P> {
    /// Begins a session, and returns its token.
    ///
    /// # Errors
    /// Any error of the store; [`CacheError::Unavailable`] if the operating system returns no random numbers.
    pub async fn create(&self, value: T) -> Result<SessionToken> {
        self.begin(value, false).await
    }

    /// Begins a session that belongs to a user, and returns its token. If the user has begun too many, the oldest ends.
    ///
    /// # Errors
    /// As for [`create`](Self::create); [`CacheError::InvalidArgument`] without [`users`](Self::users) or an
    /// [absolute limit](Self::absolute_limit).
    pub async fn create_for(&self, user: impl KeyPart, value: T) -> Result<SessionToken> {
        let index = self.index()?;
        let Some(longest) = self.longest else {
            let reason = "sessions of users need an absolute limit, so that the index can forget them: call \
                          SessionStore::absolute_limit";
            return Err(CacheError::invalid("user", reason));
        };
        // The session is stored before its place in the index, so that anyone who finds the place can end the session.
        let token = self.begin(value, true).await?;
        match index.add(&user, token.as_str(), Duration::from_millis(longest)).await {
            Ok(Some(oldest)) => {
                self.destroy(&oldest).await?;
            }
            Ok(None) => {}
            Err(error) => {
                // Nobody has its token. If it cannot be removed, it expires.
                let _ = self.provider.delete(&key::patterns::session(token.as_str())).await;
                return Err(without(token.as_str(), error));
            }
        }
        Ok(token)
    }

    async fn begin(&self, value: T, of_user: bool) -> Result<SessionToken> {
        let end = self.longest.map(|longest| self.clock.now_ms().saturating_add(longest));
        let token = SessionToken::new(Claims { end, of_user })?;
        let ttl = self.longest.map_or(self.ttl, |longest| self.ttl.min(Duration::from_millis(longest)));
        let stored = self.provider.set(&key::patterns::session(token.as_str()), value, Some(ttl)).await;
        stored.map_err(|error| without(token.as_str(), error))?;
        Ok(token)
    }

    /// Returns the value of a session and restarts its ttl; `None` if there is no session, or it has ended.
    ///
    /// # Errors
    /// Any error of the store.
    pub async fn get(&self, token: &str) -> Result<Option<T>> {
        let Some((key, ttl)) = self.locate(token) else { return Ok(None) };
        read_and_touch(&self.provider, &key, ttl).await.map_err(|error| without(token, error))
    }

    /// Replaces the value of a session and restarts its ttl. Returns false if there is no session. Of two concurrent
    /// updates, the later one wins.
    ///
    /// # Errors
    /// Any error of the store.
    pub async fn update(&self, token: &str, value: T) -> Result<bool> {
        let Some((key, ttl)) = self.locate(token) else { return Ok(false) };
        self.provider.replace(&key, value, Some(ttl)).await.map_err(|error| without(token, error))
    }

    /// Gives a session a new token, and ends the old one at once. Returns `None` if there is no session, and if another
    /// caller has rotated it. The session keeps its value, its user and its absolute end; its ttl restarts.
    ///
    /// Call it when the rights of a session change, such as after signing in, so that a token that was planted or seen
    /// before is worth nothing.
    ///
    /// # Errors
    /// Any error of the store. The session may then have ended, because its old token is removed before the new one is
    /// stored: at no time are there two.
    pub async fn rotate(&self, token: &str) -> Result<Option<SessionToken>> {
        let (Some(claims), Some((key, ttl))) = (claims(token), self.locate(token)) else { return Ok(None) };
        let new = SessionToken::new(claims)?;
        self.rotate_to(token, &key, &new, ttl, claims)
            .await
            .map(|rotated| rotated.then(|| new.clone()))
            .map_err(|error| without(new.as_str(), without(token, error)))
    }

    async fn rotate_to(
        &self,
        token: &str,
        key: &str,
        new: &SessionToken,
        ttl: Duration,
        claims: Claims,
    ) -> Result<bool> {
        let new_key = key::patterns::session(new.as_str());
        // Updates the place in the index first: a concurrent `destroy_all` then finds the new token, or it removes the
        // place.
        let place = if claims.of_user {
            let left = claims.end.unwrap_or_default().saturating_sub(self.clock.now_ms()).max(1);
            match self.index()?.replace(token, new.as_str(), Duration::from_millis(left)).await? {
                Some(place) => Some(place),
                None => return Ok(false),
            }
        } else {
            None
        };
        let Some(value) = read_and_delete(&self.provider, key).await? else { return Ok(false) };
        self.provider.set(&new_key, value, Some(ttl)).await?;
        let Some(place) = place else { return Ok(true) };
        if self.index()?.holds(place, new.as_str()).await? {
            return Ok(true);
        }
        // All sessions of the user have ended, or a newer one has taken its place.
        self.provider.delete(&new_key).await?;
        Ok(false)
    }

    /// Ends a session. Returns whether there was one.
    ///
    /// # Errors
    /// Any error of the store; the session may then still exist.
    pub async fn destroy(&self, token: &str) -> Result<bool> {
        let Some(claims) = claims(token) else { return Ok(false) };
        let ended = async {
            let ended = self.provider.delete(&key::patterns::session(token)).await?;
            if let Some(index) = self.index.as_ref().filter(|_| claims.of_user) {
                index.forget(token).await?;
            }
            Ok(ended)
        };
        ended.await.map_err(|error| without(token, error))
    }

    /// Returns the sessions of a user, the oldest first. This does not count as a use of them.
    ///
    /// # Errors
    /// Any error of the store; [`CacheError::InvalidArgument`] without [`users`](Self::users).
    pub async fn all(&self, user: impl KeyPart) -> Result<Vec<UserSession<T>>> {
        let mut tokens = self.index()?.tokens(&user).await?;
        tokens.retain(|token| self.locate(token).is_some());
        tokens.sort_by_key(|token| claims(token).and_then(|claims| claims.end));
        let keys: Vec<String> = tokens.iter().map(key::patterns::session).collect();
        let values = read_many(&self.provider, &keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let values = values.map_err(|error| tokens.iter().fold(error, |error, token| without(token, error)))?;
        let sessions = tokens.into_iter().zip(values);
        Ok(sessions
            .filter_map(|(token, value)| Some(UserSession { token: SessionToken(token), value: value? }))
            .collect())
    }

    /// Ends all sessions of a user, and returns their number. Sessions that begin or are rotated at the same time
    /// either end too, or count as later ones.
    ///
    /// # Errors
    /// Any error of the store (some sessions may then still exist); [`CacheError::InvalidArgument`] without
    /// [`users`](Self::users).
    pub async fn destroy_all(&self, user: impl KeyPart) -> Result<u64> {
        let index = self.index()?;
        let end = |tokens: Vec<String>| async move {
            let keys: Vec<String> = tokens.iter().map(key::patterns::session).collect();
            let ended = self.provider.delete_many(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
            ended.map_err(|error| tokens.iter().fold(error, |error, token| without(token, error)))
        };
        index.drain(&user, end).await
    }
}

impl<T, P> fmt::Debug for SessionStore<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ttl, longest, .. } = self;
        f.debug_struct("SessionStore").field("ttl", ttl).field("longest_ms", longest).finish_non_exhaustive()
    }
}
