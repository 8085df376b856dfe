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

/// A clock that moves only when a test advances it: a year passes in a test within milliseconds.
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::{Pin, pin};
    use std::task::Poll;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Polls once, and says whether it is over.
    async fn is_over(mut sleep: Pin<&mut impl Future<Output = ()>>) -> bool {
        poll_fn(|context| Poll::Ready(sleep.as_mut().poll(context).is_ready())).await
    }

    #[tokio::test]
    async fn a_manual_clock_stands_still_until_it_is_moved() {
        let clock = ManualClock::default();
        let (start, clone) = (clock.now(), clock.clone());
        assert_eq!(start.to_string(), "2026-01-01T00:00:00.000000Z");
        assert_eq!(clock.now(), start);
        clone.advance(SECOND);
        assert_eq!(clock.now(), start + SECOND, "clones show the same time");
        clock.advance(SECOND);
        assert_eq!(clone.now(), start + SECOND * 2, "clones show the same time");
    }

    #[tokio::test]
    async fn a_sleep_on_a_manual_clock_ends_exactly_when_it_is_due() {
        let clock = ManualClock::default();
        let mut sleep = pin!(clock.sleep_until(clock.now() + SECOND));
        assert!(!is_over(sleep.as_mut()).await);
        clock.advance(SECOND - Duration::from_micros(1));
        assert!(!is_over(sleep.as_mut()).await);
        clock.advance(Duration::from_micros(1));
        assert!(is_over(sleep.as_mut()).await);
    }

    #[tokio::test]
    async fn advancing_a_manual_clock_wakes_a_sleeper_in_another_task() {
        let clock = ManualClock::default();
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        let due = clock.now() + year;
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(due).await }
        });
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(year * 2);
        sleeper.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_due_already_needs_no_waiting() {
        let (manual, system) = (ManualClock::default(), SystemClock);
        assert!(is_over(pin!(manual.sleep_until(manual.now()))).await);
        assert!(is_over(pin!(manual.sleep_until(Timestamp::EPOCH))).await);
        assert!(is_over(pin!(system.sleep_until(system.now()))).await);
        assert!(is_over(pin!(system.sleep_until(Timestamp::EPOCH))).await);
    }

    #[tokio::test]
    async fn the_system_clock_never_wakes_early() {
        let due = SystemClock.now() + Duration::from_millis(2);
        SystemClock.sleep_until(due).await;
        assert!(SystemClock.now() >= due);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_of_the_system_clock_can_be_dropped_and_may_be_endless() {
        let end_of_time = Timestamp::from_micros(u64::MAX);
        let endless = tokio::time::timeout(SECOND * 1000, SystemClock.sleep_until(end_of_time));
        assert!(endless.await.is_err());
    }
}
