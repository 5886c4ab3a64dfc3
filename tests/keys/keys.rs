//! Keys: the vectors that JavaScript has too, the types of Rust, and properties over generated values.

use std::collections::{BTreeMap, HashMap};

use isocache::{Displayed, Glob, KeyPart, KeyPattern, glob_of, key_of, keys};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An argument as the vectors name it.
#[derive(Clone, Debug, PartialEq)]
enum Argument {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Argument>),
    Map(Vec<(String, Argument)>),
}

impl Serialize for Argument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i128(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::Bytes(value) => serializer.serialize_bytes(value),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(None)?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(None)?;
                entries.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

fn decoded(value: &Value) -> Argument {
    match value {
        Value::Null => Argument::Null,
        Value::Bool(value) => Argument::Bool(*value),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| Argument::Float(number.as_f64().unwrap()), |value| Argument::Int(value.into())),
        Value::String(text) => Argument::Text(text.clone()),
        Value::Array(items) => Argument::List(items.iter().map(decoded).collect()),
        Value::Object(entries) => match entries.iter().next().map(|(name, value)| (name.as_str(), value)) {
            Some(("$int", digits)) => Argument::Int(digits.as_str().unwrap().parse().unwrap()),
            Some(("$float", text)) => Argument::Float(text.as_str().unwrap().parse().unwrap()),
            Some(("$bytes", digits)) => {
                let pairs = digits.as_str().unwrap().as_bytes().chunks(2);
                let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
                Argument::Bytes(pairs.map(byte).collect())
            }
            Some(("$repeat", of)) => {
                let times = usize::try_from(of[1].as_u64().unwrap()).unwrap();
                Argument::Text(of[0].as_str().unwrap().repeat(times))
            }
            Some((name, _)) if name.starts_with('$') => panic!("the vectors have a value unknown here: {name}"),
            _ => Argument::Map(entries.iter().map(|(name, value)| (name.clone(), decoded(value))).collect()),
        },
    }
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/keys.json")).unwrap()
}

/// The cases of one table, of which there are so many at least.
fn table(name: &str, least: usize) -> Vec<Value> {
    let cases = vectors()[name].as_array().unwrap().clone();
    assert!(cases.len() >= least, "{name}");
    cases
}

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

#[test]
fn the_vectors_of_arguments() {
    for case in table("arguments", 60) {
        let key = key_of("f", &decoded(&case["args"])).unwrap();
        assert_eq!(key, format!("f:{}", case["hash"].as_str().unwrap()), "{case}");
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

#[derive(Serialize, Deserialize, Clone)]
struct Filter {
    tags: Vec<String>,
    max: Option<f64>,
}

#[derive(Serialize)]
enum Shape {
    Point,
    Circle(u8),
    Line(u8, u8),
    Box { width: u8, height: u8 },
}

fn key<A: Serialize>(arguments: A) -> String {
    key_of("f", &arguments).unwrap()
}

#[test]
fn a_value_has_the_key_of_its_json() {
    let filter = Filter { tags: vec!["a".into()], max: Some(2.0) };
    assert_eq!(key((filter.clone(),)), key((json!({"max": 2, "tags": ["a"]}),)));
    assert_eq!(key((Filter { max: None, ..filter },)), key((json!({"max": null, "tags": ["a"]}),)));
    let shapes = [Shape::Point, Shape::Circle(1), Shape::Line(1, 2), Shape::Box { width: 1, height: 2 }];
    let written =
        [json!("Point"), json!({"Circle": 1}), json!({"Line": [1, 2]}), json!({"Box": {"width": 1, "height": 2}})];
    assert_eq!(key((shapes,)), key((written,)));
    assert_eq!(key(()), key(Vec::<u8>::new()));
    assert_eq!(key((1u8, -1i64, 0.5f32)), key((1.0, -1i128, 0.5)));
    assert_eq!(key(('x', ((), Some(true)))), key(("x", [Value::Null, Value::Bool(true)])));
    assert_eq!(key((HashMap::from([(1, 'a'), (2, 'b'), (10, 'c')]),)), key((json!({"1": "a", "2": "b", "10": "c"}),)));
    assert_eq!(key((BTreeMap::from([(true, 1), (false, 2)]),)), key((json!({"true": 1, "false": 2}),)));
    assert_ne!(key((0.1f32,)), key((0.1,)));
    assert_eq!(key((u128::MAX,)), key((Wrapped(u128::MAX),)));
}

/// The same number by another way through serde.
struct Wrapped(u128);

impl Serialize for Wrapped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct("Wrapped", &self.0)
    }
}

