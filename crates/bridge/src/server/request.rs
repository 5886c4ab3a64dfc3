//! Parses requests.

use axum::http::{HeaderMap, Method};
use isocache_protocol::{Command, Encoding, RequestError, RequestLimits, headers, path, request_json, resp};

use super::response::Failure;
use crate::access::Limits;
use crate::invalidations::{NotAnOrigin, Origin};

/// The maximum length of a path with its query, in bytes.
const MAX_URL_BYTES: usize = 16 * 1024;

/// The form of a request and of its replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One command.
    Single,
    /// Several, each with its own reply.
    Pipeline,
    /// Several, all of which are executed, or none.
    Transaction,
}

/// The format of the replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON, with strings encoded as the headers request.
    Json(Encoding),
    /// RESP2, as a header requests.
    Resp2,
    /// RESP2, since the commands are in RESP2.
    Resp,
}

/// A parsed request.
#[derive(Debug)]
pub struct Request {
    /// The form of the request.
    pub form: Form,
    /// The format of the replies.
    pub format: Format,
    /// The commands. In a pipeline one may be empty.
    pub commands: Vec<Command>,
}

/// The value of a header, if it appears exactly once.
pub fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).map(axum::http::HeaderValue::as_bytes)
}

/// The origin that a request names, if any.
pub fn origin(head: &HeaderMap) -> Result<Option<Origin>, Failure> {
    let mut values = head.get_all(headers::ORIGIN).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Failure::new(400, "ERR the header isocache-origin is given several times: send it once"));
    }
    Origin::new(value.as_bytes()).map(Some).map_err(|reason| not_an_origin(reason, "the header isocache-origin"))
}

/// The failure for an invalid name of an origin.
pub fn not_an_origin(reason: NotAnOrigin, place: &str) -> Failure {
    Failure::new(400, format!("ERR {place} is {reason}"))
}

/// Checks the method and the length of the URL. Does not need the body.
pub fn check_head(method: &Method, path: &str, query: Option<&str>) -> Result<(), Failure> {
    if !matches!(*method, Method::GET | Method::HEAD | Method::POST | Method::PUT) {
        return Err(Failure::method());
    }
    if path.len() + query.map_or(0, str::len) > MAX_URL_BYTES {
        return Err(Failure::new(414, format!("ERR the URL is longer than {MAX_URL_BYTES} bytes")));
    }
    Ok(())
}

/// Parses a request.
pub fn parse(
    method: &Method,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
    limits: &Limits,
) -> Result<Request, Failure> {
    let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    let limits = RequestLimits { commands: size(limits.max_pipeline_commands), arguments: size(limits.max_arguments) };
    let encoding =
        Encoding::from_headers(header(headers, headers::ENCODING), header(headers, headers::RESPONSE_FORMAT))?;
    let has_body = matches!(*method, Method::POST | Method::PUT);
    let form = match path {
        "/pipeline" | "/pipeline/" if has_body => Form::Pipeline,
        "/multi-exec" | "/multi-exec/" if has_body => Form::Transaction,
        _ => Form::Single,
    };
    let format = if encoding == Encoding::Resp2 { Format::Resp2 } else { Format::Json(encoding) };
    if form == Form::Single {
        let command = if path == "/" && has_body {
            request_json::command(body, &limits)?
        } else {
            let command = path::request(path, query, body, &limits)?.command;
            if body.is_empty() && (has_body || path.ends_with('/')) { with_empty_value(command, path) } else { command }
        };
        return Ok(Request { form, format, commands: vec![command] });
    }
    let is_resp = header(headers, "content-type")
        .is_some_and(|kind| kind.eq_ignore_ascii_case(headers::CONTENT_TYPE_RESP.as_bytes()));
    let (format, commands) = if is_resp {
        (Format::Resp, resp::decode_commands(body, &limits)?)
    } else if form == Form::Transaction {
        // The response to a transaction is JSON, whatever the headers request.
        let encoding = if encoding == Encoding::Resp2 { Encoding::Json } else { encoding };
        (Format::Json(encoding), request_json::transaction(body, &limits)?)
    } else {
        (format, request_json::pipeline(body, &limits)?)
    };
    if commands.is_empty() {
        return Err(RequestError::EmptyPipeline.into());
    }
    if form == Form::Transaction && commands.iter().any(Command::is_empty) {
        return Err(RequestError::EmptyPipelineCommand.into());
    }
    Ok(Request { form, format, commands })
}

/// Adds an empty value to a command in path form if it lacks one: an empty body, like a trailing slash, stands for the
/// empty string. Commands that are complete without it, such as `POST /incr/key`, stay as they are.
fn with_empty_value(command: Command, path: &str) -> Command {
    let path = path.strip_prefix('/').unwrap_or(path);
    let given = path.strip_suffix('/').unwrap_or(path).split('/').count();
    if !lacks_value(command.name(), given) {
        return command;
    }
    // Options from the query follow the value.
    let args: Vec<&[u8]> = command.args().collect();
    let (before, options) = args.split_at(given.min(args.len()));
    before.iter().copied().chain([&b""[..]]).chain(options.iter().copied()).collect()
}

/// Whether a command with this number of arguments, its name included, lacks exactly its last value.
fn lacks_value(name: &[u8], given: usize) -> bool {
    let is = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
    if is(&["MSET", "MSETNX"]) {
        return given.is_multiple_of(2);
    }
    if is(&["HSET", "HMSET"]) {
        return given > 2 && !given.is_multiple_of(2);
    }
    let needed = if is(&["ECHO"]) {
        2
    } else if is(&[
        "SET",
        "SETNX",
        "GETSET",
        "APPEND",
        "PUBLISH",
        "SPUBLISH",
        "LPUSH",
        "RPUSH",
        "LPUSHX",
        "RPUSHX",
        "SADD",
        "SREM",
        "SISMEMBER",
        "PFADD",
        "ISOCACHE.RELEASE",
    ]) {
        3
    } else if is(&["SETEX", "PSETEX", "SETRANGE", "HSETNX", "LSET", "LREM", "ZADD", "SMOVE"]) {
        4
    } else if is(&["LINSERT"]) {
        5
    } else {
        return false;
    };
    given + 1 == needed
}
