//! A shard has one owner: a host that lost its lease writes nothing more, and its successor goes on
//! with all that was acknowledged.

use std::sync::{Arc, Mutex};

use crate::kit::{Faulty, Gate, events, guard, id, options, store};
use reenact::prelude::*;
use reenact::providers::limits::LEASE_TIME;
use reenact::providers::{Provider, ProviderError};
use reenact::{Error, HostBuilder};

/// Which host ran which call.
type Runs = Arc<Mutex<Vec<(&'static str, String)>>>;

/// "adds": collects numbers by the event "Add" until 0 comes, and has each doubled.
fn host(provider: impl Provider, name: &'static str, gate: &Gate, runs: &Runs) -> HostBuilder {
    let (gate, runs) = (gate.clone(), runs.clone());
    Host::builder()
        .provider(provider)
        .options(options().host_name(name))
        .register_activity("double", move |ctx: ActivityContext, number: u64| {
            runs.lock().unwrap().push((name, ctx.idempotency_key()));
            let gate = gate.clone();
            async move {
                gate.pass().await;
                Ok(number * 2)
            }
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

fn count(events: &[String], kind: &str) -> usize {
    events.iter().filter(|event| event.starts_with(kind)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_host_waits_for_the_lease_of_the_first() {
    let (memory, clock) = store();
    let runs = Runs::default();
    let first = host(memory.clone(), "first", &Gate::open(), &runs).start().await.unwrap();
    let refused = host(memory.clone(), "second", &Gate::open(), &runs).start().await.err();
    let Some(Error::Startup { reason, .. }) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("first holds shard"), "it names the owner: {reason}");
    clock.advance(LEASE_TIME / 2);
    guard(first.shutdown()).await.unwrap();
    guard(host(memory, "second", &Gate::open(), &runs).start())
        .await
        .map(drop)
        .expect("the lease is free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_host_that_lost_its_lease_does_has_no_effect() {
    let (memory, clock) = store();
    let runs = Runs::default();
    let gate = Gate::closed();
    let first = host(memory.clone(), "first", &gate, &runs).start().await.unwrap();
    let old = first.start_new_by_name::<u64>("adds", ()).id("i").await.unwrap();
    guard(old.raise_event("Add", 1)).await.unwrap();
    gate.until_came(1).await;
    let waiting = tokio::spawn({
        let old = old.clone();
        async move { old.result().await }
    });

    clock.advance(LEASE_TIME);
    let second = host(memory.clone(), "second", &gate, &runs).start().await.unwrap();
    gate.until_came(2).await;

    let refused = guard(old.raise_event("Add", 100)).await.unwrap_err();
    match &refused {
        Error::Interrupted { .. } => {}
        Error::Store { source } => assert!(matches!(**source, ProviderError::Fenced { .. })),
        other => panic!("{other}"),
    }
    // Both hosts run the activity to its end; one of them may say so.
    gate.let_all_through();
    let new = second.instance::<u64>(&id("i"));
    guard(new.raise_event("Add", 10)).await.unwrap();
    guard(new.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(new.result()).await.unwrap(), 22);

    let events = events(&second, &id("i")).await;
    assert_eq!(count(&events, "ExternalRaised"), 3, "{events:#?}");
    assert_eq!(count(&events, "TaskCompleted"), 2, "{events:#?}");
    let runs = runs.lock().unwrap().clone();
    let of = |host| runs.iter().filter(move |(by, _)| *by == host).map(|(_, key)| key);
    let (of_first, of_second) = (Vec::from_iter(of("first")), Vec::from_iter(of("second")));
    assert_eq!(of_first.len(), 1);
    assert_eq!(of_second.len(), 2);
    assert_eq!(of_first[0], of_second[0], "the call that was open has its key on both hosts");

    // The first gets the shard back when the second goes; then it knows the end too.
    guard(second.shutdown()).await.unwrap();
    assert_eq!(guard(waiting).await.unwrap().unwrap(), 22);
    drop(first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_is_late_for_its_lease_is_refused_and_its_effects_stay_sealed() {
    let (memory, clock) = store();
    let runs = Runs::default();
    let slow = Faulty::new(memory.clone());
    let first = host(slow.clone(), "first", &Gate::open(), &runs).start().await.unwrap();
    let old = first.start_new_by_name::<u64>("adds", ()).id("i").await.unwrap();
    slow.appends.close();
    let came = slow.appends.came();
    let raising = tokio::spawn(old.raise_event("Add", 7).into_future());
    slow.appends.until_came(came + 1).await;

    clock.advance(LEASE_TIME);
    let second = host(memory, "second", &Gate::open(), &runs).start().await.unwrap();
    slow.appends.let_all_through();
    let refused = guard(raising).await.unwrap().unwrap_err();
    let Error::Store { source } = &refused else { panic!("{refused}") };
    assert!(matches!(**source, ProviderError::Fenced { .. }), "{source}");

    let new = second.instance::<u64>(&id("i"));
    guard(new.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(new.result()).await.unwrap(), 0, "the event was never acknowledged");
    assert_eq!(*runs.lock().unwrap(), [], "and what it would have caused never ran");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_ends_while_it_starts_a_shard_again_leaves_the_shard_to_the_next() {
    let (memory, _) = store();
    let memory = memory.with_shards(1);
    let runs = Runs::default();
    let faulty = Faulty::new(memory.clone());
    let first = host(faulty.clone(), "first", &Gate::open(), &runs).start().await.unwrap();
    let acquired = faulty.acquisitions.came();
    faulty.acquisitions.close();
    faulty.fail_appends([crate::kit::AppendFault::Fatal]);
    guard(first.start_new_by_name::<u64>("adds", ())).await.expect_err("its log is lost");
    // The shard is about to be taken again when the host ends.
    faulty.acquisitions.until_came(acquired + 1).await;
    guard(first.shutdown()).await.unwrap();
    // It never gets it: the host has let go of the store.
    faulty.acquisitions.let_all_through();

    let second = host(memory, "second", &Gate::open(), &runs).start();
    let second = guard(second).await.expect("nobody holds the shard");
    guard(second.start_new_by_name::<u64>("adds", ())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_take_over_from_each_other_again_and_again_and_nothing_is_lost() {
    let (memory, clock) = store();
    let runs = Runs::default();
    let mut owner = host(memory.clone(), "host", &Gate::open(), &runs).start().await.unwrap();
    guard(owner.start_new_by_name::<u64>("adds", ()).id("i")).await.unwrap();
    for number in 1..=10_u64 {
        clock.advance(LEASE_TIME);
        let next = host(memory.clone(), "host", &Gate::open(), &runs).start();
        let next = guard(next).await.unwrap();
        guard(next.raise_event(&id("i"), "Add", number)).await.unwrap();
        // The one before goes only now: the shards had two hosts that took them for theirs.
        guard(std::mem::replace(&mut owner, next).abort()).await;
    }
    guard(owner.raise_event(&id("i"), "Add", 0)).await.unwrap();
    assert_eq!(guard(owner.instance::<u64>(&id("i")).result()).await.unwrap(), 110);
}
