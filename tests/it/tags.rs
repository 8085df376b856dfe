//! Activities with a tag: on one host, and between hosts that share a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::kit::{
    Gate, guard, id, on_the_tests_runtime, options, pass_time_until, store, until, until_parked,
};
use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::providers::limits::VISIBILITY_TIME;
use reenact::testing::ManualClock;
use reenact::{HostBuilder, InvalidName};

/// Of the store that hosts share.
const SHARDS: u32 = 2;

/// The input with which the first attempt fails.
const FAILS_ONCE: u64 = 13;

/// Calls `train` with the tag `gpu`, and whatever else.
fn learns(host: HostBuilder, with: ActivityOptions) -> HostBuilder {
    host.register_orchestration("learn", move |ctx: OrchestrationContext, input: u64| async move {
        let train = NamedActivity::new("train").with(with.tag("gpu"));
        let output: u64 = ctx.call_activity_by_name(train, &input).await?;
        Ok(output)
    })
}

#[tokio::test]
async fn a_host_that_has_its_store_alone_runs_everything() {
    let host =
        learns(Host::builder().provider(store().0).options(options()), ActivityOptions::new())
            .register_activity("train", |_ctx, input: u64| async move { Ok(input * 2) });
    let host = guard(host.start()).await.expect("it starts");
    let learn = guard(host.start_new_by_name::<u64>("learn", 21_u64)).await.expect("it starts");
    assert_eq!(guard(learn.result()).await.expect("it completes"), 42);
    guard(host.shutdown()).await.expect("it ends");
}

#[tokio::test]
async fn there_an_activity_that_is_not_registered_parks_its_instance_as_ever() {
    let host =
        learns(Host::builder().provider(store().0).options(options()), ActivityOptions::new());
    let host = guard(host.start()).await.expect("it starts");
    let refused = guard(host.start_new_by_name::<u64>("learn", 21_u64)).await.expect_err("no code");
    assert!(refused.to_string().contains("`train`"), "{refused}");
    guard(host.shutdown()).await.expect("it ends");
}

#[tokio::test]
async fn a_tag_that_is_no_name_is_refused_at_the_start() {
    let options = options().tags(["g\npu"]);
    let refused = guard(Host::builder().provider(store().0).options(options).start()).await;
    let Err(reenact::Error::InvalidTag { tag, source }) = refused else { panic!("it starts") };
    assert_eq!(tag, "g\npu");
    assert!(matches!(source, InvalidName::ControlCharacter { .. }));
}

#[tokio::test]
async fn on_a_shared_store_the_owner_runs_nothing_that_has_a_tag_it_does_not_declare() {
    let (memory, _clock) = store();
    let memory = memory.shared();
    let runs = Arc::new(AtomicU32::new(0));
    let count = runs.clone();
    let host = Host::builder().provider(memory.clone()).options(options());
    let host = learns(host, ActivityOptions::new());
    let host = host.register_activity("train", move |_ctx, input: u64| {
        count.fetch_add(1, Ordering::SeqCst);
        async move { Ok(input) }
    });
    let host = guard(host.start()).await.expect("it starts");
    let learn = host.start_new_by_name::<u64>("learn", 21_u64).id("i");
    guard(learn).await.expect("it starts");
    let status = guard(host.get_status(&id("i"))).await.expect("it is there");
    assert_eq!(status.activities[0].tag.as_ref().map(|tag| tag.as_str()), Some("gpu"));
    let sharing = memory.sharing().expect("it is shared");
    let tag = reenact::Name::new("gpu").expect("a name");
    let sent = guard(sharing.receive_from(&tag, 9)).await.expect("a store in memory");
    assert_eq!(sent.len(), 1, "it waits for somebody who declares it");
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    guard(host.shutdown()).await.expect("it ends");
}

/// A store that hosts share, with two shards.
fn shared() -> (InMemory, ManualClock) {
    let (memory, clock) = store();
    (memory.with_shards(SHARDS).shared(), clock)
}

