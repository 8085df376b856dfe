//! The order that the tests follow: a payment that is tried twice, an approval, and a parcel as a child.

use std::time::Duration;

use opentelemetry::global;
use opentelemetry::trace::{Span, Tracer};
use reenact::HostBuilder;
use reenact::prelude::*;

/// Fails at its first attempt, and asks a bank at each.
#[activity]
pub(crate) async fn charge(ctx: ActivityContext, _id: String) -> Result<u32, ActivityError> {
    let mut asks = global::tracer("bank").start("POST /charges");
    asks.end();
    if ctx.attempt() == 1 { Err(ActivityError::retryable("the bank is busy")) } else { Ok(7) }
}

/// Says what it is to hand to a service that it calls.
#[activity]
pub(crate) async fn header(ctx: ActivityContext, _id: String) -> Result<String, ActivityError> {
    Ok(ctx.trace_context().traceparent())
}

#[orchestration]
pub(crate) async fn ship(
    ctx: OrchestrationContext,
    id: String,
) -> Result<String, OrchestrationError> {
    Ok(ctx.call_activity(header, id).await?)
}

#[orchestration]
pub(crate) async fn order(
    ctx: OrchestrationContext,
    id: String,
) -> Result<String, OrchestrationError> {
    let twice = RetryPolicy::new(2).first_delay(Duration::from_millis(1));
    let twice = ActivityOptions::new().retry(twice);
    ctx.call_activity(charge.with(twice), id.clone()).await?;
    ctx.timer(Duration::from_millis(1)).await;
    ctx.wait_external::<String>("Approved").await?;
    let parcel = ChildOptions::new().id(format!("parcel of {id}"));
    Ok(ctx.call_orchestration(ship.with(parcel), id).await?)
}

/// A host with the code of orders.
pub(crate) fn host() -> HostBuilder {
    let options = HostOptions::new().lease_patience(Duration::from_secs(20));
    Host::builder()
        .options(options)
        .activity(charge)
        .activity(header)
        .orchestration(order)
        .orchestration(ship)
}

/// Checks the spans of an order that was started in a trace, by a caller with this span.
pub(crate) fn assert_order(spans: &[crate::collector::Span], id: &str, caller: &str) {
    use crate::collector::{assert_none_twice, one};
    assert_none_twice(spans);
    let of = |instance: &str| format!("instance_id={instance},");
    let parcel = of(&format!("parcel of {id}"));
    let execution = one(spans, "orchestration:order", &of(id));
    assert_eq!(execution.parent, caller);
    assert_eq!(execution.status, "ok");
    let first = one(spans, "activity:charge", "reenact.attempt=1");
    let second = one(spans, "activity:charge", "reenact.attempt=2");
    assert!(first.status.contains("the bank is busy"), "{first:?}");
    assert_eq!(second.status, "ok");
    let called = one(spans, "orchestration:ship", &of(id));
    let child = one(spans, "orchestration:ship", &parcel);
    for inner in [
        first,
        second,
        called,
        one(spans, "orchestration:order:timer", ""),
        one(spans, "event:Approved", ""),
    ] {
        assert_eq!(inner.parent, execution.id, "{inner:?}");
    }
    assert_eq!(child.parent, called.id);
    assert_eq!(one(spans, "activity:header", &parcel).parent, child.id);
    let asked: Vec<_> = spans.iter().filter(|span| span.name == "POST /charges").collect();
    let below: Vec<_> = asked.iter().map(|span| span.parent.as_str()).collect();
    assert_eq!(below, [&first.id, &second.id]);
}
