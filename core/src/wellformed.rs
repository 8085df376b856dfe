//! Checks whether any code could have written a history.

mod correlations;
mod streams;
mod time_limits;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

use crate::divergence::MalformedHistory;
use crate::event::{Event, RequestEvent};
use crate::history::RecordedTurn;
use crate::ids::{CorrelationId, Name};
use crate::time::Timestamp;

use time_limits::LimitsSeen;

/// Whether some execution can have written these turns, in this order, from its first on. Whether some code makes
/// them is not looked at.
///
/// # Errors
/// The first event that is out of place.
pub fn check_history<'a>(
    turns: impl IntoIterator<Item = &'a RecordedTurn>,
) -> Result<(), MalformedHistory> {
    let mut log = WellFormed::default();
    turns.into_iter().try_for_each(|turn| log.check(turn))
}

/// What was scheduled and is still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Task,
    Timer,
    Wait,
    Child,
    Update,
}

/// Reads a history turn by turn, and refuses what no execution can have written: completions
/// without a schedule, second completions, ids or times out of order, turns that are not one input
/// and its outputs, what was carried over and versions not at the beginning, a second cancel, an end by
/// a cancel that nobody requested, steps of the code while it is suspended or parked, attempts out of order,
/// turns without events that no later event can have superseded, anything after the end.
#[derive(Debug, Default)]
pub(crate) struct WellFormed {
    position: u64,
    turns: u64,
    at: Timestamp,
    last_id: u64,
    /// Whether the version has been recorded.
    versioned: bool,
    /// The newest turn in which it was rewound.
    rewound_in: Option<u64>,
    /// Whether the event before is that of a rewind, or lets the code go on as new.
    after_rewind: bool,
    open: BTreeMap<CorrelationId, Open>,
    cancelled: bool,
    suspended: bool,
    parked: bool,
    /// Activities and children with a retry policy, and the last attempt of each that failed.
    attempts: BTreeMap<CorrelationId, u32>,
    /// The place of the first turn without events that nothing has superseded yet.
    unexplained: Option<u64>,
    /// What the event before was, where that is an activity that was scheduled.
    just_scheduled: Option<CorrelationId>,
    /// The same, where only its options stand between.
    just_configured: Option<CorrelationId>,
    /// The offsets of the next items.
    streams: BTreeMap<Name, u64>,
    has_origin: bool,
    /// Whether it was started in a trace, which stands after the version.
    starts_in_trace: bool,
    /// Whether the event before is one after which a trace context can stand.
    takes_trace: bool,
    /// Whether the event before is one that may be an update of another instance.
    takes_asked: bool,
    /// The newest turn with something that was carried over.
    carried_in: Option<u64>,
    /// The turn of the end.
    ended: Option<u64>,
    time_limits: LimitsSeen,
}

impl WellFormed {
    pub(crate) fn check(&mut self, turn: &RecordedTurn) -> Result<(), MalformedHistory> {
        if turn.events.is_empty() {
            return self.check_empty(turn);
        }
        if turn.at < self.at {
            return Err(self.malformed(&format!("no time before {}", self.at), turn.at));
        }
        self.at = turn.at;
        self.just_scheduled = None;
        self.just_configured = None;
        for (index, event) in turn.events.iter().enumerate() {
            self.check_place(index, event)?;
            self.check_time_limits(event)?;
            self.check_correlation(event)?;
            self.check_interrupt(event)?;
            let is_scheduled = matches!(event, Event::TaskScheduled { .. });
            let is_configured = matches!(event, Event::TaskConfigured { .. });
            self.just_scheduled = event.correlation().filter(|_| is_scheduled);
            self.just_configured = event.correlation().filter(|_| is_scheduled || is_configured);
            self.versioned |= matches!(event, Event::VersionSelected { .. });
            self.takes_trace = matches!(
                event,
                Event::ExecutionStarted { .. }
                    | Event::StartedBy { .. }
                    | Event::VersionSelected { .. }
                    | Event::ExternalRaised { .. }
                    | Event::CancelRequested { .. }
                    | Event::ExecutionTerminated { .. }
                    | Event::ExecutionSuspended { .. }
                    | Event::ExecutionResumed
            );
            self.takes_asked = matches!(event, Event::ExternalRaised { key: Some(_), .. });
            let is_asked = matches!(event, Event::Request(RequestEvent::Asked { .. }));
            self.takes_trace |= is_asked;
            let is_trace = matches!(event, Event::TraceContextReceived { .. });
            self.starts_in_trace |= is_trace && self.turns == 0;
            self.has_origin |= matches!(event, Event::StartedBy { .. });
            let is_renewed = matches!(event, Event::ExecutionRenewed { .. });
            let is_rewound = matches!(event, Event::ExecutionRewound { .. });
            self.after_rewind = is_rewound || is_renewed;
            if is_renewed {
                // Nothing is open any more.
                self.open.clear();
                self.attempts.clear();
            }
            if is_rewound {
                self.rewound_in = Some(self.turns);
                self.attempts.values_mut().for_each(|failed| *failed = 0);
                // What has superseded it may be what was undone.
                self.unexplained = None;
            }
            if matches!(event, Event::EventKeysCarried { .. } | Event::OutboxCarried { .. }) {
                self.carried_in = Some(self.turns);
            }
            if event.is_terminal() {
                self.ended = Some(self.turns);
            }
            self.position += 1;
        }
        self.turns += 1;
        Ok(())
    }

