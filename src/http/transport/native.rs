//! Requests with reqwest, on tokio.

use std::hash::BuildHasher;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::redirect::Policy;

use super::{Head, Opened, Request, TransportError};
use crate::error::{CacheError, Result};

/// A pool of connections.
#[derive(Clone)]
pub(in crate::http) struct NativeTransport {
    client: reqwest::Client,
}

impl NativeTransport {
    pub(in crate::http) fn new() -> Result<Self> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // rustls needs one provider per process. This fails if the application has installed its own, which is
            // fine.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        // Following a redirect would send the token elsewhere.
        let client = reqwest::Client::builder().redirect(Policy::none()).tcp_nodelay(true).build();
        let client = client.map_err(|error| CacheError::Connection(described(&error)))?;
        Ok(Self { client })
    }

    /// Sends a request, and returns when the head of the response has arrived.
    pub(in crate::http) async fn open(&self, request: Request) -> Result<Opened, TransportError> {
        let mut builder = match request.body {
            Some(body) => self.client.post(&request.url).body(body),
            None => self.client.get(&request.url),
        };
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let response = builder.send().await.map_err(|error| failed(&error))?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let head = Head::new(response.status().as_u16(), header);
        Ok(Opened { head, body: NativeBody { parts: response.bytes_stream().boxed() } })
    }
}

/// The body of a response, in parts.
pub(in crate::http) struct NativeBody {
    parts: BoxStream<'static, reqwest::Result<Bytes>>,
}

impl NativeBody {
    /// The next part; `None` at the end.
    pub(in crate::http) async fn next(&mut self) -> Option<Result<Bytes, TransportError>> {
        let part = self.parts.next().await?;
        Some(part.map_err(|error| failed(&error)))
    }
}

fn failed(error: &reqwest::Error) -> TransportError {
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent(described(error))
    } else {
        TransportError::Broken(described(error))
    }
}

/// The innermost cause, without the URL.
fn described(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}

/// Sleeps.
pub(in crate::http) async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

/// A random number from 0 (inclusive) to 1 (exclusive).
pub(in crate::http) fn random() -> f64 {
    let draw = foldhash::fast::RandomState::default().hash_one(());
    f64::from(u32::try_from(draw >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
}

/// Runs a task in the background.
pub(in crate::http) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => {
            runtime.spawn(task);
            Ok(())
        }
        Err(_) => Err(CacheError::Connection(
            "HttpCacheProvider was called outside a tokio runtime: call it from within one".into(),
        )),
    }
}

/// Yields, so that all callers that are ready can issue their operations first.
pub(in crate::http) async fn next_tick() {
    tokio::task::yield_now().await;
}
