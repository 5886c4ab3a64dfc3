//! Messages of a subscription as server-sent events.
//!
//! An event is one line of data and an empty line: `data: message,<channel>,<payload>`.
//!
//! A payload with a line break does not fit in one line, and the official client does not join several. Such a payload
//! is written as a JSON string, `"two\nlines"`. That client parses every payload as JSON if possible, so it returns the
//! payload as published. The comment [`ESCAPED`] precedes it, for clients that do not parse payloads; all others ignore
//! comments. Events are text: bytes that are not UTF-8 become U+FFFD, as in JSON responses without base64.
//!
//! Channel names end at the first comma, so a channel with a comma in its name is ambiguous; the protocol does not
//! forbid it.

mod fields;
mod parse;
mod write;

pub use fields::{FieldParser, Fields};
pub use parse::{Event, Parser, TooLong};
pub use write::{HEARTBEAT, write_message, write_pattern_message, write_subscription, write_text};

/// The comment before an event whose payload was not published as a JSON string but is written as one.
pub const ESCAPED: &str = ": escaped";

/// The kinds of subscription events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// Subscribed to a channel.
    Subscribe,
    /// Unsubscribed from a channel.
    Unsubscribe,
    /// Subscribed to a pattern.
    PatternSubscribe,
    /// Unsubscribed from a pattern.
    PatternUnsubscribe,
}

impl Subscription {
    /// Its name in an event.
    pub fn word(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::PatternSubscribe => "psubscribe",
            Self::PatternUnsubscribe => "punsubscribe",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Subscribe, Self::Unsubscribe, Self::PatternSubscribe, Self::PatternUnsubscribe];
        all.into_iter().find(|kind| kind.word() == word)
    }
}
