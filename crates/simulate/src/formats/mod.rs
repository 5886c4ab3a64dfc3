//! The formats of recorded accesses.

mod binary;
mod csv;
mod detect;
mod json;
mod log;
mod text;

use std::fmt;
use std::str::FromStr;

pub use detect::Detected;
pub(crate) use detect::{SAMPLE, detect};

use crate::trace::Trace;

/// The format of a file of accesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One key per line.
    Lines,
    /// Values separated by commas, semicolons or tabs; the key is in one column.
    Csv,
    /// An access log of nginx or Apache, in the common or combined format; the key is the path with the query of each
    /// GET or HEAD request.
    Log,
    /// One JSON object per line; the key is in one field.
    Json,
    /// One number per line, or `*` for none.
    Numbers,
    /// Four numbers per line: the first key, the number of consecutive keys, and two that are ignored.
    Ranges,
    /// Numbers of 4 bytes, each of them a key.
    Binary,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 7] =
        [Self::Lines, Self::Csv, Self::Log, Self::Json, Self::Numbers, Self::Ranges, Self::Binary];

    /// Its name in options and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Csv => "csv",
            Self::Log => "log",
            Self::Json => "json",
            Self::Numbers => "numbers",
            Self::Ranges => "ranges",
            Self::Binary => "binary",
        }
    }

    /// The expected form of a line, for errors.
    #[must_use]
    pub const fn expects(self) -> &'static str {
        match self {
            Self::Lines => "one key per line",
            Self::Csv => "a row with the column of the key",
            Self::Log => "a line of an access log",
            Self::Json => "a JSON object with the field of the key",
            Self::Numbers => "one number per line",
            Self::Ranges => "four numbers per line",
            Self::Binary => "numbers of 4 bytes",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    /// Parses a [`name`](Format::name).
    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|format| format.name()).collect();
            format!("{name:?} is not a format: use {}", names.join(", "))
        })
    }
}

/// The outcome of reading a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// One request or several, or the names of the columns.
    Read,
    /// Valid, but not a request.
    Skipped,
    /// Not of this format.
    Unreadable,
    /// There is no room for another request.
    Full,
}

impl Line {
    fn of(pushed: bool) -> Self {
        if pushed { Self::Read } else { Self::Full }
    }
}

/// Reads the lines of one format.
pub(crate) enum Reader {
    Lines,
    Csv(csv::Column),
    Log,
    Json(json::Field),
    Numbers,
    Ranges,
    Binary(binary::Words),
}

impl Reader {
    pub(crate) fn new(detected: &Detected) -> Self {
        match detected.format {
            Format::Lines => Self::Lines,
            Format::Csv => Self::Csv(csv::Column::new(detected.column.as_deref().unwrap_or("1"), detected.separator)),
            Format::Log => Self::Log,
            Format::Json => Self::Json(json::Field::new(detected.field.as_deref().unwrap_or_default())),
            Format::Numbers => Self::Numbers,
            Format::Ranges => Self::Ranges,
            Format::Binary => Self::Binary(binary::Words::default()),
        }
    }

    /// Whether a row continues after this line of it, because a quote is open. It is called once for each line.
    pub(crate) fn goes_on(&mut self, line: &[u8]) -> bool {
        if let Self::Csv(column) = self { column.goes_on(line) } else { false }
    }

    /// Reads a line that is not blank.
    ///
    /// # Errors
    /// If nothing can be read, because the column does not exist.
    pub(crate) fn line(&mut self, line: &[u8], trace: &mut Trace) -> Result<Line, String> {
        Ok(match self {
            Self::Lines => Line::of(trace.push(line)),
            Self::Csv(column) => return column.line(line, trace),
            Self::Log => log::line(line, trace),
            Self::Json(field) => field.line(line, trace),
            Self::Numbers => text::number(line, trace),
            Self::Ranges => text::range(line, trace),
            Self::Binary(_) => Line::Unreadable,
        })
    }
}
