//! Key patterns: the vectors, declared patterns, what counts as the same value, and properties over generated values.

use isocache::{Displayed, Glob, KeyPart, KeyPattern, keys};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use crate::vectors::{Argument, decoded, table};

/// The values of a case, with their names.
fn values(case: &Value) -> Vec<(String, Box<dyn KeyPart>)> {
    let part = |value: &Value| -> Box<dyn KeyPart> {
        match decoded(value) {
            Argument::Bool(value) => Box::new(value),
            Argument::Int(value) => Box::new(value),
            Argument::Text(text) => Box::new(text),
            other => panic!("no value for a pattern: {other:?}"),
        }
    };
    case.as_object().unwrap().iter().map(|(name, value)| (name.clone(), part(value))).collect()
}

fn named(values: &[(String, Box<dyn KeyPart>)]) -> Vec<(&str, &dyn KeyPart)> {
    values.iter().map(|(name, value)| (name.as_str(), value.as_ref())).collect()
}

#[test]
fn the_vectors_of_patterns() {
    for case in table("patterns", 20) {
        let pattern = KeyPattern::new(case[0].as_str().unwrap().to_owned()).unwrap();
        assert_eq!(pattern.key(&named(&values(&case[1]))).unwrap(), case[2].as_str().unwrap(), "{case}");
    }
    for case in table("globs", 10) {
        let pattern = KeyPattern::new(case[0].as_str().unwrap().to_owned()).unwrap();
        assert_eq!(pattern.glob(&named(&values(&case[1]))).unwrap(), case[2].as_str().unwrap(), "{case}");
    }
}

#[test]
fn the_vectors_of_patterns_that_are_refused() {
    for case in table("refused", 17) {
        let error = KeyPattern::new(case[0].as_str().unwrap().to_owned()).unwrap_err().to_string();
        assert!(error.contains(case[2].as_str().unwrap()), "{case}: {error}");
        assert!(error.ends_with(&format!("at character {}", case[1])), "{case}: {error}");
    }
}

isocache::key_pattern! {
    fn member(team, name) = "team:{team}:member:{name}";
    fn settings() = "settings";
}

#[test]
fn declared_patterns() {
    assert_eq!(member(7, "a:b"), "team:7:member:a%3Ab");
    assert_eq!(member::glob(.., 'x'), "team:*:member:x");
    assert_eq!(member::PATTERN.parameters().collect::<Vec<_>>(), ["team", "name"]);
    assert_eq!((settings(), settings::glob()), ("settings".into(), "settings".into()));
    assert_eq!(keys::user(7), "user:7");
    assert_eq!(keys::user_list("x"), "user_list:x");
    assert_eq!(keys::session("t"), "session:t");
    assert_eq!(keys::rate(std::net::Ipv6Addr::LOCALHOST, "/a"), "rate:%3A%3A1:/a");
    let patterns = [keys::user::PATTERN, keys::user_list::PATTERN, keys::session::PATTERN, keys::rate::PATTERN];
    let texts = ["user:{id}", "user_list:{hash}", "session:{token}", "rate:{ip}:{endpoint}"];
    assert_eq!(patterns.each_ref().map(KeyPattern::as_str), texts);
}

#[test]
fn the_text_of_a_value_counts_not_its_type() {
    let keys = [
        keys::user(7),
        keys::user(7u128),
        keys::user("7"),
        keys::user(String::from("7")),
        keys::user('7'),
        keys::user(Box::new(7)),
        keys::user(std::sync::Arc::<str>::from("7")),
        keys::user(std::borrow::Cow::Borrowed("7")),
        keys::user(Displayed(7)),
    ];
    assert!(keys.iter().all(|key| key == "user:7"), "{keys:?}");
    assert_eq!(keys::user(true), "user:true");
}

#[test]
fn an_option_counts_by_its_value_and_none_differs_from_every_text() {
    assert_eq!((keys::user(Some(7)), keys::user(Some("a:b"))), ("user:7".into(), "user:a%3Ab".into()));
    let none = keys::user(None::<u64>);
    assert_eq!(none, "user:%-");
    for text in ["", "-", "%-", "None", "null", "*"] {
        assert_ne!(keys::user(text), none, "{text}");
        assert_ne!(keys::user(Some(text)), none, "{text}");
    }
    let pattern = KeyPattern::new("page:{lang}:{at}").unwrap();
    let key = pattern.key(&[("lang", &None::<&str>), ("at", &Some(2))]).unwrap();
    assert_eq!(key, "page:%-:2");
    let glob = pattern.glob(&[("lang", &None::<&str>)]).unwrap();
    assert!(Glob::new(glob.as_str()).matches(&key), "{glob}");
    assert!(!Glob::new(glob).matches("page:en:2"));
}

