//! Requests of one instance to another: updates, and events that start the other one where it is absent.

use alloc::boxed::Box;

use serde::{Deserialize, Serialize};

use super::{Message, MessageId, MessageKind};
use crate::ids::{CorrelationId, InstanceId, Name};
use crate::payload::Payload;
use crate::random::SplitMix64;
use crate::update_answer::UpdateAnswer;
use crate::version::Version;

/// What the code of one instance asks of another.
///
/// Stored as it is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The update or the event.
    pub name: Name,
    /// What it carries.
    pub data: Payload,
    /// Whether an answer is owed; otherwise it is an event.
    pub is_update: bool,
    /// What is started if no instance has the id.
    pub or_start: Option<Box<OrStart>>,
}

/// The orchestration that a request starts if no instance has the id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrStart {
    /// The orchestration.
    pub name: Name,
    /// Its version; `None` stands for the newest.
    pub version: Option<Version>,
    /// What it is given.
    pub input: Payload,
}

/// The call of another instance that waits for the answer to an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    /// The other instance.
    pub instance: InstanceId,
    /// Its run.
    pub lineage: u64,
    /// Of the call in it.
    pub id: CorrelationId,
}

/// What comes back for an update of another instance.
///
/// Stored: variants are added at the end, and never removed or reordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum UpdateReturn {
    /// Its answer.
    Answered(UpdateAnswer),
    /// The instance has ended without one.
    Ended,
}

/// The update that asks an instance for its lock.
pub(crate) const LOCK_UPDATE: &str = "@op";

impl Request {
    /// Whether it may ask for a lock.
    pub(crate) fn is_for_lock(&self) -> bool {
        self.is_update && self.name.as_str() == LOCK_UPDATE
    }

    /// Bytes of user data in it, without its name.
    pub(crate) fn bytes(&self) -> usize {
        let start = self.or_start.as_ref();
        let start = start.map_or(0, |start| start.name.as_str().len() + start.input.len());
        self.data.len() + start
    }
}

impl UpdateReturn {
    /// Bytes of user data in it.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Answered(answer) => answer.bytes(),
            Self::Ended => 0,
        }
    }
}

/// The attempt in the id of a message that gives back a lock: that of the request for it is the first.
pub(crate) const ATTEMPT_OF_UNLOCK: u32 = 2;

impl Message {
    /// Whether it gives back a lock.
    pub(crate) fn is_unlock(&self) -> bool {
        self.id.kind == MessageKind::Event && self.id.attempt == ATTEMPT_OF_UNLOCK
    }
}

impl MessageId {
    /// Where the random numbers begin of an instance that a request with this id starts. The highest bit is
    /// free, as it is in the seeds of shells.
    pub fn seed_of_started(self) -> u64 {
        SplitMix64::new(!self.lineage ^ self.id.0.rotate_left(32)).next() >> 1
    }
}
