//! What the next instance waits for before it comes into memory: a limit, a place, or room.

use std::sync::Arc;

use ractor::ActorRef;

use crate::in_flight::InFlightLimit;
use crate::message::ShardMessage;
use crate::task::Task;

/// The waits that the next instance of each kind needs.
pub(super) struct Waits {
    /// The limit of instances that come for a message.
    pub(super) asked_limit: Arc<InFlightLimit>,
    /// The limit of instances that are due.
    pub(super) due_limit: Arc<InFlightLimit>,
    /// The wait for a place, for an instance with messages.
    pub(super) asked: Option<Task>,
    /// The wait for a place, for an instance that is due.
    pub(super) due: Option<Task>,
    /// The number of looks since there was too much in memory, and the task of the next one.
    pub(super) looks: Option<(u32, Task)>,
}

impl Waits {
    pub(super) fn new(myself: &ActorRef<ShardMessage>) -> Self {
        let limit = |most| {
            let myself = myself.clone();
            // A supervisor that has gone admits nothing.
            InFlightLimit::new(most, move || drop(myself.cast(ShardMessage::Admit)))
        };
        Self {
            asked_limit: limit(ASKED_AT_A_TIME),
            due_limit: limit(DUE_AT_A_TIME),
            asked: None,
            due: None,
            looks: None,
        }
    }
}

/// The maximum number of instances of a shard that come into memory at a time for a message: each reads
/// its log and replays it, and other tasks need the thread too. Instances that clients start do not
/// count: they have nothing to read.
pub(super) const ASKED_AT_A_TIME: usize = 256;

/// Like [`ASKED_AT_A_TIME`], for instances that are due. No caller waits for these.
pub(super) const DUE_AT_A_TIME: usize = 128;
