//! `continue_as_new`: an execution ends, and the next one of the same instance goes on with what
//! nobody has taken.

mod failures;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::instance::{
    self, Answer, Instance, code, complete, divergence, fire, instance_id, payload, raise,
    raise_once, rejection, seconds, task, turn,
};
use reenact_core::limits::{
    CARRIED_EVENT_KEYS, MAX_BUFFERED_EVENT_BYTES, MAX_PAYLOAD_BYTES, MAX_TURN_PAYLOAD_BYTES,
};
use reenact_core::{
    Action, CorrelationId, Event, ExecutionId, Machine, MachineConfig, Orchestration,
    OrchestrationCode, OrchestrationContext, OrchestrationError, OrchestrationErrorKind, Outcome,
    Rejected, Successor,
};

/// Adds what comes, each number in an execution of its own; gives the sum at a 0.
struct Counter;

impl Orchestration for Counter {
    type Input = u64;
    type Output = u64;
    const NAME: &'static str = "orchestration";

    async fn run(ctx: OrchestrationContext, sum: u64) -> Result<u64, OrchestrationError> {
        match ctx.wait_external::<u64>("Add").await? {
            0 => Ok(sum),
            more => ctx.continue_as_new(Counter, sum + more),
        }
    }
}

fn counter() -> OrchestrationCode {
    OrchestrationCode::of::<Counter>().expect("a name")
}

/// The next execution of an instance, with the turns in which it begins. That both follow from the
/// log is checked.
fn successor(instance: &Instance) -> (Instance, Vec<Answer>) {
    let (machine, turns) = successor_of(&instance.machine);
    let again = successor_of(&replayed(instance));
    assert_eq!((machine.history(), &turns), (again.0.history(), &again.1));
    let (code, config) = (instance.code.clone(), instance.config.clone());
    let next = Instance::resumed(code, config, machine, instance.now);
    replayed(&next);
    (next, turns)
}

fn successor_of(machine: &Machine) -> (Machine, Vec<Answer>) {
    let begun = machine.successor(None).expect("nothing runs");
    let Successor { machine, turns } = begun.expect("it has continued as new");
    (machine, turns.into_iter().map(Answer::of).collect())
}

/// The next execution, at work.
fn proceed(instance: &Instance) -> Instance {
    let (mut next, _) = successor(instance);
    next.fire(0);
    next
}

/// The same execution out of its log.
fn replayed(instance: &Instance) -> Machine {
    let execution = instance.machine.execution_id();
    let (config, turns) = (instance.config.clone(), instance.turns().iter().cloned());
    let replayed = Machine::replay(&instance.code, instance_id(), execution, config, turns);
    let replayed = replayed.expect("it replays");
    assert_eq!(replayed.history(), instance.machine.history());
    assert_eq!(replayed.outcome(), instance.machine.outcome());
    assert_eq!(replayed.open_actions(), instance.machine.open_actions());
    assert_eq!(replayed.wake_at(), instance.machine.wake_at());
    assert_eq!(replayed.seed(), instance.machine.seed());
    replayed
}

#[test]
fn an_execution_ends_and_the_next_one_begins_with_the_new_input() {
    let mut first = Instance::start(counter(), 1);
    let last = first.raise("Add", 2);
    assert_eq!(last.outputs(), ["ExecutionContinued"]);
    let outcome = Outcome::Continued { input: payload(3) };
    assert_eq!(last.outcome.as_ref(), Some(&outcome));
    assert_eq!(first.machine.history().outcome(), Some(outcome));
    assert_eq!(last.actions, [], "no message reports an end: the instance goes on");
    first.assert_replays_from_every_point();

    let (mut next, begun) = successor(&first);
    assert_eq!(next.machine.execution_id(), ExecutionId(2));
    assert_eq!(next.machine.instance_id(), instance_id());
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0].number, 0, "it counts its turns from the start");
    let Event::ExecutionStarted { input, .. } = &begun[0].recorded.events[0] else {
        panic!("no start: {begun:?}");
    };
    assert_eq!(*input, payload(3));
    next.fire(0);
    next.raise("Add", 0);
    assert_eq!(next.output::<u64>(), 3);
    replayed(&next);
}

