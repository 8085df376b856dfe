//! What a function must look like, and what to say when it does not.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Error, FnArg, GenericArgument, PathArguments, PathSegment, ReturnType, Safety, Type};

use crate::errors::{both, combined};
use crate::kind::Kind;

/// The parts of a valid function that the generated code needs.
pub(crate) struct Signature<'a> {
    /// The type after the context, if there is one.
    pub(crate) input: Option<&'a Type>,
    /// The `T` of `Result<T, E>`.
    pub(crate) output: &'a Type,
    /// Where to show that the error does not convert: at `E`, if it is written.
    pub(crate) error_span: Span,
}

impl<'a> Signature<'a> {
    /// Takes a signature apart, or names everything that is wrong with it.
    pub(crate) fn of(kind: Kind, signature: &'a syn::Signature) -> Result<Self, Error> {
        if let Some(receiver) = signature.receiver() {
            let message = format!("`{}` goes on a free function; remove `self`", kind.attribute());
            return Err(Error::new_spanned(receiver, message));
        }
        let checks = both(
            both(check_keywords(kind, signature), check_generics(kind, signature)),
            check_context(kind, signature),
        );
        let types = both(find_input(signature), find_output(signature));
        let (_, (input, (output, error_span))) = both(checks, types)?;
        Ok(Self { input, output, error_span })
    }
}

fn check_keywords(kind: Kind, signature: &syn::Signature) -> Result<(), Error> {
    let refuse = |tokens: &dyn ToTokens| {
        let message = format!("`{}` goes on a plain `async fn`; remove this", kind.attribute());
        Error::new_spanned(tokens.to_token_stream(), message)
    };
    let mut errors = Vec::new();
    if signature.asyncness.is_none() {
        let message = format!("`{}` goes on an `async fn`; add `async`", kind.attribute());
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

fn check_context(kind: Kind, signature: &syn::Signature) -> Result<(), Error> {
    let context = kind.context();
    let Some(FnArg::Typed(first)) = signature.inputs.first() else {
        let message = format!("the context is missing; take `ctx: {context}` first");
        return Err(Error::new_spanned(&signature.ident, message));
    };
    let message = match &*first.ty {
        Type::Reference(reference) if is_named(&reference.elem, context) => {
            format!("take the context by value: `{context}`")
        }
        ty if is_named(ty, context) => return Ok(()),
        ty if is_named(ty, kind.other().context()) => {
            format!("`{}` takes `ctx: {context}`", kind.attribute())
        }
        _ => format!("the first parameter must be the context: `ctx: {context}`"),
    };
    Err(Error::new_spanned(&first.ty, message))
}

fn find_input(signature: &syn::Signature) -> Result<Option<&Type>, Error> {
    let mut inputs = signature.inputs.iter().skip(1).filter_map(|input| match input {
        FnArg::Typed(input) => Some(input),
        FnArg::Receiver(_) => None,
    });
    let input = inputs.next();
    if let Some(second) = inputs.next() {
        let message = "there is one input at most; take a tuple or a struct";
        return Err(Error::new_spanned(second, message));
    }
    match input {
        Some(input) => check_stored("inputs", &input.ty).map(|()| Some(&*input.ty)),
        None => Ok(None),
    }
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
fn check_stored(what: &str, ty: &Type) -> Result<(), Error> {
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

fn is_named(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|last| last.ident == name)
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(ty) => ty.path.segments.last(),
        Type::Group(ty) => last_segment(&ty.elem),
        Type::Paren(ty) => last_segment(&ty.elem),
        _ => None,
    }
}

fn type_arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}
