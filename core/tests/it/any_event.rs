//! Waits for external events of any name, beside waits for one.

use std::time::Duration;

use futures::future::{Either, join, select};

use crate::support::instance::{
    Instance, cancel, code, divergence, raise_once, rejection, start, suspend, task,
};
use reenact_core::limits::MAX_BUFFERED_EVENTS;
use reenact_core::{
    Command, Event, EventError, MachineConfig, OrchestrationCode, OrchestrationContext,
    OrchestrationError, Rejected, Start,
};

/// Takes so many events of any name, and says which came.
fn takes(many: usize) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        let (mut events, mut taken) = (ctx.any_events(), Vec::new());
        for _ in 0..many {
            let event = events.next().await?;
            taken.push(format!("{} {}", event.name(), event.decode::<u64>()?));
        }
        Ok(taken)
    })
}

fn raise_all(instance: &mut Instance, events: &[(&str, u64)]) {
    events.iter().for_each(|(name, data)| drop(instance.raise(name, *data)));
}

#[test]
fn events_of_all_names_come_in_the_order_in_which_they_were_raised() {
    let mut instance = Instance::start(takes(4), ());
    assert_eq!(instance.log()[1..], ["AnySubscribed #1"]);
    let turn = instance.raise("b", 1);
    assert_eq!(turn.log(), ["ExternalRaised `b`", "ExternalTaken #1 `b`", "AnySubscribed #2"]);
    raise_all(&mut instance, &[("a", 2), ("b", 3), ("c", 4)]);
    assert_eq!(instance.output::<Vec<String>>(), ["b 1", "a 2", "b 3", "c 4"]);
    instance.assert_replays_from_every_point();
}

#[test]
fn events_that_came_before_the_wait_are_taken_in_their_order() {
    let mut before = Instance::start_with(
        takes(3),
        MachineConfig::default(),
        Start { delay: Some(Duration::ZERO), ..start(()) },
    );
    raise_all(&mut before, &[("z", 1), ("a", 2), ("m", 3)]);
    before.fire(0);
    assert_eq!(before.output::<Vec<String>>(), ["z 1", "a 2", "m 3"]);
    before.assert_replays_from_every_point();
}

/// A wait for a name and one for any, in this order or the other; what each has got.
fn beside(named_first: bool) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        let named = || ctx.schedule_wait::<u64>("a");
        let (named, any) = if named_first {
            let named = named();
            (named, ctx.any_event())
        } else {
            let any = ctx.any_event();
            (named(), any)
        };
        let (named, any) = join(named, any).await;
        let any = any?;
        Ok((named?, any.name().to_string(), any.decode::<u64>()?))
    })
}

