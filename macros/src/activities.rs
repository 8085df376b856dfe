//! From an `impl` block whose methods are activities to the types that stand for them.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, Error, Ident, ImplItem, ImplItemFn, Item, ItemImpl, Meta, Type};

use crate::errors::{both, combined};
use crate::expand::{Attributes, blocking};
use crate::kind::Kind;
use crate::options::Options;
use crate::signature::{Place, Receiver, Signature};

/// What the attribute puts in the place of `item`.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    both(check_options(options), parse_block(item))
        .and_then(|((), block)| definitions(block))
        .unwrap_or_else(Error::into_compile_error)
}

fn check_options(options: TokenStream) -> Result<(), Error> {
    match options.is_empty() {
        true => Ok(()),
        false => Err(Error::new_spanned(options, "`#[activities]` takes no options")),
    }
}

fn parse_block(item: TokenStream) -> Result<ItemImpl, Error> {
    const HELP: &str = "`#[activities]` goes on the `impl` block of a struct";
    let block = match syn::parse2(item)? {
        Item::Impl(block) => block,
        other => return Err(Error::new_spanned(other, HELP)),
    };
    if let Some((of_trait, _)) = &block.trait_ {
        return Err(Error::new_spanned(of_trait, format!("{HELP}, not of a trait")));
    }
    if !block.generics.params.is_empty() {
        let message = "`#[activities]` takes no generics: each activity has one name in stored \
                       histories; write out the types, or keep a `Box<dyn ..>` in the struct";
        return Err(Error::new_spanned(&block.generics, message));
    }
    match &*block.self_ty {
        Type::Path(_) => Ok(block),
        other => Err(Error::new_spanned(other, HELP)),
    }
}

fn definitions(mut block: ItemImpl) -> Result<TokenStream, Error> {
    let mut markers = Vec::new();
    let mut names = Vec::new();
    let mut errors = Vec::new();
    let owner = (*block.self_ty).clone();
    for item in &mut block.items {
        let ImplItem::Fn(method) = item else { continue };
        let Some(at) = method.attrs.iter().position(is_activity) else { continue };
        let attribute = method.attrs.remove(at);
        match definition(&owner, &attribute, method) {
            Ok(marker) => {
                names.push(method.sig.ident.clone());
                markers.push(marker);
                become_body(method);
            }
            Err(error) => errors.push(error),
        }
    }
    if markers.is_empty() && errors.is_empty() {
        let message = "there is no activity here; put `#[activity]` on each method that is one";
        return Err(Error::new_spanned(&block.self_ty, message));
    }
    if let Some(error) = combined(errors) {
        return Err(error);
    }
    Ok(quote! {
        #block
        const _: () = {
            #(#markers)*
            impl ::reenact::Activities for #owner {
                fn add_to(set: &mut ::reenact::attributes::ActivitySet<'_>) {
                    #(set.add(Self::#names);)*
                }
            }
        };
    })
}

fn is_activity(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "activity")
}

fn options_of(attribute: &Attribute) -> Result<Options, Error> {
    let tokens = match &attribute.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    Options::parse(Kind::Activity, tokens)
}

/// The type that stands for a method, and the constant by which it is called.
fn definition(
    owner: &Type,
    attribute: &Attribute,
    method: &ImplItemFn,
) -> Result<TokenStream, Error> {
    let options = options_of(attribute)?;
    let ident = &method.sig.ident;
    let name = options.name_or(|| format!("{}::{}", type_name(owner), plain(ident)), ident)?;
    let signature = Signature::of(Kind::Activity, &options, &method.sig, Place::Method)?;
    let Attributes { documentation, everywhere, .. } = Attributes::sort(&method.attrs);
    let vis = &method.vis;
    let body = body_of(ident);
    let input = signature.input.map_or_else(|| quote!(()), |input| quote!(#input));
    let output = signature.output;
    let run = run(owner, &body, &signature);
    let states = states(owner, &signature);
    let blocking = blocking(&options);
    let call = call(owner, &body, &signature, &input);
    Ok(quote! {
        #(#documentation)*
        #(#everywhere)*
        #[allow(non_camel_case_types)]
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        #vis struct #ident;
        #(#everywhere)*
        impl #owner {
            #(#documentation)*
            #[allow(non_upper_case_globals, dead_code)]
            #vis const #ident: #ident = #ident;
        }
        #(#everywhere)*
        impl ::reenact::ActivityDefinition for #ident {
            type Input = #input;
            type Output = #output;
            const NAME: &'static str = #name;
        }
        #(#everywhere)*
        impl ::reenact::Activity for #ident { #blocking #run #states }
        #(#everywhere)*
        impl #ident { #call }
    })
}

