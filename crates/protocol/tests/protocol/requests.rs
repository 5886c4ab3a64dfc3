//! Commands in JSON bodies.

use isocache_protocol::command_json::{NotText, write_command, write_commands};
use isocache_protocol::{Command, RequestError, RequestLimits, request_json};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::strategies;

const LIMITS: RequestLimits = RequestLimits { commands: 3, arguments: 4 };

fn one(body: &str) -> Result<Vec<Vec<u8>>, String> {
    let command = request_json::command(body.as_bytes(), &LIMITS).map_err(|error| error.to_string())?;
    Ok(command.args().map(<[u8]>::to_vec).collect())
}

#[test]
fn arguments_keep_their_text() {
    let cases: &[(&str, &[&str])] = &[
        (r#"["GET","a"]"#, &["GET", "a"]),
        (" \t\r\n[ \"GET\" , \"a\" ]\n ", &["GET", "a"]),
        (r#"["SET","","",""]"#, &["SET", "", "", ""]),
        (r#"["a",100,-7,0]"#, &["a", "100", "-7", "0"]),
        (r#"["a",1.0,1e21,1.50E+3]"#, &["a", "1.0", "1e21", "1.50E+3"]),
        (r#"["a",-0,-0.0]"#, &["a", "-0", "-0.0"]),
        (
            r#"["a",9007199254740993,123456789012345678901234567890]"#,
            &["a", "9007199254740993", "123456789012345678901234567890"],
        ),
        (
            r#"["a",0.1000000000000000055511151231257827,1e999]"#,
            &["a", "0.1000000000000000055511151231257827", "1e999"],
        ),
        (r#"["a",true,false]"#, &["a", "true", "false"]),
        (r#"["a","null","[1]"]"#, &["a", "null", "[1]"]),
        (r#"["a","\u0000","\ud83d\ude00"]"#, &["a", "\0", "😀"]),
        (r#"["a","\"\\\/\b\f\n\r\t","é😀"]"#, &["a", "\"\\/\u{8}\u{c}\n\r\t", "é😀"]),
        (r#"["a","\r\n$3\r\n"]"#, &["a", "\r\n$3\r\n"]),
        ("[5]", &["5"]),
        (r#"[""]"#, &[""]),
    ];
    for (body, args) in cases {
        let expected: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
        assert_eq!(one(body), Ok(expected.clone()), "{body}");
        let pipeline = request_json::pipeline(format!("[{body}]").as_bytes(), &LIMITS).unwrap();
        assert_eq!(pipeline, [Command::from_iter(expected)], "{body}");
    }
}

#[test]
fn what_is_refused_and_in_which_words() {
    let malformed = "ERR failed to parse command";
    let cases = [
        ("", malformed),
        ("[", malformed),
        ("[\"GET\"", malformed),
        ("[\"GET\",]", malformed),
        ("[\"GET\"] x", malformed),
        ("[\"GET\"][]", malformed),
        ("\u{feff}[\"GET\"]", malformed),
        ("{}", malformed),
        ("{\"0\":\"GET\"}", malformed),
        ("\"GET\"", malformed),
        ("null", malformed),
        ("5", malformed),
        ("[GET]", malformed),
        ("['GET']", malformed),
        ("[01]", malformed),
        ("[.5]", malformed),
        ("[NaN]", malformed),
        ("[nul]", malformed),
        ("[\"a\nb\"]", malformed),
        ("[\"\0\"]", malformed),
        (r#"["\x"]"#, malformed),
        (r#"["a\"]"#, malformed),
        ("[]", "ERR empty command"),
        ("[null]", "ERR null args are not supported: [0]"),
        (r#"["SET","k",null]"#, "ERR null args are not supported: [2]"),
        (r#"["SET",["k"]]"#, "ERR unsupported arg type: [1] is an array"),
        (r#"["SET","k",{"a":[1]}]"#, "ERR unsupported arg type: [2] is an object"),
        (r#"[["SET","k"]]"#, "ERR unsupported arg type: [0] is an array"),
        (r#"["GET","\ud800"]"#, "ERR lone surrogate in [1]"),
        (r#"["GET","\udc00a"]"#, "ERR lone surrogate in [1]"),
        (r#"["GET","\ud800\ud800"]"#, "ERR lone surrogate in [1]"),
        (r#"["a","b","c","d","e"]"#, "ERR too many arguments: at most 4 in one command"),
    ];
    for (body, text) in cases {
        assert_eq!(one(body), Err(text.to_owned()), "{body:?}");
    }
    assert_eq!(request_json::command(b"[\"\xff\"]", &LIMITS), Err(RequestError::MalformedCommand));
}

#[test]
fn a_pipeline_and_a_transaction() {
    let malformed = "ERR failed to parse pipeline request";
    let cases = [
        ("", malformed),
        ("{}", malformed),
        ("[5]", malformed),
        (r#"["GET","a"]"#, malformed),
        (r#"[["GET","a"],"b"]"#, malformed),
        (r#"[["GET","a"]"#, malformed),
        (r#"[["GET","a"]],"#, malformed),
        ("[null]", malformed),
        ("[{}]", malformed),
        ("[]", "ERR empty pipeline request"),
        (r#"[["GET","a"],["SET","k",null]]"#, "ERR null args are not supported: [1][2]"),
        (r#"[["GET","a"],["SET",{}]]"#, "ERR unsupported arg type: [1][1] is an object"),
        (r#"[["GET","\udfff"]]"#, "ERR lone surrogate in [0][1]"),
        (r#"[["a"],["a"],["a"],["a"]]"#, "ERR too many commands: at most 3 in one request"),
        (r#"[["a"],["a",1,2,3,4]]"#, "ERR too many arguments: at most 4 in one command"),
    ];
    for (body, text) in cases {
        for read in [request_json::pipeline, request_json::transaction] {
            assert_eq!(
                read(body.as_bytes(), &LIMITS).map_err(|error| error.to_string()),
                Err(text.to_owned()),
                "{body}"
            );
        }
    }
    let at_the_limits = request_json::pipeline(br#"[["a",1,2,3],["b"],["c"]]"#, &LIMITS).unwrap();
    assert_eq!(at_the_limits.iter().map(Command::len).collect::<Vec<_>>(), [4, 1, 1]);
}

#[test]
fn an_empty_command_is_its_own_error_in_a_pipeline_and_everybodys_in_a_transaction() {
    let body = br#"[["GET","a"],[],["GET","b"]]"#;
    let commands = request_json::pipeline(body, &LIMITS).unwrap();
    assert_eq!(commands.iter().map(Command::is_empty).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(request_json::transaction(body, &LIMITS), Err(RequestError::EmptyPipelineCommand));
    assert_eq!(RequestError::EmptyPipelineCommand.to_string(), "ERR empty pipeline command");
}

#[test]
fn statuses() {
    let status = |body: &str| request_json::pipeline(body.as_bytes(), &LIMITS).unwrap_err().status();
    assert_eq!(status("[[],[],[],[]]"), 413);
    assert_eq!(status("[[1,2,3,4,5]]"), 413);
    assert_eq!(status("[[null]]"), 400);
    assert_eq!(status("["), 400);
}

#[test]
fn nesting_as_deep_as_the_body_is_long() {
    let deep = "[".repeat(1 << 20);
    assert_eq!(one(&deep), Err("ERR failed to parse command".to_owned()));
    let closed = format!("{deep}{}", "]".repeat(1 << 20));
    assert_eq!(one(&closed), Err("ERR unsupported arg type: [0] is an array".to_owned()));
    let objects = format!("[{}1{}]", r#"{"a":"#.repeat(1 << 18), "}".repeat(1 << 18));
    assert_eq!(one(&objects), Err("ERR unsupported arg type: [0] is an object".to_owned()));
}

#[test]
fn cut_off_at_every_byte() {
    let body = r#"[["SET","ké\n",1.5e3,true],["GET","\ud83d\ude00"]]"#.as_bytes();
    for end in 0..body.len() {
        assert_eq!(request_json::pipeline(&body[..end], &LIMITS), Err(RequestError::MalformedPipeline), "{end}");
    }
    assert_eq!(request_json::pipeline(body, &LIMITS).unwrap().len(), 2);
}

#[test]
fn what_json_cannot_carry() {
    let good: Command = ["GET", "a"].into_iter().collect();
    let bad: Command = [&b"SET"[..], b"k", b"\xff"].into_iter().collect();
    let mut body = b"before".to_vec();
    assert_eq!(write_command(&mut body, &bad), Err(NotText { command: 0, argument: 2 }));
    let refused = write_commands(&mut body, [&good, &bad]).unwrap_err();
    assert_eq!(refused.to_string(), "argument 2 of command 1 is not UTF-8, which JSON cannot carry");
    assert_eq!(body, b"before");
}

/// An argument as JSON, in one of several spellings, and its bytes.
fn spelled() -> impl Strategy<Value = (String, Vec<u8>)> {
    let escaped = |text: &str| text.encode_utf16().fold(String::new(), |text, unit| text + &format!("\\u{unit:04x}"));
    prop_oneof![
        any::<String>().prop_map(|text| (serde_json::to_string(&text).unwrap(), text.into_bytes())),
        any::<String>().prop_map(move |text| (format!("\"{}\"", escaped(&text)), text.into_bytes())),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?"
            .prop_map(|text| (text.clone(), text.into_bytes())),
        any::<bool>().prop_map(|value| (value.to_string(), value.to_string().into_bytes())),
    ]
}

proptest! {
    #[test]
    fn any_spelling_is_read(arguments in vec((spelled(), "[ \t\r\n]{0,2}"), 1..8)) {
        let texts: Vec<String> = arguments.iter().map(|((text, _), space)| format!("{space}{text}{space}")).collect();
        let expected: Command = arguments.iter().map(|((_, bytes), _)| bytes).collect();
        let body = format!("[{}]", texts.join(","));
        prop_assert_eq!(request_json::command(body.as_bytes(), &RequestLimits::default()), Ok(expected));
    }

    #[test]
    fn what_the_client_writes_the_bridge_reads(commands in vec(strategies::text_command(), 1..5)) {
        let (mut all, mut first) = (Vec::new(), Vec::new());
        write_commands(&mut all, &commands).unwrap();
        write_command(&mut first, &commands[0]).unwrap();
        let limits = RequestLimits::default();
        prop_assert_eq!(request_json::command(&first, &limits), Ok(commands[0].clone()));
        prop_assert_eq!(request_json::transaction(&all, &limits), Ok(commands));
    }

    #[test]
    fn any_bytes_have_an_answer(body in vec(proptest::sample::select(b"[]\"\\u,d8a1-.e {}ntr\xff".to_vec()), 0..24)) {
        let limits = RequestLimits::default();
        let is_json = serde_json::from_slice::<serde_json::Value>(&body).is_ok_and(|value| value.is_array());
        // More can be read than serde makes a value of: numbers too large for it.
        prop_assert!(!is_json || request_json::command(&body, &limits) != Err(RequestError::MalformedCommand));
        let _ = request_json::pipeline(&body, &limits);
    }
}
