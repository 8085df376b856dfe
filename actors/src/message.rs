//! What the actors tell each other.

use std::sync::Arc;

use ractor::{ActorRef, RpcReplyPort};
use reenact_core::{
    ActivityError, ChildError, Command, CorrelationId, EventKey, InstanceId, MessageId, Name,
    NamesEvent, NotTaken, Payload, Receipt, Rewind, Start, SupersededCall, Timestamp, Version,
};
use reenact_providers::ProviderError;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::admission::{Kind, Place};
use crate::answers::ClientRuntime;
use crate::error::{Error, Result};
use crate::instance::Begin;
use crate::mail::Unanswered;
use crate::pace::OnItsWay;
use crate::panic::catch;
use crate::run::Run;
use crate::snapshot::OpenCalls;
use crate::workers::KnownCall;

/// The answer to a command: sent when the turn that the command made is durable, or when it is
/// refused.
#[derive(Debug)]
pub struct Reply {
    way: Way,
    /// The client's place among the messages in flight; given back with the answer.
    permit: Option<OwnedSemaphorePermit>,
    /// What the client waits on, if answers go there together.
    client: Option<Arc<ClientRuntime>>,
}

/// The way of an answer.
#[derive(Debug)]
enum Way {
    Port(RpcReplyPort<Result<()>>),
    /// To the instance that sent the message.
    Sender(Box<Unanswered>),
}

impl Reply {
    /// To a client of this host, which has a place; one without a host needs none.
    pub(crate) fn admitted(
        port: oneshot::Sender<Result<()>>,
        permit: Option<OwnedSemaphorePermit>,
        client: Option<Arc<ClientRuntime>>,
    ) -> Self {
        Self { way: Way::Port(port.into()), permit, client }
    }

    /// To the sender of a message that is no client, and takes no place of one.
    pub(crate) fn to_instance(port: oneshot::Sender<Result<()>>) -> Self {
        Self { way: Way::Port(port.into()), permit: None, client: None }
    }

    /// Straight to the instance that sent the message, on this host.
    pub(crate) fn to_sender(message: Unanswered) -> Self {
        Self { way: Way::Sender(Box::new(message)), permit: None, client: None }
    }

    /// Whether it is to a client of this host.
    pub(crate) fn is_to_client(&self) -> bool {
        self.permit.is_some()
    }

    /// To say yes, once it is durable.
    pub(crate) fn yes(self) -> Answer {
        Answer { reply: self, answer: Ok(()) }
    }

    /// To say no, once that on which the refusal rests is durable.
    pub(crate) fn no(self, error: Error) -> Answer {
        Answer { reply: self, answer: Err(error) }
    }

    pub(crate) fn refuse(self, error: Error) {
        self.send(Err(error));
    }

    /// The place is free before the client knows: it may want it again at once.
    fn send(self, answer: Result<()>) {
        drop(self.permit);
        let port = match self.way {
            Way::Port(port) => port,
            Way::Sender(message) => return message.answer(answer),
        };
        // Nobody may wait any more. What this wakes is the client's.
        let send = move || drop(catch(|| port.send(answer)));
        match self.client {
            Some(client) => client.answer(send),
            None => send(),
        }
    }
}

/// An answer that is known, and waits for a receipt.
#[derive(Debug)]
pub(crate) struct Answer {
    reply: Reply,
    answer: Result<()>,
}

impl Answer {
    pub(crate) fn give(self, _durable: &Receipt) {
        self.reply.send(self.answer);
    }

    /// It did not become durable.
    pub(crate) fn refuse(self, error: Error) {
        self.reply.refuse(error);
    }
}

/// The port that `call` gives.
impl From<RpcReplyPort<Result<()>>> for Reply {
    fn from(port: RpcReplyPort<Result<()>>) -> Self {
        Self { way: Way::Port(port), permit: None, client: None }
    }
}

/// What the actor of an instance understands.
///
/// A host program that is itself a ractor program gets an `ActorRef<InstanceMessage>` and sends
/// external events as messages: with `cast` and no reply port, or with `call` and the port that it
/// gives. The answer comes when the event is durable.
///
/// Mailboxes are not durable: what was cast and not yet handled is lost in a crash. They are not
/// bounded either: a program that floods one should await the answers. An actor lives as long as
/// its instance is in memory; when the actor has gone, `cast` gives the message back in its error,
/// and the host gives a new reference.
#[derive(Debug)]
#[non_exhaustive]
pub enum InstanceMessage {
    /// Something happened outside.
    RaiseEvent {
        /// What.
        event: ExternalEvent,
        /// Told when it is durable, or why it is refused.
        reply: Option<Reply>,
    },
    /// End the instance now, without asking its code.
    Terminate {
        /// Why, for people.
        reason: String,
        /// Told when it is durable, or why it is refused.
        reply: Option<Reply>,
    },
    /// Ask the instance to end.
    Cancel {
        /// Why, for people.
        reason: String,
        /// Told when it is durable, or why it is refused.
        reply: Option<Reply>,
    },
    /// Do not let the instance's code go on until it is resumed.
    Suspend {
        /// Why, for people.
        reason: String,
        /// Told when it is durable, or why it is refused.
        reply: Option<Reply>,
    },
    /// Let the instance's code go on. One that is parked is tried again.
    Resume {
        /// Told when it is durable, or why it is refused.
        reply: Option<Reply>,
    },
    /// From within the runtime.
    #[doc(hidden)]
    Runtime(RuntimeMessage),
}

