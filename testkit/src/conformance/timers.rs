//! Time: hosts take it from their provider, and tests move it.

use std::pin::pin;
use std::time::Duration;

use reenact_providers::{Provider, TimerScheduler};

use super::kit::{poll_once, within};
use super::{Hub, Stage};

/// Time and timers come from the clock that the store was given, and from no other.
pub async fn timers_run_on_the_clock_that_the_store_was_given<H: Hub>(stage: &Stage<H>) {
    let timers = stage.open().await.timers();
    assert_eq!(timers.now(), stage.clock.now(), "a provider shows the time of its clock");

    let year = Duration::from_secs(365 * 24 * 60 * 60);
    let mut sleep = pin!(timers.sleep_until(timers.now() + year));
    assert!(poll_once(sleep.as_mut()).await.is_pending(), "a timer does not fire early");
    stage.clock.advance(year);
    within(sleep, "a timer fires when the clock has reached it").await;
    assert_eq!(timers.now(), stage.clock.now(), "a provider shows the time of its clock");
}
