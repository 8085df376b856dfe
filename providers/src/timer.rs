//! What time it is, and when to wake.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use reenact_core::Timestamp;
use tokio::sync::watch;

/// The clock that durable timers run on. Which timers there are follows from the log; a scheduler
/// only knows when to wake.
#[async_trait]
pub trait TimerScheduler: Send + Sync + 'static {
    /// What time it is.
    fn now(&self) -> Timestamp;

    /// Returns when the clock has reached `at`; at once when it has already. Cancelling the call
    /// is harmless.
    async fn sleep_until(&self, at: Timestamp);
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// Longest single sleep: after it the system's clock is asked again, so that a clock that was set
/// or a machine that was suspended is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

#[async_trait]
impl TimerScheduler for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::EPOCH + since
    }

    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
        }
    }
}

/// A clock that moves only when it is told to: a year passes in a test within milliseconds.
/// Clones show the same time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now: Arc<watch::Sender<Timestamp>>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { now: Arc::new(watch::Sender::new(now)) }
    }

    /// Moves the clock forward. Timers that are due by then fire, in order.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now = *now + by);
    }
}

/// At 2026-01-01T00:00:00Z.
impl Default for ManualClock {
    fn default() -> Self {
        Self::new(Timestamp::from_micros(1_767_225_600_000_000))
    }
}

#[async_trait]
impl TimerScheduler for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep_until(&self, at: Timestamp) {
        // An error means that the sender is gone; it cannot be, `self` holds it.
        let _ = self.now.subscribe().wait_for(|now| *now >= at).await;
    }
}
