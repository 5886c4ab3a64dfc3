//! `GET /invalidations`: the changes of keys, as a stream of events or as one response.
//!
//! ```text
//! GET /invalidations?prefix=user%3A                      Accept: text/event-stream
//! GET /invalidations?prefix=user%3A&since=<position>     the missed changes, as JSON
//! ```

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Response};
use bytes::Bytes;
use isocache_protocol::{headers, path};
use serde_json::{Map, Value, json};

use super::in_flight::InFlight;
use super::request::{header, not_an_origin};
use super::response::{Failure, response};
use crate::access::{Profile, Scope, table};
use crate::invalidations::{ChangedKey, Changes, Event, Log, Missed, Origin, Position, Reader, Wanted};
use crate::store::Announcements;

/// The path, after the base path.
pub const PATH: &str = "/invalidations";

/// The changes that a caller requests.
pub struct Invalidations {
    wanted: Wanted,
    /// Whether the caller wants a stream rather than one response.
    pub is_stream: bool,
}

impl Invalidations {
    /// Parses a request, and keeps only the prefixes that the profile may read.
    pub fn parse(query: Option<&str>, head: &HeaderMap, profile: &Profile) -> Result<Self, Failure> {
        if !table::by_name(b"get").is_some_and(|get| profile.permits(get)) {
            return Err(Failure::new(403, "NOPERM refused by the bridge: this token may not read"));
        }
        let (mut prefixes, mut since, mut origin) = (Vec::new(), None, None);
        for (name, value) in path::pairs(query)? {
            match name.as_slice() {
                b"prefix" => prefixes.push(Bytes::from(value)),
                b"since" => since = Some(value),
                b"origin" => {
                    let parsed = Origin::new(&value).map_err(|reason| not_an_origin(reason, "the parameter origin"))?;
                    origin = Some(parsed);
                }
                b"_token" => {}
                _ => {
                    let shown = String::from_utf8_lossy(&name);
                    return Err(Failure::new(
                        400,
                        format!("ERR unknown parameter {shown:?}: there are prefix, since and origin"),
                    ));
                }
            }
        }
        // A browser sends it when it reconnects, with the original URL.
        let since = header(head, "last-event-id").map(<[u8]>::to_vec).or(since);
        let since = since.map(|text| position(&text)).transpose()?;
        let accepts = header(head, "accept").unwrap_or_default();
        let sse = headers::CONTENT_TYPE_SSE.as_bytes();
        let is_stream = accepts.windows(sse.len()).any(|part| part == sse);
        let prefixes = permitted(prefixes, &profile.read)?;
        Ok(Self { wanted: Wanted { prefixes, since, origin }, is_stream })
    }

    /// The missed changes, in one response.
    pub fn poll(self, log: &Log) -> Result<Response<Body>, Failure> {
        let (missed, position) = log.missed(self.wanted).ok_or_else(unavailable)?;
        log.counts().polled();
        let mut body = match missed {
            Missed::Keys(keys) => texts(&keys),
            Missed::Everything => Map::from_iter([("reset".into(), true.into())]),
        };
        body.insert("position".into(), position.to_string().into());
        Ok(response(200, headers::CONTENT_TYPE_JSON, Value::Object(body).to_string()))
    }

    /// A stream of events. `slot` counts the stream while it is open; it ends with `ending`.
    pub fn stream(
        self,
        log: &Arc<Log>,
        announcements: &Announcements,
        slot: InFlight,
        ending: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Response<Body>, Failure> {
        let since = self.wanted.since;
        let reader = log.read(self.wanted).ok_or_else(unavailable)?;
        let heartbeat = u64::try_from(announcements.heartbeat.as_millis()).unwrap_or(u64::MAX);
        // Without `since`, all changes from here on follow. With it, the missed changes come first.
        let start = since.unwrap_or(reader.position);
        let hello = ("hello", event("hello", start, &json!({ "heartbeat": heartbeat })));
        let events = Events { first: Some(hello), log: Arc::clone(log), reader, ending: Box::pin(ending), _slot: slot };
        let events = futures_util::stream::unfold(events, |mut events| async move {
            let (name, text) = events.next().await?;
            events.log.counts().sent(name, text.len());
            Some((Ok::<_, Infallible>(text), events))
        });
        Ok(response(200, headers::CONTENT_TYPE_SSE, Body::from_stream(events)))
    }
}

fn position(text: &[u8]) -> Result<Position, Failure> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| {
        let shown: String = String::from_utf8_lossy(text).chars().take(40).collect();
        let remedy = "send the id of an event, or the header isocache-position of a response";
        Failure::new(400, format!("ERR {shown:?} is not a position: {remedy}"))
    })
}

