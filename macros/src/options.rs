//! Parses the arguments in the parentheses of an attribute.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{Error, Ident, LitStr, Path};

use crate::determinism::{self, Rule};
use crate::kind::Kind;

/// Bytes of the longest name, as in `reenact::limits::MAX_NAME_BYTES`.
const MAX_NAME_BYTES: usize = 128;

/// Bytes of the longest version, as in `reenact::limits::MAX_VERSION_BYTES`.
const MAX_VERSION_BYTES: usize = 64;

/// The options as the user wrote them.
#[derive(Default)]
pub(crate) struct Options {
    name: Option<LitStr>,
    version: Option<LitStr>,
    allow: Option<Vec<&'static Rule>>,
    events: Option<Vec<Path>>,
    updates: Option<Vec<DeclaredUpdate>>,
    blocking: Option<()>,
}

impl Options {
    pub(crate) fn parse(kind: Kind, tokens: TokenStream) -> Result<Self, Error> {
        let mut options = Self::default();
        syn::meta::parser(|option| options.take(kind, &option)).parse2(tokens)?;
        Ok(options)
    }

    /// The name to store: the one given, or else the function's own.
    pub(crate) fn name(&self, function: &Ident) -> Result<String, Error> {
        self.name_or(|| function.unraw().to_string(), function)
    }

    /// The name to store: the one given, or else that of its place.
    pub(crate) fn name_or(
        &self,
        default: impl FnOnce() -> String,
        function: &Ident,
    ) -> Result<String, Error> {
        let (name, span) = match &self.name {
            Some(name) => (name.value(), name.span()),
            None => (default(), function.span()),
        };
        check_name(&name, span)?;
        Ok(name)
    }

    /// The version, if one is given.
    pub(crate) fn version(&self) -> Result<Option<String>, Error> {
        let checked = self.version.as_ref().map(|version| {
            check_version(&version.value(), version.span()).map(|()| version.value())
        });
        checked.transpose()
    }

    /// The rules of determinism that do not hold for this function.
    pub(crate) fn allowed(&self) -> &[&'static Rule] {
        self.allow.as_deref().unwrap_or_default()
    }

    /// The names of the events that it takes, if it says so.
    pub(crate) fn events(&self) -> Option<&[Path]> {
        self.events.as_deref()
    }

    /// The names of the updates that it takes, if it says so.
    pub(crate) fn updates(&self) -> Option<&[DeclaredUpdate]> {
        self.updates.as_deref()
    }

    /// Whether it blocks its thread, an activity.
    pub(crate) fn is_blocking(&self) -> bool {
        self.blocking.is_some()
    }

    fn take(&mut self, kind: Kind, option: &ParseNestedMeta<'_>) -> Result<(), Error> {
        if option.path.is_ident("name") {
            set_once(&mut self.name, literal(option, NAME_HELP)?, option)
        } else if option.path.is_ident("version") && kind == Kind::Orchestration {
            set_once(&mut self.version, literal(option, VERSION_HELP)?, option)
        } else if option.path.is_ident("allow") && kind == Kind::Orchestration {
            set_once(&mut self.allow, allowed_rules(option)?, option)
        } else if option.path.is_ident("events") && kind == Kind::Orchestration {
            set_once(&mut self.events, declared(option, EVENTS_HELP)?, option)
        } else if option.path.is_ident("updates") && kind == Kind::Orchestration {
            set_once(&mut self.updates, declared(option, UPDATES_HELP)?, option)
        } else if option.path.is_ident("blocking") && kind == Kind::Activity {
            set_once(&mut self.blocking, without_value(option)?, option)
        } else {
            Err(option.error(unknown_option(kind, &option.path)))
        }
    }
}

fn set_once<T>(place: &mut Option<T>, value: T, option: &ParseNestedMeta<'_>) -> Result<(), Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new_spanned(
            &option.path,
            format!("`{}` is given twice; leave one out", determinism::path_text(&option.path)),
        )),
    }
}

const NAME_HELP: &str = "the name is stored, so it must be a string literal: `name = \"…\"`";

const VERSION_HELP: &str =
    "the version is stored, so it must be a string literal: `version = \"1.0.0\"`";

fn literal(option: &ParseNestedMeta<'_>, help: &str) -> Result<LitStr, Error> {
    let value = option.value().map_err(|_| option.error(help))?;
    value.parse().map_err(|at: Error| Error::new(at.span(), help))
}

fn without_value(option: &ParseNestedMeta<'_>) -> Result<(), Error> {
    match option.input.is_empty() || option.input.peek(syn::Token![,]) {
        true => Ok(()),
        false => Err(option.error("`blocking` takes no value: `#[activity(blocking)]`")),
    }
}