/// What a host runs: it has the struct.
fn run(owner: &Type, body: &Ident, signature: &Signature<'_>) -> TokenStream {
    let receiver = match signature.receiver {
        Receiver::None => quote!(),
        Receiver::Reference => quote!(&owner,),
        Receiver::Shared => quote!(owner,),
    };
    let owner_of_context = match signature.receiver {
        Receiver::None => quote!(),
        _ => quote!(let owner = ::reenact::ActivityContext::owner::<#owner>(&ctx)?;),
    };
    let (take_states, given_states) = signature.take_states();
    let (pattern, argument) = signature.input_of_run();
    let call = quote!(<#owner>::#body(#receiver ctx, #(#given_states,)* #argument));
    let result = signature.converted(Kind::Activity, &call);
    quote! {
        async fn run(
            ctx: ::reenact::ActivityContext,
            #pattern: Self::Input,
        ) -> ::core::result::Result<Self::Output, ::reenact::ActivityError> {
            #owner_of_context
            #take_states
            #result
        }
    }
}

/// What a host must have been given.
fn states(owner: &Type, signature: &Signature<'_>) -> TokenStream {
    let owner = match signature.receiver {
        Receiver::None => quote!(),
        _ => quote!(::reenact::attributes::StateType::of_owner::<#owner>(),),
    };
    let states = &signature.states;
    quote! {
        fn states() -> ::std::vec::Vec<::reenact::attributes::StateType> {
            ::std::vec![#owner #(<#states>::state_type()),*]
        }
    }
}

/// For tests, and for other methods of the struct.
fn call(owner: &Type, body: &Ident, signature: &Signature<'_>, input: &TokenStream) -> TokenStream {
    let (parameter, receiver) = match signature.receiver {
        Receiver::None => (quote!(), quote!()),
        Receiver::Reference => (quote!(owner: &#owner,), quote!(owner,)),
        Receiver::Shared => (quote!(owner: ::std::sync::Arc<#owner>,), quote!(owner,)),
    };
    let (take_states, given_states) = signature.take_states();
    let (_, argument) = signature.input_of_run();
    let pattern = match signature.input {
        Some(_) => quote!(input: #input),
        None => quote!(),
    };
    let call = quote!(<#owner>::#body(#receiver ctx, #(#given_states,)* #argument));
    let result = signature.converted(Kind::Activity, &call);
    let output = signature.output;
    quote! {
        /// Runs the method itself, without a host.
        ///
        /// # Errors
        /// What it fails with; or a state that it takes is missing in the context.
        #[allow(dead_code, clippy::unused_async)]
        pub async fn call(
            self,
            #parameter
            ctx: ::reenact::ActivityContext,
            #pattern
        ) -> ::core::result::Result<#output, ::reenact::ActivityError> {
            #take_states
            #result
        }
    }
}

/// The method keeps its body and its attributes, under a name that leaves its own to the constant.
fn become_body(method: &mut ImplItemFn) {
    let Attributes { everywhere, inner, .. } = Attributes::sort(&method.attrs);
    method.attrs = everywhere.into_iter().chain(inner).collect();
    method.attrs.push(syn::parse_quote!(#[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::unnecessary_wraps
    )]));
    method.sig.ident = body_of(&method.sig.ident);
    method.vis = syn::Visibility::Inherited;
}

fn body_of(method: &Ident) -> Ident {
    format_ident!("__{}", plain(method), span = method.span())
}

fn plain(ident: &Ident) -> String {
    use syn::ext::IdentExt;
    ident.unraw().to_string()
}

/// The struct's own name, as it stands in the names of its activities.
fn type_name(owner: &Type) -> String {
    match owner {
        Type::Path(path) => path.path.segments.last().map(|last| plain(&last.ident)),
        _ => None,
    }
    .unwrap_or_else(|| owner.to_token_stream().to_string())
}
