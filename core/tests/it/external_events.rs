//! External events: buffered in order until somebody waits, each to one wait, none lost.

use std::time::Duration;

use crate::support::instance::{self, Instance, code, payload, raise_once, task};
use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};
use reenact_core::{EventError, OrchestrationContext, OrchestrationErrorKind};

#[test]
fn an_event_that_comes_before_the_wait_is_kept_for_it() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        task(&ctx, "a").await?;
        Ok(ctx.wait_external::<u64>("Go").await?)
    });
    let mut instance = Instance::start(code, ());
    assert!(instance.raise("Go", 5).outputs().is_empty());
    instance.complete(1, 1);
    assert_eq!(instance.output::<u64>(), 5);
    instance.assert_replays_from_every_point();
}

#[test]
fn an_event_that_comes_after_the_wait_wakes_it() {
    let code =
        code(async |ctx: OrchestrationContext, ()| Ok(ctx.wait_external::<String>("Go").await?));
    let mut instance = Instance::start(code, ());
    instance.raise("Other", ());
    instance.raise("Go", "now");
    assert_eq!(instance.output::<String>(), "now");
    instance.assert_replays_from_every_point();
}

#[test]
fn events_of_a_name_come_in_the_order_of_their_arrival() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut numbers = Vec::new();
        for _ in 0..5 {
            numbers.push(ctx.wait_external::<u64>("N").await?);
        }
        Ok(numbers)
    });
    // Some before the waits, some between them.
    let mut instance = Instance::start(code, ());
    for number in [3, 1, 4, 1, 5] {
        instance.raise("N", number);
    }
    assert_eq!(instance.output::<Vec<u64>>(), [3, 1, 4, 1, 5]);
    instance.assert_replays_from_every_point();
}

#[test]
fn events_of_different_names_are_apart() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        task(&ctx, "a").await?;
        let b: u64 = ctx.wait_external("B").await?;
        let a: u64 = ctx.wait_external("A").await?;
        Ok((a, b))
    });
    let mut instance = Instance::start(code, ());
    instance.raise("A", 1);
    instance.raise("B", 2);
    instance.raise("A", 3);
    instance.complete(1, 0);
    assert_eq!(instance.output::<(u64, u64)>(), (1, 2));
    instance.assert_replays_from_every_point();
}

#[test]
fn several_waits_for_a_name_are_served_in_their_order_however_they_are_polled() {
    let waits = |ctx: &OrchestrationContext| -> Vec<_> {
        (0..3).map(|_| ctx.schedule_wait::<u64>("N")).collect()
    };
    let joined = code(move |ctx: OrchestrationContext, ()| async move {
        let numbers = join_all(waits(&ctx)).await;
        Ok(numbers.into_iter().collect::<Result<Vec<_>, _>>()?)
    });
    let backwards = code(move |ctx: OrchestrationContext, ()| async move {
        let mut numbers = Vec::new();
        for wait in waits(&ctx).into_iter().rev() {
            numbers.insert(0, wait.await?);
        }
        Ok(numbers)
    });
    for code in [joined, backwards] {
        let mut instance = Instance::start(code, ());
        [10, 20, 30].iter().for_each(|number| drop(instance.raise("N", number)));
        assert_eq!(instance.output::<Vec<u64>>(), [10, 20, 30]);
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn a_wait_that_is_dropped_leaves_its_event_to_the_next() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let impatient = ctx.schedule_wait::<u64>("N");
        let patient = ctx.schedule_wait::<u64>("N");
        task(&ctx, "a").await?;
        drop(impatient);
        ctx.set_status("patient");
        Ok(patient.await?)
    });
    for number_comes_first in [true, false] {
        let mut instance = Instance::start(code.clone(), ());
        if number_comes_first {
            instance.raise("N", 7);
        }
        let outputs = instance.complete(3, 0).outputs();
        assert_eq!(outputs[0], "ExternalUnsubscribed #1");
        if !number_comes_first {
            instance.raise("N", 7);
        }
        assert_eq!(instance.output::<u64>(), 7);
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn a_wait_that_gets_the_event_of_a_dropped_one_is_woken() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let first = ctx.schedule_wait::<u64>("N");
        let mut set = FuturesUnordered::new();
        set.push(ctx.schedule_wait::<u64>("N"));
        // The second is polled and waits; then the first, which is ready, goes away.
        let polled_once = async {
            futures::future::poll_immediate(set.next()).await;
            task(&ctx, "a").await
        };
        polled_once.await?;
        drop(first);
        set.next().await.map_or(Ok(0), |number| Ok(number?))
    });
    let mut instance = Instance::start(code, ());
    instance.raise("N", 1);
    instance.complete(3, 0);
    assert_eq!(instance.output::<u64>(), 1);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_deadline_leaves_a_late_event_to_the_next_wait() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let paid = ctx.schedule_wait::<u64>("Paid").into_output();
        let deadline = ctx.schedule_timer(Duration::from_secs(60)).into_output();
        let late = ctx.when_any([paid, deadline]).await.index == 1;
        let amount = if late { ctx.wait_external::<u64>("Paid").await? } else { 0 };
        Ok((late, amount))
    });
    let mut instance = Instance::start(code, ());
    let outputs = instance.fire(2).outputs();
    assert_eq!(outputs, ["ExternalUnsubscribed #1", "ExternalSubscribed #3 `Paid`"]);
    instance.raise("Paid", 9);
    assert_eq!(instance.output::<(bool, u64)>(), (true, 9));
    instance.assert_replays_from_every_point();
}

