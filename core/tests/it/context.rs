//! What the context gives besides durable futures: time, random numbers, recorded values, traces.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::instance::{
    self, Instance, SEED, code, complete, fire, raise, seconds, start, task,
};
use reenact_core::{
    Action, ActivityDefinition, Event, ExecutionId, Guid, MachineConfig, OrchestrationContext,
    OrchestrationErrorKind, Outcome, Start, Timestamp, run_turn,
};

#[test]
fn now_is_the_time_of_the_event_that_is_applied() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut times = vec![ctx.now()];
        task(&ctx, "a").await?;
        times.push(ctx.now());
        times.push(ctx.now());
        ctx.wait_external::<()>("Go").await?;
        times.push(ctx.now());
        Ok(times.into_iter().map(Timestamp::as_micros).collect::<Vec<_>>())
    });
    let mut instance = Instance::start(code, ());
    instance.complete(1, 1);
    instance.raise("Other", ());
    instance.raise("Go", ());
    let expected = [1_000, 1_001, 1_001, 1_003].map(|at| seconds(at).as_micros());
    assert_eq!(instance.output::<[u64; 4]>(), expected);
    instance.assert_replays_from_every_point();
}

#[test]
fn now_never_goes_back() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let before = ctx.now();
        task(&ctx, "a").await?;
        Ok(ctx.now() == before)
    });
    let mut instance = Instance::start(code, ());
    instance.now = seconds(5);
    let answer = instance.complete(1, 1);
    assert_eq!(answer.recorded.at, seconds(1_000), "an earlier time counts as the last one");
    assert!(instance.output::<bool>());
    instance.assert_replays_from_every_point();
}

#[test]
fn a_timer_counts_from_now() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        task(&ctx, "a").await?;
        ctx.timer(Duration::from_millis(1_500)).await;
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    instance.complete(1, 1);
    let fire_at = seconds(1_001) + Duration::from_millis(1_500);
    let id = reenact_core::CorrelationId(2);
    assert_eq!(instance.machine.open_actions(), [Action::CreateTimer { id, fire_at }]);
    assert_eq!(instance.machine.wake_at(), Some(fire_at));
}

#[test]
fn random_numbers_and_guids_are_the_same_at_every_replay() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let first = (ctx.random(), ctx.new_guid());
        task(&ctx, "a").await?;
        Ok((first, (ctx.random(), ctx.new_guid())))
    });
    let mut instance = Instance::start(code.clone(), ());
    instance.complete(1, 1);
    assert_eq!(instance.log().len(), 4, "they need no event");
    instance.assert_replays_from_every_point();

    type Drawn = ((u64, Guid), (u64, Guid));
    let (one, other): Drawn = instance.output();
    assert!(one.0 != other.0 && one.1 != other.1);
    assert_eq!((one.1.to_bytes()[6] >> 4, other.1.to_bytes()[6] >> 4), (4, 4));

    let how = Start { seed: SEED + 1, ..start(()) };
    let mut elsewhere = Instance::start_with(code, MachineConfig::default(), how);
    elsewhere.complete(1, 1);
    assert!(elsewhere.output::<Drawn>().0 != one, "another instance has others");
}

#[test]
fn a_side_effect_is_computed_once() {
    let computed = Arc::new(AtomicU64::new(0));
    let counter = computed.clone();
    let code = code(move |ctx: OrchestrationContext, ()| {
        let counter = counter.clone();
        async move {
            let value = ctx.side_effect(|| counter.fetch_add(1, Ordering::Relaxed) + 100).await;
            task(&ctx, "a").await?;
            Ok(value)
        }
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(instance.log()[1..], ["SideEffectRecorded #1", "TaskScheduled #2 `a`"]);
    drop(instance.assert_replays());
    instance.complete(2, 2);
    assert_eq!(instance.output::<u64>(), 100);
    instance.assert_replays();
    assert_eq!(computed.load(Ordering::Relaxed), 1);
}

#[test]
fn a_side_effect_may_use_the_context() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let now = ctx.side_effect(|| ctx.now().as_micros()).await;
        Ok(now)
    });
    let instance = Instance::start(code, ());
    assert_eq!(instance.output::<u64>(), seconds(1_000).as_micros());
    instance.assert_replays_from_every_point();
}

