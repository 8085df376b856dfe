//! What was due first happens first, however long nobody looked: after a crash, after a time out of
//! memory, on a host that takes over, after a suspension, and for a clock that jumps.

use std::future::IntoFuture;

use crate::kit::{Gate, HOUR, events, guard, id, options, pass_time_until, store, until};
use reenact::prelude::*;
use reenact::{Error, Event, HostBuilder, InstanceState};

/// Waits for "Go" for an hour: "too late" after it.
async fn waits_an_hour(ctx: OrchestrationContext, (): ()) -> Result<String, OrchestrationError> {
    match ctx.timeout(HOUR, ctx.wait_external::<String>("Go")).await {
        Ok(go) => Ok(go?),
        Err(late) => Ok(late.to_string()),
    }
}

/// Calls "charge", which has an hour for all of its attempts, and says what came of it.
async fn charges(ctx: OrchestrationContext, (): ()) -> Result<String, OrchestrationError> {
    let retry = RetryPolicy::new(9).first_delay(HOUR / 4);
    let options = ActivityOptions::new().retry(retry).schedule_to_close(HOUR);
    let charge = NamedActivity::new("charge").with(options);
    let charged: Result<u64, ActivityError> = ctx.call_activity_by_name(charge, &()).await;
    Ok(charged.map_or_else(|error| error.to_string(), |sum| format!("charged {sum}")))
}

/// Calls "charge", and gives up after an hour.
async fn charges_for_an_hour(
    ctx: OrchestrationContext,
    (): (),
) -> Result<String, OrchestrationError> {
    let charge = ctx.call_activity_by_name::<_, u64>("charge", &());
    match ctx.timeout(HOUR, charge).await {
        Ok(sum) => Ok(format!("charged {}", sum?)),
        Err(late) => Ok(late.to_string()),
    }
}

/// Charging passes a gate.
fn host(memory: &InMemory, gate: &Gate) -> HostBuilder {
    let gate = gate.clone();
    Host::builder()
        .provider(memory.clone())
        .options(options())
        .register_orchestration("waits an hour", waits_an_hour)
        .register_orchestration("charges", charges)
        .register_orchestration("charges for an hour", charges_for_an_hour)
        .register_activity("charge", move |_ctx, (): ()| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                Ok(7)
            }
        })
}

