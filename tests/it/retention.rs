//! Finished instances go when they are too old or too many, and nothing else ever does.

use crate::kit::{Faulty, HOUR, guard, id, options, pass_time_until, store, until};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::providers::limits::LEASE_TIME;
use reenact::testing::ManualClock;
use reenact::{Error, InstanceFilter, PageRequest, Retention};

const MINUTE: Duration = Duration::from_secs(60);

/// Ends when an event says so.
#[orchestration]
async fn order(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

/// Ends at once, and badly.
#[orchestration]
async fn refund(_ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    Err(OrchestrationError::new("no funds"))
}

async fn host(provider: impl Provider, retention: Retention) -> Host {
    let host = Host::builder().provider(provider).options(options().retention(retention));
    guard(host.orchestration(order).orchestration(refund).start()).await.unwrap()
}

/// Orders that finish one after the other, a second apart.
async fn finish_orders(host: &Host, clock: &ManualClock, names: &[&str]) {
    for name in names {
        let started = guard(host.start_new(order, ()).id(name)).await.unwrap();
        guard(started.raise_event("Go", 1)).await.unwrap();
        guard(started.result()).await.unwrap();
        clock.advance(Duration::from_secs(1));
    }
}

async fn ids(host: &Host) -> Vec<String> {
    let page = PageRequest::new().limit(10_000);
    let page = host.list(&InstanceFilter::new(), &page).await.unwrap();
    page.instances.iter().map(|summary| summary.instance.to_string()).collect()
}

/// Returns when only this many are left.
async fn are_left(host: &Host, many: u64) {
    while host.count(&InstanceFilter::new()).await.unwrap() > many {
        tokio::task::yield_now().await;
    }
}

/// Lets time pass in small steps until only this many are left.
async fn until_left(host: &Host, clock: &ManualClock, many: u64) {
    pass_time_until(clock, Duration::from_millis(100), are_left(host, many)).await;
}

/// Returns when a round that began after now has ended: its victim, the oldest of all, is gone.
async fn a_round(host: &Host, clock: &ManualClock) {
    clock.advance(MINUTE);
    let victim = id("victim");
    let gone = async {
        while host.get_status(&victim).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    pass_time_until(clock, Duration::from_millis(100), gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_finished_longer_ago_than_is_wanted_goes_at_the_next_round() {
    let (memory, clock) = store();
    let host = host(memory, Retention::new().finished_for(HOUR)).await;
    finish_orders(&host, &clock, &["a", "b"]).await;
    clock.advance(HOUR / 2);
    finish_orders(&host, &clock, &["c"]).await;
    assert_eq!(ids(&host).await, ["a", "b", "c"], "an hour has not passed");
    clock.advance(HOUR / 2);
    until_left(&host, &clock, 1).await;
    assert_eq!(ids(&host).await, ["c"]);
    let gone = guard(host.get_status(&id("a"))).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone}");
    until_left(&host, &clock, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_each_orchestration_the_ones_that_finished_last_are_kept() {
    let (memory, clock) = store();
    let host = host(memory, Retention::new().finished_per_orchestration(2)).await;
    // Their ids are in another order than their ends.
    finish_orders(&host, &clock, &["e", "d", "victim", "a", "b"]).await;
    for number in 0..3 {
        let failed = host.start_new(refund, ()).id(format!("refund-{number}"));
        guard(guard(failed).await.unwrap().result()).await.unwrap_err();
        clock.advance(Duration::from_secs(1));
    }
    until_left(&host, &clock, 4).await;
    assert_eq!(ids(&host).await, ["a", "b", "refund-1", "refund-2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_many_goes_in_one_round_though_in_several_batches() {
    let (memory, clock) = store();
    let memory = memory.with_shards(1);
    let first = host(memory.clone(), Retention::new()).await;
    for number in 0..3_000 {
        let failed = guard(first.start_new(refund, ()).id(format!("{number:04}"))).await.unwrap();
        clock.advance(Duration::from_micros(1));
        guard(failed.result()).await.unwrap_err();
    }
    guard(first.shutdown()).await.unwrap();
    // The round at the start is enough: time stands still.
    let second = host(memory, Retention::new().finished_per_orchestration(3)).await;
    guard(are_left(&second, 3)).await;
    assert_eq!(ids(&second).await, ["2997", "2998", "2999"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_both_rules_an_instance_is_kept_only_when_it_is_young_and_among_the_last() {
    let (memory, clock) = store();
    let host =
        host(memory, Retention::new().finished_for(HOUR).finished_per_orchestration(2)).await;
    finish_orders(&host, &clock, &["a", "b", "c"]).await;
    until_left(&host, &clock, 2).await;
    assert_eq!(ids(&host).await, ["b", "c"]);
    clock.advance(HOUR);
    until_left(&host, &clock, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_not_finished_is_kept_however_old_it_is() {
    let (memory, clock) = store();
    let host =
        host(memory, Retention::new().finished_for(Duration::ZERO).finished_per_orchestration(0))
            .await;
    let waiting = host.start_new(order, ()).id("waiting").await.unwrap();
    clock.advance(HOUR * 24 * 365);
    finish_orders(&host, &clock, &["victim"]).await;
    a_round(&host, &clock).await;
    assert_eq!(ids(&host).await, ["waiting"]);
    // It goes on, and goes once it has finished.
    guard(waiting.raise_event("Go", 7)).await.unwrap();
    until_left(&host, &clock, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_waits_for_the_end_is_notified_although_the_instance_goes_at_once() {
    let (memory, clock) = store();
    let host = host(memory, Retention::new().finished_per_orchestration(0)).await;
    let instance = host.start_new(order, ()).await.unwrap();
    let mut waiting = Box::pin(instance.result());
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    let raising = instance.raise_event("Go", 7).into_future();
    pass_time_until(&clock, MINUTE, raising).await.unwrap();
    assert_eq!(pass_time_until(&clock, MINUTE, waiting).await.unwrap(), 7);
    until_left(&host, &clock, 0).await;
    until(|| host.in_memory() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_of_orchestrations_that_the_host_has_not_got_are_not_counted() {
    let (memory, clock) = store();
    let first = host(memory.clone(), Retention::new()).await;
    finish_orders(&first, &clock, &["a", "b", "c"]).await;
    guard(first.shutdown()).await.unwrap();
    let options = options().retention(Retention::new().finished_per_orchestration(1));
    let second = Host::builder().provider(memory).options(options).orchestration(refund);
    let second = guard(second.start()).await.unwrap();
    for name in ["victim", "x"] {
        let failed = guard(second.start_new(refund, ()).id(name)).await.unwrap();
        clock.advance(Duration::from_secs(1));
        guard(failed.result()).await.unwrap_err();
    }
    a_round(&second, &clock).await;
    assert_eq!(ids(&second).await, ["a", "b", "c", "x"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_default_everything_is_kept() {
    let (memory, clock) = store();
    let faulty = Faulty::new(memory);
    let host = host(faulty.clone(), Retention::new()).await;
    finish_orders(&host, &clock, &["a", "b"]).await;
    // A host that starts looks for what it cannot run: one list for each unfinished state.
    faulty.lists.until_came(3).await;
    for _ in 0..100 {
        clock.advance(HOUR * 24 * 365);
        tokio::task::yield_now().await;
    }
    assert_eq!(faulty.lists.came(), 3, "nobody even looked for what to purge");
    assert_eq!(ids(&host).await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_store_refused_in_one_round_goes_in_a_later_one() {
    let (memory, clock) = store();
    let faulty = Faulty::new(memory);
    let host = host(faulty.clone(), Retention::new().finished_for(MINUTE)).await;
    finish_orders(&host, &clock, &["a", "b", "c"]).await;
    faulty.fail_lists(1);
    faulty.fail_purges(4);
    until_left(&host, &clock, 0).await;
    assert_eq!(faulty.retention_faults_left(), 0, "all of them happened");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_is_free_again_when_its_instance_has_gone() {
    let (memory, clock) = store();
    let host = host(memory, Retention::new().finished_for(MINUTE)).await;
    finish_orders(&host, &clock, &["a"]).await;
    until_left(&host, &clock, 0).await;
    finish_orders(&host, &clock, &["a"]).await;
    assert_eq!(ids(&host).await, ["a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_was_used_again_meanwhile_is_kept_and_the_others_of_the_batch_go() {
    let (memory, clock) = store();
    let faulty = Faulty::new(memory.with_shards(1));
    let host = host(faulty.clone(), Retention::new().finished_for(MINUTE)).await;
    finish_orders(&host, &clock, &["a", "b", "c"]).await;
    // A round has seen all three as finished when "b" is purged, and started again.
    let came = faulty.lists.came();
    faulty.lists.close();
    clock.advance(HOUR);
    pass_time_until(&clock, MINUTE, faulty.lists.until_came(came + 1)).await;
    guard(host.purge(&id("b"))).await.unwrap();
    let again = guard(host.start_new(order, ()).id("b")).await.unwrap();
    faulty.lists.let_all_through();
    // Time stands still: there is no other round.
    guard(are_left(&host, 1)).await;
    assert_eq!(ids(&host).await, ["b"]);
    guard(again.raise_event("Go", 2)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_lost_its_shards_purges_nothing_until_it_has_them_back() {
    let (memory, clock) = store();
    let memory = memory.with_shards(1);
    let faulty = Faulty::new(memory.clone());
    let first = host(faulty.clone(), Retention::new().finished_for(HOUR)).await;
    finish_orders(&first, &clock, &["a", "b"]).await;
    faulty.acquisitions.close();
    clock.advance(LEASE_TIME);
    let second = host(memory, Retention::new()).await;
    for _ in 0..3 {
        clock.advance(HOUR);
        let came = faulty.lists.came();
        pass_time_until(&clock, MINUTE, faulty.lists.until_came(came + 1)).await;
    }
    assert_eq!(ids(&second).await, ["a", "b"]);

    guard(second.shutdown()).await.unwrap();
    // What it cannot write tells it that the shard is lost; or it knows already.
    guard(first.start_new(refund, ())).await.unwrap_err();
    faulty.acquisitions.let_all_through();
    until_left(&first, &clock, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_any_more_when_the_host_has_ended() {
    let (memory, clock) = store();
    let faulty = Faulty::new(memory);
    for gracefully in [true, false] {
        let host = host(faulty.clone(), Retention::new().finished_for(MINUTE)).await;
        finish_orders(&host, &clock, &["a"]).await;
        // It ends in the middle of a round.
        let came = faulty.lists.came();
        faulty.lists.close();
        clock.advance(HOUR);
        pass_time_until(&clock, MINUTE, faulty.lists.until_came(came + 1)).await;
        if gracefully {
            guard(host.shutdown()).await.unwrap();
        } else {
            guard(host.abort()).await;
        }
        faulty.lists.let_all_through();
        clock.advance(HOUR);
        let left = faulty.histories().count(&InstanceFilter::new()).await.unwrap();
        assert_eq!(left, 1);
        // The next host makes up for it at its start.
        let next = self::host(faulty.clone(), Retention::new().finished_for(MINUTE)).await;
        until_left(&next, &clock, 0).await;
        guard(next.shutdown()).await.unwrap();
    }
}
