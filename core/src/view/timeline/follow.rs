//! What each kind of event means to a timeline.
#![deny(clippy::wildcard_enum_match_arm, reason = "each kind of event needs a decision here")]

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{SpanEnd, SpanKind, TimelineBuilder};
use crate::event::{Event, RequestEvent};
use crate::ids::{CorrelationId, InstanceId, Name};
use crate::message::{MessageKind, UpdateReturn};
use crate::payload::Payload;

impl TimelineBuilder {
    /// Goes on with the event in the next place.
    pub(super) fn follow(&mut self, event: &Event) {
        self.outbox.follow(event);
        let at = self.at;
        match event {
            Event::TaskScheduled { id, name, .. } => {
                self.running.begin(*id, at);
                if let Some(span) = self.open(*id, SpanKind::Activity) {
                    span.name = Some(name.clone());
                    span.begin_attempt(1, at);
                }
            }
            Event::TaskTagged { id, tag } => {
                if let Some(span) = self.shown(*id) {
                    span.tag = Some(tag.clone());
                }
            }
            Event::TaskLocal { id } => {
                if let Some(span) = self.shown(*id) {
                    span.local = true;
                }
            }
            Event::TaskAttemptFailed { id, attempt, error, retry_at } => {
                self.running.begin(*id, *retry_at);
                if let Some(span) = self.shown(*id) {
                    span.in_doubt = false;
                    span.end_attempt(at, Some(error.to_string()));
                    span.begin_attempt(attempt.saturating_add(1), *retry_at);
                }
            }
            Event::TaskCompleted { id, .. } => self.end_activity(*id, SpanEnd::Completed, None),
            Event::TaskFailed { id, error } => {
                self.end_activity(*id, SpanEnd::Failed, Some(error.to_string()));
            }
            Event::TaskCancelRequested { id } => self.end_activity(*id, SpanEnd::Cancelled, None),
            Event::TaskRefused { id, name, error } => {
                self.refused(*id, SpanKind::Activity, name, error.to_string());
            }
            Event::TimerCreated { id, fire_at } => {
                if let Some(span) = self.open(*id, SpanKind::Timer) {
                    span.fire_at = Some(*fire_at);
                }
            }
            Event::TimerFired { id } => self.end(*id, SpanEnd::Completed),
            Event::TimerCancelled { id } => self.end(*id, SpanEnd::Cancelled),
            Event::ExternalSubscribed { id, name } => self.subscribe(*id, name),
            Event::AnySubscribed { id } => self.subscribe_any(*id),
            Event::ExternalTaken { id, name, place } => {
                self.queues.take_any(*id, *place);
                if let Some(span) = self.shown(*id) {
                    span.name = Some(name.clone());
                }
                self.answer(*id, Some(*place));
            }
            Event::ExternalUnsubscribed { id } => self.unsubscribe(*id),
            Event::ExternalRaised { name, .. } => self.raise(name),
            Event::ChildScheduled { id, name, instance, .. } => {
                if let Some(span) = self.open(*id, SpanKind::Child) {
                    span.name = Some(name.clone());
                    span.instance = Some(instance.clone());
                    span.begin_attempt(1, at);
                }
            }
            Event::ChildAttemptFailed { id, attempt, error, retry_at } => {
                let next = self.outbox.child(*id).cloned();
                if let Some(span) = self.shown(*id) {
                    span.in_doubt = false;
                    span.instance = next.or_else(|| span.instance.take());
                    span.end_attempt(at, Some(error.to_string()));
                    span.begin_attempt(attempt.saturating_add(1), *retry_at);
                }
            }
            Event::ChildCompleted { id, .. } => self.end(*id, SpanEnd::Completed),
            Event::ChildFailed { id, error } => {
                self.give_reason(*id, error.to_string());
                self.end(*id, SpanEnd::Failed);
            }
            Event::ChildCancelRequested { id } => self.end(*id, SpanEnd::Cancelled),
            Event::CallRefused { id, name, error } => {
                self.refused(*id, SpanKind::Child, name, error.to_string());
            }
            Event::StartRequested { id, name, instance, .. } => {
                self.sent(*id, SpanKind::Start, name, instance);
            }
            Event::EventSent { id, to, name, .. } => self.sent(*id, SpanKind::Send, name, to),
            Event::Request(request) => self.follow_request(request),
            Event::MessageRefused { message, why }
                if message.kind == MessageKind::Update && self.outbox.is_own(message.lineage) =>
            {
                self.give_reason(message.id, why.name().into());
                self.end(message.id, SpanEnd::Failed);
            }
            Event::CommandSent { id, to, command } => {
                if let Some(span) = self.instant(SpanKind::Command) {
                    span.id = Some(*id);
                    span.instance = Some(to.clone());
                    span.reason = Some(command.to_string());
                }
            }
            Event::CancelRequested { reason } => {
                self.mark(SpanKind::Cancel, reason);
                for place in self.open.values() {
                    let span = self.spans.get_mut(*place).filter(|span| span.end.is_none());
                    let is_own = span.filter(|span| span.id != Some(CorrelationId::START));
                    is_own.into_iter().for_each(|span| span.in_doubt = true);
                }
            }
            Event::ExecutionSuspended { reason } => {
                self.suspended = self.begin(SpanKind::Suspended);
                self.explain(self.suspended, reason);
            }
            Event::ExecutionResumed => {
                let place = self.suspended.take();
                self.end_stretch(place, SpanEnd::Completed);
            }
            Event::ExecutionParked { reason } => {
                self.parked = self.begin(SpanKind::Parked);
                self.explain(self.parked, reason);
            }
            Event::ExecutionUnparked => {
                let place = self.parked.take();
                self.end_stretch(place, SpanEnd::Completed);
            }
            Event::ExecutionRewound { reason, .. } => {
                self.mark(SpanKind::Rewind, reason);
                self.begin_attempts_anew();
            }
            Event::ExecutionRenewed { taken, .. } => {
                self.mark(SpanKind::Renewal, "");
                self.close_all();
                self.queues.begin_anew(taken);
            }
            Event::ExecutionCompleted { .. }
            | Event::ExecutionFailed { .. }
            | Event::ExecutionTerminated { .. }
            | Event::ExecutionContinued { .. }
            | Event::ExecutionCancelled { .. } => self.end_execution(),
            Event::ExecutionStarted { .. }
            | Event::SideEffectRecorded { .. }
            | Event::StatusSet { .. }
            | Event::UpdateAnswered { .. }
            | Event::UpdateAnswersCarried { .. }
            | Event::ValuePublished { .. }
            | Event::Streamed(_)
            | Event::AttributesChanged { .. }
            | Event::EventKeysCarried { .. }
            | Event::TaskConfigured { .. }
            | Event::TaskHeartbeat { .. }
            | Event::VersionSelected { .. }
            | Event::PatchMarked { .. }
            | Event::StartedBy { .. }
            | Event::MessagesDelivered { .. }
            | Event::MessageRefused { .. }
            | Event::OutboxCarried { .. }
            | Event::ChildrenSuperseded { .. }
            | Event::CommandsReceived { .. }
            | Event::TaskStarted { .. }
            | Event::TaskStopped { .. }
            | Event::TaskDeferred { .. }
            | Event::RunAnnounced { .. }
            | Event::RunSurvived
            | Event::ExecutionForked { .. }
            | Event::TraceContextReceived { .. }
            | Event::TimeLimit(_) => {}
        }
    }

