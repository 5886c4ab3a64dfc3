//! The return types of cached functions. The type decides, not its spelling: an alias of a `Result` is treated as one.

use std::convert::Infallible;
use std::marker::PhantomData;

use super::errors::Probe;

/// How a return value is split into a value to store, `None` or an error.
pub trait Shape {
    type Returned;
    type Value;
    type Error;
    /// Whether the type can express a missing value.
    const IS_OPTIONAL: bool;
    fn split(returned: Self::Returned) -> Result<Option<Self::Value>, Self::Error>;
    /// Builds the result; `None` if the value is missing and the type cannot express that.
    fn join(outcome: Result<Option<Self::Value>, Self::Error>) -> Option<Self::Returned>;
}

/// Returns the value.
pub struct Plain<T>(PhantomData<fn() -> T>);
/// Returns the value or nothing.
pub struct Optional<T>(PhantomData<fn() -> T>);
/// Returns the value or an error.
pub struct Fallible<T, E>(PhantomData<fn() -> (T, E)>);
/// Returns the value, nothing or an error.
pub struct FallibleOptional<T, E>(PhantomData<fn() -> (T, E)>);

impl<T> Shape for Plain<T> {
    type Returned = T;
    type Value = T;
    type Error = Infallible;
    const IS_OPTIONAL: bool = false;
    fn split(returned: T) -> Result<Option<T>, Infallible> {
        Ok(Some(returned))
    }
    fn join(outcome: Result<Option<T>, Infallible>) -> Option<T> {
        match outcome {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }
}

impl<T> Shape for Optional<T> {
    type Returned = Option<T>;
    type Value = T;
    type Error = Infallible;
    const IS_OPTIONAL: bool = true;
    fn split(returned: Option<T>) -> Result<Option<T>, Infallible> {
        Ok(returned)
    }
    fn join(outcome: Result<Option<T>, Infallible>) -> Option<Option<T>> {
        match outcome {
            Ok(value) => Some(value),
            Err(never) => match never {},
        }
    }
}

impl<T, E> Shape for Fallible<T, E> {
    type Returned = Result<T, E>;
    type Value = T;
    type Error = E;
    const IS_OPTIONAL: bool = false;
    fn split(returned: Result<T, E>) -> Result<Option<T>, E> {
        returned.map(Some)
    }
    fn join(outcome: Result<Option<T>, E>) -> Option<Result<T, E>> {
        outcome.transpose()
    }
}

impl<T, E> Shape for FallibleOptional<T, E> {
    type Returned = Result<Option<T>, E>;
    type Value = T;
    type Error = E;
    const IS_OPTIONAL: bool = true;
    fn split(returned: Result<Option<T>, E>) -> Result<Option<T>, E> {
        returned
    }
    fn join(outcome: Result<Option<T>, E>) -> Option<Result<Option<T>, E>> {
        Some(outcome)
    }
}

/// Selects the shape of a return type: on `&&&Returns<R>`, the compiler finds the trait method for the type with the
/// most references first, so that the most specific shape wins.
pub struct Returns<R>(PhantomData<fn() -> R>);

impl<R> Returns<R> {
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R> Default for Returns<R> {
    fn default() -> Self {
        Self::new()
    }
}

pub trait ReturnsFallibleOptional<T, E> {
    fn isocache_shape(&self) -> FallibleOptional<T, E> {
        FallibleOptional(PhantomData)
    }
}
impl<T, E> ReturnsFallibleOptional<T, E> for &&Returns<Result<Option<T>, E>> {}

pub trait ReturnsWrapped {
    type Shape;
    fn isocache_shape(&self) -> Self::Shape;
}
impl<T, E> ReturnsWrapped for &Returns<Result<T, E>> {
    type Shape = Fallible<T, E>;
    fn isocache_shape(&self) -> Fallible<T, E> {
        Fallible(PhantomData)
    }
}
impl<T> ReturnsWrapped for &Returns<Option<T>> {
    type Shape = Optional<T>;
    fn isocache_shape(&self) -> Optional<T> {
        Optional(PhantomData)
    }
}

pub trait ReturnsPlain<R> {
    fn isocache_shape(&self) -> Plain<R> {
        Plain(PhantomData)
    }
}
impl<R> ReturnsPlain<R> for Returns<R> {}

/// With `cache_none`, `None` is a value.
pub trait KeepsNoneFallible<T, E> {
    fn isocache_shape_with_none(&self) -> Fallible<T, E> {
        Fallible(PhantomData)
    }
}
impl<T, E> KeepsNoneFallible<T, E> for &Returns<Result<T, E>> {}

pub trait KeepsNonePlain<R> {
    fn isocache_shape_with_none(&self) -> Plain<R> {
        Plain(PhantomData)
    }
}
impl<R> KeepsNonePlain<R> for Returns<R> {}

/// A return type that supports `cache_none`.
#[diagnostic::on_unimplemented(
    message = "`cache_none` is for functions that return an `Option`, or a `Result` of one",
    label = "`{Self}` is neither"
)]
pub trait HasNone {}
impl<T> HasNone for Option<T> {}
impl<T, E> HasNone for Result<Option<T>, E> {}

pub fn check_cache_none<R: HasNone>() {}

/// The return type has at most one kind of `None`.
pub struct OneNone;
/// The return type has a `None` within a `Some`. Serializers write both alike.
pub struct NestedNones;

/// Selects `NestedNones` for a nested `Option`, as `Returns` selects a shape.
pub trait HasNestedNones {
    fn isocache_nones(&self) -> NestedNones {
        NestedNones
    }
}
impl<T> HasNestedNones for &Returns<Option<Option<T>>> {}
impl<T, E> HasNestedNones for &Returns<Result<Option<Option<T>>, E>> {}

/// Selects `OneNone` for every other type.
pub trait HasOneNone {
    fn isocache_nones(&self) -> OneNone {
        OneNone
    }
}
impl<R> HasOneNone for Returns<R> {}

/// A stored `None` can only mean one thing.
#[diagnostic::on_unimplemented(
    message = "`cache_none` is not for an `Option<Option<_>>`: `None` and `Some(None)` are stored alike",
    label = "has two kinds of `None`",
    note = "remove `cache_none`: then `Some(None)` is stored and `None` is not. Or return an enum of your own"
)]
pub trait IsUnambiguous {}
impl IsUnambiguous for OneNone {}

pub fn check_nones<N: IsUnambiguous>(_: &N) {}

/// The error type of a shape, to detect its traits.
pub fn error_of<S: Shape>(_: &S) -> Probe<S::Error> {
    Probe::new()
}
