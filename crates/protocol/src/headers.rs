//! The headers of the protocol, in lower case, and the formats that they select.

use super::RequestError;
use super::reply_json::Strings;

/// `base64` requests strings as base64 in JSON.
pub const ENCODING: &str = "upstash-encoding";
/// `resp2` requests RESP2 instead of JSON; `json` is the default.
pub const RESPONSE_FORMAT: &str = "upstash-response-format";
/// A token in every response that changes with every write; the client sends the last one back, to read its own writes.
pub const SYNC_TOKEN: &str = "upstash-sync-token";
/// A position in the changes of the store, from before the commands of the response were executed; in every response once
/// a caller has asked for changed keys. An extension of this project.
pub const POSITION: &str = "isocache-position";
/// The name that a client gives to its own requests, so that it can tell its own changes from those of others: 1 to 64
/// printable ASCII characters without spaces. An extension of this project.
pub const ORIGIN: &str = "isocache-origin";
/// Name and version of the official client.
pub const TELEMETRY_SDK: &str = "upstash-telemetry-sdk";
/// The platform of the official client.
pub const TELEMETRY_PLATFORM: &str = "upstash-telemetry-platform";
/// The runtime of the official client.
pub const TELEMETRY_RUNTIME: &str = "upstash-telemetry-runtime";

/// The content type of JSON bodies.
pub const CONTENT_TYPE_JSON: &str = "application/json";
/// The content type of responses with `Upstash-Response-Format: resp2`.
pub const CONTENT_TYPE_RESP2_RESPONSE: &str = "application/octet-stream";
/// The content type of subscriptions.
pub const CONTENT_TYPE_SSE: &str = "text/event-stream";
/// The content type of binary batches: an extension of this project.
///
/// As the body of `POST /pipeline` or `/multi-exec`, it is a sequence of RESP2 commands, each an array of bulk strings.
/// The response, of the same type, is a sequence of RESP2 replies without an enclosing array, as on a TCP connection.
/// There is one reply per command; a failed command has an error reply. A request that is refused as a whole, and a
/// transaction that is discarded, get the JSON response `{"error":"…"}` and its status, as in JSON. A server without
/// the extension refuses the body as invalid JSON (400), or for its content type (415).
pub const CONTENT_TYPE_RESP: &str = "application/x-resp";

/// Lists, in every response, the protocol extensions that the bridge supports, separated by commas.
pub const EXTENSIONS: &str = "isocache-extensions";

/// The extensions of this version: bodies of type [`CONTENT_TYPE_RESP`], the commands [`CLEAR`], [`RELEASE`],
/// [`COMPARE_AND_SET`] and [`INCRBY`], and the path `/invalidations`.
pub const EXTENSIONS_HERE: &str = "x-resp, clear, release, cas, incrby, invalidations";

/// The command that removes all keys that match a pattern: `ISOCACHE.CLEAR pattern [JSON|MSGPACK]`. It returns the number
/// of removed keys; with a format, without the stale entries in envelopes of this format. It runs in steps, so it cannot
/// be part of a transaction.
pub const CLEAR: &str = "ISOCACHE.CLEAR";

/// The command that removes a key if it holds a value: `ISOCACHE.RELEASE key value`. It returns the number of removed
/// keys. It releases a lock that `SET key value NX PX …` acquired, but not if another client has acquired it since.
pub const RELEASE: &str = "ISOCACHE.RELEASE";

/// The command that adds to a counter within bounds: `ISOCACHE.INCRBY key increment lower upper milliseconds`. It raises
/// the counter to at least the lower bound, adds the increment, and stores the sum with the ttl (0 for none), if it is not
/// above the upper bound. It returns two elements: 1 and the sum, or 0 and the count as it is, in digits.
pub const INCRBY: &str = "ISOCACHE.INCRBY";

/// The command that replaces a value if it is the expected one: `ISOCACHE.CAS key expected value [milliseconds]`. It
/// returns 1 if it was replaced, 0 otherwise. The entry gets the ttl of the command, or none.
pub const COMPARE_AND_SET: &str = "ISOCACHE.CAS";

/// The request headers that a browser must be allowed to send (`Access-Control-Allow-Headers`).
pub const CORS_REQUEST_HEADERS: &[&str] = &[
    "authorization",
    "content-type",
    ENCODING,
    RESPONSE_FORMAT,
    SYNC_TOKEN,
    TELEMETRY_SDK,
    TELEMETRY_PLATFORM,
    TELEMETRY_RUNTIME,
    "last-event-id",
    ORIGIN,
];
/// The response headers that a page must be allowed to read (`Access-Control-Expose-Headers`).
pub const CORS_EXPOSED_HEADERS: &[&str] = &[SYNC_TOKEN, EXTENSIONS, POSITION, "retry-after"];

/// The format of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// JSON with text.
    #[default]
    Json,
    /// JSON with base64.
    Base64,
    /// RESP2. Not for `/multi-exec`, which always returns JSON.
    Resp2,
}

impl Encoding {
    /// Selects the format for the values of [`ENCODING`] and [`RESPONSE_FORMAT`]. Values are compared
    /// case-insensitively; an empty value counts as absent.
    ///
    /// ```
    /// use isocache_protocol::Encoding;
    ///
    /// assert_eq!(Encoding::from_headers(Some(b"base64"), None), Ok(Encoding::Base64));
    /// assert!(Encoding::from_headers(Some(b"base64"), Some(b"resp2")).is_err());
    /// ```
    ///
    /// # Errors
    /// [`RequestError::Header`] for any other value, and for base64 together with resp2.
    pub fn from_headers(encoding: Option<&[u8]>, format: Option<&[u8]>) -> Result<Self, RequestError> {
        let is =
            |value: Option<&[u8]>, word: &str| value.is_some_and(|value| value.eq_ignore_ascii_case(word.as_bytes()));
        let [encoding, format] = [encoding, format].map(|value| value.filter(|value| !value.is_empty()));
        let base64 = is(encoding, "base64");
        if encoding.is_some() && !base64 {
            return Err(RequestError::Header { header: "Upstash-Encoding", allowed: "only base64 is supported" });
        }
        let resp2 = is(format, "resp2");
        if format.is_some() && !resp2 && !is(format, "json") {
            let allowed = "only json and resp2 are supported";
            return Err(RequestError::Header { header: "Upstash-Response-Format", allowed });
        }
        match (base64, resp2) {
            (true, true) => {
                let allowed = "resp2 cannot be combined with Upstash-Encoding base64";
                Err(RequestError::Header { header: "Upstash-Response-Format", allowed })
            }
            (true, false) => Ok(Self::Base64),
            (false, true) => Ok(Self::Resp2),
            (false, false) => Ok(Self::Json),
        }
    }

    /// The encoding of strings in JSON, if the response is JSON.
    pub fn strings(self) -> Strings {
        if self == Self::Base64 { Strings::Base64 } else { Strings::Plain }
    }
}
