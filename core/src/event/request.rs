//! Events of requests between instances.

use alloc::boxed::Box;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{CorrelationId, EventKey, InstanceId, Name};
use crate::message::{OrStart, Request, Requester, UpdateReturn};

/// What happened to a request of one instance to another.
///
/// Stored: variants are added at the end, and never removed or reordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RequestEvent {
    /// The code sent a request. (output)
    Sent {
        /// Joins it to the answer.
        id: CorrelationId,
        /// The other instance.
        to: InstanceId,
        /// What it is asked.
        request: Request,
    },
    /// Another instance waits for the answer to the update that has just come. Directly after its
    /// [`ExternalRaised`](super::Event::ExternalRaised). The code has no part in it. (output)
    Asked {
        /// Of the event.
        key: EventKey,
        /// Who waits.
        by: Requester,
    },
    /// The other instance has answered, or never will. (input)
    Returned {
        /// Of the request.
        id: CorrelationId,
        /// What came back.
        answer: UpdateReturn,
    },
    /// The code asks another instance for its lock. (output)
    LockAsked {
        /// Joins it to the answer.
        id: CorrelationId,
        /// The id of the first that was asked for the same lock: it names the lock.
        lock: CorrelationId,
        /// The other instance.
        to: InstanceId,
        /// What is started if no instance has the id.
        or_start: Option<Box<OrStart>>,
    },
    /// The code gives back a lock, or asks for it no longer. (output)
    LockReleased {
        /// The lock.
        lock: CorrelationId,
    },
}

impl RequestEvent {
    /// Whether it came from outside; otherwise the code caused it, or it stands next to what came.
    pub const fn is_input(&self) -> bool {
        matches!(self, Self::Returned { .. })
    }

    /// The correlation id, if it has one.
    pub const fn correlation(&self) -> Option<CorrelationId> {
        match self {
            Self::Sent { id, .. } | Self::Returned { id, .. } | Self::LockAsked { id, .. } => {
                Some(*id)
            }
            Self::LockReleased { lock } => Some(*lock),
            Self::Asked { .. } => None,
        }
    }

    /// The name of the update or event, if it has one.
    pub const fn subject(&self) -> Option<&Name> {
        match self {
            Self::Sent { request, .. } => Some(&request.name),
            Self::Asked { .. }
            | Self::Returned { .. }
            | Self::LockAsked { .. }
            | Self::LockReleased { .. } => None,
        }
    }

    /// Bytes of user data that it carries, without the name.
    /// The length of the largest payload that the code has given.
    pub(crate) fn largest_payload(&self) -> usize {
        let Self::Sent { request, .. } = self else { return 0 };
        let input = request.or_start.as_ref().map_or(0, |start| start.input.len());
        request.data.len().max(input)
    }

    pub(crate) fn payload_bytes(&self) -> usize {
        match self {
            Self::Sent { request, .. } => request.bytes(),
            Self::Asked { key, by } => key.as_str().len() + by.instance.as_str().len(),
            Self::Returned { answer, .. } => answer.bytes(),
            Self::LockAsked { or_start, .. } => {
                or_start.as_ref().map_or(0, |start| start.name.as_str().len() + start.input.len())
            }
            Self::LockReleased { .. } => 0,
        }
    }
}

/// What is said of it after its kind, its id and its name. No user data.
impl fmt::Display for RequestEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent { to, request, .. } => {
                let what = if request.is_update { "update" } else { "event" };
                write!(f, ": {what} sent to `{to}`")?;
                match &request.or_start {
                    Some(start) => write!(f, ", `{}` is started if it is absent", start.name),
                    None => Ok(()),
                }
            }
            Self::Asked { by, .. } => write!(f, ": `{}` {} waits", by.instance, by.id),
            Self::LockAsked { to, lock, .. } => write!(f, ": lock {lock} of `{to}` asked for"),
            Self::LockReleased { .. } => f.write_str(": lock released"),
            Self::Returned { answer: UpdateReturn::Answered(_), .. } => f.write_str(": answered"),
            Self::Returned { answer: UpdateReturn::Ended, .. } => f.write_str(": no answer"),
        }
    }
}
