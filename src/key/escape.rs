//! Escaping of values in keys.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The characters that are escaped: the separator, the escape character and those with a meaning in a glob.
fn is_special(character: char) -> bool {
    matches!(character, ':' | '%' | '*' | '?' | '[' | ']' | '\\')
}

/// Escapes a value: each special character becomes `%` and two hexadecimal digits. Different values have different
/// results, and no result contains a `:` or a wildcard.
pub(super) fn escape(value: Cow<'_, str>) -> Cow<'_, str> {
    if !value.contains(is_special) {
        return value;
    }
    let mut escaped = String::with_capacity(value.len() + 8);
    for character in value.chars() {
        if is_special(character) {
            // Writing to a `String` cannot fail.
            let _ = write!(escaped, "%{:02X}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_only() {
        assert_eq!(escape(Cow::Borrowed(r":%*?[]\")), "%3A%25%2A%3F%5B%5D%5C");
        assert!(matches!(escape(Cow::Borrowed("é{}/ \u{1f600}^-")), Cow::Borrowed("é{}/ \u{1f600}^-")));
    }
}
