//! From an `impl` block with operations to the entity, and to the type by which it is called.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{
    Attribute, Error, FnArg, Ident, ImplItem, ImplItemFn, Item, ItemImpl, LitStr, Pat, PatType,
    ReceiverKind, ReturnType, Type,
};

use crate::determinism;
use crate::errors::{both, combined};
use crate::expand::Attributes;
use crate::signature::{check_stored, is_named, last_segment, type_arguments};

/// Bytes of the longest name of a type of entities: with a key it is an id.
const MAX_NAME_BYTES: usize = 64;

/// Most arguments of an operation: serde reads no longer tuples.
const MAX_ARGUMENTS: usize = 16;

/// What every handle has, so that no operation can be called by it.
const OF_EVERY_HANDLE: [&str; 8] =
    ["state", "signal", "delete", "purge", "key", "id", "after", "at"];

/// What the attribute puts in the place of `item`.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    both(name_of(options), parse_block(item))
        .and_then(|(name, block)| definition(name, block))
        .unwrap_or_else(Error::into_compile_error)
}

/// The name that is given.
fn name_of(options: TokenStream) -> Result<Option<LitStr>, Error> {
    use syn::parse::Parser;
    let mut name = None;
    syn::meta::parser(|option| {
        if !option.path.is_ident("name") {
            return Err(option.error("unknown option; `#[entity]` takes `name = \"..\"`"));
        }
        if name.is_some() {
            return Err(option.error("the name is given twice"));
        }
        let given: LitStr = option.value()?.parse()?;
        check_name(&given.value()).map_err(|why| Error::new(given.span(), why))?;
        name = Some(given);
        Ok(())
    })
    .parse2(options)?;
    Ok(name)
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        Err("the name has no characters".to_owned())
    } else if name.len() > MAX_NAME_BYTES {
        Err(format!("the name has {} bytes; at most {MAX_NAME_BYTES} are allowed", name.len()))
    } else if let Some(wrong) = name.chars().find(|c| *c == '@' || c.is_control()) {
        Err(format!("the name has the character {wrong:?}; leave it out"))
    } else {
        Ok(())
    }
}

fn parse_block(item: TokenStream) -> Result<ItemImpl, Error> {
    const HELP: &str = "`#[entity]` goes on the `impl` block of a struct";
    let block = match syn::parse2(item)? {
        Item::Impl(block) => block,
        other => return Err(Error::new_spanned(other, HELP)),
    };
    if let Some((of_trait, _)) = &block.trait_ {
        return Err(Error::new_spanned(of_trait, format!("{HELP}, not of a trait")));
    }
    if !block.generics.params.is_empty() {
        let message = "`#[entity]` takes no generics: the type has one name in what is stored; write \
                       out the types";
        return Err(Error::new_spanned(&block.generics, message));
    }
    match &*block.self_ty {
        Type::Path(_) => Ok(block),
        other => Err(Error::new_spanned(other, HELP)),
    }
}

fn definition(name: Option<LitStr>, block: ItemImpl) -> Result<TokenStream, Error> {
    let owner = &*block.self_ty;
    let ident = last_segment(owner).map(|last| last.ident.clone());
    let ident = ident.ok_or_else(|| Error::new_spanned(owner, "name a struct"))?;
    let name = match name {
        Some(name) => name.value(),
        None => snake_case(&plain(&ident)),
    };
    check_name(&name).map_err(|why| Error::new(ident.span(), why))?;
    let (mut operations, mut errors) = (Vec::new(), Vec::new());
    for item in &block.items {
        let ImplItem::Fn(method) = item else { continue };
        match Operation::of(method, owner) {
            Ok(operation) => operations.extend(operation),
            Err(error) => errors.push(error),
        }
    }
    if operations.is_empty() && errors.is_empty() {
        let message = "there is no operation here; each method with `&mut self` or `&self` is one";
        return Err(Error::new_spanned(owner, message));
    }
    if let Some(error) = combined(errors) {
        return Err(error);
    }
    let handle = format_ident!("{ident}Operations");
    let methods = operations.iter().map(Operation::method);
    let arms = operations.iter().map(|operation| operation.arm(owner));
    let listed = operations.iter().map(Operation::listed);
    let about = format!("The operations of [`{ident}`], for one who calls them.");
    Ok(quote! {
        #block
        const _: () = {
            #[doc = #about]
            #[derive(::core::clone::Clone, ::core::fmt::Debug)]
            pub struct #handle<Caller>(::reenact::attributes::EntityTarget<Caller>);

            impl<Caller> ::reenact::attributes::EntityOperations<Caller> for #handle<Caller> {
                fn of(target: ::reenact::attributes::EntityTarget<Caller>) -> Self {
                    Self(target)
                }

                fn target(&self) -> &::reenact::attributes::EntityTarget<Caller> {
                    &self.0
                }
            }

            #[allow(
                dead_code,
                private_interfaces,
                clippy::missing_errors_doc,
                clippy::must_use_candidate,
                clippy::too_many_arguments
            )]
            impl<Caller: ::reenact::attributes::EntityCaller> #handle<Caller> {
                #(#methods)*
            }

            impl ::reenact::Entity for #owner {
                const NAME: &'static str = #name;
                const OPERATIONS: &'static [(&'static str, bool)] = &[#(#listed),*];
                type Operations<Caller: ::reenact::attributes::EntityCaller> = #handle<Caller>;

                #[allow(clippy::unused_async, clippy::let_unit_value)]
                async fn operate(
                    &mut self,
                    operation: ::reenact::attributes::Operation,
                    ctx: ::reenact::EntityContext,
                ) -> ::reenact::attributes::Outcome {
                    let _ = &ctx;
                    match operation.name() {
                        #(#arms)*
                        _ => operation.unknown(),
                    }
                }
            }
        };
    })
}

