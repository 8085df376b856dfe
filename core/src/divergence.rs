//! The error of a replay: at which event code and history disagree, and how.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use serde::Serialize;

use crate::event::{Event, EventKind};
use crate::ids::{CorrelationId, Name};

/// The code did something else than its history says, or something that no history can repeat.
/// Nothing was appended. Bring back the code that made the history, or start a new instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nondeterministic at event {position}: expected {expected}, found {found}")]
pub struct Nondeterminism {
    /// The place in the history; the first event is 0.
    pub position: u64,
    /// What the history says.
    pub expected: Box<Step>,
    /// What the code did.
    pub found: Box<Step>,
}

impl Nondeterminism {
    pub(crate) fn new(position: u64, expected: Step, found: Step) -> Self {
        Self { position, expected: Box::new(expected), found: Box::new(found) }
    }
}

/// One step of an execution, as far as replay compares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Step {
    /// An event of the log, or the one that the code would have caused.
    Event {
        /// Its kind.
        kind: EventKind,
        /// Its correlation id.
        id: Option<CorrelationId>,
        /// The name of what it is about.
        name: Option<Name>,
        /// What else differs, where only that differs.
        detail: Option<String>,
    },
    /// No further step in this turn: the code waits.
    Nothing,
    /// Only durable futures may be awaited.
    DurableFuture,
    /// The code awaits something that the history knows nothing of.
    ForeignAwait,
    /// The code was woken outside a turn, by something that the history knows nothing of.
    ForeignWake,
    /// The code used its context outside a turn: from another task or thread.
    ForeignCall,
    /// The code wakes itself again and again without a durable step.
    EndlessPolling,
    /// The recorded value is not of the type that the code asks for.
    OtherType(String),
    /// A completion was recorded of something that is not open any more: a cancel has ended it.
    NotOpen,
}

impl Step {
    pub(crate) fn of(event: &Event) -> Self {
        Self::Event {
            kind: event.kind(),
            id: event.correlation(),
            name: event.subject().cloned(),
            detail: None,
        }
    }

    pub(crate) fn started(name: &Name) -> Self {
        let name = Some(name.clone());
        Self::Event { kind: EventKind::ExecutionStarted, id: None, name, detail: None }
    }

    pub(crate) fn with_detail(event: &Event, detail: String) -> Self {
        Self::Event {
            kind: event.kind(),
            id: event.correlation(),
            name: event.subject().cloned(),
            detail: Some(detail),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { kind, id, name, detail } => {
                f.write_str(kind.name())?;
                if let Some(id) = id {
                    write!(f, " {id}")?;
                }
                if let Some(name) = name {
                    write!(f, " `{name}`")?;
                }
                match detail {
                    Some(detail) => write!(f, " {detail}"),
                    None => Ok(()),
                }
            }
            Self::Nothing => f.write_str("no further step in this turn"),
            Self::DurableFuture => f.write_str("an await of a durable future of the context"),
            Self::ForeignAwait => f.write_str(
                "an await of something that is not durable (a tokio timer, a channel, a spawned \
                 task?); use the context's timers, events and activities",
            ),
            Self::ForeignWake => f.write_str(
                "a wake from outside a turn, by something that is not durable (a tokio timer, a \
                 channel, a spawned task?); use the context's timers, events and activities",
            ),
            Self::ForeignCall => f.write_str(
                "a use of the context from outside a turn; keep it in the orchestration's own task",
            ),
            Self::EndlessPolling => {
                f.write_str("code that wakes itself again and again without a durable step")
            }
            Self::NotOpen => f.write_str(
                "that it was ended by a cancel before (it was called on a shielded context?)",
            ),
            Self::OtherType(why) => write!(f, "a recorded value of another type ({why})"),
        }
    }
}

/// A history that no execution can have written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed history at event {position}: expected {expected}, found {found}")]
pub struct MalformedHistory {
    /// The place in the history; the first event is 0.
    pub position: u64,
    /// What could stand there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}
