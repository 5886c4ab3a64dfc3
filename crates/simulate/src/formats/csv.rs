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
}

impl Column {
    pub(super) fn new(wanted: &str, separator: u8) -> Self {
        let number = wanted.parse::<usize>().ok().filter(|&number| number > 0);
        Self { wanted: wanted.to_owned(), at: number.map(|number| number - 1), separator }
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

/// Whether a quote is open at the end of a line.
pub(super) fn is_open(line: &[u8]) -> bool {
    line.iter().fold(false, |is_open, &byte| is_open != (byte == b'"'))
}

/// The cells of a row, without their quotes.
pub(super) fn cells(line: &[u8], separator: u8) -> Vec<String> {
    let cells = (0..).map_while(|at| cell(line, separator, at));
    cells.map(|cell| String::from_utf8_lossy(&cell).into_owned()).collect()
}

/// One cell of a row, without its quotes.
fn cell(line: &[u8], separator: u8, at: usize) -> Option<Cow<'_, [u8]>> {
    let (mut column, mut start, mut quoted) = (0, 0, false);
    for (place, &byte) in line.iter().enumerate() {
        if byte == b'"' {
            quoted = !quoted;
        } else if byte == separator && !quoted {
            if column == at {
                return Some(unquoted(&line[start..place]));
            }
            column += 1;
            start = place + 1;
        }
    }
    (column == at).then(|| unquoted(&line[start..]))
}

fn unquoted(cell: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")) else {
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
