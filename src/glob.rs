//! Redis glob patterns, matched in linear time.

/// A pattern for keys, with the same meaning as in Redis.
///
/// | pattern | matches |
/// |---|---|
/// | `*` | any sequence of bytes, including an empty one |
/// | `?` | any one byte (`é` in UTF-8 is two) |
/// | `[abc]`, `[a-z]` | one of these bytes, or one byte in the range (whose ends may be in either order) |
/// | `[^a]` | one byte that is not one of these |
/// | `\x` | `x` itself, also within a class |
/// | anything else | itself |
///
/// A class without `]` extends to the end of the pattern. `[]` matches nothing, `[^]` matches any one byte. A `\` at
/// the end matches itself.
///
/// Matching allocates nothing and backtracks over at most one `*`. It takes time proportional to the length of the key;
/// in the worst case, times the longest part of the pattern between two `*`.
///
/// ```
/// use isocache::Glob;
///
/// let glob = Glob::new("user:[0-9]*");
/// assert!(glob.matches("user:42"));
/// assert!(!glob.matches("user:me"));
/// assert_eq!(Glob::escape("a*b"), r"a\*b");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    pattern: String,
}

/// One element of a pattern.
#[derive(Clone, Copy)]
enum Token<'a> {
    Star,
    Any,
    Byte(u8),
    /// The contents of a class.
    Class(&'a [u8]),
}

/// The tokens of a pattern up to its next `*` or its end.
#[derive(Clone, Copy)]
struct Run<'a> {
    /// The pattern, starting with the run.
    pattern: &'a [u8],
    /// The number of tokens, each of which matches one byte of the key.
    length: usize,
    /// The pattern after the run and the following `*`; `None` if it is the last run.
    after: Option<&'a [u8]>,
}

impl Glob {
    /// Creates a pattern. Every string is a valid pattern.
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Self {
        Self { pattern: pattern.into() }
    }

    /// Whether the pattern matches the whole of `key`.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        matches_bytes(self.pattern.as_bytes(), key.as_bytes())
    }

    /// The only key that the pattern matches, if it has no wildcards.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        let mut literal = Vec::with_capacity(self.pattern.len());
        let mut rest = self.pattern.as_bytes();
        while let Some((token, after)) = next_token(rest) {
            let Token::Byte(byte) = token else { return None };
            literal.push(byte);
            rest = after;
        }
        String::from_utf8(literal).ok()
    }

    /// Escapes `text` to a pattern that matches only the text itself.
    #[must_use]
    pub fn escape(text: &str) -> String {
        let mut pattern = String::with_capacity(text.len());
        for character in text.chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern
    }
}

/// Whether `pattern` matches the whole of `key`. Neither has to be UTF-8.
pub fn matches_bytes(pattern: &[u8], key: &[u8]) -> bool {
    matches_counting(pattern, key, &mut 0)
}

/// Each run of tokens is matched at the first position where it fits: a later position could only leave less for the
/// following runs. The positions of the first and the last run are fixed. `compared` counts the compared bytes and the
/// tokens of runs, for the test that matching is linear.
fn matches_counting(pattern: &[u8], key: &[u8], compared: &mut u64) -> bool {
    let (mut pattern, mut rest) = (pattern, key);
    // Most keys differ in the first run, so it is compared without being measured.
    loop {
        let Some((token, after)) = next_token(pattern) else { return rest.is_empty() };
        pattern = after;
        if let Token::Star = token {
            break;
        }
        let Some((&byte, behind)) = rest.split_first() else { return false };
        *compared += 1;
        if !token_matches(token, byte) {
            return false;
        }
        rest = behind;
    }
    loop {
        let Some(run) = run_at(pattern, rest.len(), compared) else { return false };
        let Some(after) = run.after else {
            let end = rest.len().checked_sub(run.length).and_then(|at| rest.get(at..));
            return end.is_some_and(|end| fits(run, end, compared));
        };
        rest = loop {
            let Some((window, behind)) = rest.split_at_checked(run.length) else { return false };
            if fits(run, window, compared) {
                break behind;
            }
            rest = rest.get(1..).unwrap_or_default();
        };
        pattern = after;
    }
}

/// Measures the first run of a pattern. `None` if it has more than `most` tokens: then no text of `most` bytes fits, and
/// a short key does not pay for a long pattern.
fn run_at<'a>(pattern: &'a [u8], most: usize, compared: &mut u64) -> Option<Run<'a>> {
    let (mut length, mut rest) = (0, pattern);
    while let Some((token, after)) = next_token(rest) {
        if let Token::Star = token {
            return Some(Run { pattern, length, after: Some(after) });
        }
        if length == most {
            return None;
        }
        *compared += 1;
        length += 1;
        rest = after;
    }
    Some(Run { pattern, length, after: None })
}

