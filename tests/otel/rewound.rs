//! A rewind stays in the trace, and a fork is linked to its original.

use reenact::prelude::*;
use reenact::{InMemory, TraceContext};

use crate::collector::{Span, assert_none_twice, collect, of_instance, one};

#[activity]
async fn pay(_ctx: ActivityContext, cents: u32) -> Result<u32, ActivityError> {
    Ok(cents)
}

/// Pays, and waits for an event that says whether all is well.
#[orchestration]
async fn pays(ctx: OrchestrationContext, cents: u32) -> Result<u32, OrchestrationError> {
    let paid = ctx.call_activity(pay, cents).await?;
    let is_well: bool = ctx.wait_external("Go").await?;
    if is_well { Ok(paid) } else { Err(OrchestrationError::new("not well")) }
}

async fn host() -> Host {
    collect();
    let host = Host::builder().provider(InMemory::new()).orchestration(pays).activity(pay);
    host.start().await.unwrap()
}

/// The place of the first event of a kind, once it is there.
async fn place_of(instance: &InstanceHandle<u32>, kind: &str) -> u64 {
    loop {
        let history = instance.history().await.unwrap();
        if let Some(found) = history.events().find(|event| event.event.kind().name() == kind) {
            return found.position;
        }
        tokio::task::yield_now().await;
    }
}

/// The spans of its executions, in their order.
fn executions(of: &[Span]) -> Vec<&Span> {
    of.iter().filter(|span| span.name == "orchestration:pays").collect()
}

#[track_caller]
fn assert_built_on(span: &Span, before: &Span, how: &str) {
    let link = (&*before.trace, &*before.id, &*format!("reenact.command={how},"));
    assert_eq!(span.linked(), [link]);
}

#[tokio::test]
async fn what_a_rewind_replaces_has_a_span_and_all_is_one_trace_without_a_caller() {
    let host = host().await;
    let rewound = host.start_new(pays, 7).id("rewound alone").await.unwrap();
    let paid = place_of(&rewound, "TaskCompleted").await;
    rewound.rewind(paid, "pay again").await.unwrap();
    place_of(&rewound, "TaskCompleted").await;
    rewound.rewind(paid, "and again").await.unwrap();
    rewound.raise_event("Go", true).await.unwrap();
    assert_eq!(rewound.result().await.unwrap(), 7);
    host.shutdown().await.unwrap();

    let spans = of_instance("rewound alone");
    assert_none_twice(&spans);
    assert!(spans.iter().all(|span| span.trace == spans[0].trace), "{spans:#?}");
    let [first, second, third] = executions(&spans)[..] else { panic!("three: {spans:#?}") };
    for replaced in [first, second] {
        assert!(replaced.attributes.contains("task.status=Rewound,"), "{replaced:#?}");
    }
    assert!(third.attributes.contains("task.status=Completed,"), "{third:#?}");
    assert_eq!(first.linked(), []);
    assert_built_on(second, first, "rewind");
    assert_built_on(third, second, "rewind");
    let last_paid = spans.iter().rfind(|span| span.name == "activity:pay").unwrap();
    assert_eq!(last_paid.parent, third.id);
}

#[tokio::test]
async fn an_execution_that_has_ended_has_no_other_span_when_it_is_rewound() {
    let host = host().await;
    let caller = TraceContext::new([0x81; 16], [0x82; 8], 1).unwrap();
    let rewound = host.start_new(pays, 7).id("failed, rewound").trace_context(caller);
    let rewound = rewound.await.unwrap();
    rewound.raise_event("Go", false).await.unwrap();
    rewound.result().await.unwrap_err();
    let paid = place_of(&rewound, "TaskCompleted").await;
    rewound.rewind(paid, "pay again").await.unwrap();
    rewound.result().await.unwrap_err();
    host.shutdown().await.unwrap();

    let spans = of_instance("failed, rewound");
    assert_none_twice(&spans);
    assert!(spans.iter().all(|span| span.trace == "81".repeat(16)), "{spans:#?}");
    let [first, second] = executions(&spans)[..] else { panic!("two: {spans:#?}") };
    assert!(first.attributes.contains("task.status=Failed,"), "{first:#?}");
    assert_eq!((&*first.parent, &*second.parent), ("8282828282828282", "8282828282828282"));
    assert_built_on(second, first, "rewind");
}

#[tokio::test]
async fn a_fork_has_a_trace_of_its_own_and_is_linked_to_its_original() {
    let host = host().await;
    let original = host.start_new(pays, 7).id("original").await.unwrap();
    place_of(&original, "TaskCompleted").await;
    let fork = original.fork("copied").await.unwrap();
    for instance in [&original, &fork] {
        instance.raise_event("Go", true).await.unwrap();
        assert_eq!(instance.result().await.unwrap(), 7);
    }
    host.shutdown().await.unwrap();
    let (original, fork) = (of_instance("original"), of_instance("copied"));
    let original = one(&original, "orchestration:pays", "");
    let fork = one(&fork, "orchestration:pays", "");
    assert_ne!(original.trace, fork.trace);
    assert_built_on(fork, original, "fork");
}
