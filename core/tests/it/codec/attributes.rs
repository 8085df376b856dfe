//! Changes of attributes, as they are stored.

use reenact_core::{AttributeChange, AttributeValue, Attributes, CorrelationId, Event, Timestamp};

use crate::support::instance::name;

/// That which came with attributes.
pub(crate) fn attributes_changed() -> Event {
    let change = AttributeChange::Set { name: name("Größe"), value: "größer".into() };
    Event::AttributesChanged { change: Box::new(change) }
}

/// Each further kind of change, with each kind of value.
pub(crate) fn further_changes_of_attributes() -> Vec<Event> {
    let values: [AttributeValue; 5] = [
        "".into(),
        i64::MIN.into(),
        AttributeValue::Float(-0.5),
        true.into(),
        Timestamp::from_micros(u64::MAX).into(),
    ];
    let named = ["a", "b", "c", "d", "e"].map(name).into_iter().zip(values);
    let all = [
        AttributeChange::Cleared { name: name("v") },
        AttributeChange::Given { attributes: Attributes::of_stored(named) },
        AttributeChange::Given { attributes: Attributes::default() },
    ];
    all.map(|change| Event::AttributesChanged { change: Box::new(change) }).into()
}

/// What a child begins with.
pub(crate) fn attributes_of_child() -> Event {
    let attributes = Attributes::of_stored([(name("v"), 1.into())]);
    let change = AttributeChange::OfChild { id: CorrelationId(3), attributes };
    Event::AttributesChanged { change: Box::new(change) }
}
