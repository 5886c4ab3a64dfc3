//! Integers and keywords in arguments, parsed as strictly as Redis parses them.

use isocache_protocol::Reply;

use super::error;

/// The length of the longest `i64`, including its sign.
const LONGEST: usize = 20;

/// Parses an integer in canonical form: no `+`, no leading zeros, no spaces.
#[inline]
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', ..] => text.len() <= LONGEST,
        _ => false,
    };
    if !canonical {
        return None;
    }
    // The digits are subtracted, because the negative range is larger by one.
    let mut negated = 0i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        negated = negated.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))?;
    }
    if digits.len() < text.len() { Some(negated) } else { negated.checked_neg() }
}

/// Parses an argument that must be an integer.
pub(super) fn integer_argument(text: &[u8]) -> Result<i64, Reply> {
    integer(text).ok_or(error::NOT_AN_INTEGER)
}

/// The text before its first NUL, which ends a string in C.
pub(super) fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or(text)
}

/// Whether an argument is this keyword, regardless of case.
pub(super) fn is_word(argument: &[u8], word: &str) -> bool {
    until_nul(argument).eq_ignore_ascii_case(word.as_bytes())
}

/// Parses a cursor as `strtoul` in C does. An empty one is 0.
pub(super) fn cursor(text: &[u8]) -> Result<u64, Reply> {
    let text = until_nul(text);
    let negative = text.starts_with(b"-");
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    if text.is_empty() {
        return Ok(0);
    }
    let value = digits.iter().try_fold(0u64, |value, &digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    });
    let value = value.filter(|_| !digits.is_empty()).ok_or(error::CURSOR)?;
    Ok(if negative { value.wrapping_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_integers_are_accepted() {
        for number in [0, 1, -1, 10, i64::MAX, i64::MIN, i64::MAX - 1] {
            assert_eq!(integer(number.to_string().as_bytes()), Some(number));
        }
        for text in ["", "-", "-0", "00", "01", "+1", " 1", "1 ", "1a", "9223372036854775808", "-9223372036854775809"] {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
    }
}
