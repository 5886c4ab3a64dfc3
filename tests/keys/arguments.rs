//! Keys made of arguments (`key_of`): the vectors, the types of Rust, limits, and properties over generated values.

use std::collections::{BTreeMap, HashMap};

use isocache::{Glob, glob_of, key_of};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::vectors::{Argument, decoded, table};

#[test]
fn the_vectors_of_arguments() {
    for case in table("arguments", 60) {
        let key = key_of("f", &decoded(&case["args"])).unwrap();
        assert_eq!(key, format!("f:{}", case["hash"].as_str().unwrap()), "{case}");
    }
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
}

#[test]
fn the_glob_of_a_function_is_for_its_keys_only() {
    let glob = Glob::new(glob_of("users*").unwrap());
    assert!(glob.matches(&key_of("users*", &(1,)).unwrap()));
    for name in ["users", "usersX", "users*:find", "users"] {
        assert!(!glob.matches(&key_of(name, &(1,)).unwrap()), "{name}");
    }
}
