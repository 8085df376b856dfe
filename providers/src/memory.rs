//! The reference model of a provider: everything in memory, no files.

mod log;
mod sharing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use reenact_core::{ExecutionId, InstanceId, Receipt, ShardId};

use self::log::Log;
use self::sharing::Shared;
use crate::limits::{DEFAULT_SHARDS, MAX_SHARDS, check_batch, check_purge};
use crate::ownership::{Ownership, check_shard};
use crate::{
    Batch, FirstByTime, HistoryStore, InstanceCounts, InstanceFilter, InstancePage,
    InstanceSummary, Lease, PageRequest, Provider, ProviderError, ShardHolder, ShardLease, Sharing,
    SystemClock, TimeOrder, TimerScheduler, TurnPage,
};

/// A store that lives as long as its last clone: for tests, and for programs that need not survive
/// a crash. Clones are cheap and share one hub, as hosts that share a medium would.
///
/// ```
/// use reenact_providers::{InMemory, ManualClock, Provider};
///
/// let clock = ManualClock::default();
/// let store = InMemory::new().with_shards(8).with_clock(clock.clone());
/// assert_eq!(store.shards(), 8);
/// ```
#[derive(Clone)]
pub struct InMemory {
    hub: Arc<Hub>,
}

/// What all clones share.
struct Hub {
    shards: Box<[Shard]>,
    clock: Arc<dyn TimerScheduler>,
    takes_large: bool,
    /// What hosts that share it need; none where one host has all shards.
    sharing: Option<Arc<Shared>>,
}

/// Shards share nothing, so that their owners never wait for each other.
struct Shard {
    state: Mutex<State>,
}

/// What an append must see unchanging.
struct State {
    ownership: Ownership,
    log: Log,
    commits: u64,
}

/// What a store is for.
#[derive(Clone, Copy, Default)]
struct Kind {
    /// Several hosts share it.
    is_shared: bool,
    takes_large: bool,
}

impl InMemory {
    /// An empty store of [`DEFAULT_SHARDS`] shards on the system's clock, for one host.
    pub fn new() -> Self {
        Self::empty(DEFAULT_SHARDS, Arc::new(SystemClock), Kind::default())
    }

    /// An empty store like this one, for several hosts that share its shards: each is given a clone.
    /// What this one holds is not taken along, so choose before use.
    ///
    /// A host that leaves is gone at once. One that dies (its [`Membership`](crate::Membership) is
    /// dropped) counts for another [`LEASE_TIME`](crate::limits::LEASE_TIME) by the store's clock.
    ///
    /// ```
    /// use reenact_providers::{InMemory, Provider};
    ///
    /// let store = InMemory::new().with_shards(8).shared();
    /// assert!(store.sharing().is_some());
    /// ```
    #[must_use]
    pub fn shared(self) -> Self {
        let kind = Kind { is_shared: true, ..self.kind() };
        Self::empty(self.shard_count(), Arc::clone(&self.hub.clock), kind)
    }

    /// An empty store like this one, that takes payloads of up to
    /// [`MAX_LARGE_PAYLOAD_BYTES`](reenact_core::limits::MAX_LARGE_PAYLOAD_BYTES). What this one holds is not taken
    /// along, so choose before use.
    #[must_use]
    pub fn large_payloads(self, takes_large: bool) -> Self {
        let kind = Kind { takes_large, ..self.kind() };
        Self::empty(self.shard_count(), Arc::clone(&self.hub.clock), kind)
    }

    /// An empty store like this one, with this number of shards: 0 counts as 1, and more than
    /// [`MAX_SHARDS`] as that. What this one holds is not taken along, so choose before use.
    #[must_use]
    pub fn with_shards(self, shards: u32) -> Self {
        Self::empty(shards, Arc::clone(&self.hub.clock), self.kind())
    }

    /// An empty store like this one, on another clock. What this one holds is not taken along, so
    /// choose before use.
    #[must_use]
    pub fn with_clock(self, clock: impl TimerScheduler) -> Self {
        Self::empty(self.shard_count(), Arc::new(clock), self.kind())
    }

