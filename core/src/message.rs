//! Messages between instances: starts, cancels, events, commands, and their answers.

mod command;
mod request;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::attributes::Attributes;
use crate::error::ChildError;
use crate::ids::{CorrelationId, EventKey, InstanceId, InvalidName, Name};
use crate::options::TimeLimits;
use crate::payload::Payload;
use crate::random::SplitMix64;
use crate::time::Timestamp;
use crate::trace_context::TraceContext;
use crate::version::Version;

pub use command::InstanceCommand;
pub(crate) use request::{ATTEMPT_OF_UNLOCK, LOCK_UPDATE};
pub use request::{OrStart, Request, Requester, UpdateReturn};

/// What one instance sends to another. It leaves when the events that it follows from are
/// durable, arrives at least once, and counts once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Names it among those of its sender.
    pub id: MessageId,
    /// Whom it is for.
    pub to: InstanceId,
    /// What it says.
    pub body: MessageBody,
}

/// Names a message among those of its sender: the same for the same message, however often it is
/// sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// The sender's run.
    pub lineage: u64,
    /// What it follows from in that run.
    pub id: CorrelationId,
    /// Which attempt of a child it is about; 2 for what gives back a lock, and 1 for everything else.
    pub attempt: u32,
    /// What sort of message it is.
    pub kind: MessageKind,
}

/// What sort of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MessageKind {
    /// [`MessageBody::Start`], [`MessageBody::Replace`]
    Start,
    /// [`MessageBody::Cancel`]
    Cancel,
    /// [`MessageBody::Event`], or a [`MessageBody::Request`] without an answer
    Event,
    /// [`MessageBody::Result`]
    Result,
    /// [`MessageBody::Command`]
    Command,
    /// [`MessageBody::Request`], of an update
    Update,
    /// [`MessageBody::Return`]
    Return,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessageBody {
    /// Begin. An instance of the same origin has begun already.
    Start {
        /// The orchestration.
        name: Name,
        /// Its version; `None` stands for the newest.
        version: Option<Version>,
        /// What it is given.
        input: Payload,
        /// Who starts it.
        origin: Box<Origin>,
        /// When its code may run, if not at once.
        not_before: Option<Timestamp>,
    },
    /// To a child: end, as nobody waits for you any more.
    Cancel {
        /// Why.
        reason: String,
    },
    /// An external event.
    Event {
        /// The event.
        name: Name,
        /// What it carries.
        data: Payload,
    },
    /// To a parent: how the child has ended.
    Result {
        /// The parent's run.
        lineage: u64,
        /// Of the call.
        id: CorrelationId,
        /// What it returned, or ended with.
        result: Result<Payload, Box<ChildError>>,
    },
    /// Begin, as after [`MessageBody::Start`]. An instance that one of these calls has started makes
    /// room: the new one takes its place under the same id.
    Replace {
        /// The orchestration.
        name: Name,
        /// Its version; `None` stands for the newest.
        version: Option<Version>,
        /// What it is given.
        input: Payload,
        /// Who starts it.
        origin: Box<Origin>,
        /// When its code may run, if not at once.
        not_before: Option<Timestamp>,
        /// Calls of the same parent that were undone.
        instead_of: Vec<SupersededCall>,
    },
    /// Another message, and the trace in which it is sent. Only on its way: no outbox has it.
    Traced {
        /// The trace.
        context: Box<TraceContext>,
        /// The message.
        body: Box<MessageBody>,
    },
    /// What the code of another instance asks of this one.
    Command {
        /// The command.
        command: InstanceCommand,
    },
    /// What the code of another instance asks of this one, or of the one that it starts.
    Request(Box<Request>),
    /// To the instance that has sent an update: what came of it.
    Return {
        /// That one's run.
        lineage: u64,
        /// Of the call.
        id: CorrelationId,
        /// What came of it.
        answer: UpdateReturn,
    },
    /// A start, of an instance that has time limits.
    Limited {
        /// Which.
        limits: TimeLimits,
        /// The start.
        body: Box<MessageBody>,
    },
    /// A start, of an instance that begins with attributes.
    Attributed {
        /// Which. They are within their limits.
        attributes: Attributes,
        /// The start.
        body: Box<MessageBody>,
    },
}

/// A call of a child that no longer counts, as the parent was rewound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupersededCall {
    /// The parent's run in which the child was started.
    pub lineage: u64,
    /// Of the call in it.
    pub id: CorrelationId,
    /// The call itself was kept, and only a cancel of the child was undone: a child that has ended
    /// without a cancel is not replaced, and its result counts.
    pub unless_ended: bool,
}

