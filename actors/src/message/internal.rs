//! The messages that only the runtime sends to the actor of an instance.

use std::sync::Arc;

use reenact_core::{
    ActivityError, ActivityToken, ChildError, Command, CorrelationId, EmittedBy, EventKey,
    InstanceCommand, InstanceId, MessageId, Name, NotTaken, Payload, RemoteCommand, RemoteFork,
    Rewind, Start, SupersededCall, Timestamp, TraceContext, UpdateReturn, Version,
};
use tokio::sync::oneshot;

use super::event::ExternalEvent;
use super::reply::Reply;
use crate::activity::{Batch, EndedCall};
use crate::admission::Place;
use crate::error::Result;
use crate::in_flight::InFlight;
use crate::message::OpenCalls;
use crate::reuse::ReusePolicy;
use crate::run::Run;

/// A message that only the runtime sends to an instance.
#[doc(hidden)]
#[derive(Debug)]
pub struct RuntimeMessage(pub(crate) Internal);

#[derive(Debug)]
pub(crate) enum Internal {
    /// Begin. Always the first message of a fresh instance.
    Start(Box<StartMessage>),
    /// Go back to an earlier place.
    Rewind(Box<RewindMessage>),
    /// Be in memory; there is nothing else to do.
    Activate,
    CompleteTask {
        run: Run,
        id: CorrelationId,
        result: Result<Payload, ActivityError>,
        /// Kept until this is durable: before that the attempt is not taken again.
        known: EndedCall,
    },
    /// Record that an attempt of an activity begins, because the host may die of it. Answered when that is
    /// durable, and not at all when the attempt is not to run.
    RecordStart {
        run: Run,
        id: CorrelationId,
        attempt: u32,
        reply: Reply,
    },
    /// Be in memory, because the host starts: an earlier host may have died of this instance.
    Recover,
    /// The host ends by a shutdown, and what runs on it is stopped.
    HostStops,
    RecordHeartbeat {
        run: Run,
        id: CorrelationId,
        attempt: u32,
        details: Payload,
    },
    /// Record items that an attempt of an activity emits.
    EmitItems(Box<EmitItems>),
    FireTimer {
        run: Run,
        id: CorrelationId,
        /// Kept until the message is handled.
        fired: InFlight,
    },
    /// Leave memory, unless something has happened since then or is under way.
    PassivateIfIdleSince(Timestamp, Asked),
    /// Something woke the code from outside a turn.
    ForeignWake,
    /// Report the open calls, once the turns are durable that opened them.
    ReportOpen(oneshot::Sender<OpenCalls>),
    /// A message of another instance.
    FromAnother(Box<FromAnother>),
    /// A message of this instance has arrived, or never will.
    Answered {
        message: MessageId,
        taken: Result<(), NotTaken>,
        /// The run that sent the message, if the answer is from this host.
        sent_by: Option<Run>,
        /// Answered when that is durable, or need not be. `None` if the answer is from this host.
        reply: Option<Reply>,
    },
    /// An attempt of an activity that runs on another host has ended, or has sent a heartbeat.
    FromWorker(Box<FromWorker>),
    /// Somebody outside completes an activity, or reports a heartbeat of it.
    FromOutside(Box<FromOutside>),
    /// A command that may be delivered again.
    Once(Box<OnceMessage>),
    /// Send a message again.
    SendAgain {
        message: MessageId,
        tries: u32,
    },
    /// Record the messages that have arrived.
    Settle,
    /// Give back the locks that a parked instance has left.
    GiveBackLocks,
    /// This wait of turns for local activities has lasted long enough.
    EndWait(u64),
}

/// Items that an attempt of an activity emits.
#[derive(Debug)]
pub(crate) struct EmitItems {
    pub(crate) run: Run,
    pub(crate) by: EmittedBy,
    pub(crate) batch: Batch,
    /// Answered when they are durable.
    pub(crate) reply: Reply,
}

