//! Nothing can drop an activity in the middle of a call that blocks. Its token says so, what it returns does not count,
//! and nobody waits for it.

use std::sync::mpsc;

use crate::kit::{events, pass_time_until};
use reenact::ActivityErrorKind;
use reenact::testing::ManualClock;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Gives "block" a second, says when that was not enough, and waits.
#[orchestration]
async fn hasty(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    let terms = ActivityOptions::new().start_to_close(SECOND);
    let failed = ctx.call_activity(block.with(terms), 7).await.unwrap_err();
    assert_eq!(failed.kind(), ActivityErrorKind::TimedOut);
    ctx.set_status(&true);
    ctx.wait_external::<()>("Go").await?;
    Ok(failed.to_string())
}

fn hasty_host(door: &Door, options: HostOptions) -> (HostBuilder, ManualClock) {
    let (store, clock) = store();
    let host = host(door, options).orchestration(hasty);
    (host.provider(store.with_shards(1)), clock)
}

#[tokio::test]
async fn one_that_takes_too_long_fails_at_once_and_keeps_its_thread_but_not_its_place() {
    let door = Door::closed();
    let (max_activities, max_blocking_activities) = (1, 1);
    let options = on_the_tests_runtime()
        .max_activities(max_activities)
        .max_blocking_activities(max_blocking_activities);
    let (host, clock) = hasty_host(&door, options);
    let host = guard(host.start()).await.unwrap();
    let late = guard(host.start_new(hasty, ()).id("late")).await.unwrap();
    door.until_came(1).await;
    let has_failed = late.wait_for_status(|status| status.custom_status.is_some());
    pass_time_until(&clock, SECOND, has_failed).await.unwrap();
    // The only place is free when the grace is over; the only thread is not.
    let waiting = start(&host, "waiting", "block").await;
    pass_time_until(&clock, SECOND, run_neighbours(&host, "neighbour", 3)).await;
    assert_eq!(door.came().len(), 1);
    door.let_one_through();
    door.until_came(2).await;
    door.open();
    assert_eq!(guard(waiting.result()).await.unwrap(), 7);
    // What the late one returned is nowhere.
    guard(late.raise_event("Go", ())).await.unwrap();
    let ended = guard(late.result()).await.unwrap();
    assert!(ended.contains("start-to-close"), "{ended}");
    let events = events(&host, &id("late")).await;
    assert!(!events.iter().any(|event| event.starts_with("TaskCompleted")), "{events:?}");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn the_next_attempt_runs_beside_one_that_is_still_blocked() {
    #[orchestration]
    async fn tries_twice(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
        let again = RetryPolicy::new(2).first_delay(Duration::ZERO);
        let terms = ActivityOptions::new().start_to_close(SECOND).retry(again);
        let output = ctx.call_activity(block.with(terms), 7).await?;
        ctx.wait_external::<()>("Go").await?;
        Ok(output)
    }
    let door = Door::closed();
    let (host, clock) = hasty_host(&door, on_the_tests_runtime());
    let host = guard(host.orchestration(tries_twice).start()).await.unwrap();
    let instance = guard(host.start_new(tries_twice, ()).id("i")).await.unwrap();
    door.until_came(1).await;
    // Too late for the first, and no time passes for the second.
    clock.advance(SECOND);
    door.until_came(2).await;
    door.open();
    guard(instance.raise_event("Go", ())).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 7);
    let events = events(&host, &id("i")).await;
    let ends = events.iter().filter(|event| event.starts_with("TaskCompleted"));
    assert_eq!(ends.count(), 1, "{events:?}");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn one_that_nobody_waits_for_is_notified_and_dropped_at_its_next_await() {
    /// Tells when it is dropped, and on which thread.
    struct Tells(mpsc::Sender<String>);

    impl Drop for Tells {
        fn drop(&mut self) {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            let _ = self.0.send(name);
        }
    }

    #[orchestration]
    async fn loses_interest(ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
        let blocked = ctx.schedule_activity_by_name::<_, u64>("work", &());
        ctx.wait_external::<()>("Enough").await?;
        drop(blocked);
        Ok(())
    }

    let door = Door::closed();
    let (tell, received) = mpsc::channel();
    let way = door.way();
    let (store, clock) = store();
    let host = Host::builder()
        .provider(store.with_shards(1))
        .options(on_the_tests_runtime().blocking_activities(["work"]))
        .orchestration(loses_interest)
        .register_activity("work", move |ctx: ActivityContext, (): ()| {
            let (way, tells) = (way.clone(), Tells(tell.clone()));
            async move {
                way.pass();
                // Its token says so, also to code that never awaits.
                assert!(ctx.is_cancelled());
                ctx.cancelled().await;
                let _tells = tells;
                std::future::pending::<()>().await;
                Ok(7)
            }
        });
    let host = guard(host.start()).await.unwrap();
    let instance = guard(host.start_new(loses_interest, ())).await.unwrap();
    door.until_came(1).await;
    guard(instance.raise_event("Enough", ())).await.unwrap();
    guard(instance.result()).await.unwrap();
    door.open();
    door.until_left(1).await;
    let dropped_on = pass_time_until(&clock, SECOND, async {
        loop {
            match received.try_recv() {
                Ok(name) => return name,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    assert_eq!(dropped_on.await, "reenact-blocking");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_it_beyond_the_deadline_and_it_runs_again_later() {
    let (door, store) = (Door::closed(), store().0.with_shards(1));
    let options = options().shutdown_deadline(Duration::ZERO);
    let first = host(&door, options.clone()).provider(store.clone());
    let first = guard(first.start()).await.unwrap();
    start(&first, "i", "block").await;
    door.until_came(1).await;
    guard(first.shutdown()).await.unwrap();
    // It is blocked all the same, and its end counts for nothing.
    let second = host(&door, options).provider(store);
    let second = guard(second.start()).await.unwrap();
    door.until_came(2).await;
    door.let_one_through();
    door.until_left(1).await;
    let status = guard(second.get_status("i")).await.unwrap();
    assert!(status.outcome.is_none(), "{status:?}");
    door.open();
    assert_eq!(guard(second.instance::<u64>("i").result()).await.unwrap(), 7);
    guard(second.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_waits_for_it_up_to_the_deadline() {
    let (door, store) = (Door::closed(), store().0.with_shards(1));
    let first = host(&door, options()).provider(store.clone());
    let first = guard(first.start()).await.unwrap();
    start(&first, "i", "block_and_await").await;
    door.until_came(1).await;
    let shutdown = first.shutdown_handle();
    shutdown.begin();
    door.open();
    guard(first.shutdown()).await.unwrap();
    let second = guard(host(&door, options()).provider(store).start()).await.unwrap();
    assert_eq!(guard(second.instance::<u64>("i").result()).await.unwrap(), 7);
    assert_eq!(door.came().len(), 1, "it has not run again");
    guard(second.shutdown()).await.unwrap();
}

#[test]
fn a_host_is_dropped_while_it_blocks_and_so_is_the_runtime() {
    let (door, store) = (Door::closed(), store().0.with_shards(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime.block_on(async {
        let first = host(&door, options()).provider(store.clone());
        let first = guard(first.start()).await.unwrap();
        start(&first, "i", "block").await;
        door.until_came(1).await;
        first
    });
    drop(first);
    // Neither waits for the thread that is blocked.
    drop(runtime);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let second = guard(host(&door, options()).provider(store).start()).await.unwrap();
        door.open();
        assert_eq!(guard(second.instance::<u64>("i").result()).await.unwrap(), 7);
        assert_eq!(door.came().len(), 2);
        guard(second.shutdown()).await.unwrap();
    });
}