/// Restricts the prefixes to the scope. No prefix at all means every key of the scope.
fn permitted(wanted: Vec<Bytes>, scope: &Scope) -> Result<Vec<Bytes>, Failure> {
    if wanted.len() > Scope::MAX_PREFIXES {
        let most = Scope::MAX_PREFIXES;
        return Err(Failure::new(400, format!("ERR refused by the bridge: more than {most} prefixes in one stream")));
    }
    let wanted = if wanted.is_empty() { vec![Bytes::new()] } else { wanted };
    let Scope::Prefixes(own) = scope else { return Ok(wanted) };
    let mut permitted = Vec::new();
    for prefix in &wanted {
        let before = permitted.len();
        if scope.contains(prefix) {
            permitted.push(prefix.clone());
        } else {
            let within = own.iter().filter(|own| own.starts_with(prefix));
            permitted.extend(within.map(|own| Bytes::copy_from_slice(own)));
        }
        if permitted.len() == before {
            let shown = String::from_utf8_lossy(prefix);
            return Err(Failure::new(
                403,
                format!("NOPERM refused by the bridge: this token may read no keys with the prefix {shown:?}"),
            ));
        }
    }
    Ok(permitted)
}

/// The failure while changes cannot be observed. The log says why.
pub fn unavailable() -> Failure {
    Failure::new(503, "ERR the store does not announce changed keys at present").with_retry(1)
}

/// The keys as JSON: all in `keys`, and those last changed by the reader also in `own`. Keys that are not UTF-8 are
/// left out: no cache of this protocol has them.
fn texts(changed: &[ChangedKey]) -> Map<String, Value> {
    let texts = |own: bool| -> Vec<Value> {
        let wanted = changed.iter().filter(|changed| changed.is_own || !own);
        wanted.filter_map(|changed| std::str::from_utf8(&changed.key).ok()).map(Value::from).collect()
    };
    let mut fields = Map::from_iter([("keys".into(), texts(false).into())]);
    let own = texts(true);
    if !own.is_empty() {
        fields.insert("own".into(), own.into());
    }
    fields
}

fn event(name: &str, position: Position, data: &Value) -> Bytes {
    format!("id: {position}\nevent: {name}\ndata: {data}\n\n").into()
}

/// The name of the event for changed keys.
const KEYS: &str = "invalidate";

/// The name of an event, and its text.
type Named = (&'static str, Bytes);

struct Events<E> {
    first: Option<Named>,
    log: Arc<Log>,
    reader: Reader,
    ending: Pin<Box<E>>,
    /// Dropped when the stream ends, or its reader disconnects.
    _slot: InFlight,
}

impl<E: Future<Output = ()>> Events<E> {
    async fn next(&mut self) -> Option<Named> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let next = tokio::select! {
            next = self.reader.next() => next?,
            () = &mut self.ending => return None,
        };
        let (name, position, data) = match next {
            Event::Keys(changes) => {
                let text = |changes: &Changes| event(KEYS, changes.position(), &texts(&changes.keys()).into());
                return Some((KEYS, changes.text(text)));
            }
            Event::All(position) => (KEYS, position, json!({ "all": true })),
            Event::Reset(position) => ("reset", position, json!({})),
            Event::Heartbeat(position) => ("heartbeat", position, json!({})),
        };
        Some((name, event(name, position, &data)))
    }
}
