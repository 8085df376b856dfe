//! What the archive is asked for, and what is known without it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use reenact_core::{ExecutionId, InstanceId, ShardId};

use super::{IDENTITY, SMALL, World, id, turn};
use crate::InstanceState::{Completed, Running};
use crate::archive::{Archive, Archived, Found, Part, Question, Stretch, fake::FakeArchive};
use crate::journal::Position;
use crate::journaled::{Journaled, Options};
use crate::medium::Directory;
use crate::medium::fake::{Effect, FakeDisk, Fault, Op};
use crate::{
    Batch, HistoryStore, InstanceFilter, InstanceSummary, Lease, ManualClock, ProviderError,
    ShardLease, TurnRecord,
};

const SHARD: ShardId = IDENTITY.shard;

/// An archive that counts what it is asked for, and can be held up.
#[derive(Clone, Debug)]
struct Watched {
    archive: FakeArchive,
    watch: Arc<Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    /// Calls with questions about instances.
    calls: AtomicUsize,
    /// Instances that were asked for.
    asked: AtomicUsize,
    /// Passed by who reads ids behind the first page.
    ids: Door,
    /// Passed by who asks about instances.
    questions: Door,
    has_come: AtomicBool,
    /// Takes over what it is given, and says that it has failed.
    doubts: AtomicBool,
}

#[derive(Debug, Default)]
struct Door {
    is_shut: Mutex<bool>,
    opened: Condvar,
}

impl Door {
    fn shut(&self) {
        *self.is_shut.lock().unwrap() = true;
    }

    fn open(&self) {
        *self.is_shut.lock().unwrap() = false;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let mut is_shut = self.is_shut.lock().unwrap();
        while *is_shut {
            is_shut = self.opened.wait(is_shut).unwrap();
        }
    }
}

impl Watch {
    fn count(&self, asked: usize) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.asked.fetch_add(asked, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Archive for Watched {
    fn position(&self, shard: ShardId) -> Result<Position, ProviderError> {
        self.archive.position(shard)
    }

    fn absorb(&self, part: &Part<'_>) -> Result<(), ProviderError> {
        self.archive.absorb(part)?;
        if self.watch.doubts.load(Ordering::SeqCst) {
            let reason = "it may have been taken over".to_owned();
            return Err(ProviderError::Unavailable { reason, source: None });
        }
        Ok(())
    }

    fn look_up(&self, instance: &InstanceId) -> Result<Option<Archived>, ProviderError> {
        self.watch.count(1);
        self.archive.look_up(instance)
    }

    fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<Option<Stretch>, ProviderError> {
        self.watch.count(1);
        self.archive.read(instance, execution, from, limit)
    }

    fn ask(&self, questions: &[Question]) -> Vec<Result<Option<Found>, ProviderError>> {
        self.watch.count(questions.len());
        self.watch.questions.pass();
        self.archive.ask(questions)
    }

    fn visit_ids(
        &self,
        visit: &mut dyn FnMut(&[InstanceId]) -> bool,
    ) -> Result<bool, ProviderError> {
        let mut is_first = true;
        self.archive.visit_ids(&mut |ids| {
            let goes_on = visit(ids);
            if goes_on && std::mem::take(&mut is_first) {
                self.watch.has_come.store(true, Ordering::SeqCst);
                self.watch.ids.pass();
            }
            goes_on
        })
    }

    fn list(
        &self,
        filter: &InstanceFilter,
        after: Option<&InstanceId>,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.archive.list(filter, after, limit)
    }

    fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        self.archive.count(filter)
    }

    fn to_wake(&self, shard: ShardId) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.archive.to_wake(shard)
    }
}

/// A store of one shard, with its owner.
struct Store {
    journaled: Journaled<Directory<FakeDisk>, Watched>,
    watch: Arc<Watch>,
    lease: Lease,
}

/// All that is appended is on its way to the archive at once.
const AT_ONCE: usize = 1;

/// All stays in memory.
const NEVER: usize = usize::MAX / 2;

impl Store {
    async fn open(world: &World, flush_bytes: usize) -> Self {
        Self::watched(world, flush_bytes, Arc::default()).await
    }

    async fn watched(world: &World, flush_bytes: usize, watch: Arc<Watch>) -> Self {
        let archive = Watched { archive: world.archive.clone(), watch: Arc::clone(&watch) };
        let media = [Directory::new(world.disk.clone())];
        let clock = Arc::new(ManualClock::default());
        let options = Options { journal: SMALL, flush_bytes, ..Options::default() };
        let journaled = Journaled::open(IDENTITY.journal, media, archive, clock, options).unwrap();
        let lease = journaled.acquire(SHARD, "test").await.unwrap();
        Self { journaled, watch, lease }
    }

    async fn append(&self, turns: Vec<TurnRecord>) -> Result<(), ProviderError> {
        let batch = Batch { shard: SHARD, epoch: self.lease.epoch, turns };
        self.journaled.append(batch.into()).await.map(drop)
    }

