//! Rewinding: the history of an execution without the turns that are undone.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use crate::error::bounded_message;
use crate::event::{Event, EventKind, RequestEvent, StreamEvent};
use crate::history::{History, HistoryEvent, RecordedTurn};
use crate::ids::{CorrelationId, EventKey, InstanceId};
use crate::message::MessageId;
use crate::outbox::Outbox;
use crate::streams::Streams;
use crate::time::Timestamp;

/// How an execution is rewound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewind {
    /// To before the event in this place: the turn that holds it is undone, and all turns after it.
    pub position: u64,
    /// Why, for people. Cut at [`MAX_MESSAGE_BYTES`](crate::limits::MAX_MESSAGE_BYTES).
    pub reason: String,
    /// Where the random numbers go on: the shell draws it, the log keeps it.
    pub seed: u64,
}

/// What a history becomes when it is rewound: that of the instance's next execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewound {
    /// Number of turns that are kept, the first ones; at least one.
    pub kept: usize,
    /// The turns after them: that of the rewind, and one for each external event that came since.
    pub turns: Vec<RecordedTurn>,
}

/// There is no event in that place, or it is in the first turn, or in what a fork has copied: without that, nothing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no position {position} to rewind to in a history of {length} events")]
pub struct NoSuchPosition {
    /// The place.
    pub position: u64,
    /// Number of events in the history.
    pub length: u64,
}

impl History {
    /// Whether the instance was rewound with that seed; a rewind that was itself undone counts.
    pub fn was_rewound_with(&self, seed: u64) -> bool {
        let key = key_of_rewind(seed);
        self.events().any(|HistoryEvent { event, .. }| {
            if let Event::CommandsReceived { keys } = event {
                keys.iter().any(|known| Some(known) == key.as_ref())
            } else {
                matches!(event, Event::ExecutionRewound { seed: drawn, .. } if *drawn == seed)
            }
        })
    }

    /// What the history becomes when it is rewound at a time. Its code is not asked: it need not fit
    /// what is undone.
    ///
    /// External events that came since the place are raised again, in their order and with their keys.
    /// The keys of commands that came since stay known.
    /// The code runs in a turn of its own after all of that, by a timer that is due at once; so it
    /// can be in the store before the code has seen it. Timers that had not fired in that place are
    /// open again, and so are activities and children: a child that has ended since says so again.
    /// Children that were called since are cancelled; a call under the same id takes the place of such a
    /// child, and so does a call that is kept, of a child that was cancelled since. Other messages that have arrived since are not
    /// sent again; those that an execution before had to send still are. `instance` is whose history it is.
    ///
    /// # Errors
    /// [`NoSuchPosition`].
    pub fn rewound(
        &self,
        instance: &InstanceId,
        rewind: Rewind,
        at: Timestamp,
    ) -> Result<Rewound, NoSuchPosition> {
        let Rewind { position, reason, seed } = rewind;
        let (kept, dropped) = self.split_before(position)?;
        let at = self.turns().last().map_or(at, |last| at.max(last.at));
        let turn = |events: Vec<Event>| RecordedTurn { at, events: events.into() };
        let dropped_events = dropped.iter().map(|turn| turn.events.len() as u64).sum();
        let reason = bounded_message(reason);
        let is = |kind: EventKind, events: &[Event]| events.first().map(Event::kind) == Some(kind);
        let (keys, others): (Vec<_>, Vec<_>) =
            dropped_inputs(dropped).partition(|events| is(EventKind::EventKeysCarried, events));
        let (answers, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|events| is(EventKind::UpdateAnswersCarried, events));
        let (mut streams, events): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|events| is(EventKind::Streamed, events));
        streams.extend(offsets_go_on(self.turns(), kept, &streams));
        let outbox = |turns| Outbox::of(instance.clone(), turns);
        let kept_outbox = outbox(kept);
        let messages = outbox(self.turns()).cancels_of_undone(&kept_outbox, true);
        let children = kept_outbox.clone().superseded_by_undoing(dropped);
        let superseded = (!children.is_empty()).then_some(Event::ChildrenSuperseded { children });
        let delivered = kept_outbox.not_sent_again(arrived_in(dropped));
        let delivered = (!delivered.is_empty())
            .then_some(Event::MessagesDelivered { messages: delivered, end: None });
        let carried = (!messages.is_empty()).then_some(Event::OutboxCarried { messages });
        let mut first = vec![Event::ExecutionRewound { reason, dropped: dropped_events, seed }];
        if !is_held(kept) {
            first.push(Event::TimerCreated { id: CorrelationId::START, fire_at: at });
        }
        let commands = commands_of(dropped);
        let commands = (!commands.is_empty()).then_some(Event::CommandsReceived { keys: commands });
        let before_events = carried.into_iter().chain(superseded).chain(commands).chain(delivered);
        let before_events = before_events.map(|event| vec![event]);
        let after =
            keys.into_iter().chain(before_events).chain(streams).chain(answers).chain(events);
        let turns = [first].into_iter().chain(after).map(turn).collect();
        Ok(Rewound { kept: kept.len(), turns })
    }

    /// Number of places, of what was superseded as well.
    pub(crate) fn places(&self) -> u64 {
        self.turns().iter().map(|turn| turn.events.len().max(1) as u64).sum()
    }

    /// The turns in front of the one that holds a place, and the others. What stands after the end
    /// belongs to it: without it there is nothing to go on from.
    pub(crate) fn split_before(
        &self,
        position: u64,
    ) -> Result<(&[RecordedTurn], &[RecordedTurn]), NoSuchPosition> {
        let mut end = 0;
        let holds = |turn: &RecordedTurn| {
            // What was superseded keeps its place.
            end += turn.events.len().max(1) as u64;
            position < end || turn.events.iter().any(Event::is_terminal)
        };
        let place = self.turns().iter().position(holds);
        let begun_in = begun_in(self.turns());
        match place.filter(|kept| position < self.places() && *kept > begun_in) {
            None => Err(NoSuchPosition { position, length: self.len() }),
            Some(kept) => Ok(self.turns().split_at(kept)),
        }
    }
}