/// A method that is an operation.
struct Operation<'a> {
    method: &'a ImplItemFn,
    reads: bool,
    takes_context: bool,
    names: Vec<Ident>,
    types: Vec<TokenStream>,
    answer: TokenStream,
    /// What a `Result` is refused with.
    refusal: Option<TokenStream>,
}

impl<'a> Operation<'a> {
    /// `None` of a function without `self`, which stays as it is.
    fn of(method: &'a ImplItemFn, owner: &Type) -> Result<Option<Self>, Error> {
        let signature = &method.sig;
        let Some(receiver) = signature.receiver() else { return Ok(None) };
        let reads = match &receiver.kind {
            ReceiverKind::Reference(_, _, mutability) => mutability.is_none(),
            _ => {
                let message =
                    "the entity keeps its state: take `&mut self`, or `&self` to read only";
                return Err(Error::new_spanned(receiver, message));
            }
        };
        check_form(method)?;
        let arguments = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(argument) => Some(argument),
            FnArg::Receiver(_) => None,
        });
        let mut arguments: Vec<_> = arguments.collect();
        let takes_context = arguments.first().is_some_and(|first| is_context(first));
        if takes_context {
            arguments.remove(0);
        }
        check_arguments(&arguments)?;
        let names = arguments.iter().enumerate().map(|(at, argument)| match &*argument.pat {
            Pat::Ident(pattern) => pattern.ident.clone(),
            _ => format_ident!("argument_{at}"),
        });
        let types = arguments.iter().map(|argument| of_owner(&*argument.ty, owner)).collect();
        let (answer, refusal) = returned(method, owner)?;
        let names = names.collect();
        Ok(Some(Self { method, reads, takes_context, names, types, answer, refusal }))
    }

    fn name(&self) -> String {
        plain(&self.method.sig.ident)
    }

    /// As callers have it.
    fn method(&self) -> TokenStream {
        let Self { names, types, answer, .. } = self;
        let (ident, name) = (&self.method.sig.ident, self.name());
        let Attributes { documentation, everywhere, .. } = Attributes::sort(&self.method.attrs);
        let refusal = match &self.refusal {
            Some(refusal) => refusal.clone(),
            None => quote!(::reenact::NoRefusal),
        };
        quote! {
            #(#documentation)*
            #(#everywhere)*
            pub fn #ident(&self, #(#names: #types),*) -> Caller::Call<#answer, #refusal> {
                self.0.call(#name, &(#(#names,)*))
            }
        }
    }

    /// Does it.
    fn arm(&self, owner: &Type) -> TokenStream {
        let Self { names, types, .. } = self;
        let (ident, name) = (&self.method.sig.ident, self.name());
        let conditions = conditions(&self.method.attrs);
        let context = self.takes_context.then(|| quote!(ctx,));
        let awaited = self.method.sig.asyncness.is_some().then(|| quote!(.await));
        let outcome = match self.refusal {
            Some(_) => quote!(::reenact::attributes::Outcome::of(&returned)),
            None => quote!(::reenact::attributes::Outcome::done(&returned)),
        };
        quote! {
            #(#conditions)*
            #name => {
                let (#(#names,)*) = match operation.arguments::<(#(#types,)*)>() {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(outcome) => return outcome,
                };
                let returned = <#owner>::#ident(self, #context #(#names),*) #awaited;
                #outcome
            }
        }
    }

    fn listed(&self) -> TokenStream {
        let (name, reads) = (self.name(), self.reads);
        let conditions = conditions(&self.method.attrs);
        quote!(#(#conditions)* (#name, #reads))
    }
}

