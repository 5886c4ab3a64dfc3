//! The options in the parentheses of `#[cached(…)]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprClosure, Ident, LitStr, Path, Result, Token, bracketed, parenthesized};

/// The source of the key, if it is not all the arguments.
pub(crate) enum KeySource {
    Template(LitStr),
    Closure(ExprClosure),
}

/// The options as written. A flag is stored as its position in the source.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) ttl: Option<Expr>,
    pub(crate) key: Option<KeySource>,
    pub(crate) provider: Option<Expr>,
    pub(crate) stale_while_revalidate: Option<(Span, Expr)>,
    pub(crate) stale_if_error: Option<Expr>,
    pub(crate) early_refresh: Option<(Span, Expr)>,
    pub(crate) jitter: Option<Expr>,
    pub(crate) timeout: Option<(Span, Expr)>,
    pub(crate) lease: Option<Expr>,
    pub(crate) detached: Option<Span>,
    pub(crate) tags: Option<(Span, Vec<LitStr>)>,
    pub(crate) companions: Option<Companions>,
    pub(crate) skip: Vec<Ident>,
    pub(crate) cache_none: Option<Span>,
    /// The position of `on_error = propagate`.
    pub(crate) propagate: Option<Span>,
    pub(crate) name: Option<LitStr>,
    pub(crate) in_impl: Option<Span>,
    krate: Option<Path>,
}

/// Where the companions of a function are placed.
pub(crate) enum Companions {
    /// Nowhere.
    None,
    /// In a type of this name.
    Type(Ident),
    /// Next to a method, with its name as a prefix.
    Beside,
}

const NAMES: &str = "ttl, key, provider, stale_while_revalidate, stale_if_error, early_refresh, jitter, timeout, lease, \
                     detached, tags, skip(..), cache_none, on_error, name, companions, in_impl and crate";

impl Options {
    /// The path of the crate.
    pub(crate) fn krate(&self) -> TokenStream {
        self.krate.as_ref().map_or_else(|| quote!(::isocache), |path| quote!(#path))
    }

    /// The path of the functions that the expansion calls.
    pub(crate) fn private(&self) -> TokenStream {
        self.krate.as_ref().map_or_else(|| quote!(::isocache::__private), |path| quote!(#path::__private))
    }

    /// Whether the options of a load are the same for all calls.
    pub(crate) fn are_literals(&self) -> bool {
        let windows = [&self.stale_while_revalidate, &self.early_refresh, &self.timeout]
            .map(|option| option.as_ref().map(|(_, value)| value));
        let plain = [&self.ttl, &self.stale_if_error, &self.jitter, &self.lease].map(Option::as_ref);
        windows.into_iter().chain(plain).flatten().all(|value| matches!(value, Expr::Lit(_)))
    }

    /// Whether loads may outlive their calls.
    pub(crate) fn in_background(&self) -> bool {
        self.stale_while_revalidate.is_some() || self.early_refresh.is_some() || self.detached.is_some()
    }

    fn parse_one(&mut self, option: &Ident, input: ParseStream<'_>) -> Result<()> {
        let span = option.span();
        match option.to_string().as_str() {
            "ttl" => self.ttl = Some(expression(input)?),
            "key" => self.key = Some(key(input)?),
            "provider" => self.provider = Some(expression(input)?),
            "stale_while_revalidate" => self.stale_while_revalidate = Some((span, expression(input)?)),
            "stale_if_error" => self.stale_if_error = Some(expression(input)?),
            "early_refresh" => self.early_refresh = Some((span, expression(input)?)),
            "jitter" => self.jitter = Some(jitter(input)?),
            "timeout" => self.timeout = Some((span, expression(input)?)),
            "lease" => self.lease = Some(expression(input)?),
            "detached" => self.detached = Some(span),
            "tags" => {
                input.parse::<Token![=]>()?;
                let tags;
                bracketed!(tags in input);
                let tags = Punctuated::<LitStr, Token![,]>::parse_terminated(&tags)?;
                self.tags = Some((span, tags.into_iter().collect()));
            }
            "companions" => {
                self.companions = Some(if input.peek(Token![=]) {
                    let name: Ident = value(input)?;
                    if name == "none" { Companions::None } else { Companions::Type(name) }
                } else {
                    Companions::Beside
                });
            }
            "stale" => return Err(Error::new(span, "this option is called `stale_while_revalidate`")),
            "early" => return Err(Error::new(span, "this option is called `early_refresh`")),
            "skip" => {
                let names;
                parenthesized!(names in input);
                self.skip = Punctuated::<Ident, Token![,]>::parse_terminated(&names)?.into_iter().collect();
            }
            "cache_none" => self.cache_none = Some(span),
            "on_error" => {
                let policy: Ident = value(input)?;
                self.propagate = match policy.to_string().as_str() {
                    "bypass" => None,
                    "propagate" => Some(policy.span()),
                    _ => return Err(Error::new(policy.span(), "`on_error` must be `bypass` or `propagate`")),
                };
            }
            "name" => {
                let name: LitStr = value(input)?;
                if name.value().is_empty() {
                    return Err(Error::new(name.span(), "`name` must not be empty"));
                }
                self.name = Some(name);
            }
            "in_impl" => self.in_impl = Some(span),
            "crate" => {
                input.parse::<Token![=]>()?;
                self.krate = Some(Path::parse_mod_style(input)?);
            }
            _ => return Err(Error::new(span, format!("unknown option `{option}`; the options are {NAMES}"))),
        }
        Ok(())
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            let option = input.call(Ident::parse_any)?;
            if seen.contains(&option) {
                return Err(Error::new(option.span(), format!("`{option}` is set twice")));
            }
            options.parse_one(&option, input)?;
            seen.push(option);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// Strips the invisible groups that a macro puts around an expression.
fn expression(input: ParseStream<'_>) -> Result<Expr> {
    let mut expression: Expr = value(input)?;
    while let Expr::Group(group) = expression {
        expression = *group.expr;
    }
    Ok(expression)
}

fn key(input: ParseStream<'_>) -> Result<KeySource> {
    match expression(input)? {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(template), .. }) => Ok(KeySource::Template(template)),
        Expr::Closure(closure) => Ok(KeySource::Closure(closure)),
        other => {
            let reason =
                "a key must be a pattern, such as \"user:{id}\", or a closure, such as |id| format!(\"user:{id}\")";
            Err(Error::new_spanned(other, reason))
        }
    }
}

fn jitter(input: ParseStream<'_>) -> Result<Expr> {
    let jitter = expression(input)?;
    if let Expr::Lit(syn::ExprLit { lit, .. }) = &jitter {
        let fraction: Option<f64> = match lit {
            syn::Lit::Float(fraction) => fraction.base10_parse().ok(),
            _ => None,
        };
        if !fraction.is_some_and(|fraction| (0.0..=1.0).contains(&fraction)) {
            return Err(Error::new_spanned(jitter, "`jitter` must be a fraction from 0.0 to 1.0"));
        }
    }
    Ok(jitter)
}