    /// Returns when what was appended is in the archive.
    async fn until_handed_on(&self, sequence: u64) {
        let archive = &self.journaled.inner().archive.archive;
        while archive.position(SHARD).unwrap().sequence < sequence || self.is_handing_on() {
            // An order without turns lets the shard's thread look after its flush.
            self.append(Vec::new()).await.unwrap();
            tokio::task::yield_now().await;
        }
    }

    fn is_handing_on(&self) -> bool {
        self.journaled.inner().shards[0].state().layers().is_handing_on()
    }

    fn until_ids_are_read(&self) {
        self.journaled.inner().ids.wait();
    }
}

fn assert_conflict(result: Result<(), ProviderError>) {
    assert!(matches!(result, Err(ProviderError::Conflict { .. })), "{result:?}");
}

fn begun(label: &str) -> TurnRecord {
    turn(label, 1, 0, Running)
}

/// Puts so many instances into the archive, with ids from `i00000` on.
async fn filled(count: usize) -> World {
    let world = World::new();
    let store = Store::open(&world, AT_ONCE).await;
    let mut commits = 0;
    for first in (0..count).step_by(2_000) {
        let ids = (first..count.min(first + 2_000)).map(|n| format!("i{n:05}"));
        store.append(ids.map(|id| begun(&id)).collect()).await.unwrap();
        commits += 1;
    }
    store.until_handed_on(commits).await;
    drop(store);
    world
}

#[tokio::test]
async fn a_start_under_a_new_id_asks_the_archive_for_nothing() {
    let world = filled(1_000).await;
    let store = Store::open(&world, AT_ONCE).await;
    let labels: Vec<_> = (0..1_000).map(|n| format!("order-{n}")).collect();
    for label in &labels {
        let before = store.watch.asked();
        assert_eq!(store.journaled.summary(&id(label)).await.unwrap(), None);
        assert_eq!(store.watch.asked() - before, 0, "with so few ids none is mistaken");
    }
    store.append(labels.iter().map(|label| begun(label)).collect()).await.unwrap();
    assert_eq!(store.watch.asked(), 0);
}

#[tokio::test]
async fn a_start_under_an_id_that_the_archive_has_is_refused() {
    let world = filled(1_000).await;
    let store = Store::open(&world, AT_ONCE).await;
    for n in 0..1_000 {
        assert_conflict(store.append(vec![begun(&format!("i{n:05}"))]).await);
    }
    store.append(vec![begun("new")]).await.unwrap();
    store.until_handed_on(2).await;
    assert_conflict(store.append(vec![begun("new")]).await);
}

#[tokio::test]
async fn an_instance_that_goes_on_behind_a_flush_is_not_looked_up() {
    let world = World::new();
    let store = Store::open(&world, AT_ONCE).await;
    for number in 0..5 {
        store.append(vec![turn("long", 1, number, Running)]).await.unwrap();
        store.until_handed_on(number + 1).await;
    }
    assert_eq!(store.watch.asked(), 0);
    assert_conflict(store.append(vec![turn("long", 1, 4, Running)]).await);
    assert_conflict(store.append(vec![turn("long", 1, 6, Running)]).await);
    assert_eq!(store.watch.asked(), 0);
}

#[tokio::test]
async fn what_was_looked_up_at_activation_is_not_looked_up_at_the_commit() {
    let world = filled(10).await;
    let store = Store::open(&world, NEVER).await;
    assert!(store.journaled.summary(&id("i00003")).await.unwrap().is_some());
    assert_eq!(store.watch.asked(), 1);
    store.append(vec![turn("i00003", 1, 1, Running)]).await.unwrap();
    assert_eq!(store.watch.asked(), 1);
}

#[tokio::test]
async fn what_a_commit_has_to_ask_for_is_asked_in_one_call() {
    let world = filled(100).await;
    let store = Store::open(&world, NEVER).await;
    let turns = (0..100).map(|n| turn(&format!("i{n:05}"), 1, 1, Running));
    store.append(turns.collect()).await.unwrap();
    assert_eq!((store.watch.calls(), store.watch.asked()), (1, 100));
}

#[tokio::test]
async fn questions_that_come_together_are_asked_together() {
    let world = filled(100).await;
    let store = Store::open(&world, NEVER).await;
    let ids: Vec<_> = (0..100).map(|n| id(&format!("i{n:05}"))).collect();
    store.watch.questions.shut();
    let mut asked = tokio::task::JoinSet::new();
    for id in ids {
        let journaled = store.journaled.clone();
        asked.spawn(async move { journaled.summary(&id).await.unwrap() });
    }
    // Behind all of them in the runtime's queue: each has been asked by then.
    tokio::task::yield_now().await;
    store.watch.questions.open();
    assert!(asked.join_all().await.iter().all(Option::is_some));
    assert_eq!(store.watch.asked(), 100);
    assert!(store.watch.calls() < 20, "{} calls", store.watch.calls());
}

