//! Conversations with a host that dies before each of its appends, one run after the other; the next host takes up
//! where the log ends.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::future::IntoFuture;
use std::time::Duration;

use reenact::core::{Outbox, RecordedTurn, codec};
use reenact::prelude::*;
use reenact::providers::{Provider, ProviderError, TimerScheduler};
use reenact::testing::ManualClock;
use reenact::{Event, HostBuilder, InstanceState, InstanceSummary, PageRequest};

use crate::kit::{Faulty, guard, options, store};

/// The code with which somebody converses.
pub(crate) struct Conversation {
    code: fn(HostBuilder) -> HostBuilder,
}

/// One who asks a host for things. After a crash it begins from its first question, with the same keys.
pub(crate) struct Caller<'a> {
    pub(crate) host: &'a Host,
    clock: &'a ManualClock,
    /// What was acknowledged before the crash, and is not asked for again.
    done: BTreeSet<String>,
    answers: RefCell<Vec<String>>,
    acknowledged: RefCell<BTreeSet<String>>,
}

/// How often the events of each kind are in the logs of the instances.
type Counts = BTreeMap<String, BTreeMap<&'static str, usize>>;

impl Conversation {
    pub(crate) const fn new(code: fn(HostBuilder) -> HostBuilder) -> Self {
        Self { code }
    }

    /// Converses once with a host that lives. Then, for each append: with one that dies before it, and from the
    /// beginning with the next one. The answers are the same each time, those of before the crash are those of after
    /// it, and the logs have the same events. Returns the answers.
    pub(crate) async fn is_the_same_from_every_append(
        &self,
        converse: impl AsyncFn(&Caller<'_>),
    ) -> Vec<String> {
        let (memory, clock) = store();
        let host = self.host(memory.clone()).await;
        let caller = Caller::new(&host, &clock, BTreeSet::new());
        guard(converse(&caller)).await;
        let answers = caller.answers.into_inner();
        until_at_rest(&memory).await;
        guard(host.shutdown()).await.unwrap();
        let counts = counts(&memory).await;
        for append in 0.. {
            let (memory, clock) = store();
            let faulty = Faulty::new(memory.clone());
            faulty.stop_at(append);
            let host = self.host(faulty.clone()).await;
            let caller = Caller::new(&host, &clock, BTreeSet::new());
            let died = guard(async {
                tokio::select! {
                    biased;
                    () = faulty.stopped() => true,
                    () = converse(&caller) => false,
                }
            })
            .await;
            let (early, done) = (caller.answers.into_inner(), caller.acknowledged.into_inner());
            assert_eq!(early, answers[..early.len()], "before append {append}");
            guard(host.abort()).await;
            let builder = (self.code)(Host::builder().provider(memory.clone()));
            let unfit = guard(builder.verify_histories()).await.unwrap();
            assert!(unfit.is_empty(), "before append {append}: {unfit:?}");
            let host = self.host(memory.clone()).await;
            let caller = Caller::new(&host, &clock, done);
            guard(converse(&caller)).await;
            assert_eq!(caller.answers.into_inner(), answers, "after append {append}");
            until_at_rest(&memory).await;
            guard(host.shutdown()).await.unwrap();
            assert_eq!(self::counts(&memory).await, counts, "after append {append}");
            if !died {
                assert!(append > 2, "it crashed somewhere");
                return answers;
            }
        }
        unreachable!("a conversation has an end")
    }

    async fn host(&self, provider: impl Provider) -> Host {
        let host = Host::builder().provider(provider).options(options());
        guard((self.code)(host).start()).await.unwrap()
    }
}

impl<'a> Caller<'a> {
    fn new(host: &'a Host, clock: &'a ManualClock, done: BTreeSet<String>) -> Self {
        let (answers, acknowledged) = (RefCell::default(), RefCell::new(done.clone()));
        Self { host, clock, done, answers, acknowledged }
    }

    /// Asks for something that has the same answer however often it is asked for.
    pub(crate) async fn ask<T: Debug>(&self, what: impl IntoFuture<Output = T>) {
        let answer = guard(what).await;
        self.answers.borrow_mut().push(format!("{answer:?}"));
    }

