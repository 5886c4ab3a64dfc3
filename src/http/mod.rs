//! The cache over HTTP: [`HttpCacheProvider`], for code that cannot open a socket, which speaks [`isocache_protocol`].
//!
//! | file | what it does |
//! |---|---|
//! | `transport/` | sends a request: `fetch` in wasm, reqwest natively |
//! | `builder` | the options, and their limits |
//! | `breaker` | does without a server that is away |
//! | `session` | one exchange with the server: encoding, token, retries, the time limit |
//! | `batch` | what is asked in one turn travels together |
//! | `errors` | the texts of all errors |
//! | `store` | the commands of the provider |
//! | `provider` | [`HttpCacheProvider`] |

mod batch;
mod breaker;
mod builder;
mod errors;
mod provider;
mod session;
mod store;
mod transport;

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub(crate) use transport::sleep;

pub use builder::HttpCacheBuilder;
pub use provider::HttpCacheProvider;
