//! Sessions with a sliding expiry.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::error::{CacheError, Result};
use crate::key;
use crate::provider::{AtomicProvider, CacheProvider, MaybeSend, TouchProvider};
use crate::ttl::whole_ms;

/// The random part of a token, in bytes.
const RANDOM_BYTES: usize = 32;

/// The end of a session without an absolute limit.
const NEVER: u64 = u64::MAX;

/// A bearer token of a session: 256 random bits from the operating system, in letters and digits that need no quoting
/// in a cookie. If sessions have an absolute end, it follows after a `-`; changing it invalidates the token.
///
/// A token is a secret: only [`as_str`](Self::as_str) shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(String);

impl SessionToken {
    fn new(end: Option<u64>) -> Result<Self> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random)
            .map_err(|error| CacheError::Unavailable(format!("no random numbers for a session token: {error}")))?;
        let mut token: String = random.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex).collect();
        if let Some(end) = end {
            token.push('-');
            token.push_str(&end.to_string());
        }
        Ok(Self(token))
    }

    /// Returns the text, for a cookie or a header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

fn hex(digit: u8) -> char {
    char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 })
}

/// The latest end of the session of a token, in milliseconds since 1970, or [`NEVER`]; `None` if the text is not a
/// token.
fn end_of(token: &str) -> Option<u64> {
    let (random, end) = match token.split_once('-') {
        Some((random, end)) => (random, end.parse().ok().filter(|number: &u64| number.to_string() == end)?),
        None => (token, NEVER),
    };
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (random.len() == 2 * RANDOM_BYTES && random.bytes().all(is_digit)).then_some(end)
}

/// Sessions under `session:{token}`, in any [`TouchProvider`]; each expires after `ttl` without use.
///
/// A destroyed session stays destroyed: a concurrent [`get`](Self::get) or [`update`](Self::update) does not bring it
/// back. Each use takes one round trip. Text that cannot be a token is not looked up. The provider does not encrypt
/// values or keys: anyone who can list the keys of the store can use the sessions.
///
/// Errors and [`Debug`] never show a token.
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
    longest: Option<u64>,
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
        let clock = Arc::new(crate::clock::UnixClock);
        Ok(Self { provider, ttl, longest: None, clock, values: PhantomData })
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

    /// The key of a token, and the ttl of its session from now; `None` if there cannot be a session.
    fn locate(&self, token: &str) -> Option<(String, Duration)> {
        let life = match end_of(token)? {
            NEVER => self.ttl,
            end => {
                let left = end.checked_sub(self.clock.now_ms()).filter(|left| *left > 0)?;
                self.ttl.min(Duration::from_millis(left))
            }
        };
        Some((key::patterns::session(token), life))
    }
}

impl<T: MaybeSend, P: TouchProvider<T> + AtomicProvider<T> + CacheProvider<T>> SessionStore<T, P> {
    /// Creates a session, and returns its token.
    ///
    /// # Errors
    /// Any error of the store; [`CacheError::Unavailable`] if the operating system returns no random numbers.
    pub async fn create(&self, value: T) -> Result<SessionToken> {
        let end = self.longest.map(|longest| self.clock.now_ms().saturating_add(longest));
        let token = SessionToken::new(end)?;
        let life = self.longest.map_or(self.ttl, |longest| self.ttl.min(Duration::from_millis(longest)));
        let stored = self.provider.set(&key::patterns::session(token.as_str()), value, Some(life)).await;
        stored.map_err(|error| without(&token.0, error))?;
        Ok(token)
    }

    /// Returns the value of a session and restarts its ttl; `None` if there is no session, or it has ended.
    ///
    /// # Errors
    /// Any error of the store.
    pub async fn get(&self, token: &str) -> Result<Option<T>> {
        let Some((key, life)) = self.locate(token) else { return Ok(None) };
        self.provider.get_and_touch(&key, Some(life)).await.map_err(|error| without(token, error))
    }

    /// Replaces the value of a session and restarts its ttl. Returns false if there is no session. Of two concurrent
    /// updates, the later one wins.
    ///
    /// # Errors
    /// Any error of the store.
    pub async fn update(&self, token: &str, value: T) -> Result<bool> {
        let Some((key, life)) = self.locate(token) else { return Ok(false) };
        self.provider.replace(&key, value, Some(life)).await.map_err(|error| without(token, error))
    }

    /// Ends a session. Returns whether there was one.
    ///
    /// # Errors
    /// Any error of the store; the session may then still exist.
    pub async fn destroy(&self, token: &str) -> Result<bool> {
        if end_of(token).is_none() {
            return Ok(false);
        }
        self.provider.delete(&key::patterns::session(token)).await.map_err(|error| without(token, error))
    }
}

impl<T, P> fmt::Debug for SessionStore<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ttl, longest, .. } = self;
        f.debug_struct("SessionStore").field("ttl", ttl).field("longest_ms", longest).finish_non_exhaustive()
    }
}

/// Removes the token from an error. Errors of a provider quote keys, sometimes truncated, and text from the server.
fn without(token: &str, error: CacheError) -> CacheError {
    // As much as errors quote of a key that contains a token.
    let beginning = token.get(..16).unwrap_or(token);
    let clean = |text: String| if text.contains(beginning) { "about a session (not shown)".to_owned() } else { text };
    let key = || "session:(not shown)".to_owned();
    match error {
        CacheError::Connection(text) => CacheError::Connection(clean(text)),
        CacheError::Timeout(text) => CacheError::Timeout(clean(text)),
        CacheError::Refused(text) => CacheError::Refused(clean(text)),
        CacheError::Full(text) => CacheError::Full(clean(text)),
        CacheError::Unavailable(text) => CacheError::Unavailable(clean(text)),
        CacheError::Protocol(text) => CacheError::Protocol(clean(text)),
        CacheError::Serialize { reason, .. } => CacheError::Serialize { key: key(), reason: clean(reason) },
        CacheError::Deserialize { reason, .. } => CacheError::Deserialize { key: key(), reason: clean(reason) },
        CacheError::InvalidArgument { argument, reason } => {
            CacheError::InvalidArgument { argument, reason: clean(reason) }
        }
    }
}
