//! Hosts that share a store in memory: who has which shard, queues by tag, and what nobody can take.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reenact_core::{Name, ShardId, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::limits::{LEASE_TIME, VISIBILITY_TIME, check_message};
use crate::queue::SharedQueue;
use crate::{
    Delivery, DeliveryId, ExternalEventRouter, Membership, Message, ProviderError, QuarantineId,
    Quarantined, Sharing, SharingHost, TimerScheduler, Waiting, balance,
};

/// What the hosts of one store share, besides its shards.
pub(super) struct Shared {
    members: Arc<Members>,
    shards: Arc<ShardQueues>,
    tags: Mutex<BTreeMap<Name, Arc<SharedQueue>>>,
    quarantine: Mutex<Quarantine>,
}

/// The queue of each shard.
struct ShardQueues {
    queues: Box<[SharedQueue]>,
    clock: Arc<dyn TimerScheduler>,
    takes_large: bool,
}

/// The hosts that share the shards.
struct Members {
    shards: u32,
    clock: Arc<dyn TimerScheduler>,
    table: Mutex<Table>,
    /// The time at which the next of the hosts that died is no longer counted.
    next_end: watch::Sender<Option<Timestamp>>,
}

#[derive(Default)]
struct Table {
    joined: u64,
    members: BTreeMap<MemberId, Member>,
    assigned: BTreeMap<ShardId, MemberId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct MemberId(u64);

struct Member {
    name: String,
    share: watch::Sender<BTreeSet<ShardId>>,
    /// The time at which the others notice that a host has died.
    ends: Option<Timestamp>,
}

#[derive(Default)]
struct Quarantine {
    entries: BTreeMap<QuarantineId, Quarantined>,
    taken_in: u64,
}

/// A host that is one of them.
struct Joined {
    members: Arc<Members>,
    id: MemberId,
    share: watch::Receiver<BTreeSet<ShardId>>,
    /// Takes notice of others that have died.
    watch: JoinHandle<()>,
}

impl Shared {
    pub(super) fn new(shards: u32, clock: Arc<dyn TimerScheduler>, takes_large: bool) -> Self {
        let queues = (0..shards).map(|_| SharedQueue::default()).collect();
        let queues = Arc::new(ShardQueues { queues, clock: Arc::clone(&clock), takes_large });
        let (table, next_end) = (Mutex::default(), watch::Sender::new(None));
        let members = Arc::new(Members { shards, clock, table, next_end });
        Self { members, shards: queues, tags: Mutex::default(), quarantine: Mutex::default() }
    }

    fn queue_of(&self, tag: &Name) -> Arc<SharedQueue> {
        Arc::clone(lock(&self.tags).entry(tag.clone()).or_default())
    }

    fn now(&self) -> Timestamp {
        self.members.clock.now()
    }
}

#[async_trait]
impl Sharing for Shared {
    fn router(&self) -> Arc<dyn ExternalEventRouter> {
        Arc::clone(&self.shards) as Arc<dyn ExternalEventRouter>
    }

    async fn join(&self, host: &str) -> Result<Arc<dyn Membership>, ProviderError> {
        let members = Arc::clone(&self.members);
        let (id, share) = members.add(host.to_owned());
        let watch = tokio::spawn({
            let members = Arc::clone(&members);
            async move { members.watch().await }
        });
        Ok(Arc::new(Joined { members, id, share, watch }))
    }

    async fn send_to(&self, tag: &Name, message: Message) -> Result<(), ProviderError> {
        check_message(&message, self.shards.takes_large)?;
        let queue = self.queue_of(tag);
        queue.queue().push(message, self.now())?;
        queue.announce();
        Ok(())
    }

    async fn receive_from(&self, tag: &Name, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        Ok(self.queue_of(tag).receive(limit, &*self.members.clock).await)
    }

    fn visibility_time(&self) -> Duration {
        VISIBILITY_TIME
    }

    async fn extend(&self, tag: &Name, delivery: DeliveryId) -> Result<(), ProviderError> {
        self.queue_of(tag).queue().extend(delivery, self.now())
    }

    async fn acknowledge_from(
        &self,
        tag: &Name,
        delivery: DeliveryId,
    ) -> Result<(), ProviderError> {
        self.queue_of(tag).queue().acknowledge(delivery);
        Ok(())
    }

