//! Common key patterns, and the macro that declares others.
//!
//! Each pattern is a function that returns a key, and a module of the same name with the pattern and its glob, in which
//! `..` stands for any value:
//!
//! ```
//! use isocache::keys;
//!
//! assert_eq!(keys::rate("10.0.0.7", "/login"), "rate:10.0.0.7:/login");
//! assert_eq!(keys::rate::glob("10.0.0.7", ..), "rate:10.0.0.7:*");
//! assert_eq!(keys::rate::PATTERN.as_str(), "rate:{ip}:{endpoint}");
//! ```
//!
//! Declare your own with [`key_pattern!`](crate::key_pattern):

/// Declares key patterns: for each, a function that returns the key, and a module of the same name with `PATTERN` and
/// `glob`.
///
/// The parameters of the function are those of the pattern, in the same order; the compiler checks this. Values
/// implement [`KeyPart`](crate::KeyPart). See [`KeyPattern`](crate::KeyPattern) for the syntax of patterns and what
/// globs match.
///
/// ```
/// isocache::key_pattern! {
///     /// What a member may do in a team.
///     pub fn team_role(team, member) = "team_role:{team}:{member}";
/// }
///
/// assert_eq!(team_role(7, "a:b"), "team_role:7:a%3Ab");
/// assert_eq!(team_role::glob(7, ..), "team_role:7:*");
/// assert_eq!(team_role::glob(.., ..), "team_role:*:*");
/// ```
///
/// A parameter whose name is not in the pattern does not compile:
///
/// ```compile_fail
/// isocache::key_pattern! { fn team(name) = "team:{id}"; }
/// ```
///
/// Nor does a call with a missing value, or with a type that is not a [`KeyPart`](crate::KeyPart):
///
/// ```compile_fail
/// isocache::keys::rate("10.0.0.7");
/// ```
///
/// ```compile_fail
/// isocache::keys::user(vec![7]);
/// ```
#[macro_export]
macro_rules! key_pattern {
    ($($(#[$meta:meta])* $visibility:vis fn $name:ident($($parameter:ident),* $(,)?) = $template:literal;)+) => {$(
        $(#[$meta])*
        #[must_use]
        #[allow(dead_code, clippy::needless_pass_by_value)]
        $visibility fn $name($($parameter: impl $crate::KeyPart),*) -> ::std::string::String {
            $name::PATTERN.key_in_order(&[$(&$parameter),*])
        }

        #[doc = ::std::concat!("The pattern `", $template, "` and its glob.")]
        #[allow(dead_code)]
        $visibility mod $name {
            #[doc = ::std::concat!("The pattern `", $template, "`.")]
            pub const PATTERN: $crate::KeyPattern =
                $crate::KeyPattern::declared($template, &[$(::std::stringify!($parameter)),*]);

            /// Returns the glob of all keys with these values; `..` matches any value.
            #[must_use]
            #[allow(clippy::needless_pass_by_value)]
            pub fn glob($($parameter: impl $crate::GlobPart),*) -> ::std::string::String {
                PATTERN.glob_in_order(&[$(&$parameter),*])
            }
        }
    )+};
}

key_pattern! {
    /// One user, by id.
    pub fn user(id) = "user:{id}";
    /// A list of users, by whatever distinguishes it from other lists: a page, a filter.
    pub fn user_list(hash) = "user_list:{hash}";
    /// A session, by its token.
    pub fn session(token) = "session:{token}";
    /// The requests of one address to one endpoint.
    pub fn rate(ip, endpoint) = "rate:{ip}:{endpoint}";
}
