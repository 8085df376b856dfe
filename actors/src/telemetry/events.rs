//! One line for each event of a log that a person follows an instance by.

use reenact_core::{CorrelationId, Event, Name, RequestEvent, Requester, UpdateReturn};
use reenact_providers::InstanceSummary;

use super::ledger::{Fact, Taken};

/// Says what an event of an instance says.
pub(super) struct Reporter<'a> {
    pub(super) of: &'a InstanceSummary,
    /// What is known beyond the event.
    pub(super) fact: &'a Fact,
    /// The events of the turn that come after it.
    pub(super) following: &'a [Event],
}

impl Reporter<'_> {
    pub(super) fn report(&self, event: &Event) {
        match event {
            Event::TaskScheduled { .. }
            | Event::TaskCompleted { .. }
            | Event::TaskAttemptFailed { .. }
            | Event::TaskFailed { .. }
            | Event::TaskCancelRequested { .. }
            | Event::TaskRefused { .. } => self.report_activity(event),
            Event::TimerCreated { .. }
            | Event::TimerFired { .. }
            | Event::TimerCancelled { .. } => self.report_timer(event),
            Event::ExternalSubscribed { .. }
            | Event::ExternalRaised { .. }
            | Event::ExternalUnsubscribed { .. }
            | Event::AnySubscribed { .. }
            | Event::ExternalTaken { .. }
            | Event::EventSent { .. }
            | Event::Request(_)
            | Event::CommandSent { .. } => self.report_external(event),
            Event::ChildScheduled { .. }
            | Event::ChildCompleted { .. }
            | Event::ChildAttemptFailed { .. }
            | Event::ChildFailed { .. }
            | Event::ChildCancelRequested { .. }
            | Event::StartRequested { .. }
            | Event::CallRefused { .. } => self.report_child(event),
            _ => self.report_instance(event),
        }
        self.report_taken();
    }

    fn report_instance(&self, event: &Event) {
        let InstanceSummary { instance, name: orchestration, .. } = self.of;
        let execution = self.of.execution.0;
        match event {
            Event::ExecutionStarted { delay, .. } => {
                let (version, parent) = self.start();
                tracing::debug!(
                    target: "reenact::instance", parent: None,
                    %instance, %orchestration, execution, version, parent, ?delay,
                    "an instance has started"
                );
            }
            Event::ExecutionCompleted { .. } => {
                tracing::debug!(target: "reenact::instance", parent: None, %instance, %orchestration, execution, "an instance has completed");
            }
            Event::ExecutionFailed { error } => {
                tracing::warn!(target: "reenact::instance", parent: None, %instance, %orchestration, execution, %error, "an instance has failed");
            }
            Event::ExecutionTerminated { reason } => {
                tracing::debug!(target: "reenact::instance", parent: None, %instance, %orchestration, execution, reason, "an instance was terminated");
            }
            Event::CancelRequested { reason } => {
                tracing::debug!(target: "reenact::instance", parent: None, %instance, %orchestration, execution, reason, "an instance is asked to end");
            }
            Event::ExecutionCancelled { reason } => {
                tracing::debug!(target: "reenact::instance", parent: None, %instance, %orchestration, execution, reason, "an instance was cancelled");
            }
            Event::ExecutionContinued { .. } | Event::ExecutionRenewed { .. } => {
                tracing::debug!(target: "reenact::instance", parent: None, %instance, %orchestration, execution, "an instance continues as new");
            }
            Event::ExecutionSuspended { reason } => {
                tracing::debug!(target: "reenact::instance", parent: None, %instance, %orchestration, execution, reason, "an instance is suspended");
            }
            Event::ExecutionResumed => {
                tracing::debug!(target: "reenact::instance", parent: None, %instance, %orchestration, execution, "an instance is resumed");
            }
            Event::ExecutionParked { reason } => {
                tracing::debug!(target: "reenact::instance", parent: None, %instance, %orchestration, execution, reason, "an instance stands still: its code does not fit its log");
            }
            Event::ExecutionUnparked => {
                tracing::debug!(target: "reenact::instance", parent: None, %instance, %orchestration, execution, "a parked instance goes on");
            }
            Event::MessageRefused { why, .. } => {
                tracing::debug!(target: "reenact::message", parent: None, %instance, execution, reason = ?why, "a message of an instance was refused for good");
            }
            _ => {}
        }
    }

    /// The version of an execution, and the instance that started it.
    fn start(&self) -> (Option<String>, Option<&str>) {
        let mut found = (None, None);
        for event in self.following {
            match event {
                Event::VersionSelected { version } => found.0 = Some(version.to_string()),
                Event::StartedBy { origin } => found.1 = Some(origin.instance.as_str()),
                _ => {}
            }
        }
        found
    }

    fn report_activity(&self, event: &Event) {
        let (instance, execution) = (&self.of.instance, self.of.execution.0);
        let (activity, attempt) = (self.name(), self.attempt());
        match event {
            Event::TaskScheduled { id: CorrelationId(id), name, .. } => {
                let tag = self.tag();
                tracing::debug!(target: "reenact::activity", parent: None, %instance, execution, id, activity = %name, tag, "an activity is scheduled");
            }
            Event::TaskCompleted { id: CorrelationId(id), .. } => {
                tracing::debug!(target: "reenact::activity", parent: None, %instance, execution, id, activity, attempt, "an activity has completed");
            }
            Event::TaskAttemptFailed { id: CorrelationId(id), attempt, error, retry_at } => {
                tracing::debug!(
                    target: "reenact::activity", parent: None,
                    %instance, execution, id, activity, attempt, %error, %retry_at,
                    "an attempt of an activity has failed; another one follows"
                );
            }
            Event::TaskFailed { id: CorrelationId(id), error } => {
                tracing::debug!(target: "reenact::activity", parent: None, %instance, execution, id, activity, attempt, %error, "an activity has failed");
            }
            Event::TaskCancelRequested { id: CorrelationId(id) } => {
                tracing::debug!(target: "reenact::activity", parent: None, %instance, execution, id, activity, attempt, "an activity is cancelled");
            }
            Event::TaskRefused { id: CorrelationId(id), name, error } => {
                tracing::debug!(target: "reenact::activity", parent: None, %instance, execution, id, activity = %name, %error, "an activity was refused");
            }
            _ => {}
        }
    }

    fn report_timer(&self, event: &Event) {
        let (instance, execution) = (&self.of.instance, self.of.execution.0);
        match event {
            Event::TimerCreated { id: CorrelationId(id), fire_at } => {
                tracing::debug!(target: "reenact::timer", parent: None, %instance, execution, id, %fire_at, "a timer is armed");
            }
            Event::TimerFired { id: CorrelationId(id) } => {
                tracing::debug!(target: "reenact::timer", parent: None, %instance, execution, id, "a timer has fired");
            }
            Event::TimerCancelled { id: CorrelationId(id) } => {
                tracing::debug!(target: "reenact::timer", parent: None, %instance, execution, id, "a timer is cancelled");
            }
            _ => {}
        }
    }

    fn report_external(&self, event: &Event) {
        let (instance, execution) = (&self.of.instance, self.of.execution.0);
        match event {
            Event::ExternalSubscribed { id: CorrelationId(id), name } => {
                tracing::debug!(target: "reenact::event", parent: None, %instance, execution, id, event = %name, "an instance waits for an event");
            }
            Event::ExternalRaised { name, key, .. } => {
                let key = key.as_ref().map(tracing::field::display);
                tracing::debug!(target: "reenact::event", parent: None, %instance, execution, event = %name, key, "an event was raised");
            }
            Event::AnySubscribed { id: CorrelationId(id) } => {
                tracing::debug!(target: "reenact::event", parent: None, %instance, execution, id, "an instance waits for an event of any name");
            }
            Event::ExternalTaken { id: CorrelationId(id), name, .. } => {
                tracing::debug!(target: "reenact::event", parent: None, %instance, execution, id, event = %name, "an instance takes an event that it did not wait for by name");
            }
            Event::ExternalUnsubscribed { id: CorrelationId(id) } => {
                let event = self.name();
                tracing::debug!(target: "reenact::event", parent: None, %instance, execution, id, event, "an instance no longer waits for an event");
            }
            Event::EventSent { id: CorrelationId(id), to, name, .. } => {
                tracing::debug!(target: "reenact::event", parent: None, %instance, execution, id, event = %name, %to, "an instance raises an event on another one");
            }
            Event::Request(request) => self.report_request(request),
            Event::CommandSent { id: CorrelationId(id), to, command } => {
                let command = command.name();
                tracing::debug!(target: "reenact::instance", parent: None, %instance, execution, id, command, %to, "an instance sends a command to another one");
            }
            _ => {}
        }
    }

    fn report_request(&self, event: &RequestEvent) {
        let (instance, execution) = (&self.of.instance, self.of.execution.0);
        match event {
            RequestEvent::Sent { id: CorrelationId(id), to, request } => {
                let (name, update) = (&request.name, request.is_update);
                tracing::debug!(target: "reenact::event", parent: None, %instance, execution, id, event = %name, update, %to, "an instance sends a request to another one");
            }
            RequestEvent::Asked {
                by: Requester { instance: by, id: CorrelationId(id), .. },
                ..
            } => {
                tracing::debug!(target: "reenact::event", parent: None, %instance, execution, %by, id, "another instance waits for the answer to an update");
            }
            RequestEvent::Returned { id: CorrelationId(id), answer } => {
                let answered = *answer != UpdateReturn::Ended;
                tracing::debug!(target: "reenact::event", parent: None, %instance, execution, id, answered, "what came of an update that was sent to another instance is known");
            }
            _ => {}
        }
    }

    /// Says which waits have their events: with whatever has let the code take them.
    fn report_taken(&self) {
        let (instance, execution) = (&self.of.instance, self.of.execution.0);
        for Taken { id: CorrelationId(id), wait, .. } in &self.fact.taken_by {
            let event = wait.name.as_ref().map(Name::as_str);
            tracing::debug!(target: "reenact::event", parent: None, %instance, execution, id, event, "a wait has its event");
        }
    }

    fn report_child(&self, event: &Event) {
        let (instance, execution) = (&self.of.instance, self.of.execution.0);
        let (orchestration, attempt) = (self.name(), self.attempt());
        match event {
            Event::ChildScheduled { id: CorrelationId(id), name, instance: child, .. } => {
                tracing::debug!(target: "reenact::child", parent: None, %instance, execution, id, orchestration = %name, %child, "a child is called");
            }
            Event::ChildCompleted { id: CorrelationId(id), .. } => {
                tracing::debug!(target: "reenact::child", parent: None, %instance, execution, id, orchestration, attempt, "a child has completed");
            }
            Event::ChildAttemptFailed { id: CorrelationId(id), attempt, error, retry_at } => {
                tracing::debug!(
                    target: "reenact::child", parent: None,
                    %instance, execution, id, orchestration, attempt, %error, %retry_at,
                    "an attempt of a child has failed; another one follows"
                );
            }
            Event::ChildFailed { id: CorrelationId(id), error } => {
                tracing::debug!(target: "reenact::child", parent: None, %instance, execution, id, orchestration, attempt, %error, "a child has failed");
            }
            Event::ChildCancelRequested { id: CorrelationId(id) } => {
                tracing::debug!(target: "reenact::child", parent: None, %instance, execution, id, orchestration, "a child is cancelled");
            }
            Event::StartRequested { id: CorrelationId(id), name, instance: to, .. } => {
                tracing::debug!(target: "reenact::child", parent: None, %instance, execution, id, orchestration = %name, %to, "an instance starts another one");
            }
            Event::CallRefused { id: CorrelationId(id), name, error } => {
                tracing::debug!(target: "reenact::child", parent: None, %instance, execution, id, orchestration = %name, %error, "the call of a child was refused");
            }
            _ => {}
        }
    }

    /// The name of what the event is about, if it is known.
    fn name(&self) -> Option<&str> {
        self.fact.about.as_ref().and_then(|open| open.name.as_ref()).map(Name::as_str)
    }

    /// Its attempt, if it is known.
    fn attempt(&self) -> Option<u32> {
        self.fact.about.as_ref().map(|open| open.attempt)
    }

    /// The tag of the activity that was just scheduled.
    fn tag(&self) -> Option<&str> {
        let its_own = self.following.iter().take_while(|event| {
            matches!(event, Event::TaskConfigured { .. } | Event::TaskTagged { .. })
        });
        its_own.into_iter().find_map(|event| match event {
            Event::TaskTagged { tag, .. } => Some(tag.as_str()),
            _ => None,
        })
    }
}
