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

    /// What to do if most of the file is not of this format.
    pub(crate) fn remedy(&self) -> String {
        let formats = Format::ALL.map(Format::name).join(", ");
        match (&self.column, &self.field) {
            (Some(column), _) => format!("Name another column than {column:?}, or give its format: {formats}"),
            (_, Some(field)) => format!("Name another field than {field:?}, or give its format: {formats}"),
            _ => format!("Give its format: {formats}"),
        }
    }
}

/// Detects the format, unless the options name it.
///
/// # Errors
/// If no format fits the beginning, or the options contradict it. The error says what to do.
pub(crate) fn detect(sample: &[u8], options: &InputOptions) -> Result<Detected, String> {
    if let Some(tool) = compression(sample) {
        return Err(format!("it is compressed: unpack it first, as in `{tool} FILE | isocache simulate -`"));
    }
    if options.format.is_none() && is_utf16(sample) {
        return Err(
            "it is text in UTF-16: convert it first, as in `iconv -f UTF-16 -t UTF-8 FILE | isocache simulate -`; or give \
             the format binary if it has numbers of 4 bytes"
                .into(),
        );
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
            if is_array(first) {
                return Err(AN_ARRAY.into());
            }
            let Some(field) = &options.field else { return Err(missing_field(&lines)) };
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

/// The command that decompresses a file, if it is compressed.
fn compression(sample: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 6] = [
        (b"\xfd7zXZ\0", "xz -dc"),
        (b"\x1f\x8b", "gzip -dc"),
        (b"\x28\xb5\x2f\xfd", "zstd -dc"),
        (b"\x04\x22\x4d\x18", "lz4 -dc"),
        (b"BZh", "bzip2 -dc"),
        (b"PK\x03\x04", "unzip -p"),
    ];
    kinds.into_iter().find_map(|(magic, tool)| sample.starts_with(magic).then_some(tool))
}

/// Whether it has a byte order mark of UTF-16 or, without one, a zero in each second byte, as that of ASCII has.
fn is_utf16(sample: &[u8]) -> bool {
    let zeros = |first: bool, second: bool| {
        sample.len() > 1 && sample.chunks_exact(2).all(|unit| (unit[0] == 0, unit[1] == 0) == (first, second))
    };
    [b"\xff\xfe", b"\xfe\xff"].iter().any(|mark| sample.starts_with(*mark)) || zeros(true, false) || zeros(false, true)
}

fn guess(sample: &[u8], lines: &[&[u8]]) -> Result<Format, String> {
    if sample.contains(&0) {
        return Ok(Format::Binary);
    }
    // A few lines may be broken: they are counted when they are read.
    let most = |is_such: &dyn Fn(&[u8]) -> bool| lines.iter().filter(|line| is_such(line)).count() * 2 > lines.len();
    if most(&|line| log::request(line).is_some()) {
        return Ok(Format::Log);
    }
    // Alone, it begins an object of several lines.
    if lines.first().is_some_and(|first| first == b"{") || most(&|line| line.starts_with(b"{")) {
        return Ok(Format::Json);
    }
    if lines.first().is_some_and(|first| is_array(first)) {
        return Err(format!("{AN_ARRAY}; or give the format lines if each whole line is a key"));
    }
    // All of them: other keys among numbers are keys as well.
    if lines.iter().all(|line| *line == b"*" || text::parse(line).is_some()) {
        return Ok(Format::Numbers);
    }
    if most(&|line| text::numbers(line).is_some()) {
        return Ok(Format::Ranges);
    }
    if let Some(first) = lines.first() {
        let separator = csv::separator(first);
        let columns = csv::cells(first, separator).len();
        if lines.len() > 1 && columns > 1 && most(&|line| csv::cells(line, separator).len() == columns) {
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

const AN_ARRAY: &str =
    "it looks like a JSON array: write each of its objects on a line of its own, as `jq -c '.[]' FILE` does";

fn is_array(first: &[u8]) -> bool {
    first.strip_prefix(b"[").is_some_and(|rest| rest.is_empty() || rest.trim_ascii_start().starts_with(b"{"))
}

fn missing_field(lines: &[&[u8]]) -> String {
    let first = lines.iter().copied().find(|line| line.starts_with(b"{")).unwrap_or_default();
    match json::fields(first) {
        Some(names) if !names.is_empty() => {
            format!("it looks like JSON: give the field of the key; the first line has {}", names.join(", "))
        }
        _ => {
            "it looks like JSON, but the first line is not an object with a field for a key: each line must be one, as \
              `jq -c . FILE` writes them"
                .into()
        }
    }
}
