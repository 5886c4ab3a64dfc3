//! Splits a stream of events into their fields, while their bytes arrive.

use super::{ESCAPED, TooLong};

/// The fields of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// The last `id` so far, of this event or an earlier one.
    pub id: Option<String>,
    /// The name, from `event`.
    pub name: Option<String>,
    /// The lines of `data`, joined by LF.
    pub data: String,
    /// Whether the comment [`ESCAPED`] precedes the data.
    pub is_escaped: bool,
}

/// Reads events from bytes that arrive in pieces of any size.
///
/// ```
/// use isocache_protocol::sse::FieldParser;
///
/// let mut parser = FieldParser::new(1 << 20);
/// assert_eq!(parser.push(b"id: 7\nevent: heartbeat\nda")?, []);
/// let events = parser.push(b"ta: {}\n\n")?;
/// assert_eq!(events[0].id.as_deref(), Some("7"));
/// assert_eq!((events[0].name.as_deref(), events[0].data.as_str()), (Some("heartbeat"), "{}"));
/// # Ok::<(), isocache_protocol::sse::TooLong>(())
/// ```
#[derive(Debug)]
pub struct FieldParser {
    limit: usize,
    /// The incomplete line.
    line: Vec<u8>,
    event: Fields,
    has_data: bool,
    after_carriage_return: bool,
}

impl FieldParser {
    /// Creates a parser that limits the bytes of one event, and of one line.
    pub fn new(limit: usize) -> Self {
        Self { limit, line: Vec::new(), event: Fields::default(), has_data: false, after_carriage_return: false }
    }

    /// Returns the events that these bytes complete. A line ends with LF, CR LF or CR; comments, other fields, and events
    /// without data are ignored. Bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// [`TooLong`]; the parser stores nothing beyond the limit.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Fields>, TooLong> {
        let mut events = Vec::new();
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
            let (text, end) = match piece.split_last() {
                Some((end @ (b'\r' | b'\n'), text)) => (text, Some(*end)),
                _ => (piece, None),
            };
            let is_second_half = std::mem::take(&mut self.after_carriage_return) && piece == b"\n";
            if is_second_half {
                continue;
            }
            if self.held() + text.len() > self.limit {
                return Err(TooLong { limit: self.limit });
            }
            self.line.extend_from_slice(text);
            if let Some(end) = end {
                self.after_carriage_return = end == b'\r';
                events.extend(self.end_of_line());
            }
        }
        Ok(events)
    }

    /// The bytes that the parser keeps.
    fn held(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.line.len() + self.event.data.len() + text(&self.event.id) + text(&self.event.name)
    }

    fn end_of_line(&mut self) -> Option<Fields> {
        let line = String::from_utf8_lossy(&self.line);
        let field = |name: &str| {
            let value = line.strip_prefix(name)?.strip_prefix(':')?;
            Some(value.strip_prefix(' ').unwrap_or(value))
        };
        let mut complete = None;
        if line.is_empty() {
            let next = Fields { id: self.event.id.clone(), ..Fields::default() };
            let event = std::mem::replace(&mut self.event, next);
            complete = std::mem::take(&mut self.has_data).then_some(event);
        } else if line == ESCAPED {
            self.event.is_escaped = true;
        } else if let Some(value) = field("data") {
            if std::mem::replace(&mut self.has_data, true) {
                self.event.data.push('\n');
            }
            self.event.data.push_str(value);
        } else if let Some(value) = field("id") {
            self.event.id = Some(value.to_owned());
        } else if let Some(value) = field("event") {
            self.event.name = Some(value.to_owned());
        }
        self.line.clear();
        complete
    }
}
