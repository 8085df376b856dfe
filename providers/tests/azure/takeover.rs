//! A provider that was taken for dead changes nothing, whatever it has sent and however late it comes.

use std::sync::Arc;
use std::time::Duration;

use reenact_providers::azure::fake::FakeStorage;
use reenact_providers::azure::port::PortErrorKind;
use reenact_providers::{InstanceState, ManualClock};

use crate::faulty::{FaultyPort, Seen, Wrong};
use crate::record::{Fate, Record};
use crate::scenario::{Ground, Life};

/// How often a provider appends whose requests do not arrive.
const APPENDS: u64 = 3;

/// Longer than anything here takes.
const HANGS: Duration = Duration::from_secs(30);

/// What the first provider sends from some time on is on its way until the second has taken its shards
/// and gone on. What it says of itself does not arrive at all.
async fn a_zombie_changes_nothing(
    holds: impl Fn(&Seen<'_>) -> bool + Send + Clone + 'static,
    goes_on_before_it_arrives: u32,
) {
    let clock = ManualClock::default();
    let storage = Arc::new(FakeStorage::new(Arc::new(clock.clone())));
    let port = || FaultyPort::new(Arc::clone(&storage) as _);
    let ground = |port: &FaultyPort| {
        let (port, hub) = (Arc::new(port.clone()), "the-hub".to_owned());
        Ground { port, hub, clock: clock.clone() }
    };
    let slow = port();
    let mut first = Life::begin(ground(&slow), Record::default()).await;
    first.append(0, "a", InstanceState::Running).await;
    first.append(1, "b", InstanceState::Running).await;

    slow.plan(move |seen| {
        if seen.target.starts_with("live/host") {
            let reason = "no connection".to_owned();
            return Some(Wrong::Refused(PortErrorKind::Unreachable { reason }));
        }
        holds(seen).then_some(Wrong::Held)
    });
    let (a, mut from) = (Life::id(0, "a"), 2);
    for _ in 0..APPENDS {
        match first.try_append(0, &a, from, InstanceState::Running).await {
            Fate::Acknowledged => from += 2,
            Fate::Doubtful | Fate::Refused => break,
        }
    }
    let holding = async {
        while slow.held() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(HANGS, holding).await.expect("something is on its way");

    let mut second = Life::begin(ground(&port()), first.record.clone()).await;
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
    assert_eq!(late, Fate::Refused, "whoever lost the shard learns that");
    drop(first.provider);
    slow.let_go().await;
    second.check_writable_alone().await;
    let record = second.record;
    drop(second.provider);
    let third = Life::begin(ground(&port()), record).await;
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
