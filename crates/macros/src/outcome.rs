//! What a function returns, as its cache sees it.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Error, GenericArgument, Lifetime, PathArguments, Result, ReturnType, Type, TypeImplTrait, TypeReference};

/// What is returned, and which of it is kept.
pub(crate) struct Outcome {
    pub(crate) returned: Type,
    /// The name of the marker in isocache's `__private`.
    pub(crate) shape: &'static str,
    pub(crate) is_result: bool,
}

impl Outcome {
    /// What a function with this return type brings. `cache_none` is where it is asked to keep `None`.
    pub(crate) fn of(signature: &syn::Signature, cache_none: Option<Span>) -> Result<Self> {
        let ReturnType::Type(_, returned) = &signature.output else {
            return Err(Error::new(
                signature.ident.span(),
                "this function returns nothing, so there is nothing to cache",
            ));
        };
        let returned = Type::clone(returned);
        let mut owned = Owned(None);
        owned.visit_type(&returned);
        if let Some((span, reason)) = owned.0 {
            return Err(Error::new(span, reason));
        }
        let inner = argument(&returned, "Result");
        let is_result = inner.is_some();
        let optional = match inner {
            Some(inner) => inner.is_some_and(|value| argument(value, "Option").is_some()),
            None => argument(&returned, "Option").is_some(),
        };
        if let (Some(span), false) = (cache_none, optional) {
            return Err(Error::new(span, "cache_none is for functions that return an Option, or a Result of one"));
        }
        let shape = match (is_result, optional && cache_none.is_none()) {
            (false, false) => "Plain",
            (false, true) => "Optional",
            (true, false) => "Fallible",
            (true, true) => "FallibleOptional",
        };
        Ok(Self { returned, shape, is_result })
    }

    pub(crate) fn shape(&self, private: &TokenStream) -> TokenStream {
        let shape = syn::Ident::new(self.shape, Span::call_site());
        quote!(#private::#shape)
    }
}

/// The first argument of the type `name<…>`, whatever path leads there; within is `None` where it is `name` alone.
#[allow(clippy::option_option)]
fn argument<'a>(of: &'a Type, name: &str) -> Option<Option<&'a Type>> {
    let Type::Path(path) = of else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return Some(None) };
    Some(arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(argument) => Some(argument),
        _ => None,
    }))
}

/// Finds what cannot be kept.
struct Owned(Option<(Span, &'static str)>);

const BORROWED: &str = "what is cached outlives the call: return a value that borrows nothing";

impl<'a> Visit<'a> for Owned {
    fn visit_type_reference(&mut self, reference: &'a TypeReference) {
        if reference.lifetime.is_none() {
            self.0 = Some((reference.span(), BORROWED));
        }
        visit::visit_type_reference(self, reference);
    }

    fn visit_lifetime(&mut self, lifetime: &'a Lifetime) {
        if lifetime.ident != "static" {
            self.0 = Some((lifetime.span(), BORROWED));
        }
    }

    fn visit_type_impl_trait(&mut self, returned: &'a TypeImplTrait) {
        self.0 = Some((returned.span(), "what is cached has a type with a name: `impl Trait` has none"));
    }
}
