//! The task that takes a snapshot each ten seconds, for as long as its console lives.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use reenact_actors::Access;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Hour, HourPoints};
use crate::limits::HOUR_POINT_EVERY;

/// Keeps the last hour of a host, from when it [begins](Self::begin) until it is dropped. Of an access without a host
/// there is nothing to keep.
#[derive(Default)]
pub(crate) struct HourKeeper {
    hour: Arc<Mutex<Hour>>,
    /// Begun once.
    task: OnceLock<JoinHandle<()>>,
}

impl HourKeeper {
    /// Begins, if it is within a runtime and has not begun: a router may be made before there is a runtime.
    pub(crate) fn begin(&self, access: &Access) {
        if self.task.get().is_some() || access.metrics().is_none() {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            self.task.get_or_init(|| runtime.spawn(keep(access.clone(), self.hour.clone())));
        }
    }

    /// The points so far.
    pub(crate) fn points(&self) -> HourPoints {
        let every_ms = u64::try_from(HOUR_POINT_EVERY.as_millis()).unwrap_or(u64::MAX);
        HourPoints { every_ms, points: lock(&self.hour).points() }
    }
}

impl Drop for HourKeeper {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

impl fmt::Debug for HourKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_begun = self.task.get().is_some();
        f.debug_struct("HourKeeper").field("has_begun", &has_begun).finish_non_exhaustive()
    }
}

async fn keep(access: Access, hour: Arc<Mutex<Hour>>) {
    let mut ticks = interval(HOUR_POINT_EVERY);
    // After a pause of the machine there is one point for all of it.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        ticks.tick().await;
        let (passed, now) = (last.elapsed(), Instant::now());
        last = now;
        if let Some(metrics) = access.metrics() {
            lock(&hour).take(&metrics, passed);
        }
    }
}

/// Every change under the lock is complete, so a panic while it is held leaves it usable.
fn lock(hour: &Mutex<Hour>) -> MutexGuard<'_, Hour> {
    hour.lock().unwrap_or_else(PoisonError::into_inner)
}
