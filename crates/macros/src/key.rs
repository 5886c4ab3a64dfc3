//! The key of a call: checks at expansion, and the expression that builds it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::visit::Visit;
use syn::{Error, ExprClosure, GenericParam, Ident, LitStr, Member, Pat, Result, Signature, TypeImplTrait};

use crate::arguments::Argument;
use crate::options::{KeySource, Options};
use isocache_key_pattern::{self as template, Piece};

/// Longer tuples do not implement `Serialize`.
const MAX_HASHED: usize = 16;

/// How much longer than its pattern a key may become without another allocation.
const EXPECTED: usize = 16;

pub(crate) struct Key<'a> {
    /// The arguments in the key, in the order of the function.
    pub(crate) arguments: Vec<&'a Argument>,
    /// The type: a `String`, or a `Result` of one.
    pub(crate) made: TokenStream,
    pub(crate) is_result: bool,
    /// The expression of the glob of all keys, if there is one.
    pub(crate) glob: Option<TokenStream>,
}

/// The key for these options.
pub(crate) fn key<'a>(
    options: &Options,
    signature: &Signature,
    arguments: &'a [Argument],
    name: &TokenStream,
) -> Result<Key<'a>> {
    for skipped in &options.skip {
        find(arguments, &skipped.unraw().to_string(), skipped.span())?;
    }
    let allowed = |name: &str, span: Span| {
        if options.skip.iter().any(|skipped| skipped.unraw() == name) {
            return Err(Error::new(span, format!("`{name}` is in the key and cannot be skipped")));
        }
        find(arguments, name, span)
    };
    let private = options.private();
    let (made, used) = match &options.key {
        Some(KeySource::Template(template)) => from_template("key", template, &private, signature, allowed)?,
        Some(KeySource::Closure(closure)) => from_closure(closure, &private, allowed)?,
        None => {
            let hashed = hashed(options, signature, arguments)?;
            let values = hashed.iter().map(|Argument { name, ty, .. }| {
                let keyed = quote_spanned!(ty.span()=> #private::Keyed(&#name));
                quote_spanned!(ty.span()=> #private::argument((&#keyed).isocache_keyed()),)
            });
            let made = quote!({
                #[allow(unused_imports)]
                use #private::{KeyedSet as _, KeyedValue as _};
                #private::key_of(#name, &(#(#values)*))
            });
            let glob = Some(quote!(#private::glob_of(#name)));
            return Ok(Key { arguments: hashed, made, is_result: true, glob });
        }
    };
    let arguments = arguments.iter().filter(|argument| used.contains(&argument.name)).collect();
    let glob = match &options.key {
        Some(KeySource::Template(template)) => Some(quote!(#private::glob_of_pattern(#template))),
        _ => None,
    };
    Ok(Key { arguments, made, is_result: false, glob })
}

fn find<'a>(arguments: &'a [Argument], name: &str, span: Span) -> Result<&'a Argument> {
    let is_it = |argument: &&Argument| matches!(argument.pattern, Pat::Ident(_)) && argument.name.unraw() == name;
    arguments.iter().find(is_it).ok_or_else(|| {
        let by_position = name.bytes().all(|byte| byte.is_ascii_digit());
        let remedy = if by_position { ": use the name of a parameter, as in {id}" } else { "" };
        Error::new(span, format!("the function has no parameter `{name}`{remedy}"))
    })
}

/// The tags of a call: expressions of texts.
pub(crate) fn tags(
    tags: &[LitStr],
    private: &TokenStream,
    signature: &Signature,
    arguments: &[Argument],
) -> Result<Vec<TokenStream>> {
    let allowed = |name: &str, span: Span| find(arguments, name, span);
    let made = tags.iter().map(|tag| {
        if !tag.value().contains(['{', '}']) {
            return Ok(quote!(::std::string::String::from(#tag)));
        }
        from_template("tag", tag, private, signature, allowed).map(|(made, _)| made)
    });
    made.collect()
}

fn from_template<'a>(
    what: &str,
    literal: &LitStr,
    private: &TokenStream,
    signature: &Signature,
    allowed: impl Fn(&str, Span) -> Result<&'a Argument>,
) -> Result<(TokenStream, Vec<Ident>)> {
    let (text, span) = (literal.value(), literal.span());
    let key = Ident::new("key", Span::mixed_site());
    template::check(&text).map_err(|error| {
        let before = text.get(..error.at).map_or(error.at, |text| text.chars().count());
        Error::new(span, format!("{}, at character {} of the pattern of this {what}", error.reason, before + 1))
    })?;
    let (mut parts, mut used) = (TokenStream::new(), Vec::new());
    for piece in template::pieces(&text) {
        let path = match piece {
            Piece::Literal(text) => {
                parts.extend(quote!(#key.push_str(#text);));
                continue;
            }
            Piece::Parameter(path) => path,
        };
        let mut words = path.split('.');
        let mut root = match (words.next().unwrap_or_default(), signature.receiver()) {
            ("self", Some(receiver)) => Ident::new("self", receiver.self_token.span),
            (word, _) => {
                let argument = allowed(word, span)?;
                used.push(argument.name.clone());
                argument.name.clone()
            }
        };
        root.set_span(span.resolved_at(root.span()));
        let fields = words.map(|word| member(word, span)).collect::<Result<Vec<_>>>()?;
        parts.extend(quote_spanned!(span=> #private::append(&mut #key, &#root #(.#fields)*);));
    }
    let capacity = text.len() + EXPECTED;
    Ok((quote!({ let mut #key = ::std::string::String::with_capacity(#capacity); #parts #key }), used))
}

/// A field: `name` or `0`.
fn member(word: &str, span: Span) -> Result<Member> {
    if let Ok(index) = word.parse() {
        return Ok(Member::Unnamed(syn::Index { index, span }));
    }
    if word.starts_with(|c: char| c.is_ascii_digit()) || word == "_" {
        return Err(Error::new(span, format!("`{word}` is not a valid field name")));
    }
    let is_keyword = syn::parse_str::<Ident>(word).is_err();
    let raw = is_keyword && !matches!(word, "self" | "Self" | "super" | "crate");
    Ok(Member::Named(if raw { Ident::new_raw(word, span) } else { Ident::new(word, span) }))
}

fn from_closure<'a>(
    closure: &ExprClosure,
    private: &TokenStream,
    allowed: impl Fn(&str, Span) -> Result<&'a Argument>,
) -> Result<(TokenStream, Vec<Ident>)> {
    if let Some(asyncness) = &closure.asyncness {
        return Err(Error::new(asyncness.span(), "the closure of a key cannot be `async`"));
    }
    let (mut bound, mut used) = (Vec::new(), Vec::new());
    for input in &closure.inputs {
        let pattern = if let Pat::Type(typed) = input { &*typed.pat } else { input };
        let Pat::Ident(ident) = pattern else {
            let reason = "a parameter of this closure must be the name of a parameter of the function";
            return Err(Error::new(input.span(), reason));
        };
        let argument = allowed(&ident.ident.unraw().to_string(), ident.span())?;
        let name = &argument.name;
        bound.push(quote!(let #input = &#name;));
        used.push(name.clone());
    }
    let (output, body) = (&closure.output, &closure.body);
    let made = quote_spanned!(closure.body.span()=> #private::key_from(|| #output { #(#bound)* #body }));
    Ok((made, used))
}

/// The arguments that are hashed if there is no key pattern.
fn hashed<'a>(options: &Options, signature: &Signature, arguments: &'a [Argument]) -> Result<Vec<&'a Argument>> {
    const REMEDY: &str = "set a key, as in key = \"user:{id}\"";
    if let Some(receiver) = signature.receiver() {
        let reason = "a method needs a key, because `self` cannot be part of a hash: set key = \"user:{id}\", or \
                      key = \"user:{self.tenant}:{id}\" if the result depends on `self`";
        return Err(Error::new(receiver.span(), reason));
    }
    let generic = signature.generics.params.iter().find(|param| !matches!(param, GenericParam::Lifetime(_)));
    if let Some(param) = generic {
        let reason = format!(
            "a generic function needs a key, because a hash of the arguments does not include their types: {REMEDY}"
        );
        return Err(Error::new(param.span(), reason));
    }
    let mut implied = Implied(None);
    for argument in arguments {
        implied.visit_type(&argument.ty);
    }
    if let Some(span) = implied.0 {
        let reason = format!(
            "a function with `impl Trait` needs a key, because a hash of the arguments does not include their types: {REMEDY}"
        );
        return Err(Error::new(span, reason));
    }
    if let (Some(span), None) = (options.in_impl, &options.name) {
        let reason =
            format!("functions of several types may have this name: {REMEDY}, or a name, as in name = \"users::find\"");
        return Err(Error::new(span, reason));
    }
    let is_hashed = |argument: &&Argument| !options.skip.contains(&argument.name);
    let hashed: Vec<_> = arguments.iter().filter(is_hashed).collect();
    match hashed.get(MAX_HASHED) {
        None => Ok(hashed),
        Some(beyond) => {
            let reason = format!("a key can be made from at most {MAX_HASHED} arguments: {REMEDY}");
            Err(Error::new_spanned(beyond.pattern.to_token_stream(), reason))
        }
    }
}

/// Finds `impl Trait` anywhere in a type.
struct Implied(Option<Span>);

impl<'a> Visit<'a> for Implied {
    fn visit_type_impl_trait(&mut self, implied: &'a TypeImplTrait) {
        self.0 = Some(implied.span());
    }
}