/// Whether every token of the run matches the corresponding byte; there are as many tokens as bytes.
fn fits(run: Run<'_>, bytes: &[u8], compared: &mut u64) -> bool {
    let mut rest = run.pattern;
    bytes.iter().all(|&byte| {
        *compared += 1;
        let Some((token, after)) = next_token(rest) else { return false };
        rest = after;
        token_matches(token, byte)
    })
}

/// Whether a token other than `*` matches a byte.
fn token_matches(token: Token<'_>, byte: u8) -> bool {
    match token {
        Token::Byte(own) => own == byte,
        Token::Any => true,
        Token::Class(class) => class_contains(class, byte),
        Token::Star => false,
    }
}

/// Returns the first token of a pattern, and the rest.
#[inline(never)]
fn next_token(pattern: &[u8]) -> Option<(Token<'_>, &[u8])> {
    let (&first, after) = pattern.split_first()?;
    Some(match (first, after) {
        (b'*', _) => (Token::Star, after),
        (b'?', _) => (Token::Any, after),
        (b'\\', [byte, after @ ..]) => (Token::Byte(*byte), after),
        (b'[', _) => {
            let (class, after) = split_class(after);
            (Token::Class(class), after)
        }
        _ => (Token::Byte(first), after),
    })
}

/// One step through the contents of a class: the two ends of a range, and the rest. `None` at the end, which is a `]`
/// or the end of the pattern.
fn next_range(class: &[u8]) -> Option<(u8, u8, &[u8])> {
    match class {
        [b'\\', byte, after @ ..] => Some((*byte, *byte, after)),
        [b']', ..] | [] => None,
        [one, b'-', other, after @ ..] => Some((*one, *other, after)),
        [byte, after @ ..] => Some((*byte, *byte, after)),
    }
}

/// The contents of the class after a `[`, and the rest of the pattern after its `]`.
fn split_class(pattern: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = pattern.strip_prefix(b"^").unwrap_or(pattern);
    while let Some((_, _, after)) = next_range(rest) {
        rest = after;
    }
    let class = pattern.get(..pattern.len() - rest.len()).unwrap_or_default();
    (class, rest.get(1..).unwrap_or_default())
}

/// A range includes both ends, in either order. Redis compares them as C's signed `char`, as on x86, which matters only
/// for ranges with an end outside ASCII.
fn class_contains(class: &[u8], byte: u8) -> bool {
    let inner = class.strip_prefix(b"^");
    let (mut rest, byte) = (inner.unwrap_or(class), byte.cast_signed());
    let mut found = false;
    while let Some((one, other, after)) = next_range(rest) {
        let (one, other) = (one.cast_signed(), other.cast_signed());
        found |= (one.min(other)..=one.max(other)).contains(&byte);
        rest = after;
    }
    found != inner.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compared bytes, per byte of key and pattern together.
    fn work(pattern: &str, key: &str) -> (bool, u64) {
        let mut compared = 0;
        let matched = matches_counting(pattern.as_bytes(), key.as_bytes(), &mut compared);
        (matched, compared / (pattern.len() + key.len()) as u64)
    }

    #[test]
    fn hostile_patterns_take_linear_time() {
        let key = "a".repeat(64 * 1024);
        assert_eq!(work("a*a*a*a*b", &key), (false, 0));
        assert_eq!(work("a*a*a*a*b*", &key), (false, 0));
        assert_eq!(work(&"a*".repeat(1000), &key), (true, 0));
        assert_eq!(work(&format!("{}b", "*a".repeat(1000)), &key), (false, 0));
        assert_eq!(work(&format!("{}b*", "?*".repeat(1000)), &key), (false, 0));
        assert!(work("*aaaaaaab*", &key).1 <= 8);
    }

    #[test]
    fn a_short_key_does_not_pay_for_a_long_pattern() {
        for pattern in ["?", "[a]", r"\a", "a"].map(|token| token.repeat(1000)) {
            for pattern in [pattern.clone(), format!("*{pattern}"), format!("{pattern}*")] {
                let mut compared = 0;
                assert!(!matches_counting(pattern.as_bytes(), b"aaa", &mut compared));
                assert!(compared <= 3, "{compared} steps");
            }
        }
    }

    #[test]
    fn a_pattern_without_wildcards_is_one_key() {
        for (pattern, literal) in
            [(r"us\*er", Some("us*er")), ("", Some("")), (r"a\", Some(r"a\")), ("a*", None), ("[a]", None), ("?", None)]
        {
            assert_eq!(Glob::new(pattern).literal().as_deref(), literal, "{pattern}");
        }
    }

    #[test]
    fn an_escaped_text_matches_itself_only() {
        for text in ["*", "?", "[a]", r"\", "a-b^c", "é*", "[^a", "]"] {
            let glob = Glob::new(Glob::escape(text));
            assert!(glob.literal().as_deref() == Some(text) && glob.matches(text), "{text}");
        }
    }
}
