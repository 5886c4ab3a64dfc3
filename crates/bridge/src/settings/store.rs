//! The section `[store]`.

use std::path::PathBuf;
use std::time::Duration;

use isocache::Policy;
use serde::Deserialize;
use toml::Spanned;

use crate::access::{ConfigError, Document, Secret};
use crate::values::{self, NamedFile};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct StoreSection {
    url: Option<Secret>,
    url_env: Option<Spanned<String>>,
    username: Option<String>,
    password_file: Option<Spanned<PathBuf>>,
    ca_certificate: Option<Spanned<PathBuf>>,
    client_certificate: Option<Spanned<PathBuf>>,
    client_key: Option<Spanned<PathBuf>>,
    sentinel_username: Option<String>,
    sentinel_password_env: Option<Spanned<String>>,
    snapshot: Option<PathBuf>,
    #[serde(deserialize_with = "values::duration")]
    snapshot_interval: Duration,
    snapshot_in_readyz: bool,
    max_entries: usize,
    max_bytes: u64,
    #[serde(deserialize_with = "values::policy")]
    policy: Policy,
    advise: bool,
}

impl Default for StoreSection {
    fn default() -> Self {
        let StoreSettings { snapshot_interval, snapshot_in_readyz, max_entries, max_bytes, policy, advise, .. } =
            StoreSettings::default();
        Self {
            url: None,
            url_env: None,
            username: None,
            password_file: None,
            ca_certificate: None,
            client_certificate: None,
            client_key: None,
            sentinel_username: None,
            sentinel_password_env: None,
            snapshot: None,
            snapshot_interval,
            snapshot_in_readyz,
            max_entries,
            max_bytes,
            policy,
            advise,
        }
    }
}

/// The store behind the bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described above")]
pub struct StoreSettings {
    /// May contain a password.
    pub url: Option<Secret>,
    pub username: Option<String>,
    pub password_file: Option<NamedFile>,
    pub ca_certificate: Option<NamedFile>,
    pub client_certificate: Option<NamedFile>,
    pub client_key: Option<NamedFile>,
    pub sentinel_username: Option<String>,
    pub sentinel_password: Option<Secret>,
    pub snapshot: Option<PathBuf>,
    pub snapshot_interval: Duration,
    pub snapshot_in_readyz: bool,
    pub max_entries: usize,
    pub max_bytes: u64,
    pub policy: Policy,
    pub advise: bool,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            url: None,
            username: None,
            password_file: None,
            ca_certificate: None,
            client_certificate: None,
            client_key: None,
            sentinel_username: None,
            sentinel_password: None,
            snapshot: None,
            snapshot_interval: Duration::from_secs(300),
            snapshot_in_readyz: false,
            max_entries: 1_000_000,
            max_bytes: 256 << 20,
            policy: Policy::default(),
            advise: false,
        }
    }
}

/// Reads the section.
pub(super) fn settings(
    document: &mut Document,
    env: &impl Fn(&str) -> Option<String>,
) -> Result<StoreSettings, ConfigError> {
    let section: StoreSection = document.section("store")?;
    let variable = |name: Spanned<String>| document.variable(&name, env);
    let url = match (section.url, section.url_env) {
        (Some(_), Some(name)) => return Err(document.error(name.span(), "[store] has both url and url-env")),
        (url, None) => url,
        (None, Some(name)) => Some(variable(name)?),
    };
    match (&section.client_certificate, &section.client_key) {
        (Some(one), None) => return Err(document.error(one.span(), "client-certificate needs client-key")),
        (None, Some(one)) => return Err(document.error(one.span(), "client-key needs client-certificate")),
        _ => {}
    }
    Ok(StoreSettings {
        url,
        username: section.username,
        password_file: section.password_file.map(|file| document.file(file)),
        ca_certificate: section.ca_certificate.map(|file| document.file(file)),
        client_certificate: section.client_certificate.map(|file| document.file(file)),
        client_key: section.client_key.map(|file| document.file(file)),
        sentinel_username: section.sentinel_username,
        sentinel_password: section.sentinel_password_env.map(variable).transpose()?,
        snapshot: section.snapshot,
        snapshot_interval: section.snapshot_interval,
        snapshot_in_readyz: section.snapshot_in_readyz,
        max_entries: section.max_entries,
        max_bytes: section.max_bytes,
        policy: section.policy,
        advise: section.advise,
    })
}
