//! Histories of 100,000 events: by pages, by cursors, as a view and as a timeline.

use std::sync::Arc;

use crate::kit::{guard, id, options};
use reenact::core::{RecordedTurn, ShardId, codec};
use reenact::inspect::{HistoryCursor, SpanKind};
use reenact::prelude::*;
use reenact::providers::{Batch, Provider, TurnRecord};
use reenact::{
    CorrelationId, Error, Event, ExecutionId, InstanceState, InstanceSummary, Name, Payload,
    Timestamp,
};

/// Waits and events in turns, after the start.
const EVENTS: u64 = 100_000;
const PAIRS: u64 = (EVENTS - 2) / 2;

fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

/// The turn with that number: the start, or an event and the next wait for one.
fn turn(number: u64) -> RecordedTurn {
    let name = Name::new("Add").unwrap();
    let first = match number {
        0 => {
            let (input, seed, delay) = (Payload::encode(&()).unwrap(), 7, None);
            Event::ExecutionStarted { name: Name::new("sum").unwrap(), input, seed, delay }
        }
        _ => {
            let data = Payload::encode(&number).unwrap();
            Event::ExternalRaised { name: name.clone(), data, key: None }
        }
    };
    let wait = Event::ExternalSubscribed { id: CorrelationId(number + 1), name };
    RecordedTurn { at: at(number), events: Arc::new([first, wait]) }
}

/// Puts the instance `long` into a store; a turn that is to be unreadable is so.
async fn write(provider: &impl Provider, rotten: Option<u64>) {
    let (histories, leases) = (provider.histories(), provider.leases());
    let long = id("long");
    let shard = ShardId::of(&long, provider.shards());
    let lease = leases.acquire(shard, "writer").await.unwrap();
    let record = |number: u64| {
        let bytes = codec::encode_turn(&turn(number)).unwrap();
        let bytes = if rotten == Some(number) { Vec::from(*b"rot") } else { bytes };
        let summary = InstanceSummary {
            instance: long.clone(),
            execution: ExecutionId::FIRST,
            name: Name::new("sum").unwrap(),
            state: InstanceState::Running,
            created_at: at(0),
            updated_at: at(number),
            turns: number + 1,
            events: 2 * (number + 1),
            wake_at: None,
            attributes: reenact_core::Attributes::default(),
        };
        TurnRecord { number, bytes: bytes.into(), summary, has_drawn_id: false, keep: 0 }
    };
    let numbers: Vec<_> = (0..=PAIRS).collect();
    for some in numbers.chunks(5_000) {
        let turns = some.iter().copied().map(record).collect();
        let batch = Batch { shard, epoch: lease.epoch, turns };
        let _receipt = histories.append(Arc::new(batch)).await.unwrap();
    }
    leases.release(&lease).await.unwrap();
}

async fn host(provider: impl Provider) -> Host {
    let host = Host::builder().provider(provider).options(options());
    host.register_orchestration("sum", super::sum).start().await.unwrap()
}

async fn can_be_looked_into(provider: impl Provider) {
    write(&provider, None).await;
    let host = host(provider).await;
    let (mut from, mut count, mut pages) = (None, 0, 0);
    loop {
        let page = guard(host.history_page("long", from, 1_000)).await.unwrap();
        for (expected, placed) in (count..).zip(&page.events) {
            assert_eq!((placed.position, placed.turn), (expected, expected / 2));
        }
        count += page.events.len() as u64;
        pages += 1;
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!((count, pages), (EVENTS, 100));

    let view = host.view("long").await.unwrap().execution;
    assert_eq!((view.events, view.waits.total, view.buffered.total), (EVENTS, 1, 0));
    let half = host.view_after("long", EVENTS / 2).await.unwrap();
    assert_eq!(half.turn, EVENTS / 4);
    assert_eq!((half.execution.waits.total, half.cursor.position), (0, EVENTS / 2));

    let timeline = host.timeline("long", EVENTS / 2, 500).await.unwrap().timeline;
    assert_eq!((timeline.spans.len(), timeline.total), (500, EVENTS - 1));
    assert_eq!(timeline.before, EVENTS / 2 - 1, "the start is no span");
    assert_eq!(timeline.next, Some(EVENTS / 2 + 500));
    assert_eq!(timeline.spans[0].kind, SpanKind::Event);
    assert_eq!(timeline.spans[1].event, Some(EVENTS / 2 + 2), "the wait has the next event");
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_long_history_in_memory_can_be_looked_into() {
    can_be_looked_into(InMemory::new()).await;
}

#[cfg(feature = "local")]
#[tokio::test]
async fn a_long_history_on_a_disk_can_be_looked_into() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = path.join(format!("inspect-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    can_be_looked_into(LocalOptions::new().open(path.join("store")).unwrap()).await;
    std::fs::remove_dir_all(&path).unwrap();
}

#[tokio::test]
async fn a_page_reads_nothing_before_it_and_a_view_says_how_far_the_log_can_be_read() {
    let memory = InMemory::new();
    write(&memory, Some(3)).await;
    let host = host(memory).await;
    let cursor: HistoryCursor = "1.40000.1.80001".parse().unwrap();
    let page = host.history_page("long", Some(cursor), 10).await.unwrap();
    assert_eq!((page.events[0].position, page.events.len()), (80_001, 10), "rot is before it");
    let first = host.history_page("long", None, 6).await.unwrap();
    assert_eq!(first.events.len(), 6, "rot is after it");
    for error in [
        host.history_page("long", None, 7).await.unwrap_err(),
        host.view_after("long", 80_001).await.unwrap_err(),
        host.history_cursor("long", 80_001).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Unreadable { .. }), "{error}");
    }
    let view = host.view("long").await.unwrap();
    assert!(view.unreadable.unwrap().contains("turn 3"));
    assert_eq!((view.execution.events, view.execution.waits.total), (6, 1));
    let timeline = host.timeline("long", 0, 10).await.unwrap();
    assert!(timeline.unreadable.is_some() && timeline.timeline.spans.len() == 5);
    host.shutdown().await.unwrap();
}
