//! An execution that continues as new begins a trace of its own, which is linked to the one before, and that to it.

use reenact::prelude::*;
use reenact::{HostBuilder, InMemory, InstanceState, TraceContext};

use crate::collector::{Span, collect, of_instance};

#[orchestration]
async fn counts(ctx: OrchestrationContext, n: u32) -> Result<u32, OrchestrationError> {
    if n == 1 { Ok(n) } else { ctx.continue_as_new(counts, n - 1) }
}

/// Waits for an event before each step.
#[orchestration]
async fn steps(ctx: OrchestrationContext, n: u32) -> Result<u32, OrchestrationError> {
    ctx.wait_external::<()>("Step").await?;
    if n == 1 { Ok(n) } else { ctx.continue_as_new(steps, n - 1) }
}

fn host() -> HostBuilder {
    Host::builder().orchestration(counts).orchestration(steps)
}

/// Each execution is linked to the one before it, and to the one after it.
fn assert_linked(executions: &[Span]) {
    for pair in executions.windows(2) {
        let [before, after] = pair else { unreachable!("two of them") };
        assert_ne!(before.trace, after.trace);
        let links = |from: &Span, to: &Span| {
            from.linked().iter().any(|(trace, id, _)| (*trace, *id) == (&*to.trace, &*to.id))
        };
        assert!(links(before, after), "{executions:#?}");
        assert!(links(after, before), "{executions:#?}");
    }
}

#[tokio::test]
async fn each_execution_has_a_trace_and_the_traces_are_linked() {
    collect();
    let host = host().provider(InMemory::new()).start().await.unwrap();
    let caller = TraceContext::new([7; 16], [8; 8], 1).unwrap();
    let started = host.start_new(counts, 3).id("counts").trace_context(caller).await.unwrap();
    assert_eq!(started.result().await.unwrap(), 1);
    host.shutdown().await.unwrap();
    let executions = of_instance("counts");
    let [first, second, third] = &executions[..] else { panic!("three: {executions:#?}") };
    assert_eq!((&first.trace, &first.parent), (&"07".repeat(16), &"08".repeat(8)));
    assert_eq!((&*second.parent, &*third.parent), ("", ""));
    assert_linked(&executions);
}

#[tokio::test]
async fn without_a_caller_the_traces_are_linked_as_well() {
    collect();
    let host = host().provider(InMemory::new()).start().await.unwrap();
    let started = host.start_new(counts, 3).id("counts alone").await.unwrap();
    assert_eq!(started.result().await.unwrap(), 1);
    host.shutdown().await.unwrap();
    let executions = of_instance("counts alone");
    assert_eq!(executions.len(), 3, "{executions:#?}");
    assert_linked(&executions);
}

/// The log of an execution that continues in a trace is read again.
#[tokio::test]
async fn a_trace_goes_on_through_executions_and_restarts() {
    collect();
    let store = InMemory::new();
    let first = host().provider(store.clone()).start().await.unwrap();
    let caller = TraceContext::new([9; 16], [8; 8], 1).unwrap();
    let started = first.start_new(steps, 3).id("steps").trace_context(caller).await.unwrap();
    started.raise_event("Step", ()).await.unwrap();
    while of_instance("steps").len() < 2 {
        tokio::task::yield_now().await;
    }
    first.shutdown().await.unwrap();
    let second = host().provider(store).start().await.unwrap();
    let counted = second.instance::<u32>("steps");
    counted.raise_event("Step", ()).await.unwrap();
    counted.raise_event("Step", ()).await.unwrap();
    assert_eq!(counted.result().await.unwrap(), 1);
    second.shutdown().await.unwrap();
    let mut executions = of_instance("steps");
    executions.retain(|span| span.name.starts_with("orchestration:"));
    assert_eq!(executions.len(), 3, "{executions:#?}");
    assert_linked(&executions);
}

/// Commands come to another host through its queue, each with a key in the log: it continues by one of them.
#[tokio::test]
async fn an_execution_that_continues_by_a_command_from_another_host_is_linked_as_well() {
    collect();
    let store = InMemory::new().with_shards(4).shared();
    let build = || host().provider(store.clone()).start();
    let (north, south) = (build().await.unwrap(), build().await.unwrap());
    for n in 0..8 {
        let id = format!("resumed {n}");
        let caller = TraceContext::new([0x90 + n; 16], [8; 8], 1).unwrap();
        let started = north.start_new(steps, 2).id(&*id).trace_context(caller).await.unwrap();
        south.suspend(&*id, "a pause").await.unwrap();
        while started.status().await.unwrap().state != InstanceState::Suspended {
            tokio::task::yield_now().await;
        }
        started.raise_event("Step", ()).await.unwrap();
        south.resume(&*id).await.unwrap();
        started.raise_event("Step", ()).await.unwrap();
        assert_eq!(started.result().await.unwrap(), 1);
    }
    north.shutdown().await.unwrap();
    south.shutdown().await.unwrap();
    for n in 0..8 {
        let mut executions = of_instance(&format!("resumed {n}"));
        executions.retain(|span| span.name.starts_with("orchestration:"));
        assert_eq!(executions.len(), 2, "{executions:#?}");
        assert_linked(&executions);
    }
}
