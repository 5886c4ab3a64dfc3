//! The cache over HTTP: [`HttpCacheProvider`], for code that cannot open a socket. It speaks [`isocache_protocol`].
//!
//! | file | what it does |
//! |---|---|
//! | `transport/` | sends a request: `fetch` in wasm, reqwest natively |
//! | `builder` | the options, and their limits |
//! | `breaker` | stops requests to a server that is down |
//! | `session` | one exchange with the server: encoding, token, retries, the time limit |
//! | `batch` | sends the operations of one tick as one request |
//! | `errors` | all error messages |
//! | `origin` | the name by which the bridge recognizes a provider's own changes |
//! | `invalidations/` | [`HttpInvalidations`]: which keys have changed |
//! | `store` | the commands of the provider |
//! | `replies` | interprets their replies |
//! | `provider` | [`HttpCacheProvider`] |

mod batch;
mod breaker;
mod builder;
mod errors;
mod invalidations;
mod origin;
mod provider;
mod replies;
mod session;
mod store;
mod transport;

pub use builder::HttpCacheBuilder;
pub use invalidations::HttpInvalidations;
pub use provider::HttpCacheProvider;
