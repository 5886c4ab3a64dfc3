//! Replies as JSON, both ways.

use isocache_protocol::reply_json::{Strings, write_replies, write_reply};
use isocache_protocol::{Reply, ReplyTooLarge, reply_from_json};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::strategies;

const BEYOND: i64 = 9_007_199_254_740_992;

fn written(reply: &Reply, strings: Strings) -> String {
    let mut out = Vec::new();
    write_reply(&mut out, reply, strings, usize::MAX).unwrap();
    String::from_utf8(out).unwrap()
}

fn array(replies: impl Into<Vec<Reply>>) -> Reply {
    Reply::Array(replies.into())
}

#[test]
fn every_shape_plain_and_in_base64() {
    let status = |text: &'static str| Reply::Status(text.into());
    let cases = [
        (Reply::OK, r#"{"result":"OK"}"#, r#"{"result":"OK"}"#),
        (Reply::bulk("OK"), r#"{"result":"OK"}"#, r#"{"result":"OK"}"#),
        (Reply::bulk("ok"), r#"{"result":"ok"}"#, r#"{"result":"b2s="}"#),
        (Reply::bulk("OK "), r#"{"result":"OK "}"#, r#"{"result":"T0sg"}"#),
        (status("PONG"), r#"{"result":"PONG"}"#, r#"{"result":"UE9ORw=="}"#),
        (Reply::bulk(""), r#"{"result":""}"#, r#"{"result":""}"#),
        (Reply::bulk("a\0\r\n\"\\"), r#"{"result":"a\u0000\r\n\"\\"}"#, r#"{"result":"YQANCiJc"}"#),
        (Reply::bulk(&b"a\xff\xfeb"[..]), "{\"result\":\"a\u{fffd}\u{fffd}b\"}", r#"{"result":"Yf/+Yg=="}"#),
        (Reply::bulk("é"), r#"{"result":"é"}"#, r#"{"result":"w6k="}"#),
        (Reply::Integer(-1), r#"{"result":-1}"#, r#"{"result":-1}"#),
        (Reply::Integer(BEYOND - 1), r#"{"result":9007199254740991}"#, r#"{"result":9007199254740991}"#),
        (Reply::Integer(1 - BEYOND), r#"{"result":-9007199254740991}"#, r#"{"result":-9007199254740991}"#),
        (Reply::Integer(BEYOND), r#"{"result":"9007199254740992"}"#, r#"{"result":"OTAwNzE5OTI1NDc0MDk5Mg=="}"#),
        (
            Reply::Integer(i64::MIN),
            r#"{"result":"-9223372036854775808"}"#,
            r#"{"result":"LTkyMjMzNzIwMzY4NTQ3NzU4MDg="}"#,
        ),
        (Reply::Nil, r#"{"result":null}"#, r#"{"result":null}"#),
        (Reply::error("ERR \"no\"\n"), r#"{"error":"ERR \"no\"\n"}"#, r#"{"error":"ERR \"no\"\n"}"#),
        (Reply::Error((&b"ERR \xff"[..]).into()), "{\"error\":\"ERR \u{fffd}\"}", "{\"error\":\"ERR \u{fffd}\"}"),
        (array([]), r#"{"result":[]}"#, r#"{"result":[]}"#),
        (array([Reply::OK]), r#"{"result":["OK"]}"#, r#"{"result":["T0s="]}"#),
        (array([array([Reply::bulk("OK")])]), r#"{"result":[["OK"]]}"#, r#"{"result":[["T0s="]]}"#),
        (
            array([array([array([Reply::bulk("OK"), Reply::Nil]), Reply::Integer(1)])]),
            r#"{"result":[[["OK",null],1]]}"#,
            r#"{"result":[[["T0s=",null],1]]}"#,
        ),
        (array([Reply::error("ERR x")]), r#"{"result":["ERR x"]}"#, r#"{"result":["RVJSIHg="]}"#),
        (
            array([Reply::Integer(BEYOND)]),
            r#"{"result":["9007199254740992"]}"#,
            r#"{"result":["OTAwNzE5OTI1NDc0MDk5Mg=="]}"#,
        ),
    ];
    for (reply, plain, base64) in &cases {
        assert_eq!(written(reply, Strings::Plain), *plain);
        assert_eq!(written(reply, Strings::Base64), *base64);
    }
    for (strings, of) in [(Strings::Plain, 1), (Strings::Base64, 2)] {
        let mut all = Vec::new();
        write_replies(&mut all, cases.iter().map(|case| &case.0), strings, usize::MAX).unwrap();
        let each: Vec<&str> = cases.iter().map(|case| if of == 1 { case.1 } else { case.2 }).collect();
        assert_eq!(String::from_utf8(all).unwrap(), format!("[{}]", each.join(",")));
    }
    let mut none = Vec::new();
    write_replies(&mut none, &[], Strings::Plain, 2).unwrap();
    assert_eq!(none, b"[]");
}

/// Both writers, at the limit and one below it.
#[test]
fn an_answer_of_the_limit_passes_and_one_byte_more_does_not() {
    let replies = [
        Reply::bulk("\0".repeat(50)),
        array(vec![Reply::Nil; 20]),
        Reply::error("ERR"),
        Reply::Integer(BEYOND),
        Reply::OK,
    ];
    for strings in [Strings::Plain, Strings::Base64] {
        for reply in &replies {
            let length = written(reply, strings).len() + 6;
            let mut out = b"before".to_vec();
            assert_eq!(write_reply(&mut out, reply, strings, length - 1), Err(ReplyTooLarge { limit: length - 1 }));
            assert_eq!(out, b"before");
            assert_eq!(write_reply(&mut out, reply, strings, length), Ok(()));
            assert_eq!(out.len(), length);
        }
        let mut whole = Vec::new();
        write_replies(&mut whole, &replies, strings, usize::MAX).unwrap();
        for limit in 0..whole.len() {
            let mut out = Vec::new();
            assert_eq!(write_replies(&mut out, &replies, strings, limit), Err(ReplyTooLarge { limit }));
            assert_eq!(out, b"");
        }
    }
}

/// The writer stops at the limit instead of finding out at the end.
#[test]
fn an_answer_beyond_the_limit_is_given_up_early() {
    let many = vec![Reply::bulk("x".repeat(100)); 100_000];
    let mut out = Vec::new();
    let mut asked = 0;
    let counted = many.iter().inspect(|_| asked += 1);
    assert!(write_replies(&mut out, counted, Strings::Base64, 10_000).is_err());
    assert!(asked < 100, "{asked}");
    let one = Reply::Array(many);
    assert!(write_reply(&mut out, &one, Strings::Plain, 10_000).is_err());
    assert!(out.capacity() < 100_000, "{}", out.capacity());
}

#[test]
fn answers_of_other_servers() {
    let cases = [
        (r#"{"result":"OK"}"#, Reply::bulk("OK")),
        (r#" { "result" : null } "#, Reply::Nil),
        (r#"{"result":12}"#, Reply::Integer(12)),
        (r#"{"result":9223372036854775807}"#, Reply::Integer(i64::MAX)),
        (r#"{"result":-9223372036854775808}"#, Reply::Integer(i64::MIN)),
        (r#"{"result":9007199254740993}"#, Reply::Integer(9_007_199_254_740_993)),
        (r#"{"result":18446744073709551615}"#, Reply::bulk("18446744073709551615")),
        (r#"{"result":1.5}"#, Reply::bulk("1.5")),
        (r#"{"result":[true,false,[null]]}"#, array([Reply::Integer(1), Reply::Integer(0), array([Reply::Nil])])),
        (r#"{"error":"ERR no"}"#, Reply::error("ERR no")),
        (r#"{"error":"ERR \u00e9","result":null}"#, Reply::error("ERR é")),
        (r#"{"result":1,"error":null}"#, Reply::Integer(1)),
        (r#"{"time":{"ms":[1]},"re\u0073ult":1}"#, Reply::Integer(1)),
    ];
    for (body, reply) in cases {
        assert_eq!(reply_from_json::reply(body.as_bytes(), Strings::Plain), Ok(reply), "{body}");
    }
    let encoded = [
        (r#"{"result":"OK"}"#, Reply::bulk("OK")),
        (
            r#"{"result":["OK",["OK"],"T0s="]}"#,
            array([Reply::bulk("OK"), array([Reply::bulk("OK")]), Reply::bulk("OK")]),
        ),
        (r#"{"result":"Yf/+AA=="}"#, Reply::bulk(&b"a\xff\xfe\0"[..])),
        (r#"{"error":"T0s="}"#, Reply::error("T0s=")),
    ];
    for (body, reply) in encoded {
        assert_eq!(reply_from_json::reply(body.as_bytes(), Strings::Base64), Ok(reply), "{body}");
    }
}

#[test]
fn what_is_no_answer() {
    let cases = [
        "",
        "{",
        "[]",
        "null",
        "\"OK\"",
        "{}",
        r#"{"result":1"#,
        r#"{"result":1}x"#,
        r#"{"result":{}}"#,
        r#"{"result":[{}]}"#,
        r#"{"result":1,"error":"x"}"#,
        r#"{"result":1,"result":1}"#,
        r#"{"error":1}"#,
        r#"{"error":null}"#,
        r#"{"result":1e16}"#,
        r#"{"result":18446744073709551616}"#,
        r#"{"result":1e400}"#,
        r#"{"result":"\ud800"}"#,
        "<!DOCTYPE html>",
    ];
    for body in cases {
        reply_from_json::reply(body.as_bytes(), Strings::Plain).expect_err(body);
    }
    for body in [r#"{"result":"T0s"}"#, r#"{"result":"a b="}"#, r#"{"result":"é"}"#, r#"{"result":["hello"]}"#] {
        reply_from_json::reply(body.as_bytes(), Strings::Base64).expect_err(body);
    }
    let deep = format!(r#"{{"result":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    reply_from_json::reply(deep.as_bytes(), Strings::Plain).unwrap_err();
}

#[test]
fn the_number_of_answers_must_be_that_of_the_commands() {
    let body = br#"[{"result":1},{"error":"ERR no"}]"#;
    let both = vec![Reply::Integer(1), Reply::error("ERR no")];
    assert_eq!(reply_from_json::replies(body, Strings::Plain, 2), Ok(both));
    for expected in [0, 1, 3] {
        reply_from_json::replies(body, Strings::Plain, expected).unwrap_err();
    }
    reply_from_json::replies(br#"{"error":"ERR no"}"#, Strings::Plain, 1).unwrap_err();
}

#[test]
fn an_error_shows_how_the_answer_begins_and_no_more() {
    let text = |body: &[u8]| reply_from_json::reply(body, Strings::Plain).unwrap_err().to_string();
    assert_eq!(
        text(b"<h1>\x1b[31m\r\n\xff"),
        r#"not JSON, at line 1 column 1; the response begins with "<h1>\x1b[31m\r\n\xff""#
    );
    let long = format!("{{\"result\":{{\"{}\":1}}}}", "s".repeat(10_000));
    assert!(text(long.as_bytes()).len() < 200, "{}", text(long.as_bytes()));
    assert!(text(&[0; 1000]).len() < 400);
    assert_eq!(
        text(br#"{"result":"#),
        r#"JSON that is cut off, at line 1 column 10; the response begins with "{\"result\":""#
    );
}

#[test]
fn cut_off_at_every_byte() {
    let body = r#"[{"result":["YQ==",-12,null,["T0s="]]},{"error":"ERR \u00e9"}]"#.as_bytes();
    for end in 0..body.len() {
        assert!(reply_from_json::replies(&body[..end], Strings::Base64, 2).is_err(), "{end}");
    }
    assert_eq!(reply_from_json::replies(body, Strings::Base64, 2).unwrap().len(), 2);
}

/// What remains of a reply in JSON.
fn in_json(reply: &Reply, strings: Strings, is_whole: bool) -> Reply {
    let string = |bytes: &[u8]| match strings {
        Strings::Plain => Reply::bulk(String::from_utf8_lossy(bytes).into_owned()),
        Strings::Base64 => Reply::bulk(bytes.to_vec()),
    };
    match reply {
        Reply::Error(text) if is_whole => Reply::error(String::from_utf8_lossy(text)),
        Reply::Status(bytes) | Reply::Error(bytes) | Reply::Bulk(bytes) => string(bytes),
        Reply::Integer(number) if number.unsigned_abs() >= BEYOND.unsigned_abs() => {
            string(number.to_string().as_bytes())
        }
        Reply::Array(replies) => Reply::Array(replies.iter().map(|reply| in_json(reply, strings, false)).collect()),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn what_the_bridge_writes_the_client_reads(replies in vec(strategies::reply(), 0..5)) {
        for strings in [Strings::Plain, Strings::Base64] {
            let expected: Vec<Reply> = replies.iter().map(|reply| in_json(reply, strings, true)).collect();
            let mut body = Vec::new();
            write_replies(&mut body, &replies, strings, usize::MAX).unwrap();
            let read = reply_from_json::replies(&body, strings, replies.len());
            prop_assert_eq!(read.as_ref(), Ok(&expected));
            for (reply, expected) in replies.iter().zip(expected) {
                let body = written(reply, strings);
                prop_assert_eq!(reply_from_json::reply(body.as_bytes(), strings), Ok(expected));
            }
        }
    }

    #[test]
    fn any_bytes_have_an_answer(body in strategies::bytes()) {
        prop_assert!(reply_from_json::reply(&body, Strings::Base64).is_err());
    }
}
