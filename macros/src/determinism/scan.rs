//! Paths in a stream of tokens.

use proc_macro2::{Delimiter, Group, Ident, Spacing, TokenStream, TokenTree};

/// A path of several segments, or the name of a macro.
pub(super) struct Found {
    /// `a::b::c`, or `a::b!`; with the whole prefix where it stands in a `use` tree.
    pub(super) path: String,
    /// The tokens of it that stand in one place.
    pub(super) tokens: TokenStream,
}

/// All paths in `tokens`, at any depth, in order. A `select!` that begins with `biased;` is left
/// out: it is deterministic.
pub(super) fn paths_in(tokens: TokenStream) -> Vec<Found> {
    let mut found = Vec::new();
    scan(tokens, &mut found);
    found
}

fn scan(tokens: TokenStream, found: &mut Vec<Found>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut rest = &tokens[..];
    while let [token, after @ ..] = rest {
        rest = match token {
            TokenTree::Ident(first) => scan_path("", first, after, found),
            TokenTree::Group(group) => {
                scan(group.stream(), found);
                after
            }
            _ => after,
        };
    }
}

/// The inside of `use prefix::{..}`, where every path goes on from `prefix`.
fn scan_use_tree(prefix: &str, tree: &Group, found: &mut Vec<Found>) {
    let tokens: Vec<_> = tree.stream().into_iter().collect();
    let mut rest = &tokens[..];
    while let [token, after @ ..] = rest {
        rest = match token {
            TokenTree::Ident(word) if word == "as" => after.get(1..).unwrap_or_default(),
            TokenTree::Ident(first) => scan_path(prefix, first, after, found),
            _ => after,
        };
    }
}

/// Notes the path that begins with `first`, and returns the tokens after it.
fn scan_path<'a>(
    prefix: &str,
    first: &Ident,
    mut rest: &'a [TokenTree],
    found: &mut Vec<Found>,
) -> &'a [TokenTree] {
    let mut path = join(prefix, first);
    let mut last = first;
    loop {
        match after_separator(rest) {
            Some([TokenTree::Ident(next), after @ ..]) => {
                path = join(&path, next);
                last = next;
                rest = after;
            }
            Some([TokenTree::Group(tree), after @ ..]) if tree.delimiter() == Delimiter::Brace => {
                scan_use_tree(&path, tree, found);
                return after;
            }
            _ => break,
        }
    }
    // The two ends are enough to mark the whole in a message.
    let tokens = TokenStream::from_iter([first, last].map(|end| TokenTree::from(end.clone())));
    match macro_arguments(rest) {
        Some(arguments) if last == "select" && begins_biased(arguments) => {}
        Some(_) => found.push(Found { path: format!("{path}!"), tokens }),
        None if path.contains("::") => found.push(Found { path, tokens }),
        None => {}
    }
    rest
}

fn join(prefix: &str, segment: &Ident) -> String {
    match prefix {
        "" => segment.to_string(),
        _ if segment == "self" => prefix.to_owned(),
        _ => format!("{prefix}::{segment}"),
    }
}

/// What follows a `::`.
fn after_separator(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    match tokens {
        [TokenTree::Punct(first), TokenTree::Punct(second), after @ ..]
            if first.as_char() == ':'
                && first.spacing() == Spacing::Joint
                && second.as_char() == ':' =>
        {
            Some(after)
        }
        _ => None,
    }
}

/// The arguments of a macro, after its name.
fn macro_arguments(tokens: &[TokenTree]) -> Option<&Group> {
    match tokens {
        [TokenTree::Punct(bang), TokenTree::Group(arguments), ..] if bang.as_char() == '!' => {
            Some(arguments)
        }
        _ => None,
    }
}

fn begins_biased(arguments: &Group) -> bool {
    let mut tokens = arguments.stream().into_iter();
    matches!(tokens.next(), Some(TokenTree::Ident(word)) if word == "biased")
        && matches!(tokens.next(), Some(TokenTree::Punct(end)) if end.as_char() == ';')
}
