//! `isocache serve`: from the command line to a server that runs, and to its end.

use std::convert::Infallible;
use std::io::IsTerminal;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use isocache::{Clock, UnixClock};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tower::make::Shared;
use tower::service_fn;
use tracing_subscriber::EnvFilter;

use super::access::{Digest, Profile, Role, Scope};
use super::cli::{LogFormat, Serve};
use super::connections::Connections;
use super::server::{Bridge, Origins, Parts, ServerLimits, StaticFiles};
use super::settings::{Settings, StoreSettings};
use super::signals::{Certificate, Signals};
use super::store::Store;
use super::store::memory::{MemoryStore, MemoryStoreOptions, keep_damaged_aside};
use super::timeouts::Timeouts;

/// A token shorter than this can be guessed.
const SHORT_TOKEN: usize = 16;

/// What was asked for, made ready to run.
struct Ready {
    bridge: Bridge,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    snapshot: Option<Snapshot>,
    tls: Option<(PathBuf, PathBuf)>,
    timeouts: Timeouts,
    drain: Duration,
    ending: watch::Sender<bool>,
}

/// The file of an embedded store.
#[derive(Clone)]
struct Snapshot {
    store: MemoryStore,
    path: PathBuf,
    interval: Duration,
}

/// Runs until it is told to end; or says in a sentence why it does not.
pub(super) fn main(arguments: Serve) -> Result<(), String> {
    log(arguments.log_format);
    let threads = arguments.threads.map(NonZeroUsize::get);
    let ready = prepare(arguments)?;
    let runtime = runtime(threads).enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))?.block_on(run(ready))
}

/// A single thread needs nobody to hand work to.
fn runtime(threads: Option<usize>) -> Builder {
    match threads {
        Some(1) => Builder::new_current_thread(),
        Some(threads) => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
        None => Builder::new_multi_thread(),
    }
}

/// `RUST_LOG` says how much is logged: `info` unless told otherwise.
fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colour = std::io::stderr().is_terminal();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Where nobody reads the log any more, there is nobody to tell: an error about it would panic.
    let subscriber = subscriber.with_target(false).with_ansi(colour).log_internal_errors(false);
    match format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
}

fn prepare(arguments: Serve) -> Result<Ready, String> {
    let mut settings = match &arguments.config {
        Some(path) => Settings::read(path)?,
        None => Settings::parse("", "", |_| None).map_err(|error| error.to_string())?,
    };
    if let Some(address) = arguments.listen {
        settings.listen.address = address;
    }
    let address = settings.listen.address;
    for origin in arguments.allow_origin {
        settings.access.cors.add(origin).map_err(|problem| format!("--allow-origin: {problem}"))?;
    }
    let clock: Arc<dyn Clock> = Arc::new(UnixClock);
    add_tokens(&mut settings, arguments.token, arguments.read_only_token)?;
    for warning in &settings.access.warnings {
        tracing::warn!("{warning}");
    }
    let nobody = settings.access.tokens.is_empty().then(|| {
        let profile = Profile::admin("nobody");
        Arc::new(Profile { limits: settings.access.limits.over(&profile.limits), ..profile })
    });
    if nobody.is_some() && !address.ip().is_loopback() {
        return Err(format!(
            "will not listen on {address} without a token: anybody could use the store. Set ISOCACHE_TOKEN, or \
             [[token]] in a configuration file, or listen on 127.0.0.1."
        ));
    }
    let (store, snapshot) = open_store(&settings.store, &settings.server, arguments.store, arguments.snapshot)?;
    let (ending, ends) = watch::channel(false);
    let loopback = || ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec();
    let hosts = settings.listen.hosts.or_else(|| address.ip().is_loopback().then(loopback));
    let mut bridge = Bridge::new(Parts {
        store,
        tokens: settings.access.tokens,
        origins: Origins::new(settings.access.cors, hosts),
        clock,
        ending: ends,
    });
    if nobody.is_some() {
        tracing::warn!("no token is configured: everybody on this machine may do everything, and nobody else anything");
    }
    bridge.nobody = nobody;
    bridge.credentials.query = settings.listen.query_token;
    settings.listen.base_path.trim_end_matches('/').clone_into(&mut bridge.base_path);
    bridge.limits = ServerLimits {
        body_timeout: Duration::from_millis(settings.server.body_timeout_ms),
        max_in_flight: settings.server.max_in_flight,
        max_streams: settings.server.max_streams,
    };
    bridge.page = arguments.page.map(|folder| StaticFiles::new(&folder, arguments.page_mount)).transpose()?;
    let tls = match (settings.tls.certificate, settings.tls.key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err("[tls] needs both certificate and key".into()),
    };
    let metrics = arguments.metrics_listen.or(settings.listen.metrics).map(listen).transpose()?;
    let most = arguments.max_connections.unwrap_or(settings.server.max_connections);
    let timeouts = Timeouts {
        connections: Connections::at_most(most.get(), bridge.metrics.connections_refused()),
        head: Duration::from_millis(settings.server.head_timeout_ms),
        write: Duration::from_millis(settings.server.write_timeout_ms),
    };
    let drain = Duration::from_millis(settings.server.drain_timeout_ms);
    Ok(Ready { bridge, listener: listen(address)?, metrics, snapshot, tls, timeouts, drain, ending })
}

fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    let listener = TcpListener::bind(address).map_err(|error| format!("cannot listen on {address}: {error}"))?;
    listener.set_nonblocking(true).map_err(|error| format!("cannot listen on {address}: {error}"))?;
    Ok(listener)
}

fn add_tokens(settings: &mut Settings, token: Option<String>, read_only: Option<String>) -> Result<(), String> {
    let reader = || {
        let profile = Profile::scoped("read-only token", Role::ReadOnly, Scope::Everything);
        Profile { channels: Scope::Everything, ..profile }
    };
    let given = [(token, Profile::admin("token")), (read_only, reader())];
    for (token, mut profile) in given {
        let Some(token) = token else { continue };
        if token.is_empty() || token.starts_with("iso1.") {
            return Err(format!("the {} is empty, or begins like a minted one", profile.name));
        }
        if token.len() < SHORT_TOKEN {
            tracing::warn!("the {} has less than {SHORT_TOKEN} characters, and can be guessed", profile.name);
        }
        profile.limits = settings.access.limits.over(&profile.limits);
        settings.access.tokens.add(Digest::of(token.as_bytes()), profile)?;
    }
    Ok(())
}

fn open_store(
    settings: &StoreSettings,
    server: &super::settings::ServerSettings,
    store: Option<String>,
    snapshot: Option<PathBuf>,
) -> Result<(Store, Option<Snapshot>), String> {
    let from_env = |name: &String| {
        std::env::var(name).map_err(|_| format!("the variable {name}, which [store] names, is not set"))
    };
    let url = match store.or_else(|| settings.url.clone()) {
        Some(url) => url,
        None => settings.url_env.as_ref().map(from_env).transpose()?.unwrap_or_else(|| "memory".into()),
    };
    let snapshot = snapshot.or_else(|| settings.snapshot.clone());
    if url != "memory" {
        if snapshot.is_some() {
            return Err("a snapshot is for the store in memory; Redis keeps its own".into());
        }
        let command_timeout = Duration::from_millis(server.command_timeout_ms);
        let store = Store::redis(&url, Duration::from_secs(1), command_timeout).map_err(|error| error.to_string())?;
        return Ok((store, None));
    }
    let options = MemoryStoreOptions {
        max_entries: settings.max_entries,
        max_bytes: settings.max_bytes,
        ..MemoryStoreOptions::default()
    };
    let store = MemoryStore::new(options).map_err(|error| error.to_string())?;
    let Some(path) = snapshot else { return Ok((Store::Memory(store), None)) };
    match store.load_snapshot(&path) {
        Ok(Some(loaded)) => tracing::info!(entries = loaded.entries, expired = loaded.expired, "snapshot loaded"),
        Ok(None) => tracing::info!("no snapshot yet"),
        Err(error) => {
            // It is kept for whoever wants to look at it, and not overwritten.
            let aside =
                keep_damaged_aside(&path).map_err(|failed| format!("{error}; and it cannot be kept: {failed}"))?;
            tracing::error!("{error}; it is kept as {}, and the store begins empty", aside.display());
        }
    }
    let interval = Duration::from_secs(settings.snapshot_interval.max(1));
    Ok((Store::Memory(store.clone()), Some(Snapshot { store, path, interval })))
}

