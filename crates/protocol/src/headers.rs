//! The headers of the protocol, all in lower case, and what they choose.

use super::RequestError;
use super::reply_json::Strings;

/// `base64` asks for strings as base64 in JSON.
pub const ENCODING: &str = "upstash-encoding";
/// `resp2` asks for RESP2 instead of JSON; `json` is the default.
pub const RESPONSE_FORMAT: &str = "upstash-response-format";
/// A token in every answer, changed by every write; the client sends the last one back, to read its own writes.
pub const SYNC_TOKEN: &str = "upstash-sync-token";
/// Name and version of the official client.
pub const TELEMETRY_SDK: &str = "upstash-telemetry-sdk";
/// Where the official client runs.
pub const TELEMETRY_PLATFORM: &str = "upstash-telemetry-platform";
/// In what the official client runs.
pub const TELEMETRY_RUNTIME: &str = "upstash-telemetry-runtime";

/// The content type of JSON bodies.
pub const CONTENT_TYPE_JSON: &str = "application/json";
/// The content type of answers to `Upstash-Response-Format: resp2`.
pub const CONTENT_TYPE_RESP2_ANSWER: &str = "application/octet-stream";
/// The content type of subscriptions.
pub const CONTENT_TYPE_SSE: &str = "text/event-stream";
/// The content type of batches that keep every byte: an extension of this project.
///
/// As the body of `POST /pipeline` or `/multi-exec` it is RESP2 commands, one after the other, each an array of bulk strings.
/// The answer, of the same type, is RESP2 replies, one after the other, without an array around them: as on a TCP
/// connection. It has as many replies as there were commands; one that failed is an error reply. A request that is refused
/// as a whole, and a transaction that is discarded, get the JSON answer `{"error":"…"}` and its status, as in JSON. A server
/// without the extension refuses the body as JSON that it cannot parse (400), or by its type (415).
pub const CONTENT_TYPE_RESP: &str = "application/x-resp";

/// Tells clients, in every answer, which extensions of the protocol the bridge has; names separated by commas.
pub const EXTENSIONS: &str = "isocache-extensions";

/// The extensions of this version: bodies of type [`CONTENT_TYPE_RESP`], and the commands [`CLEAR`] and [`RELEASE`].
pub const EXTENSIONS_HERE: &str = "x-resp, clear, release";

/// The command that removes all keys that match a pattern: `ISOCACHE.CLEAR pattern`. Its answer is how many there were. It
/// is carried out in steps, and so cannot be part of a transaction.
pub const CLEAR: &str = "ISOCACHE.CLEAR";

/// The command that removes a key if it holds a value: `ISOCACHE.RELEASE key value`. Its answer is how many went. It gives
/// back what `SET key value NX PX …` took, without taking it from who has it by now.
pub const RELEASE: &str = "ISOCACHE.RELEASE";

/// What a browser must be allowed to send (`Access-Control-Allow-Headers`).
pub const CORS_REQUEST_HEADERS: &[&str] = &[
    "authorization",
    "content-type",
    ENCODING,
    RESPONSE_FORMAT,
    SYNC_TOKEN,
    TELEMETRY_SDK,
    TELEMETRY_PLATFORM,
    TELEMETRY_RUNTIME,
];
/// What a page must be allowed to read (`Access-Control-Expose-Headers`).
pub const CORS_EXPOSED_HEADERS: &[&str] = &[SYNC_TOKEN, EXTENSIONS, "retry-after"];

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// JSON with text.
    #[default]
    Json,
    /// JSON with base64.
    Base64,
    /// RESP2. Not at `/multi-exec`, which always answers JSON.
    Resp2,
}

impl Encoding {
    /// What the values of [`ENCODING`] and [`RESPONSE_FORMAT`] ask for. Values are compared without regard to case; an empty
    /// one counts as absent.
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

    /// How strings stand in JSON, where the answer is JSON.
    pub fn strings(self) -> Strings {
        if self == Self::Base64 { Strings::Base64 } else { Strings::Plain }
    }
}
