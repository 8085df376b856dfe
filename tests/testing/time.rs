//! Virtual time moves on by itself, up to the next thing that is to happen.

use reenact::HostBuilder;
use reenact::prelude::*;
use reenact::providers::TimerScheduler;
use reenact::testing::{self, TestHost, VIRTUAL_START};

use crate::{DAY, HOUR, MINUTE, panic_of};

#[activity]
async fn remind(_ctx: ActivityContext, day: u32) -> Result<(), ActivityError> {
    Err(ActivityError::fatal(format!("nobody is reminded of day {day} in a test")))
}

#[orchestration]
async fn reminders(ctx: OrchestrationContext, days: u32) -> Result<u32, OrchestrationError> {
    for day in 1..=days {
        ctx.timer(DAY).await;
        ctx.call_activity(remind, day).await?;
    }
    Ok(days)
}

/// Waits for an answer, and asks again each hour.
#[orchestration]
async fn question(ctx: OrchestrationContext, _: ()) -> Result<(u32, String), OrchestrationError> {
    for asked in 1.. {
        let answer = ctx.wait_external::<String>("answer");
        if let Ok(answer) = ctx.timeout(HOUR, answer).await {
            return Ok((asked, answer?));
        }
    }
    unreachable!("an answer comes")
}

fn builder() -> HostBuilder {
    Host::builder().orchestration(reminders).orchestration(question).activity(remind)
}

#[test]
fn a_month_of_reminders_takes_a_month_of_virtual_time() {
    testing::run(async {
        let host = TestHost::of(builder()).mock(remind, |_| Ok(())).start().await.unwrap();
        let month = host.start_new(reminders, 30).await.unwrap();
        assert_eq!(month.result().await.unwrap(), 30);
        assert_eq!(host.calls(remind), (1..=30).collect::<Vec<_>>());
        assert_eq!(host.elapsed(), DAY * 30);
        host.shutdown().await.unwrap();
    });
}

#[test]
fn time_never_skips_what_the_test_does_meanwhile() {
    testing::run(async {
        let host = TestHost::of(builder()).start().await.unwrap();
        let asked = host.start_new(question, ()).await.unwrap();
        host.pass(HOUR * 2 + MINUTE).await;
        assert_eq!(host.elapsed(), HOUR * 2 + MINUTE);
        asked.raise_event("answer", "yes").await.unwrap();
        assert_eq!(asked.result().await.unwrap(), (3, "yes".to_owned()));
        assert_eq!(host.elapsed(), HOUR * 2 + MINUTE);
    });
}

#[test]
fn time_does_not_pass_while_something_blocks_on_a_thread_that_tokio_knows() {
    testing::run(async {
        let host = TestHost::of(builder()).start().await.unwrap();
        let month = host.start_new(reminders, 30).await.unwrap();
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let blocked = tokio::task::spawn_blocking(move || receiver.recv().is_ok());
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(host.elapsed(), Duration::ZERO);
        sender.send(()).unwrap();
        assert!(blocked.await.unwrap());
        assert!(month.result().await.is_err(), "there is no double");
        assert_eq!(host.elapsed(), DAY);
    });
}

#[test]
fn a_host_that_crashes_goes_on_where_it_was() {
    testing::run(async {
        let mut host = TestHost::of(builder()).mock(remind, |_| Ok(())).start().await.unwrap();
        host.start_new(reminders, 30).id("month").await.unwrap();
        for _ in 0..10 {
            host.pass(DAY * 2 + HOUR).await;
            host.crash_and_restart().await.unwrap();
        }
        assert_eq!(host.instance::<u32>("month").result().await.unwrap(), 30);
        assert_eq!(host.elapsed(), DAY * 30, "no reminder was late");
        assert_eq!(host.calls(remind).len(), 30);
    });
}

#[test]
fn instances_that_leave_memory_while_they_sleep_wake_in_time() {
    testing::run(async {
        let host = TestHost::of(builder()).mock(remind, |_| Ok(())).passivate_after(HOUR);
        let host = host.start().await.unwrap();
        let month = host.start_new(reminders, 3).await.unwrap();
        assert_eq!(month.result().await.unwrap(), 3);
        assert_eq!(host.elapsed(), DAY * 3);
    });
}

#[test]
fn a_test_that_can_never_end_says_what_is_waited_for() {
    let panic = panic_of(|| {
        testing::run(async {
            let host = TestHost::of(builder().orchestration(patient)).start().await.unwrap();
            host.start_new(patient, ()).id("order-7").await.unwrap().result().await
        })
    });
    assert_eq!(
        panic,
        "the test has not ended within 10 years of virtual time: these instances have not\n  \
         `order-7` (patient): waits for the event `Paid`"
    );
    let panic = panic_of(|| testing::run(std::future::pending::<()>()));
    assert!(panic.contains("it waits for something that never comes"), "{panic}");
}

#[orchestration]
async fn patient(ctx: OrchestrationContext, _: ()) -> Result<(), OrchestrationError> {
    Ok(ctx.wait_external("Paid").await?)
}

#[tokio::test(start_paused = true)]
async fn a_test_of_tokios_that_can_never_end_ends_with_an_error() {
    let host = TestHost::of(builder().orchestration(patient)).start().await.unwrap();
    let order = host.start_new(patient, ()).await.unwrap();
    let error = order.result().await.unwrap_err();
    assert_eq!(error.kind(), reenact::ErrorKind::ShuttingDown);
}

#[test]
fn the_clock_of_a_host_can_jump() {
    testing::run(async {
        let host = TestHost::of(builder()).mock(remind, |_| Ok(())).start().await.unwrap();
        let month = host.start_new(reminders, 1).await.unwrap();
        tokio::task::yield_now().await;
        let began = tokio::time::Instant::now();
        host.clock().jump(DAY);
        assert_eq!(month.result().await.unwrap(), 1);
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(host.clock().now(), VIRTUAL_START + DAY);
    });
}
