//! A dormant host runs no code: what it takes for an instance is carried out by the next host that has the code.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reenact::prelude::*;
use reenact::{Error, ErrorKind, HostBuilder, InstanceState, ParkReason};

use crate::kit::{HOUR, events, guard, id, options, pass_time_until, store};

/// Charges, waits for "Go", and returns what was charged and what came.
#[orchestration]
async fn order(ctx: OrchestrationContext, cents: u64) -> Result<String, OrchestrationError> {
    let charged: u64 = ctx.call_activity_by_name("charge", &cents).await?;
    let go: String = ctx.wait_external("Go").await?;
    Ok(format!("{charged} {go}"))
}

/// Charges, waits for an hour.
#[orchestration]
async fn late(ctx: OrchestrationContext, cents: u64) -> Result<String, OrchestrationError> {
    let charged: u64 = ctx.call_activity_by_name("charge", &cents).await?;
    ctx.timer(HOUR).await;
    Ok(format!("{charged} late"))
}

/// Waits for a child.
#[orchestration]
async fn parent(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    Ok(ctx.call_orchestration(order.with(ChildOptions::new().id("child")), 1).await?)
}

fn host(memory: &InMemory, charged: &Arc<AtomicU32>) -> HostBuilder {
    let charged = charged.clone();
    Host::builder()
        .provider(memory.clone())
        .options(options())
        .orchestration(order)
        .orchestration(late)
        .orchestration(parent)
        .register_activity("charge", move |_ctx, cents: u64| {
            charged.fetch_add(1, Ordering::SeqCst);
            async move { Ok(cents + 1) }
        })
}

async fn dormant(memory: &InMemory) -> Host {
    let builder = Host::builder().provider(memory.clone()).options(options().dormant());
    guard(builder.start()).await.unwrap()
}

