//! What a look through a store finds.

use std::sync::Arc;

use reenact::core::{RecordedTurn, ShardId, codec};
use reenact::doctor::{Finding, Severity};
use reenact::prelude::*;
use reenact::providers::{Batch, Provider, TurnRecord};
use reenact::{
    Access, Error, Event, ExecutionId, InstanceState, InstanceSummary, Name, OpenError, Timestamp,
    doctor,
};

use super::scene::{Scratch, countdown, host, long_order, order};
use crate::kit::{guard, id};

async fn findings(store: &impl Provider) -> Vec<Finding> {
    let mut reported = 0;
    let access = Access::read_only(store);
    let findings =
        doctor::check_store(&access, |looked| reported = looked.instances).await.unwrap();
    assert!(
        findings
            .iter()
            .any(|finding| finding.what == format!("{reported} instances were looked at"))
    );
    findings.into_iter().filter(|finding| finding.severity != Severity::Info).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_store_has_nothing_wrong() {
    let scratch = Scratch::new();
    let running = guard(host(Local::open(scratch.store()).unwrap()).start()).await.unwrap();
    running.start_new(long_order, 5).id("order").await.unwrap();
    running.start_new(countdown, 3).id("countdown").await.unwrap();
    for (instance, number) in [("done", 0), ("suspended", 1), ("terminated", 2), ("rewound", 3)] {
        running.start_new(order, number).id(instance).await.unwrap();
    }
    running.raise_event("done", "Go", "now").await.unwrap();
    guard(running.instance::<String>("done").result()).await.unwrap();
    running.suspend("suspended", "think").await.unwrap();
    running.terminate("terminated", "over").await.unwrap();
    guard(async {
        while running.history("rewound").await.unwrap().len() < 4 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    running.rewind("rewound", 3, "once more").await.unwrap();
    guard(running.shutdown()).await.unwrap();
    let store = Local::open_read_only(scratch.store()).unwrap();
    assert_eq!(findings(&store).await, []);
    assert!(store.check().iter().all(|finding| finding.severity == Severity::Info));
}

/// One instance, of which the store says what is changed here.
async fn with(change: impl FnOnce(&mut InstanceSummary, &mut Vec<u8>)) -> InMemory {
    let started = RecordedTurn {
        at: Timestamp::from_micros(5),
        events: [Event::ExecutionStarted {
            name: Name::new("order").unwrap(),
            input: reenact::Payload::encode(&1).unwrap(),
            seed: 7,
            delay: None,
        }]
        .into(),
    };
    let mut bytes = codec::encode_turn(&started).unwrap();
    let mut summary = InstanceSummary {
        instance: id("i"),
        execution: ExecutionId::FIRST,
        name: Name::new("order").unwrap(),
        state: InstanceState::Running,
        created_at: Timestamp::from_micros(5),
        updated_at: Timestamp::from_micros(5),
        turns: 1,
        events: 1,
        wake_at: None,
        attributes: reenact_core::Attributes::default(),
    };
    change(&mut summary, &mut bytes);
    let store = InMemory::new();
    let shard = ShardId::of(&summary.instance, store.shards());
    let lease = store.leases().acquire(shard, "test").await.unwrap();
    let turn =
        TurnRecord { number: 0, bytes: Arc::from(bytes), summary, has_drawn_id: false, keep: 0 };
    let batch = Batch { shard, epoch: lease.epoch, turns: vec![turn] };
    let _ = store.histories().append(batch.into()).await.unwrap();
    store
}

#[tokio::test]
async fn what_does_not_agree_is_named_with_its_place_and_what_to_do() {
    assert_eq!(findings(&with(|_, _| {}).await).await, []);
    let cases: [(&str, InMemory); 6] = [
        ("turns", with(|summary, _| summary.turns = 2).await),
        ("events", with(|summary, _| summary.events = 9).await),
        ("`other`", with(|summary, _| summary.name = Name::new("other").unwrap()).await),
        ("Completed", with(|summary, _| summary.state = InstanceState::Completed).await),
        ("not readable", with(|_, bytes| bytes.truncate(3)).await),
        (
            "expected",
            with(|_, bytes| {
                let fired = Event::TimerFired { id: reenact::CorrelationId(1) };
                let turn = RecordedTurn { at: Timestamp::from_micros(5), events: [fired].into() };
                *bytes = codec::encode_turn(&turn).unwrap();
            })
            .await,
        ),
    ];
    for (said, store) in cases {
        let found = findings(&store).await;
        assert_eq!(found.len(), 1, "{said}: {found:?}");
        assert_eq!((found[0].severity, &*found[0].place), (Severity::Error, "instance `i`"));
        assert!(found[0].what.contains(said), "{said}: {}", found[0]);
        assert!(!found[0].advice.is_empty());
    }
}

#[tokio::test]
async fn an_instance_that_would_sleep_too_long_is_found() {
    let due = Timestamp::from_micros(50);
    let sleeping = async |wake_at: Option<u64>| {
        let store = with(|summary, bytes| {
            let mut turn = codec::decode_turn(bytes).unwrap();
            let id = reenact::CorrelationId(1);
            let timer = Event::TimerCreated { id, fire_at: due };
            let mut events = turn.events.to_vec();
            events.push(timer);
            turn.events = events.into();
            *bytes = codec::encode_turn(&turn).unwrap();
            summary.events = turn.events.len() as u64;
            summary.wake_at = wake_at.map(Timestamp::from_micros);
        });
        findings(&store.await).await
    };
    for early in [0, 49, 50] {
        assert_eq!(sleeping(Some(early)).await, []);
    }
    for late in [None, Some(51)] {
        let found = sleeping(late).await;
        assert_eq!((found.len(), found[0].severity), (1, Severity::Error), "{found:?}");
        assert!(found[0].what.contains("wakes it"), "{}", found[0]);
        assert!(found[0].advice.contains("raise an event"), "{}", found[0]);
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_a_warning() {
    let future = Timestamp::from_micros(u64::MAX / 2);
    let store = with(|summary, _| summary.updated_at = future).await;
    let found = findings(&store).await;
    assert_eq!((found.len(), found[0].severity), (1, Severity::Warning), "{found:?}");
    assert_eq!(found[0].place, "the clock");
}

#[test]
fn the_machine_is_looked_at_and_nothing_is_left() {
    let scratch = Scratch::new();
    let directory = scratch.store();
    std::fs::create_dir(&directory).unwrap();
    let findings = doctor::check_machine(&directory);
    assert!(findings.iter().any(|finding| finding.what.contains("syncs")), "{findings:?}");
    assert!(findings.iter().any(|finding| finding.what.contains("free")), "{findings:?}");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_is_looked_through_with_its_files() {
    let scratch = Scratch::new();
    let absent = doctor::check_directory(scratch.store(), |_| {}).await.unwrap_err();
    assert!(
        matches!(&absent, Error::Open { source } if matches!(**source, OpenError::NoStore { .. }))
    );

    let options = LocalOptions::new().shards(1).flush_bytes(1);
    let running = guard(host(options.open(scratch.store()).unwrap()).start()).await.unwrap();
    let in_use = doctor::check_directory(scratch.store(), |_| {}).await.unwrap_err();
    assert!(
        matches!(&in_use, Error::Open { source } if matches!(**source, OpenError::InUse { .. }))
    );
    for number in 0..20 {
        let instance =
            running.start_new(order, number).id(format!("order-{number}")).await.unwrap();
        instance.raise_event("Go", "now").await.unwrap();
        guard(instance.result()).await.unwrap();
    }
    guard(running.shutdown()).await.unwrap();
    let healthy = doctor::check_directory(scratch.store(), |_| {}).await.unwrap();
    assert!(healthy.iter().all(|finding| finding.severity == Severity::Info), "{healthy:?}");
    assert!(healthy.iter().any(|finding| finding.what.contains("SQLite")), "{healthy:?}");

    // A page in the middle of the archive has rotted.
    let archive = scratch.store().join("archive.db");
    let whole = std::fs::read(&archive).unwrap();
    let mut rotten = whole.clone();
    let middle = rotten.len() / 2 / 8192 * 8192;
    rotten[middle..middle + 64].fill(0xff);
    std::fs::write(&archive, rotten).unwrap();
    let found = doctor::check_directory(scratch.store(), |_| {}).await.unwrap();
    let errors: Vec<_> =
        found.iter().filter(|finding| finding.severity == Severity::Error).collect();
    assert!(!errors.is_empty(), "{found:?}");
    assert!(errors.iter().all(|finding| !finding.advice.is_empty()), "{errors:?}");
    std::fs::write(&archive, whole).unwrap();

    std::fs::remove_file(&archive).unwrap();
    let found = doctor::check_directory(scratch.store(), |_| {}).await.unwrap();
    assert_eq!((found.len(), found[0].severity), (1, Severity::Error), "{found:?}");
    assert!(found[0].what.contains("archive.db is missing"), "{found:?}");
}