    /// A turn has no events when its event was superseded: by one that has to come.
    fn check_empty(&mut self, turn: &RecordedTurn) -> Result<(), MalformedHistory> {
        if self.position == 0 || self.ended.is_some() || turn.at < self.at {
            return Err(self.malformed("an event", "an empty turn"));
        }
        self.at = turn.at;
        self.unexplained.get_or_insert(self.position);
        self.position += 1;
        self.turns += 1;
        Ok(())
    }

    /// The last correlation id so far.
    pub(crate) const fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Whether the history can stop here.
    pub(crate) fn finish(self) -> Result<(), MalformedHistory> {
        match self.unexplained {
            Some(position) => {
                let expected = "an event".into();
                let found = "an empty turn".into();
                Err(MalformedHistory { position, expected, found })
            }
            None => Ok(()),
        }
    }

    fn check_place(&self, index: usize, event: &Event) -> Result<(), MalformedHistory> {
        let is_start = matches!(event, Event::ExecutionStarted { .. });
        if let Event::MessagesDelivered { end, .. } = event {
            // The only kind that can stand after the end.
            return match index == 0 && self.position > 0 && *end == self.ended {
                true => Ok(()),
                false => Err(self.malformed("a turn of its own that knows of the end", event)),
            };
        }
        let is_asked = matches!(event, Event::Request(RequestEvent::Asked { .. }));
        let is_trace = matches!(event, Event::TraceContextReceived { .. });
        if self.ended.is_some() && !(is_trace && self.takes_trace && index > 0) {
            Err(self.malformed("nothing after the end", event))
        } else if (self.position == 0) != is_start {
            let expected = if is_start { "one start only" } else { "ExecutionStarted" };
            Err(self.malformed(expected, event))
        } else if (index == 0) != event.is_input() {
            let expected = if index == 0 { "an input, as the turn begins" } else { "an output" };
            Err(self.malformed(expected, event))
        } else if matches!(event, Event::EventKeysCarried { .. }) && !self.is_beginning() {
            let expected = "keys that were carried over in the second turn or after a rewind only";
            Err(self.malformed(expected, event))
        } else if matches!(event, Event::StartedBy { .. }) && self.position != 1 {
            Err(self.malformed("an origin directly after the start only", event))
        } else if is_asked && !self.takes_asked {
            Err(self.malformed(
                "who waits for an answer directly after an event with a key only",
                event,
            ))
        } else if is_trace && !self.takes_trace {
            let expected = "a trace context after a start, or what somebody else asked for, only";
            Err(self.malformed(expected, event))
        } else if event.gives_attributes() && self.turns > 0 {
            Err(self.malformed("attributes that were given in the first turn only", event))
        } else if matches!(event, Event::VersionSelected { .. }) && self.position != self.head() {
            Err(self.malformed("a version directly after the start only", event))
        } else if matches!(event, Event::OutboxCarried { .. }) && !self.takes_outbox() {
            Err(self.malformed("messages that were carried over at the beginning only", event))
        } else if matches!(event, Event::ChildrenSuperseded { .. }) && !self.takes_outbox() {
            Err(self.malformed("superseded children at the beginning only", event))
        } else {
            Ok(())
        }
    }

    fn check_time_limits(&mut self, event: &Event) -> Result<(), MalformedHistory> {
        let is_first = self.turns == 0 && self.open.is_empty() && self.last_id == 0;
        match self.time_limits.refusal(event, is_first) {
            Some(expected) => Err(self.malformed(expected, event)),
            None => Ok(()),
        }
    }

