//! An instance that one append does not take: until it is whole, nothing touches it, and an import that was broken off
//! goes on.

use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::{Batch, Provider, TurnRecord};
use reenact::transfer::TransferError;
use reenact::{
    Access, Error, ErrorKind, InstanceFilter, InstanceState, InstanceSummary, ParkReason, doctor,
};

use super::round_trip::{Numbers, fill, instance};
use super::scene::{exported, host, imported};
use crate::kit::{guard, id};

/// More than one append takes.
const TURNS: u64 = 10_000;

async fn long() -> (InMemory, Vec<u8>) {
    let store = InMemory::new();
    fill(&store, instance("long", TURNS, &mut Numbers::new(7))).await.unwrap();
    let (file, _) = exported(&store).await;
    (store, file)
}

/// The first turns, as an import stores them that did not come to the last.
async fn part_of(store: &InMemory, turns: u64, into: &InMemory) {
    let instance = id("long");
    let whole = store.histories().summary(&instance).await.unwrap().unwrap();
    let limit = turns as usize;
    let page = store.histories().read(&instance, whole.execution, 0, limit).await.unwrap();
    let record = |turn: reenact::providers::StoredTurn| {
        let summary = InstanceSummary {
            state: InstanceState::Importing,
            turns: turn.number + 1,
            events: 0,
            wake_at: None,
            ..whole.clone()
        };
        let (number, bytes) = (turn.number, turn.bytes);
        TurnRecord { number, bytes, summary, has_drawn_id: false, keep: 0 }
    };
    fill(into, page.turns.into_iter().map(record).collect()).await.unwrap();
}

#[tokio::test]
async fn it_is_whole_in_the_end() {
    let (_, file) = long().await;
    let store = InMemory::new().with_shards(1);
    imported(&file, &store).await.unwrap();
    assert!(exported(&store).await.0 == file);
}

#[tokio::test]
async fn an_import_that_was_broken_off_goes_on() {
    let (whole, file) = long().await;
    for turns in [1, 4_096, TURNS - 1] {
        let store = InMemory::new();
        part_of(&whole, turns, &store).await;
        let came = imported(&file, &store).await.unwrap();
        assert_eq!(came.imported, 1);
        assert!(exported(&store).await.0 == file, "after {turns} turns");
    }
}

#[tokio::test]
async fn a_terminated_instance_is_not_taken_for_a_part() {
    let (whole, file) = long().await;
    let store = InMemory::new();
    part_of(&whole, 100, &store).await;
    // It has events, as each instance of a host has.
    let instance = id("long");
    let mut summary = store.histories().summary(&instance).await.unwrap().unwrap();
    summary.events = 100;
    summary.turns = 101;
    let shard = ShardId::of(&instance, store.shards());
    let lease = store.leases().acquire(shard, "test").await.unwrap();
    let end = TurnRecord { number: 100, bytes: [1].into(), summary, has_drawn_id: false, keep: 0 };
    let batch = Batch { shard, epoch: lease.epoch, turns: vec![end] };
    let _ = store.histories().append(batch.into()).await.unwrap();
    store.leases().release(&lease).await.unwrap();
    let before = exported(&store).await;
    let refused = imported(&file, &store).await.unwrap_err();
    assert!(matches!(refused, TransferError::Exists { .. }), "{refused}");
    assert!(exported(&store).await == before, "nothing of it is changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn until_it_is_whole_it_is_importing_and_no_host_touches_it() {
    let (whole, file) = long().await;
    let (store, _) = crate::kit::store();
    part_of(&whole, 4_096, &store).await;
    let running = guard(host(store.clone()).start()).await.unwrap();
    let importing = InstanceFilter::new().states([InstanceState::Importing]);
    assert_eq!(running.count(&importing).await.unwrap(), 1);
    let refusals = [
        guard(running.raise_event("long", "Go", "now")).await,
        guard(running.cancel("long", "why")).await,
        guard(running.suspend("long", "why")).await,
        guard(running.resume("long")).await,
        guard(running.terminate("long", "why")).await,
        guard(running.rewind("long", 1, "why")).await,
    ];
    for refused in refusals {
        let refused = refused.unwrap_err();
        let Error::Parked { reason: ParkReason::Importing, .. } = &refused else {
            panic!("{refused}")
        };
        assert!(refused.to_string().contains("import the same file again"), "{refused}");
    }
    let taken = guard(running.start_new(super::scene::order, 1).id("long")).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    guard(running.shutdown()).await.unwrap();

    let (again, of) = exported(&store).await;
    assert_eq!(
        (of.instances, of.left.len()),
        (0, 1),
        "it is left out, and said to be: {:?}",
        of.left
    );
    assert!(again.len() < 1_000);
    let findings = doctor::check_store(&Access::read_only(&store), |_| {}).await.unwrap();
    let found: Vec<_> = findings.iter().filter(|finding| !finding.advice.is_empty()).collect();
    assert!(found.len() == 1 && found[0].what.contains("broken off"), "{found:?}");

    assert_eq!(imported(&file, &store).await.unwrap().imported, 1);
    assert!(exported(&store).await.0 == file);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_nobody_ends_can_be_purged() {
    let (whole, _) = long().await;
    let (store, _) = crate::kit::store();
    part_of(&whole, 100, &store).await;
    let running = guard(host(store).start()).await.unwrap();
    guard(running.purge("long")).await.unwrap();
    guard(running.start_new(super::scene::order, 1).id("long")).await.unwrap();
    guard(running.shutdown()).await.unwrap();
}
