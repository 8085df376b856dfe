//! What goes wrong in one instance harms only that one.

use crate::kit::{Faulty, Gate, events, guard, id, options, store, stored, until_parked};
use reenact::prelude::*;
use reenact::{ActivityErrorKind, Error, InstanceState, OrchestrationErrorKind, ParkReason};
use tokio::sync::oneshot;

/// Adds what comes by the event "Add" until 0 comes.
#[orchestration]
async fn summing(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    let mut sum = 0;
    loop {
        match ctx.wait_external::<u64>("Add").await? {
            0 => return Ok(sum),
            more => sum += more,
        }
    }
}

#[activity]
async fn explode(_ctx: ActivityContext, with: String) -> Result<(), ActivityError> {
    panic!("{with}")
}

#[orchestration]
async fn calls_what_explodes(
    ctx: OrchestrationContext,
    with: String,
) -> Result<(String, bool), OrchestrationError> {
    let error = ctx.call_activity(explode, with).await.expect_err("it panics");
    assert_eq!(error.kind(), ActivityErrorKind::Panicked);
    Ok((error.message().to_string(), error.is_retryable()))
}

#[orchestration]
async fn explodes_at_the_event(ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    let with: String = ctx.wait_external("Explode").await?;
    panic!("{with}")
}

async fn host_with_summing(provider: impl reenact::providers::Provider) -> Host {
    let host = Host::builder().provider(provider).options(options()).orchestration(summing);
    host.start().await.expect("a host")
}

/// A store of which a host that starts gets no list, so that no look in the background reads a log before
/// the messages do.
fn without_look(memory: InMemory) -> Faulty {
    let mut faulty = Faulty::new(memory);
    faulty.lists = Gate::closed();
    faulty
}

#[tokio::test]
async fn a_panic_in_an_activity_is_an_error_that_the_orchestration_can_handle() {
    let host = Host::builder()
        .provider(store().0)
        .orchestration(calls_what_explodes)
        .activity(explode)
        .start()
        .await
        .unwrap();
    let outcome = host.run_to_completion("i", calls_what_explodes, "boom 7".to_string());
    assert_eq!(guard(outcome).await.unwrap(), ("boom 7".to_string(), true));
    let events = events(&host, &id("i")).await;
    assert_eq!(events[2], "TaskFailed #1: the activity panicked: boom 7", "{events:#?}");
}

#[tokio::test]
async fn a_panic_in_an_orchestration_fails_that_instance_and_no_other() {
    let host = Host::builder()
        .provider(store().0.with_shards(1))
        .orchestration(explodes_at_the_event)
        .orchestration(summing)
        .start()
        .await
        .unwrap();
    let other = host.start_new(summing, ()).await.unwrap();
    other.raise_event("Add", 1).await.unwrap();
    let exploding = host.start_new(explodes_at_the_event, ()).await.unwrap();
    exploding.raise_event("Explode", "no tea left").await.expect("it is durable before it panics");

    let error = guard(exploding.result()).await.unwrap_err();
    let Error::Failed { instance, source } = error else { panic!("{error}") };
    assert_eq!(instance, *exploding.id());
    assert_eq!(source.kind(), OrchestrationErrorKind::Panicked);
    assert_eq!(source.message(), "no tea left");
    assert_eq!(exploding.status().await.unwrap().state, InstanceState::Failed);

    other.raise_event("Add", 2).await.unwrap();
    other.raise_event("Add", 0).await.unwrap();
    assert_eq!(guard(other.result()).await.unwrap(), 3);
}

