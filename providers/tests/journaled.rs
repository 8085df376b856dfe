//! A store out of journals and an archive keeps the contract, and shows what the reference model
//! shows: whether all of it is in memory, all of it in the archive, or some here and some there.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};
use reenact_providers::journal::{JournalId, Options as JournalOptions};
use reenact_providers::journaled::{Journaled, Options};
use reenact_providers::medium::Directory;
use reenact_providers::{
    Batch, HistoryStore, InMemory, InstanceFilter, InstanceState, InstanceSummary, Lease,
    ManualClock, OpenError, PageRequest, Provider, ProviderError, ShardLease, Sharing, TimeRange,
    TimerScheduler, TurnRecord,
};
use reenact_testkit::archive::FakeArchive;
use reenact_testkit::conformance::Hub;
use reenact_testkit::disk::{Effect, FakeDisk, Fault, Op};

/// The data of a store: a disk for each shard, one for the archive, and messages elsewhere.
struct Disks {
    shards: [FakeDisk; 3],
    archive: FakeArchive,
    messages: InMemory,
    clock: ManualClock,
    flush_bytes: usize,
}

struct Store {
    histories: Journaled<Directory<FakeDisk>, FakeArchive>,
    messages: InMemory,
}

impl Disks {
    fn new(clock: ManualClock, flush_bytes: usize) -> Self {
        Self {
            shards: [FakeDisk::new(), FakeDisk::new(), FakeDisk::new()],
            archive: FakeArchive::new(FakeDisk::new()),
            messages: InMemory::new().with_shards(3).with_clock(clock.clone()),
            clock,
            flush_bytes,
        }
    }

    fn store(&self) -> Store {
        self.open().unwrap()
    }

    fn open(&self) -> Result<Store, OpenError> {
        let media = self.shards.clone().map(Directory::new);
        let journal =
            JournalOptions { first_segment_bytes: 4096, max_segment_bytes: 65_536, compress: true };
        let options = Options { journal, flush_bytes: self.flush_bytes, ..Options::default() };
        let clock = Arc::new(self.clock.clone());
        let id = JournalId([3; 16]);
        let histories = Journaled::open(id, media, self.archive.clone(), clock, options)?;
        Ok(Store { histories, messages: self.messages.clone() })
    }
}

impl Disks {
    /// Only what is durable is left. Not while the store is open.
    fn crash(&mut self) {
        for disk in &mut self.shards {
            *disk = disk.after_crash(|| false);
        }
        self.archive = self.archive.after_crash();
    }
}

impl Hub for Disks {
    type Provider = Store;

    async fn open(&self) -> Store {
        self.store()
    }
}

impl Provider for Store {
    fn shards(&self) -> u32 {
        self.histories.shards()
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        Arc::new(self.histories.clone())
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        self.messages.timers()
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        Arc::new(self.histories.clone())
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        self.messages.sharing()
    }
}

mod all_of_it_in_memory {
    reenact_testkit::conformance_tests!(
        |clock| async move { super::Disks::new(clock, usize::MAX / 2) }
    );
}

mod all_of_it_in_the_archive {
    reenact_testkit::conformance_tests!(|clock| async move { super::Disks::new(clock, 1) });
}

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

/// The same is done to both.
struct Both {
    disks: Disks,
    /// `None` while nobody has it open.
    store: Option<Store>,
    model: InMemory,
    leases: Vec<[Lease; 2]>,
    random: Random,
}

impl Both {
    async fn new(seed: u64, flush_bytes: usize) -> Self {
        let disks = Disks::new(ManualClock::default(), flush_bytes);
        let store = disks.store();
        let model = InMemory::new().with_shards(3).with_clock(disks.clock.clone());
        let random = Random(seed | 1);
        let store = Some(store);
        let mut both = Self { disks, store, model, leases: Vec::new(), random };
        both.acquire().await;
        both
    }

    fn ours(&self) -> &Journaled<Directory<FakeDisk>, FakeArchive> {
        &self.store.as_ref().unwrap().histories
    }

    async fn acquire(&mut self) {
        self.leases.clear();
        for shard in (0..3).map(ShardId) {
            let ours = self.ours().acquire(shard, "test").await.unwrap();
            self.leases.push([ours, self.model.acquire(shard, "test").await.unwrap()]);
        }
    }

    async fn release(&self) {
        for [ours, models] in &self.leases {
            self.ours().release(ours).await.unwrap();
            self.model.release(models).await.unwrap();
        }
    }

    /// One of forty, which share prefixes.
    fn some_instance(&mut self) -> InstanceId {
        InstanceId::new(format!("{}-{}", self.random.below(2), self.random.below(20))).unwrap()
    }

