//! The generics that a companion needs. An unnecessary one could not be inferred at the call.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{GenericParam, Generics};

use crate::words::collect;

/// Returns the generic parameters that these tokens mention, and those that their bounds mention, with the conditions
/// on these parameters only.
pub(crate) fn needed(generics: &Generics, mentioned: &[TokenStream]) -> (TokenStream, TokenStream) {
    let mut words = HashSet::new();
    for tokens in mentioned {
        collect(tokens.clone(), &mut words);
    }
    let names: Vec<String> = generics.params.iter().map(name).collect();
    loop {
        let before = words.len();
        let mut bounds = HashSet::new();
        for param in generics.params.iter().filter(|param| words.contains(&name(param))) {
            collect(param.to_token_stream(), &mut bounds);
        }
        words.extend(bounds.into_iter().filter(|word| names.contains(word)));
        if words.len() == before {
            break;
        }
    }
    let params = generics.params.iter().filter(|param| words.contains(&name(param)));
    let conditions = generics.where_clause.iter().flat_map(|clause| &clause.predicates).filter(|predicate| {
        let mut about = HashSet::new();
        collect(predicate.to_token_stream(), &mut about);
        about.iter().filter(|word| names.contains(word)).all(|word| words.contains(word))
    });
    (quote!(<#(#params),*>), quote!(where #(#conditions),*))
}

fn name(param: &GenericParam) -> String {
    match param {
        GenericParam::Type(param) => param.ident.to_string(),
        GenericParam::Const(param) => param.ident.to_string(),
        GenericParam::Lifetime(param) => param.lifetime.ident.to_string(),
    }
}
