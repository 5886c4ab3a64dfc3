//! Key patterns, which turn values into a key or into the glob of many keys.

use std::borrow::Cow;

use super::key_part::{GlobPart, KeyPart};
use super::template::{self, Piece, TemplateError};
use crate::error::{CacheError, Result};
use crate::glob::Glob;

/// A template for keys, such as `rate:{ip}:{endpoint}`: literal text with parameters.
///
/// Values are escaped: each of `:` `%` `*` `?` `[` `]` `\` becomes `%` and two hexadecimal digits, so that no value can
/// change the structure of a key or widen a glob. Two different lists of values never give the same key. Nor do two
/// patterns whose literal texts differ in a segment without parameters, or in their number of `:`.
///
/// A parameter's name consists of ASCII letters, digits and `_`, with dots between words. Write `{{` and `}}` for
/// braces. There must be a `:` between two parameters, no parameter may occur twice, and there must be some literal
/// text.
///
/// Declare patterns that are known at compile time with [`key_pattern!`](crate::key_pattern), so that the compiler
/// checks the parameters; [`keys`](crate::keys) contains common ones. This type is for patterns that are known only at
/// run time:
///
/// ```
/// use isocache::KeyPattern;
///
/// let pattern = KeyPattern::new("rate:{ip}:{endpoint}")?;
/// assert_eq!(pattern.key(&[("ip", &"::1"), ("endpoint", &"/login")])?, "rate:%3A%3A1:/login");
/// assert_eq!(pattern.glob(&[("ip", &"::1")])?, "rate:%3A%3A1:*");
/// assert_eq!(pattern.glob(&[])?, "rate:*:*");
/// assert!(pattern.key(&[("ip", &"::1")]).is_err());
/// # Ok::<(), isocache::CacheError>(())
/// ```
///
/// # What a glob matches
/// A glob matches every key of the pattern with the given values. Among keys with the same number of `:`, it matches no
/// key of another pattern. It may also match keys with *more* segments, because a `*` of Redis also matches a `:`:
/// `user:*` matches `user:7` and `user:7:posts`. If subordinate entries should not be removed with their parent, give
/// them a first segment of their own, such as `user_posts:{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyPattern {
    template: Cow<'static, str>,
}

impl KeyPattern {
    /// Parses a template.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`], with the fault in the template and its position.
    pub fn new(template: impl Into<Cow<'static, str>>) -> Result<Self> {
        let template = template.into();
        template::check(&template).map_err(|error| refused(&template, error))?;
        Ok(Self { template })
    }

    /// Parses a static template; in a `const`, the compiler checks it.
    ///
    /// ```
    /// use isocache::KeyPattern;
    ///
    /// const TEAM: KeyPattern = KeyPattern::from_static("team:{id}");
    /// assert_eq!(TEAM.glob(&[]).as_deref(), Ok("team:*"));
    /// ```
    ///
    /// ```compile_fail
    /// const TEAM: isocache::KeyPattern = isocache::KeyPattern::from_static("team:{id");
    /// ```
    ///
    /// # Panics
    /// If [`new`](Self::new) would return an error.
    #[must_use]
    pub const fn from_static(template: &'static str) -> Self {
        if let Err(error) = template::check(template) {
            panic!("{}", error.reason);
        }
        Self { template: Cow::Borrowed(template) }
    }

    /// Parses a static template like [`from_static`](Self::from_static), with the names of the parameters in order.
    #[doc(hidden)]
    #[must_use]
    pub const fn declared(template: &'static str, names: &[&str]) -> Self {
        let pattern = Self::from_static(template);
        assert!(
            template::has_parameters(template, names),
            "the parameters of the function must be those of the pattern, in the same order"
        );
        pattern
    }

    /// Returns the template.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.template
    }

    /// Returns the names of the parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        template::pieces(&self.template).filter_map(|piece| match piece {
            Piece::Parameter(name) => Some(name),
            Piece::Literal(_) => None,
        })
    }

    /// Returns the key for these values, each given with the name of its parameter.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] if a parameter has no value or several, or if a name is not that of a parameter.
    pub fn key(&self, values: &[(&str, &dyn KeyPart)]) -> Result<String> {
        self.check_names(values)?;
        if let Some(missing) = self.parameters().find(|name| value_of(name, values).is_none()) {
            return Err(self.wrong(&format!("needs a value for {missing}")));
        }
        Ok(self.fill(Cow::Borrowed, |name, key| append(name, values, key)))
    }

    /// Returns the glob of all keys with these values; a parameter without a value becomes `*`. See
    /// [above](Self#what-a-glob-matches) for other keys that it may match.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] if a parameter has several values, or if a name is not that of a parameter.
    pub fn glob(&self, values: &[(&str, &dyn KeyPart)]) -> Result<String> {
        self.check_names(values)?;
        Ok(self.fill(glob_literal, |name, glob| append(name, values, glob)))
    }

    /// The key for one value per parameter, in order.
    #[doc(hidden)]
    #[must_use]
    pub fn key_in_order(&self, values: &[&dyn KeyPart]) -> String {
        let mut values = values.iter();
        self.fill(Cow::Borrowed, |_, key| {
            if let Some(value) = values.next() {
                value.append_to(key);
            }
        })
    }

    /// The glob for one value per parameter, in order.
    #[doc(hidden)]
    #[must_use]
    pub fn glob_in_order(&self, values: &[&dyn GlobPart]) -> String {
        let mut values = values.iter();
        self.fill(glob_literal, |_, glob| {
            if let Some(value) = values.next() {
                value.append_to_glob(glob);
            }
        })
    }

    fn fill<'t>(
        &'t self,
        literal: impl Fn(&'t str) -> Cow<'t, str>,
        mut value: impl FnMut(&str, &mut String),
    ) -> String {
        let mut filled = String::with_capacity(self.template.len() + 16);
        for piece in template::pieces(&self.template) {
            match piece {
                Piece::Literal(text) => filled.push_str(&literal(text)),
                Piece::Parameter(name) => value(name, &mut filled),
            }
        }
        filled
    }

    fn check_names(&self, values: &[(&str, &dyn KeyPart)]) -> Result<()> {
        for (at, (name, _)) in values.iter().enumerate() {
            if !self.parameters().any(|parameter| parameter == *name) {
                return Err(self.wrong(&format!("has no parameter {}", super::quote(name))));
            }
            if values.iter().take(at).any(|(other, _)| other == name) {
                return Err(self.wrong(&format!("is given two values for {name}")));
            }
        }
        Ok(())
    }

    fn wrong(&self, reason: &str) -> CacheError {
        CacheError::invalid("values", format!("the pattern {} {reason}", super::quote(&self.template)))
    }
}

fn value_of<'v>(name: &str, values: &'v [(&str, &dyn KeyPart)]) -> Option<&'v dyn KeyPart> {
    values.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
}

/// Appends a value; a `*` if there is none.
fn append(name: &str, values: &[(&str, &dyn KeyPart)], filled: &mut String) {
    match value_of(name, values) {
        Some(value) => value.append_to(filled),
        None => filled.push('*'),
    }
}

fn glob_literal(text: &str) -> Cow<'_, str> {
    Cow::Owned(Glob::escape(text))
}

/// Errors count characters, as in every language.
fn refused(template: &str, TemplateError { at, reason }: TemplateError) -> CacheError {
    let before = template.get(..at).map_or(at, |text| text.chars().count());
    CacheError::invalid("pattern", format!("{}: {reason}, at character {}", super::quote(template), before + 1))
}
