//! The sections of the configuration file that say who may do what.
//!
//! ```toml
//! [[token]]
//! name = "shop"                     # for logs
//! sha256 = "…64 hex digits…"        # of the token; or token-env = "NAME" for a variable that holds the token
//! role = "read-write"               # read-only, read-write, admin, custom
//! prefixes = ["shop:"]              # "*" for every key; or read-prefixes and write-prefixes
//! channels = ["shop:"]              # none if absent
//! allow = ["@script"]               # classes and commands beside those of the role
//! origins = ["https://shop.example"]
//! expires-at = 1800000000           # seconds since 1970
//! limits = { commands-per-second = 100 }
//!
//! [[signing.keys]]                  # what `isocache token mint` signs with
//! id = "2027-a"
//! secret-env = "ISOCACHE_KEY"       # or secret; 32 bytes at least
//! role = "read-only"                # the most that its tokens may do
//! prefixes = ["user:"]
//! max-ttl = 3600                    # seconds
//!
//! [limits]                          # for every token that does not say otherwise
//! [cors]
//! origins = ["https://shop.example"]
//! max-age = 86400                   # seconds
//! ```
//!
//! Tokens themselves are not written into the file: whoever reads it could use them.

use serde::Deserialize;
use toml::Spanned;

use super::document::{ConfigError, Document};
use super::limits::{Limits, SomeLimits};
use super::profile::{Allow, Profile, Role};
use super::scope::Scope;
use super::signed_token::{DEFAULT_MAX_TTL, SigningKey};
use super::token::{Digest, Secret, Tokens};

/// Who may do what, as configured.
#[derive(Debug)]
pub struct AccessConfig {
    /// The tokens.
    pub tokens: Tokens,
    /// The limits of every token that does not say otherwise.
    pub limits: SomeLimits,
    /// Which pages of other origins may use the bridge.
    pub cors: Cors,
    /// What is allowed, but probably not meant.
    pub warnings: Vec<String>,
}

/// Which pages of other origins may use the bridge.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Cors {
    /// Their origins, as a browser sends them; none if empty.
    pub origins: Vec<String>,
    /// For how long a browser may remember the answer, in seconds.
    pub max_age: u64,
}

impl Cors {
    /// Adds an origin.
    ///
    /// # Errors
    /// A sentence, if it is none as browsers send it.
    pub fn add(&mut self, origin: String) -> Result<(), String> {
        if !is_origin(&origin) {
            return Err(not_an_origin(&origin));
        }
        self.origins.push(origin);
        Ok(())
    }
}

impl Default for Cors {
    fn default() -> Self {
        Self { origins: Vec::new(), max_age: 86_400 }
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
    max_ttl: Option<u64>,
    #[serde(default)]
    limits: SomeLimits,
}

impl AccessConfig {
    /// Takes the sections `token`, `signing`, `limits` and `cors` out of a configuration file. `env` looks up variables of
    /// the environment.
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
    /// What is wrong, and where.
    pub fn take(document: &mut Document, env: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let limits: Spanned<SomeLimits> = document.section::<Located<SomeLimits>>("limits")?.0;
        not_zero(document, &limits)?;
        let mut config = Self {
            tokens: Tokens::default(),
            limits: limits.into_inner(),
            cors: Cors::default(),
            warnings: Vec::new(),
        };
        let cors = document.section::<Located<Cors>>("cors")?.0;
        if let Some(origin) = cors.get_ref().origins.iter().find(|origin| !is_origin(origin)) {
            return Err(document.error(cors.span(), not_an_origin(origin)));
        }
        config.cors = cors.into_inner();
        for section in document.section::<Vec<TokenSection>>("token")? {
            config.add_token(document, section, &env)?;
        }
        for section in document.section::<SigningSection>("signing")?.keys {
            config.add_key(document, section, &env)?;
        }
        Ok(config)
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
            return Err(wrong("a token has no name"));
        }
        let digest = match (&section.sha256, &section.token_env) {
            (Some(hex), None) => Digest::parse(hex.get_ref())
                .ok_or_else(|| document.error(hex.span(), "sha256 is not 64 hexadecimal digits"))?,
            (None, Some(name)) => {
                let token = variable(document, name, env)?;
                if token.expose().starts_with("iso1.") {
                    return Err(document.error(name.span(), "the token begins like a minted one"));
                }
                Digest::of(token.expose().as_bytes())
            }
            _ => return Err(wrong("a token has either sha256 or token-env")),
        };
        let whole = (section.role == Role::Admin).then_some(Scope::Everything);
        let Some(read) = section.read_prefixes.or_else(|| section.prefixes.clone()).or_else(|| whole.clone()) else {
            return Err(wrong(
                "a token says which keys it is for: prefixes = [\"user:\"], or prefixes = \"*\" for every key",
            ));
        };
        let write = section.write_prefixes.or(section.prefixes).or_else(|| whole.clone());
        let mut allow = Allow::default();
        for item in &section.allow {
            allow.add(item.get_ref()).map_err(|problem| document.error(item.span(), problem))?;
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
            return Err(wrong("an admin is not held to prefixes; use the role read-write"));
        }
        if let Some(item) = profile.allow.needs_whole_keyspace().filter(|_| !profile.whole_keyspace()) {
            return Err(wrong(&format!("`{item}` reaches every key, and cannot be allowed to a token with prefixes")));
        }
        self.warn(&profile);
        self.tokens.add(digest, profile).map_err(|problem| wrong(&problem))
    }

