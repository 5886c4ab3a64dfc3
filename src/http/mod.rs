//! The cache over HTTP: [`HttpCacheProvider`], for code that cannot open a socket, and the [`protocol`] that it speaks.
//!
//! | file | what it does |
//! |---|---|
//! | `protocol/` | commands and replies as bytes; the bridge has it too |
//! | `transport/` | sends a request: `fetch` in wasm, reqwest natively |
//! | `builder` | the options, and their limits |
//! | `breaker` | does without a server that is away |
//! | `session` | one exchange with the server: encoding, token, retries, the time limit |
//! | `batch` | what is asked in one turn travels together |
//! | `store` | the commands of the provider |
//! | `provider` | [`HttpCacheProvider`] |

#[cfg(feature = "http")]
mod batch;
#[cfg(feature = "http")]
mod breaker;
#[cfg(feature = "http")]
mod builder;
pub mod protocol;
#[cfg(feature = "http")]
mod provider;
#[cfg(feature = "http")]
mod session;
#[cfg(feature = "http")]
mod store;
#[cfg(feature = "http")]
mod transport;

#[cfg(all(feature = "http", target_arch = "wasm32", target_os = "unknown"))]
pub(crate) use transport::sleep;

#[cfg(feature = "http")]
pub use builder::HttpCacheBuilder;
#[cfg(feature = "http")]
pub use provider::HttpCacheProvider;
