//! The sections of the configuration file about access.
//!
//! ```toml
//! [[token]]
//! name = "shop"                     # for logs
//! sha256 = "…64 hex digits…"        # of the token; or token-env = "NAME", a variable with the token
//! role = "read-write"               # read-only, read-write, admin, custom
//! prefixes = ["shop:"]              # "*" for every key; or read-prefixes and write-prefixes
//! channels = ["shop:"]              # none by default
//! allow = ["@script"]               # classes and commands besides those of the role
//! origins = ["https://shop.example"]
//! expires-at = 1800000000           # seconds since 1970
//! limits = { commands-per-second = 100 }
//!
//! [[signing.keys]]                  # `isocache token sign` uses one of these
//! id = "2027-a"
//! secret-env = "ISOCACHE_KEY"       # or secret; at least 32 bytes
//! role = "read-only"                # the most that its tokens may do
//! prefixes = ["user:"]
//! max-ttl = "1h"
//!
//! [limits]                          # the defaults of all tokens
//! [cors]
//! origins = ["https://shop.example"]
//! request-headers = ["traceparent"] # that pages may send, besides those of the protocol
//! max-age = "1d"
//! ```
//!
//! The file does not contain the tokens themselves: anyone who reads it could use them.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::document::{ConfigError, Document};
use super::limits::{Limits, SomeLimits};
use super::profile::{Allow, Profile, Role};
use super::scope::Scope;
use super::signed_token::{DEFAULT_MAX_TTL, SigningKey};
use super::token::{Digest, Secret, Tokens};
use crate::values;

/// The configuration of access.
#[derive(Debug, Default)]
pub struct AccessConfig {
    /// The tokens.
    pub tokens: Tokens,
    /// The default limits of the tokens.
    pub limits: SomeLimits,
    /// The pages of other origins that may use the bridge.
    pub cors: Cors,
    /// Settings that are allowed but probably a mistake.
    pub warnings: Vec<String>,
}

/// The pages of other origins that may use the bridge.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Cors {
    /// Their origins, as browsers send them; none by default.
    pub origins: Vec<String>,
    /// Request headers that pages may send, besides those of the protocol.
    pub request_headers: Vec<String>,
    /// How long a browser may cache the response to a preflight request.
    #[serde(deserialize_with = "values::duration")]
    pub max_age: Duration,
}

impl Cors {
    /// Adds an origin.
    ///
    /// # Errors
    /// If it is not an origin in the form that browsers send.
    pub fn add(&mut self, origin: String) -> Result<(), String> {
        if !is_origin(&origin) {
            return Err(not_an_origin(&origin));
        }
        self.origins.push(origin);
        Ok(())
    }

    /// Adds a request header.
    ///
    /// # Errors
    /// If it is not a header name.
    pub fn add_request_header(&mut self, name: String) -> Result<(), String> {
        check_header(&name)?;
        self.request_headers.push(name);
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        if let Some(origin) = self.origins.iter().find(|origin| !is_origin(origin)) {
            return Err(not_an_origin(origin));
        }
        self.request_headers.iter().try_for_each(|name| check_header(name))
    }
}

fn check_header(name: &str) -> Result<(), String> {
    if name == "*" {
        return Err("\"*\" does not cover Authorization: name each request header".into());
    }
    match axum::http::HeaderName::try_from(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("{name:?} is not the name of a header: write one such as \"traceparent\"")),
    }
}

