//! What has changed in the store through this host, for those who wait until they should look again.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use reenact_core::ShardId;
use tokio::sync::Notify;

use crate::panic::catch;

/// Counts what has become durable through a host, by shard. It costs an append next to nothing while nobody
/// waits.
pub(crate) struct Changes {
    shards: Box<[OfShard]>,
    /// Those who wait for a change in any shard.
    any: Waiting,
    /// Nothing more will be counted.
    is_closed: AtomicBool,
}

#[derive(Default)]
struct OfShard {
    number: AtomicU64,
    waiting: Waiting,
}

#[derive(Default)]
struct Waiting {
    many: AtomicUsize,
    changed: Notify,
}

/// One of those who wait.
struct Counted<'a>(&'a AtomicUsize);

impl Changes {
    pub(crate) fn new(shards: u32) -> Self {
        let shards = (0..shards).map(|_| OfShard::default()).collect();
        Self { shards, any: Waiting::default(), is_closed: AtomicBool::new(false) }
    }

    /// Something has become durable in a shard.
    pub(crate) fn note(&self, shard: ShardId) {
        let Some(of_shard) = self.shards.get(shard.0 as usize) else { return };
        of_shard.number.fetch_add(1, Ordering::SeqCst);
        of_shard.waiting.notify();
        self.any.notify();
    }

    /// How much has changed so far: in a shard, or in all of them.
    pub(crate) fn number(&self, shard: Option<ShardId>) -> u64 {
        let of = |of_shard: &OfShard| of_shard.number.load(Ordering::SeqCst);
        match shard {
            Some(shard) => self.shards.get(shard.0 as usize).map_or(0, of),
            None => self.shards.iter().map(of).fold(0, u64::wrapping_add),
        }
    }

    /// Returns once more has changed than that, or nothing more will be counted.
    pub(crate) async fn changed_since(&self, shard: Option<ShardId>, number: u64) {
        let of_shard = |shard: ShardId| Some(&self.shards.get(shard.0 as usize)?.waiting);
        let waiting = shard.map_or(Some(&self.any), of_shard);
        let Some(waiting) = waiting else { return std::future::pending().await };
        waiting.many.fetch_add(1, Ordering::SeqCst);
        let _counted = Counted(&waiting.many);
        loop {
            let notified = waiting.changed.notified();
            tokio::pin!(notified);
            // Enlisted before the look, so that no change is missed in between.
            notified.as_mut().enable();
            if self.number(shard) != number || self.is_closed() {
                return;
            }
            notified.await;
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Every wait ends, now and later.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.shards.iter().for_each(|of_shard| of_shard.waiting.notify());
        self.any.notify();
    }
}

impl Waiting {
    fn notify(&self) {
        if self.many.load(Ordering::SeqCst) > 0 {
            // What this wakes is the client's, and may panic.
            let _ = catch(|| self.changed.notify_waiters());
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready, task};

    use super::*;

    #[test]
    fn a_change_wakes_those_who_wait_for_its_shard_or_for_any() {
        let changes = Changes::new(2);
        let mut of_first = task::spawn(changes.changed_since(Some(ShardId(0)), 0));
        let mut of_other = task::spawn(changes.changed_since(Some(ShardId(1)), 0));
        let mut of_any = task::spawn(changes.changed_since(None, 0));
        assert_pending!(of_first.poll());
        assert_pending!(of_other.poll());
        assert_pending!(of_any.poll());
        changes.note(ShardId(0));
        assert!(of_first.is_woken() && of_any.is_woken() && !of_other.is_woken());
        assert_ready!(of_first.poll());
        assert_ready!(of_any.poll());
        assert_pending!(of_other.poll());
        changes.close();
        assert_ready!(of_other.poll());
    }

    #[test]
    fn what_changed_before_the_wait_is_not_missed() {
        let changes = Changes::new(1);
        let seen = changes.number(None);
        changes.note(ShardId(0));
        assert_ready!(task::spawn(changes.changed_since(None, seen)).poll());
        let seen = changes.number(Some(ShardId(0)));
        assert_pending!(task::spawn(changes.changed_since(Some(ShardId(0)), seen)).poll());
    }
}
