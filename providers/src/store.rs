//! The seam between the runtime and a medium.

mod attributes;
mod by_time;
mod counts;
mod filter;
mod state;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use reenact_core::{Attributes, ExecutionId, InstanceId, Name, Receipt, ShardId, Timestamp};
use serde::Serialize;

pub use self::attributes::AttributeFilter;
#[cfg(feature = "journal")]
pub(crate) use self::attributes::kind as attribute_kind;
#[cfg(feature = "local")]
pub(crate) use self::attributes::{KeyRange, key as attribute_key};
pub use self::by_time::{FirstByTime, TimeOrder};
pub use self::counts::{InstanceCounts, StateCounts};
pub use self::filter::{InstanceFilter, PageRequest, TimeRange};
pub use self::state::{InstanceState, UnknownState};
use crate::{Finding, ProviderError, Sharing, TimerScheduler};

/// Instances of a page where the whole list is gone through.
const LISTED_AT_ONCE: usize = 1_024;

/// A store for the hosts of one hub. Cloning a provider's handles is cheap; all of them are shared.
pub trait Provider: Send + Sync + 'static {
    /// The number of shards, at least 1, the same for ever in one store.
    fn shards(&self) -> u32;
    /// The logs.
    fn histories(&self) -> Arc<dyn HistoryStore>;
    /// The clock that timers run on.
    fn timers(&self) -> Arc<dyn TimerScheduler>;
    /// The store of leases: it knows which host owns which shard.
    fn leases(&self) -> Arc<dyn ShardLease>;
    /// Looks through its files by means of its own: what is damaged there, and what is good to know. It may take long,
    /// and blocks. By default it finds nothing.
    fn check(&self) -> Vec<Finding> {
        Vec::new()
    }
    /// What it offers to hosts that share it; `None` when one host has all of its shards.
    fn sharing(&self) -> Option<Arc<dyn Sharing>>;
    /// The directory that it is in, as an absolute path; `None` when it is not in one, as by default.
    fn directory(&self) -> Option<PathBuf> {
        None
    }
}

