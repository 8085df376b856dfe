//! The first turns of a child that takes the place of an earlier one.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use crate::event::Event;
use crate::history::RecordedTurn;
use crate::ids::{CorrelationId, InstanceId, Name};
use crate::message::Origin;
use crate::outbox::Outbox;
use crate::payload::Payload;
use crate::rewind::commands_of;
use crate::time::Timestamp;
use crate::trace_context::ReceivedTrace;
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
        let first = self.first_turn(at);
        let after = messages.into_iter().chain(children).chain(keys).map(|event| vec![event]);
        let turns = [first].into_iter().chain(after);
        turns.map(|events| RecordedTurn { at, events: events.into() }).collect()
    }

    /// As code would record it. It has a delay, if only of nothing: the turns after it come first.
    fn first_turn(self, at: Timestamp) -> Vec<Event> {
        let Self { name, version, input, origin, delay, trace } = self;
        let seed = origin.seed();
        let delay = delay.unwrap_or(Duration::ZERO);
        let mut events = vec![
            Event::ExecutionStarted { name, input, seed, delay: Some(delay) },
            Event::StartedBy { origin },
        ];
        if !version.is_none() {
            events.push(Event::VersionSelected { version });
        }
        events.extend(trace.map(|received| Event::TraceContextReceived { received }));
        events.push(Event::TimerCreated { id: CorrelationId::START, fire_at: at + delay });
        events
    }
}

/// Whether an execution has ended by itself: neither was a cancel requested, nor does it go on.
pub fn has_ended_by_itself(history: &[RecordedTurn]) -> bool {
    let mut events = history.iter().flat_map(|turn| turn.events.iter());
    events.clone().any(Event::is_terminal)
        && !events.any(|event| matches!(event, Event::CancelRequested { .. }))
}
