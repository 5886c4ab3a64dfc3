//! [`RedisCacheProvider`]: a real Redis behind [`CacheProvider`](crate::CacheProvider).
//!
//! | file | what it does |
//! |---|---|
//! | `url` | where the servers are: one URL for each kind |
//! | `builder` | the options, and their limits |
//! | `connection` | one open connection to a server or a cluster |
//! | `link` | keeps one connection open, and gives every wait a limit |
//! | `errors` | what Redis says, as [`CacheError`](crate::CacheError) |
//! | `client` | the commands, on bytes |
//! | `clear` | deleting by pattern |
//! | `provider` | values, keys, counts |

// `clear`, `client` and `link` are public for the bridge alone.
mod builder;
#[allow(clippy::missing_errors_doc)]
pub(crate) mod clear;
pub(crate) mod client;
mod connection;
mod errors;
#[allow(clippy::missing_errors_doc, clippy::return_self_not_must_use)]
pub(crate) mod link;
mod provider;
mod url;

pub use builder::RedisCacheBuilder;
pub use provider::RedisCacheProvider;
