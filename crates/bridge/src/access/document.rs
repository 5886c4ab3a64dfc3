//! Reads a TOML configuration file section by section. Errors name the file and the line.

use std::ops::Range;
use std::path::PathBuf;

use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::token::Secret;
use crate::values::NamedFile;

/// A configuration file. Each part of the bridge takes its own sections out of it.
#[derive(Debug)]
pub struct Document<'a> {
    name: &'a str,
    text: &'a str,
    rest: DeTable<'a>,
    /// The sections requested so far.
    known: Vec<&'static str>,
}

/// An error in a configuration file. It shows names and settings, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The problem.
    pub problem: String,
}

impl<'a> Document<'a> {
    /// Parses a file. `name` appears in error messages.
    ///
    /// # Errors
    /// If it is not TOML.
    pub fn parse(name: &'a str, text: &'a str) -> Result<Self, ConfigError> {
        match DeTable::parse(text) {
            Ok(table) => Ok(Self { name, text, rest: table.into_inner(), known: Vec::new() }),
            Err(error) => Err(located(name, text, error.span(), error.message())),
        }
    }

    /// Takes a section out of the document, or the default if it is absent.
    ///
    /// # Errors
    /// If a field is unknown, missing or wrong.
    pub fn section<T: DeserializeOwned + Default>(&mut self, name: &'static str) -> Result<T, ConfigError> {
        self.located(name).map(|(section, _)| section)
    }

    /// [`Self::section`], with its position in the file.
    ///
    /// # Errors
    /// If a field is unknown, missing or wrong.
    pub fn located<T: DeserializeOwned + Default>(
        &mut self,
        name: &'static str,
    ) -> Result<(T, Range<usize>), ConfigError> {
        self.known.push(name);
        let Some((_, value)) = self.rest.remove_entry(name) else { return Ok((T::default(), 0..0)) };
        let span = value.span();
        let section = T::deserialize(Spanned::<DeValue>::into_deserializer(value));
        let section =
            section.map_err(|error| self.error(error.span().unwrap_or_else(|| span.clone()), error.message()))?;
        Ok((section, span))
    }

    /// Creates an error at a position in the file.
    pub fn error(&self, place: Range<usize>, problem: impl AsRef<str>) -> ConfigError {
        located(self.name, self.text, Some(place), problem.as_ref())
    }

    /// A file that a setting names.
    pub fn file(&self, path: Spanned<PathBuf>) -> NamedFile {
        let ConfigError { file, line, .. } = self.error(path.span(), "");
        NamedFile { path: path.into_inner(), place: format!("{file}:{line}") }
    }

    /// The value of an environment variable that a setting names.
    ///
    /// # Errors
    /// If the variable is not set, or is empty.
    pub fn variable(
        &self,
        name: &Spanned<String>,
        env: &impl Fn(&str) -> Option<String>,
    ) -> Result<Secret, ConfigError> {
        let value = env(name.get_ref()).filter(|value| !value.is_empty());
        let unset = || self.error(name.span(), format!("the variable {} is not set", name.get_ref()));
        value.map(Secret::new).ok_or_else(unset)
    }

    /// Checks that every section has been taken.
    ///
    /// # Errors
    /// If a section is unknown.
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

/// Adds the most similar known name to serde's message about an unknown field or variant.
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
