//! What somebody asks of an instance that runs, in a trace of its own: the span of the execution is linked to it.

use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer};
use opentelemetry::{Context, global};
use reenact::prelude::*;
use reenact::{InMemory, TraceContext};

use crate::collector::{collect, of_instance, one};

#[orchestration]
async fn waits(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    Ok(ctx.wait_external::<String>("Go").await?)
}

/// Begins to wait for "Go", and waits anew after "Skip".
#[orchestration]
async fn changes_its_mind(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    let early = ctx.schedule_wait::<String>("Go");
    ctx.wait_external::<()>("Skip").await?;
    drop(early);
    Ok(ctx.wait_external::<String>("Go").await?)
}

fn request(id: u8) -> TraceContext {
    TraceContext::new([id; 16], [id; 8], 1).unwrap()
}

fn trace(id: u8) -> String {
    format!("{id:02x}").repeat(16)
}

#[tokio::test]
async fn the_execution_is_linked_to_those_who_suspend_resume_and_cancel_it() {
    collect();
    let host =
        Host::builder().provider(InMemory::new()).orchestration(waits).start().await.unwrap();
    let started = host.start_new(waits, ()).id("commanded").await.unwrap();
    started.suspend("a pause").trace_context(request(0x21)).await.unwrap();
    host.resume("commanded").trace_context(request(0x22)).await.unwrap();
    host.cancel("commanded", "enough").trace_context(request(0x23)).await.unwrap();
    started.result().await.unwrap_err();
    host.shutdown().await.unwrap();
    let spans = of_instance("commanded");
    let linked = one(&spans, "orchestration:waits", "").linked();
    let (first, second, third) = (trace(0x21), trace(0x22), trace(0x23));
    assert_eq!(
        linked.iter().map(|(trace, _, command)| (*trace, *command)).collect::<Vec<_>>(),
        [
            (&*first, "reenact.command=suspend,"),
            (&*second, "reenact.command=resume,"),
            (&*third, "reenact.command=cancel,"),
        ]
    );
}

#[tokio::test]
async fn the_current_span_is_the_trace_of_a_termination() {
    collect();
    let host =
        Host::builder().provider(InMemory::new()).orchestration(waits).start().await.unwrap();
    let started = host.start_new(waits, ()).id("terminated").await.unwrap();
    let request = Context::new().with_span(global::tracer("web").start("DELETE /orders"));
    started.terminate("enough").into_future().with_context(request.clone()).await.unwrap();
    let history = started.history().await.unwrap();
    let last = history.events().last().map(|event| event.event.kind().name());
    assert_eq!(last, Some("TraceContextReceived"));
    host.shutdown().await.unwrap();
    let spans = of_instance("terminated");
    let execution = one(&spans, "orchestration:waits", "task.status=Terminated,");
    let asked = request.span().span_context().clone();
    let (trace, id) = (asked.trace_id().to_string(), asked.span_id().to_string());
    assert_eq!(execution.linked(), [(&*trace, &*id, "reenact.command=terminate,")]);
}

/// Through the queues of the hosts, and in the log once.
#[tokio::test]
async fn commands_from_another_host_keep_their_traces() {
    collect();
    let store = InMemory::new().with_shards(4).shared();
    let build = || Host::builder().provider(store.clone()).orchestration(waits).start();
    let (north, south) = (build().await.unwrap(), build().await.unwrap());
    for n in 0..8 {
        let id = format!("far {n}");
        let started = north.start_new(waits, ()).id(&*id).await.unwrap();
        for host in [&north, &south] {
            host.suspend(&*id, "a pause").trace_context(request(0x31)).await.unwrap();
        }
        south.resume(&*id).trace_context(request(0x32)).await.unwrap();
        north.cancel(&*id, "enough").trace_context(request(0x33)).await.unwrap();
        started.result().await.unwrap_err();
    }
    north.shutdown().await.unwrap();
    south.shutdown().await.unwrap();
    for n in 0..8 {
        let spans = of_instance(&format!("far {n}"));
        let linked = one(&spans, "orchestration:waits", "").linked();
        let cancels: Vec<_> = linked.iter().filter(|link| link.2.contains("cancel")).collect();
        assert_eq!(cancels.len(), 1, "{linked:?}");
        assert_eq!(cancels[0].0, trace(0x33));
        assert!(linked.iter().any(|link| link.0 == trace(0x31)), "{linked:?}");
    }
}

#[tokio::test]
async fn a_wait_that_is_dropped_before_it_takes_its_event_leaves_it_to_the_next() {
    collect();
    let host = Host::builder().provider(InMemory::new()).orchestration(changes_its_mind);
    let host = host.start().await.unwrap();
    let started = host.start_new(changes_its_mind, ()).id("mind").await.unwrap();
    started.raise_event("Go", "now").trace_context(request(0x41)).await.unwrap();
    started.raise_event("Skip", ()).trace_context(request(0x42)).await.unwrap();
    assert_eq!(started.result().await.unwrap(), "now");
    host.shutdown().await.unwrap();
    let spans = of_instance("mind");
    let dropped = one(&spans, "event:Go", "task.status=Canceled,");
    let taken = one(&spans, "event:Go", "task.status=Completed,");
    let skipped = one(&spans, "event:Skip", "");
    assert_eq!(dropped.linked(), []);
    assert_eq!(taken.linked()[0].0, trace(0x41));
    assert_eq!(skipped.linked()[0].0, trace(0x42));
    assert_ne!(dropped.id, taken.id);
}
