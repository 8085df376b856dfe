//! Instances that are taken back to before a step, whatever has become of them: what is kept stays,
//! what is undone happens anew, and no event that was acknowledged is lost.

pub(crate) mod appends;
#[cfg(feature = "local")]
mod local;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::kit::{
    AppendFault, Faulty, Gate, HOUR, events, guard, id, options, store, until_parked,
};
use reenact::core::{RecordedTurn, ShardId, codec};
use reenact::prelude::*;
use reenact::providers::{Batch, Provider, TimerScheduler, TurnRecord};
use reenact::{Error, Event, ExecutionId, HostBuilder, InstanceState, InstanceSummary, Payload};

const ORDER: &str = "order";

/// Whether the bank works, and the keys under which it was asked.
#[derive(Clone, Default)]
struct Bank {
    works: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
}

/// Reserves, waits for "Go", charges.
async fn order(ctx: OrchestrationContext, input: u64) -> Result<u64, OrchestrationError> {
    let reserved: u64 = ctx.call_activity_by_name("reserve", &input).await?;
    let extra: u64 = ctx.wait_external("Go").await?;
    Ok(ctx.call_activity_by_name("charge", &(reserved + extra)).await?)
}

fn host(provider: impl Provider, bank: &Bank) -> HostBuilder {
    let bank = bank.clone();
    Host::builder()
        .provider(provider)
        .options(options())
        .register_activity("reserve", |_ctx, input: u64| async move { Ok(input + 1) })
        .register_activity("charge", move |ctx, input: u64| {
            bank.asked.lock().unwrap().push(ctx.idempotency_key());
            let works = bank.works.load(Ordering::SeqCst);
            async move {
                match works {
                    true => Ok(input * 100),
                    false => Err(ActivityError::fatal("the bank is down")),
                }
            }
        })
        .register_orchestration(ORDER, order)
}

/// The place of the first event that begins so.
async fn position_of(client: &Client, instance: &InstanceId, event: &str) -> u64 {
    let events = events(client, instance).await;
    events.iter().position(|found| found.starts_with(event)).unwrap() as u64
}

/// Starts an order that fails, as the bank does not work.
async fn failed_order(host: &Host, name: &str) -> InstanceHandle<u64> {
    let instance = guard(host.start_new_by_name::<u64>(ORDER, 1_u64).id(name)).await.unwrap();
    guard(instance.raise_event("Go", 4).key("go")).await.unwrap();
    let failed = guard(instance.result()).await.unwrap_err();
    assert!(matches!(failed, Error::Failed { .. }), "{failed}");
    instance
}

