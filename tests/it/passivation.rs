//! Idle instances go from memory and come back by replay, with nothing lost in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::kit::{Gate, guard, id, on_the_tests_runtime, options, pass_time_until, store, until};
use reenact::prelude::*;
use reenact::providers::TimerScheduler;
use reenact::testing::ManualClock;
use reenact::{HostBuilder, Timestamp};

const IDLE: Duration = Duration::from_secs(30);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Collects this many numbers that come by the event "Add".
#[orchestration]
async fn collecting(
    ctx: OrchestrationContext,
    many: usize,
) -> Result<Vec<(u64, u64)>, OrchestrationError> {
    let mut collected = Vec::new();
    while collected.len() < many {
        collected.push(ctx.wait_external("Add").await?);
    }
    Ok(collected)
}

#[orchestration]
async fn waits_a_year(ctx: OrchestrationContext) -> Result<Timestamp, OrchestrationError> {
    ctx.timer(YEAR).await;
    Ok(ctx.now())
}

fn host(memory: InMemory) -> HostBuilder {
    Host::builder()
        .provider(memory)
        .options(options().passivate_after(IDLE))
        .orchestration(collecting)
        .orchestration(waits_a_year)
}

/// Lets time pass until everything idle has gone from memory.
async fn until_nothing_is_in_memory(host: &Host, clock: &ManualClock) {
    let emptied = async {
        while host.in_memory() > 0 {
            tokio::task::yield_now().await;
        }
    };
    pass_time_until(clock, IDLE / 4, emptied).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_instance_goes_from_memory_and_the_next_event_brings_it_back() {
    let (memory, clock) = store();
    let host = host(memory).start().await.unwrap();
    let instance = host.start_new(collecting, 3).await.unwrap();
    for number in 1..=3 {
        assert_eq!(host.in_memory(), 1);
        until_nothing_is_in_memory(&host, &clock).await;
        guard(instance.raise_event("Add", (0, number))).await.unwrap();
    }
    assert_eq!(guard(instance.result()).await.unwrap(), [(0, 1), (0, 2), (0, 3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_stays_in_memory_while_it_is_in_use() {
    let (memory, clock) = store();
    let host = host(memory).start().await.unwrap();
    let kept = host.start_new(collecting, 100).await.unwrap();
    let idle = host.start_new(collecting, 1).await.unwrap();
    for number in 0..20 {
        clock.advance(IDLE / 4);
        guard(kept.raise_event("Add", (0, number))).await.unwrap();
    }
    // The sweep that takes the idle one has passed the other.
    until(|| host.in_memory() == 1).await;
    guard(idle.raise_event("Add", (0, 0))).await.expect("it comes back all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_without_a_place_in_memory_is_woken_by_its_timer() {
    let (memory, clock) = store();
    let start = clock.now();
    let host = host(memory).start().await.unwrap();
    let instance = host.start_new(waits_a_year, ()).await.unwrap();
    until_nothing_is_in_memory(&host, &clock).await;
    assert!(clock.now() < start + YEAR, "the timer is not due yet");
    clock.advance(YEAR);
    assert_eq!(guard(instance.result()).await.unwrap(), clock.now());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_with_an_activity_under_way_is_not_passivated() {
    let (memory, clock) = store();
    let (gate, lives) = (Gate::closed(), Arc::new(AtomicUsize::new(0)));
    let (passing, counting) = (gate.clone(), lives.clone());
    let host = host(memory)
        .register_activity("work", move |_ctx, input: u64| {
            let gate = passing.clone();
            async move {
                gate.pass().await;
                Ok(input + 1)
            }
        })
        .register_orchestration("works", move |ctx: OrchestrationContext, input: u64| {
            // The code runs from its start once for each time that it comes into memory.
            counting.fetch_add(1, Ordering::SeqCst);
            async move { Ok(ctx.call_activity_by_name::<_, u64>("work", &input).await?) }
        })
        .start()
        .await
        .unwrap();
    let working = host.start_new_by_name::<u64>("works", 1_u64).await.unwrap();
    gate.until_came(1).await;
    // Sweeps have been there when each of these has gone.
    for _ in 0..5 {
        host.start_new(collecting, 1).await.unwrap();
        let only_one = async {
            while host.in_memory() > 1 {
                tokio::task::yield_now().await;
            }
        };
        pass_time_until(&clock, IDLE, only_one).await;
    }
    gate.let_all_through();
    assert_eq!(guard(working.result()).await.unwrap(), 2);
    assert_eq!(lives.load(Ordering::SeqCst), 1, "it has been in memory all the time");
    assert_eq!(gate.came(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_alone_tells_where_an_instance_that_comes_back_goes_on() {
    let (memory, clock) = store();
    let replays = Arc::new(AtomicUsize::new(0));
    let counting = replays.clone();
    let host = host(memory)
        .register_orchestration("draws", move |ctx: OrchestrationContext, ()| {
            let replays = counting.clone();
            async move {
                let drawn = (ctx.random(), ctx.new_guid(), ctx.now());
                let computed = ctx
                    .side_effect(|| {
                        replays.fetch_add(1, Ordering::SeqCst);
                        7
                    })
                    .await;
                ctx.wait_external::<()>("Go").await?;
                Ok((drawn.0, drawn.1.to_string(), drawn.2, computed, ctx.is_replaying()))
            }
        })
        .start()
        .await
        .unwrap();
    type Drawn = (u64, String, Timestamp, i32, bool);
    let start = clock.now();
    let instance = host.start_new_by_name::<Drawn>("draws", ()).id("i").await.unwrap();
    until_nothing_is_in_memory(&host, &clock).await;
    guard(instance.raise_event("Go", ())).await.unwrap();
    let drawn = guard(instance.result()).await.unwrap();
    assert_eq!((drawn.2, drawn.3, drawn.4), (start, 7, false));
    assert_eq!(replays.load(Ordering::SeqCst), 1, "a side effect is computed once");
}

/// What every sender has sent is there once, and in the order in which it was sent.
fn assert_nothing_is_lost_doubled_or_reordered(collected: &[(u64, u64)], senders: u64, each: u64) {
    for sender in 0..senders {
        let of_sender: Vec<u64> =
            collected.iter().filter(|(from, _)| *from == sender).map(|(_, n)| *n).collect();
        assert_eq!(of_sender, Vec::from_iter(0..each), "of sender {sender}");
    }
    assert_eq!(collected.len() as u64, senders * each);
}

async fn storm(passivate_after: Duration, senders: u64, each: u64) {
    let (memory, clock) = store();
    let lives = Arc::new(AtomicUsize::new(0));
    let counting = lives.clone();
    let host = host(memory)
        .options(on_the_tests_runtime().passivate_after(passivate_after))
        .register_orchestration("counted", move |ctx, many| {
            counting.fetch_add(1, Ordering::SeqCst);
            collecting::run(ctx, many)
        })
        .start()
        .await
        .unwrap();
    let host = Arc::new(host);
    let total = (senders * each) as usize;
    let instance = host.start_new_by_name::<Vec<(u64, u64)>>("counted", total).await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let passing = tokio::spawn({
        let (clock, over) = (clock.clone(), over.clone());
        async move {
            while !over.load(Ordering::SeqCst) {
                clock.advance(Duration::from_millis(10));
                tokio::task::yield_now().await;
            }
        }
    });
    let sending: Vec<_> = (0..senders)
        .map(|sender| {
            let (instance, host) = (instance.clone(), host.clone());
            tokio::spawn(async move {
                for number in 0..each {
                    if number % 4 == 0 {
                        until(|| host.in_memory() == 0).await;
                    }
                    instance.raise_event("Add", (sender, number)).await.expect("acknowledged");
                }
            })
        })
        .collect();
    for sender in sending {
        guard(sender).await.unwrap();
    }
    let collected = guard(instance.result()).await.unwrap();
    over.store(true, Ordering::SeqCst);
    passing.await.unwrap();
    assert_nothing_is_lost_doubled_or_reordered(&collected, senders, each);
    let lives = lives.load(Ordering::SeqCst) as u64;
    assert!(lives >= each / 4, "it went from memory again and again: {lives}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_event_is_lost_while_the_instance_comes_and_goes() {
    storm(Duration::ZERO, 8, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_sender_keeps_its_order_while_the_instance_comes_and_goes() {
    storm(Duration::from_millis(1), 1, 300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_come_and_go_while_others_are_started_terminated_and_purged() {
    let (memory, clock) = store();
    let host = host(memory.with_shards(2))
        .options(options().passivate_after(Duration::ZERO))
        .start()
        .await
        .unwrap();
    let client = host.client().clone();
    let lives = (0..8).map(|number| {
        let client = client.clone();
        tokio::spawn(async move {
            let name = format!("i{number}");
            for round in 0..20 {
                let instance =
                    client.start_new(collecting, 2).id(&name).await.expect("the id is free");
                instance.raise_event("Add", (number, 0)).await.expect("it is there");
                if round % 3 == 0 {
                    instance.terminate("enough").await.expect("it runs");
                } else {
                    instance.raise_event("Add", (number, 1)).await.expect("it is there");
                    assert_eq!(instance.result().await.expect("it ends").len(), 2);
                }
                client.purge(&id(&name)).await.expect("it has finished");
            }
        })
    });
    let lives = futures::future::join_all(lives.collect::<Vec<_>>());
    for life in pass_time_until(&clock, Duration::from_millis(10), lives).await {
        life.unwrap();
    }
}