/// So that however often code continues as new, each time goes through the store.
#[test]
fn the_code_of_the_next_execution_runs_in_a_turn_of_its_own() {
    let endless = code(async |ctx: OrchestrationContext, n: u64| {
        ctx.continue_as_new_untyped::<_, ()>(&(n + 1))
    });
    let mut instance = Instance::start(endless, 0_u64);
    for n in 1..100_u64 {
        let (next, begun) = successor(&instance);
        assert_eq!(
            begun.iter().flat_map(Answer::log).collect::<Vec<_>>(),
            ["ExecutionStarted `orchestration`", "TimerCreated #0 for 1970-01-01T00:16:40.000000Z"]
        );
        let start = Action::CreateTimer { id: CorrelationId::START, fire_at: seconds(1_000) };
        assert_eq!(begun[0].actions, [start]);
        assert_eq!(next.machine.wake_at(), Some(seconds(1_000)), "a host must go on with it");
        instance = next;
        instance.now = seconds(999);
        let last = instance.fire(0);
        assert_eq!(last.outcome, Some(Outcome::Continued { input: payload(n + 1) }));
    }
}

#[test]
fn events_that_nobody_has_taken_come_along_in_their_order() {
    let code = code(async |ctx: OrchestrationContext, generation: u64| {
        ctx.wait_external::<()>("Next").await?;
        if generation == 0 {
            return ctx.continue_as_new_untyped(&1);
        }
        let mut seen = Vec::new();
        for name in ["A", "B", "A", "B", "A"] {
            seen.push((name.to_owned(), ctx.wait_external::<u64>(name).await?));
        }
        Ok(seen)
    });
    let mut first = Instance::start(code, 0);
    for (number, name) in ["A", "B", "B", "A"].iter().enumerate() {
        first.raise(name, number);
    }
    first.raise("Next", ());
    let (mut next, begun) = successor(&first);
    assert_eq!(
        begun[1..].iter().flat_map(Answer::log).collect::<Vec<_>>(),
        ["ExternalRaised `A`", "ExternalRaised `B`", "ExternalRaised `B`", "ExternalRaised `A`"]
    );
    next.raise("A", 9);
    next.fire(0);
    next.raise("Next", ());
    let seen: Vec<(String, u64)> = next.output();
    assert_eq!(seen.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [0, 1, 3, 2, 9]);
    replayed(&next);
}

/// A wait that could have taken its event and was not polled has not taken it.
#[test]
fn an_event_that_is_ready_and_not_taken_comes_along() {
    let code = code(async |ctx: OrchestrationContext, generation: u64| {
        let (a, b) = (ctx.wait_external::<u64>("A"), ctx.wait_external::<u64>("A"));
        if generation == 0 {
            a.await?;
            return ctx.continue_as_new_untyped(&1);
        }
        Ok(vec![a.await?, b.await?])
    });
    let mut first = Instance::start(code, 0);
    first.raise("A", 1);
    assert!(first.machine.outcome().is_some());
    let mut next = proceed(&first);
    assert_eq!(rejection(first.try_apply(raise("A", 2))), Rejected::Finished);
    next.raise("A", 2);
    next.raise("A", 3);
    assert_eq!(next.output::<Vec<u64>>(), [2, 3]);
}

#[test]
fn what_the_old_execution_scheduled_is_called_off() {
    let code = code(async |ctx: OrchestrationContext, generation: u64| {
        let _both = (task(&ctx, "a"), ctx.timer(Duration::from_secs(60)));
        ctx.wait_external::<()>("Next").await?;
        if generation == 0 { ctx.continue_as_new_untyped(&1) } else { Ok(()) }
    });
    let mut first = Instance::start(code, 0);
    let last = first.raise("Next", ());
    assert_eq!(last.outputs(), ["ExecutionContinued"], "no step of the code: it is over");
    assert_eq!(
        last.actions,
        [
            Action::CancelActivity { id: CorrelationId(1) },
            Action::CancelTimer { id: CorrelationId(2), fire_at: seconds(1_060) },
        ]
    );
    assert!(first.complete(1, 1).is_empty(), "a completion that comes late is nothing");
    let (mut next, _) = successor(&first);
    assert!(next.complete(1, 1).is_empty(), "nor is it one of the next execution's");
    assert!(next.apply(fire(2)).is_empty());
}