/// The logs of all instances, by shard.
///
/// Of a shard that another host writes, [`summary`](Self::summary), [`read`](Self::read) and [`load`](Self::load) may
/// give what was durable a second before, but nothing older than what the other looks have shown, which are as of now;
/// and that there is nothing they say only as of now.
#[async_trait]
pub trait HistoryStore: Send + Sync + 'static {
    /// Appends all turns of the batch or none. Durable when it returns; the receipt proves it. Its commit number
    /// is at least 1, and higher than those of earlier receipts of the shard under the same lease.
    ///
    /// An empty batch is allowed: it proves that everything before it is durable.
    ///
    /// The first turn of an instance's next execution takes the place of the execution before it: an
    /// instance that goes on for ever takes no more room than its newest execution, and those before it
    /// that the turn asks to [keep](TurnRecord::keep). The others are gone when it is durable.
    ///
    /// The batch is shared, so that the caller can try again what has failed without a copy.
    ///
    /// # Errors
    /// - `Fenced`: the batch's epoch is not the shard's newest, or its lease was released.
    /// - `Conflict`: a turn's number is not the next one of its execution, its execution is neither
    ///   the instance's newest nor (with the number 0) the one after that; an instance that is not there begins
    ///   with the turn 0 of any execution from 1 on, as an import brings it; a first turn's instance
    ///   exists already, a turn is of another shard, or there is no such shard.
    /// - `TooLarge`, `Throttled`, `Unavailable`: nothing was written.
    /// - `Unknown`: it may or may not have been written.
    async fn append(&self, batch: Arc<Batch>) -> Result<Receipt, ProviderError>;

    /// Reads turns of an instance's newest execution, or of one that is [kept](TurnRecord::keep), from the turn
    /// numbered `from` on, in order; at most `limit` of them (at least 1 is returned when there is one).
    ///
    /// # Errors
    /// - `NotFound`: no such instance, or it has no such execution, or that is not kept.
    /// - `Conflict`: `from` is past the end (the end itself gives an empty page).
    async fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<TurnPage, ProviderError>;

    /// The newest summary of one instance; `None` when there is no such instance.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn summary(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError>;

    /// The newest summary of each execution of an instance that is there: those that are [kept](TurnRecord::keep) in
    /// their order, and the newest one last. Of one that is kept, it is as the execution's last turn has left it.
    /// Empty when there is no such instance. All are of the same instant.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<InstanceSummary>, ProviderError>;

    /// Reads what it takes to bring an instance into memory: its newest summary, and the first turns of that
    /// execution, at most `limit` of them (at least 1 when there is one). `None` when there is no such
    /// instance. Both are of the same instant. Of an instance that [is over](InstanceSummary::is_over), the
    /// page of turns may be empty, although there are turns.
    ///
    /// A store may remember where the instance ends until [`unload`](Self::unload) is called, so that an
    /// append to it needs no look-up. The default asks for the summary, and then for the turns.
    ///
    /// # Errors
    /// Those of [`summary`](Self::summary) and [`read`](Self::read). With `Corrupt`, the summary alone may be
    /// readable.
    async fn load(
        &self,
        instance: &InstanceId,
        limit: usize,
    ) -> Result<Option<LoadedInstance>, ProviderError> {
        let mut summary = self.summary(instance).await?;
        while let Some(found) = summary {
            let error = match self.read(instance, found.execution, 0, limit).await {
                Ok(turns) => return Ok(Some(LoadedInstance { summary: found, turns })),
                Err(error) => error,
            };
            summary = self.summary(instance).await?;
            // Otherwise the next execution has taken its place, or it was purged.
            if summary.as_ref().is_some_and(|newer| newer.execution == found.execution) {
                return Err(error);
            }
        }
        Ok(None)
    }

    /// The caller has an instance in memory no longer: the store need not remember where it ends. Nothing but
    /// speed depends on this call. It does not wait for anything. The default does nothing.
    fn unload(&self, instance: &InstanceId) {
        let _ = instance;
    }

    /// About how many bytes its journals have, of the shards that are open for writing here, that its archive
    /// does not have yet: what would be read again after a crash. `None` of a store without an archive. It
    /// does not wait for anything. The default is `None`.
    fn unarchived_bytes(&self) -> Option<u64> {
        None
    }

    /// Whether summaries have the attributes of their instances, so that filters can ask for them. A store that must
    /// not have them in plain text answers that it does not, and refuses such filters. The default is that it does.
    fn shows_attributes(&self) -> bool {
        true
    }

    /// Whether it takes turns that are as large as
    /// [`MAX_LARGE_BATCH_BYTES`](crate::limits::MAX_LARGE_BATCH_BYTES), and its queues messages of
    /// [`MAX_LARGE_ROUTED_BYTES`](crate::limits::MAX_LARGE_ROUTED_BYTES): then a host allows payloads of
    /// [`MAX_LARGE_PAYLOAD_BYTES`](reenact_core::limits::MAX_LARGE_PAYLOAD_BYTES). The default is that it does not.
    fn takes_large_payloads(&self) -> bool {
        false
    }

    /// Looks at what it keeps of a shard beside the turns themselves: what is left over or damaged there. Changes
    /// nothing. The default has nothing to look at.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn check(&self, shard: ShardId) -> Result<Vec<Finding>, ProviderError> {
        let _ = shard;
        Ok(Vec::new())
    }

    /// Instances that pass the filter, ordered by id, a page at a time.
    ///
    /// # Errors
    /// The errors of the medium. `NoAttributes` of a filter by attributes, when the store does not
    /// [show](Self::shows_attributes) them; so do `count`, `counts` and `list_by_time`.
    async fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<InstancePage, ProviderError>;

    /// How many instances pass the filter: as many as a list at the same instant would give.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError>;

    /// The first `limit` instances that pass the filter, in an order by the time of their last event. It holds no more
    /// than those in memory. The default goes through the whole list, a page at a time.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        let mut first = FirstByTime::new(order, limit);
        let mut request = PageRequest::new().limit(LISTED_AT_ONCE);
        loop {
            let page = self.list(filter, &request).await?;
            page.instances.iter().for_each(|summary| first.offer(summary));
            let Some(next) = page.next else { return Ok(first.into_list()) };
            request.after = Some(next);
        }
    }

    /// How many instances pass the filter, by orchestration and state: as many as a list at the same instant would
    /// give. The default goes through the whole list, a page at a time.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        let mut counts = InstanceCounts::default();
        let mut request = PageRequest::new().limit(LISTED_AT_ONCE);
        loop {
            let page = self.list(filter, &request).await?;
            page.instances.iter().for_each(|summary| counts.add_one(summary));
            let Some(next) = page.next else { return Ok(counts) };
            request.after = Some(next);
        }
    }

    /// Removes finished instances that have no `wake_at` with their histories; all of them or none. Durable when
    /// it returns. Tells how many there were: one that does not exist is passed over.
    ///
    /// # Errors
    /// - `Conflict`: one of them is not finished or has a `wake_at`, or is of another shard than the
    ///   lease.
    /// - `Fenced`: the lease's epoch is not its shard's newest.
    /// - `TooLarge`: more than [`MAX_PURGED_AT_ONCE`](crate::limits::MAX_PURGED_AT_ONCE).
    /// - `Throttled`, `Unavailable`: nothing was removed.
    /// - `Unknown`: they may or may not have been removed. Purge them again.
    async fn purge(&self, instances: &[InstanceId], lease: &Lease) -> Result<usize, ProviderError>;

    /// The instances of a shard that must be woken although nobody sends them anything, finished or
    /// not: those whose summary has a `wake_at`, earliest first. Call it once, after the
    /// lease is acquired and before the first append.
    ///
    /// # Errors
    /// - `Fenced`: the lease's epoch is not its shard's newest.
    /// - `Corrupt`: what is stored does not decode.
    async fn recover(&self, lease: &Lease) -> Result<Vec<InstanceSummary>, ProviderError>;
}

