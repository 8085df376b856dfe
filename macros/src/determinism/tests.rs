//! What the rules find, what they leave alone, and that every rule can be allowed.

use proc_macro2::TokenStream;
use quote::quote;

use super::*;

/// The rules that `body` breaks, with the path that breaks each.
fn broken(body: TokenStream) -> Vec<(&'static str, String)> {
    let found = paths_in(body);
    let broken = found.into_iter().filter_map(|found| {
        let rule = RULES.iter().find(|rule| rule.refuses(&found.path))?;
        Some((rule.name, found.path))
    });
    broken.collect()
}

fn source(text: &str) -> TokenStream {
    text.parse().expect("the source is made of tokens")
}

#[track_caller]
fn assert_refused(text: &str, rule: &str, path: &str) {
    assert_eq!(broken(source(text)), [(rule, path.to_owned())], "in `{text}`");
}

#[track_caller]
fn assert_accepted(text: &str) {
    assert_eq!(broken(source(text)), [], "in `{text}`");
}

#[test]
fn every_path_of_every_rule_is_refused_by_it() {
    for rule in RULES {
        for path in rule.paths {
            let call = match path.strip_suffix('!') {
                Some(name) => format!("{name}! {{ a = b => c }}"),
                // A rule for a whole crate: its bare name is any variable.
                None if !path.contains("::") => format!("{path}::anything()"),
                None => format!("{path}(x)"),
            };
            let names: Vec<_> = broken(source(&call)).into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, [rule.name], "in `{call}`");
        }
        for path in rule.except {
            assert_accepted(&format!("{path}::new(x)"));
        }
    }
}

#[test]
fn every_rule_can_be_allowed_and_no_rule_allows_another() {
    for rule in RULES {
        let path = rule.paths[0];
        let body = match path.contains('!') {
            true => format!("{{ {path} {{ a = b => c }} }}"),
            false => format!("{{ {path}::x(); }}"),
        };
        let body: Block = syn::parse_str(&body).expect("the body is a block");
        check(&body, &[rule]).expect("the rule is allowed");
        let others: Vec<_> = RULES.iter().filter(|other| *other != rule).collect();
        check(&body, &others).expect_err("only other rules are allowed");
    }
}

#[test]
fn every_rule_stands_in_the_documentation() {
    for rule in RULES {
        let documented = include_str!("../orchestration.md").contains(&format!("`{}`", rule.name));
        assert!(documented, "{} is missing in the table of `orchestration`", rule.name);
    }
}

#[test]
fn the_message_says_what_to_use_and_how_to_allow() {
    let body = syn::parse_quote!({
        tokio::time::sleep(limit).await;
    });
    let message = check(&body, &[]).expect_err("a sleep is refused").to_string();
    assert_eq!(
        message,
        "`tokio::time::sleep` is not deterministic; use `ctx.timer(..)`, or \
         `ctx.timeout(..)` for a time limit\n\
         where it is safe: `#[orchestration(allow(tokio::time))]`"
    );
}

#[test]
fn every_violation_is_reported() {
    let body = syn::parse_quote!({
        let id = Uuid::new_v4();
        let now = Instant::now();
    });
    let error = check(&body, &[]).expect_err("both are refused");
    let messages: Vec<_> = error.into_iter().map(|error| error.to_string()).collect();
    assert!(messages[0].starts_with("`Uuid::new_v4`"), "{messages:?}");
    assert!(messages[1].starts_with("`Instant::now`"), "{messages:?}");
    assert_eq!(messages.len(), 2);
}

#[test]
fn paths_are_found_wherever_they_stand() {
    for text in [
        "tokio::time::sleep(d).await",
        "::tokio::time::sleep(d).await",
        "join!(a, tokio::time::sleep(d))",
        "vec![f(tokio::time::sleep(d))]",
        "futures.map(|d| tokio::time::sleep(d))",
        "async fn inner() { tokio::time::sleep(d).await }",
        "match x { _ => ::tokio::time::sleep(d) }",
        "let all = 0..tokio::time::sleep(d);",
        "let f: fn() = tokio::time::sleep;",
        "use tokio::time::sleep;",
        "use tokio::{sync::mpsc, time::{Duration, sleep as nap}};",
        "macro_rules! nap { () => { tokio::time::sleep(d) } }",
    ] {
        assert_refused(text, "tokio::time", "tokio::time::sleep");
    }
    assert_refused("use tokio::time::{self, Duration};", "tokio::time", "tokio::time");
    assert_refused("use tokio::time::*;", "tokio::time", "tokio::time");
    assert_refused("tokio::time::timeout::<F>(d, f)", "tokio::time", "tokio::time::timeout");
    assert_refused("Vec::<tokio::time::Sleep>::new()", "tokio::time", "tokio::time::Sleep");
    assert_refused("use std::{fs, mem};", "std::fs", "std::fs");
}

#[test]
fn a_path_in_a_fragment_of_another_macro_is_found() {
    let fragment = source("rand::random");
    let group = proc_macro2::Group::new(proc_macro2::Delimiter::None, fragment);
    assert_eq!(broken(quote!(let x = #group();)), [("rand", "rand::random".to_owned())]);
}

#[test]
fn a_select_may_be_biased() {
    assert_accepted("tokio::select! { biased; a = b => c }");
    assert_accepted("select! { biased; a = b => c }");
    assert_accepted("futures::select_biased! { a = b => c }");
    assert_refused("tokio::select! { biased = b => c }", "tokio::select", "tokio::select!");
    assert_refused(
        "select! { biased; _ = tokio::time::sleep(d) => c }",
        "tokio::time",
        "tokio::time::sleep",
    );
    assert_refused("select! { _ = ctx.timer(d) => c }", "tokio::select", "select!");
}

#[test]
fn a_name_alone_is_not_held_against_anybody() {
    for text in [
        "ctx.now(); ctx.random(); ctx.timer(d).await",
        "let rand = 4; f(rand)",
        "Dice { rand: 4, time: ::core::mem::take(x) }",
        "match rand { rand if rand > 1 => {} _ => {} }",
        "let limit = std::time::Duration::from_secs(1);",
        "let limit = tokio::time::Duration::from_secs(1);",
        "use std::time::{Duration, Instant, SystemTime}; let t: Instant = x;",
        "use tokio::time::Duration as Wait;",
        "time::sleep(d).await; time::today()",
        "crate::rand::roll(); self::thread::spawn(); super::tokio::spawn(); my::thread::spawn()",
        "use crate::{rand::roll, thread::spawn};",
        "task::complete(x); thread::reply(x); Instant::parse(x); Uuid::nil(); Local::open(x)",
        "std::task::Poll::Ready(x)",
        "std::env!(\"HOME\"); env!(\"HOME\")",
        "if a != (b) { c } \"tokio::time::sleep\"",
        "randomly::choose(x); tokio::timeout; std::threads::x()",
        "let a: std::net::IpAddr = x.parse::<std::net::IpAddr>()?;",
        "'rand: loop { break 'rand }",
    ] {
        assert_accepted(text);
    }
}
