//! RESP, both ways.

use bytes::Bytes;
use isocache_protocol::resp::{
    MAX_DEPTH, ReplyScanner, RespLimits, decode_command, decode_commands, decode_replies, decode_reply, write_command,
    write_commands, write_replies, write_reply,
};
use isocache_protocol::{Command, Reply, ReplyTooLarge, RequestError, RequestLimits};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::strategies;

const NONE: RespLimits = RespLimits { depth: usize::MAX, elements: usize::MAX, bytes: usize::MAX };

fn decoded(input: &[u8], limits: &RespLimits) -> Result<Option<(Reply, usize)>, String> {
    decode_reply(&Bytes::copy_from_slice(input), limits).map_err(|error| error.to_string())
}

fn scanned(input: &[u8], limits: &RespLimits) -> Result<Option<usize>, String> {
    ReplyScanner::new(limits).scan(input).map_err(|error| error.to_string())
}

/// Bytes and what they are.
fn cases() -> Vec<(&'static [u8], Reply)> {
    let bulk = |text: &'static str| Reply::bulk(text);
    vec![
        (b"+OK\r\n", Reply::OK),
        (b"+\r\n", Reply::Status("".into())),
        (b"-ERR no\r\n", Reply::error("ERR no")),
        (b":0\r\n", Reply::Integer(0)),
        (b":-9223372036854775808\r\n", Reply::Integer(i64::MIN)),
        (b":9007199254740993\r\n", Reply::Integer(9_007_199_254_740_993)),
        (b"$0\r\n\r\n", bulk("")),
        (b"$7\r\na\0\r\n$1\xff\r\n", Reply::bulk(&b"a\0\r\n$1\xff"[..])),
        (b"$-1\r\n", Reply::Nil),
        (b"*-1\r\n", Reply::Nil),
        (b"*0\r\n", Reply::Array(vec![])),
        (
            b"*3\r\n:1\r\n*2\r\n$2\r\nOK\r\n-E x\r\n$-1\r\n",
            Reply::Array(vec![Reply::Integer(1), Reply::Array(vec![bulk("OK"), Reply::error("E x")]), Reply::Nil]),
        ),
        (b"_\r\n", Reply::Nil),
        (b"#t\r\n", Reply::Integer(1)),
        (b"#f\r\n", Reply::Integer(0)),
        (b",1.50\r\n", bulk("1.50")),
        (b",-inf\r\n", bulk("-inf")),
        (b",nan\r\n", bulk("nan")),
        (b"(-3492890328409238509324850943850943825024385\r\n", bulk("-3492890328409238509324850943850943825024385")),
        (b"!8\r\nERR a\r\nb\r\n", Reply::error("ERR a\r\nb")),
        (b"=8\r\ntxt:a\r\nb\r\n", bulk("a\r\nb")),
        (b"=4\r\nmkd:\r\n", bulk("")),
        (
            b"%2\r\n+a\r\n:1\r\n+b\r\n%0\r\n",
            Reply::Array(vec![
                Reply::Status("a".into()),
                Reply::Integer(1),
                Reply::Status("b".into()),
                Reply::Array(vec![]),
            ]),
        ),
        (b"~1\r\n:1\r\n", Reply::Array(vec![Reply::Integer(1)])),
        (b">2\r\n+a\r\n~0\r\n", Reply::Array(vec![Reply::Status("a".into()), Reply::Array(vec![])])),
        (b"|1\r\n+ttl\r\n*2\r\n:1\r\n:2\r\n:7\r\n", Reply::Integer(7)),
        (
            b"*2\r\n|0\r\n:1\r\n|1\r\n+a\r\n|1\r\n+b\r\n+c\r\n+d\r\n:2\r\n",
            Reply::Array(vec![Reply::Integer(1), Reply::Integer(2)]),
        ),
    ]
}

#[test]
fn every_type() {
    for (bytes, reply) in cases() {
        let shown = bytes.escape_ascii();
        assert_eq!(decoded(bytes, &NONE), Ok(Some((reply.clone(), bytes.len()))), "{shown}");
        let followed = [bytes, b"+next"].concat();
        assert_eq!(decoded(&followed, &NONE), Ok(Some((reply, bytes.len()))), "{shown}");
        assert_eq!(scanned(&followed, &NONE), Ok(Some(bytes.len())), "{shown}");
    }
}

#[test]
fn cut_off_at_every_byte_and_fed_byte_by_byte() {
    for (bytes, _) in cases() {
        let mut scanner = ReplyScanner::new(&NONE);
        for end in 0..bytes.len() {
            assert_eq!(decoded(&bytes[..end], &NONE), Ok(None), "{}", bytes[..end].escape_ascii());
            assert_eq!(scanned(&bytes[..end], &NONE), Ok(None), "{}", bytes[..end].escape_ascii());
            assert_eq!(scanner.scan(&bytes[..end]), Ok(None));
        }
        assert_eq!(scanner.scan(bytes), Ok(Some(bytes.len())));
    }
}

