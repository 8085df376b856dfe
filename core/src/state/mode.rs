//! The mode of the state: live, at replay, between turns, or closed.

use alloc::collections::VecDeque;

use crate::divergence::Nondeterminism;
use crate::error::{Cancelled, OrchestrationError};
use crate::event::Event;
use crate::ids::Name;
use crate::payload::Payload;
use crate::version::Version;

/// Where the state stands towards the log.
#[derive(Debug)]
pub(crate) enum Mode {
    /// No turn is under way: nothing may be scheduled.
    Between,
    /// What the code does is new.
    Live,
    /// What the code does is compared with the rest of the turn that is replayed.
    Replay(VecDeque<Event>),
    /// The execution is out of memory or at its end: nothing counts any more.
    Closed,
}

/// Why the code must not go on in this turn.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It left its history, or did what no history can repeat.
    Diverged(Nondeterminism),
    /// It called an activity that is not registered here.
    Unregistered(Name),
    /// It called an orchestration that is not registered here.
    UnregisteredOrchestration(Name, Option<Version>),
    /// It passed a limit: the execution fails.
    Failed(OrchestrationError),
    /// It was cancelled, and goes on as if it had not been.
    Cancelled(Cancelled),
    /// It goes on as a new execution.
    Continued {
        /// The orchestration that it goes on as; `None` for this one.
        orchestration: Option<&'static str>,
        /// Stays on its version.
        pinned: bool,
        input: Payload,
    },
}
