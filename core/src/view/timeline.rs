//! The time that an execution took, as spans: from its log alone, without the code.

mod follow;
mod running;
mod span;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Serialize;

use super::queues::Queues;
use crate::history::RecordedTurn;
use crate::ids::{CorrelationId, InstanceId};
use crate::outbox::Outbox;
use crate::time::Timestamp;

use running::Running;
pub use span::{AttemptSpan, Span, SpanEnd, SpanKind};

/// What an execution did, and when: spans in the order in which they began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Timeline {
    /// The time of the first event.
    pub begin: Timestamp,
    /// The time of the last event: what is open goes on after it.
    pub at: Timestamp,
    /// When the execution ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// For how long at least one attempt of an activity was under way, waiting for a place included: the rest of
    /// the time was spent waiting for timers, events, children and next attempts.
    pub running: Duration,
    /// The spans, from the place that was asked for on.
    pub spans: Vec<Span>,
    /// How many spans there are in all, with those before that place and those that were left out.
    pub total: u64,
    /// How many began before that place.
    pub before: u64,
    /// From which place on there are more; `None` when there are none.
    pub next: Option<u64>,
}

/// Goes over the log of one execution, and draws its timeline. Takes in all turns, in order, as they are
/// stored; shows the first spans that begin in a place or after it. What it holds follows from what it
/// shows, from what is open, and from the number of external events and waits so far.
///
/// What a log does not know is said at [`Viewer`](crate::Viewer). A span that was open when a cancel came is
/// `in_doubt`: it may have ended with the cancel, and not where the log says.
#[derive(Debug)]
pub struct TimelineBuilder {
    from: u64,
    limit: usize,
    position: u64,
    at: Timestamp,
    begin: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    spans: Vec<Span>,
    total: u64,
    before: u64,
    next: Option<u64>,
    /// The places among the spans of those that are open, and of waits that have their event.
    open: BTreeMap<CorrelationId, usize>,
    suspended: Option<usize>,
    parked: Option<usize>,
    running: Running,
    queues: Queues,
    /// Knows the instances of attempts of children.
    outbox: Outbox,
}

/// Most attempts that are shown of one activity or child: the last ones.
pub(crate) const MAX_ATTEMPTS_SHOWN: usize = 100;

impl TimelineBuilder {
    /// Of an execution of an instance, before its first turn: for at most `limit` spans that begin in that
    /// place or after it.
    pub fn new(instance: InstanceId, from_position: u64, limit: usize) -> Self {
        Self {
            from: from_position,
            limit,
            position: 0,
            at: Timestamp::EPOCH,
            begin: None,
            ended_at: None,
            spans: Vec::new(),
            total: 0,
            before: 0,
            next: None,
            open: BTreeMap::new(),
            suspended: None,
            parked: None,
            running: Running::default(),
            queues: Queues::default(),
            outbox: Outbox::new(instance),
        }
    }

    /// Goes on with a turn.
    pub fn apply(&mut self, turn: &RecordedTurn) {
        self.at = turn.at;
        self.begin.get_or_insert(turn.at);
        if self.ended_at.is_none() {
            self.running.advance(turn.at);
        }
        if turn.events.is_empty() {
            // What was superseded keeps its place.
            self.position += 1;
        }
        for event in &*turn.events {
            self.follow(event);
            self.position += 1;
        }
    }

    /// The place of the next event.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The timeline, as far as the turns go.
    pub fn finish(self) -> Timeline {
        Timeline {
            begin: self.begin.unwrap_or(self.at),
            at: self.at,
            ended_at: self.ended_at,
            running: self.running.total(),
            spans: self.spans,
            total: self.total,
            before: self.before,
            next: self.next,
        }
    }

    /// Adds a span that begins with the event in the next place; its place, if it is shown.
    fn begin(&mut self, kind: SpanKind) -> Option<usize> {
        self.total += 1;
        if self.position < self.from {
            self.before += 1;
            return None;
        }
        if self.spans.len() >= self.limit {
            self.next.get_or_insert(self.position);
            return None;
        }
        self.spans.push(Span::new(kind, self.position, self.at));
        Some(self.spans.len() - 1)
    }

    /// The same, of something that ends by its correlation id.
    fn open(&mut self, id: CorrelationId, kind: SpanKind) -> Option<&mut Span> {
        let place = self.begin(kind)?;
        self.open.insert(id, place);
        let span = self.spans.get_mut(place)?;
        span.id = Some(id);
        Some(span)
    }

    /// Adds what takes no time.
    fn instant(&mut self, kind: SpanKind) -> Option<&mut Span> {
        let place = self.begin(kind)?;
        let (position, at) = (self.position, self.at);
        let span = self.spans.get_mut(place)?;
        span.close(position, at, SpanEnd::Instant);
        Some(span)
    }

    fn shown(&mut self, id: CorrelationId) -> Option<&mut Span> {
        self.spans.get_mut(*self.open.get(&id)?)
    }

    fn close(&mut self, id: CorrelationId, end: SpanEnd) {
        let (position, at) = (self.position, self.at);
        if let Some(span) = self.open.remove(&id).and_then(|place| self.spans.get_mut(place)) {
            span.close(position, at, end);
        }
    }

    /// What is open ends with the execution, or with what it did before it went on as new.
    fn close_all(&mut self) {
        let (position, at) = (self.position, self.at);
        for place in core::mem::take(&mut self.open).into_values() {
            if let Some(span) = self.spans.get_mut(place).filter(|span| span.end.is_none()) {
                span.close(position, at, SpanEnd::Overtaken);
            }
        }
        self.running.end_all();
    }
}
