//! What can be said of an event whatever its kind: whether it came in, what it is about.

use super::Event;
use crate::attributes::AttributeChange;
use crate::ids::{CorrelationId, Name};
use crate::limits::MAX_PAYLOAD_BYTES;
use crate::message::Message;
use crate::outcome::Outcome;
use crate::payload::Payload;

impl Event {
    /// What it ends an execution with, if it does.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::ExecutionCompleted { output } => Some(Outcome::Completed(output.clone())),
            Self::ExecutionFailed { error } => Some(Outcome::Failed(error.clone())),
            Self::ExecutionTerminated { reason } => {
                Some(Outcome::Terminated { reason: reason.clone() })
            }
            Self::ExecutionCancelled { reason } => {
                Some(Outcome::Cancelled { reason: reason.clone() })
            }
            Self::ExecutionContinued { input } => Some(Outcome::Continued { input: input.clone() }),
            Self::ExecutionStarted { .. }
            | Self::TaskScheduled { .. }
            | Self::TaskCompleted { .. }
            | Self::TaskFailed { .. }
            | Self::TaskCancelRequested { .. }
            | Self::TaskRefused { .. }
            | Self::TimerCreated { .. }
            | Self::TimerFired { .. }
            | Self::TimerCancelled { .. }
            | Self::ExternalSubscribed { .. }
            | Self::ExternalRaised { .. }
            | Self::ExternalUnsubscribed { .. }
            | Self::AnySubscribed { .. }
            | Self::ExternalTaken { .. }
            | Self::SideEffectRecorded { .. }
            | Self::StatusSet { .. }
            | Self::UpdateAnswered { .. }
            | Self::UpdateAnswersCarried { .. }
            | Self::ValuePublished { .. }
            | Self::Streamed(_)
            | Self::AttributesChanged { .. }
            | Self::EventKeysCarried { .. }
            | Self::CancelRequested { .. }
            | Self::ExecutionSuspended { .. }
            | Self::ExecutionResumed
            | Self::TaskConfigured { .. }
            | Self::TaskAttemptFailed { .. }
            | Self::TaskHeartbeat { .. }
            | Self::VersionSelected { .. }
            | Self::PatchMarked { .. }
            | Self::ExecutionRewound { .. }
            | Self::ExecutionForked { .. }
            | Self::StartedBy { .. }
            | Self::ChildScheduled { .. }
            | Self::ChildCompleted { .. }
            | Self::ChildFailed { .. }
            | Self::ChildCancelRequested { .. }
            | Self::StartRequested { .. }
            | Self::CallRefused { .. }
            | Self::EventSent { .. }
            | Self::CommandSent { .. }
            | Self::MessagesDelivered { .. }
            | Self::MessageRefused { .. }
            | Self::OutboxCarried { .. }
            | Self::ChildAttemptFailed { .. }
            | Self::TaskTagged { .. }
            | Self::ChildrenSuperseded { .. }
            | Self::CommandsReceived { .. }
            | Self::TaskStarted { .. }
            | Self::TaskStopped { .. }
            | Self::TaskDeferred { .. }
            | Self::ExecutionRenewed { .. }
            | Self::RunAnnounced { .. }
            | Self::RunSurvived
            | Self::ExecutionParked { .. }
            | Self::ExecutionUnparked
            | Self::TaskLocal { .. }
            | Self::TraceContextReceived { .. }
            | Self::Request(_)
            | Self::TimeLimit(_) => {
                debug_assert!(!self.is_terminal(), "an end has an outcome");
                None
            }
        }
    }

    /// Whether it came from outside; otherwise the code caused it.
    pub const fn is_input(&self) -> bool {
        match self {
            Self::Request(request) => request.is_input(),
            Self::ExecutionStarted { .. }
            | Self::TaskCompleted { .. }
            | Self::TaskFailed { .. }
            | Self::TimerFired { .. }
            | Self::ExternalRaised { .. }
            | Self::ExecutionTerminated { .. }
            | Self::EventKeysCarried { .. }
            | Self::CancelRequested { .. }
            | Self::ExecutionSuspended { .. }
            | Self::ExecutionResumed
            | Self::TaskAttemptFailed { .. }
            | Self::TaskHeartbeat { .. }
            | Self::ExecutionRewound { .. }
            | Self::ExecutionForked { .. }
            | Self::ChildCompleted { .. }
            | Self::ChildFailed { .. }
            | Self::MessagesDelivered { .. }
            | Self::MessageRefused { .. }
            | Self::OutboxCarried { .. }
            | Self::ChildAttemptFailed { .. }
            | Self::ChildrenSuperseded { .. }
            | Self::CommandsReceived { .. }
            | Self::TaskStarted { .. }
            | Self::TaskStopped { .. }
            | Self::TaskDeferred { .. }
            | Self::RunAnnounced { .. }
            | Self::RunSurvived
            | Self::ExecutionParked { .. }
            | Self::ExecutionUnparked
            | Self::UpdateAnswersCarried { .. } => true,
            Self::Streamed(event) => event.is_input(),
            Self::TaskScheduled { .. }
            | Self::TaskCancelRequested { .. }
            | Self::TaskRefused { .. }
            | Self::TimerCreated { .. }
            | Self::TimerCancelled { .. }
            | Self::ExternalSubscribed { .. }
            | Self::ExternalUnsubscribed { .. }
            | Self::AnySubscribed { .. }
            | Self::ExternalTaken { .. }
            | Self::SideEffectRecorded { .. }
            | Self::ExecutionCompleted { .. }
            | Self::ExecutionFailed { .. }
            | Self::StatusSet { .. }
            | Self::UpdateAnswered { .. }
            | Self::ValuePublished { .. }
            | Self::AttributesChanged { .. }
            | Self::ExecutionContinued { .. }
            | Self::ExecutionCancelled { .. }
            | Self::TaskConfigured { .. }
            | Self::VersionSelected { .. }
            | Self::PatchMarked { .. }
            | Self::StartedBy { .. }
            | Self::ChildScheduled { .. }
            | Self::ChildCancelRequested { .. }
            | Self::StartRequested { .. }
            | Self::CallRefused { .. }
            | Self::EventSent { .. }
            | Self::CommandSent { .. }
            | Self::TaskTagged { .. }
            | Self::ExecutionRenewed { .. }
            | Self::TaskLocal { .. }
            | Self::TraceContextReceived { .. } => false,
            Self::TimeLimit(event) => event.is_input(),
        }
    }

    /// Whether the execution has ended with it: nothing can come after it but
    /// [`Event::MessagesDelivered`].
    pub const fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::ExecutionCompleted { .. }
                | Self::ExecutionFailed { .. }
                | Self::ExecutionTerminated { .. }
                | Self::ExecutionContinued { .. }
                | Self::ExecutionCancelled { .. }
        )
    }

    /// Whether a later event of its kind and id takes its place: then the
    /// [`History`](crate::History) has only that one.
    pub const fn is_superseded_by_the_next(&self) -> bool {
        matches!(
            self,
            Self::TaskAttemptFailed { .. }
                | Self::TaskHeartbeat { .. }
                | Self::ChildAttemptFailed { .. }
        )
    }

    /// The correlation id, of events that have one.
    pub const fn correlation(&self) -> Option<CorrelationId> {
        match self {
            Self::Request(request) => request.correlation(),
            Self::TaskScheduled { id, .. }
            | Self::TaskCompleted { id, .. }
            | Self::TaskFailed { id, .. }
            | Self::TaskCancelRequested { id }
            | Self::TaskConfigured { id, .. }
            | Self::TaskTagged { id, .. }
            | Self::TaskLocal { id }
            | Self::TaskAttemptFailed { id, .. }
            | Self::TaskHeartbeat { id, .. }
            | Self::TaskStarted { id, .. }
            | Self::TaskStopped { id }
            | Self::TaskDeferred { id, .. }
            | Self::TaskRefused { id, .. }
            | Self::TimerCreated { id, .. }
            | Self::TimerFired { id }
            | Self::TimerCancelled { id }
            | Self::ExternalSubscribed { id, .. }
            | Self::ExternalUnsubscribed { id }
            | Self::AnySubscribed { id }
            | Self::ExternalTaken { id, .. }
            | Self::SideEffectRecorded { id, .. }
            | Self::ChildScheduled { id, .. }
            | Self::ChildCompleted { id, .. }
            | Self::ChildFailed { id, .. }
            | Self::ChildCancelRequested { id }
            | Self::ChildAttemptFailed { id, .. }
            | Self::StartRequested { id, .. }
            | Self::CallRefused { id, .. }
            | Self::EventSent { id, .. }
            | Self::CommandSent { id, .. } => Some(*id),
            Self::Streamed(event) => event.correlation(),
            Self::ExecutionStarted { .. }
            | Self::ExternalRaised { .. }
            | Self::ExecutionCompleted { .. }
            | Self::ExecutionFailed { .. }
            | Self::ExecutionTerminated { .. }
            | Self::StatusSet { .. }
            | Self::UpdateAnswered { .. }
            | Self::UpdateAnswersCarried { .. }
            | Self::ValuePublished { .. }
            | Self::AttributesChanged { .. }
            | Self::ExecutionContinued { .. }
            | Self::EventKeysCarried { .. }
            | Self::CancelRequested { .. }
            | Self::ExecutionCancelled { .. }
            | Self::ExecutionSuspended { .. }
            | Self::ExecutionResumed
            | Self::VersionSelected { .. }
            | Self::PatchMarked { .. }
            | Self::ExecutionRewound { .. }
            | Self::ExecutionForked { .. }
            | Self::StartedBy { .. }
            | Self::MessagesDelivered { .. }
            | Self::MessageRefused { .. }
            | Self::OutboxCarried { .. }
            | Self::ChildrenSuperseded { .. }
            | Self::CommandsReceived { .. }
            | Self::ExecutionRenewed { .. }
            | Self::RunAnnounced { .. }
            | Self::RunSurvived
            | Self::ExecutionParked { .. }
            | Self::ExecutionUnparked
            | Self::TimeLimit(_)
            | Self::TraceContextReceived { .. } => None,
        }
    }

    /// The name of what it is about, of events that have one.
    pub const fn subject(&self) -> Option<&Name> {
        match self {
            Self::Request(request) => request.subject(),
            Self::ExecutionStarted { name, .. }
            | Self::TaskScheduled { name, .. }
            | Self::TaskRefused { name, .. }
            | Self::ExternalSubscribed { name, .. }
            | Self::ExternalRaised { name, .. }
            | Self::PatchMarked { name }
            | Self::ChildScheduled { name, .. }
            | Self::StartRequested { name, .. }
            | Self::CallRefused { name, .. }
            | Self::ExternalTaken { name, .. }
            | Self::EventSent { name, .. }
            | Self::ValuePublished { name, .. } => Some(name),
            Self::Streamed(event) => event.stream(),
            Self::AttributesChanged { change } => change.name(),
            Self::TaskCompleted { .. }
            | Self::TaskFailed { .. }
            | Self::TaskCancelRequested { .. }
            | Self::TimerCreated { .. }
            | Self::TimerFired { .. }
            | Self::TimerCancelled { .. }
            | Self::ExternalUnsubscribed { .. }
            | Self::AnySubscribed { .. }
            | Self::SideEffectRecorded { .. }
            | Self::ExecutionCompleted { .. }
            | Self::ExecutionFailed { .. }
            | Self::ExecutionTerminated { .. }
            | Self::StatusSet { .. }
            | Self::UpdateAnswered { .. }
            | Self::UpdateAnswersCarried { .. }
            | Self::ExecutionContinued { .. }
            | Self::EventKeysCarried { .. }
            | Self::CancelRequested { .. }
            | Self::ExecutionCancelled { .. }
            | Self::ExecutionSuspended { .. }
            | Self::ExecutionResumed
            | Self::TaskConfigured { .. }
            | Self::TaskAttemptFailed { .. }
            | Self::TaskHeartbeat { .. }
            | Self::VersionSelected { .. }
            | Self::ExecutionRewound { .. }
            | Self::ExecutionForked { .. }
            | Self::StartedBy { .. }
            | Self::ChildCompleted { .. }
            | Self::ChildFailed { .. }
            | Self::ChildCancelRequested { .. }
            | Self::MessagesDelivered { .. }
            | Self::MessageRefused { .. }
            | Self::OutboxCarried { .. }
            | Self::ChildAttemptFailed { .. }
            | Self::TaskTagged { .. }
            | Self::ChildrenSuperseded { .. }
            | Self::CommandsReceived { .. }
            | Self::TaskStarted { .. }
            | Self::TaskStopped { .. }
            | Self::TaskDeferred { .. }
            | Self::ExecutionRenewed { .. }
            | Self::RunAnnounced { .. }
            | Self::RunSurvived
            | Self::ExecutionParked { .. }
            | Self::ExecutionUnparked
            | Self::TaskLocal { .. }
            | Self::CommandSent { .. }
            | Self::TimeLimit(_)
            | Self::TraceContextReceived { .. } => None,
        }
    }

    /// Whether the execution begins with the attributes that it has.
    pub(crate) fn gives_attributes(&self) -> bool {
        let Self::AttributesChanged { change } = self else { return false };
        matches!(**change, AttributeChange::Given { .. })
    }

    /// Whether the code has given a payload that only a store takes that takes large ones.
    pub(crate) fn has_large_payload(&self) -> bool {
        let largest = if let Self::TaskScheduled { input: given, .. }
        | Self::ChildScheduled { input: given, .. }
        | Self::StartRequested { input: given, .. }
        | Self::ExecutionContinued { input: given }
        | Self::ExecutionRenewed { input: given, .. }
        | Self::ExecutionCompleted { output: given }
        | Self::EventSent { data: given, .. }
        | Self::SideEffectRecorded { value: given, .. } = self
        {
            given.len()
        } else if let Self::Request(request) = self {
            request.largest_payload()
        } else if let Self::UpdateAnswered { answer, .. } = self {
            answer.bytes()
        } else {
            0
        };
        largest > MAX_PAYLOAD_BYTES
    }

    /// Whether it records that a call was refused.
    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(self, Self::CallRefused { .. } | Self::TaskRefused { .. })
    }

    /// Bytes of user data that it carries: payloads, messages and the name.
    pub(crate) fn payload_bytes(&self) -> usize {
        self.subject().map_or(0, |name| name.as_str().len()) + self.payload_bytes_without_name()
    }

    fn payload_bytes_without_name(&self) -> usize {
        match self {
            Self::Request(request) => request.payload_bytes(),
            Self::MessageRefused { why, .. } => why.bytes(),
            Self::ExecutionStarted { input, .. }
            | Self::TaskScheduled { input, .. }
            | Self::ChildScheduled { input, .. }
            | Self::StartRequested { input, .. }
            | Self::ExecutionContinued { input }
            | Self::ExecutionRenewed { input, .. } => input.len(),
            Self::TaskCompleted { output, .. }
            | Self::ChildCompleted { output, .. }
            | Self::ExecutionCompleted { output } => output.len(),
            Self::ExternalRaised { data, .. } | Self::EventSent { data, .. } => data.len(),
            Self::CommandSent { command, .. } => command.reason().map_or(0, str::len),
            Self::ChildFailed { error, .. }
            | Self::CallRefused { error, .. }
            | Self::ChildAttemptFailed { error, .. } => error.stored_bytes(),
            Self::OutboxCarried { messages } => messages.iter().map(Message::payload_bytes).sum(),
            Self::SideEffectRecorded { value, .. } => value.len(),
            Self::StatusSet { status } => status.len(),
            Self::UpdateAnswered { key, answer } => key.as_str().len() + answer.bytes(),
            Self::UpdateAnswersCarried { answers } => {
                answers.iter().map(|(key, answer)| key.as_str().len() + answer.bytes()).sum()
            }
            Self::ValuePublished { value, .. } => value.as_ref().map_or(0, Payload::len),
            Self::Streamed(event) => event.payload_bytes(),
            Self::AttributesChanged { change } => change.bytes(),
            Self::TaskFailed { error, .. }
            | Self::TaskRefused { error, .. }
            | Self::TaskAttemptFailed { error, .. } => error.stored_bytes(),
            Self::TaskHeartbeat { details, .. } => details.len(),
            Self::TaskTagged { tag, .. } => tag.as_str().len(),
            Self::ExecutionFailed { error } => error.stored_bytes(),
            Self::ExecutionTerminated { reason }
            | Self::CancelRequested { reason }
            | Self::ExecutionCancelled { reason }
            | Self::ExecutionSuspended { reason }
            | Self::ExecutionParked { reason }
            | Self::ExecutionRewound { reason, .. } => reason.len(),
            Self::ExecutionForked { fork } => {
                fork.from.as_str().len() + fork.instance.as_str().len()
            }
            Self::EventKeysCarried { keys } | Self::CommandsReceived { keys } => {
                keys.iter().map(|key| key.as_str().len()).sum()
            }
            Self::ChildrenSuperseded { children } => {
                children.iter().map(|child| child.instance.as_str().len()).sum()
            }
            Self::TaskCancelRequested { .. }
            | Self::TimerCreated { .. }
            | Self::TimerFired { .. }
            | Self::TimerCancelled { .. }
            | Self::ExternalSubscribed { .. }
            | Self::ExternalUnsubscribed { .. }
            | Self::AnySubscribed { .. }
            | Self::ExternalTaken { .. }
            | Self::ExecutionResumed
            | Self::TaskConfigured { .. }
            | Self::VersionSelected { .. }
            | Self::PatchMarked { .. }
            | Self::StartedBy { .. }
            | Self::ChildCancelRequested { .. }
            | Self::MessagesDelivered { .. }
            | Self::TaskStarted { .. }
            | Self::TaskStopped { .. }
            | Self::TaskDeferred { .. }
            | Self::RunAnnounced { .. }
            | Self::RunSurvived
            | Self::ExecutionUnparked
            | Self::TaskLocal { .. }
            | Self::TimeLimit(_) => 0,
            Self::TraceContextReceived { received } => received.stored_bytes(),
        }
    }
}
