//! Some requests to the emulator fail on the wire, in every way, through each pair of Azure crates. The tests on
//! the service in memory let each request fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use reenact_core::ShardId;
use reenact_providers::azure::connection::{Connection, Options};
use reenact_providers::{HistoryStore, InstanceState, ManualClock, QueueOf};
use reenact_testkit::azure::faults::{Fault, Kind, Proxy, Service};

use crate::record::{Fate, Record};
use crate::scenario::{Ground, Life, Promise};
use crate::stage::{self, Connect};

/// Scenarios at a time: the emulator answers some hundred requests in a second.
const AT_ONCE: usize = 8;

/// Each kind of fault is tried on every n-th request for blobs, and on every n-th for queues.
const EVERY: [u64; 2] = [200, 27];

/// So short that what hangs is found out soon.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(400);

/// Each of them, and what it says of what is there.
fn faults() -> Vec<(Fault, Promise)> {
    let honest = Promise::default();
    let lossy = Promise { is_lossy: true, is_false: false };
    let false_one = Promise { is_lossy: false, is_false: true };
    vec![
        (Fault::internal_error(), lossy.clone()),
        (Fault::busy(0), honest.clone()),
        (Fault::busy(1), honest.clone()),
        (Fault::answer(429, "TooManyRequests"), honest.clone()),
        (Fault::answer(409, "OperationNotAllowed"), honest.clone()),
        (Fault::answer(413, "RequestBodyTooLarge"), honest),
        (Fault::answer(412, "ConditionNotMet"), false_one.clone()),
        (Fault::answer(404, "BlobNotFound"), false_one.clone()),
        (Fault::answer(404, "QueueNotFound"), false_one.clone()),
        (Fault::answer(404, "ContainerNotFound"), false_one),
        (Fault::HangBefore, lossy.clone()),
        (Fault::CutBefore, lossy.clone()),
        (Fault::LoseReply, lossy.clone()),
        (Fault::HangAfter, lossy.clone()),
        (Fault::CutBody, lossy),
    ]
}

/// A hub of one case, with proxies of its own before it.
struct Wire {
    proxies: [Proxy; 2],
    proxied: Ground,
    direct: Ground,
}

impl Wire {
    async fn new(connect: Connect) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let emulator = stage::emulator().await;
        let hub = format!("wire-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let blobs = Proxy::start(Service::Blobs, emulator.blob_port()).await.unwrap();
        let queues = Proxy::start(Service::Queues, emulator.queue_port()).await.unwrap();
        let through = emulator.connection_string_through(blobs.port(), queues.port());
        let clock = ManualClock::default();
        let ground = |connection: &str, request_timeout: Duration| {
            let connection = Connection::parse(connection).unwrap();
            let options = Options { request_timeout, ..Options::default() };
            let port = connect(&connection, &hub, options).unwrap();
            Ground::new(port, &hub, clock.clone())
        };
        let proxied = ground(&through, REQUEST_TIMEOUT);
        let direct = ground(&emulator.connection_string(), Options::default().request_timeout);
        Self { proxies: [blobs, queues], proxied, direct }
    }
}

/// One scenario, and a second provider after it.
async fn run(wire: &Wire, was: &Promise) {
    let record = Life::live(wire.proxied.clone(), was).await;
    let mut after = Life::begin(wire.direct.clone(), record).await;
    after.record.check(&after.provider).await;
    after.check_messages(&QueueOf::Shard(ShardId(0)), was).await;
    after.check_writable().await;
}

