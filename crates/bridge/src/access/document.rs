//! A configuration file in TOML, read section by section, whose errors name file, line and what is wrong.

use std::ops::Range;

use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A configuration file, of which every part of the bridge takes its own sections.
#[derive(Debug)]
pub struct Document<'a> {
    name: &'a str,
    text: &'a str,
    rest: DeTable<'a>,
    /// The sections that were asked for.
    known: Vec<&'static str>,
}

/// What is wrong with a configuration file. Holds nothing of what stands in it but names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
}

impl<'a> Document<'a> {
    /// Reads a file's text; the name is for errors.
    ///
    /// # Errors
    /// If it is not TOML.
    pub fn parse(name: &'a str, text: &'a str) -> Result<Self, ConfigError> {
        match DeTable::parse(text) {
            Ok(table) => Ok(Self { name, text, rest: table.into_inner(), known: Vec::new() }),
            Err(error) => Err(located(name, text, error.span(), error.message())),
        }
    }

    /// Takes a section out of the document; its default if it is not there.
    ///
    /// # Errors
    /// If it has a field that is unknown, missing or wrong.
    pub fn section<T: DeserializeOwned + Default>(&mut self, name: &'static str) -> Result<T, ConfigError> {
        self.known.push(name);
        let Some((_, value)) = self.rest.remove_entry(name) else { return Ok(T::default()) };
        let span = value.span();
        T::deserialize(Spanned::<DeValue>::into_deserializer(value))
            .map_err(|error| self.error(error.span().unwrap_or(span), error.message()))
    }

    /// An error at a place in the file.
    pub fn error(&self, place: Range<usize>, problem: impl AsRef<str>) -> ConfigError {
        located(self.name, self.text, Some(place), problem.as_ref())
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// If there is a section that nobody took.
    pub fn finish(self) -> Result<(), ConfigError> {
        let Some((name, _)) = self.rest.iter().min_by_key(|(name, _)| name.span().start) else { return Ok(()) };
        let text: &str = name.get_ref();
        let hint = nearest(text, self.known.iter().copied());
        Err(self.error(name.span(), format!("unknown section `{text}`{hint}")))
    }
}

fn located(file: &str, text: &str, place: Option<Range<usize>>, problem: &str) -> ConfigError {
    let before = place.map_or(0, |place| place.start).min(text.len());
    let line = 1 + text.as_bytes().iter().take(before).filter(|&&byte| byte == b'\n').count();
    ConfigError { file: file.into(), line, problem: with_hint(problem) }
}

/// Adds the nearest known name to what serde says of an unknown field or variant.
fn with_hint(problem: &str) -> String {
    let problem = problem.trim();
    let mut names = problem.split('`').skip(1).step_by(2);
    match names.next() {
        Some(unknown) if problem.starts_with("unknown ") => format!("{problem}{}", nearest(unknown, names)),
        _ => problem.to_owned(),
    }
}

fn nearest<'n>(unknown: &str, known: impl Iterator<Item = &'n str>) -> String {
    let distance = |name: &&str| strsim::damerau_levenshtein(unknown, name);
    let near = known.min_by_key(distance).filter(|name| distance(name) <= 1 + unknown.len() / 3);
    near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