#[test]
fn the_call_itself_ends_the_execution() {
    let code = code(async |ctx: OrchestrationContext, generation: u64| {
        if generation > 0 {
            return Ok(generation);
        }
        let swallowed = ctx.continue_as_new_untyped::<_, ()>(&1);
        assert!(swallowed.is_err());
        let _: Result<(), _> = ctx.continue_as_new_untyped(&2);
        task(&ctx, "a").await?;
        Ok(7)
    });
    let first = Instance::start(code, 0);
    assert_eq!(first.log(), ["ExecutionStarted `orchestration`", "ExecutionContinued"]);
    assert_eq!(first.actions(), []);
    assert_eq!(proceed(&first).output::<u64>(), 1, "the first call counts");
    first.assert_replays();
}

#[test]
fn each_execution_has_its_own_random_numbers_which_follow_from_the_log() {
    let code = code(async |ctx: OrchestrationContext, mut drawn: Vec<u64>| {
        drawn.extend((0..4).map(|_| ctx.random()));
        if drawn.len() < 100 { ctx.continue_as_new_untyped(&drawn) } else { Ok(drawn) }
    });
    let drawn = || {
        let mut instance = Instance::start(code.clone(), Vec::<u64>::new());
        while let Some(Outcome::Continued { .. }) = instance.machine.outcome() {
            instance = proceed(&instance);
        }
        instance.output::<Vec<u64>>()
    };
    assert_eq!(drawn().iter().collect::<BTreeSet<_>>().len(), 100, "none comes twice");
    assert_eq!(drawn(), drawn());
}

#[test]
fn the_time_goes_on() {
    let code = code(async |ctx: OrchestrationContext, before: u64| {
        if before > 0 {
            return Ok(ctx.now().as_micros() - before);
        }
        ctx.wait_external::<()>("Next").await?;
        ctx.continue_as_new_untyped(&ctx.now().as_micros())
    });
    let mut first = Instance::start(code, 0);
    first.raise("Next", ());
    let (mut next, begun) = successor(&first);
    assert_eq!(begun[0].recorded.at, seconds(1_001), "the instant at which the first one ended");
    next.now = seconds(0);
    next.fire(0);
    assert_eq!(next.output::<u64>(), 0, "a clock that was set back does not show");
}

#[test]
fn a_key_that_was_seen_counts_once_in_the_next_execution_as_well() {
    let mut first = Instance::start(counter(), 0);
    first.apply(raise_once("Other", 0, "not taken"));
    first.apply(raise_once("Add", 5, "taken"));
    let (mut next, begun) = successor(&first);
    assert_eq!(begun[1].log(), ["EventKeysCarried"]);
    assert!(next.apply(raise_once("Add", 5, "taken")).is_empty());
    assert!(next.apply(raise_once("Other", 0, "not taken")).is_empty());
    next.fire(0);
    assert!(!next.apply(raise_once("Add", 6, "new")).is_empty());

    let mut third = proceed(&next);
    for key in ["taken", "not taken", "new"] {
        assert!(third.apply(raise_once("Add", 0, key)).is_empty(), "{key} is known for longer");
    }
    third.raise("Add", 0);
    assert_eq!(third.output::<u64>(), 11);
    replayed(&third);
}

