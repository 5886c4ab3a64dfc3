//! The names that source code mentions.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};

/// Adds the identifiers in these tokens, including those in format strings. Names of fields and methods are not
/// included.
pub(crate) fn collect(tokens: TokenStream, words: &mut HashSet<String>) {
    let mut is_after_dot = false;
    for token in tokens {
        let mut is_dot = false;
        match token {
            TokenTree::Group(group) => collect(group.stream(), words),
            TokenTree::Ident(ident) if !is_after_dot => {
                words.insert(ident.to_string());
            }
            TokenTree::Ident(_) => {}
            TokenTree::Punct(punct) => is_dot = punct.as_char() == '.',
            // Such as `"t{tenant}"` in a `format!`.
            TokenTree::Literal(literal) => words.extend(in_format_string(&literal.to_string()).map(str::to_owned)),
        }
        is_after_dot = is_dot;
    }
}

fn in_format_string(text: &str) -> impl Iterator<Item = &str> {
    let names = text.split('{').skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    });
    names.filter(|name| !name.is_empty())
}
