//! Expands the attribute and its function to the code that the compiler sees.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::punctuated::Punctuated;
use syn::{
    AttrStyle, Attribute, Block, Error, FnArg, Ident, ItemFn, Result, ReturnType, Signature, Token, Type, Visibility,
    parse2,
};

use crate::arguments::{Argument, arguments, taking_self};
use crate::expand_call::Calls;
use crate::key::{Key, key, tags};
use crate::options::{Companions, Options};
use crate::outcome::Outcome;
use crate::variants::{boxed_future, by_condition};

/// Everything that is known about the function.
pub(crate) struct Function<'a> {
    pub(crate) options: &'a Options,
    pub(crate) item: &'a ItemFn,
    pub(crate) block: &'a Block,
    pub(crate) is_async: bool,
    /// Whether the function itself returns a boxed future, as a method behind `#[async_trait]` does.
    is_boxed: bool,
    pub(crate) arguments: &'a [Argument],
    pub(crate) key: &'a Key<'a>,
    pub(crate) tags: &'a [TokenStream],
    pub(crate) outcome: &'a Outcome,
    /// An expression: the unique name of the function.
    pub(crate) name: &'a TokenStream,
    pub(crate) companions: &'a Place,
}

/// Where the companions of a function are placed.
pub(crate) enum Place {
    /// In a type of this name.
    Type(Ident),
    /// Next to the method, with its name as a prefix.
    Beside,
    Nowhere,
}

impl Place {
    fn of(options: &Options, item: &ItemFn, is_boxed: bool) -> Self {
        let is_in_impl = options.in_impl.is_some() || item.sig.receiver().is_some() || mentions_self_type(item);
        match &options.companions {
            Some(Companions::None) => Self::Nowhere,
            Some(Companions::Beside) => Self::Beside,
            Some(Companions::Type(name)) => Self::Type(name.clone()),
            // The methods of a trait have no visibility of their own, and nothing else can be added next to them.
            None if is_in_impl && (is_boxed || matches!(item.vis, Visibility::Inherited)) => Self::Nowhere,
            None if is_in_impl => Self::Beside,
            None => Self::Type(item.sig.ident.clone()),
        }
    }
}

/// Whether a function is in an `impl` or a trait, because it mentions `Self`.
fn mentions_self_type(item: &ItemFn) -> bool {
    fn mentions(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Group(group) => mentions(group.stream()),
            TokenTree::Ident(ident) => ident == "Self",
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        })
    }
    mentions(item.sig.to_token_stream()) || mentions(item.block.to_token_stream())
}

