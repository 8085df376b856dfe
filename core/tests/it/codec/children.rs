//! Events of children, and further shapes of them.

use reenact_core::{
    ChildError, CorrelationId, Event, InstanceId, Message, MessageBody, MessageId, MessageKind,
    NotTaken, OrchestrationError, Origin, ParentClose, Relation, SupersededCall, SupersededChild,
    Timestamp, Version,
};

use super::events::recorded_retry;
use crate::support::instance::{name, payload, seconds};

/// Those that came with children and messages.
pub(crate) fn events_of_children() -> Vec<Event> {
    let (id, lineage) = (CorrelationId(3), u64::MAX >> 1);
    let instance = InstanceId::new("order-1/3-00c0ffee").expect("an id");
    let message = MessageId { lineage, id, attempt: 2, kind: MessageKind::Start };
    let child = instance.clone();
    vec![
        Event::StartedBy { origin: Box::new(origin()) },
        Event::ChildScheduled {
            version: Version::new("1.2.0").ok(),
            id,
            name: name("ship"),
            input: payload(1),
            instance: instance.clone(),
            parent_close: ParentClose::Abandon,
            retry: Some(Box::new(recorded_retry())),
        },
        Event::ChildCompleted { id, output: payload("out") },
        Event::ChildFailed { id, error: Box::new(ChildError::AlreadyExists { child }) },
        Event::ChildCancelRequested { id },
        Event::StartRequested {
            version: None,
            id,
            name: name("ship"),
            input: payload(1),
            instance: instance.clone(),
        },
        Event::CallRefused {
            id,
            name: name("ship"),
            error: Box::new(ChildError::InvalidInput {
                orchestration: "ship".into(),
                why: "no number".into(),
            }),
        },
        Event::EventSent { id, to: instance.clone(), name: name("Go"), data: payload(()) },
        Event::MessagesDelivered { messages: vec![message], end: Some(7) },
        Event::MessageRefused { message, why: NotTaken::Finished },
        Event::OutboxCarried { messages: messages(&instance) },
    ]
}

/// That which came with retries of children.
pub(crate) fn child_attempt_failed() -> Event {
    let child = InstanceId::new("ship-7~250").expect("an id");
    let error = OrchestrationError::new("no stock").with_details(&7);
    Event::ChildAttemptFailed {
        id: CorrelationId(251),
        attempt: 250,
        error: Box::new(ChildError::Failed { child, error }),
        retry_at: seconds(1_700_000_000),
    }
}

/// Further shapes of what came with them.
pub(crate) fn further_events_of_child_attempts() -> Vec<Event> {
    let (id, orchestration) = (CorrelationId(0), "o".to_string());
    let error = Box::new(ChildError::InvalidOptions { orchestration, why: "no".into() });
    let retry_at = Timestamp::from_micros(u64::MAX);
    vec![Event::ChildAttemptFailed { id, attempt: u32::MAX, error, retry_at }]
}

/// That which came with children that take the place of others.
pub(crate) fn children_superseded() -> Event {
    let child = |instance, lineage, unless_ended| SupersededChild {
        instance: InstanceId::new(instance).expect("an id"),
        call: SupersededCall { lineage, id: CorrelationId(250), unless_ended },
    };
    Event::ChildrenSuperseded { children: vec![child("a", 251, false), child("ü", 0, true)] }
}

/// The message that came with it, and none.
pub(crate) fn further_events_of_superseded_children() -> Vec<Event> {
    let to = InstanceId::new("a").expect("an id");
    let kind = MessageKind::Start;
    let id = MessageId { lineage: 7, id: CorrelationId(251), attempt: 1, kind };
    let call = SupersededCall { lineage: 65_536, id: CorrelationId(1), unless_ended: true };
    let body = MessageBody::Replace {
        name: name("o"),
        version: None,
        input: payload(1),
        origin: Box::new(origin()),
        not_before: None,
        instead_of: vec![call, call],
    };
    let none = Event::ChildrenSuperseded { children: Vec::new() };
    vec![Event::OutboxCarried { messages: vec![Message { id, to, body }] }, none]
}

pub(crate) fn origin() -> Origin {
    Origin {
        instance: InstanceId::new("order-1").expect("an id"),
        lineage: 42,
        id: CorrelationId(9),
        attempt: 3,
        depth: 2,
        relation: Relation::Child,
    }
}

/// A message of each kind.
pub(crate) fn messages(to: &InstanceId) -> Vec<Message> {
    let failed = ChildError::Failed { child: to.clone(), error: OrchestrationError::new("oh") };
    let bodies = [
        MessageBody::Start {
            name: name("o"),
            version: None,
            input: payload(1),
            origin: Box::new(origin()),
            not_before: Some(Timestamp::from_micros(1_800_000_000)),
        },
        MessageBody::Cancel { reason: "its parent has ended".into() },
        MessageBody::Event { name: name("Go"), data: payload(2) },
        MessageBody::Result { lineage: 1, id: CorrelationId(1), result: Ok(payload(3)) },
        MessageBody::Result { lineage: 1, id: CorrelationId(1), result: Err(Box::new(failed)) },
    ];
    let kinds = [
        MessageKind::Start,
        MessageKind::Cancel,
        MessageKind::Event,
        MessageKind::Result,
        MessageKind::Result,
    ];
    let all = bodies.into_iter().zip(kinds).zip(1..);
    all.map(|((body, kind), lineage)| {
        let id = MessageId { lineage, id: CorrelationId(0), attempt: 1, kind };
        Message { id, to: to.clone(), body }
    })
    .collect()
}

/// Further shapes of the same kinds: each error and each refusal.
pub(crate) fn further_events_of_children() -> Vec<Event> {
    let (id, child) = (CorrelationId(0), InstanceId::new("c").expect("an id"));
    let (text, orchestration) = ("why".to_string(), "o".to_string());
    let errors = [
        ChildError::Failed { child: child.clone(), error: OrchestrationError::new("oh") },
        ChildError::Terminated { child: child.clone(), reason: text.clone() },
        ChildError::Cancelled { child: child.clone(), reason: text.clone() },
        ChildError::NotCalled { orchestration: orchestration.clone(), reason: text.clone() },
        ChildError::InvalidId { orchestration: orchestration.clone(), why: text.clone() },
        ChildError::InvalidOutput { child: child.clone(), why: text },
        ChildError::TooDeep { orchestration, limit: 32 },
    ];
    let failed = errors.map(|error| Event::ChildFailed { id, error: Box::new(error) });
    let message = MessageId { lineage: 0, id, attempt: 1, kind: MessageKind::Event };
    let refused = [NotTaken::NotFound, NotTaken::AlreadyExists]
        .map(|why| Event::MessageRefused { message, why });
    let scheduled = Event::ChildScheduled {
        version: None,
        id,
        name: name("o"),
        input: payload(0),
        instance: child,
        parent_close: ParentClose::Cancel,
        retry: None,
    };
    let detached = Origin { relation: Relation::Detached, ..origin() };
    let more = [
        scheduled,
        Event::StartedBy { origin: Box::new(detached) },
        Event::MessagesDelivered { messages: Vec::new(), end: None },
    ];
    [failed.to_vec(), refused.to_vec(), more.to_vec()].concat()
}