    async fn append_something(&mut self) {
        let instance = self.some_instance();
        let shard = ShardId::of(&instance, 3);
        let stored = self.model.summary(&instance).await.unwrap();
        let state = match self.random.below(4) {
            0 => InstanceState::Completed,
            1 => InstanceState::Failed,
            _ => InstanceState::Running,
        };
        let mut summary = stored.unwrap_or_else(|| InstanceSummary {
            instance,
            execution: ExecutionId::FIRST,
            name: Name::new(["pay", "ship"][self.random.below(2) as usize]).unwrap(),
            state,
            created_at: Timestamp::from_micros(self.random.below(50)),
            updated_at: Timestamp::EPOCH,
            turns: 0,
            events: 0,
            wake_at: None,
        });
        if summary.turns > 0 && self.random.below(8) == 0 {
            summary.execution = ExecutionId(summary.execution.0 + 1);
            summary.turns = 0;
        }
        summary.state = state;
        summary.updated_at = Timestamp::from_micros(50 + self.random.below(50));
        summary.wake_at =
            (self.random.below(3) == 0).then(|| Timestamp::from_micros(self.random.below(9)));
        let mut turns = Vec::new();
        for _ in 0..=self.random.below(4) {
            let number = summary.turns;
            summary.turns += 1;
            summary.events += self.random.below(3);
            let bytes = vec![self.random.below(256) as u8; self.random.below(60) as usize].into();
            turns.push(TurnRecord { number, bytes, summary: summary.clone(), has_drawn_id: false });
        }
        let [ours, models] = &self.leases[shard.0 as usize];
        let batch = |lease: &Lease| Batch { shard, epoch: lease.epoch, turns: turns.clone() };
        let _ = self.ours().append(batch(ours).into()).await.unwrap();
        let _ = self.model.append(batch(models).into()).await.unwrap();
    }

    async fn purge_something(&mut self) {
        let instance = self.some_instance();
        let [ours, models] = &self.leases[ShardId::of(&instance, 3).0 as usize];
        let purged = self.ours().purge(std::slice::from_ref(&instance), ours).await;
        let expected = self.model.purge(&[instance], models).await;
        assert_eq!(purged.ok(), expected.ok());
    }

    async fn reopen(&mut self) {
        self.release().await;
        if self.random.below(2) == 0 {
            self.store = None;
            self.disks.crash();
            self.store = Some(self.disks.store());
        }
        self.acquire().await;
    }

    fn some_filter(&mut self) -> InstanceFilter {
        let mut filter = InstanceFilter::new();
        if self.random.below(2) == 0 {
            filter.states = vec![InstanceState::Completed, InstanceState::Failed];
            filter.states.truncate(1 + self.random.below(2) as usize);
        }
        if self.random.below(3) == 0 {
            filter.name = Some(Name::new("pay").unwrap());
        }
        if self.random.below(3) == 0 {
            filter.id_prefix = Some("1-1".to_owned());
        }
        let mut range = |from: u64| TimeRange {
            from: (self.random.below(3) == 0).then(|| Timestamp::from_micros(from + 10)),
            until: (self.random.below(3) == 0).then(|| Timestamp::from_micros(from + 40)),
        };
        (filter.created, filter.finished) = (range(0), range(50));
        filter
    }

    async fn compare(&mut self) {
        let filter = self.some_filter();
        let (limit, instance) = (1 + self.random.below(9) as usize, self.some_instance());
        let (ours, model) = (self.ours(), &self.model);
        let counted = ours.count(&filter).await.unwrap();
        assert_eq!(counted, model.count(&filter).await.unwrap(), "{filter:?}");
        let mut page = PageRequest::new().limit(limit);
        loop {
            let listed = ours.list(&filter, &page).await.unwrap();
            assert_eq!(listed, model.list(&filter, &page).await.unwrap(), "{filter:?} {page:?}");
            if listed.next.is_none() {
                break;
            }
            page.after = listed.next;
        }
        for [lease, models] in &self.leases {
            let recovered = ours.recover(lease).await.unwrap();
            assert_eq!(recovered, model.recover(models).await.unwrap());
        }
        self.compare_history(&instance).await;
    }

    async fn compare_history(&self, instance: &InstanceId) {
        let (ours, model) = (self.ours(), &self.model);
        let summary = model.summary(instance).await.unwrap();
        assert_eq!(ours.summary(instance).await.unwrap(), summary);
        let newest = summary.map_or(0, |summary| summary.execution.0);
        for execution in (1..=newest + 1).map(ExecutionId) {
            let expected = model.read(instance, execution, 0, 1_000).await;
            let Ok(expected) = expected else {
                assert!(ours.read(instance, execution, 0, 1_000).await.is_err());
                continue;
            };
            let mut turns = Vec::new();
            let mut next = Some(0);
            while let Some(from) = next {
                let page = ours.read(instance, execution, from, 3).await.unwrap();
                turns.extend(page.turns);
                next = page.next;
            }
            assert_eq!(turns, expected.turns);
            let behind = turns.len() as u64 + 1;
            assert!(ours.read(instance, execution, behind, 1).await.is_err());
        }
    }
}

