//! Who started an instance and whom it started, as a tree; and its failure with the chain of causes across children.

use maud::{Markup, html};
use reenact_actors::inspect::{FailedCall, FailureLink, InstanceTree, TreeNode};

use super::super::page::Page;
use super::super::parts::{self, Card, time};
use crate::dto::StateText;

/// The card with the tree; nothing when the instance is alone.
pub(super) fn card(tree: &InstanceTree) -> Markup {
    if tree.ancestors.is_empty() && tree.instance.children.is_empty() {
        return html! {};
    }
    let aside = html! { @if tree.is_cut { span.quiet.small { "there are more than are shown" } } };
    Card { id: "tree", title: "Family", live: true, aside: Some(aside) }.around_text(html! {
        ul.tree {
            @for ancestor in &tree.ancestors {
                li {
                    span.quiet { "started by " } (parts::instance(ancestor.instance.as_str())) " "
                    @match &ancestor.summary {
                        Some(summary) => { (parts::state(&StateText(summary.state).name())) " " span.quiet { (summary.name) } },
                        None => span.quiet { "purged" },
                    }
                }
            }
            (node(&tree.instance, true))
        }
    })
}

fn node(of: &TreeNode, is_here: bool) -> Markup {
    html! {
        li data-node=(of.instance) {
            @if is_here { span.here { "this one" } " " } @else { (parts::instance(of.instance.as_str())) " " }
            @match of.state {
                Some(state) => (parts::state(&StateText(state).name())),
                None => span.quiet { "not there" },
            }
            " " span.quiet { (of.name) }
            @if let Some(call) = of.call.as_ref().filter(|call| call.attempt > 1) { span.quiet { ", attempt " (call.attempt) } }
            @if !of.children.is_empty() {
                ul { @for child in &of.children { (node(child, false)) } }
            }
            @if let Some(more) = of.started.map(|all| all.saturating_sub(of.children.len() as u64)).filter(|more| *more > 0) {
                ul { li.quiet { "and " (parts::grouped(more)) " more" } }
            }
        }
    }
}

/// The card with the failure and its causes; nothing without a failure.
pub(super) fn failure(page: &Page, chain: &[FailureLink]) -> Markup {
    if chain.is_empty() {
        return html! {};
    }
    let aside = html! { @if chain.len() > 1 { span.quiet.small { "down to the first cause" } } };
    Card { id: "failure", title: "Why it ended so", live: true, aside: Some(aside) }.around_text(
        html! {
            ol.chain { @for (nth, one) in chain.iter().enumerate() { (link(page, nth, one)) } }
        },
    )
}

fn link(page: &Page, nth: usize, one: &FailureLink) -> Markup {
    html! {
        li data-link=(one.instance) {
            @if nth > 0 { span.quiet { "because of " } (parts::instance(one.instance.as_str())) " " }
            @if let Some(state) = one.state { (parts::state(&StateText(state).name())) " " }
            span.quiet { (one.orchestration) @if let Some(at) = one.at { ", " (time::ago(at, page.now)) } }
            div.bad { (parts::text(&one.message)) }
            @for source in &one.sources { div.quiet { "caused by: " (parts::text(source)) } }
            @if let Some(cause) = &one.cause {
                @match &cause.what {
                    FailedCall::Activity { id, name, attempts, error } => div {
                        "at event " (cause.position) ": activity " b { (name) } " #" (id.0) " failed after "
                        (parts::count((*attempts).into(), "attempt", "attempts")) ": " (parts::text(&error.to_string()))
                    },
                    FailedCall::Child { id, name, .. } => div { "at event " (cause.position) ": child " b { (name) } " #" (id.0) " ended without a value" },
                    _ => {},
                }
                @if !cause.is_named { div.quiet.small { "This is the last failure before its end; the error does not name it." } }
            }
        }
    }
}
