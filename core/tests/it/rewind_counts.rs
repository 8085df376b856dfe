//! Histories are rewound while a child is open whose start is known to have arrived. How many events there are
//! stays the same for those who count as they go, and for those who read the log.

use std::time::Duration;

use crate::support::instance::{Instance, code, instance_id, payload, start, terminate};
use crate::support::messages::{delivered, ended, sent};
use reenact_core::limits::COPIED_EVENT_BYTES;
use reenact_core::{
    ChildError, ChildOptions, Event, MachineConfig, Message, MessageKind, OrchestrationByName,
    OrchestrationCode, OrchestrationContext, OrchestrationError, RetryPolicy, Rewind, Rewound,
    Start,
};

fn ship() -> OrchestrationByName {
    let policy = RetryPolicy::new(4).first_delay(Duration::from_secs(10));
    OrchestrationByName::new("ship", ChildOptions::new().id("ship-7").retry(policy))
}

/// Calls a child, which is tried again when it fails.
fn caller() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        Ok(ctx.call_orchestration_by_name::<_, u64>(ship(), &7).await?)
    })
}

/// What a rewind of this instance to before the first event of a kind makes of it.
fn rewound(before: &Instance, kind: &str, seed: u64) -> Instance {
    let history = before.machine.history();
    let place = history.events().find(|event| event.event.to_string().starts_with(kind));
    let position = place.unwrap_or_else(|| panic!("no {kind} in {history}")).position;
    let rewind = Rewind { position, reason: "a test".into(), seed };
    let Rewound { kept, turns } =
        history.rewound(&instance_id(), rewind, before.now).expect("there is the position");
    let turns: Vec<_> = history.turns()[..kept].iter().cloned().chain(turns).collect();
    let machine = Instance::try_replay(&before.code, &before.config, &turns).expect("it fits");
    Instance::resumed(before.code.clone(), before.config.clone(), machine, before.now)
}

/// The start of the child that is under way, or comes after what is under way to it.
fn start_of(parent: &mut Instance) -> Message {
    loop {
        let message = parent.only_message();
        if message.id.kind == MessageKind::Start {
            return message;
        }
        parent.apply(delivered(&message));
    }
}

/// The attempt that a message starts has failed; the start of the next.
fn fail(parent: &mut Instance, start: &Message) -> Message {
    let error = OrchestrationError::new("busy");
    let error = ChildError::Failed { child: start.to.clone(), error };
    let answer = parent.apply(ended(start, Err(error)));
    let [next] = &sent(&answer.actions)[..] else { panic!("one start: {answer:?}") };
    next.clone()
}

/// How many events of the log say that messages have arrived, without those that were superseded.
fn arrivals(instance: &Instance) -> usize {
    let is_arrival = |event: &Event| matches!(event, Event::MessagesDelivered { .. });
    instance.machine.history().events().filter(|event| is_arrival(event.event)).count()
}

/// An instance whose child has begun, and that was terminated then.
fn terminated() -> Instance {
    let mut before = Instance::start(caller(), ());
    let first = before.only_message();
    before.apply(delivered(&first));
    before.apply(terminate("enough"));
    before
}

#[test]
fn that_the_cancelled_child_had_begun_stays_when_the_one_in_its_place_fails() {
    let mut again = rewound(&terminated(), "ExecutionTerminated", 99);
    let again_started = start_of(&mut again);
    let (before, known) = (again.machine.events(), arrivals(&again));
    let next = fail(&mut again, &again_started);
    assert_eq!((again.machine.events(), arrivals(&again)), (before + 1, known));
    again.assert_replays_with_and_without_superseded();

    // The next failure takes the place of this one.
    let next = fail(&mut again, &next);
    assert_eq!((again.machine.events(), arrivals(&again)), (before + 1, known));
    again.assert_replays_with_and_without_superseded();
    again.fire(0);
    again.apply(ended(&next, Ok(payload(7))));
    assert_eq!(again.output::<u64>(), 7);
    again.assert_replays_with_and_without_superseded();
}

#[test]
fn that_the_child_in_its_place_had_begun_is_superseded_by_its_failure_alone() {
    let mut again = rewound(&terminated(), "ExecutionTerminated", 99);
    let again_started = start_of(&mut again);
    again.apply(delivered(&again_started));
    let (before, known) = (again.machine.events(), arrivals(&again));
    let next = fail(&mut again, &again_started);
    // One more, and one less.
    assert_eq!((again.machine.events(), arrivals(&again)), (before, known - 1));
    again.assert_replays_with_and_without_superseded();
    fail(&mut again, &next);
    assert_eq!((again.machine.events(), arrivals(&again)), (before, known - 1));
    again.assert_replays_with_and_without_superseded();
}

#[test]
fn each_rewind_that_begins_a_child_anew_keeps_the_count() {
    let mut again = rewound(&terminated(), "ExecutionTerminated", 99);
    let again_started = start_of(&mut again);
    again.apply(delivered(&again_started));
    again.apply(terminate("enough again"));
    let mut third = rewound(&again, "ExecutionTerminated", 100);
    let third_started = start_of(&mut third);
    let (before, known) = (third.machine.events(), arrivals(&third));
    fail(&mut third, &third_started);
    assert_eq!((third.machine.events(), arrivals(&third)), (before + 1, known));
    third.assert_replays_with_and_without_superseded();
}

#[test]
fn the_failure_of_an_attempt_that_was_begun_anew_supersedes_the_failure_before_it() {
    let mut parent = Instance::start(caller(), ());
    let first = parent.only_message();
    parent.apply(delivered(&first));
    let second = fail(&mut parent, &first);
    parent.apply(delivered(&second));
    parent.apply(terminate("enough"));
    let mut again = rewound(&parent, "ExecutionTerminated", 99);
    let again_started = start_of(&mut again);
    let (before, known) = (again.machine.events(), arrivals(&again));
    fail(&mut again, &again_started);
    assert_eq!((again.machine.events(), arrivals(&again)), (before, known));
    again.assert_replays_with_and_without_superseded();
}

/// Calls a child until an event comes, and goes on as new then.
fn renewing() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, again: bool| {
        if again {
            return Ok(ctx.wait_external::<u64>("Go").await?);
        }
        let _called = ctx.schedule_orchestration_by_name::<_, u64>(ship(), &7);
        let () = ctx.wait_external("Enough").await?;
        ctx.continue_as_new_untyped(&true)
    })
}

/// What replays after a renewal counts by the log what was counted live.
#[test]
fn an_instance_that_goes_on_as_new_in_its_log_after_a_rewind_has_the_same_count() {
    let how = Start { delay: Some(Duration::ZERO), ..start(false) };
    let mut before = Instance::start_with(renewing(), MachineConfig::default(), how);
    // What nobody takes keeps it in one log.
    before.raise("Large", "x".repeat(2 * COPIED_EVENT_BYTES));
    before.fire(0);
    let first = before.only_message();
    before.apply(delivered(&first));
    before.raise("Enough", ());
    let mut again = rewound(&before, "ExternalRaised `Enough`", 99);
    let again_started = start_of(&mut again);
    fail(&mut again, &again_started);
    assert_eq!(again.machine.events(), again.machine.history().len());
    again.fire(0);
    let is_renewal = |event: &Event| matches!(event, Event::ExecutionRenewed { .. });
    assert!(again.machine.history().events().any(|event| is_renewal(event.event)));
    again.assert_replays_with_and_without_superseded();
    again.fire(0);
    again.raise("Go", 3);
    assert_eq!(again.output::<u64>(), 3);
    again.assert_replays_with_and_without_superseded();
}
