//! `set_attribute`: typed values by which lists of instances are filtered.

use std::time::Duration;

use crate::support::instance::{Instance, code, divergence, start, task};
use reenact_core::limits::{MAX_ATTRIBUTE_NAME_BYTES, MAX_ATTRIBUTE_TEXT_BYTES, MAX_ATTRIBUTES};
use reenact_core::{
    AttributeChange, AttributeError, AttributeKind, AttributeValue, Attributes, ChildError,
    ChildOptions, Command, CorrelationId, Event, MachineConfig, MessageBody, OrchestrationByName,
    OrchestrationCode, OrchestrationContext, Rewind, Start, Timestamp, check_history,
};

type Change = (&'static str, Option<i64>);

/// Sets or clears each of the attributes, with an activity after each.
fn setting(changes: &'static [Change]) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        for (name, value) in changes {
            match value {
                Some(value) => ctx.set_attribute(name, *value)?,
                None => ctx.clear_attribute(name),
            }
            task(&ctx, "a").await?;
        }
        Ok(())
    })
}

fn through(code: OrchestrationCode, how: Start, steps: u64) -> Instance {
    let mut instance = Instance::start_with(code, MachineConfig::default(), how);
    (1..=steps).for_each(|id| drop(instance.complete(id, 0)));
    instance
}

fn given(values: &[(&str, AttributeValue)]) -> Attributes {
    let mut attributes = Attributes::default();
    for (name, value) in values {
        attributes.set(name, value.clone()).expect("it can be set");
    }
    attributes
}

fn of(instance: &Instance) -> String {
    instance.machine.attributes().to_string()
}

#[test]
fn an_attribute_is_an_event_of_its_turn_and_the_newest_value_counts() {
    let changes = &[("b", Some(1)), ("a", Some(2)), ("b", Some(3)), ("a", None)];
    let mut instance = Instance::start(setting(changes), ());
    assert_eq!(instance.log()[1..], ["AttributesChanged `b`", "TaskScheduled #1 `a`"]);
    for (id, expected) in (1..).zip(["a=2, b=1", "a=2, b=3", "b=3"]) {
        instance.complete(id, 0);
        assert_eq!(of(&instance), expected);
    }
    instance.complete(4, 0);
    assert_eq!(of(&instance), "b=3", "they stay after the end");
    instance.assert_replays_from_every_point();
}

#[test]
fn what_changes_nothing_is_no_step() {
    let changes = &[("v", Some(1)), ("v", Some(1)), ("w", None), ("v", Some(2)), ("v", None)];
    let instance = through(setting(changes), start(()), 5);
    let recorded = instance.log().iter().filter(|event| event.starts_with("Attributes")).count();
    assert_eq!(recorded, 3);
    assert_eq!(of(&instance), "");
    instance.assert_replays_from_every_point();
}

#[test]
fn each_kind_of_value_is_read_back_live_and_at_replay() {
    let at = Timestamp::from_micros(1_700_000_000_000_000);
    let code = code(move |ctx: OrchestrationContext, ()| async move {
        assert_eq!(ctx.attribute("text"), None);
        ctx.set_attribute("text", "tea")?;
        ctx.set_attribute("integer", -7)?;
        ctx.set_attribute("float", -0.0)?;
        ctx.set_attribute("bool", true)?;
        ctx.set_attribute("timestamp", at)?;
        task(&ctx, "a").await?;
        let attributes = ctx.attributes();
        let value = |name| attributes.get(name).expect("it is set");
        assert_eq!(value("text").as_text(), Some("tea"));
        assert_eq!(value("integer").as_integer(), Some(-7));
        assert_eq!(value("float").as_float().map(f64::to_bits), Some(0), "there is one zero");
        assert_eq!(value("bool").as_bool(), Some(true));
        assert_eq!(value("timestamp").as_timestamp(), Some(at));
        Ok(attributes.len())
    });
    let instance = through(code, start(()), 1);
    assert_eq!(instance.output::<usize>(), 5);
    let shown =
        "bool=true, float=0.0, integer=-7, text=\"tea\", timestamp=2023-11-14T22:13:20.000000Z";
    assert_eq!(of(&instance), shown);
    instance.assert_replays_from_every_point();
}

