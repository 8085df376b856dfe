//! A builder says which unfinished instances would not go on with what is registered on it. It
//! starts no host, and changes nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::kit::{Faulty, guard, id, options, pass_time_until, store, until_parked};
use reenact::core::{RecordedTurn, ShardId, Step, codec};
use reenact::prelude::*;
use reenact::providers::{Batch, Provider, StoredTurn, TurnRecord};
use reenact::{
    Error, EventKind, ExecutionId, HostBuilder, InstanceSummary, ParkReason, Timestamp, Unfit,
};

const ORDER: &str = "order";

/// With all activities, and no orchestration.
fn builder(provider: impl Provider) -> HostBuilder {
    without_shipping(provider)
        .register_activity("ship", |_ctx, ()| std::future::pending::<Result<(), ActivityError>>())
}

fn without_shipping(provider: impl Provider) -> HostBuilder {
    Host::builder()
        .provider(provider)
        .options(options())
        .register_activity("charge", |_ctx, cents: u64| async move { Ok(cents) })
        .register_activity("bill", |_ctx, cents: u64| async move { Ok(cents) })
}

/// Waits for "Pay", charges, waits for "Ship", ships without end.
async fn original(ctx: OrchestrationContext, cents: u64) -> Result<(), OrchestrationError> {
    ctx.wait_external::<()>("Pay").await?;
    let _: u64 = ctx.call_activity_by_name("charge", &cents).await?;
    ctx.wait_external::<()>("Ship").await?;
    Ok(ctx.call_activity_by_name("ship", &()).await?)
}

/// Sends a bill instead of charging.
async fn changed(ctx: OrchestrationContext, cents: u64) -> Result<(), OrchestrationError> {
    ctx.wait_external::<()>("Pay").await?;
    let _: u64 = ctx.call_activity_by_name("bill", &cents).await?;
    ctx.wait_external::<()>("Ship").await?;
    Ok(ctx.call_activity_by_name("ship", &()).await?)
}

/// Charges another sum.
async fn dearer(ctx: OrchestrationContext, cents: u64) -> Result<(), OrchestrationError> {
    original(ctx, cents + 1).await
}

/// A store that a host has left by a crash: "a shipping" waits for its activity, "b new" for "Pay",
/// "c paid" for "Ship"; "d done" has finished.
async fn store_with_orders() -> InMemory {
    let (memory, _) = store();
    let host = builder(memory.clone()).register_orchestration(ORDER, original).start();
    let host = guard(host).await.unwrap();
    for instance in ["a shipping", "b new", "c paid", "d done"] {
        host.start_new_by_name::<()>(ORDER, 5_u64).id(instance).await.unwrap();
    }
    for (instance, event) in [("a shipping", "Pay"), ("a shipping", "Ship"), ("c paid", "Pay")] {
        guard(host.raise_event(&id(instance), event, ())).await.unwrap();
    }
    host.terminate(&id("d done"), "not wanted").await.unwrap();
    until_turns(&host, "a shipping", 4).await;
    until_turns(&host, "c paid", 3).await;
    guard(host.abort()).await;
    memory
}

