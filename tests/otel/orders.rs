//! Orders in one process: from the span of a request, without one, after a restart, and on two hosts.

use opentelemetry::trace::{SpanContext, TraceContextExt, Tracer};
use opentelemetry::{Context, global};
use reenact::prelude::*;
use reenact::{InMemory, TraceContext};

use crate::collector::{assert_none_twice, collect, of_instance, of_trace, one};
use crate::order::{assert_order, host, order};

/// Starts an order within the span of a request, and lets it end. Returns the request and the header that the last
/// activity had.
async fn order_in_a_request(host: &Host, id: &str) -> (SpanContext, String) {
    let request = global::tracer("web").start("POST /orders");
    let request = Context::new().with_span(request);
    let started = {
        use opentelemetry::trace::FutureExt;
        host.start_new(order, id.to_owned()).id(id).into_future().with_context(request.clone())
    };
    let started = started.await.unwrap();
    started.raise_event("Approved", "by Ada").await.unwrap();
    let header = started.result().await.unwrap();
    let context = request.span().span_context().clone();
    request.span().end();
    (context, header)
}

#[tokio::test]
async fn an_order_is_one_trace_from_the_request_that_starts_it() {
    collect();
    let host = host().provider(InMemory::new()).start().await.unwrap();
    let (request, header) = order_in_a_request(&host, "traced").await;
    host.shutdown().await.unwrap();
    let spans = of_trace(&request.trace_id().to_string());
    assert_order(&spans, "traced", &request.span_id().to_string());
    assert_eq!(one(&spans, "POST /orders", "").parent, "");
    // What an activity hands on is its own span.
    let handed = TraceContext::from_traceparent(&header).unwrap();
    let span = u64::from_be_bytes(handed.span_id());
    assert_eq!(one(&spans, "activity:header", "").id, format!("{span:016x}"));
}

#[tokio::test]
async fn an_order_without_a_caller_is_a_trace_of_its_own() {
    collect();
    let host = host().provider(InMemory::new()).start().await.unwrap();
    let started = host.start_new(order, "alone".to_owned()).id("alone").await.unwrap();
    started.raise_event("Approved", "by Ada").await.unwrap();
    started.result().await.unwrap();
    host.shutdown().await.unwrap();
    let own = of_instance("alone");
    let execution = one(&own, "orchestration:order", "");
    assert_order(&of_trace(&execution.trace), "alone", "");
}

#[tokio::test]
async fn a_replay_emits_nothing_again() {
    collect();
    let store = InMemory::new();
    let first = host().provider(store.clone()).start().await.unwrap();
    let started = first.start_new(order, "again".to_owned()).id("again").await.unwrap();
    // The timer is set after the payment.
    while of_instance("again").len() < 3 {
        tokio::task::yield_now().await;
    }
    drop(started);
    first.abort().await;
    let second = host().provider(store).start().await.unwrap();
    let waits = second.instance::<String>("again");
    waits.raise_event("Approved", "by Ada").await.unwrap();
    waits.result().await.unwrap();
    second.shutdown().await.unwrap();
    let own = of_instance("again");
    let execution = one(&own, "orchestration:order", "");
    assert_order(&of_trace(&execution.trace), "again", "");
}

#[tokio::test]
async fn hosts_that_share_a_store_continue_one_trace() {
    collect();
    let store = InMemory::new().with_shards(4).shared();
    let north = host().provider(store.clone()).start().await.unwrap();
    let south = host().provider(store).start().await.unwrap();
    let mut requests = Vec::new();
    for n in 0..6 {
        let id = format!("shared {n}");
        let from = if n % 2 == 0 { &north } else { &south };
        requests.push((id.clone(), order_in_a_request(from, &id).await.0));
    }
    north.shutdown().await.unwrap();
    south.shutdown().await.unwrap();
    for (id, request) in requests {
        let spans = of_trace(&request.trace_id().to_string());
        assert_order(&spans, &id, &request.span_id().to_string());
        assert_none_twice(&spans);
    }
}
