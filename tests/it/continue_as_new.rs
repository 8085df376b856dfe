//! Instances that continue as new: nothing is lost and nothing happens twice from one execution to
//! the next, whatever comes at that very moment, and wherever a host crashes.

#[cfg(feature = "local")]
mod local;

use std::sync::{Arc, Mutex};

use crate::kit::{AppendFault, Faulty, Gate, HOUR, events, guard, id, options, store, until};
use reenact::core::{RecordedTurn, ShardId, codec};
use reenact::prelude::*;
use reenact::providers::{Batch, Provider, TimerScheduler, TurnRecord};
use reenact::{
    Error, Event, ExecutionId, InstanceState, InstanceSummary, Name, ParkReason, Payload,
};
use serde::{Deserialize, Serialize};

/// What an accountant has noted so far: each number in its order, and how often it went on as new.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Books {
    notes: Vec<u64>,
    executions: u64,
}

/// Notes one number in each execution, until an event says close, after all that came before.
#[orchestration]
async fn accountant(
    ctx: OrchestrationContext,
    mut books: Books,
) -> Result<Books, OrchestrationError> {
    let (note, close) = (ctx.wait_external::<u64>("Note"), ctx.wait_external::<()>("Close"));
    let first = ctx.when_any([note.into_output(), close.into_output()]).await;
    if first.index == 1 {
        return Ok(books);
    }
    books.notes.push(first.output.into_external()?);
    books.executions += 1;
    ctx.continue_as_new(accountant, books)
}

/// Goes on as new this many times, without ever waiting for anything.
#[orchestration]
async fn countdown(ctx: OrchestrationContext, left: u64) -> Result<u32, OrchestrationError> {
    match left {
        0 => Ok(ctx.execution_id().0),
        left => ctx.continue_as_new(countdown, left - 1),
    }
}

/// As [`countdown`], with something to carry.
#[orchestration]
async fn carrier(
    ctx: OrchestrationContext,
    (left, ballast): (u64, String),
) -> Result<u32, OrchestrationError> {
    match left {
        0 => Ok(ctx.execution_id().0),
        left => ctx.continue_as_new(carrier, (left - 1, ballast)),
    }
}

fn host(provider: impl Provider) -> reenact::HostBuilder {
    let builder = Host::builder().provider(provider).options(options());
    builder.orchestration(accountant).orchestration(countdown).orchestration(carrier)
}

async fn start_accountant(host: &Host) -> InstanceHandle<Books> {
    guard(host.start_new(accountant, Books::default()).id("i")).await.unwrap()
}