    /// Cancels, suspensions, and what they do not allow.
    fn check_interrupt(&mut self, event: &Event) -> Result<(), MalformedHistory> {
        match event {
            Event::CancelRequested { .. } if self.cancelled => {
                return Err(self.malformed("one cancel only", event));
            }
            Event::CancelRequested { .. } => self.cancelled = true,
            Event::ExecutionCancelled { .. } if !self.cancelled => {
                return Err(self.malformed("a cancel before an end by it", event));
            }
            Event::ExecutionSuspended { .. } if !self.suspended => self.suspended = true,
            Event::ExecutionResumed if self.suspended => self.suspended = false,
            Event::ExecutionSuspended { .. } | Event::ExecutionResumed => {
                let expected = if self.suspended { "no second suspension" } else { "a suspension" };
                return Err(self.malformed(expected, event));
            }
            Event::ExecutionParked { .. } if !self.parked => self.parked = true,
            Event::ExecutionUnparked if self.parked => self.parked = false,
            Event::ExecutionParked { .. } | Event::ExecutionUnparked => {
                let expected = if self.parked { "to be parked once" } else { "to be parked first" };
                return Err(self.malformed(expected, event));
            }
            // A limit that an input passes, and a rewind, need no code; nor does a cancel that reaches a
            // child.
            Event::ExecutionFailed { .. }
            | Event::TimerCreated { id: CorrelationId::START, .. }
            | Event::ChildCancelRequested { .. } => {}
            Event::ExecutionStarted { .. }
            | Event::TaskScheduled { .. }
            | Event::TaskCompleted { .. }
            | Event::TaskFailed { .. }
            | Event::TaskCancelRequested { .. }
            | Event::TaskRefused { .. }
            | Event::TimerCreated { .. }
            | Event::TimerFired { .. }
            | Event::TimerCancelled { .. }
            | Event::ExternalSubscribed { .. }
            | Event::ExternalRaised { .. }
            | Event::ExternalUnsubscribed { .. }
            | Event::AnySubscribed { .. }
            | Event::ExternalTaken { .. }
            | Event::SideEffectRecorded { .. }
            | Event::ExecutionCompleted { .. }
            | Event::ExecutionTerminated { .. }
            | Event::StatusSet { .. }
            | Event::UpdateAnswered { .. }
            | Event::UpdateAnswersCarried { .. }
            | Event::ValuePublished { .. }
            | Event::Streamed(_)
            | Event::AttributesChanged { .. }
            | Event::ExecutionContinued { .. }
            | Event::EventKeysCarried { .. }
            | Event::ExecutionCancelled { .. }
            | Event::TaskConfigured { .. }
            | Event::TaskAttemptFailed { .. }
            | Event::TaskHeartbeat { .. }
            | Event::VersionSelected { .. }
            | Event::PatchMarked { .. }
            | Event::ExecutionRewound { .. }
            | Event::ExecutionForked { .. }
            | Event::StartedBy { .. }
            | Event::ChildScheduled { .. }
            | Event::ChildCompleted { .. }
            | Event::ChildFailed { .. }
            | Event::StartRequested { .. }
            | Event::CallRefused { .. }
            | Event::EventSent { .. }
            | Event::CommandSent { .. }
            | Event::MessagesDelivered { .. }
            | Event::MessageRefused { .. }
            | Event::OutboxCarried { .. }
            | Event::ChildAttemptFailed { .. }
            | Event::TaskTagged { .. }
            | Event::ChildrenSuperseded { .. }
            | Event::CommandsReceived { .. }
            | Event::TaskStarted { .. }
            | Event::TaskStopped { .. }
            | Event::TaskDeferred { .. }
            | Event::ExecutionRenewed { .. }
            | Event::RunAnnounced { .. }
            | Event::RunSurvived
            | Event::TaskLocal { .. } => return self.check_step(event),
            Event::Request(
                RequestEvent::Sent { .. }
                | RequestEvent::Returned { .. }
                | RequestEvent::LockAsked { .. }
                | RequestEvent::LockReleased { .. },
            ) => return self.check_step(event),
            // They are about an input, and no step of the code.
            Event::TraceContextReceived { .. }
            | Event::Request(RequestEvent::Asked { .. })
            | Event::TimeLimit(_) => {}
        }
        Ok(())
    }

    /// An execution that does not go on makes no step.
    fn check_step(&self, event: &Event) -> Result<(), MalformedHistory> {
        if self.suspended && !event.is_input() {
            Err(self.malformed("no step while it is suspended", event))
        } else if self.parked && !event.is_input() {
            Err(self.malformed("no step while it is parked", event))
        } else {
            Ok(())
        }
    }

    /// Whether it is the turn after the start, or after a rewind.
    fn is_beginning(&self) -> bool {
        self.turns == 1 || self.rewound_in.is_some_and(|turn| self.turns == turn + 1)
    }

    /// Whether messages and superseded children may be carried over: at the beginning, or after what
    /// is carried over there.
    fn takes_outbox(&self) -> bool {
        self.is_beginning() || self.carried_in.is_some_and(|turn| self.turns == turn + 1)
    }

    /// The place after the start and its origin.
    fn head(&self) -> u64 {
        1 + u64::from(self.has_origin)
    }

    fn malformed(&self, expected: &str, found: impl ToString) -> MalformedHistory {
        let (expected, found): (String, String) = (expected.into(), found.to_string());
        MalformedHistory { position: self.position, expected, found }
    }
}
