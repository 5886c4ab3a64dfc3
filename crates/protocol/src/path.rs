//! Commands as paths: `/SET/key?EX=100` with the value as the body.
//!
//! - The path is split at `/` before its segments are percent-decoded, so that `%2F` is a `/` within an argument. One
//!   trailing `/` is ignored; a second one, or two in the middle, are an empty argument.
//! - A non-empty body is one argument, of any bytes, after those of the path.
//! - The pairs of the query follow: `K=V` is two arguments, `K` is one, and an empty pair is ignored. `_token` is not
//!   an argument but the caller's token, and may occur at most once.
//! - A `%` without two hexadecimal digits is an error. Taking it literally would make the meaning of `%` in a path
//!   depend on what follows, and a client that does not encode would appear to work until a key looks like an encoded
//!   one.
//! - A `+` is a plus, also in the query: the arguments are not an HTML form, and `ZRANGEBYSCORE` and `XRANGE` have
//!   arguments such as `+inf` and `+`.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use super::{Command, RequestError, RequestLimits};

/// All characters but those that RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The query parameter with the caller's token.
const TOKEN: &[u8] = b"_token";

/// A parsed path and query.
#[derive(Clone, PartialEq, Eq)]
pub struct PathRequest {
    /// The command.
    pub command: Command,
    /// The value of `_token`.
    pub token: Option<Vec<u8>>,
}

/// Never shows the token.
impl fmt::Debug for PathRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        f.debug_struct("PathRequest").field("command", &self.command).field("token", &token).finish()
    }
}

/// Parses a path (without the prefix, which the caller removes), a query (without its `?`) and a body.
///
/// ```
/// use isocache_protocol::{RequestLimits, path};
///
/// let request = path::request("/set/a%2Fb", Some("EX=100&_token=secret"), b"v", &RequestLimits::default())?;
/// assert_eq!(request.command, ["set", "a/b", "v", "EX", "100"].into_iter().collect());
/// assert_eq!(request.token.as_deref(), Some(&b"secret"[..]));
/// # Ok::<(), isocache_protocol::RequestError>(())
/// ```
///
/// # Errors
/// [`RequestError`], with the text of the response.
pub fn request(
    path: &str,
    query: Option<&str>,
    body: &[u8],
    limits: &RequestLimits,
) -> Result<PathRequest, RequestError> {
    let path = path.strip_prefix('/').unwrap_or(path);
    if path.is_empty() {
        return Err(RequestError::EmptyCommand);
    }
    let mut command = Command::with_capacity(path.len() + body.len());
    let mut push = |arg: &[u8]| {
        if command.len() == limits.arguments {
            return Err(RequestError::TooManyArguments { limit: limits.arguments });
        }
        command.push(arg);
        Ok(())
    };
    for segment in path.strip_suffix('/').unwrap_or(path).split('/') {
        push(&decode(segment, "the path")?)?;
    }
    if !body.is_empty() {
        push(body)?;
    }
    let mut token = None;
    for_each_pair(query, |key, value| {
        if *key == *TOKEN {
            return keep(&mut token, value);
        }
        push(key)?;
        value.map_or(Ok(()), &mut push)
    })?;
    Ok(PathRequest { command, token })
}

/// Returns the `_token` of a query, for requests whose command is in the body.
///
/// # Errors
/// [`RequestError`] if the query is not percent-encoded correctly, or has two tokens.
pub fn token(query: Option<&str>) -> Result<Option<Vec<u8>>, RequestError> {
    let mut token = None;
    for_each_pair(query, |key, value| if *key == *TOKEN { keep(&mut token, value) } else { Ok(()) })?;
    Ok(token)
}

