//! What the headers choose.

use isocache_protocol::Encoding;
use isocache_protocol::headers::{CORS_EXPOSED_HEADERS, CORS_REQUEST_HEADERS};
use isocache_protocol::reply_json::Strings;

#[test]
fn every_combination() {
    let unknown_encoding = Err("ERR invalid Upstash-Encoding: only base64 is supported");
    let unknown_format = Err("ERR invalid Upstash-Response-Format: only json and resp2 are supported");
    let both = Err("ERR invalid Upstash-Response-Format: resp2 cannot be combined with Upstash-Encoding base64");
    let cases = [
        (None, None, Ok(Encoding::Json)),
        (None, Some("json"), Ok(Encoding::Json)),
        (None, Some("resp2"), Ok(Encoding::Resp2)),
        (None, Some("RESP2"), Ok(Encoding::Resp2)),
        (Some("base64"), None, Ok(Encoding::Base64)),
        (Some("Base64"), Some("JSON"), Ok(Encoding::Base64)),
        (Some(""), Some(""), Ok(Encoding::Json)),
        (Some("base64"), Some("resp2"), both),
        (None, Some("resp3"), unknown_format),
        (Some("base64"), Some("resp"), unknown_format),
        (None, Some("json,resp2"), unknown_format),
        (Some("base64url"), None, unknown_encoding),
        (Some("gzip"), Some("resp2"), unknown_encoding),
    ];
    for (encoding, format, expected) in cases {
        let found = Encoding::from_headers(encoding.map(str::as_bytes), format.map(str::as_bytes));
        if let Err(error) = found {
            assert_eq!(error.status(), 400);
        }
        assert_eq!(
            found.map_err(|error| error.to_string()),
            expected.map_err(str::to_owned),
            "{encoding:?} {format:?}"
        );
    }
    assert!(Encoding::from_headers(Some(b"\xff"), None).is_err());
}

#[test]
fn json_is_in_base64_only_if_asked_for() {
    let strings = [Encoding::Json, Encoding::Base64, Encoding::Resp2].map(Encoding::strings);
    assert_eq!(strings, [Strings::Plain, Strings::Base64, Strings::Plain]);
}

/// Every header that the official client sets, and the one that it reads.
#[test]
fn what_browsers_need() {
    let sent = [
        "authorization",
        "content-type",
        "upstash-encoding",
        "upstash-sync-token",
        "upstash-telemetry-sdk",
        "upstash-telemetry-platform",
        "upstash-telemetry-runtime",
        "upstash-response-format",
    ];
    for header in sent {
        assert!(CORS_REQUEST_HEADERS.contains(&header), "{header}");
    }
    assert!(CORS_EXPOSED_HEADERS.contains(&"upstash-sync-token"));
}