    /// Asks for something until it is acknowledged, and then never again.
    pub(crate) async fn once<T>(&self, name: &str, what: impl IntoFuture<Output = T>) {
        if !self.done.contains(name) {
            guard(what).await;
            self.acknowledged.borrow_mut().insert(name.to_owned());
        }
    }

    /// Starts an instance under an id, or has the one that was started before.
    pub(crate) async fn start<O: Orchestration>(
        &self,
        orchestration: O,
        input: O::Input,
        id: &str,
    ) -> InstanceHandle<O::Output> {
        guard(self.host.start_new(orchestration, input).id(id).or_attach()).await.unwrap()
    }

    /// Lets time pass until it is that long after the beginning.
    pub(crate) fn pass_until(&self, time: Duration) {
        let begun = ManualClock::default().now();
        let left = (begun + time).as_micros().saturating_sub(self.clock.now().as_micros());
        self.clock.advance(Duration::from_micros(left));
    }

    /// Returns when something holds that must at some time.
    pub(crate) async fn until(&self, mut holds: impl AsyncFnMut() -> bool) {
        guard(async {
            while !holds().await {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Returns when the instance is there and has set this status.
    pub(crate) async fn until_status(&self, of: &str, wanted: &str) {
        self.until(async || {
            let status = self.host.get_status(of).await;
            let status = status.ok().and_then(|status| status.custom_status);
            status.is_some_and(|status| status.to_string().contains(wanted))
        })
        .await;
    }
}

/// Returns when all is delivered that instances have for each other. One that is parked neither takes what others have for
/// it, nor records what has arrived of its own.
async fn until_at_rest(memory: &InMemory) {
    let is_parked = |summary: &InstanceSummary| summary.state == InstanceState::Parked;
    guard(async {
        loop {
            // One that continues as new meanwhile is not read.
            let Ok(logs) = logs(memory).await else { continue };
            let parked = logs.iter().map(|(summary, _)| summary).filter(|of| is_parked(of));
            let parked: Vec<_> = parked.map(|summary| &summary.instance).collect();
            let mut others = logs.iter().filter(|(summary, _)| !is_parked(summary));
            let rest = others.all(|(of, turns)| {
                let outbox = Outbox::of(of.instance.clone(), turns);
                outbox.under_way().iter().all(|message| parked.contains(&&message.to))
            });
            if rest {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// What is in the logs, but for what depends on when hosts look, and on how much comes at a time.
async fn counts(memory: &InMemory) -> Counts {
    let mut counts = Counts::new();
    for (summary, turns) in logs(memory).await.expect("nobody writes") {
        let of_one = counts.entry(summary.instance.to_string()).or_default();
        for event in turns.iter().flat_map(|turn| &*turn.events) {
            if !depends_on_the_host(event) {
                *of_one.entry(event.kind().name()).or_default() += 1;
            }
        }
    }
    counts
}

/// The logs of all instances.
async fn logs(
    memory: &InMemory,
) -> Result<Vec<(InstanceSummary, Vec<RecordedTurn>)>, ProviderError> {
    let store = memory.histories();
    let page = PageRequest::new().limit(1_000);
    let listed = store.list(&Default::default(), &page).await?;
    let mut logs = Vec::new();
    for summary in listed.instances {
        let read = store.read(&summary.instance, summary.execution, 0, usize::MAX).await?;
        let turns = read.turns.iter();
        let turns = turns.map(|turn| codec::decode_turn(&turn.bytes).expect("a turn decodes"));
        let turns = turns.collect();
        logs.push((summary, turns));
    }
    Ok(logs)
}

fn depends_on_the_host(event: &Event) -> bool {
    let noted = ["TaskStarted", "TaskStopped", "RunAnnounced", "RunSurvived"];
    // Each host tries a parked instance once.
    let parked = ["ExecutionParked", "ExecutionUnparked"];
    let together = ["MessagesDelivered", "Streamed", "CommandsReceived"];
    let name = event.kind().name();
    noted.contains(&name) || parked.contains(&name) || together.contains(&name)
}
