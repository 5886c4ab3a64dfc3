//! From the attribute and its function to what the compiler sees.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{AttrStyle, Attribute, Error, Expr, ExprPath, FnArg, Ident, ItemFn, Pat, Result, Signature, Token, parse2};

use crate::arguments::{Argument, arguments, taking_self};
use crate::expand_call::Calls;
use crate::key::{Key, key};
use crate::options::{KeySource, Options};
use crate::outcome::Outcome;

/// All that is known about the function.
pub(crate) struct Function<'a> {
    pub(crate) options: &'a Options,
    pub(crate) item: &'a ItemFn,
    pub(crate) arguments: &'a [Argument],
    pub(crate) key: &'a Key<'a>,
    pub(crate) outcome: &'a Outcome,
    /// An expression: the name of the function among all.
    pub(crate) name: &'a TokenStream,
    /// Whether there is a type of the function's name, with all that goes with it.
    pub(crate) has_companions: bool,
}

pub(crate) fn expand(options: TokenStream, function: TokenStream) -> Result<TokenStream> {
    let options: Options = parse2(options)?;
    let mut item: ItemFn =
        parse2(function).map_err(|error| Error::new(error.span(), "#[cached] is for functions with a body"))?;
    // Those from within the block stand before the function as well as there.
    item.attrs.iter_mut().for_each(|attribute| attribute.style = AttrStyle::Outer);
    check(&options, &item.sig)?;
    let outcome = Outcome::of(&item.sig, options.cache_none)?;
    check_errors(&options, &outcome)?;
    let has_companions = item.sig.receiver().is_none() && options.in_impl.is_none();
    let name = name(&options, &item.sig.ident, has_companions);
    let arguments = arguments(&item.sig);
    let key = key(&options, &item.sig, &arguments, &name)?;
    let function = Function {
        options: &options,
        item: &item,
        arguments: &arguments,
        key: &key,
        outcome: &outcome,
        name: &name,
        has_companions,
    };
    let calls = Calls::of(&function)?;
    Ok(function.tokens(&calls))
}

