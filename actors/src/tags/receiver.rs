//! Receives the calls with the tags that this host declares, as there is room for them.

use std::sync::Arc;

use dashmap::DashMap;
use reenact_core::{Name, ShardId};
use reenact_providers::{Delivery, DeliveryId, ExternalEventRouter, Sharing, TimerScheduler};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::activity::ActivityCall;
use crate::patience::Patience;
use crate::workers::{ShardWorkers, Workers};

/// The maximum number of calls that are received from a queue at once.
const TAKEN_AT_ONCE: usize = 32;

/// Receives and runs the calls with the tags that a host declares.
pub(crate) struct TagReceiver {
    closed: watch::Sender<bool>,
    /// One task for each tag. It ends when the receiver is closed and no call that it has received runs any
    /// more.
    tasks: tokio::sync::Mutex<JoinSet<()>>,
}

/// What the tasks of all tags share.
pub(super) struct Receiver {
    pub(super) sharing: Arc<dyn Sharing>,
    pub(super) router: Arc<dyn ExternalEventRouter>,
    pub(super) clock: Arc<dyn TimerScheduler>,
    pub(super) workers: Workers,
    pub(super) shards: u32,
    /// The attempts that run here, with their deliveries: a call may be delivered again while it runs.
    pub(super) running: DashMap<(ActivityCall, u32), Vec<DeliveryId>>,
}

impl TagReceiver {
    /// Begins to receive calls with these tags.
    pub(crate) fn begin(
        tags: Vec<Name>,
        sharing: Arc<dyn Sharing>,
        router: Arc<dyn ExternalEventRouter>,
        clock: Arc<dyn TimerScheduler>,
        workers: Workers,
        shards: u32,
    ) -> Self {
        let (closed, running) = (watch::Sender::new(false), DashMap::new());
        let receiver = Arc::new(Receiver { sharing, router, clock, workers, shards, running });
        let mut tasks = JoinSet::new();
        for tag in tags {
            tasks.spawn(take(receiver.clone(), tag, closed.subscribe()));
        }
        Self { closed, tasks: tokio::sync::Mutex::new(tasks) }
    }

    /// Receives nothing more.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Returns when no received call runs any more, and all results are sent. Close the receiver first.
    pub(crate) async fn settled(&self) {
        let mut tasks = self.tasks.lock().await;
        while tasks.join_next().await.is_some() {}
    }

    /// Drops everything at once, without waiting until that is done.
    pub(crate) fn abort_soon(&self) {
        self.close();
        // A lock that is taken means that another caller waits here, and is about to abort the tasks as
        // well.
        if let Ok(mut tasks) = self.tasks.try_lock() {
            tasks.abort_all();
        }
    }

    /// Drops everything at once, as a crash would.
    pub(crate) async fn abort(&self) {
        self.tasks.lock().await.shutdown().await;
    }
}

/// Receives the calls with one tag until it is closed, then waits for those that run.
async fn take(receiver: Arc<Receiver>, tag: Name, mut closed: watch::Receiver<bool>) {
    let mut taken = JoinSet::new();
    let mut next = Box::pin(receiver.clone().next(tag.clone()));
    loop {
        tokio::select! {
            biased;
            // An error means that the host has gone.
            _ = closed.wait_for(|closed| *closed) => break,
            Some(_) = taken.join_next() => {}
            deliveries = &mut next => {
                for delivery in deliveries {
                    taken.spawn(receiver.clone().run(tag.clone(), delivery));
                }
                next.set(receiver.clone().next(tag.clone()));
            }
        }
    }
    drop(next);
    while taken.join_next().await.is_some() {}
}

impl Receiver {
    /// The next calls with a tag, once there is room for them.
    async fn next(self: Arc<Self>, tag: Name) -> Vec<Delivery> {
        let mut patience = Patience::new();
        loop {
            let room = self.workers.room().await;
            match self.sharing.receive_from(&tag, room.min(TAKEN_AT_ONCE)).await {
                Ok(deliveries) => return deliveries,
                Err(error) => patience.wait(&error, &*self.clock).await,
            }
        }
    }

    pub(super) fn workers_of(&self, call: &ActivityCall) -> &ShardWorkers {
        self.workers.of_shard(self.shard_of(call))
    }

    pub(super) fn shard_of(&self, call: &ActivityCall) -> ShardId {
        ShardId::of(&call.instance, self.shards)
    }

    /// Removes a message that was handled. One that cannot be removed is delivered again.
    pub(super) async fn acknowledge(&self, tag: &Name, delivery: DeliveryId) {
        let mut patience = Patience::new();
        while let Err(error) = self.sharing.acknowledge_from(tag, delivery).await {
            if let Err(error) = patience.wait_after(error, &*self.clock).await {
                tracing::warn!(target: "reenact::tag", parent: None, %tag, %error, "a call could not be acknowledged after it was handled; it may come again, and counts once");
                return;
            }
        }
    }
}
