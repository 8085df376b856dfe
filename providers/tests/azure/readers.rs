//! Two processes on one hub, by turns: one writes, and the other reads what was written.

use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};
use reenact_providers::azure::port::StoragePort;
use reenact_providers::azure::{Azure, AzureOptions};
use reenact_providers::{
    Batch, HistoryStore, InMemory, InstanceFilter, InstanceState, InstanceSummary, Lease,
    OpenError, PageRequest, ProviderError, ShardLease, SystemClock, TurnRecord,
};
use reenact_testkit::azure::storage::FakeStorage;

/// Steps of each history of the two processes.
const STEPS: u32 = 150;

const SHARDS: u32 = 2;

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }
}

/// Two processes on a hub. What the owner of a shard does to the hub is done to the model as well.
struct Processes {
    hubs: [Azure; 2],
    model: InMemory,
    /// By shard: who has it, and both leases.
    owners: Vec<(usize, Lease, Lease)>,
    random: Random,
}

impl Processes {
    async fn new(flush_bytes: usize, seed: u64) -> Self {
        let storage = FakeStorage::new(Arc::new(SystemClock));
        let mut options = AzureOptions::new().shards(SHARDS);
        options = options.flush_bytes(flush_bytes);
        options = options.segment_bytes(2_048, 4_096);
        let open = || options.open(Arc::new(storage.clone()), "the-hub");
        let hubs = [open().await.unwrap(), open().await.unwrap()];
        let model = InMemory::new().with_shards(SHARDS);
        let mut owners = Vec::new();
        for shard in (0..SHARDS).map(ShardId) {
            let ours = hubs[0].acquire(shard, "first").await.unwrap();
            owners.push((0, ours, model.acquire(shard, "model").await.unwrap()));
        }
        Self { hubs, model, owners, random: Random(seed | 1) }
    }

    fn some_instance(&mut self) -> InstanceId {
        InstanceId::new(format!("i-{}", self.random.below(12))).unwrap()
    }

    async fn append(&mut self) {
        let instance = self.some_instance();
        let known = self.model.summary(&instance).await.unwrap();
        let mut summary = known.unwrap_or_else(|| InstanceSummary {
            instance,
            execution: ExecutionId::FIRST,
            name: Name::new("pay").unwrap(),
            state: InstanceState::Running,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
            turns: 0,
            events: 0,
            wake_at: None,
            attributes: reenact_core::Attributes::default(),
        });
        if summary.turns > 0 && self.random.below(6) == 0 {
            summary.execution = ExecutionId(summary.execution.0 + 1);
            summary.turns = 0;
        }
        summary.state = match self.random.below(3) {
            0 => InstanceState::Completed,
            _ => InstanceState::Running,
        };
        let number = summary.turns;
        summary.turns += 1;
        let bytes = Arc::from(vec![self.random.below(256) as u8; self.random.below(300) as usize]);
        let shard = ShardId::of(&summary.instance, SHARDS);
        let turns = vec![TurnRecord { number, bytes, summary, has_drawn_id: false, keep: 0 }];
        let (owner, ours, models) = &self.owners[shard.0 as usize];
        let batch = Batch { shard, epoch: ours.epoch, turns };
        let _ = self.hubs[*owner].append(batch.clone().into()).await.unwrap();
        let _ = self.model.append(Batch { epoch: models.epoch, ..batch }.into()).await.unwrap();
    }

    async fn purge(&mut self) {
        let instance = self.some_instance();
        let shard = ShardId::of(&instance, SHARDS);
        let (owner, ours, models) = &self.owners[shard.0 as usize];
        let ours = self.hubs[*owner].purge(std::slice::from_ref(&instance), ours).await;
        let models = self.model.purge(&[instance], models).await;
        assert_eq!(ours.ok(), models.ok());
    }

