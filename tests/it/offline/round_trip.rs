//! Whatever is in a store comes out of an export as it was: any ids, executions, states, times and bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::{Batch, Lease, Provider, ProviderError, TurnRecord};
#[cfg(any(feature = "azure", feature = "azure-legacy"))]
use reenact::testing::ManualClock;
use reenact::transfer::Exported;
use reenact::{ExecutionId, InstanceState, InstanceSummary, Name, Timestamp};
#[cfg(any(feature = "azure", feature = "azure-legacy"))]
use reenact_testkit::azure::storage::FakeStorage;

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

/// The states of instances that are whole.
fn states() -> Vec<InstanceState> {
    let whole = |state: &InstanceState| *state != InstanceState::Importing;
    InstanceState::ALL.iter().copied().filter(whole).collect()
}

/// The turns of one instance, of which a store knows all that can be known.
pub(super) fn instance(id: &str, turns: u64, numbers: &mut Numbers) -> Vec<TurnRecord> {
    let states = states();
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
            attributes: reenact_core::Attributes::default(),
        };
        let bytes: Vec<u8> = (0..numbers.below(200)).map(|_| numbers.below(256) as u8).collect();
        TurnRecord { number, bytes: Arc::from(bytes), summary, has_drawn_id: false, keep: 0 }
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

/// What a store has of one instance, apart from its id.
#[derive(Clone, Debug)]
struct Stored {
    execution: u32,
    state: InstanceState,
    times: (u64, u64, Option<u64>),
    events: u64,
    turns: Vec<Vec<u8>>,
}

fn stored() -> impl Strategy<Value = Stored> {
    let state = prop::sample::select(states());
    let times = (any::<u32>(), any::<u64>(), prop::option::of(any::<u32>()));
    let turns = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..30);
    let parts = (1..100_000_u32, state, times, any::<u32>(), turns);
    parts.prop_map(|(execution, state, (created, updated, wake), events, turns)| Stored {
        execution,
        state,
        times: (created.into(), updated, wake.map(u64::from)),
        events: events.into(),
        turns,
    })
}

/// Any instances: also with ids that other formats would have to escape.
fn stores() -> impl Strategy<Value = BTreeMap<String, Stored>> {
    let hard = ["..", "a/b", "order 7", "\"quoted\"", "<script>", "ä", "日本", "z\\"];
    let id = prop_oneof![
        prop::sample::select(hard.to_vec()).prop_map(str::to_owned),
        "[ -~]{1,20}".prop_map(|id| format!("i{id}")),
    ];
    prop::collection::btree_map(id, stored(), 0..10)
}

fn records(id: &str, of: Stored) -> Vec<TurnRecord> {
    let Stored { execution, state, times: (created, updated, wake), events, turns } = of;
    let record = |(number, bytes): (usize, Vec<u8>)| {
        let number = number as u64;
        let summary = InstanceSummary {
            instance: InstanceId::new(id).unwrap(),
            execution: ExecutionId(execution),
            name: Name::new("order").unwrap(),
            state,
            created_at: Timestamp::from_micros(created),
            updated_at: Timestamp::from_micros(updated),
            turns: number + 1,
            events,
            wake_at: wake.map(Timestamp::from_micros),
            attributes: reenact_core::Attributes::default(),
        };
        TurnRecord { number, bytes: Arc::from(bytes), summary, has_drawn_id: false, keep: 0 }
    };
    turns.into_iter().enumerate().map(record).collect()
}

/// Imports a file, exports all of the store again, and compares by count, checksum and line.
async fn comes_out_again(into: &impl Provider, file: &[u8], of: &Exported) {
    let came = imported(file, into).await.unwrap();
    assert_eq!((came.imported, came.turns), (of.instances, of.turns));
    let (again, exported) = exported(into).await;
    assert_eq!((exported.instances, exported.turns), (of.instances, of.turns));
    assert_eq!(exported.checksum, of.checksum);
    assert!(again == file, "line by line");
    let came = imported(file, into).await.unwrap();
    assert_eq!((came.imported, came.already_there), (0, of.instances));
}

async fn through_every_store(stores: BTreeMap<String, Stored>, shards: [u32; 4], flush: usize) {
    let [first, local, hub, last] = shards;
    let store = InMemory::new().with_shards(first);
    for (id, of) in stores {
        fill(&store, records(&id, of)).await.unwrap();
    }
    let (file, of) = exported(&store).await;

    let scratch = Scratch::new();
    let options = LocalOptions::new().shards(local).flush_bytes(flush);
    let directory = options.open(scratch.store()).unwrap();
    comes_out_again(&directory, &file, &of).await;
    drop(directory);
    let (reopened, _) = exported(&Local::open_read_only(scratch.store()).unwrap()).await;
    assert!(reopened == file, "once it was opened again");

    #[cfg(any(feature = "azure", feature = "azure-legacy"))]
    {
        let port = Arc::new(FakeStorage::new(Arc::new(ManualClock::default())));
        let options = AzureOptions::new().shards(hub).flush_bytes(flush);
        comes_out_again(&options.open(port.clone(), "hub").await.unwrap(), &file, &of).await;
        let again = options.open(port, "hub").await.unwrap();
        assert!(exported(&again).await.0 == file, "once another has opened the hub");
    }

    let shared = InMemory::new().with_shards(hub).shared();
    comes_out_again(&shared, &file, &of).await;
    comes_out_again(&InMemory::new().with_shards(last), &file, &of).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_store_is_the_same_in_every_other(
        stores in stores(),
        shards in prop::array::uniform4(1..9_u32),
        flush in 1..2_000_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(through_every_store(stores, shards, flush));
    }
}
