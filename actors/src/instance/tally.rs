//! What a turn counts once it is durable.

use reenact_core::{ActivityErrorKind, Command, Event, ExecutionId, Outcome, Turn};

use super::phase::{Live, Subject};
use crate::metrics::{ActivityEnd, ExecutionEnd, Tally, TallyOfActivity};

impl Live {
    /// What a command is about. To be asked before the command is applied: afterwards it is not open.
    pub(super) fn subject_of(&self, command: &Command) -> Subject {
        let activity =
            |id| self.machine.activity_name(id).map_or(Subject::Nothing, Subject::Activity);
        match command {
            Command::FireTimer { id } => match self.machine.timer_fires_at(*id) {
                Some(at) => Subject::Timer(at),
                None => activity(*id),
            },
            Command::CompleteTask { id, .. } | Command::LoseTask { id, .. } => activity(*id),
            _ => Subject::Nothing,
        }
    }

    /// What a turn counts that was made of the last command.
    pub(super) fn tally(&mut self, turn: &Turn) -> Tally {
        let subject = std::mem::replace(&mut self.subject, Subject::Nothing);
        let at = turn.recorded.at;
        let (mut late, mut activity) = (None, None);
        let ended = |id, end, name| Some(TallyOfActivity { id, end, name });
        let name = |subject| match subject {
            Subject::Activity(name) => Some(name),
            Subject::Nothing | Subject::Timer(_) => None,
        };
        let mut has_started = false;
        match turn.recorded.events.first() {
            Some(Event::ExecutionStarted { .. }) => {
                has_started = self.summary.execution == ExecutionId::FIRST;
            }
            Some(Event::TaskCompleted { id, .. }) => {
                activity = ended(*id, ActivityEnd::Completed, name(subject));
            }
            Some(Event::TaskFailed { id, error }) => {
                activity = ended(*id, end_of(error.kind()), name(subject));
            }
            Some(Event::TaskAttemptFailed { id, .. }) => {
                activity = ended(*id, ActivityEnd::Retried, name(subject));
            }
            Some(Event::TimerFired { .. }) => {
                late = match subject {
                    Subject::Timer(fire_at) => Some(at.since(fire_at)),
                    Subject::Nothing | Subject::Activity(_) => None,
                };
            }
            _ => {}
        }
        Tally {
            orchestration: self.label,
            has_started,
            end: turn.outcome.as_ref().map(end_of_execution),
            at,
            created_at: self.summary.created_at,
            late,
            activity,
            cancelled_in_place: Vec::new(),
        }
    }
}

fn end_of(kind: ActivityErrorKind) -> ActivityEnd {
    match kind {
        ActivityErrorKind::Panicked => ActivityEnd::Panicked,
        ActivityErrorKind::Cancelled => ActivityEnd::Cancelled,
        ActivityErrorKind::TimedOut => ActivityEnd::TimedOut,
        ActivityErrorKind::HostDied => ActivityEnd::HostDied,
        _ => ActivityEnd::Failed,
    }
}

fn end_of_execution(outcome: &Outcome) -> ExecutionEnd {
    match outcome {
        Outcome::Completed(_) => ExecutionEnd::Completed,
        Outcome::Failed(_) => ExecutionEnd::Failed,
        Outcome::Terminated { .. } => ExecutionEnd::Terminated,
        Outcome::Cancelled { .. } => ExecutionEnd::Cancelled,
        Outcome::Continued { .. } => ExecutionEnd::Continued,
    }
}
