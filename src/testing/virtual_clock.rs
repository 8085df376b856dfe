//! A clock on tokio's paused time: one for each machine of a test.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reenact_core::Timestamp;
use reenact_providers::TimerScheduler;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::paused;

/// What a [`VirtualClock`] shows at first: 2026-01-01T00:00:00Z, in every run of a test.
pub const VIRTUAL_START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// The slowest and the fastest that a [`VirtualClock`] goes wrong, in parts per million: at half and at one and a half
/// times the speed of time.
pub const MAX_DRIFT_PPM: i32 = 500_000;

const MILLION: i64 = 1_000_000;

/// The longest single sleep: tokio's timers go no further than two years.
const LONGEST_SLEEP: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A clock that shows tokio's paused time, and moves on by itself when nothing on the runtime can run: a month passes
/// within milliseconds, and never past anything that was to happen on the way.
///
/// It starts at [`VIRTUAL_START`], so that a test is the same each time. Each simulated machine has one of its own, which
/// can [jump](Self::jump) and [drift](Self::drift) relative to the others. Clones are the same clock.
///
/// tokio's timers have steps of a millisecond, so a sleep ends up to one millisecond later than it should, and never
/// earlier.
///
/// ```
/// use reenact::prelude::*;
/// use reenact::providers::TimerScheduler;
/// use reenact::testing::VirtualClock;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let (exact, fast) = (VirtualClock::new(), VirtualClock::new());
/// fast.drift(1_000); // a thousandth too fast
/// let in_a_day = exact.now() + Duration::from_secs(24 * 60 * 60);
/// exact.sleep_until(in_a_day).await; // takes no time
/// assert_eq!(exact.now(), in_a_day);
/// assert_eq!(fast.now(), in_a_day + Duration::from_millis(86_400));
/// # }
/// ```
#[derive(Clone)]
pub struct VirtualClock {
    shared: Arc<Shared>,
}

struct Shared {
    setting: Mutex<Setting>,
    /// Notified when it was set. It wakes in the order of the waits, as a `watch` does not.
    was_set: Notify,
}

/// How the clock was set last.
#[derive(Clone, Copy)]
struct Setting {
    at: Instant,
    showed: Timestamp,
    /// Microseconds of the clock for each million of tokio's.
    rate: i64,
}

impl VirtualClock {
    /// A clock that shows [`VIRTUAL_START`] now.
    ///
    /// # Panics
    /// Outside of a runtime of tokio's kind `current_thread` whose time is paused: other time would not be virtual.
    #[track_caller]
    pub fn new() -> Self {
        paused::require("a `VirtualClock`");
        Self::on_paused_time()
    }

    /// The same on a runtime of which it is known that its time is paused. To see that takes longer than many a call of a store.
    pub(super) fn on_paused_time() -> Self {
        let (at, showed) = (Instant::now(), VIRTUAL_START);
        let setting = Mutex::new(Setting { at, showed, rate: MILLION });
        Self { shared: Arc::new(Shared { setting, was_set: Notify::new() }) }
    }

    /// Sets the clock forward at once, as an administrator or a time server would. What is due by then wakes.
    pub fn jump(&self, by: Duration) {
        self.set(|setting| setting.showed = setting.showed + by);
    }

    /// Sets the clock back at once, at most to the year 1970. What waits for a time waits longer.
    pub fn jump_back(&self, by: Duration) {
        self.set(|setting| setting.showed = setting.showed - by);
    }

    /// From now on the clock is too fast by this many parts per million, or too slow if it is negative; 0 makes it exact
    /// again. What it shows does not jump. More than [`MAX_DRIFT_PPM`] counts as that.
    pub fn drift(&self, parts_per_million: i32) {
        let drift = parts_per_million.clamp(-MAX_DRIFT_PPM, MAX_DRIFT_PPM);
        self.set(|setting| setting.rate = MILLION + i64::from(drift));
    }

