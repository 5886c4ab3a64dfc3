//! Signals that end the process or reload the configuration.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::cli::Serve;
use super::server::{Bridge, Phase};
use super::{certificate, server_policy};

/// The signals that the process handles from now on.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// How the process ends.
pub(super) struct Shutdown {
    pub(super) handle: Handle<SocketAddr>,
    pub(super) phase: watch::Sender<Phase>,
    /// How long the port stays open while `/readyz` returns 503.
    pub(super) delay: Duration,
    /// How long requests in progress may take after that.
    pub(super) drain: Duration,
}

/// What SIGHUP needs to read the configuration again.
pub(super) struct Reload {
    pub(super) arguments: Serve,
    pub(super) bridge: Arc<Bridge>,
    /// The current settings that only a restart changes.
    pub(super) fixed: Vec<(&'static str, String)>,
    pub(super) certificate: Option<RustlsConfig>,
}

impl Signals {
    /// # Errors
    /// If the system does not deliver signals.
    pub(super) fn listen() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Handles the signals in the background.
    pub(super) fn handle(self, reload: Reload, shutdown: Shutdown) {
        let Self { mut terminate, mut interrupt, mut hangup } = self;
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                match reload.run().await {
                    Ok(()) => {}
                    Err(problem) => tracing::error!("SIGHUP: the configuration stays as it was: {problem}"),
                }
            }
        });
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            tokio::select! {
                () = shutdown.gracefully() => {}
                () = either(&mut terminate, &mut interrupt) => {}
            }
            shutdown.phase.send_replace(Phase::Ending);
            shutdown.handle.shutdown();
        });
    }
}

impl Shutdown {
    async fn gracefully(&self) {
        self.phase.send_replace(Phase::Leaving);
        if !self.delay.is_zero() {
            tracing::info!("shutting down: /readyz returns 503, and the port closes in {:?}", self.delay);
            tokio::time::sleep(self.delay).await;
        }
        tracing::info!("shutting down: waiting for requests in progress");
        self.phase.send_replace(Phase::Ending);
        self.handle.graceful_shutdown(Some(self.drain));
        // A second signal ends the wait.
        std::future::pending::<()>().await;
    }
}

impl Reload {
    /// Reads the configuration again. Replaces the whole policy or nothing.
    async fn run(&self) -> Result<(), String> {
        if self.arguments.config.is_none() {
            tracing::info!("SIGHUP: there is no configuration file to read again");
            return Ok(());
        }
        let mut settings = server_policy::settings(&self.arguments)?;
        let (fixed, tls) = (server_policy::fixed(&settings), settings.tls.clone());
        let policy = server_policy::policy(&mut settings)?;
        if let (Some(config), Some(tls)) = (&self.certificate, &tls) {
            certificate::reload(config, tls).await?;
        }
        self.bridge.replace_policy(policy);
        tracing::info!("SIGHUP: configuration reloaded");
        for ((name, new), (_, old)) in fixed.iter().zip(&self.fixed) {
            if new != old {
                tracing::warn!("SIGHUP: {name} has changed, which takes a restart");
            }
        }
        Ok(())
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
