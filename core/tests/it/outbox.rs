//! The outbox: what is under way, in which order, and what is left of it after a crash or the end.

use crate::support::instance::{Instance, code, instance_id, payload, turn};
use crate::support::messages::{delivered, ended, sent};
use reenact_core::limits::MAX_OUTBOX_MESSAGES;
use reenact_core::{
    Command, Event, InstanceId, MachineConfig, Message, MessageBody, MessageKind, NotTaken,
    OrchestrationCode, OrchestrationContext, OrchestrationErrorKind, Outbox, RecordedTurn,
    ReplayError, Timestamp,
};

fn send(ctx: &OrchestrationContext, to: &str, number: u64) {
    let to = InstanceId::new(to).expect("an id");
    drop(ctx.raise_event(&to, "Hello", &number));
}

/// Sends two numbers to each of two instances, at once, and waits.
fn chatty() -> OrchestrationCode {
    code(|ctx, ()| async move {
        for number in 1..=2 {
            send(&ctx, "this", number);
            send(&ctx, "that", number);
        }
        Ok(ctx.wait_external::<u64>("Go").await?)
    })
}

/// To whom, and the numbers.
fn numbers(messages: &[Message]) -> Vec<(&str, u64)> {
    let number = |message: &Message| match &message.body {
        MessageBody::Event { data, .. } => data.decode().expect("a number"),
        other => panic!("an event: {other:?}"),
    };
    messages.iter().map(|message| (message.to.as_str(), number(message))).collect()
}

#[test]
fn one_message_at_a_time_is_under_way_to_each_instance() {
    let mut sender = Instance::start(chatty(), ());
    let first = sent(&sender.actions());
    assert_eq!(numbers(&first), [("this", 1), ("that", 1)]);
    let answer = sender.apply(delivered(&first[0]));
    assert_eq!(numbers(&sent(&answer.actions)), [("this", 2)], "the other one is not there yet");
    assert!(sender.apply(delivered(&first[0])).is_empty(), "it is known");
    let refused = Command::RefuseMessage { message: first[1].id, why: NotTaken::NotFound };
    let answer = sender.apply(refused);
    assert_eq!(numbers(&sent(&answer.actions)), [("that", 2)], "a refusal is an answer too");
    sender.assert_replays_from_every_point();
}

#[test]
fn what_is_for_a_child_goes_after_its_start_which_is_answered_again_for_that() {
    let code = code(|ctx, ()| async move {
        let child = ctx.schedule_orchestration_by_name::<_, u64>("ship", &());
        ctx.wait_external::<u64>("Go").await?;
        let to = InstanceId::new("instance/1-00000007").expect("an id");
        drop(ctx.raise_event(&to, "Hello", &1));
        drop(ctx.raise_event(&to, "Hello", &2));
        Ok(child.await?)
    });
    let mut parent = Instance::start(code, ());
    let start = parent.only_message();
    assert!(!parent.machine.awaits_delivery(start.id), "the child's result says it");
    // A shell may know by now that it has begun. It is not in the log, so it is asked once more.
    let answer = parent.raise("Go", 1);
    assert_eq!(sent(&answer.actions), std::slice::from_ref(&start));
    assert!(parent.machine.awaits_delivery(start.id));
    let answer = parent.apply(delivered(&start));
    assert_eq!(numbers(&sent(&answer.actions)), [("instance/1-00000007", 1)]);
    parent.apply(ended(&start, Ok(payload(7))));
    assert_eq!(parent.output::<u64>(), 7);
    assert_eq!(parent.machine.outbox_len(), 2);
    parent.assert_replays_from_every_point();
}

#[test]
fn more_messages_than_allowed_fail_the_instance() {
    let code = code(|ctx, many: usize| async move {
        (0..many as u64).for_each(|number| send(&ctx, "this", number));
        Ok(())
    });
    let full = Instance::start(code.clone(), MAX_OUTBOX_MESSAGES);
    full.output::<()>();
    let overfull = Instance::start(code, MAX_OUTBOX_MESSAGES + 1);
    assert_eq!(overfull.failure().kind(), OrchestrationErrorKind::LimitExceeded);
    overfull.assert_replays();
}

#[test]
fn it_follows_from_the_log_without_the_code() {
    let mut sender = Instance::start(chatty(), ());
    for step in 0..4 {
        let of_log = Outbox::of(instance_id(), sender.turns());
        assert_eq!(of_log.under_way(), sent(&sender.machine.open_actions()), "step {step}");
        assert_eq!(of_log.len(), sender.machine.outbox_len());
        let next = of_log.under_way().pop().expect("one is left");
        sender.apply(delivered(&next));
    }
    assert!(Outbox::of(instance_id(), sender.turns()).is_empty());
    assert_eq!(sender.machine.wake_at(), None, "nothing but an event can move it");
}

