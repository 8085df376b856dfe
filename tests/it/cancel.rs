//! `cancel`: the code learns of it, cleans up under a shield, and ends; whatever comes at the same moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kit::{Gate, HOUR, events, guard, id, options, pass_time_until, store, stored, until};
use reenact::actor::InstanceMessage;
use reenact::prelude::*;
use reenact::{Error, HostBuilder, InstanceState, Outcome};

const ORDER: &str = "order";

/// How long a cancelled activity may go on, by default.
const GRACE: Duration = Duration::from_secs(10);

fn host(memory: &InMemory) -> HostBuilder {
    Host::builder()
        .provider(memory.clone())
        .options(options())
        .register_activity("book", |_ctx, what: String| async move { Ok(format!("booked {what}")) })
        .register_activity("undo", |_ctx, what: String| async move { Ok(format!("undid {what}")) })
}

/// Books, waits for "Paid", and undoes the booking when that does not come.
async fn saga(ctx: OrchestrationContext, what: String) -> Result<u64, OrchestrationError> {
    let _: String = ctx.call_activity_by_name("book", &what).await?;
    let paid = ctx.wait_external("Paid").await;
    if paid.is_err() {
        let undone = ctx.shielded().call_activity_by_name::<_, String>("undo", &what).await?;
        ctx.set_status(&undone);
    }
    Ok(paid?)
}

