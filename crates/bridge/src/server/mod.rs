//! The server: from an HTTP request to its answer.
//!
//! | file | what it does |
//! |---|---|
//! | `request` | what a request asks for |
//! | `execute` | the decision on each command, the store, the replies |
//! | `answer` | answers, and the errors of the bridge itself |
//! | `origin` | pages and host names |
//! | `subscribe` | streams of events |
//! | `usage`, `metrics` | what is under way, and what was counted |
//! | `page` | files for browsers |

mod execute;
mod in_flight;
mod metrics;
mod origin;
mod request;
mod response;
mod static_files;
mod subscribe;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use isocache::Clock;
use isocache_protocol::{Reply, headers, path, reply_json, resp};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::access::{Credentials, Profile, RequestQuota, Role, Tokens, Unauthorized};
use crate::store::Store;
use in_flight::Counts;
pub use metrics::{Metrics, SyncToken};
pub use origin::Origins;
use request::{Form, Format, Request as Parsed, check_head, header};
use response::{Failure, response};
pub use static_files::StaticFiles;
use subscribe::Wish;

/// Limits of the server as a whole; those of a caller are in its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// How long the body of a request may take to come.
    pub body_timeout: Duration,
    /// How many requests may be under way.
    pub max_in_flight: u64,
    /// How many subscriptions may be open.
    pub max_streams: u64,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self { body_timeout: Duration::from_secs(10), max_in_flight: 4096, max_streams: 1024 }
    }
}

/// Everything that a request meets. One for the whole server.
pub struct Bridge {
    /// What is behind it.
    pub store: Store,
    /// Who may ask.
    pub tokens: Tokens,
    /// Who asks without a token, where none is configured.
    pub nobody: Option<Arc<Profile>>,
    /// Where tokens are looked for.
    pub credentials: Credentials,
    /// Which pages, and under which names.
    pub origins: Origins,
    /// How much at once.
    pub limits: ServerLimits,
    /// How much in a second.
    pub rates: RequestQuota<Arc<dyn Clock>>,
    /// The wall clock, for lives of tokens.
    pub clock: Arc<dyn Clock>,
    /// Counts.
    pub metrics: Metrics,
    /// The token of each answer.
    pub sync: SyncToken,
    /// Files for browsers.
    pub page: Option<StaticFiles>,
    /// A path before every other, without a slash at its end; mostly empty.
    pub base_path: String,
    /// True once the server is to end.
    pub ending: watch::Receiver<bool>,
    requests: Counts,
    streams: Counts,
}

/// What [`Bridge::new`] cannot do without.
pub struct Parts {
    /// What is behind it.
    pub store: Store,
    /// Who may ask.
    pub tokens: Tokens,
    /// Which pages, and under which names.
    pub origins: Origins,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// True once the server is to end.
    pub ending: watch::Receiver<bool>,
}

/// The names of the headers that all answers to commands have.
const SYNC_TOKEN: HeaderName = HeaderName::from_static(headers::SYNC_TOKEN);
const EXTENSIONS: HeaderName = HeaderName::from_static(headers::EXTENSIONS);

/// How much of a body that is too large is taken to be thrown away, in bytes.
const MAX_REST_BYTES: usize = 1 << 20;

/// How long that may take.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// How many callers have accounts of their own for their rates.
const RATE_ACCOUNTS: usize = 10_000;

impl Bridge {
    /// A bridge with the usual limits.
    pub fn new(parts: Parts) -> Self {
        let Parts { store, tokens, origins, clock, ending } = parts;
        Self {
            metrics: Metrics::new(store.kind()),
            rates: RequestQuota::new(Arc::clone(&clock), RATE_ACCOUNTS),
            sync: SyncToken::new(clock.now_ms()),
            store,
            tokens,
            nobody: None,
            credentials: Credentials::default(),
            origins,
            limits: ServerLimits::default(),
            clock,
            page: None,
            base_path: String::new(),
            ending,
            requests: Counts::default(),
            streams: Counts::default(),
        }
    }

    /// Answers a request. The answer to a HEAD has no body.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Unpin,
        B::Error: Into<axum::BoxError>,
    {
        let watch = Instant::now();
        let (parts, body) = request.into_parts();
        if parts.method == Method::OPTIONS {
            return self.origins.preflight(&parts.headers);
        }
        if let Some(page) = &self.page
            && self.origins.check_host(&parts.headers, parts.uri.host()).is_ok()
            && let Some(answer) = page.answer(&parts).await
        {
            return answer;
        }
        let mut answer = match self.serve(&parts, body).await {
            Ok(answer) => answer,
            Err(failure) => {
                let Failure { status, text, detail, .. } = &failure;
                if *status >= 500 {
                    tracing::warn!(status, %text, detail, "request failed");
                } else {
                    tracing::debug!(status, %text, detail, "request refused");
                }
                failure.into_response()
            }
        };
        self.origins.mark(&parts.headers, &mut answer);
        if parts.method == Method::HEAD {
            without_body(&mut answer);
        }
        self.metrics.answered(answer.status().as_u16(), watch.elapsed().as_secs_f64());
        answer
    }

