//! Histories that are rewound while there is something to tell others: nothing is sent twice, nothing
//! is lost, and nobody waits for ever.

use crate::support::instance::{self, Instance, code, instance_id, payload, start};
use crate::support::messages::{delivered, ended, sent};
use reenact_core::{
    ChildError, ChildOptions, Command, CorrelationId, EventKey, ExecutionId, InstanceId, Machine,
    MachineConfig, Message, MessageBody, NotTaken, OrchestrationByName, OrchestrationCode,
    OrchestrationContext, OrchestrationError, Origin, Outcome, Relation, Replacement, Rewind,
    Rewound, Start, TimeLimits, Version,
};

/// What a rewind of this instance to before the first event of a kind makes of it.
fn rewound(instance: &Instance, kind: &str) -> Instance {
    rewound_with(instance, kind, 1)
}

fn rewound_with(instance: &Instance, kind: &str, seed: u64) -> Instance {
    let history = instance.machine.history();
    let place = history.events().find(|event| event.event.to_string().starts_with(kind));
    let position = place.unwrap_or_else(|| panic!("no {kind} in {history}")).position;
    let rewind = Rewind { position, reason: "a test".into(), seed };
    let Rewound { kept, turns } =
        history.rewound(&instance_id(), rewind, instance.now).expect("there is the position");
    let turns: Vec<_> = history.turns()[..kept].iter().cloned().chain(turns).collect();
    let (code, config) = (instance.code.clone(), MachineConfig::default());
    let next = instance.machine.execution_id().next().expect("few");
    let machine = Machine::replay(&code, instance_id(), next, config.clone(), turns);
    Instance::resumed(code, config, machine.expect("it fits"), instance.now)
}

fn other() -> InstanceId {
    InstanceId::new("other").expect("an id")
}

fn named(id: &str) -> OrchestrationByName {
    OrchestrationByName::new("ship", ChildOptions::new().id(id))
}

/// Starts an orchestration that goes on by itself, tells another instance, and waits for both.
fn teller() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        let started = ctx.start_orchestration_by_name(named("ship-7"), &1).await;
        let raised = ctx.raise_event(&other(), "Hello", &1).await;
        let () = ctx.wait_external("Go").await?;
        Ok((started.is_ok(), raised.is_ok()))
    })
}

#[test]
fn a_start_and_an_event_that_were_not_answered_are_awaited_on() {
    let mut before = Instance::start(teller(), ());
    before.raise("Early", ());
    let mut again = rewound(&before, "ExternalRaised");
    again.fire(0);
    for _ in 0..2 {
        let message = again.only_message();
        again.apply(delivered(&message));
    }
    again.raise("Go", ());
    assert_eq!(again.output::<(bool, bool)>(), (true, true));
}

#[test]
fn what_has_arrived_is_not_sent_again() {
    let mut before = Instance::start(teller(), ());
    let start = before.only_message();
    before.apply(delivered(&start));
    let mut again = rewound(&before, "MessagesDelivered");
    assert_eq!(sent(&again.machine.open_actions()), [], "what it started may be long gone");
    let raised = again.fire(0);
    let event = sent(&raised.actions);
    assert!(matches!(&event[..], [event] if event.to == other()), "{event:?}");
}

#[test]
fn a_child_whose_id_is_taken_is_refused_again() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let child = ctx.call_orchestration_by_name::<_, u64>(named("ship-7"), &1);
        Ok(child.await.is_ok())
    });
    let mut before = Instance::start(code, ());
    let start = before.only_message();
    let refused = Command::RefuseMessage { message: start.id, why: NotTaken::AlreadyExists };
    before.apply(refused.clone());
    assert!(!before.output::<bool>());
    let mut again = rewound(&before, "ChildFailed");
    assert_eq!(again.only_message(), start);
    again.fire(0);
    again.apply(refused);
    assert!(!again.output::<bool>(), "it does not wait for a child of somebody else");
}

