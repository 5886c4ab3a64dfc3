//! Redis' glob patterns, matched in linear time.

/// A pattern over keys, with the meaning that it has in Redis.
///
/// | in the pattern | matches |
/// |---|---|
/// | `*` | any run of bytes, also an empty one |
/// | `?` | any one byte (`é` in UTF-8 is two) |
/// | `[abc]`, `[a-z]` | one byte of those, or in that range (whose ends may stand in either order) |
/// | `[^a]` | one byte that is none of those |
/// | `\x` | `x` itself, in a class too |
/// | anything else | itself |
///
/// A class without its `]` ends with the pattern. `[]` matches nothing, `[^]` any one byte. A `\` at the end is itself.
///
/// Matching allocates nothing, never backtracks over more than one `*`, and takes time proportional to the length of the
/// key; at the worst, times the longest run of the pattern between two `*`.
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

/// What stands at one place of a pattern.
#[derive(Clone, Copy)]
enum Token<'a> {
    Star,
    Any,
    Byte(u8),
    /// What stands between the brackets.
    Class(&'a [u8]),
}

/// The tokens of a pattern up to its next `*` or its end.
#[derive(Clone, Copy)]
struct Run<'a> {
    /// The pattern from the run on.
    pattern: &'a [u8],
    /// The number of tokens, each of which takes one byte of the key.
    length: usize,
    /// The pattern after the run and the `*` behind it; `None` if it is the last run.
    after: Option<&'a [u8]>,
}

impl Glob {
    /// The pattern. Every text is one; none is refused.
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Self {
        Self { pattern: pattern.into() }
    }

    /// Whether the whole of `key` fits the pattern.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        matches_bytes(self.pattern.as_bytes(), key.as_bytes())
    }

    /// The only key that the pattern matches, if it is one without wildcards.
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

    /// `text` as a pattern that matches itself only.
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

/// Whether the whole of `key` fits `pattern`, neither of which need be text.
pub fn matches_bytes(pattern: &[u8], key: &[u8]) -> bool {
    matches_counting(pattern, key, &mut 0)
}

/// Each run of tokens is taken where it first fits: a later place could only leave less for the runs that follow. The
/// first run and the last have their places given. `compared` counts the bytes compared, for the test that says that
/// this is linear.
fn matches_counting(pattern: &[u8], key: &[u8], compared: &mut u64) -> bool {
    let head = run_at(pattern);
    let Some((start, mut rest)) = key.split_at_checked(head.length) else { return false };
    if !fits(head, start, compared) {
        return false;
    }
    let Some(mut pattern) = head.after else { return rest.is_empty() };
    loop {
        let run = run_at(pattern);
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

/// Measures the run that the pattern begins with.
fn run_at(pattern: &[u8]) -> Run<'_> {
    let (mut length, mut rest) = (0, pattern);
    while let Some((token, after)) = next_token(rest) {
        if let Token::Star = token {
            return Run { pattern, length, after: Some(after) };
        }
        length += 1;
        rest = after;
    }
    Run { pattern, length, after: None }
}

/// Whether every token of the run fits the byte beside it; there are as many of both.
fn fits(run: Run<'_>, bytes: &[u8], compared: &mut u64) -> bool {
    let mut rest = run.pattern;
    bytes.iter().all(|&byte| {
        *compared += 1;
        let Some((token, after)) = next_token(rest) else { return false };
        rest = after;
        match token {
            Token::Byte(own) => own == byte,
            Token::Any => true,
            Token::Class(class) => class_contains(class, byte),
            Token::Star => false,
        }
    })
}

/// The first token of a pattern, and what follows it.
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

/// One step through the inside of a class: the two ends of a range, and what follows it. `None` at the end, which is a
/// `]` or the end of the pattern.
fn next_range(class: &[u8]) -> Option<(u8, u8, &[u8])> {
    match class {
        [b'\\', byte, after @ ..] => Some((*byte, *byte, after)),
        [b']', ..] | [] => None,
        [one, b'-', other, after @ ..] => Some((*one, *other, after)),
        [byte, after @ ..] => Some((*byte, *byte, after)),
    }
}

/// The inside of the class that begins after a `[`, and what follows its `]`.
fn split_class(pattern: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = pattern.strip_prefix(b"^").unwrap_or(pattern);
    while let Some((_, _, after)) = next_range(rest) {
        rest = after;
    }
    let class = pattern.get(..pattern.len() - rest.len()).unwrap_or_default();
    (class, rest.get(1..).unwrap_or_default())
}

/// Both ends belong to a range, and the lower may come last. Redis compares them as C's signed `char`, as on x86: that only
/// shows in ranges with an end outside ASCII.
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

    /// Bytes compared, for each byte of key and pattern together.
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
