//! Hosts of a hub: each says in time that it lives, and gives up the shards that it does not use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reenact_core::ShardId;
use reenact_providers::azure::Azure;
use reenact_providers::{ManualClock, ShardLease};
use reenact_testkit::azure::storage::FakeStorage;

use crate::faulty::{FaultyPort, Wrong};
use crate::scenario::Ground;

/// Longer than anything here takes.
const HANGS: Duration = Duration::from_secs(180);

async fn open(port: &FaultyPort, clock: &ManualClock, lease_time: Duration) -> Azure {
    let ground = Ground::new(Arc::new(port.clone()), "the-hub", clock.clone());
    let options = ground.options().lease_time(lease_time);
    options.open(ground.port, &ground.hub).await.unwrap()
}

/// Two processes on one hub, and the way of the first. Nobody is taken for dead while this runs.
async fn two() -> (FaultyPort, Azure, Azure) {
    let clock = ManualClock::default();
    let storage = Arc::new(FakeStorage::new(Arc::new(clock.clone())));
    let port = || FaultyPort::new(Arc::clone(&storage) as _);
    let (broken, other) = (port(), port());
    let first = open(&broken, &clock, 2 * HANGS).await;
    let second = open(&other, &clock, 2 * HANGS).await;
    (broken, first, second)
}

/// Returns when a process has got the shard that the other one had.
async fn until_free(second: &Azure) {
    let acquiring = async {
        while second.acquire(ShardId(0), "second").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(HANGS, acquiring).await.expect("the shard is free");
}

/// Returns when a process has said so often that it lives.
async fn until_beaten(beats: &AtomicUsize, often: usize) {
    let beating = async {
        while beats.load(Ordering::Relaxed) < often {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(HANGS, beating).await.expect("it goes on to say that it lives");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_beat_that_hangs_is_made_again_while_there_is_time() {
    let clock = ManualClock::default();
    let port = FaultyPort::new(Arc::new(FakeStorage::new(Arc::new(clock.clone()))));
    let beats = Arc::new(AtomicUsize::new(0));
    let provider = open(&port, &clock, Duration::from_secs(3)).await;
    let counted = Arc::clone(&beats);
    port.plan(move |seen| {
        let is_beat = seen.operation == "put" && seen.target.starts_with("live/host");
        // The second one, for with the first it begins to live.
        (is_beat && counted.fetch_add(1, Ordering::Relaxed) == 1).then_some(Wrong::Waits)
    });
    provider.acquire(ShardId(0), "owner").await.unwrap();

    until_beaten(&beats, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_could_not_be_given_up_is_given_up_later() {
    let (broken, first, second) = two().await;
    let lease = first.acquire(ShardId(0), "first").await.unwrap();

    let is_away = Arc::new(AtomicBool::new(true));
    let is_refused = Arc::clone(&is_away);
    broken.plan(move |seen| {
        let is_claim = seen.operation == "put" && seen.target.starts_with("live/shard");
        (is_claim && is_refused.load(Ordering::Relaxed)).then(Wrong::unreachable)
    });
    first.release(&lease).await.unwrap_err();
    is_away.store(false, Ordering::Relaxed);

    until_free(&second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_beat_of_which_nobody_learned_makes_nobody_dead() {
    let clock = ManualClock::default();
    let port = FaultyPort::new(Arc::new(FakeStorage::new(Arc::new(clock.clone()))));
    let provider = open(&port, &clock, Duration::from_secs(3)).await;
    let beats = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&beats);
    port.plan(move |seen| {
        let is_beat = seen.operation == "put" && seen.target.starts_with("live/host");
        let looks_for_it = seen.operation == "list" && seen.target.starts_with("live/host");
        let count = counted.fetch_add(usize::from(is_beat), Ordering::Relaxed);
        match (is_beat, count) {
            (true, 1) => Some(Wrong::Lost),
            (false, 2) if looks_for_it => Some(Wrong::denied()),
            _ => None,
        }
    });
    let lease = provider.acquire(ShardId(0), "owner").await.unwrap();
    until_beaten(&beats, 5).await;
    provider.renew(&lease).await.expect("it has its shard all the time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_was_claimed_in_vain_is_free_for_others() {
    let (broken, first, second) = two().await;
    broken.plan(|seen| seen.target.starts_with("journal/").then(Wrong::denied));
    first.acquire(ShardId(0), "first").await.unwrap_err();

    until_free(&second).await;
}
