//! Key patterns: from values to a key, and to the glob of many.

use std::borrow::Cow;

use super::key_part::{GlobPart, KeyPart};
use super::template::{self, Piece, TemplateError};
use crate::error::{CacheError, Result};
use crate::glob::Glob;

/// Keys of one form, such as `rate:{ip}:{endpoint}`: literal text with parameters.
///
/// Values are escaped: each of `:` `%` `*` `?` `[` `]` `\` becomes `%` and two hexadecimal digits, so that no value reaches
/// into another segment or widens a glob. Two different lists of values never give one key, nor do they in two patterns
/// whose literal texts differ in a segment without parameters or in their number of `:`.
///
/// A name has ASCII letters, digits and `_`, with dots between words; `{{` and `}}` stand for braces. Between two parameters
/// there must be a `:`, no parameter may occur twice, and there must be some literal text.
///
/// Patterns in the source are best declared with [`key_pattern!`](crate::key_pattern), which has the compiler check the
/// parameters; those of common use are in [`keys`](crate::keys). This is the form for patterns that come at run time:
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
/// Every key of the pattern with the given values; and of all keys with as many `:` as those, no other key of any pattern.
/// A key with *more* segments may match too, because a `*` of Redis also matches a `:`: `user:*` matches `user:7` and
/// `user:7:posts`. Where entries below another are not to go with it, give them a first segment of their own, as
/// `user_posts:{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyPattern {
    template: Cow<'static, str>,
}

impl KeyPattern {
    /// The pattern of a template.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`], naming what is wrong with the template and where.
    pub fn new(template: impl Into<Cow<'static, str>>) -> Result<Self> {
        let template = template.into();
        template::check(&template).map_err(|error| refused(&template, error))?;
        Ok(Self { template })
    }

    /// The pattern of a template in the source; in a `const`, checked by the compiler.
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
    /// Where [`new`](Self::new) fails.
    #[must_use]
    pub const fn from_static(template: &'static str) -> Self {
        if let Err(error) = template::check(template) {
            panic!("{}", error.reason);
        }
        Self { template: Cow::Borrowed(template) }
    }

    /// As [`from_static`](Self::from_static), with the names of the parameters in their order.
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

    /// The template.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.template
    }

    /// The names of the parameters, in their order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        template::pieces(&self.template).filter_map(|piece| match piece {
            Piece::Parameter(name) => Some(name),
            Piece::Literal(_) => None,
        })
    }

    /// The key for these values, each with the name of its parameter.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] if a parameter has no value or more than one, or a value has no parameter.
    pub fn key(&self, values: &[(&str, &dyn KeyPart)]) -> Result<String> {
        self.check_names(values)?;
        if let Some(missing) = self.parameters().find(|name| value_of(name, values).is_none()) {
            return Err(self.wrong(&format!("needs a value for {missing}")));
        }
        Ok(self.fill(Cow::Borrowed, |name, key| append(name, values, key)))
    }

    /// The glob of all keys with these values; a parameter without one is `*`. What it may match besides:
    /// [above](Self#what-a-glob-matches).
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] if a parameter has more than one value, or a value has no parameter.
    pub fn glob(&self, values: &[(&str, &dyn KeyPart)]) -> Result<String> {
        self.check_names(values)?;
        Ok(self.fill(glob_literal, |name, glob| append(name, values, glob)))
    }

    /// The key for as many values as there are parameters, in their order.
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

    /// The glob for as many values as there are parameters, in their order.
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

/// Appends a value; a `*` for one that is not there.
fn append(name: &str, values: &[(&str, &dyn KeyPart)], filled: &mut String) {
    match value_of(name, values) {
        Some(value) => value.append_to(filled),
        None => filled.push('*'),
    }
}

fn glob_literal(text: &str) -> Cow<'_, str> {
    Cow::Owned(Glob::escape(text))
}

/// The error counts characters, as every language does alike.
fn refused(template: &str, TemplateError { at, reason }: TemplateError) -> CacheError {
    let before = template.get(..at).map_or(at, |text| text.chars().count());
    CacheError::invalid("pattern", format!("{}: {reason}, at character {}", super::quote(template), before + 1))
}
