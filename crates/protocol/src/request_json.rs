//! Parses commands from JSON bodies: one command for `POST /`, several for `/pipeline` and `/multi-exec`.
//!
//! - A string is its UTF-8 bytes, also if it is empty or contains NUL. An unpaired surrogate is an error, since UTF-8
//!   cannot represent it.
//! - A number or a boolean is its text in the body: `1.0`, `1e21` and integers of any length are kept unchanged.
//! - `null` is an error, as in the service. The official client writes a `null` argument as the string `"null"`; it
//!   sends a bare `null` for `undefined` and `NaN`, which are mistakes of its caller.
//! - An array or an object as an argument is an error.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{ArgumentAt, Command, RequestError, RequestLimits, request_json_fast_path};

/// Parses the body of `POST /`.
///
/// ```
/// use isocache_protocol::{RequestError, RequestLimits, request_json};
///
/// let limits = RequestLimits::default();
/// let command = request_json::command(br#"["SET", "key", "value", "EX", 1.0e2]"#, &limits)?;
/// assert_eq!(command.arg(4), Some(&b"1.0e2"[..]));
/// assert_eq!(request_json::command(b"[]", &limits), Err(RequestError::EmptyCommand));
/// # Ok::<(), RequestError>(())
/// ```
///
/// # Errors
/// [`RequestError`], with the text of the response.
pub fn command(body: &[u8], limits: &RequestLimits) -> Result<Command, RequestError> {
    let body = std::str::from_utf8(body).map_err(|_| RequestError::MalformedCommand)?;
    request_json_fast_path::command(body, limits).map_or_else(|| command_by_parser(body, limits), Ok)
}

pub(super) fn command_by_parser(body: &str, limits: &RequestLimits) -> Result<Command, RequestError> {
    let mut refusal = None;
    let seed = OneCommand { index: None, limits, refusal: &mut refusal };
    let command = parse(body, seed).map_err(|_| refusal.unwrap_or(RequestError::MalformedCommand))?;
    if command.is_empty() { Err(RequestError::EmptyCommand) } else { Ok(command) }
}

/// Parses the body of `POST /pipeline`, with at least one command.
///
/// A command of the pipeline may be empty: the others still run, and its response is the error
/// [`RequestError::EmptyPipelineCommand`].
///
/// # Errors
/// [`RequestError`], with the text of the response.
pub fn pipeline(body: &[u8], limits: &RequestLimits) -> Result<Vec<Command>, RequestError> {
    let body = std::str::from_utf8(body).map_err(|_| RequestError::MalformedPipeline)?;
    request_json_fast_path::commands(body, limits).map_or_else(|| pipeline_by_parser(body, limits), Ok)
}

pub(super) fn pipeline_by_parser(body: &str, limits: &RequestLimits) -> Result<Vec<Command>, RequestError> {
    let mut refusal = None;
    let seed = Commands { limits, refusal: &mut refusal };
    let commands = parse(body, seed).map_err(|_| refusal.unwrap_or(RequestError::MalformedPipeline))?;
    if commands.is_empty() { Err(RequestError::EmptyPipeline) } else { Ok(commands) }
}

/// Parses the body of `POST /multi-exec`: as [`pipeline`], but an empty command refuses the whole transaction.
///
/// # Errors
/// [`RequestError`], with the text of the response.
pub fn transaction(body: &[u8], limits: &RequestLimits) -> Result<Vec<Command>, RequestError> {
    let commands = pipeline(body, limits)?;
    if commands.iter().any(Command::is_empty) { Err(RequestError::EmptyPipelineCommand) } else { Ok(commands) }
}

fn parse<'de, S: DeserializeSeed<'de>>(body: &'de str, seed: S) -> Result<S::Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(body);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Keeps the reason for an error while serde's own error, which has no room for it, propagates.
fn refuse<E: Error>(kept: &mut Option<RequestError>, refusal: RequestError) -> E {
    *kept = Some(refusal);
    E::custom("refused")
}

struct Commands<'a> {
    limits: &'a RequestLimits,
    refusal: &'a mut Option<RequestError>,
}

impl<'de> DeserializeSeed<'de> for Commands<'_> {
    type Value = Vec<Command>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Commands<'_> {
    type Value = Vec<Command>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of commands")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let Self { limits, refusal } = self;
        let mut commands = Vec::new();
        while let Some(command) =
            seq.next_element_seed(OneCommand { index: Some(commands.len()), limits, refusal: &mut *refusal })?
        {
            if commands.len() == limits.commands {
                return Err(refuse(refusal, RequestError::TooManyCommands { limit: limits.commands }));
            }
            commands.push(command);
        }
        Ok(commands)
    }
}

struct OneCommand<'a> {
    /// Its position, if it is one of several.
    index: Option<usize>,
    limits: &'a RequestLimits,
    refusal: &'a mut Option<RequestError>,
}

impl<'de> DeserializeSeed<'de> for OneCommand<'_> {
    type Value = Command;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for OneCommand<'_> {
    type Value = Command;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of a command's name and arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut command = Command::new();
        while let Some(argument) = seq.next_element::<&'de RawValue>()? {
            if command.len() == self.limits.arguments {
                let limit = self.limits.arguments;
                return Err(refuse(self.refusal, RequestError::TooManyArguments { limit }));
            }
            let at = ArgumentAt { command: self.index, argument: command.len() };
            push(&mut command, argument.get(), at).map_err(|error| refuse(self.refusal, error))?;
        }
        Ok(command)
    }
}

/// Adds an argument from its JSON text, which is valid except for surrogates.
fn push(command: &mut Command, json: &str, at: ArgumentAt) -> Result<(), RequestError> {
    match json.as_bytes() {
        [b'"', inner @ .., b'"'] => {
            if inner.contains(&b'\\') {
                let text: String = serde_json::from_str(json).map_err(|_| RequestError::LoneSurrogate(at))?;
                command.push(text.as_bytes());
            } else {
                command.push(inner);
            }
        }
        [b'n', ..] => return Err(RequestError::NullArgument(at)),
        [b'[', ..] => return Err(RequestError::NestedArgument { at, kind: "array" }),
        [b'{', ..] => return Err(RequestError::NestedArgument { at, kind: "object" }),
        text => command.push(text),
    }
    Ok(())
}
