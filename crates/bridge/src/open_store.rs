//! Opens the store and its snapshot, as configured by settings and options.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use isocache::{CacheError, RedisCacheBuilder, RedisCredentials};

use super::access::Secret;
use super::cli::Serve;
use super::server::Metrics;
use super::settings::{Settings, StoreSettings};
use super::store::Store;
use super::store::memory::{MemoryStore, MemoryStoreOptions, SnapshotError, SnapshotLock, keep_damaged_aside};
use super::values::NamedFile;

/// The timeout for opening a connection to Redis: a fifth of that of a command, so that slow servers can be reached too, but
/// at least a second.
fn connect_timeout(command_timeout: Duration) -> Duration {
    (command_timeout / 5).max(Duration::from_secs(1))
}

/// The snapshot file of an embedded store.
#[derive(Clone)]
pub(super) struct Snapshot {
    store: MemoryStore,
    path: PathBuf,
    pub(super) interval: Duration,
    _lock: Arc<SnapshotLock>,
}

/// Overrides the settings with the options.
fn override_settings(settings: &mut StoreSettings, arguments: &Serve) {
    let set = |setting: &mut Option<String>, option: &Option<String>| {
        if let Some(value) = option {
            *setting = Some(value.clone());
        }
    };
    let set_file = |setting: &mut Option<NamedFile>, option: &Option<PathBuf>, place: &str| {
        if let Some(path) = option {
            *setting = Some(NamedFile { path: path.clone(), place: place.to_owned() });
        }
    };
    if let Some(url) = &arguments.store {
        settings.url = Some(Secret::new(url.clone()));
    }
    if let Some(path) = &arguments.snapshot {
        settings.snapshot = Some(path.clone());
    }
    if let Some(password) = &arguments.store_sentinel_password {
        settings.sentinel_password = Some(Secret::new(password.clone()));
    }
    set(&mut settings.username, &arguments.store_username);
    set(&mut settings.sentinel_username, &arguments.store_sentinel_username);
    set_file(&mut settings.password_file, &arguments.store_password_file, "--store-password-file");
    set_file(&mut settings.ca_certificate, &arguments.store_ca_certificate, "--store-ca-certificate");
    set_file(&mut settings.client_certificate, &arguments.store_client_certificate, "--store-client-certificate");
    set_file(&mut settings.client_key, &arguments.store_client_key, "--store-client-key");
}

/// Opens the store. Does not connect to Redis yet. Loads the snapshot, and locks it until the value is dropped.
pub(super) fn open(settings: &Settings, arguments: &Serve) -> Result<(Store, Option<Snapshot>), String> {
    let (store, memory) = prepare(settings, arguments)?;
    let Some((memory, path, interval)) = memory else { return Ok((store, None)) };
    let lock = SnapshotLock::acquire(&path).map_err(|error| error.to_string())?;
    match memory.load_snapshot(&path) {
        Ok(Some(loaded)) => tracing::info!(entries = loaded.entries, expired = loaded.expired, "snapshot loaded"),
        Ok(None) => tracing::info!("no snapshot yet"),
        Err(error @ SnapshotError::Damaged { .. }) => {
            let aside = keep_damaged_aside(&path);
            let aside = aside.map_err(|failed| format!("{error}; the file could not be renamed: {failed}"))?;
            tracing::error!("{error}; the file is kept as {}, and the store begins empty", aside.display());
        }
        Err(error) => return Err(format!("{error}; the file is unchanged")),
    }
    Ok((store, Some(Snapshot { store: memory, path, interval, _lock: Arc::new(lock) })))
}

/// Checks the store without changing anything: Redis replies, or the snapshot can be read.
pub(super) async fn check(settings: &Settings, arguments: &Serve) -> Result<String, String> {
    let (store, memory) = prepare(settings, arguments)?;
    store.ready().await.map_err(|error| format!("store: {}", error.detail()))?;
    let Some((memory, path, _)) = memory else { return Ok(store.names()) };
    SnapshotLock::check(&path).map_err(|error| error.to_string())?;
    let loaded = memory.load_snapshot(&path).map_err(|error| error.to_string())?;
    Ok(match loaded {
        Some(loaded) => format!("memory, with {} entries in {}", loaded.entries, path.display()),
        None => format!("memory, with a new snapshot in {}", path.display()),
    })
}

type Memory = (MemoryStore, PathBuf, Duration);

fn prepare(settings: &Settings, arguments: &Serve) -> Result<(Store, Option<Memory>), String> {
    let mut store = settings.store.clone();
    override_settings(&mut store, arguments);
    match store.url.as_ref().map(Secret::expose) {
        None | Some("memory") => embedded(store),
        Some(url) => Ok((redis(url, &store, settings.server.command_timeout)?, None)),
    }
}

