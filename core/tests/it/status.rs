//! `set_status`: what people see of an execution while it runs.

use std::collections::BTreeMap;

use crate::support::instance::{Instance, code, divergence, task};
use reenact_core::limits::MAX_STATUS_BYTES;
use reenact_core::{
    Action, Event, MachineConfig, OrchestrationCode, OrchestrationContext, OrchestrationErrorKind,
};

/// Sets each of the statuses, with an activity after each.
fn setting(statuses: &'static [&'static str]) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        for status in statuses {
            ctx.set_status(status);
            task(&ctx, "a").await?;
        }
        Ok(())
    })
}

fn set(instance: &Instance) -> Vec<String> {
    let events = instance.machine.history().events();
    let set = events.filter_map(|event| match event.event {
        Event::StatusSet { status } => Some(status.decode().expect("a text")),
        _ => None,
    });
    set.collect()
}

#[test]
fn a_status_is_an_event_of_the_turn_that_sets_it() {
    let mut instance = Instance::start(setting(&["one", "two"]), ());
    assert_eq!(instance.log()[1..], ["StatusSet", "TaskScheduled #1 `a`"]);
    assert_eq!(instance.machine.status_turn(), Some(0));
    assert_eq!(instance.complete(1, 0).outputs(), ["StatusSet", "TaskScheduled #2 `a`"]);
    assert_eq!(instance.machine.status_turn(), Some(1));
    instance.complete(2, 0);
    assert_eq!(instance.machine.status_turn(), Some(1), "it stays after the end");
    assert_eq!(set(&instance), ["one", "two"]);
    instance.assert_replays_from_every_point();
    assert_eq!(instance.assert_replays().status_turn(), Some(1));
}

#[test]
fn each_new_status_is_announced_with_the_actions_of_its_turn() {
    let mut instance = Instance::start(setting(&["one", "one", "two"]), ());
    instance.complete(1, 0);
    instance.complete(2, 0);
    let announced =
        instance.answers().map(|answer| answer.actions.contains(&Action::AnnounceStatus));
    assert_eq!(announced.collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn the_same_status_again_is_not_recorded_again() {
    let mut instance = Instance::start(setting(&["one", "one", "two", "one"]), ());
    (1..=4).for_each(|id| drop(instance.complete(id, 0)));
    assert_eq!(set(&instance), ["one", "two", "one"]);
    assert_eq!(instance.machine.status_turn(), Some(3));
    instance.assert_replays_from_every_point();
}

#[test]
fn an_execution_that_sets_none_has_none() {
    let mut instance = Instance::start(code(async |ctx, ()| Ok(task(&ctx, "a").await?)), ());
    instance.complete(1, 0);
    assert_eq!(instance.machine.status_turn(), None);
}

#[test]
fn a_status_that_is_no_longer_set_or_is_set_elsewhere_leaves_the_history() {
    let replay = |code: &OrchestrationCode, instance: &Instance| {
        let config = MachineConfig::default();
        divergence(Instance::try_replay(code, &config, instance.turns())).to_string()
    };
    let none = code(async |ctx, ()| Ok(task(&ctx, "a").await?));
    let with = Instance::start(setting(&["one"]), ());
    let expected = "expected StatusSet, found TaskScheduled #1 `a`";
    assert_eq!(replay(&none, &with), format!("nondeterministic at event 1: {expected}"));
    let without = Instance::start(none, ());
    let expected = "expected TaskScheduled #1 `a`, found StatusSet";
    assert_eq!(
        replay(&setting(&["one"]), &without),
        format!("nondeterministic at event 1: {expected}")
    );
}

#[test]
fn another_value_is_a_difference_only_when_replay_is_strict() {
    let mut instance = Instance::start(setting(&["one", "two"]), ());
    instance.complete(1, 0);
    let (changed, lenient) = (setting(&["uno", "due"]), MachineConfig::default());
    Instance::try_replay(&changed, &lenient, instance.turns())
        .expect("kinds and order are the same");
    let strict = MachineConfig { strict: true, ..lenient };
    let differs = divergence(Instance::try_replay(&changed, &strict, instance.turns()));
    assert_eq!(
        differs.to_string(),
        "nondeterministic at event 1: expected StatusSet to \"one\", found StatusSet to \"uno\""
    );
    Instance::try_replay(&instance.code, &strict, instance.turns()).expect("nothing differs");
}

#[test]
fn a_status_at_the_limit_is_set_and_one_over_it_fails_the_instance() {
    // A text has two quotes around it.
    for (bytes, fails) in [(MAX_STATUS_BYTES - 2, false), (MAX_STATUS_BYTES - 1, true)] {
        let code = code(move |ctx: OrchestrationContext, ()| async move {
            ctx.set_status(&"x".repeat(bytes));
            task(&ctx, "a").await?;
            Ok(())
        });
        let mut instance = Instance::start(code, ());
        if fails {
            assert_eq!(instance.failure().kind(), OrchestrationErrorKind::LimitExceeded);
            assert_eq!(instance.failure().message(), "a status of 16385 bytes is over 16384");
            assert_eq!(instance.log().len(), 2, "nothing of it is recorded");
        } else {
            instance.complete(1, 0);
            assert_eq!(instance.output::<()>(), ());
        }
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn a_status_that_does_not_encode_fails_the_instance() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        // A map whose keys are no strings is no JSON.
        ctx.set_status(&BTreeMap::from([(vec![1_u8], 1_u8)]));
        Ok(task(&ctx, "a").await?)
    });
    let instance = Instance::start(code, ());
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::InvalidValue);
    assert!(instance.failure().message().starts_with("a status cannot be recorded"));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_status_is_counted_among_the_bytes_of_the_history() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        for number in 0..3_000_u64 {
            ctx.set_status(&format!("{number}{}", "x".repeat(MAX_STATUS_BYTES - 100)));
        }
        Ok(())
    });
    let instance = Instance::start(code, ());
    assert_eq!(instance.failure().message(), "one turn would pass 33554432 bytes");
}

#[test]
fn the_next_execution_begins_with_the_status_and_keeps_it_until_it_sets_another() {
    let code = code(async |ctx: OrchestrationContext, generation: u64| {
        match generation {
            0 => {
                ctx.set_status("one");
                ctx.continue_as_new_untyped(&1)
            }
            // Says nothing.
            1 => ctx.continue_as_new_untyped(&2),
            _ => {
                ctx.set_status("two");
                Ok(())
            }
        }
    });
    let mut instance = Instance::start(code.clone(), 0);
    for generation in 1..=2 {
        let next = instance.machine.successor(None).expect("nothing runs").expect("it continues");
        let config = MachineConfig::default();
        instance = Instance::resumed(code.clone(), config, next.machine, instance.now);
        assert_eq!(set(&instance), ["one"], "{generation}");
        assert_eq!(instance.machine.status_turn(), Some(0));
        let replayed = instance.assert_replays();
        assert_eq!(replayed.status_turn(), Some(0));
        instance.fire(0);
    }
    assert_eq!(set(&instance), ["one", "two"]);
    instance.assert_replays();
}
