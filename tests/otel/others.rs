//! A trace goes on to other instances, and to hosts that run activities for others.

use reenact::prelude::*;
use reenact::{HostBuilder, InMemory, TraceContext};

use crate::collector::{collect, of_instance, of_trace, one};

#[orchestration]
async fn receives(ctx: OrchestrationContext, _: ()) -> Result<(), OrchestrationError> {
    ctx.wait_external::<()>("First").await?;
    ctx.wait_external::<()>("Second").await?;
    Ok(ctx.wait_external::<()>("Third").await?)
}

/// Raises two events on another instance, asks something of it, starts one, and ends at once.
#[orchestration]
async fn sends(ctx: OrchestrationContext, to: String) -> Result<(), OrchestrationError> {
    drop(ctx.raise_event(&*to, "First", &()));
    drop(ctx.raise_event(&*to, "Second", &()));
    drop(ctx.suspend_instance(&*to, "nothing is to come"));
    drop(ctx.resume_instance(&*to));
    let detached = ChildOptions::new().id(format!("started by the sender of {to}"));
    drop(ctx.start_orchestration(ends.with(detached), ()));
    Ok(())
}

#[orchestration]
async fn ends(_ctx: OrchestrationContext, _: ()) -> Result<(), OrchestrationError> {
    Ok(())
}

fn host() -> HostBuilder {
    Host::builder().orchestration(receives).orchestration(sends).orchestration(ends)
}

fn caller(id: u8) -> TraceContext {
    TraceContext::new([id; 16], [id; 8], 1).unwrap()
}

/// The second event leaves after the end of its sender, and so may the start.
async fn assert_sent(sender: &Host, receiver: &str, id: u8) {
    let received = sender.start_new(receives, ()).id(receiver).await.unwrap();
    let own = format!("sender of {receiver}");
    let sent = sender.start_new(sends, receiver.to_owned()).id(&*own).trace_context(caller(id));
    sent.await.unwrap().result().await.unwrap();
    loop {
        let history = received.history().await.unwrap();
        if history.events().any(|event| event.event.kind().name() == "ExecutionResumed") {
            break;
        }
        tokio::task::yield_now().await;
    }
    received.raise_event("Third", ()).await.unwrap();
    received.result().await.unwrap();
    let started = format!("started by the sender of {receiver}");
    // Another host has seen in the store that they have ended: their own one says so in a span after that.
    for (id, name) in [(receiver, "receives"), (own.as_str(), "sends"), (started.as_str(), "ends")]
    {
        let name = format!("orchestration:{name}");
        while !of_instance(id).iter().any(|span| span.name == name) {
            tokio::task::yield_now().await;
        }
    }
    let trace = of_trace(&format!("{id:02x}").repeat(16));
    let execution = one(&trace, "orchestration:sends", "");
    let waits = of_instance(receiver);
    for name in ["First", "Second"] {
        let sent = one(&trace, &format!("orchestration_event:{name}"), "");
        assert_eq!(sent.parent, execution.id);
        assert!(sent.attributes.contains(&format!("target_instance_id={receiver},")), "{sent:?}");
        let wait = one(&waits, &format!("event:{name}"), "");
        assert_eq!(wait.linked(), [(&*sent.trace, &*sent.id, "")]);
    }
    let received = one(&waits, "orchestration:receives", "").linked();
    assert_eq!(received.len(), 2, "{received:?}");
    for command in ["suspend", "resume"] {
        let sent = one(&trace, &format!("orchestration_command:{command}"), "");
        assert_eq!(sent.parent, execution.id);
        let link = format!("reenact.command={command},");
        assert!(received.contains(&(&*sent.trace, &*sent.id, &*link)), "{received:?}");
    }
    let create = one(&trace, "create_orchestration:ends", "");
    assert_eq!(create.parent, execution.id);
    assert_eq!(one(&trace, "orchestration:ends", "").parent, create.id);
}