/// The child of a call that no longer counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupersededChild {
    /// The child's id; that of its first attempt.
    pub instance: InstanceId,
    /// The call that has started it.
    pub call: SupersededCall,
}

/// Who started an instance: another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// That one.
    pub instance: InstanceId,
    /// Its run.
    pub lineage: u64,
    /// Of the call in it.
    pub id: CorrelationId,
    /// Which attempt of the call it is; the first is 1.
    pub attempt: u32,
    /// How deep children are nested here; 0 for one that is nobody's child.
    pub depth: u32,
    /// What it is to that one.
    pub relation: Relation,
}

/// What an instance is to the one that started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// Its result is waited for.
    Child,
    /// Nothing more.
    Detached,
}

/// Why the other instance does not take a message, and never will.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotTaken {
    /// There is no such instance.
    NotFound,
    /// It has finished.
    Finished,
    /// Another instance has the id.
    AlreadyExists,
    /// Its code declares its events, and none of that name.
    UnknownEvent,
    /// The data is not what its code declares that the event carries.
    InvalidEventData,
    /// The check that its code declares refuses the update: a value of the type of its refusals.
    Refused(Payload),
    /// Too much waits for its code: it takes no more updates for now.
    Full,
}

impl NotTaken {
    /// What it is, in a word or two; no user data.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotFound => "NotFound",
            Self::Finished => "Finished",
            Self::AlreadyExists => "AlreadyExists",
            Self::UnknownEvent => "UnknownEvent",
            Self::InvalidEventData => "InvalidEventData",
            Self::Refused(_) => "Refused",
            Self::Full => "Full",
        }
    }

    /// Bytes of user data in it.
    pub(crate) fn bytes(&self) -> usize {
        if let Self::Refused(reason) = self { reason.len() } else { 0 }
    }
}

impl Message {
    /// Bytes of user data that it carries: of ids as well, which can be longer than the rest.
    pub(crate) fn payload_bytes(&self) -> usize {
        Self::bytes_of(&self.to, &self.body)
    }

    fn bytes_of(to: &InstanceId, body: &MessageBody) -> usize {
        let body = match body {
            MessageBody::Start { name, input, origin, .. }
            | MessageBody::Replace { name, input, origin, .. } => {
                name.as_str().len() + input.len() + origin.instance.as_str().len()
            }
            MessageBody::Cancel { reason } => reason.len(),
            MessageBody::Command { command } => command.reason().map_or(0, str::len),
            MessageBody::Event { name, data } => name.as_str().len() + data.len(),
            MessageBody::Request(request) => request.name.as_str().len() + request.bytes(),
            MessageBody::Return { answer, .. } => answer.bytes(),
            MessageBody::Attributed { attributes, body } => {
                return attributes.bytes() + Self::bytes_of(to, body);
            }
            MessageBody::Traced { body, .. } | MessageBody::Limited { body, .. } => {
                return Self::bytes_of(to, body);
            }
            MessageBody::Result { result, .. } => {
                result.as_ref().map_or_else(|error| error.stored_bytes(), Payload::len)
            }
        };
        to.as_str().len() + body
    }
}