/// The turn in which the instance began: the first, or the one that ends what a fork has copied. Without it, nothing is
/// left of the instance.
fn begun_in(turns: &[RecordedTurn]) -> usize {
    let Some(forked) = turns.iter().rposition(|turn| turn.fork().is_some()) else { return 0 };
    let is_rewind = |event: &Event| matches!(event, Event::ExecutionRewound { .. });
    let after = turns.iter().skip(forked);
    forked + after.take_while(|turn| !turn.events.iter().any(is_rewind)).count()
}

/// The offsets of items that are undone are not given again: a reader may have seen them, and would take other
/// items under the same offsets for these. `carried` are turns that are added to those that are kept.
fn offsets_go_on(
    all: &[RecordedTurn],
    kept: &[RecordedTurn],
    carried: &[Vec<Event>],
) -> Option<Vec<Event>> {
    let streams_of = |turns: &[RecordedTurn]| {
        let mut streams = Streams::default();
        let events = turns.iter().flat_map(|turn| Arc::as_ref(&turn.events));
        events.for_each(|event| streams.follow(event));
        streams
    };
    let mut after = streams_of(kept);
    carried.iter().flatten().for_each(|event| after.follow(event));
    let streams = after.advanced_to(&streams_of(all));
    (!streams.is_empty()).then(|| vec![Event::Streamed(StreamEvent::Carried { streams })])
}

/// The messages of which it became known in turns that are undone that they have arrived.
fn arrived_in(dropped: &[RecordedTurn]) -> Vec<MessageId> {
    let events = dropped.iter().flat_map(|turn| Arc::as_ref(&turn.events));
    let arrived = events.filter_map(|event| {
        if let Event::MessagesDelivered { messages, .. } = event { Some(messages) } else { None }
    });
    arrived.flatten().copied().collect()
}

/// The keys of commands that came in some turns, oldest first; those of rewinds as well, which are
/// known by their seeds otherwise.
pub(crate) fn commands_of(turns: &[RecordedTurn]) -> Vec<EventKey> {
    let events = turns.iter().flat_map(|turn| Arc::as_ref(&turn.events));
    let mut keys = Vec::new();
    for event in events {
        if let Event::CommandsReceived { keys: received } = event {
            keys.extend_from_slice(received);
        } else if let Event::ExecutionRewound { seed, .. } = event {
            keys.extend(key_of_rewind(*seed));
        }
    }
    keys
}

/// By which a rewind is known that was undone itself.
pub(crate) fn key_of_rewind(seed: u64) -> Option<EventKey> {
    EventKey::new(format!("rewind {seed:016x}")).ok()
}

/// What came from outside in turns that are undone, and was acknowledged; each with the trace in which it came, and
/// with who waits for its answer.
fn dropped_inputs(dropped: &[RecordedTurn]) -> impl Iterator<Item = Vec<Event>> {
    let events = dropped.iter().flat_map(|turn| turn.events.iter());
    let sent = events.filter_map(|event| {
        let is_sent = matches!(
            event,
            Event::Request(RequestEvent::Sent { .. } | RequestEvent::LockAsked { .. })
        );
        event.correlation().filter(|_| is_sent)
    });
    let undone: BTreeSet<_> = sent.collect();
    dropped.iter().filter_map(move |turn| {
        let mut events = turn.events.iter();
        let input = events.next().filter(|event| {
            // It does not come again: the one that has answered knows that it has arrived.
            if let Event::Request(RequestEvent::Returned { id, .. }) = event {
                return !undone.contains(id);
            }
            matches!(
                event,
                Event::ExternalRaised { .. }
                    | Event::EventKeysCarried { .. }
                    | Event::UpdateAnswersCarried { .. }
                    | Event::Streamed(StreamEvent::Carried { .. })
            )
        })?;
        let is_about_it = |next: &&Event| {
            matches!(
                next,
                Event::TraceContextReceived { .. } | Event::Request(RequestEvent::Asked { .. })
            )
        };
        let about_it = events.take_while(is_about_it);
        Some([input].into_iter().chain(about_it).cloned().collect())
    })
}

/// Whether the code waits for the timer that lets it run.
pub(crate) fn is_held(turns: &[RecordedTurn]) -> bool {
    let events = turns.iter().flat_map(|turn| Arc::as_ref(&turn.events));
    events.fold(false, |held, event| {
        let is_set = matches!(event, Event::TimerCreated { id: CorrelationId::START, .. });
        let has_fired = matches!(event, Event::TimerFired { id: CorrelationId::START });
        is_set || (held && !has_fired)
    })
}
