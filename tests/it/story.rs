//! The story that every guarantee is about: an activity, a durable timer, an external event, another
//! activity; then the same again from its history.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kit::{HOUR, guard, id, options, store};
use reenact::core::{Machine, MachineConfig, RecordedTurn, ReplayError};
use reenact::prelude::*;
use reenact::providers::TimerScheduler;
use reenact::testing::OrchestrationCode;
use reenact::{ExecutionId, History, InstanceState, Outcome};

#[activity]
async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
    Ok(format!("Hello, {name}!"))
}

#[activity]
async fn shout(_ctx: ActivityContext, what: String) -> Result<String, ActivityError> {
    Ok(what.to_uppercase())
}

#[orchestration]
async fn welcome(ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    let greeting = ctx.call_activity(greet, name).await?;
    ctx.timer(HOUR).await;
    let go: String = ctx.wait_external("Go").await?;
    let shouted = ctx.call_activity(shout, go).await?;
    Ok(format!("{greeting} {shouted}"))
}

async fn host(memory: InMemory) -> Host {
    let host = Host::builder().provider(memory).options(options());
    host.orchestration(welcome).activity(greet).activity(shout).start().await.unwrap()
}

async fn finished_story() -> (Host, History) {
    let (memory, clock) = store();
    let host = host(memory).await;
    let instance = host.start_new(welcome, "Ada".to_string()).id("i").await.unwrap();
    until_history_has(&instance, 4).await;
    clock.advance(HOUR);
    until_history_has(&instance, 6).await;
    instance.raise_event("Go", "now").await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), "Hello, Ada! NOW");
    let history = instance.history().await.unwrap();
    (host, history)
}

async fn until_history_has(instance: &InstanceHandle<String>, events: u64) {
    guard(async {
        while instance.status().await.unwrap().history_length < events {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Replays as strictly as can be.
fn replay(turns: &[RecordedTurn]) -> Result<Machine, ReplayError> {
    let code = OrchestrationCode::of::<welcome>().unwrap();
    let strict = MachineConfig { strict: true, ..MachineConfig::default() };
    Machine::replay(&code, id("i"), ExecutionId::FIRST, strict, turns.iter().cloned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_has_every_step_in_the_order_in_which_it_happened() {
    let (_, history) = finished_story().await;
    let events: Vec<String> = history.events().map(|event| event.event.to_string()).collect();
    assert_eq!(
        events,
        [
            "ExecutionStarted `welcome`",
            "TaskScheduled #1 `greet`",
            "TaskCompleted #1",
            "TimerCreated #2 for 2026-01-01T01:00:00.000000Z",
            "TimerFired #2",
            "ExternalSubscribed #3 `Go`",
            "ExternalRaised `Go`",
            "TaskScheduled #4 `shout`",
            "TaskCompleted #4",
            "ExecutionCompleted",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_tells_how_it_stands_all_along() {
    let (memory, clock) = store();
    let start = clock.now();
    let host = host(memory).await;
    let instance = host.start_new(welcome, "Ada".to_string()).id("i").await.unwrap();
    until_history_has(&instance, 4).await;
    let waiting = instance.status().await.unwrap();
    assert_eq!(waiting.id, id("i"));
    assert_eq!(waiting.name.as_str(), "welcome");
    assert_eq!(waiting.execution, ExecutionId::FIRST);
    assert_eq!(waiting.state, InstanceState::Running);
    assert_eq!(waiting.history_length, 4);
    assert_eq!((waiting.created_at, waiting.last_event_at), (start, start));
    assert_eq!((waiting.parked, waiting.outcome), (None, None));

    clock.advance(HOUR);
    until_history_has(&instance, 6).await;
    assert_eq!(instance.status().await.unwrap().last_event_at, start + HOUR);
    clock.advance(HOUR);
    instance.raise_event("Go", "now").await.unwrap();
    guard(instance.result()).await.unwrap();
    let finished = instance.status().await.unwrap();
    assert_eq!(finished.state, InstanceState::Completed);
    assert_eq!(finished.history_length, 10);
    assert_eq!((finished.created_at, finished.last_event_at), (start, start + HOUR * 2));
    assert_eq!(finished.output::<String>().as_deref(), Some("Hello, Ada! NOW"));
    assert_eq!(finished.failure(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_of_the_history_has_the_same_end_and_nothing_to_do() {
    let (host, history) = finished_story().await;
    let replayed = replay(history.turns()).unwrap();
    assert_eq!(replayed.outcome(), history.outcome().as_ref());
    let Some(Outcome::Completed(output)) = replayed.outcome() else { panic!("{replayed:?}") };
    assert_eq!(output.decode::<String>().unwrap(), "Hello, Ada! NOW");
    assert_eq!(*replayed.history(), history, "no event was added");
    assert_eq!(replayed.open_actions(), [], "nothing is to be done again");
    assert_eq!(host.get_status(&id("i")).await.unwrap().outcome, history.outcome());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_of_a_part_of_the_history_stands_where_the_instance_stood() {
    let (_, history) = finished_story().await;
    for end in 0..history.turns().len() {
        let part = &history.turns()[..end];
        let replayed = replay(part).unwrap();
        assert_eq!(replayed.history().turns(), part);
        assert_eq!(replayed.outcome(), None);
        // After the third it waits for an event, which needs nobody to do anything.
        let open = usize::from(end > 0 && end != 3);
        assert_eq!(replayed.open_actions().len(), open, "after {end} turns");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_by_name_only_tells_the_same_story() {
    let (memory, clock) = store();
    let runs = Arc::new(AtomicUsize::new(0));
    let counting = runs.clone();
    let host = Host::builder()
        .provider(memory)
        .register_activity("greet", move |ctx: ActivityContext, name: String| {
            counting.fetch_add(1, Ordering::SeqCst);
            async move {
                assert_eq!(ctx.activity_name().as_str(), "greet");
                Ok(format!("Hello, {name}!"))
            }
        })
        .activity(shout)
        .register_orchestration("welcome", |ctx: OrchestrationContext, name: String| async move {
            let greeting: String = ctx.call_activity_by_name("greet", &name).await?;
            ctx.timer(HOUR).await;
            let go: String = ctx.wait_external("Go").await?;
            let shouted: String = ctx.call_activity_by_name("shout", &go).await?;
            Ok(format!("{greeting} {shouted}"))
        })
        .start()
        .await
        .unwrap();
    let instance = host.start_new_by_name::<String>("welcome", "Ada").id("i").await.unwrap();
    until_history_has(&instance, 4).await;
    clock.advance(HOUR);
    until_history_has(&instance, 6).await;
    instance.raise_event("Go", "now").await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), "Hello, Ada! NOW");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    // Its history is that of the typed one.
    let history = instance.history().await.unwrap();
    assert_eq!(replay(history.turns()).unwrap().outcome(), history.outcome().as_ref());
}

#[tokio::test]
async fn a_script_runs_an_orchestration_to_its_end() {
    let host = Host::builder()
        .provider(InMemory::new())
        .register_orchestration("twice", |ctx: OrchestrationContext, what: String| async move {
            let first = ctx.call_activity(shout, what.clone()).await?;
            Ok(format!("{first}{}", ctx.call_activity(shout, what).await?))
        })
        .orchestration(welcome)
        .activity(greet)
        .activity(shout)
        .start()
        .await
        .unwrap();
    let twice = guard(host.start_new_by_name::<String>("twice", "ha")).await.unwrap();
    assert_eq!(guard(twice.result()).await.unwrap(), "HAHA");
    guard(host.shutdown()).await.unwrap();
}
