//! One exchange with the server: encoding, token, retries and the time limit.

use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use isocache_protocol::reply_json::Strings;
use isocache_protocol::{Command, Reply, command_json, headers, path, reply_from_json, resp};

use super::breaker::Breaker;
use super::errors;
use super::origin::OwnOrigin;
use super::transport::{Head, Opened, PlatformTransport, Request, Response, TransportError, random, sleep};
use crate::error::{CacheError, Result};
use crate::provider::BoxFuture;
use crate::tiered::Position;

/// The shortest and the longest delay before a request is retried.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The source of the token.
#[derive(Clone)]
pub(super) enum Token {
    /// The server requires no token.
    None,
    Fixed(String),
    /// A function, called when there is no token yet and again when the server rejects the last one.
    Function(TokenMaker),
}

/// Returns a new token.
pub(super) type TokenMaker = Arc<dyn Fn() -> BoxFuture<'static, Result<String>> + Send + Sync>;

/// How the commands of one request are executed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Pipeline,
    Transaction,
}

/// The server has not been identified.
const UNKNOWN: u8 = 0;
/// It has no extensions.
const FOREIGN: u8 = 1;
/// It is a bridge: it accepts RESP bodies, and clears a pattern in one request.
const BRIDGE: u8 = 2;

/// A provider's connection to the server.
pub(super) struct Session {
    pub(super) transport: PlatformTransport,
    /// Without a trailing slash.
    pub(super) url: String,
    pub(super) token: Token,
    pub(super) timeout: Duration,
    pub(super) retries: u32,
    pub(super) max_response_bytes: usize,
    pub(super) breaker: Breaker,
    pub(super) known: Known,
}

/// The facts learned from responses.
#[derive(Default)]
pub(super) struct Known {
    server: AtomicU8,
    token: Mutex<Option<String>>,
    /// The last position in the changes of the store.
    position: Mutex<Option<Position>>,
}

/// Why an attempt failed.
struct Problem {
    error: CacheError,
    retry: Retry,
    /// Whether nothing of the attempt can still happen.
    is_over: bool,
}

/// When to retry.
enum Retry {
    Never,
    /// The server has not executed the request.
    Always(Option<Duration>),
    /// The server may have executed the request.
    IfIdempotent(Option<Duration>),
    /// After fetching a new token.
    Token,
}

impl Session {
    /// Sends commands and returns one reply for each, within the time limit. `idempotent` commands may be executed twice.
    /// If they change keys, they are `own` changes.
    pub(super) async fn exchange(
        &self,
        form: Form,
        commands: &[Command],
        idempotent: bool,
        own: Option<&OwnOrigin>,
    ) -> Result<Vec<Reply>> {
        let attempts = pin!(self.attempts(form, commands, idempotent, own));
        let limit = pin!(sleep(self.timeout));
        match select(attempts, limit).await {
            Either::Left((replies, _)) => replies,
            Either::Right(_) => {
                self.breaker.failed("timed out");
                Err(errors::timed_out(&self.url, self.timeout))
            }
        }
    }

    /// Whether the server is a bridge, with its extensions. It is queried once.
    pub(super) async fn is_bridge(&self) -> Result<bool> {
        if self.known.server.load(Ordering::Relaxed) == UNKNOWN {
            let ping: Command = ["PING"].into_iter().collect();
            self.exchange(Form::Pipeline, &[ping], true, None).await?;
        }
        Ok(self.known.server.load(Ordering::Relaxed) == BRIDGE)
    }

    async fn attempts(
        &self,
        form: Form,
        commands: &[Command],
        idempotent: bool,
        own: Option<&OwnOrigin>,
    ) -> Result<Vec<Reply>> {
        let (mut failures, mut has_new_token) = (0, false);
        loop {
            self.breaker.admit().map_err(|pause| errors::paused(&self.url, &pause))?;
            let Problem { error, retry, .. } = match self.attempt(form, commands, own).await {
                Ok(replies) => return Ok(replies),
                Err(problem) => problem,
            };
            let wait = match retry {
                Retry::Token if !has_new_token => {
                    has_new_token = true;
                    self.forget_token();
                    continue;
                }
                Retry::Always(wait) => wait,
                Retry::IfIdempotent(wait) if idempotent => wait,
                Retry::Never | Retry::Token | Retry::IfIdempotent(_) => return Err(error),
            };
            let wait = wait.unwrap_or_default().max(Self::back_off(failures));
            failures += 1;
            if failures > self.retries || wait >= self.timeout {
                return Err(error);
            }
            sleep(wait).await;
        }
    }

