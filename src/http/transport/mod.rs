//! Sends a request: `fetch` in wasm, reqwest natively.

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod fetch;
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod native;

use std::time::Duration;

use isocache_protocol::headers::{EXTENSIONS, POSITION};

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub(crate) use fetch::sleep;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub(super) use fetch::{FetchBody as PlatformBody, FetchTransport as PlatformTransport, next_tick, random, spawn};
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub(super) use native::{
    NativeBody as PlatformBody, NativeTransport as PlatformTransport, next_tick, random, sleep, spawn,
};

/// A request.
pub(super) struct Request {
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    /// The body of a POST; without one, it is a GET.
    pub(super) body: Option<Vec<u8>>,
}

/// A response without its body.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub(super) status: u16,
    /// The header `Retry-After`, if it is a number of seconds.
    pub(super) retry_after: Option<Duration>,
    /// The header that lists the extensions of the server.
    pub(super) extensions: Option<String>,
    /// The header with a position in the changes of the store.
    pub(super) position: Option<String>,
    pub(super) content_type: Option<String>,
}

impl Head {
    fn new(status: u16, header: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            status,
            retry_after: header("retry-after").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs),
            extensions: header(EXTENSIONS),
            position: header(POSITION),
            content_type: header("content-type"),
        }
    }
}

/// A response whose body is still arriving. Dropping it ends the request.
pub(super) struct Opened {
    pub(super) head: Head,
    pub(super) body: PlatformBody,
}

/// A response.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
}

impl Opened {
    /// Reads the body, up to a limit on its size in bytes.
    pub(super) async fn read(mut self, max_bytes: usize) -> Result<Response, TransportError> {
        let mut body = Vec::new();
        while let Some(part) = self.body.next().await {
            let part = part?;
            if body.len() + part.len() > max_bytes {
                return Err(TransportError::TooLong);
            }
            body.extend_from_slice(&part);
        }
        Ok(Response { head: self.head, body })
    }
}

/// Why there is no response.
#[derive(Debug)]
pub(super) enum TransportError {
    /// The request did not reach the server.
    NotSent(String),
    /// The connection broke, and it is not known whether the server has executed the request.
    Broken(String),
    /// The response body is larger than the limit.
    TooLong,
}

impl TransportError {
    /// The reason, as text.
    pub(super) fn reason(self) -> String {
        match self {
            Self::NotSent(reason) | Self::Broken(reason) => reason,
            Self::TooLong => "the response is too long".into(),
        }
    }
}
