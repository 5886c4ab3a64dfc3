//! Access logs of nginx and Apache, in the common and the combined format:
//! `host identity user [time] "GET /path HTTP/1.1" status bytes`, and anything after it.

use super::Line;
use crate::trace::Trace;

/// The request line within a line of a log, with its escapes.
pub(super) fn request(line: &[u8]) -> Option<&[u8]> {
    // An address of IPv6 may have brackets too, but not after a space.
    let time = line.windows(2).position(|pair| pair == b" [")? + 1;
    if super::text::words(&line[..time]).count() < 2 {
        return None;
    }
    let end = time + line[time..].iter().position(|&byte| byte == b']')?;
    let rest = line[end + 1..].trim_ascii_start().strip_prefix(b"\"")?;
    let mut is_escaped = false;
    let quote = rest.iter().position(|&byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    let status = super::text::words(&rest[quote + 1..]).next()?;
    let is_status = status == b"-" || (status.len() == 3 && status.iter().all(u8::is_ascii_digit));
    is_status.then_some(&rest[..quote])
}

/// Reads a line. Only GET and HEAD requests are looked up in a cache; other requests are skipped.
pub(super) fn line(line: &[u8], trace: &mut Trace) -> Line {
    let Some(request) = request(line) else { return Line::Unreadable };
    let Some(target) = request.strip_prefix(b"GET ").or_else(|| request.strip_prefix(b"HEAD ")) else {
        return Line::Skipped;
    };
    // Some servers accept spaces in a path. The version of HTTP is after the last one.
    let end = target.windows(6).rposition(|word| word == b" HTTP/").unwrap_or(target.len());
    match target[..end].trim_ascii() {
        b"" => Line::Skipped,
        path => Line::of(trace.push(path)),
    }
}
