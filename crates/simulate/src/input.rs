//! Turns bytes into a trace, as they arrive.

use serde::Serialize;

use crate::formats::{Detected, Format, Line, Reader, SAMPLE, detect};
use crate::trace::{MAX_REQUESTS, Trace};

/// The maximum length of a line, in bytes.
const MAX_LINE: usize = 1 << 20;
/// The number of unreadable lines that are shown.
const EXAMPLES: usize = 3;
/// The number of characters shown of an unreadable line.
const SHOWN: usize = 120;

/// What is known about a file before it is read. By default, nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputOptions {
    /// Its format; by default it is detected.
    pub format: Option<Format>,
    /// The column of the key: its name in the first row, or its number from 1. It implies CSV.
    pub column: Option<String>,
    /// The field of the key, or the path to it, such as `request.path`. It implies JSON.
    pub field: Option<String>,
}

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnreadableLine {
    /// Its number, from 1.
    pub line: u64,
    /// Its text, possibly cut off.
    pub text: String,
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The accesses.
    pub trace: Trace,
    /// Its format.
    pub format: Format,
    /// The lines that are not lookups in a cache, such as POST requests in a log.
    pub skipped: u64,
    /// The lines that could not be read.
    pub unreadable: u64,
    /// The first of them.
    pub examples: Vec<UnreadableLine>,
}

/// Reads recorded accesses from bytes, as they arrive.
///
/// ```
/// use isocache_simulate::{Input, InputOptions};
///
/// let mut input = Input::new(InputOptions { column: Some("key".into()), ..InputOptions::default() });
/// input.push(b"time,key\n1,a\n2,")?;
/// input.push(b"b\n3,a\n")?;
/// let recorded = input.finish()?;
/// assert_eq!((recorded.trace.len(), recorded.trace.keys()), (3, 2));
/// # Ok::<(), String>(())
/// ```
pub struct Input {
    options: InputOptions,
    /// The beginning, until the format is known; then an incomplete line, after the other lines of its row.
    rest: Vec<u8>,
    /// The length of these other lines.
    row: usize,
    state: Option<(Detected, Reader)>,
    trace: Trace,
    line: u64,
    skipped: u64,
    unreadable: u64,
    examples: Vec<UnreadableLine>,
}

impl Input {
    /// Starts reading.
    #[must_use]
    pub fn new(options: InputOptions) -> Self {
        Self {
            options,
            rest: Vec::new(),
            row: 0,
            state: None,
            trace: Trace::default(),
            line: 0,
            skipped: 0,
            unreadable: 0,
            examples: Vec::new(),
        }
    }