const LATE: &str = "timed out after 3600s";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_comes_after_the_time_limit_is_late_though_nobody_was_there() {
    let (memory, clock) = store();
    let first = host(&memory, &Gate::open()).start().await.unwrap();
    guard(first.start_new_by_name::<String>("waits an hour", ()).id("i")).await.unwrap();
    guard(first.abort()).await;
    clock.advance(HOUR * 5);
    let second = host(&memory, &Gate::open()).start().await.unwrap();
    // It may find the instance at its end.
    let raised = guard(second.raise_event(&id("i"), "Go", "go")).await;
    assert!(matches!(raised, Ok(()) | Err(Error::Finished { .. })), "{raised:?}");
    let waits = second.instance::<String>(&id("i"));
    assert_eq!(guard(waits.result()).await.unwrap(), LATE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_came_in_time_counts_though_the_limit_has_passed_since() {
    let (memory, clock) = store();
    let first = host(&memory, &Gate::open()).start().await.unwrap();
    let waits =
        guard(first.start_new_by_name::<String>("waits an hour", ()).id("i")).await.unwrap();
    guard(waits.suspend("audit")).await.unwrap();
    guard(waits.raise_event("Go", "go")).await.unwrap();
    guard(first.abort()).await;
    clock.advance(HOUR * 5);
    let second = host(&memory, &Gate::open()).start().await.unwrap();
    guard(second.resume(&id("i"))).await.unwrap();
    assert_eq!(guard(second.instance::<String>(&id("i")).result()).await.unwrap(), "go");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_during_a_suspension_comes_before_what_comes_later() {
    let (memory, clock) = store();
    let first = host(&memory, &Gate::open()).start().await.unwrap();
    let waits =
        guard(first.start_new_by_name::<String>("waits an hour", ()).id("i")).await.unwrap();
    guard(waits.suspend("audit")).await.unwrap();
    guard(first.abort()).await;
    clock.advance(HOUR * 5);
    let second = host(&memory, &Gate::open()).start().await.unwrap();
    guard(second.raise_event(&id("i"), "Go", "go")).await.unwrap();
    guard(second.resume(&id("i"))).await.unwrap();
    assert_eq!(guard(second.instance::<String>(&id("i")).result()).await.unwrap(), LATE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_time_is_over_is_not_run_again_after_a_crash() {
    let (memory, clock) = store();
    let gate = Gate::closed();
    let first = host(&memory, &gate).start().await.unwrap();
    guard(first.start_new_by_name::<String>("charges", ()).id("i")).await.unwrap();
    guard(first.start_new_by_name::<String>("charges for an hour", ()).id("j")).await.unwrap();
    gate.until_came(2).await;
    guard(first.abort()).await;
    gate.let_all_through();
    clock.advance(HOUR * 5);
    let second = host(&memory, &gate).start().await.unwrap();
    let charged = guard(second.instance::<String>(&id("i")).result()).await.unwrap();
    assert!(charged.contains("schedule-to-close: not complete after 3600s"), "{charged}");
    assert_eq!(guard(second.instance::<String>(&id("j")).result()).await.unwrap(), LATE);
    guard(second.shutdown()).await.unwrap();
    assert_eq!(gate.came(), 2, "neither was run again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_still_has_time_is_run_again_after_a_crash() {
    let (memory, clock) = store();
    let gate = Gate::closed();
    let first = host(&memory, &gate).start().await.unwrap();
    guard(first.start_new_by_name::<String>("charges", ()).id("i")).await.unwrap();
    gate.until_came(1).await;
    guard(first.abort()).await;
    gate.let_all_through();
    clock.advance(HOUR - Duration::from_micros(1));
    let second = host(&memory, &gate).start().await.unwrap();
    let charged = guard(second.instance::<String>(&id("i")).result()).await.unwrap();
    assert_eq!(charged, "charged 7");
}

/// Attempts fail at once, until the clock jumps over the next and the end of the call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waits_for_its_next_attempt_past_its_time_gets_none() {
    let (memory, clock) = store();
    let attempts = Gate::open();
    let build = || {
        let attempts = attempts.clone();
        Host::builder()
            .provider(memory.clone())
            .options(options())
            .register_orchestration("charges", charges)
            .register_activity("charge", move |_ctx, (): ()| {
                let attempts = attempts.clone();
                async move {
                    attempts.pass().await;
                    Err::<u64, _>(ActivityError::retryable("down"))
                }
            })
    };
    let first = build().start().await.unwrap();
    guard(first.start_new_by_name::<String>("charges", ()).id("i")).await.unwrap();
    attempts.until_came(1).await;
    let failed = async {
        while !events(&first, &id("i")).await.iter().any(|e| e.starts_with("TaskAttemptFailed")) {
            tokio::task::yield_now().await;
        }
    };
    guard(failed).await;
    guard(first.abort()).await;
    clock.advance(HOUR * 5);
    let second = build().start().await.unwrap();
    let charged = guard(second.instance::<String>(&id("i")).result()).await.unwrap();
    assert!(charged.contains("the attempt before it failed: down"), "{charged}");
    assert_eq!(attempts.came(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_makes_late_what_comes_after_the_jump() {
    let (memory, clock) = store();
    let host = host(&memory, &Gate::open()).start().await.unwrap();
    for number in 0..50 {
        let id = format!("i{number}");
        let waits = host.start_new_by_name::<String>("waits an hour", ()).id(id);
        let waits = guard(waits).await.unwrap();
        clock.advance(HOUR);
        // The timer and the event are on their way together.
        let raised = guard(waits.raise_event("Go", "go")).await;
        assert!(matches!(raised, Ok(()) | Err(Error::Finished { .. })), "{raised:?}");
        assert_eq!(guard(waits.result()).await.unwrap(), LATE);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_went_from_memory_sees_first_what_was_due_first() {
    let (memory, clock) = store();
    let host = host(&memory, &Gate::open())
        .options(options().passivate_after(HOUR / 10))
        .start()
        .await
        .unwrap();
    let waits = guard(host.start_new_by_name::<String>("waits an hour", ()).id("i")).await.unwrap();
    let gone = until(|| host.in_memory() == 0);
    pass_time_until(&clock, Duration::from_secs(1), gone).await;
    clock.advance(HOUR);
    let raised = guard(waits.raise_event("Go", "go")).await;
    assert!(matches!(raised, Ok(()) | Err(Error::Finished { .. })), "{raised:?}");
    assert_eq!(guard(waits.result()).await.unwrap(), LATE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_takes_over_ends_first_what_is_over() {
    let clock = reenact::testing::ManualClock::default();
    let memory = InMemory::new().with_shards(1).with_clock(clock.clone()).shared();
    let gate = Gate::closed();
    let first = host(&memory, &gate).start().await.unwrap();
    guard(first.start_new_by_name::<String>("waits an hour", ()).id("i")).await.unwrap();
    guard(first.start_new_by_name::<String>("charges", ()).id("j")).await.unwrap();
    gate.until_came(1).await;
    guard(first.abort()).await;
    gate.let_all_through();
    clock.advance(HOUR * 5);
    let second = host(&memory, &gate).start().await.unwrap();
    let raised = second.raise_event(&id("i"), "Go", "go").into_future();
    let raised = pass_time_until(&clock, Duration::from_secs(1), raised).await;
    assert!(matches!(raised, Ok(()) | Err(Error::Finished { .. })), "{raised:?}");
    let waits = second.instance::<String>(&id("i"));
    let late = pass_time_until(&clock, Duration::from_secs(1), waits.result()).await;
    assert_eq!(late.unwrap(), LATE);
    let charged = second.instance::<String>(&id("j"));
    let charged = pass_time_until(&clock, Duration::from_secs(1), charged.result()).await.unwrap();
    assert!(charged.contains("schedule-to-close"), "{charged}");
    assert_eq!(gate.came(), 1, "it was not run again");
}

/// Nothing that is to happen after a turn leaves before that is durable: what the code calls when it
/// catches up is called once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_code_calls_as_it_catches_up_is_called_once() {
    let (memory, clock) = store();
    let gate = Gate::open();
    let build = || {
        host(&memory, &gate).register_orchestration(
            "then charges",
            |ctx: OrchestrationContext, ()| async move {
                ctx.timer(HOUR).await;
                let first = ctx.schedule_activity_by_name::<_, u64>("charge", &());
                ctx.timer(HOUR).await;
                Ok(first.await?)
            },
        )
    };
    let first = build().start().await.unwrap();
    guard(first.start_new_by_name::<u64>("then charges", ()).id("i")).await.unwrap();
    guard(first.abort()).await;
    clock.advance(HOUR * 5);
    let second = build().start().await.unwrap();
    gate.until_came(1).await;
    clock.advance(HOUR);
    assert_eq!(guard(second.instance::<u64>(&id("i")).result()).await.unwrap(), 7);
    assert_eq!(gate.came(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_input_stands_after_the_timers_that_were_due_before_it() {
    let (memory, clock) = store();
    let build = || {
        host(&memory, &Gate::open()).register_orchestration(
            "notes",
            |ctx: OrchestrationContext, ()| async move {
                let timers = (1..=20).map(|hours| ctx.schedule_timer(HOUR * hours));
                let timers: Vec<_> = timers.collect();
                let _: u64 = ctx.wait_external("End").await?;
                Ok(timers.len())
            },
        )
    };
    let mut host = build().start().await.unwrap();
    guard(host.start_new_by_name::<usize>("notes", ()).id("i")).await.unwrap();
    for step in 0..10_u64 {
        clock.advance(HOUR * 2);
        if step % 3 == 0 {
            guard(host.abort()).await;
            clock.advance(HOUR / 2);
            host = build().start().await.unwrap();
        }
        guard(host.raise_event(&id("i"), "Note", step)).await.unwrap();
    }
    let history = host.history(&id("i")).await.unwrap();
    let mut open = Vec::new();
    for turn in history.turns() {
        match &turn.events[0] {
            Event::TimerFired { id } => open.retain(|(_, timer)| timer != id),
            // What the host notes for the case that it dies: the code sees nothing of it.
            Event::RunAnnounced { .. } | Event::RunSurvived => {}
            _ => assert!(open.iter().all(|(at, _)| *at > turn.at), "{turn:?} came too early"),
        }
        open.extend(turn.events.iter().filter_map(|event| match event {
            Event::TimerCreated { id, fire_at } => Some((*fire_at, *id)),
            _ => None,
        }));
    }
    assert_eq!(host.get_status(&id("i")).await.unwrap().state, InstanceState::Running);
}