#[test]
fn strings_are_slices_of_the_input() {
    let input = Bytes::from_static(b"*1\r\n$3\r\nabc\r\n");
    let (reply, _) = decode_reply(&input, &NONE).unwrap().unwrap();
    let Reply::Array(replies) = reply else { panic!("{reply:?}") };
    assert_eq!(replies[0].bytes().unwrap().as_ptr(), input[8..].as_ptr());
}

#[test]
fn what_is_no_resp() {
    let cases: &[(&[u8], &str)] = &[
        (b"GET a\r\n", "unknown type at byte 0"),
        (b"\r\n", "unknown type at byte 0"),
        (b"<html>", "unknown type at byte 0"),
        (b"*2\r\n:1\r\n?", "unknown type at byte 8"),
        (b"+OK\n", "malformed line at byte 0"),
        (b"+\n", "malformed line at byte 0"),
        (b":\r\n", "malformed integer at byte 0"),
        (b":1 \r\n", "malformed integer at byte 0"),
        (b":9223372036854775808\r\n", "malformed integer at byte 0"),
        (b"*1\r\n:x\r\n", "malformed integer at byte 4"),
        (b"$\r\n", "malformed length at byte 0"),
        (b"$-2\r\n", "malformed length at byte 0"),
        (b"$+1\r\na\r\n", "malformed length at byte 0"),
        (b"$?\r\n", "malformed length at byte 0"),
        (b"!-1\r\n", "malformed length at byte 0"),
        (b"$99999999999999999999999\r\n", "malformed length at byte 0"),
        (b"$2\r\nabc\r\n", "malformed end of string at byte 6"),
        (b"$2\r\nab\n\r", "malformed end of string at byte 6"),
        (b"*-2\r\n", "malformed number of elements at byte 0"),
        (b"*?\r\n", "malformed number of elements at byte 0"),
        (b"%-1\r\n", "malformed number of elements at byte 0"),
        (b"_x\r\n", "malformed null at byte 0"),
        (b"#x\r\n", "malformed boolean at byte 0"),
        (b",x\r\n", "malformed double at byte 0"),
        (b"(1.5\r\n", "malformed big number at byte 0"),
        (b"(\r\n", "malformed big number at byte 0"),
        (b"=3\r\ntxt\r\n", "malformed verbatim string at byte 4"),
        (b"=5\r\nabcde\r\n", "malformed verbatim string at byte 4"),
    ];
    for (bytes, text) in cases {
        assert_eq!(decoded(bytes, &NONE), Err((*text).to_owned()), "{}", bytes.escape_ascii());
        assert_eq!(scanned(bytes, &NONE), Err((*text).to_owned()), "{}", bytes.escape_ascii());
    }
}

#[test]
fn lengths_that_are_only_claimed() {
    let limits = RespLimits::default();
    let cases: &[(&[u8], &str)] = &[
        (b"*1000000000\r\n", "more elements than the limit of 1000000 at byte 0"),
        (b"*18446744073709551615\r\n", "more elements than the limit of 1000000 at byte 0"),
        (b"%9223372036854775808\r\n", "more elements than the limit of 1000000 at byte 0"),
        (b"|1000000000\r\n", "more elements than the limit of 1000000 at byte 0"),
        (b"*600000\r\n*600000\r\n", "more elements than the limit of 1000000 at byte 9"),
        (b"$1000000000\r\n", "more bytes than the limit of 67108864 at byte 0"),
        (b"$18446744073709551615\r\n", "more bytes than the limit of 67108864 at byte 0"),
        (b"*1\r\n=1000000000\r\n", "more bytes than the limit of 67108864 at byte 4"),
    ];
    for (bytes, text) in cases {
        assert_eq!(decoded(bytes, &limits), Err((*text).to_owned()));
        assert_eq!(scanned(bytes, &limits), Err((*text).to_owned()));
    }
    // Without a limit they are waited for; room for so much would end the process.
    for bytes in [&b"*1000000000000000\r\n"[..], b"%4000000000000000000\r\n", b"$1000000000000000\r\n"] {
        assert_eq!(decoded(bytes, &NONE), Ok(None));
        assert_eq!(scanned(bytes, &NONE), Ok(None));
        assert!(!decode_command(bytes, &NONE).is_ok_and(|command| command.is_some()));
    }
    let many = b"*1000000000000000\r\n".repeat(MAX_DEPTH);
    assert_eq!(decoded(&many, &NONE), Ok(None));
}