#[test]
fn side_effects_in_branches_are_recorded_in_the_order_of_the_history() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let branch = async |name: &'static str| {
            let number = task(&ctx, name).await.unwrap_or(0);
            ctx.side_effect(|| number * 2).await
        };
        Ok(futures::join!(branch("a"), branch("b")))
    });
    let mut instance = Instance::start(code, ());
    instance.complete(2, 20);
    instance.complete(1, 10);
    assert_eq!(instance.output::<(u64, u64)>(), (20, 40));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_side_effect_that_does_not_encode_fails_the_instance() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        // A map whose keys are no strings is no JSON.
        let odd = || std::collections::BTreeMap::from([(vec![1_u8], 1_u8)]);
        ctx.side_effect(odd).await;
        Ok(())
    });
    let instance = Instance::start(code, ());
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::InvalidValue);
    assert!(instance.failure().message().starts_with("a side effect's value cannot be recorded"));
    instance.assert_replays_from_every_point();
}

#[test]
fn code_can_tell_whether_it_is_re_enacted() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let code = code(move |ctx: OrchestrationContext, ()| {
        let log = log.clone();
        async move {
            log.lock().expect("no panic").push(ctx.is_replaying());
            task(&ctx, "a").await?;
            log.lock().expect("no panic").push(ctx.is_replaying());
            Ok(())
        }
    });
    let instance = Instance::start(code, ());
    let mut replayed = instance.assert_replays();
    let _ = replayed.apply(complete(1, 1), seconds(2_000)).expect("it goes on");
    assert_eq!(*seen.lock().expect("no panic"), [false, true, false]);
}

#[test]
fn a_trace_comes_out_once_with_the_actions_of_its_turn() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        ctx.trace("begins");
        task(&ctx, "a").await?;
        ctx.trace(format_args!("{} is done", "a"));
        Ok(())
    });
    let trace = |message: &str| Action::Trace { message: message.into() };
    let mut instance = Instance::start(code, ());
    assert_eq!(instance.actions()[0], trace("begins"));
    let replayed = &mut instance.assert_replays();
    let turn = replayed.apply(complete(1, 1), seconds(1_001)).expect("it goes on");
    assert_eq!(instance::Answer::of(turn).actions[0], trace("a is done"));
    instance.complete(1, 1);
    instance.assert_replays_from_every_point();
    assert!(instance.log().iter().all(|event| !event.contains("Trace")));
}

#[test]
fn code_knows_who_it_is() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        Ok((ctx.instance_id().to_string(), ctx.execution_id().0, format!("{ctx:?}")))
    });
    let (id, execution, shown) = Instance::start(code, ()).output::<(String, u32, String)>();
    assert_eq!((id.as_str(), ExecutionId(execution)), ("instance", ExecutionId::FIRST));
    assert_eq!(
        shown,
        "OrchestrationContext { instance: \"instance\", execution: ExecutionId(1), .. }"
    );
}

/// A typed activity, as the attribute macro writes it.
struct Greet;

impl ActivityDefinition for Greet {
    type Input = String;
    type Output = String;
    const NAME: &'static str = "greet";
}

#[test]
fn typed_activities_and_the_ways_to_write_a_call_are_the_same_to_the_history() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let typed = ctx.schedule_activity(Greet, "Ada".into()).await?;
        let awaited = ctx.call_activity(Greet, "Ada".into()).await?;
        let named: String = ctx.schedule_activity_by_name("greet", "Ada").await?;
        let called: String = ctx.call_activity_by_name("greet", "Ada").await?;
        Ok([typed, awaited, named, called])
    });
    let mut instance = Instance::start(code, ());
    for id in 1..=4 {
        assert_eq!(instance.log().last(), Some(&format!("TaskScheduled #{id} `greet`")));
        instance.complete(id, "Hello");
    }
    assert_eq!(instance.output::<[String; 4]>(), ["Hello"; 4]);
    let inputs = instance.machine.history().events().filter_map(|event| match event.event {
        Event::TaskScheduled { input, .. } => Some(input.to_string()),
        _ => None,
    });
    assert_eq!(inputs.collect::<Vec<_>>(), ["\"Ada\""; 4]);
    instance.assert_replays_from_every_point();
}

#[test]
fn one_turn_is_a_pure_function_of_history_and_command() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let number = task(&ctx, "a").await?;
        ctx.timer(Duration::from_secs(number)).await;
        Ok(ctx.wait_external::<u64>("Go").await?)
    });
    let commands =
        [reenact_core::Command::Start(start(())), complete(1, 5), fire(2), raise("Go", 8)];
    let mut history = Vec::new();
    let mut outcome = None;
    for (at, command) in (1_000..).zip(commands) {
        let turn = run_turn(history.clone(), &code, instance::instance_id(), command, seconds(at))
            .expect("a turn");
        outcome = turn.outcome;
        history.push(turn.recorded);
    }
    assert_eq!(outcome, Some(Outcome::Completed(instance::payload(8))));
}
