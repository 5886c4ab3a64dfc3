//! The functions that expanded `#[cached]` code calls. Not a public interface: it may change without notice.

#![allow(missing_docs)]

mod call;
mod errors;
mod key;
mod options;
mod provider;
mod shape;

pub use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

pub use crate::{
    CacheError, CacheProvider, KeyPart, LoadOptions, LoadStats, MemoryCache, Monitor, OnError, Typed, default_cache,
    glob_of, key_of,
};
pub use call::{call, call_in_background, call_sync, call_tagged};
pub use errors::{
    Apart, Clones, Converter, Policy, Probe, ProbeClone, ProbeFrom, ProbeNoClone, ProbeNoFrom, Sharing, converter,
};
pub use key::{IntoKey, Keyed, KeyedSet, KeyedValue, append, argument, glob_of_pattern, key_from};
pub use options::Options;
pub use provider::{
    AsMemory, AsProvider, Memories, Storable, clear, clear_sync, default_provider, default_provider_of_generic,
    invalidate, invalidate_sync, len_sync, memory, peek, peek_sync, provider_for, tagged,
};
pub use shape::{
    HasNestedNones, HasNone, HasOneNone, KeepsNoneFallible, KeepsNonePlain, Returns, ReturnsFallibleOptional,
    ReturnsPlain, ReturnsWrapped, Shape, check_cache_none, check_nones, error_of,
};

/// Declares the companion type of a function. An attribute cannot see whether its function is in an `impl` or a trait,
/// where the compiler refuses a type. Its error contains the name of this macro, which is the remedy.
#[doc(hidden)]
#[macro_export]
macro_rules! in_an_impl_write_cached_with_the_option_in_impl {
    ($(#[$attribute:meta])* $vis:vis $name:ident $($implementations:tt)*) => {
        $(#[$attribute])*
        $vis struct $name {}
        $($implementations)*
    };
}
pub use in_an_impl_write_cached_with_the_option_in_impl;

/// An argument that is moved into a background load.
#[diagnostic::on_unimplemented(
    message = "a background load may outlive the call and cannot borrow from it, and `{Self}` is not `Clone`",
    label = "cannot be cloned for the load",
    note = "pass the argument by value, pass an `Arc` or another handle that is `Clone`, or derive `Clone` for its type"
)]
pub trait Taken {
    type Owned: 'static;
    fn taken(&self) -> Self::Owned;
}

#[diagnostic::do_not_recommend]
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

/// The monitor of a function.
#[must_use]
pub fn monitor(name: &str, key_pattern: Option<&str>) -> Arc<Monitor> {
    let monitor = Monitor::new(name);
    Arc::new(match key_pattern {
        Some(pattern) => monitor.key_pattern(pattern),
        None => monitor,
    })
}
