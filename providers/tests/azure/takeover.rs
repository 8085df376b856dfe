//! Takeovers: after a provider was taken for dead, its late requests change nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use reenact_core::ShardId;
use reenact_providers::azure::Azure;
use reenact_providers::azure::port::StoragePort;
use reenact_providers::{
    HistoryStore, InstanceFilter, InstanceState, ManualClock, PageRequest, ProviderError,
    ShardLease,
};
use reenact_testkit::azure::storage::FakeStorage;

use crate::faulty::{FaultyPort, Seen, Wrong};
use crate::record::{Fate, Record};
use crate::scenario::{Ground, Life, ONE_APPEND};

/// How often a provider appends whose requests do not arrive.
const APPENDS: u64 = 3;

/// Longer than anything here takes.
const HANGS: Duration = Duration::from_secs(180);

/// A hub in memory, on which each provider has a way of its own.
pub(crate) struct Hub {
    clock: ManualClock,
    storage: Arc<FakeStorage>,
    segment_bytes: u64,
    flush_bytes: usize,
}

impl Hub {
    pub(crate) fn new(segment_bytes: u64) -> Self {
        let clock = ManualClock::default();
        let storage = Arc::new(FakeStorage::new(Arc::new(clock.clone())));
        Self { clock, storage, segment_bytes, flush_bytes: 1 }
    }

    /// Nothing is passed on to the archive, so that its owner frees nothing that is being read.
    fn that_archives_nothing() -> Self {
        Self { flush_bytes: usize::MAX, ..Self::new(ONE_APPEND) }
    }

    pub(crate) fn port(&self) -> FaultyPort {
        FaultyPort::new(Arc::clone(&self.storage) as _)
    }

    pub(crate) fn ground(&self, port: &FaultyPort) -> Ground {
        let (segment_bytes, flush_bytes) = (self.segment_bytes, self.flush_bytes);
        let ground = Ground::new(Arc::new(port.clone()), "the-hub", self.clock.clone());
        Ground { segment_bytes, flush_bytes, ..ground }
    }

    pub(crate) async fn begin(&self, port: &FaultyPort, record: Record) -> Life {
        Life::begin(self.ground(port), record).await
    }

    /// The segments of the first shard.
    async fn segments(&self) -> Vec<String> {
        let page = self.storage.list("journal/0000/segment-", None).await.unwrap();
        page.blobs.into_iter().map(|blob| blob.name).collect()
    }
}

/// What a provider says of itself does not arrive: it is taken for dead.
pub(crate) fn silence(seen: &Seen<'_>) -> Option<Wrong> {
    seen.target.starts_with("live/host").then(Wrong::unreachable)
}

pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(HANGS, waiting).await.expect(what);
}

