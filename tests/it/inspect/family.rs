//! Parents and children, chains of failures, and timelines, through a host.

use std::time::Duration;

use crate::kit::{guard, id, options, store};
use reenact::inspect::{ChildEnd, FailedCall, SpanEnd, SpanKind, TreeNode};
use reenact::prelude::*;
use reenact::{Error, ErrorKind, InstanceState};

/// Calls children that call children, three generations deep; the last one fails where it is to.
#[orchestration]
async fn nested(
    ctx: OrchestrationContext,
    (depth, fails): (u32, bool),
) -> Result<u64, OrchestrationError> {
    if depth == 0 {
        return Ok(ctx.call_activity(pay, fails).await?);
    }
    let child = ChildOptions::new().id(format!("generation-{depth}"));
    Ok(ctx.call_orchestration(nested.with(child), (depth - 1, fails)).await?)
}

#[activity]
async fn pay(_ctx: ActivityContext, fails: bool) -> Result<u64, ActivityError> {
    match fails {
        true => Err(ActivityError::fatal("the card was declined")),
        false => Ok(7),
    }
}

/// Calls so many children that wait, one after the other is answered by its own event.
#[orchestration]
async fn many(ctx: OrchestrationContext, children: u32) -> Result<(), OrchestrationError> {
    let children: Vec<_> = (0..children).map(|_| ctx.schedule_orchestration(waits, ())).collect();
    for child in children {
        child.await?;
    }
    Ok(())
}

#[orchestration]
async fn waits(ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    Ok(ctx.wait_external::<()>("Go").await?)
}

async fn host() -> Host {
    let (memory, _clock) = store();
    let host = Host::builder().provider(memory).options(options());
    let host = host.orchestration(nested).orchestration(many).orchestration(waits).activity(pay);
    host.start().await.unwrap()
}

