//! Messages of a subscription.

use isocache_protocol::sse::{
    Event, HEARTBEAT, Parser, Subscription, TooLong, write_message, write_pattern_message, write_subscription,
    write_text,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::strategies;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

fn parsed(bytes: &[u8]) -> Vec<Event> {
    Parser::new(1 << 20).push(bytes).unwrap()
}

fn message(channel: &str, payload: &str) -> Event {
    Event::Message { channel: channel.to_owned(), payload: payload.to_owned() }
}

/// The official client: lines that begin with `data: `, each by itself, the payload as JSON where it is JSON.
fn seen_by_the_official_client(bytes: &str) -> Vec<String> {
    let lines = bytes.split('\n').filter_map(|line| line.strip_prefix("data: message,"));
    lines
        .filter_map(|rest| rest.split_once(','))
        .map(|(_, payload)| serde_json::from_str::<String>(payload).unwrap_or_else(|_| payload.to_owned()))
        .collect()
}

#[test]
fn the_lines_of_the_protocol() {
    let lines = [
        (written(|out| write_subscription(out, Subscription::Subscribe, b"ch", 1)), "data: subscribe,ch,1\n\n"),
        (written(|out| write_subscription(out, Subscription::Unsubscribe, b"ch", 0)), "data: unsubscribe,ch,0\n\n"),
        (written(|out| write_subscription(out, Subscription::PatternSubscribe, b"c*", 1)), "data: psubscribe,c*,1\n\n"),
        (
            written(|out| write_subscription(out, Subscription::PatternUnsubscribe, b"c*", 0)),
            "data: punsubscribe,c*,0\n\n",
        ),
        (written(|out| write_message(out, b"ch", b"hello, world")), "data: message,ch,hello, world\n\n"),
        (written(|out| write_message(out, b"ch", b"")), "data: message,ch,\n\n"),
        (written(|out| write_message(out, b"ch", b"{\"a\":1}")), "data: message,ch,{\"a\":1}\n\n"),
        (written(|out| write_message(out, b"ch", b"a\xffb")), "data: message,ch,a\u{fffd}b\n\n"),
        (written(|out| write_message(out, b"ch", b"a\r\n\"")), ": escaped\ndata: message,ch,\"a\\r\\n\\\"\"\n\n"),
        (written(|out| write_pattern_message(out, b"c*", b"ch", b"x")), "data: pmessage,c*,ch,x\n\n"),
        (written(|out| write_text(out, b"\"OK\"")), "data: \"OK\"\n\n"),
    ];
    for (found, expected) in lines {
        assert_eq!(found, expected);
    }
    assert!(HEARTBEAT.starts_with(':') && HEARTBEAT.ends_with("\n\n"));
}

#[test]
fn nobody_writes_events_of_another_channel() {
    let attack = b"x\r\n\r\ndata: message,bank,send money";
    for bytes in [
        written(|out| write_message(out, b"x", attack)),
        written(|out| write_message(out, attack, b"y")),
        written(|out| write_pattern_message(out, attack, attack, b"y")),
        written(|out| write_subscription(out, Subscription::Subscribe, attack, 1)),
        written(|out| write_text(out, attack)),
    ] {
        assert_eq!(bytes.matches("\n\n").count(), 1, "{bytes:?}");
        assert!(!bytes.contains('\r'), "{bytes:?}");
        assert_eq!(bytes.lines().filter(|line| line.starts_with("data:")).count(), 1, "{bytes:?}");
        assert_eq!(parsed(bytes.as_bytes()).len(), 1);
    }
}

#[test]
fn what_servers_may_send() {
    let text = |text: &str| Event::Text(text.to_owned());
    let subscribed =
        |channel: &str| Event::Subscription { kind: Subscription::Subscribe, channel: channel.to_owned(), count: 1 };
    let pmessage = Event::PatternMessage { pattern: "p*".into(), channel: "p1".into(), payload: "a,b".into() };
    let cases: [(&str, Vec<Event>); 18] = [
        ("", vec![]),
        ("\n\n\n", vec![]),
        (HEARTBEAT, vec![]),
        ("data: subscribe,ch,1\n\n", vec![subscribed("ch")]),
        ("data: subscribe,a,b,1\n\n", vec![subscribed("a,b")]),
        ("data: subscribe,ch,x\n\n", vec![text("subscribe,ch,x")]),
        ("data:message,ch,x\n\n", vec![message("ch", "x")]),
        ("data:  message,ch,x\n\n", vec![text(" message,ch,x")]),
        ("data: message,ch, a,b \n\n", vec![message("ch", " a,b ")]),
        ("data: message,ch,a\ndata: b\n\n", vec![message("ch", "a\nb")]),
        ("data: message,ch,a\r\n\r\ndata: message,ch,b\r\rdata", vec![message("ch", "a"), message("ch", "b")]),
        ("id: 1\nevent: x\n: c\nretry: 5\ndata: message,ch,x\n\n", vec![message("ch", "x")]),
        ("data: pmessage,p*,p1,a,b\n\n", vec![pmessage]),
        ("data: message,ch\n\n", vec![text("message,ch")]),
        ("data: \"OK\"\n\n", vec![text("\"OK\"")]),
        ("data\n\ndatax: 1\n\n", vec![]),
        (
            ": escaped\ndata: message,ch,\"a\\nb\"\n\ndata: message,ch,\"c\"\n\n",
            vec![message("ch", "a\nb"), message("ch", "\"c\"")],
        ),
        (": escaped\ndata: message,ch,not json\n\n", vec![message("ch", "not json")]),
    ];
    for (bytes, events) in cases {
        assert_eq!(parsed(bytes.as_bytes()), events, "{bytes:?}");
        let mut parser = Parser::new(1 << 20);
        let one_by_one: Vec<Event> = bytes.bytes().flat_map(|byte| parser.push(&[byte]).unwrap()).collect();
        assert_eq!(one_by_one, events, "{bytes:?}");
    }
}

#[test]
fn an_event_without_end() {
    let too_long = Err(TooLong { limit: 10 });
    assert_eq!(Parser::new(10).push(&[b'a'; 11]), too_long);
    assert_eq!(Parser::new(10).push(&[b'a'; 10]), Ok(vec![]));
    let mut parser = Parser::new(10);
    let ends = (0..100).map(|_| parser.push(b"a")).find(Result::is_err);
    assert_eq!(ends, Some(too_long.clone()));
    let mut parser = Parser::new(10);
    let ends = (0..100).map(|_| parser.push(b"data:x\n")).find(Result::is_err);
    assert_eq!(ends, Some(too_long.clone()));
    let mut parser = Parser::new(10);
    assert!((0..100).all(|_| parser.push(b"data:x\n\n").is_ok_and(|events| events.len() == 1)));
    assert!((0..100).all(|_| parser.push(b": comment\n").is_ok()));
}

proptest! {
    #[test]
    fn there_and_back(messages in vec(("[a-z:é]{1,5}", strategies::bytes()), 0..5), size in 1_usize..20) {
        let bytes = written(|out| {
            for (channel, payload) in &messages {
                write_message(out, channel.as_bytes(), payload);
                out.extend_from_slice(HEARTBEAT.as_bytes());
            }
        });
        let lossy = |payload: &[u8]| String::from_utf8_lossy(payload).into_owned();
        let expected: Vec<Event> = messages.iter().map(|(channel, payload)| message(channel, &lossy(payload))).collect();
        let mut parser = Parser::new(1 << 20);
        let found: Vec<Event> = bytes.as_bytes().chunks(size).flat_map(|chunk| parser.push(chunk).unwrap()).collect();
        prop_assert_eq!(found, expected);

        let decoded = |text: String| serde_json::from_str::<String>(&text).unwrap_or(text);
        let expected: Vec<String> = messages.iter().map(|(_, payload)| decoded(lossy(payload))).collect();
        prop_assert_eq!(seen_by_the_official_client(&bytes), expected);
    }

    #[test]
    fn any_bytes_have_an_answer(pieces in vec(vec(any::<u8>(), 0..40), 0..8)) {
        let mut parser = Parser::new(64);
        for piece in pieces {
            if parser.push(&piece).is_err() {
                break;
            }
        }
    }
}
