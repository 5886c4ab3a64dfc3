//! The server: turns HTTP requests into responses.
//!
//! | file | contents |
//! |---|---|
//! | `body` | reading the body of a request |
//! | `request` | parsing a request |
//! | `execute` | deciding on each command, running it, collecting the replies |
//! | `response` | responses, and the errors of the bridge itself |
//! | `origin` | origins of pages, and host names |
//! | `subscribe` | streams of messages |
//! | `invalidations` | changed keys, as a stream or in one response |
//! | `sync_token` | the token that changes with every write |
//! | `limits` | limits of the server as a whole |
//! | `in_flight`, `metrics` | counts of requests in progress, and of everything else |
//! | `static_files` | files for browsers |

mod body;
mod execute;
mod in_flight;
mod invalidations;
mod limits;
mod metrics;
mod origin;
mod request;
mod response;
mod static_files;
mod subscribe;
mod sync_token;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderName, HeaderValue, Method, Request, Response};
use isocache::Clock;
use isocache_protocol::{headers, path};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::access::{Credentials, Profile, RequestQuota, Role, Tokens, Unauthorized};
use crate::invalidations::Origin;
use crate::store::{Announcements, Store};
use in_flight::{Counts, InFlight};
use invalidations::Invalidations;
pub use limits::ServerLimits;
pub use metrics::Metrics;
pub use origin::Origins;
use request::{Form, Request as Parsed, check_head, header};
use response::{Failure, response};
pub use static_files::StaticFiles;
use subscribe::Subscribe;
use sync_token::SyncToken;

/// Permissions and limits. They can be replaced while the server runs.
#[derive(Debug)]
pub struct Policy {
    /// The tokens and the signing keys.
    pub tokens: Tokens,
    /// The profile of requests without a token, if no token is configured.
    pub anonymous: Option<Arc<Profile>>,
    /// Where a request may carry its token.
    pub credentials: Credentials,
    /// The allowed origins and host names.
    pub origins: Origins,
    /// Limits of the server as a whole.
    pub limits: ServerLimits,
    /// A prefix of every path, without a trailing slash; usually empty.
    pub base_path: String,
}

/// The current policy, and whether another has replaced it.
struct InForce {
    policy: Policy,
    replaced: watch::Sender<bool>,
}

impl From<Policy> for InForce {
    fn from(policy: Policy) -> Self {
        Self { policy, replaced: watch::Sender::new(false) }
    }
}

/// The state of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It serves requests.
    Serving,
    /// It serves requests, but `/readyz` announces the shutdown.
    Leaving,
    /// It accepts no more connections, and subscriptions end.
    Ending,
}

/// The state that all requests share.
pub struct Bridge {
    /// The store behind the bridge.
    pub store: Store,
    policy: ArcSwap<InForce>,
    /// The quotas of the profiles.
    pub quota: RequestQuota<Arc<dyn Clock>>,
    /// The wall clock, for the expiry of tokens and for stale entries.
    pub clock: Arc<dyn Clock>,
    /// Counts.
    pub metrics: Metrics,
    /// Whether `/readyz` returns 503 after a snapshot has failed.
    pub snapshot_in_readyz: bool,
    /// Static files for browsers.
    pub static_files: Option<StaticFiles>,
    /// How changed keys are announced.
    pub announcements: Announcements,
    phase: watch::Receiver<Phase>,
    sync: SyncToken,
    requests: Counts,
    streams: Counts,
}

/// The required parts of a [`Bridge`].
pub struct Parts {
    /// The store behind the bridge.
    pub store: Store,
    /// The permissions and limits.
    pub policy: Policy,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The state of the server.
    pub phase: watch::Receiver<Phase>,
}

/// The headers of all responses to commands.
const SYNC_TOKEN: HeaderName = HeaderName::from_static(headers::SYNC_TOKEN);
const EXTENSIONS: HeaderName = HeaderName::from_static(headers::EXTENSIONS);
const POSITION: HeaderName = HeaderName::from_static(headers::POSITION);

/// The maximum number of profiles with their own quota.
const QUOTAS: usize = 10_000;

impl Bridge {
    /// Creates a bridge with the default options.
    pub fn new(parts: Parts) -> Self {
        let Parts { store, policy, clock, phase } = parts;
        Self {
            metrics: Metrics::new(&store),
            quota: RequestQuota::new(Arc::clone(&clock), QUOTAS),
            sync: SyncToken::new(clock.now_ms()),
            store,
            policy: ArcSwap::from_pointee(policy.into()),
            clock,
            snapshot_in_readyz: false,
            static_files: None,
            announcements: Announcements::default(),
            phase,
            requests: Counts::default(),
            streams: Counts::default(),
        }
    }