#[test]
fn the_keys_that_are_carried_over_are_the_newest_and_those_of_what_comes_along() {
    // Takes all of the name "N", so that few events come along.
    let code = code(async |ctx: OrchestrationContext, ()| {
        loop {
            let waits = ["Add", "N"].map(|name| ctx.schedule_wait::<u64>(name));
            if ctx.when_any(waits).await.index == 0 {
                return ctx.continue_as_new_untyped::<_, ()>(&());
            }
        }
    });
    let mut first = Instance::start(code, ());
    first.apply(raise_once("Other", 0, "not taken"));
    first.apply(raise_once("Add", 1, "old"));
    let mut next = proceed(&first);
    (0..CARRIED_EVENT_KEYS - 2).for_each(|n| drop(next.apply(raise_once("N", n, &n.to_string()))));
    next.apply(raise_once("Add", 1, "newer"));
    let mut third = proceed(&next);
    assert!(third.apply(raise_once("Add", 1, "newer")).is_empty());
    assert!(third.apply(raise_once("N", 0, "0")).is_empty());
    assert!(third.apply(raise_once("Other", 0, "not taken")).is_empty(), "its event is here");
    assert!(third.apply(raise_once("Add", 1, "old")).is_empty(), "just among the newest");
    third.apply(raise_once("Add", 1, "newest"));
    let mut fourth = proceed(&third);
    assert!(!fourth.apply(raise_once("Add", 0, "old")).is_empty(), "forgotten");
}

/// The log of the newest execution is all that a crash leaves.
#[test]
fn a_crash_at_any_point_changes_nothing() {
    let code = code(async |ctx: OrchestrationContext, mut seen: Vec<u64>| {
        let doubled: u64 = ctx.call_activity_by_name("double", &()).await?;
        seen.extend([doubled, ctx.random(), ctx.wait_external::<u64>("N").await?]);
        if seen.len() < 12 { ctx.continue_as_new_untyped(&seen) } else { Ok(seen) }
    });
    // Of the events, two come for each execution, the second of them under a key that was there.
    let course = |crash: usize| {
        let mut instance = Instance::start(code.clone(), Vec::<u64>::new());
        for step in 0_u64..20 {
            if step as usize == crash {
                instance.machine = replayed(&instance);
            }
            let answer = match step % 5 {
                0 => instance.raise("N", step),
                1 => instance.apply(raise_once("N", step, &step.to_string())),
                2 => instance.apply(raise_once("N", step, &(step - 1).to_string())),
                3 => instance.complete(1, step),
                _ => instance.fire(0),
            };
            if let Some(Outcome::Continued { .. }) = answer.outcome {
                instance = successor(&instance).0;
            }
        }
        (instance.machine.execution_id(), instance.output::<Vec<u64>>())
    };
    let (execution, seen) = course(usize::MAX);
    assert_eq!(execution, ExecutionId(4));
    let taken: Vec<u64> = seen.iter().copied().skip(2).step_by(3).collect();
    assert_eq!(taken, [0, 1, 5, 6], "in their order, none twice");
    for crash in 0..20 {
        assert_eq!(course(crash), (execution, seen.clone()), "a crash before step {crash}");
    }
}

#[test]
fn an_execution_that_has_not_continued_has_no_successor() {
    let mut instance = Instance::start(counter(), 1);
    assert!(instance.machine.successor(None).expect("nothing runs").is_none());
    instance.raise("Add", 0);
    assert!(instance.machine.successor(None).expect("nothing runs").is_none());
}

#[test]
fn replay_finds_code_that_no_longer_continues_and_code_that_does_since() {
    let continues = || {
        code(async |ctx: OrchestrationContext, n: u64| {
            ctx.wait_external::<u64>("Add").await?;
            ctx.continue_as_new_untyped::<_, u64>(&n)
        })
    };
    let ends = || {
        code(async |ctx: OrchestrationContext, _: u64| Ok(ctx.wait_external::<u64>("Add").await?))
    };
    for (before, after, expected, found) in [
        (continues(), ends(), "ExecutionContinued", "ExecutionCompleted"),
        (ends(), continues(), "ExecutionCompleted", "ExecutionContinued"),
    ] {
        let mut instance = Instance::start(before, 1);
        instance.raise("Add", 5);
        let replayed = Instance::try_replay(&after, &MachineConfig::default(), instance.turns());
        let divergence = divergence(replayed);
        assert_eq!(divergence.expected.to_string(), expected);
        assert_eq!(divergence.found.to_string(), found);
    }
}

