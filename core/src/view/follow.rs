//! What each kind of event means to a view.
#![deny(clippy::wildcard_enum_match_arm, reason = "each kind of event needs a decision here")]

use crate::event::Event;
use crate::ids::CorrelationId;
use crate::message::MessageKind;
use crate::options::ParentClose;
use crate::payload::Payload;
use crate::time::Timestamp;

use super::execution::{ViewedRewind, ViewedTimer};
use super::{OfChild, Started, Viewer};

impl Viewer {
    /// Goes on with the event in the next place.
    pub(super) fn follow(&mut self, event: &Event) {
        let (position, at) = (self.position, self.at);
        self.outbox.follow(event);
        self.activities.follow(event, position, at);
        self.time_limits.follow(event, at);
        match event {
            Event::ExecutionStarted { name, input, .. } => {
                self.started = Some(Started { name: name.clone(), at, input: input.clone() });
            }
            Event::VersionSelected { version } => self.version = version.clone(),
            Event::PatchMarked { name } => drop(self.patches.insert(name.clone())),
            Event::StatusSet { status } => self.status = Some((at, status.clone())),
            Event::ValuePublished { name, value } => {
                self.published.set(name.clone(), value.clone());
            }
            Event::Streamed(_) => self.streams.follow(event),
            Event::AttributesChanged { change } => self.attributes.apply(change),
            Event::TimerCreated { id, fire_at } => self.set_timer(*id, *fire_at),
            Event::TimerFired { id } | Event::TimerCancelled { id } => self.end_timer(*id),
            Event::ExternalSubscribed { id, name } => {
                self.queues.subscribe(*id, name, (position, at));
            }
            Event::AnySubscribed { id } => {
                self.queues.subscribe_any(*id, (position, at));
            }
            Event::ExternalTaken { id, place, .. } => self.queues.take_any(*id, *place),
            Event::ExternalUnsubscribed { id } => drop(self.queues.unsubscribe(*id)),
            Event::ExternalRaised { name, data, .. } => {
                let is_held = self.is_held();
                self.queues.raise(name, (position, at), data, is_held);
            }
            Event::ChildScheduled { id, parent_close, .. } => {
                let parent_close = *parent_close;
                let child = OfChild { position, since: at, parent_close, in_doubt: false };
                self.children.insert(*id, child);
            }
            Event::ChildAttemptFailed { id, .. } => {
                if let Some(child) = self.children.get_mut(id) {
                    child.in_doubt = false;
                }
            }
            Event::ChildCompleted { id, .. }
            | Event::ChildFailed { id, .. }
            | Event::ChildCancelRequested { id } => drop(self.children.remove(id)),
            Event::CancelRequested { reason } => {
                self.cancel_requested = Some(self.since(reason));
                self.doubt();
            }
            Event::ExecutionSuspended { reason } => self.suspended = Some(self.since(reason)),
            Event::ExecutionResumed => {
                self.suspended = None;
                self.let_go();
            }
            Event::ExecutionParked { reason } => {
                self.parked = Some(self.since(reason));
                self.requests.lose_locks();
            }
            Event::ExecutionUnparked => {
                self.parked = None;
                self.let_go();
            }
            Event::ExecutionRewound { reason, dropped, .. } => {
                let since = self.since(reason);
                self.rewound = Some(ViewedRewind { since, dropped: *dropped });
                self.requests.lose_locks();
            }
            Event::Request(request) => self.requests.follow(request, position, at),
            Event::MessageRefused { message, .. } if message.kind == MessageKind::Update => {
                // Those of executions before this one may have the same ids.
                if self.outbox.is_own(message.lineage) {
                    self.requests.end(message.id);
                }
            }
            Event::ExecutionForked { fork } => self.forked_from = Some(fork.from.clone()),
            Event::ExecutionRenewed { input, taken } => self.begin_anew(input, taken),
            Event::ExecutionCompleted { .. }
            | Event::ExecutionFailed { .. }
            | Event::ExecutionTerminated { .. }
            | Event::ExecutionContinued { .. }
            | Event::ExecutionCancelled { .. } => self.end(event),
            // The outbox, or the activities, have followed them; or they change nothing that is shown.
            Event::TaskScheduled { .. }
            | Event::TaskCompleted { .. }
            | Event::TaskFailed { .. }
            | Event::TaskCancelRequested { .. }
            | Event::TaskRefused { .. }
            | Event::SideEffectRecorded { .. }
            | Event::UpdateAnswered { .. }
            | Event::UpdateAnswersCarried { .. }
            | Event::EventKeysCarried { .. }
            | Event::TaskConfigured { .. }
            | Event::TaskAttemptFailed { .. }
            | Event::TaskHeartbeat { .. }
            | Event::StartedBy { .. }
            | Event::StartRequested { .. }
            | Event::CallRefused { .. }
            | Event::EventSent { .. }
            | Event::CommandSent { .. }
            | Event::MessagesDelivered { .. }
            | Event::MessageRefused { .. }
            | Event::OutboxCarried { .. }
            | Event::TaskTagged { .. }
            | Event::ChildrenSuperseded { .. }
            | Event::CommandsReceived { .. }
            | Event::TaskStarted { .. }
            | Event::TaskStopped { .. }
            | Event::TaskDeferred { .. }
            | Event::RunAnnounced { .. }
            | Event::RunSurvived
            | Event::TaskLocal { .. }
            | Event::TraceContextReceived { .. }
            | Event::TimeLimit(_) => {}
        }
    }

    fn set_timer(&mut self, id: CorrelationId, fire_at: Timestamp) {
        let (position, since) = (self.position, self.at);
        let timer = ViewedTimer { id, position, since, fire_at, in_doubt: false };
        self.timers.insert(id, timer);
    }

    fn end_timer(&mut self, id: CorrelationId) {
        self.timers.remove(&id);
        if id == CorrelationId::START {
            self.let_go();
        }
    }

    /// The code may run again, unless something else holds it.
    fn let_go(&mut self) {
        if !self.is_held() {
            self.queues.let_go();
        }
    }

    /// What is open and not shielded ends with a cancel, and the log does not name it. The timer of a start
    /// is not the code's own.
    fn doubt(&mut self) {
        self.activities.doubt();
        self.queues.doubt();
        self.requests.doubt();
        let timers = self.timers.values_mut().filter(|timer| timer.id != CorrelationId::START);
        timers.for_each(|timer| timer.in_doubt = true);
        // Of the others, the log names those that it cancels.
        let all = self.children.values_mut();
        let abandoned = all.filter(|child| child.parent_close == ParentClose::Abandon);
        abandoned.for_each(|child| child.in_doubt = true);
    }

    /// The code begins again, in the same log.
    fn begin_anew(&mut self, input: &Payload, taken: &[u64]) {
        self.renewals += 1;
        if let Some(started) = &mut self.started {
            started.input = input.clone();
        }
        self.queues.begin_anew(taken);
        self.requests.clear();
        self.timers.clear();
        self.children.clear();
        self.patches.clear();
    }

    fn end(&mut self, event: &Event) {
        self.outcome = event.outcome().map(|outcome| (self.at, outcome));
        self.suspended = None;
        self.parked = None;
        self.queues.end();
        self.requests.clear();
        self.timers.clear();
        self.children.clear();
    }
}