/// An external event: a name, data, and perhaps a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalEvent {
    pub(crate) name: Name,
    pub(crate) data: Payload,
    pub(crate) key: Option<EventKey>,
}

impl ExternalEvent {
    /// An event of that name with that data.
    ///
    /// # Errors
    /// [`Error::InvalidName`]; [`Error::InvalidPayload`] when the data does not encode or is too
    /// large.
    pub fn new<T: Serialize + ?Sized>(name: impl NamesEvent<T>, data: &T) -> Result<Self> {
        let name = Name::new(name.event_name())?;
        let data = Payload::encode(data).map_err(|source| Error::InvalidPayload {
            what: format!("the data of event `{name}`"),
            source,
        })?;
        Ok(Self { name, data, key: None })
    }

    /// Gives it an idempotency key: of the events that are raised on an instance with one key, the
    /// first counts, for as long as the execution lasts. Of an instance that continues as new, the newest
    /// [`CARRIED_EVENT_KEYS`](reenact_core::limits::CARRIED_EVENT_KEYS) keys go on to count.
    ///
    /// # Errors
    /// [`Error::InvalidName`] when the key is none.
    pub fn with_key(mut self, key: &str) -> Result<Self> {
        self.key = Some(EventKey::new(key)?);
        Ok(self)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.name.as_str().len() + self.data.len()
    }
}

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
        known: KnownCall,
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
    /// What is open? Told when that is durable.
    TellOpen(oneshot::Sender<OpenCalls>),
    /// Another instance tells this one something.
    FromAnother(Box<FromAnother>),
    /// What this one has told another has arrived, or never will.
    Answered {
        message: MessageId,
        taken: Result<(), NotTaken>,
        /// The run that sent it, where the answer is from this host.
        sent_by: Option<Run>,
        /// Told when that is durable, or need not be. None where the answer is from this host.
        reply: Option<Reply>,
    },
    /// An attempt of an activity that runs on another host has ended, or says how far it is.
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

/// What another instance tells this one.
#[derive(Debug)]
pub(crate) struct FromAnother {
    pub(crate) from: InstanceId,
    pub(crate) tell: Tell,
    pub(crate) reply: Reply,
}

#[derive(Debug)]
pub(crate) enum Tell {
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
    /// The newest where there is none.
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

impl From<Internal> for InstanceMessage {
    fn from(message: Internal) -> Self {
        Self::Runtime(RuntimeMessage(message))
    }
}

impl InstanceMessage {
    /// Whether it begins an instance, and is of no use to one that is there.
    pub(crate) fn is_start(&self) -> bool {
        matches!(
            self,
            Self::Runtime(RuntimeMessage(Internal::Start(start))) if start.event.is_none()
        )
    }

    /// What an actor begins with that is spawned for it.
    pub(crate) fn begin(&self) -> Begin {
        match self {
            Self::Runtime(RuntimeMessage(Internal::Start(start))) if start.own_id => Begin::Claim,
            Self::Runtime(RuntimeMessage(Internal::Start(_))) => Begin::Fresh,
            Self::Runtime(RuntimeMessage(Internal::Recover)) => Begin::Recover,
            message if message.is_resume() => Begin::Resume,
            _ => Begin::Activate,
        }
    }

    /// Whether it can do something about an instance that is parked: what needs no code, is kept, or
    /// tries it again; or is a start by the instance that has started it.
    pub(crate) fn is_for_parked(&self) -> bool {
        match self {
            Self::RaiseEvent { .. }
            | Self::Terminate { .. }
            | Self::Resume { .. }
            | Self::Runtime(RuntimeMessage(Internal::Rewind(_))) => true,
            Self::Runtime(RuntimeMessage(Internal::Once(once))) => {
                matches!(once.command, Command::Terminate { .. } | Command::Resume)
            }
            Self::Runtime(RuntimeMessage(Internal::FromAnother(message))) => {
                matches!(message.tell, Tell::Event { .. })
            }
            Self::Runtime(RuntimeMessage(Internal::Start(start))) => {
                start.start.origin.is_some() || start.event.is_some()
            }
            _ => false,
        }
    }

