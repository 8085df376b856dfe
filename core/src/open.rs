//! The activities and children that are open, from a log alone, without the code.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::Serialize;

use crate::error::{ActivityError, ChildError};
use crate::event::Event;
use crate::history::RecordedTurn;
use crate::ids::{CorrelationId, InstanceId, Name};
use crate::payload::Payload;
use crate::time::Timestamp;

/// An activity that was scheduled and is not complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenActivity {
    /// Its correlation id in the history.
    pub id: CorrelationId,
    /// Its name.
    pub name: Name,
    /// Which hosts may run it: those that declare this tag; `None` when it runs where its
    /// orchestration does.
    pub tag: Option<Name>,
    /// The attempt that is under way or comes next; the first is 1.
    pub attempt: u32,
    /// What the attempt before it failed with.
    pub last_error: Option<ActivityError>,
    /// When the attempt begins, or, if that is over, when it began; `None` for the first.
    pub retry_at: Option<Timestamp>,
    /// The details of its newest heartbeat that is recorded.
    pub heartbeat: Option<Payload>,
    /// Whether the attempt has returned, and is [completed from outside](crate::ActivityToken).
    pub deferred: bool,
}

/// A child that was called and has not ended. An [`Outbox`](crate::Outbox) knows them without code, a
/// [`Machine`](crate::Machine) has the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenChild {
    /// Its correlation id in the history.
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
    pub retry_at: Option<Timestamp>,
}

impl OpenActivity {
    pub(crate) const fn new(id: CorrelationId, name: Name) -> Self {
        let tag = None;
        let last_error = None;
        let retry_at = None;
        let heartbeat = None;
        Self { id, name, tag, attempt: 1, last_error, retry_at, heartbeat, deferred: false }
    }

    /// After a rewind: with its first attempt.
    fn begin_anew(&mut self) {
        self.attempt = 1;
        self.last_error = None;
        self.retry_at = None;
        self.deferred = false;
    }
}

/// The activities that a log leaves open. Takes in the turns of one execution, in order.
///
/// A [`Machine`](crate::Machine) knows the same of its own
/// ([`open_activities`](crate::Machine::open_activities)); this needs no code. After a cancel the
/// activities that the cancel has ended are still among them: only the code knows which ones are
/// [shielded](crate::OrchestrationContext::shielded).
#[derive(Clone, Debug, Default)]
pub struct OpenActivities {
    open: BTreeMap<CorrelationId, OpenActivity>,
}

impl OpenActivities {
    /// Goes on with a turn.
    pub fn apply(&mut self, turn: &RecordedTurn) {
        turn.events.iter().for_each(|event| self.follow(event));
    }

    /// Those that are open now, in the order in which they were scheduled, at most `most` of them.
    pub fn first(&self, most: usize) -> Vec<OpenActivity> {
        self.open.values().take(most).cloned().collect()
    }

    /// Those that are open now, in the order in which they were scheduled.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &OpenActivity> {
        self.open.values()
    }

    pub(crate) fn get(&self, id: CorrelationId) -> Option<&OpenActivity> {
        self.open.get(&id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Goes on with an event.
    pub(crate) fn follow(&mut self, event: &Event) {
        match event {
            Event::TaskScheduled { id, name, .. } => {
                self.open.insert(*id, OpenActivity::new(*id, name.clone()));
            }
            Event::TaskTagged { id, tag } => {
                if let Some(activity) = self.open.get_mut(id) {
                    activity.tag = Some(tag.clone());
                }
            }
            Event::TaskCompleted { id, .. }
            | Event::TaskFailed { id, .. }
            | Event::TaskCancelRequested { id } => drop(self.open.remove(id)),
            Event::TaskAttemptFailed { id, attempt, error, retry_at } => {
                if let Some(activity) = self.open.get_mut(id) {
                    activity.attempt = attempt.saturating_add(1);
                    activity.last_error = Some(error.clone());
                    activity.retry_at = Some(*retry_at);
                    activity.deferred = false;
                }
            }
            Event::TaskDeferred { id, .. } => {
                if let Some(activity) = self.open.get_mut(id) {
                    activity.retry_at = None;
                    activity.deferred = true;
                }
            }
            Event::TaskHeartbeat { id, details } => {
                if let Some(activity) = self.open.get_mut(id) {
                    activity.heartbeat = Some(details.clone());
                }
            }
            Event::ExecutionRewound { .. } => {
                self.open.values_mut().for_each(OpenActivity::begin_anew);
            }
            Event::ExecutionRenewed { .. }
            | Event::ExecutionCompleted { .. }
            | Event::ExecutionFailed { .. }
            | Event::ExecutionTerminated { .. }
            | Event::ExecutionContinued { .. }
            | Event::ExecutionCancelled { .. } => self.open.clear(),
            Event::ExecutionStarted { .. }
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
            | Event::StatusSet { .. }
            | Event::UpdateAnswered { .. }
            | Event::UpdateAnswersCarried { .. }
            | Event::ValuePublished { .. }
            | Event::Streamed(_)
            | Event::AttributesChanged { .. }
            | Event::EventKeysCarried { .. }
            | Event::CancelRequested { .. }
            | Event::ExecutionSuspended { .. }
            | Event::ExecutionResumed
            | Event::TaskConfigured { .. }
            | Event::VersionSelected { .. }
            | Event::PatchMarked { .. }
            | Event::StartedBy { .. }
            | Event::ChildScheduled { .. }
            | Event::ChildCompleted { .. }
            | Event::ChildFailed { .. }
            | Event::ChildCancelRequested { .. }
            | Event::StartRequested { .. }
            | Event::CallRefused { .. }
            | Event::EventSent { .. }
            | Event::CommandSent { .. }
            | Event::Request(_)
            | Event::MessagesDelivered { .. }
            | Event::MessageRefused { .. }
            | Event::OutboxCarried { .. }
            | Event::ChildAttemptFailed { .. }
            | Event::ChildrenSuperseded { .. }
            | Event::CommandsReceived { .. }
            | Event::TaskStarted { .. }
            | Event::TaskStopped { .. }
            | Event::RunAnnounced { .. }
            | Event::RunSurvived
            | Event::ExecutionParked { .. }
            | Event::ExecutionUnparked
            | Event::TaskLocal { .. }
            | Event::ExecutionForked { .. }
            | Event::TraceContextReceived { .. }
            | Event::TimeLimit(_) => {}
        }
    }
}
