//! The tables of `tests/vectors/keys.json`, which JavaScript runs too, and their arguments.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

/// An argument as the vectors name it.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
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

pub fn decoded(value: &Value) -> Argument {
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

/// The cases of one table. There must be at least `least`, or a table was lost.
pub fn table(name: &str, least: usize) -> Vec<Value> {
    let cases = vectors()[name].as_array().unwrap().clone();
    assert!(cases.len() >= least, "{name}");
    cases
}