fn allowed_rules(option: &ParseNestedMeta<'_>) -> Result<Vec<&'static Rule>, Error> {
    let mut rules = Vec::new();
    if !option.input.peek(syn::token::Paren) {
        return Err(option.error("say what to allow: `allow(tokio::time)`"));
    }
    option.parse_nested_meta(|rule| {
        rules.push(rule_named(&rule.path)?);
        Ok(())
    })?;
    Ok(rules)
}

const EVENTS_HELP: &str = "say which events it takes, each a constant: `events(PACKED, CANCELLED)`";

const UPDATES_HELP: &str = "say which updates it takes, each a constant, perhaps with a function that checks \
                            it: `updates(ADD, PAY if can_pay)`";

/// An update that is declared: its name, and the function that checks it.
pub(crate) struct DeclaredUpdate {
    name: Path,
    check: Option<Path>,
}

/// What stands in the parentheses of a declaration.
trait Declared: Sized {
    fn parse(input: syn::parse::ParseStream<'_>) -> Result<Self, Error>;
}

impl Declared for Path {
    fn parse(input: syn::parse::ParseStream<'_>) -> Result<Self, Error> {
        Self::parse_mod_style(input)
    }
}

impl Declared for DeclaredUpdate {
    fn parse(input: syn::parse::ParseStream<'_>) -> Result<Self, Error> {
        let name = Path::parse_mod_style(input)?;
        let is_checked = input.parse::<Option<syn::Token![if]>>()?.is_some();
        let check = is_checked.then(|| Path::parse_mod_style(input)).transpose()?;
        Ok(Self { name, check })
    }
}

impl quote::ToTokens for DeclaredUpdate {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let name = &self.name;
        tokens.extend(match &self.check {
            None => quote::quote!(#name.declared()),
            Some(check) => quote::quote! {
                #name.declared_with(|request, published| #name.check(request, published, #check))
            },
        });
    }
}

fn declared<T: Declared>(option: &ParseNestedMeta<'_>, help: &str) -> Result<Vec<T>, Error> {
    if !option.input.peek(syn::token::Paren) {
        return Err(option.error(help));
    }
    let content;
    let parenthesis = syn::parenthesized!(content in option.input);
    let declared = content
        .parse_terminated(T::parse, syn::Token![,])
        .map_err(|at| Error::new(at.span(), help))?;
    match declared.is_empty() {
        true => Err(Error::new(parenthesis.span.join(), help)),
        false => Ok(declared.into_iter().collect()),
    }
}

fn rule_named(path: &Path) -> Result<&'static Rule, Error> {
    let name = determinism::path_text(path);
    determinism::RULES.iter().find(|rule| rule.name == name).ok_or_else(|| {
        let known: Vec<_> = determinism::RULES.iter().map(|rule| rule.name).collect();
        let message = format!("there is no rule `{name}`; the rules are {}", known.join(", "));
        Error::new_spanned(path, message)
    })
}

fn unknown_option(kind: Kind, path: &Path) -> String {
    let name = determinism::path_text(path);
    match kind {
        Kind::Activity if name == "allow" => {
            "`allow` is an option of `#[orchestration]` only: an activity may do anything".into()
        }
        Kind::Activity if name == "version" => {
            "`version` is an option of `#[orchestration]` only: an activity that changes so that old \
             calls do not fit gets another name"
                .into()
        }
        Kind::Activity if name == "events" => {
            "`events` is an option of `#[orchestration]` only: activities take no events".into()
        }
        Kind::Activity if name == "updates" => {
            "`updates` is an option of `#[orchestration]` only: activities take no updates".into()
        }
        Kind::Activity => {
            format!("unknown option `{name}`; `#[activity]` takes `name = \"…\"` and `blocking`")
        }
        Kind::Orchestration if name == "blocking" => {
            "`blocking` is an option of `#[activity]` only: put what blocks into an activity, and call that"
                .into()
        }
        Kind::Orchestration => format!(
            "unknown option `{name}`; `#[orchestration]` takes `name = \"…\"`, \
             `version = \"…\"`, `events(…)`, `updates(…)` and `allow(…)`"
        ),
    }
}

fn check_version(version: &str, span: Span) -> Result<(), Error> {
    if version.len() > MAX_VERSION_BYTES {
        let bytes = version.len();
        let message =
            format!("the version has {bytes} bytes; at most {MAX_VERSION_BYTES} are allowed");
        return Err(Error::new(span, message));
    }
    semver::Version::parse(version).map(drop).map_err(|why| {
        let message =
            format!("`{version}` is not a version: {why}; give three numbers, such as `1.2.0`");
        Error::new(span, message)
    })
}

fn check_name(name: &str, span: Span) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::new(span, "the name is empty; give it at least one character"));
    }
    if name.len() > MAX_NAME_BYTES {
        let message =
            format!("the name has {} bytes; at most {MAX_NAME_BYTES} are allowed", name.len());
        return Err(Error::new(span, message));
    }
    match name.chars().find(|c| c.is_control()) {
        None => Ok(()),
        Some(c) => {
            let message = format!("the name has the control character {c:?}; leave it out");
            Err(Error::new(span, message))
        }
    }
}
