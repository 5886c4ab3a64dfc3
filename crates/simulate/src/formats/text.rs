//! Lines of numbers.

use super::Line;
use crate::trace::Trace;

/// The maximum number of keys in a range. A longer one more likely means a file of another kind.
const MAX_RANGE: u64 = 1 << 20;

pub(super) fn parse(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// A number, or `*` for none.
pub(super) fn number(line: &[u8], trace: &mut Trace) -> Line {
    match line.trim_ascii() {
        b"*" => Line::Skipped,
        number => parse(number).map_or(Line::Unreadable, |number| Line::of(trace.push(&number.to_le_bytes()))),
    }
}

/// The four numbers of a range.
pub(super) fn numbers(line: &[u8]) -> Option<(u64, u64)> {
    let mut numbers = words(line).map(parse);
    let (Some(Some(start)), Some(Some(count)), Some(Some(_)), Some(Some(_)), None) =
        (numbers.next(), numbers.next(), numbers.next(), numbers.next(), numbers.next())
    else {
        return None;
    };
    Some((start, count))
}

pub(super) fn range(line: &[u8], trace: &mut Trace) -> Line {
    match numbers(line) {
        Some((start, count)) if count <= MAX_RANGE && start.checked_add(count).is_some() => {
            Line::of((start..start + count).all(|key| trace.push(&key.to_le_bytes())))
        }
        _ => Line::Unreadable,
    }
}
