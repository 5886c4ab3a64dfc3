//! The bodies of the generated functions: the call, and its companions.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::{GenericParam, Ident, Result};

use crate::arguments::{Argument, Taking, taking};
use crate::duration::duration;
use crate::expand::{Function, Place};
use crate::options::KeySource;

/// The default ttl, in seconds.
const DEFAULT_TTL: u64 = 300;

pub(crate) struct Calls {
    pub(crate) get: TokenStream,
    pub(crate) refresh: TokenStream,
    pub(crate) invalidate: TokenStream,
    pub(crate) peek: Option<TokenStream>,
    pub(crate) clear: Option<TokenStream>,
    pub(crate) len: Option<TokenStream>,
    /// Hidden associated functions.
    pub(crate) statics: TokenStream,
}

impl Calls {
    pub(crate) fn of(function: &Function<'_>) -> Result<Self> {
        let options = function.load_options(false)?;
        let in_background = function.is_async && function.options.in_background();
        let body = if in_background { function.body_in_background()? } else { function.body() };
        let get = function.call(in_background, &options, &body);
        let none = TokenStream::new;
        if matches!(function.companions, Place::Nowhere) {
            let (refresh, invalidate, statics) = (none(), none(), none());
            return Ok(Self { get, refresh, invalidate, peek: None, clear: None, len: None, statics });
        }
        let refresh = match function.companions {
            Place::Type(_) => function.call(false, &function.load_options(true)?, &function.body()),
            Place::Beside | Place::Nowhere => none(),
        };
        let key = &function.key.made;
        let invalidate = function.on_provider(&format_ident!("invalidate"), key);
        let peek = function.options.tags.is_none().then(|| function.on_provider(&format_ident!("peek"), key));
        let glob = function.key.glob.as_ref().filter(|_| function.options.tags.is_none());
        let clear = glob.map(|glob| function.on_provider(&format_ident!("clear"), glob));
        let len = glob.filter(|_| !function.is_async).map(|glob| function.on_provider(&format_ident!("len"), glob));
        let statics = function.statics();
        Ok(Self { get, refresh, invalidate, peek, clear, len, statics })
    }
}

/// A name that is not visible to the user's code.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

