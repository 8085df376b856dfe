//! What a shell must do once the events are durable, in the imperative.

use alloc::string::String;

use crate::error::OrchestrationError;
use crate::event::Event;
use crate::ids::{CorrelationId, Name};
use crate::message::Message;
use crate::payload::Payload;
use crate::time::Timestamp;

/// Something to do outside. It comes out of a turn [sealed](crate::Sealed).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Run an activity, and send a `CompleteTask` when it has ended.
    CallActivity {
        /// For the completion.
        id: CorrelationId,
        /// The activity.
        name: Name,
        /// Its input.
        input: Payload,
    },
    /// Tell a running activity that nobody waits for it any more.
    CancelActivity {
        /// Of the activity.
        id: CorrelationId,
    },
    /// Send a `FireTimer` at that time.
    CreateTimer {
        /// For the firing.
        id: CorrelationId,
        /// When.
        fire_at: Timestamp,
    },
    /// Forget a timer.
    CancelTimer {
        /// Of the timer.
        id: CorrelationId,
        /// When it would have fired.
        fire_at: Timestamp,
    },
    /// The execution waits for an event of this name. Where events come by themselves there is
    /// nothing to do.
    WaitExternal {
        /// Names the wait.
        id: CorrelationId,
        /// The event.
        name: Name,
    },
    /// Say something to the host's log.
    Trace {
        /// What to say.
        message: String,
    },
    /// Tell another instance something, and when that has durably arrived there, or is refused for
    /// good, send a `ConfirmDelivery` or a `RefuseMessage`. It can come again.
    Send(Message),
    /// The execution has another status: tell those who wait for that.
    AnnounceStatus,
    /// The instance has ended: tell those who wait for the result.
    Reply {
        /// How it ended.
        outcome: Outcome,
    },
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It returned a value.
    Completed(Payload),
    /// It returned an error, panicked, or passed a limit.
    Failed(OrchestrationError),
    /// Somebody terminated it.
    Terminated {
        /// Why, in their words.
        reason: String,
    },
    /// Somebody cancelled it, and its code ended for that.
    Cancelled {
        /// Why, in their words.
        reason: String,
    },
    /// The instance goes on in its next execution:
    /// [`Machine::successor`](crate::Machine::successor).
    Continued {
        /// What that is given.
        input: Payload,
    },
}

impl Outcome {
    /// What an event ends an execution with, if it does.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        match event {
            Event::ExecutionCompleted { output } => Some(Self::Completed(output.clone())),
            Event::ExecutionFailed { error } => Some(Self::Failed(error.clone())),
            Event::ExecutionTerminated { reason } => {
                Some(Self::Terminated { reason: reason.clone() })
            }
            Event::ExecutionCancelled { reason } => {
                Some(Self::Cancelled { reason: reason.clone() })
            }
            Event::ExecutionContinued { input } => Some(Self::Continued { input: input.clone() }),
            _ => None,
        }
    }
}