/// What `train` did on one host.
#[derive(Clone, Default)]
struct Trained {
    begun: Arc<AtomicU32>,
}

/// A host without the activity.
async fn plain(store: &InMemory) -> Host {
    let options = options().host_name("plain");
    let host = learns(Host::builder().provider(store.clone()).options(options), twice());
    guard(host.start()).await.expect("it starts")
}

/// A host that declares `gpu`. Its `train` tells its input, waits at the gate, and doubles it.
async fn with_gpu(store: &InMemory, name: &str, gate: &Gate) -> (Host, Trained) {
    let options = options().host_name(name).tags(["gpu"]);
    let host = learns(Host::builder().provider(store.clone()).options(options), twice());
    let (gate, trained) = (gate.clone(), Trained::default());
    let begun = trained.begun.clone();
    let host = host.register_activity("train", move |ctx, input: u64| {
        let (gate, begun) = (gate.clone(), begun.clone());
        async move {
            begun.fetch_add(1, Ordering::SeqCst);
            ctx.heartbeat(&input)?;
            gate.pass().await;
            match ctx.attempt() {
                1 if input == FAILS_ONCE => Err(ActivityError::retryable("no memory")),
                _ => Ok(input * 2),
            }
        }
    });
    (guard(host.start()).await.expect("it starts"), trained)
}

fn twice() -> ActivityOptions {
    ActivityOptions::new().retry(RetryPolicy::new(2).first_delay(Duration::ZERO))
}

/// One id of each shard.
fn ids() -> Vec<InstanceId> {
    let of = |shard| {
        let mut ids = (0..).map(|number| id(&format!("i-{number}")));
        ids.find(|id| ShardId::of(id, SHARDS) == ShardId(shard)).expect("one of many")
    };
    (0..SHARDS).map(of).collect()
}

async fn begin(client: &Client, input: u64) -> Vec<InstanceId> {
    for id in &ids() {
        let start = client.start_new_by_name::<u64>("learn", input).id(id);
        guard(start).await.expect("it starts");
    }
    ids()
}