    fn follow_request(&mut self, event: &RequestEvent) {
        match event {
            RequestEvent::Sent { id, to, request } if request.is_update => {
                if let Some(span) = self.open(*id, SpanKind::Update) {
                    span.name = Some(request.name.clone());
                    span.instance = Some(to.clone());
                }
            }
            RequestEvent::Sent { id, to, request } => {
                self.sent(*id, SpanKind::Send, &request.name, to);
            }
            RequestEvent::LockAsked { id, to, .. } => {
                if let Some(span) = self.open(*id, SpanKind::Lock) {
                    span.instance = Some(to.clone());
                }
            }
            RequestEvent::Asked { .. } | RequestEvent::LockReleased { .. } => {}
            RequestEvent::Returned { id, answer: UpdateReturn::Answered(_) } => {
                self.end(*id, SpanEnd::Completed);
            }
            RequestEvent::Returned { id, answer: UpdateReturn::Ended } => {
                self.give_reason(*id, "it has ended without an answer".into());
                self.end(*id, SpanEnd::Failed);
            }
        }
    }

    /// It has ended by an event of its own: no cancel ended it.
    fn end(&mut self, id: CorrelationId, end: SpanEnd) {
        if let Some(span) = self.shown(id) {
            span.in_doubt = false;
        }
        self.close(id, end);
    }

