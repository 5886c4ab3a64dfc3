//! Expands the attribute and its function to the code that the compiler sees.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote};
use syn::punctuated::Punctuated;
use syn::{
    AttrStyle, Attribute, Block, Error, FnArg, Ident, ItemFn, Pat, Result, ReturnType, Signature, Token, Type,
    Visibility, parse2,
};

use crate::arguments::{Argument, arguments, taking_self};
use crate::expand_call::Calls;
use crate::key::{Key, key, tags};
use crate::options::{Companions, KeySource, Options};
use crate::outcome::Outcome;
use crate::variants::{boxed_future, by_condition};
use crate::words::collect;

/// Everything that is known about the function.
pub(crate) struct Function<'a> {
    pub(crate) options: &'a Options,
    pub(crate) item: &'a ItemFn,
    pub(crate) block: &'a Block,
    pub(crate) is_async: bool,
    /// Whether the function itself returns a boxed future, as a method behind `#[async_trait]` does.
    is_boxed: bool,
    pub(crate) arguments: &'a [Argument],
    pub(crate) key: &'a Key<'a>,
    pub(crate) tags: &'a [TokenStream],
    pub(crate) outcome: &'a Outcome,
    /// An expression: the unique name of the function.
    pub(crate) name: &'a TokenStream,
    pub(crate) companions: &'a Place,
}

/// Where the companions of a function are placed.
pub(crate) enum Place {
    /// In a type of this name.
    Type(Ident),
    /// Next to the method, with its name as a prefix.
    Beside,
    Nowhere,
}

impl Place {
    fn of(options: &Options, item: &ItemFn, is_boxed: bool) -> Self {
        let is_in_impl = options.in_impl.is_some() || item.sig.receiver().is_some() || mentions_self_type(item);
        match &options.companions {
            Some(Companions::None) => Self::Nowhere,
            Some(Companions::Beside) => Self::Beside,
            Some(Companions::Type(name)) => Self::Type(name.clone()),
            // The methods of a trait have no visibility of their own, and nothing else can be added next to them.
            None if is_in_impl && (is_boxed || matches!(item.vis, Visibility::Inherited)) => Self::Nowhere,
            None if is_in_impl => Self::Beside,
            None => Self::Type(item.sig.ident.clone()),
        }
    }
}

/// Whether a function is in an `impl` or a trait, because it mentions `Self`.
fn mentions_self_type(item: &ItemFn) -> bool {
    fn mentions(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Group(group) => mentions(group.stream()),
            TokenTree::Ident(ident) => ident == "Self",
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        })
    }
    mentions(item.sig.to_token_stream()) || mentions(item.block.to_token_stream())
}

