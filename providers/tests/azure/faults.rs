//! Each request to the service in memory fails in turn, in every way, and all promises of the provider hold.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reenact_core::ShardId;
use reenact_providers::azure::port::PortErrorKind;
use reenact_providers::{ManualClock, QueueOf};
use reenact_testkit::azure::storage::FakeStorage;

use crate::faulty::{FaultyPort, Wrong};
use crate::scenario::{Ground, Life, Promise};

/// Scenarios at a time: most of them wait for locks and for each other's threads.
const AT_ONCE: usize = 8;

/// More requests than an operation makes before it gives up.
const OUTAGE: u64 = 7;

/// Which requests go wrong, from a request on.
#[derive(Clone, Debug)]
struct Fault {
    name: String,
    /// The request itself, and the ones after it.
    wrongs: Vec<Wrong>,
    promise: Promise,
    /// Only every n-th request is changed.
    every: u64,
}

/// Everything that the adapters say, and what they cannot say. Second, whether it says of what is there
/// that it is not so: the service does not do that, and some promises rest on it.
fn wrongs() -> Vec<(Wrong, bool)> {
    let code = |code: &str| code.to_owned();
    let missing = |of: &str| PortErrorKind::NotFound { code: code(of) };
    let honest = [
        PortErrorKind::Throttled { after: Some(Duration::ZERO) },
        PortErrorKind::Denied { code: code("AuthorizationFailure") },
        PortErrorKind::TooLarge { code: code("RequestBodyTooLarge") },
        PortErrorKind::Refused { status: 409, code: code("Conflict") },
        PortErrorKind::Unreachable { reason: "no connection".to_owned() },
        PortErrorKind::Unknown { reason: "time is out".to_owned() },
    ];
    let false_ones = [
        PortErrorKind::Unmet { code: code("ConditionNotMet") },
        PortErrorKind::Exists { code: code("BlobAlreadyExists") },
        missing("BlobNotFound"),
        missing("QueueNotFound"),
        missing("ContainerNotFound"),
    ];
    let honest = honest.map(|kind| (Wrong::Refused(kind), false));
    let false_ones = false_ones.map(|kind| (Wrong::Refused(kind), true));
    let silent = [(Wrong::Lost, false), (Wrong::Late, false)];
    honest.into_iter().chain(silent).chain(false_ones).collect()
}

/// One wrong of each kind; outages; and, at some of the requests, one wrong of each kind after one
/// whose outcome is not known.
fn faults() -> Vec<Fault> {
    let mut faults = Vec::new();
    for (wrong, is_false) in wrongs() {
        let name = format!("{wrong:?}");
        let is_silent = matches!(
            wrong,
            Wrong::Lost | Wrong::Late | Wrong::Refused(PortErrorKind::Unknown { .. })
        );
        let promise = Promise { is_false, is_lossy: is_silent };
        let once = vec![wrong.clone()];
        faults.push(Fault { name: name.clone(), wrongs: once, promise, every: 1 });
        for before in [Wrong::Lost, Wrong::Late] {
            let (name, wrongs) = (format!("{before:?}, then {name}"), vec![before, wrong.clone()]);
            let promise = Promise { is_false, is_lossy: true };
            faults.push(Fault { name, wrongs, promise, every: 5 });
        }
        let lasts = wrong == Wrong::Lost
            || matches!(
                wrong,
                Wrong::Refused(
                    PortErrorKind::Throttled { .. }
                        | PortErrorKind::Unreachable { .. }
                        | PortErrorKind::Unknown { .. }
                )
            );
        if lasts {
            let (name, wrongs) = (format!("{name}, for a while"), vec![wrong; OUTAGE as usize]);
            let promise = Promise { is_false, is_lossy: is_silent };
            faults.push(Fault { name, wrongs, promise, every: 1 });
        }
    }
    faults
}

fn ground() -> (FaultyPort, Ground) {
    let clock = ManualClock::default();
    let port = FaultyPort::new(Arc::new(FakeStorage::new(Arc::new(clock.clone()))));
    let ground = Ground::new(Arc::new(port.clone()), "the-hub", clock);
    (port, ground)
}

/// One scenario, and a second provider after it.
async fn run(port: &FaultyPort, ground: &Ground, was: &Promise) {
    let record = Life::live(ground.clone(), was).await;
    port.heal();
    let mut after = Life::begin(ground.clone(), record).await;
    after.record.check(&after.provider).await;
    after.check_messages(&QueueOf::Shard(ShardId(0)), was).await;
    after.check_writable().await;
}

#[test]
fn whichever_request_fails_in_whatever_way_what_was_said_holds() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (port, fair) = ground();
    let requests = runtime().block_on(async {
        let record = Life::live(fair.clone(), &Promise::default()).await;
        let requests = port.requests();
        let after = Life::begin(fair, record).await;
        after.record.check(&after.provider).await;
        requests
    });
    let faults = faults();
    // Which of the requests it is differs from fault to fault.
    let is_due = |at: u64, number: usize| (at + number as u64).is_multiple_of(faults[number].every);
    let numbers = |at| (0..faults.len()).filter(move |n| is_due(at, *n)).map(move |n| (at, n));
    let runs: Vec<(u64, usize)> = (0..requests).flat_map(numbers).collect();
    let (next, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let mut failed = Vec::new();
        loop {
            let Some((at, number)) = runs.get(next.fetch_add(1, Ordering::Relaxed)).copied() else {
                return failed;
            };
            let fault = &faults[number];
            let (port, ground) = ground();
            let wrongs = fault.wrongs.clone();
            port.plan(move |seen| {
                let place = usize::try_from(seen.number.checked_sub(at)?).ok()?;
                wrongs.get(place).cloned()
            });
            let ran = catch_unwind(AssertUnwindSafe(|| {
                runtime().block_on(run(&port, &ground, &fault.promise));
            }));
            missed.fetch_add(usize::from(port.requests() <= at), Ordering::Relaxed);
            if ran.is_err() {
                failed.push(format!("request {at}: {}", fault.name));
            }
        }
    };
    let failed: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    println!("{requests} requests, {} faults, {} runs", faults.len(), runs.len());
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), runs.len());
    assert!(missed.into_inner() * 10 < runs.len(), "the requests are those that were counted");
}
