//! Checks the signature of a function, and says what is wrong with it.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, GenericArgument, PathArguments, PathSegment, ReceiverKind, ReturnType, Safety,
    Type,
};

use crate::errors::{both, combined};
use crate::kind::Kind;
use crate::options::Options;

/// The parts of a valid function that the generated code needs.
pub(crate) struct Signature<'a> {
    /// It is an `async fn`: what it returns is awaited.
    is_async: bool,
    /// How it takes `self`, if it is a method.
    pub(crate) receiver: Receiver,
    /// The types of the states between the context and the input.
    pub(crate) states: Vec<&'a Type>,
    /// The type after the context and the states, if there is one.
    pub(crate) input: Option<&'a Type>,
    /// The `T` of `Result<T, E>`.
    pub(crate) output: &'a Type,
    /// Where to show that the error does not convert: at `E`, if it is written.
    pub(crate) error_span: Span,
}

/// Where a function stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Under no other.
    Free,
    /// In an `impl` block with `#[activities]`.
    Method,
}

/// How a method takes `self`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// Not at all.
    None,
    /// `&self`.
    Reference,
    /// `self: Arc<Self>`.
    Shared,
}

impl<'a> Signature<'a> {
    /// Takes a signature apart, or names everything that is wrong with it.
    pub(crate) fn of(
        kind: Kind,
        options: &Options,
        signature: &'a syn::Signature,
        place: Place,
    ) -> Result<Self, Error> {
        let receiver = find_receiver(kind, signature, place)?;
        let checks = both(
            both(check_keywords(kind, options, signature), check_generics(kind, signature)),
            check_context(kind, signature),
        );
        let types = both(find_inputs(kind, signature), find_output(signature));
        let (_, ((states, input), (output, error_span))) = both(checks, types)?;
        let is_async = signature.asyncness.is_some();
        Ok(Self { is_async, receiver, states, input, output, error_span })
    }

    /// Code that takes the states from `ctx`, and the names that they have then.
    pub(crate) fn take_states(&self) -> (TokenStream, Vec<TokenStream>) {
        let names: Vec<_> = (0..self.states.len())
            .map(|number| format_ident!("state_{number}").to_token_stream())
            .collect();
        let take =
            self.states.iter().zip(&names).map(
                |(state, name)| quote_spanned!(state.span()=> let #name = <#state>::of(&ctx)?;),
            );
        (take.collect(), names)
    }

    /// The pattern for the input of `run`, and what the function is given of it.
    pub(crate) fn input_of_run(&self) -> (TokenStream, TokenStream) {
        match self.input {
            Some(_) => (quote!(input), quote!(input)),
            None => (quote!(()), quote!()),
        }
    }

    /// What a call of the function gives, with the error of its kind. An error type that does not convert is
    /// shown where it stands.
    pub(crate) fn converted(&self, kind: Kind, call: &TokenStream) -> TokenStream {
        let error = format_ident!("{}", kind.error());
        let awaited = self.is_async.then(|| quote!(.await));
        quote_spanned! {self.error_span=>
            match #call #awaited {
                ::core::result::Result::Ok(output) => ::core::result::Result::Ok(output),
                ::core::result::Result::Err(error) => {
                    #[allow(unused_imports)]
                    use ::reenact::attributes::returned::{Returned, ViaAsRef, ViaError, ViaInto, ViaNothing};
                    let way = (&&&Returned::<::reenact::#error, _>::of(&error)).way();
                    ::core::result::Result::Err(way.convert(error))
                }
            }
        }
    }
}

fn find_receiver(kind: Kind, signature: &syn::Signature, place: Place) -> Result<Receiver, Error> {
    let Some(receiver) = signature.receiver() else { return Ok(Receiver::None) };
    if place == Place::Free {
        let message = match kind {
            Kind::Orchestration => "`#[orchestration]` goes on a free function; remove `self`",
            Kind::Activity => {
                "`#[activity]` goes on a free function, or on a method of an `impl` block with \
                 `#[activities]`; remove `self`, or put `#[activities]` on the block"
            }
        };
        return Err(Error::new_spanned(receiver, message));
    }
    match &receiver.kind {
        ReceiverKind::Reference(_, _, None) => Ok(Receiver::Reference),
        ReceiverKind::Typed(_, ty) if is_named(ty, "Arc") => Ok(Receiver::Shared),
        _ => {
            let message = "many calls share the struct: take `&self`, or `self: Arc<Self>`";
            Err(Error::new_spanned(receiver, message))
        }
    }
}

fn check_keywords(kind: Kind, options: &Options, signature: &syn::Signature) -> Result<(), Error> {
    let refuse = |tokens: &dyn ToTokens| {
        let message = format!("`{}` goes on a plain `async fn`; remove this", kind.attribute());
        Error::new_spanned(tokens.to_token_stream(), message)
    };
    let mut errors = Vec::new();
    if signature.asyncness.is_none() && !options.is_blocking() {
        let message = match kind {
            Kind::Orchestration => "`#[orchestration]` goes on an `async fn`; add `async`",
            Kind::Activity => {
                "`#[activity]` goes on an `async fn`; add `async`, or say that it blocks its thread: \
                 `#[activity(blocking)]`"
            }
        };
        errors.push(Error::new_spanned(signature.fn_token, message));
    }
    errors.extend(signature.constness.as_ref().map(|keyword| refuse(keyword)));
    errors.extend(signature.abi.as_ref().map(|abi| refuse(abi)));
    if !matches!(signature.safety, Safety::Default) {
        errors.push(refuse(&signature.safety));
    }
    combined(errors).map_or(Ok(()), Err)
}

fn check_generics(kind: Kind, signature: &syn::Signature) -> Result<(), Error> {
    let generics = &signature.generics;
    let message = format!(
        "`{}` takes no generics: its name stands for one input and one output type in stored \
         histories; write out the types",
        kind.attribute()
    );
    if !generics.params.is_empty() {
        Err(Error::new_spanned(generics, message))
    } else if let Some(clause) = &generics.where_clause {
        Err(Error::new_spanned(clause, message))
    } else {
        Ok(())
    }
}

/// The types of the parameters, without `self`.
fn parameters(signature: &syn::Signature) -> impl Iterator<Item = &Type> {
    signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(input) => Some(&*input.ty),
        FnArg::Receiver(_) => None,
    })
}

