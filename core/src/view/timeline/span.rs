//! A span of a timeline.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

use serde::Serialize;

use super::MAX_ATTEMPTS_SHOWN;
use crate::ids::{CorrelationId, InstanceId, Name};
use crate::time::Timestamp;

/// Something that an execution did or waited for, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Span {
    /// What it is.
    pub kind: SpanKind,
    /// The position of the event that began it.
    pub position: u64,
    /// Its correlation id, if it has one.
    pub id: Option<CorrelationId>,
    /// The name of the activity, the event, or the child's orchestration.
    pub name: Option<Name>,
    /// When it began.
    pub begin: Timestamp,
    /// When it ended; `None` while it is open.
    pub end: Option<Timestamp>,
    /// The position of the event that ended it.
    pub end_position: Option<u64>,
    /// How it ended.
    pub outcome: SpanEnd,
    /// What it failed with; why it was suspended, parked, cancelled or rewound; what another instance was
    /// asked, and why.
    pub reason: Option<String>,
    /// Of an activity or a child: its attempts, the last ones. Between two of them it waited for the next.
    pub attempts: VecDeque<AttemptSpan>,
    /// How many attempts before them are left out.
    pub attempts_left_out: u64,
    /// For how long an attempt of an activity was under way, waiting for a place included.
    pub running: Duration,
    /// The child, or the other instance that was started, or sent an event or a command.
    pub instance: Option<InstanceId>,
    /// Of a timer: when it is due.
    pub fire_at: Option<Timestamp>,
    /// Of a wait: the position of the external event that came for it, where that is known.
    pub event: Option<u64>,
    /// Of an activity: which hosts may run it.
    pub tag: Option<Name>,
    /// Whether it is an activity that runs within the turns of its instance.
    pub local: bool,
    /// Whether a cancel came while it was open: then it ended there unless it is shielded.
    pub in_doubt: bool,
}

/// What a span is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SpanKind {
    /// An activity.
    Activity,
    /// A timer.
    Timer,
    /// A wait for an external event.
    Wait,
    /// A child.
    Child,
    /// An external event came. Takes no time.
    Event,
    /// A detached orchestration was started. Takes no time.
    Start,
    /// An event was raised on another instance. Takes no time.
    Send,
    /// Another instance was asked to end, to stop or to go on. Takes no time.
    Command,
    /// An update was sent to another instance.
    Update,
    /// Another instance was asked for its lock, which it gave at the end.
    Lock,
    /// It was suspended.
    Suspended,
    /// It was parked.
    Parked,
    /// A cancel came. Takes no time.
    Cancel,
    /// It was rewound. Takes no time.
    Rewind,
    /// It went on as new in the same log. Takes no time.
    Renewal,
}

/// How a span ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SpanEnd {
    /// It has not ended.
    Open,
    /// The activity or the child returned a value, the timer fired, the event came, the execution goes on.
    Completed,
    /// The activity or the child failed.
    Failed,
    /// The code dropped it, or a cancel ended it.
    Cancelled,
    /// The execution ended first, or went on as new.
    Overtaken,
    /// It took no time.
    Instant,
}

/// An attempt of an activity or a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AttemptSpan {
    /// Its number; the first is 1.
    pub attempt: u32,
    /// When it began: for an activity, when it could run first. It may have waited for a place then.
    pub begin: Timestamp,
    /// When it ended; `None` while it is under way, or to come.
    pub end: Option<Timestamp>,
    /// Whether it failed.
    pub failed: bool,
    /// What it failed with.
    pub error: Option<String>,
}

impl Span {
    pub(super) const fn new(kind: SpanKind, position: u64, begin: Timestamp) -> Self {
        Self {
            kind,
            position,
            id: None,
            name: None,
            begin,
            end: None,
            end_position: None,
            outcome: SpanEnd::Open,
            reason: None,
            attempts: VecDeque::new(),
            attempts_left_out: 0,
            running: Duration::ZERO,
            instance: None,
            fire_at: None,
            event: None,
            tag: None,
            local: false,
            in_doubt: false,
        }
    }

    pub(super) fn close(&mut self, position: u64, at: Timestamp, outcome: SpanEnd) {
        self.end = Some(at);
        self.end_position = Some(position);
        self.outcome = outcome;
        let reason = self.reason.clone().filter(|_| outcome == SpanEnd::Failed);
        self.end_attempt(at, reason);
    }

    /// An attempt begins, or will.
    pub(super) fn begin_attempt(&mut self, attempt: u32, begin: Timestamp) {
        if self.attempts.len() >= MAX_ATTEMPTS_SHOWN {
            self.attempts.pop_front();
            self.attempts_left_out += 1;
        }
        self.attempts.push_back(AttemptSpan {
            attempt,
            begin,
            end: None,
            failed: false,
            error: None,
        });
    }

    /// The attempt that is under way ends, with an error if it failed. One that was still to begin never does.
    pub(super) fn end_attempt(&mut self, at: Timestamp, error: Option<String>) {
        let Some(last) = self.attempts.back_mut().filter(|last| last.end.is_none()) else { return };
        if last.begin > at {
            self.attempts.pop_back();
            return;
        }
        last.end = Some(at);
        last.failed = error.is_some();
        last.error = error;
        if self.kind == SpanKind::Activity {
            self.running += at.since(last.begin);
        }
    }
}
