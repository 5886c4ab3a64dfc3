//! Responses.

use std::borrow::Cow;

use axum::body::{Body, HttpBody};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use isocache_protocol::reply_json::{self, Strings};
use isocache_protocol::{Reply, RequestError, headers, resp};

use super::request::{Form, Format};
use crate::access::{Refusal, Unauthorized, Wait};
use crate::store::StoreError;

/// The failure of a whole request.
#[derive(Debug)]
pub struct Failure {
    /// The status of the response.
    pub status: u16,
    /// The text of the error. It contains no secret.
    pub text: Cow<'static, str>,
    /// An additional header.
    hint: Hint,
    /// Details for the log.
    pub detail: Option<Box<str>>,
}

/// An additional header of an error.
#[derive(Debug)]
enum Hint {
    None,
    /// The seconds until the next attempt.
    RetryAfter(u64),
    Challenge(&'static str),
    Allow,
    Close,
}

impl Failure {
    /// A failure with a status and a text.
    pub fn new(status: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, text: text.into(), hint: Hint::None, detail: None }
    }

    fn with(self, hint: Hint) -> Self {
        Self { hint, ..self }
    }

    /// Tells the caller to retry after some seconds.
    pub fn with_retry(self, seconds: u64) -> Self {
        self.with(Hint::RetryAfter(seconds))
    }

    /// Closes the connection, since part of the request may still arrive.
    pub fn and_close(self) -> Self {
        self.with(Hint::Close)
    }

    /// `/metrics`, requested with a token whose role is not admin.
    pub fn metrics() -> Self {
        Self::new(403, "NOPERM refused by the bridge: /metrics needs a token with the role admin")
    }

    /// A method that the protocol does not support.
    pub fn method() -> Self {
        Self::new(405, "ERR method not allowed").with(Hint::Allow)
    }

    /// The bridge as a whole is at a limit.
    pub fn busy() -> Self {
        Self::new(503, "ERR the bridge is busy").with_retry(1)
    }

    /// One caller is at a limit.
    pub fn too_many(what: &str, limit: u64) -> Self {
        Self::new(429, format!("ERR refused by the bridge: too many {what} at once, the limit is {limit}"))
            .with(Hint::RetryAfter(1))
    }

    /// The response.
    pub fn into_response(self) -> Response<Body> {
        let mut body = Vec::with_capacity(self.text.len() + 16);
        // An error of a few hundred bytes exceeds no limit.
        let _ = reply_json::write_reply(&mut body, &Reply::error(self.text), Strings::Plain, usize::MAX);
        let mut response = response(self.status, headers::CONTENT_TYPE_JSON, body);
        let headers = response.headers_mut();
        match self.hint {
            Hint::None => None,
            Hint::RetryAfter(seconds) => headers.insert(RETRY_AFTER, seconds.into()),
            Hint::Challenge(challenge) => headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge)),
            Hint::Close => headers.insert(CONNECTION, HeaderValue::from_static("close")),
            Hint::Allow => headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT")),
        };
        response
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::new(error.status(), error.to_string())
    }
}

impl From<Unauthorized> for Failure {
    fn from(error: Unauthorized) -> Self {
        Self::new(Unauthorized::STATUS, error.to_string()).with(Hint::Challenge(error.challenge()))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.status(), refusal.to_string())
    }
}

impl From<Wait> for Failure {
    fn from(wait: Wait) -> Self {
        Self::new(Wait::STATUS, Wait::TEXT).with(Hint::RetryAfter(wait.seconds()))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = Self { detail: Some(error.detail().into()), ..Self::new(error.status(), error.to_string()) };
        if failure.status == 503 { failure.with(Hint::RetryAfter(1)) } else { failure }
    }
}

/// Creates a response with the headers that all responses have.
pub fn response(status: u16, content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // A value may be anything: browsers must not render it, and caches must not keep it.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Removes the body and keeps its length.
pub fn without_body(response: &mut Response<Body>) {
    let body = std::mem::take(response.body_mut());
    if let Some(length) = HttpBody::size_hint(&body).exact() {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
}

/// An estimate of the bytes of a reply as base64 in JSON, the longest of the formats.
fn room(reply: &Reply) -> usize {
    let text = match reply {
        Reply::Status(bytes) | Reply::Error(bytes) | Reply::Bulk(bytes) => bytes.len().saturating_mul(4) / 3,
        Reply::Array(replies) => replies.len().saturating_mul(32),
        Reply::Integer(_) | Reply::Nil => 0,
    };
    text.saturating_add(24)
}

/// Writes replies in the requested format.
pub fn write(replies: &[Reply], form: Form, format: Format, limit: u64) -> Result<Response<Body>, Failure> {
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    // Growing a long body step by step would copy it many times.
    let mut body = Vec::with_capacity(replies.iter().map(room).sum::<usize>().min(size));
    // The reply to a single command, or its error, is the whole response.
    let single = replies.first().filter(|_| form == Form::Single);
    let status = if single.is_some_and(Reply::is_error) { 400 } else { 200 };
    let (kind, written) = match (format, single) {
        (Format::Json(encoding), Some(reply)) => {
            (headers::CONTENT_TYPE_JSON, reply_json::write_reply(&mut body, reply, encoding.strings(), size))
        }
        (Format::Json(encoding), None) => {
            (headers::CONTENT_TYPE_JSON, reply_json::write_replies(&mut body, replies, encoding.strings(), size))
        }
        (Format::Resp2, _) => (headers::CONTENT_TYPE_RESP2_RESPONSE, resp::write_replies(&mut body, replies, size)),
        (Format::Resp, _) => (headers::CONTENT_TYPE_RESP, resp::write_replies(&mut body, replies, size)),
    };
    let too_large = |_| Failure::new(413, format!("ERR max response size exceeded, the limit is {limit} bytes"));
    written.map_err(too_large)?;
    Ok(response(status, kind, body))
}