    /// Doubles each time, with random jitter of up to half, so that clients do not retry in step.
    fn back_off(failures: u32) -> Duration {
        let longest = FIRST_WAIT.saturating_mul(1 << failures.min(10)).min(LONGEST_WAIT);
        let half = longest / 2;
        half + half.mul_f64(random())
    }

    /// Sends commands once. If the server does not accept bytes in JSON, commands that contain bytes are sent one by
    /// one.
    async fn attempt(&self, form: Form, commands: &[Command], own: Option<&OwnOrigin>) -> Result<Vec<Reply>, Problem> {
        let own = own.and_then(|own| own.begin(commands));
        let name = own.as_ref().map(|own| &*own.name);
        let replies = self.send_all(form, commands, name).await;
        let is_over = replies.as_ref().map_or_else(|problem| problem.is_over, |_| true);
        if let Some(own) = own.filter(|_| is_over) {
            own.over();
        }
        replies
    }

    async fn send_all(&self, form: Form, commands: &[Command], own: Option<&str>) -> Result<Vec<Reply>, Problem> {
        let mut body = Vec::with_capacity(commands.iter().map(|command| command.size() + 32).sum());
        if self.known.server.load(Ordering::Relaxed) == BRIDGE {
            resp::write_commands(&mut body, commands);
            return self.send(form, body, headers::CONTENT_TYPE_RESP, commands.len(), own).await;
        }
        if command_json::write_commands(&mut body, commands).is_ok() {
            return self.send(form, body, headers::CONTENT_TYPE_JSON, commands.len(), own).await;
        }
        let mut replies = Vec::with_capacity(commands.len());
        for command in commands {
            replies.push(self.send_bytes(command, own).await?);
        }
        Ok(replies)
    }

    async fn send(
        &self,
        form: Form,
        body: Vec<u8>,
        kind: &str,
        expected: usize,
        own: Option<&str>,
    ) -> Result<Vec<Reply>, Problem> {
        let path = if form == Form::Pipeline { "/pipeline" } else { "/multi-exec" };
        let response = self.post(format!("{}{path}", self.url), kind, body, own).await?;
        let read = if kind == headers::CONTENT_TYPE_RESP {
            let limits = resp::RespLimits { bytes: self.max_response_bytes, ..resp::RespLimits::default() };
            resp::decode_replies(&Bytes::from(response.body), &limits).map_err(|error| error.to_string())
        } else {
            reply_from_json::replies(&response.body, Strings::Base64, expected).map_err(|error| error.to_string())
        };
        match read {
            Ok(replies) if replies.len() == expected => Ok(replies),
            Ok(replies) => Err(self.strange(&errors::wrong_number(expected, replies.len()))),
            Err(reason) => Err(self.strange(&reason)),
        }
    }

    /// Sends a SET whose value is not text: the value is the body, and the other arguments are in the URL.
    async fn send_bytes(&self, command: &Command, own: Option<&str>) -> Result<Reply, Problem> {
        let never = |error| Problem { error, retry: Retry::Never, is_over: true };
        let mut args = command.args();
        let (name, key, value) = (args.next(), args.next(), args.next().unwrap_or_default());
        let place = path::of([name, key].into_iter().flatten());
        let place = place.map_err(|error| never(CacheError::invalid("key", error.to_string())))?;
        let options: Vec<&[u8]> = args.collect();
        let pairs = options.chunks(2).filter_map(|pair| Some((*pair.first()?, pair.get(1).copied())));
        let query = path::query(pairs).map_err(|error| never(CacheError::invalid("ttl", error.to_string())))?;
        let separator = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{place}{separator}{query}", self.url);
        let response = self.post(url, "application/octet-stream", value.to_vec(), own).await?;
        reply_from_json::reply(&response.body, Strings::Base64).map_err(|error| self.strange(&error.to_string()))
    }