/// The name under which the function's calls are counted, and hashed where there is no key.
fn name(options: &Options, ident: &Ident, has_companions: bool) -> TokenStream {
    if let Some(name) = &options.name {
        return quote!(#name);
    }
    if has_companions {
        // As `module_path!()`, and with the function that this one is in: two may each have one of the same name.
        return quote!(::core::any::type_name::<#ident>());
    }
    let name = syn::ext::IdentExt::unraw(ident).to_string();
    quote!(::core::concat!(::core::module_path!(), "::", #name))
}

/// What no option can make right.
fn check(options: &Options, signature: &Signature) -> Result<()> {
    let refuse = |span, reason| Err(Error::new(span, reason));
    if let Some(token) = &signature.constness {
        return refuse(token.span, "a const function cannot be cached: it has no state");
    }
    if let Some(token) = &signature.unsafety {
        return refuse(token.span, "an unsafe function cannot be cached");
    }
    if let Some(abi) = &signature.abi {
        return refuse(abi.extern_token.span, "a function for another language cannot be cached");
    }
    if signature.asyncness.is_some() && (options.stale.is_some() || options.early.is_some()) {
        taking_self(signature)?;
    }
    Ok(())
}

/// Options that need an error to end with.
fn check_errors(options: &Options, outcome: &Outcome) -> Result<()> {
    if outcome.is_result {
        return Ok(());
    }
    if let Some(span) = options.propagate {
        return Err(Error::new(span, "on_error = propagate is for functions that return a Result"));
    }
    match options.timeout {
        Some((span, _)) => Err(Error::new(span, "timeout is for functions that return a Result: its end is an error")),
        None => Ok(()),
    }
}

impl Function<'_> {
    fn tokens(&self, calls: &Calls) -> TokenStream {
        let ItemFn { attrs, vis, sig, .. } = self.item;
        let mut outer = sig.clone();
        outer.inputs = self.inputs();
        let get = &calls.get;
        let keeps = |attribute: &&Attribute| !(self.has_companions && attribute.path().is_ident("expect"));
        let kept = attrs.iter().filter(keeps);
        let wrapper = quote! {
            #(#kept)*
            #[allow(clippy::used_underscore_binding, clippy::no_effect_underscore_binding)]
            #vis #outer { #get }
        };
        let companions = self.has_companions.then(|| self.companions(calls));
        quote!(#wrapper #companions)
    }

    /// The parameters as the expansion calls them.
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

    fn companions(&self, calls: &Calls) -> TokenStream {
        let ItemFn { attrs, vis, sig, block } = self.item;
        let name = &sig.ident;
        let private = self.options.private();
        let with = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| Ident::new(name, Span::call_site())).collect();
            let has = move |attribute: &&Attribute| names.iter().any(|name| attribute.path().is_ident(name));
            attrs.iter().filter(has).collect::<Vec<_>>()
        };
        let cfg = with(&["cfg"]);
        let lints = with(&["allow", "warn", "deny", "forbid", "expect"]);
        let [uncached, refresh] = ["uncached", "refresh"].map(|name| {
            let mut sig = sig.clone();
            sig.ident = format_ident!("{name}");
            sig
        });
        let mut refresh = refresh;
        refresh.inputs = self.inputs();
        let asyncness = &sig.asyncness;
        let parameters = self.key.arguments.iter().map(|argument| argument.declared()).collect::<Vec<_>>();
        let in_provider = self.options.provider.as_ref().map(words).unwrap_or_default();
        let is_used = |argument: &&Argument| {
            in_provider.contains(&argument.name) || self.key.arguments.iter().any(|keyed| keyed.name == argument.name)
        };
        let used: Vec<_> = self.arguments.iter().filter(is_used).collect();
        let to_invalidate: Vec<_> = used.iter().map(|argument| argument.declared()).collect();
        // What is used for the key only is no unused variable.
        let named = used.iter().filter(|argument| matches!(argument.pattern, Pat::Ident(_)));
        let named: Vec<_> = named.map(|Argument { name, .. }| quote!(let _ = &#name;)).collect();
        let statements = &block.stmts;
        let key_result = if self.key.is_result {
            quote!(::core::result::Result<::std::string::String, #private::CacheError>)
        } else {
            quote!(::std::string::String)
        };
        let mut mentions: Vec<TokenStream> = parameters.clone();
        if let Some(KeySource::Closure(closure)) = &self.options.key {
            mentions.push(quote!(#closure));
        }
        let (key_generics, key_where) = crate::generics::needed(&sig.generics, &mentions);
        if let Some(provider) = &self.options.provider {
            let returned = &self.outcome.returned;
            mentions.push(quote!(#returned #provider #(#to_invalidate)*));
        }
        let (generics, condition) = crate::generics::needed(&sig.generics, &mentions);
        let (made, invalidate, again, statics) = (&self.key.made, &calls.invalidate, &calls.refresh, &calls.statics);
        let about = format!("What goes with the cached function [`{name}`](fn@{name}).");
        quote! {
            #(#cfg)*
            #[doc = #about]
            #[allow(non_camel_case_types, dead_code, clippy::empty_structs_with_brackets)]
            #vis struct #name {}

            #(#cfg)*
            #[allow(dead_code, clippy::missing_errors_doc, clippy::missing_panics_doc, clippy::must_use_candidate)]
            impl #name {
                /// The function without its cache.
                #(#lints)*
                #vis #uncached {
                    #(#named)*
                    #(#statements)*
                }
            }

            #(#cfg)*
            #[allow(dead_code, unused_variables, clippy::all, clippy::pedantic)]
            impl #name {
                /// The key of a call.
                #vis fn key #key_generics(#(#parameters),*) -> #key_result #key_where { #made }

                /// Removes what is kept of a call; true if there was something.
                ///
                /// # Errors
                /// The provider failed, or the key cannot be one.
                #vis #asyncness fn invalidate #generics(#(#to_invalidate),*)
                    -> ::core::result::Result<bool, #private::CacheError> #condition { #invalidate }

                /// The function, run in any case; what it brings is kept.
                #vis #refresh { #again }

                /// What was counted so far.
                #vis fn stats() -> #private::LoadStats { Self::isocache_monitor().stats() }

                #statics
            }
        }
    }
}

/// The names that stand alone in an expression: what may be a parameter there.
fn words(expression: &Expr) -> Vec<Ident> {
    struct Words(Vec<Ident>);

    impl<'a> Visit<'a> for Words {
        fn visit_expr_path(&mut self, path: &'a ExprPath) {
            self.0.extend(path.path.get_ident().cloned());
            visit::visit_expr_path(self, path);
        }
    }

    let mut words = Words(Vec::new());
    words.visit_expr(expression);
    words.0
}
