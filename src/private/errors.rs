//! The errors of cached functions, and the handling of cache errors.

use std::marker::PhantomData;

use crate::CacheError;

/// How callers that share a load get its error.
pub trait Sharing<E> {
    type SharedError: Send + Sync + 'static;
    fn share(error: &E) -> Self::SharedError;
    fn take(shared: &Self::SharedError) -> Option<E>;
}

/// They get clones.
pub struct Clones;
/// They do not share it: each caller runs its own load.
pub struct Apart;

impl<E: Clone + Send + Sync + 'static> Sharing<E> for Clones {
    type SharedError = E;
    fn share(error: &E) -> E {
        error.clone()
    }
    fn take(shared: &E) -> Option<E> {
        Some(shared.clone())
    }
}

impl<E> Sharing<E> for Apart {
    type SharedError = ();
    fn share(_: &E) {}
    fn take((): &()) -> Option<E> {
        None
    }
}

/// Detects the traits of an error type. The methods of [`ProbeClone`] and [`ProbeFrom`] on the type itself are chosen
/// if its bounds are met; otherwise the compiler falls back to the methods on its reference, because it prefers a
/// method that needs no reference.
pub struct Probe<E>(PhantomData<fn() -> E>);

impl<E> Probe<E> {
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> Default for Probe<E> {
    fn default() -> Self {
        Self::new()
    }
}

pub trait ProbeClone<E> {
    fn isocache_sharing(&self) -> Clones {
        Clones
    }
}
impl<E: Clone + Send + Sync + 'static> ProbeClone<E> for Probe<E> {}

pub trait ProbeNoClone<E> {
    fn isocache_sharing(&self) -> Apart {
        Apart
    }
}
impl<E> ProbeNoClone<E> for &Probe<E> {}

pub trait ProbeFrom<E> {
    fn isocache_converter(&self) -> Converter<E>;
}
impl<E: From<CacheError>> ProbeFrom<E> for Probe<E> {
    fn isocache_converter(&self) -> Converter<E> {
        converter(self)
    }
}

pub trait ProbeNoFrom<E> {
    fn isocache_converter(&self) -> Converter<E> {
        None
    }
}
impl<E> ProbeNoFrom<E> for &Probe<E> {}

/// Converts a cache error to the function's error type, if possible.
pub type Converter<E> = Option<fn(CacheError) -> E>;

/// An error type that implements `From<CacheError>`.
#[diagnostic::on_unimplemented(
    message = "with `timeout` or `on_error = propagate`, a call may return an error of the cache, which cannot be converted to `{Self}`",
    label = "`{Self}` does not implement `From<isocache::CacheError>`",
    note = "return a `Result` whose error implements `From<isocache::CacheError>`, or remove the option",
    note = "`Infallible` is the error type of a function that does not return a `Result`"
)]
pub trait OfCache: Sized {
    fn of_cache(error: CacheError) -> Self;
}
#[diagnostic::do_not_recommend]
impl<E: From<CacheError>> OfCache for E {
    fn of_cache(error: CacheError) -> E {
        E::from(error)
    }
}

#[must_use]
pub fn converter<E: OfCache>(_: &Probe<E>) -> Converter<E> {
    Some(E::of_cache)
}

/// How cache errors are handled.
pub struct Policy<E> {
    pub convert: Converter<E>,
    pub propagate: bool,
}
