//! The attribute `#[cached]` of the crate [isocache](https://docs.rs/isocache), which re-exports it: use it from there.

#![forbid(unsafe_code)]

mod arguments;
mod companions;
mod duration;
mod expand;
mod expand_call;
mod generics;
mod key;
mod options;
mod outcome;
mod variants;
mod words;

use proc_macro::TokenStream;

#[doc = include_str!("cached.md")]
#[proc_macro_attribute]
pub fn cached(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(&options.into(), function.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
