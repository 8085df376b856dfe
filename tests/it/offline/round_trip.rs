//! Whatever is in a store comes out of an export as it was: any ids, executions, states, times and bytes.

use std::sync::Arc;

use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::{Batch, Lease, Provider, ProviderError, TurnRecord};
use reenact::{ExecutionId, InstanceState, InstanceSummary, Name, Timestamp};

use super::scene::{Scratch, exported, imported};

/// Numbers that look random, the same for the same seed.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, most: u64) -> u64 {
        // The constants of Knuth's MMIX.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// The turns of one instance, of which a store knows all that can be known.
pub(super) fn instance(id: &str, turns: u64, numbers: &mut Numbers) -> Vec<TurnRecord> {
    let states = InstanceState::ALL;
    let execution = ExecutionId(1 + numbers.below(5) as u32 * numbers.below(20_000) as u32);
    let created_at = Timestamp::from_micros(numbers.below(1 << 30));
    let record = |number| {
        let summary = InstanceSummary {
            instance: InstanceId::new(id).unwrap(),
            execution,
            name: Name::new("order").unwrap(),
            state: states[numbers.below(states.len() as u64) as usize],
            created_at,
            updated_at: Timestamp::from_micros(numbers.below(u64::MAX)),
            turns: number + 1,
            events: numbers.below(1 << 20),
            wake_at: (numbers.below(2) == 0)
                .then(|| Timestamp::from_micros(numbers.below(1 << 40))),
        };
        let bytes: Vec<u8> = (0..numbers.below(200)).map(|_| numbers.below(256) as u8).collect();
        TurnRecord { number, bytes: Arc::from(bytes), summary, has_drawn_id: false }
    };
    (0..turns).map(record).collect()
}

/// Puts turns into a store on which no host works.
pub(super) async fn fill(
    store: &impl Provider,
    turns: Vec<TurnRecord>,
) -> Result<(), ProviderError> {
    let Some(first) = turns.first() else { return Ok(()) };
    let shard = ShardId::of(&first.summary.instance, store.shards());
    let lease: Lease = store.leases().acquire(shard, "test").await?;
    let batch = Batch { shard, epoch: lease.epoch, turns };
    let _ = store.histories().append(Arc::new(batch)).await?;
    store.leases().release(&lease).await
}

const IDS: [&str; 8] = ["..", "a/b", "order 7", "\"quoted\"", "<script>", "ä", "日本", "z"];

#[tokio::test]
async fn through_memory_a_directory_and_memory_again() {
    for seed in 0..40 {
        let mut numbers = Numbers::new(seed);
        let store = InMemory::new().with_shards(1 + numbers.below(9) as u32);
        for id in IDS.iter().take(numbers.below(9) as usize) {
            let turns = 1 + numbers.below(30);
            fill(&store, instance(id, turns, &mut numbers)).await.unwrap();
        }
        let (file, of_memory) = exported(&store).await;

        let scratch = Scratch::new();
        let options = LocalOptions::new().shards(1 + numbers.below(4) as u32);
        let options = options.flush_bytes(1 + numbers.below(2_000) as usize);
        let local = options.open(scratch.store()).unwrap();
        let came = imported(&file, &local).await.unwrap();
        assert_eq!((came.imported, came.turns), (of_memory.instances, of_memory.turns));
        drop(local);
        let (of_local, _) = exported(&Local::open_read_only(scratch.store()).unwrap()).await;
        assert!(of_local == file, "seed {seed}: through a directory");

        let memory = InMemory::new().with_shards(1 + numbers.below(9) as u32);
        imported(&of_local, &memory).await.unwrap();
        let (again, _) = exported(&memory).await;
        assert!(again == file, "seed {seed}: in memory again");
        let came = imported(&file, &memory).await.unwrap();
        assert_eq!((came.imported, came.already_there), (0, of_memory.instances));
    }
}
