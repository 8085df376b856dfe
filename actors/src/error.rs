//! The errors of the runtime, grouped by what the caller can do.

mod convert;
mod entity;
mod execution;
mod fork;
mod kind;
mod park;
mod park_kind;
mod refusal;
mod update;

use std::path::PathBuf;
use std::sync::Arc;

use reenact_core::{
    AttributeError, CorrelationId, EventKey, ExecutionId, InstanceId, InvalidActivityToken,
    InvalidName, InvalidOptions, InvalidVersion, Name, OrchestrationError, Payload, PayloadError,
    Version,
};
use reenact_providers::{OpenError, ProviderError};

pub use self::entity::{EntityCallError, EntityError, EntityFailure, EntityFailureKind, NoRefusal};
pub use self::fork::WaitsForOthers;
pub use self::kind::ErrorKind;
use self::park::instead;
pub use self::park::{Mismatch, MismatchSide, ParkReason};
pub use self::update::UpdateError;
use crate::state::MissingState;

/// The result of most calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call did not do what it was asked to do. [`kind`](Self::kind) says what a program can do about it.
/// Unless a variant says otherwise, nothing was stored.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An id, a name or a key is invalid.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// An attribute cannot be set so.
    #[error(transparent)]
    InvalidAttribute(#[from] AttributeError),
    /// A text is no token of an activity.
    #[error(transparent)]
    InvalidToken(#[from] InvalidActivityToken),
    /// The attempt of an activity was completed before, with this token or by itself. It counts once.
    #[error("activity {id} of instance `{instance}` was completed before; a token counts once")]
    TokenUsed {
        /// The instance.
        instance: InstanceId,
        /// The call.
        id: CorrelationId,
    },
    /// The attempt of an activity is over that was to be completed from outside.
    #[error("activity {id} of instance `{instance}` cannot be completed any more: {why}")]
    TooLate {
        /// The instance.
        instance: InstanceId,
        /// The call.
        id: CorrelationId,
        /// Why: its time is over, or nobody waits for it.
        why: String,
    },
    /// A host declares an invalid tag.
    #[error("a host cannot declare the tag {tag:?}: {source}")]
    InvalidTag {
        /// The tag.
        tag: String,
        /// What is wrong with it.
        #[source]
        source: InvalidName,
    },
    /// A version is invalid.
    #[error(transparent)]
    InvalidVersion(#[from] InvalidVersion),
    /// A value does not encode or decode, or is too large.
    #[error("{what}: {source}")]
    InvalidPayload {
        /// Which value.
        what: String,
        /// What is wrong with it.
        #[source]
        source: PayloadError,
    },
    /// Two orchestrations, or two activities, were registered under one name; orchestrations: and in
    /// the same version.
    #[error("{} is registered twice; give one of them another name{}", named(.name, .version), or_version(.version))]
    RegisteredTwice {
        /// The name.
        name: Name,
        /// The version, of an orchestration that has one.
        version: Option<Version>,
    },
    /// The code for names that are not registered was given twice.
    #[error("the dynamic {what} was given twice; give one that looks at the name")]
    DynamicTwice {
        /// Of what.
        what: &'static str,
    },
    /// This host does not have the orchestration.
    #[error(
        "orchestration `{name}` is not registered on this host; register it, or use a host that has it"
    )]
    UnknownOrchestration {
        /// The name.
        name: Name,
    },
    /// This host has the orchestration, but not in that version.
    #[error("orchestration `{name}` is not registered in version {version} on this host, {}", instead(.registered))]
    UnknownVersion {
        /// The name.
        name: Name,
        /// The version that was asked for.
        version: Version,
        /// The versions that the host has, oldest first.
        registered: Vec<Version>,
    },
    /// An option names an activity that this host does not have: as one with a limit, or as one that blocks.
    #[error(
        "activity `{name}` is not registered on this host, but an option names it; register it, or correct the name"
    )]
    UnknownActivity {
        /// The name.
        name: Name,
    },
    /// An activity needs a value that the host was not given.
    #[error(transparent)]
    MissingState(#[from] MissingState),
    /// The host was given two values of one type, so that activities could not distinguish them. Wrap
    /// one of them in a type of its own.
    #[error("the host was given two values of type `{state}`; wrap one in a type of its own")]
    StateGivenTwice {
        /// The type's name.
        state: &'static str,
    },
    /// There is no such instance.
    #[error("instance `{instance}` does not exist")]
    NotFound {
        /// Its id.
        instance: InstanceId,
    },
    /// The id is taken, by an instance that runs or has finished. Choose another id, or purge the
    /// finished one.
    #[error(
        "instance `{instance}` exists already; choose another id, or purge it once it has finished"
    )]
    AlreadyExists {
        /// Its id.
        instance: InstanceId,
    },
    /// The instance has finished; nothing more can happen to it.
    #[error("instance `{instance}` has finished")]
    Finished {
        /// Its id.
        instance: InstanceId,
    },
    /// The instance has not finished yet.
    #[error("instance `{instance}` has not finished; terminate it or wait for it first")]
    NotFinished {
        /// Its id.
        instance: InstanceId,
    },
    /// The history of the instance has no event at that position, or the event is in the first turn, or in what a
    /// fork has copied, which must stay. To begin anew, purge the instance and start it again.
    #[error(
        "instance `{instance}` cannot go back to before event {position} of {length}: its beginning must stay"
    )]
    NoSuchPosition {
        /// Its id.
        instance: InstanceId,
        /// The place.
        position: u64,
        /// Number of events in its history.
        length: u64,
    },
    /// The instance cannot be forked in that place.
    #[error(transparent)]
    NotForkable(Box<WaitsForOthers>),
    /// The history of the instance has no event at that position, or no page there.
    #[error(
        "the history of instance `{instance}` has {length} events, and none at position {position}"
    )]
    PastTheEnd {
        /// Its id.
        instance: InstanceId,
        /// The position.
        position: u64,
        /// Number of events in its history, as far as that is known.
        length: u64,
    },
    /// An execution of an instance is not there: there never was one of that number, or it is not
    /// [kept](crate::HostOptions::keep_executions) since the instance has gone on as a new one, or was rewound.
    #[error("instance `{instance}` has no execution {}; {}", asked.0, execution::that_are_there(*oldest, *newest))]
    OtherExecution {
        /// Its id.
        instance: InstanceId,
        /// The execution that was asked for.
        asked: ExecutionId,
        /// The first one that is there.
        oldest: ExecutionId,
        /// The one that it is in. All between the two are there.
        newest: ExecutionId,
    },
    /// The items of a stream from that offset on are not there any more: the instance has continued as new, and
    /// has kept the newest ones only. Read on from the first that is there.
    #[error(
        "item {offset} of the stream `{stream}` of instance `{instance}` was trimmed; the first item that is there \
         has offset {first}"
    )]
    StreamTrimmed {
        /// The instance.
        instance: InstanceId,
        /// The stream.
        stream: Name,
        /// The offset that was asked for.
        offset: u64,
        /// The first offset that is there.
        first: u64,
    },
    /// The instance whose stream was read has been purged, and another one has its id. Its offsets are others.
    #[error(
        "instance `{instance}` whose stream `{stream}` was read was purged, and another one has its id; read the \
         stream from its beginning"
    )]
    StreamReplaced {
        /// The id of both.
        instance: InstanceId,
        /// The stream.
        stream: Name,
    },
    /// The instance has finished, but messages of it are not delivered yet: to its parent, to its children,
    /// or to instances to which it has sent events. They are delivered without your help; purge it later.
    #[error(
        "instance `{instance}` has finished, but messages of it to other instances are not delivered yet; \
         purge it later"
    )]
    NotTold {
        /// Its id.
        instance: InstanceId,
    },
    /// A start with an event needs an id of your own: without one, a second start would not find the
    /// instance of the first.
    #[error(
        "a start that raises event `{event}` needs an id of your own; give it one with `.id(..)`"
    )]
    NoId {
        /// The event.
        event: Name,
    },
    /// The instance is parked: its log is kept, and it goes on once the cause is gone and a host
    /// starts again, or it is resumed. It can be terminated, and rewound. External events are kept for
    /// it, unless its log cannot be read.
    #[error("instance `{instance}` is parked: {reason}")]
    Parked {
        /// Its id.
        instance: InstanceId,
        /// Why.
        reason: ParkReason,
    },
    /// The code cannot do its first turn: it does what no history can repeat, or calls an activity
    /// that is not registered. There is no instance.
    #[error("the instance was not started, and nothing is stored: {reason}")]
    NotStarted {
        /// Why.
        reason: ParkReason,
    },
    /// The orchestration returned an error, panicked, or passed a limit.
    #[error("instance `{instance}` failed: {source:#}")]
    Failed {
        /// Its id.
        instance: InstanceId,
        /// How.
        #[source]
        source: OrchestrationError,
    },
    /// Somebody terminated the instance.
    #[error("instance `{instance}` was terminated: {reason}")]
    Terminated {
        /// Its id.
        instance: InstanceId,
        /// Why, in their words.
        reason: String,
    },
    /// Somebody cancelled the instance, and its code ended for that.
    #[error("instance `{instance}` was cancelled: {reason}")]
    Cancelled {
        /// Its id.
        instance: InstanceId,
        /// Why, in their words.
        reason: String,
    },
    /// The instance has as many waiting events as it may have, and takes no more for now.
    #[error("instance `{instance}` has {limit} events waiting already; raise it again later")]
    TooManyEvents {
        /// Its id.
        instance: InstanceId,
        /// The limit.
        limit: usize,
    },
    /// The code of the instance declares the events that it takes, and none of that name. Nothing was
    /// stored.
    #[error(
        "instance `{instance}` takes no event `{event}`; it declares {}",
        .declared.join(", ")
    )]
    UnknownEvent {
        /// Its id.
        instance: InstanceId,
        /// The event.
        event: Name,
        /// The names of the events that it declares.
        declared: Vec<String>,
    },
    /// The code of the instance declares the update with a check, and that refuses it. Nothing was stored.
    #[error("instance `{instance}` refuses update `{update}`: {reason}")]
    UpdateRefused {
        /// Its id.
        instance: InstanceId,
        /// The update.
        update: Name,
        /// Why: a value of the type of the update's refusals.
        reason: Payload,
    },
    /// The instance has ended, and its code has not answered the update.
    #[error("instance `{instance}` has ended without an answer to update `{key}`")]
    NoAnswer {
        /// Its id.
        instance: InstanceId,
        /// Of the update.
        key: EventKey,
    },
    /// The update was answered in an earlier execution of the instance, and the answer is not kept any more.
    #[error("instance `{instance}` has answered update `{key}`, too long ago to know the answer")]
    AnswerForgotten {
        /// Its id.
        instance: InstanceId,
        /// Of the update.
        key: EventKey,
    },
    /// An operation of an entity was not done, and its state is as it was.
    #[error(transparent)]
    EntityFailed(EntityFailure),
    /// Names and ids that begin with `@` are of entities.
    #[error("there cannot be {what}: what begins with `@` is of entities; choose another name")]
    #[allow(missing_docs)]
    Reserved { what: String },
    /// An option of the start is invalid: a time limit of no time, for example. Nothing was stored.
    #[error(transparent)]
    InvalidOptions(#[from] InvalidOptions),
    /// A value is over one of the [limits](reenact_core::limits).
    #[error("{what}")]
    OverLimit {
        /// Which value, which limit.
        what: String,
    },
    /// The host has as much in flight as it may have, and its options say that it refuses more.
    #[error("the host is busy ({what}); try again later")]
    Busy {
        /// What there is too much of.
        what: &'static str,
    },
    /// The host is shutting down or has been dropped.
    #[error("the host is shutting down; send the request to another host, or to the next one")]
    ShuttingDown,
    /// The part of the host that had the request was restarted. Whether it counted is not known:
    /// look at the status, or raise the event again with the same key.
    #[error(
        "instance `{instance}`: its shard was restarted, and whether the request counted is not known; look at \
         its status before you try again"
    )]
    Interrupted {
        /// Its id.
        instance: InstanceId,
    },
    /// The store failed; or the instance's shard is down because it did, and nothing was done.
    #[error("the store failed: {source}")]
    Store {
        /// How, and what to do about it.
        #[source]
        source: Arc<ProviderError>,
    },
    /// The store is one that a single host has for itself: nothing can be done with it from outside of
    /// that host. Use a client of the host.
    #[error("the store is not shared: use a client of the host that has it")]
    NotShared,
    /// This access only reads. Nothing was changed. Use a client of the host that has the store; or, where no
    /// host runs, start one on it.
    #[error(
        "this access only reads{}, and nothing was changed; use a client of the host that has the store, or \
         start a host on it",
        .directory.as_ref().map(|directory| format!(" {}", directory.display())).unwrap_or_default()
    )]
    ReadOnly {
        /// The directory of the store, if it is in one.
        directory: Option<PathBuf>,
    },
    /// The start is durable in the queue of the instance's shard, but no host has taken it yet. It
    /// starts when one does. Look at its status; or start it again under the same id, which starts it
    /// once.
    #[error(
        "instance `{instance}`: no host has taken the start yet, it begins when one does; look at \
         its status later"
    )]
    Unanswered {
        /// Its id.
        instance: InstanceId,
    },
    /// A host could not take what was sent, for good: it is in quarantine, where people can look at it
    /// and send it again.
    #[error(
        "instance `{instance}`: a host could not take the message, which is in quarantine; mend the cause and \
         send it again from there: {reason}"
    )]
    Quarantined {
        /// Its id.
        instance: InstanceId,
        /// Why it could not be taken.
        reason: String,
    },
    /// The instance is of a shard that another host has: it has no actor here.
    #[error(
        "instance `{instance}` is on another host, and has no actor here; ask the host that has its shard"
    )]
    OnAnotherHost {
        /// Its id.
        instance: InstanceId,
    },
    /// A store cannot be opened. What is stored is as it was.
    #[error("the store cannot be opened: {source}")]
    Open {
        /// Why, and what to do about it.
        #[source]
        source: Arc<OpenError>,
    },
    /// What is stored of the instance does not decode.
    #[error(
        "instance `{instance}`: its stored history is not readable, put back a good copy of the store: {reason}"
    )]
    Unreadable {
        /// Its id.
        instance: InstanceId,
        /// What is wrong.
        reason: String,
    },
    /// A host needs a provider.
    #[error(
        "no provider was given; say where the logs are, for instance \
         `.provider(Local::open(\"orders.reenact\")?)`"
    )]
    NoProvider,
    /// The host could not be started. Nothing of it runs, and it holds nothing.
    #[error("the host could not be started: {reason}")]
    Startup {
        /// Why, and what to do about it.
        reason: String,
        /// The failure of the store, if it was one.
        #[source]
        source: Option<Arc<ProviderError>>,
    },
    /// [`HostOptions::threads`](crate::HostOptions::threads) asks for no threads, or for too many. Nothing was
    /// started.
    #[error(
        "a host cannot have {threads} threads for its shards: ask for 1 to {}",
        crate::MAX_SHARD_THREADS
    )]
    InvalidThreads {
        /// What was asked for.
        threads: usize,
    },
    /// The runtime has ended that [`HostOptions::activity_threads`](crate::HostOptions::activity_threads)
    /// names. Give the handle of one that lives longer than the host. Nothing was started.
    #[error(
        "the runtime has ended that the activities of the host are to run on: give the handle of one that \
         lives longer than the host"
    )]
    ActivityRuntimeEnded,
    /// A host needs a tokio runtime with time enabled. Nothing was started.
    #[error(
        "a host needs a tokio runtime with time enabled, and {missing}: start it under \
         `#[tokio::main]`, or on a runtime that is built with `enable_all()` or `enable_time()`"
    )]
    NoRuntime {
        /// What is missing.
        missing: &'static str,
    },
}

/// An orchestration, and its version if it has one.
fn named(name: &Name, version: &Option<Version>) -> String {
    match version {
        Some(version) => format!("`{name}` {version}"),
        None => format!("`{name}`"),
    }
}

fn or_version(version: &Option<Version>) -> &'static str {
    if version.is_some() { " or version" } else { "" }
}