/// The number of an ownership of a shard. Each new owner gets a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// Ownership of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The shard.
    pub shard: ShardId,
    /// The fence: an append under an older epoch fails.
    pub epoch: Epoch,
    /// The name of the owner, for people.
    pub owner: String,
    /// The time from which on another may take it; `None` when it never runs out by itself.
    pub expires: Option<Timestamp>,
}

/// One writer per shard.
#[async_trait]
pub trait ShardLease: Send + Sync + 'static {
    /// Takes a shard that nobody holds, or whose lease has run out, under a new epoch.
    ///
    /// # Errors
    /// - `Conflict`: another holds it; the reason names the owner. Or there is no such shard.
    async fn acquire(&self, shard: ShardId, owner: &str) -> Result<Lease, ProviderError>;

    /// Extends a lease that is still the newest of its shard.
    ///
    /// # Errors
    /// - `Fenced`: another has acquired the shard since, or the lease was released.
    async fn renew(&self, lease: &Lease) -> Result<Lease, ProviderError>;

    /// Gives a shard up at once. Doing it again, or for a lease that was lost, is no error.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn release(&self, lease: &Lease) -> Result<(), ProviderError>;

    /// Who has which shard now, for people: the shards that somebody has, in order. Changes nothing. It may be
    /// a moment old, and nothing but a page that shows it should depend on it. The default knows nobody.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn holders(&self) -> Result<Vec<ShardHolder>, ProviderError> {
        Ok(Vec::new())
    }
}

/// Who has a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShardHolder {
    /// The shard.
    pub shard: ShardId,
    /// The name of the owner, for people. Two owners may have the same.
    pub owner: String,
    /// The time from which on another may take it; `None` when it does not run out by itself.
    pub expires: Option<Timestamp>,
}