pub(crate) fn expand(attribute: &TokenStream, function: TokenStream) -> Result<TokenStream> {
    let options: Options = parse2(attribute.clone())?;
    let mut item: ItemFn = parse2(function)
        .map_err(|error| Error::new(error.span(), "`#[cached]` can only be applied to a function with a body"))?;
    let krate = options.krate();
    if let Some(variants) = by_condition(&quote!(#[#krate::cached(#attribute)]), &item)? {
        return Ok(variants);
    }
    // Inner attributes of the block are valid as outer attributes of the function too.
    item.attrs.iter_mut().for_each(|attribute| attribute.style = AttrStyle::Outer);
    let boxed = if item.sig.asyncness.is_none() { boxed_future(&item) } else { None };
    let is_boxed = boxed.is_some();
    let is_async = is_boxed || item.sig.asyncness.is_some();
    let (returned, block) = match (boxed, &item.sig.output) {
        (Some(boxed), _) => boxed,
        (None, ReturnType::Type(_, returned)) => (Type::clone(returned), Block::clone(&item.block)),
        (None, ReturnType::Default) => {
            let reason = "this function returns nothing that could be cached";
            return Err(Error::new(item.sig.ident.span(), reason));
        }
    };
    check(&options, &item.sig, is_async)?;
    let outcome = Outcome::of(&returned, options.cache_none)?;
    let companions = Place::of(&options, &item, is_boxed);
    let name = name(&options, &item.sig.ident, &companions);
    let arguments = arguments(&item.sig);
    let key = key(&options, &item.sig, &arguments, &name)?;
    let tags = match &options.tags {
        Some((_, written)) => tags(written, &options.private(), &item.sig, &arguments)?,
        None => Vec::new(),
    };
    let function = Function {
        options: &options,
        item: &item,
        block: &block,
        is_async,
        is_boxed,
        arguments: &arguments,
        key: &key,
        tags: &tags,
        outcome: &outcome,
        name: &name,
        companions: &companions,
    };
    let calls = Calls::of(&function)?;
    Ok(function.tokens(&calls))
}

/// The name under which the function's calls are counted. If there is no key pattern, it is part of the key.
fn name(options: &Options, ident: &Ident, companions: &Place) -> TokenStream {
    if let Some(name) = &options.name {
        return quote!(#name);
    }
    if let Place::Type(companions) = companions
        && companions == ident
    {
        // `module_path!()`, with the enclosing function: two functions may each contain one of the same name.
        return quote!(::core::any::type_name::<#ident>());
    }
    let name = syn::ext::IdentExt::unraw(ident).to_string();
    quote!(::core::concat!(::core::module_path!(), "::", #name))
}

/// Rejects unsupported functions and combinations of options.
fn check(options: &Options, signature: &Signature, is_async: bool) -> Result<()> {
    let refuse = |span, reason| Err(Error::new(span, reason));
    if let Some(token) = &signature.constness {
        return refuse(token.span, "a `const` function cannot be cached, because it cannot keep state");
    }
    if let Some(token) = &signature.unsafety {
        return refuse(token.span, "an `unsafe` function cannot be cached");
    }
    if let Some(abi) = &signature.abi {
        return refuse(abi.extern_token.span, "an `extern` function cannot be cached");
    }
    if is_async && options.in_background() {
        taking_self(signature)?;
    }
    if let (Some(span), false) = (options.detached, is_async) {
        return refuse(span, "`detached` is for `async` functions: a synchronous function always runs to its end");
    }
    if let Some((span, _)) = &options.tags {
        if !is_async {
            return refuse(*span, "`tags` is for `async` functions");
        }
        if options.provider.is_none() {
            return refuse(
                *span,
                "`tags` needs a provider of tagged entries, as in provider = TAGGED with an `isocache::Tagged`",
            );
        }
        if options.in_background() {
            let reason = "`tags` cannot be combined with `stale_while_revalidate`, `early_refresh` or `detached`";
            return refuse(*span, reason);
        }
    }
    Ok(())
}

impl Function<'_> {
    fn tokens(&self, calls: &Calls) -> TokenStream {
        let ItemFn { attrs, vis, sig, .. } = self.item;
        let mut outer = sig.clone();
        outer.inputs = self.inputs();
        let get = &calls.get;
        let body = if self.is_boxed { quote!(::std::boxed::Box::pin(async move { #get })) } else { quote!(#get) };
        let has_type = matches!(self.companions, Place::Type(_));
        let keeps = |attribute: &&Attribute| !(has_type && attribute.path().is_ident("expect"));
        let kept = attrs.iter().filter(keeps);
        let wrapper = quote! {
            #(#kept)*
            #[allow(clippy::used_underscore_binding, clippy::no_effect_underscore_binding, clippy::unused_async)]
            #vis #outer { #body }
        };
        let companions = match self.companions {
            Place::Type(name) => self.companion_type(name, calls),
            Place::Beside => self.companion_methods(calls),
            Place::Nowhere => TokenStream::new(),
        };
        quote!(#wrapper #companions)
    }

    /// The parameters under their names in the expansion.
    pub(crate) fn inputs(&self) -> Punctuated<FnArg, Token![,]> {
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
}
