//! The queue consumer of a shard: receives messages from its queue and passes them to the instances.

mod handle;
mod seen_keys;
mod starts;
mod verdict;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use ractor::ActorRef;
use reenact_core::{InstanceId, ShardId};
use reenact_providers::{Delivery, ProviderError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::context::HostRef;
use crate::message::ShardMessage;
use crate::panic::Caught;
use crate::task::end_for_panic;
use handle::MessageHandler;
use verdict::Verdict;

/// The maximum number of messages of a shard that are received and not settled.
const MAX_UNSETTLED: usize = 256;

/// The maximum number of messages that are received from a queue at a time.
const RECEIVED_AT_ONCE: usize = 32;

/// The pause before a queue that could not be read is read again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The queue consumer of one shard. Dropping it stops it at once: what was received and not settled is
/// delivered again.
pub(crate) struct QueueConsumer {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl QueueConsumer {
    /// Begins to receive messages, for a shard that is up.
    pub(crate) fn begin(
        host: HostRef,
        shard: ShardId,
        supervisor: &ActorRef<ShardMessage>,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let running =
            Running { handler: MessageHandler::new(host, shard), unsettled: Unsettled::default() };
        let lost = end_for_panic(supervisor, "what takes from its queue");
        let run = async move {
            if let Err(panic) = Caught::new(Box::pin(running.run(stopped))).await {
                lost(panic);
            }
        };
        Self { stop: Some(stop), task: tokio::spawn(run) }
    }

    /// Receives nothing more, and returns when everything that was received is settled: the next owner of
    /// the shard goes on from there.
    pub(crate) async fn finish(mut self) {
        drop(self.stop.take());
        // It does not panic by itself; if it did, the messages that it had are delivered again.
        let _ = (&mut self.task).await;
    }
}

impl Drop for QueueConsumer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Running {
    handler: MessageHandler,
    unsettled: Unsettled,
}

/// The messages that were received and are not settled. One message of each instance is under way at a
/// time; the others wait in order.
#[derive(Default)]
struct Unsettled {
    waiting: HashMap<InstanceId, VecDeque<Delivery>>,
    count: usize,
}

impl Unsettled {
    /// Adds a message; returns it when it can be under way at once.
    fn take_in(&mut self, delivery: Delivery) -> Option<Delivery> {
        self.count += 1;
        match self.waiting.get_mut(&delivery.message.to) {
            Some(waiting) => {
                waiting.push_back(delivery);
                None
            }
            None => {
                self.waiting.insert(delivery.message.to.clone(), VecDeque::new());
                Some(delivery)
            }
        }
    }

    /// The message that was under way for an instance is settled; returns the next one, if there is one.
    fn settle(&mut self, instance: &InstanceId) -> Option<Delivery> {
        self.count -= 1;
        let next = self.waiting.get_mut(instance).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.waiting.remove(instance);
        }
        next
    }

    /// The message that was under way for an instance is delivered again later. The messages after it are
    /// delivered again too, so that they do not overtake it more than necessary.
    fn let_go(&mut self, instance: &InstanceId) {
        let later = self.waiting.remove(instance).unwrap_or_default();
        self.count -= 1 + later.len();
    }

    fn room(&self) -> usize {
        MAX_UNSETTLED.saturating_sub(self.count).min(RECEIVED_AT_ONCE)
    }
}

impl Running {
    async fn run(self, mut stopped: oneshot::Receiver<()>) {
        let Self { handler, mut unsettled } = self;
        let handler = &handler;
        let mut under_way = FuturesUnordered::new();
        let mut receiving = Some(receive(handler, unsettled.room()));
        let mut stops = false;
        while !(stops && under_way.is_empty()) {
            tokio::select! {
                biased;
                _ = &mut stopped, if !stops => {
                    stops = true;
                    receiving = None;
                }
                Some((instance, verdict)) = under_way.next(), if !under_way.is_empty() => {
                    let next = match verdict {
                        Verdict::Again => {
                            unsettled.let_go(&instance);
                            None
                        }
                        Verdict::Done | Verdict::Refused(_) => unsettled.settle(&instance),
                    };
                    under_way.extend(next.map(|next| handler.settle(next)));
                    if receiving.is_none() && !stops && unsettled.room() > 0 {
                        receiving = Some(receive(handler, unsettled.room()));
                    }
                }
                deliveries = received(&mut receiving), if receiving.is_some() => {
                    for delivery in deliveries {
                        let ready = unsettled.take_in(delivery);
                        under_way.extend(ready.map(|ready| handler.settle(ready)));
                    }
                    let room = unsettled.room();
                    receiving = (room > 0).then(|| receive(handler, room));
                }
            }
        }
    }
}

/// Receives without being cancelled: messages that a cancelled call had received would be hidden for a
/// while.
fn receive(handler: &MessageHandler, limit: usize) -> BoxFuture<'_, Vec<Delivery>> {
    Box::pin(async move {
        loop {
            match handler.receive(limit).await {
                Ok(deliveries) => return deliveries,
                Err(error) => {
                    let shard = handler.shard();
                    tracing::warn!(target: "reenact::queue", parent: None, %shard, %error, "a queue could not be read; trying again");
                    tokio::time::sleep(pause_after(&error)).await;
                }
            }
        }
    })
}

fn pause_after(error: &ProviderError) -> Duration {
    match error {
        ProviderError::Throttled { retry_after } => ASK_AGAIN.max(*retry_after),
        _ => ASK_AGAIN,
    }
}

async fn received(receiving: &mut Option<BoxFuture<'_, Vec<Delivery>>>) -> Vec<Delivery> {
    match receiving {
        Some(receiving) => receiving.await,
        None => std::future::pending().await,
    }
}
