//! Signed tokens: short-lived tokens for a few keys, signed by the application's own server and verified without a lookup.
//!
//! `iso1.<claims>.<signature>`: the claims are JSON, the signature is HMAC-SHA-256 over everything before its dot, both in
//! base64url without padding. The algorithm is fixed; a token cannot choose it. A token never exceeds the ceiling of its
//! key, and never has the role admin.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::limits::SomeLimits;
use super::profile::{Allow, Profile, Role};
use super::scope::Scope;
use super::token::{Secret, Unauthorized};

const PREFIX: &str = "iso1.";

/// The maximum length of a signed token, in bytes.
pub const MAX_BYTES: usize = 2048;

/// The minimum length of the secret of a signing key, in bytes.
pub const MIN_SECRET_BYTES: usize = 32;

/// The default maximum TTL of a signed token.
pub const DEFAULT_MAX_TTL: Duration = Duration::from_secs(3600);

/// The claims of a signed token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The name of the signing key.
    #[serde(rename = "kid")]
    pub key: String,
    /// Its role: read-only or read-write.
    pub role: Role,
    /// The prefixes of the keys that it may use.
    pub prefixes: Scope,
    /// The prefixes of the channels that it may use; none by default.
    #[serde(default = "Scope::nothing", skip_serializing_if = "is_nothing")]
    pub channels: Scope,
    /// When it expires, in seconds since 1970.
    pub exp: u64,
    /// When it becomes valid, in seconds since 1970; at once by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// The subject. All tokens of one subject share a rate limit; a token without a subject has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The only origin from which a browser may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Limits below those of the ceiling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<SomeLimits>,
}

fn is_nothing(scope: &Scope) -> bool {
    *scope == Scope::nothing()
}

/// A named key that signs tokens, and the profile that they cannot exceed.
pub struct SigningKey {
    id: String,
    mac: Hmac<Sha256>,
    ceiling: Profile,
    max_ttl: u64,
}

