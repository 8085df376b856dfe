//! Hosts crash and shut down at any point of a story; the next one goes on, and nothing that was
//! acknowledged is lost or happens twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::kit::{Gate, HOUR, events, guard, id, options, store, until};
use reenact::prelude::*;
use reenact::providers::Provider as _;
use reenact::testing::ManualClock;
use reenact::{Error, Event, HostBuilder, InstanceState};

/// Every run of an activity: its idempotency key and its input, in the order of the runs.
#[derive(Clone, Default)]
struct Runs(Arc<Mutex<Vec<(String, String)>>>);

impl Runs {
    fn add(&self, ctx: &ActivityContext, input: &str) {
        self.0.lock().unwrap().push((ctx.idempotency_key(), input.to_string()));
    }

    fn all(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().clone()
    }

    /// The input of each call; that the runs of one call agree is checked.
    fn calls(&self) -> BTreeMap<String, String> {
        let mut calls = BTreeMap::new();
        for (key, input) in self.all() {
            assert_eq!(calls.entry(key).or_insert_with(|| input.clone()), &input);
        }
        calls
    }
}

/// A, a timer, the event "Go", B; and three notes that come at any time.
async fn story(ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    let a: String = ctx.call_activity_by_name("note down", &format!("A of {name}")).await?;
    ctx.timer(HOUR).await;
    let go: String = ctx.wait_external("Go").await?;
    let b: String = ctx.call_activity_by_name("note down", &format!("B of {go}")).await?;
    let mut notes = Vec::new();
    for _ in 0..3 {
        notes.push(ctx.wait_external::<String>("Note").await?);
    }
    Ok(format!("{a}, {b}, {}", notes.concat()))
}

fn host(memory: &InMemory, runs: &Runs) -> HostBuilder {
    let runs = runs.clone();
    Host::builder()
        .provider(memory.clone())
        .options(options())
        .register_orchestration("story", story)
        .register_activity("note down", move |ctx, what: String| {
            runs.add(&ctx, &what);
            async move { Ok(format!("<{what}>")) }
        })
}

const STEPS: usize = 6;

/// One acknowledged step of the story.
async fn step(number: usize, host: &Host, clock: &ManualClock) {
    let instance = host.instance::<String>(&id("i"));
    match number {
        0 => {
            let start = host.start_new_by_name::<String>("story", "Ada").id("i");
            guard(start).await.unwrap();
        }
        1 => guard(instance.raise_event("Note", "x")).await.unwrap(),
        2 => clock.advance(HOUR * 2),
        3 => guard(instance.raise_event("Go", "Grace")).await.unwrap(),
        4 => guard(instance.raise_event("Note", "y")).await.unwrap(),
        5 => guard(instance.raise_event("Note", "z")).await.unwrap(),
        _ => panic!("there is no step {number}"),
    }
}

#[derive(Clone, Copy, Debug)]
enum End {
    Crash,
    Shutdown,
}

