//! One cache for browser tabs, edge workers, Node, Deno, Bun and native Rust services.
//!
//! [`CacheProvider`] is the interface, and [`MemoryCacheProvider`] the in-process cache. Everything also compiles to
//! `wasm32-unknown-unknown`, unless noted otherwise:
//!
//! | feature | what it adds |
//! |---|---|
//! | `macros` | the attribute `#[cached]`; on by default |
//! | `tokio` | background loads and time limits; on by default |
//! | `serde` | values as bytes: `Serializer`, `Typed`, `default_cache`; implied by `macros`, `redis`, `http` and `js` |
//! | `key-of` | `key_of`, a key made from any arguments; implied by `macros` |
//! | `msgpack` | `MessagePackSerializer` |
//! | `sessions` | `SessionStore` |
//! | `tower` | `RateLimitLayer`, a rate limiter as a layer of tower |
//! | `metrics`, `tracing` | reports of cached functions and tiered caches through the facades of these names |
//! | `redis` | `RedisCacheProvider`: Redis, Redis Cluster and Sentinel, on tokio |
//! | `http` | `HttpCacheProvider`: a cache through the bridge, for code that cannot open a socket; also in wasm |
//! | `js` | `JsCacheProvider`: a cache shared with JavaScript; only on wasm32-unknown-unknown |
//!
//! ```
//! use isocache::{CacheProvider, MemoryCacheProvider};
//! use std::time::Duration;
//!
//! # pollster::block_on(async {
//! let cache = MemoryCacheProvider::builder().max_entries(10_000).build()?;
//! cache.set("user:1", "Ada".to_string(), Some(Duration::from_secs(300))).await?;
//! assert_eq!(cache.get("user:1").await?.as_deref(), Some("Ada"));
//! assert_eq!(cache.clear_pattern("user:*").await?, 1);
//! # Ok::<(), isocache::CacheError>(()) }).unwrap();
//! ```

#![forbid(unsafe_code)]
// On docs.rs, each item shows which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(feature = "redis", target_arch = "wasm32", not(docsrs)))]
compile_error!("isocache: the feature `redis` opens sockets, which wasm32 cannot: leave it out for this target");

pub mod engine;

/// Runs the examples of the attribute.
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../crates/macros/src/cached.md")]
struct CachedAttribute;

#[doc(hidden)]
#[path = "bridge_support.rs"]
pub mod __bridge;
/// For the tests of coherence.
#[doc(hidden)]
pub mod __coherence {
    pub use crate::tiered::Planted;
}
#[cfg(feature = "macros")]
#[doc(hidden)]
#[path = "private/mod.rs"]
pub mod __private;
mod clock;
#[cfg(feature = "serde")]
mod envelope;
mod error;
mod glob;
#[cfg(feature = "http")]
mod http;
mod invalidator;
#[cfg(all(feature = "js", target_arch = "wasm32", target_os = "unknown"))]
mod js;
mod key;
mod limiter;
mod load;
mod memory;
mod provider;
#[cfg(all(feature = "redis", not(target_arch = "wasm32")))]
mod redis;
#[cfg(any(all(feature = "redis", not(target_arch = "wasm32")), feature = "http"))]
mod remote;
mod runtime;
#[cfg(feature = "serde")]
mod serializer;
#[cfg(feature = "sessions")]
mod sessions;
mod stats;
mod tags;
mod tiered;
#[cfg(feature = "tower")]
mod tower;
mod ttl;

#[cfg(all(feature = "redis", not(target_arch = "wasm32")))]
pub use self::redis::{RedisCacheBuilder, RedisCacheProvider, RedisCredentials, RedisInvalidations};
pub use clock::{Clock, ManualClock, SystemClock, UnixClock};
pub use engine::{Estimate, Policy, RemovalReason};
#[cfg(feature = "serde")]
pub use envelope::Envelope;
pub use error::{CacheError, Result};
pub use glob::Glob;
#[cfg(feature = "http")]
pub use http::{HttpCacheBuilder, HttpCacheProvider, HttpInvalidations};
pub use invalidator::{CacheInvalidator, EntityInvalidator, EntityName, Invalidated, InvalidationError, Written};
#[cfg(feature = "macros")]
#[doc(inline)]
pub use isocache_macros::cached;
#[cfg(all(feature = "js", target_arch = "wasm32", target_os = "unknown"))]
pub use js::{JsCacheProvider, JsValueSerializer};
pub use key::patterns as keys;
pub use key::{Displayed, GlobPart, KeyPart, KeyPattern, MAX_KEY_BYTES};
#[cfg(feature = "key-of")]
pub use key::{SortedSet, glob_of, key_of, sorted_set};
pub use limiter::{OnStoreError, RateLimit, RateLimiter, RateLimiterStats};
pub use load::{
    CacheAside, Kept, LeaseProvider, LoadError, LoadOptions, LoadStats, Loaded, Loading, Lookup, Monitor, NewEntry,
    OnError, Report, SingleFlight, StorePermit, Storing, WriteGuard,
};
pub use memory::{Count, DumpedEntry, MemoryCache, MemoryCacheBuilder, MemoryCacheProvider, OnOversize};
pub use provider::{
    AtomicProvider, BoundedIncrement, BoxFuture, CacheProvider, CounterProvider, DynCacheProvider, Keys, KeysProvider,
    MaybeSend, TouchProvider, WithTtl,
};
#[cfg(feature = "serde")]
pub use provider::{Typed, default_cache, set_default_cache};
pub use runtime::Runtime;
#[cfg(feature = "msgpack")]
pub use serializer::MessagePackSerializer;
#[cfg(feature = "serde")]
pub use serializer::{BytesSerializer, JsonSerializer, Serializer, TextSerializer};
#[cfg(feature = "sessions")]
pub use sessions::{SessionStore, SessionToken, UserSession};
pub use stats::CacheStats;
pub use tags::{Tagged, TaggedEntry, TaggedView};
pub use tiered::{
    Announce, Invalidation, InvalidationChannel, InvalidationSource, LinkState, Position, ServeSuspect, TierStats,
    TieredCacheBuilder, TieredCacheProvider,
};
#[cfg(feature = "tower")]
pub use tower::{RateLimitLayer, RateLimitService};
pub use ttl::{MAX_TTL_MS, Ttl};