fn runtime() -> tokio::runtime::Runtime {
    // The proxies go on while a provider is being dropped.
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

async fn requests_fail_on_the_wire(connect: Connect) {
    let fair = Wire::new(connect).await;
    run(&fair, &Promise::default()).await;
    let totals = [fair.proxies[0].total(), fair.proxies[1].total()];
    let faults = faults();
    let mut runs = Vec::new();
    for (number, (fault, promise)) in faults.iter().enumerate() {
        for service in 0..2 {
            // Others for each fault.
            let first = number as u64 * EVERY[service] / faults.len() as u64;
            let every = (first..totals[service]).step_by(EVERY[service] as usize);
            runs.extend(every.map(|at| (service, at, fault, promise)));
        }
    }
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((service, at, fault, promise)) =
            runs.get(next.fetch_add(1, Ordering::Relaxed)).copied()
        {
            let ran = catch_unwind(AssertUnwindSafe(|| {
                runtime().block_on(async {
                    let wire = Wire::new(connect).await;
                    let fault = fault.clone();
                    wire.proxies[service]
                        .plan(move |seen| (seen.number == at).then(|| fault.clone()));
                    run(&wire, promise).await;
                });
            }));
            if ran.is_err() {
                failed.lock().unwrap().push(format!("{service}: request {at}: {fault:?}"));
            }
        }
    };
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(work);
            }
        });
    });
    let failed = failed.into_inner().unwrap();
    println!("{totals:?} requests, {} runs", runs.len());
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The first provider waits for the answer to an append when the second takes its shard.
async fn who_waits_for_an_append_when_the_shard_is_taken_is_fenced(connect: Connect, fault: Fault) {
    let wire = Wire::new(connect).await;
    let mut first = Life::begin(wire.proxied.clone(), Record::default()).await;
    first.append(0, "a", InstanceState::Running).await;
    // It is not heard of any more, and its append does not arrive or is not answered.
    let fault = Arc::new(fault);
    wire.proxies[0].plan(move |seen| match seen.kind {
        Kind::Append => Some((*fault).clone()),
        Kind::Put if seen.target.contains("host-") => Some(Fault::HangBefore),
        _ => None,
    });
    let a = Life::id(0, "a");
    let before = first.record.clone();
    let waiting = tokio::spawn(async move {
        let fate = first.try_append(0, &Life::id(0, "a"), 2, InstanceState::Running).await;
        (first, fate)
    });
    let mut second = Life::begin(wire.direct.clone(), before).await;
    let length = second.provider.summary(&a).await.unwrap().unwrap().turns;
    wire.proxies[0].heal();
    wire.proxies[0].cut();
    let (mut first, fate) = waiting.await.unwrap();
    match length {
        2 => assert_ne!(fate, Fate::Acknowledged, "it was not there for the next owner"),
        4 => assert_ne!(fate, Fate::Refused, "it was there for the next owner"),
        other => panic!("there are {other} turns: half a batch"),
    }
    second.record = first.record.clone();
    if fate == Fate::Doubtful {
        second.record.settle(&a, length);
    }
    second.append(0, "a", InstanceState::Running).await;
    let next = second.provider_length(&a).await;
    let late = first.try_append(0, &a, next, InstanceState::Running).await;
    assert_eq!(late, Fate::Refused, "a provider that lost the shard learns that");
    second.append(0, "a", InstanceState::Running).await;
    second.record.check_histories(&second.provider).await;
}

macro_rules! on_the_wire {
    ($connect:expr) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn requests_that_fail_in_every_way_break_no_promise() {
            super::requests_fail_on_the_wire($connect).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn an_append_that_hangs_before_the_service_is_not_there_for_the_next_owner() {
            let hang = super::Fault::HangBefore;
            super::who_waits_for_an_append_when_the_shard_is_taken_is_fenced($connect, hang).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn an_append_whose_answer_is_lost_is_there_for_the_next_owner_or_is_not() {
            let lost = super::Fault::LoseReply;
            super::who_waits_for_an_append_when_the_shard_is_taken_is_fenced($connect, lost).await;
        }
    };
}

#[cfg(feature = "azure")]
mod by_the_released_crates {
    on_the_wire!(reenact_providers::azure::sdk::connect);
}

#[cfg(feature = "azure-legacy")]
mod by_the_legacy_crates {
    on_the_wire!(reenact_providers::azure::legacy::connect);
}