/// A name and a value in a query.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Returns the pairs of a query, for paths that are not commands. A pair without `=` has an empty value.
///
/// # Errors
/// [`RequestError`] if the query is not percent-encoded correctly.
pub fn pairs(query: Option<&str>) -> Result<Vec<Pair>, RequestError> {
    let mut pairs = Vec::new();
    for_each_pair(query, |key, value| {
        pairs.push((key.to_vec(), value.unwrap_or_default().to_vec()));
        Ok(())
    })?;
    Ok(pairs)
}

/// Two tokens are an error: software that reads the other one would mistake the caller for someone else.
fn keep(token: &mut Option<Vec<u8>>, value: Option<&[u8]>) -> Result<(), RequestError> {
    if token.is_some() {
        return Err(RequestError::TwoTokens);
    }
    *token = Some(value.unwrap_or_default().to_vec());
    Ok(())
}

fn for_each_pair(
    query: Option<&str>,
    mut each: impl FnMut(&[u8], Option<&[u8]>) -> Result<(), RequestError>,
) -> Result<(), RequestError> {
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((key, value)) => each(&decode(key, "the query")?, Some(&decode(value, "the query")?))?,
            None => each(&decode(pair, "the query")?, None)?,
        }
    }
    Ok(())
}

fn decode<'a>(text: &'a str, place: &'static str) -> Result<std::borrow::Cow<'a, [u8]>, RequestError> {
    let is_whole = |rest: &str| rest.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if text.split('%').skip(1).all(is_whole) {
        Ok(percent_decode(text.as_bytes()).into())
    } else {
        Err(RequestError::PercentEncoding(place))
    }
}

/// An argument that a path or a query cannot represent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argument {argument} cannot be part of a URL: it is {why}")]
pub struct NotAPath {
    /// Its index; the name is at 0. In a query, the index of the pair.
    pub argument: usize,
    /// The reason.
    pub why: &'static str,
}

/// Writes the path for a command's name and arguments.
///
/// ```
/// use isocache_protocol::path;
///
/// assert_eq!(path::of(["SET", "a/b c"])?, "/SET/a%2Fb%20c");
/// assert!(path::of(["GET", ".."]).is_err());
/// # Ok::<(), path::NotAPath>(())
/// ```
///
/// # Errors
/// [`NotAPath`] if an argument is `.` or `..`, which URLs resolve, even when percent-encoded.
pub fn of<A: AsRef<[u8]>>(args: impl IntoIterator<Item = A>) -> Result<String, NotAPath> {
    let (mut path, mut ends_empty) = (String::new(), false);
    for (argument, arg) in args.into_iter().enumerate() {
        let arg = arg.as_ref();
        if matches!(arg, b"." | b"..") {
            return Err(NotAPath { argument, why: "a dot segment" });
        }
        path.push('/');
        path.extend(percent_encode(arg, ENCODED));
        ends_empty = arg.is_empty();
    }
    if ends_empty {
        path.push('/');
    }
    Ok(path)
}

/// Writes the query for options, without its `?`: each `K=V`, or `K`.
///
/// ```
/// use isocache_protocol::path;
///
/// assert_eq!(path::query([("EX", Some("100")), ("NX", None)])?, "EX=100&NX");
/// # Ok::<(), path::NotAPath>(())
/// ```
///
/// # Errors
/// [`NotAPath`] if an option is named `_token`, which is not an argument, or is empty and has no value.
pub fn query<A: AsRef<[u8]>>(options: impl IntoIterator<Item = (A, Option<A>)>) -> Result<String, NotAPath> {
    let mut query = String::new();
    for (argument, (key, value)) in options.into_iter().enumerate() {
        let key = key.as_ref();
        if key == TOKEN {
            return Err(NotAPath { argument, why: "named _token" });
        }
        if key.is_empty() && value.is_none() {
            return Err(NotAPath { argument, why: "empty" });
        }
        if argument > 0 {
            query.push('&');
        }
        query.extend(percent_encode(key, ENCODED));
        if let Some(value) = value {
            query.push('=');
            query.extend(percent_encode(value.as_ref(), ENCODED));
        }
    }
    Ok(query)
}
