//! What entities are sent, what they publish and what they answer, as it is stored: for the code of entities, and for
//! those who look into them or call them without their types.

use reenact_core::{InstanceId, Payload, Timestamp};
use serde::{Deserialize, Serialize};

use crate::entity_id::EntityId;
use crate::error::{EntityFailure, Error, Result};

/// The name of the updates in order of arrival: operations, and requests of the lock. While the lock is held they wait.
pub const OPERATIONS: &str = "@op";

/// The name of what the owner of the lock sends: operations, and that it gives the lock back.
pub const HELD: &str = "@held";

/// The name of the published value that is the state.
pub const STATE: &str = "@state";

/// The name of the published value that says who holds the lock: an [`EntityLock`].
pub const LOCK: &str = "@lock";

/// The operation that each entity has: its state is as if it had never been.
pub const DELETE: &str = "@delete";

/// What an entity is asked for, without the arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct EntityRequest {
    /// The operation.
    pub op: Option<String>,
    /// It is to be done at this time.
    pub at: Option<Timestamp>,
    /// The lock is asked for, under this id.
    pub lock: Option<String>,
    /// The instance that asks for the lock.
    pub owner: Option<String>,
    /// The lock is held under this id.
    pub by: Option<String>,
    /// The lock is given back.
    #[serde(default)]
    pub unlock: bool,
}

/// Who holds the lock of an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityLock {
    /// The instance; `None` where it did not say.
    pub owner: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// An operation, as it is sent.
#[derive(Clone, Debug, Serialize)]
pub struct OperationRequest<'a, I> {
    /// Its name.
    pub op: &'a str,
    /// Its arguments, as a tuple.
    pub input: &'a I,
    /// It is to be done at this time, not at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The lock under which it comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Why an operation has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityRefusal<E> {
    /// It returned this error.
    Refused(E),
    /// It was not done.
    Failed(EntityFailure),
}

impl<I: Serialize> OperationRequest<'_, I> {
    /// As it is stored.
    ///
    /// # Errors
    /// [`Error::InvalidPayload`] when the arguments do not encode, or are larger than any store takes.
    pub fn encode(&self) -> Result<Payload> {
        Payload::encode_large(self).map_err(|source| Error::InvalidPayload {
            what: format!("the arguments of operation `{}`", self.op),
            source,
        })
    }
}

/// The operation that an update asks for, if it is for an entity.
pub fn operation_of(to: &InstanceId, data: &Payload) -> Option<String> {
    EntityId::of(to)?;
    data.decode::<EntityRequest>().ok()?.op
}
