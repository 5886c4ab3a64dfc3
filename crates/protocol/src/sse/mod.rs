//! Messages of a subscription as server-sent events.
//!
//! An event is one line of data and an empty line: `data: message,<channel>,<payload>`.
//!
//! A payload with a line break cannot stand in one line, and the official client does not join several. Such a payload is
//! written as a JSON string, `"two\nlines"`, which that client, parsing every payload as JSON where it can, shows as it was
//! published. The comment [`ESCAPED`] goes before it, for clients that do not parse payloads: comments are passed over by
//! everybody else. Events are text: bytes that are not UTF-8 become U+FFFD, also in JSON answers without base64.
//!
//! Names of channels end at the first comma, so that a channel with a comma in its name is ambiguous; the protocol has
//! nothing against it.

mod parse;
mod write;

pub use parse::{Event, Parser, TooLong};
pub use write::{HEARTBEAT, write_message, write_pattern_message, write_subscription, write_text};

/// The comment before an event whose payload is a JSON string, though it was not published as one.
pub const ESCAPED: &str = ": escaped";

/// What can happen to a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// To a channel.
    Subscribe,
    /// No longer to a channel.
    Unsubscribe,
    /// To a pattern.
    PatternSubscribe,
    /// No longer to a pattern.
    PatternUnsubscribe,
}

impl Subscription {
    /// The word for it in an event.
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
