//! `publish`: values under names that everybody can read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::support::instance::{Instance, code, divergence, payload, task};
use reenact_core::limits::{MAX_ALL_PUBLISHED_BYTES, MAX_PUBLISHED_BYTES, MAX_PUBLISHED_VALUES};
use reenact_core::{
    Action, MachineConfig, OrchestrationCode, OrchestrationContext, OrchestrationErrorKind,
    PublishedValues, Rewind,
};

/// Publishes each of the values under its name, with an activity after each.
fn publishing(values: &'static [(&'static str, Option<u64>)]) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        for (name, value) in values {
            match value {
                Some(value) => ctx.publish(name, value),
                None => ctx.unpublish(name),
            }
            task(&ctx, "a").await?;
        }
        Ok(())
    })
}

fn through(code: OrchestrationCode, steps: u64) -> Instance {
    let mut instance = Instance::start(code, ());
    (1..=steps).for_each(|id| drop(instance.complete(id, 0)));
    instance
}

fn shown(values: &PublishedValues) -> Vec<(String, u64)> {
    let shown =
        values.iter().map(|(name, value)| (name.to_string(), value.decode().expect("a number")));
    shown.collect()
}

#[test]
fn a_value_is_an_event_of_the_turn_that_publishes_it_and_the_newest_of_a_name_counts() {
    let values = &[("b", Some(1)), ("a", Some(2)), ("b", Some(3)), ("a", None)];
    let mut instance = Instance::start(publishing(values), ());
    assert_eq!(instance.log()[1..], ["ValuePublished `b`", "TaskScheduled #1 `a`"]);
    let after: [&[(&str, u64)]; 3] = [&[("a", 2), ("b", 1)], &[("a", 2), ("b", 3)], &[("b", 3)]];
    for (id, values) in (1..).zip(after) {
        instance.complete(id, 0);
        let expected: Vec<_> =
            values.iter().map(|(name, value)| (name.to_string(), *value)).collect();
        assert_eq!(shown(&instance.machine.published()), expected);
    }
    instance.complete(4, 0);
    assert_eq!(instance.machine.published().len(), 1, "they stay after the end");
    instance.assert_replays_from_every_point();
}

#[test]
fn a_change_is_announced_and_what_changes_nothing_is_no_step() {
    let values = &[("v", Some(1)), ("v", Some(1)), ("w", None), ("v", Some(2)), ("v", None)];
    let instance = through(publishing(values), 4);
    let announced =
        instance.answers().map(|answer| answer.actions.contains(&Action::AnnounceStatus));
    assert_eq!(announced.collect::<Vec<_>>(), [true, false, false, true, true]);
    instance.assert_replays_from_every_point();
}

#[test]
fn the_order_in_which_a_map_or_a_set_was_written_makes_no_difference() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        for _ in 0..3 {
            let map: HashMap<u64, u64> = (0..50).map(|key| (key, key)).collect();
            ctx.publish("map", &map);
            task(&ctx, "a").await?;
        }
        let read: Option<BTreeMap<u64, u64>> = ctx.published("map")?;
        Ok(read.map(|map| map.len()))
    });
    let instance = through(code, 3);
    assert_eq!(instance.output::<Option<usize>>(), Some(50));
    let published = instance.log().iter().filter(|event| event.starts_with("Value")).count();
    assert_eq!(published, 1, "each map has an order of its own, and it is the same value");
    instance.assert_replays();
}

#[test]
fn a_set_that_is_written_in_another_order_at_replay_is_what_is_recorded() {
    // Live, a list in another order is another value. At replay the log knows which was written.
    let orders = [[1_u64, 2, 3], [3, 2, 1]];
    let of = |orders: [[u64; 3]; 2]| {
        code(move |ctx: OrchestrationContext, ()| async move {
            for order in orders {
                ctx.publish("set", &order);
                task(&ctx, "a").await?;
            }
            Ok(ctx.published::<BTreeSet<u64>>("set")?.map(|set| set.len()))
        })
    };
    let instance = through(of(orders), 2);
    let other_order = of([[2, 1, 3], [1, 3, 2]]);
    let strict = MachineConfig { strict: true, ..MachineConfig::default() };
    let replayed =
        Instance::try_replay(&other_order, &strict, instance.turns()).expect("it replays");
    assert_eq!(replayed.published(), instance.machine.published());
}

#[test]
fn code_reads_back_what_is_recorded_live_and_at_replay() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        assert_eq!(ctx.published::<f64>("v")?, None);
        assert_eq!(ctx.status::<String>()?, None);
        ctx.publish("v", &0.1_f32);
        ctx.set_status("half");
        task(&ctx, "a").await?;
        assert!(ctx.published::<String>("v").is_err(), "it is no text");
        Ok((ctx.published::<f32>("v")?, ctx.status::<String>()?))
    });
    let instance = through(code, 1);
    let expected = (Some(0.1), Some("half".to_string()));
    assert_eq!(instance.output::<(Option<f32>, Option<String>)>(), expected);
    instance.assert_replays_from_every_point();
}