#[tokio::test]
async fn it_shows_what_the_reference_model_shows_whatever_is_done() {
    for (seed, flush_bytes) in [(1_u64, 1), (2, 700), (3, 3_000), (4, 20_000), (5, 1_500)] {
        let mut both = Both::new(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed), flush_bytes).await;
        for _ in 0..600 {
            match both.random.below(20) {
                0 => both.reopen().await,
                1..=3 => both.purge_something().await,
                4..=6 => both.compare().await,
                _ => both.append_something().await,
            }
        }
    }
}

/// A turn of a new instance of shard 0, and its id.
fn first_turn() -> TurnRecord {
    let ids = (0_u32..).filter_map(|n| InstanceId::new(format!("first-{n}")).ok());
    let instance = ids.into_iter().find(|id| ShardId::of(id, 3) == ShardId(0)).unwrap();
    let summary = InstanceSummary {
        instance,
        execution: ExecutionId::FIRST,
        name: Name::new("pay").unwrap(),
        state: InstanceState::Running,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        turns: 1,
        events: 1,
        wake_at: None,
    };
    TurnRecord { number: 0, bytes: Arc::from(*b"turn"), summary, has_drawn_id: false }
}

#[tokio::test]
async fn an_append_that_nobody_waits_for_any_more_is_made_all_the_same() {
    let disks = Disks::new(ManualClock::default(), 1_000);
    let store = disks.store();
    let lease = store.histories.acquire(ShardId(0), "test").await.unwrap();
    let turn = first_turn();
    {
        let batch = Batch { shard: ShardId(0), epoch: lease.epoch, turns: vec![turn.clone()] };
        let append = store.histories.append(batch.into());
        tokio::select! {
            biased;
            _ = append => {}
            () = std::future::ready(()) => {}
        }
    }
    drop(store);
    let summary = disks.store().histories.summary(&turn.summary.instance).await.unwrap();
    assert_eq!(summary, Some(turn.summary));
}

#[tokio::test]
async fn an_archive_that_takes_nothing_is_told_once_memory_is_full_and_made_up_for_later() {
    let disks = Disks::new(ManualClock::default(), 2_000);
    let store = disks.store();
    let lease = store.histories.acquire(ShardId(0), "test").await.unwrap();
    let archive = disks.archive.disk();
    let full = Fault {
        op: Op::Create,
        at: 0,
        forever: true,
        error: std::io::ErrorKind::StorageFull,
        effect: Effect::Nothing,
    };
    archive.fail(full);
    let mut turn = first_turn();
    let batch = |turn: &TurnRecord| Batch {
        shard: ShardId(0),
        epoch: lease.epoch,
        turns: vec![turn.clone()],
    };
    let refused = loop {
        match store.histories.append(batch(&turn).into()).await {
            Ok(_) => {}
            Err(error) => break error,
        }
        turn.number += 1;
        assert!(turn.number < 10_000, "memory has a bound");
    };
    assert!(refused.is_transient(), "{refused}");
    assert!(refused.to_string().contains("archive"), "{refused}");
    // What was acknowledged can be read, and nothing else.
    let history = |from| store.histories.read(&turn.summary.instance, ExecutionId::FIRST, from, 9);
    assert!(!history(turn.number - 1).await.unwrap().turns.is_empty());
    assert!(history(turn.number).await.unwrap().turns.is_empty());

    archive.heal();
    while store.histories.append(batch(&turn).into()).await.is_err() {
        tokio::task::yield_now().await;
    }
    drop(store);
    let reopened = disks.store();
    let instance = &turn.summary.instance;
    let mut next = Some(0);
    let mut turns = 0;
    while let Some(from) = next {
        let page = reopened.histories.read(instance, ExecutionId::FIRST, from, 100).await.unwrap();
        turns += page.turns.len() as u64;
        next = page.next;
    }
    assert_eq!(turns, turn.number + 1);
}

#[tokio::test]
async fn an_archive_that_fails_and_has_taken_all_over_shows_nothing_twice() {
    let disks = Disks::new(ManualClock::default(), 1);
    let store = disks.store();
    let lease = store.histories.acquire(ShardId(0), "test").await.unwrap();
    let after_the_rename = Fault {
        op: Op::SyncNames,
        at: 0,
        forever: true,
        error: std::io::ErrorKind::Other,
        effect: Effect::Whole,
    };
    let archive = disks.archive.disk();
    archive.fail(after_the_rename);
    let turn = first_turn();
    let batch = Batch { shard: ShardId(0), epoch: lease.epoch, turns: vec![turn.clone()] };
    let _ = store.histories.append(batch.into()).await.unwrap();
    // Until the flush beside it has failed.
    while archive.count(Op::SyncNames) == 0 {
        tokio::task::yield_now().await;
    }
    let all = InstanceFilter::new();
    let listed = store.histories.list(&all, &PageRequest::new()).await.unwrap();
    assert_eq!(listed.instances, [turn.summary]);
    assert_eq!(store.histories.count(&all).await.unwrap(), 1);
}

