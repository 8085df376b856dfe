//! What happens when the store fails: nothing that was acknowledged is lost, nothing happens twice,
//! and what is not durable has no effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kit::{
    AppendFault, Faulty, Gate, events, guard, id, options, pass_time_until, store, until,
};
use reenact::prelude::*;
use reenact::providers::{Provider, ProviderError};
use reenact::testing::ManualClock;
use reenact::{Error, HostBuilder, InstanceState};

/// Counts the runs of an activity.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn so_far(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// "adds": collects numbers by the event "Add" until 0 comes, and has each doubled by "double".
fn host(provider: impl Provider, runs: &Runs) -> HostBuilder {
    let runs = runs.clone();
    Host::builder()
        .provider(provider)
        .options(options())
        .register_activity("double", move |_ctx, number: u64| {
            runs.0.fetch_add(1, Ordering::SeqCst);
            async move { Ok(number * 2) }
        })
        .register_orchestration("adds", |ctx: OrchestrationContext, ()| async move {
            let mut sum = 0;
            loop {
                match ctx.wait_external::<u64>("Add").await? {
                    0 => return Ok(sum),
                    more => sum += ctx.call_activity_by_name::<_, u64>("double", &more).await?,
                }
            }
        })
}

fn faulty() -> (Faulty, ManualClock) {
    let (memory, clock) = store();
    (Faulty::new(memory.with_shards(1)), clock)
}

fn raised(events: &[String]) -> usize {
    events.iter().filter(|event| event.starts_with("ExternalRaised")).count()
}

