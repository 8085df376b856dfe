//! An instance that cannot go on from its log is parked: its events are kept, the reason can be
//! acted on, and it goes on once the cause is gone.

use crate::kit::{HOUR, events, guard, id, options, store, stored, until, until_parked};
use reenact::core::Step;
use reenact::prelude::*;
use reenact::{CorrelationId, Error, EventKind, HostBuilder, InstanceState, ParkReason};

const ORDER: &str = "order";

fn host(memory: &InMemory) -> HostBuilder {
    Host::builder()
        .provider(memory.clone())
        .options(options())
        .register_activity("reserve", |_ctx, input: u64| async move { Ok(input + 1) })
        .register_activity("charge", |_ctx, input: u64| async move { Ok(input * 100) })
}

/// Reserves, waits for "Go", charges.
async fn original(ctx: OrchestrationContext, input: u64) -> Result<u64, OrchestrationError> {
    let reserved: u64 = ctx.call_activity_by_name("reserve", &input).await?;
    ctx.wait_external::<()>("Go").await?;
    Ok(ctx.call_activity_by_name("charge", &reserved).await?)
}

/// Charges first.
async fn changed(ctx: OrchestrationContext, input: u64) -> Result<u64, OrchestrationError> {
    let charged: u64 = ctx.call_activity_by_name("charge", &input).await?;
    ctx.wait_external::<()>("Go").await?;
    Ok(ctx.call_activity_by_name("reserve", &charged).await?)
}

