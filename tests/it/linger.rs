//! Turns wait a little for each other where that is wanted, so that they share an append.

use crate::kit::{Faulty, HOUR, guard, id, on_the_tests_runtime, store, until};
use futures::future::join_all;
use reenact::prelude::*;
use tokio::time::Instant;

const LINGER: Duration = Duration::from_millis(100);

#[orchestration]
async fn waiting(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

async fn host(faulty: &Faulty, commit_linger: Duration) -> Host {
    let options = on_the_tests_runtime().commit_linger(commit_linger);
    let host = Host::builder().provider(faulty.clone()).options(options).orchestration(waiting);
    guard(host.start()).await.unwrap()
}

fn one_shard() -> Faulty {
    Faulty::new(store().0.with_shards(1))
}

/// This many starts, each begun some time after the one before it.
async fn starts(host: &Host, many: u32, apart: Duration) {
    let starts = (0..many).map(|number| async move {
        tokio::time::sleep(apart * number).await;
        host.start_new(waiting, ()).await.unwrap();
    });
    guard(join_all(starts)).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_the_first_turn_waits_shares_its_append() {
    let faulty = one_shard();
    let host = host(&faulty, LINGER).await;
    let began = Instant::now();
    starts(&host, 10, LINGER / 11).await;
    assert_eq!(faulty.appended(), 1);
    assert_eq!(began.elapsed().as_millis(), LINGER.as_millis(), "as long as the first one waits");
}

#[tokio::test(start_paused = true)]
async fn each_first_turn_waits_anew() {
    let faulty = one_shard();
    let host = host(&faulty, LINGER).await;
    let began = Instant::now();
    for _ in 0..3 {
        starts(&host, 5, Duration::ZERO).await;
    }
    assert_eq!(faulty.appended(), 3);
    assert_eq!(began.elapsed().as_millis(), 3 * LINGER.as_millis());
}

#[tokio::test(start_paused = true)]
async fn without_a_linger_nothing_waits() {
    let faulty = one_shard();
    let host = host(&faulty, Duration::ZERO).await;
    let began = Instant::now();
    for _ in 0..10 {
        guard(host.start_new(waiting, ())).await.unwrap();
    }
    assert_eq!(faulty.appended(), 10);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_gathered_after_an_append_waits_for_no_more() {
    let faulty = one_shard();
    let host = host(&faulty, LINGER).await;
    faulty.appends.close();
    let mut first = Box::pin(host.start_new(waiting, ()).into_future());
    assert!(futures::poll!(first.as_mut()).is_pending());
    faulty.appends.until_came(1).await;
    let others = (0..5).map(|_| host.start_new(waiting, ()).into_future());
    let mut others = Box::pin(join_all(others));
    assert!(futures::poll!(others.as_mut()).is_pending());
    until(|| host.in_memory() == 6).await;

    let began = Instant::now();
    faulty.appends.let_all_through();
    guard(first).await.unwrap();
    guard(others).await.into_iter().for_each(|started| drop(started.unwrap()));
    assert_eq!(faulty.appended(), 2);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_comes_into_memory_does_not_wait_and_takes_along_what_has_gathered() {
    let faulty = one_shard();
    let host = host(&faulty, HOUR).await;
    let began = Instant::now();
    let mut lingering = Box::pin(host.start_new(waiting, ()).into_future());
    assert!(futures::poll!(lingering.as_mut()).is_pending());
    until(|| host.in_memory() == 1).await;
    let unknown = guard(host.raise_event(&id("unknown"), "Go", 1)).await.unwrap_err();
    assert!(matches!(unknown, reenact::Error::NotFound { .. }), "{unknown}");
    guard(lingering).await.unwrap();
    assert_eq!(faulty.appended(), 1);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_and_what_came_before_it_is_durable() {
    let faulty = one_shard();
    let host = host(&faulty, HOUR).await;
    let began = Instant::now();
    let client = host.client().clone();
    let mut lingering = Box::pin(client.start_new(waiting, ()).into_future());
    assert!(futures::poll!(lingering.as_mut()).is_pending());
    until(|| host.in_memory() == 1).await;
    guard(host.shutdown()).await.unwrap();
    let started = guard(lingering).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    let next = self::host(&faulty, Duration::ZERO).await;
    guard(next.raise_event(started.id(), "Go", 7)).await.unwrap();
    assert_eq!(guard(next.instance::<u64>(started.id()).result()).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn the_loss_of_a_log_is_reported_at_once_to_those_who_come_later() {
    let faulty = one_shard();
    let host = host(&faulty, LINGER).await;
    faulty.fail_appends([crate::kit::AppendFault::Fatal]);
    let began = Instant::now();
    guard(host.start_new(waiting, ())).await.unwrap_err();
    guard(host.start_new(waiting, ())).await.unwrap_err();
    assert_eq!(began.elapsed().as_millis(), LINGER.as_millis());
}