/// Each event of the scenario meets a fault; everything ends as if there had been none.
async fn goes_well_in_spite_of(fault: AppendFault) {
    let (faulty, clock) = faulty();
    let runs = Runs::default();
    let host = host(faulty.clone(), &runs).start().await.unwrap();
    let step = Duration::from_millis(50);

    faulty.fail_appends([fault]);
    let starting = host.start_new_by_name::<u64>("adds", ()).id("i");
    let instance = pass_time_until(&clock, step, starting.into_future()).await.unwrap();
    for number in [1, 2, 3, 0] {
        faulty.fail_appends([fault]);
        let raising = instance.raise_event("Add", number);
        pass_time_until(&clock, step, raising.into_future()).await.unwrap();
    }
    let sum = pass_time_until(&clock, step, instance.result()).await.unwrap();
    assert_eq!(sum, 12);
    assert_eq!(faulty.faults_left(), 0, "all of them happened");
    assert_eq!(runs.so_far(), 3, "each activity ran once");
    assert_eq!(raised(&events(&host, &id("i")).await), 4, "each event counted once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_is_tried_again_while_the_store_is_unavailable() {
    goes_well_in_spite_of(AppendFault::Unavailable).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_is_tried_again_when_the_store_asks_for_patience() {
    goes_well_in_spite_of(AppendFault::Throttled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_was_written_though_nobody_said_so_counts_once() {
    goes_well_in_spite_of(AppendFault::UnknownButApplied).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_got_lost_without_a_word_counts_once() {
    goes_well_in_spite_of(AppendFault::UnknownAndLost).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_and_no_activity_starts_before_the_append_has_ended() {
    let (faulty, _) = faulty();
    let runs = Runs::default();
    let host = host(faulty.clone(), &runs).start().await.unwrap();
    let instance = host.start_new_by_name::<u64>("adds", ()).id("i").await.unwrap();

    faulty.appends.close();
    let before = faulty.appends.came();
    let raising = tokio::spawn(instance.raise_event("Add", 4).into_future());
    faulty.appends.until_came(before + 1).await;
    assert!(!raising.is_finished());
    assert_eq!(runs.so_far(), 0);
    assert_eq!(events(&host, &id("i")).await.len(), 2, "nobody sees what is not durable");

    faulty.appends.let_all_through();
    guard(raising).await.unwrap().unwrap();
    until(|| runs.so_far() == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_turns_share_an_append_when_the_store_is_slow() {
    let (faulty, _) = faulty();
    let host = host(faulty.clone(), &Runs::default()).start().await.unwrap();
    let instance = host.start_new_by_name::<u64>("adds", ()).await.unwrap();
    faulty.appends.close();
    let (came, appended) = (faulty.appends.came(), faulty.appended());
    let first = tokio::spawn(instance.raise_event("Other", 0).into_future());
    faulty.appends.until_came(came + 1).await;

    let others = (1..100).map(|number| instance.raise_event("Other", number).into_future());
    let mut others = Box::pin(futures::future::join_all(others));
    // Polled once, all are on their way to the instance.
    assert!(futures::poll!(others.as_mut()).is_pending());
    // The start comes after them in the shard.
    let marker = tokio::spawn(host.start_new_by_name::<u64>("adds", ()).into_future());
    faulty.appends.let_all_through();
    guard(first).await.unwrap().unwrap();
    guard(others).await.into_iter().for_each(|raised| raised.unwrap());
    guard(marker).await.unwrap().unwrap();
    let appends = faulty.appended() - appended;
    assert!(appends < 50, "101 turns took {appends} appends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_turn_that_could_not_be_appended_would_have_done_is_not_done() {
    let (faulty, _) = faulty();
    let runs = Runs::default();
    let host = host(faulty.clone(), &runs).start().await.unwrap();
    let instance = host.start_new_by_name::<u64>("adds", ()).id("i").await.unwrap();
    guard(instance.raise_event("Add", 1)).await.unwrap();
    guard(async {
        while events(&host, &id("i")).await.len() < 6 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(runs.so_far(), 1);
    let before = events(&host, &id("i")).await;

    faulty.fail_appends([AppendFault::Fatal]);
    let refused = guard(instance.raise_event("Add", 2)).await.unwrap_err();
    let Error::Store { source } = &refused else { panic!("{refused}") };
    assert!(matches!(**source, ProviderError::Conflict { .. }), "{source}");
    assert_eq!(events(&host, &id("i")).await, before);

    // The shard has started again from its log, without any help from a clock.
    let again = guard(async {
        loop {
            match instance.raise_event("Add", 3).key("three").await {
                Err(Error::Interrupted { .. } | Error::Store { .. }) => {
                    tokio::task::yield_now().await;
                }
                other => return other,
            }
        }
    });
    again.await.unwrap();
    guard(instance.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 2 + 6);
    assert_eq!(runs.so_far(), 2, "the activity of the turn that was lost never ran");
    assert_eq!(raised(&events(&host, &id("i")).await), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_could_not_be_appended_leaves_no_instance_and_its_id_is_free() {
    let (faulty, _) = faulty();
    let host = host(faulty.clone(), &Runs::default()).start().await.unwrap();
    faulty.fail_appends([AppendFault::Fatal]);
    let refused = guard(host.start_new_by_name::<u64>("adds", ()).id("i")).await.unwrap_err();
    assert!(matches!(refused, Error::Store { .. }), "{refused}");
    let unknown = host.get_status(&id("i")).await.unwrap_err();
    assert!(matches!(unknown, Error::NotFound { .. }), "{unknown}");

    let instance = guard(async {
        loop {
            match host.start_new_by_name::<u64>("adds", ()).id("i").await {
                Err(Error::Interrupted { .. } | Error::Store { .. }) => {
                    tokio::task::yield_now().await;
                }
                other => return other.unwrap(),
            }
        }
    })
    .await;
    guard(instance.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_wait_get_their_results_although_the_shard_starts_again() {
    let (faulty, _) = faulty();
    let gate = Gate::closed();
    let passing = gate.clone();
    let host = host(faulty.clone(), &Runs::default())
        .register_activity("work", move |_ctx, number: u64| {
            let gate = passing.clone();
            async move {
                gate.pass().await;
                Ok(number + 1)
            }
        })
        .register_orchestration("works", |ctx: OrchestrationContext, number: u64| async move {
            Ok(ctx.call_activity_by_name::<_, u64>("work", &number).await?)
        })
        .start()
        .await
        .unwrap();
    let mut waiting = Vec::new();
    for number in 0..50_u64 {
        let instance = host.start_new_by_name::<u64>("works", number).await.unwrap();
        waiting.push(tokio::spawn(async move { instance.result().await }));
    }
    gate.until_came(50).await;
    faulty.fail_appends([AppendFault::Fatal]);
    gate.let_all_through();
    for (number, result) in (0..).zip(waiting) {
        assert_eq!(guard(result).await.unwrap().unwrap(), number + 1_u64);
    }
    assert_eq!(faulty.faults_left(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_lost_while_many_instances_come_back_parks_none_of_them() {
    let (memory, _) = store();
    let memory = memory.with_shards(1);
    let runs = Runs::default();
    let crashing = host(memory.clone(), &runs).start().await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..200 {
        let instance = crashing.start_new_by_name::<u64>("adds", ()).await.unwrap();
        ids.push(instance.id().clone());
    }
    guard(crashing.abort()).await;

    let faulty = Faulty::new(memory);
    let host = host(faulty.clone(), &runs).start().await.unwrap();
    let waiting: Vec<_> = ids
        .iter()
        .map(|id| {
            let instance = host.instance::<u64>(id);
            tokio::spawn(async move { instance.result().await })
        })
        .collect();
    // An append is under way; after it the instances come back, go on, and wait for its end.
    faulty.appends.close();
    let came = faulty.appends.came();
    let starting = tokio::spawn(host.start_new_by_name::<u64>("adds", ()).into_future());
    faulty.appends.until_came(came + 1).await;
    let raising: Vec<_> =
        ids.iter().map(|id| tokio::spawn(host.raise_event(id, "Add", 7).into_future())).collect();
    until(|| host.in_memory() == 201).await;
    faulty.fail_appends([AppendFault::Fatal]);
    faulty.appends.let_all_through();

    guard(starting).await.unwrap().unwrap_err();
    let mut sums = Vec::new();
    for (id, raised) in ids.iter().zip(raising) {
        sums.push(match guard(raised).await.unwrap() {
            // It came so late that the shard was back.
            Ok(()) => 7,
            Err(Error::Interrupted { .. } | Error::Store { .. }) => 0,
            Err(other) => panic!("{other}"),
        });
        guard(async {
            while let Err(error) = host.raise_event(id, "Add", 0).await {
                if let Error::Finished { .. } = error {
                    break;
                }
                // The shard may still be going down.
                let goes_down = matches!(error, Error::Interrupted { .. } | Error::Store { .. });
                assert!(goes_down, "{error}");
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    for (result, sum) in waiting.into_iter().zip(sums) {
        assert_eq!(guard(result).await.unwrap().unwrap(), sum);
    }
    for id in &ids {
        let status = host.get_status(id).await.unwrap();
        assert_eq!((status.state, status.parked), (InstanceState::Completed, None));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_stays_unavailable_costs_the_call_and_not_the_instance() {
    let (faulty, clock) = faulty();
    let host = host(faulty.clone(), &Runs::default()).start().await.unwrap();
    let instance = host.start_new_by_name::<u64>("adds", ()).id("i").await.unwrap();
    faulty.fail_appends([AppendFault::Unavailable; 8]);
    let raising = instance.raise_event("Add", 1).into_future();
    let refused = pass_time_until(&clock, Duration::from_millis(50), raising).await.unwrap_err();
    let Error::Store { source } = &refused else { panic!("{refused}") };
    assert!(matches!(**source, ProviderError::Unavailable { .. }), "{source}");

    guard(async {
        while instance.raise_event("Add", 0).key("end").await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(guard(instance.result()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_of_a_host_that_fails_leaves_the_shards_free_for_the_next() {
    let (memory, _) = store();
    let faulty = Faulty::new(memory.clone());
    faulty.fail_recoveries(1);
    let refused = guard(host(faulty, &Runs::default()).start()).await.expect_err("refused");
    assert!(matches!(refused, Error::Startup { .. }), "{refused}");
    guard(host(memory, &Runs::default()).start()).await.map(drop).expect("time stands still");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_comes_back_although_its_history_cannot_be_read_for_a_while() {
    let (memory, clock) = store();
    let crashing = host(memory.clone(), &Runs::default()).start().await.unwrap();
    crashing.start_new_by_name::<u64>("adds", ()).id("i").await.unwrap();
    guard(crashing.abort()).await;

    let faulty = Faulty::new(memory);
    let host = host(faulty.clone(), &Runs::default()).start().await.unwrap();
    faulty.fail_reads(5);
    let raising = host.raise_event(&id("i"), "Add", 0).into_future();
    pass_time_until(&clock, Duration::from_millis(50), raising).await.unwrap();
    assert_eq!(faulty.read_faults_left(), 0);
    assert_eq!(guard(host.instance::<u64>(&id("i")).result()).await.unwrap(), 0);
}
