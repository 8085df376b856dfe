//! Scenarios that run again from every turn of their history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use reenact::core::{RecordedTurn, ShardId, codec};
use reenact::prelude::*;
use reenact::providers::{Batch, Provider, StoredTurn, TurnRecord};
use reenact::testing::ManualClock;
use reenact::{CorrelationId, Event, HostBuilder, Interrupt, Outcome, Timestamp, TraceContext};
use tokio::sync::watch;

use crate::kit::{guard, id, options};

/// An orchestration, and what comes from outside while it runs.
pub(crate) struct Scenario {
    orchestration: Register,
    steps: Vec<Step>,
    /// The trace in which everything is asked for.
    trace: Option<TraceContext>,
}

type Register = Box<dyn Fn(HostBuilder) -> HostBuilder>;

/// What comes from outside. Each step makes one turn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The activity with that correlation id returns.
    Complete(u64),
    /// The attempt of the activity with that correlation id fails, and the policy wants another, at
    /// once.
    Fail(u64),
    /// Time passes, until one timer fires.
    Pass(Duration),
    /// Somebody raises an event.
    Raise(&'static str, u64),
    /// A request of this name, with its number as its key, that may wait for its answer.
    Ask(&'static str, u64),
    /// The child with that id returns ten times that number.
    EndChild(&'static str, u64),
    /// The child with that id fails.
    FailChild(&'static str),
    /// Somebody cancels it.
    Cancel(&'static str),
    /// Somebody suspends it.
    Suspend(&'static str),
    /// Somebody resumes it.
    Resume,
}

/// How a scenario went: the turns as they were stored, and the end.
pub(crate) struct FinishedRun {
    turns: Vec<TurnRecord>,
    outcome: Option<Outcome>,
}

/// The name of the scenario's orchestration.
const NAME: &str = "scenario";

/// The activity that orchestrations of scenarios call: it returns ten times its input, when the
/// scenario lets it.
pub(crate) const WORK: &str = "work";

/// The orchestration that those of scenarios call.
pub(crate) const CHILD: &str = "child";

impl Scenario {
    /// Code without input, and the steps that lead to its end.
    pub(crate) fn new<T, F, R>(code: F, steps: impl IntoIterator<Item = Step>) -> Self
    where
        T: serde::Serialize + 'static,
        F: Fn(OrchestrationContext) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<T, OrchestrationError>> + Send + 'static,
    {
        let orchestration = move |host: HostBuilder| {
            let code = code.clone();
            host.register_orchestration(NAME, move |ctx: OrchestrationContext, ()| code(ctx))
        };
        let steps = steps.into_iter().collect();
        Self { orchestration: Box::new(orchestration), steps, trace: None }
    }

    /// The same, with everything asked for in a trace.
    pub(crate) fn in_a_trace(self) -> Self {
        let trace = TraceContext::new([1; 16], [2; 8], 1).expect("ids");
        Self { trace: Some(trace), ..self }
    }

    /// Runs all of it once. Then, for each turn of its history: puts the history up to there into a
    /// store of its own, starts a host on that store, and runs the rest. The end is the same each
    /// time, and so is the history, except for times and seeds. Returns how it went.
    pub(crate) async fn is_the_same_from_every_turn(&self) -> FinishedRun {
        let whole = self.run_from(&[]).await;
        assert_eq!(whole.turns.len(), self.steps.len() + 1, "a turn for each step");
        assert!(whole.outcome.is_some(), "the steps lead to the end");
        for turns in 1..=whole.turns.len() {
            let run = self.run_from(&whole.turns[..turns]).await;
            assert_eq!(run.outcome, whole.outcome, "from turn {turns}");
            assert_eq!(run.shape(), whole.shape(), "from turn {turns}");
        }
        whole
    }

    /// Runs what comes after the given turns.
    async fn run_from(&self, turns: &[TurnRecord]) -> FinishedRun {
        let clock = match turns.last() {
            Some(last) => ManualClock::new(last.summary.updated_at),
            None => ManualClock::default(),
        };
        let memory = InMemory::new().with_shards(1).with_clock(clock.clone());
        put(&memory, turns).await;
        let stage = Stage {
            memory: memory.clone(),
            clock,
            returned: Arc::default(),
            failed: Arc::default(),
            trace: self.trace.clone(),
        };
        let host = guard(self.host(&stage).start()).await.expect("it starts");
        let mut turns = turns.to_vec();
        if turns.is_empty() {
            let mut start = host.start_new_by_name::<()>(NAME, ()).id("i");
            if let Some(trace) = &self.trace {
                start = start.trace_context(trace.clone());
            }
            guard(start).await.expect("it starts");
            turns.push(stage.turn(0).await);
        }
        for (place, step) in self.steps.iter().enumerate().skip(turns.len() - 1) {
            stage.take(&host, *step, &self.steps[..place]).await;
            turns.push(stage.turn(turns.len() as u64).await);
        }
        let outcome = host.get_status(&id("i")).await.expect("it is there").outcome;
        guard(host.abort()).await;
        FinishedRun { turns, outcome }
    }

    fn host(&self, stage: &Stage) -> HostBuilder {
        let (returned, failed) = (stage.returned.clone(), stage.failed.clone());
        let host = Host::builder().provider(stage.memory.clone()).options(options());
        let child = |ctx: OrchestrationContext, ()| async move {
            let number: Option<u64> = ctx.wait_external("End").await?;
            number.map(|number| number * 10).ok_or_else(|| OrchestrationError::new("not yet"))
        };
        let host = host.register_orchestration(CHILD, child);
        (self.orchestration)(host).register_activity(WORK, move |ctx, input: u64| {
            let (mut returned, mut failed) = (returned.subscribe(), failed.subscribe());
            async move {
                let id = ctx.correlation_id();
                let lets = |returned: &BTreeSet<_>| returned.contains(&id);
                let fails = |failed: &BTreeMap<_, _>| failed.get(&id) >= Some(&ctx.attempt());
                tokio::select! {
                    biased;
                    fails = failed.wait_for(fails) => {
                        assert!(fails.is_ok(), "the scenario lives as long as its activities");
                        Err(ActivityError::retryable("not yet"))
                    }
                    may_return = returned.wait_for(lets) => {
                        assert!(may_return.is_ok(), "the scenario lives as long as its activities");
                        Ok(input * 10)
                    }
                }
            }
        })
    }
}

/// Where a scenario runs.
struct Stage {
    memory: InMemory,
    clock: ManualClock,
    /// The activities that may return.
    returned: Arc<watch::Sender<BTreeSet<CorrelationId>>>,
    /// The activities that fail, and up to which attempt.
    failed: Arc<watch::Sender<BTreeMap<CorrelationId, u32>>>,
    trace: Option<TraceContext>,
}

impl Stage {
    async fn take(&self, host: &Host, step: Step, before: &[Step]) {
        match step {
            Step::Complete(activity) => self.returned.send_modify(|returned| {
                returned.insert(CorrelationId(activity));
            }),
            Step::Fail(activity) => {
                let is_it = |step: &&Step| matches!(step, Step::Fail(other) if *other == activity);
                let attempt = 1 + before.iter().filter(is_it).count() as u32;
                self.failed.send_modify(|failed| {
                    failed.insert(CorrelationId(activity), attempt);
                });
            }
            Step::Pass(time) => self.clock.advance(time),
            Step::EndChild(child, number) => end_child(host, &id(child), Some(number)).await,
            Step::FailChild(child) => end_child(host, &id(child), None).await,
            Step::Ask(name, request) => {
                let raised = host.raise_event(&id("i"), name, request).key(request.to_string());
                guard(raised).await.unwrap();
            }
            Step::Raise(name, data) => {
                let mut raised = host.raise_event(&id("i"), name, data);
                if let Some(trace) = &self.trace {
                    raised = raised.trace_context(trace.clone());
                }
                guard(raised).await.expect("it is taken");
            }
            Step::Cancel(reason) => self.ask(host.cancel(&id("i"), reason)).await,
            Step::Suspend(reason) => self.ask(host.suspend(&id("i"), reason)).await,
            Step::Resume => self.ask(host.resume(&id("i"))).await,
        }
    }

    async fn ask(&self, mut interrupt: Interrupt) {
        if let Some(trace) = &self.trace {
            interrupt = interrupt.trace_context(trace.clone());
        }
        guard(interrupt).await.expect("it is taken");
    }

    /// A turn, once it is durable; it is the last then, but for what a host notes down for the case that it
    /// dies. That is left out.
    async fn turn(&self, number: u64) -> TurnRecord {
        let (store, instance) = (self.memory.histories(), id("i"));
        guard(async {
            loop {
                let summary = store.summary(&instance).await.expect("a store in memory");
                if let Some(mut summary) = summary.filter(|summary| summary.turns > number) {
                    let execution = summary.execution;
                    let page = store.read(&instance, execution, 0, usize::MAX).await;
                    let stored = page.expect("it is there").turns;
                    if stored.len() as u64 != summary.turns {
                        // The host noted something down between the two looks.
                        tokio::task::yield_now().await;
                        continue;
                    }
                    let (noted, turns): (Vec<_>, Vec<_>) = stored.into_iter().partition(is_noted);
                    if let Some(turn) = turns.get(number as usize) {
                        assert_eq!(turns.len() as u64, number + 1, "each step makes one turn");
                        summary.turns = number + 1;
                        summary.events -= noted.len() as u64;
                        return TurnRecord {
                            number,
                            bytes: renumbered(turn, number),
                            summary,
                            has_drawn_id: false,
                            keep: 0,
                        };
                    }
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

/// Whether it is about the host, and not a step.
fn is_noted(turn: &StoredTurn) -> bool {
    let turn = codec::decode_turn(&turn.bytes).expect("a stored turn decodes");
    let noted = ["TaskStarted", "TaskStopped", "RunAnnounced", "RunSurvived"];
    turn.events.first().is_some_and(|event| noted.contains(&event.kind().name()))
}

/// The bytes of a turn under another number: it may say of itself that it sets the status.
fn renumbered(turn: &StoredTurn, number: u64) -> Arc<[u8]> {
    match codec::status_turn(&turn.bytes).expect("a stored turn decodes") {
        Some(status) if turn.number != number => {
            let status = if status == turn.number { number } else { status.min(number) };
            let turn = codec::decode_turn(&turn.bytes).expect("a stored turn decodes");
            codec::encode_turn_with_status(&turn, Some(status)).expect("it did encode").into()
        }
        _ => turn.bytes.clone(),
    }
}

/// Lets a child end, with that number or with an error.
async fn end_child(host: &Host, child: &InstanceId, with: Option<u64>) {
    guard(async {
        // It may have yet to begin.
        while host.raise_event(child, "End", with).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Puts a history into an empty store.
async fn put(memory: &InMemory, turns: &[TurnRecord]) {
    let (shard, leases) = (ShardId(0), memory.leases());
    let lease = leases.acquire(shard, "an earlier host").await.expect("it is free");
    let batch = Batch { shard, epoch: lease.epoch, turns: turns.to_vec() };
    let _ = memory.histories().append(batch.into()).await.expect("a history fits");
    leases.release(&lease).await.expect("it was held");
}

impl FinishedRun {
    /// The history, a line for each event.
    pub(crate) fn events(&self) -> Vec<String> {
        let turns = self.turns.iter().map(decoded);
        let events = turns.flat_map(|turn| turn.events.to_vec());
        events.map(|event| without_time(event).to_string()).collect()
    }

    /// What the orchestration returned.
    pub(crate) fn output<T: serde::de::DeserializeOwned>(&self) -> T {
        match &self.outcome {
            Some(Outcome::Completed(output)) => output.decode().expect("an output of the type"),
            other => panic!("not completed: {other:?}"),
        }
    }

    /// Why it ended as cancelled.
    pub(crate) fn cancelled(&self) -> &str {
        match &self.outcome {
            Some(Outcome::Cancelled { reason }) => reason,
            other => panic!("not cancelled: {other:?}"),
        }
    }

    /// The events of each turn, without what differs from one telling to the next.
    fn shape(&self) -> Vec<Vec<Event>> {
        let of_turn = |turn| decoded(turn).events.iter().cloned().map(without_time).collect();
        self.turns.iter().map(of_turn).collect()
    }
}

fn decoded(turn: &TurnRecord) -> RecordedTurn {
    codec::decode_turn(&turn.bytes).expect("a stored turn decodes")
}

fn without_time(event: Event) -> Event {
    match event {
        Event::ExecutionStarted { name, input, delay, .. } => {
            Event::ExecutionStarted { name, input, seed: 0, delay }
        }
        Event::TimerCreated { id, .. } => Event::TimerCreated { id, fire_at: Timestamp::EPOCH },
        Event::TaskAttemptFailed { id, attempt, error, .. } => {
            Event::TaskAttemptFailed { id, attempt, error, retry_at: Timestamp::EPOCH }
        }
        Event::ChildAttemptFailed { id, attempt, error, .. } => {
            Event::ChildAttemptFailed { id, attempt, error, retry_at: Timestamp::EPOCH }
        }
        other => other,
    }
}