/// Returns when the instance has this many turns.
async fn until_turns(host: &Host, instance: &str, turns: usize) {
    guard(async {
        while host.history(&id(instance)).await.unwrap().turns().len() < turns {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// All that is stored: summaries, and turns as bytes.
async fn contents(memory: &InMemory) -> Vec<(InstanceSummary, Vec<StoredTurn>)> {
    let store = memory.histories();
    let page = store.list(&Default::default(), &Default::default()).await.unwrap();
    let mut contents = Vec::new();
    for summary in page.instances {
        let turns = store.read(&summary.instance, summary.execution, 0, 1_000).await.unwrap().turns;
        contents.push((summary, turns));
    }
    contents
}

/// The epoch that each shard's next owner gets. It has had that then.
async fn next_epochs(memory: &InMemory) -> Vec<u64> {
    let leases = memory.leases();
    let mut epochs = Vec::new();
    for shard in 0..memory.shards() {
        let lease = leases.acquire(ShardId(shard), "the test").await.expect("it is free");
        leases.release(&lease).await.unwrap();
        epochs.push(lease.epoch.0);
    }
    epochs
}

async fn verified(builder: &HostBuilder) -> Vec<Unfit> {
    guard(builder.verify_histories()).await.unwrap()
}

fn ids(unfit: &[Unfit]) -> Vec<&str> {
    unfit.iter().map(|unfit| unfit.instance.as_str()).collect()
}

#[tokio::test]
async fn the_code_that_made_the_histories_fits_all_of_them() {
    let memory = store_with_orders().await;
    let builder = builder(memory).register_orchestration(ORDER, original);
    assert_eq!(verified(&builder).await, []);
}

#[tokio::test]
async fn changed_code_does_not_fit_those_that_have_passed_the_change() {
    let memory = store_with_orders().await;
    let unfit = verified(&builder(memory).register_orchestration(ORDER, changed)).await;
    assert_eq!(ids(&unfit), ["a shipping", "c paid"], "and neither the new nor the finished one");
    for Unfit { name, reason, .. } in &unfit {
        assert_eq!(name.as_str(), ORDER);
        let ParkReason::Nondeterministic(why) = reason else { panic!("{reason}") };
        let activity = |step: &Step| match step {
            Step::Event { kind: EventKind::TaskScheduled, name, .. } => name.clone(),
            other => panic!("{other}"),
        };
        assert_eq!(activity(&why.expected).unwrap().as_str(), "charge");
        assert_eq!(activity(&why.found).unwrap().as_str(), "bill");
    }
    let line = unfit[1].to_string();
    assert!(line.starts_with("instance `c paid` of `order`: nondeterministic at event "), "{line}");
}

#[tokio::test]
async fn another_input_does_not_fit_and_both_sides_are_said() {
    let memory = store_with_orders().await;
    let unfit = verified(&builder(memory).register_orchestration(ORDER, dearer)).await;
    assert_eq!(ids(&unfit), ["a shipping", "c paid"]);
    let line = unfit[1].to_string();
    assert!(line.contains("`charge` with input 5, found"), "{line}");
    assert!(line.ends_with("`charge` with input 6"), "{line}");
}

/// Sets a status that the histories do not have.
#[tokio::test]
async fn everything_is_compared_whatever_the_options_say() {
    let (memory, _) = store();
    let says = |what: &'static str| {
        builder(memory.clone()).register_orchestration(
            ORDER,
            move |ctx: OrchestrationContext, _: u64| async move {
                ctx.set_status(what);
                Ok(ctx.wait_external::<()>("Go").await?)
            },
        )
    };
    let host = guard(says("one").start()).await.unwrap();
    host.start_new_by_name::<()>(ORDER, 5_u64).id("i").await.unwrap();
    guard(host.abort()).await;
    assert_eq!(verified(&says("one")).await, []);
    let line = verified(&says("two")).await[0].to_string();
    assert!(line.contains("expected StatusSet to \"one\", found StatusSet to \"two\""), "{line}");
    let host = guard(says("two").start()).await.unwrap();
    guard(host.raise_event("i", "Go", ())).await.expect("a host that is not strict goes on");
}

#[tokio::test]
async fn without_the_orchestration_nothing_fits() {
    let memory = store_with_orders().await;
    let unfit = verified(&builder(memory)).await;
    assert_eq!(ids(&unfit), ["a shipping", "b new", "c paid"]);
    for Unfit { name, reason, .. } in unfit {
        assert_eq!(reason, ParkReason::UnknownOrchestration { name });
    }
}

#[tokio::test]
async fn without_an_activity_those_do_not_fit_that_wait_for_it() {
    let memory = store_with_orders().await;
    let builder = without_shipping(memory).register_orchestration(ORDER, original);
    let unfit = verified(&builder).await;
    assert_eq!(ids(&unfit), ["a shipping"]);
    let name = "ship".try_into().unwrap();
    assert_eq!(unfit[0].reason, ParkReason::UnknownActivity { name });
}

/// A turn of an instance that runs, as a store gets it.
fn turn(instance: &str, bytes: Arc<[u8]>) -> TurnRecord {
    let summary = InstanceSummary {
        instance: id(instance),
        execution: ExecutionId::FIRST,
        name: ORDER.try_into().unwrap(),
        state: reenact::InstanceState::Running,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        turns: 1,
        events: 1,
        wake_at: None,
        attributes: reenact_core::Attributes::default(),
    };
    TurnRecord { number: 0, bytes, summary, has_drawn_id: false, keep: 0 }
}

#[tokio::test]
async fn histories_that_do_not_decode_or_cannot_have_been_written_are_distinguished() {
    let memory = store().0.with_shards(1);
    let lease = memory.leases().acquire(ShardId(0), "an earlier host").await.unwrap();
    let no_start = RecordedTurn::terminated(Timestamp::EPOCH, "before it began");
    let no_start = codec::encode_turn(&no_start).unwrap().into();
    let turns = vec![turn("a malformed", no_start), turn("b rotten", Arc::new([0xff; 9]))];
    let batch = Batch { shard: ShardId(0), epoch: lease.epoch, turns };
    let _ = memory.histories().append(batch.into()).await.unwrap();

    let unfit = verified(&builder(memory).register_orchestration(ORDER, original)).await;
    assert_eq!(ids(&unfit), ["a malformed", "b rotten"]);
    assert!(matches!(unfit[0].reason, ParkReason::Malformed(_)), "{}", unfit[0]);
    assert!(
        matches!(&unfit[1].reason, ParkReason::Unreadable { reason } if reason.starts_with("turn 0:")),
        "{}",
        unfit[1]
    );
}

#[tokio::test]
async fn all_pages_of_a_long_list_are_looked_at_in_the_order_of_ids() {
    let (memory, _) = store();
    let host = builder(memory.clone()).register_orchestration(ORDER, original).start();
    let host = guard(host).await.unwrap();
    let all: Vec<_> = (0..250).map(|number| format!("order {number:03}")).collect();
    for instance in &all {
        host.start_new_by_name::<()>(ORDER, 5_u64).id(instance).await.unwrap();
    }
    guard(host.abort()).await;
    assert_eq!(ids(&verified(&builder(memory)).await), all);
}

#[tokio::test]
async fn nothing_in_the_store_changes_and_a_host_starts_from_the_same_builder() {
    let memory = store_with_orders().await;
    let (before, epochs) = (contents(&memory).await, next_epochs(&memory).await);
    let builder = builder(memory.clone()).register_orchestration(ORDER, changed);
    assert_eq!(verified(&builder).await.len(), 2);
    assert_eq!(contents(&memory).await, before);
    let following: Vec<_> = epochs.iter().map(|epoch| epoch + 1).collect();
    assert_eq!(next_epochs(&memory).await, following, "nobody has had a shard in between");

    let host = guard(builder.start()).await.unwrap();
    guard(host.raise_event(&id("b new"), "Pay", ())).await.unwrap();
    until_parked(&host, &id("c paid")).await;
}

#[tokio::test]
async fn it_takes_no_lease_so_that_it_can_look_while_a_host_runs() {
    let (memory, _) = store();
    let faulty = Faulty::new(memory);
    let running = builder(faulty.clone()).register_orchestration(ORDER, original).start();
    let running = guard(running).await.unwrap();
    running.start_new_by_name::<()>(ORDER, 5_u64).id("i").await.unwrap();
    let acquired = faulty.acquisitions.came();

    let beside = builder(faulty.clone());
    assert_eq!(ids(&verified(&beside).await), ["i"]);
    assert_eq!((faulty.acquisitions.came(), faulty.released()), (acquired, 0));
    guard(running.raise_event(&id("i"), "Pay", ())).await.expect("its host has noticed nothing");
}

#[tokio::test]
async fn an_instance_that_ends_after_the_list_was_made_is_no_fault() {
    let (memory, _) = store();
    let faulty = Faulty::new(memory);
    let running = builder(faulty.clone()).register_orchestration(ORDER, original).start();
    let running = guard(running).await.unwrap();
    for instance in ["ended", "purged"] {
        running.start_new_by_name::<()>(ORDER, 5_u64).id(instance).await.unwrap();
    }

    let lists = faulty.lists.came();
    faulty.lists.close();
    let beside = builder(faulty.clone()).register_orchestration(ORDER, original);
    let looking = tokio::spawn(async move { beside.verify_histories().await });
    faulty.lists.until_came(lists + 1).await;
    for instance in ["ended", "purged"] {
        running.terminate(&id(instance), "not wanted").await.unwrap();
    }
    running.purge(&id("purged")).await.unwrap();
    faulty.lists.let_all_through();
    assert_eq!(guard(looking).await.unwrap().unwrap(), []);
}

#[tokio::test]
async fn a_store_that_fails_again_and_again_is_an_error_of_the_call() {
    let (memory, clock) = store();
    let faulty = Faulty::new(memory);
    let builder = builder(faulty.clone());
    faulty.fail_lists(3);
    let after_a_while = pass_time_until(&clock, Duration::from_secs(1), builder.verify_histories());
    assert_eq!(after_a_while.await.unwrap(), []);
    faulty.fail_lists(1_000);
    let refused = pass_time_until(&clock, Duration::from_secs(1), builder.verify_histories());
    let refused = refused.await.unwrap_err();
    assert!(matches!(refused, Error::Store { .. }), "{refused}");
}

#[tokio::test]
async fn a_builder_that_could_not_start_cannot_verify() {
    let no_provider = guard(Host::builder().verify_histories()).await.unwrap_err();
    assert!(matches!(no_provider, Error::NoProvider), "{no_provider}");
    let twice = builder(store().0)
        .register_orchestration(ORDER, original)
        .register_orchestration(ORDER, changed);
    let twice = guard(twice.verify_histories()).await.unwrap_err();
    assert!(matches!(twice, Error::RegisteredTwice { .. }), "{twice}");
}