/// Returns when an instance waits: for an event, a child or a timer.
async fn until_waiting(client: &Client, instance: &str) {
    guard(async {
        loop {
            let events = client.history(instance).await.map(|history| history.len()).unwrap_or(0);
            let waits = if instance == "parent" { 2 } else { 4 };
            if events >= waits {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

const ORDERS: [&str; 7] =
    ["raised", "cancelled", "suspended", "resumed", "terminated", "rewound", "untouched"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_takes_is_carried_out_by_the_next_host_and_nothing_else_moves() {
    let (memory, clock) = store();
    let charged = Arc::new(AtomicU32::new(0));
    let first = guard(host(&memory, &charged).start()).await.unwrap();
    for instance in ORDERS {
        first.start_new(order, 5).id(instance).await.unwrap();
        until_waiting(&first, instance).await;
    }
    first.start_new(late, 7).id("late").await.unwrap();
    until_waiting(&first, "late").await;
    first.suspend("resumed", "for a while").await.unwrap();
    first.start_new(order, 1).id("done").await.unwrap();
    first.raise_event("done", "Go", "now").await.unwrap();
    guard(first.instance::<String>("done").result()).await.unwrap();
    let untouched = [events(&first, &id("untouched")).await, events(&first, &id("late")).await];
    guard(first.abort()).await;
    let before = charged.load(Ordering::SeqCst);
    clock.advance(2 * HOUR);

    let asleep = dormant(&memory).await;
    assert_eq!(asleep.in_memory(), 0);
    guard(asleep.raise_event("raised", "Go", "later")).await.unwrap();
    guard(asleep.cancel("cancelled", "not wanted")).await.unwrap();
    guard(asleep.cancel("cancelled", "again")).await.unwrap();
    guard(asleep.suspend("suspended", "think")).await.unwrap();
    guard(asleep.resume("resumed")).await.unwrap();
    guard(asleep.terminate("terminated", "over")).await.unwrap();
    guard(asleep.rewind("rewound", 3, "once more")).await.unwrap();
    guard(asleep.purge("done")).await.unwrap();
    let status = asleep.get_status("raised").await.unwrap();
    assert_eq!(status.state, InstanceState::Parked);
    assert_eq!(status.parked, Some(ParkReason::Dormant));
    assert_eq!(asleep.get_status("terminated").await.unwrap().state, InstanceState::Terminated);
    // It ends as by a crash: what it said is durable.
    guard(asleep.abort()).await;
    let asleep = dormant(&memory).await;
    guard(asleep.raise_event("suspended", "Go", "kept")).await.unwrap();
    let now = [events(&asleep, &id("untouched")).await, events(&asleep, &id("late")).await];
    assert_eq!(now, untouched, "nothing of the others moves, although a timer is due");
    guard(asleep.shutdown()).await.unwrap();
    assert_eq!(charged.load(Ordering::SeqCst), before, "no activity runs");

    let last = guard(host(&memory, &charged).start()).await.unwrap();
    assert_eq!(guard(last.instance::<String>("raised").result()).await.unwrap(), "6 later");
    let cancelled = guard(last.instance::<String>("cancelled").result()).await.unwrap_err();
    assert!(matches!(&cancelled, Error::Cancelled { reason, .. } if reason == "not wanted"));
    let overdue = last.instance::<String>("late");
    let fired = pass_time_until(&clock, Duration::from_secs(1), overdue.result()).await;
    assert_eq!(fired.unwrap(), "8 late");
    guard(async {
        while last.get_status("suspended").await.unwrap().state != InstanceState::Suspended {
            tokio::task::yield_now().await;
        }
    })
    .await;
    guard(last.resume("suspended")).await.unwrap();
    assert_eq!(guard(last.instance::<String>("suspended").result()).await.unwrap(), "6 kept");
    for instance in ["resumed", "rewound", "untouched"] {
        guard(last.raise_event(instance, "Go", "on")).await.unwrap();
        assert_eq!(guard(last.instance::<String>(instance).result()).await.unwrap(), "6 on");
    }
    let terminated = guard(last.instance::<String>("terminated").result()).await.unwrap_err();
    assert!(matches!(terminated, Error::Terminated { .. }), "{terminated}");
    let gone = guard(last.get_status("done")).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    let charged = charged.load(Ordering::SeqCst);
    assert_eq!(charged, before + 1, "only what was rewound is charged again");
    guard(last.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_reaches_the_child_when_a_host_has_the_code() {
    let (memory, _) = store();
    let charged = Arc::new(AtomicU32::new(0));
    let first = guard(host(&memory, &charged).start()).await.unwrap();
    first.start_new(parent, ()).id("parent").await.unwrap();
    until_waiting(&first, "child").await;
    guard(first.abort()).await;

    let asleep = dormant(&memory).await;
    let before = events(&asleep, &id("child")).await;
    guard(asleep.cancel("parent", "not wanted")).await.unwrap();
    assert_eq!(events(&asleep, &id("child")).await, before, "nothing is sent yet");
    guard(asleep.shutdown()).await.unwrap();

    let last = guard(host(&memory, &charged).start()).await.unwrap();
    for instance in ["parent", "child"] {
        let cancelled = guard(last.instance::<String>(instance).result()).await.unwrap_err();
        let Error::Cancelled { reason, .. } = &cancelled else { panic!("{cancelled}") };
        assert!(reason.contains("not wanted"), "{reason}");
    }
    guard(last.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_child_is_reported_by_the_next_host() {
    let (memory, _) = store();
    let charged = Arc::new(AtomicU32::new(0));
    let first = guard(host(&memory, &charged).start()).await.unwrap();
    first.start_new(parent, ()).id("parent").await.unwrap();
    until_waiting(&first, "child").await;
    guard(first.abort()).await;

    let asleep = dormant(&memory).await;
    let before = events(&asleep, &id("parent")).await;
    guard(asleep.terminate("child", "over")).await.unwrap();
    let unpurged = guard(asleep.purge("child")).await.unwrap_err();
    assert!(matches!(unpurged, Error::NotTold { .. }), "{unpurged}");
    assert_eq!(events(&asleep, &id("parent")).await, before);
    guard(asleep.shutdown()).await.unwrap();

    let last = guard(host(&memory, &charged).start()).await.unwrap();
    let failed = guard(last.instance::<String>("parent").result()).await.unwrap_err();
    assert!(failed.to_string().contains("over"), "{failed}");
    guard(last.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_registered_on_it_is_not_used_and_a_hub_has_no_such_host() {
    let (memory, _) = store();
    let charged = Arc::new(AtomicU32::new(0));
    let builder = host(&memory, &charged).options(options().dormant());
    let asleep = guard(builder.start()).await.unwrap();
    let begun = guard(asleep.start_new(order, 5).id("order")).await.unwrap();
    assert_eq!(begun.status().await.unwrap().parked, Some(ParkReason::Dormant));
    guard(asleep.shutdown()).await.unwrap();
    assert_eq!(charged.load(Ordering::SeqCst), 0);

    let hub = InMemory::new().shared();
    let builder = Host::builder().provider(hub).options(options().dormant());
    let refused = guard(builder.start()).await.unwrap_err();
    assert!(refused.to_string().contains("client without a host"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_started_begins_on_the_next_host_that_has_its_code() {
    let (memory, clock) = store();
    let charged = Arc::new(AtomicU32::new(0));
    let first = guard(host(&memory, &charged).start()).await.unwrap();
    let done = guard(first.start_new(order, 1).id("done")).await.unwrap();
    guard(done.raise_event("Go", "once")).await.unwrap();
    assert_eq!(guard(done.result()).await.unwrap(), "2 once");
    guard(first.shutdown()).await.unwrap();
    let before = charged.load(Ordering::SeqCst);

    let asleep = dormant(&memory).await;
    let begin = async |orchestration: &str, instance: &str, input: serde_json::Value| {
        let start = asleep.start_new_by_name::<String>(orchestration, input).id(instance);
        guard(start).await.unwrap();
    };
    begin("order", "order", 5.into()).await;
    begin("order", "cancelled", 5.into()).await;
    begin("order", "wrong", "no number".into()).await;
    begin("unknown", "unknown", 1.into()).await;
    let delayed = asleep.start_new_by_name::<String>("order", 6).id("delayed").delay(HOUR);
    guard(delayed).await.unwrap();
    let versioned = asleep.start_new_by_name::<String>("order", 6).id("versioned");
    guard(versioned.version("2.0.0")).await.unwrap();
    let with_event = asleep.start_new_by_name::<String>("order", 7).id("with-event");
    guard(with_event.and_raise("Go", "first")).await.unwrap();
    let anew = asleep.start_new_by_name::<String>("order", 8).id("done");
    guard(anew.replacing([InstanceState::Completed])).await.unwrap();
    // Each is there, takes what comes, and is there once.
    let again = guard(asleep.start_new_by_name::<String>("order", 5).id("order")).await;
    assert!(matches!(again.unwrap_err(), Error::AlreadyExists { .. }));
    guard(asleep.raise_event("order", "Go", "later")).await.unwrap();
    guard(asleep.cancel("cancelled", "not wanted")).await.unwrap();
    let status = asleep.get_status("order").await.unwrap();
    assert_eq!(status.parked, Some(ParkReason::Dormant));
    // It ends as by a crash: what it said is durable. Time alone begins nothing.
    guard(asleep.abort()).await;
    let asleep = dormant(&memory).await;
    clock.advance(HOUR / 2);
    guard(asleep.raise_event("delayed", "Go", "at last")).await.unwrap();
    guard(asleep.shutdown()).await.unwrap();
    assert_eq!(charged.load(Ordering::SeqCst), before, "no code runs");

    let last = guard(host(&memory, &charged).start()).await.unwrap();
    let result = async |instance: &str| guard(last.instance::<String>(instance).result()).await;
    assert_eq!(result("order").await.unwrap(), "6 later");
    assert_eq!(result("with-event").await.unwrap(), "8 first");
    assert!(matches!(result("cancelled").await.unwrap_err(), Error::Cancelled { .. }));
    assert!(matches!(result("wrong").await.unwrap_err(), Error::Failed { .. }));
    for instance in ["unknown", "versioned"] {
        let parked = result(instance).await.unwrap_err();
        assert!(matches!(parked, Error::Parked { .. }), "{instance}: {parked}");
    }
    guard(last.raise_event("done", "Go", "again")).await.unwrap();
    assert_eq!(result("done").await.unwrap(), "9 again");
    assert_eq!(charged.load(Ordering::SeqCst), before + 3, "the delay has not ended");
    let delayed = last.instance::<String>("delayed");
    let done = pass_time_until(&clock, Duration::from_secs(60), delayed.result()).await;
    assert_eq!(done.unwrap(), "7 at last");
    guard(last.shutdown()).await.unwrap();
}