#[test]
fn limits_hold_exactly() {
    let bytes = b"*2\r\n*1\r\n:1\r\n$3\r\nabc\r\n";
    let exact = RespLimits { depth: 2, elements: 3, bytes: bytes.len() };
    assert!(decoded(bytes, &exact).unwrap().is_some());
    assert_eq!(scanned(bytes, &exact), Ok(Some(bytes.len())));
    let tighter = [
        (RespLimits { depth: 1, ..exact }, "more depth than the limit of 1 at byte 4"),
        (RespLimits { elements: 2, ..exact }, "more elements than the limit of 2 at byte 4"),
        (RespLimits { bytes: bytes.len() - 1, ..exact }, "more bytes than the limit of 20 at byte 12"),
    ];
    for (limits, text) in tighter {
        assert_eq!(decoded(bytes, &limits), Err(text.to_owned()));
        assert_eq!(scanned(bytes, &limits), Err(text.to_owned()));
    }
    // A line without an end is not waited for either.
    let line = [b"+".as_slice(), &[b'a'; 100]].concat();
    let limits = RespLimits { bytes: 50, ..NONE };
    assert_eq!(scanned(&line, &limits), Err("more bytes than the limit of 50 at byte 0".to_owned()));
    assert_eq!(
        scanned(&b"+".repeat(1 << 17), &NONE),
        Err("more bytes in a line than the limit of 65536 at byte 0".to_owned())
    );
}

#[test]
fn nesting_without_end() {
    let deep = b"*1\r\n".repeat(1_000_000);
    let text = format!("more depth than the limit of {MAX_DEPTH} at byte {}", MAX_DEPTH * 4);
    assert_eq!(decoded(&deep, &NONE), Err(text.clone()));
    assert_eq!(scanned(&deep, &NONE), Err(text));
    let attributes = b"|1\r\n".repeat(1_000_000);
    assert!(decoded(&attributes, &NONE).is_err());
    let empty = b"|0\r\n".repeat(1_000_000);
    assert_eq!(decoded(&empty, &NONE), Ok(None));
}

#[test]
fn replies_one_after_the_other() {
    let body = Bytes::from_static(b"+OK\r\n*1\r\n:1\r\n$-1\r\n");
    let replies = [Reply::OK, Reply::Array(vec![Reply::Integer(1)]), Reply::Nil];
    assert_eq!(decode_replies(&body, &NONE), Ok(replies.to_vec()));
    assert_eq!(decode_replies(&Bytes::new(), &NONE), Ok(vec![]));
    let cut = decode_replies(&body.slice(..16), &NONE).unwrap_err();
    assert_eq!(cut.to_string(), "end of input at byte 16");
    assert!(decode_replies(&body, &RespLimits { elements: 4, ..NONE }).is_ok());
    assert!(decode_replies(&body, &RespLimits { elements: 3, ..NONE }).is_err());
}

#[test]
fn commands_are_arrays_of_bulk_strings_and_nothing_else() {
    let limits = RequestLimits { commands: 2, arguments: 3 };
    let text = |body: &[u8]| decode_commands(body, &limits).map_err(|error| error.to_string()).unwrap_err();
    let malformed = "ERR failed to parse RESP request: ";
    let cases: &[(&[u8], &str)] = &[
        (b"GET a\r\n", "malformed command: no array at byte 0"),
        (b"$3\r\nGET\r\n", "malformed command: no array at byte 0"),
        (b"*-1\r\n", "malformed command: no array at byte 0"),
        (b"%1\r\n$1\r\na\r\n$1\r\nb\r\n", "malformed command: no array at byte 0"),
        (b"*1\r\n+GET\r\n", "malformed argument: no bulk string at byte 4"),
        (b"*2\r\n$1\r\na\r\n:1\r\n", "malformed argument: no bulk string at byte 11"),
        (b"*1\r\n$-1\r\n", "malformed argument: no bulk string at byte 4"),
        (b"*1\r\n*1\r\n$1\r\na\r\n", "malformed argument: no bulk string at byte 4"),
        (b"*1\r\n$1\r\na\r\n*1\r\n$1\r\n", "end of input at byte 19"),
        (b"*1\r\n$1\r\na\r\n\r\n", "malformed command: no array at byte 11"),
    ];
    for (body, reason) in cases {
        assert_eq!(text(body), format!("{malformed}{reason}"), "{}", body.escape_ascii());
    }
    assert_eq!(text(b""), "ERR empty pipeline request");
    assert_eq!(text(b"*4\r\n"), "ERR too many arguments: at most 3 in one command");
    assert_eq!(text(b"*1000000000\r\n"), "ERR too many arguments: at most 3 in one command");
    assert_eq!(text(b"*0\r\n*0\r\n*0\r\n"), "ERR too many commands: at most 2 in one request");
    let commands = decode_commands(b"*0\r\n*3\r\n$3\r\nSET\r\n$0\r\n\r\n$2\r\n\r\n\r\n", &limits).unwrap();
    assert_eq!(commands, [Command::new(), ["SET", "", "\r\n"].into_iter().collect()]);
}

