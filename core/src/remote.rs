//! Commands to an instance that go through a queue, from another host or from a client without a host.

mod activity;
mod start;
mod token;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::error::ActivityError;
use crate::ids::{CorrelationId, EventKey, ExecutionId, InstanceId, Name};
use crate::message::{Message, MessageId, NotTaken};
use crate::payload::Payload;
use crate::random::next_seed;
use crate::time::Timestamp;
use crate::trace_context::TraceContext;

pub use activity::RemoteActivity;
pub use start::{IdReuse, RemoteFork, RemoteStart, StartOption};
pub use token::{ActivityToken, InvalidActivityToken, ToActivityToken};

/// A command on its way to the host that has the instance. It arrives at least once, and counts once.
///
/// Stored as [`encode_command`](crate::codec::encode_command) has it: kinds are added at the end, and
/// never removed or reordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RemoteCommand {
    /// Begin.
    Start(Box<RemoteStart>),
    /// Something happened outside.
    RaiseEvent(RemoteEvent),
    /// Ask the code to end.
    Cancel {
        /// Why, for people.
        reason: String,
    },
    /// End now, without asking the code.
    Terminate {
        /// Why, for people.
        reason: String,
    },
    /// Stop the code until it is resumed.
    Suspend {
        /// Why, for people.
        reason: String,
    },
    /// Let the code go on.
    Resume,
    /// Go back to before an event of the history.
    Rewind {
        /// The event.
        position: u64,
        /// Why, for people.
        reason: String,
        /// Where the random numbers go on; a rewind with a seed that the history has is a copy.
        seed: u64,
    },
    /// Remove the instance, which has finished.
    Purge {
        /// When the instance was started that is meant: another one may have its id by then.
        created_at: Timestamp,
    },
    /// A message of another instance, which waits for an answer.
    Tell {
        /// Who.
        from: InstanceId,
        /// What.
        message: Box<Message>,
    },
    /// A message of this instance has arrived, or never will.
    Answer {
        /// Of the message.
        message: MessageId,
        /// Whether it was taken.
        taken: Result<(), NotTaken>,
    },
    /// An attempt of an activity that ran elsewhere has ended.
    CompleteTask {
        /// The run that called it; of an earlier one it changes nothing.
        run: RemoteRun,
        /// Of the call.
        id: CorrelationId,
        /// Which attempt; the first is 1.
        attempt: u32,
        /// How it ended.
        result: Result<Payload, ActivityError>,
    },
    /// An attempt of an activity that runs elsewhere says how far it is.
    RecordHeartbeat {
        /// The run that called it; of an earlier one it changes nothing.
        run: RemoteRun,
        /// Of the call.
        id: CorrelationId,
        /// Which attempt.
        attempt: u32,
        /// How far it is.
        details: Payload,
    },
    /// A command for one instance of that id only: the one that was created then. For any other, it
    /// does nothing.
    ToInstanceOf {
        /// When the instance began.
        created_at: Timestamp,
        /// The command.
        command: Box<RemoteCommand>,
    },
    /// Another command, and the trace in which it was asked for.
    Traced {
        /// The trace.
        context: Box<TraceContext>,
        /// The command.
        command: Box<RemoteCommand>,
    },
    /// Begin, with more to say about it.
    StartWith {
        /// How.
        start: Box<RemoteStart>,
        /// What else there is to say.
        options: Vec<StartOption>,
    },
}

/// An external event. It always has a key: it may be delivered twice, and is to count once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteEvent {
    /// What happened.
    pub name: Name,
    /// What there is to know about it.
    pub data: Payload,
    /// Of several with the same key, the first counts.
    pub key: EventKey,
}

/// One run of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RemoteRun {
    /// The execution.
    pub execution: ExecutionId,
    /// Its seed: it distinguishes the run from others under the same id.
    pub seed: u64,
}

impl RemoteRun {
    /// Whether this run began with a start of that seed, or goes on for one that did, by continuing as
    /// new. Takes a few steps for each execution.
    pub fn descends_from(self, start: u64) -> bool {
        let mut seed = start;
        for _ in 1..self.execution.0 {
            if seed == self.seed {
                // It was rewound since, which makes an execution as well.
                return true;
            }
            seed = next_seed(seed);
        }
        seed == self.seed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_has_continued_as_new_descends_from_the_first_start() {
        let seed = (0..6).fold(5, |seed, _| next_seed(seed));
        assert!(RemoteRun { execution: ExecutionId(7), seed }.descends_from(5));
        assert!(!RemoteRun { execution: ExecutionId(7), seed }.descends_from(6));
        assert!(!RemoteRun { execution: ExecutionId(6), seed }.descends_from(5));
    }
}