/// What the first provider sends from some time on is on its way until the second has taken its shards
/// and gone on. What it says of itself does not arrive at all.
async fn a_zombie_changes_nothing(
    holds: impl Fn(&Seen<'_>) -> bool + Send + Clone + 'static,
    goes_on_before_it_arrives: u32,
) {
    let hub = Hub::new(ONE_APPEND);
    let slow = hub.port();
    let mut first = hub.begin(&slow, Record::default()).await;
    first.append(0, "a", InstanceState::Running).await;
    first.append(1, "b", InstanceState::Running).await;

    slow.plan(move |seen| silence(seen).or_else(|| holds(seen).then_some(Wrong::Held)));
    let (a, mut from) = (Life::id(0, "a"), 2);
    for _ in 0..APPENDS {
        match first.try_append(0, &a, from, InstanceState::Running).await {
            Fate::Acknowledged => from += 2,
            Fate::Doubtful | Fate::Refused => break,
        }
    }
    until("something is on its way", || slow.held() > 0).await;

    let mut second = hub.begin(&hub.port(), first.record.clone()).await;
    for _ in 0..goes_on_before_it_arrives {
        second.append(0, "a", InstanceState::Running).await;
        second.append(1, "b", InstanceState::Running).await;
    }
    slow.let_go().await;
    for _ in 0..APPENDS {
        second.append(0, "a", InstanceState::Running).await;
    }

    slow.heal();
    let next = second.provider_length(&a).await;
    let late = first.try_append(0, &a, next, InstanceState::Running).await;
    assert_eq!(late, Fate::Refused, "a provider that lost the shard learns that");
    drop(first.provider);
    slow.let_go().await;
    second.check_writable_alone().await;
    let record = second.record;
    drop(second.provider);
    let third = hub.begin(&hub.port(), record).await;
    third.record.check_histories(&third.provider).await;
}

fn is_journal(seen: &Seen<'_>) -> bool {
    seen.target.starts_with("journal/0000/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_arrives_after_the_next_owner_is_refused() {
    a_zombie_changes_nothing(|seen| seen.operation == "append", 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_arrives_after_those_of_the_next_owner_is_refused() {
    a_zombie_changes_nothing(|seen| seen.operation == "append", 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_is_begun_after_the_next_owner_has_begun_its_own_is_none() {
    let begins = |seen: &Seen<'_>| {
        is_journal(seen) && ["make an append blob", "lease", "append"].contains(&seen.operation)
    };
    a_zombie_changes_nothing(begins, 0).await;
    a_zombie_changes_nothing(begins, 3).await;
}

/// Both would write the same head, and the one who comes too late must not take the other's for its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_another_owner_has_begun_with_the_same_epoch_is_not_taken_for_its_own() {
    let hub = Hub::new(ONE_APPEND);
    let slow = hub.port();
    let first = hub.ground(&slow).open().await;
    let mut has_stood = false;
    slow.plan(move |seen| {
        if is_journal(seen) && seen.operation == "append" && !has_stood {
            has_stood = true;
            return Some(Wrong::Waits);
        }
        silence(seen).filter(|_| has_stood)
    });
    let meanwhile = async {
        until("the first is about to write a head", || slow.waiting() > 0).await;
        let second = hub.begin(&hub.port(), Record::default()).await;
        slow.go_on();
        second
    };
    let (begun, mut second) = tokio::join!(first.acquire(ShardId(0), "first"), meanwhile);
    assert!(begun.is_err(), "both have the shard: {begun:?}");
    second.append(0, "a", InstanceState::Running).await;
    second.record.check_histories(&second.provider).await;
    drop(first);
}

/// A crash has left a segment without anything in it. One takes it, and stands still; another takes it and begins it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_was_empty_when_it_was_taken_is_taken_again_when_it_was_begun() {
    let hub = Hub::new(ONE_APPEND);
    let slow = hub.port();
    let first = hub.ground(&slow).open().await;
    hub.storage.create_append_blob("journal/0000/segment-000000000001").await.unwrap();
    let (mut has_taken, mut has_stood) = (false, false);
    slow.plan(move |seen| {
        has_taken |= is_journal(seen) && seen.operation == "lease";
        if has_taken && !has_stood && is_journal(seen) && seen.operation == "list" {
            has_stood = true;
            return Some(Wrong::Waits);
        }
        silence(seen).filter(|_| has_stood)
    });
    let meanwhile = async {
        until("the first has taken it", || slow.waiting() > 0).await;
        let second = hub.begin(&hub.port(), Record::default()).await;
        slow.go_on();
        second
    };
    let (begun, mut second) = tokio::join!(first.acquire(ShardId(0), "first"), meanwhile);
    let fate = second.try_append(0, &Life::id(0, "a"), 0, InstanceState::Running).await;
    let both = begun.is_ok() && fate == Fate::Acknowledged;
    assert!(!both, "one has begun, and the other goes on: {begun:?}");
    assert!(begun.is_ok() || fate == Fate::Acknowledged, "one of them has the shard: {begun:?}");
    drop(first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_arrives_after_one_of_the_next_owner_does_not_replace_it() {
    let checkpoints = |seen: &Seen<'_>| seen.operation == "put" && is_journal(seen);
    a_zombie_changes_nothing(checkpoints, 0).await;
    a_zombie_changes_nothing(checkpoints, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_into_the_archive_after_the_next_owner_changes_nothing() {
    let archives = |seen: &Seen<'_>| seen.operation == "put" && seen.target.starts_with("archive/");
    a_zombie_changes_nothing(archives, 0).await;
    a_zombie_changes_nothing(archives, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_that_are_removed_after_the_next_owner_are_not_needed_by_it() {
    let removes =
        |seen: &Seen<'_>| is_journal(seen) && ["break a lease", "delete"].contains(&seen.operation);
    a_zombie_changes_nothing(removes, 0).await;
    a_zombie_changes_nothing(removes, 3).await;
}

/// The second provider stands still between taking the newest segment and reading the log. The first,
/// who does not know it yet, goes on in a segment of its own. Returns whether it did.
async fn what_is_begun_after_a_claim_is_read(appends_before: usize) -> bool {
    // With room for more than one, so that what was begun can be gone on with.
    let hub = Hub::new(2 * ONE_APPEND);
    let (slow, other) = (hub.port(), hub.port());
    let mut first = hub.begin(&slow, Record::default()).await;
    for _ in 0..=appends_before {
        first.append(0, "a", InstanceState::Running).await;
    }
    let (a, mut next) = (Life::id(0, "a"), 2 * (appends_before as u64 + 1));
    slow.plan(silence);
    let mut is_taken = false;
    let mut has_stood = false;
    other.plan(move |seen| {
        is_taken |= is_journal(seen) && seen.operation == "lease";
        // The position in the archive is what is read first.
        let stands = is_taken && !has_stood && seen.target.starts_with("archive/");
        has_stood |= stands;
        stands.then_some(Wrong::Waits)
    });

    let meanwhile = async {
        until("the second stands still", || other.waiting() > 0).await;
        let fate = first.try_append(0, &a, next, InstanceState::Running).await;
        other.go_on();
        fate
    };
    let (mut second, fate) = tokio::join!(hub.begin(&other, Record::default()), meanwhile);
    let goes_on = fate == Fate::Acknowledged;
    next += if goes_on { 2 } else { 0 };
    let late = first.try_append(0, &a, next, InstanceState::Running).await;
    assert_eq!(late, Fate::Refused, "two may write");
    second.record = first.record.clone();
    drop(first.provider);
    second.append(0, "a", InstanceState::Running).await;
    second.record.check_histories(&second.provider).await;
    goes_on
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_goes_on_while_another_takes_its_shard_loses_nothing() {
    let mut went_on = 0;
    for appends_before in 0..4 {
        went_on += u32::from(what_is_begun_after_a_claim_is_read(appends_before).await);
    }
    assert!(went_on > 0, "it went on, at least where a segment had ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_whose_name_is_free_again_is_none() {
    for appends_before_a_look in [0, 1] {
        a_zombie_begins_a_segment_that_was_freed(appends_before_a_look).await;
    }
}

/// A third process reads the shard while the second owns it, and again after that.
async fn a_zombie_begins_a_segment_that_was_freed(appends_before_a_look: u64) {
    let hub = Hub::new(ONE_APPEND);
    let slow = hub.port();
    let mut first = hub.begin(&slow, Record::default()).await;
    first.append(0, "a", InstanceState::Running).await;
    let record = first.record.clone();
    let (tell, received) = mpsc::channel();
    let mut has_stood = false;
    slow.plan(move |seen| {
        let begins = is_journal(seen) && seen.operation == "make an append blob";
        if begins && !std::mem::replace(&mut has_stood, true) {
            // The test may have ended.
            let _ = tell.send(seen.target.to_owned());
            return Some(Wrong::Waits);
        }
        silence(seen)
    });

    let (a, from) = (Life::id(0, "a"), 2);
    let going_on = async {
        let mut fates = Vec::new();
        let mut next = from;
        for _ in 0..2 * APPENDS {
            let fate = first.try_append(0, &a, next, InstanceState::Running).await;
            next += if fate == Fate::Acknowledged { 2 } else { 0 };
            fates.push(fate);
        }
        fates
    };
    let meanwhile = async {
        until("the first is about to begin a segment", || slow.waiting() > 0).await;
        // It may have got one more into the segment before.
        let mut second = hub.begin(&hub.port(), record).await;
        let reader = hub.ground(&hub.port()).open().await;
        let from = second.provider_length(&a).await;
        let mut next = from;
        for count in 0..4 * APPENDS {
            if count == appends_before_a_look {
                assert_eq!(listed(&reader).await, next);
            }
            let fate = second.try_append(0, &a, next, InstanceState::Running).await;
            assert_eq!(fate, Fate::Acknowledged);
            next += 2;
        }
        let about_to_begin = received.try_recv().expect("the message came before it stood still");
        let freeing = async {
            // In the order of their names.
            while hub.segments().await.first().is_none_or(|first| *first <= about_to_begin) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(HANGS, freeing).await.expect("the name is free again");
        slow.go_on();
        (second, reader, from)
    };
    let (fates, (second, reader, begun)) = tokio::join!(going_on, meanwhile);
    let acknowledged = fates.iter().filter(|fate| **fate == Fate::Acknowledged).count() as u64;
    assert_eq!(from + 2 * acknowledged, begun, "the second has all that was acknowledged");
    assert_eq!(second.provider_length(&a).await, begun + 8 * APPENDS, "and nothing else");
    assert_eq!(listed(&reader).await, begun + 8 * APPENDS, "a reader sees the same");
    drop(first.provider);
}

/// The number of turns of the instance that there is.
async fn listed(reader: &Azure) -> u64 {
    let (all, page) = (InstanceFilter::new(), PageRequest::new());
    reader.list(&all, &page).await.unwrap().instances[0].turns
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_comes_late_does_not_stop_those_of_the_next_owner() {
    let hub = Hub::new(ONE_APPEND);
    let (slow, other) = (hub.port(), hub.port());
    let is_checkpoint = |seen: &Seen<'_>| is_journal(seen) && seen.operation == "put";
    let mut first = hub.begin(&slow, Record::default()).await;
    first.append(0, "a", InstanceState::Running).await;
    slow.plan(move |seen| silence(seen).or_else(|| is_checkpoint(seen).then_some(Wrong::Held)));
    let (a, mut next) = (Life::id(0, "a"), 2);
    while slow.held() == 0 {
        match first.try_append(0, &a, next, InstanceState::Running).await {
            Fate::Acknowledged => next += 2,
            Fate::Doubtful | Fate::Refused => break,
        }
    }
    until("a checkpoint is on its way", || slow.held() > 0).await;

    let mut has_stood = false;
    other.plan(move |seen| {
        let stands = is_checkpoint(seen) && !std::mem::replace(&mut has_stood, true);
        stands.then_some(Wrong::Waits)
    });
    let mut second = hub.begin(&other, first.record.clone()).await;
    second.append(0, "a", InstanceState::Running).await;
    until("another is about to be", || other.waiting() > 0).await;
    slow.let_go().await;
    other.go_on();

    let mut next = second.provider_length(&a).await;
    for _ in 0..8 * APPENDS {
        let fate = second.try_append(0, &a, next, InstanceState::Running).await;
        assert_eq!(fate, Fate::Acknowledged, "what is transferred is freed");
        next += 2;
    }
    assert!((hub.segments().await.len() as u64) < 4 * APPENDS, "and its segments are removed");
    drop(first.provider);
    second.check_writable_alone().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_is_there_though_its_answer_was_lost_stops_no_later_one() {
    let hub = Hub::new(ONE_APPEND);
    let port = hub.port();
    let mut life = hub.begin(&port, Record::default()).await;
    let puts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&puts);
    port.plan(move |seen| {
        let is_checkpoint = seen.target.starts_with("journal/0000/CHECKPOINT");
        let is_put = is_checkpoint && seen.operation == "put";
        let count = counted.fetch_add(usize::from(is_put), Ordering::SeqCst);
        match (is_put, count) {
            (true, 0) => Some(Wrong::Lost),
            (false, 1) if is_checkpoint => Some(Wrong::denied()),
            _ => None,
        }
    });
    life.append(0, "a", InstanceState::Running).await;
    // With the next order it is tried again, is found to be there, and is written once more.
    let trying = async {
        while puts.load(Ordering::SeqCst) < 3 {
            life.append_nothing(0).await.unwrap();
        }
    };
    tokio::time::timeout(HANGS, trying).await.expect("it goes on");
    let (a, next) = (Life::id(0, "a"), 2);
    let fate = life.try_append(0, &a, next, InstanceState::Running).await;
    assert_eq!(fate, Fate::Acknowledged);
    life.check_writable_alone().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_whose_new_segment_cannot_be_looked_for_is_in_doubt() {
    let hub = Hub::new(ONE_APPEND);
    let port = hub.port();
    let mut life = hub.begin(&port, Record::default()).await;
    let mut is_begun = false;
    port.plan(move |seen| {
        is_begun |= is_journal(seen) && seen.operation == "make an append blob";
        let is_list = seen.target == "journal/0000/" && seen.operation == "list";
        (is_begun && is_list).then(Wrong::denied)
    });
    let (a, mut next) = (Life::id(0, "a"), 0);
    let fate = loop {
        match life.try_append(0, &a, next, InstanceState::Running).await {
            Fate::Acknowledged => next += 2,
            fate => break fate,
        }
    };
    // The head of the new segment is there: nothing may follow the segment before it.
    assert_eq!(fate, Fate::Doubtful);
    port.heal();
    life.acquire(0).await;
    life.append(0, "a", InstanceState::Running).await;
    life.check_writable_alone().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_tries_in_vain_to_get_a_shard_goes_on_reading_it() {
    let hub = Hub::that_archives_nothing();
    let mut owner = hub.begin(&hub.port(), Record::default()).await;
    owner.append(0, "a", InstanceState::Running).await;
    let port = hub.port();
    let other = hub.ground(&port).open().await;
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    port.plan(move |seen| {
        let looks = seen.operation == "list" && seen.target == "journal/0000/";
        let is_first = looks && counted.fetch_add(1, Ordering::SeqCst) == 0;
        is_first.then_some(Wrong::Waits)
    });
    let meanwhile = async {
        until("it reads", || port.waiting() > 0).await;
        let held = other.acquire(ShardId(0), "other").await;
        assert!(matches!(held, Err(ProviderError::Conflict { .. })), "{held:?}");
        port.go_on();
    };
    let (turns, ()) = tokio::join!(listed(&other), meanwhile);
    assert_eq!(turns, 2);
    assert_eq!(looks.load(Ordering::SeqCst), 1, "nothing was read anew for that");
}
