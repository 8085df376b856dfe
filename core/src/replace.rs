//! The first turns of an instance that takes the place of an earlier one of the same id.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use crate::attributes::{AttributeChange, Attributes};
use crate::event::{Event, TimeLimitEvent};
use crate::history::RecordedTurn;
use crate::ids::{CorrelationId, EventKey, InstanceId, Name};
use crate::message::Origin;
use crate::options::TimeLimits;
use crate::outbox::Outbox;
use crate::payload::Payload;
use crate::rewind::commands_of;
use crate::running_limits::RunningLimits;
use crate::time::Timestamp;
use crate::trace_context::{ReceivedTrace, TraceContext};
use crate::version::Version;

/// A child that begins under the id of an earlier one, which its parent has undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The orchestration.
    pub name: Name,
    /// The version whose code it runs.
    pub version: Version,
    /// What it is given.
    pub input: Payload,
    /// Who starts it.
    pub origin: Box<Origin>,
    /// The time before its code runs, if not at once.
    pub delay: Option<Duration>,
    /// The trace in which it is started.
    pub trace: Option<Box<ReceivedTrace>>,
    /// How long it may take.
    pub limits: TimeLimits,
}

impl Replacement {
    /// The turns in which it begins at a time, as the next execution of the instance. To be appended as
    /// one. `before` is the history of the execution whose place it takes.
    ///
    /// Children that the earlier one has called are cancelled, and are superseded in turn: so the new one
    /// can call them under the same ids. Messages to others of an
    /// execution before that are still sent. The keys of commands stay known. Nothing else is carried
    /// over: events that were raised on the earlier one went with it.
    pub fn begin(
        self,
        instance: &InstanceId,
        before: &[RecordedTurn],
        at: Timestamp,
    ) -> Vec<RecordedTurn> {
        let at = before.last().map_or(at, |last| at.max(last.at));
        let nothing = Outbox::new(instance.clone());
        let messages = Outbox::of(instance.clone(), before).cancels_of_undone(&nothing, false);
        let children = nothing.superseded_by_undoing(before);
        let keys = commands_of(before);
        let keys = (!keys.is_empty()).then_some(Event::CommandsReceived { keys });
        let messages = (!messages.is_empty()).then_some(Event::OutboxCarried { messages });
        let children = (!children.is_empty()).then_some(Event::ChildrenSuperseded { children });
        let Self { name, version, input, origin, delay, trace, limits } = self;
        let seed = origin.seed();
        let (origin, attributes) = (Some(origin), Attributes::default());
        let first = First { name, version, input, seed, origin, delay, trace, limits, attributes };
        let after = messages.into_iter().chain(children).chain(keys);
        turns(first, after, at)
    }
}

/// An instance that begins under the id of one that was there, because a client wants it to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anew {
    /// The orchestration.
    pub name: Name,
    /// The version whose code it runs.
    pub version: Version,
    /// What it is given.
    pub input: Payload,
    /// Where its random numbers begin.
    pub seed: u64,
    /// The time before its code runs, if not at once.
    pub delay: Option<Duration>,
    /// The trace in which it is started.
    pub trace: Option<Box<ReceivedTrace>>,
    /// How long it may take.
    pub limits: TimeLimits,
    /// The attributes with which it begins.
    pub attributes: Attributes,
    /// An event that is raised with the start, and the trace in which that is.
    pub event: Option<(Event, Option<Box<TraceContext>>)>,
}

/// The turns in which an instance begins anew. All of them are one append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BegunAnew {
    /// The last turn of the earlier one, where that has not ended.
    pub end: Option<RecordedTurn>,
    /// The first turns of the new one.
    pub turns: Vec<RecordedTurn>,
}

/// Why an instance is terminated that makes room for another.
const MADE_ROOM: &str = "another start under its id took its place";