    async fn waiting(&self) -> Result<Option<Waiting>, ProviderError> {
        let (mut waiting, now) = (Waiting::default(), self.now());
        for (shard, queue) in (0..).map(ShardId).zip(&self.shards.queues) {
            let mut queue = queue.queue();
            waiting.add(shard, queue.len() as u64, queue.oldest(now));
        }
        Ok(Some(waiting))
    }

    async fn quarantine(&self, what: Quarantined) -> Result<(), ProviderError> {
        let mut quarantine = lock(&self.quarantine);
        quarantine.taken_in += 1;
        // As long as each other, so that their order is that of their arrival.
        let id = QuarantineId(format!("{:016x}", quarantine.taken_in));
        quarantine.entries.insert(id, what);
        Ok(())
    }

    async fn quarantined(
        &self,
        after: Option<&QuarantineId>,
        limit: usize,
    ) -> Result<Vec<(QuarantineId, Quarantined)>, ProviderError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let quarantine = lock(&self.quarantine);
        let later = quarantine.entries.range::<QuarantineId, _>((start, Bound::Unbounded));
        Ok(later.take(limit).map(|(id, what)| (id.clone(), what.clone())).collect())
    }

    async fn discard(&self, id: &QuarantineId) -> Result<(), ProviderError> {
        lock(&self.quarantine).entries.remove(id);
        Ok(())
    }

    async fn hosts(&self) -> Result<Vec<SharingHost>, ProviderError> {
        let table = lock(&self.members.table);
        let shown = |(id, member): (&MemberId, &Member)| {
            let of_it = table.assigned.iter().filter(|(_, owner)| *owner == id);
            SharingHost {
                // As long as each other, so that their order is that of their numbers.
                id: format!("{:016x}", id.0),
                name: member.name.clone(),
                is_alive: member.ends.is_none(),
                shards: of_it.map(|(shard, _)| *shard).collect(),
            }
        };
        Ok(table.members.iter().map(shown).collect())
    }
}

impl ShardQueues {
    fn of(&self, shard: ShardId) -> Result<&SharedQueue, ProviderError> {
        self.queues.get(shard.0 as usize).ok_or_else(|| ProviderError::Conflict {
            reason: format!("there is no shard {shard}, there are {}", self.queues.len()),
        })
    }
}

#[async_trait]
impl ExternalEventRouter for ShardQueues {
    async fn send(&self, shard: ShardId, message: Message) -> Result<(), ProviderError> {
        let queue = self.of(shard)?;
        check_message(&message, self.takes_large)?;
        queue.queue().push(message, self.clock.now())?;
        queue.announce();
        Ok(())
    }

    async fn receive(&self, shard: ShardId, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        Ok(self.of(shard)?.receive(limit, &*self.clock).await)
    }

    async fn acknowledge(&self, shard: ShardId, delivery: DeliveryId) -> Result<(), ProviderError> {
        self.of(shard)?.queue().acknowledge(delivery);
        Ok(())
    }
}

impl Members {
    fn add(&self, name: String) -> (MemberId, watch::Receiver<BTreeSet<ShardId>>) {
        let mut table = lock(&self.table);
        table.joined += 1;
        let (id, share) = (MemberId(table.joined), watch::Sender::default());
        let shown = share.subscribe();
        table.members.insert(id, Member { name, share, ends: None });
        self.share_out(&mut table);
        (id, shown)
    }

    /// Takes a member out at once.
    fn remove(&self, id: MemberId) {
        let mut table = lock(&self.table);
        if table.members.remove(&id).is_some() {
            self.share_out(&mut table);
        }
    }

    /// A member has died: it counts until its time is over.
    fn lose(&self, id: MemberId) {
        let ends = self.clock.now() + LEASE_TIME;
        if let Some(member) = lock(&self.table).members.get_mut(&id) {
            member.ends = Some(ends);
        }
        self.next_end.send_modify(|next| *next = Some(next.map_or(ends, |next| next.min(ends))));
    }

