//! A store of one shard in memory, whose large turns are in blobs on a disk.

use std::sync::Arc;

use reenact_core::{Attributes, ExecutionId, InstanceId, Name, ShardId, Timestamp};
use reenact_providers::large_turns::{DirectoryBlobs, LargeTurns};
use reenact_providers::{
    Batch, HistoryStore, InMemory, InstanceState, InstanceSummary, Lease, LoadedInstance, Provider,
    ProviderError, TurnPage, TurnRecord,
};
use reenact_testkit::disk::FakeDisk;

pub(crate) const SHARD: ShardId = ShardId(0);

/// Small, so that the tests are fast.
pub(crate) const INLINE_BYTES: usize = 1024;

pub(crate) struct Stage {
    store: InMemory,
    histories: LargeTurns,
    disk: FakeDisk,
    lease: Lease,
}

/// Large turns on a disk.
pub(crate) fn on(
    histories: Arc<dyn HistoryStore>,
    disk: &FakeDisk,
    takes_large: bool,
) -> LargeTurns {
    let disk = disk.clone();
    let blobs = DirectoryBlobs::new(move |_, _| Ok(Some(disk.clone())));
    LargeTurns::new(histories, Arc::new(blobs), takes_large).inline_bytes(INLINE_BYTES)
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::owned(InMemory::new().with_shards(1).large_payloads(true), FakeDisk::new(), true)
            .await
    }

    async fn owned(store: InMemory, disk: FakeDisk, takes_large: bool) -> Self {
        let histories = on(store.histories(), &disk, takes_large);
        let lease = store.leases().acquire(SHARD, "owner").await.unwrap();
        histories.recover(&lease).await.unwrap();
        Self { store, histories, disk, lease }
    }

    /// Another process takes the shard.
    pub(crate) async fn next_owner(self) -> Self {
        self.store.leases().release(&self.lease).await.unwrap();
        Self::owned(self.store, self.disk, true).await
    }

    pub(crate) async fn that_takes_none(self) -> Self {
        self.store.leases().release(&self.lease).await.unwrap();
        Self::owned(self.store, self.disk, false).await
    }

    pub(crate) const fn lease(&self) -> &Lease {
        &self.lease
    }

    pub(crate) async fn recover(&self) {
        self.histories.recover(&self.lease).await.unwrap();
    }

    pub(crate) const fn disk(&self) -> &FakeDisk {
        &self.disk
    }

    /// What a look at the shard says.
    pub(crate) async fn check(&self) -> Vec<String> {
        let findings = self.histories.check(SHARD).await.unwrap();
        findings.iter().map(ToString::to_string).collect()
    }

    /// The names of all files, in order.
    pub(crate) fn blobs(&self) -> Vec<String> {
        let mut names = self.disk.names();
        names.sort();
        names
    }

    pub(crate) async fn append(&self, turns: Vec<TurnRecord>) -> Result<(), ProviderError> {
        append(&self.histories, &self.lease, turns).await
    }

    pub(crate) async fn purge(&self, instance: &str) {
        let purged = self.histories.purge(&[id(instance)], &self.lease).await.unwrap();
        assert_eq!(purged, 1);
    }

    pub(crate) async fn summary(&self, instance: &str) -> Option<InstanceSummary> {
        self.histories.summary(&id(instance)).await.unwrap()
    }

    /// A page of many turns of the first execution.
    pub(crate) async fn read(&self, instance: &str, from: u64) -> Result<TurnPage, ProviderError> {
        self.histories.read(&id(instance), ExecutionId::FIRST, from, 1_000).await
    }

    pub(crate) async fn load(
        &self,
        instance: &str,
    ) -> Result<Option<LoadedInstance>, ProviderError> {
        self.histories.load(&id(instance), 1_000).await
    }

    pub(crate) async fn history(&self, instance: &str, execution: ExecutionId) -> Vec<Arc<[u8]>> {
        let page = self.histories.read(&id(instance), execution, 0, 1_000).await.unwrap();
        assert_eq!(page.next, None);
        page.turns.into_iter().map(|turn| turn.bytes).collect()
    }
}

pub(crate) async fn append(
    histories: &dyn HistoryStore,
    lease: &Lease,
    turns: Vec<TurnRecord>,
) -> Result<(), ProviderError> {
    let batch = Batch { shard: lease.shard, epoch: lease.epoch, turns };
    histories.append(Arc::new(batch)).await.map(drop)
}

pub(crate) fn id(text: &str) -> InstanceId {
    InstanceId::new(text).unwrap()
}

/// A turn of the first execution.
pub(crate) fn turn(instance: &str, number: u64, bytes: usize) -> TurnRecord {
    let summary = InstanceSummary {
        instance: id(instance),
        execution: ExecutionId::FIRST,
        name: Name::new("order").unwrap(),
        state: InstanceState::Running,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        turns: number + 1,
        events: number + 1,
        wake_at: None,
        attributes: Attributes::default(),
    };
    // Of each turn its own.
    let seed = instance.bytes().fold(number as u8, u8::wrapping_add);
    let bytes = (0..bytes).map(|at| (at as u8).wrapping_add(seed)).collect();
    TurnRecord { number, bytes, summary, has_drawn_id: false, keep: 0 }
}

pub(crate) fn small(instance: &str, number: u64) -> TurnRecord {
    turn(instance, number, 10)
}

pub(crate) fn large(instance: &str, number: u64) -> TurnRecord {
    turn(instance, number, INLINE_BYTES + 1 + number as usize)
}

pub(crate) fn last(mut turn: TurnRecord) -> TurnRecord {
    turn.summary.state = InstanceState::Completed;
    turn
}

pub(crate) trait OfExecution {
    fn of(self, execution: ExecutionId) -> Self;
}

impl OfExecution for TurnRecord {
    fn of(mut self, execution: ExecutionId) -> Self {
        self.summary.execution = execution;
        self
    }
}