#[test]
fn after_the_end_it_is_emptied_by_turns_that_know_the_end() {
    let mut sender = Instance::start(chatty(), ());
    sender.raise("Go", 1);
    assert_eq!(sender.machine.wake_at(), Some(Timestamp::EPOCH), "it has to tell others");
    let mut turns = sender.turns().to_vec();
    let (mut outbox, end) = (Outbox::of(instance_id(), &turns), turns.len() as u64 - 1);
    let at = sender.now;
    let ids = |messages: Vec<Message>| messages.iter().map(|m| m.id).collect::<Vec<_>>();

    let first = ids(outbox.under_way());
    let (settled, released) = outbox.settle(&first, end, at).expect("it is new");
    assert_eq!(released.len(), 2);
    assert_eq!(outbox.settle(&first, end, at), None, "it is known");
    turns.push(settled);
    assert_eq!(Outbox::of(instance_id(), &turns).under_way(), outbox.under_way());
    let (settled, released) = outbox.settle(&ids(released), end, at).expect("it is new");
    turns.push(settled);
    assert!(released.is_empty() && outbox.is_empty());

    let replayed = replay(&turns).expect("it is a history");
    assert_eq!(replayed.outcome(), sender.machine.outcome());
    assert_eq!(replayed.history().outcome().as_ref(), sender.machine.outcome());
    assert_eq!(replayed.wake_at(), None);
}

#[test]
fn nothing_else_stands_after_the_end_and_not_without_its_number() {
    let mut sender = Instance::start(chatty(), ());
    sender.raise("Go", 1);
    let end = sender.turns().len() as u64 - 1;
    let id = sent(&sender.machine.open_actions())[0].id;
    let with = |event: Event| {
        let last = sender.turns().last().expect("a turn").at;
        let after = RecordedTurn { at: last, events: [event].into() };
        replay(&[sender.turns(), &[after]].concat()).err()
    };
    assert_eq!(with(Event::MessagesDelivered { messages: vec![id], end: Some(end) }), None);
    let malformed = [
        Event::MessagesDelivered { messages: vec![id], end: None },
        Event::MessagesDelivered { messages: vec![id], end: Some(end + 1) },
        Event::MessageRefused { message: id, why: NotTaken::NotFound },
        Event::OutboxCarried { messages: Vec::new() },
    ];
    for event in malformed {
        let refused = with(event.clone());
        assert!(matches!(refused, Some(ReplayError::Malformed(_))), "{event}: {refused:?}");
    }
}

#[test]
fn messages_and_origins_stand_where_they_can_stand_only() {
    let running = Instance::start(chatty(), ());
    let origin = reenact_core::Origin {
        instance: instance_id(),
        lineage: 1,
        id: reenact_core::CorrelationId(1),
        attempt: 1,
        depth: 1,
        relation: reenact_core::Relation::Child,
    };
    let misplaced = [
        Event::StartedBy { origin: Box::new(origin) },
        Event::MessagesDelivered { messages: Vec::new(), end: Some(0) },
        Event::ChildCompleted { id: reenact_core::CorrelationId(1), output: payload(1) },
    ];
    for event in misplaced {
        let refused = replay(&[running.turns(), &[turn(2_000, [event.clone()])]].concat()).err();
        assert!(matches!(refused, Some(ReplayError::Malformed(_))), "{event}: {refused:?}");
    }
}

#[test]
fn a_message_of_each_kind_has_a_name_of_its_own() {
    let code = code(|ctx, ()| async move {
        let _child = ctx.schedule_orchestration_by_name::<_, u64>("ship", &());
        Ok(ctx.wait_external::<()>("Go").await?)
    });
    let mut sender = Instance::start(code, ());
    sender.raise("Go", ());
    let outbox = sender.machine.outbox();
    let start = outbox.under_way().pop().expect("a start");
    let cancel = reenact_core::MessageId { kind: MessageKind::Cancel, ..start.id };
    assert!(outbox.message(cancel).is_some());
    let keys = [start.id, reenact_core::MessageId { lineage: 8, ..start.id }]
        .map(|id| id.event_key(&instance_id()).expect("a key"));
    assert_ne!(keys[0], keys[1], "another run, another key");
    let other = InstanceId::new("other").expect("an id");
    assert_ne!(Ok(&keys[0]), start.id.event_key(&other).as_ref(), "another sender, another key");
}

fn replay(turns: &[RecordedTurn]) -> Result<reenact_core::Machine, ReplayError> {
    Instance::try_replay(&chatty(), &MachineConfig::default(), turns)
}