#[test]
fn what_an_execution_before_has_to_tell_is_not_undone() {
    let code = code(async |ctx: OrchestrationContext, again: bool| {
        if again {
            return Ok(ctx.wait_external::<u64>("Go").await?);
        }
        drop(ctx.raise_event(&other(), "Hello", &1));
        drop(ctx.start_orchestration_by_name(named("ship-7"), &1));
        ctx.continue_as_new_untyped(&true)
    });
    let first = Instance::start(code.clone(), false);
    let under_way = sent(&first.actions());
    let next = first.machine.successor(None).expect("nothing runs").expect("it continues");
    let second = Instance::resumed(code, MachineConfig::default(), next.machine, first.now);
    let again = rewound(&second, "OutboxCarried");
    assert_eq!(sent(&again.machine.open_actions()), under_way);
}

#[test]
fn what_stands_after_the_end_belongs_to_it() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        drop(ctx.raise_event(&other(), "Hello", &1));
        Ok(ctx.wait_external::<u64>("Go").await?)
    });
    let mut ended = Instance::start(code, ());
    let event = ended.only_message();
    ended.raise("Go", 7);
    let end = ended.turns().len() as u64 - 1;
    let mut outbox = ended.machine.outbox();
    let (settled, _) = outbox.settle(&[event.id], end, ended.now).expect("it is new");
    let turns = ended.turns().iter().cloned().chain([settled]).collect::<Vec<_>>();
    ended.machine = Instance::try_replay(&ended.code, &ended.config, &turns).expect("it replays");

    let mut again = rewound(&ended, "MessagesDelivered");
    assert_eq!(again.machine.outcome(), None);
    again.fire(0);
    assert_eq!(again.machine.outcome(), Some(&Outcome::Completed(payload(7))));
    assert_eq!(again.machine.outbox_len(), 0, "that has arrived");
}

/// Calls a child under an id of its own, with what "Call" brings, and waits for it.
fn caller() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        let input: u64 = ctx.wait_external("Call").await?;
        let shipped: u64 = ctx.call_orchestration_by_name(named("ship-7"), &input).await?;
        let () = ctx.wait_external("Go").await?;
        Ok(shipped)
    })
}

