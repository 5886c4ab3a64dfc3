//! The bodies of what is generated: the call itself, and those of its companions.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{Error, GenericParam, Ident, Result};

use crate::arguments::{Argument, Taking, taking};
use crate::duration::duration;
use crate::expand::Function;

/// The ttl where none is given, in seconds.
const DEFAULT_TTL: u64 = 300;

pub(crate) struct Calls {
    pub(crate) get: TokenStream,
    pub(crate) refresh: TokenStream,
    pub(crate) invalidate: TokenStream,
    /// Hidden associated functions.
    pub(crate) statics: TokenStream,
}

impl Calls {
    pub(crate) fn of(function: &Function<'_>) -> Result<Self> {
        let options = function.load_options(false)?;
        let behind = function.is_async() && (function.options.stale.is_some() || function.options.early.is_some());
        let body = if behind { function.body_behind()? } else { function.body() };
        let get = function.call(behind, &options, &body);
        if !function.has_companions {
            let none = TokenStream::new;
            return Ok(Self { get, refresh: none(), invalidate: none(), statics: none() });
        }
        let refresh = function.call(false, &function.load_options(true)?, &function.body());
        Ok(Self { get, refresh, invalidate: function.invalidate(), statics: function.statics()? })
    }
}

/// A name that no code of the user's sees.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

