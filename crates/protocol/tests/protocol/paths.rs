//! Commands as paths.

use isocache_protocol::path::{self, PathRequest};
use isocache_protocol::{Command, RequestError, RequestLimits};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::strategies;

fn read(path: &str, query: Option<&str>, body: &[u8]) -> Result<PathRequest, RequestError> {
    path::request(path, query, body, &RequestLimits { commands: 1, arguments: 6 })
}

#[test]
fn segments_body_and_query_in_their_order() {
    let cases: &[(&str, Option<&str>, &str, &[&str])] = &[
        ("/get/a", None, "", &["get", "a"]),
        ("get/a", None, "", &["get", "a"]),
        ("/get/a/", None, "", &["get", "a"]),
        ("/get/a//", None, "", &["get", "a", ""]),
        ("/set//v", None, "", &["set", "", "v"]),
        ("//", None, "", &[""]),
        ("/ping", None, "", &["ping"]),
        ("/get/a%2Fb", None, "", &["get", "a/b"]),
        ("/get/a%2fb%20%25", None, "", &["get", "a/b %"]),
        ("/get/a%252Fb", None, "", &["get", "a%2Fb"]),
        ("/get/a+b", None, "", &["get", "a+b"]),
        ("/get/%00%0d%0A", None, "", &["get", "\0\r\n"]),
        ("/get/é%C3%A9", None, "", &["get", "éé"]),
        ("/get/a=b&c", None, "", &["get", "a=b&c"]),
        ("/set/foo", Some("EX=100"), "v", &["set", "foo", "v", "EX", "100"]),
        ("/set/foo", Some("EX=100&NX"), "", &["set", "foo", "EX", "100", "NX"]),
        ("/set/foo", Some(""), "v", &["set", "foo", "v"]),
        ("/set/foo/", None, "v", &["set", "foo", "v"]),
        ("/a", Some("b=&&c&=d"), "", &["a", "b", "", "c", "", "d"]),
        ("/a", Some("b=c=d&e%3D=f%26"), "", &["a", "b", "c=d", "e=", "f&"]),
        ("/xrange/s", Some("-&+"), "", &["xrange", "s", "-", "+"]),
        ("/a", Some("b=%2B+"), "", &["a", "b", "++"]),
        ("/a", Some("_token=t&b"), "", &["a", "b"]),
        ("/a", Some("%5Ftoken=t&_tokens=x"), "", &["a", "_tokens", "x"]),
        ("/a", Some("_token"), "", &["a"]),
    ];
    for (path, query, body, args) in cases {
        let expected: Command = args.iter().collect();
        let found = read(path, *query, body.as_bytes()).unwrap().command;
        assert_eq!(found, expected, "{path} {query:?} {body:?}");
    }
}

#[test]
fn any_bytes_as_arguments() {
    let command = read("/set/%ff%FE/x", Some("%80=%81"), b"\xff\0").unwrap().command;
    let expected: Command = [&b"set"[..], b"\xff\xfe", b"x", b"\xff\0", b"\x80", b"\x81"].into_iter().collect();
    assert_eq!(command, expected);
}

#[test]
fn the_token_is_no_argument_and_never_shown() {
    let token = |query| read("/a", Some(query), b"").unwrap().token;
    assert_eq!(token("b=1"), None);
    assert_eq!(token("b=1&_token=s%2Fcret&c"), Some(b"s/cret".to_vec()));
    assert_eq!(token("_token"), Some(vec![]));
    for query in [None, Some("b=1&_token=s%2Fcret&c"), Some("_token"), Some("b=_token")] {
        assert_eq!(path::token(query), Ok(read("/a", query, b"").unwrap().token));
    }
    for two in ["_token=s&_token=s", "_token&b&_token=s", "_token=s&%5ftoken=t", "_token=&_token"] {
        assert_eq!(path::token(Some(two)), Err(RequestError::TwoTokens), "{two}");
        assert_eq!(read("/a", Some(two), b""), Err(RequestError::TwoTokens), "{two}");
    }
    assert_eq!(path::token(Some("_token=%")), Err(RequestError::PercentEncoding("the query")));
    let request = read("/get/confidential", Some("_token=secret"), b"").unwrap();
    let shown = format!("{request:?}");
    assert!(!shown.contains("secret") && !shown.contains("115") && !shown.contains("confidential"), "{shown}");
}

