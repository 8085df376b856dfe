//! What the archive is asked for, and what is known without it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use reenact_core::ShardId;

use super::watched::{Watch, Watched};
use super::{IDENTITY, SMALL, World, id, turn};
use crate::InstanceState::{Completed, Running};
use crate::archive::Archive;
use crate::journaled::{Journaled, Options};
use crate::medium::Directory;
use crate::testkit::disk::{Effect, FakeDisk, Fault, Op};
use crate::{Batch, HistoryStore, Lease, ManualClock, ProviderError, ShardLease, TurnRecord};

const SHARD: ShardId = IDENTITY.shard;

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
    async fn until_archived(&self, sequence: u64) {
        let archive = &self.journaled.inner().archive.archive;
        while archive.position(SHARD).unwrap().sequence < sequence || self.is_archiving() {
            // An order without turns lets the shard's thread look after its flush.
            self.append(Vec::new()).await.unwrap();
            tokio::task::yield_now().await;
        }
    }

    fn is_archiving(&self) -> bool {
        self.journaled.inner().shards[0].state().layers().is_archiving()
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

/// Puts this number of instances into the archive, with ids from `i00000` on.
async fn filled(count: usize) -> World {
    let world = World::new();
    let store = Store::open(&world, AT_ONCE).await;
    let mut commits = 0;
    for first in (0..count).step_by(2_000) {
        let ids = (first..count.min(first + 2_000)).map(|n| format!("i{n:05}"));
        store.append(ids.map(|id| begun(&id)).collect()).await.unwrap();
        commits += 1;
    }
    store.until_archived(commits).await;
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
    store.until_archived(2).await;
    assert_conflict(store.append(vec![begun("new")]).await);
}

#[tokio::test]
async fn an_instance_that_goes_on_after_a_flush_is_not_looked_up() {
    let world = World::new();
    let store = Store::open(&world, AT_ONCE).await;
    for number in 0..5 {
        store.append(vec![turn("long", 1, number, Running)]).await.unwrap();
        store.until_archived(number + 1).await;
    }
    assert_eq!(store.watch.asked(), 0);
    assert_conflict(store.append(vec![turn("long", 1, 4, Running)]).await);
    assert_conflict(store.append(vec![turn("long", 1, 6, Running)]).await);
    assert_eq!(store.watch.asked(), 0);
}

#[tokio::test]
async fn what_was_read_at_activation_is_not_looked_up_at_the_commit() {
    let world = filled(10).await;
    let store = Store::open(&world, NEVER).await;
    let loaded = store.journaled.load(&id("i00003"), 100).await.unwrap().unwrap();
    assert_eq!((loaded.summary.turns, loaded.turns.turns.len(), loaded.turns.next), (1, 1, None));
    assert_eq!(store.watch.asked(), 1, "the summary and the turns");
    store.append(vec![turn("i00003", 1, 1, Running)]).await.unwrap();
    assert_eq!(store.watch.asked(), 1);
}

#[tokio::test]
async fn an_instance_is_known_as_long_as_it_is_in_memory_and_no_longer() {
    let world = filled(10).await;
    let store = Store::open(&world, AT_ONCE).await;
    assert!(store.journaled.load(&id("i00003"), 100).await.unwrap().is_some());
    // Flushes, in which other instances come and go.
    for n in 0..20 {
        store.append(vec![begun(&format!("other-{n}"))]).await.unwrap();
        store.until_archived(n + 2).await;
    }
    let before = store.watch.asked();
    store.append(vec![turn("i00003", 1, 1, Running)]).await.unwrap();
    store.until_archived(22).await;
    store.append(vec![turn("i00003", 1, 2, Running)]).await.unwrap();
    store.until_archived(23).await;
    assert_eq!(store.watch.asked(), before);
    store.journaled.unload(&id("i00003"));
    store.append(vec![turn("i00003", 1, 3, Running)]).await.unwrap();
    assert_eq!(store.watch.asked(), before + 1, "it was forgotten");
}

#[tokio::test]
async fn what_goes_from_memory_before_it_is_in_the_archive_is_forgotten_there() {
    let world = World::new();
    let store = Store::open(&world, AT_ONCE).await;
    store.append(vec![begun("gone"), begun("stays"), begun("back")]).await.unwrap();
    store.journaled.unload(&id("gone"));
    store.journaled.unload(&id("back"));
    assert!(store.journaled.load(&id("back"), 100).await.unwrap().is_some());
    store.until_archived(1).await;
    let shard = &store.journaled.inner().shards[0];
    assert!(shard.remembers(&id("stays")) && !shard.remembers(&id("gone")));
    assert!(shard.remembers(&id("back")));
}

#[tokio::test]
async fn the_thread_that_commits_never_asks_the_archive() {
    let world = filled(200).await;
    let store = Store::open(&world, AT_ONCE).await;
    store.journaled.inner().ids.lose();
    let (mut commits, lasting) = (1, id("i00007"));
    assert!(store.journaled.load(&lasting, 100).await.unwrap().is_some());
    for n in 0..100 {
        // A new id, an id that is taken, one that wakes, one that does so though nobody has read it, and one
        // that goes on.
        store.append(vec![begun(&format!("new-{n}"))]).await.unwrap();
        assert_conflict(store.append(vec![begun(&format!("i{n:05}"))]).await);
        let woken = format!("i{:05}", 100 + n % 50);
        let woken = store.journaled.load(&id(&woken), 100).await.unwrap().unwrap().summary;
        let (label, number) = (woken.instance.as_str(), woken.turns);
        store.append(vec![turn(label, 1, number, Running)]).await.unwrap();
        store.journaled.unload(&woken.instance);
        store.append(vec![turn("i00007", 1, n + 1, Running)]).await.unwrap();
        commits += 3;
        if n < 50 {
            store.append(vec![turn(&format!("i{:05}", 150 + n), 1, 1, Completed)]).await.unwrap();
            commits += 1;
        }
        store.until_archived(commits).await;
    }
    let over: Vec<_> = (150..200).map(|n| id(&format!("i{n:05}"))).collect();
    assert_eq!(store.journaled.purge(&over, &store.lease).await.unwrap(), 50);
    assert!(store.watch.asked() > 0);
    assert_eq!(store.watch.on_a_shards_thread(), 0);
}

#[tokio::test]
async fn an_id_that_was_drawn_is_not_looked_up_even_while_nothing_is_known_of_ids() {
    let world = filled(10).await;
    let store = Store::open(&world, NEVER).await;
    store.journaled.inner().ids.lose();
    let drawn = TurnRecord { has_drawn_id: true, ..begun("drawn") };
    store.append(vec![drawn.clone()]).await.unwrap();
    assert_eq!(store.watch.asked(), 0);
    // What is in memory is compared all the same.
    assert_conflict(store.append(vec![drawn]).await);
    let later = TurnRecord { has_drawn_id: true, ..turn("i00003", 1, 2, Running) };
    assert_conflict(store.append(vec![later]).await);
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
    // After all of them in the runtime's queue: each has been asked by then.
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
        store.until_archived(commits + 1).await;
        assert_conflict(store.append(vec![begun("again")]).await);
        assert_eq!(store.journaled.purge(&[id("again")], &store.lease).await.unwrap(), 1);
        store.until_archived(commits + 2).await;
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
    // After the flush they are read, by the thread that flushes.
    store.until_archived(2).await;
    while !store.journaled.inner().ids.lack(&id("second")) {
        tokio::task::yield_now().await;
    }
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
    store.until_archived(4).await;
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
