//! `isocache serve`: starts the server, runs it, and shuts it down.

use std::convert::Infallible;
use std::io::IsTerminal;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum_server::Handle;
use isocache::{Clock, UnixClock};
use isocache_protocol::headers::CONTENT_TYPE_SSE;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tower::make::Shared;
use tower::{ServiceBuilder, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionBody, CompressionLayer};
use tracing_subscriber::EnvFilter;

use super::cli::{LogFormat, Serve};
use super::connections::Connections;
use super::keep_alive::KeepAlive;
use super::open_store::Snapshot;
use super::server::{Bridge, Parts, Phase, StaticFiles};
use super::settings::Settings;
use super::signals::{Reload, Shutdown, Signals};
use super::timeouts::Timeouts;
use super::{certificate, open_store, server_policy};

/// Compressing smaller responses is not worth the work.
const COMPRESS_ABOVE_BYTES: u64 = 8 * 1024;

/// A server that is ready to run.
struct Ready {
    arguments: Serve,
    settings: Settings,
    bridge: Arc<Bridge>,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    snapshot: Option<Snapshot>,
    timeouts: Timeouts,
    phase: watch::Sender<Phase>,
}

/// Runs until a signal ends the process.
///
/// # Errors
/// The reason why it cannot run.
pub(super) fn main(arguments: Serve) -> Result<(), String> {
    log(arguments.log_format);
    let threads = arguments.threads.map(NonZeroUsize::get);
    let runtime = runtime(threads).enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start the runtime: {error}"))?;
    if arguments.check {
        return runtime.block_on(check(&arguments));
    }
    let ready = prepare(arguments)?;
    runtime.block_on(run(ready))
}

/// A single thread needs no work stealing.
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

/// `RUST_LOG` sets the level; it is `info` by default.
fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colour = std::io::stderr().is_terminal();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // If standard error is closed, an error about it would panic.
    let subscriber = subscriber.with_target(false).with_ansi(colour).log_internal_errors(false);
    match format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
}

/// `--check`: reads what `serve` would read, and changes nothing.
async fn check(arguments: &Serve) -> Result<(), String> {
    let mut settings = server_policy::settings(arguments)?;
    let tls = settings.tls.clone();
    let store = open_store::check(&settings, arguments).await;
    server_policy::policy(&mut settings)?;
    static_files(arguments)?;
    println!("configuration: ok");
    if let Some(tls) = tls {
        certificate::load(&tls).await?;
        println!("certificate: ok");
    }
    println!("store: ok ({})", store?);
    Ok(())
}

fn static_files(arguments: &Serve) -> Result<Option<StaticFiles>, String> {
    let folder = arguments.static_files.as_ref();
    folder.map(|folder| StaticFiles::new(folder, arguments.static_mount.clone())).transpose()
}

fn prepare(arguments: Serve) -> Result<Ready, String> {
    let mut settings = server_policy::settings(&arguments)?;
    let policy = server_policy::policy(&mut settings)?;
    let static_files = static_files(&arguments)?;
    let (store, snapshot) = open_store::open(&settings, &arguments)?;
    let clock: Arc<dyn Clock> = Arc::new(UnixClock);
    let (phase, watched) = watch::channel(Phase::Serving);
    let mut bridge = Bridge::new(Parts { store, policy, clock, phase: watched });
    bridge.static_files = static_files;
    bridge.announcements = settings.announcements.clone();
    bridge.snapshot_in_readyz = settings.store.snapshot_in_readyz;
    let metrics = settings.listen.metrics.map(listen).transpose()?;
    let server = &settings.server;
    let timeouts = Timeouts {
        connections: Connections::at_most(server.max_connections.get(), bridge.metrics.connections_refused()),
        head: server.head_timeout,
        write: server.write_timeout,
        keep_alive: server.keep_alive,
    };
    let listener = listen(settings.listen.address)?;
    Ok(Ready { arguments, bridge: Arc::new(bridge), listener, metrics, snapshot, timeouts, phase, settings })
}

fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    let failed = |error: std::io::Error| format!("cannot listen on {address}: {error}");
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

async fn run(ready: Ready) -> Result<(), String> {
    let Ready { arguments, settings, bridge, listener, metrics, snapshot, timeouts, phase } = ready;
    let failed = |error: std::io::Error| format!("the server failed: {error}");
    let address = listener.local_addr().map_err(failed)?;
    let handle = Handle::new();
    let saving = snapshot.clone().map(|snapshot| tokio::spawn(snapshot.save_at_intervals(bridge.metrics.clone())));
    if let Some(listener) = metrics {
        let app = Router::new().fallback(only_metrics).with_state(Arc::clone(&bridge));
        let address = listener.local_addr().map_err(failed)?;
        let server = axum_server::from_tcp(listener).map_err(failed)?.handle(handle.clone());
        // Metrics stay reachable when the other address has reached its limit of connections.
        let timeouts = Timeouts { connections: timeouts.connections.another(), ..timeouts.clone() };
        let server = timeouts.limit_heads(server.acceptor(KeepAlive::new(timeouts.clone(), &timeouts)));
        tokio::spawn(server.serve(app.into_make_service()));
        tracing::info!("metrics on http://{address}/metrics");
    }
    // Paths are commands and keys, so there is no router.
    let answering = Arc::clone(&bridge);
    let app = service_fn(move |request| {
        let bridge = Arc::clone(&answering);
        async move { Ok::<_, Infallible>(bridge.respond(request).await) }
    });
    let large = SizeAbove::new(COMPRESS_ABOVE_BYTES).and(NotForContentType::SSE).and(NotForContentType::IMAGES);
    let compression = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(large);
    let app = ServiceBuilder::new().map_response(without_compressor).layer(compression).service(app);
    let app = Shared::new(app);
    let certificate = match &settings.tls {
        Some(tls) => Some(certificate::load(tls).await?),
        None => None,
    };
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let metrics = bridge.metrics.clone();
    let reload = Reload { arguments, bridge, fixed: server_policy::fixed(&settings), certificate: certificate.clone() };
    let (delay, drain) = (settings.server.shutdown_delay, settings.server.drain_timeout);
    // Signals are handled from here on.
    Signals::listen()?.handle(reload, Shutdown { handle: handle.clone(), phase, delay, drain });
    // The process that starts the bridge may wait for this line.
    println!("isocache: listening on {scheme}://{address}");
    let served = if let Some(config) = certificate {
        let server = axum_server::from_tcp_rustls(listener, config).map_err(failed)?.handle(handle);
        let server = server.map(|tls| KeepAlive::new(tls.acceptor(timeouts.clone()), &timeouts));
        timeouts.limit_heads(server).serve(app).await
    } else {
        let server = axum_server::from_tcp(listener).map_err(failed)?.handle(handle);
        timeouts.limit_heads(server.acceptor(KeepAlive::new(timeouts.clone(), &timeouts))).serve(app).await
    };
    served.map_err(failed)?;
    if let Some(saving) = saving {
        saving.abort();
    }
    match snapshot {
        Some(snapshot) => {
            tokio::task::spawn_blocking(move || snapshot.save(&metrics)).await.map_err(|error| error.to_string())?
        }
        None => Ok(()),
    }
}

/// Drops the compressor of a stream, which is not compressed. It would take several KiB for each open stream.
fn without_compressor(response: Response<CompressionBody<Body>>) -> Response<Body> {
    let kind = response.headers().get(CONTENT_TYPE);
    let is_stream =
        kind.is_some_and(|kind| kind == CONTENT_TYPE_SSE) && !response.headers().contains_key(CONTENT_ENCODING);
    response.map(|body| if is_stream { body.into_inner() } else { Body::new(body) })
}

async fn only_metrics(State(bridge): State<Arc<Bridge>>) -> Response<Body> {
    bridge.metrics_response()
}