/// The calls whose child a start takes the place of: their run, and whether the child's own end counts.
fn replaces(start: &Message) -> Vec<(u64, bool)> {
    match &start.body {
        MessageBody::Replace { instead_of, .. } => {
            instead_of.iter().map(|call| (call.lineage, call.unless_ended)).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn a_child_that_is_called_again_takes_the_place_of_the_one_that_was_undone() {
    let mut before = Instance::start(caller(), ());
    before.raise("Call", 5);
    let old = before.only_message();
    before.apply(ended(&old, Ok(payload(1))));
    let mut again = rewound(&before, "ExternalRaised");
    assert_eq!(sent(&again.machine.open_actions()), [], "it has ended: there is nobody to cancel");
    again.fire(0);
    let new = again.only_message();
    assert_eq!((new.to.as_str(), replaces(&new)), ("ship-7", vec![(instance::SEED, false)]));
    let origin = new.body.origin().expect("it starts one");
    assert_eq!(origin.lineage, 1, "a child of the run after the rewind");
    again.apply(ended(&old, Ok(payload(1))));
    assert_eq!(again.machine.open_children(9).len(), 1, "what the old one says does not count");
    again.apply(ended(&new, Ok(payload(2))));
    again.raise("Go", ());
    assert_eq!(again.output::<u64>(), 2);
    again.assert_replays();
}

/// The cancel goes first; the old one is replaced even if that never reaches it.
#[test]
fn a_child_that_runs_is_cancelled_before_it_is_replaced() {
    let mut before = Instance::start(caller(), ());
    before.raise("Call", 5);
    let old = before.only_message();
    before.apply(delivered(&old));
    let mut again = rewound(&before, "ExternalRaised");
    let cancel = again.only_message();
    assert!(matches!(cancel.body, MessageBody::Cancel { .. }), "{cancel:?}");
    again.fire(0);
    assert_eq!(again.only_message(), cancel, "one message to each at a time");
    again.apply(delivered(&cancel));
    assert_eq!(replaces(&again.only_message()), [(instance::SEED, false)]);
}

/// Also over several rewinds, of which one undoes the one before.
#[test]
fn the_children_of_all_runs_that_were_undone_are_replaced() {
    let mut before = Instance::start(caller(), ());
    before.raise("Call", 5);
    before.apply(ended(&before.only_message(), Ok(payload(1))));
    let mut second = rewound_with(&before, "ExternalRaised", 21);
    second.fire(0);
    second.apply(ended(&second.only_message(), Ok(payload(2))));
    let mut third = rewound_with(&second, "ExternalRaised", 22);
    third.fire(0);
    let start = third.only_message();
    assert_eq!(replaces(&start), [(instance::SEED, false), (21, false)]);
    assert_eq!(start.body.origin().expect("a start").lineage, 22);
    third.assert_replays();
}

/// By the end of its parent, by a cancel of its parent, or because its future was dropped.
#[test]
fn a_child_that_was_cancelled_in_what_is_undone_begins_anew() {
    let code = |gives_up: bool| {
        code(move |ctx: OrchestrationContext, ()| async move {
            let child = ctx.call_orchestration_by_name::<_, u64>(named("ship-7"), &1);
            let go: bool = ctx.wait_external("Go").await?;
            match (go, gives_up) {
                (false, true) => drop(child),
                (false, false) => return Err(OrchestrationError::new("oh")),
                (true, _) => return Ok(child.await?),
            }
            let () = ctx.wait_external("Never").await?;
            Ok(0)
        })
    };
    for gives_up in [true, false] {
        let mut before = Instance::start(code(gives_up), ());
        let start = before.only_message();
        before.apply(delivered(&start));
        before.raise("Go", false);
        let cancel = before.only_message();
        assert!(matches!(cancel.body, MessageBody::Cancel { .. }), "{cancel:?}");
        let mut again = rewound(&before, "ExternalRaised");
        // It may be on its way already: so it arrives, and what replaces the child comes after it.
        assert_eq!(again.only_message(), cancel);
        again.apply(delivered(&cancel));
        let anew = again.only_message();
        assert_eq!((anew.to.as_str(), replaces(&anew)), ("ship-7", vec![(instance::SEED, true)]));
        assert_eq!(anew.body.origin().expect("a start").lineage, 1);
        again.apply(ended(
            &start,
            Err(ChildError::Cancelled {
                child: start.to.clone(),
                reason: "its parent has ended".into(),
            }),
        ));
        assert_eq!(again.machine.open_children(9).len(), 1, "that was undone");
        again.apply(ended(&anew, Ok(payload(9))));
        again.assert_replays();
    }
}

#[test]
fn a_child_of_a_made_up_id_and_one_of_somebody_else_are_not_replaced() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        ctx.wait_external::<()>("Call").await?;
        let made_up = ctx.call_orchestration_by_name::<_, u64>("ship", &1);
        let other = ctx.call_orchestration_by_name::<_, u64>(named("ship-8"), &1);
        Ok(made_up.await? + other.await?)
    });
    let mut before = Instance::start(code, ());
    before.raise("Other", ());
    let mut again = rewound(&before, "ExternalRaised");
    again.fire(0);
    again.raise("Call", ());
    let starts = sent(&again.machine.open_actions());
    assert_eq!(starts.len(), 2);
    assert!(starts.iter().all(|start| replaces(start).is_empty()), "{starts:?}");
}