    /// Replaces the policy. Requests in progress finish under the old one. Subscriptions end, so that none outlives its
    /// token; the clients subscribe again.
    pub fn replace_policy(&self, policy: Policy) {
        let old = self.policy.swap(Arc::new(policy.into()));
        old.replaced.send_replace(true);
    }

    /// Responds to a request. The response to HEAD has no body.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let watch = Instant::now();
        let (head, body) = request.into_parts();
        let in_force = self.policy.load_full();
        let origins = &in_force.policy.origins;
        if head.method == Method::OPTIONS {
            return origins.preflight(&head.headers);
        }
        if let Some(files) = &self.static_files
            && origins.check_host(&head.headers, head.uri.host()).is_ok()
            && let Some(response) = files.respond(&head).await
        {
            return response;
        }
        let mut body = Some(body);
        let mut response = match self.serve(&in_force, &head, &mut body).await {
            Ok(response) => response,
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
        // Closing a connection with unread data resets it, and the client may lose the response. So the rest of a
        // refused body is read while the response is sent.
        if let Some(body) = body.filter(|body| !body.is_end_stream()) {
            tokio::spawn(body::discard(body));
        }
        origins.mark(&head.headers, &mut response);
        if head.method == Method::HEAD {
            response::without_body(&mut response);
        }
        self.metrics.responded(response.status().as_u16(), watch.elapsed().as_secs_f64());
        response
    }

    /// Takes `body` only once it has read all of it.
    async fn serve<B>(
        &self,
        in_force: &InForce,
        head: &axum::http::request::Parts,
        body: &mut Option<B>,
    ) -> Result<Response<Body>, Failure>
    where
        B: HttpBody<Data = Bytes> + Unpin,
        B::Error: Into<axum::BoxError>,
    {
        let policy = &in_force.policy;
        let (path, query) = (head.uri.path(), head.uri.query());
        policy.origins.check_host(&head.headers, head.uri.host())?;
        match path {
            "/livez" => return Ok(response(200, "text/plain", "alive\n")),
            "/readyz" => return self.readiness().await,
            _ => {}
        }
        check_head(&head.method, path, query)?;
        let profile = self.caller(policy, head)?;
        if path == "/metrics" {
            return if profile.role == Role::Admin { Ok(self.metrics_response()) } else { Err(Failure::metrics()) };
        }
        let path = match path.strip_prefix(policy.base_path.as_str()) {
            Some("") => "/",
            Some(rest) if rest.starts_with('/') => rest,
            _ => path,
        };
        if self.requests.total() >= policy.limits.max_in_flight {
            return Err(Failure::busy());
        }
        let limit = profile.limits.max_in_flight;
        let in_flight = self.requests.begin(&profile.name, limit);
        let _in_flight = in_flight.ok_or_else(|| Failure::too_many("requests", limit))?;
        if path == invalidations::PATH && matches!(head.method, Method::GET | Method::HEAD) {
            self.quota.take(&profile, 1, 0)?;
            return self.invalidations(in_force, &profile, head).await;
        }
        let bytes = body::read(head, body, profile.limits.max_body_bytes, policy.limits.body_timeout).await?;
        let request = request::parse(&head.method, path, query, &head.headers, &bytes, &profile.limits)?;
        self.quota.take(&profile, request.commands.len() as u64, bytes.len() as u64)?;
        if let Some(subscribe) =
            request.commands.first().filter(|_| request.form == Form::Single).and_then(Subscribe::of)
        {
            return self.subscribe(in_force, &profile, &head.headers, subscribe).await;
        }
        let origin = request::origin(&head.headers)?;
        self.execute(&profile, request, origin).await
    }

    /// The profile of the caller.
    fn caller(&self, policy: &Policy, head: &axum::http::request::Parts) -> Result<Arc<Profile>, Failure> {
        if let Some(anonymous) = &policy.anonymous {
            policy.origins.check_page(&head.headers)?;
            return Ok(Arc::clone(anonymous));
        }
        let given = head.headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        let query = path::token(head.uri.query()).ok().flatten();
        let by_query = query.is_some() && !head.headers.contains_key(AUTHORIZATION);
        let token = policy.credentials.find(given, query.as_deref())?;
        if by_query {
            // A page of another site can make a browser send such a request. It cannot set the header.
            policy.origins.check_page(&head.headers)?;
        }
        let profile = policy.tokens.authenticate(token, self.clock.now_ms() / 1000)?;
        let origin = header(&head.headers, "origin").and_then(|origin| std::str::from_utf8(origin).ok());
        if profile.permits_origin(origin) { Ok(profile) } else { Err(Unauthorized { expired: false }.into()) }
    }

