//! Tokens of sessions.

use std::fmt;

use crate::error::{CacheError, Result};

/// The random part of a token, in bytes.
const RANDOM_BYTES: usize = 32;

/// Follows the end in the token of a session that belongs to a user.
const OF_USER: &str = "-u";

/// A bearer token of a session: 256 random bits from the operating system, in letters and digits that need no quoting in
/// a cookie. If the session has an absolute end, it follows after a `-`, and if it belongs to a user, `-u` follows that.
/// Changing any part of a token invalidates it.
///
/// A token is a secret: only [`as_str`](Self::as_str) shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(pub(super) String);

impl SessionToken {
    pub(super) fn new(Claims { end, of_user }: Claims) -> Result<Self> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random)
            .map_err(|error| CacheError::Unavailable(format!("no random numbers for a session token: {error}")))?;
        let mut token: String = random.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex).collect();
        if let Some(end) = end {
            token.push('-');
            token.push_str(&end.to_string());
            if of_user {
                token.push_str(OF_USER);
            }
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

/// What a token says about its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claims {
    /// The latest end of the session, in milliseconds since 1970.
    pub(super) end: Option<u64>,
    /// Whether it belongs to a user. Such a session has an end.
    pub(super) of_user: bool,
}

/// Reads a token; `None` if the text is not a token.
pub(super) fn claims(token: &str) -> Option<Claims> {
    let (random, claims) = match token.split_once('-') {
        None => (token, Claims { end: None, of_user: false }),
        Some((random, rest)) => {
            let (end, of_user) = rest.strip_suffix(OF_USER).map_or((rest, false), |end| (end, true));
            let end = end.parse().ok().filter(|number: &u64| number.to_string() == end)?;
            (random, Claims { end: Some(end), of_user })
        }
    };
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (random.len() == 2 * RANDOM_BYTES && random.bytes().all(is_digit)).then_some(claims)
}

/// Removes the token from an error. Errors of a provider quote keys, sometimes truncated, and text from the server.
pub(super) fn without(token: &str, error: CacheError) -> CacheError {
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