async fn outputs(client: &Client, ids: &[InstanceId]) -> Vec<u64> {
    let mut outputs = Vec::new();
    for id in ids {
        outputs.push(guard(client.instance::<u64>(id).result()).await.expect("it completes"));
    }
    outputs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attempt_runs_on_the_host_that_declares_the_tag_whichever_host_has_the_instance() {
    let (store, _) = shared();
    let plain = plain(&store).await;
    let (gpu, trained) = with_gpu(&store, "gpu", &Gate::open()).await;
    let ids = begin(&plain, FAILS_ONCE).await;
    assert_eq!(outputs(&plain, &ids).await, [FAILS_ONCE * 2; SHARDS as usize]);
    assert_eq!(trained.begun.load(Ordering::SeqCst), 2 * SHARDS, "two attempts each");
    guard(plain.shutdown()).await.expect("it ends");
    guard(gpu.shutdown()).await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_can_run_waits_for_a_host_that_can() {
    let (store, _) = shared();
    let plain = plain(&store).await;
    let ids = begin(&plain, 21).await;
    for id in &ids {
        let status = guard(plain.get_status(id)).await.expect("it is there");
        assert_eq!((status.activities.len(), status.parked), (1, None));
    }
    let (_gpu, _) = with_gpu(&store, "gpu", &Gate::open()).await;
    assert_eq!(outputs(&plain, &ids).await, [42; SHARDS as usize]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_reach_the_log_of_the_instance() {
    let (store, _) = shared();
    let (plain, gate) = (plain(&store).await, Gate::closed());
    let (_gpu, _) = with_gpu(&store, "gpu", &gate).await;
    let ids = begin(&plain, 21).await;
    for id in &ids {
        let course = async {
            loop {
                let status = plain.get_status(id).await.expect("it is there");
                match status.activities[0].heartbeat.clone() {
                    Some(details) => return details.decode::<u64>().expect("a number"),
                    None => tokio::task::yield_now().await,
                }
            }
        };
        assert_eq!(guard(course).await, 21);
    }
    gate.let_all_through();
    assert_eq!(outputs(&plain, &ids).await, [42; SHARDS as usize]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_host_runs_that_dies_goes_on_elsewhere_when_it_is_visible_again() {
    let (store, clock) = shared();
    let (plain, gate) = (plain(&store).await, Gate::closed());
    let (first, trained) = with_gpu(&store, "first", &gate).await;
    let ids = begin(&plain, 21).await;
    until(|| trained.begun.load(Ordering::SeqCst) == SHARDS).await;
    guard(first.abort()).await;
    let (_second, trained) = with_gpu(&store, "second", &Gate::open()).await;
    clock.advance(VISIBILITY_TIME);
    assert_eq!(outputs(&plain, &ids).await, [42; SHARDS as usize]);
    assert_eq!(trained.begun.load(Ordering::SeqCst), SHARDS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_goes_on_when_the_owner_of_its_instance_dies() {
    let (store, clock) = shared();
    let (owner, gate) = (plain(&store).await, Gate::closed());
    let ids = begin(&owner, 21).await;
    let (gpu, trained) = with_gpu(&store, "gpu", &gate).await;
    until(|| trained.begun.load(Ordering::SeqCst) == SHARDS).await;
    guard(owner.abort()).await;
    gate.let_all_through();
    let ended = outputs(&gpu, &ids);
    let outputs = pass_time_until(&clock, Duration::from_secs(1), ended).await;
    assert_eq!(outputs, [42; SHARDS as usize]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_called_off_is_no_longer_waited_for() {
    let (store, _) = shared();
    let (plain, gate) = (plain(&store).await, Gate::closed());
    let (_gpu, trained) = with_gpu(&store, "gpu", &gate).await;
    let ids = begin(&plain, 21).await;
    until(|| trained.begun.load(Ordering::SeqCst) == SHARDS).await;
    for id in &ids {
        guard(plain.cancel(id, "no need")).await.expect("it is taken");
        let ended = guard(plain.instance::<u64>(id).result()).await;
        assert!(matches!(ended, Err(reenact::Error::Cancelled { .. })), "{ended:?}");
    }
    gate.let_all_through();
}

#[tokio::test(start_paused = true)]
async fn a_call_of_an_instance_that_was_parked_is_sent_again() {
    let (memory, _) = store();
    let memory = memory.shared();
    let fits = Arc::new(AtomicBool::new(true));
    let does_fit = fits.clone();
    let host = Host::builder().provider(memory.clone()).options(on_the_tests_runtime());
    let host = host.register_orchestration("learn", move |ctx: OrchestrationContext, ()| {
        let fits = does_fit.clone();
        async move {
            let train = NamedActivity::new("train").with(ActivityOptions::new().tag("gpu"));
            let trained = ctx.schedule_activity_by_name::<_, u64>(train, &21_u64);
            ctx.wait_external::<()>("Go").await?;
            if !fits.load(Ordering::SeqCst) {
                ctx.call_activity_by_name::<_, ()>("unknown", &()).await?;
            }
            Ok(trained.await?)
        }
    });
    let host = guard(host.start()).await.expect("it starts");
    let learn = guard(host.start_new_by_name::<u64>("learn", ()).id("i")).await.expect("it starts");
    let sharing = memory.sharing().expect("it is shared");
    let tag = reenact::Name::new("gpu").expect("a name");
    let sent = guard(sharing.receive_from(&tag, 9)).await.expect("a store in memory");
    guard(sharing.acknowledge_from(&tag, sent[0].id)).await.expect("a store in memory");

    // What became of it was refused so often while the instance was parked that it is in quarantine.
    fits.store(false, Ordering::SeqCst);
    guard(learn.raise_event("Go", ())).await.expect("it is kept");
    until_parked(&host, learn.id()).await;
    fits.store(true, Ordering::SeqCst);
    guard(learn.resume()).await.expect("it goes on");
    let again = guard(sharing.receive_from(&tag, 9)).await.expect("a store in memory");
    assert_eq!(again[0].message, sent[0].message);
}