fn check_form(method: &ImplItemFn) -> Result<(), Error> {
    let signature = &method.sig;
    let name = plain(&signature.ident);
    let mut errors = Vec::new();
    if OF_EVERY_HANDLE.contains(&&*name) {
        let message =
            format!("every entity has a `{name}` of its own; give the operation another name");
        errors.push(Error::new_spanned(&signature.ident, message));
    }
    if !signature.generics.params.is_empty() {
        let message =
            "an operation takes no generics: its name stands for its types; write out the types";
        errors.push(Error::new_spanned(&signature.generics, message));
    }
    if signature.constness.is_some()
        || signature.abi.is_some()
        || !matches!(signature.safety, syn::Safety::Default)
    {
        let message = "an operation is a plain `fn` or `async fn`";
        errors.push(Error::new_spanned(&signature.ident, message));
    }
    if signature.asyncness.is_some() {
        // What awaits is run again at replay.
        errors.extend(determinism::check(&method.block, &[]).err());
    }
    combined(errors).map_or(Ok(()), Err)
}

fn check_arguments(arguments: &[&PatType]) -> Result<(), Error> {
    let mut errors = Vec::new();
    for argument in arguments {
        if is_context(argument) {
            let message = "take the context first: `ctx: EntityContext`";
            errors.push(Error::new_spanned(&argument.ty, message));
        } else if is_named(&argument.ty, "OrchestrationContext")
            || is_named(&argument.ty, "ActivityContext")
        {
            let message = "an operation takes `ctx: EntityContext`";
            errors.push(Error::new_spanned(&argument.ty, message));
        } else {
            errors.extend(check_stored("arguments", &argument.ty).err());
        }
    }
    if let Some(more) = arguments.get(MAX_ARGUMENTS) {
        let message = format!("an operation has {MAX_ARGUMENTS} arguments at most; take a struct");
        errors.push(Error::new_spanned(more, message));
    }
    combined(errors).map_or(Ok(()), Err)
}

/// What it returns, and what it is refused with.
fn returned(
    method: &ImplItemFn,
    owner: &Type,
) -> Result<(TokenStream, Option<TokenStream>), Error> {
    let ReturnType::Type(_, declared) = &method.sig.output else { return Ok((quote!(()), None)) };
    check_stored("answers", declared)?;
    let Some(result) = last_segment(declared).filter(|last| last.ident == "Result") else {
        return Ok((of_owner(&**declared, owner), None));
    };
    match *type_arguments(result) {
        [answer, refusal] => Ok((of_owner(answer, owner), Some(of_owner(refusal, owner)))),
        _ => {
            let message = "write out both types, `Result<T, E>`: callers get either";
            Err(Error::new_spanned(declared, message))
        }
    }
}

fn is_context(argument: &PatType) -> bool {
    is_named(&argument.ty, "EntityContext")
}

/// A type as it is written outside of the `impl` block: without `Self`.
fn of_owner(ty: impl ToTokens, owner: &Type) -> TokenStream {
    fn replaced(tokens: TokenStream, owner: &TokenStream) -> TokenStream {
        let replace = |token| match token {
            TokenTree::Ident(ident) if ident == "Self" => owner.clone(),
            TokenTree::Group(group) => {
                let mut new = Group::new(group.delimiter(), replaced(group.stream(), owner));
                new.set_span(group.span());
                TokenTree::Group(new).into()
            }
            other => other.into(),
        };
        tokens.into_iter().flat_map(replace).collect()
    }
    replaced(ty.to_token_stream(), &owner.to_token_stream())
}

/// Whether it is there at all.
fn conditions(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"))
}

fn plain(ident: &Ident) -> String {
    use syn::ext::IdentExt;
    ident.unraw().to_string()
}

/// `BankAccount` is stored as `bank_account`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut before = None::<char>;
    for c in name.chars() {
        if c.is_uppercase()
            && before.is_some_and(|before| before.is_lowercase() || before.is_numeric())
        {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
        before = Some(c);
    }
    snake
}

#[cfg(test)]
mod tests;
