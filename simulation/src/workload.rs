//! What the clients and hosts of a run do: programs that are made by a seed, the code that runs them, and an oracle that
//! says what must come out.

mod code;
mod host;
mod ledger;
mod oracle;
mod program;
mod requests;
mod stream;
mod transfer;

use std::fmt;

use reenact::UpdateName;
use serde::{Deserialize, Serialize};

pub(crate) use self::code::run_program;
pub(crate) use self::host::{Hosts, host};
pub(crate) use self::ledger::Ledger;
pub(crate) use self::oracle::{
    Entries, check, check_answer, check_messages, check_patches, check_steps,
};
pub(crate) use self::program::{Entry, Fate, Played, Program, Step, programs};
pub(crate) use self::requests::check_requests;
pub(crate) use self::stream::check_items;

/// Stands in each payload, and must not be in any error.
pub(crate) const CANARY: &str = "canary-5e1f";

/// The version of the older code, which new instances get on hosts that have no newer one.
pub(crate) const OLD_VERSION: &str = "1.0.0";

/// The names of the events that programs wait for.
pub(crate) const EVENTS: [&str; 2] = ["left", "right"];

/// The name of the event that programs raise on each other.
pub(crate) const MESSAGE: &str = "message";

/// The keys of the ledgers.
pub(crate) const LEDGERS: [&str; 2] = ["east", "west"];

/// The update that programs take; the request is its number.
pub(crate) const ASK: UpdateName<u64, Answer, Answer> = UpdateName::new(ASKED);

/// Its name.
pub(crate) const ASKED: &str = "ask";

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

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answer to {} in {}", self.number, self.place)
    }
}

/// The stream of a program.
pub(crate) const ITEMS: &str = "items";

/// The activity that fails until a client has mended it.
pub(crate) const FRAGILE: &str = "fragile";

/// The activity that is completed from outside, by its token.
pub(crate) const OUTSIDE: &str = "outside";

/// The tag of activities that one of the hosts runs.
pub(crate) const TAG: &str = "rare";

/// The id of an instance that a program has started, and that goes on by itself.
pub(crate) fn launched(number: u64) -> String {
    format!("launched-{number}")
}

/// The id of a child that its parent does not wait for.
pub(crate) fn left_child(number: u64) -> String {
    format!("left-{number}")
}

/// An item of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    /// The number of the step that emits it.
    pub(crate) step: u64,
    /// Its place among those of the step.
    pub(crate) index: u64,
}

/// What a client knows of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    Replied(Answer),
    Refused(Answer),
    /// A program that was cancelled has dropped it.
    Dropped,
    /// The program has ended before.
    Never,
}

/// What a program sends to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Message {
    /// The number of the program that sends it.
    pub(crate) from: usize,
    /// Its number among those from there.
    pub(crate) number: u64,
}

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Out {
    /// An activity was called.
    Worked(u64),
    /// What was called where the code was changed: whether that was what is new, and whether the code said so before
    /// and after it.
    Patched { number: u64, is_new: bool, is_same: bool },
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
    /// A value was published, an attribute set, a signal sent, or something called that nobody waits for.
    Shown,
    /// A message has come from another program.
    Received(Message),
    /// A message was sent: whether the other program was there to take it.
    Sent(bool),
    /// Other programs have answered updates, or refused them; `None` of one that has ended without that.
    Answered(Vec<Option<Answer>>),
    /// A ledger has done an operation, in this place.
    Entered(usize),
    /// Cents were moved from one ledger to another, which did it in these places; `None` when there was too little.
    /// Whether the two did nothing else meanwhile.
    Moved { places: Option<(usize, usize)>, is_alone: bool },
}