async fn rewind_to(host: &Host, instance: &InstanceId, event: &str) {
    let position = position_of(host, instance, event).await;
    guard(host.rewind(instance, position, "mended")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_step_is_done_again_once_it_is_mended() {
    let (bank, (memory, _)) = (Bank::default(), store());
    let host = host(memory, &bank).start().await.unwrap();
    let instance = failed_order(&host, "i").await;
    bank.works.store(true, Ordering::SeqCst);
    let position = position_of(&host, instance.id(), "TaskFailed").await;
    guard(instance.rewind(position, "the bank is up again")).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 600);
    let history = events(&host, instance.id()).await;
    assert_eq!(
        history[5..7],
        ["TaskScheduled #3 `charge`", "ExecutionRewound by 2 events: the bank is up again"]
    );
    assert!(history[7].starts_with("TimerCreated #0"), "{history:#?}");
    // The activity may be as quick as the timer that lets the code run.
    let mut rest = history[8..].to_vec();
    rest[..2].sort_unstable();
    assert_eq!(rest, ["TaskCompleted #3", "TimerFired #0", "ExecutionCompleted"]);
    let status = guard(instance.status()).await.unwrap();
    assert_eq!((status.execution, status.state), (ExecutionId(2), InstanceState::Completed));
    let asked = bank.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 2, "what was reserved stays reserved");
    assert_ne!(asked[0], asked[1], "under a key of its own");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_the_result_of_a_failure_that_is_undone_meanwhile_gets_the_next_one() {
    let (bank, faulty) = (Bank::default(), Faulty::new(store().0));
    let host = host(faulty.clone(), &bank).start().await.unwrap();
    let instance = failed_order(&host, "i").await;
    bank.works.store(true, Ordering::SeqCst);
    let position = position_of(&host, instance.id(), "TaskFailed").await;
    let came = faulty.single_reads.came();
    faulty.single_reads.close();
    let asking = host.instance::<u64>("i");
    let result = tokio::spawn(async move { asking.result().await });
    // It has seen that there is a failure, and is about to read it.
    faulty.single_reads.until_came(came + 1).await;
    guard(instance.rewind(position, "the bank is up again")).await.unwrap();
    faulty.single_reads.let_all_through();
    assert_eq!(guard(result).await.unwrap().unwrap(), 600);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_undone_comes_again_and_counts_once() {
    let (bank, (memory, _)) = (Bank::default(), store());
    let host = host(memory, &bank).start().await.unwrap();
    let instance = failed_order(&host, "i").await;
    bank.works.store(true, Ordering::SeqCst);
    rewind_to(&host, instance.id(), "ExternalRaised").await;
    // Its sender has had no answer, and raises it again.
    let _ = guard(instance.raise_event("Go", 9).key("go")).await;
    assert_eq!(guard(instance.result()).await.unwrap(), 600);
    let raised = events(&host, instance.id()).await;
    assert_eq!(raised.iter().filter(|event| event.starts_with("ExternalRaised")).count(), 1);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn again_and_again_and_to_before_an_earlier_rewind() {
    let (bank, (memory, _)) = (Bank::default(), store());
    let host = host(memory, &bank).start().await.unwrap();
    let instance = failed_order(&host, "i").await;
    for _ in 0..3 {
        rewind_to(&host, instance.id(), "TaskFailed").await;
        let failed = guard(instance.result()).await.unwrap_err();
        assert!(matches!(failed, Error::Failed { .. }), "{failed}");
    }
    bank.works.store(true, Ordering::SeqCst);
    rewind_to(&host, instance.id(), "ExecutionRewound").await;
    assert_eq!(guard(instance.result()).await.unwrap(), 600);
    let rewinds = events(&host, instance.id()).await;
    assert_eq!(rewinds.iter().filter(|event| event.starts_with("ExecutionRewound")).count(), 1);
    let asked = bank.asked.lock().unwrap().clone();
    let different: std::collections::BTreeSet<_> = asked.iter().collect();
    assert_eq!((asked.len(), different.len()), (5, 5));
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_parked_for_its_code_goes_on_with_the_new_code() {
    let (bank, (memory, _)) = (Bank::default(), store());
    bank.works.store(true, Ordering::SeqCst);
    let old = host(memory.clone(), &bank)
        .register_activity("ship", |_ctx, _: u64| std::future::pending::<Result<u64, _>>())
        .register_orchestration("shipping", |ctx: OrchestrationContext, ()| async move {
            let reserved: u64 = ctx.call_activity_by_name("reserve", &1_u64).await?;
            Ok(ctx.call_activity_by_name::<_, u64>("ship", &reserved).await?)
        })
        .start()
        .await
        .unwrap();
    let instance = guard(old.start_new_by_name::<u64>("shipping", ()).id("i")).await.unwrap();
    guard(instance.raise_event("Early", 1)).await.unwrap();
    let waits = async {
        while old.history(&id("i")).await.unwrap().len() < 5 {
            tokio::task::yield_now().await;
        }
    };
    guard(waits).await;
    guard(old.abort()).await;

    let new = host(memory, &bank)
        .register_orchestration("shipping", |ctx: OrchestrationContext, ()| async move {
            let reserved: u64 = ctx.call_activity_by_name("reserve", &1_u64).await?;
            let early: u64 = ctx.wait_external("Early").await?;
            Ok(ctx.call_activity_by_name::<_, u64>("charge", &(reserved + early)).await?)
        })
        .start()
        .await
        .unwrap();
    let reason = until_parked(&new, &id("i")).await.parked.unwrap();
    let reenact::ParkReason::Nondeterministic(why) = reason else { panic!("{reason}") };
    guard(new.rewind(&id("i"), why.position, "it charges now")).await.unwrap();
    assert_eq!(guard(new.instance::<u64>(&id("i")).result()).await.unwrap(), 300);
    assert_eq!(guard(new.get_status(&id("i"))).await.unwrap().parked, None);
    guard(new.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_still_does_not_fit_is_parked_again() {
    let (bank, (memory, _)) = (Bank::default(), store());
    let old = host(memory.clone(), &bank).start().await.unwrap();
    failed_order(&old, "i").await;
    guard(old.shutdown()).await.unwrap();
    let new = Host::builder()
        .provider(memory)
        .options(options())
        .register_orchestration(ORDER, |ctx: OrchestrationContext, _: u64| async move {
            ctx.timer(HOUR).await;
            Ok(0_u64)
        })
        .start()
        .await
        .unwrap();
    rewind_to(&new, &id("i"), "TaskFailed").await;
    let parked = until_parked(&new, &id("i")).await.parked.unwrap();
    assert_eq!(
        parked.to_string(),
        "nondeterministic at event 1: expected TaskScheduled #1 `reserve`, found TimerCreated #1"
    );
    guard(new.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_instance_is_rewound_and_loses_nothing_that_is_on_the_way() {
    let (memory, clock) = store();
    let (gate, cancelled) = (Gate::closed(), Arc::new(Mutex::new(Vec::new())));
    let (pass, seen) = (gate.clone(), cancelled.clone());
    let host = Host::builder()
        .provider(memory)
        // The one that nobody waits for has time to say so, however far the clock is set.
        .options(options().cancellation_grace(2 * HOUR))
        .register_activity("work", move |ctx: ActivityContext, (): ()| {
            let (pass, seen) = (pass.clone(), seen.clone());
            async move {
                pass.pass().await;
                seen.lock().unwrap().push(ctx.is_cancelled());
                Ok(1_u64)
            }
        })
        .register_orchestration("busy", |ctx: OrchestrationContext, ()| async move {
            let timer = ctx.timer(HOUR);
            ctx.wait_external::<()>("Begin").await?;
            let work: u64 = ctx.call_activity_by_name("work", &()).await?;
            timer.await;
            let mut numbers = Vec::<u64>::new();
            for _ in 0..100 {
                numbers.push(ctx.wait_external("Number").await?);
            }
            Ok((work, numbers))
        })
        .start()
        .await
        .unwrap();
    type Output = (u64, Vec<u64>);
    let instance = guard(host.start_new_by_name::<Output>("busy", ()).id("i")).await.unwrap();
    guard(instance.raise_event("Begin", ())).await.unwrap();
    guard(gate.until_came(1)).await;
    // Events before, while and after it is rewound, in order.
    let position = position_of(&host, instance.id(), "ExternalRaised").await;
    for number in 0..50 {
        guard(instance.raise_event("Number", number)).await.unwrap();
    }
    let (rewound, raised) = tokio::join!(guard(instance.rewind(position, "anew")), async {
        for number in 50..100 {
            guard(instance.raise_event("Number", number)).await.unwrap();
        }
    });
    rewound.unwrap();
    let () = raised;
    guard(gate.until_came(2)).await;
    gate.let_all_through();
    clock.advance(HOUR);
    let (work, numbers) = guard(instance.result()).await.unwrap();
    assert_eq!((work, numbers), (1, (0..100).collect()));
    guard(async {
        while cancelled.lock().unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut seen = cancelled.lock().unwrap().clone();
    seen.sort_unstable();
    assert_eq!(seen, [false, true], "the token of the first says that nobody waits for it");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_that_had_fired_fires_again_and_one_that_had_not_keeps_its_time() {
    let (memory, clock) = store();
    let host = Host::builder()
        .provider(memory)
        .options(options())
        .register_orchestration("timers", |ctx: OrchestrationContext, fails: bool| async move {
            let long = ctx.timer(HOUR * 3);
            ctx.timer(HOUR).await;
            ctx.wait_external::<()>("Go").await?;
            long.await;
            if fails && ctx.execution_id() == ExecutionId::FIRST {
                return Err("the first time".into());
            }
            Ok(ctx.now())
        })
        .start()
        .await
        .unwrap();
    let start = clock.now();
    let started = host.start_new_by_name::<reenact::Timestamp>("timers", true).id("i");
    let instance = guard(started).await.unwrap();
    clock.advance(HOUR);
    guard(instance.raise_event("Go", ())).await.unwrap();
    let fired = async {
        while !events(&host, instance.id()).await.iter().any(|e| e.starts_with("TimerFired #2")) {
            tokio::task::yield_now().await;
        }
    };
    guard(fired).await;
    rewind_to(&host, instance.id(), "TimerFired #2").await;
    // Overdue: at once. The other: not before its time.
    let again = async {
        while !events(&host, instance.id()).await.iter().any(|e| e.starts_with("TimerFired #2")) {
            tokio::task::yield_now().await;
        }
    };
    guard(again).await;
    assert_eq!(guard(instance.status()).await.unwrap().state, InstanceState::Running);
    clock.advance(HOUR * 2);
    assert_eq!(guard(instance.result()).await.unwrap(), start + HOUR * 3);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_instance_goes_on_and_a_client_that_waits_for_its_result_waits_anew() {
    let (bank, (memory, _)) = (Bank::default(), store());
    bank.works.store(true, Ordering::SeqCst);
    let host = host(memory, &bank).start().await.unwrap();
    let instance = guard(host.start_new_by_name::<u64>(ORDER, 1_u64).id("i")).await.unwrap();
    guard(instance.terminate("a mistake")).await.unwrap();
    rewind_to(&host, instance.id(), "ExecutionTerminated").await;
    assert_eq!(guard(instance.status()).await.unwrap().outcome, None);
    let waiting = tokio::spawn({
        let instance = instance.clone();
        async move { instance.result().await }
    });
    guard(instance.raise_event("Go", 4)).await.unwrap();
    assert_eq!(guard(waiting).await.unwrap().unwrap(), 600);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_is_that_of_before() {
    let (memory, _) = store();
    let host = Host::builder()
        .provider(memory)
        .options(options())
        .register_orchestration("o", |ctx: OrchestrationContext, ()| async move {
            for number in 0..3_u64 {
                ctx.set_status(&number);
                ctx.wait_external::<()>("Next").await?;
            }
            Ok(())
        })
        .start()
        .await
        .unwrap();
    let instance = guard(host.start_new_by_name::<()>("o", ()).id("i")).await.unwrap();
    guard(instance.raise_event("Next", ())).await.unwrap();
    guard(instance.terminate("a mistake")).await.unwrap();
    rewind_to(&host, instance.id(), "ExecutionTerminated").await;
    assert_eq!(guard(instance.status()).await.unwrap().custom_status_as::<u64>(), Some(1));
    guard(instance.raise_event("Next", ())).await.unwrap();
    let two = |status: &InstanceStatus| status.custom_status_as::<u64>() == Some(2);
    guard(instance.wait_for_status(two)).await.unwrap();
    guard(instance.raise_event("Next", ())).await.unwrap();
    guard(instance.result()).await.unwrap();
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_that_is_invalid_is_refused_with_nothing_stored() {
    let (bank, (memory, _)) = (Bank::default(), store());
    let host = host(memory, &bank).start().await.unwrap();
    failed_order(&host, "failed").await;
    let running = guard(host.start_new_by_name::<u64>(ORDER, 1_u64).id("running")).await.unwrap();
    for instance in ["failed", "running"] {
        let instance = id(instance);
        let before = events(&host, &instance).await;
        let length = before.len() as u64;
        for position in [0, 1, length, u64::MAX] {
            let refused = guard(host.rewind(&instance, position, "no")).await.unwrap_err();
            let Error::NoSuchPosition { position: asked, length: of, .. } = &refused else {
                panic!("{refused}")
            };
            assert!(*asked == position && *of >= length);
        }
        assert!(events(&host, &instance).await.starts_with(&before));
        let status = guard(host.get_status(&instance)).await.unwrap();
        assert_eq!(status.execution, ExecutionId::FIRST);
    }
    let refused = guard(host.rewind(&id("failed"), 1, "no")).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "instance `failed` cannot go back to before event 1 of 8: its beginning must stay"
    );
    let nobody = guard(host.rewind(&id("nobody"), 3, "no")).await.unwrap_err();
    assert!(matches!(nobody, Error::NotFound { .. }), "{nobody}");
    // The one that runs goes on as if nothing had been asked.
    bank.works.store(true, Ordering::SeqCst);
    guard(running.raise_event("Go", 4)).await.unwrap();
    assert_eq!(guard(running.result()).await.unwrap(), 600);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn purges_and_rewinds_of_the_same_instance_do_not_meet() {
    let (bank, (memory, _)) = (Bank::default(), store());
    bank.works.store(true, Ordering::SeqCst);
    let host = host(memory.with_shards(1), &bank).start().await.unwrap();
    for round in 0..100 {
        let name = format!("i {round}");
        let instance = guard(host.start_new_by_name::<u64>(ORDER, 1_u64).id(&name)).await.unwrap();
        guard(instance.terminate("a mistake")).await.unwrap();
        let length = events(&host, instance.id()).await.len() as u64;
        let (rewound, purged) =
            tokio::join!(instance.rewind(length - 1, "anew"), host.purge(instance.id()));
        match (rewound, purged) {
            (Ok(()), Err(Error::NotFinished { .. })) => {
                guard(instance.raise_event("Go", 4)).await.unwrap();
                assert_eq!(guard(instance.result()).await.unwrap(), 600);
            }
            (Err(Error::NotFound { .. }), Ok(())) => {}
            met => panic!("{met:?}"),
        }
    }
    guard(host.shutdown()).await.unwrap();
}
