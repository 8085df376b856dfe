//! The messages that the actors send each other.

mod begin;
mod event;
mod internal;
mod open_calls;
mod reply;
mod shard;

use reenact_core::{Command, InstanceCommand, Rewind, TraceContext};

use crate::admission::Place;
use crate::error::Error;

pub(crate) use begin::Begin;
pub use event::ExternalEvent;
#[doc(hidden)]
pub use internal::RuntimeMessage;
pub(crate) use internal::{
    Asked, Content, EmitItems, FromAnother, FromOutside, FromWorker, Internal, OnceMessage,
    Outside, RewindMessage, StartMessage,
};
pub(crate) use open_calls::OpenCalls;
pub use reply::Reply;
pub(crate) use reply::{Answer, TakesAnswer};
pub(crate) use shard::{Due, ShardMessage};

/// A message to the actor of an instance.
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
    /// Something happened outside: raise an event.
    RaiseEvent {
        /// The event.
        event: ExternalEvent,
        /// Answered when it is durable, or with why it is refused.
        reply: Option<Reply>,
    },
    /// End the instance now, without asking its code.
    Terminate {
        /// Why, for people.
        reason: String,
        /// The trace in which it is asked for. That goes into the log.
        trace: Option<Box<TraceContext>>,
        /// Answered when it is durable, or with why it is refused.
        reply: Option<Reply>,
    },
    /// Ask the instance to end.
    Cancel {
        /// Why, for people.
        reason: String,
        /// The trace in which it is asked for. That goes into the log.
        trace: Option<Box<TraceContext>>,
        /// Answered when it is durable, or with why it is refused.
        reply: Option<Reply>,
    },
    /// Do not let the instance's code go on until it is resumed.
    Suspend {
        /// Why, for people.
        reason: String,
        /// The trace in which it is asked for. That goes into the log.
        trace: Option<Box<TraceContext>>,
        /// Answered when it is durable, or with why it is refused.
        reply: Option<Reply>,
    },
    /// Let the instance's code go on. One that is parked is tried again.
    Resume {
        /// The trace in which it is asked for. That goes into the log.
        trace: Option<Box<TraceContext>>,
        /// Answered when it is durable, or with why it is refused.
        reply: Option<Reply>,
    },
    /// A message from within the runtime.
    #[doc(hidden)]
    Runtime(RuntimeMessage),
}

impl From<Internal> for InstanceMessage {
    fn from(message: Internal) -> Self {
        Self::Runtime(RuntimeMessage(message))
    }
}

impl InstanceMessage {
    /// Whether a client begins an instance with it, so that it is useless for an instance that exists. A
    /// start by another instance may be of the very instance that exists.
    pub(crate) fn is_start_by_client(&self) -> bool {
        matches!(
            self,
            Self::Runtime(RuntimeMessage(Internal::Start(start)))
                if start.event.is_none()
                    && start.start.origin.is_none()
                    && start.reuse.is_none()
        )
    }

    /// How an actor begins that is started for this message.
    pub(crate) fn begin(&self) -> Begin {
        match self {
            Self::Runtime(RuntimeMessage(Internal::Start(start))) if start.own_id => Begin::Claim,
            Self::Runtime(RuntimeMessage(Internal::Start(_))) => Begin::Fresh,
            Self::Runtime(RuntimeMessage(Internal::Recover)) => Begin::Recover,
            message if message.is_resume() => Begin::Resume,
            Self::Runtime(_)
            | Self::RaiseEvent { .. }
            | Self::Terminate { .. }
            | Self::Cancel { .. }
            | Self::Suspend { .. }
            | Self::Resume { .. } => Begin::Activate,
        }
    }

