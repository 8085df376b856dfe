//! Awaits that no history can repeat: tokio timers, channels, spawned tasks, other threads. Found
//! on the same turn where nothing durable is awaited beside them, otherwise as soon as they wake.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::support::instance::{
    self, Instance, code, divergence, fire, live_divergence, start, task,
};
use futures::future::{self, BoxFuture, Either, select};
use futures::stream::{FuturesUnordered, StreamExt};
use reenact_core::{
    ApplyError, DurableFuture, ExecutionId, InstanceId, Machine, MachineConfig, Nondeterminism,
    OrchestrationCode, OrchestrationContext, Payload, Start, Step, Timestamp,
};
use tokio::sync::{Notify, mpsc, oneshot};

/// Code that awaits what `foreign` makes, and nothing else.
fn awaits<F>(foreign: impl Fn() -> F + Clone + Send + Sync + 'static) -> OrchestrationCode
where
    F: Future + Send + 'static,
{
    code(move |_, ()| {
        let foreign = foreign.clone();
        async move {
            foreign().await;
            Ok(())
        }
    })
}

/// Code that races what `foreign` makes with a durable timer of a minute.
fn races<F>(foreign: impl Fn() -> F + Clone + Send + Sync + 'static) -> OrchestrationCode
where
    F: Future + Send + 'static,
{
    code(move |ctx: OrchestrationContext, ()| {
        let foreign = foreign.clone();
        async move {
            let foreign = Box::pin(foreign());
            Ok(matches!(select(ctx.timer(Duration::from_secs(60)), foreign).await, Either::Left(_)))
        }
    })
}

/// A shell that waits for notices of foreign wakes.
fn telling() -> (MachineConfig, Arc<Notify>) {
    let woken = Arc::new(Notify::new());
    let hook = woken.clone();
    let config = MachineConfig {
        on_foreign_wake: Some(Arc::new(move || hook.notify_one())),
        ..MachineConfig::default()
    };
    (config, woken)
}

/// A shell that counts foreign wakes.
fn counting() -> (MachineConfig, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let hook = count.clone();
    let count_wake = move || {
        hook.fetch_add(1, Ordering::Relaxed);
    };
    let config =
        MachineConfig { on_foreign_wake: Some(Arc::new(count_wake)), ..MachineConfig::default() };
    (config, count)
}

fn start_fails(code: OrchestrationCode) -> Nondeterminism {
    live_divergence(
        Instance::try_start(code, MachineConfig::default(), start(())).map(|_| "it started"),
    )
}

async fn sleep_a_second() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

fn assert_names_the_await(divergence: &Nondeterminism, position: u64) {
    assert_eq!(divergence.position, position);
    assert_eq!(*divergence.expected, Step::DurableFuture);
    assert_eq!(*divergence.found, Step::ForeignAwait);
    assert_eq!(
        divergence.to_string(),
        format!(
            "nondeterministic at event {position}: expected an await of a durable future of the \
             context, found an await of something that is not durable (a tokio timer, a channel, \
             a spawned task?); use the context's timers, events and activities"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_tokio_sleep_alone_is_found_on_the_same_turn() {
    assert_names_the_await(&start_fails(awaits(sleep_a_second)), 1);
}

#[tokio::test]
async fn a_spawned_task_is_found_on_the_same_turn() {
    assert_names_the_await(&start_fails(awaits(|| tokio::spawn(async {}))), 1);
}

#[test]
fn channels_are_found_on_the_same_turn() {
    let sender: Arc<Mutex<Option<oneshot::Sender<()>>>> = Arc::default();
    let once = awaits(move || {
        let (send, receive) = oneshot::channel::<()>();
        *sender.lock().expect("no panic") = Some(send);
        receive
    });
    assert_names_the_await(&start_fails(once), 1);
    let many = awaits(|| async {
        let (_send, mut receive) = mpsc::channel::<()>(1);
        receive.recv().await
    });
    assert_names_the_await(&start_fails(many), 1);
}

#[test]
fn a_future_that_nothing_ever_wakes_is_found_on_the_same_turn() {
    assert_names_the_await(&start_fails(awaits(future::pending::<()>)), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sleep_after_a_durable_step_is_found_on_the_turn_that_comes_to_it() {
    let code = code(async |ctx, ()| {
        let number = task(&ctx, "a").await?;
        sleep_a_second().await;
        Ok(number)
    });
    let mut instance = Instance::start(code.clone(), ());
    let answer = instance.try_apply(instance::complete(1, 1));
    assert_names_the_await(&live_divergence(answer), 3);
    assert_eq!(instance.machine.history().len(), 2, "nothing is appended");

    // With the sleep written into code that has a history already, replay finds it.
    let mut history = Instance::start(self::code(async |ctx, ()| Ok(task(&ctx, "a").await?)), ());
    Instance::try_replay(&code, &history.config, history.turns()).expect("not come to it yet");
    history.complete(1, 1);
    let replayed = Instance::try_replay(&code, &history.config, history.turns());
    assert_names_the_await(&divergence(replayed), 3);
}

#[test]
fn awaiting_a_durable_future_again_is_found() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut timer = ctx.timer(Duration::from_secs(1));
        (&mut timer).await;
        timer.await;
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    assert_names_the_await(&live_divergence(instance.try_apply(fire(1))), 3);
}

#[tokio::test(start_paused = true)]
async fn a_sleep_that_is_raced_with_a_durable_timer_is_found_when_it_wakes() {
    assert_wake_is_found(races(sleep_a_second)).await;
}

#[tokio::test]
async fn a_spawned_task_that_is_raced_with_a_durable_timer_is_found_when_it_wakes() {
    assert_wake_is_found(races(|| tokio::spawn(async {}))).await;
}

async fn assert_wake_is_found(code: OrchestrationCode) {
    let (config, woken) = telling();
    let mut instance = Instance::start_with(code, config, start(()));
    assert_eq!(instance.machine.foreign_wake(), None);
    woken.notified().await;
    let wake = instance.machine.foreign_wake().expect("a wake");
    assert_eq!((wake.position, &*wake.expected), (2, &Step::DurableFuture));
    assert_eq!(*wake.found, Step::ForeignWake);
    assert_eq!(
        wake.to_string(),
        "nondeterministic at event 2: expected an await of a durable future of the context, found \
         a wake from outside a turn, by something that is not durable (a tokio timer, a channel, \
         a spawned task?); use the context's timers, events and activities"
    );
    assert_eq!(live_divergence(instance.try_apply(fire(1))), wake, "no turn is taken any more");
    assert_eq!(instance.machine.history().len(), 2, "nothing is appended");
}

#[test]
fn a_channel_is_found_when_it_wakes_also_after_replay() {
    let sender: Arc<Mutex<Option<oneshot::Sender<()>>>> = Arc::default();
    let kept = sender.clone();
    let code = races(move || {
        let (send, receive) = oneshot::channel::<()>();
        *kept.lock().expect("no panic") = Some(send);
        receive
    });
    let (config, count) = counting();
    let history = Instance::start_with(code.clone(), config.clone(), start(()));
    let _first = sender.lock().expect("no panic").take();
    let replayed = Instance::try_replay(&code, &config, history.turns()).expect("not woken");
    let send = sender.lock().expect("no panic").take().expect("of the replayed run");
    send.send(()).expect("it is awaited");
    assert_eq!(count.load(Ordering::Relaxed), 1);
    assert_eq!(replayed.foreign_wake().map(|wake| wake.position), Some(2));
    assert_eq!(history.machine.foreign_wake(), None);
}

#[tokio::test(start_paused = true)]
async fn a_wake_after_the_end_misleads_nobody() {
    let (config, count) = counting();
    let mut instance = Instance::start_with(races(sleep_a_second), config, start(()));
    instance.fire(1);
    assert!(instance.output::<bool>());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!((count.load(Ordering::Relaxed), instance.machine.foreign_wake()), (0, None));
}

#[test]
fn channels_between_the_branches_of_one_orchestration_are_its_own_affair() {
    let code = code(async |ctx, ()| {
        let (mut send, mut receive) = mpsc::channel(1);
        let producer = async {
            for name in ["a", "b", "c"] {
                let number = task(&ctx, name).await;
                send.send(number).await.expect("the consumer is there");
            }
            send = mpsc::channel(1).0;
        };
        let consumer = async {
            let mut sum = 0;
            while let Some(number) = receive.recv().await {
                sum += number.unwrap_or(0);
            }
            sum
        };
        Ok(future::join(producer, consumer).await.1)
    });
    let (config, count) = counting();
    let mut instance = Instance::start_with(code, config, start(()));
    instance.complete(1, 1);
    instance.complete(2, 2);
    drop(instance.assert_replays());
    instance.complete(3, 3);
    assert_eq!(instance.output::<u64>(), 6);
    assert_eq!(count.load(Ordering::Relaxed), 0);
    instance.assert_replays_from_every_point();
}

#[test]
fn wakes_that_come_from_being_let_go_are_no_concern_of_the_shell() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        // Declared in this order, the sender is dropped first, and wakes the receiver.
        let (mut receive, _send);
        (_send, receive) = mpsc::channel::<()>(1);
        match select(task(&ctx, "a"), Box::pin(receive.recv())).await {
            Either::Left((number, _)) => Ok(number?),
            Either::Right(_) => Ok(0),
        }
    });
    let (config, count) = counting();
    drop(Instance::start_with(code, config, start(())));
    assert_eq!(count.load(Ordering::Relaxed), 0);
}

/// Code that gives its context away, and then waits for an activity.
fn leaky() -> (OrchestrationCode, Arc<Mutex<Option<OrchestrationContext>>>) {
    let leaked: Arc<Mutex<Option<OrchestrationContext>>> = Arc::default();
    let leak = leaked.clone();
    let code = code(move |ctx: OrchestrationContext, ()| {
        *leak.lock().expect("no panic") = Some(ctx.clone());
        async move { Ok(task(&ctx, "a").await?) }
    });
    (code, leaked)
}

#[test]
fn every_use_of_the_context_from_another_thread_is_found_by_the_next_turn() {
    type Use = fn(&OrchestrationContext);
    let uses: [(&str, Use); 6] = [
        ("an activity", |ctx| drop(task(ctx, "b"))),
        ("a timer", |ctx| drop(ctx.timer(Duration::from_secs(1)))),
        ("a timer over the limit", |ctx| drop(ctx.timer(Duration::MAX))),
        ("a wait", |ctx| drop(ctx.wait_external::<()>("Go"))),
        ("a random number", |ctx| assert_ne!(ctx.random(), 0)),
        ("a guid", |ctx| assert_ne!(ctx.new_guid().to_bytes(), [0; 16])),
    ];
    for (what, foreign_use) in uses {
        let (code, leaked) = leaky();
        let mut instance = Instance::start(code, ());
        let ctx = leaked.lock().expect("no panic").take().expect("it ran");
        std::thread::spawn(move || foreign_use(&ctx)).join().expect("no panic");
        let divergence = live_divergence(instance.try_apply(instance::raise("Other", ())));
        assert_eq!((divergence.position, &*divergence.found), (2, &Step::ForeignCall), "{what}");
        assert_eq!(
            divergence.to_string(),
            "nondeterministic at event 2: expected no further step in this turn, found a use of \
             the context from outside a turn; keep it in the orchestration's own task"
        );
        assert_eq!(instance.machine.history().len(), 2, "nothing is appended");
    }
}

#[test]
fn a_durable_future_that_is_dropped_by_another_thread_is_found() {
    let stolen: Arc<Mutex<Option<DurableFuture<()>>>> = Arc::default();
    let steal = stolen.clone();
    let code = code(move |ctx: OrchestrationContext, ()| {
        let steal = steal.clone();
        async move {
            *steal.lock().expect("no panic") = Some(ctx.timer(Duration::from_secs(1)));
            Ok(task(&ctx, "a").await?)
        }
    });
    let mut instance = Instance::start(code, ());
    std::thread::spawn(move || drop(stolen.lock().expect("no panic").take()))
        .join()
        .expect("no panic");
    let divergence = live_divergence(instance.try_apply(instance::complete(2, 2)));
    assert_eq!(*divergence.found, Step::ForeignCall);
}

#[test]
fn a_context_that_outlives_its_machine_does_nothing() {
    let (code, leaked) = leaky();
    drop(Instance::start(code, ()));
    let ctx = leaked.lock().expect("no panic").take().expect("it ran");
    drop(ctx.timer(Duration::from_secs(1)));
    let mut never = Box::pin(task(&ctx, "late"));
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(never.as_mut().poll(&mut context).is_pending());
}

/// Wakes itself whenever it is polled, a number of times.
struct Restless {
    left: u32,
}

impl Future for Restless {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.left == 0 {
            return Poll::Ready(());
        }
        self.left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[test]
fn code_that_wakes_itself_for_ever_is_found() {
    let divergence = start_fails(awaits(|| Restless { left: u32::MAX }));
    assert_eq!((divergence.position, &*divergence.found), (1, &Step::EndlessPolling));
    assert_eq!(
        divergence.to_string(),
        "nondeterministic at event 1: expected an await of a durable future of the context, found \
         code that wakes itself again and again without a durable step"
    );
}

#[test]
fn code_that_yields_to_itself_now_and_then_is_fine() {
    let code = code(async |ctx, ()| {
        let branches = FuturesUnordered::<BoxFuture<'_, u64>>::new();
        branches.push(Box::pin(async {
            Restless { left: 1_000 }.await;
            task(&ctx, "after a while").await.unwrap_or(0)
        }));
        branches.push(Box::pin(async { task(&ctx, "at once").await.unwrap_or(0) }));
        Ok(branches.collect::<Vec<_>>().await)
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(
        instance.log()[1..],
        ["TaskScheduled #1 `at once`", "TaskScheduled #2 `after a while`"]
    );
    instance.complete(2, 2);
    instance.complete(1, 1);
    assert_eq!(instance.output::<Vec<u64>>(), [2, 1]);
    instance.assert_replays_from_every_point();
}

#[tokio::test]
async fn a_shell_takes_turns_outside_of_the_budget_of_tokio() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        tokio::select! {
            biased;
            go = ctx.wait_external::<u64>("Go") => Ok(go?),
            () = ctx.timer(Duration::from_secs(1)) => Ok(0),
        }
    });
    while tokio::task::coop::has_budget_remaining() {
        tokio::task::consume_budget().await;
    }
    // Without a budget, `select!` stays pending, polls no branch, and is woken after the turn.
    assert_names_the_await(&start_fails(code.clone()), 3);
    let outside = async {
        let mut instance = Instance::start(code, ());
        instance.raise("Go", 5);
        instance
    };
    let instance = tokio::task::unconstrained(outside).await;
    assert_eq!(instance.output::<u64>(), 5);
}

fn this_thread() -> u64 {
    static THREADS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    thread_local!(static NUMBER: u64 = THREADS.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    NUMBER.with(|number| *number)
}

#[test]
fn a_wake_from_another_thread_is_found_even_while_a_turn_is_under_way() {
    let code = code(|_ctx, ()| async {
        let mut woken = false;
        std::future::poll_fn(|cx| {
            if woken {
                return std::task::Poll::Ready(());
            }
            woken = true;
            let waker = cx.waker().clone();
            std::thread::spawn(move || waker.wake()).join().expect("it wakes");
            std::task::Poll::Pending
        })
        .await;
        Ok(())
    });
    let config = MachineConfig { this_thread: Some(this_thread), ..MachineConfig::default() };
    let start = Start {
        input: Payload::encode(&()).unwrap(),
        seed: 0,
        delay: None,
        origin: None,
        trace: None,
        limits: Default::default(),
        attributes: reenact_core::Attributes::default(),
    };
    let (id, first) = (InstanceId::new("instance").unwrap(), ExecutionId::FIRST);
    let started = Machine::start(&code, id, first, config, start, Timestamp::EPOCH);
    let Err(ApplyError::Nondeterministic(found)) = started else {
        panic!("it was not found: {started:?}");
    };
    // It is pending when the turn ends, and nothing durable is awaited; or its wake was seen before.
    assert!(matches!(*found.found, Step::ForeignAwait | Step::ForeignWake), "{found}");
}