#[test]
fn code_that_sets_something_else_is_a_difference() {
    let instance = through(setting(&[("v", Some(1)), ("v", Some(2))]), start(()), 1);
    for (other, expected) in [
        (setting(&[]), "expected AttributesChanged `v`, found ExecutionCompleted"),
        (setting(&[("w", Some(1))]), "expected AttributesChanged `v`, found AttributesChanged `w`"),
        (setting(&[("v", None)]), "expected AttributesChanged `v`, found TaskScheduled #1 `a`"),
    ] {
        let lenient = MachineConfig::default();
        let differs = divergence(Instance::try_replay(&other, &lenient, instance.turns()));
        assert_eq!(differs.to_string(), format!("nondeterministic at event 1: {expected}"));
    }
    let cleared = setting(&[("v", Some(1)), ("v", None)]);
    let lenient = MachineConfig::default();
    let differs = divergence(Instance::try_replay(&cleared, &lenient, instance.turns()));
    let expected = "AttributesChanged `v` to 2, found AttributesChanged `v` to nothing";
    assert!(differs.to_string().ends_with(expected), "{differs}");

    let other = setting(&[("v", Some(7)), ("v", Some(2))]);
    let replayed = Instance::try_replay(&other, &lenient, instance.turns()).expect("it replays");
    assert_eq!(replayed.attributes(), instance.machine.attributes(), "what is recorded counts");
    let strict = MachineConfig { strict: true, ..MachineConfig::default() };
    let differs = divergence(Instance::try_replay(&other, &strict, instance.turns()));
    assert_eq!(
        differs.to_string(),
        "nondeterministic at event 1: expected AttributesChanged `v` to 1, found AttributesChanged `v` to 7"
    );
}

#[test]
fn a_value_of_another_kind_is_an_error_and_nothing_is_recorded() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        ctx.set_attribute("v", 1)?;
        let refused = ctx.set_attribute("v", "1").expect_err("it is an integer");
        let (had, given) = (AttributeKind::Integer, AttributeKind::Text);
        let expected = |name| AttributeError::OtherKind { name, had, given };
        assert!(matches!(&refused, AttributeError::OtherKind { name, .. }
            if refused == expected(name.clone())));
        task(&ctx, "a").await?;
        assert_eq!(ctx.attribute("v"), Some(1.into()));
        ctx.clear_attribute("v");
        ctx.set_attribute("v", "1")?;
        task(&ctx, "a").await?;
        Ok(refused.to_string())
    });
    let instance = through(code, start(()), 2);
    let text = "attribute `v` is an integer, and cannot become a text; clear it first";
    assert_eq!(instance.output::<String>(), text);
    assert_eq!(of(&instance), "v=\"1\"");
    instance.assert_replays_from_every_point();
}

#[test]
fn what_is_over_a_limit_or_no_name_is_an_error_and_the_instance_goes_on() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let (longest, text) =
            ("n".repeat(MAX_ATTRIBUTE_NAME_BYTES), "x".repeat(MAX_ATTRIBUTE_TEXT_BYTES));
        ctx.set_attribute(&longest, &text)?;
        for number in 1..MAX_ATTRIBUTES {
            ctx.set_attribute(number.to_string(), true)?;
        }
        let refused = [
            ctx.set_attribute("one more", 1),
            ctx.set_attribute(&longest, text + "x"),
            ctx.set_attribute(longest + "n", 1),
            ctx.set_attribute("", 1),
            ctx.set_attribute("1", f64::NAN),
        ];
        let refused = refused.map(|result| result.expect_err("it is refused").to_string());
        task(&ctx, "a").await?;
        Ok(refused)
    });
    let instance = through(code, start(()), 1);
    let expected = [
        "attribute `one more` would be one more than the 16 that an instance can have".to_string(),
        format!(
            "the text of attribute `{}` has 257 bytes; at most 256 are allowed",
            "n".repeat(MAX_ATTRIBUTE_NAME_BYTES)
        ),
        "the name of an attribute has 65 bytes; at most 64 are allowed".to_string(),
        "the name is empty; give it at least one character".to_string(),
        "attribute `1` is not a number".to_string(),
    ];
    assert_eq!(instance.output::<[String; 5]>(), expected);
    assert_eq!(instance.machine.attributes().len(), MAX_ATTRIBUTES);
    instance.assert_replays_from_every_point();
}