/// A message of another instance to this one.
#[derive(Debug)]
pub(crate) struct FromAnother {
    pub(crate) from: InstanceId,
    pub(crate) content: Content,
    pub(crate) reply: Reply,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// An event or an update: with a key.
    Event(ExternalEvent),
    /// What came of an update of this instance.
    Return { lineage: u64, id: CorrelationId, answer: UpdateReturn },
    /// What its code asks of this instance.
    Command { command: InstanceCommand, key: EventKey, trace: Option<Box<TraceContext>> },
    /// A parent asks its child to end.
    Cancel { call: MessageId, reason: String },
    /// The result of a child for its parent.
    Result { lineage: u64, id: CorrelationId, result: Result<Payload, Box<ChildError>> },
}

/// A report of an activity that runs on another host.
#[derive(Debug)]
pub(crate) struct FromWorker {
    /// The run that called it; the report changes nothing in a later run.
    pub(crate) run: Run,
    pub(crate) command: Command,
    pub(crate) reply: Reply,
}

/// What somebody outside says of an attempt of an activity.
#[derive(Debug)]
pub(crate) struct FromOutside {
    pub(crate) token: ActivityToken,
    pub(crate) what: Outside,
    pub(crate) reply: Option<Reply>,
}

#[derive(Debug)]
pub(crate) enum Outside {
    /// It has ended.
    Ended(Result<Payload, ActivityError>),
    /// It is alive, and so far.
    Heartbeat(Payload),
}

impl FromOutside {
    /// As an instance applies it.
    pub(crate) fn into_command(self) -> (Command, Option<Reply>) {
        let (id, attempt) = (self.token.id(), self.token.attempt());
        let command = match self.what {
            Outside::Ended(result) => Command::CompleteTask { id, attempt, result },
            Outside::Heartbeat(details) => Command::RecordHeartbeat { id, attempt, details },
        };
        (command, self.reply)
    }

    /// As it goes into a queue, and what the key of the message begins with.
    pub(crate) fn into_remote(self) -> (&'static str, RemoteCommand) {
        let (run, id, attempt) = (self.token.run(), self.token.id(), self.token.attempt());
        match self.what {
            Outside::Ended(result) => {
                ("complete", RemoteCommand::CompleteTask { run, id, attempt, result })
            }
            Outside::Heartbeat(details) => {
                ("heartbeat", RemoteCommand::RecordHeartbeat { run, id, attempt, details })
            }
        }
    }
}

/// Kept by a question that is under way.
pub(crate) type Asked = Arc<()>;

/// How an instance begins.
#[derive(Debug)]
pub(crate) struct StartMessage {
    pub(crate) name: Name,
    /// `None` means the newest.
    pub(crate) version: Option<Version>,
    pub(crate) start: Start,
    /// When its code may run, if not at once.
    pub(crate) not_before: Option<Timestamp>,
    /// Whether the id is the caller's own, and may be taken.
    pub(crate) own_id: bool,
    /// A place among the instances in memory, for one that a client starts. It goes to the supervisor of
    /// the shard, which keeps it until the actor has gone.
    pub(crate) place: Option<Place>,
    /// An event that is raised with the start, or on the instance that exists.
    pub(crate) event: Option<ExternalEvent>,
    /// What happens where there is an instance of the id.
    pub(crate) reuse: ReusePolicy,
    /// The instance of which it is a fork, if it is one: its orchestration, version and input are those of that one.
    pub(crate) fork: Option<Box<RemoteFork>>,
    /// Calls of the same parent that were undone: the instances that they started are replaced.
    pub(crate) instead_of: Vec<SupersededCall>,
    pub(crate) reply: Reply,
}

/// A command that may be delivered again, and counts once.
#[derive(Debug)]
pub(crate) struct OnceMessage {
    /// The key that distinguishes it from other commands.
    pub(crate) key: EventKey,
    /// Suspend, resume, cancel or terminate.
    pub(crate) command: Command,
    /// The trace in which it was asked for.
    pub(crate) trace: Option<Box<TraceContext>>,
    pub(crate) reply: Reply,
}

/// How an instance is rewound.
#[derive(Debug)]
pub(crate) struct RewindMessage {
    pub(crate) rewind: Rewind,
    pub(crate) reply: Reply,
}
