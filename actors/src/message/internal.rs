//! The messages that only the runtime sends to the actor of an instance.

use std::sync::Arc;

use reenact_core::{
    ActivityError, ChildError, Command, CorrelationId, EventKey, InstanceId, MessageId, Name,
    NotTaken, Payload, Rewind, Start, SupersededCall, Timestamp, Version,
};
use tokio::sync::oneshot;

use super::event::ExternalEvent;
use super::reply::Reply;
use crate::activity::EndedCall;
use crate::admission::Place;
use crate::error::Result;
use crate::message::OpenCalls;
use crate::pace::OnItsWay;
use crate::run::Run;

/// What only the runtime sends to an instance.
#[doc(hidden)]
#[derive(Debug)]
pub struct RuntimeMessage(pub(crate) Internal);

#[derive(Debug)]
pub(crate) enum Internal {
    /// Begin. Always the first message of a fresh instance.
    Start(Box<StartMessage>),
    /// Go back to an earlier place.
    Rewind(Box<RewindMessage>),
    /// Nothing to do but to be in memory.
    Activate,
    CompleteTask {
        run: Run,
        id: CorrelationId,
        result: Result<Payload, ActivityError>,
        /// The attempt is not taken again before this is durable.
        known: EndedCall,
    },
    /// Record that an attempt of an activity begins, for the host may die of it. Answered when that is
    /// durable, and not at all when the attempt is not to run.
    RecordStart {
        run: Run,
        id: CorrelationId,
        attempt: u32,
        reply: Reply,
    },
    /// Be in memory, now that the host starts: an earlier one may have died of it.
    Recover,
    /// The host ends by a shutdown, and what runs on it is stopped.
    HostStops,
    RecordHeartbeat {
        run: Run,
        id: CorrelationId,
        attempt: u32,
        details: Payload,
    },
    FireTimer {
        run: Run,
        id: CorrelationId,
        /// Until it is handled.
        fired: OnItsWay,
    },
    /// Go from memory, unless something happened since then or is under way.
    PassivateIfIdleSince(Timestamp, Asked),
    /// Something woke the code from outside a turn.
    ForeignWake,
    /// Report the open calls, once what they rest on is durable.
    ReportOpen(oneshot::Sender<OpenCalls>),
    /// A message of another instance.
    FromAnother(Box<FromAnother>),
    /// A message of this instance has arrived, or never will.
    Answered {
        message: MessageId,
        taken: Result<(), NotTaken>,
        /// The run that sent it, where the answer is from this host.
        sent_by: Option<Run>,
        /// Told when that is durable, or need not be. None where the answer is from this host.
        reply: Option<Reply>,
    },
    /// An attempt of an activity that runs on another host has ended, or has sent a heartbeat.
    FromWorker(Box<FromWorker>),
    /// A command that may come again.
    Once(Box<OnceMessage>),
    /// Try to tell another something again.
    SendAgain {
        message: MessageId,
        tries: u32,
    },
    /// Record what has arrived.
    Settle,
    /// That wait of turns for local activities has lasted long enough.
    EndWait(u64),
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
    /// Something has happened.
    Event { name: Name, data: Payload, key: EventKey },
    /// To a child: end.
    Cancel { call: MessageId, reason: String },
    /// To a parent: how a child has ended.
    Result { lineage: u64, id: CorrelationId, result: Result<Payload, Box<ChildError>> },
}

/// What comes of an activity that runs on another host.
#[derive(Debug)]
pub(crate) struct FromWorker {
    /// The run that called it; of an earlier one it changes nothing.
    pub(crate) run: Run,
    pub(crate) command: Command,
    pub(crate) reply: Reply,
}

/// Held by a question that is under way.
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
    /// The id is the caller's own, and may be taken.
    pub(crate) own_id: bool,
    /// A place among the instances in memory, for one that a client starts. It goes to the supervisor of
    /// the shard, which keeps it until the actor has gone.
    pub(crate) place: Option<Place>,
    /// Raised with the start, or on the instance that is there.
    pub(crate) event: Option<ExternalEvent>,
    /// Calls of the same parent that were undone: what they have started makes room.
    pub(crate) instead_of: Vec<SupersededCall>,
    pub(crate) reply: Reply,
}

/// A command that may come again, and counts once.
#[derive(Debug)]
pub(crate) struct OnceMessage {
    /// Tells it from others.
    pub(crate) key: EventKey,
    /// To suspend, resume, cancel or terminate.
    pub(crate) command: Command,
    pub(crate) reply: Reply,
}

/// How an instance is rewound.
#[derive(Debug)]
pub(crate) struct RewindMessage {
    pub(crate) rewind: Rewind,
    pub(crate) reply: Reply,
}
