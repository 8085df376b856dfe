//! Writes the struct and the traits that stand for a function.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Error, Item, ItemFn, parse_quote};

use crate::errors::both;
use crate::kind::Kind;
use crate::options::Options;
use crate::signature::{Place, Signature};
use crate::{clash, determinism};

/// What the attribute puts in the place of `item`.
pub(crate) fn expand(kind: Kind, options: TokenStream, item: TokenStream) -> TokenStream {
    both(Options::parse(kind, options), parse_function(kind, item))
        .and_then(|(options, function)| definition(kind, &options, &function))
        .unwrap_or_else(Error::into_compile_error)
}

fn parse_function(kind: Kind, item: TokenStream) -> Result<ItemFn, Error> {
    match syn::parse2(item)? {
        Item::Fn(function) => Ok(function),
        other => {
            let message = format!("`{}` goes on an `async fn`", kind.attribute());
            Err(Error::new_spanned(other, message))
        }
    }
}

fn definition(kind: Kind, options: &Options, function: &ItemFn) -> Result<TokenStream, Error> {
    let name = both(options.name(&function.sig.ident), options.version());
    let ((name, version), signature) =
        both(name, Signature::of(kind, options, &function.sig, Place::Free))?;
    // The code stands beside the complaint, so that uses of the name do not fail as well.
    let complaint = match kind {
        Kind::Orchestration => both(
            determinism::check(&function.block, options.allowed()),
            clash::check(kind, function),
        ),
        Kind::Activity => both(Ok(()), clash::check(kind, function)),
    };
    let complaint = complaint.err().map(Error::into_compile_error);
    let attributes = Attributes::sort(&function.attrs);
    let item = unit_struct(function, &attributes);
    let body = body(function, &attributes);
    let traits =
        traits(kind, function, &signature, (&*name, version.as_deref(), options), &attributes);
    Ok(quote! { #complaint #item #body #traits })
}

fn unit_struct(function: &ItemFn, attributes: &Attributes) -> TokenStream {
    let ItemFn { vis, sig, .. } = function;
    let ident = &sig.ident;
    let Attributes { documentation, everywhere, .. } = attributes;
    quote! {
        #(#documentation)*
        #(#everywhere)*
        #[allow(non_camel_case_types)]
        #[derive(
            ::core::clone::Clone,
            ::core::marker::Copy,
            ::core::fmt::Debug,
        )]
        #vis struct #ident;
    }
}

/// The function as it was written. As an associated function it keeps its name (for tracing and
/// panics) without hiding the struct of that name from its own body. The attribute demands `async`, a context
/// by value and a `Result`, and sets no terms for names, so lints about these are none of the user's business.
fn body(function: &ItemFn, attributes: &Attributes) -> TokenStream {
    let Attributes { everywhere, inner, .. } = attributes;
    let ident = &function.sig.ident;
    let function = ItemFn { attrs: inner.clone(), vis: parse_quote!(), ..function.clone() };
    quote! {
        #(#everywhere)*
        #[allow(
            clippy::new_ret_no_self,
            clippy::unused_async,
            clippy::needless_pass_by_value,
            clippy::unnecessary_wraps
        )]
        impl #ident { #function }
    }
}

fn traits(
    kind: Kind,
    function: &ItemFn,
    signature: &Signature<'_>,
    (name, version, options): (&str, Option<&str>, &Options),
    attributes: &Attributes,
) -> TokenStream {
    let ident = &function.sig.ident;
    let version = version.map(|version| quote!(const VERSION: &'static str = #version;));
    let events = options.events().map(|events| {
        quote! {
            const EVENTS: &'static [::reenact::attributes::DeclaredEvent] = &[#(#events.declared()),*];
        }
    });
    let updates = options.updates().map(|updates| {
        quote! {
            const UPDATES: &'static [::reenact::attributes::DeclaredUpdate] = &[#(#updates),*];
        }
    });
    let everywhere = &attributes.everywhere;
    let output = signature.output;
    let input = signature.input.map_or_else(|| quote!(()), |input| quote!(#input));
    let types = quote! {
        type Input = #input;
        type Output = #output;
        const NAME: &'static str = #name;
    };
    let run = run(kind, function, signature);
    let states = states(signature);
    let blocking = blocking(options);
    match kind {
        Kind::Orchestration => quote! {
            #(#everywhere)*
            impl ::reenact::Orchestration for #ident { #types #version #events #updates #run }
        },
        Kind::Activity => quote! {
            #(#everywhere)*
            impl ::reenact::ActivityDefinition for #ident { #types }
            #(#everywhere)*
            impl ::reenact::Activity for #ident { #blocking #run #states }
        },
    }
}

fn run(kind: Kind, function: &ItemFn, signature: &Signature<'_>) -> TokenStream {
    let ident = &function.sig.ident;
    let context = format_ident!("{}", kind.context());
    let error = format_ident!("{}", kind.error());
    let (pattern, argument) = signature.input_of_run();
    let (take_states, states) = signature.take_states();
    let result = signature.converted(kind, &quote!(Self::#ident(ctx, #(#states,)* #argument)));
    quote! {
        async fn run(
            ctx: ::reenact::#context,
            #pattern: Self::Input,
        ) -> ::core::result::Result<Self::Output, ::reenact::#error> {
            #take_states
            #result
        }
    }
}

/// That it blocks its thread, an activity.
pub(crate) fn blocking(options: &Options) -> Option<TokenStream> {
    options.is_blocking().then(|| {
        quote!(
            const BLOCKING: bool = true;
        )
    })
}

/// What a host must have been given.
fn states(signature: &Signature<'_>) -> Option<TokenStream> {
    let states = &signature.states;
    (!states.is_empty()).then(|| {
        quote! {
            fn states() -> ::std::vec::Vec<::reenact::attributes::StateType> {
                ::std::vec![#(<#states>::state_type()),*]
            }
        }
    })
}

/// The attributes of the function, by the place they belong to.
#[derive(Default)]
pub(crate) struct Attributes {
    /// For the struct only.
    pub(crate) documentation: Vec<Attribute>,
    /// For every item: conditions, and the levels of lints.
    pub(crate) everywhere: Vec<Attribute>,
    /// For the function only: whatever acts on code.
    pub(crate) inner: Vec<Attribute>,
}

impl Attributes {
    pub(crate) fn sort(attributes: &[Attribute]) -> Self {
        let mut sorted = Self::default();
        for attribute in attributes {
            let place = match attribute.path().get_ident().map(ToString::to_string).as_deref() {
                Some("doc") => &mut sorted.documentation,
                Some("deprecated") => {
                    // As in a deprecated function, its own code may use what is deprecated.
                    sorted.everywhere.push(parse_quote!(#[allow(deprecated)]));
                    &mut sorted.documentation
                }
                Some("cfg" | "allow" | "warn" | "deny" | "forbid") => &mut sorted.everywhere,
                _ => &mut sorted.inner,
            };
            place.push(attribute.clone());
        }
        sorted
    }
}

#[cfg(test)]
mod tests;