#[test]
fn an_error_that_the_code_returns_fails_the_instance() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        ctx.set_attribute("", 1)?;
        Ok(())
    });
    let instance = Instance::start(code, ());
    assert_eq!(instance.failure().message(), "the name is empty; give it at least one character");
    instance.assert_replays_from_every_point();
}

#[test]
fn an_instance_begins_with_those_that_were_given() {
    let attributes = given(&[("v", 1.into()), ("customer", "ada".into())]);
    for delay in [None, Some(Duration::from_secs(60))] {
        let how = Start { attributes: attributes.clone(), delay, ..start(()) };
        let changes = &[("v", Some(1)), ("v", Some(2)), ("customer", None)];
        let mut instance = Instance::start_with(setting(changes), MachineConfig::default(), how);
        assert_eq!(instance.machine.attributes(), attributes);
        let first = instance.log().iter().filter(|event| *event == "AttributesChanged").count();
        assert_eq!(first, 1);
        if delay.is_some() {
            instance.pass(60);
            instance.fire(0);
        }
        (1..=3).for_each(|id| drop(instance.complete(id, 0)));
        assert_eq!(of(&instance), "v=2");
        assert!(
            instance
                .machine
                .outcome()
                .is_some_and(|end| matches!(end, reenact_core::Outcome::Completed(_)))
        );
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn the_next_execution_begins_with_them_unless_they_are_cleared() {
    let code = code(async |ctx: OrchestrationContext, generation: i64| {
        let before = ctx.attribute("v").and_then(|value| value.as_integer());
        assert_eq!(before, (generation > 0).then_some(generation - 1));
        ctx.set_attribute("v", generation)?;
        match generation {
            0 => ctx.set_attribute("cleared", true)?,
            _ => ctx.clear_attribute("cleared"),
        }
        if generation < 2 { ctx.continue_as_new_untyped(&(generation + 1)) } else { Ok(()) }
    });
    let mut instance = Instance::start(code.clone(), 0);
    for _ in 1..=2 {
        let before = instance.machine.attributes();
        let next = instance.machine.successor(None).expect("nothing runs").expect("it continues");
        let turns: Vec<_> = next.turns.iter().map(|turn| turn.recorded.clone()).collect();
        assert_eq!(check_history(&turns), Ok(()));
        let config = MachineConfig::default();
        instance = Instance::resumed(code.clone(), config, next.machine, instance.now);
        assert_eq!(instance.machine.attributes(), before);
        instance.assert_replays();
        instance.fire(0);
        instance.assert_replays();
    }
    assert_eq!(of(&instance), "v=2");
}

#[test]
fn a_rewind_takes_attributes_back() {
    let how = Start { attributes: given(&[("given", true.into())]), ..start(()) };
    let instance = through(setting(&[("v", Some(1)), ("v", Some(2)), ("w", Some(3))]), how, 2);
    let history = instance.machine.history();
    let rewind = Rewind { position: 4, reason: "again".into(), seed: 9 };
    let rewound = history
        .rewound(&instance.machine.instance_id(), rewind, instance.now)
        .expect("there is such a position");
    let turns = [&instance.turns()[..rewound.kept], &rewound.turns].concat();
    let replayed =
        Instance::try_replay(&instance.code, &instance.config, &turns).expect("it replays");
    assert_eq!(replayed.attributes().to_string(), "given=true, v=1");
}

#[test]
fn attributes_that_are_given_later_are_out_of_place() {
    let instance = through(setting(&[("v", Some(1)), ("v", Some(2))]), start(()), 2);
    let mut turns = instance.turns().to_vec();
    let attributes = given(&[("v", 1.into())]);
    let change = Box::new(AttributeChange::Given { attributes });
    let mut events = turns[1].events.to_vec();
    events[1] = Event::AttributesChanged { change };
    turns[1].events = events.into();
    let refused = check_history(&turns).expect_err("it is not the first turn");
    assert_eq!(refused.expected, "attributes that were given in the first turn only");
}

/// Starts a detached orchestration, and then calls a child.
fn calling(options: fn() -> ChildOptions) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        let ship = || OrchestrationByName::new("ship", options());
        ctx.start_orchestration_by_name(ship(), &1).await.map_err(|error| error.to_string())?;
        Ok(ctx.call_orchestration_by_name::<_, u64>(ship(), &2).await?)
    })
}