    fn empty(shards: u32, clock: Arc<dyn TimerScheduler>, kind: Kind) -> Self {
        let Kind { is_shared, takes_large } = kind;
        let count = shards.clamp(1, MAX_SHARDS);
        let shards = (0..count).map(|shard| Shard::new(ShardId(shard))).collect();
        let sharing =
            is_shared.then(|| Arc::new(Shared::new(count, Arc::clone(&clock), takes_large)));
        Self { hub: Arc::new(Hub { shards, clock, takes_large, sharing }) }
    }

    fn kind(&self) -> Kind {
        Kind { is_shared: self.hub.sharing.is_some(), takes_large: self.hub.takes_large }
    }

    fn shard_count(&self) -> u32 {
        // Lossless: there are at most MAX_SHARDS.
        self.hub.shards.len() as u32
    }

    fn shard(&self, shard: ShardId) -> Result<&Shard, ProviderError> {
        self.hub.shards.get(shard.0 as usize).ok_or_else(|| ProviderError::Conflict {
            reason: format!("there is no shard {shard}, there are {}", self.shard_count()),
        })
    }

    fn shard_of(&self, instance: &InstanceId) -> (ShardId, &Shard) {
        let shard = ShardId::of(instance, self.shard_count());
        (shard, &self.hub.shards[shard.0 as usize])
    }
}

impl Shard {
    fn new(shard: ShardId) -> Self {
        let state = State { ownership: Ownership::new(shard), log: Log::default(), commits: 0 };
        Self { state: Mutex::new(state) }
    }
}

impl Default for InMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for InMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InMemory").field("shards", &self.shard_count()).finish_non_exhaustive()
    }
}

/// A thread that panicked under the lock had checked before it changed anything, so what it guards is
/// whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Provider for InMemory {
    fn shards(&self) -> u32 {
        self.shard_count()
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        Arc::new(self.clone())
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        Arc::clone(&self.hub.clock)
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        Arc::new(self.clone())
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        self.hub.sharing.clone().map(|sharing| sharing as Arc<dyn Sharing>)
    }
}

#[async_trait]
impl HistoryStore for InMemory {
    async fn append(&self, batch: Arc<Batch>) -> Result<Receipt, ProviderError> {
        let shard = self.shard(batch.shard)?;
        check_batch(&batch, self.hub.takes_large)?;
        for turn in &batch.turns {
            check_shard(&turn.summary.instance, self.shard_count(), batch.shard, "the batch")?;
        }

        let mut state = lock(&shard.state);
        state.ownership.check(batch.epoch)?;
        state.log.check(&batch.turns)?;
        state.log.apply(&batch.turns);
        state.commits += 1;
        Ok(Receipt::issue(batch.shard, state.commits))
    }

    async fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<TurnPage, ProviderError> {
        let (_, shard) = self.shard_of(instance);
        lock(&shard.state).log.read(instance, execution, from, limit)
    }

    async fn summary(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError> {
        let (_, shard) = self.shard_of(instance);
        Ok(lock(&shard.state).log.summary(instance).cloned())
    }

    async fn executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        let (_, shard) = self.shard_of(instance);
        Ok(lock(&shard.state).log.executions(instance))
    }

    fn takes_large_payloads(&self) -> bool {
        self.hub.takes_large
    }

    async fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<InstancePage, ProviderError> {
        if page.check().is_err() {
            return Ok(InstancePage { instances: Vec::new(), next: None });
        }
        let limit = page.limit.max(1);
        // All of the page, and the one that tells whether another follows, may be of one shard.
        let needed = limit.saturating_add(1);
        let mut instances = Vec::new();
        for shard in &self.hub.shards {
            lock(&shard.state).log.list(filter, page.after.as_ref(), needed, &mut instances);
        }
        instances.sort_unstable_by(|a, b| a.instance.cmp(&b.instance));
        let more = instances.len() > limit;
        instances.truncate(limit);
        let next = instances.last().filter(|_| more).map(|last| last.instance.clone());
        Ok(InstancePage { instances, next })
    }

