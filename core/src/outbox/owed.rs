//! The answer to an update of another instance, which is owed.

use crate::ids::EventKey;
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
