//! An execution that continues as new begins a trace of its own, which is linked to the one before.

use reenact::prelude::*;
use reenact::{InMemory, TraceContext};

use crate::collector::{NO_PARENT, collect, of_instance};

#[orchestration]
async fn counts(ctx: OrchestrationContext, n: u32) -> Result<u32, OrchestrationError> {
    if n == 1 { Ok(n) } else { ctx.continue_as_new(counts, n - 1) }
}

#[tokio::test]
async fn each_execution_has_a_trace_and_the_traces_are_linked() {
    collect(false);
    let host =
        Host::builder().provider(InMemory::new()).orchestration(counts).start().await.unwrap();
    let caller = TraceContext::new([7; 16], [8; 8], 1).unwrap();
    let started = host.start_new(counts, 2).id("counts").trace_context(caller).await.unwrap();
    assert_eq!(started.result().await.unwrap(), 1);
    host.shutdown().await.unwrap();
    let executions = of_instance("counts");
    let [first, second] = &executions[..] else { panic!("two executions: {executions:#?}") };
    let seven = "07".repeat(16);
    assert_eq!((&first.trace, &first.parent), (&seven, &"08".repeat(8)));
    assert_ne!(second.trace, seven);
    assert_eq!(second.parent, NO_PARENT);
    // Each links to the other.
    assert_eq!(second.linked, seven);
    assert_eq!(first.linked, second.trace);
}