/// Closes the books on `0..many`, in this order, and asserts that they hold that.
async fn assert_books(instance: &InstanceHandle<Books>, many: u64) {
    guard(instance.raise_event("Close", ())).await.unwrap();
    let books = guard(instance.result()).await.unwrap();
    assert_eq!(books.notes, (0..many).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_instance_goes_on_under_its_id_with_an_empty_history() {
    let (memory, _) = store();
    let host = host(memory).start().await.unwrap();
    let instance = start_accountant(&host).await;
    let waiting = tokio::spawn({
        let instance = instance.clone();
        async move { instance.result().await }
    });
    for number in 0..3 {
        guard(instance.raise_event("Note", number)).await.unwrap();
    }
    guard(async {
        while {
            let status = instance.status().await.unwrap();
            status.execution < ExecutionId(4) || status.history_length < 5
        } {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let status = instance.status().await.unwrap();
    assert_eq!((status.execution, status.state), (ExecutionId(4), InstanceState::Running));
    assert_eq!(status.outcome, None);
    assert_eq!(
        events(&host, &id("i")).await,
        [
            "ExecutionStarted `accountant`",
            "TimerCreated #0 for 2026-01-01T00:00:00.000000Z",
            "TimerFired #0",
            "ExternalSubscribed #1 `Note`",
            "ExternalSubscribed #2 `Close`",
        ]
    );
    guard(instance.raise_event("Close", ())).await.unwrap();
    let books = guard(waiting).await.unwrap().unwrap();
    assert_eq!(books, Books { notes: vec![0, 1, 2], executions: 3 });
    assert_eq!(instance.status().await.unwrap().execution, ExecutionId(4));
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_come_while_it_goes_on_are_neither_lost_nor_doubled() {
    let (memory, _) = store();
    let host = host(memory).start().await.unwrap();
    let instance = start_accountant(&host).await;
    // In order, but nobody waits in between: they meet the instance at every point of its change.
    const MANY: u64 = 500;
    let mut raised = Vec::new();
    for number in 0..MANY {
        raised.push(tokio::spawn(instance.raise_event("Note", number).into_future()));
        if number % 7 == 0 {
            guard(futures::future::join_all(raised.drain(..))).await.into_iter().for_each(|done| {
                done.unwrap().unwrap();
            });
        }
    }
    for done in guard(futures::future::join_all(raised)).await {
        done.unwrap().unwrap();
    }
    guard(instance.raise_event("Close", ())).await.unwrap();
    let mut books = guard(instance.result()).await.unwrap();
    assert!(books.executions > 100, "it went on {} times", books.executions);
    books.notes.sort_unstable();
    assert_eq!(books.notes, (0..MANY).collect::<Vec<_>>());
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_keep_their_order_and_their_keys_wherever_the_host_crashes() {
    for pause in [0, 1, 2, 3, 5, 8, 13, 30, 100] {
        let (memory, _) = store();
        let mut running = host(memory.clone()).start().await.unwrap();
        let mut instance = start_accountant(&running).await;
        for number in 0..20 {
            let raise = || instance.raise_event("Note", number).key(&format!("note {number}"));
            guard(raise()).await.unwrap();
            // Not for anything to happen: to meet the host at different points.
            for _ in 0..pause {
                tokio::task::yield_now().await;
            }
            guard(running.abort()).await;
            running = host(memory.clone()).start().await.unwrap();
            instance = running.instance(&id("i"));
            // Its sender has not heard of it, and raises it again.
            let again = instance.raise_event("Note", number).key(&format!("note {number}"));
            guard(again).await.unwrap();
        }
        assert_books(&instance, 20).await;
        guard(running.shutdown()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_execution_is_stored_as_a_whole_or_not_at_all() {
    use AppendFault::{Fatal, Throttled, Unavailable, UnknownAndLost, UnknownButApplied};
    for fault in [Unavailable, Throttled, UnknownButApplied, UnknownAndLost, Fatal] {
        let (memory, clock) = store();
        let faulty = Faulty::new(memory);
        let host = host(faulty.clone()).start().await.unwrap();
        let instance = start_accountant(&host).await;
        let acquired = faulty.acquisitions.came();
        for number in 0..8 {
            faulty.fail_appends([fault]);
            let key = format!("note {number}");
            let raised =
                async { while instance.raise_event("Note", number).key(&key).await.is_err() {} };
            crate::kit::pass_time_until(&clock, HOUR, raised).await;
        }
        crate::kit::pass_time_until(&clock, HOUR, assert_books(&instance, 8)).await;
        let lost = faulty.acquisitions.came() > acquired;
        assert_eq!(lost, fault == Fatal, "{fault:?}: what can be found out loses no shard");
        guard(host.shutdown()).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_scheduled_before_is_called_off_and_no_longer_counts() {
    let (memory, clock) = store();
    let (gate, cancelled) = (Gate::closed(), Arc::new(Mutex::new(Vec::new())));
    let (pass, seen) = (gate.clone(), cancelled.clone());
    // The first activity is not cut off before it answers.
    let options = options().cancellation_grace(HOUR * 10);
    let host = Host::builder()
        .provider(memory)
        .options(options)
        .register_orchestration("twice", async |ctx: OrchestrationContext, execution: u32| {
            let answer = ctx.schedule_activity_by_name::<_, u32>("answer", &execution);
            let alarm = ctx.timer(HOUR);
            if execution == 1 {
                ctx.wait_external::<()>("Next").await?;
                return ctx.continue_as_new_untyped(&2);
            }
            let answer = answer.await?;
            alarm.await;
            Ok(answer)
        })
        .register_activity("answer", move |ctx, execution: u32| {
            let (pass, seen) = (pass.clone(), seen.clone());
            async move {
                // The first run sees that nobody waits for it, and answers all the same.
                pass.pass().await;
                seen.lock().unwrap().push((execution, ctx.is_cancelled(), ctx.idempotency_key()));
                Ok(execution)
            }
        })
        .start()
        .await
        .unwrap();
    let instance = guard(host.start_new_by_name::<u32>("twice", 1).id("i")).await.unwrap();
    guard(gate.until_came(1)).await;
    clock.advance(HOUR / 2);
    guard(instance.raise_event("Next", ())).await.unwrap();
    guard(gate.until_came(2)).await;
    // When the first timer would have fired, and the first activity answers.
    clock.advance(HOUR / 2);
    gate.let_one_through();
    until(|| cancelled.lock().unwrap().len() == 1).await;
    gate.let_one_through();
    until(|| cancelled.lock().unwrap().len() == 2).await;
    assert_eq!(
        instance.status().await.unwrap().state,
        InstanceState::Running,
        "its timer is later"
    );
    clock.advance(HOUR / 2);
    assert_eq!(guard(instance.result()).await.unwrap(), 2);
    let runs = cancelled.lock().unwrap().clone();
    assert_eq!((runs[0].0, runs[0].1), (1, true));
    assert_eq!((runs[1].0, runs[1].1), (2, false));
    assert_ne!(runs[0].2, runs[1].2, "each execution has keys of its own");
    let events = events(&host, &id("i")).await;
    let count = |kind: &str| events.iter().filter(|event| event.starts_with(kind)).count();
    assert_eq!((count("TaskCompleted"), count("TimerFired")), (1, 2), "{events:#?}");
    guard(host.shutdown()).await.unwrap();
}

/// No host writes such a log.
#[tokio::test]
async fn a_log_in_which_the_next_execution_is_missing_parks_its_instance() {
    let (memory, clock) = store();
    let (instance, shard) = (id("i"), ShardId::of(&id("i"), memory.shards()));
    let name = Name::new(countdown::NAME).unwrap();
    let payload = |left: u64| Payload::encode(&left).unwrap();
    let (input, seed) = (payload(2), 1);
    let start = Event::ExecutionStarted { name: name.clone(), input, seed, delay: None };
    let events = Arc::new([start, Event::ExecutionContinued { input: payload(1) }]);
    let bytes = codec::encode_turn(&RecordedTurn { at: clock.now(), events }).unwrap().into();
    let summary = InstanceSummary {
        instance: instance.clone(),
        execution: ExecutionId::FIRST,
        name,
        state: InstanceState::Running,
        created_at: clock.now(),
        updated_at: clock.now(),
        turns: 1,
        events: 2,
        wake_at: Some(clock.now()),
        attributes: reenact_core::Attributes::default(),
    };
    let lease = memory.leases().acquire(shard, "nobody").await.unwrap();
    let turns = vec![TurnRecord { number: 0, bytes, summary, has_drawn_id: false, keep: 0 }];
    let _ =
        memory.histories().append(Batch { shard, epoch: lease.epoch, turns }.into()).await.unwrap();
    memory.leases().release(&lease).await.unwrap();

    let host = host(memory).start().await.unwrap();
    let status = crate::kit::until_parked(&host, &instance).await;
    let Some(ParkReason::Unreadable { reason }) = status.parked else { panic!("{status:?}") };
    assert_eq!(reason, "its history has an end, and its summary says that it goes on");
    guard(host.terminate(&instance, "not to be mended")).await.unwrap();
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn an_instance_that_never_waits_lets_others_work() {
    let (memory, _) = store();
    let host = host(memory.with_shards(1)).start().await.unwrap();
    let eternal = guard(host.start_new(countdown, u64::MAX).id("eternal")).await.unwrap();
    for number in 0..20_u64 {
        let id = format!("short {number}");
        let short = guard(host.start_new(countdown, 10).id(&id)).await.unwrap();
        assert_eq!(guard(short.result()).await.unwrap(), 11);
    }
    // Whichever execution is the newest, it is whole.
    for _ in 0..200 {
        let history = eternal.history().await.unwrap();
        assert!((2..=4).contains(&history.len()), "{history}");
        assert_eq!(eternal.status().await.unwrap().state, InstanceState::Running);
        tokio::task::yield_now().await;
    }
    guard(eternal.terminate("enough")).await.unwrap();
    let ended = guard(eternal.result()).await;
    assert!(matches!(ended, Err(Error::Terminated { .. })), "{ended:?}");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_later_execution_is_passivated_and_comes_back() {
    let (memory, clock) = store();
    let options = options().passivate_after(HOUR);
    let host = host(memory).options(options).start().await.unwrap();
    let instance = start_accountant(&host).await;
    for number in 0..4 {
        guard(instance.raise_event("Note", number)).await.unwrap();
        let gone = async {
            while host.in_memory() > 0 {
                tokio::task::yield_now().await;
            }
        };
        crate::kit::pass_time_until(&clock, HOUR, gone).await;
    }
    assert_books(&instance, 4).await;
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_hundred_thousand_executions_leave_one_history_in_memory() {
    let (memory, _) = store();
    let host = host(memory.clone()).start().await.unwrap();
    let instance = guard(host.start_new(countdown, 100_000).id("i")).await.unwrap();
    for passed in (10_000..=100_000).step_by(10_000) {
        guard(async {
            while instance.status().await.unwrap().execution.0 <= passed {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    assert_eq!(guard(instance.result()).await.unwrap(), 100_001);
    for execution in [1, 2, 50_000, 100_000].map(ExecutionId) {
        let read = memory.histories().read(&id("i"), execution, 0, 1).await;
        assert!(read.is_err(), "execution {execution} is still there");
    }
    assert_eq!(instance.status().await.unwrap().history_length, 4);
    guard(host.shutdown()).await.unwrap();
}

#[orchestration]
async fn spin(ctx: OrchestrationContext, left: u64) -> Result<u64, OrchestrationError> {
    if left == 0 {
        return Ok(0);
    }
    ctx.continue_as_new(spin, left - 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_status_can_be_read_at_any_moment() {
    let host = Host::builder().provider(InMemory::new()).orchestration(spin).start().await.unwrap();
    let instance = guard(host.start_new(spin, 3_000)).await.unwrap();
    while guard(instance.status()).await.unwrap().outcome.is_none() {}
}

#[orchestration]
async fn telling(ctx: OrchestrationContext, round: u64) -> Result<(), OrchestrationError> {
    if round == 0 {
        ctx.set_status("first");
    }
    ctx.wait_external::<()>("Go").await?;
    ctx.continue_as_new(telling, round + 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_comes_along_and_a_client_that_waits_is_notified_of_the_next_execution() {
    let provider = InMemory::new();
    let host = Host::builder().provider(provider).orchestration(telling).start().await.unwrap();
    let instance = guard(host.start_new(telling, 0)).await.unwrap();
    let before = guard(instance.status()).await.unwrap();
    assert_eq!(before.custom_status_as::<String>().as_deref(), Some("first"));
    let (changed, raised) = guard(async {
        tokio::join!(instance.status_changed(&before), instance.raise_event("Go", ()))
    })
    .await;
    raised.unwrap();
    let changed = changed.unwrap();
    assert_eq!(changed.custom_status, before.custom_status);
    assert!(changed.execution > before.execution);
}

/// Says how far it is in the turn in which it goes on as a new execution.
#[orchestration]
async fn counting(ctx: OrchestrationContext, sum: u64) -> Result<(), OrchestrationError> {
    let more: u64 = ctx.wait_external("Add").await?;
    ctx.set_status(&(sum + more));
    ctx.continue_as_new(counting, sum + more)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_is_set_in_the_turn_of_the_continuation_is_seen() {
    let memory = InMemory::new();
    let start = || Host::builder().provider(memory.clone()).orchestration(counting).start();
    let host = start().await.unwrap();
    let instance = guard(host.start_new(counting, 0).id("counter")).await.unwrap();
    for sum in 1..=3_u64 {
        let reached = |status: &InstanceStatus| status.custom_status_as::<u64>() == Some(sum);
        let (seen, raised) = guard(async {
            tokio::join!(instance.wait_for_status(reached), instance.raise_event("Add", 1))
        })
        .await;
        raised.unwrap();
        assert_eq!(seen.unwrap().outcome, None);
        let now = guard(instance.status()).await.unwrap();
        assert_eq!(now.custom_status_as::<u64>(), Some(sum), "and it stays");
    }
    host.shutdown().await.unwrap();
    let host = start().await.unwrap();
    let status = guard(host.get_status("counter")).await.unwrap();
    assert_eq!(status.custom_status_as::<u64>(), Some(3), "it is durable");
    guard(host.raise_event("counter", "Add", 1)).await.unwrap();
    let reached = |status: &InstanceStatus| status.custom_status_as::<u64>() == Some(4);
    guard(host.wait_for_status("counter", reached)).await.unwrap();
}
