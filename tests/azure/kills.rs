//! Hosts that are killed, frozen and replaced, on a store that goes away for a while, lose nothing that
//! was acknowledged and do nothing twice. Between them and the store requests go wrong, and some of them
//! use the older crates.
//!
//! The hosts are this program itself, started again as workers. The one who kills them has a client
//! without a host, which starts and raises; it remembers what was acknowledged, and compares.
#![cfg(unix)]

mod checker;
mod hosts;
mod load;
mod worker;

use std::path::Path;

use reenact::testing::Emulator;
use reenact_testkit::azure::faults::{Fault, Proxy, Service};

use crate::emulator;
use hosts::Hosts;
use load::Load;

/// What comes between the hosts and the store.
struct Wire {
    connection: String,
    _proxies: [Proxy; 2],
}

impl Wire {
    /// One of this many requests goes wrong, in one way after the other.
    const EVERY: u64 = 40;

    async fn before(emulator: &Emulator) -> Self {
        let blobs = Proxy::start(Service::Blobs, emulator.blob_port()).await.unwrap();
        let queues = Proxy::start(Service::Queues, emulator.queue_port()).await.unwrap();
        for proxy in [&blobs, &queues] {
            let faults = [
                Fault::internal_error(),
                Fault::busy(0),
                Fault::answer(429, "TooManyRequests"),
                Fault::LoseReply,
                Fault::CutBefore,
                Fault::CutBody,
            ];
            let mut faults = faults.into_iter().cycle();
            proxy.plan(move |seen| match seen.number % Self::EVERY {
                0 => faults.next(),
                _ => None,
            });
        }
        let connection = emulator.connection_string_through(blobs.port(), queues.port());
        Self { connection, _proxies: [blobs, queues] }
    }
}

/// Instances that end between two things that happen to the hosts.
const BETWEEN: u64 = 12;

/// Hosts that are killed one after the other.
const ROUNDS: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_are_killed_and_frozen_lose_nothing_and_do_nothing_twice() {
    if let Some(order) = worker::Order::of_this_process() {
        worker::run(&order).await;
        return;
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("azure-kills");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    let mut emulator = emulator().await;
    let wire = Wire::before(&emulator).await;
    let direct = emulator.connection_string();
    let mut hosts = Hosts::new(&direct, &wire.connection, &directory).await;
    let load = Load::begin(&emulator.connection_string()).await;

    hosts.start("first");
    hosts.start("second");
    load.until_more_have_ended(BETWEEN).await;

    // One after the other, each in the middle of something else.
    let mut before = "first".to_owned();
    for round in 0..ROUNDS {
        hosts.until_it_has_shards(&before).await;
        load.until_more_have_ended(1 + round * 2).await;
        hosts.kill(&before);
        before = if round + 1 == ROUNDS { "third".to_owned() } else { format!("first-{round}") };
        hosts.start(&before);
    }
    load.until_more_have_ended(BETWEEN).await;

    // Three, one of which is still when it is taken for dead, and then goes on as if nothing had been.
    hosts.start("fourth");
    hosts.until_it_has_shards("fourth").await;
    hosts.until_it_has_shards("second").await;
    hosts.freeze("second");
    hosts.until_it_has_no_shards("second").await;
    hosts.thaw("second");
    hosts.until_it_has_shards("second").await;
    load.until_more_have_ended(BETWEEN).await;

    // Away for longer than a lease is, for all of them.
    emulator.restart().await.unwrap();
    load.until_more_have_ended(BETWEEN).await;

    // Frozen and thawed while others die.
    hosts.until_it_has_shards("third").await;
    hosts.freeze("third");
    hosts.kill("second");
    hosts.kill("fourth");
    hosts.start("fifth");
    hosts.until_it_has_no_shards("third").await;
    hosts.thaw("third");
    load.until_more_have_ended(BETWEEN).await;

    let record = load.end().await;
    checker::check(&emulator.connection_string(), &directory, &record).await;
    hosts.end();
    let _ = std::fs::remove_dir_all(&directory);
}
