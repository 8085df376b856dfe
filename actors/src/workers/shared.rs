//! What the activity workers of a host share, and what those of a shard share.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reenact_core::{EmittedBy, Name, Payload, ShardId, Timestamp};
use reenact_providers::TimerScheduler;
use tokio::sync::Notify;

use super::blocked::BlockedRuntimes;
use super::places::{Locked, Places};
use super::runs_on::ActivityRuntimes;
use crate::activity::{
    ActivityCall, ActivityCode, ActivityContext, Batch, Calls, HeartbeatSink, ItemsAnswered,
};
use crate::error::Result;
use crate::message::{EmitItems, Internal, Reply, TakesAnswer};
use crate::metrics::ShardRecorder;
use crate::registry::Registry;
use crate::routes::Routes;
use crate::state::States;
use crate::suspects::SuspectTable;

/// The activity workers of a host.
#[derive(Clone)]
pub(crate) struct Workers {
    pub(super) shared: Arc<Shared>,
    pub(super) shards: Arc<[ShardWorkers]>,
}

/// The activity workers of a host for the instances of one shard, which are mostly on one thread. A
/// call that is queued or running is not taken a second time, so an instance that comes back into
/// memory can ask for all of its open calls.
#[derive(Clone)]
pub(crate) struct ShardWorkers {
    pub(super) own: Arc<OfShard>,
}

/// What the activities of all shards share.
pub(super) struct Shared {
    pub(super) registry: Arc<Registry>,
    /// The runtimes on which activities run.
    pub(super) runtimes: ActivityRuntimes,
    /// How long an activity may go on after it was cancelled.
    pub(super) grace: Duration,
    /// The attempts whose start is recorded before they run.
    pub(super) suspects: SuspectTable,
    pub(super) places: Places<Task>,
    /// Whether the host has begun to shut down.
    pub(super) is_ending: AtomicBool,
    /// Notified when the last running activity has ended.
    pub(super) idle: Notify,
    /// Notified when there may be room for more calls from the queues of tags.
    pub(super) room: Notify,
    /// Threads that were given up and that an activity blocks.
    pub(super) blocked: BlockedRuntimes,
}

/// What the activities of a shard share. Each shard has handles of its own, because threads that count
/// the clones of one shared handle slow each other down.
pub(super) struct OfShard {
    pub(super) shard: ShardId,
    pub(super) shared: Arc<Shared>,
    /// What is queued or running.
    pub(super) calls: Arc<Calls>,
    pub(super) link: Arc<ShardLink>,
    pub(super) states: States,
    /// What is counted of its activities.
    pub(super) recorder: Arc<ShardRecorder>,
}

/// What leads heartbeats from activities to the instances of a shard, and the clock there.
pub(super) struct ShardLink {
    pub(super) routes: Routes,
    pub(super) clock: Arc<dyn TimerScheduler>,
    /// Most bytes of an output.
    pub(super) payload_bytes: usize,
}

impl HeartbeatSink for ShardLink {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn record(&self, call: &ActivityCall, attempt: u32, details: Payload) {
        let message = Internal::RecordHeartbeat { run: call.run, id: call.id, attempt, details };
        self.routes.deliver(&call.instance, message.into());
    }

    fn emit(&self, call: &ActivityCall, attempt: u32, batch: Batch, answered: ItemsAnswered) {
        let by = EmittedBy::new(call.id, attempt);
        let reply = Reply::to_sender(ToActivity(answered));
        let message = Internal::EmitItems(Box::new(EmitItems { run: call.run, by, batch, reply }));
        self.routes.deliver(&call.instance, message.into());
    }

    fn clock(&self) -> Arc<dyn TimerScheduler> {
        self.clock.clone()
    }
}

/// Takes the answer to items that an activity has emitted.
struct ToActivity(ItemsAnswered);

impl TakesAnswer for ToActivity {
    fn answer(self: Box<Self>, answer: Result<()>) {
        (self.0)(answer);
    }
}

impl fmt::Debug for ToActivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ToActivity")
    }
}

/// An activity that is to run.
pub(super) struct Task {
    pub(super) workers: ShardWorkers,
    pub(super) context: ActivityContext,
    pub(super) input: Payload,
    /// The code; `None` when the activity is not registered here.
    pub(super) code: Option<ActivityCode>,
    /// Since when it has waited for a place; `None` if there was one at once.
    pub(super) waits_since: Option<Timestamp>,
}

impl Shared {
    /// A place or a thread has become free, and goes to `next`.
    pub(super) fn changed(&self, mut places: Locked<'_, Task>, next: Option<Task>) {
        let idle = places.queue.running() == 0;
        let remote = next.as_ref().is_some_and(|task| task.context.is_remote());
        places.remote -= usize::from(remote);
        let room_wanted = std::mem::take(&mut places.room_wanted);
        if idle {
            // A task that still waits sets this again.
            places.idle_wanted = false;
        }
        drop(places);
        if room_wanted {
            self.room.notify_waiters();
        }
        if idle {
            self.idle.notify_waiters();
        }
        next.into_iter().for_each(Task::start);
    }
}

/// The limits on how many activities run at a time, and for how long after they were cancelled.
pub(crate) struct Limits {
    pub(crate) at_a_time: usize,
    /// How long an activity may go on after it was cancelled.
    pub(crate) grace: Duration,
    pub(crate) of_names: HashMap<Name, usize>,
    /// The number of threads for activities that block.
    pub(crate) blocking: usize,
    /// Most bytes of an output.
    pub(crate) payload_bytes: usize,
}
