//! Actions: what a shell must do once the events of a turn are durable.

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{CorrelationId, EventKey, Name};
use crate::message::Message;
use crate::outcome::Outcome;
use crate::payload::Payload;
use crate::time::Timestamp;
use crate::update_answer::UpdateAnswer;

/// Something to do outside. It comes out of a turn [sealed](crate::Sealed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Run an activity, and send a `CompleteTask` when it has ended. What is under way already is
    /// not to be run a second time.
    CallActivity {
        /// For the completion.
        id: CorrelationId,
        /// The activity.
        name: Name,
        /// Its input.
        input: Payload,
        /// Which attempt it is; the first is 1.
        attempt: u32,
        /// What the attempt has to keep to, if there is something.
        terms: Option<Box<AttemptTerms>>,
        /// Where it is to run, if not on any host. On a store that one host has alone, that host runs
        /// it all the same.
        tagged: Option<Box<Tagged>>,
        /// Whether it is a [local](crate::OrchestrationContext::call_local) one. Its idempotency key must
        /// then depend on its name and input as well: what was scheduled before a crash, and ran before
        /// that was durable, may have had the same id.
        local: bool,
    },
    /// Inform a running activity that nobody waits for it any more.
    CancelActivity {
        /// Of the activity.
        id: CorrelationId,
    },
    /// Send a `FireTimer` at that time. An activity can have timers too, under its own id: for its
    /// next attempt, and for its end.
    CreateTimer {
        /// For the firing.
        id: CorrelationId,
        /// When.
        fire_at: Timestamp,
    },
    /// Forget a timer. There may be others with that id.
    CancelTimer {
        /// Of the timer.
        id: CorrelationId,
        /// When it would have fired.
        fire_at: Timestamp,
    },
    /// Say something to the host's log.
    Trace {
        /// What to say.
        message: String,
    },
    /// Send a message to another instance, and when that has durably arrived there, or is refused for
    /// good, send a `ConfirmDelivery` or a `RefuseMessage`. It can come again.
    Send(Message),
    /// The execution has another status, or another published value: wake those who wait for that.
    AnnounceStatus,
    /// An update has its answer: give it to those who wait for it. It can come again, for those who ask
    /// again with the same key.
    AnswerUpdate {
        /// Of the update.
        key: EventKey,
        /// The answer.
        answer: UpdateAnswer,
    },
    /// The instance has ended: give the result to those who wait for it.
    Reply {
        /// How it ended.
        outcome: Outcome,
    },
}

/// What one attempt of an activity has to keep to, and what it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptTerms {
    /// How long it may run, from its start.
    pub start_to_close: Option<Duration>,
    /// How long it may go without a heartbeat, from its start or the last one.
    pub heartbeat: Option<Duration>,
    /// The details of the newest heartbeat that is recorded: of an attempt before it, or of the same
    /// one before a crash.
    pub details: Option<Payload>,
}

/// Which hosts may run an activity, and what such a host cannot know from its own log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// Those that declare this tag.
    pub tag: Name,
    /// When all attempts must be over. The execution ends the call by itself then; whatever runs the
    /// activity need not go on.
    pub deadline: Option<Timestamp>,
}