fn embedded(settings: StoreSettings) -> Result<(Store, Option<Memory>), String> {
    let redis_only = [
        ("username", settings.username.is_some()),
        ("password-file", settings.password_file.is_some()),
        ("ca-certificate", settings.ca_certificate.is_some()),
        ("client-certificate", settings.client_certificate.is_some()),
        ("sentinel-username", settings.sentinel_username.is_some()),
    ];
    if let Some((name, _)) = redis_only.into_iter().find(|(_, is_set)| *is_set) {
        return Err(format!("{name} is for a Redis, and the store is in memory: set its URL with --store"));
    }
    let options = MemoryStoreOptions {
        max_entries: settings.max_entries,
        max_bytes: settings.max_bytes,
        policy: settings.policy,
        advise: settings.advise,
        ..MemoryStoreOptions::default()
    };
    let store = MemoryStore::new(options).map_err(|error| error.to_string())?;
    let interval = settings.snapshot_interval.max(Duration::from_millis(1));
    let memory = settings.snapshot.map(|path| (store.clone(), path, interval));
    Ok((Store::Memory(store), memory))
}

fn redis(url: &str, settings: &StoreSettings, command_timeout: Duration) -> Result<Store, String> {
    if settings.snapshot.is_some() {
        return Err("a snapshot is for the store in memory: Redis has snapshots of its own".into());
    }
    let mut builder = RedisCacheBuilder::new(url)
        .connect_timeout(connect_timeout(command_timeout))
        .operation_timeout(command_timeout);
    if let Some(username) = &settings.username {
        builder = builder.username(username);
    }
    if let Some(file) = settings.password_file.clone() {
        password(&file)?;
        let username = settings.username.clone();
        builder = builder.credentials_provider(move || {
            let credentials = password(&file).map(RedisCredentials::new).map_err(CacheError::Connection);
            let username = username.clone();
            async move {
                credentials.map(|credentials| match username {
                    Some(username) => credentials.username(username),
                    None => credentials,
                })
            }
        });
    }
    if let Some(file) = &settings.ca_certificate {
        builder = builder.ca_certificate(file.read("certificate authorities")?);
    }
    if let (Some(certificate), Some(key)) = (&settings.client_certificate, &settings.client_key) {
        builder = builder.client_certificate(certificate.read("client certificate")?, key.read("client key")?);
    }
    match (&settings.sentinel_username, &settings.sentinel_password) {
        (username, Some(password)) => {
            builder = builder.sentinel_credentials(username.as_deref(), password.expose());
        }
        (Some(_), None) => {
            return Err("the user of the Sentinels needs a password: set ISOCACHE_SENTINEL_PASSWORD".into());
        }
        (None, None) => {}
    }
    Store::redis(&builder, command_timeout).map_err(|error| match error {
        CacheError::InvalidArgument { argument: "url", reason } if url.contains("://") || !url.contains('@') => {
            format!("--store: {reason}; for the store in memory, write memory")
        }
        error => format!("--store: {error}"),
    })
}

/// Reads the password in a file, without the trailing line break.
fn password(file: &NamedFile) -> Result<String, String> {
    let bytes = file.read("password")?;
    let text = String::from_utf8(bytes).map_err(|_| file.error("cannot use the password", "it is not UTF-8"))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(file.error("cannot use the password", "the file is empty")),
        password => Ok(password.to_owned()),
    }
}

impl Snapshot {
    /// Writes the snapshot at intervals.
    pub(super) async fn save_at_intervals(self, metrics: Metrics) {
        loop {
            tokio::time::sleep(self.interval).await;
            let (snapshot, metrics) = (self.clone(), metrics.clone());
            let saved = tokio::task::spawn_blocking(move || snapshot.save(&metrics)).await;
            if let Ok(Err(problem)) = saved {
                tracing::error!("{problem}");
            }
        }
    }

    /// Writes the snapshot, one at a time: an aborted periodic snapshot may still be written when the final one is due.
    pub(super) fn save(&self, metrics: &Metrics) -> Result<(), String> {
        static WRITING: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _writing = WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let written = self.store.write_snapshot(&self.path);
        metrics.snapshot(written.is_ok());
        let written = written.map_err(|error| format!("the snapshot was not written: {error}"))?;
        tracing::info!(entries = written.entries, bytes = written.bytes, "snapshot written");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_commands_may_take_longer_so_may_connecting() {
        for (command, connect) in [(250, 1000), (5000, 1000), (6000, 1200), (600_000, 120_000)] {
            assert_eq!(connect_timeout(Duration::from_millis(command)), Duration::from_millis(connect));
        }
    }
}
