//! Disks and archives that fail: a store of journals and an archive loses nothing and reports what is damaged.

use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};
use reenact_providers::{
    Batch, HistoryStore, InstanceFilter, InstanceState, InstanceSummary, ManualClock, OpenError,
    PageRequest, ProviderError, ShardLease, TurnRecord,
};
use reenact_testkit::disk::{Effect, Fault, Op};

use super::{Disks, Store};

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
        attributes: reenact_core::Attributes::default(),
    };
    TurnRecord { number: 0, bytes: Arc::from(*b"turn"), summary, has_drawn_id: false, keep: 0 }
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
async fn an_archive_that_takes_nothing_is_reported_once_memory_is_full_and_filled_later() {
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
