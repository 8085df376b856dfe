//! `Turn`, which a machine returns for each input, and the errors that it returns instead.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::action::Action;
use crate::command::Rejected;
use crate::divergence::{MalformedHistory, Nondeterminism};
use crate::history::RecordedTurn;
use crate::ids::Name;
use crate::outcome::Outcome;
use crate::receipt::Sealed;
use crate::version::Version;

/// What one command did to an execution. Its events are appended as a whole or not at all.
#[derive(Debug)]
pub struct Turn {
    /// The number of the turn in its execution; the first is 0. A turn without events has the
    /// number of the turn that will come next.
    pub number: u64,
    /// When, and what happened. No events when the command changed nothing: a completion that was
    /// known, an event whose key was seen before. None either when it is time for something that
    /// the log has already, such as the next attempt of an activity; then there are actions.
    pub recorded: RecordedTurn,
    /// What to do once the events are durable.
    pub actions: Sealed<Vec<Action>>,
    /// How the execution ended, if it did in this turn.
    pub outcome: Option<Outcome>,
    /// What is to be done about local activities, where a shell said that it
    /// [does so](crate::MachineConfig::local_in_place): it need not wait until the events are durable.
    /// Calls are here only; a timer is among the actions as well, to be set again when they are released.
    pub local: Vec<Action>,
    /// Whether nobody waits for anything that this turn has done: while local activities run, its events
    /// can wait for what they return. Never before the execution has had local activities.
    pub can_wait: bool,
}

/// Why a command made no turn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The command was refused; the machine goes on as if it had not come.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The code did what no history can repeat. Nothing is to be appended; the machine is spent.
    #[error(transparent)]
    Nondeterministic(#[from] Nondeterminism),
    /// The code called an activity that is not registered. Nothing is to be appended; the machine
    /// is spent.
    #[error("activity `{activity}` is not registered")]
    UnregisteredActivity {
        /// The activity.
        activity: Name,
    },
    /// The code called an orchestration that is not registered. Nothing is to be appended; the machine
    /// is spent.
    #[error("orchestration `{orchestration}`{} is not registered", in_version(.version))]
    UnregisteredOrchestration {
        /// The orchestration.
        orchestration: Name,
        /// The version that it asked for; the newest when it named no version.
        version: Option<Version>,
    },
}

fn in_version(version: &Option<Version>) -> String {
    version.as_ref().map(|version| format!(" in version {version}")).unwrap_or_default()
}

/// Why a history cannot be re-enacted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The code does not do what the history says.
    #[error(transparent)]
    Nondeterministic(#[from] Nondeterminism),
    /// No execution can have written the history.
    #[error(transparent)]
    Malformed(#[from] MalformedHistory),
}

/// Why [`run_turn`](crate::run_turn) gave no turn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunTurnError {
    /// The history cannot be re-enacted.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The command made no turn.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}