impl MessageBody {
    /// Who starts an instance by it, if it starts one.
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Start { origin, .. } | Self::Replace { origin, .. } => Some(origin),
            Self::Traced { body, .. }
            | Self::Limited { body, .. }
            | Self::Attributed { body, .. } => body.origin(),
            Self::Cancel { .. }
            | Self::Event { .. }
            | Self::Result { .. }
            | Self::Command { .. }
            | Self::Request(_)
            | Self::Return { .. } => None,
        }
    }

    /// Of which orchestration an instance is started by it, if one is, and in which version.
    pub fn starts(&self) -> Option<(&Name, Option<&Version>)> {
        match self {
            Self::Start { name, version, .. } | Self::Replace { name, version, .. } => {
                Some((name, version.as_ref()))
            }
            Self::Traced { body, .. }
            | Self::Limited { body, .. }
            | Self::Attributed { body, .. } => body.starts(),
            Self::Cancel { .. }
            | Self::Event { .. }
            | Self::Result { .. }
            | Self::Command { .. }
            | Self::Request(_)
            | Self::Return { .. } => None,
        }
    }

    /// When the code may run of what is started by it, if not at once.
    pub fn not_before(&self) -> Option<Timestamp> {
        match self {
            Self::Start { not_before, .. } | Self::Replace { not_before, .. } => *not_before,
            Self::Traced { body, .. }
            | Self::Limited { body, .. }
            | Self::Attributed { body, .. } => body.not_before(),
            Self::Cancel { .. }
            | Self::Event { .. }
            | Self::Result { .. }
            | Self::Command { .. }
            | Self::Request(_)
            | Self::Return { .. } => None,
        }
    }

    /// The message without the trace in which it is sent, and that.
    pub fn untraced(self) -> (Self, Option<Box<TraceContext>>) {
        let Self::Traced { context, body } = self else { return (self, None) };
        (body.untraced().0, Some(context))
    }

    /// Whether what comes back says that it has arrived, so that this need not be recorded by itself.
    pub(crate) fn comes_back(&self) -> bool {
        self.starts_child() || matches!(self, Self::Request(request) if request.is_update)
    }

    /// A start without its time limits, and those.
    pub fn unlimited(self) -> (Self, TimeLimits) {
        let Self::Limited { limits, body } = self else { return (self, TimeLimits::NONE) };
        (body.unlimited().0, limits)
    }

    /// A start without the attributes with which it begins, and those.
    pub fn unattributed(self) -> (Self, Attributes) {
        let Self::Attributed { attributes, body } = self else {
            return (self, Attributes::default());
        };
        (body.unattributed().0, attributes)
    }

    /// Without what is said besides.
    pub(crate) fn inner(&self) -> &Self {
        match self {
            Self::Traced { body, .. }
            | Self::Limited { body, .. }
            | Self::Attributed { body, .. } => body.inner(),
            Self::Start { .. }
            | Self::Replace { .. }
            | Self::Cancel { .. }
            | Self::Event { .. }
            | Self::Result { .. }
            | Self::Command { .. }
            | Self::Request(_)
            | Self::Return { .. } => self,
        }
    }

    pub(crate) fn inner_mut(&mut self) -> &mut Self {
        match self {
            Self::Traced { body, .. }
            | Self::Limited { body, .. }
            | Self::Attributed { body, .. } => body.inner_mut(),
            Self::Start { .. }
            | Self::Replace { .. }
            | Self::Cancel { .. }
            | Self::Event { .. }
            | Self::Result { .. }
            | Self::Command { .. }
            | Self::Request(_)
            | Self::Return { .. } => self,
        }
    }

    pub(crate) fn starts_child(&self) -> bool {
        self.origin().is_some_and(|origin| origin.relation == Relation::Child)
    }
}

impl SupersededCall {
    /// Whether it is the call that has started an instance of that origin, for the same parent.
    pub fn has_started(&self, origin: &Origin, parent: &InstanceId) -> bool {
        origin.relation == Relation::Child
            && origin.instance == *parent
            && (origin.lineage, origin.id) == (self.lineage, self.id)
    }
}

impl MessageId {
    /// Whether it is of a start, and of this run.
    pub(crate) fn is_start_of(self, lineage: u64) -> bool {
        self.kind == MessageKind::Start && self.lineage == lineage
    }

    /// The child that a turn is about which says no more than that its start in this run has arrived. The
    /// next failed attempt of the child supersedes such a turn.
    pub(crate) fn child_whose_start_arrived(
        arrived: &[Self],
        lineage: u64,
    ) -> Option<CorrelationId> {
        let [message] = arrived else { return None };
        message.is_start_of(lineage).then_some(message.id)
    }

    /// The idempotency key of an event, an update or a command from an instance, as the other one remembers it.
    ///
    /// # Errors
    /// None: it is short, and of letters that a key may have.
    pub fn event_key(self, from: &InstanceId) -> Result<EventKey, InvalidName> {
        let from = fnv(from.as_str().as_bytes());
        let Self { lineage, id, attempt, .. } = self;
        if attempt == 1 {
            EventKey::new(format!("from {from:016x}-{lineage:016x}-{}", id.0))
        } else {
            EventKey::new(format!("from {from:016x}-{lineage:016x}-{}~{attempt}", id.0))
        }
    }
}

impl Origin {
    /// Where the random numbers of the instance begin: each attempt has its own. The highest bit is
    /// free, as it is in the seeds of shells.
    pub fn seed(&self) -> u64 {
        let retries = u64::from(self.attempt.saturating_sub(1));
        SplitMix64::new(self.lineage ^ self.id.0.rotate_left(32) ^ retries).next() >> 1
    }
}

/// FNV-1a, 64 bit.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