fn of_ada() -> ChildOptions {
    ChildOptions::new().attribute("customer", "ada").attribute("cents", 430)
}

#[test]
fn children_begin_with_the_attributes_of_their_options() {
    let limited = || of_ada().timeout(Duration::from_secs(60));
    for (options, is_limited) in [(of_ada as fn() -> ChildOptions, false), (limited, true)] {
        let mut parent = Instance::start(calling(options), ());
        for _ in 0..2 {
            let message = parent.only_message();
            let (body, limits) = message.body.clone().unlimited();
            assert_eq!(limits.is_none(), !is_limited);
            let (body, attributes) = body.unattributed();
            assert_eq!(attributes.to_string(), "cents=430, customer=\"ada\"");
            assert!(matches!(body, MessageBody::Start { .. }));
            parent.apply(Command::ConfirmDelivery { messages: vec![message.id] });
        }
        assert_eq!(of(&parent), "", "they are not its own");
        check_history(parent.turns()).expect("some execution can have written it");
        parent.assert_replays_from_every_point();
    }
}

#[test]
fn code_that_gives_a_call_other_attributes_now_fits_its_log() {
    let other = || ChildOptions::new().attribute("customer", "eve");
    let options = [ChildOptions::new as fn() -> ChildOptions, of_ada, other];
    for before in options {
        let parent = Instance::start(calling(before), ());
        for now in options {
            let (code, config) = (calling(now), MachineConfig::default());
            let replayed = Instance::try_replay(&code, &config, parent.turns()).expect("it fits");
            assert_eq!(replayed.open_actions(), parent.machine.open_actions());
        }
    }
}

#[test]
fn a_call_with_attributes_that_cannot_be_set_is_refused() {
    let options: [fn() -> ChildOptions; 3] = [
        || of_ada().attribute("customer", 1),
        || ChildOptions::new().attribute("", 1),
        || (0..=MAX_ATTRIBUTES).fold(of_ada(), |all, n| all.attribute(n.to_string(), 0)),
    ];
    for options in options {
        let code = code(move |ctx: OrchestrationContext, ()| async move {
            let ship = OrchestrationByName::new("ship", options());
            let refused = ctx.call_orchestration_by_name::<_, u64>(ship, &2).await.unwrap_err();
            Ok(matches!(refused, ChildError::InvalidOptions { .. }))
        });
        let parent = Instance::start(code, ());
        assert!(parent.output::<bool>());
        assert!(!parent.log().iter().any(|event| event.starts_with("Child")));
    }
}

#[test]
fn attributes_of_a_call_stand_directly_before_it() {
    let parent = Instance::start(calling(of_ada), ());
    let mut turns = parent.turns().to_vec();
    let mut events = turns[0].events.to_vec();
    let place = events.iter().position(|event| matches!(event, Event::AttributesChanged { .. }));
    let attributes = given(&[("customer", "ada".into())]);
    let id = CorrelationId(7);
    events[place.unwrap()] =
        Event::AttributesChanged { change: Box::new(AttributeChange::OfChild { id, attributes }) };
    turns[0].events = events.into();
    let refused = check_history(&turns).expect_err("it is another call");
    assert_eq!(refused.expected, "the call whose attributes were given");
}