fn check_context(kind: Kind, signature: &syn::Signature) -> Result<(), Error> {
    let context = kind.context();
    let Some(first) = parameters(signature).next() else {
        let message = format!("the context is missing; take `ctx: {context}` first");
        return Err(Error::new_spanned(&signature.ident, message));
    };
    let message = match first {
        Type::Reference(reference) if is_named(&reference.elem, context) => {
            format!("take the context by value: `{context}`")
        }
        ty if is_named(ty, context) => return Ok(()),
        ty if is_named(ty, kind.other().context()) => {
            format!("`{}` takes `ctx: {context}`", kind.attribute())
        }
        _ => format!("the first parameter must be the context: `ctx: {context}`"),
    };
    Err(Error::new_spanned(first, message))
}

/// The states, which only activities have, and the input.
fn find_inputs(
    kind: Kind,
    signature: &syn::Signature,
) -> Result<(Vec<&Type>, Option<&Type>), Error> {
    let is_state = |ty: &&Type| kind == Kind::Activity && is_state(ty);
    let mut inputs = parameters(signature).skip(1).peekable();
    let mut states = Vec::new();
    while let Some(state) = inputs.next_if(is_state) {
        states.push(state);
    }
    let input = inputs.next();
    if let Some(second) = inputs.next() {
        let message = match is_state(&second) {
            true => "take states between the context and the input",
            false => "there is one input at most; take a tuple or a struct",
        };
        return Err(Error::new_spanned(second, message));
    }
    if let Some(input) = input {
        check_stored("inputs", input)?;
    }
    Ok((states, input))
}

/// Whether it is a `State<T>`. One without a `T` is a type of the user's.
fn is_state(ty: &Type) -> bool {
    let last = last_segment(ty).filter(|last| last.ident == "State");
    last.is_some_and(|last| type_arguments(last).len() == 1)
}

/// The `T` of `Result<T, E>`, and the place of `E`.
fn find_output(signature: &syn::Signature) -> Result<(&Type, Span), Error> {
    const HELP: &str = "`Result<T, E>`, where `T` is what is stored";
    let ReturnType::Type(_, declared) = &signature.output else {
        let message = format!("the return type is missing; return {HELP}");
        return Err(Error::new_spanned(&signature.ident, message));
    };
    let arguments =
        last_segment(declared).filter(|last| last.ident == "Result").map(type_arguments);
    let Some([output, rest @ ..]) = arguments.as_deref() else {
        return Err(Error::new_spanned(declared, format!("return {HELP}")));
    };
    check_stored("outputs", output)?;
    let error_span = rest.first().map_or(declared.span(), |error| error.span());
    Ok((output, error_span))
}

/// What is stored must own its data and have a name.
pub(crate) fn check_stored(what: &str, ty: &Type) -> Result<(), Error> {
    match find_unstorable(ty.to_token_stream()) {
        None => Ok(()),
        Some((span, advice)) => Err(Error::new(span, format!("{what} are stored; {advice}"))),
    }
}

/// The first token, at any depth, that no stored type has, and what to do about it.
fn find_unstorable(ty: TokenStream) -> Option<(Span, &'static str)> {
    ty.into_iter().find_map(|token| match token {
        TokenTree::Group(group) => find_unstorable(group.stream()),
        TokenTree::Punct(punct) if punct.as_char() == '&' => {
            Some((punct.span(), "take an owned type such as `String` or `Vec<T>`"))
        }
        TokenTree::Ident(ident) if ident == "impl" || ident == "dyn" => {
            Some((ident.span(), "name the type in place of `impl` or `dyn`"))
        }
        _ => None,
    })
}

pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|last| last.ident == name)
}

pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(ty) => ty.path.segments.last(),
        Type::Group(ty) => last_segment(&ty.elem),
        Type::Paren(ty) => last_segment(&ty.elem),
        _ => None,
    }
}

pub(crate) fn type_arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}
