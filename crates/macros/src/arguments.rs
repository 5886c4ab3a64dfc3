//! The parameters of a function.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Error, FnArg, Ident, Lifetime, Pat, PatType, Result, Signature, Type};

/// A parameter that is not `self`.
pub(crate) struct Argument {
    /// Its name in the expansion. The source may have a pattern instead.
    pub(crate) name: Ident,
    /// Its pattern in the source.
    pub(crate) pattern: Pat,
    pub(crate) ty: Type,
}

impl Argument {
    pub(crate) fn declared(&self) -> TokenStream {
        let Self { name, ty, .. } = self;
        quote!(#name: #ty)
    }

    /// Binds the pattern of the source, if it is more than a name.
    pub(crate) fn rebound(&self) -> Option<TokenStream> {
        let Self { name, pattern, .. } = self;
        (!matches!(pattern, Pat::Ident(ident) if is_plain(ident))).then(|| quote!(let #pattern = #name;))
    }
}

fn is_plain(ident: &syn::PatIdent) -> bool {
    ident.mutability.is_none() && ident.by_ref.is_none() && ident.subpat.is_none()
}

/// The parameters of a signature.
pub(crate) fn arguments(signature: &Signature) -> Vec<Argument> {
    let typed = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    typed.enumerate().map(argument).collect()
}

fn argument((at, PatType { pat, ty, .. }): (usize, &PatType)) -> Argument {
    let name = match &**pat {
        Pat::Ident(ident) => ident.ident.clone(),
        _ => Ident::new(&format!("argument_{at}"), Span::mixed_site()),
    };
    Argument { name, pattern: Pat::clone(pat), ty: Type::clone(ty) }
}

/// How an argument is passed to a load that may outlive the call.
pub(crate) enum Taking {
    /// Moved.
    Moved,
    /// Cloned; the load borrows the clone as this type.
    Cloned(Box<Type>),
}

/// How this argument can be passed.
///
/// # Errors
/// It cannot be passed.
pub(crate) fn taking(argument: &Argument) -> Result<Taking> {
    let mut borrows = Borrows(None);
    let Type::Reference(reference) = ungrouped(&argument.ty) else {
        borrows.visit_type(&argument.ty);
        return borrows.none().map(|()| Taking::Moved);
    };
    if reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static") {
        return Ok(Taking::Moved);
    }
    if let Some(mutability) = &reference.mutability {
        return Err(Error::new(mutability.span(), CANNOT_TAKE));
    }
    borrows.visit_type(&reference.elem);
    borrows.none()?;
    let mut ty = reference.clone();
    ty.lifetime = None;
    Ok(Taking::Cloned(Box::new(Type::Reference(ty))))
}

const CANNOT_TAKE: &str = "with `stale_while_revalidate`, `early_refresh` or `detached`, a load may outlive the call and \
                           cannot keep this borrow: pass the argument by value, or as `&T` where `T` is `Clone`";

/// Strips the invisible groups that a macro puts around its fragments.
pub(crate) fn ungrouped(mut ty: &Type) -> &Type {
    while let Type::Group(group) = ty {
        ty = &group.elem;
    }
    ty
}

/// Finds a borrow that is not `'static`.
struct Borrows(Option<Span>);

impl Borrows {
    fn none(self) -> Result<()> {
        self.0.map_or(Ok(()), |span| Err(Error::new(span, CANNOT_TAKE)))
    }
}

impl<'a> Visit<'a> for Borrows {
    fn visit_type_reference(&mut self, reference: &'a syn::TypeReference) {
        if reference.lifetime.is_none() {
            self.0 = Some(reference.span());
        }
        visit::visit_type_reference(self, reference);
    }

    fn visit_lifetime(&mut self, lifetime: &'a Lifetime) {
        if lifetime.ident != "static" {
            self.0 = Some(lifetime.span());
        }
    }
}

/// Checks the receiver of a method whose load may outlive the call.
///
/// # Errors
/// It is a reference.
pub(crate) fn taking_self(signature: &Signature) -> Result<()> {
    match signature.receiver() {
        Some(receiver) if matches!(&*receiver.ty, Type::Reference(_)) => {
            let reason = "with `stale_while_revalidate`, `early_refresh` or `detached`, a load may outlive the call and \
                          cannot borrow `self`: take `self: Arc<Self>`, or remove the option";
            Err(Error::new(receiver.span(), reason))
        }
        _ => Ok(()),
    }
}