#[tokio::test]
async fn what_an_instance_sends_to_others_has_its_trace_also_after_its_end() {
    collect();
    let host = host().provider(InMemory::new()).start().await.unwrap();
    assert_sent(&host, "receiver", 0x51).await;
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_goes_to_instances_of_other_hosts_has_its_trace() {
    collect();
    let store = InMemory::new().with_shards(4).shared();
    let build = || host().provider(store.clone()).start();
    let (north, south) = (build().await.unwrap(), build().await.unwrap());
    for n in 0..4 {
        assert_sent(&north, &format!("far receiver {n}"), 0x60 + n).await;
    }
    north.shutdown().await.unwrap();
    south.shutdown().await.unwrap();
}

#[orchestration]
async fn parcel(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    Ok(ctx.wait_external::<String>("Arrived").await?)
}

#[orchestration]
async fn orders(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    let own_id = ChildOptions::new().id("the replaced parcel");
    ctx.wait_external::<()>("Go").await?;
    Ok(ctx.call_orchestration(parcel.with(own_id), ()).await?)
}

#[tokio::test]
async fn a_child_that_takes_the_place_of_another_after_a_rewind_has_the_trace_of_its_call() {
    collect();
    let host = Host::builder().provider(InMemory::new()).orchestration(parcel);
    let host = host.orchestration(orders).start().await.unwrap();
    let started = host.start_new(orders, ()).id("rewound").trace_context(caller(0x71));
    let started = started.await.unwrap();
    started.raise_event("Go", ()).trace_context(caller(0x72)).await.unwrap();
    let child = host.instance::<String>("the replaced parcel");
    while child.status().await.is_err() {
        tokio::task::yield_now().await;
    }
    let before = child.status().await.unwrap().execution;
    let history = started.history().await.unwrap();
    let raised =
        history.events().find(|event| event.event.kind().name() == "ExternalRaised").unwrap();
    started.rewind(raised.position, "mended").await.unwrap();
    while child.status().await.unwrap().execution == before {
        tokio::task::yield_now().await;
    }
    child.raise_event("Arrived", "safe").await.unwrap();
    assert_eq!(started.result().await.unwrap(), "safe");
    host.shutdown().await.unwrap();
    let trace = of_trace(&"71".repeat(16));
    let call = one(&trace, "orchestration:parcel", "instance_id=rewound,");
    let replaced = one(
        &trace,
        "orchestration:parcel",
        "instance_id=the replaced parcel,durabletask.task.execution_id=2,",
    );
    assert_eq!(replaced.parent, call.id);
    // The event that was raised again has its trace.
    let waits: Vec<_> = trace.iter().filter(|span| span.name == "event:Go").collect();
    assert_eq!(waits.len(), 2, "before the rewind and after it: {waits:#?}");
    assert!(waits.iter().all(|wait| wait.linked()[0].0 == "72".repeat(16)), "{waits:#?}");
}

#[activity]
async fn train(ctx: ActivityContext, _: ()) -> Result<String, ActivityError> {
    Ok(ctx.trace_context().traceparent())
}

#[orchestration]
async fn learn(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    let tagged = ActivityOptions::new().tag("gpu");
    Ok(ctx.call_activity(train.with(tagged), ()).await?)
}

#[tokio::test]
async fn an_activity_that_runs_on_another_host_by_its_tag_is_in_the_trace() {
    collect();
    let store = InMemory::new().shared();
    let build = |options: HostOptions| {
        let host = Host::builder().provider(store.clone()).options(options);
        host.activity(train).orchestration(learn).start()
    };
    let owner = build(HostOptions::new()).await.unwrap();
    let worker = build(HostOptions::new().tags(["gpu"])).await.unwrap();
    for (id, caller) in [("learned", Some(caller(0x81))), ("learned alone", None)] {
        let mut start = owner.start_new(learn, ()).id(id);
        if let Some(caller) = &caller {
            start = start.trace_context(caller.clone());
        }
        let header = start.await.unwrap().result().await.unwrap();
        let spans = of_instance(id);
        let attempt = one(&spans, "activity:train", "");
        assert_eq!(header, format!("00-{}-{}-01", attempt.trace, attempt.id));
        assert_eq!(attempt.trace == "81".repeat(16), caller.is_some());
    }
    worker.shutdown().await.unwrap();
    owner.shutdown().await.unwrap();
}