impl Function<'_> {
    fn is_async(&self) -> bool {
        self.item.sig.asyncness.is_some()
    }

    /// The type of the value, or of the error, that the function returns.
    fn associated(&self, name: &str) -> TokenStream {
        let private = self.options.private();
        let (returned, shape) = (&self.outcome.returned, self.outcome.shape(&private));
        let name = Ident::new(name, Span::call_site());
        quote!(<#shape as #private::Shape<#returned>>::#name)
    }

    /// The expression of a reference to the options.
    fn load_options(&self, force_fresh: bool) -> Result<TokenStream> {
        let private = self.options.private();
        let time = |value| duration(value, &private);
        let ttl = if let Some(ttl) = &self.options.ttl {
            time(ttl)?
        } else {
            quote!(::core::time::Duration::from_secs(#DEFAULT_TTL))
        };
        let mut made = quote!(#private::LoadOptions::new().ttl(#ttl));
        let windows = [
            ("stale_while_revalidate", self.options.stale.as_ref().map(|(_, value)| value)),
            ("stale_if_error", self.options.stale_if_error.as_ref()),
            ("early_refresh", self.options.early.as_ref().map(|(_, value)| value)),
            ("timeout", self.options.timeout.as_ref().map(|(_, value)| value)),
        ];
        for (method, value) in windows {
            if let Some(value) = value {
                let (method, value) = (Ident::new(method, Span::call_site()), time(value)?);
                made.extend(quote!(.#method(#value)));
            }
        }
        if let Some(jitter) = &self.options.jitter {
            made.extend(quote!(.jitter(#jitter)));
        }
        if self.options.propagate.is_some() {
            made.extend(quote!(.on_error(#private::OnError::Propagate)));
        }
        let monitor = if self.has_companions {
            let name = &self.item.sig.ident;
            quote!(#name::isocache_monitor())
        } else {
            self.monitor()
        };
        made.extend(quote!(.static_monitor(#monitor)));
        if force_fresh {
            made.extend(quote!(.force_fresh()));
        }
        if !self.options.are_literals() {
            return Ok(quote!(&#private::Options::new(#made)));
        }
        Ok(quote!({
            static OPTIONS: #private::LazyLock<#private::Options> =
                #private::LazyLock::new(|| #private::Options::new(#made));
            &*OPTIONS
        }))
    }

    fn monitor(&self) -> TokenStream {
        let (private, name) = (self.options.private(), self.name);
        quote!({
            static MONITOR: #private::LazyLock<#private::Arc<#private::Monitor>> =
                #private::LazyLock::new(|| #private::monitor(#name));
            &*MONITOR
        })
    }

    /// The memory of a function that is not asynchronous and has no provider.
    fn memory(&self) -> TokenStream {
        let (private, value) = (self.options.private(), self.associated("Value"));
        quote!({
            static MEMORY: #private::LazyLock<#private::MemoryCache<#value>> =
                #private::LazyLock::new(::core::default::Default::default);
            &*MEMORY
        })
    }

    fn has_memory(&self) -> bool {
        !self.is_async() && self.options.provider.is_none()
    }

    /// Statements that let a name be a reference to the provider.
    fn provider(&self, name: &Ident) -> TokenStream {
        let (private, value) = (self.options.private(), self.associated("Value"));
        let Some(provider) = &self.options.provider else {
            let function = &self.item.sig.ident;
            return match (self.is_async(), self.has_companions) {
                (true, _) => {
                    let default = quote_spanned!(syn::spanned::Spanned::span(&self.outcome.returned)=>
                        &#private::default_provider::<#value>());
                    quote!(let #name = #default;)
                }
                (false, true) => quote!(let #name = #function::isocache_memory();),
                (false, false) => {
                    let memory = self.memory();
                    quote!(let #name = #memory;)
                }
            };
        };
        let span = syn::spanned::Spanned::span(provider);
        let found = if self.is_async() {
            quote_spanned!(span=> {
                use #private::AsProvider as _;
                #name.as_provider_of_this_value(::core::marker::PhantomData::<fn() -> #value>)
            })
        } else {
            quote_spanned!(span=> {
                use #private::AsMemory as _;
                #name.as_memory_for_a_function_that_is_not_async()
            })
        };
        quote! {
            let #name = &#provider;
            let #name = #found;
        }
    }

    /// What is done with errors: the argument `policy` of `call`.
    fn policy(&self) -> TokenStream {
        let (private, error) = (self.options.private(), self.associated("Error"));
        let needed = self.options.propagate.or(self.options.timeout.as_ref().map(|(span, _)| *span));
        let convert = if let Some(span) = needed {
            quote_spanned!(span=> #private::converter::<#error>())
        } else {
            quote!({
                use #private::{ProbeFrom as _, ProbeNoFrom as _};
                (&#private::Probe::<#error>::new()).isocache_converter()
            })
        };
        let propagate = self.options.propagate.is_some();
        quote!(#private::Policy { convert: #convert, propagate: #propagate })
    }

    fn call(&self, behind: bool, load_options: &TokenStream, body: &TokenStream) -> TokenStream {
        let (private, error) = (self.options.private(), self.associated("Error"));
        let (returned, shape) = (&self.outcome.returned, self.outcome.shape(&private));
        let [provider, key, options, sharing] = ["provider", "key", "options", "sharing"].map(local);
        let (found, made, policy) = (self.provider(&provider), &self.key.made, self.policy());
        let call = match (self.is_async(), behind) {
            (true, false) => quote!(#private::call::<#shape, #returned, _, _, _>),
            (true, true) => quote!(#private::call_behind::<#shape, #returned, _, _, _>),
            (false, _) => quote!(#private::call_sync::<#shape, #returned, _>),
        };
        // A clone ends the borrow of an argument that the body takes along.
        let handle = if behind { quote!(::core::clone::Clone::clone(#provider)) } else { quote!(#provider) };
        let (reference, wait) = if self.is_async() { (None, Some(quote!(.await))) } else { (Some(quote!(&)), None) };
        quote! {
            let #key = #made;
            let #options = #load_options;
            #found
            let #sharing = {
                use #private::{ProbeClone as _, ProbeNoClone as _};
                (&#private::Probe::<#error>::new()).isocache_sharing()
            };
            #call(#handle, #key, #options, #reference #policy, #sharing, #body) #wait
        }
    }

    /// The function without its cache, with the arguments as they are named: a future or a closure.
    fn body(&self) -> TokenStream {
        let arguments = self.arguments.iter().map(|Argument { name, .. }| name);
        let rebound = self.arguments.iter().filter_map(Argument::rebound).collect();
        match (self.has_companions, self.is_async()) {
            (true, true) => self.uncached(arguments),
            (true, false) => {
                let call = self.uncached(arguments);
                quote!(move || #call)
            }
            (false, true) => self.inline(&rebound),
            (false, false) => {
                let (returned, block) = (&self.outcome.returned, &self.item.block);
                quote!(move || -> #returned { #rebound #block })
            }
        }
    }

    fn uncached<'a>(&self, arguments: impl Iterator<Item = &'a Ident>) -> TokenStream {
        let name = &self.item.sig.ident;
        let generics = self.item.sig.generics.params.iter().filter_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            GenericParam::Const(param) => Some(&param.ident),
            GenericParam::Lifetime(_) => None,
        });
        quote!(#name::uncached::<#(#generics),*>(#(#arguments),*))
    }

    /// The block of the function as a future. The answer that is never given tells the compiler the type, for `?`.
    fn inline(&self, rebound: &TokenStream) -> TokenStream {
        let (returned, block) = (&self.outcome.returned, &self.item.block);
        quote!(async move {
            #[allow(unreachable_code, clippy::all, clippy::pedantic)]
            if let ::core::option::Option::Some(never) = ::core::option::Option::None::<#returned> {
                return never;
            }
            #rebound
            #[allow(clippy::let_and_return)]
            let returned: #returned = #block;
            #[allow(unreachable_code)]
            returned
        })
    }

    /// As `body`, owning what it needs.
    fn body_behind(&self) -> Result<TokenStream> {
        let private = self.options.private();
        let (mut before, mut within) = (TokenStream::new(), TokenStream::new());
        for argument in self.arguments {
            let Taking::Cloned(ty) = taking(argument)? else { continue };
            let (name, span) = (&argument.name, syn::spanned::Spanned::span(&argument.ty));
            let taken = quote_spanned!(span=> #private::Taken::taken(#name));
            before.extend(quote!(let #name = #taken;));
            within.extend(quote!(let #name: #ty = ::core::borrow::Borrow::borrow(&#name);));
        }
        let body = if self.has_companions {
            let call = self.uncached(self.arguments.iter().map(|Argument { name, .. }| name));
            quote!(async move { #within #call.await })
        } else {
            within.extend(self.arguments.iter().filter_map(Argument::rebound));
            self.inline(&within)
        };
        Ok(quote!({ #before #body }))
    }

    fn invalidate(&self) -> TokenStream {
        let (private, value) = (self.options.private(), self.associated("Value"));
        let made = &self.key.made;
        let [provider, key] = ["provider", "key"].map(local);
        if self.is_async() && self.options.provider.is_none() {
            return quote!(#private::invalidate_default(#made).await);
        }
        let found = self.provider(&provider);
        let removed = if self.is_async() {
            quote!(#private::invalidate::<#value>(#provider, #key).await)
        } else {
            quote!(#private::invalidate_sync(#provider, #key))
        };
        quote!(let #key = #made; #found #removed)
    }

    fn statics(&self) -> Result<TokenStream> {
        let (private, value, monitor) = (self.options.private(), self.associated("Value"), self.monitor());
        let memory = if self.has_memory() {
            self.check_memory()?;
            let memory = self.memory();
            Some(quote! {
                fn isocache_memory() -> &'static #private::MemoryCache<#value> { #memory }
            })
        } else {
            None
        };
        Ok(quote! {
            fn isocache_monitor() -> &'static #private::Arc<#private::Monitor> { #monitor }
            #memory
        })
    }

    /// # Errors
    /// A memory for each function cannot hold values of many types.
    fn check_memory(&self) -> Result<()> {
        let generics = &self.item.sig.generics;
        let returned = [self.outcome.returned.to_token_stream()];
        let (params, _) = crate::generics::needed(generics, &returned);
        if params.to_string().replace([' ', '<', '>'], "").is_empty() {
            return Ok(());
        }
        let reason = "a function that is not asynchronous, and returns what is generic, needs `provider`";
        Err(Error::new(syn::spanned::Spanned::span(&self.outcome.returned), reason))
    }
}
