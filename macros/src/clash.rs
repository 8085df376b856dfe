//! Variables with the name of an activity or an orchestration.
//!
//! The name of such a function is a unit struct, so that `let greet = ..` compares with it in place of
//! binding. The compiler says so at length; this says it in a sentence, where it is certain.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Error, FnArg, ItemFn, Pat};

use crate::errors::combined;
use crate::kind::Kind;

/// The calls whose first argument is an activity or an orchestration.
const CALLS: &[&str] = &[
    "call_activity",
    "schedule_activity",
    "call_orchestration",
    "schedule_orchestration",
    "start_orchestration",
];

/// Finds variables that have the name of the function, or of what it calls.
pub(crate) fn check(kind: Kind, function: &ItemFn) -> Result<(), Error> {
    let parameters: Vec<_> = function.sig.inputs.iter().filter_map(name_of_parameter).collect();
    let others = parameters.iter().map(|name| (*name).clone()).collect();
    let mut found = Found { others, ..Found::default() };
    found.read(function.block.to_token_stream());
    let own = &function.sig.ident;
    let of_own_name = parameters
        .into_iter()
        .chain(&found.bound)
        .filter(|name| *name == own)
        .map(|name| complaint(name, kind.function()));
    let of_called = found
        .clashes
        .iter()
        .filter(|name| *name != own)
        .map(|name| complaint(name, "what is called here"));
    combined(of_own_name.chain(of_called)).map_or(Ok(()), Err)
}

fn name_of_parameter(parameter: &FnArg) -> Option<&Ident> {
    match parameter {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(name) => Some(&name.ident),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    }
}

fn complaint(name: &Ident, what: &str) -> Error {
    let message = format!(
        "`{name}` is the name of {what}, which is a unit struct, and no variable can have its name \
         (E0308); name the variable otherwise"
    );
    Error::new(name.span(), message)
}

#[derive(Default)]
struct Found {
    /// What `let` binds, in plain patterns.
    bound: Vec<Ident>,
    /// Names that occur otherwise than as what is called: they may be variables.
    others: Vec<Ident>,
    /// Variables that have the name of what their own value calls.
    clashes: Vec<Ident>,
}

impl Found {
    fn read(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            if let Some((name, after)) = binding(&tokens[at..]) {
                let rest = &tokens[at + after..];
                let end = rest.iter().position(is_semicolon).unwrap_or(rest.len());
                let value: TokenStream = rest[..end].iter().cloned().collect();
                if calls(value.clone(), name) && !self.others.contains(name) {
                    self.clashes.push(name.clone());
                }
                self.read(value);
                self.bound.push(name.clone());
                self.others.push(name.clone());
                at += after + end;
                continue;
            }
            match &tokens[at] {
                TokenTree::Ident(name) if !is_called(&tokens, at) => self.others.push(name.clone()),
                TokenTree::Group(group) => {
                    let called = at.checked_sub(1).is_some_and(|before| is_call(&tokens[before]));
                    self.read(match called {
                        true => without_called(group.stream()),
                        false => group.stream(),
                    });
                }
                _ => {}
            }
            at += 1;
        }
    }
}

/// The name that a plain `let` binds, and how many tokens it takes with its `=`.
fn binding(tokens: &[TokenTree]) -> Option<(&Ident, usize)> {
    let [TokenTree::Ident(keyword), rest @ ..] = tokens else { return None };
    if keyword != "let" {
        return None;
    }
    let (rest, taken) = match rest {
        [TokenTree::Ident(word), rest @ ..] if word == "mut" => (rest, 2),
        rest => (rest, 1),
    };
    match rest {
        [TokenTree::Ident(name), TokenTree::Punct(next), ..]
            if matches!(next.as_char(), '=' | ':') =>
        {
            Some((name, taken + 1))
        }
        _ => None,
    }
}

/// Whether the tokens call what has that name.
fn calls(tokens: TokenStream, name: &Ident) -> bool {
    let tokens: Vec<_> = tokens.into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| {
        let TokenTree::Group(group) = token else { return false };
        let called = at.checked_sub(1).is_some_and(|before| is_call(&tokens[before]))
            && group.delimiter() == Delimiter::Parenthesis
            && matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(first)) if first == *name);
        called || calls(group.stream(), name)
    })
}

fn is_call(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Ident(name) if CALLS.iter().any(|call| name == call))
}

fn is_semicolon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';')
}

/// A method's name, or a part of a path, is no variable.
fn is_called(tokens: &[TokenTree], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    matches!(before, Some(TokenTree::Punct(punct)) if punct.as_char() == '.')
}

/// The arguments of a call after the first name.
fn without_called(arguments: TokenStream) -> TokenStream {
    arguments.into_iter().skip(1).collect()
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::parse2;

    use super::*;

    fn complaints(function: TokenStream) -> Vec<String> {
        let function = parse2(function).expect("a function");
        let checked = check(Kind::Orchestration, &function);
        let errors = checked.err().map(|error| error.into_iter().map(|error| error.to_string()));
        errors.into_iter().flatten().collect()
    }

    #[test]
    fn a_variable_with_the_name_of_what_is_called_is_found() {
        for body in [
            quote!(let greet = ctx.call_activity(greet, name).await?;),
            quote!(let mut greet: String = ctx.call_activity(greet.with(options), name).await?;),
            quote!(if true {
                let greet = join!(ctx.schedule_activity(greet, a));
            }),
        ] {
            let found = complaints(quote!(async fn welcome(ctx: Context) { #body }));
            assert_eq!(found.len(), 1, "{body}");
            assert!(
                found[0].starts_with("`greet` is the name of what is called here"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_variable_with_the_name_of_its_function_is_found() {
        let parameter = quote!(
            async fn order(ctx: Context, order: Order) {}
        );
        let variable = quote!(
            async fn order(ctx: Context) {
                let order = 7;
            }
        );
        for function in [parameter, variable] {
            assert!(
                complaints(function)[0].starts_with("`order` is the name of the orchestration")
            );
        }
    }

    #[test]
    fn a_variable_that_holds_an_activity_may_be_bound_again() {
        for body in [
            quote!(let a = charge.with(options); let a = ctx.call_activity(a, 7).await?;),
            quote!(for a in all {
                let a = ctx.call_activity(a, 7).await?;
            }),
            quote!(let b = ctx.call_activity(a, 7).await?;),
            quote!(let greet = other.greet(); ctx.call_activity(greet, 7);),
        ] {
            let function = quote!(async fn order(ctx: Context) { #body });
            assert_eq!(complaints(function), Vec::<String>::new(), "{body}");
        }
        let parameter = quote!(
            async fn order(ctx: Context, a: A) {
                let a = ctx.call_activity(a, 7).await?;
            }
        );
        // No parameter of an orchestration is an activity, but it is a variable.
        assert_eq!(complaints(parameter).len(), 0);
    }
}
