//! The return type of a function. Its shape is resolved by the compiler, from the type.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Error, Lifetime, Result, Type, TypeImplTrait, TypeReference};

/// The return type, and whether `None` is stored.
pub(crate) struct Outcome {
    pub(crate) returned: Type,
    /// The position of `cache_none`.
    cache_none: Option<Span>,
}

impl Outcome {
    /// # Errors
    /// Rejects a type from which nothing can be stored.
    pub(crate) fn of(returned: &Type, cache_none: Option<Span>) -> Result<Self> {
        let mut owned = Owned(None);
        owned.visit_type(returned);
        if let Some((span, reason)) = owned.0 {
            return Err(Error::new(span, reason));
        }
        Ok(Self { returned: returned.clone(), cache_none })
    }

    /// The expression of its shape.
    pub(crate) fn shape(&self, private: &TokenStream) -> TokenStream {
        let returned = &self.returned;
        if let Some(span) = self.cache_none {
            let check = quote_spanned!(span=> #private::check_cache_none::<#returned>());
            let nones = quote_spanned!(returned.span()=> (&&#private::Returns::<#returned>::new()).isocache_nones());
            return quote!({
                #check;
                #[allow(unused_imports)]
                use #private::{HasNestedNones as _, HasOneNone as _, KeepsNoneFallible as _, KeepsNonePlain as _};
                #private::check_nones(&#nones);
                (&&#private::Returns::<#returned>::new()).isocache_shape_with_none()
            });
        }
        quote!({
            use #private::{ReturnsFallibleOptional as _, ReturnsPlain as _, ReturnsWrapped as _};
            (&&&#private::Returns::<#returned>::new()).isocache_shape()
        })
    }
}

/// Finds types that cannot be stored.
struct Owned(Option<(Span, &'static str)>);

const BORROWED: &str = "a cached value outlives the call: return a value that does not borrow";

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
        self.0 = Some((returned.span(), "a cached value needs a named type, and `impl Trait` has none"));
    }
}
