//! What the process does when it is sent a signal.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The files of a certificate, and where they are in use.
pub(super) struct Certificate {
    pub(super) config: RustlsConfig,
    pub(super) chain: PathBuf,
    pub(super) key: PathBuf,
}

/// The signals that are heard from now on.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// # Errors
    /// A sentence, if the system does not tell of signals.
    pub(super) fn listen() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|error| format!("signals cannot be waited for: {error}"));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Does what they say, in the background. On the first one that ends the process nothing new is accepted, and what is
    /// under way may finish for so long; subscriptions end. A second one does not wait. On SIGHUP the certificate is read
    /// again.
    pub(super) fn heed(
        self,
        certificate: Option<Certificate>,
        handle: Handle<SocketAddr>,
        drain: Duration,
        ending: watch::Sender<bool>,
    ) {
        let Self { mut terminate, mut interrupt, mut hangup } = self;
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                hung_up(certificate.as_ref()).await;
            }
        });
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            tracing::info!("ending: waiting for what is under way");
            ending.send_replace(true);
            handle.graceful_shutdown(Some(drain));
            either(&mut terminate, &mut interrupt).await;
            handle.shutdown();
        });
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

async fn hung_up(certificate: Option<&Certificate>) {
    let Some(Certificate { config, chain, key }) = certificate else {
        tracing::info!("SIGHUP: there is no certificate to read again, and nothing else is");
        return;
    };
    match config.reload_from_pem_file(chain, key).await {
        Ok(()) => tracing::info!("certificate read again"),
        Err(error) => tracing::error!("the certificate stays as it was: {error}"),
    }
}