    /// Posts a body and returns the response, which must have status 200.
    async fn post(&self, url: String, kind: &str, body: Vec<u8>, own: Option<&str>) -> Result<Response, Problem> {
        let mut head = vec![("content-type", kind.to_owned())];
        if kind != headers::CONTENT_TYPE_RESP {
            head.push((headers::ENCODING, "base64".to_owned()));
        }
        head.extend(own.map(|name| (headers::ORIGIN, name.to_owned())));
        let authorization = self.authorization().await;
        head.extend(authorization.map_err(|error| Problem { error, retry: Retry::Never, is_over: true })?);
        let request = Request { url, headers: head, body: Some(body) };
        let opened = self.transport.open(request).await;
        let response = match opened.map(|opened| opened.read(self.max_response_bytes)) {
            Ok(response) => response.await,
            Err(error) => Err(error),
        };
        let response = match response {
            Ok(response) => response,
            Err(TransportError::NotSent(reason)) => {
                self.breaker.failed(&reason);
                let error = errors::connection(&self.url, &reason);
                return Err(Problem { error, retry: Retry::Always(None), is_over: true });
            }
            Err(TransportError::Broken(reason)) => {
                self.breaker.failed(&reason);
                let error = errors::connection(&self.url, &reason);
                return Err(Problem { error, retry: Retry::IfIdempotent(None), is_over: false });
            }
            Err(TransportError::TooLong) => {
                return Err(self.strange(&errors::too_long(self.max_response_bytes)));
            }
        };
        let status = response.head.status;
        if matches!(status, 500 | 502..=504) {
            self.breaker.failed(&format!("status {status}"));
        } else {
            self.breaker.succeeded();
        }
        if status != 200 {
            // A server or proxy that gives up may have passed the request on.
            return Err(Problem { is_over: status < 500, ..self.refused(&response) });
        }
        self.observe(response.head.position.as_deref());
        let is_bridge = response.head.extensions.as_deref().is_some_and(|names| names.contains("x-resp"));
        self.known.server.store(if is_bridge { BRIDGE } else { FOREIGN }, Ordering::Relaxed);
        Ok(response)
    }

    /// Converts a status other than 200 to an error.
    fn refused(&self, response: &Response) -> Problem {
        let Response { head: Head { status, retry_after: wait, .. }, body } = response;
        let text = match reply_from_json::reply(body, Strings::Plain) {
            Ok(Reply::Error(text)) => String::from_utf8_lossy(&text).into_owned(),
            Ok(_) => return self.strange(&format!("status {status} with a result")),
            Err(strange) if matches!(status, 429 | 500 | 502..=504) => format!("status {status}: {strange}"),
            Err(strange) => return self.strange(&format!("status {status}: {strange}")),
        };
        let error = errors::of_status(*status, &self.url, &text);
        let retry = match status {
            401 if matches!(self.token, Token::Function(_)) => Retry::Token,
            429 => Retry::Always(*wait),
            500 | 502..=504 => Retry::IfIdempotent(*wait),
            _ => Retry::Never,
        };
        Problem { error, retry, is_over: true }
    }

    fn strange(&self, reason: &str) -> Problem {
        Problem { error: errors::unexpected(&self.url, reason), retry: Retry::Never, is_over: true }
    }

    /// Opens a stream, or any other response to a `GET`.
    pub(super) async fn get(
        &self,
        transport: &PlatformTransport,
        url: String,
        accept: &str,
    ) -> Result<Opened, CacheError> {
        let mut head = vec![("accept", accept.to_owned())];
        head.extend(self.authorization().await?);
        let opened = transport.open(Request { url, headers: head, body: None }).await;
        opened.map_err(|error| match error {
            TransportError::NotSent(reason) | TransportError::Broken(reason) => errors::connection(&self.url, &reason),
            TransportError::TooLong => errors::unexpected(&self.url, "too long"),
        })
    }

    /// Notes a position from a response.
    pub(super) fn observe(&self, text: Option<&str>) {
        self.reached(text.and_then(|text| text.parse().ok()));
    }

    /// Notes a position.
    pub(super) fn reached(&self, position: Option<Position>) {
        let Some(position) = position else { return };
        let mut latest = self.known.position.lock().unwrap_or_else(PoisonError::into_inner);
        // Responses may arrive out of order.
        if latest.is_none_or(|latest| !latest.is_after(position)) {
            *latest = Some(position);
        }
    }

    /// The latest position in any response.
    pub(super) fn latest(&self) -> Option<Position> {
        *self.known.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Discards the token that a function has made, so that the next request gets a new one. Returns whether there is
    /// such a function.
    pub(super) fn forget_token(&self) -> bool {
        self.known.token.lock().unwrap_or_else(PoisonError::into_inner).take();
        matches!(self.token, Token::Function(_))
    }

    async fn authorization(&self) -> Result<Option<(&'static str, String)>> {
        Ok(self.token().await?.map(|token| ("authorization", format!("Bearer {token}"))))
    }

    async fn token(&self) -> Result<Option<String>> {
        let maker = match &self.token {
            Token::None => return Ok(None),
            Token::Fixed(token) => return Ok(Some(token.clone())),
            Token::Function(maker) => maker,
        };
        if let Some(token) = &*self.known.token.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Some(token.clone()));
        }
        let token = maker().await?;
        *self.known.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(Some(token))
    }
}
