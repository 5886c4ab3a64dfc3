//! What a request asks for.

use axum::http::{HeaderMap, Method};
use isocache_protocol::{Command, Encoding, RequestLimits, headers, path, request_json, resp};

use super::response::Failure;
use crate::access::Limits;

/// The longest path with its query, in bytes.
const MAX_URL_BYTES: usize = 16 * 1024;

/// How commands came, and so how their replies go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One command: its reply alone.
    Single,
    /// Several, each with a reply of its own.
    Pipeline,
    /// Several, of which all are carried out or none.
    Transaction,
}

/// How the replies are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON, with strings as the headers ask for.
    Json(Encoding),
    /// RESP2, in answer to the header of that name.
    Resp2,
    /// RESP2, in answer to commands in RESP2.
    Resp,
}

/// A request, understood.
#[derive(Debug)]
pub struct Request {
    /// How the commands came.
    pub form: Form,
    /// How the replies go.
    pub format: Format,
    /// The commands. In a pipeline one may be empty.
    pub commands: Vec<Command>,
}

/// The one header of a name. Of two, none counts.
pub fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).map(axum::http::HeaderValue::as_bytes)
}

/// Checks the method and the length of the URL, which needs no body.
pub fn check_head(method: &Method, path: &str, query: Option<&str>) -> Result<(), Failure> {
    if !matches!(*method, Method::GET | Method::HEAD | Method::POST | Method::PUT) {
        return Err(Failure::method());
    }
    if path.len() + query.map_or(0, str::len) > MAX_URL_BYTES {
        return Err(Failure::new(414, format!("ERR the URL is longer than {MAX_URL_BYTES} bytes")));
    }
    Ok(())
}

/// Understands a request.
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
            path::request(path, query, body, &limits)?.command
        };
        return Ok(Request { form, format, commands: vec![command] });
    }
    let is_resp = header(headers, "content-type")
        .is_some_and(|kind| kind.eq_ignore_ascii_case(headers::CONTENT_TYPE_RESP.as_bytes()));
    let (format, commands) = if is_resp {
        (Format::Resp, resp::decode_commands(body, &limits)?)
    } else if form == Form::Transaction {
        // The answer to a transaction is JSON, whatever the headers say.
        let encoding = if encoding == Encoding::Resp2 { Encoding::Json } else { encoding };
        (Format::Json(encoding), request_json::transaction(body, &limits)?)
    } else {
        (format, request_json::pipeline(body, &limits)?)
    };
    if commands.is_empty() {
        return Err(isocache_protocol::RequestError::EmptyPipeline.into());
    }
    if form == Form::Transaction && commands.iter().any(Command::is_empty) {
        return Err(isocache_protocol::RequestError::EmptyPipelineCommand.into());
    }
    Ok(Request { form, format, commands })
}
