//! An instance begins under the id of one that was there.

use std::time::Duration;

use crate::support::instance::{Instance, code, instance_id, name, payload, start};
use crate::support::messages::sent;
use reenact_core::{
    Anew, BegunAnew, ChildOptions, Command, CorrelationId, Event, EventKey, ExecutionId, Machine,
    MachineConfig, MessageBody, MessageKind, OrchestrationByName, OrchestrationCode,
    OrchestrationContext, Origin, ParentClose, Relation, Start, TimeLimits, Version, check_history,
    key_of_start, knows_start,
};

/// Calls two children by ids of their own; one of them goes on by itself.
fn caller() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        let own = |id, close| {
            OrchestrationByName::new("ship", ChildOptions::new().id(id).parent_close(close))
        };
        let left =
            ctx.schedule_orchestration_by_name::<_, u64>(own("left", ParentClose::Abandon), &1);
        let kept =
            ctx.schedule_orchestration_by_name::<_, u64>(own("kept", ParentClose::Cancel), &2);
        Ok(left.await? + kept.await?)
    })
}

fn anew(of: &Instance, seed: u64) -> Anew {
    Anew {
        name: of.code.name().clone(),
        version: Version::NONE,
        input: payload(()),
        seed,
        delay: None,
        trace: None,
        limits: TimeLimits { execution: None, total: Some(Duration::from_secs(60)) },
        attributes: reenact_core::Attributes::default(),
        event: None,
    }
}

fn begun(old: &Instance, how: Anew) -> (BegunAnew, Instance) {
    let begun = how.begin(&instance_id(), old.turns(), old.now);
    check_history(old.turns().iter().chain(&begun.end))
        .expect("some execution can have written it");
    check_history(&begun.turns).expect("some execution can have written it");
    let (config, next) = (MachineConfig::default(), ExecutionId(2));
    let turns = begun.turns.clone();
    let machine = Machine::replay(&old.code, instance_id(), next, config.clone(), turns);
    let new = Instance::resumed(old.code.clone(), config, machine.expect("it fits"), old.now);
    (begun, new)
}

#[test]
fn one_that_has_not_ended_is_terminated_and_its_children_go_by_their_policies() {
    let old = Instance::start(caller(), ());
    let (begun, new) = begun(&old, anew(&old, 9));
    let end = begun.end.expect("it has not ended");
    assert!(matches!(&end.events[..], [Event::ExecutionTerminated { .. }]), "{end:?}");
    assert_eq!(new.machine.seed(), 9);
    let messages = new.machine.outbox();
    let carried = messages.under_way();
    let to: Vec<_> = carried.iter().map(|message| (message.to.as_str(), message.id.kind)).collect();
    // Their starts are not known to have arrived; a cancel does not overtake its start.
    assert_eq!(to, [("kept", MessageKind::Start), ("left", MessageKind::Start)]);
    assert_eq!(messages.len(), 3, "and the cancel of one: {messages:?}");
}

#[test]
fn the_new_one_may_call_children_under_the_ids_of_the_old_one() {
    let mut old = Instance::start(caller(), ());
    let starts = sent(&old.machine.open_actions());
    let messages = starts.iter().map(|message| message.id).collect();
    old.apply(Command::ConfirmDelivery { messages });
    old.apply(Command::Terminate { reason: "enough".into() });
    let (begun, mut new) = begun(&old, anew(&old, 9));
    assert_eq!(begun.end, None);
    let cancel = new.only_message();
    assert_eq!((cancel.to.as_str(), cancel.id.kind), ("kept", MessageKind::Cancel));
    new.apply(Command::ConfirmDelivery { messages: vec![cancel.id] });
    new.fire(0);
    for message in sent(&new.machine.open_actions()) {
        let MessageBody::Replace { instead_of, .. } = &message.body else { panic!("{message:?}") };
        assert_eq!(instead_of.len(), 1);
    }
}

#[test]
fn the_parent_of_the_old_one_learns_that_it_was_terminated() {
    let origin = Origin {
        instance: reenact_core::InstanceId::new("parent").expect("an id"),
        lineage: 77,
        id: CorrelationId(4),
        attempt: 1,
        depth: 1,
        relation: Relation::Child,
    };
    let how = Start { origin: Some(Box::new(origin)), ..start(()) };
    let waits =
        code(async |ctx: OrchestrationContext, ()| Ok(ctx.wait_external::<u64>("Go").await?));
    let old = Instance::start_with(waits, MachineConfig::default(), how);
    let (_, new) = begun(&old, anew(&old, 9));
    let message = new.only_message();
    assert_eq!((message.to.as_str(), message.id.kind), ("parent", MessageKind::Result));
    assert_eq!(new.machine.origin(), None, "the new one is nobody's child");
}

#[test]
fn keys_of_commands_and_of_starts_stay_known_and_those_of_events_do_not() {
    let mut old = Instance::start(caller(), ());
    let key = EventKey::new("cancel/1").expect("a key");
    old.apply(Command::KnowCommand { key: key.clone() });
    old.apply(crate::support::instance::raise_once("Go", 7, "k"));
    let (first, mut new) = begun(&old, anew(&old, 9));
    assert!(knows_start(&first.turns, 9) && !knows_start(&first.turns, 10));
    assert!(new.apply(Command::KnowCommand { key }).is_empty());
    assert!(!new.apply(crate::support::instance::raise_once("Go", 7, "k")).is_empty());
    let second = anew(&new, 10).begin(&instance_id(), &first.turns, new.now);
    assert!(knows_start(&second.turns, 9) && knows_start(&second.turns, 10));
    assert!(key_of_start(9).is_some());
}

#[test]
fn its_event_comes_before_its_code_runs_and_its_limits_count_from_then() {
    let old = Instance::start(caller(), ());
    let (name, data) = (name("Go"), payload(7));
    let event = (Event::ExternalRaised { name, data, key: None }, None);
    let delay = Some(Duration::from_secs(30));
    let (begun, new) = begun(&old, Anew { event: Some(event), delay, ..anew(&old, 9) });
    let last = begun.turns.last().expect("there are some");
    assert!(matches!(&last.events[..], [Event::ExternalRaised { .. }]));
    let wake_at = new.machine.open_actions().into_iter().find_map(|action| match action {
        reenact_core::Action::CreateTimer { id: CorrelationId::LIMIT, fire_at } => Some(fire_at),
        _ => None,
    });
    assert_eq!(wake_at, Some(old.now + Duration::from_secs(90)));
}
