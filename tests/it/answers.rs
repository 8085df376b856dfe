//! Answers under pressure: typed, durable before they are given, and each activity run once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kit::{
    AppendFault, Faulty, Gate, guard, id, on_the_tests_runtime, options, pass_time_until, store,
    until, until_parked,
};
use reenact::actor::{ExternalEvent, InstanceMessage};
use reenact::prelude::*;
use reenact::{Error, HostBuilder, InstanceState, WhenBusy};

type Done = Result<(), OrchestrationError>;

/// Takes a number; what is above 1 calls an activity that is nowhere.
async fn fragile(ctx: OrchestrationContext, _: ()) -> Done {
    loop {
        if ctx.wait_external::<u32>("Number").await? > 1 {
            ctx.call_activity_by_name::<_, ()>("nowhere", &()).await?;
        }
    }
}

async fn at_once(_ctx: OrchestrationContext, _: ()) -> Done {
    Ok(())
}

fn host(faulty: &Faulty) -> HostBuilder {
    Host::builder()
        .provider(faulty.clone())
        .options(options())
        .register_orchestration("fragile", fragile)
        .register_orchestration("at_once", at_once)
}

fn number(number: u32) -> InstanceMessage {
    let event = ExternalEvent::new("Number", &number).unwrap();
    InstanceMessage::RaiseEvent { event, reply: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_asks_for_what_is_not_there_is_notified_and_not_interrupted() {
    let host = host(&Faulty::new(store().0)).start().await.unwrap();
    let done = guard(host.start_new_by_name::<()>("at_once", ()).id("done")).await.unwrap();
    guard(done.result()).await.unwrap();
    let asking = (0..16).map(|_| {
        let client = host.client().clone();
        tokio::spawn(async move {
            for _ in 0..100 {
                let unknown = client.raise_event(&id("unknown"), "e", ()).await.unwrap_err();
                assert!(matches!(unknown, Error::NotFound { .. }), "{unknown}");
                let finished = client.raise_event(&id("done"), "e", ()).await.unwrap_err();
                assert!(matches!(finished, Error::Finished { .. }), "{finished}");
                let taken = client.start_new_by_name::<()>("at_once", ()).id("done").await;
                let taken = taken.unwrap_err();
                assert!(matches!(taken, Error::AlreadyExists { .. }), "{taken}");
            }
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        guard(asked).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_starts_do_not_fill_the_mailboxes_of_those_that_run() {
    const RUNNING: usize = 2_000;
    let gate = Gate::closed();
    let busy = gate.clone();
    let full = options().max_instances(RUNNING).when_busy(WhenBusy::Refuse);
    let host = Host::builder()
        .provider(store().0)
        .options(full)
        .register_activity("busy", move |_ctx, ()| {
            let busy = busy.clone();
            async move {
                busy.pass().await;
                Ok(())
            }
        })
        .register_orchestration("busy", |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.call_activity_by_name::<_, ()>("busy", &()).await?)
        });
    let host = host.start().await.unwrap();
    for n in 0..RUNNING {
        guard(host.start_new_by_name::<()>("busy", ()).id(n.to_string())).await.unwrap();
    }
    for _ in 0..20_000 {
        let refused = host.start_new_by_name::<()>("busy", ()).await.unwrap_err();
        assert!(matches!(refused, Error::Busy { .. }), "{refused}");
    }
    // Each of those that run would be after twenty thousand questions, and this would never come.
    guard(host.raise_event(&id("0"), "e", ())).await.unwrap();
    let unknown = guard(host.raise_event(&id("unknown"), "e", ())).await.unwrap_err();
    assert!(matches!(unknown, Error::NotFound { .. }), "{unknown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_activity_runs_twice_because_its_instance_went_from_memory_meanwhile() {
    const INSTANCES: usize = 200;
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    // Of two instances one has no place in memory, and goes whenever it is idle.
    let host = Host::builder()
        .provider(store().0)
        .options(options().max_instances(1))
        .register_activity("count", move |_ctx, ()| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }
        })
        .register_orchestration("two", |ctx: OrchestrationContext, ()| async move {
            ctx.wait_external::<()>("e").await?;
            ctx.wait_external::<()>("e").await?;
            Ok(ctx.call_activity_by_name::<_, ()>("count", &()).await?)
        });
    let host = host.start().await.unwrap();
    let mut instances = Vec::new();
    for _ in 0..INSTANCES {
        instances.push(guard(host.start_new_by_name::<()>("two", ())).await.unwrap());
    }
    for instance in &instances {
        let (first, second) = (instance.raise_event("e", ()), instance.raise_event("e", ()));
        let (first, second) = tokio::join!(first.into_future(), second.into_future());
        first.and(second).unwrap();
    }
    for instance in &instances {
        guard(instance.result()).await.unwrap();
    }
    assert_eq!(runs.load(Ordering::SeqCst), INSTANCES);
}

// One thread: all three are in the mailbox before the actor looks.
#[tokio::test]
async fn a_refusal_waits_for_the_end_on_which_it_rests() {
    let faulty = Faulty::new(store().0);
    let host = host(&faulty).options(on_the_tests_runtime()).start().await.unwrap();
    let instance = guard(host.start_new_by_name::<()>("fragile", ()).id("i")).await.unwrap();
    let actor = guard(instance.actor()).await.unwrap();
    faulty.appends.close();
    // What parks it, what ends it, and what is refused then.
    actor.cast(number(2)).unwrap();
    actor
        .cast(InstanceMessage::Terminate { reason: "enough".into(), trace: None, reply: None })
        .unwrap();
    let event = ExternalEvent::new("Number", &1).unwrap();
    let refused = |port: ractor::RpcReplyPort<_>| InstanceMessage::RaiseEvent {
        event,
        reply: Some(port.into()),
    };
    let mut refused = Box::pin(actor.call(refused, None));
    assert!(futures::poll!(refused.as_mut()).is_pending());
    faulty.appends.until_came(faulty.appends.came().max(2)).await;
    assert!(futures::poll!(refused.as_mut()).is_pending(), "the end is not durable");
    assert_eq!(instance.status().await.unwrap().state, InstanceState::Running);
    faulty.appends.let_all_through();
    let refused = format!("{:?}", guard(refused).await.unwrap());
    assert!(refused.contains("Finished"), "{refused}");
    assert_eq!(instance.status().await.unwrap().state, InstanceState::Terminated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_notified_of_a_park_that_rests_on_a_turn_which_is_lost() {
    let faulty = Faulty::new(store().0);
    let host = host(&faulty).options(on_the_tests_runtime()).start().await.unwrap();
    let instance = guard(host.start_new_by_name::<()>("fragile", ()).id("i")).await.unwrap();
    let actor = guard(instance.actor()).await.unwrap();
    let waiting = tokio::spawn({
        let instance = instance.clone();
        async move { instance.result().await }
    });
    faulty.appends.close();
    actor.cast(number(1)).unwrap();
    faulty.appends.until_came(faulty.appends.came().max(2)).await;
    actor.cast(number(2)).unwrap();
    faulty.fail_appends([AppendFault::Fatal]);
    faulty.appends.let_all_through();
    // It is back from its log, in which neither number is, and goes on.
    guard(async {
        while instance.raise_event("Number", 1).into_future().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!waiting.is_finished(), "it is not parked");
    assert_eq!(instance.status().await.unwrap().parked, None);
    guard(instance.terminate("enough")).await.unwrap();
    let error = guard(waiting).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Terminated { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_store_parks_nobody() {
    let (memory, clock) = store();
    let faulty = Faulty::new(memory);
    let first = host(&faulty).start().await.unwrap();
    let instance = guard(first.start_new_by_name::<()>("fragile", ()).id("i")).await.unwrap();
    let instance = instance.id().clone();
    first.shutdown().await.unwrap();
    let second = host(&faulty).start().await.unwrap();
    // Longer than three actors in a row have patience.
    faulty.fail_reads(40);
    let raised = async {
        while second.raise_event(&instance, "Number", 1).into_future().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    pass_time_until(&clock, std::time::Duration::from_millis(50), raised).await;
    assert_eq!(guard(second.get_status(&instance)).await.unwrap().parked, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_does_not_wait_for_a_store_that_hangs() {
    let faulty = Faulty::new(store().0);
    let hasty = options().shutdown_deadline(Duration::ZERO);
    let host = host(&faulty).options(hasty).start().await.unwrap();
    let instance = guard(host.start_new_by_name::<()>("fragile", ()).id("i")).await.unwrap();
    faulty.appends.close();
    let raising = tokio::spawn(instance.raise_event("Number", 1).into_future());
    faulty.appends.until_came(faulty.appends.came().max(2)).await;
    guard(host.shutdown()).await.unwrap();
    let unknown = guard(raising).await.unwrap().unwrap_err();
    assert!(matches!(unknown, Error::ShuttingDown | Error::Interrupted { .. }), "{unknown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_under_the_id_of_a_parked_instance_is_refused_and_wakes_nothing() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let host = host(&Faulty::new(store().0))
        .register_activity("count", move |_ctx, ()| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }
        })
        .register_orchestration("parks", |ctx: OrchestrationContext, ()| async move {
            ctx.call_activity_by_name::<_, ()>("count", &()).await?;
            Ok(ctx.call_activity_by_name::<_, ()>("nowhere", &()).await?)
        });
    let host = host.start().await.unwrap();
    guard(host.start_new_by_name::<()>("parks", ()).id("i")).await.unwrap();
    guard(until_parked(&host, &id("i"))).await;
    for _ in 0..5 {
        let taken = guard(host.start_new_by_name::<()>("parks", ()).id("i")).await.unwrap_err();
        assert!(matches!(taken, Error::AlreadyExists { .. }), "{taken}");
    }
    until(|| host.in_memory() == 0).await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

// One thread: both are in the mailbox before the actor looks.
#[tokio::test]
async fn a_refusal_waits_for_the_turn_that_ended_the_instance() {
    let faulty = Faulty::new(store().0);
    let host = host(&faulty)
        .register_orchestration("one", |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.wait_external::<u32>("Number").await?)
        });
    let host = host.start().await.unwrap();
    let instance = guard(host.start_new_by_name::<u32>("one", ()).id("i")).await.unwrap();
    let actor = guard(instance.actor()).await.unwrap();
    faulty.appends.close();
    actor.cast(number(1)).unwrap();
    let mut late = Box::pin(instance.raise_event("Number", 2).into_future());
    assert!(futures::poll!(late.as_mut()).is_pending());
    faulty.appends.until_came(faulty.appends.came().max(2)).await;
    assert!(futures::poll!(late.as_mut()).is_pending(), "the end is not durable");
    faulty.appends.let_all_through();
    let refused = guard(late).await.unwrap_err();
    assert!(matches!(refused, Error::Finished { .. }), "{refused}");
    assert_eq!(guard(instance.result()).await.unwrap(), 1);
}
