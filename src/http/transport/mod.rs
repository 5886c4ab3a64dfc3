//! Sends a request: `fetch` in wasm, reqwest natively.

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod fetch;
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod native;

use std::time::Duration;

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub(crate) use fetch::sleep;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub(super) use fetch::{FetchTransport as PlatformTransport, next_tick, random, spawn};
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub(super) use native::{NativeTransport as PlatformTransport, next_tick, random, sleep, spawn};

/// A request; always a POST.
pub(super) struct Request {
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// The limit on the size of the response body, in bytes.
    pub(super) max_bytes: usize,
}

/// A response.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    /// The header `Retry-After`, if it is a number of seconds.
    pub(super) retry_after: Option<Duration>,
    /// The header that lists the extensions of the server.
    pub(super) extensions: Option<String>,
    pub(super) body: Vec<u8>,
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
