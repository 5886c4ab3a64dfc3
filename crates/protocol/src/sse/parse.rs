//! Parses events while their bytes arrive.

use super::{FieldParser, Subscription};

/// An event of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A subscription began or ended.
    Subscription {
        /// The kind.
        kind: Subscription,
        /// The channel or the pattern.
        channel: String,
        /// The current number of subscriptions.
        count: u64,
    },
    /// A message to a channel.
    Message {
        /// The channel.
        channel: String,
        /// The published payload.
        payload: String,
    },
    /// A message to a channel that matches a pattern.
    PatternMessage {
        /// The pattern.
        pattern: String,
        /// The channel.
        channel: String,
        /// The published payload.
        payload: String,
    },
    /// Anything else, such as the lines of `MONITOR`.
    Text(String),
}

/// An event longer than the limit. The connection cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of more than {limit} bytes")]
pub struct TooLong {
    /// The limit, in bytes.
    pub limit: usize,
}

/// Parses events from bytes that arrive in pieces of any size.
///
/// ```
/// use isocache_protocol::sse::{Event, Parser};
///
/// let mut parser = Parser::new(1 << 20);
/// assert_eq!(parser.push(b": heartbeat\n\ndata: message,news,hel")?, []);
/// let hello = Event::Message { channel: "news".into(), payload: "hello".into() };
/// assert_eq!(parser.push(b"lo\n\n")?, [hello]);
/// # Ok::<(), isocache_protocol::sse::TooLong>(())
/// ```
#[derive(Debug)]
pub struct Parser {
    fields: FieldParser,
}

impl Parser {
    /// Creates a parser that limits the bytes of one event, and of one line.
    pub fn new(limit: usize) -> Self {
        Self { fields: FieldParser::new(limit) }
    }

    /// Returns the events that these bytes complete. A line ends with LF, CR LF or CR; several lines of data are one
    /// event, joined by LF; comments and fields other than `data` are ignored. Bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// [`TooLong`]; the parser stores nothing beyond the limit.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let events = self.fields.push(bytes)?;
        Ok(events.into_iter().map(|event| Event::from_data(event.data, event.is_escaped)).collect())
    }
}

impl Event {
    fn from_data(data: String, is_escaped: bool) -> Self {
        let payload = |text: &str| {
            let unescaped = is_escaped.then(|| serde_json::from_str(text).ok()).flatten();
            unescaped.unwrap_or_else(|| text.to_owned())
        };
        let parsed = data.split_once(',').and_then(|(word, rest)| match word {
            "message" => {
                let (channel, text) = rest.split_once(',')?;
                Some(Self::Message { channel: channel.to_owned(), payload: payload(text) })
            }
            "pmessage" => {
                let (pattern, rest) = rest.split_once(',')?;
                let (channel, text) = rest.split_once(',')?;
                let (pattern, channel) = (pattern.to_owned(), channel.to_owned());
                Some(Self::PatternMessage { pattern, channel, payload: payload(text) })
            }
            _ => {
                let (kind, (channel, count)) = (Subscription::from_word(word)?, rest.rsplit_once(',')?);
                Some(Self::Subscription { kind, channel: channel.to_owned(), count: count.parse().ok()? })
            }
        });
        parsed.unwrap_or(Self::Text(data))
    }
}
