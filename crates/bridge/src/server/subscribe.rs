//! Subscriptions: messages as server-sent events.

use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use bytes::Bytes;
use isocache_protocol::{Command, headers, sse};
use tokio::time::{MissedTickBehavior, interval};

use super::in_flight::InFlight;
use super::response::{Failure, response};
use crate::access::{Profile, authorize_psubscribe, authorize_subscribe};
use crate::store::{Message, Messages, Store};

/// The interval of heartbeats in an idle stream.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The maximum number of channels in one stream.
const MAX_CHANNELS: usize = 100;

/// A request to subscribe.
pub struct Subscribe {
    kind: sse::Subscription,
    names: Vec<Bytes>,
}

impl Subscribe {
    /// The subscription that a command in path form requests, if any.
    pub fn of(command: &Command) -> Option<Self> {
        let kind = if command.arg_is(0, "SUBSCRIBE") {
            sse::Subscription::Subscribe
        } else if command.arg_is(0, "PSUBSCRIBE") {
            sse::Subscription::PatternSubscribe
        } else {
            return None;
        };
        // The official client sends `[]` as the body, which in path form is the last argument.
        let names = command.args().skip(1).filter(|name| *name != b"[]").map(Bytes::copy_from_slice);
        Some(Self { kind, names: names.collect() })
    }

    /// Refuses channels that the profile does not permit, and names that an event cannot represent.
    pub fn check(&self, profile: &Profile) -> Result<(), Failure> {
        if self.names.is_empty() {
            let word = self.kind.word();
            return Err(Failure::new(400, format!("ERR wrong number of arguments for '{word}' command")));
        }
        if self.names.len() > MAX_CHANNELS {
            return Err(Failure::new(
                400,
                format!("ERR refused by the bridge: more than {MAX_CHANNELS} channels in one stream"),
            ));
        }
        for name in &self.names {
            if name.iter().any(|byte| matches!(byte, b',' | b'\r' | b'\n')) {
                return Err(Failure::new(
                    400,
                    "ERR refused by the bridge: events cannot hold a channel with a comma or a line break",
                ));
            }
            match self.kind {
                sse::Subscription::PatternSubscribe => authorize_psubscribe(profile, name)?,
                _ => authorize_subscribe(profile, name)?,
            }
        }
        Ok(())
    }

    /// Opens the stream of events. `slot` counts the stream while it is open; the stream ends with `ending`.
    pub async fn open(
        self,
        store: &Store,
        slot: InFlight,
        ending: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Response<Body>, Failure> {
        let (channels, patterns): (&[Bytes], &[Bytes]) = match self.kind {
            sse::Subscription::PatternSubscribe => (&[], &self.names),
            _ => (&self.names, &[]),
        };
        let messages = store.subscribe(channels, patterns).await?;
        let mut first = Vec::new();
        for (count, name) in (1..).zip(&self.names) {
            sse::write_subscription(&mut first, self.kind, name, count);
        }
        let events = futures_util::stream::unfold(
            Events { first: Some(first), messages, heartbeat: heartbeat(), ending: Box::pin(ending), _slot: slot },
            |mut events| async move {
                let text = events.next().await?;
                Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), events))
            },
        );
        Ok(response(200, headers::CONTENT_TYPE_SSE, Body::from_stream(events)))
    }
}

fn heartbeat() -> tokio::time::Interval {
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.reset();
    heartbeat
}

struct Events<E> {
    first: Option<Vec<u8>>,
    messages: Messages,
    heartbeat: tokio::time::Interval,
    ending: std::pin::Pin<Box<E>>,
    /// Dropped when the stream ends, or its reader disconnects.
    _slot: InFlight,
}

impl<E: Future<Output = ()>> Events<E> {
    async fn next(&mut self) -> Option<Vec<u8>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        tokio::select! {
            message = self.messages.next() => {
                let Message { pattern, channel, payload } = message?;
                let mut text = Vec::with_capacity(channel.len() + payload.len() + 32);
                match pattern {
                    Some(pattern) => sse::write_pattern_message(&mut text, &pattern, &channel, &payload),
                    None => sse::write_message(&mut text, &channel, &payload),
                }
                Some(text)
            }
            _ = self.heartbeat.tick() => Some(sse::HEARTBEAT.as_bytes().to_vec()),
            () = &mut self.ending => None,
        }
    }
}
