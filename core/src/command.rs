//! Commands: what a shell asks of an execution.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use crate::attributes::Attributes;
use crate::error::{ActivityError, ChildError};
use crate::event::EmittedBy;
use crate::ids::{CorrelationId, EventKey, InstanceId, Name};
use crate::limits::PayloadLimits;
use crate::message::{MessageId, NotTaken, Origin, Requester, UpdateReturn};
use crate::options::TimeLimits;
use crate::payload::{Payload, PayloadError};
use crate::trace_context::ReceivedTrace;

/// What an execution is asked to do. One command that is accepted makes one turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin.
    Start(Start),
    /// An attempt of an activity ended.
    CompleteTask {
        /// Of the activity that was scheduled.
        id: CorrelationId,
        /// Which attempt; the first is 1. That of another than the one that is under way changes
        /// nothing.
        attempt: u32,
        /// How it ended.
        result: Result<Payload, ActivityError>,
    },
    /// An attempt of an activity says how far it is.
    RecordHeartbeat {
        /// Of the activity that was scheduled.
        id: CorrelationId,
        /// Which attempt.
        attempt: u32,
        /// How far it is.
        details: Payload,
    },
    /// An attempt of an activity emits items to a stream.
    EmitItems {
        /// Of the activity that was scheduled, and the attempt.
        by: EmittedBy,
        /// To which stream.
        stream: Name,
        /// The number of the first item among those that the attempt has emitted to the stream, from 0. What is
        /// recorded already counts once.
        number: u64,
        /// The items, one after the other.
        items: Vec<Payload>,
    },
    /// A timer is due.
    FireTimer {
        /// Of the timer that was created, or of the activity whose timer it is.
        id: CorrelationId,
    },
    /// Something happened outside.
    RaiseEvent {
        /// What happened.
        name: Name,
        /// What there is to know about it.
        data: Payload,
        /// Of several with the same key, the first counts.
        key: Option<EventKey>,
    },
    /// An update of another instance has come, which waits for its answer.
    TakeUpdate {
        /// The update.
        name: Name,
        /// What is asked for.
        data: Payload,
        /// Of several with the same key, the first counts.
        key: EventKey,
        /// Who waits.
        by: Box<Requester>,
    },
    /// Another instance has answered an update, or never will.
    ReturnUpdate {
        /// The run that sent it; of an earlier one it changes nothing.
        lineage: u64,
        /// Of the call.
        id: CorrelationId,
        /// The other instance.
        from: InstanceId,
        /// What it says.
        answer: UpdateReturn,
    },
    /// End now, without asking the code.
    Terminate {
        /// Why, for people.
        reason: String,
    },
    /// Ask the code to end.
    Cancel {
        /// Why, for people.
        reason: String,
    },
    /// Stop the code until a [`Resume`](Command::Resume).
    Suspend {
        /// Why, for people.
        reason: String,
    },
    /// Let the code go on.
    Resume,
    /// Let the code of an execution that was [parked](crate::Event::ExecutionParked) go on. On one
    /// that is not parked it changes nothing.
    Unpark,
    /// A child has ended.
    CompleteChild {
        /// The run that called it; of an earlier one it changes nothing.
        lineage: u64,
        /// Of the call.
        id: CorrelationId,
        /// The child.
        child: InstanceId,
        /// How it ended.
        result: Result<Payload, Box<ChildError>>,
    },
    /// Messages have durably arrived.
    ConfirmDelivery {
        /// Those that were [sent](crate::Action::Send).
        messages: Vec<MessageId>,
    },
    /// A message will never be taken.
    RefuseMessage {
        /// One that was [sent](crate::Action::Send).
        message: MessageId,
        /// Why.
        why: NotTaken,
    },
    /// Know a command that comes next, and may come again, by its key. When the key is known, nothing
    /// happens, and the command is not to be applied.
    KnowCommand {
        /// What distinguishes it from others.
        key: EventKey,
    },
    /// Record that an attempt of an activity begins, before it does: its host may die of it. Nothing
    /// happens when that attempt is not the one under way, or its start is recorded.
    StartTask {
        /// Of the task that was scheduled.
        id: CorrelationId,
        /// The attempt.
        attempt: u32,
    },
    /// An attempt whose start is recorded was stopped by a shutdown of its host.
    StopTask {
        /// Of the task that was scheduled.
        id: CorrelationId,
    },
    /// An attempt whose start is recorded has gone with its host: it has failed, and counts.
    LoseTask {
        /// Of the task that was scheduled.
        id: CorrelationId,
        /// When this many hosts have died while it ran, the activity fails for good.
        most: u32,
    },
    /// Record that the code is about to run, before it does: its host may die of it.
    AnnounceRun {
        /// How many hosts are [known](crate::RunDeaths::known) to have died while it ran.
        died: u32,
    },
    /// The code has run since that was recorded, and waits.
    SurviveRun,
}