impl Anew {
    /// The turns in which it begins at a time, as the next execution of the id. `before` is the history of the
    /// execution whose place it takes, which is terminated if it has not ended.
    ///
    /// What the earlier one has to tell others is carried over: its result for a parent, cancels of children by
    /// their parent-close policies. Its children are superseded: the new one can call children under the same
    /// ids. The keys of commands stay known, so that none that comes twice meets the wrong one; the key of this start is
    /// known as well. Nothing else is carried over.
    pub fn begin(self, instance: &InstanceId, before: &[RecordedTurn], at: Timestamp) -> BegunAnew {
        let at = before.last().map_or(at, |last| at.max(last.at));
        let has_ended = before.iter().any(|turn| turn.outcome().is_some());
        let end = (!has_ended).then(|| RecordedTurn::terminated(at, MADE_ROOM));
        let messages = Outbox::of(instance.clone(), before.iter().chain(&end)).carried();
        let children = Outbox::new(instance.clone()).superseded_by_undoing(before);
        let Self { name, version, input, seed, delay, trace, limits, attributes, event } = self;
        let mut keys = commands_of(before);
        keys.extend(key_of_start(seed));
        let messages = (!messages.is_empty()).then_some(Event::OutboxCarried { messages });
        let children = (!children.is_empty()).then_some(Event::ChildrenSuperseded { children });
        let first =
            First { name, version, input, seed, origin: None, delay, trace, limits, attributes };
        let after = messages.into_iter().chain(children);
        let mut turns = turns(first, after.chain([Event::CommandsReceived { keys }]), at);
        turns.extend(event.map(|(event, trace)| {
            RecordedTurn { at, events: [event].into() }.in_trace(trace.as_deref())
        }));
        BegunAnew { end, turns }
    }
}

/// By which a start is known that replaces what has its id: so it is not replaced by its own second delivery.
pub fn key_of_start(seed: u64) -> Option<EventKey> {
    EventKey::new(format!("start {seed:016x}")).ok()
}

/// Whether a start of that seed, which replaces what has its id, is known in a history to have come.
pub fn knows_start(history: &[RecordedTurn], seed: u64) -> bool {
    let key = key_of_start(seed);
    let events = history.iter().flat_map(|turn| turn.events.iter());
    let mut known = events.filter_map(|event| {
        if let Event::CommandsReceived { keys } = event { Some(keys) } else { None }
    });
    known.any(|keys| keys.iter().any(|known| Some(known) == key.as_ref()))
}

/// What the first turn says.
struct First {
    name: Name,
    version: Version,
    input: Payload,
    seed: u64,
    origin: Option<Box<Origin>>,
    delay: Option<Duration>,
    trace: Option<Box<ReceivedTrace>>,
    limits: TimeLimits,
    attributes: Attributes,
}

/// The first turn, as code would record it, and one for each of the others. It has a delay, if only of nothing:
/// the others come before the code runs.
fn turns(first: First, others: impl Iterator<Item = Event>, at: Timestamp) -> Vec<RecordedTurn> {
    let First { name, version, input, seed, origin, delay, trace, limits, attributes } = first;
    let delay = delay.unwrap_or(Duration::ZERO);
    let mut events = vec![Event::ExecutionStarted { name, input, seed, delay: Some(delay) }];
    events.extend(origin.map(|origin| Event::StartedBy { origin }));
    if !version.is_none() {
        events.push(Event::VersionSelected { version });
    }
    events.extend(trace.map(|received| Event::TraceContextReceived { received }));
    if !limits.is_none() {
        let total_ends_at = RunningLimits::total_end(limits, Some(delay), at);
        events.push(Event::TimeLimit(TimeLimitEvent::Set { limits, total_ends_at }));
    }
    events.push(Event::TimerCreated { id: CorrelationId::START, fire_at: at + delay });
    if !attributes.is_empty() {
        let change = Box::new(AttributeChange::Given { attributes });
        events.push(Event::AttributesChanged { change });
    }
    let turns = [events].into_iter().chain(others.map(|event| vec![event]));
    turns.map(|events| RecordedTurn { at, events: events.into() }).collect()
}

/// Whether an execution has ended by itself: neither was a cancel requested, nor does it go on.
pub fn has_ended_by_itself(history: &[RecordedTurn]) -> bool {
    let mut events = history.iter().flat_map(|turn| turn.events.iter());
    events.clone().any(Event::is_terminal)
        && !events.any(|event| matches!(event, Event::CancelRequested { .. }))
}