    async fn execute(
        &self,
        profile: &Profile,
        request: Parsed,
        origin: Option<Origin>,
    ) -> Result<Response<Body>, Failure> {
        let Parsed { form, format, commands } = request;
        // Taken before the commands run: a later change outdates what they read, and an earlier one does not.
        let position = self.store.log().position();
        let by = origin.map(|origin| self.store.by(origin));
        let store = by.as_ref().unwrap_or(&self.store);
        let executed = execute::execute(store, &self.metrics, profile, form, commands, &*self.clock).await;
        match &executed {
            Ok(_) => self.metrics.store(true),
            Err(failure) if failure.status >= 502 => self.metrics.store(false),
            Err(_) => {}
        }
        let executed = executed?;
        let mut response = response::write(&executed.replies, form, format, profile.limits.max_response_bytes)?;
        if let Some(bytes) = HttpBody::size_hint(response.body()).exact() {
            self.quota.charge(profile, bytes);
        }
        response.headers_mut().insert(SYNC_TOKEN, self.sync.after(executed.wrote).into());
        response.headers_mut().insert(EXTENSIONS, HeaderValue::from_static(headers::EXTENSIONS_HERE));
        if let Some(position) = position.and_then(|position| HeaderValue::try_from(position.to_string()).ok()) {
            response.headers_mut().insert(POSITION, position);
        }
        Ok(response)
    }

    async fn subscribe(
        &self,
        in_force: &InForce,
        profile: &Profile,
        head: &axum::http::HeaderMap,
        subscribe: Subscribe,
    ) -> Result<Response<Body>, Failure> {
        let accepts = header(head, "accept").unwrap_or_default();
        if !accepts.windows(headers::CONTENT_TYPE_SSE.len()).any(|part| part == headers::CONTENT_TYPE_SSE.as_bytes()) {
            return Err(Failure::new(400, "ERR a subscription is a stream: send Accept: text/event-stream"));
        }
        subscribe.check(profile)?;
        let (slot, ending) = self.begin_stream(in_force, profile)?;
        subscribe.open(&self.store, slot, ending).await
    }

    async fn invalidations(
        &self,
        in_force: &InForce,
        profile: &Profile,
        head: &axum::http::request::Parts,
    ) -> Result<Response<Body>, Failure> {
        let wanted = Invalidations::parse(head.uri.query(), &head.headers, profile)?;
        let changes = async { self.store.changes(&self.announcements).await.ok_or_else(invalidations::unavailable) };
        if !wanted.is_stream {
            return wanted.poll(&*changes.await?);
        }
        let (slot, ending) = self.begin_stream(in_force, profile)?;
        wanted.stream(&changes.await?, &self.announcements, slot, ending)
    }

    /// Counts a stream. The returned future completes when the stream must end: with the server, the policy or the
    /// token.
    fn begin_stream(
        &self,
        in_force: &InForce,
        profile: &Profile,
    ) -> Result<(InFlight, impl Future<Output = ()> + Send + use<>), Failure> {
        if self.streams.total() >= in_force.policy.limits.max_streams {
            return Err(Failure::busy());
        }
        let limit = profile.limits.max_streams;
        let slot = self.streams.begin(&profile.name, limit);
        let slot = slot.ok_or_else(|| Failure::too_many("subscriptions", limit))?;
        let (mut phase, mut replaced) = (self.phase.clone(), in_force.replaced.subscribe());
        let now = self.clock.now_ms() / 1000;
        let left = profile.expires_at.map(|end| Duration::from_secs(end.saturating_sub(now)));
        let ending = async move {
            let expired = async {
                match left {
                    Some(left) => sleep(left).await,
                    None => std::future::pending().await,
                }
            };
            // An error means that the sender is gone, which also ends the stream.
            tokio::select! {
                _ = phase.wait_for(|phase| *phase == Phase::Ending) => {}
                _ = replaced.wait_for(|replaced| *replaced) => {}
                () = expired => {}
            }
        };
        Ok((slot, ending))
    }

    async fn readiness(&self) -> Result<Response<Body>, Failure> {
        if *self.phase.borrow() != Phase::Serving {
            return Err(Failure::new(503, "ERR the bridge is shutting down"));
        }
        if self.snapshot_in_readyz && self.metrics.snapshot_failed() {
            return Err(Failure::new(503, "ERR the last snapshot failed"));
        }
        let ready = self.store.ready().await;
        self.metrics.store(ready.is_ok());
        ready?;
        Ok(response(200, "text/plain", "ready\n"))
    }

    /// The response to `/metrics`.
    pub fn metrics_response(&self) -> Response<Body> {
        self.metrics.advice(&self.store.advise());
        let text = self.metrics.text(self.requests.total(), self.streams.total(), self.store.log().readers());
        response(200, "application/openmetrics-text; version=1.0.0; charset=utf-8", text)
    }
}