    async fn serve<B>(&self, head: &axum::http::request::Parts, body: B) -> Result<Response<Body>, Failure>
    where
        B: HttpBody<Data = Bytes> + Unpin,
        B::Error: Into<axum::BoxError>,
    {
        let (path, query) = (head.uri.path(), head.uri.query());
        self.origins.check_host(&head.headers, head.uri.host())?;
        match path {
            "/livez" => return Ok(response(200, "text/plain", "alive\n")),
            "/readyz" => return self.readiness().await,
            _ => {}
        }
        check_head(&head.method, path, query)?;
        let profile = self.caller(head)?;
        if path == "/metrics" && profile.role == Role::Admin {
            return Ok(self.metrics_answer());
        }
        let path = match path.strip_prefix(self.base_path.as_str()) {
            Some("") => "/",
            Some(rest) if rest.starts_with('/') => rest,
            _ => path,
        };
        if self.requests.total() >= self.limits.max_in_flight {
            return Err(Failure::busy());
        }
        let limit = profile.limits.max_in_flight;
        let under_way = self.requests.begin(&profile.name, limit);
        let _under_way = under_way.ok_or_else(|| Failure::too_many("requests", limit))?;
        let body = self.read(body, profile.limits.max_body_bytes).await?;
        let request = request::parse(&head.method, path, query, &head.headers, &body, &profile.limits)?;
        self.rates.take(&profile, request.commands.len() as u64, body.len() as u64)?;
        if let Some(wish) = request.commands.first().filter(|_| request.form == Form::Single).and_then(Wish::of) {
            return self.subscribe(&profile, &head.headers, wish).await;
        }
        self.execute(&profile, request).await
    }

    /// Who asks.
    fn caller(&self, head: &axum::http::request::Parts) -> Result<Arc<Profile>, Failure> {
        let seconds = self.clock.now_ms() / 1000;
        if let Some(nobody) = &self.nobody {
            self.origins.check_page(&head.headers)?;
            return Ok(Arc::clone(nobody));
        }
        let given = head.headers.get_all(axum::http::header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        let query = path::token(head.uri.query()).ok().flatten();
        let by_query = query.is_some() && !head.headers.contains_key(axum::http::header::AUTHORIZATION);
        let token = self.credentials.find(given, query.as_deref())?;
        if by_query {
            // Another site's page can make a browser send such a request, as it cannot with a header.
            self.origins.check_page(&head.headers)?;
        }
        let profile = self.tokens.authenticate(token, seconds)?;
        let origin = header(&head.headers, "origin").and_then(|origin| std::str::from_utf8(origin).ok());
        if profile.permits_origin(origin) { Ok(profile) } else { Err(Unauthorized { expired: false }.into()) }
    }

    async fn read<B>(&self, mut body: B, limit: u64) -> Result<Bytes, Failure>
    where
        B: HttpBody<Data = Bytes> + Unpin,
        B::Error: Into<axum::BoxError>,
    {
        let limited = Limited::new(&mut body, usize::try_from(limit).unwrap_or(usize::MAX));
        match timeout(self.limits.body_timeout, limited.collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                let failure = Failure::new(413, format!("ERR max request size exceeded, the limit is {limit} bytes"));
                Err(if take_rest(body).await { failure } else { failure.and_close() })
            }
            Ok(Err(_)) => Err(Failure::new(400, "ERR the body of the request was cut off").and_close()),
            Err(_) => Err(Failure::new(408, "ERR the body of the request did not come in time").and_close()),
        }
    }

    async fn execute(&self, profile: &Profile, request: Parsed) -> Result<Response<Body>, Failure> {
        let Parsed { form, format, commands } = request;
        let executed = execute::execute(&self.store, &self.metrics, profile, form, commands).await;
        match &executed {
            Ok(_) => self.metrics.store(true),
            Err(failure) if failure.status >= 502 => self.metrics.store(false),
            Err(_) => {}
        }
        let executed = executed?;
        let mut answer = write(&executed.replies, form, format, profile.limits.max_response_bytes)?;
        if let Some(bytes) = HttpBody::size_hint(answer.body()).exact() {
            self.rates.charge(profile, bytes);
        }
        answer.headers_mut().insert(SYNC_TOKEN, self.sync.after(executed.wrote).into());
        answer.headers_mut().insert(EXTENSIONS, HeaderValue::from_static(headers::EXTENSIONS_HERE));
        Ok(answer)
    }