impl Default for Cors {
    fn default() -> Self {
        Self { origins: Vec::new(), request_headers: Vec::new(), max_age: Duration::from_secs(86_400) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct TokenSection {
    name: Spanned<String>,
    sha256: Option<Spanned<String>>,
    token_env: Option<Spanned<String>>,
    role: Role,
    prefixes: Option<Scope>,
    read_prefixes: Option<Scope>,
    write_prefixes: Option<Scope>,
    channels: Option<Scope>,
    #[serde(default)]
    allow: Vec<Spanned<String>>,
    origins: Option<Vec<Spanned<String>>>,
    expires_at: Option<u64>,
    #[serde(default)]
    limits: SomeLimits,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SigningSection {
    keys: Vec<KeySection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct KeySection {
    id: Spanned<String>,
    secret: Option<Secret>,
    secret_env: Option<Spanned<String>>,
    role: Role,
    prefixes: Scope,
    channels: Option<Scope>,
    origins: Option<Vec<Spanned<String>>>,
    #[serde(default, deserialize_with = "values::some_duration")]
    max_ttl: Option<Duration>,
    #[serde(default)]
    limits: SomeLimits,
}

impl AccessConfig {
    /// Takes the sections `token`, `signing`, `limits` and `cors` out of a configuration file. `env` looks up environment
    /// variables.
    ///
    /// ```
    /// use isocache_bridge::access::{AccessConfig, Document};
    ///
    /// let text = "[[token]]\nname = 'job'\ntoken-env = 'JOB'\nrole = 'read-only'\nprefixes = ['job:']\n";
    /// let mut document = Document::parse("isocache.toml", text)?;
    /// let config = AccessConfig::take(&mut document, |_| Some("a token of the job".into()))?;
    /// document.finish()?;
    /// assert!(config.tokens.authenticate(b"a token of the job", 0).is_ok());
    /// # Ok::<(), isocache_bridge::access::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// If a section is invalid. The error names the place.
    pub fn take(document: &mut Document, env: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut config = Self::limits_only(document)?;
        let (cors, place) = document.located::<Cors>("cors")?;
        cors.check().map_err(|problem| document.error(place, problem))?;
        config.cors = cors;
        for section in document.section::<Vec<TokenSection>>("token")? {
            config.add_token(document, section, &env)?;
        }
        for section in document.section::<SigningSection>("signing")?.keys {
            config.add_key(document, section, &env)?;
        }
        Ok(config)
    }

    /// Takes one signing key out of a configuration file: the one with this name, or the first. Only the secret of this key
    /// is looked up, so that a machine that signs tokens needs no other secret.
    ///
    /// # Errors
    /// If the key is invalid or does not exist. The error names the place.
    pub fn take_signing_key(
        document: &mut Document,
        id: Option<&str>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<SigningKey, ConfigError> {
        let config = Self::limits_only(document)?;
        let (signing, place) = document.located::<SigningSection>("signing")?;
        let names: Vec<String> = signing.keys.iter().map(|key| key.id.get_ref().clone()).collect();
        let found = signing.keys.into_iter().find(|key| id.is_none_or(|id| key.id.get_ref() == id));
        let Some(section) = found else {
            return Err(document.error(
                place,
                match id {
                    Some(id) if !names.is_empty() => {
                        format!("there is no signing key {id:?}; the keys are {}", names.join(", "))
                    }
                    _ => "the configuration has no [[signing.keys]]".into(),
                },
            ));
        };
        let place = section.id.span();
        let (key, _) = config.signing_key(document, section, &env)?;
        key.map_err(|problem| document.error(place, problem))
    }

    fn limits_only(document: &mut Document) -> Result<Self, ConfigError> {
        let (limits, place) = document.located::<SomeLimits>("limits")?;
        not_zero(document, place, &limits)?;
        Ok(Self { tokens: Tokens::default(), limits, cors: Cors::default(), warnings: Vec::new() })
    }

    fn add_token(
        &mut self,
        document: &Document,
        section: TokenSection,
        env: &impl Fn(&str) -> Option<String>,
    ) -> Result<(), ConfigError> {
        let place = section.name.span();
        let wrong = |problem: &str| document.error(place.clone(), problem);
        if section.name.get_ref().is_empty() {
            return Err(wrong("the name of a token is empty"));
        }
        let digest = match (&section.sha256, &section.token_env) {
            (Some(hex), None) => Digest::parse(hex.get_ref())
                .ok_or_else(|| document.error(hex.span(), "sha256 is not 64 hexadecimal digits"))?,
            (None, Some(name)) => {
                let token = document.variable(name, env)?;
                if token.expose().starts_with("iso1.") {
                    return Err(document.error(name.span(), "the token begins with iso1., like a signed token"));
                }
                Digest::of(token.expose().as_bytes())
            }
            _ => return Err(wrong("a token needs either sha256 or token-env")),
        };
        let whole = (section.role == Role::Admin).then_some(Scope::Everything);
        let Some(read) = section.read_prefixes.or_else(|| section.prefixes.clone()).or_else(|| whole.clone()) else {
            return Err(wrong("a token needs prefixes: prefixes = [\"user:\"], or prefixes = \"*\" for every key"));
        };
        let write = section.write_prefixes.or(section.prefixes).or_else(|| whole.clone());
        let is_whole = |scope: Option<&Scope>| scope.is_some_and(Scope::is_everything);
        let may_run_unknown = section.role != Role::ReadOnly && read.is_everything() && is_whole(write.as_ref());
        let mut allow = Allow::default();
        for item in &section.allow {
            let known = allow.unknown().count();
            allow.add(item.get_ref()).map_err(|problem| document.error(item.span(), problem))?;
            if allow.unknown().count() > known && !may_run_unknown {
                let problem = format!(
                    "{:?} is not in the table of commands, so only a token that may read and write every key can be allowed \
                     to run it",
                    item.get_ref()
                );
                return Err(document.error(item.span(), problem));
            }
        }
        let usual = Profile::scoped(section.name.into_inner(), section.role, read);
        let profile = Profile {
            write: if section.role == Role::ReadOnly { Scope::nothing() } else { write.unwrap_or_else(Scope::nothing) },
            channels: section.channels.or(whole).unwrap_or_else(Scope::nothing),
            allow,
            origins: origins(document, section.origins)?,
            expires_at: section.expires_at,
            limits: self.limits_of(document, &place, &section.limits, section.role)?,
            ..usual
        };
        if profile.role == Role::Admin && !profile.whole_keyspace() {
            return Err(wrong("an admin has access to every key: leave out the prefixes, or use the role read-write"));
        }
        if let Some(item) = profile.allow.needs_whole_keyspace().filter(|_| !profile.whole_keyspace()) {
            return Err(wrong(&format!(
                "`{item}` reaches every key, so a token with prefixes cannot be allowed to run it"
            )));
        }
        self.warn(&profile);
        self.warn_of_unknown(&profile);
        self.tokens.add(digest, profile).map_err(|problem| wrong(&problem))
    }

    fn add_key(
        &mut self,
        document: &Document,
        section: KeySection,
        env: &impl Fn(&str) -> Option<String>,
    ) -> Result<(), ConfigError> {
        let place = section.id.span();
        let (key, ceiling) = self.signing_key(document, section, env)?;
        self.warn(&ceiling);
        let added = key.and_then(|key| self.tokens.add_key(key));
        added.map_err(|problem| document.error(place, problem))
    }

    /// The key, and the profile that its tokens cannot exceed.
    fn signing_key(
        &self,
        document: &Document,
        section: KeySection,
        env: &impl Fn(&str) -> Option<String>,
    ) -> Result<(Result<SigningKey, String>, Profile), ConfigError> {
        let place = section.id.span();
        let secret = match (section.secret, &section.secret_env) {
            (Some(secret), None) => secret,
            (None, Some(name)) => document.variable(name, env)?,
            _ => return Err(document.error(place, "a signing key needs either secret or secret-env")),
        };
        let id = section.id.into_inner();
        let ceiling = Profile {
            channels: section.channels.unwrap_or_else(Scope::nothing),
            origins: origins(document, section.origins)?,
            limits: self.limits_of(document, &place, &section.limits, section.role)?,
            ..Profile::scoped(format!("key {id}"), section.role, section.prefixes)
        };
        let max_ttl = section.max_ttl.unwrap_or(DEFAULT_MAX_TTL).as_secs();
        Ok((SigningKey::new(id, &secret, ceiling.clone(), max_ttl), ceiling))
    }

    fn limits_of(
        &self,
        document: &Document,
        place: &std::ops::Range<usize>,
        own: &SomeLimits,
        role: Role,
    ) -> Result<Limits, ConfigError> {
        not_zero(document, place.clone(), own)?;
        let usual = if role == Role::ReadOnly { Limits::READING } else { Limits::WRITING };
        Ok(own.over(&self.limits.over(&usual)))
    }

    fn warn_of_unknown(&mut self, profile: &Profile) {
        for name in profile.allow.unknown() {
            self.warnings.push(format!(
                "{}: {name:?} is not in the table of commands; it is forwarded without a check of its arguments",
                profile.name
            ));
        }
    }

    fn warn(&mut self, profile: &Profile) {
        let scopes = [&profile.read, &profile.write, &profile.channels];
        for prefix in scopes.into_iter().flat_map(Scope::without_delimiter) {
            let prefix = String::from_utf8_lossy(prefix);
            let warning = format!(
                "{}: the prefix {prefix:?} does not end in a delimiter, so it also covers {:?}",
                profile.name,
                format!("{prefix}2")
            );
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }
}

fn not_zero(document: &Document, place: std::ops::Range<usize>, limits: &SomeLimits) -> Result<(), ConfigError> {
    let zero = limits.zero();
    zero.map_or(Ok(()), |name| Err(document.error(place, format!("`{name}` is 0: it must be greater than 0"))))
}

fn origins(document: &Document, origins: Option<Vec<Spanned<String>>>) -> Result<Option<Vec<String>>, ConfigError> {
    let checked = |origin: Spanned<String>| {
        let place = origin.span();
        let origin = origin.into_inner();
        if is_origin(&origin) { Ok(origin) } else { Err(document.error(place, not_an_origin(&origin))) }
    };
    origins.map(|origins| origins.into_iter().map(checked).collect()).transpose()
}

/// Whether it is an origin as browsers send it: a scheme, a host in lower case, and a port unless it is the default.
fn is_origin(origin: &str) -> bool {
    [("https://", ":443"), ("http://", ":80")].into_iter().any(|(scheme, usual_port)| {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b':' | b'[' | b']');
        origin.strip_prefix(scheme).is_some_and(|host| {
            !host.is_empty() && host.bytes().all(plain) && !host.starts_with(':') && !host.ends_with(usual_port)
        })
    })
}

fn not_an_origin(origin: &str) -> String {
    format!("{origin:?} is not an origin: write it as in \"https://app.example\" or \"http://localhost:3000\"")
}