    /// Reads the next bytes.
    ///
    /// # Errors
    /// If the input cannot be read. The error says what to do.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.state.is_none() {
            self.rest.extend_from_slice(bytes);
            if self.rest.len() < SAMPLE {
                return Ok(());
            }
            return self.begin();
        }
        self.read(bytes)
    }

    /// Ends reading.
    ///
    /// # Errors
    /// If there is no request, or most lines are of another format. The error says what to do.
    pub fn finish(mut self) -> Result<Recorded, String> {
        if self.state.is_none() {
            if without_mark(&self.rest).trim_ascii().is_empty() {
                return Err("it is empty: there is no access in it".into());
            }
            self.begin()?;
        }
        let rest = std::mem::take(&mut self.rest);
        if self.goes_on(&rest[self.row..]) {
            self.leave_out(&rest, self.line + 1);
            self.line += lines(&rest);
        } else if !rest.is_empty() {
            self.whole_line(&rest)?;
        }
        let Some((detected, reader)) = self.state else { return Err("it is empty".into()) };
        let format = detected.format;
        if let Reader::Binary(words) = &reader
            && words.rest() > 0
        {
            let left = words.rest();
            return Err(format!(
                "its length is not a multiple of 4: {left} bytes are left over, so the format is not binary. {}",
                detected.remedy()
            ));
        }
        let read = u64::from(self.trace.len());
        if self.unreadable > 0 && self.unreadable >= read + self.skipped {
            let UnreadableLine { line, text } = &self.examples[0];
            return Err(format!(
                "{} of its {} lines are not of the format {format}, which has {}; line {line} is {text:?}. {}",
                self.unreadable,
                self.line,
                format.expects(),
                detected.remedy(),
            ));
        }
        if self.trace.is_empty() {
            let lines = self.line;
            return Err(format!("there is no access in its {lines} lines, which were read as {format}"));
        }
        let Self { trace, skipped, unreadable, examples, .. } = self;
        Ok(Recorded { trace, format, skipped, unreadable, examples })
    }

    /// Detects the format, and reads the beginning.
    fn begin(&mut self) -> Result<(), String> {
        let beginning = std::mem::take(&mut self.rest);
        let beginning = without_mark(&beginning);
        let detected = detect(beginning, &self.options)?;
        let reader = Reader::new(&detected);
        self.state = Some((detected, reader));
        self.read(beginning)
    }

    fn read(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        if let Some((_, Reader::Binary(words))) = &mut self.state {
            return if words.push(bytes, &mut self.trace) { Ok(()) } else { Err(full()) };
        }
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            self.check_length(line)?;
            if self.rest.is_empty() && !self.goes_on(line) {
                self.whole_line(line)?;
            } else {
                // If it is empty, the line has just been examined.
                let is_open = self.rest.is_empty() || {
                    let own = [&self.rest[self.row..], line].concat();
                    self.goes_on(&own)
                };
                self.rest.extend_from_slice(line);
                if is_open {
                    self.rest.push(b'\n');
                    self.row = self.rest.len();
                } else {
                    let row = std::mem::take(&mut self.rest);
                    self.row = 0;
                    self.whole_line(&row)?;
                }
            }
            bytes = rest;
        }
        self.check_length(bytes)?;
        self.rest.extend_from_slice(bytes);
        Ok(())
    }

    fn goes_on(&mut self, line: &[u8]) -> bool {
        self.state.as_mut().is_some_and(|(_, reader)| reader.goes_on(line))
    }

    /// Whether the next bytes make a line, or a row of several lines, too long.
    fn check_length(&self, bytes: &[u8]) -> Result<(), String> {
        if self.rest.len() + bytes.len() <= MAX_LINE {
            return Ok(());
        }
        let line = self.line + 1;
        Err(if self.row > 0 {
            format!("line {line} opens a quote that is not closed within {MAX_LINE} bytes: close or remove it")
        } else {
            format!("line {line} has more than {MAX_LINE} bytes: is this a file of accesses?")
        })
    }

    fn whole_line(&mut self, line: &[u8]) -> Result<(), String> {
        let first = self.line + 1;
        self.line += lines(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some((_, reader)) = &mut self.state else { return Ok(()) };
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        match reader.line(line, &mut self.trace)? {
            Line::Read => {}
            Line::Skipped => self.skipped += 1,
            Line::Full => return Err(full()),
            Line::Unreadable => self.leave_out(line, first),
        }
        Ok(())
    }

    /// Counts a row that cannot be read, and keeps the first ones as examples.
    fn leave_out(&mut self, row: &[u8], line: u64) {
        self.unreadable += lines(row);
        if self.examples.len() < EXAMPLES {
            let text = String::from_utf8_lossy(row).chars().take(SHOWN).collect();
            self.examples.push(UnreadableLine { line, text });
        }
    }
}

/// The number of lines of a row: several in CSV, if there are line ends within quotes.
fn lines(row: &[u8]) -> u64 {
    row.strip_suffix(b"\n").unwrap_or(row).split(|&byte| byte == b'\n').count() as u64
}

/// The beginning of a file without its byte order mark.
fn without_mark(beginning: &[u8]) -> &[u8] {
    beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning)
}

fn full() -> String {
    format!("it has more than {MAX_REQUESTS} accesses: simulate a part of it, as with `head -n`")
}
