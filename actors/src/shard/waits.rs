//! What the next instance waits for before it comes into memory: pace, a place, or room.

use std::sync::Arc;

use ractor::ActorRef;

use crate::message::ShardMessage;
use crate::pace::Pace;
use crate::task::Task;

/// For what the next of a kind waits.
pub(super) struct Waits {
    /// Of those that come for what was sent to them.
    pub(super) asked_pace: Arc<Pace>,
    /// Of those that are due.
    pub(super) due_pace: Arc<Pace>,
    /// For a place.
    pub(super) asked: Option<Task>,
    pub(super) due: Option<Task>,
    /// Number of looks since there was too much in memory, and the next one.
    pub(super) looks: Option<(u32, Task)>,
}

impl Waits {
    pub(super) fn new(myself: &ActorRef<ShardMessage>) -> Self {
        let pace = |most| {
            let myself = myself.clone();
            // A supervisor that has gone lets nobody in.
            Pace::new(most, move || drop(myself.cast(ShardMessage::Admit)))
        };
        Self {
            asked_pace: pace(ASKED_AT_A_TIME),
            due_pace: pace(DUE_AT_A_TIME),
            asked: None,
            due: None,
            looks: None,
        }
    }
}

/// Most instances of a shard that come into memory at a time for what somebody has sent them: each reads its
/// log and replays it, and other tasks need the thread too. Those that clients start are not counted: they have
/// nothing to read.
pub(super) const ASKED_AT_A_TIME: usize = 256;

/// As [`ASKED_AT_A_TIME`], of those that are due. Nobody waits for them.
pub(super) const DUE_AT_A_TIME: usize = 128;