#[tokio::test]
async fn a_panic_at_the_very_start_is_a_failed_instance_that_can_be_looked_at() {
    let host = Host::builder()
        .provider(store().0)
        .register_orchestration("explodes at once", |_ctx, ()| async move {
            if true {
                panic!("at once")
            }
            Ok(())
        })
        .start()
        .await
        .unwrap();
    let instance = host.start_new_by_name::<()>("explodes at once", ()).id("i").await.unwrap();
    assert!(matches!(guard(instance.result()).await, Err(Error::Failed { .. })));
    let status = instance.status().await.unwrap();
    assert_eq!(status.failure().unwrap().message(), "at once");
    assert_eq!(status.history_length, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_while_an_instance_comes_back_is_mended_from_the_log() {
    let (memory, _) = store();
    let host = host_with_summing(memory.clone()).await;
    let instance = host.start_new(summing, ()).id("i").await.unwrap();
    instance.raise_event("Add", 5).await.unwrap();
    guard(host.abort()).await;

    let faulty = without_look(memory);
    faulty.panic_at_reads_of(&id("i"), 1);
    let host = host_with_summing(faulty).await;
    let instance = host.instance::<u64>(&id("i"));
    // The crash takes its message along: whether it counted is for the caller to find out.
    let crashed = guard(instance.raise_event("Add", 1).key("one")).await.unwrap_err();
    assert!(matches!(crashed, Error::Interrupted { .. }), "{crashed}");

    guard(instance.raise_event("Add", 1).key("one")).await.unwrap();
    guard(instance.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_crashes_again_and_again_is_parked_and_the_others_go_on() {
    let (memory, _) = store();
    let memory = memory.with_shards(1);
    let host = host_with_summing(memory.clone()).await;
    for instance in ["poisoned", "healthy"] {
        let instance = host.start_new(summing, ()).id(instance).await.unwrap();
        instance.raise_event("Add", 5).await.unwrap();
    }
    guard(host.abort()).await;

    let faulty = without_look(memory.clone());
    faulty.panic_at_reads_of(&id("poisoned"), usize::MAX);
    let host = host_with_summing(faulty).await;
    let poisoned = host.instance::<u64>(&id("poisoned"));
    let waiting = tokio::spawn({
        let poisoned = poisoned.clone();
        async move { poisoned.result().await }
    });
    let crashed = guard(poisoned.raise_event("Add", 1)).await.unwrap_err();
    assert!(matches!(crashed, Error::Interrupted { .. }), "{crashed}");

    let status = until_parked(&host, &id("poisoned")).await;
    assert_eq!(status.state, InstanceState::Running, "as far as the log is concerned");
    assert_eq!(status.history_length, 4, "nothing was appended");
    let Some(ParkReason::Crashed { times: 3, last }) = &status.parked else { panic!("{status:?}") };
    assert!(last.contains("the read panicked"), "{last}");
    let refused = guard(async {
        loop {
            // The actor that is to tell the log crashes as well, with what it has in hand.
            match poisoned.raise_event("Add", 1).await.unwrap_err() {
                Error::Interrupted { .. } => tokio::task::yield_now().await,
                refused => return refused,
            }
        }
    })
    .await;
    assert!(
        matches!(refused, Error::Parked { reason: ParkReason::Crashed { .. }, .. }),
        "{refused}"
    );
    let error = guard(waiting).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Parked { .. }), "{error}");

    let healthy = host.instance::<u64>(&id("healthy"));
    guard(healthy.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(healthy.result()).await.unwrap(), 5);
    guard(host.shutdown()).await.unwrap();

    let host = host_with_summing(memory).await;
    let poisoned = host.instance::<u64>(&id("poisoned"));
    guard(poisoned.raise_event("Add", 0)).await.expect("the cause is gone");
    assert_eq!(guard(poisoned.result()).await.unwrap(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_was_parked_for_crashes_can_be_terminated_and_its_id_used_again() {
    let (memory, _) = store();
    let host = host_with_summing(memory.clone()).await;
    host.start_new(summing, ()).id("i").await.unwrap();
    guard(host.abort()).await;

    let faulty = without_look(memory);
    faulty.panic_at_reads_of(&id("i"), 3);
    let host = host_with_summing(faulty).await;
    let _ = guard(host.raise_event(&id("i"), "Add", 1)).await;
    until_parked(&host, &id("i")).await;

    guard(host.terminate(&id("i"), "enough")).await.unwrap();
    let status = host.get_status(&id("i")).await.unwrap();
    assert_eq!((status.state, status.parked), (InstanceState::Terminated, None));
    let refused = guard(host.raise_event(&id("i"), "Add", 1)).await.unwrap_err();
    assert!(matches!(refused, Error::Finished { .. }), "{refused}");

    guard(host.purge(&id("i"))).await.unwrap();
    let again = guard(host.start_new(summing, ()).id("i")).await.unwrap();
    guard(again.raise_event("Add", 3)).await.unwrap();
    guard(again.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(again.result()).await.unwrap(), 3);
}

#[tokio::test]
async fn an_orchestration_that_awaits_a_tokio_timer_is_refused_with_nothing_stored() {
    let host = Host::builder()
        .provider(store().0)
        .register_orchestration("sleeps", |_ctx, ()| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    let start = host.start_new_by_name::<()>("sleeps", ()).id("i");
    let refused = guard(start).await.unwrap_err();
    let Error::NotStarted { reason: ParkReason::Nondeterministic(why) } = refused else {
        panic!("{refused}")
    };
    assert!(why.to_string().contains("not durable (a tokio timer"), "{why}");
    assert_eq!(stored(&host).await, 0);
    let unknown = host.get_status(&id("i")).await.unwrap_err();
    assert!(matches!(unknown, Error::NotFound { .. }), "{unknown}");
}

#[tokio::test]
async fn an_orchestration_that_awaits_a_channel_is_refused_with_nothing_stored() {
    let (_sender, receiver) = oneshot::channel::<()>();
    let receiver = std::sync::Mutex::new(Some(receiver));
    let host = Host::builder()
        .provider(store().0)
        .register_orchestration("listens", move |_ctx, ()| {
            let receiver = receiver.lock().unwrap().take().expect("it runs once");
            async move {
                let _ = receiver.await;
                Ok(())
            }
        })
        .start()
        .await
        .unwrap();
    let start = host.start_new_by_name::<()>("listens", ());
    let refused = guard(start).await.unwrap_err();
    assert!(matches!(refused, Error::NotStarted { .. }), "{refused}");
    assert_eq!(stored(&host).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wake_from_outside_parks_the_instance_and_tells_those_who_wait() {
    let (wake, receiver) = oneshot::channel::<()>();
    let receiver = std::sync::Mutex::new(Some(receiver));
    let host = Host::builder()
        .provider(store().0)
        .register_orchestration("races with a channel", move |ctx: OrchestrationContext, ()| {
            let receiver = receiver.lock().unwrap().take().expect("it runs once");
            async move {
                tokio::select! {
                    biased;
                    go = ctx.wait_external::<()>("Go") => go?,
                    _ = receiver => {}
                }
                Ok(())
            }
        })
        .start()
        .await
        .unwrap();
    let instance = host.start_new_by_name::<()>("races with a channel", ()).id("i").await.unwrap();
    let waiting = tokio::spawn({
        let instance = instance.clone();
        async move { instance.result().await }
    });
    let before = events(&host, &id("i")).await;
    wake.send(()).expect("it listens");

    let error = guard(waiting).await.unwrap().unwrap_err();
    let Error::Parked { reason: ParkReason::Nondeterministic(why), .. } = &error else {
        panic!("{error}")
    };
    assert!(why.to_string().contains("a wake from outside a turn"), "{why}");
    assert!(instance.status().await.unwrap().parked.is_some());
    let refused = guard(instance.suspend("why")).await.unwrap_err();
    assert!(matches!(refused, Error::Parked { .. }), "{refused}");
    let mut after = events(&host, &id("i")).await;
    assert!(after.pop().unwrap().starts_with("ExecutionParked: "));
    assert_eq!(after, before, "it has done nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_whose_code_panics_when_it_is_dropped_can_still_be_terminated() {
    struct Fuse;
    impl Drop for Fuse {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("dropped")
            }
        }
    }
    let host = Host::builder()
        .provider(store().0)
        .options(options())
        .register_orchestration("has a fuse", |ctx: OrchestrationContext, ()| async move {
            let fuse = Fuse;
            let go = ctx.wait_external::<()>("Go").await;
            std::mem::forget(fuse);
            Ok(go?)
        })
        .orchestration(summing)
        .start()
        .await
        .unwrap();
    let other = host.start_new(summing, ()).await.unwrap();
    let instance = host.start_new_by_name::<()>("has a fuse", ()).id("i").await.unwrap();
    guard(instance.terminate("enough")).await.unwrap();
    assert!(matches!(guard(instance.result()).await, Err(Error::Terminated { .. })));
    other.raise_event("Add", 0).await.unwrap();
    assert_eq!(guard(other.result()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_panics_while_another_works_never_disturbs_it() {
    let gate = Gate::closed();
    let passing = gate.clone();
    let host = Host::builder()
        .provider(store().0.with_shards(1))
        .register_activity("work", move |_ctx, input: u64| {
            let gate = passing.clone();
            async move {
                gate.pass().await;
                Ok(input + 1)
            }
        })
        .register_orchestration("works", |ctx: OrchestrationContext, input: u64| async move {
            Ok(ctx.call_activity_by_name::<_, u64>("work", &input).await?)
        })
        .orchestration(explodes_at_the_event)
        .start()
        .await
        .unwrap();
    let working = host.start_new_by_name::<u64>("works", 1_u64).await.unwrap();
    gate.until_came(1).await;
    for _ in 0..100 {
        let exploding = host.start_new(explodes_at_the_event, ()).await.unwrap();
        exploding.raise_event("Explode", "again").await.unwrap();
        assert!(matches!(guard(exploding.result()).await, Err(Error::Failed { .. })));
    }
    gate.let_all_through();
    assert_eq!(guard(working.result()).await.unwrap(), 2);
    assert_eq!(gate.came(), 1, "its activity ran once");
}

/// Sends itself numbers by a channel of its own: deterministic, so it may.
#[orchestration]
async fn talking_to_itself(
    _ctx: OrchestrationContext,
    numbers: u32,
) -> Result<u32, OrchestrationError> {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut sum = 0;
    for number in 0..numbers {
        sender.send(number).map_err(|_| "the receiver is here")?;
        sum += receiver.recv().await.ok_or("the sender is here")?;
    }
    Ok(sum)
}

#[tokio::test]
async fn a_turn_has_no_budget_that_a_channel_of_tokio_could_use_up() {
    let host = Host::builder().provider(store().0).options(options());
    let host = host.orchestration(talking_to_itself).start().await.unwrap();
    let instance = guard(host.start_new(talking_to_itself, 1_000)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), (0..1_000).sum::<u32>());
}