/// The next execution can still call it.
#[test]
fn who_is_replaced_is_known_over_a_continuation() {
    let code = code(async |ctx: OrchestrationContext, goes_on: bool| {
        if !goes_on {
            ctx.wait_external::<()>("Go").await?;
            // One seed makes it call, another one go on: so what was called once is called later.
            if ctx.random().is_multiple_of(2) {
                return ctx.continue_as_new_untyped(&true);
            }
        }
        Ok(ctx.call_orchestration_by_name::<_, u64>(named("ship-7"), &1).await?)
    });
    let continues = |seed| rand(seed).is_multiple_of(2);
    let first = (1..).find(|seed| !continues(*seed)).expect("half of them");
    let second = (1..).find(|seed| continues(*seed)).expect("half of them");
    let how = Start { seed: first, ..start(false) };
    let mut before = Instance::start_with(code.clone(), MachineConfig::default(), how);
    before.raise("Go", ());
    before.apply(ended(&before.only_message(), Ok(payload(1))));
    let mut again = rewound_with(&before, "ExternalRaised", second);
    again.fire(0);
    let next = again.machine.successor(None).expect("nothing runs").expect("it continues");
    let mut next = Instance::resumed(code, MachineConfig::default(), next.machine, again.now);
    next.fire(0);
    assert_eq!(replaces(&next.only_message()), [(first, false)]);
}

/// The first number that code draws.
fn rand(seed: u64) -> u64 {
    let code = code(async |ctx: OrchestrationContext, ()| Ok(ctx.random()));
    let how = Start { seed, ..start(()) };
    Instance::start_with(code, MachineConfig::default(), how).output::<u64>()
}

/// What a child had called is cancelled with it, and makes room for what the new one calls.
#[test]
fn the_new_child_can_call_what_the_old_one_has_called() {
    let mut old = Instance::start(caller(), ());
    old.raise("Call", 5);
    old.apply(delivered(&old.only_message()));
    let origin = Origin {
        instance: other(),
        lineage: 77,
        id: CorrelationId(4),
        attempt: 1,
        depth: 1,
        relation: Relation::Child,
    };
    let replacement = Replacement {
        name: old.code.name().clone(),
        version: Version::NONE,
        input: payload(()),
        origin: Box::new(origin.clone()),
        delay: None,
        trace: None,
        limits: TimeLimits::NONE,
    };
    let turns = replacement.begin(&instance_id(), old.turns(), old.now);
    let second = ExecutionId::FIRST.next().expect("few");
    let config = MachineConfig::default();
    let machine =
        Machine::replay(&old.code, instance_id(), second, config.clone(), turns).expect("it fits");
    assert_eq!((machine.origin(), machine.seed()), (Some(origin.clone()), origin.seed()));
    let mut new = Instance::resumed(old.code.clone(), config, machine, old.now);
    let cancel = new.only_message();
    assert!(matches!(cancel.body, MessageBody::Cancel { .. }), "{cancel:?}");
    new.apply(delivered(&cancel));
    new.fire(0);
    new.raise("Call", 6);
    assert_eq!(replaces(&new.only_message()), [(instance::SEED, false)]);
}

/// What is undone must not come again: neither a command, nor a rewind.
#[test]
fn commands_and_rewinds_that_are_undone_stay_known() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        ctx.wait_external::<u64>("Go").await?;
        ctx.continue_as_new_untyped::<_, ()>(&())
    });
    let known = || Command::KnowCommand { key: EventKey::new("suspend/1").expect("a key") };
    let mut before = Instance::start(code, ());
    before.raise("Other", ());
    before.apply(known());
    before.apply(Command::Suspend { reason: "a pause".into() });
    let second = rewound_with(&before, "ExternalRaised", 21);
    assert!(second.machine.history().was_rewound_with(21));
    let mut third = rewound_with(&second, "ExecutionRewound", 22);
    assert!(!third.machine.is_suspended());
    assert!(third.apply(known()).is_empty());
    third.fire(0);
    third.apply(Command::Resume);
    third.raise("Go", 5);
    let next = third.machine.successor(None).expect("nothing runs").expect("it continues");
    for history in [third.machine.history(), next.machine.history()] {
        for (seed, was) in [(21, true), (22, true), (23, false)] {
            assert_eq!(history.was_rewound_with(seed), was, "{seed}");
        }
    }
}