async fn run(ready: Ready) -> Result<(), String> {
    let Ready { bridge, listener, metrics, snapshot, tls, timeouts, drain, ending } = ready;
    let failed = |error: std::io::Error| format!("the server failed: {error}");
    let address = listener.local_addr().map_err(failed)?;
    let bridge = Arc::new(bridge);
    let handle = Handle::new();
    let saving = snapshot.clone().map(|snapshot| tokio::spawn(save_at_intervals(snapshot)));
    if let Some(listener) = metrics {
        let app = Router::new().fallback(only_metrics).with_state(Arc::clone(&bridge));
        let address = listener.local_addr().map_err(failed)?;
        let server = axum_server::from_tcp(listener).map_err(failed)?.handle(handle.clone());
        // It stays within reach when the other address has no room left.
        let timeouts = Timeouts { connections: timeouts.connections.another(), ..timeouts };
        let server = timeouts.limit_heads(server.acceptor(timeouts.clone()));
        tokio::spawn(server.serve(app.into_make_service()));
        tracing::info!("metrics on http://{address}/metrics");
    }
    // The paths are commands, and keys: there is nothing to route.
    let app = Shared::new(service_fn(move |request| {
        let bridge = Arc::clone(&bridge);
        async move { Ok::<_, Infallible>(bridge.answer(request).await) }
    }));
    let tls = match tls {
        Some((certificate, key)) => Some(read_certificate(certificate, key).await?),
        None => None,
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let config = tls.as_ref().map(|tls| tls.config.clone());
    // From here on a signal is heard.
    Signals::listen()?.heed(tls, handle.clone(), drain, ending);
    // Who started it waits for this line.
    println!("isocache: listening on {scheme}://{address}");
    let served = if let Some(config) = config {
        let server = axum_server::from_tcp_rustls(listener, config).map_err(failed)?.handle(handle);
        timeouts.limit_heads(server.map(|tls| tls.acceptor(timeouts.clone()))).serve(app).await
    } else {
        let server = axum_server::from_tcp(listener).map_err(failed)?.handle(handle);
        timeouts.limit_heads(server.acceptor(timeouts.clone())).serve(app).await
    };
    served.map_err(failed)?;
    if let Some(saving) = saving {
        saving.abort();
    }
    match snapshot {
        Some(snapshot) => {
            tokio::task::spawn_blocking(move || save(&snapshot)).await.map_err(|error| error.to_string())?
        }
        None => Ok(()),
    }
}

async fn only_metrics(State(bridge): State<Arc<Bridge>>) -> Response<Body> {
    bridge.metrics_answer()
}

async fn read_certificate(chain: PathBuf, key: PathBuf) -> Result<Certificate, String> {
    // Fails if there is one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = RustlsConfig::from_pem_file(&chain, &key).await;
    let config =
        config.map_err(|error| format!("cannot use {} and {} for TLS: {error}", chain.display(), key.display()))?;
    Ok(Certificate { config, chain, key })
}

async fn save_at_intervals(snapshot: Snapshot) {
    loop {
        tokio::time::sleep(snapshot.interval).await;
        let snapshot = snapshot.clone();
        let saved = tokio::task::spawn_blocking(move || save(&snapshot)).await;
        if let Ok(Err(problem)) = saved {
            tracing::error!("{problem}");
        }
    }
}

/// One at a time: an aborted interval may still be writing when the last one is due.
fn save(snapshot: &Snapshot) -> Result<(), String> {
    static WRITING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _writing = WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let written = snapshot.store.write_snapshot(&snapshot.path);
    let written = written.map_err(|error| format!("the snapshot was not written: {error}"))?;
    tracing::info!(entries = written.entries, bytes = written.bytes, "snapshot written");
    Ok(())
}
