//! What the clients and hosts of a run do: programs that are made by a seed, the code that runs them, and an oracle that
//! says what must come out.

mod code;
mod host;
mod oracle;
mod program;

use reenact::UpdateName;
use serde::{Deserialize, Serialize};

pub(crate) use self::code::run_program;
pub(crate) use self::host::{Effects, host};
pub(crate) use self::oracle::{check, check_answer};
pub(crate) use self::program::{Program, Step};

/// Stands in each payload, and must not be in any error.
pub(crate) const CANARY: &str = "canary-5e1f";

/// The names of the events that programs wait for.
pub(crate) const EVENTS: [&str; 2] = ["left", "right"];

/// The update that programs take; the request is its number.
pub(crate) const ASK: UpdateName<u64, Answer, Answer> = UpdateName::new("ask");

/// The attribute that says how often a program has set it.
pub(crate) const MARKED: &str = "marked";

/// The answer to an update, or its refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The number of the request.
    pub(crate) number: u64,
    /// The place of the step that took it, among all that have a result.
    pub(crate) place: usize,
}

/// What a client knows of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    Replied(Answer),
    Refused(Answer),
    /// No program drops one.
    Dropped,
}

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Out {
    /// An activity was called.
    Worked(u64),
    /// An activity was given up.
    Late,
    /// Activities have ended in this order.
    Together(Vec<u64>),
    /// A timer: whether it has fired after its time.
    Fired(bool),
    /// An event has come, with its number.
    Event(u64),
    /// An update was answered, or refused.
    Asked { number: u64, is_refused: bool },
    /// What came out of each child.
    Children(Vec<Vec<Out>>),
    /// A random value was drawn: whether it was the same when it was looked at again.
    Drawn(bool),
    /// A value was published, or an attribute set.
    Shown,
}