async fn until_logged(client: &Client, instance: &InstanceId, event: &str) {
    guard(async {
        while !events(client, instance).await.iter().any(|logged| logged == event) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saga_that_is_cancelled_compensates_and_ends_as_cancelled() {
    let (memory, _) = store();
    let host = host(&memory).register_orchestration(ORDER, saga).start().await.unwrap();
    let order = guard(host.start_new_by_name::<u64>(ORDER, "a car").id("o")).await.unwrap();
    until_logged(&host, order.id(), "ExternalSubscribed #2 `Paid`").await;
    guard(order.cancel("no stock")).await.unwrap();
    let ended = guard(order.result()).await.unwrap_err();
    assert_eq!(ended.to_string(), "instance `o` was cancelled: no stock");
    assert!(matches!(ended, Error::Cancelled { reason, .. } if reason == "no stock"));
    let status = order.status().await.unwrap();
    assert_eq!(status.state, InstanceState::Cancelled);
    assert_eq!(status.custom_status_as::<String>().unwrap(), "undid a car");
    assert_eq!(status.outcome, Some(Outcome::Cancelled { reason: "no stock".into() }));
    assert_eq!(
        events(&host, order.id()).await[4..],
        [
            "CancelRequested: no stock",
            "TaskScheduled #3 `undo`",
            "TaskCompleted #3",
            "StatusSet",
            "ExecutionCancelled: no stock"
        ]
    );
    guard(host.purge(order.id())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_that_was_acknowledged_survives_a_crash_in_the_middle_of_the_clean_up() {
    let (memory, _) = store();
    let gate = Gate::closed();
    let with = |gate: Gate| {
        Host::builder()
            .provider(memory.clone())
            .options(options())
            .register_orchestration(ORDER, saga)
            .register_activity("book", |_ctx, what: String| async move { Ok(what) })
            .register_activity("undo", move |_ctx, what: String| {
                let gate = gate.clone();
                async move {
                    gate.pass().await;
                    Ok(what)
                }
            })
    };
    let first = with(gate.clone()).start().await.unwrap();
    let order = guard(first.start_new_by_name::<u64>(ORDER, "a car").id("o")).await.unwrap();
    until_logged(&first, order.id(), "ExternalSubscribed #2 `Paid`").await;
    guard(order.cancel("no stock")).await.unwrap();
    gate.until_came(1).await;
    guard(first.abort()).await;

    let second = with(Gate::open()).start().await.unwrap();
    let ended = guard(second.instance::<u64>(&id("o")).result()).await.unwrap_err();
    assert!(matches!(ended, Error::Cancelled { .. }), "{ended}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_that_races_with_the_start_finds_nothing_or_is_heeded() {
    let (memory, _) = store();
    let host = host(&memory).register_orchestration(ORDER, saga).start().await.unwrap();
    let host = Arc::new(host);
    for number in 0..50 {
        let name = format!("o-{number}");
        let start = host.start_new_by_name::<u64>(ORDER, "a car").id(&name).into_future();
        let started = tokio::spawn(start);
        let cancelled = guard(host.cancel(&id(&name), "too late?")).await;
        let order = guard(started).await.unwrap().unwrap();
        match cancelled {
            Ok(()) => {}
            Err(Error::NotFound { .. }) => {
                let logged = events(&host, order.id()).await;
                assert!(!logged.iter().any(|event| event.starts_with("Cancel")), "{logged:?}");
                guard(order.cancel("now")).await.unwrap();
            }
            Err(other) => panic!("{other}"),
        }
        let ended = guard(order.result()).await.unwrap_err();
        assert!(matches!(ended, Error::Cancelled { .. }), "{ended}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_that_is_cancelled_during_the_delay_of_its_start_never_runs() {
    let (memory, clock) = store();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let host = host(&memory)
        .register_orchestration(ORDER, move |_ctx, ()| {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Ok(()) }
        })
        .start()
        .await
        .unwrap();
    let order = guard(host.start_new_by_name::<()>(ORDER, ()).delay(HOUR)).await.unwrap();
    guard(order.cancel("changed my mind")).await.unwrap();
    let ended = guard(order.result()).await.unwrap_err();
    assert!(matches!(ended, Error::Cancelled { .. }), "{ended}");
    clock.advance(HOUR);
    let late = guard(order.cancel("again")).await.unwrap_err();
    assert!(matches!(late, Error::Finished { .. }), "{late}");
    assert_eq!(runs.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_that_races_with_a_completion_and_the_end_is_before_or_after_it() {
    let (memory, _) = store();
    let gate = Gate::closed();
    let passed = gate.clone();
    let host = host(&memory)
        .register_activity("wait", move |_ctx, (): ()| {
            let gate = passed.clone();
            async move {
                gate.pass().await;
                Ok(())
            }
        })
        .register_orchestration(ORDER, |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.call_activity_by_name::<_, ()>("wait", &()).await?)
        })
        .start()
        .await
        .unwrap();
    for number in 1..=50 {
        let order = guard(host.start_new_by_name::<()>(ORDER, ())).await.unwrap();
        gate.until_came(number).await;
        gate.let_one_through();
        let cancelled = guard(order.cancel("no stock")).await;
        let result = guard(order.result()).await;
        let logged = events(&host, order.id()).await;
        match (cancelled, result) {
            (Ok(()), Err(Error::Cancelled { .. })) => {
                assert_eq!(
                    logged[2..],
                    ["CancelRequested: no stock", "ExecutionCancelled: no stock"]
                );
            }
            (Err(Error::Finished { .. }), Ok(())) => {
                assert_eq!(logged[2..], ["TaskCompleted #1", "ExecutionCompleted"]);
            }
            other => panic!("{other:?}, {logged:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_reaches_an_instance_that_continues_as_new_all_the_time() {
    let (memory, _) = store();
    let host = host(&memory)
        .register_orchestration(ORDER, |ctx: OrchestrationContext, round: u64| async move {
            if round.is_multiple_of(3) {
                // Does not look at the cancel: it is carried over.
                return ctx.continue_as_new_untyped(&(round + 1));
            }
            let _: String = ctx.call_activity_by_name("book", "a car").await?;
            ctx.continue_as_new_untyped::<_, ()>(&(round + 1))
        })
        .start()
        .await
        .unwrap();
    for number in 0..20 {
        let instance = format!("o-{number}");
        let order = guard(host.start_new_by_name::<()>(ORDER, 0_u64).id(&instance)).await.unwrap();
        until_execution(&order, number % 5).await;
        guard(order.cancel("enough")).await.unwrap();
        let ended = guard(order.result()).await.unwrap_err();
        assert!(matches!(ended, Error::Cancelled { reason, .. } if reason == "enough"));
    }
}

async fn until_execution(order: &InstanceHandle<()>, execution: u32) {
    guard(async {
        while order.status().await.unwrap().execution.0 < execution {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Calls the activity "work"; drops it when "Drop" comes.
async fn works(ctx: OrchestrationContext, (): ()) -> Result<(), OrchestrationError> {
    let work = ctx.schedule_activity_by_name::<_, ()>("work", &()).into_output();
    let dropped = ctx.schedule_wait::<()>("Drop").into_output();
    let first = ctx.when_any([work, dropped]).await;
    if first.index == 0 {
        return Ok(first.output.into_task()?);
    }
    first.output.into_external::<()>()?;
    drop(first.rest);
    Ok(ctx.shielded().wait_external("Never").await?)
}

/// One place for activities, and one that never ends by itself in it.
async fn with_a_stubborn_activity(
    memory: &InMemory,
) -> (Host, InstanceHandle<()>, Arc<AtomicUsize>) {
    let options = options().max_activities(1);
    let (began, noticed) = (Gate::open(), Arc::new(AtomicUsize::new(0)));
    let (came, counted) = (began.clone(), noticed.clone());
    let host = host(memory)
        .options(options)
        .register_orchestration(ORDER, works)
        .register_orchestration("saga", saga)
        .register_activity("work", move |ctx: ActivityContext, (): ()| {
            let (came, counted) = (came.clone(), counted.clone());
            async move {
                came.pass().await;
                ctx.cancelled().await;
                counted.fetch_add(1, Ordering::Relaxed);
                std::future::pending::<Result<(), ActivityError>>().await
            }
        })
        .start()
        .await
        .unwrap();
    let order = guard(host.start_new_by_name::<()>(ORDER, ()).id("o")).await.unwrap();
    began.until_came(1).await;
    (host, order, noticed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_activity_is_notified_and_has_a_time_of_grace() {
    for how in ["cancel", "terminate", "drop"] {
        let (memory, clock) = store();
        let (host, order, noticed) = with_a_stubborn_activity(&memory).await;
        match how {
            "cancel" => guard(order.cancel("no stock")).await.unwrap(),
            "terminate" => guard(order.terminate("no stock")).await.unwrap(),
            _ => guard(order.raise_event("Drop", ())).await.unwrap(),
        }
        // Its token says so at once, and it keeps its place.
        until(|| noticed.load(Ordering::Relaxed) == 1).await;
        let next = guard(host.start_new_by_name::<u64>("saga", "a car")).await.unwrap();
        clock.advance(GRACE / 2);
        assert_eq!(events(&host, next.id()).await.len(), 2, "its activity waits for the place");
        clock.advance(GRACE / 2);
        until_logged(&host, next.id(), "TaskCompleted #1").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_that_heeds_its_token_ends_by_itself_and_its_result_does_not_count() {
    let (memory, _) = store();
    let (began, cleaned) = (Gate::open(), Gate::open());
    let (came, clean) = (began.clone(), cleaned.clone());
    let host = host(&memory)
        .register_orchestration(ORDER, works)
        .register_activity("work", move |ctx: ActivityContext, (): ()| {
            let (came, clean) = (came.clone(), clean.clone());
            async move {
                came.pass().await;
                ctx.cancelled().await;
                clean.pass().await;
                Ok(())
            }
        })
        .start()
        .await
        .unwrap();
    let order = guard(host.start_new_by_name::<()>(ORDER, ())).await.unwrap();
    began.until_came(1).await;
    guard(order.cancel("no stock")).await.unwrap();
    cleaned.until_came(1).await;
    let ended = guard(order.result()).await.unwrap_err();
    assert!(matches!(ended, Error::Cancelled { .. }), "{ended}");
    let logged = events(&host, order.id()).await;
    guard(host.shutdown()).await.unwrap();
    assert!(!logged.iter().any(|event| event.starts_with("TaskCompleted")), "{logged:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_finished_or_does_not_exist_refuses_with_nothing_stored() {
    let (memory, _) = store();
    let host = host(&memory)
        .register_orchestration(ORDER, |_ctx, ()| async { Ok(()) })
        .start()
        .await
        .unwrap();
    let order = guard(host.start_new_by_name::<()>(ORDER, ()).id("o")).await.unwrap();
    guard(order.result()).await.unwrap();
    let before = host.history(&id("o")).await.unwrap();
    let refused = [
        guard(order.cancel("late")).await,
        guard(order.suspend("late")).await,
        guard(order.resume()).await,
    ];
    for refused in refused {
        assert!(matches!(refused, Err(Error::Finished { instance }) if instance == id("o")));
    }
    assert_eq!(host.history(&id("o")).await.unwrap(), before);

    let nobody = id("nobody");
    let refused = [
        guard(host.cancel(&nobody, "who?")).await,
        guard(host.suspend(&nobody, "who?")).await,
        guard(host.resume(&nobody)).await,
    ];
    for refused in refused {
        assert!(matches!(refused, Err(Error::NotFound { instance }) if instance == nobody));
    }
    assert_eq!(stored(&host).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_cancel_is_no_error_and_the_first_reason_counts() {
    let (memory, _) = store();
    let host = host(&memory)
        .register_orchestration(ORDER, |ctx: OrchestrationContext, ()| async move {
            ctx.shielded().wait_external::<()>("End").await?;
            Ok(ctx.check_cancelled()?)
        })
        .start()
        .await
        .unwrap();
    let order = guard(host.start_new_by_name::<()>(ORDER, ())).await.unwrap();
    guard(order.cancel("first")).await.unwrap();
    guard(order.cancel("second")).await.unwrap();
    let actor = guard(order.actor()).await.unwrap();
    let answer = actor.call(
        |port| InstanceMessage::Cancel {
            reason: "third".into(),
            trace: None,
            reply: Some(port.into()),
        },
        None,
    );
    guard(answer).await.unwrap().unwrap().unwrap();
    guard(order.raise_event("End", ())).await.unwrap();
    let ended = guard(order.result()).await.unwrap_err();
    assert!(matches!(ended, Error::Cancelled { reason, .. } if reason == "first"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_timer_does_not_keep_anybody_waiting() {
    let (memory, clock) = store();
    let host = host(&memory)
        .register_orchestration(ORDER, |ctx: OrchestrationContext, ()| async move {
            ctx.timer(HOUR).await;
            ctx.timer(HOUR).await;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    let order = guard(host.start_new_by_name::<()>(ORDER, ())).await.unwrap();
    let undisturbed = guard(host.start_new_by_name::<()>(ORDER, ())).await.unwrap();
    guard(order.cancel("enough")).await.unwrap();
    let ended = guard(order.result()).await.unwrap_err();
    assert!(matches!(ended, Error::Cancelled { .. }), "{ended}");
    pass_time_until(&clock, HOUR, undisturbed.result()).await.unwrap();
}