    /// The other process has the shard from now on.
    async fn hand_over(&mut self) {
        let shard = self.random.below(SHARDS.into()) as usize;
        let (owner, ours, _) = &mut self.owners[shard];
        self.hubs[*owner].release(ours).await.unwrap();
        *owner = 1 - *owner;
        // It may not have heard yet that the shard is free.
        *ours = loop {
            match self.hubs[*owner].acquire(ours.shard, "next").await {
                Err(ProviderError::Conflict { .. }) => tokio::task::yield_now().await,
                acquired => break acquired.unwrap(),
            }
        };
    }

    /// A list is always of this instant, and what others know has the time to become so.
    async fn assert_both_see_the_same(&self) {
        let (all, page) = (InstanceFilter::new(), PageRequest::new());
        let expected = self.model.list(&all, &page).await.unwrap();
        for hub in &self.hubs {
            assert_eq!(hub.list(&all, &page).await.unwrap(), expected);
            assert_eq!(hub.count(&all).await.unwrap(), expected.instances.len() as u64);
            for summary in &expected.instances {
                let InstanceSummary { instance, execution, .. } = summary;
                assert_eq!(hub.summary(instance).await.unwrap().as_ref(), Some(summary));
                let read = hub.read(instance, *execution, 0, 1_000).await.unwrap();
                let expected = self.model.read(instance, *execution, 0, 1_000).await.unwrap();
                assert_eq!(read.turns, expected.turns);
            }
        }
    }
}

async fn check(flush_bytes: usize, seed: u64) {
    let mut processes = Processes::new(flush_bytes, seed).await;
    for _ in 0..STEPS {
        match processes.random.below(20) {
            0 => processes.hand_over().await,
            1..=3 => processes.purge().await,
            4..=7 => processes.assert_both_see_the_same().await,
            _ => processes.append().await,
        }
    }
    processes.assert_both_see_the_same().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_without_the_shard_sees_what_its_owner_wrote_to_the_journal() {
    for seed in 0..8 {
        check(usize::MAX / 2, seed * 1_000_003).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn and_what_has_gone_over_to_the_archive() {
    for seed in 0..8 {
        check(1, seed * 1_000_003).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn and_what_is_here_and_there() {
    for seed in 0..8 {
        check(3_000, seed * 1_000_003).await;
    }
}

/// How often a shard is given up and taken again while others read.
const MOVES: u32 = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_while_a_shard_is_given_up_sees_all_of_it() {
    let mut processes = Processes::new(usize::MAX / 2, 1).await;
    for _ in 0..20 {
        processes.append().await;
    }
    let (all, page) = (InstanceFilter::new(), PageRequest::new());
    let hub = processes.hubs[0].clone();
    let expected = hub.list(&all, &page).await.unwrap();
    let reading = tokio::spawn({
        let expected = expected.clone();
        async move {
            loop {
                for summary in &expected.instances {
                    let InstanceSummary { instance, execution, turns, .. } = summary;
                    assert_eq!(hub.summary(instance).await.unwrap().as_ref(), Some(summary));
                    let read = hub.read(instance, *execution, 0, 1_000).await.unwrap();
                    assert_eq!(read.turns.len() as u64, *turns);
                }
                assert_eq!(hub.list(&all, &page).await.unwrap(), expected);
                tokio::task::yield_now().await;
            }
        }
    });
    for _ in 0..MOVES {
        for (_, lease, _) in &mut processes.owners {
            processes.hubs[0].release(lease).await.unwrap();
            *lease = processes.hubs[0].acquire(lease.shard, "again").await.unwrap();
        }
    }
    assert!(!reading.is_finished(), "it saw everything all the time");
    reading.abort();
}

#[tokio::test]
async fn a_hub_that_must_exist_is_opened_and_never_made() {
    let storage = FakeStorage::new(Arc::new(SystemClock));
    let existing = AzureOptions::new().must_exist(true);
    let missing = existing.open(Arc::new(storage.clone()), "the-hub").await;
    assert!(matches!(missing, Err(OpenError::NoStore { .. })));
    assert!(storage.create_container().await.is_ok(), "nothing was made");
    drop(AzureOptions::new().open(Arc::new(storage.clone()), "the-hub").await.unwrap());
    assert!(existing.open(Arc::new(storage), "the-hub").await.is_ok());
}
