//! What the expansion of `#[cached]` calls. Not for other code: it changes without notice.

#![allow(missing_docs)]

mod call;
mod errors;
mod key;
mod options;
mod provider;
mod shape;

pub use std::sync::{Arc, LazyLock};
use std::time::Duration;

pub use crate::{
    CacheError, CacheProvider, KeyPart, LoadOptions, LoadStats, MemoryCache, Monitor, OnError, Typed, default_cache,
    key_of,
};
pub use call::{call, call_behind, call_sync};
pub use errors::{
    Apart, Clones, Converter, Policy, Probe, ProbeClone, ProbeFrom, ProbeNoClone, ProbeNoFrom, Sharing, converter,
};
pub use key::{IntoKey, append, key_from, keyed};
pub use options::Options;
pub use provider::{AsMemory, AsProvider, default_provider, invalidate, invalidate_default, invalidate_sync};
pub use shape::{Fallible, FallibleOptional, Optional, Plain, Shape};

/// An argument that a load behind its caller takes along.
#[diagnostic::on_unimplemented(
    message = "with `stale` or `early`, the load may run longer than the call, and cannot take `&{Self}` along",
    label = "cannot be cloned for the load",
    note = "take the argument by value, as an `Arc` or another handle that is `Clone`, or derive `Clone` for it"
)]
pub trait Taken {
    type Owned: 'static;
    fn taken(&self) -> Self::Owned;
}

impl<T: ToOwned<Owned: 'static> + ?Sized> Taken for T {
    type Owned = T::Owned;
    fn taken(&self) -> T::Owned {
        self.to_owned()
    }
}

#[must_use]
pub fn duration(duration: Duration) -> Duration {
    duration
}

/// A monitor of that name.
#[must_use]
pub fn monitor(name: &'static str) -> Arc<Monitor> {
    Arc::new(Monitor::new(name))
}