#[test]
fn no_text_breaks_out_of_its_line() {
    let mut out = Vec::new();
    let replies = [Reply::error("ERR a\r\n+OK"), Reply::Status("b\n".into())];
    write_replies(&mut out, &replies, usize::MAX).unwrap();
    assert_eq!(out, b"-ERR a  +OK\r\n+b \r\n");
}

#[test]
fn an_answer_of_the_limit_passes_and_one_byte_more_does_not() {
    let replies =
        [Reply::OK, Reply::Array(vec![Reply::Nil, Reply::bulk("abc")]), Reply::Integer(-7), Reply::error("E")];
    let mut whole = Vec::new();
    write_replies(&mut whole, &replies, usize::MAX).unwrap();
    for limit in 0..whole.len() {
        let mut out = b"x".to_vec();
        assert_eq!(write_replies(&mut out, &replies, limit + 1), Err(ReplyTooLarge { limit: limit + 1 }));
        assert_eq!(out, b"x");
    }
    let mut out = Vec::new();
    assert_eq!(write_replies(&mut out, &replies, whole.len()), Ok(()));
}

/// Bytes that look like RESP.
fn like_resp() -> impl Strategy<Value = Vec<u8>> {
    let parts = [
        "+a\r\n",
        "-e\r\n",
        ":1\r\n",
        "$1\r\na\r\n",
        "$0\r\n\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*1\r\n",
        "*2\r\n",
        "%1\r\n",
        "%0\r\n",
        "|1\r\n",
        "|0\r\n",
        "~1\r\n",
        ">2\r\n",
        "_\r\n",
        "#t\r\n",
        ",1\r\n",
        "(1\r\n",
        "=5\r\ntxt:a\r\n",
        "!1\r\ne\r\n",
        "\r\n",
        "*9\r\n",
        "$9\r\n",
        "$",
        "x",
    ];
    vec(proptest::sample::select(parts.to_vec()), 0..16).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #[test]
    fn scanner_and_decoder_agree(input in like_resp(), depth in 0_usize..5, elements in 0_usize..9, bytes in 0_usize..60) {
        for limits in [NONE, RespLimits { depth, elements, bytes }] {
            let length = decoded(&input, &limits).map(|found| found.map(|(_, length)| length));
            prop_assert_eq!(scanned(&input, &limits), length.clone());
            let mut scanner = ReplyScanner::new(&limits);
            let mut last = Ok(None);
            for end in 0..=input.len() {
                last = scanner.scan(&input[..end]).map_err(|error| error.to_string());
                if last != Ok(None) {
                    break;
                }
            }
            // Byte by byte the same, but that the end of what may come is noticed sooner or as another limit.
            prop_assert_eq!(last.is_err(), length.is_err());
            if let Ok(length) = length {
                prop_assert_eq!(last, Ok(length));
            }
        }
    }

    #[test]
    fn replies_there_and_back(replies in vec(strategies::reply(), 1..5)) {
        let mut out = Vec::new();
        write_replies(&mut out, &replies, usize::MAX).unwrap();
        prop_assert_eq!(decode_replies(&Bytes::from(out), &NONE), Ok(replies.clone()));
        let mut first = Vec::new();
        write_reply(&mut first, &replies[0], usize::MAX).unwrap();
        for end in 0..first.len() {
            prop_assert_eq!(decoded(&first[..end], &NONE), Ok(None));
        }
    }

    #[test]
    fn commands_there_and_back(commands in vec(strategies::command(), 1..5)) {
        let mut body = Vec::new();
        write_commands(&mut body, &commands);
        prop_assert_eq!(decode_commands(&body, &RequestLimits::default()), Ok(commands.clone()));
        let mut first = Vec::new();
        write_command(&mut first, &commands[0]);
        prop_assert_eq!(decode_command(&body, &NONE), Ok(Some((commands[0].clone(), first.len()))));
        for end in 0..first.len() {
            prop_assert_eq!(decode_command(&first[..end], &NONE), Ok(None));
            let whole = decode_commands(&first[..end], &RequestLimits::default());
            let expected = if end == 0 { "ERR empty pipeline request".to_owned() } else {
                format!("ERR failed to parse RESP request: end of input at byte {end}")
            };
            prop_assert_eq!(whole.map_err(|error: RequestError| error.to_string()), Err(expected));
        }
    }

    #[test]
    fn any_bytes_have_an_answer(input in vec(any::<u8>(), 0..64)) {
        let _ = decode_commands(&input, &RequestLimits::default());
        prop_assert_eq!(decoded(&input, &NONE).map(|found| found.map(|(_, length)| length)), scanned(&input, &NONE));
    }
}