/// Purges an instance, once all others have its messages.
async fn purge(host: &Host, id: &str) {
    guard(async {
        while let Err(error) = host.purge(id).await {
            assert_eq!(error.kind(), ErrorKind::NotYet, "{error}");
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// It and those below it, each before its own.
fn line(node: &TreeNode) -> Vec<(&str, Option<InstanceState>)> {
    let mut all = vec![(node.instance.as_str(), node.state)];
    all.extend(node.children.iter().flat_map(line));
    all
}

#[tokio::test]
async fn a_tree_has_the_parents_above_and_the_children_below() {
    let host = host().await;
    guard(host.start_new(nested, (3, false)).id("top").await.unwrap().result()).await.unwrap();
    let whole = host.tree("top", 9, 99).await.unwrap();
    let done = Some(InstanceState::Completed);
    let known = ["top", "generation-3", "generation-2", "generation-1"].map(|id| (id, done));
    assert_eq!(line(&whole.instance), known);
    assert!(whole.ancestors.is_empty() && !whole.is_cut);
    let call = whole.instance.children[0].call.as_ref().unwrap();
    assert_eq!((call.end, call.name.as_str()), (ChildEnd::Completed, "nested"));

    let middle = host.tree("generation-2", 9, 99).await.unwrap();
    let above: Vec<_> = middle.ancestors.iter().map(|one| one.instance.as_str()).collect();
    assert_eq!(above, ["top", "generation-3"]);
    assert_eq!(line(&middle.instance), known[2..]);

    for (depth, limit, shown) in [(0, 99, 1), (1, 99, 2), (9, 2, 2), (9, 0, 1)] {
        let cut = host.tree("top", depth, limit).await.unwrap();
        assert_eq!(line(&cut.instance), known[..shown], "depth {depth}, {limit} instances");
        assert!(cut.is_cut);
    }
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_tree_with_more_children_than_are_shown_counts_them() {
    let host = host().await;
    guard(host.start_new(many, 20).id("many")).await.unwrap();
    let tree = host.tree("many", 1, 6).await.unwrap();
    assert_eq!((tree.instance.started, tree.instance.children.len()), (Some(20), 5));
    assert!(tree.is_cut);
    let all = host.tree("many", 1, 99).await.unwrap();
    assert_eq!(all.instance.children.len(), 20);
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_parent_that_is_gone_is_named_and_a_child_that_is_gone_too() {
    let host = host().await;
    guard(host.start_new(nested, (2, false)).id("top").await.unwrap().result()).await.unwrap();
    purge(&host, "top").await;
    purge(&host, "generation-1").await;
    let tree = host.tree("generation-2", 9, 99).await.unwrap();
    assert_eq!(tree.ancestors[0].instance, id("top"));
    assert!(tree.ancestors[0].summary.is_none());
    assert_eq!(line(&tree.instance)[1], ("generation-1", None));
    assert!(matches!(host.tree("top", 1, 9).await, Err(Error::NotFound { .. })));
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_chain_of_failures_goes_down_to_the_activity_that_failed_first() {
    let host = host().await;
    guard(host.start_new(nested, (2, true)).id("top").await.unwrap().result()).await.unwrap_err();
    let chain = host.failure_chain("top").await.unwrap();
    let instances: Vec<_> = chain.iter().map(|link| link.instance.as_str()).collect();
    assert_eq!(instances, ["top", "generation-2", "generation-1"]);
    for (link, next) in chain.iter().zip(&chain[1..]) {
        assert_eq!(link.state, Some(InstanceState::Failed));
        let cause = link.cause.as_ref().unwrap();
        let FailedCall::Child { error, .. } = &cause.what else { panic!("{cause:?}") };
        assert!(cause.is_named && error.to_string().contains(next.instance.as_str()));
    }
    let last = chain[2].cause.as_ref().unwrap();
    let FailedCall::Activity { name, error, .. } = &last.what else { panic!("{last:?}") };
    assert_eq!((name.as_str(), error.message()), ("pay", "the card was declined"));

    // Of what is gone, its parent knows.
    purge(&host, "generation-1").await;
    let chain = host.failure_chain("top").await.unwrap();
    assert_eq!((chain.len(), chain[2].state), (3, None));
    assert!(chain[2].message.contains("the card was declined"), "{:?}", chain[2]);
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_has_not_failed_has_no_chain_and_what_was_terminated_has_its_reason() {
    let host = host().await;
    guard(host.start_new(waits, ()).id("waits")).await.unwrap();
    assert!(host.failure_chain("waits").await.unwrap().is_empty());
    guard(host.terminate("waits", "no longer wanted")).await.unwrap();
    let chain = host.failure_chain("waits").await.unwrap();
    assert_eq!((chain.len(), &*chain[0].message, chain[0].kind), (1, "no longer wanted", None));
    assert!(matches!(host.failure_chain("nobody").await, Err(Error::NotFound { .. })));
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_timeline_has_what_an_instance_did_and_for_how_long() {
    let host = host().await;
    guard(host.start_new(nested, (1, false)).id("top").await.unwrap().result()).await.unwrap();
    let top = host.timeline("top", 0, 100).await.unwrap();
    let [child] = &top.timeline.spans[..] else { panic!("{top:?}") };
    assert_eq!((child.kind, child.outcome), (SpanKind::Child, SpanEnd::Completed));
    assert_eq!(child.instance, Some(id("generation-1")));
    assert_eq!(top.timeline.running, Duration::ZERO, "it only waited");

    let below = host.timeline("generation-1", 0, 100).await.unwrap();
    let [paid] = &below.timeline.spans[..] else { panic!("{below:?}") };
    assert_eq!((paid.kind, paid.attempts.len()), (SpanKind::Activity, 1));
    assert_eq!(below.timeline.ended_at, paid.end);
    assert!(host.timeline("top", 999, 100).await.unwrap().timeline.spans.is_empty());
    assert!(matches!(host.timeline("nobody", 0, 1).await, Err(Error::NotFound { .. })));
    host.shutdown().await.unwrap();
}
