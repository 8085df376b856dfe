//! A queue of messages in memory that several tasks share, and wait for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Queue;
use crate::{Delivery, TimerScheduler};

/// The queue of one shard, and the tasks that wait for it.
#[derive(Default)]
pub(crate) struct SharedQueue {
    queue: Mutex<Queue>,
    /// A message came into the queue.
    arrived: Notify,
}

impl SharedQueue {
    /// The queue, for a moment. Call [`announce`](Self::announce) after messages came into it.
    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        // A thread that panicked under the lock had checked before it changed anything.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes those who wait for messages.
    pub(crate) fn announce(&self) {
        self.arrived.notify_waiters();
    }

    /// Waits until there are messages to hand out, and hands out up to `limit` of them (0 counts
    /// as 1), oldest first. Cancelling the call loses nothing.
    pub(crate) async fn receive(&self, limit: usize, clock: &dyn TimerScheduler) -> Vec<Delivery> {
        loop {
            // Listen before looking, so that no message comes in between unnoticed.
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();

            let visible_again = {
                let mut queue = self.queue();
                let deliveries = queue.take(limit, clock.now());
                if !deliveries.is_empty() {
                    return deliveries;
                }
                queue.next_visible()
            };
            let redelivery = async {
                match visible_again {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = arrived => {}
                () = redelivery => {}
            }
        }
    }
}
