//! The log of one execution: turns, each of which is one input and the outputs that it caused.

mod limits;
mod superseding;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::error::bounded_message;
use crate::event::Event;
use crate::outcome::Outcome;
use crate::time::Timestamp;
use crate::trace_context::{ReceivedTrace, TraceContext};
use crate::version::Version;

pub(crate) use limits::{history_limit, limit_exceeded, limit_that_ended, turn_limit};
pub(crate) use superseding::Superseding;

/// One turn of the log: it was appended as a whole, or is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedTurn {
    /// The time of all of its events.
    pub at: Timestamp,
    /// One input, then outputs. None in a turn whose event was superseded.
    pub events: Arc<[Event]>,
}

/// The log of one execution, without what a later event has
/// [superseded](Event::is_superseded_by_the_next): of the failed attempts of an activity or a child it
/// has the last, of the heartbeats of an activity the newest. The turn of what was superseded stays, without events, and its
/// place stays free. Shows itself as one line per event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    turns: Vec<RecordedTurn>,
    events: u64,
    /// Where the turns are that may still be superseded.
    superseding: Superseding<usize>,
}

/// One event with its place and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryEvent<'a> {
    /// Its place in the log; the first event is 0. Events that were superseded have left gaps.
    pub position: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: &'a Event,
}

/// As the list of its events, each with its place and its time: for people and programs outside. What a
/// store keeps are the turns.
impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.events())
    }
}

impl RecordedTurn {
    /// The turn that ends an execution without asking its code. The reason is cut at
    /// [`MAX_MESSAGE_BYTES`](crate::limits::MAX_MESSAGE_BYTES).
    pub fn terminated(at: Timestamp, reason: impl fmt::Display) -> Self {
        let reason = bounded_message(reason);
        Self { at, events: Arc::new([Event::ExecutionTerminated { reason }]) }
    }

    /// The turn that parks an execution without asking its code. The reason is cut as in
    /// [`terminated`](Self::terminated).
    pub fn parked(at: Timestamp, reason: impl fmt::Display) -> Self {
        let reason = bounded_message(reason);
        Self { at, events: Arc::new([Event::ExecutionParked { reason }]) }
    }

    /// The version of the orchestration, as the first turn of an execution has it.
    pub fn version(&self) -> Version {
        // Who started it comes first.
        let is_origin = |event: &&Event| matches!(event, Event::StartedBy { .. });
        let after_origin = self.events.iter().skip(1).find(|event| !is_origin(event));
        let Some(Event::VersionSelected { version }) = after_origin else { return Version::NONE };
        version.clone()
    }

    /// How the execution ended in this turn, if it did.
    pub fn outcome(&self) -> Option<Outcome> {
        // The trace in which somebody asked for the end stands after it.
        let is_trace = |event: &Event| matches!(event, Event::TraceContextReceived { .. });
        self.events.iter().rev().find(|event| !is_trace(event))?.outcome()
    }

    /// With the trace in which its input was asked for, where there is one. Its input is all that is in it.
    #[must_use]
    pub fn in_trace(self, trace: Option<&TraceContext>) -> Self {
        let Some(context) = trace else { return self };
        let received = Box::new(ReceivedTrace::of_caller(context.clone()));
        let events = self.events.iter().cloned();
        Self { events: events.chain([Event::TraceContextReceived { received }]).collect(), ..self }
    }
}

impl History {
    /// Appends a turn.
    pub fn push(&mut self, turn: RecordedTurn) {
        for place in self.superseding.superseded_by(&turn, self.turns.len()) {
            if let Some(superseded) = self.turns.get_mut(place) {
                self.events -= superseded.events.len() as u64;
                superseded.events = Arc::new([]);
            }
        }
        self.events += turn.events.len() as u64;
        self.turns.push(turn);
    }

    /// The turns, in order.
    pub fn turns(&self) -> &[RecordedTurn] {
        &self.turns
    }

    /// The events of all turns, in order.
    pub fn events(&self) -> impl Iterator<Item = HistoryEvent<'_>> {
        let mut next = 0;
        self.turns.iter().flat_map(move |turn| {
            let first = next;
            // What was superseded keeps its place.
            next += turn.events.len().max(1) as u64;
            let placed = (first..).zip(&*turn.events);
            placed.map(|(position, event)| HistoryEvent { position, at: turn.at, event })
        })
    }

    /// Number of events, without those that were superseded.
    pub fn len(&self) -> u64 {
        self.events
    }

    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// How the execution ended, if it has.
    pub fn outcome(&self) -> Option<Outcome> {
        // After the end, the log may say that others have got the messages about it.
        let is_delivery = |event: &Event| matches!(event, Event::MessagesDelivered { .. });
        self.turns.iter().rev().find(|turn| !turn.events.iter().all(is_delivery))?.outcome()
    }
}

impl FromIterator<RecordedTurn> for History {
    fn from_iter<I: IntoIterator<Item = RecordedTurn>>(turns: I) -> Self {
        let mut history = Self::default();
        turns.into_iter().for_each(|turn| history.push(turn));
        history
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for HistoryEvent { position, at, event } in self.events() {
            writeln!(f, "{position:>5}  {at}  {event}")?;
        }
        Ok(())
    }
}
