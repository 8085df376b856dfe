//! What an execution failed of, from its log alone: the activity or the child whose failure led to it.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString};

use serde::Serialize;

use crate::error::{ActivityError, ChildError};
use crate::event::Event;
use crate::history::RecordedTurn;
use crate::ids::{CorrelationId, Name};
use crate::outcome::Outcome;
use crate::time::Timestamp;

/// The failure that an execution ended of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FailureCause {
    /// The place of the failure in the log.
    pub position: u64,
    /// When it came.
    pub at: Timestamp,
    /// Whether the error that the execution ended with names this failure. Otherwise it is the event that
    /// the code failed at, which is a guess.
    pub is_named: bool,
    /// What failed.
    pub what: FailedCall,
}

/// An activity or a child that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailedCall {
    /// An activity.
    Activity {
        /// Its correlation id.
        id: CorrelationId,
        /// Its name.
        name: Name,
        /// How many attempts were made.
        attempts: u32,
        /// What the last one failed with.
        error: ActivityError,
    },
    /// A child.
    Child {
        /// Its correlation id.
        id: CorrelationId,
        /// The orchestration's name.
        name: Name,
        /// How it ended, with the instance.
        error: Box<ChildError>,
    },
}

/// Goes over the log of one execution, and finds what it failed of. Takes in all turns, in order, as they are
/// stored; holds what is open, and the last failures.
#[derive(Debug, Default)]
pub struct CauseFinder {
    position: u64,
    at: Timestamp,
    /// The names of the calls that are open, and their attempts.
    open: BTreeMap<CorrelationId, (Name, u32)>,
    failures: VecDeque<FailureCause>,
    /// Whether the newest of them is the input of the turn under way.
    is_input: bool,
    ended: Option<Ended>,
}

#[derive(Debug)]
struct Ended {
    outcome: Outcome,
    at: Timestamp,
    /// Whether it came directly of the newest failure.
    of_newest: bool,
}

/// Most failures that are kept: of a failed fan-out, the last ones.
const KEPT_FAILURES: usize = 64;

impl CauseFinder {
    /// Goes on with a turn.
    pub fn apply(&mut self, turn: &RecordedTurn) {
        self.at = turn.at;
        self.is_input = false;
        self.position += u64::from(turn.events.is_empty());
        for event in &*turn.events {
            self.follow(event);
            self.position += 1;
        }
    }

    /// How the execution ended, and when, if it has.
    pub fn ended(&self) -> Option<(&Outcome, Timestamp)> {
        self.ended.as_ref().map(|ended| (&ended.outcome, ended.at))
    }

    /// What it failed of, if it has failed and that is known.
    pub fn cause(&self) -> Option<FailureCause> {
        let Some(Ended { outcome: Outcome::Failed(error), of_newest, .. }) = &self.ended else {
            return None;
        };
        let sources = error.sources();
        let names = |failure: &&FailureCause| {
            let text = failure.what.message();
            error.message().contains(&*text) || sources.iter().any(|source| source.contains(&*text))
        };
        let named = self.failures.iter().rev().find(names).cloned();
        let named = named.map(|failure| FailureCause { is_named: true, ..failure });
        named.or_else(|| self.failures.back().filter(|_| *of_newest).cloned())
    }

    fn follow(&mut self, event: &Event) {
        if let Event::TaskScheduled { id, name, .. } | Event::ChildScheduled { id, name, .. } =
            event
        {
            self.open.insert(*id, (name.clone(), 1));
        } else if let Event::TaskAttemptFailed { id, attempt, .. }
        | Event::ChildAttemptFailed { id, attempt, .. } = event
        {
            if let Some((_, attempts)) = self.open.get_mut(id) {
                *attempts = attempt.saturating_add(1);
            }
        } else if let Event::TaskFailed { id, error } = event {
            let Some((name, attempts)) = self.open.remove(id) else { return };
            let (id, error) = (*id, error.clone());
            self.fail(FailedCall::Activity { id, name, attempts, error });
            self.is_input = true;
        } else if let Event::ChildFailed { id, error } = event {
            let Some((name, _)) = self.open.remove(id) else { return };
            let (id, error) = (*id, error.clone());
            self.fail(FailedCall::Child { id, name, error });
            self.is_input = true;
        } else if let Event::TaskRefused { id, name, error } = event {
            let (id, name, error) = (*id, name.clone(), error.clone());
            self.fail(FailedCall::Activity { id, name, attempts: 0, error });
        } else if let Event::CallRefused { id, name, error } = event {
            let (id, name, error) = (*id, name.clone(), error.clone());
            self.fail(FailedCall::Child { id, name, error });
        } else if let Some(outcome) = event.outcome_if_terminal() {
            self.ended = Some(Ended { outcome, at: self.at, of_newest: self.is_input });
        } else if let Some(id) = event.correlation().filter(|_| event.ends_call()) {
            self.open.remove(&id);
        } else if matches!(event, Event::ExecutionRenewed { .. }) {
            self.open.clear();
            self.failures.clear();
        }
    }

    fn fail(&mut self, what: FailedCall) {
        if self.failures.len() >= KEPT_FAILURES {
            self.failures.pop_front();
        }
        let (position, at) = (self.position, self.at);
        self.failures.push_back(FailureCause { position, at, is_named: false, what });
    }
}

impl FailedCall {
    /// As it stands in the errors that are made of it.
    fn message(&self) -> String {
        match self {
            Self::Activity { error, .. } => error.message().to_string(),
            Self::Child { error, .. } => error.to_string(),
        }
    }
}

impl Event {
    fn outcome_if_terminal(&self) -> Option<Outcome> {
        if self.is_terminal() { self.outcome() } else { None }
    }

    /// Whether a call is over with it, without a failure.
    const fn ends_call(&self) -> bool {
        matches!(
            self,
            Self::TaskCompleted { .. }
                | Self::TaskCancelRequested { .. }
                | Self::ChildCompleted { .. }
                | Self::ChildCancelRequested { .. }
        )
    }
}
