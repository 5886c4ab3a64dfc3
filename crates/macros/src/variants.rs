//! Functions modified by other attributes: parameters with `#[cfg]`, and methods under `#[async_trait]`.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::{
    Attribute, Block, Error, Expr, FnArg, GenericArgument, ItemFn, Meta, PathArguments, Result, ReturnType, Stmt, Type,
    TypeParamBound,
};

use crate::arguments::ungrouped;

/// The most different conditions on parameters, each of which doubles the number of functions.
const MAX_CONDITIONS: usize = 4;

/// Returns one function for each combination of the conditions on its parameters; `None` if there are no conditions.
///
/// # Errors
/// Too many conditions.
pub(crate) fn by_condition(attribute: &TokenStream, item: &ItemFn) -> Result<Option<TokenStream>> {
    let mut conditions: Vec<TokenStream> = Vec::new();
    for condition in item.sig.inputs.iter().flat_map(condition_of) {
        if !conditions.iter().any(|known| known.to_string() == condition.to_string()) {
            conditions.push(condition);
        }
    }
    if conditions.is_empty() {
        return Ok(None);
    }
    if conditions.len() > MAX_CONDITIONS {
        let reason = format!(
            "the parameters of a cached function can have at most {MAX_CONDITIONS} different #[cfg] conditions"
        );
        return Err(Error::new_spanned(&item.sig.inputs, reason));
    }
    let variants = (0..1_u32 << conditions.len()).map(|variant| {
        let holds = |at: usize| variant & (1 << at) != 0;
        let mut item = item.clone();
        let inputs = std::mem::take(&mut item.sig.inputs).into_iter().filter_map(|mut input| {
            let own: Vec<String> = condition_of(&input).iter().map(ToString::to_string).collect();
            let is_there =
                conditions.iter().enumerate().all(|(at, known)| holds(at) || !own.contains(&known.to_string()));
            if let FnArg::Typed(typed) = &mut input {
                typed.attrs.retain(|attribute| !attribute.path().is_ident("cfg"));
            }
            is_there.then_some(input)
        });
        item.sig.inputs = inputs.collect();
        let conditions = conditions
            .iter()
            .enumerate()
            .map(|(at, condition)| if holds(at) { quote!(#condition) } else { quote!(not(#condition)) });
        quote!(#[cfg(all(#(#conditions),*))] #attribute #item)
    });
    Ok(Some(variants.collect()))
}

fn condition_of(input: &FnArg) -> Vec<TokenStream> {
    let FnArg::Typed(typed) = input else { return Vec::new() };
    let condition = |attribute: &Attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => Some(list.tokens.clone()),
        _ => None,
    };
    typed.attrs.iter().filter_map(condition).collect()
}

/// The return type and the block of an asynchronous method as `#[async_trait]` writes it: a function that returns a
/// `Pin<Box<dyn Future>>`, created by `Box::pin(async move { … })` at its end.
pub(crate) fn boxed_future(item: &ItemFn) -> Option<(Type, Block)> {
    let ReturnType::Type(_, returned) = &item.sig.output else { return None };
    let output = output_of_boxed(returned)?;
    let Some(Stmt::Expr(Expr::Call(call), None)) = item.block.stmts.last() else { return None };
    if item.block.stmts.len() > 1 || !call.func.to_token_stream().to_string().replace(' ', "").ends_with("Box::pin") {
        return None;
    }
    match call.args.first()? {
        Expr::Async(future) if call.args.len() == 1 => Some((output, future.block.clone())),
        _ => None,
    }
}

fn output_of_boxed(returned: &Type) -> Option<Type> {
    let boxed = argument(returned, "Pin")?;
    let Type::TraitObject(object) = ungrouped(argument(boxed, "Box")?) else { return None };
    object.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let last = bound.path.segments.last().filter(|last| last.ident == "Future")?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(output) if output.ident == "Output" => Some(output.ty.clone()),
            _ => None,
        })
    })
}

/// The first argument of the type `name<…>`.
fn argument<'a>(of: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ungrouped(of) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(argument) => Some(argument),
        _ => None,
    })
}
