//! The glob matcher against the shared table, and against a matcher that tries everything.

use super::glob_table::{cases, differences};
use isocache::{Glob, MemoryCache};
use proptest::prelude::*;

#[test]
fn every_case_of_the_table() {
    let cases = cases();
    assert!(cases.len() >= 70);
    let differences = differences(&cases, |case| Glob::new(case.pattern.as_str()).matches(&case.key));
    assert!(differences.is_empty(), "{differences:#?}");
}

/// The cache takes a shorter way for patterns without wildcards.
#[test]
fn every_case_through_the_cache() {
    let cases = cases();
    let differences = differences(&cases, |case| {
        let cache = MemoryCache::default();
        cache.set(&case.key, (), None).unwrap();
        // The empty pattern, which matches no key, is refused.
        cache.clear_pattern(&case.pattern).unwrap_or(0) == 1
    });
    assert!(differences.is_empty(), "{differences:#?}");
}

/// `*`, `?`, `\` and letters by the definition, in exponential time.
fn tries_everything(pattern: &[u8], key: &[u8]) -> bool {
    match pattern {
        [] => key.is_empty(),
        [b'*', rest @ ..] => (0..=key.len()).any(|at| tries_everything(rest, &key[at..])),
        [b'?', rest @ ..] => !key.is_empty() && tries_everything(rest, &key[1..]),
        [b'\\', byte, rest @ ..] | [byte, rest @ ..] => key.first() == Some(byte) && tries_everything(rest, &key[1..]),
    }
}

proptest! {
    #[test]
    fn stars_match_as_by_the_definition(pattern in r"[ab*?\\]{0,10}", key in r"[ab*\\]{0,10}") {
        prop_assert_eq!(Glob::new(pattern.as_str()).matches(&key), tries_everything(pattern.as_bytes(), key.as_bytes()));
    }

    #[test]
    fn any_pattern_against_any_key_has_an_answer(pattern in any::<String>(), key in any::<String>()) {
        let glob = Glob::new(pattern.as_str());
        if let Some(literal) = glob.literal() {
            prop_assert_eq!(glob.matches(&key), key == literal);
        } else {
            let _ = glob.matches(&key);
        }
    }

    #[test]
    fn an_escaped_key_matches_that_key_only(key in any::<String>(), other in any::<String>()) {
        let glob = Glob::new(Glob::escape(&key));
        prop_assert!(glob.matches(&key));
        prop_assert_eq!(glob.matches(&other), key == other);
        prop_assert_eq!(glob.literal(), Some(key));
    }
}
