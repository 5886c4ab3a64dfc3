//! `tests/vectors/glob.json`. Its schema is in `tests/vectors/README.md`.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    cases: Vec<(Text, Text, bool)>,
}

/// A text, a repetition of one, or several joined.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Plain(String),
    Repeated(Repeated),
    Joined(Vec<Text>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeated {
    repeat: (String, usize),
}

impl Text {
    fn expand(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Repeated(Repeated { repeat: (text, times) }) => text.repeat(*times),
            Self::Joined(texts) => texts.iter().map(Self::expand).collect(),
        }
    }
}

pub struct Case {
    pub pattern: String,
    pub key: String,
    pub matches: bool,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.60?} against {:.60?} should be {}", self.pattern, self.key, self.matches)
    }
}

/// All cases.
///
/// # Panics
/// If the table breaks its schema.
pub fn cases() -> Vec<Case> {
    let table: Table = serde_json::from_str(include_str!("../vectors/glob.json")).unwrap();
    let expand = |(pattern, key, matches): &(Text, Text, bool)| Case {
        pattern: pattern.expand(),
        key: key.expand(),
        matches: *matches,
    };
    table.cases.iter().map(expand).collect()
}

/// The cases for which `matches` says otherwise than the table.
pub fn differences(cases: &[Case], mut matches: impl FnMut(&Case) -> bool) -> Vec<String> {
    cases.iter().filter(|case| matches(case) != case.matches).map(ToString::to_string).collect()
}
