//! How an event shows itself.

use core::fmt;

use super::{Event, StreamEvent};

/// One line: the kind, the correlation id, the name. No user data.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().name())?;
        if let Some(id) = self.correlation() {
            write!(f, " {id}")?;
        }
        if let Some(name) = self.subject() {
            write!(f, " `{name}`")?;
        }
        match self {
            Self::TimerCreated { fire_at, .. } => write!(f, " for {fire_at}"),
            Self::Streamed(
                StreamEvent::Emitted { first, values, .. }
                | StreamEvent::TaskEmitted { first, values, .. },
            ) => write!(f, ": {} items from {first}", values.len()),
            Self::TaskFailed { error, .. } => write!(f, ": {error}"),
            Self::TaskAttemptFailed { attempt, error, retry_at, .. } => {
                write!(f, ", attempt {attempt}, the next at {retry_at}: {error}")
            }
            Self::RunAnnounced { died } => write!(f, ", after {died} hosts that died"),
            Self::TaskDeferred { attempt, .. } => write!(f, ", attempt {attempt}"),
            Self::TaskStarted { attempt, died, .. } => {
                write!(f, ", attempt {attempt}, after {died} hosts that died")
            }
            Self::ChildScheduled { instance, .. } | Self::StartRequested { instance, .. } => {
                write!(f, " as `{instance}`")
            }
            Self::ChildFailed { error, .. } => write!(f, ": {error}"),
            Self::ChildAttemptFailed { attempt, error, retry_at, .. } => {
                write!(f, ", attempt {attempt}, the next at {retry_at}: {error}")
            }
            Self::EventSent { to, .. } => write!(f, " to `{to}`"),
            Self::CommandSent { to, command, .. } => write!(f, " to `{to}`: {command}"),
            Self::TaskTagged { tag, .. } => write!(f, " for `{tag}`"),
            Self::MessageRefused { message, why } => {
                write!(f, " {:?} {}: {}", message.kind, message.id, why.name())
            }
            Self::Request(request) => write!(f, "{request}"),
            Self::ExecutionFailed { error } => write!(f, ": {error}"),
            Self::ExecutionTerminated { reason }
            | Self::CancelRequested { reason }
            | Self::ExecutionCancelled { reason }
            | Self::ExecutionSuspended { reason }
            | Self::ExecutionParked { reason } => write!(f, ": {reason}"),
            Self::VersionSelected { version } => write!(f, " {version}"),
            Self::TimeLimit(event) => event.fmt(f),
            Self::ExecutionRewound { reason, dropped, .. } => {
                write!(f, " by {dropped} events: {reason}")
            }
            Self::ExecutionForked { fork } => write!(f, " from `{}`", fork.from),
            Self::ExecutionStarted { .. }
            | Self::TaskScheduled { .. }
            | Self::TaskCompleted { .. }
            | Self::TaskCancelRequested { .. }
            | Self::TaskRefused { .. }
            | Self::TimerFired { .. }
            | Self::TimerCancelled { .. }
            | Self::ExternalSubscribed { .. }
            | Self::ExternalRaised { .. }
            | Self::ExternalUnsubscribed { .. }
            | Self::AnySubscribed { .. }
            | Self::ExternalTaken { .. }
            | Self::SideEffectRecorded { .. }
            | Self::ExecutionCompleted { .. }
            | Self::StatusSet { .. }
            | Self::UpdateAnswered { .. }
            | Self::UpdateAnswersCarried { .. }
            | Self::ValuePublished { .. }
            | Self::Streamed(StreamEvent::Carried { .. } | StreamEvent::WindowSet { .. })
            | Self::AttributesChanged { .. }
            | Self::ExecutionContinued { .. }
            | Self::EventKeysCarried { .. }
            | Self::ExecutionResumed
            | Self::TaskConfigured { .. }
            | Self::TaskHeartbeat { .. }
            | Self::PatchMarked { .. }
            | Self::StartedBy { .. }
            | Self::ChildCompleted { .. }
            | Self::ChildCancelRequested { .. }
            | Self::CallRefused { .. }
            | Self::MessagesDelivered { .. }
            | Self::OutboxCarried { .. }
            | Self::ChildrenSuperseded { .. }
            | Self::CommandsReceived { .. }
            | Self::TaskStopped { .. }
            | Self::ExecutionRenewed { .. }
            | Self::RunSurvived
            | Self::ExecutionUnparked
            | Self::TaskLocal { .. }
            | Self::TraceContextReceived { .. } => Ok(()),
        }
    }
}