/// Starts instances of the original code, and crashes when they wait for "Go".
async fn started_with_the_original(memory: &InMemory, ids: &[&str]) -> Vec<Vec<String>> {
    let host = host(memory).register_orchestration(ORDER, original).start().await.unwrap();
    let mut before = Vec::new();
    for instance in ids {
        host.start_new_by_name::<u64>(ORDER, 1_u64).id(instance).await.unwrap();
        let instance = id(instance);
        guard(async {
            while host.history(&instance).await.unwrap().len() < 4 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        before.push(events(&host, &instance).await);
    }
    guard(host.abort()).await;
    before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_code_is_found_and_parks_the_instance_with_expected_found_and_position() {
    let (memory, _) = store();
    let before = started_with_the_original(&memory, &["i"]).await;

    let host = host(&memory).register_orchestration(ORDER, changed).start().await.unwrap();
    let waiting = tokio::spawn({
        let instance = host.instance::<u64>(&id("i"));
        async move { instance.result().await }
    });
    let refused = guard(host.cancel(&id("i"), "why")).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "instance `i` is parked: nondeterministic at event 1: expected TaskScheduled #1 `reserve`, \
         found TaskScheduled #1 `charge`"
    );
    let status = host.get_status(&id("i")).await.unwrap();
    assert_eq!(status.state, InstanceState::Parked);
    let Some(ParkReason::Nondeterministic(why)) = status.parked else { panic!("{status:?}") };
    assert_eq!(why.position, 1);
    let step = |name: &str| Step::Event {
        kind: EventKind::TaskScheduled,
        id: Some(CorrelationId(1)),
        name: Some(name.try_into().unwrap()),
        detail: None,
    };
    assert_eq!((*why.expected, *why.found), (step("reserve"), step("charge")));

    let error = guard(waiting).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Parked { .. }), "{error}");
    let asked = guard(host.instance::<u64>(&id("i")).result()).await.unwrap_err();
    assert!(matches!(asked, Error::Parked { .. }), "{asked}");
    let refused = guard(host.cancel(&id("i"), "why")).await.unwrap_err();
    assert!(matches!(refused, Error::Parked { .. }), "{refused}");
    let actor = guard(host.actor(&id("i"))).await.unwrap_err();
    assert!(matches!(actor, Error::Parked { .. }), "{actor}");
    let after = events(&host, &id("i")).await;
    assert_eq!(after[..before[0].len()], before[0], "what it has done stays");
    assert!(after[before[0].len()].starts_with("ExecutionParked: nondeterministic at event 1"));
    assert_eq!(after.len(), before[0].len() + 1, "once");
    // What is parked takes no memory.
    until(|| host.in_memory() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_instance_goes_on_with_the_code_that_made_its_history() {
    let (memory, _) = store();
    started_with_the_original(&memory, &["i"]).await;

    let wrong = host(&memory).register_orchestration(ORDER, changed).start().await.unwrap();
    guard(wrong.raise_event(&id("i"), "Go", ())).await.unwrap();
    until_parked(&wrong, &id("i")).await;
    guard(wrong.shutdown()).await.unwrap();

    let right = host(&memory).register_orchestration(ORDER, original).start().await.unwrap();
    assert_eq!(guard(right.instance::<u64>(&id("i")).result()).await.unwrap(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_instance_can_be_terminated_and_its_id_used_again() {
    let (memory, _) = store();
    let before = started_with_the_original(&memory, &["i", "other"]).await;

    let host = host(&memory).register_orchestration(ORDER, changed).start().await.unwrap();
    until_parked(&host, &id("i")).await;
    let taken = guard(host.start_new_by_name::<u64>(ORDER, 7_u64).id("i")).await.unwrap_err();
    assert!(matches!(taken, Error::AlreadyExists { .. }), "{taken}");
    let unfinished = guard(host.purge(&id("i"))).await.unwrap_err();
    assert!(matches!(unfinished, Error::NotFinished { .. }), "{unfinished}");

    guard(host.terminate(&id("i"), "the code is gone")).await.unwrap();
    let ended = guard(host.instance::<u64>(&id("i")).result()).await.unwrap_err();
    assert!(matches!(ended, Error::Terminated { reason, .. } if reason == "the code is gone"));
    let status = host.get_status(&id("i")).await.unwrap();
    assert_eq!((status.state, status.parked), (InstanceState::Terminated, None));
    let mut after = before[0].clone();
    let events = events(&host, &id("i")).await;
    after.push(events[after.len()].clone());
    assert!(after[after.len() - 1].starts_with("ExecutionParked: nondeterministic"));
    after.push("ExecutionTerminated: the code is gone".into());
    assert_eq!(events, after);

    guard(host.purge(&id("i"))).await.unwrap();
    let again = guard(host.start_new_by_name::<u64>(ORDER, 7_u64).id("i")).await.unwrap();
    guard(again.raise_event("Go", ())).await.unwrap();
    assert_eq!(guard(again.result()).await.unwrap(), 701);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_with_an_activity_under_way_is_found_to_be_changed_as_soon_as_a_host_starts() {
    let (memory, _) = store();
    let crashing = host(&memory)
        .register_activity("slow", |_ctx, ()| std::future::pending::<Result<(), ActivityError>>())
        .register_orchestration(ORDER, |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.call_activity_by_name::<_, ()>("slow", &()).await?)
        })
        .start()
        .await
        .unwrap();
    crashing.start_new_by_name::<()>(ORDER, ()).id("i").await.unwrap();
    guard(crashing.abort()).await;

    let host = host(&memory)
        .register_orchestration(ORDER, |ctx: OrchestrationContext, ()| async move {
            ctx.timer(HOUR).await;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    let parked = until_parked(&host, &id("i")).await.parked.unwrap().to_string();
    assert_eq!(
        parked,
        "nondeterministic at event 1: expected TaskScheduled #1 `slow`, found TimerCreated #1"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_an_activity_that_is_not_registered_parks_with_nothing_done() {
    let (memory, clock) = store();
    async fn late(ctx: OrchestrationContext, (): ()) -> Result<u64, OrchestrationError> {
        ctx.timer(HOUR).await;
        ctx.wait_external::<()>("Go").await?;
        Ok(ctx.call_activity_by_name("added later", &20_u64).await?)
    }
    let without = host(&memory).register_orchestration(ORDER, late).start().await.unwrap();
    let instance = without.start_new_by_name::<u64>(ORDER, ()).id("i").await.unwrap();
    instance.raise_event("Go", ()).await.unwrap();
    let before = events(&without, &id("i")).await;
    clock.advance(HOUR);

    let error = guard(instance.result()).await.unwrap_err();
    let Error::Parked { reason: ParkReason::UnknownActivity { name }, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(name.as_str(), "added later");
    let mut after = events(&without, &id("i")).await;
    assert!(after.pop().unwrap().starts_with("ExecutionParked: activity `added later`"));
    assert_eq!(after, before, "not even that the timer fired");
    guard(without.shutdown()).await.unwrap();

    let with = host(&memory)
        .register_activity("added later", |_ctx, input: u64| async move { Ok(input + 1) })
        .register_orchestration(ORDER, late)
        .start()
        .await
        .unwrap();
    assert_eq!(guard(with.instance::<u64>(&id("i")).result()).await.unwrap(), 21);
}

#[tokio::test]
async fn a_start_that_calls_an_activity_that_is_not_registered_is_refused_with_nothing_stored() {
    let (memory, _) = store();
    let host = host(&memory)
        .register_orchestration(ORDER, |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.call_activity_by_name::<_, ()>("nowhere", &()).await?)
        })
        .start()
        .await
        .unwrap();
    let refused = guard(host.start_new_by_name::<()>(ORDER, ()).id("i")).await.unwrap_err();
    assert!(
        matches!(&refused, Error::NotStarted { reason: ParkReason::UnknownActivity { .. } }),
        "{refused}"
    );
    assert_eq!(stored(&host).await, 0);
    let unknown = host.get_status(&id("i")).await.unwrap_err();
    assert!(matches!(unknown, Error::NotFound { .. }), "{unknown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_of_an_orchestration_that_a_host_has_not_waits_for_a_host_that_has_it() {
    let (memory, _) = store();
    let before = started_with_the_original(&memory, &["i"]).await;

    let without = host(&memory).start().await.unwrap();
    let refused = guard(without.cancel(&id("i"), "why")).await.unwrap_err();
    let Error::Parked { reason: ParkReason::UnknownOrchestration { name }, .. } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(name.as_str(), ORDER);
    guard(without.raise_event(&id("i"), "Go", ())).await.unwrap();
    assert_eq!(events(&without, &id("i")).await.len(), before[0].len() + 2);
    guard(without.shutdown()).await.unwrap();

    let with = host(&memory).register_orchestration(ORDER, original).start().await.unwrap();
    assert_eq!(guard(with.instance::<u64>(&id("i")).result()).await.unwrap(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_input_parks_the_instance_until_the_code_is_as_it_was() {
    let (memory, _) = store();
    async fn with_other_input(
        ctx: OrchestrationContext,
        input: u64,
    ) -> Result<u64, OrchestrationError> {
        let reserved: u64 = ctx.call_activity_by_name("reserve", &(input + 5)).await?;
        ctx.wait_external::<()>("Go").await?;
        Ok(ctx.call_activity_by_name("charge", &reserved).await?)
    }
    started_with_the_original(&memory, &["i"]).await;
    let host = host(&memory).register_orchestration(ORDER, with_other_input);
    let host = host.start().await.unwrap();
    let refused = until_parked(&host, &id("i")).await.parked.unwrap().to_string();
    assert!(refused.contains("`reserve` with input 1, found"), "{refused}");
    assert!(refused.ends_with("`reserve` with input 6"), "{refused}");
    guard(host.shutdown()).await.unwrap();

    let host = self::host(&memory).register_orchestration(ORDER, original).start().await.unwrap();
    guard(host.raise_event(&id("i"), "Go", ())).await.unwrap();
    assert_eq!(guard(host.instance::<u64>(&id("i")).result()).await.unwrap(), 200);
}

/// The input has got a field since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_that_does_not_decode_any_more_parks_the_instance_and_says_why() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Old {
        a: u64,
    }
    #[derive(serde::Deserialize)]
    struct New {
        a: u64,
        #[expect(dead_code, reason = "it is to be there")]
        customer: String,
    }
    let (memory, _) = store();
    let old = async |ctx: OrchestrationContext, input: Old| {
        Ok::<u64, OrchestrationError>(input.a + ctx.wait_external::<u64>("Go").await?)
    };
    let new = async |ctx: OrchestrationContext, input: New| {
        Ok::<u64, OrchestrationError>(input.a + ctx.wait_external::<u64>("Go").await?)
    };
    let host = self::host(&memory).register_orchestration(ORDER, old).start().await.unwrap();
    host.start_new_by_name::<u64>(ORDER, Old { a: 1 }).id("i").await.unwrap();
    guard(host.shutdown()).await.unwrap();

    let builder = self::host(&memory).register_orchestration(ORDER, new);
    let unfit = guard(builder.verify_histories()).await.unwrap();
    let host = builder.start().await.unwrap();
    let refused = until_parked(&host, &id("i")).await.parked.unwrap();
    for reason in [refused.to_string(), unfit[0].to_string()] {
        assert!(reason.contains("missing field `customer`"), "{reason}");
    }
    guard(host.shutdown()).await.unwrap();
}

/// Runs until it is parked for an activity that is missing, in every way in which that can come about:
/// a completion, a timer and an event that cannot be applied, an activity that is under way already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_parked_goes_on_by_itself_on_a_host_that_has_what_was_missing() {
    let (memory, clock) = store();
    goes_on_by_itself(&|| memory.clone(), |by| clock.advance(by)).await;
}

#[cfg(feature = "local")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_parked_goes_on_by_itself_on_a_host_that_opens_the_directory_again() {
    let directory = std::env::temp_dir().join(format!("reenact-parking-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let clock = reenact::testing::ManualClock::default();
    let local = || LocalOptions::new().clock(clock.clone()).open(&directory).unwrap();
    goes_on_by_itself(&local, |by| clock.advance(by)).await;
    std::fs::remove_dir_all(directory).unwrap();
}

async fn goes_on_by_itself<P: reenact::providers::Provider>(
    open: &dyn Fn() -> P,
    pass: impl Fn(std::time::Duration),
) {
    async fn after_a_completion(ctx: OrchestrationContext, (): ()) -> Outcome {
        let reserved: u64 = ctx.call_activity_by_name("reserve", &1_u64).await?;
        Ok(ctx.call_activity_by_name("late", &reserved).await?)
    }
    async fn after_a_timer(ctx: OrchestrationContext, (): ()) -> Outcome {
        ctx.timer(HOUR).await;
        Ok(ctx.call_activity_by_name("late", &2_u64).await?)
    }
    async fn after_an_event(ctx: OrchestrationContext, (): ()) -> Outcome {
        ctx.wait_external::<()>("Go").await?;
        Ok(ctx.call_activity_by_name("late", &2_u64).await?)
    }
    async fn under_way(ctx: OrchestrationContext, (): ()) -> Outcome {
        Ok(ctx.call_activity_by_name("lost", &2_u64).await?)
    }
    type Outcome = Result<u64, OrchestrationError>;
    let host = |activities: &[&'static str]| {
        let host = Host::builder()
            .provider(open())
            .options(options())
            .register_activity("reserve", |_ctx, input: u64| async move { Ok(input + 1) })
            .register_orchestration("completion", after_a_completion)
            .register_orchestration("timer", after_a_timer)
            .register_orchestration("event", after_an_event)
            .register_orchestration("under way", under_way);
        activities.iter().fold(host, |host, name| {
            host.register_activity(name, |_ctx, input: u64| async move { Ok(input * 10) })
        })
    };
    // One that crashes while its activity runs.
    let first = host(&[])
        .register_activity("lost", |_ctx, _: u64| std::future::pending::<Result<u64, _>>())
        .start()
        .await
        .unwrap();
    let instance = guard(first.start_new_by_name::<u64>("under way", ()).id("under way")).await;
    instance.unwrap();
    guard(first.abort()).await;

    let without = host(&[]).start().await.unwrap();
    for name in ["completion", "timer", "event"] {
        guard(without.start_new_by_name::<u64>(name, ()).id(name)).await.unwrap();
    }
    pass(HOUR);
    guard(without.raise_event(&id("event"), "Go", ())).await.unwrap();
    for name in ["completion", "timer", "event", "under way"] {
        let parked = until_parked(&without, &id(name)).await.parked.unwrap();
        let missing = if name == "under way" { "lost" } else { "late" };
        assert_eq!(
            parked.to_string(),
            format!("activity `{missing}` is not registered on this host; start one that has it")
        );
    }
    guard(without.shutdown()).await.unwrap();

    let with = host(&["late", "lost"]).start().await.unwrap();
    for name in ["completion", "timer", "event", "under way"] {
        let result = guard(with.instance::<u64>(&id(name)).result()).await.unwrap();
        assert_eq!(result, 20, "{name}");
    }
    guard(with.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_timer_on_a_host_without_its_orchestration_goes_on_by_itself() {
    let (memory, clock) = store();
    async fn alarm(ctx: OrchestrationContext, (): ()) -> Result<u64, OrchestrationError> {
        ctx.timer(HOUR).await;
        Ok(1)
    }
    let first = host(&memory).register_orchestration("alarm", alarm).start().await.unwrap();
    guard(first.start_new_by_name::<u64>("alarm", ()).id("i")).await.unwrap();
    guard(first.shutdown()).await.unwrap();
    let without = host(&memory).start().await.unwrap();
    clock.advance(HOUR);
    let parked = until_parked(&without, &id("i")).await.parked.unwrap();
    assert_eq!(
        parked.to_string(),
        "orchestration `alarm` is not registered on this host; start one that has it"
    );
    guard(without.shutdown()).await.unwrap();
    let with = host(&memory).register_orchestration("alarm", alarm).start().await.unwrap();
    assert_eq!(guard(with.instance::<u64>(&id("i")).result()).await.unwrap(), 1);
    guard(with.shutdown()).await.unwrap();
}