    async fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        // All at once, so that the number is one of some instant.
        let states: Vec<_> = self.hub.shards.iter().map(|shard| lock(&shard.state)).collect();
        Ok(states.iter().map(|state| state.log.count(filter)).sum())
    }

    async fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        let mut first = FirstByTime::new(order, limit);
        for shard in &self.hub.shards {
            lock(&shard.state).log.passing(filter).for_each(|summary| first.offer(summary));
        }
        Ok(first.into_list())
    }

    async fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        let states: Vec<_> = self.hub.shards.iter().map(|shard| lock(&shard.state)).collect();
        let mut counts = InstanceCounts::default();
        for state in &states {
            state.log.passing(filter).for_each(|summary| counts.add_one(summary));
        }
        Ok(counts)
    }

    async fn purge(&self, instances: &[InstanceId], lease: &Lease) -> Result<usize, ProviderError> {
        let shard = self.shard(lease.shard)?;
        check_purge(instances)?;
        for instance in instances {
            check_shard(instance, self.shard_count(), lease.shard, "the lease")?;
        }
        let mut state = lock(&shard.state);
        state.ownership.check(lease.epoch)?;
        state.log.purge(instances)
    }

    async fn recover(&self, lease: &Lease) -> Result<Vec<InstanceSummary>, ProviderError> {
        let state = lock(&self.shard(lease.shard)?.state);
        state.ownership.check(lease.epoch)?;
        Ok(state.log.to_wake())
    }
}

#[async_trait]
impl ShardLease for InMemory {
    async fn acquire(&self, shard: ShardId, owner: &str) -> Result<Lease, ProviderError> {
        let now = self.hub.clock.now();
        lock(&self.shard(shard)?.state).ownership.acquire(owner, now)
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, ProviderError> {
        let now = self.hub.clock.now();
        lock(&self.shard(lease.shard)?.state).ownership.renew(lease.epoch, now)
    }

    async fn release(&self, lease: &Lease) -> Result<(), ProviderError> {
        lock(&self.shard(lease.shard)?.state).ownership.release(lease.epoch);
        Ok(())
    }

    async fn holders(&self) -> Result<Vec<ShardHolder>, ProviderError> {
        let (now, shards) = (self.hub.clock.now(), self.hub.shards.iter());
        Ok(shards.filter_map(|shard| lock(&shard.state).ownership.holder(now)).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ManualClock;
    use crate::limits::LEASE_TIME;

    #[test]
    fn the_number_of_shards_is_at_least_1_and_at_most_the_limit() {
        assert_eq!(InMemory::new().shard_count(), DEFAULT_SHARDS);
        assert_eq!(InMemory::new().with_shards(0).shard_count(), 1);
        assert_eq!(InMemory::new().with_shards(u32::MAX).shard_count(), MAX_SHARDS);
        assert_eq!(InMemory::new().with_shards(9).with_clock(SystemClock).shard_count(), 9);
    }

    #[tokio::test]
    async fn a_shard_that_does_not_exist_is_a_conflict_that_says_so() {
        let store = InMemory::new().with_shards(2);
        let refused = store.acquire(ShardId(2), "host").await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "conflict: there is no shard 2, there are 2; nothing was written"
        );
    }

    #[tokio::test]
    async fn a_lease_can_be_taken_from_the_instant_at_which_it_runs_out() {
        let clock = ManualClock::default();
        let store = InMemory::new().with_clock(clock.clone());
        let lease = store.acquire(ShardId(0), "first").await.unwrap();
        assert_eq!(lease.expires, Some(clock.now() + LEASE_TIME));

        clock.advance(LEASE_TIME - Duration::from_micros(1));
        let refused = store.acquire(ShardId(0), "second").await.unwrap_err();
        assert!(refused.to_string().contains("first"), "{refused}");

        clock.advance(Duration::from_micros(1));
        assert!(store.acquire(ShardId(0), "second").await.unwrap().epoch > lease.epoch);
    }
}
