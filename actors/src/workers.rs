//! Runs activities: a bounded number at a time, fairly, each in a task of its own.

mod blocked;
mod give_up;
mod places;
pub(crate) mod pool;
mod queue;
mod run;
pub(crate) mod runs_on;
mod shard;
mod shared;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reenact_core::{Name, ShardId};
use reenact_providers::TimerScheduler;
use tokio::sync::Notify;

use crate::activity::{ActivityCode, ActivityContext, Report};
use crate::metrics::HostRecorder;
use crate::registry::Registry;
use crate::routes::Routes;
use crate::suspects::SuspectTable;
use blocked::BlockedRuntimes;
use places::Places;
use queue::FairQueue;
use runs_on::ActivityRuntimes;
use shared::{OfShard, ShardLink, Shared, Task};

pub(crate) use shared::{Limits, ShardWorkers, Workers};

impl Workers {
    pub(crate) fn new(
        registry: Arc<Registry>,
        recorder: &HostRecorder,
        routes: Routes,
        clock: Arc<dyn TimerScheduler>,
        limits: Limits,
        runtimes: ActivityRuntimes,
    ) -> Self {
        let queue = FairQueue::new(limits.at_a_time, limits.of_names)
            .with_threads_for(registry.blocking().cloned(), limits.blocking);
        let states = registry.states().clone();
        let (idle, room) = (Notify::new(), Notify::new());
        let (suspects, is_ending) = (SuspectTable::default(), AtomicBool::new(false));
        let places = Places::new(queue);
        let (blocked, grace) = (BlockedRuntimes::default(), limits.grace);
        let payload_bytes = limits.payload_bytes;
        let shared =
            Shared { registry, runtimes, grace, suspects, places, is_ending, idle, room, blocked };
        let shared = Arc::new(shared);
        let of_shard = |shard| {
            let link = ShardLink { routes: routes.clone(), clock: clock.clone(), payload_bytes };
            let (link, states) = (Arc::new(link), states.apart());
            let recorder = recorder.of_shard(ShardId(shard)).clone();
            let (shard, shared, calls) = (ShardId(shard), shared.clone(), Arc::default());
            let own = OfShard { shard, shared, calls, link, states, recorder };
            ShardWorkers { own: Arc::new(own) }
        };
        let shards = (0..routes.shards().max(1)).map(of_shard).collect();
        Self { shared, shards }
    }

    /// The workers for the instances of a shard.
    pub(crate) fn of_shard(&self, shard: ShardId) -> &ShardWorkers {
        &self.shards[shard.0 as usize % self.shards.len()]
    }

    /// The host has begun to shut down: an activity that fails from now on counts as interrupted.
    pub(crate) fn begin_shutdown(&self) {
        self.shared.is_ending.store(true, Ordering::Release);
    }

    /// Starts nothing more. Activities that wait stay scheduled in the log.
    pub(crate) fn close(&self) {
        let mut places = self.shared.places.lock();
        places.closed = true;
        let waiting = places.queue.clear();
        places.remote = 0;
        drop(places);
        for Task { workers, context, .. } in waiting {
            workers.own.calls.remove(context.call());
            context.report(Report::Left);
        }
    }

    /// Waits until more activities can run and no call from the queue of a tag waits for a place; returns
    /// how many can run. The places are not reserved: others may take them first.
    pub(crate) async fn room(&self) -> usize {
        loop {
            // Enlisted before the look, so that no change is missed in between.
            let changed = self.shared.room.notified();
            if let Some(free) = self.shared.places.lock().room() {
                return free;
            }
            changed.await;
        }
    }

    /// The names of which attempts wait for a place, with their number.
    pub(crate) fn waiting(&self) -> Vec<(Name, usize)> {
        self.shared.places.lock().queue.waiting()
    }

    /// Whether the host has the code of an activity.
    pub(crate) fn can_run(&self, name: &Name) -> bool {
        self.shared.registry.activity(name).is_some()
    }

    /// Returns when nothing runs.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.shared.idle.notified();
            if self.shared.places.lock().is_idle() {
                return;
            }
            idle.await;
        }
    }

    /// Cuts off what only waits for another process, for which a shutdown need not wait.
    pub(crate) fn leave_what_is_remote(&self) {
        let code =
            |context: &ActivityContext| self.shared.registry.activity(context.activity_name());
        let calls = self.shards.iter().flat_map(|workers| workers.own.calls.all());
        calls
            .filter(|context| code(context).is_some_and(ActivityCode::is_remote))
            .for_each(|context| context.cut_off());
    }

    /// Cancels every running activity, and drops it at its next await.
    pub(crate) fn abort(&self) {
        self.close();
        let calls = self.shards.iter().flat_map(|workers| workers.own.calls.all());
        // This wakes code of the user's, so no table may be locked.
        calls.for_each(|context| context.cut_off());
        self.shared.runtimes.end();
        self.shared.blocked.end();
    }
}
