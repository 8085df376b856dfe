//! What a look through a store finds between a parent and a child that it waits for.

use std::sync::Arc;

use reenact::core::{Outbox, RecordedTurn, codec};
use reenact::doctor::{self, Severity};
use reenact::prelude::*;
use reenact::providers::TurnRecord;
use reenact::{
    Access, CorrelationId, Event, ExecutionId, InstanceState, InstanceSummary, Name, ParentClose,
    Payload, Timestamp,
};

use super::round_trip::fill;
use crate::kit::id;

fn turn(events: impl IntoIterator<Item = Event>) -> RecordedTurn {
    RecordedTurn { at: Timestamp::from_micros(5), events: events.into_iter().collect() }
}

fn started() -> Event {
    let (name, input) = (Name::new("order").unwrap(), Payload::encode(&1).unwrap());
    Event::ExecutionStarted { name, input, seed: 7, delay: None }
}

/// Calls the child; its start has arrived, or is under way.
fn parent(has_arrived: bool) -> Vec<RecordedTurn> {
    let call = Event::ChildScheduled {
        id: CorrelationId(1),
        name: Name::new("order").unwrap(),
        version: None,
        input: Payload::encode(&1).unwrap(),
        instance: id("child"),
        parent_close: ParentClose::Cancel,
        retry: None,
    };
    let mut turns = vec![turn([started(), call])];
    let messages = Outbox::of(id("parent"), &turns).under_way();
    let messages: Vec<_> = messages.iter().map(|message| message.id).collect();
    if has_arrived {
        turns.push(turn([Event::MessagesDelivered { messages, end: None }]));
    }
    turns
}

/// The child of a parent.
fn child_of(parent: &str, ends: bool) -> Vec<RecordedTurn> {
    let origin = reenact::core::Origin {
        instance: id(parent),
        lineage: 7,
        id: CorrelationId(1),
        attempt: 1,
        depth: 1,
        relation: reenact::core::Relation::Child,
    };
    let mut turns = vec![turn([started(), Event::StartedBy { origin: Box::new(origin) }])];
    if ends {
        turns.push(turn([Event::ExecutionTerminated { reason: "over".into() }]));
        let messages = Outbox::of(id("child"), &turns).under_way();
        let messages = messages.iter().map(|message| message.id).collect();
        turns.push(turn([Event::MessagesDelivered { messages, end: Some(1) }]));
    }
    turns
}

async fn put(store: &InMemory, instance: &str, turns: Vec<RecordedTurn>) {
    let ends = turns.iter().flat_map(|turn| turn.events.iter());
    let ends = ends.filter(|event| matches!(event, Event::ExecutionTerminated { .. })).count() > 0;
    let due = Outbox::of(id(instance), &turns);
    let mut events = 0;
    let record = |(number, turn): (usize, RecordedTurn)| {
        events += turn.events.len() as u64;
        let summary = InstanceSummary {
            instance: id(instance),
            execution: ExecutionId::FIRST,
            name: Name::new("order").unwrap(),
            state: if ends { InstanceState::Terminated } else { InstanceState::Running },
            created_at: Timestamp::from_micros(5),
            updated_at: Timestamp::from_micros(5),
            turns: number as u64 + 1,
            events,
            wake_at: (!due.is_empty()).then_some(Timestamp::EPOCH),
            attributes: reenact_core::Attributes::default(),
        };
        let bytes = Arc::from(codec::encode_turn(&turn).unwrap());
        TurnRecord { number: number as u64, bytes, summary, has_drawn_id: false, keep: 0 }
    };
    let records = turns.into_iter().enumerate().map(record).collect();
    fill(store, records).await.unwrap();
}

/// What is wrong with the parent.
async fn found(has_arrived: bool, child: Option<Vec<RecordedTurn>>) -> Vec<String> {
    let store = InMemory::new();
    put(&store, "parent", parent(has_arrived)).await;
    if let Some(child) = child {
        put(&store, "child", child).await;
    }
    let findings = doctor::check_store(&Access::read_only(&store), |_| {}).await.unwrap();
    let wrong = findings.into_iter().filter(|finding| finding.severity != Severity::Info);
    let wrong = wrong.inspect(|finding| {
        assert_eq!(finding.place, "instance `parent`");
        assert!(finding.advice.contains("rewind"), "{finding}");
    });
    wrong.map(|finding| finding.what).collect()
}

#[tokio::test]
async fn a_child_that_is_there_and_will_report_is_fine() {
    assert_eq!(found(true, Some(child_of("parent", false))).await, [""; 0]);
    assert_eq!(found(false, None).await, [""; 0], "its start is under way");
}

#[tokio::test]
async fn a_child_that_will_never_report_is_found() {
    let cases = [
        (None, "`child`, which is not there"),
        (Some(child_of("another", false)), "`child`, which another has started"),
        (Some(child_of("parent", true)), "`child`, which has ended"),
    ];
    for (child, expected) in cases {
        let found = found(true, child).await;
        assert!(found.len() == 1 && found[0].contains(expected), "{expected}: {found:?}");
    }
}
