//! The stream: one connection after another, each from where the last one ended.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use isocache_protocol::headers::CONTENT_TYPE_SSE;
use isocache_protocol::sse::{FieldParser, Fields};

use super::HttpInvalidations;
use super::event::{Event, of_event};
use super::open::Failure;
use crate::clock::{Clock, Stopwatch, UnixClock};
use crate::error::CacheError;
use crate::http::errors;
use crate::http::transport::{PlatformBody, PlatformTransport, random, sleep};
use crate::tiered::{Announce, Invalidation, Position};

/// The pause before the next connection is opened. It doubles with every failed attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause that a server may request.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The maximum length of an event, in bytes: enough for the most keys that the bridge announces at once, as JSON.
const LONGEST_EVENT: usize = 16 << 20;

/// Announces until the future is dropped.
pub(super) async fn run(source: HttpInvalidations, since: Option<Position>, announce: Announce) {
    let mut line = Line { source, position: since, announce, transport: None };
    let (mut failures, mut has_new_token) = (0, false);
    loop {
        let mut connected = false;
        let Err(ended) = line.connection(&mut connected).await else { continue };
        if connected {
            (failures, has_new_token) = (0, false);
        }
        if ended.is_token && line.source.session.forget_token() && !std::mem::replace(&mut has_new_token, true) {
            continue;
        }
        let pause = pause(&ended, failures);
        failures += 1;
        (line.announce)(Invalidation::Disconnected { error: ended.error });
        sleep(pause).await;
    }
}

/// Adds random jitter of up to half, so that the clients of a restarted bridge do not all reconnect at once.
fn pause(ended: &Failure, failures: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE);
    let longest = if ended.is_permanent { LONGEST_PAUSE } else { longest };
    let half = longest / 2;
    let asked = ended.retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
    asked.max(half) + half.mul_f64(random())
}

/// The state kept between connections.
struct Line {
    source: HttpInvalidations,
    /// Everything up to here has been announced.
    position: Option<Position>,
    announce: Announce,
    /// Separate connections, if those of the provider have been silent.
    transport: Option<PlatformTransport>,
}

impl Line {
    /// Opens a connection, and announces what arrives. Returns `Ok` if another connection must follow at once.
    async fn connection(&mut self, connected: &mut bool) -> Result<(), Failure> {
        let started = Stopwatch::start();
        let source = self.source.clone();
        let transport = self.transport.clone().unwrap_or_else(|| source.session.transport.clone());
        let resumes = self.position.is_some();
        let opening = source.limited(async {
            let announced = source.open(&transport, self.position, CONTENT_TYPE_SSE).await?;
            let body = announced.opened.body;
            let mut events = Events { body, parser: FieldParser::new(LONGEST_EVENT), read: Vec::new().into_iter() };
            let first = events.next(&source).await?;
            let Event::Hello(heartbeat, position) = source.event(&first, None)? else {
                return Err(source.strange("it does not begin with hello").into());
            };
            Ok((events, announced.name, heartbeat, position))
        });
        let (mut events, name, heartbeat, position) = opening.await?;
        *connected = true;
        if !resumes {
            self.position = Some(position);
            self.tell(Invalidation::Connected {
                position: Some(position),
                resumed: false,
                heartbeat,
                took: started.elapsed(),
            });
        }
        // Missed changes come first, and are announced before the connection.
        let mut is_resuming = resumes;
        loop {
            let fields = self.wait(&mut events, heartbeat * 2).await?;
            let Event::Change(change) = source.event(&fields, name.as_deref())? else {
                return Err(source.strange("a second hello").into());
            };
            let is_heartbeat = matches!(change, Invalidation::Heartbeat { .. });
            self.position = change.position();
            if std::mem::take(&mut is_resuming) {
                let resumed = !matches!(change, Invalidation::Reset { .. });
                let position = self.position;
                if !is_heartbeat {
                    self.tell(change);
                }
                self.tell(Invalidation::Connected { position, resumed, heartbeat, took: started.elapsed() });
            } else {
                self.tell(change);
            }
            // The bridge must learn the new name of own requests, which is sent with the request for the stream.
            if is_heartbeat && !source.is_current(name.as_deref()) {
                return Ok(());
            }
        }
    }

    fn tell(&self, event: Invalidation) {
        (self.announce)(event);
    }

    /// Waits for the next event, up to a limit.
    async fn wait(&mut self, events: &mut Events, limit: Duration) -> Result<Fields, Failure> {
        let (since, since_unix) = (Stopwatch::start(), UnixClock.now_ms());
        // The limit is polled first: after the process was stopped, both are ready.
        let next = {
            let limit = pin!(sleep(limit));
            match select(limit, pin!(events.next(&self.source))).await {
                Either::Left(_) => None,
                Either::Right((next, _)) => Some(next?),
            }
        };
        // Depending on the platform, only one of the clocks shows the time during which the machine slept.
        let passed = since.elapsed().max(Duration::from_millis(UnixClock.now_ms().saturating_sub(since_unix)));
        match next {
            Some(fields) if passed <= limit => Ok(fields),
            _ => {
                // The connection may be dead, and so may others that the provider would reuse.
                self.transport = PlatformTransport::new().ok();
                let reason = format!("the stream was silent for more than two heartbeats ({limit:?})");
                Err(errors::connection(&self.source.session.url, &reason).into())
            }
        }
    }
}

/// The events of one connection.
struct Events {
    body: PlatformBody,
    parser: FieldParser,
    /// Events that have already arrived.
    read: std::vec::IntoIter<Fields>,
}

impl Events {
    async fn next(&mut self, source: &HttpInvalidations) -> Result<Fields, Failure> {
        loop {
            if let Some(event) = self.read.next() {
                return Ok(event);
            }
            let url = &source.session.url;
            let ended = || errors::connection(url, "the stream of changed keys ended");
            let part = self.body.next().await.ok_or_else(ended)?;
            let part = part.map_err(|error| errors::connection(url, &error.reason()))?;
            self.read = self.parser.push(&part).map_err(|error| source.strange(&error.to_string()))?.into_iter();
        }
    }
}

impl HttpInvalidations {
    fn event(&self, fields: &Fields, name: Option<&str>) -> Result<Event, CacheError> {
        let knows_own = name.is_some() && self.is_current(name);
        of_event(fields, &self.namespace, knows_own).map_err(|reason| self.strange(&reason))
    }

    fn strange(&self, reason: &str) -> CacheError {
        errors::unexpected(&self.session.url, &format!("an event of /invalidations: {reason}"))
    }

    /// Whether own requests are still sent under this name.
    pub(super) fn is_current(&self, name: Option<&str>) -> bool {
        match (&self.own, name) {
            (Some(own), Some(name)) => own.is_current(name),
            _ => true,
        }
    }
}