/// Turns that become durable together or not at all.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The shard of all the turns.
    pub shard: ShardId,
    /// The writer's ownership.
    pub epoch: Epoch,
    /// The turns, in order. Several may be of one execution.
    pub turns: Vec<TurnRecord>,
}

/// One turn on its way into the store.
#[derive(Clone, Debug)]
pub struct TurnRecord {
    /// The number of the turn in its execution; the first is 0.
    pub number: u64,
    /// The encoded events: for the core to read.
    pub bytes: Arc<[u8]>,
    /// What is known of the instance once this turn counts.
    pub summary: InstanceSummary,
    /// Whether the instance begins with this turn under an id that was drawn at random for it, so that the
    /// store need not look whether the id is free. Without a meaning for any other turn.
    pub has_drawn_id: bool,
    /// How many executions before this turn's own stay readable once it is durable, of those that are there; more
    /// than [`MAX_KEPT_EXECUTIONS`](crate::limits::MAX_KEPT_EXECUTIONS) count as that. It counts with the first turn of an execution, and has no
    /// meaning for any other.
    pub keep: u32,
}

/// One turn out of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTurn {
    /// The number of the turn in its execution; the first is 0.
    pub number: u64,
    /// The encoded events.
    pub bytes: Arc<[u8]>,
}

/// Some turns, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnPage {
    /// The turns, in order.
    pub turns: Vec<StoredTurn>,
    /// The `from` of the next page; `None` when this was the last one.
    pub next: Option<u64>,
}

/// An instance that is about to come into memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedInstance {
    /// Its newest summary.
    pub summary: InstanceSummary,
    /// The first turns of that execution.
    pub turns: TurnPage,
}

/// What the outside may know of an instance without reading its history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceSummary {
    /// Its id.
    pub instance: InstanceId,
    /// The newest execution.
    pub execution: ExecutionId,
    /// The orchestration's name.
    pub name: Name,
    /// Its state.
    pub state: InstanceState,
    /// The time at which it was started.
    pub created_at: Timestamp,
    /// The time of its newest turn. For a finished one: when it finished.
    pub updated_at: Timestamp,
    /// Number of turns in the execution's history.
    pub turns: u64,
    /// Number of events in the execution's history.
    pub events: u64,
    /// The time at which a host must have it in memory even if nobody sends it anything: the epoch itself when
    /// it has unfinished work, the next timer when it only waits for that, `None` when only a
    /// message can move it. Of a finished one: the epoch while it has something to tell others.
    pub wake_at: Option<Timestamp>,
    /// The attributes by which lists are filtered. Empty in a store that
    /// [does not show them](HistoryStore::shows_attributes).
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
}

impl InstanceSummary {
    /// Becomes `newer`, a later summary of the same instance. Its id, and mostly its name, stay.
    pub(crate) fn advance_to(&mut self, newer: &Self) {
        let Self { instance: _, name, .. } = newer;
        if self.name != *name {
            self.name = name.clone();
        }
        self.execution = newer.execution;
        self.state = newer.state;
        self.created_at = newer.created_at;
        self.updated_at = newer.updated_at;
        self.turns = newer.turns;
        self.events = newer.events;
        self.wake_at = newer.wake_at;
        self.attributes = newer.attributes.clone();
    }

    /// Whether it has finished and nobody needs it any more, or an import has not come to its end: it can be
    /// purged.
    pub const fn is_over(&self) -> bool {
        let goes_on = !self.state.is_finished() && !matches!(self.state, InstanceState::Importing);
        !goes_on && self.wake_at.is_none()
    }
}

/// Some instances, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstancePage {
    /// The instances, ordered by id.
    pub instances: Vec<InstanceSummary>,
    /// The `after` of the next page; `None` when this was the last one.
    pub next: Option<InstanceId>,
}
