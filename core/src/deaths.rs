//! Counts the hosts that died while the code of an execution ran, from its log alone.

use crate::event::Event;
use crate::history::RecordedTurn;

/// How many hosts have died while the code of an execution ran, as far as its log says. Applies the
/// turns of one execution, in order; the last ones will do, from the last step of the code on.
///
/// A host records that the code is about to run ([`Event::RunAnnounced`]) where an earlier host may have
/// died of it. A step of the code resets the count: it gets on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunDeaths {
    died: u32,
    running: bool,
    /// The code does not run, whatever comes.
    parked: bool,
}

impl RunDeaths {
    /// Goes on with a turn.
    pub fn apply(&mut self, turn: &RecordedTurn) {
        let Some(input) = turn.events.first() else { return };
        if matches!(input, Event::ExecutionUnparked) || (turn.runs_code() && !self.parked) {
            *self = Self::default();
        } else if let Event::RunAnnounced { died } = input {
            self.died = *died;
            self.running = true;
        } else if matches!(input, Event::RunSurvived) {
            self.running = false;
        } else if matches!(input, Event::ExecutionParked { .. }) {
            self.parked = true;
        }
    }

    /// How many are known to have died, once the host has gone that wrote the log.
    pub const fn known(&self) -> u32 {
        self.died.saturating_add(self.running as u32)
    }

    /// Whether the code ran when the log ended.
    pub const fn is_running(&self) -> bool {
        self.running
    }
}

impl RecordedTurn {
    /// Whether the code may react to the turn, or has: otherwise it is about something that the code
    /// does not see.
    pub fn runs_code(&self) -> bool {
        let Some(input) = self.events.first() else { return false };
        match input {
            Event::TaskAttemptFailed { .. }
            | Event::TaskHeartbeat { .. }
            | Event::TaskStarted { .. }
            | Event::TaskStopped { .. }
            | Event::TaskDeferred { .. }
            | Event::ChildAttemptFailed { .. }
            | Event::RunAnnounced { .. }
            | Event::RunSurvived
            | Event::CommandsReceived { .. }
            | Event::ExecutionSuspended { .. }
            | Event::ExecutionParked { .. }
            | Event::Streamed(_) => false,
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
            | Event::ExecutionResumed
            | Event::TaskConfigured { .. }
            | Event::VersionSelected { .. }
            | Event::PatchMarked { .. }
            | Event::ExecutionRewound { .. }
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
            | Event::TaskTagged { .. }
            | Event::ChildrenSuperseded { .. }
            | Event::ExecutionRenewed { .. }
            | Event::ExecutionUnparked
            | Event::TaskLocal { .. }
            | Event::ExecutionForked { .. }
            | Event::TraceContextReceived { .. }
            | Event::TimeLimit(_) => true,
        }
    }
}