    /// The place that it brings for the instance that it begins.
    pub(crate) fn place(&mut self) -> Option<&mut Option<Place>> {
        match self {
            Self::Runtime(RuntimeMessage(Internal::Start(start))) => Some(&mut start.place),
            _ => None,
        }
    }

    /// Whether it asks an instance to go from memory.
    pub(crate) const fn asks_to_passivate(&self) -> bool {
        matches!(self, Self::Runtime(RuntimeMessage(Internal::PassivateIfIdleSince(..))))
    }

    /// Whether it lets an instance go on.
    pub(crate) fn is_resume(&self) -> bool {
        match self {
            Self::Resume { .. } => true,
            Self::Runtime(RuntimeMessage(Internal::Once(once))) => once.command == Command::Resume,
            _ => false,
        }
    }

    /// Whether a person does something about an instance that is parked.
    pub(crate) fn is_repair(&self) -> bool {
        matches!(
            self,
            Self::Terminate { .. }
                | Self::Resume { .. }
                | Self::Runtime(RuntimeMessage(Internal::Rewind(_) | Internal::Once(_)))
        )
    }

    /// How the instance is to be rewound, if it is.
    pub(crate) fn rewind(&self) -> Option<&Rewind> {
        match self {
            Self::Runtime(RuntimeMessage(Internal::Rewind(message))) => Some(&message.rewind),
            _ => None,
        }
    }

    /// Whoever waits for an answer.
    pub(crate) fn reply(self) -> Option<Reply> {
        match self {
            Self::RaiseEvent { reply, .. }
            | Self::Terminate { reply, .. }
            | Self::Cancel { reply, .. }
            | Self::Suspend { reply, .. }
            | Self::Resume { reply } => reply,
            Self::Runtime(RuntimeMessage(Internal::Start(start))) => Some(start.reply),
            Self::Runtime(RuntimeMessage(Internal::Rewind(rewind))) => Some(rewind.reply),
            Self::Runtime(RuntimeMessage(Internal::FromAnother(message))) => Some(message.reply),
            Self::Runtime(RuntimeMessage(Internal::Answered { reply, .. })) => reply,
            Self::Runtime(RuntimeMessage(Internal::FromWorker(message))) => Some(message.reply),
            Self::Runtime(RuntimeMessage(Internal::Once(once))) => Some(once.reply),
            Self::Runtime(_) => None,
        }
    }

    /// Answers without having done anything.
    pub(crate) fn refuse(self, error: impl FnOnce() -> Error) {
        if let Some(reply) = self.reply() {
            reply.refuse(error());
        }
    }
}

/// What a shard supervisor understands.
#[derive(Debug)]
pub(crate) enum ShardMessage {
    /// For an instance that had no actor when it was sent.
    Deliver { instance: InstanceId, message: InstanceMessage },
    /// Bring the instance into memory and give its actor.
    Locate { instance: InstanceId, reply: oneshot::Sender<Result<ActorRef<InstanceMessage>>> },
    /// Let go from memory what has been idle for this long.
    Sweep { idle: std::time::Duration },
    /// Let go from memory what is idle now.
    MakeRoom,
    /// Ask the next instances whether they can go.
    SweepOn,
    /// Bring into memory what is due, by the time at which it was. With what lets other timers fire once it is
    /// in line.
    Wake(Vec<Due>, Vec<OnItsWay>),
    /// There may be room for the next that wait to come into memory.
    Admit,
    /// Whether instances still hold too much in memory.
    LookAtMemory,
    /// The place that was waited for is there; `None` where the next one does without.
    PlaceFound(Kind, Option<Place>),
    /// Remove a finished instance.
    Purge { instance: InstanceId, reply: oneshot::Sender<Result<()>> },
    /// Handle what has come, let everything go, give up the lease.
    Drain { reply: oneshot::Sender<()> },
}

/// An instance that its log, or a timer, wants in memory.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) at: Timestamp,
    pub(crate) instance: InstanceId,
    /// The host has just started: an earlier one may have died of it.
    pub(crate) is_recovered: bool,
}

impl ShardMessage {
    /// Answers without having done anything: the shard is down.
    pub(crate) fn refuse(self, why: Arc<ProviderError>) {
        let down = Error::from(why);
        // Whoever asked may have given up.
        match self {
            Self::Deliver { message, .. } => message.refuse(|| down),
            Self::Locate { reply, .. } => drop(reply.send(Err(down))),
            Self::Purge { reply, .. } => drop(reply.send(Err(down))),
            Self::Sweep { .. }
            | Self::MakeRoom
            | Self::SweepOn
            | Self::Wake(..)
            | Self::Admit
            | Self::LookAtMemory
            | Self::PlaceFound(..)
            | Self::Drain { .. } => {}
        }
    }
}

#[cfg(feature = "cluster")]
mod cluster {
    impl ractor::Message for super::InstanceMessage {}
    impl ractor::Message for super::ShardMessage {}
}