    fn end_activity(&mut self, id: CorrelationId, end: SpanEnd, reason: Option<String>) {
        self.running.end(id);
        reason.into_iter().for_each(|reason| self.give_reason(id, reason));
        self.end(id, end);
    }

    fn give_reason(&mut self, id: CorrelationId, reason: String) {
        if let Some(span) = self.shown(id) {
            span.reason = Some(reason);
        }
    }

    /// What was refused has ended before it began.
    fn refused(&mut self, id: CorrelationId, kind: SpanKind, name: &Name, reason: String) {
        if let Some(span) = self.instant(kind) {
            span.id = Some(id);
            span.name = Some(name.clone());
            span.reason = Some(reason);
            span.outcome = SpanEnd::Failed;
        }
    }

    fn sent(&mut self, id: CorrelationId, kind: SpanKind, name: &Name, to: &InstanceId) {
        if let Some(span) = self.instant(kind) {
            span.id = Some(id);
            span.name = Some(name.clone());
            span.instance = Some(to.clone());
        }
    }

    fn mark(&mut self, kind: SpanKind, reason: &str) {
        if let Some(span) = self.instant(kind) {
            span.reason = Some(String::from(reason)).filter(|reason| !reason.is_empty());
        }
    }

    fn explain(&mut self, place: Option<usize>, reason: &str) {
        if let Some(span) = place.and_then(|place| self.spans.get_mut(place)) {
            span.reason = Some(String::from(reason));
        }
    }

    fn end_stretch(&mut self, place: Option<usize>, end: SpanEnd) {
        let (position, at) = (self.position, self.at);
        if let Some(span) = place.and_then(|place| self.spans.get_mut(place)) {
            span.close(position, at, end);
        }
    }

    fn raise(&mut self, name: &Name) {
        let (position, at) = (self.position, self.at);
        // What it carries is not shown.
        let ready = self.queues.raise(name, (position, at), &Payload::default(), false);
        if let Some(span) = self.instant(SpanKind::Event) {
            span.name = Some(name.clone());
        }
        ready.into_iter().for_each(|wait| self.answer(wait, Some(position)));
    }

    fn subscribe(&mut self, id: CorrelationId, name: &Name) {
        let taken = self.queues.subscribe(id, name, (self.position, self.at));
        if let Some(span) = self.open(id, SpanKind::Wait) {
            span.name = Some(name.clone());
        }
        if taken.is_some() {
            self.answer(id, taken);
        }
    }

    fn subscribe_any(&mut self, id: CorrelationId) {
        let taken = self.queues.subscribe_any(id, (self.position, self.at));
        if let Some(span) = self.open(id, SpanKind::Wait) {
            span.name = Some(Name::any_event());
        }
        if taken.is_some() {
            self.answer(id, taken);
        }
    }

    /// There is an event for a wait.
    fn answer(&mut self, wait: CorrelationId, event: Option<u64>) {
        let (position, at) = (self.position, self.at);
        if let Some(span) = self.shown(wait) {
            span.event = event;
            span.close(position, at, SpanEnd::Completed);
        }
    }

    /// The code has dropped a wait that took nothing. An event that was there for it goes to another.
    fn unsubscribe(&mut self, id: CorrelationId) {
        let ready = self.queues.unsubscribe(id);
        let event = self.shown(id).and_then(|span| span.event.take());
        self.end(id, SpanEnd::Cancelled);
        ready.into_iter().for_each(|wait| self.answer(wait, event));
    }

    /// After a rewind, what is open is tried with its first attempt.
    fn begin_attempts_anew(&mut self) {
        let at = self.at;
        let open: Vec<_> = self.running.all().collect();
        for id in open {
            self.running.begin(id, at);
            if let Some(span) = self.shown(id) {
                span.end_attempt(at, None);
                span.begin_attempt(1, at);
            }
        }
    }

    fn end_execution(&mut self) {
        self.ended_at = Some(self.at);
        self.close_all();
        let stretches = [self.suspended.take(), self.parked.take()];
        stretches.into_iter().for_each(|place| self.end_stretch(place, SpanEnd::Overtaken));
        self.queues.end();
    }
}