#[tokio::test]
async fn an_id_is_free_again_once_its_instance_was_purged_and_taken_once_it_is_used_again() {
    let world = World::new();
    let store = Store::open(&world, AT_ONCE).await;
    let mut commits = 0;
    for _ in 0..3 {
        store.append(vec![turn("again", 1, 0, Completed)]).await.unwrap();
        store.until_handed_on(commits + 1).await;
        assert_conflict(store.append(vec![begun("again")]).await);
        assert_eq!(store.journaled.purge(&[id("again")], &store.lease).await.unwrap(), 1);
        store.until_handed_on(commits + 2).await;
        assert_eq!(store.journaled.summary(&id("again")).await.unwrap(), None);
        assert_eq!(store.journaled.purge(&[id("again")], &store.lease).await.unwrap(), 0);
        commits += 2;
    }
    drop(store);
    let store = Store::open(&world, AT_ONCE).await;
    store.append(vec![begun("again")]).await.unwrap();
}

#[tokio::test]
async fn ids_that_cannot_be_read_are_asked_for_until_they_can() {
    let world = filled(10).await;
    let disk = world.archive.disk();
    let store = {
        let watch = Arc::new(Watch::default());
        let store = Store::watched(&world, AT_ONCE, watch).await;
        // As if the reading at the opening had failed.
        store.journaled.inner().ids.lose();
        store
    };
    let failing = Fault {
        op: Op::Read,
        at: 0,
        forever: true,
        error: std::io::ErrorKind::Other,
        effect: Effect::Nothing,
    };
    disk.fail(failing);
    store.journaled.inner().ids.tend(&store.journaled.inner().archive);
    disk.heal();
    assert_conflict(store.append(vec![begun("i00003")]).await);
    store.append(vec![begun("first")]).await.unwrap();
    assert_eq!(store.watch.asked(), 2, "both are asked for");
    // Behind the flush they are read.
    store.until_handed_on(2).await;
    store.append(vec![begun("second")]).await.unwrap();
    assert_eq!(store.watch.asked(), 2);
    assert_conflict(store.append(vec![begun("i00004")]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_many_ids_are_read_each_is_asked_for_and_none_is_missed() {
    let world = filled(6_000).await;
    let watch = Arc::new(Watch::default());
    watch.ids.shut();
    let store = Store::watched(&world, AT_ONCE, Arc::clone(&watch)).await;
    while !watch.has_come.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    assert_conflict(store.append(vec![begun("i05999")]).await);
    // Its place among the ids was passed already.
    store.append(vec![begun("a new one")]).await.unwrap();
    store.until_handed_on(4).await;
    assert_conflict(store.append(vec![begun("a new one")]).await);
    watch.ids.open();
    store.until_ids_are_read();
    let before = watch.asked();
    store.append(vec![begun("another one")]).await.unwrap();
    assert_eq!(watch.asked(), before, "all are known by now");
    for label in ["a new one", "i00000", "i04095", "i04096", "i05999"] {
        assert_conflict(store.append(vec![begun(label)]).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_closed_while_ids_are_read_does_not_wait_for_all_of_them() {
    let world = filled(6_000).await;
    let watch = Arc::new(Watch::default());
    watch.ids.shut();
    let store = Store::watched(&world, NEVER, Arc::clone(&watch)).await;
    while !watch.has_come.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    let closing = std::thread::spawn(move || drop(store));
    watch.ids.open();
    closing.join().unwrap();
    let store = Store::open(&world, NEVER).await;
    store.until_ids_are_read();
    assert_conflict(store.append(vec![begun("i05999")]).await);
}

#[tokio::test]
async fn what_an_archive_has_taken_and_denied_is_not_missed_once_the_shard_is_acquired_again() {
    let world = World::new();
    let watch = Arc::new(Watch::default());
    let mut store = Store::watched(&world, AT_ONCE, Arc::clone(&watch)).await;
    watch.doubts.store(true, Ordering::SeqCst);
    store.append(vec![begun("doubtful")]).await.unwrap();
    while world.archive.position(SHARD).unwrap().sequence < 1 {
        tokio::task::yield_now().await;
    }
    store.journaled.release(&store.lease).await.unwrap();
    store.lease = store.journaled.acquire(SHARD, "test").await.unwrap();
    watch.doubts.store(false, Ordering::SeqCst);
    assert_conflict(store.append(vec![begun("doubtful")]).await);
}

#[tokio::test]
async fn a_crash_at_any_time_leaves_no_id_unknown() {
    let world = World::new();
    let store = Store::open(&world, AT_ONCE).await;
    for n in 0..20 {
        store.append(vec![begun(&format!("i{n}"))]).await.unwrap();
        let left = world.on(world.disk.after_crash(|| false));
        let reopened = Store::open(&left, AT_ONCE).await;
        for earlier in 0..=n {
            assert_conflict(reopened.append(vec![begun(&format!("i{earlier}"))]).await);
        }
        reopened.append(vec![begun("new")]).await.unwrap();
    }
}