#[test]
fn replay_compares_the_input_of_the_next_execution() {
    let adds = |more: u64| {
        code(move |ctx: OrchestrationContext, n: u64| async move {
            ctx.continue_as_new_untyped::<_, ()>(&(n + more))
        })
    };
    let first = Instance::start(adds(1), 1);
    let config = MachineConfig::default();
    let divergence = divergence(Instance::try_replay(&adds(2), &config, first.turns()));
    assert_eq!(divergence.expected.to_string(), "ExecutionContinued with input 2");
    assert_eq!(divergence.found.to_string(), "ExecutionContinued with input 3");
}

#[test]
fn a_panic_after_the_call_changes_nothing() {
    let code = code(async |ctx: OrchestrationContext, n: u64| {
        task(&ctx, "a").await?;
        let _: Result<(), _> = ctx.continue_as_new_untyped(&n);
        panic!("too late");
        #[allow(unreachable_code, reason = "gives the type")]
        Ok(())
    });
    let config = MachineConfig {
        catch_panic: |poll| {
            let poll = std::panic::AssertUnwindSafe(poll);
            std::panic::catch_unwind(poll).map_err(|_| "it panicked".into())
        },
        ..MachineConfig::default()
    };
    let mut instance = Instance::start_with(code, config, instance::start(1));
    instance.apply(complete(1, 1));
    assert_eq!(instance.machine.outcome(), Some(&Outcome::Continued { input: payload(1) }));
    instance.assert_replays();
}

#[test]
fn an_event_that_is_taken_after_the_call_comes_along() {
    let afterwards = code(async |ctx: OrchestrationContext, n: u64| {
        let kept = ctx.schedule_wait::<u64>("Kept");
        ctx.wait_external::<()>("Go").await?;
        let next = ctx.continue_as_new_untyped::<_, ()>(&n);
        kept.await?;
        next
    });
    let beside = code(async |ctx: OrchestrationContext, n: u64| {
        let (kept, mut go) = (ctx.schedule_wait::<u64>("Kept"), ctx.schedule_wait::<()>("Go"));
        ctx.wait_external::<()>("Worked").await?;
        let (next, _) = futures::join!(
            async {
                (&mut go).await?;
                ctx.continue_as_new_untyped::<_, ()>(&n)
            },
            kept,
        );
        next
    });
    for code in [afterwards, beside] {
        let mut instance = Instance::start(code, 0_u64);
        for name in ["Kept", "Go", "Worked"] {
            if instance.machine.outcome().is_none() {
                match name {
                    "Kept" => instance.raise(name, 7),
                    _ => instance.raise(name, ()),
                };
            }
        }
        instance.assert_replays();
        let (_, turns) = successor(&instance);
        assert_eq!(turns.len(), 2, "its start, and the event that was taken too late: {turns:?}");
    }
}

#[test]
fn the_newest_keys_are_known_in_the_execution_after_the_next_as_well() {
    let code = code(async |ctx: OrchestrationContext, taken: u64| {
        for _ in 0..taken {
            ctx.wait_external::<u64>("E").await?;
        }
        ctx.wait_external::<()>("Go").await?;
        ctx.continue_as_new_untyped::<_, ()>(&(300 - taken))
    });
    let newest = CARRIED_EVENT_KEYS as u64;
    let mut instance = Instance::start(code, 0_u64);
    for n in 1..=300 {
        instance.apply(raise_once("E", n, &format!("key-{n}")));
    }
    for _ in 0..2 {
        instance.raise("Go", ());
        instance = successor(&instance).0;
        instance.fire(0);
    }
    for n in 301 - newest..=300 {
        let again = instance.apply(raise_once("E", n, &format!("key-{n}")));
        assert!(again.recorded.events.is_empty(), "key {n} is among the newest");
    }
}
