//! Detects the format of a file from its beginning.

use super::{Format, csv, json, log, text};
use crate::input::InputOptions;

/// The length of the beginning that is examined, in bytes.
pub(crate) const SAMPLE: usize = 64 << 10;

/// The format of a file, and the position of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// The format.
    pub format: Format,
    /// The column of the key, for CSV.
    pub column: Option<String>,
    /// The field of the key, for JSON.
    pub field: Option<String>,
    pub(crate) separator: u8,
}

impl Detected {
    fn new(format: Format) -> Self {
        Self { format, column: None, field: None, separator: b',' }
    }
}

/// Detects the format, unless the options name it.
///
/// # Errors
/// If no format fits the beginning, or the options contradict it. The error says what to do.
pub(crate) fn detect(sample: &[u8], options: &InputOptions) -> Result<Detected, String> {
    if let Some(tool) = compression(sample) {
        return Err(format!("it is compressed: unpack it first, as in `{tool} -dc FILE | isocache simulate -`"));
    }
    let lines: Vec<&[u8]> = sample.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).collect();
    // The last one may be cut off.
    let whole = if lines.len() > 1 && sample.len() >= SAMPLE { &lines[..lines.len() - 1] } else { &lines[..] };
    let lines: Vec<&[u8]> = whole.iter().copied().filter(|line| !line.is_empty()).collect();
    let format = match (options.format, &options.column, &options.field) {
        (Some(format), _, _) => format,
        (None, Some(_), Some(_)) => {
            return Err("a column and a field are both given: a column is of CSV, a field of JSON".into());
        }
        (None, Some(_), None) => Format::Csv,
        (None, None, Some(_)) => Format::Json,
        (None, None, None) => guess(sample, &lines)?,
    };
    let first = lines.first().copied().unwrap_or_default();
    let mut detected = Detected::new(format);
    match format {
        Format::Csv => {
            detected.separator = csv::separator(first);
            let Some(column) = &options.column else { return Err(missing_column(first, detected.separator)) };
            detected.column = Some(column.clone());
        }
        Format::Json => {
            let Some(field) = &options.field else { return Err(missing_field(first)) };
            detected.field = Some(field.clone());
        }
        _ => {}
    }
    if options.column.is_some() && format != Format::Csv {
        return Err(format!("a column is only for the format csv, not for {format}: leave it out"));
    }
    if options.field.is_some() && format != Format::Json {
        return Err(format!("a field is only for the format json, not for {format}: leave it out"));
    }
    Ok(detected)
}

/// The program that decompresses a file, if it is compressed.
fn compression(sample: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 4] =
        [(b"\xfd7zXZ\0", "xz"), (b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2")];
    kinds.into_iter().find_map(|(magic, tool)| sample.starts_with(magic).then_some(tool))
}

fn guess(sample: &[u8], lines: &[&[u8]]) -> Result<Format, String> {
    if sample.contains(&0) {
        return Ok(Format::Binary);
    }
    let all = |is_such: &dyn Fn(&[u8]) -> bool| lines.iter().all(|line| is_such(line));
    let is_number = |line: &[u8]| text::parse(line).is_some();
    let in_log = lines.iter().filter(|line| log::request(line).is_some()).count();
    if in_log * 2 > lines.len() {
        return Ok(Format::Log);
    }
    if lines.first().is_some_and(|line| line.starts_with(b"{")) {
        return Ok(Format::Json);
    }
    if all(&|line| line == b"*" || is_number(line)) {
        return Ok(Format::Numbers);
    }
    if all(&|line| text::numbers(line).is_some()) {
        return Ok(Format::Ranges);
    }
    if let Some(first) = lines.first() {
        let separator = csv::separator(first);
        let columns = csv::cells(first, separator).len();
        if lines.len() > 1 && columns > 1 && all(&|line| csv::cells(line, separator).len() == columns) {
            let missing = missing_column(first, separator);
            return Err(format!("{missing}; or the format lines if each whole line is a key"));
        }
    }
    Ok(Format::Lines)
}

fn missing_column(first: &[u8], separator: u8) -> String {
    let names = csv::cells(first, separator).join(", ");
    format!(
        "it looks like CSV, whose first row is {names}: give the column of the key, by its name there or by its number \
         from 1 if no row has names"
    )
}

fn missing_field(first: &[u8]) -> String {
    match json::fields(first) {
        Some(names) if !names.is_empty() => {
            format!("it looks like JSON: give the field of the key; the first line has {}", names.join(", "))
        }
        _ => "it looks like JSON, but the first line is not an object with a field for a key: each line must be one"
            .into(),
    }
}