    /// Whether it concerns a parked instance: it needs no code, is kept, gives back what the code held, or tries the
    /// instance again; or it is a start by the instance that started this one.
    pub(crate) fn is_for_parked(&self) -> bool {
        match self {
            Self::RaiseEvent { .. }
            | Self::Terminate { .. }
            | Self::Resume { .. }
            | Self::Runtime(RuntimeMessage(Internal::Rewind(_) | Internal::GiveBackLocks)) => true,
            Self::Runtime(RuntimeMessage(Internal::Once(once))) => {
                matches!(once.command, Command::Terminate { .. } | Command::Resume)
            }
            Self::Runtime(RuntimeMessage(Internal::FromAnother(message))) => {
                matches!(
                    message.content,
                    Content::Event(_)
                        | Content::Command { command: InstanceCommand::Terminate { .. }, .. }
                )
            }
            Self::Runtime(RuntimeMessage(Internal::Start(start))) => {
                start.start.origin.is_some() || start.event.is_some() || !start.reuse.is_none()
            }
            Self::Cancel { .. } | Self::Suspend { .. } | Self::Runtime(_) => false,
        }
    }

    /// The place that it brings for the instance that it begins.
    pub(crate) fn place(&mut self) -> Option<&mut Option<Place>> {
        match self {
            Self::Runtime(RuntimeMessage(Internal::Start(start))) => Some(&mut start.place),
            _ => None,
        }
    }

    /// Whether it asks an instance to leave memory.
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

    /// Whether a person sends it to help a parked instance.
    pub(crate) fn is_repair(&self) -> bool {
        matches!(
            self,
            Self::Terminate { .. }
                | Self::Resume { .. }
                | Self::Runtime(RuntimeMessage(Internal::Rewind(_) | Internal::Once(_)))
        )
    }

    /// How the instance is to be rewound, if this is a rewind.
    pub(crate) fn rewind(&self) -> Option<&Rewind> {
        match self {
            Self::Runtime(RuntimeMessage(Internal::Rewind(message))) => Some(&message.rewind),
            _ => None,
        }
    }

    /// What it says of an attempt of an activity, if it is from outside.
    pub(crate) fn as_outside(&self) -> Option<&FromOutside> {
        match self {
            Self::Runtime(RuntimeMessage(Internal::FromOutside(message))) => Some(message),
            _ => None,
        }
    }

    /// The reply that its sender waits for.
    pub(crate) fn reply(self) -> Option<Reply> {
        match self {
            Self::RaiseEvent { reply, .. }
            | Self::Terminate { reply, .. }
            | Self::Cancel { reply, .. }
            | Self::Suspend { reply, .. }
            | Self::Resume { reply, .. } => reply,
            Self::Runtime(RuntimeMessage(Internal::Start(start))) => Some(start.reply),
            Self::Runtime(RuntimeMessage(Internal::Rewind(rewind))) => Some(rewind.reply),
            Self::Runtime(RuntimeMessage(Internal::FromAnother(message))) => Some(message.reply),
            Self::Runtime(RuntimeMessage(Internal::Answered { reply, .. })) => reply,
            Self::Runtime(RuntimeMessage(Internal::EmitItems(items))) => Some(items.reply),
            Self::Runtime(RuntimeMessage(Internal::FromWorker(message))) => Some(message.reply),
            Self::Runtime(RuntimeMessage(Internal::FromOutside(message))) => message.reply,
            Self::Runtime(RuntimeMessage(Internal::Once(once))) => Some(once.reply),
            Self::Runtime(_) => None,
        }
    }

    /// Answers with an error; nothing was done.
    pub(crate) fn refuse(self, error: impl FnOnce() -> Error) {
        if let Some(reply) = self.reply() {
            reply.refuse(error());
        }
    }
}

#[cfg(feature = "cluster")]
impl ractor::Message for InstanceMessage {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_passes_on_to_a_parked_instance_that_it_is_to_give_back_its_locks() {
        let passed_on = InstanceMessage::from(Internal::GiveBackLocks);
        assert!(passed_on.is_for_parked());
        // Of a parked instance nothing is recorded when its messages arrive.
        assert!(!InstanceMessage::from(Internal::Settle).is_for_parked());
    }
}
