//! What the scenarios have in common: hang guards, gates, and stores that fail on demand.

mod complaints;
mod door;
mod faulty;
mod gate;

use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::time::Duration;

use reenact::prelude::*;
use reenact::testing::ManualClock;
use reenact::{InstanceStatus, ParkReason, ShardThreads};

pub(crate) use complaints::Complaints;
pub(crate) use door::{Door, Way};
pub(crate) use faulty::{AppendFault, Breakage, Faulty};
pub(crate) use gate::Gate;

/// An hour, for manual clocks.
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// Longer than any test takes, also where ten programs share two processors; a test that waits longer hangs.
const HANGS: Duration = Duration::from_secs(180);

/// Awaits something that must happen.
#[track_caller]
pub(crate) fn guard<F: IntoFuture>(what: F) -> impl Future<Output = F::Output> {
    let place = Location::caller();
    async move {
        match tokio::time::timeout(HANGS, what.into_future()).await {
            Ok(output) => output,
            Err(_) => panic!("it hangs: {place}"),
        }
    }
}

/// Returns when the condition holds, which it must at some time.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    guard(async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Lets time pass, a step at a time, until something has happened that waits for time.
pub(crate) async fn pass_time_until<F: Future>(
    clock: &ManualClock,
    step: Duration,
    what: F,
) -> F::Output {
    let passing = async {
        loop {
            clock.advance(step);
            // The host is on other threads: it could hardly ask a clock that is set all the time.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
    };
    guard(async {
        tokio::select! {
            biased;
            output = what => output,
            () = passing => unreachable!("time has no end"),
        }
    })
    .await
}

/// An empty store whose time stands still.
pub(crate) fn store() -> (InMemory, ManualClock) {
    let clock = ManualClock::default();
    (InMemory::new().with_clock(clock.clone()), clock)
}

/// Gives up leases that others hold at once, and lets nothing go from memory by itself.
pub(crate) fn options() -> HostOptions {
    HostOptions::new().lease_patience(Duration::ZERO).passivate_after(HOUR * 24 * 365 * 100)
}

/// The same on the runtime of the test, whose time is paused; and where it counts that one thread does one
/// thing after the other.
pub(crate) fn on_the_tests_runtime() -> HostOptions {
    options().threads(ShardThreads::OnCallersRuntime)
}

/// The id of a text.
pub(crate) fn id(text: &str) -> InstanceId {
    InstanceId::new(text).expect("a good id")
}

/// Number of instances in the store.
pub(crate) async fn stored(client: &Client) -> usize {
    let page = reenact::PageRequest::new().limit(usize::MAX - 1);
    client.list(&Default::default(), &page).await.expect("a list").instances.len()
}

/// Returns when the instance is parked, and the host knows why; how it is then. A moment before, the log alone says
/// that it is parked.
pub(crate) async fn until_parked(client: &Client, id: &InstanceId) -> InstanceStatus {
    guard(async {
        loop {
            let status = client.get_status(id).await.expect("a status");
            if !matches!(status.parked, None | Some(ParkReason::Recorded { .. })) {
                return status;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// The events of an instance's history, a line for each without its place and time.
pub(crate) async fn events(client: &Client, id: &InstanceId) -> Vec<String> {
    let history = client.history(id).await.expect("a history");
    history.events().map(|event| event.event.to_string()).collect()
}