#[test]
fn a_named_wait_that_is_older_goes_first_and_one_that_is_newer_does_not() {
    for (named_first, expected) in [(true, (1, "a", 2)), (false, (2, "a", 1))] {
        let mut instance = Instance::start(beside(named_first), ());
        raise_all(&mut instance, &[("a", 1), ("a", 2)]);
        let (named, name, any) = expected;
        assert_eq!(instance.output::<(u64, String, u64)>(), (named, name.to_string(), any));
        instance.assert_replays_from_every_point();
    }
    for named_first in [true, false] {
        let mut instance = Instance::start(beside(named_first), ());
        raise_all(&mut instance, &[("b", 1), ("a", 2)]);
        assert_eq!(instance.output::<(u64, String, u64)>(), (2, "b".to_string(), 1));
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn a_wait_that_is_dropped_leaves_its_event_to_the_others() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let (mut late, go) = (ctx.any_event(), ctx.schedule_wait::<u64>("go"));
        // Whichever is ready first: the wait for any is there, and has its event.
        let go = match select(&mut late, go).await {
            Either::Left(_) => return Err(OrchestrationError::new("the other one is ready")),
            Either::Right((go, _)) => go?,
        };
        drop(late);
        let named: u64 = ctx.wait_external("a").await?;
        let any = ctx.any_event().await?;
        Ok((go, named, any.name().to_string()))
    });
    // The older wait is for any: it takes everything but what comes after it has an event.
    let mut instance = Instance::start(code, ());
    instance.raise("b", 1);
    assert!(instance.failure().message().contains("the other one"));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_time_limit_drops_a_wait_and_nothing_is_lost() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut events = ctx.any_events();
        assert!(ctx.timeout(Duration::from_secs(5), events.next()).await.is_err());
        task(&ctx, "a").await?;
        let one = events.next().await?;
        let two: u64 = ctx.wait_external("b").await?;
        Ok((one.name().to_string(), two))
    });
    let mut instance = Instance::start(code, ());
    instance.pass(5);
    instance.fire(1);
    raise_all(&mut instance, &[("b", 1), ("a", 2), ("b", 3)]);
    instance.complete(3, 0);
    assert_eq!(instance.output::<(String, u64)>(), ("b".to_string(), 3));
    assert!(instance.log().contains(&"ExternalUnsubscribed #2".to_string()));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_suspended_instance_keeps_events_for_its_waits() {
    let mut instance = Instance::start(beside(false), ());
    instance.apply(suspend("wait"));
    raise_all(&mut instance, &[("a", 1), ("a", 2)]);
    instance.apply(Command::Resume);
    assert_eq!(instance.output::<(u64, String, u64)>(), (2, "a".to_string(), 1));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_cancel_ends_the_wait_and_takes_no_event() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let cancelled = ctx.any_event().await;
        assert!(matches!(cancelled, Err(EventError::Cancelled(_))));
        let refused = ctx.any_event().await;
        assert!(matches!(refused, Err(EventError::Cancelled(_))));
        Ok(ctx.shielded().any_event().await?.name().to_string())
    });
    let mut instance = Instance::start(code, ());
    instance.apply(cancel("enough"));
    instance.raise("a", 1);
    assert_eq!(instance.output::<String>(), "a");
    instance.assert_replays_from_every_point();
}

#[test]
fn what_a_wait_for_any_is_open_for_is_taken_though_the_buffer_is_full() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        ctx.wait_external::<u64>("first").await?;
        let two = (ctx.any_event(), ctx.any_event());
        task(&ctx, "a").await?;
        let two = (two.0.await?, two.1.await?);
        Ok((two.0.name().to_string(), two.1.name().to_string()))
    });
    let mut instance = Instance::start(code, ());
    for number in 0..MAX_BUFFERED_EVENTS as u64 {
        instance.raise("x", number);
    }
    let full = || raise_once("y", 1_u64, "k");
    assert!(matches!(rejection(instance.try_apply(full())), Rejected::TooManyEvents { .. }));
    instance.raise("first", 1);
    // Two of those that are there are for the waits, so there is room for two more.
    instance.raise("y", 1);
    instance.raise("y", 2);
    assert!(matches!(rejection(instance.try_apply(full())), Rejected::TooManyEvents { .. }));
    instance.complete(4, 0);
    assert_eq!(instance.output::<(String, String)>(), ("x".to_string(), "x".to_string()));
}

#[test]
fn code_that_takes_another_event_is_a_difference() {
    let mut instance = Instance::start(takes(2), ());
    instance.raise("a", 1);
    let other = code(async |ctx: OrchestrationContext, ()| {
        ctx.wait_external::<u64>("a").await?;
        Ok(())
    });
    let differs = divergence(Instance::try_replay(&other, &instance.config, instance.turns()));
    let expected = "expected AnySubscribed #1, found ExternalSubscribed #1 `a`";
    assert_eq!(differs.to_string(), format!("nondeterministic at event 1: {expected}"));
}

#[test]
fn what_was_not_taken_moves_to_the_next_execution() {
    let code = code(async |ctx: OrchestrationContext, generation: u64| {
        if generation == 0 {
            let _open = ctx.any_event();
            ctx.wait_external::<u64>("go").await?;
            return ctx.continue_as_new_untyped(&1);
        }
        Ok(ctx.any_event().await?.name().to_string())
    });
    let mut instance = Instance::start(code.clone(), 0);
    raise_all(&mut instance, &[("b", 1), ("go", 2)]);
    let next = instance.machine.successor(None).expect("nothing runs").expect("it continues");
    let mut next = Instance::resumed(code, MachineConfig::default(), next.machine, instance.now);
    next.fire(0);
    assert_eq!(next.output::<String>(), "b");
    let taken = next.turns().iter().flat_map(|turn| turn.events.iter());
    assert!(taken.into_iter().any(|event| matches!(event, Event::ExternalTaken { .. })));
}
