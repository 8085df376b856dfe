//! Time: a host takes it from its provider, and so do tests that move it.

use std::pin::pin;
use std::time::Duration;

use super::kit::{poll_once, within};
use super::{Hub, Stage};
use reenact_providers::{Provider, TimerScheduler};

/// Whatever clock the medium has besides.
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