    fn add_key(
        &mut self,
        document: &Document,
        section: KeySection,
        env: &impl Fn(&str) -> Option<String>,
    ) -> Result<(), ConfigError> {
        let place = section.id.span();
        let wrong = |problem: String| document.error(place.clone(), problem);
        let secret = match (section.secret, &section.secret_env) {
            (Some(secret), None) => secret,
            (None, Some(name)) => variable(document, name, env)?,
            _ => return Err(wrong("a signing key has either secret or secret-env".into())),
        };
        let id = section.id.into_inner();
        let ceiling = Profile {
            channels: section.channels.unwrap_or_else(Scope::nothing),
            origins: origins(document, section.origins)?,
            limits: self.limits_of(document, &place, &section.limits, section.role)?,
            ..Profile::scoped(format!("key {id}"), section.role, section.prefixes)
        };
        self.warn(&ceiling);
        let key = SigningKey::new(id, &secret, ceiling, section.max_ttl.unwrap_or(DEFAULT_MAX_TTL)).map_err(wrong)?;
        self.tokens.add_key(key).map_err(wrong)
    }

    fn limits_of(
        &self,
        document: &Document,
        place: &std::ops::Range<usize>,
        own: &SomeLimits,
        role: Role,
    ) -> Result<Limits, ConfigError> {
        not_zero(document, &Spanned::new(place.clone(), own.clone()))?;
        let usual = if role == Role::ReadOnly { Limits::READING } else { Limits::WRITING };
        Ok(own.over(&self.limits.over(&usual)))
    }

    fn warn(&mut self, profile: &Profile) {
        let scopes = [&profile.read, &profile.write, &profile.channels];
        for prefix in scopes.into_iter().flat_map(Scope::without_delimiter) {
            let prefix = String::from_utf8_lossy(prefix);
            let warning = format!(
                "{}: the prefix {prefix:?} does not end in a delimiter, and also covers {:?}",
                profile.name,
                format!("{prefix}2")
            );
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }
}

/// A section and its place.
#[derive(Deserialize)]
#[serde(transparent)]
struct Located<T>(Spanned<T>);

impl<T: Default> Default for Located<T> {
    fn default() -> Self {
        Self(Spanned::new(0..0, T::default()))
    }
}

fn not_zero(document: &Document, limits: &Spanned<SomeLimits>) -> Result<(), ConfigError> {
    let zero = limits.get_ref().zero();
    zero.map_or(Ok(()), |name| Err(document.error(limits.span(), format!("`{name}` is 0, which allows nothing"))))
}

fn variable(
    document: &Document,
    name: &Spanned<String>,
    env: &impl Fn(&str) -> Option<String>,
) -> Result<Secret, ConfigError> {
    let value = env(name.get_ref()).filter(|value| !value.is_empty());
    let unset = || document.error(name.span(), format!("the variable {} is not set", name.get_ref()));
    value.map(Secret::new).ok_or_else(unset)
}

fn origins(document: &Document, origins: Option<Vec<Spanned<String>>>) -> Result<Option<Vec<String>>, ConfigError> {
    let checked = |origin: Spanned<String>| {
        let place = origin.span();
        let origin = origin.into_inner();
        if is_origin(&origin) { Ok(origin) } else { Err(document.error(place, not_an_origin(&origin))) }
    };
    origins.map(|origins| origins.into_iter().map(checked).collect()).transpose()
}

/// Whether it is an origin as browsers write it: scheme, host in lower case, and a port if it is not the usual one.
fn is_origin(origin: &str) -> bool {
    [("https://", ":443"), ("http://", ":80")].into_iter().any(|(scheme, usual_port)| {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b':' | b'[' | b']');
        origin.strip_prefix(scheme).is_some_and(|host| {
            !host.is_empty() && host.bytes().all(plain) && !host.starts_with(':') && !host.ends_with(usual_port)
        })
    })
}

fn not_an_origin(origin: &str) -> String {
    format!("{origin:?} is not an origin; one is written as in \"https://app.example\" or \"http://localhost:3000\"")
}