/// A store with some turns in its journals, closed; and how often a disk is read when it is opened.
async fn written(disks: &Disks) -> u64 {
    let store = disks.store();
    let lease = store.histories.acquire(ShardId(0), "test").await.unwrap();
    let mut turn = first_turn();
    for number in 0..5 {
        turn.number = number;
        let batch = Batch { shard: ShardId(0), epoch: lease.epoch, turns: vec![turn.clone()] };
        let _ = store.histories.append(batch.into()).await.unwrap();
    }
    drop(store);
    let before = disks.shards[0].count(Op::Read);
    drop(disks.store());
    disks.shards[0].count(Op::Read) - before
}

async fn turns(store: &Store) -> Vec<u64> {
    let instance = &first_turn().summary.instance;
    let page = store.histories.read(instance, ExecutionId::FIRST, 0, 100).await.unwrap();
    page.turns.iter().map(|turn| turn.number).collect()
}

#[tokio::test]
async fn a_read_that_gives_wrong_bytes_once_is_no_damage() {
    let disks = Disks::new(ManualClock::default(), usize::MAX / 2);
    for at in 0..written(&disks).await {
        disks.shards[0].misread(at);
        // The last of them are those of what is made durable anew: these are refused, and nothing of
        // them is written.
        match disks.open() {
            Ok(store) => assert_eq!(turns(&store).await, [0, 1, 2, 3, 4], "read {at}"),
            Err(error) => assert!(matches!(error, OpenError::Refused { .. }), "read {at}: {error}"),
        }
        assert_eq!(turns(&disks.store()).await, [0, 1, 2, 3, 4], "after read {at}");
    }
}

#[tokio::test]
async fn a_read_that_fails_once_is_no_damage() {
    let disks = Disks::new(ManualClock::default(), usize::MAX / 2);
    let reads = written(&disks).await;
    for op in [Op::Read, Op::Open, Op::Size, Op::List] {
        for at in 0..reads {
            let (effect, error) = (Effect::Nothing, std::io::ErrorKind::Other);
            disks.shards[0].fail(Fault { op, at, forever: false, error, effect });
            match disks.open() {
                Ok(store) => assert_eq!(turns(&store).await, [0, 1, 2, 3, 4], "{op:?} {at}"),
                Err(error) => {
                    assert!(matches!(error, OpenError::Refused { .. }), "{op:?} {at}: {error}");
                }
            }
            disks.shards[0].heal();
        }
    }
    assert_eq!(turns(&disks.store()).await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn what_is_damaged_is_so_at_each_look() {
    let disks = Disks::new(ManualClock::default(), usize::MAX / 2);
    written(&disks).await;
    let first = disks.shards[0].names().into_iter().find(|name| name.ends_with("01")).unwrap();
    let mut bytes = disks.shards[0].contents(&first).unwrap();
    bytes[600] ^= 1;
    disks.shards[0].put(&first, &bytes);
    let error = disks.open().err().expect("it is damaged");
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_shard_whose_directory_has_moved_takes_nothing_until_it_is_back() {
    let disks = Disks::new(ManualClock::default(), usize::MAX / 2);
    let store = disks.store();
    let lease = store.histories.acquire(ShardId(0), "test").await.unwrap();
    let turn = first_turn();
    let batch = || Batch { shard: ShardId(0), epoch: lease.epoch, turns: vec![turn.clone()] };
    disks.shards[0].set_moved(true);
    let steps = disks.shards[0].steps();
    let refused = store.histories.append(batch().into()).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Moved { .. }), "{refused}");
    assert!(!refused.is_transient(), "the shard is to go down");
    assert_eq!(disks.shards[0].steps(), steps, "nothing is written");

    store.histories.release(&lease).await.unwrap();
    let refused = store.histories.acquire(ShardId(0), "test").await.unwrap_err();
    assert!(matches!(refused, ProviderError::Moved { .. }), "{refused}");

    disks.shards[0].set_moved(false);
    let lease = store.histories.acquire(ShardId(0), "test").await.unwrap();
    let batch = Batch { shard: ShardId(0), epoch: lease.epoch, turns: vec![turn] };
    let _ = store.histories.append(batch.into()).await.unwrap();
}
