//! Server-sent events.

use isocache_protocol::sse::{self, Event, Parser, Subscription};

/// Small, so that inputs reach it.
const LIMIT: usize = 256;

/// The input as what a server sends, and as names and payloads of what the bridge sends.
pub fn check(input: &[u8]) {
    reads(input);
    writes(input);
}

/// In pieces of any size it is the same events, or the same refusal.
fn reads(input: &[u8]) {
    let mut whole = Parser::new(LIMIT);
    let expected = whole.push(input);
    let step = input.first().map_or(1, |first| 1 + usize::from(*first) % 5);
    let mut parser = Parser::new(LIMIT);
    let by_pieces: Result<Vec<Vec<Event>>, _> = input.chunks(step).map(|piece| parser.push(piece)).collect();
    assert_eq!(by_pieces.map(|events| events.concat()), expected);
    for event in expected.iter().flatten() {
        let bytes = match event {
            Event::Subscription { channel, .. } => channel.len(),
            Event::Message { channel, payload } => channel.len() + payload.len(),
            Event::PatternMessage { pattern, channel, payload } => pattern.len() + channel.len() + payload.len(),
            Event::Text(text) => text.len(),
        };
        // A byte that is not UTF-8 becomes three.
        assert!(bytes <= 3 * LIMIT);
    }
}

/// Whatever is published, and to whatever channel, one event comes out; and the payload as it went in, if the channel has
/// no comma.
fn writes(input: &[u8]) {
    let mut parts = input.splitn(3, |byte| *byte == 0);
    let [channel, pattern, payload] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let name = |bytes: &[u8]| text(bytes).replace(['\r', '\n'], "\u{fffd}");
    let mut out = Vec::new();
    sse::write_message(&mut out, channel, payload);
    let message = Event::Message { channel: name(channel), payload: text(payload) };
    is_one(&out, (!channel.contains(&b',')).then_some(message));
    out.clear();
    sse::write_pattern_message(&mut out, pattern, channel, payload);
    let message = Event::PatternMessage { pattern: name(pattern), channel: name(channel), payload: text(payload) };
    is_one(&out, (!channel.contains(&b',') && !pattern.contains(&b',')).then_some(message));
    out.clear();
    sse::write_subscription(&mut out, Subscription::Subscribe, channel, 7);
    is_one(&out, Some(Event::Subscription { kind: Subscription::Subscribe, channel: name(channel), count: 7 }));
    out.clear();
    sse::write_text(&mut out, payload);
    is_one(&out, None);
}

fn is_one(out: &[u8], expected: Option<Event>) {
    let events = Parser::new(usize::MAX).push(out).expect("there is no limit");
    assert_eq!(events.len(), 1, "{}", out.escape_ascii());
    if let Some(expected) = expected {
        assert_eq!(events, [expected]);
    }
}
