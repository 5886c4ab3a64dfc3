//! Turns the events and responses of the bridge into announcements.

use isocache_protocol::sse::Fields;
use serde::Deserialize;
use std::time::Duration;

use crate::remote::Namespace;
use crate::tiered::{Invalidation, Position};

/// The data of an event, or the response to a poll.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Data {
    keys: Option<Vec<String>>,
    own: Vec<String>,
    all: bool,
    reset: bool,
    heartbeat: Option<u64>,
    position: Option<String>,
}

/// The allowed intervals of heartbeats, in milliseconds.
const HEARTBEATS: std::ops::RangeInclusive<u64> = 10..=3_600_000;

/// An event of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The stream is open, with this interval of heartbeats.
    Hello(Duration, Position),
    /// Anything later.
    Change(Invalidation),
}

/// Parses an event. `knows_own` says whether own changes can be trusted. The error says what is wrong with the event.
pub(super) fn of_event(fields: &Fields, namespace: &Namespace, knows_own: bool) -> Result<Event, String> {
    let position = read_position(fields.id.as_deref())?;
    let data = read(fields.data.as_bytes())?;
    let some = Some(position);
    Ok(Event::Change(match fields.name.as_deref() {
        Some("hello") => {
            let ms = data.heartbeat.ok_or("the first event does not tell the interval of heartbeats")?;
            let ms = ms.clamp(*HEARTBEATS.start(), *HEARTBEATS.end());
            return Ok(Event::Hello(Duration::from_millis(ms), position));
        }
        Some("heartbeat") => Invalidation::Heartbeat { position: some, took: Duration::ZERO },
        Some("invalidate") if data.all => Invalidation::All { position: some },
        Some("invalidate") => match keys(data, namespace, knows_own) {
            Some((keys, own)) => Invalidation::Keys { keys, own, position: some },
            None => Invalidation::Reset { position: some },
        },
        // Also an event unknown to this release: whatever it means, no copy survives it.
        _ => Invalidation::Reset { position: some },
    }))
}

/// Parses the response to a poll, as the announcement of the missed changes.
pub(super) fn of_response(body: &[u8], namespace: &Namespace, knows_own: bool) -> Result<Invalidation, String> {
    let data = read(body)?;
    let position = Some(read_position(data.position.as_deref())?);
    if data.reset {
        return Ok(Invalidation::Reset { position });
    }
    let (keys, own) = keys(data, namespace, knows_own).ok_or("it has neither keys nor a reset")?;
    Ok(Invalidation::Keys { keys, own, position })
}

/// The keys as callers of the provider know them, and the own ones among them; `None` if the field is absent.
fn keys(data: Data, namespace: &Namespace, knows_own: bool) -> Option<(Vec<String>, Vec<String>)> {
    let stripped = |keys: Vec<String>| {
        if namespace.prefix().is_none() {
            return keys;
        }
        keys.iter().filter_map(|key| namespace.strip(key)).map(str::to_owned).collect()
    };
    let own = if knows_own { data.own } else { Vec::new() };
    Some((stripped(data.keys?), stripped(own)))
}

fn read(json: &[u8]) -> Result<Data, String> {
    serde_json::from_slice(json).map_err(|error| format!("it is not JSON of announcements: {error}"))
}

fn read_position(text: Option<&str>) -> Result<Position, String> {
    text.and_then(|text| text.parse().ok()).ok_or_else(|| "it has no position".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(name: &str, data: &str) -> Fields {
        Fields { id: Some("0000000000000007-5".into()), name: Some(name.into()), data: data.into(), is_escaped: false }
    }

    const AT: Position = Position { epoch: 7, sequence: 5 };

    #[test]
    fn events_become_announcements() {
        let everything = Namespace::default();
        let of = |name, data| of_event(&fields(name, data), &everything, true).unwrap();
        let position = Some(AT);
        let texts = |keys: &[&str]| -> Vec<String> { keys.iter().map(|&key| key.into()).collect() };
        assert_eq!(of("hello", r#"{"heartbeat":10000}"#), Event::Hello(Duration::from_secs(10), AT));
        assert_eq!(of("hello", r#"{"heartbeat":0}"#), Event::Hello(Duration::from_millis(10), AT));
        for (name, data, expected) in [
            ("heartbeat", "{}", Invalidation::Heartbeat { position, took: Duration::ZERO }),
            ("reset", "{}", Invalidation::Reset { position }),
            ("invalidate", r#"{"all":true}"#, Invalidation::All { position }),
            (
                "invalidate",
                r#"{"keys":["a","b"],"own":["b"]}"#,
                Invalidation::Keys { keys: texts(&["a", "b"]), own: texts(&["b"]), position },
            ),
            ("invalidate", "{}", Invalidation::Reset { position }),
            ("invalidate", r#"{"patterns":["a*"]}"#, Invalidation::Reset { position }),
            ("something new", "{}", Invalidation::Reset { position }),
        ] {
            assert_eq!(of(name, data), Event::Change(expected), "{name} {data}");
        }
        let foreign = of_event(&fields("invalidate", r#"{"keys":["a"],"own":["a"]}"#), &everything, false).unwrap();
        let expected = Invalidation::Keys { keys: texts(&["a"]), own: Vec::new(), position };
        assert_eq!(foreign, Event::Change(expected));
    }

    #[test]
    fn keys_are_told_without_their_namespace() {
        let shop = Namespace::new("shop").unwrap();
        let body = br#"{"keys":["shop:a","other:b","shop:"],"own":["shop:a"],"position":"0000000000000007-5"}"#;
        let expected = Invalidation::Keys { keys: vec!["a".into()], own: vec!["a".into()], position: Some(AT) };
        assert_eq!(of_response(body, &shop, true), Ok(expected));
    }

    #[test]
    fn anything_else_is_an_error() {
        let everything = Namespace::default();
        for (name, data, says) in [
            ("hello", "{}", "interval of heartbeats"),
            ("invalidate", "keys", "not JSON"),
            ("invalidate", r#"{"keys":[1]}"#, "not JSON"),
        ] {
            let error = of_event(&fields(name, data), &everything, true).unwrap_err();
            assert!(error.contains(says), "{name} {data}: {error}");
        }
        let nowhere = Fields { id: None, ..fields("heartbeat", "{}") };
        assert!(of_event(&nowhere, &everything, true).unwrap_err().contains("no position"));
        for (body, says) in [
            (r#"{"result":"OK"}"#, "no position"),
            (r#"{"position":"0000000000000007-5"}"#, "neither keys nor a reset"),
            ("<html>", "not JSON"),
        ] {
            let error = of_response(body.as_bytes(), &everything, true).unwrap_err();
            assert!(error.contains(says), "{body}: {error}");
        }
        let reset = of_response(br#"{"reset":true,"position":"0000000000000007-5"}"#, &everything, true);
        assert_eq!(reset, Ok(Invalidation::Reset { position: Some(AT) }));
    }
}
