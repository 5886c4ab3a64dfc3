//! Comma-separated values, as in RFC 4180; or separated by semicolons or tabs.

use std::borrow::Cow;

use super::Line;
use crate::trace::Trace;

/// The column of the key.
pub(crate) struct Column {
    /// As given, until the first row is read: a name from that row, or a number from 1.
    wanted: String,
    at: Option<usize>,
    separator: u8,
    /// Whether the last line has left a quote open.
    is_open: bool,
}

impl Column {
    pub(super) fn new(wanted: &str, separator: u8) -> Self {
        let number = wanted.parse::<usize>().ok().filter(|&number| number > 0);
        Self { wanted: wanted.to_owned(), at: number.map(|number| number - 1), separator, is_open: false }
    }

    /// Whether a row goes on after this line of it, because a quote is open. It is called once for each line.
    pub(super) fn goes_on(&mut self, line: &[u8]) -> bool {
        if self.is_open || line.contains(&b'"') {
            let start = if self.is_open { Position::Quoted } else { Position::Start };
            let end = line.iter().fold(start, |position, &byte| position.after(byte, self.separator));
            self.is_open = end == Position::Quoted;
        }
        self.is_open
    }

    pub(super) fn line(&mut self, line: &[u8], trace: &mut Trace) -> Result<Line, String> {
        let Some(at) = self.at else {
            self.at = Some(self.find(line)?);
            return Ok(Line::Read);
        };
        match cell(line, self.separator, at) {
            Some(key) if !key.is_empty() => Ok(Line::of(trace.push(&key))),
            _ => Ok(Line::Unreadable),
        }
    }

    /// The position of the column in the first row.
    fn find(&self, header: &[u8]) -> Result<usize, String> {
        let names = cells(header, self.separator);
        let found = names.iter().position(|name| name.trim() == self.wanted);
        found.ok_or_else(|| {
            let names = names.join(", ");
            format!(
                "there is no column {:?}; the first row has {names}. Name one of these, or its number from 1",
                self.wanted
            )
        })
    }
}

/// A position in a row. Quotes count only around a whole cell: `5" disk` is a cell as it stands.
#[derive(Clone, Copy, PartialEq)]
enum Position {
    /// At the beginning of a cell.
    Start,
    /// In a cell without quotes, or after its quotes.
    Plain,
    /// Within the quotes of a cell.
    Quoted,
    /// After a quote within quotes: the end of the cell, or the first of two.
    Quote,
}

impl Position {
    fn after(self, byte: u8, separator: u8) -> Self {
        match (self, byte) {
            (Self::Quoted, b'"') => Self::Quote,
            (Self::Start | Self::Quote, b'"') | (Self::Quoted, _) => Self::Quoted,
            (Self::Start, b' ') => Self::Start,
            _ if byte == separator => Self::Start,
            _ => Self::Plain,
        }
    }
}

/// The cells of a row, without their quotes.
pub(super) fn cells(line: &[u8], separator: u8) -> Vec<String> {
    let cells = (0..).map_while(|at| cell(line, separator, at));
    cells.map(|cell| String::from_utf8_lossy(&cell).into_owned()).collect()
}

/// One cell of a row, without its quotes.
fn cell(line: &[u8], separator: u8, at: usize) -> Option<Cow<'_, [u8]>> {
    let (mut column, mut start, mut position) = (0, 0, Position::Start);
    for (place, &byte) in line.iter().enumerate() {
        if byte == separator && position != Position::Quoted {
            if column == at {
                return Some(unquoted(&line[start..place]));
            }
            column += 1;
            start = place + 1;
        }
        position = position.after(byte, separator);
    }
    (column == at).then(|| unquoted(&line[start..]))
}

fn unquoted(cell: &[u8]) -> Cow<'_, [u8]> {
    let trimmed = cell.trim_ascii();
    let Some(inner) = trimmed.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")) else {
        return Cow::Borrowed(cell);
    };
    if !inner.contains(&b'"') {
        return Cow::Borrowed(inner);
    }
    // Quotes in a cell are doubled.
    let mut is_second = false;
    let once = inner.iter().copied().filter(|&byte| {
        is_second = byte == b'"' && !is_second;
        byte != b'"' || is_second
    });
    Cow::Owned(once.collect())
}

/// The most likely separator of a row.
pub(super) fn separator(line: &[u8]) -> u8 {
    let count = |separator: u8| cells(line, separator).len();
    // On a tie, the last of these: the comma.
    [b';', b'\t', b','].into_iter().max_by_key(|&separator| count(separator)).unwrap_or(b',')
}