pub(crate) fn expand(attribute: &TokenStream, function: TokenStream) -> Result<TokenStream> {
    let options: Options = parse2(attribute.clone())?;
    let mut item: ItemFn = parse2(function)
        .map_err(|error| Error::new(error.span(), "`#[cached]` can only be applied to a function with a body"))?;
    let krate = options.krate();
    if let Some(variants) = by_condition(&quote!(#[#krate::cached(#attribute)]), &item)? {
        return Ok(variants);
    }
    // Inner attributes of the block are valid as outer attributes of the function too.
    item.attrs.iter_mut().for_each(|attribute| attribute.style = AttrStyle::Outer);
    let boxed = if item.sig.asyncness.is_none() { boxed_future(&item) } else { None };
    let is_boxed = boxed.is_some();
    let is_async = is_boxed || item.sig.asyncness.is_some();
    let (returned, block) = match (boxed, &item.sig.output) {
        (Some(boxed), _) => boxed,
        (None, ReturnType::Type(_, returned)) => (Type::clone(returned), Block::clone(&item.block)),
        (None, ReturnType::Default) => {
            let reason = "this function returns nothing that could be cached";
            return Err(Error::new(item.sig.ident.span(), reason));
        }
    };
    check(&options, &item.sig, is_async)?;
    let outcome = Outcome::of(&returned, options.cache_none)?;
    let companions = Place::of(&options, &item, is_boxed);
    let name = name(&options, &item.sig.ident, &companions);
    let arguments = arguments(&item.sig);
    let key = key(&options, &item.sig, &arguments, &name)?;
    let tags = match &options.tags {
        Some((_, written)) => tags(written, &options.private(), &item.sig, &arguments)?,
        None => Vec::new(),
    };
    let function = Function {
        options: &options,
        item: &item,
        block: &block,
        is_async,
        is_boxed,
        arguments: &arguments,
        key: &key,
        tags: &tags,
        outcome: &outcome,
        name: &name,
        companions: &companions,
    };
    let calls = Calls::of(&function)?;
    Ok(function.tokens(&calls))
}

/// The name under which the function's calls are counted. If there is no key pattern, it is part of the key.
fn name(options: &Options, ident: &Ident, companions: &Place) -> TokenStream {
    if let Some(name) = &options.name {
        return quote!(#name);
    }
    if let Place::Type(companions) = companions
        && companions == ident
    {
        // `module_path!()`, with the enclosing function: two functions may each contain one of the same name.
        return quote!(::core::any::type_name::<#ident>());
    }
    let name = syn::ext::IdentExt::unraw(ident).to_string();
    quote!(::core::concat!(::core::module_path!(), "::", #name))
}

/// Rejects unsupported functions and combinations of options.
fn check(options: &Options, signature: &Signature, is_async: bool) -> Result<()> {
    let refuse = |span, reason| Err(Error::new(span, reason));
    if let Some(token) = &signature.constness {
        return refuse(token.span, "a `const` function cannot be cached, because it cannot keep state");
    }
    if let Some(token) = &signature.unsafety {
        return refuse(token.span, "an `unsafe` function cannot be cached");
    }
    if let Some(abi) = &signature.abi {
        return refuse(abi.extern_token.span, "an `extern` function cannot be cached");
    }
    if is_async && options.in_background() {
        taking_self(signature)?;
    }
    if let (Some(span), false) = (options.detached, is_async) {
        return refuse(span, "`detached` is for `async` functions: a synchronous function always runs to its end");
    }
    if let Some((span, _)) = &options.tags {
        if !is_async {
            return refuse(*span, "`tags` is for `async` functions");
        }
        if options.provider.is_none() {
            return refuse(
                *span,
                "`tags` needs a provider of tagged entries, as in provider = TAGGED with an `isocache::Tagged`",
            );
        }
        if options.in_background() {
            let reason = "`tags` cannot be combined with `stale_while_revalidate`, `early_refresh` or `detached`";
            return refuse(*span, reason);
        }
    }
    Ok(())
}

impl Function<'_> {
    fn tokens(&self, calls: &Calls) -> TokenStream {
        let ItemFn { attrs, vis, sig, .. } = self.item;
        let mut outer = sig.clone();
        outer.inputs = self.inputs();
        let get = &calls.get;
        let body = if self.is_boxed { quote!(::std::boxed::Box::pin(async move { #get })) } else { quote!(#get) };
        let has_type = matches!(self.companions, Place::Type(_));
        let keeps = |attribute: &&Attribute| !(has_type && attribute.path().is_ident("expect"));
        let kept = attrs.iter().filter(keeps);
        let wrapper = quote! {
            #(#kept)*
            #[allow(clippy::used_underscore_binding, clippy::no_effect_underscore_binding, clippy::unused_async)]
            #vis #outer { #body }
        };
        let companions = match self.companions {
            Place::Type(name) => self.companion_type(name, calls),
            Place::Beside => self.companion_methods(calls),
            Place::Nowhere => TokenStream::new(),
        };
        quote!(#wrapper #companions)
    }

    /// The parameters under their names in the expansion.
    fn inputs(&self) -> Punctuated<FnArg, Token![,]> {
        let mut inputs = self.item.sig.inputs.clone();
        let typed = inputs.iter_mut().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        });
        for (input, argument) in typed.zip(self.arguments) {
            let name = &argument.name;
            *input.pat = syn::parse_quote!(#name);
        }
        inputs
    }

    /// The parameters and the generics that companions need for the key, and those that they also need for the
    /// provider.
    fn companion_parts(&self) -> Parts {
        let generics = &self.item.sig.generics;
        let key: Vec<_> = self.key.arguments.iter().map(|argument| argument.declared()).collect();
        let mut in_provider = HashSet::new();
        collect(self.options.provider.to_token_stream(), &mut in_provider);
        let is_in_provider = |argument: &&Argument| in_provider.contains(&argument.name.to_string());
        let is_used = |argument: &&Argument| {
            is_in_provider(argument) || self.key.arguments.iter().any(|keyed| keyed.name == argument.name)
        };
        let used: Vec<_> = self.arguments.iter().filter(is_used).collect();
        let whole: Vec<_> = used.iter().map(|argument| argument.declared()).collect();
        let provider: Vec<_> = self.arguments.iter().filter(is_in_provider).map(Argument::declared).collect();
        let mut mentions: Vec<TokenStream> = key.clone();
        if let Some(KeySource::Closure(closure)) = &self.options.key {
            mentions.push(quote!(#closure));
        }
        let of_key = crate::generics::needed(generics, &mentions);
        let (returned, expression) = (&self.outcome.returned, &self.options.provider);
        let of_provider = [quote!(#returned #expression #(#whole)*)];
        mentions.extend(of_provider.iter().cloned());
        let of_whole = crate::generics::needed(generics, &mentions);
        let of_provider = crate::generics::needed(generics, &of_provider);
        let named = used.iter().filter(|argument| matches!(argument.pattern, Pat::Ident(_)));
        let named = named.map(|Argument { name, .. }| quote!(let _ = &#name;)).collect();
        Parts { key, whole, provider, of_key, of_whole, of_provider, named }
    }

    fn key_result(&self) -> TokenStream {
        let private = self.options.private();
        if self.key.is_result {
            quote!(::core::result::Result<::std::string::String, #private::CacheError>)
        } else {
            quote!(::std::string::String)
        }
    }

    fn with_attributes(&self, names: &[&str]) -> Vec<&Attribute> {
        let has = |attribute: &&Attribute| names.iter().any(|name| attribute.path().is_ident(name));
        self.item.attrs.iter().filter(has).collect()
    }

    fn companion_type(&self, name: &Ident, calls: &Calls) -> TokenStream {
        let ItemFn { vis, sig, block, .. } = self.item;
        let private = self.options.private();
        let cfg = self.with_attributes(&["cfg"]);
        let lints = self.with_attributes(&["allow", "warn", "deny", "forbid", "expect"]);
        let [uncached, mut refresh] = ["uncached", "refresh"].map(|name| {
            let mut sig = sig.clone();
            sig.ident = format_ident!("{name}");
            sig
        });
        refresh.inputs = self.inputs();
        let asyncness = &sig.asyncness;
        let Parts { key, whole, provider, of_key, of_whole, of_provider, named } = self.companion_parts();
        let ((key_generics, key_where), (generics, condition)) = (of_key, of_whole);
        let (provider_generics, provider_where) = of_provider;
        let statements = &block.stmts;
        let (made, key_result) = (&self.key.made, self.key_result());
        let Calls { invalidate, refresh: again, statics, peek, clear, len, .. } = calls;
        let function = &sig.ident;
        let about = format!("The companions of the cached function [`{function}`](fn@{function}).");
        let clear = clear.as_ref().map(|clear| {
            quote! {
                /// Removes all cached values of the function, and returns how many there were.
                ///
                /// # Errors
                /// The provider failed.
                #vis #asyncness fn clear #provider_generics(#(#provider),*)
                    -> ::core::result::Result<u64, #private::CacheError> #provider_where { #clear }
            }
        });
        let len = len.as_ref().map(|len| {
            quote! {
                /// Returns the number of cached values of the function.
                ///
                /// # Errors
                /// The name of the function is empty.
                #vis fn len #provider_generics(#(#provider),*)
                    -> ::core::result::Result<u64, #private::CacheError> #provider_where { #len }
            }
        });
        let returned = &self.outcome.returned;
        let peek = peek.as_ref().map(|peek| {
            quote! {
                /// Returns the cached value of a call, if there is one, without running the function. The lookup is not
                /// counted if the provider supports that.
                ///
                /// # Errors
                /// The provider failed, or the key is invalid.
                #vis #asyncness fn peek #generics(#(#whole),*)
                    -> ::core::result::Result<::core::option::Option<#returned>, #private::CacheError> #condition { #peek }
            }
        });
        quote! {
            #private::in_an_impl_write_cached_with_the_option_in_impl! {
                #(#cfg)*
                #[doc = #about]
                #[allow(non_camel_case_types, dead_code, clippy::empty_structs_with_brackets)]
                #vis #name


            #(#cfg)*
            #[allow(dead_code, clippy::missing_errors_doc, clippy::missing_panics_doc, clippy::must_use_candidate, clippy::used_underscore_binding)]
            impl #name {
                /// Runs the function without the cache.
                #(#lints)*
                #vis #uncached {
                    #(#named)*
                    #(#statements)*
                }
            }

            #(#cfg)*
            #[allow(dead_code, unused_variables, unused_braces, clippy::all, clippy::pedantic)]
            impl #name {
                /// Returns the key of a call.
                #vis fn key #key_generics(#(#key),*) -> #key_result #key_where { #made }

                /// Removes the cached value of a call. Returns whether there was one.
                ///
                /// # Errors
                /// The provider failed, or the key is invalid.
                #vis #asyncness fn invalidate #generics(#(#whole),*)
                    -> ::core::result::Result<bool, #private::CacheError> #condition { #invalidate }

                #peek
                #clear
                #len

                /// Runs the function even if its value is cached, and stores the new value.
                #vis #refresh { #again }

                /// Returns the statistics so far.
                #vis fn stats() -> #private::LoadStats { Self::isocache_monitor().stats() }

                /// Returns the monitor of the function, with its statistics and reports of problems.
                #vis fn monitor() -> &'static #private::Monitor { Self::isocache_monitor() }

                #statics
            }
            }
        }
    }

    /// The companions of a method: functions next to it.
    fn companion_methods(&self, calls: &Calls) -> TokenStream {
        let ItemFn { vis, sig, .. } = self.item;
        let private = self.options.private();
        let cfg = self.with_attributes(&["cfg"]);
        let function = &sig.ident;
        let [key_name, invalidate_name, stats_name] =
            ["key", "invalidate", "stats"].map(|name| format_ident!("{function}_{name}"));
        let asyncness = self.is_async.then(|| quote!(async));
        let receiver = sig.receiver().map(|_| quote!(&self,));
        let Parts { key, whole, of_key, of_whole, .. } = self.companion_parts();
        let ((key_generics, key_where), (generics, condition)) = (of_key, of_whole);
        let (made, key_result, invalidate, statics) =
            (&self.key.made, self.key_result(), &calls.invalidate, &calls.statics);
        let monitor = self.monitor_name();
        let [about_key, about_invalidate, about_stats] = [
            format!("The key of a call of [`{function}`](Self::{function})."),
            format!("Removes the value of a call of [`{function}`](Self::{function}); true if there was one."),
            format!("The counts of [`{function}`](Self::{function}) so far."),
        ];
        quote! {
            #(#cfg)*
            #[doc = #about_key]
            #[allow(dead_code, unused_variables, unused_braces, clippy::all, clippy::pedantic)]
            #vis fn #key_name #key_generics(#receiver #(#key),*) -> #key_result #key_where { #made }

            #(#cfg)*
            #[doc = #about_invalidate]
            #[doc = "\n# Errors\nThe provider failed, or the key is invalid."]
            #[allow(dead_code, unused_variables, unused_braces, clippy::all, clippy::pedantic)]
            #vis #asyncness fn #invalidate_name #generics(#receiver #(#whole),*)
                -> ::core::result::Result<bool, #private::CacheError> #condition { #invalidate }

            #(#cfg)*
            #[doc = #about_stats]
            #[allow(dead_code, clippy::all, clippy::pedantic)]
            #vis fn #stats_name() -> #private::LoadStats { Self::#monitor().stats() }

            #(#cfg)*
            #[allow(dead_code, clippy::all, clippy::pedantic)]
            #statics
        }
    }
}

/// The signatures of companions.
struct Parts {
    key: Vec<TokenStream>,
    /// For the key and the provider.
    whole: Vec<TokenStream>,
    provider: Vec<TokenStream>,
    of_key: (TokenStream, TokenStream),
    of_whole: (TokenStream, TokenStream),
    of_provider: (TokenStream, TokenStream),
    /// Statements that use the parameters of the key and the provider, to avoid warnings about unused variables.
    named: Vec<TokenStream>,
}