/// How an execution begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The orchestration's input.
    pub input: Payload,
    /// Where its random numbers begin: the shell draws it, the log keeps it.
    pub seed: u64,
    /// Run the code only after this time.
    pub delay: Option<Duration>,
    /// Another instance that starts this one.
    pub origin: Option<Box<Origin>>,
    /// The trace in which it is started.
    pub trace: Option<Box<ReceivedTrace>>,
    /// How long it may take.
    pub limits: TimeLimits,
    /// The attributes with which the instance begins. They are within their limits.
    pub attributes: Attributes,
}

/// Why a command changed nothing. The execution goes on as if it had never come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The execution has ended.
    #[error("the instance has finished")]
    Finished,
    /// The execution has not begun.
    #[error("the instance has not started")]
    NotStarted,
    /// The execution has begun already.
    #[error("the instance has started already")]
    AlreadyStarted,
    /// The buffer for events that nobody waits for is full.
    #[error("{limit} external events are waiting already; the instance must take some first")]
    TooManyEvents {
        /// [`MAX_BUFFERED_EVENTS`](crate::limits::MAX_BUFFERED_EVENTS).
        limit: usize,
    },
    /// The data of the events that are buffered would take too much.
    #[error(
        "more than {limit} bytes of external events would wait; the instance must take some first"
    )]
    TooManyEventBytes {
        /// [`MAX_BUFFERED_EVENT_BYTES`](crate::limits::MAX_BUFFERED_EVENT_BYTES).
        limit: usize,
    },
    /// The code [declares](crate::Orchestration::EVENTS) its events, and none of that name.
    #[error("no external event `{event}` is declared; declared are {}", .declared.join(", "))]
    UnknownEvent {
        /// The event.
        event: Name,
        /// The names of those that are.
        declared: Vec<&'static str>,
    },
    /// The data is not what the code declares that the event carries.
    #[error("the data of external event `{event}` is not what is declared: {why}")]
    InvalidEventData {
        /// The event.
        event: Name,
        /// What is wrong with it.
        why: PayloadError,
    },
    /// The code [declares](crate::Orchestration::UPDATES) the update with a check, and that refuses it.
    #[error("update `{event}` is refused: {reason}")]
    Refused {
        /// The update.
        event: Name,
        /// Why: a value of the type of the update's refusals.
        reason: Payload,
    },
    /// The attempt of an activity that emits items is not under way any more.
    #[error("the attempt of activity {id} is not under way any more")]
    AttemptOver {
        /// Of the activity that was scheduled.
        id: CorrelationId,
    },
    /// An attempt of an activity emits items to a stream, and others that it has emitted before are missing.
    #[error("{recorded} items of the attempt are recorded; others must come before these")]
    ItemsMissing {
        /// How many are recorded.
        recorded: u64,
    },
    /// A delay, a reason, or items of a stream are over a limit.
    #[error("{0}")]
    OverLimit(String),
}

/// Whether an event with so many bytes of data may be recorded.
pub(crate) fn check_event(limits: PayloadLimits, bytes: usize) -> Result<(), Rejected> {
    let limit = limits.payload;
    if bytes <= limit {
        return Ok(());
    }
    Err(Rejected::OverLimit(PayloadError::TooLarge { bytes, limit }.to_string()))
}