#[test]
fn a_float_is_its_shortest_decimal_number() {
    for (float, text) in [
        (0.1, "0.1"),
        (1.0, "1"),
        (-0.0, "0"),
        (0.0, "0"),
        (-2.5, "-2.5"),
        (1e15, "1000000000000000"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
    ] {
        assert_eq!(keys::user(float), format!("user:{text}"));
    }
    assert_eq!((keys::user(0.1_f32), keys::user(-0.0_f32)), ("user:0.1".into(), "user:0".into()));
}

#[test]
fn a_number_that_is_not_zero_counts_as_the_number() {
    use std::num::{NonZeroI8, NonZeroU64, NonZeroU128};
    assert_eq!(keys::user(NonZeroU64::new(7).unwrap()), keys::user(7));
    assert_eq!(keys::user(NonZeroI8::MIN), keys::user(i8::MIN));
    assert_eq!(keys::user(NonZeroU128::MAX), keys::user(u128::MAX));
    assert_eq!(keys::user(NonZeroU64::new(0)), keys::user(None::<u64>));
}

#[test]
fn wrong_names_are_refused() {
    let pattern = keys::rate::PATTERN;
    for (values, says) in [
        (&[("ip", &1 as &dyn KeyPart)][..], "needs a value for endpoint"),
        (&[("ip", &1), ("endpoint", &2), ("port", &3)], r#"no parameter "port""#),
        (&[("ip", &1), ("endpoint", &2), ("ip", &1)], "two values for ip"),
    ] {
        let error = pattern.key(values).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert!(pattern.glob(&[("port", &1)]).is_err());
}

const SPECIAL: &str = r"[:%*?\[\]\\a3A^-]{0,4}";

/// The keys of two patterns with as many segments, and which they are.
fn entry() -> impl Strategy<Value = (bool, String, String)> {
    (any::<bool>(), SPECIAL, SPECIAL)
}

isocache::key_pattern! {
    fn star(a, b) = "q*:{a}:x:{b}";
    fn other(a, b) = "q?:{a}:x:{b}";
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_value_leaves_its_segment(one in (SPECIAL, SPECIAL), other in (SPECIAL, SPECIAL), any in any::<String>()) {
        let (first, second) = (keys::rate(&one.0, &one.1), keys::rate(&other.0, &other.1));
        prop_assert_eq!(first == second, one == other);
        prop_assert_eq!(keys::rate(&any, &any).split(':').count(), 3);
        let glob = keys::rate::glob(&any, &any);
        prop_assert_eq!(Glob::new(glob).literal(), Some(keys::rate(&any, &any)));
    }

    /// Of keys with as many `:`; those with more may match, as `user:7:posts` does here.
    #[test]
    fn a_glob_matches_exactly_its_keys(entries in vec(entry(), 2..12), fixes in (any::<bool>(), any::<bool>())) {
        let (_, a, b) = entries[0].clone();
        let glob = Glob::new(match fixes {
            (true, true) => star::glob(&a, &b),
            (true, false) => star::glob(&a, ..),
            (false, true) => star::glob(.., &b),
            (false, false) => star::glob(.., ..),
        });
        for (is_star, one, two) in entries {
            let key = if is_star { star(&one, &two) } else { other(&one, &two) };
            let expected = is_star && (!fixes.0 || one == a) && (!fixes.1 || two == b);
            prop_assert_eq!(glob.matches(&key), expected, "{:?} {}", glob, key);
        }
        prop_assert!(Glob::new(keys::user::glob(..)).matches("user:7:posts"));
    }

    #[test]
    fn any_text_is_a_pattern_or_an_error(template in any::<String>(), near in r"[a:{}.]{0,8}") {
        for template in [template, near] {
            if let Ok(pattern) = KeyPattern::new(template) {
                let names: Vec<_> = pattern.parameters().map(str::to_owned).collect();
                let values: Vec<(&str, &dyn KeyPart)> = names.iter().map(|name| (name.as_str(), &7 as _)).collect();
                let key = pattern.key(&values).unwrap();
                prop_assert!(Glob::new(pattern.glob(&[]).unwrap()).matches(&key));
            }
        }
    }
}
