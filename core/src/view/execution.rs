//! The view of an execution: values that a program can show or pass on.

use alloc::boxed::Box;
use alloc::vec::Vec;

use serde::Serialize;

use crate::attributes::Attributes;
use crate::error::{ActivityError, ChildError};
use crate::ids::{CorrelationId, InstanceId, Name};
use crate::message::{MessageKind, Origin};
use crate::outcome::Outcome;
use crate::payload::Payload;
use crate::published::PublishedValues;
use crate::streams::StreamBounds;
use crate::time::Timestamp;
use crate::version::Version;

/// How an execution is after an event of its log, as its log alone knows it: see
/// [`Viewer`](crate::Viewer). Places are positions of events in the log; the first is 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExecutionView {
    /// Its orchestration; `None` before its first event.
    pub orchestration: Option<Name>,
    /// Of which version of it the execution is; [`Version::NONE`] when it was started without one.
    pub version: Version,
    /// The time of its first event.
    pub started_at: Option<Timestamp>,
    /// What its code was given; after it went on as new in the same log, what it was given then.
    pub input: Option<Payload>,
    /// Who started it, if another instance did.
    pub parent: Option<Origin>,
    /// The time of the last event.
    pub at: Timestamp,
    /// Number of events so far, with those that later ones have superseded: the position of the next one.
    pub events: u64,
    /// Number of turns so far.
    pub turns: u64,
    /// What the code set as its status last.
    pub status: Option<Payload>,
    /// When it set it.
    pub status_since: Option<Timestamp>,
    /// The streams, in the order of their names.
    pub streams: Vec<StreamBounds>,
    /// The values that the code has published.
    pub published: PublishedValues,
    /// The attributes of the instance.
    pub attributes: Attributes,
    /// The patches that the code goes by, in the order of their names.
    pub patches: Vec<Name>,
    /// How often the code has gone on as new in this log.
    pub renewals: u64,
    /// When this execution fails for its [time limit](crate::TimeLimits), if it has one and has not ended.
    pub execution_ends_at: Option<Timestamp>,
    /// When the instance fails for the time limit of all its executions, if it has one and has not ended.
    pub total_ends_at: Option<Timestamp>,
    /// The newest rewind that is in this log. That of a fork says what it left out.
    pub rewound: Option<ViewedRewind>,
    /// Of which instance it is a fork, if it is one.
    pub forked_from: Option<InstanceId>,
    /// That it is suspended, since when and why.
    pub suspended: Option<Since>,
    /// That it is parked, since when and why: its code does not fit its log, or is not there.
    pub parked: Option<Since>,
    /// That somebody asked it to end, since when and why.
    pub cancel_requested: Option<Since>,
    /// How it ended, if it has. [`Outcome::Continued`]: the instance goes on in its next execution.
    pub outcome: Option<Outcome>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The activities that are open, in the order in which they were scheduled.
    pub activities: Listed<ViewedActivity>,
    /// The timers that have not fired, in the order in which they were set.
    pub timers: Listed<ViewedTimer>,
    /// The waits for external events for which none has come, in the order in which they began.
    pub waits: Listed<ViewedWait>,
    /// The external events that no wait has taken, in the order in which they came.
    pub buffered: Listed<ViewedEvent>,
    /// The children that are open, in the order in which they were called.
    pub children: Listed<ViewedChild>,
    /// The updates to other instances that have no answer, in the order in which they were sent.
    pub updates: Listed<ViewedUpdate>,
    /// The locks of other instances that the code holds or waits for, in the order in which it asked for them.
    pub locks: Listed<ViewedLock>,
    /// The messages that are under way to other instances, the first one for each; and how many there are
    /// with those that wait for them.
    pub messages: Listed<ViewedMessage>,
}

/// The first of several things, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed<T> {
    /// The first ones.
    pub items: Vec<T>,
    /// How many there are, with those that are left out.
    pub total: u64,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { items: Vec::new(), total: 0 }
    }
}

impl<T> Listed<T> {
    /// The first `most`, of as many as there are.
    pub(super) fn first(all: impl ExactSizeIterator<Item = T>, most: usize) -> Self {
        let total = all.len() as u64;
        Self { items: all.take(most).collect(), total }
    }
}

/// Since when something is so, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Since {
    /// Since when.
    pub at: Timestamp,
    /// The place of the event that says so.
    pub position: u64,
    /// Why, in the words of the caller, or of the host.
    pub reason: Box<str>,
}

/// A rewind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewedRewind {
    /// When, where, and why.
    #[serde(flatten)]
    pub since: Since,
    /// Number of events that were undone.
    pub dropped: u64,
}

