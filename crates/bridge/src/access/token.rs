//! Tokens: how requests carry them, and how they map to profiles.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::profile::Profile;
use super::signed_token::{self, SigningKey};

/// The maximum length of a token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 4096;

/// A string that must not be shown.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The SHA-256 of a token. The bridge keeps only this.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a token.
    pub fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Parses a digest of 64 hexadecimal digits.
    ///
    /// ```
    /// use isocache_bridge::access::Digest;
    ///
    /// let digest = Digest::of(b"secret");
    /// assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
    /// assert_eq!(Digest::parse("2bb8"), None);
    /// ```
    pub fn parse(hex: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let pairs = hex.as_bytes().chunks(2);
        if hex.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            for &digit in pair {
                *byte = *byte << 4 | u8::try_from(char::from(digit).to_digit(16)?).ok()?;
            }
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// Why a request is not authenticated. The body of the response is the same for every cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unauthorized {
    /// Whether the token was valid and has expired. Only a holder of such a token learns this.
    pub expired: bool,
}

impl Unauthorized {
    /// The status of the response.
    pub const STATUS: u16 = 401;
    /// The text of the error.
    pub const TEXT: &'static str = "WRONGPASS invalid or missing auth token";

    pub(super) const UNKNOWN: Self = Self { expired: false };
    pub(super) const EXPIRED: Self = Self { expired: true };

    /// The header `WWW-Authenticate`, which tells a client whether a new token would help.
    pub fn challenge(self) -> &'static str {
        if self.expired {
            "Bearer error=\"invalid_token\", error_description=\"the token has expired\""
        } else {
            "Bearer"
        }
    }
}

impl fmt::Display for Unauthorized {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(Self::TEXT)
    }
}

impl std::error::Error for Unauthorized {}

/// The token of an `Authorization` header: `Bearer` and one word.
///
/// ```
/// use isocache_bridge::access::bearer;
///
/// assert_eq!(bearer(b"Bearer abc"), Some(&b"abc"[..]));
/// assert_eq!(bearer(b"Basic abc"), None);
/// ```
pub fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked(7)?;
    let token = token.trim_ascii();
    let valid = !token.is_empty() && token.len() <= MAX_TOKEN_BYTES && token.iter().all(u8::is_ascii_graphic);
    (scheme.eq_ignore_ascii_case(b"Bearer ") && valid).then_some(token)
}

/// Where a request may carry its token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Whether `?_token=` is accepted if there is no header. URLs end up in logs and histories.
    pub query: bool,
}

impl Credentials {
    /// Finds the token of a request in its `Authorization` header or its `_token`. A `_token` does not make up for an invalid
    /// header, and neither may be repeated.
    ///
    /// # Errors
    /// If there is not exactly one token.
    pub fn find<'a>(
        self,
        headers: impl IntoIterator<Item = &'a [u8]>,
        query: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<&'a [u8], Unauthorized> {
        let mut headers = headers.into_iter();
        let mut query = query.into_iter().filter(|_| self.query);
        let token = match headers.next() {
            Some(header) => bearer(header).filter(|_| headers.next().is_none()),
            None => query.next().filter(|token| query.next().is_none() && (1..=MAX_TOKEN_BYTES).contains(&token.len())),
        };
        token.ok_or(Unauthorized::UNKNOWN)
    }
}

/// All configured tokens, and the signing keys.
#[derive(Debug, Default)]
pub struct Tokens {
    profiles: Vec<(Digest, Arc<Profile>)>,
    keys: Vec<SigningKey>,
}

impl Tokens {
    /// Adds a token.
    ///
    /// # Errors
    /// If the token already exists.
    pub fn add(&mut self, digest: Digest, profile: Profile) -> Result<(), String> {
        if let Some((_, other)) = self.profiles.iter().find(|(known, _)| *known == digest) {
            return Err(format!("the tokens {:?} and {:?} are the same", other.name, profile.name));
        }
        self.profiles.push((digest, Arc::new(profile)));
        Ok(())
    }

    /// Adds a signing key.
    ///
    /// # Errors
    /// If a key of this name already exists.
    pub fn add_key(&mut self, key: SigningKey) -> Result<(), String> {
        if self.keys.iter().any(|known| known.id() == key.id()) {
            return Err(format!("there are two signing keys {:?}", key.id()));
        }
        self.keys.push(key);
        Ok(())
    }

    /// Whether there is neither a token nor a signing key, so that callers cannot be authenticated.
    pub fn is_empty(&self) -> bool {
        self.profiles.is_empty() && self.keys.is_empty()
    }

    /// The profiles of all tokens that are not signed.
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.iter().map(|(_, profile)| &**profile)
    }

    /// The signing keys.
    pub fn keys(&self) -> &[SigningKey] {
        &self.keys
    }

    /// Returns the profile of a token. `now` is in seconds since 1970. The time taken does not depend on which token matches, or
    /// whether one does.
    ///
    /// # Errors
    /// If the token is unknown or has expired.
    pub fn authenticate(&self, token: &[u8], now: u64) -> Result<Arc<Profile>, Unauthorized> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Unauthorized::UNKNOWN);
        }
        if signed_token::looks_signed(token) && !self.keys.is_empty() {
            return signed_token::verify(&self.keys, token, now).map(Arc::new);
        }
        let digest = Digest::of(token);
        let mut found = u64::MAX;
        for (index, (known, _)) in (0..).zip(&self.profiles) {
            found = u64::conditional_select(&found, &index, known.0.ct_eq(&digest.0));
        }
        let profile = usize::try_from(found).ok().and_then(|index| self.profiles.get(index));
        match profile {
            Some((_, profile)) if profile.has_expired(now) => Err(Unauthorized::EXPIRED),
            Some((_, profile)) => Ok(Arc::clone(profile)),
            None => Err(Unauthorized::UNKNOWN),
        }
    }
}
