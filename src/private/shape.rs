//! What functions return.

use std::convert::Infallible;

/// How what a function returns is made of a value to keep, nothing, or an error.
pub trait Shape<R> {
    type Value;
    type Error;
    /// Whether there is a way to say that there is nothing.
    const IS_OPTIONAL: bool;
    fn split(returned: R) -> Result<Option<Self::Value>, Self::Error>;
    /// `None` where the function has no way to say that there is nothing.
    fn join(outcome: Result<Option<Self::Value>, Self::Error>) -> Option<R>;
}

/// Returns the value.
pub struct Plain;
/// Returns the value or nothing.
pub struct Optional;
/// Returns the value or an error.
pub struct Fallible;
/// Returns the value, nothing or an error.
pub struct FallibleOptional;

impl<T> Shape<T> for Plain {
    const IS_OPTIONAL: bool = false;
    type Value = T;
    type Error = Infallible;
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

impl<T> Shape<Option<T>> for Optional {
    const IS_OPTIONAL: bool = true;
    type Value = T;
    type Error = Infallible;
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

impl<T, E> Shape<Result<T, E>> for Fallible {
    const IS_OPTIONAL: bool = false;
    type Value = T;
    type Error = E;
    fn split(returned: Result<T, E>) -> Result<Option<T>, E> {
        returned.map(Some)
    }
    fn join(outcome: Result<Option<T>, E>) -> Option<Result<T, E>> {
        outcome.transpose()
    }
}

impl<T, E> Shape<Result<Option<T>, E>> for FallibleOptional {
    const IS_OPTIONAL: bool = true;
    type Value = T;
    type Error = E;
    fn split(returned: Result<Option<T>, E>) -> Result<Option<T>, E> {
        returned
    }
    fn join(outcome: Result<Option<T>, E>) -> Option<Result<Option<T>, E>> {
        Some(outcome)
    }
}