impl SigningKey {
    /// Creates a key. `max_ttl` is in seconds; tokens do not inherit the allow list of the ceiling.
    ///
    /// # Errors
    /// If the secret is shorter than [`MIN_SECRET_BYTES`], the role of the ceiling is admin or custom, or `max_ttl` is 0.
    pub fn new(id: impl Into<String>, secret: &Secret, ceiling: Profile, max_ttl: u64) -> Result<Self, String> {
        let (id, secret) = (id.into(), secret.expose().as_bytes());
        if id.is_empty() || id.len() > 64 {
            return Err("the name of a signing key must have 1 to 64 bytes".into());
        }
        if secret.len() < MIN_SECRET_BYTES {
            return Err(format!("the secret of signing key {id:?} is shorter than {MIN_SECRET_BYTES} bytes"));
        }
        if !matches!(ceiling.role, Role::ReadOnly | Role::ReadWrite) {
            return Err(format!("signing key {id:?}: the role can only be read-only or read-write"));
        }
        if max_ttl == 0 {
            return Err(format!("signing key {id:?}: max-ttl must be at least 1s"));
        }
        let mac = Hmac::new_from_slice(secret)
            .map_err(|_| "the secret of the signing key has an unusable length".to_owned())?;
        Ok(Self { id, mac, ceiling, max_ttl })
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The profile that its tokens cannot exceed.
    pub fn ceiling(&self) -> &Profile {
        &self.ceiling
    }

    /// Signs a token. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// The reason, if the bridge would reject the token.
    pub fn sign(&self, claims: &Claims, now: u64) -> Result<String, String> {
        self.check(claims, now.max(claims.nbf.unwrap_or(0)))?;
        if claims.exp <= now {
            return Err("the token would be expired already".into());
        }
        let claims = serde_json::to_vec(claims).map_err(|error| error.to_string())?;
        let mut token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = self.mac.clone().chain_update(&token).finalize().into_bytes();
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        if token.len() > MAX_BYTES {
            return Err(format!(
                "the token has {} bytes, and the limit is {MAX_BYTES}: use fewer prefixes",
                token.len()
            ));
        }
        Ok(token)
    }

    /// Checks the claims against the ceiling and the maximum TTL.
    fn check(&self, claims: &Claims, now: u64) -> Result<(), String> {
        let ceiling = &self.ceiling;
        let role = matches!((claims.role, ceiling.role), (Role::ReadOnly, _) | (Role::ReadWrite, Role::ReadWrite));
        let write = claims.role == Role::ReadOnly || claims.prefixes.within(&ceiling.write);
        let origin = ceiling.origins.is_none() || ceiling.permits_origin(claims.origin.as_deref());
        let wrong = if claims.key != self.id {
            "key is not this one"
        } else if !role {
            "role is beyond what the key allows"
        } else if !write || !claims.prefixes.within(&ceiling.read) {
            "prefixes are beyond what the key allows"
        } else if !claims.channels.within(&ceiling.channels) {
            "channels are beyond what the key allows"
        } else if !origin {
            "origin is not one of the key's"
        } else if claims.exp > now.saturating_add(self.max_ttl) {
            return Err(format!("the token's ttl is longer than the {} s that the key allows", self.max_ttl));
        } else if claims.limits.as_ref().is_some_and(|limits| limits.zero().is_some()) {
            "limits contain a 0"
        } else {
            return Ok(());
        };
        Err(format!("the token's {wrong}"))
    }

    fn profile(&self, claims: Claims, signature: &[u8]) -> Profile {
        let ceiling = &self.ceiling;
        let subject = claims.sub.unwrap_or_else(|| URL_SAFE_NO_PAD.encode(signature.get(..9).unwrap_or_default()));
        let reads_only = claims.role == Role::ReadOnly;
        Profile {
            // The length comes first, so that no two pairs of key and subject have the same name.
            name: format!("signed:{}:{}:{subject}", self.id.len(), self.id),
            role: claims.role,
            allow: Allow::default(),
            write: if reads_only { Scope::nothing() } else { claims.prefixes.clone() },
            read: claims.prefixes,
            channels: claims.channels,
            limits: claims.limits.map_or_else(|| ceiling.limits.clone(), |limits| limits.under(&ceiling.limits)),
            origins: claims.origin.map(|origin| vec![origin]).or_else(|| ceiling.origins.clone()),
            expires_at: Some(claims.exp.min(ceiling.expires_at.unwrap_or(u64::MAX))),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Whether a token has the form of a signed token.
pub(super) fn looks_signed(token: &[u8]) -> bool {
    token.starts_with(PREFIX.as_bytes())
}

/// Verifies a signed token and returns its profile. The claims are read only after the signature is verified, and every key
/// is tried, so that the time taken reveals nothing about either.
pub(super) fn verify(keys: &[SigningKey], token: &[u8], now: u64) -> Result<Profile, Unauthorized> {
    let parts = split(token).ok_or(Unauthorized::UNKNOWN)?;
    let mut signed = None;
    for key in keys {
        if key.mac.clone().chain_update(parts.signed).verify_slice(&parts.signature).is_ok() {
            signed = Some(key);
        }
    }
    let key = signed.ok_or(Unauthorized::UNKNOWN)?;
    let claims: Claims = serde_json::from_slice(&parts.claims).map_err(|_| Unauthorized::UNKNOWN)?;
    key.check(&claims, now).map_err(|_| Unauthorized::UNKNOWN)?;
    if claims.nbf.is_some_and(|begin| begin > now) {
        return Err(Unauthorized::UNKNOWN);
    }
    let profile = key.profile(claims, &parts.signature);
    if profile.has_expired(now) { Err(Unauthorized::EXPIRED) } else { Ok(profile) }
}

struct Parts<'a> {
    signed: &'a [u8],
    claims: Vec<u8>,
    signature: Vec<u8>,
}

fn split(token: &[u8]) -> Option<Parts<'_>> {
    let token = std::str::from_utf8(token).ok().filter(|token| token.len() <= MAX_BYTES)?;
    let (signed, signature) = token.rsplit_once('.')?;
    let claims = signed.strip_prefix(PREFIX)?;
    Some(Parts {
        signed: signed.as_bytes(),
        claims: URL_SAFE_NO_PAD.decode(claims).ok()?,
        signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
    })
}
