//! What a local store writes in all, counted by the system. A process of its own.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]
#![cfg(target_os = "linux")]

use std::path::Path;

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};
use reenact_providers::{
    Batch, InstanceFilter, InstanceState, InstanceSummary, Lease, Local, Provider, TurnRecord,
};

/// Instances that are under way at a time.
const OUTSTANDING: u64 = 1_024;

/// Instances that are run in all. They go into the archive more than once.
const INSTANCES: u64 = 60_000;

/// Turns of an instance.
const TURNS: u64 = 6;

/// What may be written for each byte of events.
const ALLOWED: f64 = 3.0;

/// What the process has handed to the system to be written, in bytes.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("wchar:")).unwrap();
    line.trim().parse().unwrap()
}

/// An id as the library draws them: a time with random bytes after it.
fn id(number: u64) -> InstanceId {
    let mut random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    random = (random ^ (random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    random ^= random >> 27;
    let time = 0x0190_a5d0_ac96 + number / 20;
    let (a, b) = (random >> 52, random & 0xffff_ffff_ffff);
    let text =
        format!("{:08x}-{:04x}-7{a:03x}-8{:03x}-{b:012x}", time >> 16, time & 0xffff, a ^ 0x5a5);
    InstanceId::new(text).unwrap()
}

/// A turn of an instance that calls an activity after the other.
fn turn(instance: u64, number: u64) -> TurnRecord {
    let created = 1_767_225_600_000_000 + instance * 50;
    let state = if number + 1 < TURNS { InstanceState::Running } else { InstanceState::Completed };
    let summary = InstanceSummary {
        instance: id(instance),
        execution: ExecutionId::FIRST,
        name: Name::new("sequence").unwrap(),
        state,
        created_at: Timestamp::from_micros(created),
        updated_at: Timestamp::from_micros(created + number * 7_000 + instance % 97),
        turns: number + 1,
        events: 3 * number + 2,
        wake_at: (state == InstanceState::Running).then_some(Timestamp::EPOCH),
        attributes: reenact_core::Attributes::default(),
    };
    let time = (created + number * 7_000).to_le_bytes();
    let done = format!("\x01\x05{number}{}\x02\x03\x04step\x06{}", instance, instance + number);
    let bytes = [&[3, 1], &time[..], done.as_bytes(), &[0, number as u8, 1]].concat();
    TurnRecord { number, bytes: bytes.into(), summary, has_drawn_id: false, keep: 0 }
}

async fn append(store: &Local, leases: &[Lease], turns: Vec<TurnRecord>) {
    for Lease { shard, epoch, .. } in leases {
        let is_of =
            |turn: &&TurnRecord| ShardId::of(&turn.summary.instance, store.shards()) == *shard;
        let turns: Vec<_> = turns.iter().filter(is_of).cloned().collect();
        let batch = Batch { shard: *shard, epoch: *epoch, turns };
        let _ = store.histories().append(batch.into()).await.unwrap();
    }
}

#[tokio::test]
async fn three_bytes_are_written_at_most_for_each_byte_of_small_events() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("local-written");
    let _ = std::fs::remove_dir_all(&path);
    let store = Local::open(&path).unwrap();
    let mut leases = Vec::new();
    for shard in (0..store.shards()).map(ShardId) {
        leases.push(store.leases().acquire(shard, "test").await.unwrap());
    }
    let (before, mut events) = (written(), 0);
    // In each round each of those under way makes a turn, in commits of some hundred; each begins at
    // another time.
    for round in 0..INSTANCES * TURNS / OUTSTANDING {
        let mut turns = Vec::new();
        for number in 0..TURNS.min(round + 1) {
            let generation = round - number;
            let all = generation * OUTSTANDING / TURNS..(generation + 1) * OUTSTANDING / TURNS;
            turns.extend(all.map(|instance| turn(instance, number)));
        }
        events += turns.iter().map(|turn| turn.bytes.len() as u64).sum::<u64>();
        for turns in turns.chunks(512) {
            append(&store, &leases, turns.to_vec()).await;
        }
    }
    let count = store.histories().count(&InstanceFilter::new()).await.unwrap();
    drop(store);
    let ratio = (written() - before) as f64 / events as f64;
    println!("{count} instances, {events} bytes of events, {ratio:.2} bytes written for each");
    let _ = std::fs::remove_dir_all(&path);
    assert!(ratio <= ALLOWED, "{ratio:.2} bytes are written for each byte of events");
}