    async fn subscribe(
        &self,
        profile: &Profile,
        head: &axum::http::HeaderMap,
        wish: Wish,
    ) -> Result<Response<Body>, Failure> {
        let accepts = header(head, "accept").unwrap_or_default();
        if !accepts.windows(headers::CONTENT_TYPE_SSE.len()).any(|part| part == headers::CONTENT_TYPE_SSE.as_bytes()) {
            return Err(Failure::new(400, "ERR a subscription is a stream: ask with Accept: text/event-stream"));
        }
        wish.check(profile)?;
        if self.streams.total() >= self.limits.max_streams {
            return Err(Failure::busy());
        }
        let limit = profile.limits.max_streams;
        let slot = self.streams.begin(&profile.name, limit);
        let slot = slot.ok_or_else(|| Failure::too_many("subscriptions", limit))?;
        let mut ending = self.ending.clone();
        let ending = async move {
            // An error says that the server has gone, which is the same.
            let _ = ending.wait_for(|ending| *ending).await;
        };
        wish.open(&self.store, slot, ending).await
    }

    async fn readiness(&self) -> Result<Response<Body>, Failure> {
        if *self.ending.borrow() {
            return Err(Failure::new(503, "ERR the bridge is ending"));
        }
        let ready = self.store.ready().await;
        self.metrics.store(ready.is_ok());
        ready?;
        Ok(response(200, "text/plain", "ready\n"))
    }

    /// All counts.
    pub fn metrics_answer(&self) -> Response<Body> {
        let text = self.metrics.text(self.requests.total(), self.streams.total());
        response(200, "application/openmetrics-text; version=1.0.0; charset=utf-8", text)
    }
}

/// Takes what is still to come of a body that is too large, if it is little and comes soon; tells whether it was all. A
/// connection with something unread is reset when it is closed, and an answer on it may be lost.
async fn take_rest<B: HttpBody<Data = Bytes> + Unpin>(mut body: B) -> bool {
    let all = async {
        let mut taken = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            taken += frame.data_ref().map_or(0, Bytes::len);
            if taken > MAX_REST_BYTES {
                return false;
            }
        }
        true
    };
    timeout(REST_TIMEOUT, all).await.unwrap_or(false)
}

/// Takes the body off, and leaves its length.
fn without_body(answer: &mut Response<Body>) {
    let body = std::mem::take(answer.body_mut());
    if let Some(length) = HttpBody::size_hint(&body).exact() {
        answer.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
}

/// About how many bytes a reply takes as base64 in JSON, which is the longest of the formats.
fn room(reply: &Reply) -> usize {
    let text = match reply {
        Reply::Status(bytes) | Reply::Error(bytes) | Reply::Bulk(bytes) => bytes.len().saturating_mul(4) / 3,
        Reply::Array(replies) => replies.len().saturating_mul(32),
        Reply::Integer(_) | Reply::Nil => 0,
    };
    text.saturating_add(24)
}

/// Writes replies in the format that was asked for.
fn write(replies: &[Reply], form: Form, format: Format, limit: u64) -> Result<Response<Body>, Failure> {
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    // Grown as it is written, a long one would be copied again and again.
    let mut body = Vec::with_capacity(replies.iter().map(room).sum::<usize>().min(size));
    // The reply to one command is the answer, and so is its error.
    let single = replies.first().filter(|_| form == Form::Single);
    let status = if single.is_some_and(Reply::is_error) { 400 } else { 200 };
    let (kind, written) = match (format, single) {
        (Format::Json(encoding), Some(reply)) => {
            (headers::CONTENT_TYPE_JSON, reply_json::write_reply(&mut body, reply, encoding.strings(), size))
        }
        (Format::Json(encoding), None) => {
            (headers::CONTENT_TYPE_JSON, reply_json::write_replies(&mut body, replies, encoding.strings(), size))
        }
        (Format::Resp2, _) => (headers::CONTENT_TYPE_RESP2_ANSWER, resp::write_replies(&mut body, replies, size)),
        (Format::Resp, _) => (headers::CONTENT_TYPE_RESP, resp::write_replies(&mut body, replies, size)),
    };
    let too_large = |_| Failure::new(413, format!("ERR max response size exceeded, the limit is {limit} bytes"));
    written.map_err(too_large)?;
    Ok(response(status, kind, body))
}
