//! The companions of a function: `get_user::key(7)`, or `get_user_key(7)` beside a method.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::{ToTokens as _, format_ident, quote};
use syn::{Attribute, Ident, ItemFn, Pat};

use crate::arguments::Argument;
use crate::expand::Function;
use crate::expand_call::Calls;
use crate::generics::needed;
use crate::options::KeySource;
use crate::words::collect;

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

impl Function<'_> {
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
        let of_key = needed(generics, &mentions);
        let (returned, expression) = (&self.outcome.returned, &self.options.provider);
        let of_provider = [quote!(#returned #expression #(#whole)*)];
        mentions.extend(of_provider.iter().cloned());
        let of_whole = needed(generics, &mentions);
        let of_provider = needed(generics, &of_provider);
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

    pub(crate) fn companion_type(&self, name: &Ident, calls: &Calls) -> TokenStream {
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
    pub(crate) fn companion_methods(&self, calls: &Calls) -> TokenStream {
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