#[test]
fn limits_and_what_has_no_canonical_form() {
    let nested = |depth: usize| (0..depth).fold(Argument::List(vec![]), |inner, _| Argument::List(vec![inner]));
    assert!(key_of("f", &nested(127)).is_ok());
    let most = 16 * 1024 * 1024 - 12;
    assert!(key_of("f", &("a".repeat(most),)).is_ok());
    let refused = [
        (key_of("f", &nested(128)), "128 levels"),
        (key_of("f", &("a".repeat(most + 1),)), "16777216 bytes"),
        (key_of("f", &(Argument::Bytes(vec![0; most]),)), "16777216 bytes"),
        (key_of("f", &7), "a tuple or a list"),
        (key_of("f", "text"), "a tuple or a list"),
        (key_of("f", &None::<(u8,)>), "a tuple or a list"),
        (key_of("f", &(HashMap::from([((1, 2), 3)]),)), "a map with a key"),
        (key_of("f", &(HashMap::from([(None::<u8>, 3)]),)), "a map with a key"),
        (key_of("", &()), "is empty"),
        (glob_of(""), "is empty"),
    ];
    for (result, says) in refused {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

/// The form in which two arguments that count as equal are the same.
fn normal(argument: &Argument) -> Argument {
    match argument {
        // Generated floats are small, so that nothing is lost.
        #[allow(clippy::cast_possible_truncation)]
        Argument::Float(value) if value.fract() == 0.0 => Argument::Int(*value as i128),
        Argument::List(items) => Argument::List(items.iter().map(normal).collect()),
        Argument::Map(entries) => {
            let entries: BTreeMap<_, _> = entries.iter().map(|(name, value)| (name.clone(), normal(value))).collect();
            Argument::Map(entries.into_iter().collect())
        }
        other => other.clone(),
    }
}

/// Few values, many of which are near to each other.
fn argument() -> impl Strategy<Value = Argument> {
    let text = || prop_oneof!["[is1:;n]{0,4}", Just("1".to_owned()), Just("s1:a".to_owned()), Just("n".to_owned())];
    let leaf = prop_oneof![
        Just(Argument::Null),
        any::<bool>().prop_map(Argument::Bool),
        (-2i128..13).prop_map(Argument::Int),
        (-4i8..9).prop_map(|half| Argument::Float(f64::from(half) / 2.0)),
        text().prop_map(Argument::Text),
        vec(0u8..2, 0..3).prop_map(Argument::Bytes),
    ];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Argument::List),
            (btree_map(text(), inner, 0..3), any::<bool>()).prop_map(|(entries, reversed)| {
                let mut entries: Vec<_> = entries.into_iter().collect();
                if reversed {
                    entries.reverse();
                }
                Argument::Map(entries)
            }),
        ]
    })
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
    fn arguments_share_a_key_only_if_they_are_equal(lists in vec(vec(argument(), 0..3), 12)) {
        for one in &lists {
            for other in &lists {
                let (one, other) = (Argument::List(one.clone()), Argument::List(other.clone()));
                prop_assert_eq!(key(&one) == key(&other), normal(&one) == normal(&other), "{:?} {:?}", one, other);
            }
        }
    }

    #[test]
    fn json_has_the_key_of_what_it_says(arguments in vec(argument(), 0..4)) {
        fn has_bytes(argument: &Argument) -> bool {
            match argument {
                Argument::Bytes(_) => true,
                Argument::List(items) => items.iter().any(has_bytes),
                Argument::Map(entries) => entries.iter().any(|(_, value)| has_bytes(value)),
                _ => false,
            }
        }
        let arguments = Argument::List(arguments);
        prop_assume!(!has_bytes(&arguments));
        prop_assert_eq!(key(&arguments), key(serde_json::to_value(&arguments).unwrap()));
    }

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

#[test]
fn the_glob_of_a_function_is_for_its_keys_only() {
    let glob = Glob::new(glob_of("users*").unwrap());
    assert!(glob.matches(&key_of("users*", &(1,)).unwrap()));
    for name in ["users", "usersX", "users*:find", "users"] {
        assert!(!glob.matches(&key_of(name, &(1,)).unwrap()), "{name}");
    }
}