#[test]
fn code_that_publishes_something_else_is_a_difference() {
    let instance = through(publishing(&[("v", Some(1))]), 1);
    for (other, expected) in [
        (publishing(&[]), "expected ValuePublished `v`, found ExecutionCompleted"),
        (publishing(&[("w", Some(1))]), "expected ValuePublished `v`, found ValuePublished `w`"),
        (publishing(&[("v", None)]), "expected ValuePublished `v`, found TaskScheduled #1 `a`"),
    ] {
        let lenient = MachineConfig::default();
        let differs = divergence(Instance::try_replay(&other, &lenient, instance.turns()));
        assert_eq!(differs.to_string(), format!("nondeterministic at event 1: {expected}"));
    }
    let other = publishing(&[("v", Some(2))]);
    let strict = MachineConfig { strict: true, ..MachineConfig::default() };
    let differs = divergence(Instance::try_replay(&other, &strict, instance.turns()));
    assert_eq!(
        differs.to_string(),
        "nondeterministic at event 1: expected ValuePublished `v` as 1, found ValuePublished `v` as 2"
    );
}

fn fails(run: impl Fn(&OrchestrationContext) + Clone + Send + Sync + 'static) -> Instance {
    let code = code(move |ctx: OrchestrationContext, ()| {
        let run = run.clone();
        async move {
            run(&ctx);
            Ok(task(&ctx, "a").await?)
        }
    });
    let instance = Instance::start(code, ());
    instance.assert_replays_from_every_point();
    instance
}

#[test]
fn what_is_over_a_limit_fails_the_instance_and_nothing_of_it_is_recorded() {
    let text = |bytes: usize| "x".repeat(bytes - 2);
    let large = fails(move |ctx| ctx.publish("v", &text(MAX_PUBLISHED_BYTES + 1)));
    assert_eq!(large.failure().kind(), OrchestrationErrorKind::LimitExceeded);
    let expected = "the value `v` of 983041 bytes is over 983040 that can be published";
    assert_eq!(large.failure().message(), expected);
    assert_eq!(large.log().len(), 2);

    let many = fails(|ctx| {
        (0..=MAX_PUBLISHED_VALUES).for_each(|number| ctx.publish(format!("v{number}"), &number));
    });
    assert_eq!(many.failure().message(), "more than 100 values are published");
    assert_eq!(many.machine.published().len(), MAX_PUBLISHED_VALUES);

    let together = 8;
    let heavy = fails(move |ctx| {
        let each = text(MAX_ALL_PUBLISHED_BYTES / together);
        (0..together).for_each(|n| ctx.publish(n.to_string(), &each));
    });
    let expected = "the values that are published have more than 1048576 bytes together";
    assert_eq!(heavy.failure().message(), expected);
    assert_eq!(heavy.machine.published().len(), together - 1, "names count as well");
}

#[test]
fn a_value_at_its_limit_takes_the_place_of_another() {
    let text = |letter: &str| letter.repeat(MAX_PUBLISHED_BYTES - 2);
    let code = code(move |ctx: OrchestrationContext, ()| async move {
        for name in 0..6 {
            ctx.publish(name.to_string(), &name);
        }
        for letter in ["x", "a", "b", "c"] {
            ctx.publish("6", &text(letter));
        }
        ctx.unpublish("6");
        ctx.publish("another", &text("y"));
        Ok(task(&ctx, "a").await?)
    });
    let instance = through(code, 1);
    assert_eq!(instance.output::<u64>(), 0);
    assert_eq!(instance.machine.published().len(), 7);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_value_or_a_name_that_is_none_fails_the_instance() {
    let invalid_map = BTreeMap::from([(vec![1_u8], 1_u8)]);
    let map = fails(move |ctx| ctx.publish("v", &invalid_map));
    let name = fails(|ctx| ctx.publish("", &1));
    for instance in [map, name] {
        assert_eq!(instance.failure().kind(), OrchestrationErrorKind::InvalidValue);
        assert!(instance.failure().message().starts_with("a value cannot be published"));
    }
    let none = fails(|ctx| ctx.unpublish(""));
    assert_eq!(none.log().len(), 2, "no value has that name");
}

#[test]
fn the_next_execution_begins_with_the_values_and_reads_them() {
    let code = code(async |ctx: OrchestrationContext, generation: u64| {
        let before: Option<u64> = ctx.published("v")?;
        assert_eq!(before, generation.checked_sub(1));
        ctx.publish("v", &generation);
        match generation {
            0 => ctx.publish("cleared", &1),
            _ => ctx.unpublish("cleared"),
        }
        if generation < 2 { ctx.continue_as_new_untyped(&(generation + 1)) } else { Ok(()) }
    });
    let mut instance = Instance::start(code.clone(), 0);
    for _ in 1..=2 {
        let before = instance.machine.published();
        let next = instance.machine.successor(None).expect("nothing runs").expect("it continues");
        let config = MachineConfig::default();
        instance = Instance::resumed(code.clone(), config, next.machine, instance.now);
        assert_eq!(instance.machine.published(), before);
        instance.assert_replays();
        instance.fire(0);
        instance.assert_replays();
    }
    assert_eq!(shown(&instance.machine.published()), [("v".to_string(), 2)]);
}

#[test]
fn a_rewind_takes_values_back() {
    let values = &[("v", Some(1)), ("v", Some(2)), ("w", Some(3))];
    let instance = through(publishing(values), 2);
    let history = instance.machine.history();
    let rewind = Rewind { position: 3, reason: "again".into(), seed: 9 };
    let rewound = history
        .rewound(&instance.machine.instance_id(), rewind, instance.now)
        .expect("there is such a position");
    let turns = [&instance.turns()[..rewound.kept], &rewound.turns].concat();
    let replayed =
        Instance::try_replay(&instance.code, &instance.config, &turns).expect("it replays");
    assert_eq!(shown(&replayed.published()), [("v".to_string(), 1)]);
    assert_eq!(replayed.published().get("v"), Some(&payload(1)));
}