impl Function<'_> {
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
            ("stale_while_revalidate", self.options.stale_while_revalidate.as_ref().map(|(_, value)| value)),
            ("stale_if_error", self.options.stale_if_error.as_ref()),
            ("early_refresh", self.options.early_refresh.as_ref().map(|(_, value)| value)),
            ("lease", self.options.lease.as_ref()),
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
        if self.options.detached.is_some() && !force_fresh {
            made.extend(quote!(.detached()));
        }
        if self.options.propagate.is_some() {
            made.extend(quote!(.on_error(#private::OnError::Propagate)));
        }
        let monitor = match self.companions {
            Place::Type(name) => quote!(#name::isocache_monitor()),
            Place::Beside => {
                let monitor = self.monitor_name();
                quote!(Self::#monitor())
            }
            Place::Nowhere => self.monitor(),
        };
        made.extend(quote!(.static_monitor(#monitor)));
        if force_fresh {
            made.extend(quote!(.force_fresh()));
        }
        if !self.options.are_literals() {
            return Ok(quote!(&#private::Options::new(#made)));
        }
        Ok(quote!({
            static OPTIONS: #private::OnceLock<#private::Options> = #private::OnceLock::new();
            OPTIONS.get_or_init(|| #private::Options::new(#made))
        }))
    }

    /// The name of the hidden function that returns the monitor.
    pub(crate) fn monitor_name(&self) -> Ident {
        match self.companions {
            Place::Beside => format_ident!("isocache_monitor_of_{}", self.item.sig.ident),
            Place::Type(_) | Place::Nowhere => format_ident!("isocache_monitor"),
        }
    }

    fn monitor(&self) -> TokenStream {
        let (private, name) = (self.options.private(), self.name);
        let pattern = if let Some(KeySource::Template(template)) = &self.options.key {
            quote!(::core::option::Option::Some(#template))
        } else {
            quote!(::core::option::Option::None)
        };
        quote!({
            static MONITOR: #private::LazyLock<#private::Arc<#private::Monitor>> =
                #private::LazyLock::new(|| #private::monitor(#name, #pattern));
            &**MONITOR
        })
    }

    /// The slot for the memory cache of a synchronous function without a provider.
    fn slot(&self) -> TokenStream {
        let private = self.options.private();
        quote!({
            static MEMORY: #private::Memories = #private::Memories::new();
            &MEMORY
        })
    }

    /// Whether the return type may depend on generics: those of the function, or of the `impl` that it may be in.
    fn has_generic_value(&self) -> bool {
        if !matches!(self.companions, Place::Type(_)) {
            return true;
        }
        let generics = &self.item.sig.generics;
        let (params, _) = crate::generics::needed(generics, &[self.outcome.returned.to_token_stream()]);
        !params.to_string().replace([' ', '<', '>'], "").is_empty()
    }

    fn has_memory(&self) -> bool {
        !self.is_async && self.options.provider.is_none()
    }

    /// The statement that defines `shape`.
    fn shape(&self) -> TokenStream {
        let (shape, expression) = (local("shape"), self.outcome.shape(&self.options.private()));
        quote!(let #shape = #expression;)
    }

    /// Statements that define a name as a reference to the provider. They use `shape`.
    fn provider(&self, name: &Ident) -> TokenStream {
        let (private, shape) = (self.options.private(), local("shape"));
        let Some(provider) = &self.options.provider else {
            if self.is_async {
                let (span, function) = (syn::spanned::Spanned::span(&self.outcome.returned), self.name);
                let default = if self.has_generic_value() {
                    quote_spanned!(span=> &#private::default_provider_of_generic(&#shape, #function))
                } else {
                    quote_spanned!(span=> &#private::default_provider(&#shape, #function))
                };
                return quote!(let #name = #default;);
            }
            let slot = match self.companions {
                Place::Type(companions) => quote!(#companions::isocache_memory()),
                Place::Beside => {
                    let slot = format_ident!("isocache_memory_of_{}", self.item.sig.ident);
                    quote!(Self::#slot())
                }
                Place::Nowhere => self.slot(),
            };
            return quote!(let #name = #private::memory(#slot, &#shape););
        };
        let span = syn::spanned::Spanned::span(provider);
        let found = if self.options.tags.is_some() {
            quote!(#name)
        } else if self.is_async {
            quote_spanned!(span=> {
                use #private::AsProvider as _;
                #private::provider_for(&#shape, #name.as_a_provider_for_an_async_function())
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

    /// The argument `policy` of a call: how cache errors are handled. It uses `shape`.
    fn policy(&self) -> TokenStream {
        let (private, shape) = (self.options.private(), local("shape"));
        let needed = self.options.propagate.or(self.options.timeout.as_ref().map(|(span, _)| *span));
        let convert = if let Some(span) = needed {
            quote_spanned!(span=> #private::converter(&#private::error_of(&#shape)))
        } else {
            quote!({
                #[allow(unused_imports)]
                use #private::{ProbeFrom as _, ProbeNoFrom as _};
                (&#private::error_of(&#shape)).isocache_converter()
            })
        };
        let propagate = self.options.propagate.is_some();
        quote!(#private::Policy { convert: #convert, propagate: #propagate })
    }

    fn call(&self, in_background: bool, load_options: &TokenStream, body: &TokenStream) -> TokenStream {
        let private = self.options.private();
        let [provider, key, options, sharing, shape, policy] =
            ["provider", "key", "options", "sharing", "shape", "policy"].map(local);
        let (shaped, found, made, policed) = (self.shape(), self.provider(&provider), &self.key.made, self.policy());
        // A clone ends the borrow of an argument that is moved into the body.
        let (call, handle) = match (self.is_async, in_background, self.tags.is_empty()) {
            (true, _, false) => {
                let tags = self.tags;
                let view = quote!(#private::tagged(#provider, &[#(#tags.as_str()),*]).await);
                (quote!(#private::call_tagged), view)
            }
            (true, false, true) => (quote!(#private::call), quote!(#provider)),
            (true, true, true) => {
                (quote!(#private::call_in_background), quote!(::core::clone::Clone::clone(#provider)))
            }
            (false, ..) => (quote!(#private::call_sync), quote!(#provider)),
        };
        let (reference, wait) = if self.is_async { (None, Some(quote!(.await))) } else { (Some(quote!(&)), None) };
        quote! {
            let #key = #made;
            let #options = #load_options;
            #shaped
            #found
            let #policy = #policed;
            let #sharing = {
                #[allow(unused_imports)]
                use #private::{ProbeClone as _, ProbeNoClone as _};
                (&#private::error_of(&#shape)).isocache_sharing()
            };
            #call(#handle, #key, #options, #reference #policy, #sharing, #shape, #body) #wait
        }
    }

    /// The function without its cache, with its named arguments: a future or a closure.
    fn body(&self) -> TokenStream {
        let arguments = self.arguments.iter().map(|Argument { name, .. }| name);
        let rebound = self.arguments.iter().filter_map(Argument::rebound).collect();
        match (matches!(self.companions, Place::Type(_)), self.is_async) {
            (true, true) => self.uncached(arguments),
            (true, false) => {
                let call = self.uncached(arguments);
                quote!(move || #call)
            }
            (false, true) => self.inline(&rebound),
            (false, false) => {
                let (returned, block) = (&self.outcome.returned, self.block);
                quote!(move || -> #returned { #rebound #[allow(unused_braces)] #block })
            }
        }
    }

    fn uncached<'a>(&self, arguments: impl Iterator<Item = &'a Ident>) -> TokenStream {
        let name = match self.companions {
            Place::Type(name) => name,
            Place::Beside | Place::Nowhere => &self.item.sig.ident,
        };
        let generics = self.item.sig.generics.params.iter().filter_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            GenericParam::Const(param) => Some(&param.ident),
            GenericParam::Lifetime(_) => None,
        });
        quote!(#name::uncached::<#(#generics),*>(#(#arguments),*))
    }

    /// The block of the function as a future. The unreachable result tells the compiler the type, for `?`.
    fn inline(&self, rebound: &TokenStream) -> TokenStream {
        let (returned, block) = (&self.outcome.returned, self.block);
        quote!(async move {
            #[allow(unreachable_code, clippy::all, clippy::pedantic)]
            if let ::core::option::Option::Some(never) = ::core::option::Option::None::<#returned> {
                return never;
            }
            #rebound
            #[allow(clippy::let_and_return, unused_braces)]
            let returned: #returned = #block;
            #[allow(unreachable_code)]
            returned
        })
    }

    /// Makes `body` own its data.
    fn body_in_background(&self) -> Result<TokenStream> {
        let private = self.options.private();
        let (mut before, mut within) = (TokenStream::new(), TokenStream::new());
        for argument in self.arguments {
            let Taking::Cloned(ty) = taking(argument)? else { continue };
            let (name, span) = (&argument.name, syn::spanned::Spanned::span(&argument.ty));
            let taken = quote_spanned!(span=> #private::Taken::taken(#name));
            before.extend(quote!(let #name = #taken;));
            within.extend(quote!(let #name: #ty = ::core::borrow::Borrow::borrow(&#name);));
        }
        let body = if matches!(self.companions, Place::Type(_)) {
            let call = self.uncached(self.arguments.iter().map(|Argument { name, .. }| name));
            quote!(async move { #within #call.await })
        } else {
            within.extend(self.arguments.iter().filter_map(Argument::rebound));
            self.inline(&within)
        };
        Ok(quote!({ #before #body }))
    }

    /// An operation of the provider on a key or a glob.
    fn on_provider(&self, operation: &Ident, key: &TokenStream) -> TokenStream {
        let private = self.options.private();
        let [provider, made, shape] = ["provider", "key", "shape"].map(local);
        let (shaped, found) = (self.shape(), self.provider(&provider));
        if !self.tags.is_empty() {
            // A view without tags removes entries with any tags.
            return quote!({
                let #made = #key;
                #shaped
                #found
                #private::#operation(&#private::tagged(#provider, &[]).await?, &#shape, #made).await
            });
        }
        let done = if self.is_async {
            quote!(#private::#operation(#provider, &#shape, #made).await)
        } else {
            let operation = format_ident!("{operation}_sync");
            quote!(#private::#operation(#provider, &#shape, #made))
        };
        quote!(let #made = #key; #shaped #found #done)
    }

    fn statics(&self) -> TokenStream {
        let (private, monitor, monitor_name) = (self.options.private(), self.monitor(), self.monitor_name());
        let memory = if self.has_memory() {
            let (slot, name) = (
                self.slot(),
                match self.companions {
                    Place::Beside => format_ident!("isocache_memory_of_{}", self.item.sig.ident),
                    Place::Type(_) | Place::Nowhere => format_ident!("isocache_memory"),
                },
            );
            Some(quote! {
                #[doc(hidden)]
                fn #name() -> &'static #private::Memories { #slot }
            })
        } else {
            None
        };
        quote! {
            #[doc(hidden)]
            fn #monitor_name() -> &'static #private::Monitor { #monitor }
            #memory
        }
    }
}
