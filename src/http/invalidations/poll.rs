//! Polling: one request each time, for places that cannot hold a stream.

use std::time::Duration;

use isocache_protocol::headers::CONTENT_TYPE_JSON;

use super::HttpInvalidations;
use super::event::of_response;
use super::open::Failure;
use crate::clock::Stopwatch;
use crate::error::Result;
use crate::http::errors;
use crate::http::transport::sleep;
use crate::tiered::{Announce, Invalidation, Position};

/// Requests the missed changes, once. If a function makes tokens and the token was refused, tries again with a new one.
pub(super) async fn once(source: &HttpInvalidations, since: Option<Position>) -> Result<Invalidation> {
    let answered = match source.limited(request(source, since)).await {
        Err(failure) if failure.is_token && source.session.forget_token() => {
            source.limited(request(source, since)).await
        }
        answered => answered,
    };
    let missed = answered.map_err(|failure| failure.error)?;
    source.session.reached(missed.position());
    Ok(match missed {
        // Without a position to start from, the missed changes are unknown.
        Invalidation::Keys { position, .. } if since.is_none() => Invalidation::Reset { position },
        missed => missed,
    })
}

async fn request(source: &HttpInvalidations, since: Option<Position>) -> Result<Invalidation, Failure> {
    let announced = source.open(&source.session.transport, since, CONTENT_TYPE_JSON).await?;
    let (url, limit) = (&source.session.url, source.session.max_response_bytes);
    let response = announced.opened.read(limit).await.map_err(|error| errors::connection(url, &error.reason()))?;
    let knows_own = announced.name.is_some() && source.is_current(announced.name.as_deref());
    let missed = of_response(&response.body, &source.namespace, knows_own);
    missed.map_err(|reason| errors::unexpected(url, &format!("the response of /invalidations: {reason}")).into())
}

/// Polls at an interval, and announces the missed changes, until the future is dropped.
pub(super) async fn run(source: HttpInvalidations, interval: Duration, since: Option<Position>, announce: Announce) {
    let (mut since, mut is_connected) = (since, false);
    loop {
        let started = Stopwatch::start();
        match once(&source, since).await {
            Ok(missed) => {
                let (position, took) = (missed.position(), started.elapsed());
                let is_reset = matches!(missed, Invalidation::Reset { .. });
                let has_keys = matches!(&missed, Invalidation::Keys { keys, .. } if !keys.is_empty());
                if has_keys || (is_reset && is_connected) {
                    announce(missed);
                }
                announce(if std::mem::replace(&mut is_connected, true) {
                    Invalidation::Heartbeat { position, took }
                } else {
                    Invalidation::Connected { position, resumed: !is_reset, heartbeat: interval, took }
                });
                since = position;
            }
            Err(error) => {
                is_connected = false;
                announce(Invalidation::Disconnected { error });
            }
        }
        sleep(interval).await;
    }
}