#[test]
fn an_event_with_a_key_that_was_seen_changes_nothing() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let first: u64 = ctx.wait_external("N").await?;
        Ok((first, ctx.wait_external::<u64>("N").await?))
    });
    let mut instance = Instance::start(code, ());
    instance.apply(raise_once("N", 1, "one"));
    let before = instance.log();
    // Another name or other data make no difference: the key is the event's identity.
    for again in [raise_once("N", 1, "one"), raise_once("N", 2, "one"), raise_once("M", 1, "one")] {
        assert!(instance.apply(again).is_empty());
    }
    assert_eq!(instance.log(), before);
    instance.apply(raise_once("N", 2, "two"));
    assert_eq!(instance.output::<(u64, u64)>(), (1, 2));
    assert!(instance.apply(raise_once("N", 2, "two")).is_empty(), "also after the end");
    instance.assert_replays_from_every_point();
}

#[test]
fn data_of_another_type_is_an_error_for_the_code_and_is_taken() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let wrong = ctx.wait_external::<u64>("N").await;
        let right = ctx.wait_external::<u64>("N").await?;
        Ok((matches!(wrong, Err(EventError::InvalidData(_))), right))
    });
    let mut instance = Instance::start(code, ());
    instance.raise("N", "no number");
    instance.raise("N", 4);
    assert_eq!(instance.output::<(bool, u64)>(), (true, 4));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_wait_for_what_cannot_be_a_name_is_an_error_and_leaves_no_trace() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        Ok(ctx.wait_external::<u64>("with\nbreak").await?)
    });
    let instance = Instance::start(code, ());
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::InvalidInput);
    assert!(instance.failure().message().contains("control character '\\n' at byte 4"));
    assert_eq!(instance.log().len(), 2);
    instance.assert_replays_from_every_point();
}

#[test]
fn what_is_waited_for_is_shown_until_the_event_comes() {
    let code =
        code(async |ctx: OrchestrationContext, ()| Ok(ctx.wait_external::<u64>("Go").await?));
    let mut instance = Instance::start(code, ());
    let wait = (reenact_core::CorrelationId(1), instance::name("Go"));
    assert_eq!(instance.machine.open_waits(), [wait]);
    assert_eq!(instance.actions(), [], "a shell has nothing to do about it");
    assert_eq!(instance.machine.wake_at(), None, "nobody must keep it in memory");
    instance.raise("Go", 7);
    assert_eq!(instance.machine.open_waits(), []);
}

#[test]
fn an_event_that_nobody_waits_for_costs_no_poll() {
    let polls = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = polls.clone();
    let code = code(move |ctx: OrchestrationContext, ()| {
        let polls = counted.clone();
        async move {
            let mut go = std::pin::pin!(ctx.wait_external::<u64>("Go"));
            let waited = std::future::poll_fn(|cx| {
                polls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                go.as_mut().poll(cx)
            });
            Ok(waited.await?)
        }
    });
    let mut instance = Instance::start(code, ());
    (0..100).for_each(|_| drop(instance.raise("Other", payload(()).as_bytes())));
    assert_eq!(polls.load(std::sync::atomic::Ordering::Relaxed), 1);
}
