//! [`RedisCacheProvider`]: Redis as a [`CacheProvider`](crate::CacheProvider).
//!
//! | file | contents |
//! |---|---|
//! | `url` | URLs of servers, clusters and Sentinels |
//! | `builder` | the options and their limits |
//! | `credentials` | credentials that may change |
//! | `connection` | one connection, reopened when it breaks, with a limit for every wait |
//! | `open_connection` | one open connection to a server or a cluster |
//! | `cluster` | redirections in a cluster |
//! | `cluster_split` | commands on keys of several nodes |
//! | `error` | the errors of Redis as [`CacheError`](crate::CacheError) |
//! | `client` | the operations of a store, on bytes |
//! | `counters` | incrementing |
//! | `commands`, `replies` | writing commands, and reading replies |
//! | `scan` | listing keys |
//! | `clear_pattern` | deletion by pattern |
//! | `tracking` | announcements of changed keys by one server |
//! | `observe` | announcements of all servers, and whether they are complete |
//! | `invalidations` | the source of announcements for a tiered cache |
//! | `provider` | values, keys and counts |

// `clear_pattern`, `client`, `connection`, `observe` and `tracking` are public for the bridge alone.
mod builder;
#[allow(clippy::missing_errors_doc)]
pub(crate) mod clear_pattern;
pub(crate) mod client;
mod cluster;
mod cluster_split;
mod commands;
#[allow(clippy::missing_errors_doc, clippy::return_self_not_must_use)]
pub(crate) mod connection;
mod counters;
mod credentials;
mod error;
mod invalidations;
#[allow(clippy::missing_errors_doc)]
pub(crate) mod observe;
mod open_connection;
mod provider;
mod replies;
mod scan;
mod sentinels;
#[allow(clippy::missing_errors_doc)]
pub(crate) mod tracking;
mod url;

pub use builder::RedisCacheBuilder;
pub use credentials::RedisCredentials;
pub use invalidations::RedisInvalidations;
pub use provider::RedisCacheProvider;
