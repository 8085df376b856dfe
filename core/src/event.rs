//! Events: what happened to an execution. They are stored for ever.

mod fork;
mod kind;
mod kinds;
mod request;
mod stream;
mod text;
mod time_limit;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::attributes::AttributeChange;
use crate::error::{ActivityError, ChildError, OrchestrationError};
use crate::ids::{CorrelationId, EventKey, InstanceId, Name};
use crate::message::{InstanceCommand, Message, MessageId, NotTaken, Origin, SupersededChild};
use crate::options::{ParentClose, RecordedOptions, RecordedRetry};
use crate::payload::Payload;
use crate::time::Timestamp;
use crate::trace_context::ReceivedTrace;
use crate::update_answer::UpdateAnswer;
use crate::version::Version;

pub use self::fork::ForkedFrom;
pub use self::kind::EventKind;
pub use self::request::RequestEvent;
pub(crate) use self::stream::bytes_of;
pub use self::stream::{CarriedStream, EmittedBy, StreamEvent, StreamItem};
pub use self::time_limit::TimeLimitEvent;

/// One thing that happened to an execution.
///
/// A turn is one *input* (what came in) followed by the *outputs* (what the code did about it);
/// see [`Event::is_input`]. Kinds are only ever added, and only at the end: the stored form counts
/// them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Event {
    /// The execution began. Always the first event. (input)
    ExecutionStarted {
        /// The orchestration.
        name: Name,
        /// What it was given.
        input: Payload,
        /// Where its [random numbers](crate::OrchestrationContext::random) begin.
        seed: u64,
        /// The code runs only after this time, by a timer of its own.
        delay: Option<Duration>,
    },
    /// An activity was scheduled. (output)
    TaskScheduled {
        /// Joins it to its completion.
        id: CorrelationId,
        /// The activity.
        name: Name,
        /// What it is given.
        input: Payload,
    },
    /// An activity returned a value. (input)
    TaskCompleted {
        /// Of the [`Event::TaskScheduled`].
        id: CorrelationId,
        /// What it returned.
        output: Payload,
    },
    /// An activity failed. (input)
    TaskFailed {
        /// Of the [`Event::TaskScheduled`].
        id: CorrelationId,
        /// Why.
        error: ActivityError,
    },
    /// The code dropped the future of an activity that was not complete. (output)
    TaskCancelRequested {
        /// Of the [`Event::TaskScheduled`].
        id: CorrelationId,
    },
    /// An activity was not scheduled, because its input is not of its type. (output)
    TaskRefused {
        /// Used up, so that ids stay in the order in which the code schedules.
        id: CorrelationId,
        /// The activity.
        name: Name,
        /// Why.
        error: ActivityError,
    },
    /// A timer was set. (output)
    TimerCreated {
        /// Joins it to its firing.
        id: CorrelationId,
        /// When it fires.
        fire_at: Timestamp,
    },
    /// A timer fired. (input)
    TimerFired {
        /// Of the [`Event::TimerCreated`].
        id: CorrelationId,
    },
    /// The code dropped the future of a timer that had not fired. (output)
    TimerCancelled {
        /// Of the [`Event::TimerCreated`].
        id: CorrelationId,
    },
    /// The code began to wait for an external event. (output)
    ExternalSubscribed {
        /// Names the wait.
        id: CorrelationId,
        /// The event that it waits for.
        name: Name,
    },
    /// An external event arrived. It goes to the oldest wait for its name, or is buffered. (input)
    ExternalRaised {
        /// The event.
        name: Name,
        /// What it carries.
        data: Payload,
        /// Events with a key that was seen before are not recorded again.
        key: Option<EventKey>,
    },
    /// The code dropped a wait that had taken no event; the event, if there was one, stays
    /// buffered. (output)
    ExternalUnsubscribed {
        /// Of the [`Event::ExternalSubscribed`].
        id: CorrelationId,
    },
    /// The code computed a value that must not be computed again. (output)
    SideEffectRecorded {
        /// Its place among what the code scheduled.
        id: CorrelationId,
        /// The value.
        value: Payload,
    },
    /// The code returned a value. The last event. (output)
    ExecutionCompleted {
        /// What it returned.
        output: Payload,
    },
    /// The code returned an error, panicked, or passed a limit. The last event. (output)
    ExecutionFailed {
        /// Why.
        error: OrchestrationError,
    },
    /// Somebody terminated the execution. The last event, but for the trace of the caller. (input)
    ExecutionTerminated {
        /// Why, in their words.
        reason: String,
    },
    /// The code set the status that people see while it runs. (output)
    StatusSet {
        /// The status.
        status: Payload,
    },
    /// The code goes on as a new execution. The last event; that one's start is appended together
    /// with it. (output)
    ExecutionContinued {
        /// What the next execution is given.
        input: Payload,
    },
    /// The execution goes on for an earlier one, and knows the keys of these events of it. The second
    /// turn, if at all. (input)
    EventKeysCarried {
        /// The newest ones, oldest first.
        keys: Vec<EventKey>,
    },
    /// Somebody asked the execution to end. What is open and not
    /// [shielded](crate::OrchestrationContext::shielded) ends with it. At most once. (input)
    CancelRequested {
        /// Why, in their words.
        reason: String,
    },
    /// The code ended because it was asked to. The last event. (output)
    ExecutionCancelled {
        /// Why, in the words of the caller.
        reason: String,
    },
    /// Somebody suspended the execution: what comes is recorded, but the code does not go on. (input)
    ExecutionSuspended {
        /// Why, in their words.
        reason: String,
    },
    /// Somebody let the execution go on. (input)
    ExecutionResumed,
    /// The activity that was just scheduled has options. Directly after its
    /// [`Event::TaskScheduled`]. (output)
    TaskConfigured {
        /// Of the [`Event::TaskScheduled`].
        id: CorrelationId,
        /// What counts for all of its attempts.
        options: Box<RecordedOptions>,
    },
    /// An attempt of an activity failed, and another will begin. It supersedes the one of the
    /// attempt before. (input)
    TaskAttemptFailed {
        /// Of the [`Event::TaskScheduled`].
        id: CorrelationId,
        /// Which attempt; the first is 1.
        attempt: u32,
        /// Why.
        error: ActivityError,
        /// When the next one begins.
        retry_at: Timestamp,
    },
    /// An activity that is under way said how far it is. It supersedes the one before. (input)
    TaskHeartbeat {
        /// Of the [`Event::TaskScheduled`].
        id: CorrelationId,
        /// How far it is.
        details: Payload,
    },
    /// The execution is of this version of its orchestration. Directly after the start, if at all:
    /// without it, it is of [none](Version::NONE). (output)
    VersionSelected {
        /// The version.
        version: Version,
    },
    /// The code asked for a patch, and is to do what is new. (output)
    PatchMarked {
        /// The patch.
        name: Name,
    },
    /// The instance was rewound: what stands in front of this is what was kept of the execution
    /// before it. Not the first turn. (input)
    ExecutionRewound {
        /// Why, in the words of the caller.
        reason: String,
        /// Number of events that were undone.
        dropped: u64,
        /// Where the random numbers go on. Drawn, as counting rewinds would give the same numbers again
        /// after one that was undone itself.
        seed: u64,
    },
    /// Another instance started this one. Directly after the start, if at all. (output)
    StartedBy {
        /// Which one, and what it is to this one.
        origin: Box<Origin>,
    },
    /// A child was called. (output)
    ChildScheduled {
        /// Joins it to its completion.
        id: CorrelationId,
        /// The orchestration.
        name: Name,
        /// Its version; `None` stands for the newest.
        version: Option<Version>,
        /// What it is given.
        input: Payload,
        /// The child's id.
        instance: InstanceId,
        /// What becomes of it when this execution ends first.
        parent_close: ParentClose,
        /// What happens when it fails.
        retry: Option<Box<RecordedRetry>>,
    },
    /// A child returned a value. (input)
    ChildCompleted {
        /// Of the [`Event::ChildScheduled`].
        id: CorrelationId,
        /// What it returned.
        output: Payload,
    },
    /// A child ended without a value, or was not started. (input)
    ChildFailed {
        /// Of the [`Event::ChildScheduled`].
        id: CorrelationId,
        /// Why.
        error: Box<ChildError>,
    },
    /// The future of a child that had not ended was dropped, or ended by a cancel: the child is
    /// cancelled. (output)
    ChildCancelRequested {
        /// Of the [`Event::ChildScheduled`].
        id: CorrelationId,
    },
    /// A detached orchestration was started. (output)
    StartRequested {
        /// Joins it to the answer.
        id: CorrelationId,
        /// The orchestration.
        name: Name,
        /// Its version; `None` stands for the newest.
        version: Option<Version>,
        /// What it is given.
        input: Payload,
        /// Its id.
        instance: InstanceId,
    },
    /// A child was not called, or a detached orchestration not started, because its input is not of
    /// its type; or a request not sent that would start one. (output)
    CallRefused {
        /// Used up, so that ids stay in the order in which the code schedules.
        id: CorrelationId,
        /// The orchestration.
        name: Name,
        /// Why.
        error: Box<ChildError>,
    },
    /// An external event was raised on another instance. (output)
    EventSent {
        /// Joins it to the answer.
        id: CorrelationId,
        /// The other instance.
        to: InstanceId,
        /// The event.
        name: Name,
        /// What it carries.
        data: Payload,
    },
    /// Messages are known to have arrived: they are not sent again. The only kind that can stand
    /// after the end. (input)
    MessagesDelivered {
        /// Those of the outbox.
        messages: Vec<MessageId>,
        /// After the end: the number of the turn in which the execution ended.
        end: Option<u64>,
    },
    /// A message was refused for good. (input)
    MessageRefused {
        /// One of the outbox.
        message: MessageId,
        /// Why.
        why: NotTaken,
    },
    /// The execution goes on for an earlier one, and has these messages of it to deliver. A turn of
    /// the beginning, if at all. (input)
    OutboxCarried {
        /// In order, for each instance.
        messages: Vec<Message>,
    },
    /// An attempt of a child failed, and another begins, as an instance of its own. It supersedes the
    /// one of the attempt before. (input)
    ChildAttemptFailed {
        /// Of the [`Event::ChildScheduled`].
        id: CorrelationId,
        /// Which attempt; the first is 1, and so is the one that was under way at a rewind.
        attempt: u32,
        /// Why.
        error: Box<ChildError>,
        /// When the code of the next one runs.
        retry_at: Timestamp,
    },
    /// The activity that was just scheduled has a tag. Directly after its [`Event::TaskScheduled`],
    /// or after its [`Event::TaskConfigured`]. (output)
    TaskTagged {
        /// Of the [`Event::TaskScheduled`].
        id: CorrelationId,
        /// Which hosts may run it: those that declare this tag.
        tag: Name,
    },
    /// These children were called in what a rewind has undone, or were cancelled in it: a call under
    /// the same id takes the place of such a child. After a rewind, or at the beginning. (input)
    ChildrenSuperseded {
        /// In the order of their calls.
        children: Vec<SupersededChild>,
    },
    /// Commands with these keys have come: when one of them comes again, it is no other command. The
    /// turn in front of what the command does, if it does anything; or carried over from before. (input)
    CommandsReceived {
        /// Oldest first.
        keys: Vec<EventKey>,
    },
    /// An attempt of an activity begins, on a host that came after one that may have died while the
    /// activity ran. Recorded before it runs: when it has no end, and did not
    /// [stop](Event::TaskStopped), the host has died with it. (input)
    TaskStarted {
        /// Of the [`Event::TaskScheduled`].
        id: CorrelationId,
        /// The attempt.
        attempt: u32,
        /// How many hosts are known to have died while earlier attempts ran.
        died: u32,
    },
    /// The host of an attempt whose [start](Event::TaskStarted) is recorded has ended by a shutdown, and
    /// not of it. The same attempt begins again elsewhere. (input)
    TaskStopped {
        /// Of the [`Event::TaskScheduled`].
        id: CorrelationId,
    },
    /// The code goes on as a new execution, and that stays in this log, because another one would have to
    /// begin with a copy of too many events that nobody has taken. What is open is called off, as after
    /// [`Event::ExecutionContinued`]; the timer of a start follows. (output)
    ExecutionRenewed {
        /// What the code is given next.
        input: Payload,
        /// The places of the external events that the code has taken since it began, or was renewed.
        taken: Vec<u64>,
    },
    /// The code is about to run, on a host that came after one that may have died of it. Recorded before
    /// it runs: when nothing comes of that, and it was not [survived](Event::RunSurvived), the host has
    /// died. (input)
    RunAnnounced {
        /// How many hosts are known to have died while the code ran, since it made a step.
        died: u32,
    },
    /// The code has run to where it waits, without a step. (input)
    RunSurvived,
    /// The execution cannot go on for now: its code does not fit its log, or is not there. What comes
    /// is recorded, and the code does not run. Not a second time before it goes on. (input)
    ExecutionParked {
        /// Why.
        reason: String,
    },
    /// A parked execution goes on: its code fits its log, and sees what has come meanwhile. (input)
    ExecutionUnparked,
    /// The activity that was just scheduled is [local](crate::OrchestrationContext::call_local): it may
    /// have run before this was durable. Directly after its [`Event::TaskScheduled`], or after its
    /// [`Event::TaskConfigured`]. (output)
    TaskLocal {
        /// Of the [`Event::TaskScheduled`].
        id: CorrelationId,
    },
    /// The trace in which somebody asked for the input before: of a start, the trace of the execution.
    /// Directly after the start, with its origin and version, or after an event that was raised, a cancel, an end
    /// without asking the code, a suspension or its end, if at all. The code has no part in it. (output)
    TraceContextReceived {
        /// The context.
        received: Box<ReceivedTrace>,
    },
    /// The code asks something of another instance: to end, to stop, to go on. (output)
    CommandSent {
        /// Joins it to the answer.
        id: CorrelationId,
        /// The other instance.
        to: InstanceId,
        /// What it is asked.
        command: InstanceCommand,
    },
    /// The code published a value that everybody can read, or cleared it. In the first turn: it was carried
    /// over. (output)
    ValuePublished {
        /// Under which name.
        name: Name,
        /// The value; `None` when there is none any more.
        value: Option<Payload>,
    },
    /// The code answered an update, or dropped it: a request that came as an external event with this key.
    /// (output)
    UpdateAnswered {
        /// Of the [`Event::ExternalRaised`].
        key: EventKey,
        /// The answer.
        answer: UpdateAnswer,
    },
    /// The execution goes on for an earlier one, and knows these answers of it. (input)
    UpdateAnswersCarried {
        /// The newest ones, oldest first.
        answers: Vec<(EventKey, UpdateAnswer)>,
    },
    /// An attempt of an activity has returned, and is completed [from outside](crate::ActivityToken): it
    /// does not run again, and its time limits go on. (input)
    TaskDeferred {
        /// Of the [`Event::TaskScheduled`].
        id: CorrelationId,
        /// The attempt.
        attempt: u32,
        /// When it began: its limit counts from there.
        began_at: Timestamp,
        /// When its last heartbeat came, or when it began.
        heard_at: Timestamp,
    },
    /// The code began to wait for an external event of any name. (output)
    AnySubscribed {
        /// Names the wait.
        id: CorrelationId,
    },
    /// A wait for an event of any name has taken one. (output)
    ExternalTaken {
        /// Of the [`Event::AnySubscribed`].
        id: CorrelationId,
        /// The event.
        name: Name,
        /// Its place in the log.
        place: u64,
    },
    /// A request of one instance to another. (input or output)
    Request(RequestEvent),
    /// Something happened to the streams of the execution. (input or output: see there)
    Streamed(StreamEvent),
    /// About the time that the instance, or a child of it, may take.
    TimeLimit(TimeLimitEvent),
    /// The code set or cleared an attribute of the instance. In the first turn: the execution begins with some.
    /// (output)
    AttributesChanged {
        /// What became of them.
        change: Box<AttributeChange>,
    },
    /// The instance is a fork: what stands in front of this was copied from the log of another one, which the code
    /// sees there as itself. Not the first turn; the [`Event::ExecutionRewound`] of it follows. (input)
    ExecutionForked {
        /// Of which.
        fork: Box<ForkedFrom>,
    },
}