#[test]
fn what_is_refused() {
    for path in ["", "/"] {
        assert_eq!(read(path, Some("a=b"), b"body"), Err(RequestError::EmptyCommand));
    }
    for text in ["%", "a%", "%2", "%zz", "%2%20", "%%32%35", "%+1", "%é", "a%20%"] {
        let expected = |place| Err(RequestError::PercentEncoding(place));
        assert_eq!(read(&format!("/get/{text}"), None, b""), expected("the path"), "{text}");
        assert_eq!(read("/get", Some(&format!("{text}=a")), b""), expected("the query"), "{text}");
        assert_eq!(read("/get", Some(&format!("a={text}")), b""), expected("the query"), "{text}");
        assert_eq!(read("/get", Some(text), b""), expected("the query"), "{text}");
    }
    let too_many = Err(RequestError::TooManyArguments { limit: 6 });
    assert_eq!(read("/a/b/c/d/e/f", None, b"").unwrap().command.len(), 6);
    assert_eq!(read("/a/b/c/d/e/f/g", None, b""), too_many);
    assert_eq!(read("/a/b/c/d/e/f", None, b"g"), too_many);
    assert_eq!(read("/a/b/c/d/e", Some("f=g"), b""), too_many);
    assert_eq!(read("/a/b/c/d/e/f", Some("g"), b""), too_many);
}

#[test]
fn what_a_url_cannot_carry() {
    for arg in [".", ".."] {
        let refused = path::of(["GET", arg]).unwrap_err();
        assert_eq!(refused.to_string(), "argument 1 cannot be part of a URL: it is a dot segment");
    }
    assert_eq!(path::of(["GET", "..."]).unwrap(), "/GET/...");
    assert_eq!(path::of(["GET", "%2e"]).unwrap(), "/GET/%252e");
    assert!(path::query([("_token", Some("x"))]).is_err());
    assert!(path::query([("a", None), ("", None)]).is_err_and(|error| error.argument == 1));
    assert_eq!(path::query([("", Some("v")), ("+inf", None)]).unwrap(), "=v&%2Binf");
    assert_eq!(path::query::<&str>([]).unwrap(), "");
}

proptest! {
    #[test]
    fn there_and_back(
        args in vec(strategies::bytes(), 1..5),
        body in strategies::bytes(),
        options in vec((strategies::bytes(), proptest::option::of(strategies::bytes())), 0..4),
    ) {
        let Ok(path) = path::of(&args) else {
            prop_assert!(args.iter().any(|arg| matches!(&arg[..], b"." | b"..")));
            return Ok(());
        };
        let options: Vec<_> = options.into_iter().filter(|(key, value)| !key.is_empty() || value.is_some()).collect();
        let query = path::query(options.iter().map(|(key, value)| (key, value.as_ref()))).unwrap();
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%&=".contains(&byte));
        prop_assert!(plain(&path) && plain(&query), "{} {}", path, query);

        let mut expected: Command = args.iter().collect();
        if !body.is_empty() {
            expected.push(&body);
        }
        for (key, value) in &options {
            expected.push(key);
            if let Some(value) = value {
                expected.push(value);
            }
        }
        let found = path::request(&path, Some(&query), &body, &RequestLimits::default()).unwrap();
        prop_assert_eq!(found, PathRequest { command: expected, token: None });
    }

    #[test]
    fn any_text_has_an_answer(path in any::<String>(), query in any::<String>()) {
        let limits = RequestLimits::default();
        if let Ok(request) = path::request(&path, Some(&query), b"", &limits) {
            prop_assert!(!request.command.is_empty());
        }
    }
}
