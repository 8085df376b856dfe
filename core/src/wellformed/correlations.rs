//! Whether what an event opens or ends fits what is open.

use alloc::format;

use super::{Open, WellFormed};
use crate::divergence::MalformedHistory;
use crate::event::{Event, RequestEvent};
use crate::ids::CorrelationId;

impl WellFormed {
    pub(super) fn check_correlation(&mut self, event: &Event) -> Result<(), MalformedHistory> {
        match event {
            Event::TaskScheduled { id, .. } => self.opens(*id, Some(Open::Task), event),
            Event::TimerCreated { id, .. } => self.opens(*id, Some(Open::Timer), event),
            Event::ExternalSubscribed { id, .. } | Event::AnySubscribed { id } => {
                self.opens(*id, Some(Open::Wait), event)
            }
            Event::ChildScheduled { id, retry, .. } => {
                if retry.is_some() {
                    self.attempts.insert(*id, 0);
                }
                self.opens(*id, Some(Open::Child), event)
            }
            Event::Request(RequestEvent::Sent { id, request, .. }) => {
                self.opens(*id, request.is_update.then_some(Open::Update), event)
            }
            Event::Request(RequestEvent::LockAsked { id, .. }) => {
                self.opens(*id, Some(Open::Update), event)
            }
            Event::Request(RequestEvent::Returned { id, .. }) => {
                self.closes(*id, Open::Update, event)
            }
            Event::TaskRefused { id, .. }
            | Event::SideEffectRecorded { id, .. }
            | Event::StartRequested { id, .. }
            | Event::CallRefused { id, .. }
            | Event::EventSent { id, .. }
            | Event::CommandSent { id, .. } => self.opens(*id, None, event),
            Event::ChildCompleted { id, .. }
            | Event::ChildFailed { id, .. }
            | Event::ChildCancelRequested { id } => self.closes(*id, Open::Child, event),
            Event::TaskCompleted { id, .. }
            | Event::TaskFailed { id, .. }
            | Event::TaskCancelRequested { id } => self.closes(*id, Open::Task, event),
            Event::TimerFired { id } | Event::TimerCancelled { id } => {
                self.closes(*id, Open::Timer, event)
            }
            Event::ExternalUnsubscribed { id } | Event::ExternalTaken { id, .. } => {
                self.closes(*id, Open::Wait, event)
            }
            Event::TaskConfigured { id, options } => {
                if self.just_scheduled != Some(*id) {
                    return Err(self.malformed("options after their activity only", event));
                }
                if options.retry.is_some() {
                    self.attempts.insert(*id, 0);
                }
                Ok(())
            }
            Event::TaskTagged { id, .. } if self.just_configured != Some(*id) => {
                Err(self.malformed("a tag after its activity only", event))
            }
            Event::TaskLocal { id } if self.just_configured != Some(*id) => {
                Err(self.malformed("a mark as local directly after its activity only", event))
            }
            Event::TaskAttemptFailed { id, attempt, .. } => {
                self.is_open(*id, Open::Task, event)?;
                self.follows_attempts(*id, *attempt, event)
            }
            Event::ChildAttemptFailed { id, attempt, .. } => {
                self.is_open(*id, Open::Child, event)?;
                self.follows_attempts(*id, *attempt, event)
            }
            Event::TaskStarted { id, .. } => {
                // Without a policy there are further attempts when a host dies.
                self.attempts.entry(*id).or_insert(0);
                self.is_open(*id, Open::Task, event)
            }
            Event::TaskStopped { id } | Event::TaskDeferred { id, .. } => {
                self.is_open(*id, Open::Task, event)
            }
            Event::Streamed(streamed) => self.check_streamed(streamed, event),
            Event::TaskHeartbeat { id, .. } => {
                self.unexplained = None;
                self.is_open(*id, Open::Task, event)
            }
            Event::Request(RequestEvent::Asked { .. } | RequestEvent::LockReleased { .. })
            | Event::ExecutionStarted { .. }
            | Event::ExternalRaised { .. }
            | Event::ExecutionCompleted { .. }
            | Event::ExecutionFailed { .. }
            | Event::ExecutionTerminated { .. }
            | Event::StatusSet { .. }
            | Event::UpdateAnswered { .. }
            | Event::UpdateAnswersCarried { .. }
            | Event::ValuePublished { .. }
            | Event::AttributesChanged { .. }
            | Event::ExecutionContinued { .. }
            | Event::EventKeysCarried { .. }
            | Event::CancelRequested { .. }
            | Event::ExecutionCancelled { .. }
            | Event::ExecutionSuspended { .. }
            | Event::ExecutionResumed
            | Event::VersionSelected { .. }
            | Event::PatchMarked { .. }
            | Event::ExecutionRewound { .. }
            | Event::StartedBy { .. }
            | Event::MessagesDelivered { .. }
            | Event::MessageRefused { .. }
            | Event::OutboxCarried { .. }
            | Event::TaskTagged { .. }
            | Event::ChildrenSuperseded { .. }
            | Event::CommandsReceived { .. }
            | Event::ExecutionRenewed { .. }
            | Event::RunAnnounced { .. }
            | Event::RunSurvived
            | Event::ExecutionParked { .. }
            | Event::ExecutionUnparked
            | Event::TaskLocal { .. }
            | Event::ExecutionForked { .. }
            | Event::TraceContextReceived { .. }
            | Event::TimeLimit(_) => Ok(()),
        }
    }

    fn follows_attempts(
        &mut self,
        id: CorrelationId,
        attempt: u32,
        event: &Event,
    ) -> Result<(), MalformedHistory> {
        self.unexplained = None;
        match self.attempts.get_mut(&id) {
            Some(last) if *last < attempt => {
                *last = attempt;
                Ok(())
            }
            Some(_) => Err(self.malformed("an attempt after the last one", event)),
            None => Err(self.malformed("one attempt only", event)),
        }
    }

    fn opens(
        &mut self,
        id: CorrelationId,
        what: Option<Open>,
        event: &Event,
    ) -> Result<(), MalformedHistory> {
        let is_timer = what == Some(Open::Timer);
        let said = [self.versioned, self.starts_in_trace, self.time_limits.is_set()];
        let after_start = self.head() + said.into_iter().map(u64::from).sum::<u64>();
        let lets_run = is_timer && id == CorrelationId::START;
        if lets_run && self.after_rewind && !self.open.contains_key(&id) {
            self.open.insert(id, Open::Timer);
            return Ok(());
        }
        let is_start_timer = lets_run && self.position == after_start;
        let next = self.last_id + 1;
        if !is_start_timer && id.0 != next {
            return Err(self.malformed(&format!("the correlation id #{next}"), event));
        }
        self.last_id = id.0;
        if let Some(what) = what {
            self.open.insert(id, what);
        }
        Ok(())
    }

    fn closes(
        &mut self,
        id: CorrelationId,
        what: Open,
        event: &Event,
    ) -> Result<(), MalformedHistory> {
        self.is_open(id, what, event)?;
        self.open.remove(&id);
        self.attempts.remove(&id);
        Ok(())
    }

    pub(super) fn is_open(
        &self,
        id: CorrelationId,
        what: Open,
        event: &Event,
    ) -> Result<(), MalformedHistory> {
        if self.open.get(&id) != Some(&what) {
            let expected = format!("a {what:?} {id} that is open").to_lowercase();
            return Err(self.malformed(&expected, event));
        }
        Ok(())
    }
}