/// Runs the story, ends the host after the steps for which `ends` says so, and goes on with another.
async fn run_with(ends: impl Fn(usize) -> Option<End>, pause: usize) {
    let (memory, clock) = store();
    let runs = Runs::default();
    let mut running = host(&memory, &runs).start().await.unwrap();
    for number in 0..STEPS {
        step(number, &running, &clock).await;
        // Not for anything to happen: to meet the host at different points.
        for _ in 0..pause {
            tokio::task::yield_now().await;
        }
        match ends(number) {
            None => continue,
            Some(End::Crash) => guard(running.abort()).await,
            Some(End::Shutdown) => guard(running.shutdown()).await.unwrap(),
        }
        running = host(&memory, &runs).start().await.unwrap();
    }
    // Where a host was cut off at last, the timer began later.
    clock.advance(HOUR * 2);
    let waiting = running.instance::<String>(&id("i"));
    let error = crate::kit::pass_time_until(&clock, HOUR, waiting.result()).await.unwrap();
    assert_eq!(error, "<A of Ada>, <B of Grace>, xyz");

    // However often they ran, they ran under two keys.
    let inputs: Vec<String> = runs.calls().into_values().collect();
    assert_eq!(inputs, ["A of Ada", "B of Grace"]);
    let events = events(&running, &id("i")).await;
    for (kind, times) in [
        ("ExternalRaised `Go`", 1),
        ("ExternalRaised `Note`", 3),
        ("TaskCompleted", 2),
        ("TaskScheduled", 2),
        ("TimerFired", 1),
        ("ExecutionCompleted", 1),
    ] {
        let found = events.iter().filter(|event| event.starts_with(kind)).count();
        assert_eq!(found, times, "{kind} in {events:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_story_is_the_same_wherever_the_host_crashes() {
    for crash in 0..STEPS {
        for pause in [0, 1, 3, 10, 30, 100] {
            run_with(|step| (step == crash).then_some(End::Crash), pause).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_story_is_the_same_wherever_the_host_shuts_down() {
    for end in 0..STEPS {
        for pause in [0, 1, 3, 10, 30, 100] {
            run_with(|step| (step == end).then_some(End::Shutdown), pause).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_story_is_the_same_when_the_host_ends_after_every_step() {
    for pause in [0, 1, 3, 10, 30, 100] {
        run_with(|_| Some(End::Crash), pause).await;
        run_with(|_| Some(End::Shutdown), pause).await;
        run_with(|step| Some(if step % 2 == 0 { End::Crash } else { End::Shutdown }), pause).await;
    }
}

fn gated(memory: &InMemory, runs: &Runs, gate: &Gate) -> HostBuilder {
    let (runs, gate) = (runs.clone(), gate.clone());
    Host::builder()
        .provider(memory.clone())
        .options(options())
        .register_activity("work", move |ctx, number: u64| {
            let gate = gate.clone();
            runs.add(&ctx, &number.to_string());
            async move {
                gate.pass().await;
                Ok(number + 1)
            }
        })
        .register_orchestration("wide", wide)
}

/// Calls "work" this many times at once.
async fn wide(ctx: OrchestrationContext, width: u64) -> Result<u64, OrchestrationError> {
    let work = |number| ctx.schedule_activity_by_name::<u64, u64>("work", &number);
    let mut sum = 0;
    for done in ctx.when_all((0..width).map(work)).await {
        sum += done?;
    }
    Ok(sum)
}

fn completed(events: &[String]) -> usize {
    events.iter().filter(|event| event.starts_with("TaskCompleted")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_what_was_not_completed_runs_again_under_its_key_and_nothing_else_does() {
    let (memory, _) = store();
    let (before, gate) = (Runs::default(), Gate::closed());
    let crashing = gated(&memory, &before, &gate).start().await.unwrap();
    let start = crashing.start_new_by_name::<u64>("wide", 50_u64).id("i");
    guard(start).await.unwrap();
    gate.until_came(50).await;
    for _ in 0..20 {
        gate.let_one_through();
    }
    guard(async {
        while completed(&events(&crashing, &id("i")).await) < 20 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    guard(crashing.abort()).await;

    let after = Runs::default();
    let host = gated(&memory, &after, &Gate::open()).start().await.unwrap();
    assert_eq!(guard(host.instance::<u64>(&id("i")).result()).await.unwrap(), 1_275);
    assert_eq!(after.all().len(), 30, "once each");
    let (before, after) = (before.calls(), after.calls());
    assert_eq!(before.len(), 50);
    assert!(after.iter().all(|(key, input)| before.get(key) == Some(input)), "the same calls");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_dropped_ends_as_in_a_crash() {
    let (memory, _) = store();
    let (before, gate) = (Runs::default(), Gate::closed());
    let dropped = gated(&memory, &before, &gate).start().await.unwrap();
    let instance = dropped.start_new_by_name::<u64>("wide", 3_u64).id("i").await.unwrap();
    gate.until_came(3).await;
    drop(dropped);
    let error = guard(instance.result()).await.unwrap_err();
    assert!(matches!(error, Error::ShuttingDown), "{error}");

    let patient = options().lease_patience(Duration::from_secs(20));
    let after = Runs::default();
    let host = gated(&memory, &after, &Gate::open()).options(patient).start();
    let host = guard(host).await.expect("the shards are free soon");
    assert_eq!(guard(host.instance::<u64>(&id("i")).result()).await.unwrap(), 6);
    assert_eq!(after.calls(), before.calls());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_waits_for_running_activities_and_loses_nothing() {
    let (memory, _) = store();
    let (before, gate) = (Runs::default(), Gate::closed());
    let host = gated(&memory, &before, &gate).start().await.unwrap();
    let instance = host.start_new_by_name::<u64>("wide", 5_u64).id("i").await.unwrap();
    gate.until_came(5).await;
    let client = host.client().clone();
    let ending = tokio::spawn(host.shutdown());
    until_refused(&client).await;
    assert!(!ending.is_finished(), "activities are running");
    gate.let_all_through();
    guard(ending).await.unwrap().unwrap();
    let error = instance.status().await.unwrap_err();
    assert!(matches!(error, Error::ShuttingDown), "its client knows nothing more: {error}");
    let stored = memory.histories().summary(instance.id()).await.unwrap().unwrap();
    assert_eq!(stored.state, InstanceState::Completed, "their results were still taken");

    let after = Runs::default();
    let host = gated(&memory, &after, &gate).start().await.unwrap();
    assert_eq!(guard(host.instance::<u64>(&id("i")).result()).await.unwrap(), 15);
    assert_eq!(after.all(), [], "nothing runs again");
}

/// Returns when the host lets nobody in any more.
async fn until_refused(client: &Client) {
    guard(async {
        while !matches!(client.raise_event(&id("?"), "?", ()).await, Err(Error::ShuttingDown)) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activities_that_wait_for_a_place_do_not_start_any_more_in_a_shutdown() {
    let (memory, _) = store();
    let (before, gate) = (Runs::default(), Gate::closed());
    let narrow = options().max_activities(2);
    let host = gated(&memory, &before, &gate).options(narrow).start().await.unwrap();
    host.start_new_by_name::<u64>("wide", 10_u64).id("i").await.unwrap();
    gate.until_came(2).await;
    let client = host.client().clone();
    let ending = tokio::spawn(host.shutdown());
    until_refused(&client).await;
    gate.let_all_through();
    guard(ending).await.unwrap().unwrap();
    assert_eq!(before.all().len(), 2);

    let after = Runs::default();
    let host = gated(&memory, &after, &gate).start().await.unwrap();
    assert_eq!(guard(host.instance::<u64>(&id("i")).result()).await.unwrap(), 55);
    assert_eq!(after.all().len(), 8);
}

/// Says whether the activity was cancelled when it was dropped.
struct LastWord {
    ctx: ActivityContext,
    said: Arc<Mutex<Vec<bool>>>,
}

impl Drop for LastWord {
    fn drop(&mut self) {
        self.said.lock().unwrap().push(self.ctx.is_cancelled());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activities_past_the_shutdown_deadline_are_cancelled_and_run_again_later() {
    let (memory, _) = store();
    let (before, said) = (Runs::default(), Arc::new(Mutex::new(Vec::new())));
    let (running, runs, saying) = (Gate::closed(), before.clone(), said.clone());
    let passing = running.clone();
    let host = Host::builder()
        .provider(memory.clone())
        .options(options().shutdown_deadline(Duration::ZERO))
        .register_orchestration("wide", wide)
        .register_activity("work", move |ctx, number: u64| {
            runs.add(&ctx, &number.to_string());
            let last_word = LastWord { ctx, said: saying.clone() };
            let gate = passing.clone();
            async move {
                let _last_word = last_word;
                gate.pass().await;
                Ok(number + 1)
            }
        })
        .start()
        .await
        .unwrap();
    host.start_new_by_name::<u64>("wide", 1_u64).id("i").await.unwrap();
    running.until_came(1).await;
    guard(host.shutdown()).await.unwrap();
    until(|| !said.lock().unwrap().is_empty()).await;
    assert_eq!(*said.lock().unwrap(), [true]);

    let after = Runs::default();
    let host = gated(&memory, &after, &Gate::open()).start().await.unwrap();
    assert_eq!(guard(host.instance::<u64>(&id("i")).result()).await.unwrap(), 1);
    assert_eq!(after.calls(), before.calls());
    assert_eq!(after.all().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_after_a_shutdown_are_notified_that_the_host_has_ended() {
    let (memory, _) = store();
    let host = host(&memory, &Runs::default()).start().await.unwrap();
    let instance = host.start_new_by_name::<String>("story", "Ada").id("i").await.unwrap();
    let waiting = tokio::spawn({
        let instance = instance.clone();
        async move { instance.result().await }
    });
    let client = host.client().clone();
    guard(host.shutdown()).await.unwrap();

    let error = guard(waiting).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::ShuttingDown), "the caller that waits: {error}");
    let start = guard(client.start_new_by_name::<String>("story", "Ada")).await.unwrap_err();
    assert!(matches!(start, Error::ShuttingDown), "start: {start}");
    let raise = guard(instance.raise_event("Note", "x")).await.unwrap_err();
    assert!(matches!(raise, Error::ShuttingDown), "raise: {raise}");
    let terminate = guard(instance.terminate("enough")).await.unwrap_err();
    assert!(matches!(terminate, Error::ShuttingDown), "terminate: {terminate}");
    let purge = guard(client.purge(&id("i"))).await.unwrap_err();
    assert!(matches!(purge, Error::ShuttingDown | Error::Interrupted { .. }), "purge: {purge}");
    let actor = guard(client.actor(&id("i"))).await.unwrap_err();
    assert!(matches!(actor, Error::ShuttingDown | Error::Interrupted { .. }), "actor: {actor}");
    let result = guard(instance.result()).await.unwrap_err();
    assert!(matches!(result, Error::ShuttingDown), "who begins to wait: {result}");
}

/// Hears "Say" for ever.
async fn hears(ctx: OrchestrationContext, (): ()) -> Result<(), OrchestrationError> {
    loop {
        ctx.wait_external::<String>("Say").await?;
    }
}

/// Many say something until the host ends under them; every acknowledged word is in the log, once,
/// and in the order in which its sender said it.
async fn ends_while_many_speak(end: End, pause: usize) {
    let (memory, _) = store();
    let runs = Runs::default();
    let ending = host(&memory, &runs).register_orchestration("hears", hears);
    let ending = ending.start().await.unwrap();
    let instance = ending.start_new_by_name::<()>("hears", ()).id("i").await.unwrap();
    let speaking: Vec<_> = (0..8)
        .map(|sender| {
            let instance = instance.clone();
            tokio::spawn(async move {
                let mut acknowledged = 0;
                loop {
                    let word = format!("{sender}:{acknowledged}");
                    match instance.raise_event("Say", &word).await {
                        Ok(()) => acknowledged += 1,
                        Err(Error::ShuttingDown | Error::Interrupted { .. }) => break,
                        // What a crash leaves running finds that its lease is gone.
                        Err(Error::Store { .. }) if matches!(end, End::Crash) => break,
                        Err(other) => panic!("{other}"),
                    }
                }
                acknowledged
            })
        })
        .collect();
    for _ in 0..pause {
        tokio::task::yield_now().await;
    }
    match end {
        End::Crash => guard(ending.abort()).await,
        End::Shutdown => guard(ending.shutdown()).await.unwrap(),
    }
    let history = host(&memory, &runs).start().await.unwrap().history(&id("i")).await.unwrap();
    let said: Vec<String> = history
        .events()
        .filter_map(|event| match event.event {
            Event::ExternalRaised { data, .. } => Some(data.decode().unwrap()),
            _ => None,
        })
        .collect();
    for (sender, acknowledged) in speaking.into_iter().enumerate() {
        let acknowledged = guard(acknowledged).await.unwrap();
        let prefix = format!("{sender}:");
        let of_sender: Vec<_> = said.iter().filter(|word| word.starts_with(&prefix)).collect();
        // The last one may have become durable with nobody left to say so.
        let logged = of_sender.len();
        assert!((acknowledged..=acknowledged + 1).contains(&logged), "{acknowledged} of {logged}");
        for (number, word) in of_sender.into_iter().enumerate() {
            assert_eq!(*word, format!("{sender}:{number}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_when_a_host_ends_under_those_who_speak() {
    for pause in [1, 10, 100, 300, 1_000] {
        for _ in 0..5 {
            ends_while_many_speak(End::Crash, pause).await;
            ends_while_many_speak(End::Shutdown, pause).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_waiting_instances_survive_a_crash() {
    let (memory, clock) = store();
    let runs = Runs::default();
    let sleeper = |ctx: OrchestrationContext, hours: u32| async move {
        ctx.timer(HOUR * hours).await;
        Ok(hours)
    };
    let crashing = host(&memory, &runs).register_orchestration("sleeper", sleeper);
    let crashing = crashing.start().await.unwrap();
    let starts = (1..=1_000_u32).map(|hours| {
        let start = crashing.start_new_by_name::<u32>("sleeper", hours);
        start.id(format!("sleeper {hours}")).into_future()
    });
    for started in guard(futures::future::join_all(starts)).await {
        started.unwrap();
    }
    guard(crashing.abort()).await;
    clock.advance(HOUR * 500);

    let host = host(&memory, &runs).register_orchestration("sleeper", sleeper);
    let host = host.start().await.unwrap();
    let slept = |hours: u32| {
        let instance = host.instance::<u32>(&id(&format!("sleeper {hours}")));
        async move { instance.result().await.unwrap() }
    };
    for hours in 1..=500 {
        assert_eq!(guard(slept(hours)).await, hours);
    }
    clock.advance(HOUR * 500);
    for hours in 501..=1_000 {
        assert_eq!(guard(slept(hours)).await, hours);
    }
}