    fn set(&self, change: impl FnOnce(&mut Setting)) {
        let mut setting = self.setting();
        let at = Instant::now();
        *setting = Setting { at, showed: setting.now(at), rate: setting.rate };
        change(&mut setting);
        drop(setting);
        self.shared.was_set.notify_waiters();
    }

    /// Every change under the lock is complete, so a panic while it is held leaves it usable.
    fn setting(&self) -> MutexGuard<'_, Setting> {
        self.shared.setting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same as [`VirtualClock::new`], which says when it panics.
impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Setting {
    fn now(&self, at: Instant) -> Timestamp {
        self.showed + scaled(at - self.at, self.rate, MILLION)
    }

    /// The time of tokio's that passes until the clock shows `at`.
    fn until(&self, at: Timestamp) -> Duration {
        scaled(at.since(self.now(Instant::now())), MILLION, self.rate)
    }
}

/// The duration times `by` over `over`, up to the next microsecond.
fn scaled(duration: Duration, by: i64, over: i64) -> Duration {
    if by == over {
        return duration;
    }
    let (by, over) = (by.unsigned_abs().into(), u128::from(over.unsigned_abs()));
    let micros = duration.as_micros().saturating_mul(by).div_ceil(over);
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[async_trait]
impl TimerScheduler for VirtualClock {
    fn now(&self) -> Timestamp {
        self.setting().now(Instant::now())
    }

    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let was_set = self.shared.was_set.notified();
            tokio::pin!(was_set);
            // Enlisted before the look, so that no change is missed in between.
            was_set.as_mut().enable();
            let left = self.setting().until(at);
            if left.is_zero() {
                return;
            }
            tokio::select! {
                biased;
                () = was_set => {}
                () = tokio::time::sleep(left.min(LONGEST_SLEEP)) => {}
            }
        }
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VirtualClock").field(&self.now()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[tokio::test(start_paused = true)]
    async fn a_sleep_ends_when_it_is_due_and_takes_no_time() {
        let clock = VirtualClock::new();
        let due = VIRTUAL_START + HOUR * 24 * 365 * 3;
        clock.sleep_until(due).await;
        assert_eq!(clock.now(), due);
        clock.sleep_until(VIRTUAL_START).await;
        assert_eq!(clock.now(), due, "what is due already needs no waiting");
    }

    #[tokio::test(start_paused = true)]
    async fn a_jump_wakes_what_is_due_then_and_a_jump_back_lets_it_wait_longer() {
        let (clock, other) = (VirtualClock::new(), VirtualClock::new());
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(VIRTUAL_START + HOUR * 10).await }
        });
        tokio::time::sleep(HOUR).await;
        clock.jump_back(HOUR * 2);
        tokio::time::sleep(HOUR * 10).await;
        assert!(!sleeper.is_finished());
        clock.jump(HOUR);
        sleeper.await.unwrap();
        assert_eq!(clock.now(), VIRTUAL_START + HOUR * 10);
        assert_eq!(other.now(), VIRTUAL_START + HOUR * 11, "other clocks go on");
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_drifts_never_wakes_early_by_its_own_time() {
        for drift in [-1_000_000, -333, 7, 300_001] {
            let (clock, began) = (VirtualClock::new(), Instant::now());
            clock.drift(drift);
            let due = VIRTUAL_START + HOUR + Duration::from_micros(13);
            clock.sleep_until(due).await;
            assert!(clock.now() >= due, "{drift}");
            assert!(clock.now() < due + Duration::from_millis(2), "{drift}");
            assert_eq!(began.elapsed() > HOUR, drift < 0, "{drift}");
            clock.drift(0);
            let (shown, at) = (clock.now(), Instant::now());
            clock.sleep_until(shown + HOUR).await;
            assert_eq!(at.elapsed(), HOUR, "{drift}");
        }
    }

    #[tokio::test]
    #[should_panic(expected = "needs paused time")]
    async fn a_clock_on_real_time_says_that_it_cannot_be() {
        VirtualClock::new();
    }
}
