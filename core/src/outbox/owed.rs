//! What is owed to other instances: answers to updates, and locks.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{CorrelationId, EventKey, InstanceId};
use crate::message::Requester;

/// What an answer that is owed takes besides its key and the id of the requester, about.
const OWED_BYTES: usize = 96;

/// The answer to an update of another instance, which is owed.
#[derive(Clone, Debug)]
pub(super) struct Owed {
    pub(super) to: Requester,
    /// Of the update, among those of this log: it distinguishes the answer from others.
    pub(super) number: u64,
}

impl Owed {
    pub(super) fn bytes(&self, key: &EventKey) -> usize {
        OWED_BYTES + key.as_str().len() + self.to.instance.as_str().len()
    }
}

/// The lock of other instances that the code holds or asks for.
#[derive(Clone, Debug)]
pub(super) struct Lock {
    /// By which the others know it.
    pub(super) text: String,
    /// The run that asked for it.
    pub(super) lineage: u64,
    /// Those that were asked, and by which call.
    pub(super) asked: Vec<(CorrelationId, InstanceId)>,
    /// It was given back for the code, which does not know.
    pub(super) is_lost: bool,
}