    /// Takes out those who have died and whose time is over, for as long as anybody is there to see.
    async fn watch(&self) {
        let mut next_end = self.next_end.subscribe();
        loop {
            let next = *next_end.borrow_and_update();
            let ended = async {
                match next {
                    Some(end) => self.clock.sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                // The sender cannot go: `self` holds it.
                _ = next_end.changed() => {}
                () = ended => self.bury(),
            }
        }
    }

    fn bury(&self) {
        let now = self.clock.now();
        let mut table = lock(&self.table);
        let before = table.members.len();
        table.members.retain(|_, member| member.ends.is_none_or(|ends| now < ends));
        if table.members.len() < before {
            self.share_out(&mut table);
        }
        let next = table.members.values().filter_map(|member| member.ends).min();
        self.next_end.send_if_modified(|shown| std::mem::replace(shown, next) != next);
    }

    fn share_out(&self, table: &mut Table) {
        let hosts = table.members.keys().copied().collect();
        table.assigned = balance(self.shards, &hosts, &table.assigned);
        for (id, member) in &table.members {
            let of_it = table.assigned.iter().filter(|(_, owner)| *owner == id);
            let share: BTreeSet<_> = of_it.map(|(shard, _)| *shard).collect();
            member.share.send_if_modified(|shown| {
                let changes = *shown != share;
                *shown = share;
                changes
            });
        }
    }
}

#[async_trait]
impl Membership for Joined {
    fn share(&self) -> watch::Receiver<BTreeSet<ShardId>> {
        self.share.clone()
    }

    async fn leave(&self) -> Result<(), ProviderError> {
        self.members.remove(self.id);
        Ok(())
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.watch.abort();
        // One that has left is not there any more.
        self.members.lose(self.id);
    }
}

/// A thread that panicked under the lock had changed nothing, or all.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reenact_core::InstanceId;

    use super::*;
    use crate::limits::VISIBILITY_TIME;
    use crate::{InMemory, ManualClock, Provider};

    #[tokio::test]
    async fn a_host_that_died_counts_until_its_lease_has_run_out_and_no_longer() {
        let clock = ManualClock::default();
        let store = InMemory::new().with_clock(clock.clone()).with_shards(4).shared();
        let sharing = store.sharing().unwrap();
        let first = sharing.join("first").await.unwrap();
        let second = sharing.join("second").await.unwrap();
        let mut share = first.share();
        assert_eq!((share.borrow().len(), second.share().borrow().len()), (2, 2));

        drop(second);
        clock.advance(LEASE_TIME - Duration::from_micros(1));
        tokio::task::yield_now().await;
        assert_eq!(share.borrow().len(), 2);

        clock.advance(Duration::from_micros(1));
        share.wait_for(|share| share.len() == 4).await.unwrap();
    }

    #[tokio::test]
    async fn one_that_joins_while_nobody_lives_has_all_once_the_dead_are_forgotten() {
        let clock = ManualClock::default();
        let sharing = InMemory::new().with_clock(clock.clone()).shared().sharing().unwrap();
        drop(sharing.join("dead").await.unwrap());
        let next = sharing.join("next").await.unwrap();
        let mut share = next.share();
        assert_eq!(share.borrow().len(), 2);
        clock.advance(LEASE_TIME);
        share.wait_for(|share| share.len() == 4).await.unwrap();
    }

    #[test]
    fn a_store_stays_shared_whatever_else_is_chosen() {
        let store = InMemory::new().shared().with_shards(9).with_clock(ManualClock::default());
        assert!(store.sharing().is_some());
        assert!(InMemory::new().sharing().is_none());
    }

    #[tokio::test]
    async fn a_delivery_comes_again_at_the_instant_at_which_it_runs_out() {
        let clock = ManualClock::default();
        let router = InMemory::new().with_clock(clock.clone()).shared().sharing().unwrap().router();
        let to = InstanceId::new("i").unwrap();
        let message = Message { key: "k".into(), to, bytes: Arc::from([]) };
        router.send(ShardId(0), message).await.unwrap();
        assert_eq!(router.receive(ShardId(0), 1).await.unwrap()[0].attempt, 1);

        let waiting = tokio::spawn({
            let router = Arc::clone(&router);
            async move { router.receive(ShardId(0), 1).await }
        });
        clock.advance(VISIBILITY_TIME - Duration::from_micros(1));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());

        clock.advance(Duration::from_micros(1));
        assert_eq!(waiting.await.unwrap().unwrap()[0].attempt, 2);
    }
}
