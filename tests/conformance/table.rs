//! `conformance.json` as Rust types. Its schema is in `tests/vectors/README.md`.

use std::sync::OnceLock;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub rule: u8,
    pub name: String,
    pub options: Options,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    pub max_entries: Option<usize>,
    pub max_bytes: Option<u64>,
    pub default_ttl_ms: Option<u64>,
}

impl Options {
    pub fn default_ttl(&self) -> Option<Duration> {
        self.default_ttl_ms.map(Duration::from_millis)
    }
}

/// One call, with its arguments.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    Set(Entry),
    Get {
        key: Text,
    },
    Delete {
        key: Text,
    },
    Exists {
        key: Text,
    },
    ClearPattern {
        pattern: Text,
    },
    GetMany {
        keys: Vec<Text>,
    },
    SetMany {
        entries: Vec<Entry>,
    },
    DeleteMany {
        keys: Vec<Text>,
    },
    Keys {
        #[serde(default)]
        pattern: Option<Text>,
    },
    Ttl {
        key: Text,
    },
    Touch(Touched),
    GetAndTouch(Touched),
    GetAndDelete {
        key: Text,
    },
    SetIfAbsent(Entry),
    Replace(Entry),
    ExistsMany {
        keys: Vec<Text>,
    },
    DeleteManyEach {
        keys: Vec<Text>,
    },
    Increment {
        key: Text,
        by: i64,
        #[serde(default)]
        ttl_ms: Option<TtlMs>,
    },
    IncrementWithin {
        key: Text,
        by: i64,
        floor: i64,
        ceiling: i64,
        #[serde(default)]
        ttl_ms: Option<TtlMs>,
    },
    Stats {},
    Advance {
        ms: u64,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub key: Text,
    #[serde(deserialize_with = "expanded")]
    pub value: Value,
    #[serde(default)]
    pub ttl_ms: Option<TtlMs>,
    /// For `set`: when the entry expires, by the machine's clock, counted from now.
    #[serde(default)]
    pub expires_in_ms: Option<i64>,
}

/// An entry that gets a new ttl.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Touched {
    pub key: Text,
    #[serde(default)]
    pub ttl_ms: Option<TtlMs>,
}

impl Touched {
    pub fn ttl(&self) -> Option<Duration> {
        self.ttl_ms.map(TtlMs::duration)
    }
}

/// What a step must come to.
pub enum Outcome {
    /// It succeeds, with this answer.
    Answer(Value),
    /// It succeeds; there is nothing to answer.
    Done,
    /// It is refused, in words that hold all of these.
    InvalidArgument { names: Vec<String> },
}

pub struct Step {
    /// As it is written, for messages.
    pub text: String,
    pub call: Call,
    pub outcome: Outcome,
    /// For a step that Rust cannot express.
    pub only_js: bool,
}

impl<'de> Deserialize<'de> for Step {
    /// What belongs to the outcome is taken out first, so that the call refuses every field that is left over.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let mut fields = Map::deserialize(deserializer)?;
        let text = shortened(&Value::Object(fields.clone()).to_string());
        let only_js = match fields.remove("only") {
            None => false,
            Some(only) if only == "js" => true,
            Some(only) => return Err(D::Error::custom(format!("only {only}"))),
        };
        let outcome = match (fields.remove("expect"), fields.remove("error"), fields.remove("names")) {
            (Some(answer), None, None) => Outcome::Answer(expand(answer)),
            (None, None, None) => Outcome::Done,
            (None, Some(error), names) if error == "invalid_argument" => Outcome::InvalidArgument {
                names: serde_json::from_value(names.unwrap_or_else(|| Value::Array(Vec::new())))
                    .map_err(D::Error::custom)?,
            },
            _ => return Err(D::Error::custom(format!("no such outcome: {text}"))),
        };
        let call = serde_json::from_value(Value::Object(fields))
            .map_err(|error| D::Error::custom(format!("{error}: {text}")))?;
        Ok(Self { text, call, outcome, only_js })
    }
}

/// A text, which may be written as a repetition.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Text(#[serde(deserialize_with = "expanded_text")] pub String);

/// The `ttl_ms` of an entry.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
pub enum TtlMs {
    Ms(f64),
    Word(Forever),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forever {
    Forever,
}

impl TtlMs {
    /// As the trait takes it. A part of a millisecond stays one.
    pub fn duration(self) -> Duration {
        match self {
            Self::Word(Forever::Forever) => Duration::MAX,
            // Whole seconds apart, so that long ttls are exact too.
            Self::Ms(ms) => {
                Duration::from_secs_f64((ms / 1000.0).trunc()) + Duration::from_secs_f64(ms % 1000.0 / 1000.0)
            }
        }
    }
}

fn expanded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::deserialize(deserializer).map(expand)
}

fn expanded_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match expanded(deserializer)? {
        Value::String(text) => Ok(text),
        other => Err(serde::de::Error::custom(format!("{other} is no text"))),
    }
}

/// Writes out every `{"repeat": [text, n]}` in a value.
fn expand(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(expand).collect(),
        Value::Object(fields) => match repetition(&fields) {
            Some(text) => Value::String(text),
            None => fields.into_iter().map(|(name, value)| (name, expand(value))).collect(),
        },
        plain => plain,
    }
}

fn repetition(fields: &Map<String, Value>) -> Option<String> {
    let [text, times] = fields.get("repeat").filter(|_| fields.len() == 1)?.as_array()?.as_slice() else { return None };
    Some(text.as_str()?.repeat(usize::try_from(times.as_u64()?).ok()?))
}

/// A text as a message shows it.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// All cases, read once.
///
/// # Panics
/// If the table breaks its schema.
pub fn cases() -> &'static [Case] {
    static TABLE: OnceLock<Table> = OnceLock::new();
    let read = || serde_json::from_str(include_str!("../vectors/conformance.json")).unwrap();
    &TABLE.get_or_init(read).cases
}