/// An activity that was scheduled and is not complete: it waits for a place, runs, or waits for its next
/// attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ViewedActivity {
    /// Its correlation id.
    pub id: CorrelationId,
    /// Its name.
    pub name: Name,
    /// The place of its schedule.
    pub position: u64,
    /// When it was scheduled.
    pub since: Timestamp,
    /// Which hosts may run it: those that declare this tag.
    pub tag: Option<Name>,
    /// Whether it runs within the turns of its instance
    /// ([`call_local`](crate::OrchestrationContext::call_local)).
    pub local: bool,
    /// The attempt that is under way or comes next; the first is 1.
    pub attempt: u32,
    /// Most attempts; `None` when it has no retry policy.
    pub max_attempts: Option<u32>,
    /// What the attempt before it failed with.
    pub last_error: Option<ActivityError>,
    /// When the attempt begins, or, if that is over, when it began; `None` for the first.
    pub begins_at: Option<Timestamp>,
    /// When all of it must be over.
    pub deadline: Option<Timestamp>,
    /// The details of its newest heartbeat that is recorded.
    pub heartbeat: Option<Payload>,
    /// When that was recorded.
    pub heartbeat_at: Option<Timestamp>,
    /// Whether the attempt has returned, and is [completed from outside](crate::ActivityToken).
    pub deferred: bool,
    /// How many hosts are known to have died while an attempt of it ran.
    pub hosts_died: u32,
    /// Whether a cancel has come since it was scheduled: then it has ended unless it is shielded, and the log
    /// does not say which.
    pub in_doubt: bool,
}

/// A timer that has not fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ViewedTimer {
    /// Its correlation id. That of the timer that lets the code begin, or begin again after a rewind, is
    /// [`CorrelationId::START`].
    pub id: CorrelationId,
    /// The place of the event that set it.
    pub position: u64,
    /// When it was set.
    pub since: Timestamp,
    /// When it fires.
    pub fire_at: Timestamp,
    /// Whether a cancel has come since: then it never fires unless it is shielded.
    pub in_doubt: bool,
}

/// A wait for an external event that has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ViewedWait {
    /// Its correlation id.
    pub id: CorrelationId,
    /// The event that it waits for.
    pub name: Name,
    /// The place of its beginning.
    pub position: u64,
    /// Since when.
    pub since: Timestamp,
    /// Whether a cancel has come since: then it is over unless it is shielded. Or an event came that is there
    /// for it, if an older wait has ended with a cancel.
    pub in_doubt: bool,
}

/// An external event that came and was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ViewedEvent {
    /// Its name.
    pub name: Name,
    /// Its place.
    pub position: u64,
    /// When it came.
    pub at: Timestamp,
    /// The size of what it carries, in bytes.
    pub bytes: u64,
    /// What it carries. `None` when it was there for a wait that has gone since: then it is in the history, at
    /// its position.
    pub data: Option<Payload>,
    /// The wait that it is there for, which takes it when the code runs; `None` when nobody waits for it.
    pub awaited_by: Option<CorrelationId>,
    /// Whether that wait may have ended with a cancel: then nobody takes it.
    pub in_doubt: bool,
}

/// A child that was called and has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ViewedChild {
    /// Its correlation id.
    pub id: CorrelationId,
    /// The orchestration's name.
    pub name: Name,
    /// The instance of the attempt that is under way or comes next.
    pub instance: InstanceId,
    /// That attempt; the first is 1.
    pub attempt: u32,
    /// What the attempt before it failed with.
    pub last_error: Option<ChildError>,
    /// When the code of the attempt runs, or, if that is over, when it began to; `None` for the first.
    pub begins_at: Option<Timestamp>,
    /// When it was called.
    pub since: Timestamp,
    /// The place of its call.
    pub position: u64,
    /// Whether a cancel has come since it was called, and it may no longer be waited for.
    pub in_doubt: bool,
}

/// An update that was sent to another instance and has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ViewedUpdate {
    /// Its correlation id.
    pub id: CorrelationId,
    /// Its name.
    pub name: Name,
    /// Whom it is for.
    pub to: InstanceId,
    /// The place of its sending.
    pub position: u64,
    /// When it was sent.
    pub since: Timestamp,
    /// What it carries.
    pub data: Payload,
    /// Whether a cancel has come since: then it is not waited for any more unless it is shielded.
    pub in_doubt: bool,
}

/// The lock of another instance, which the code holds or waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ViewedLock {
    /// Its correlation id.
    pub id: CorrelationId,
    /// The correlation id of the first that was asked for together with it: those are given back together.
    pub lock: CorrelationId,
    /// Whose lock it is.
    pub of: InstanceId,
    /// The place of its request.
    pub position: u64,
    /// Since when it was asked for.
    pub since: Timestamp,
    /// Since when it is held; `None` while it is waited for.
    pub given_at: Option<Timestamp>,
    /// Whether it was given back for the code, because the instance was parked or rewound: others may have had it
    /// since.
    pub lost: bool,
}

/// A message to another instance that is not known to have arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ViewedMessage {
    /// The correlation id of what it follows from; [`CorrelationId::START`] for the result that a parent is
    /// given.
    pub id: CorrelationId,
    /// What sort of message it is.
    pub kind: MessageKind,
    /// Whom it is for.
    pub to: InstanceId,
}
