//! A workflow in a world in which hosts crash, messages come twice, and clocks jump.

mod calls;
mod dice;
mod directory;
mod effects;
mod failure;
mod faulty;
mod plan;
mod points;
mod queues;
mod replay;
mod site;
mod steps;
mod store;
mod trace;
mod witness;
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use reenact_core::{NamesEvent, Orchestration};
use serde::Serialize;
use tokio::time::timeout;

use self::calls::Caller;
use crate::HostBuilder;

pub use self::dice::{Dice, Fault, FaultKind};
pub use self::effects::{Effect, Effects};
pub use self::failure::ScenarioFailure;
pub use self::plan::{Plan, ScenarioStore, Simulated};
pub use self::points::{Counted, CrashPoint, Moment, Points};
pub use self::replay::replay_all;
pub use self::site::{Request, Site};
pub use self::store::{Ground, View, WorldStore};
pub use self::witness::{Witness, Witnessed};
pub use self::world::{World, simulate, simulate_on};

/// The environment variable that repeats one run of a [`Scenario`].
pub const SCENARIO_VARIABLE: &str = "REENACT_SCENARIO";

/// How long the faults of a run last at most, in virtual time.
const FAULTS_LAST: Duration = Duration::from_secs(20);

/// How long an instance may take to end when there are no more faults, in virtual time.
const REST: Duration = Duration::from_secs(24 * 60 * 60);

/// After this time without faults, an instance that only waits for events waits for ever.
const LOOK: Duration = Duration::from_secs(600);

/// The most runs in which a failure is made small.
const MAX_SMALLER_RUNS: usize = 200;

/// The id of the instance of a scenario.
const INSTANCE: &str = "scenario";

/// One workflow of yours under many seeds, each of which is a run of its own in virtual time: up to three hosts on one
/// store, which crash, are shut down, or are cut off from the store and taken for dead; appends that are slow, refused,
/// or written without an answer; leases that are lost; messages that come late, twice and out of order; clocks that jump
/// and go wrong; activities that take minutes, fail before or after their effect, and run again. Each second seed has its store in a
/// directory, which one host at a time has open: the machine loses power, and with it what the disk was not yet made to
/// keep, or any part of that; the disk fails, and has no room. The faults end after 20 seconds of
/// virtual time, and then the instance must end within a day. After each run your check looks at its result and at the
/// [effects](Effects) that its activities had.
///
/// A seed that fails is made small: faults are left out for as long as it fails. The panic is one line, which says what
/// to set [`SCENARIO_VARIABLE`] to, so that this run alone is repeated exactly.
///
/// ```
/// use reenact::prelude::*;
/// use reenact::testing::{Effects, Scenario};
///
/// #[activity]
/// async fn charge(
///     ctx: ActivityContext,
///     State(effects): State<Effects>,
///     cents: u64,
/// ) -> Result<u64, ActivityError> {
///     effects.happen(&ctx, "charged").await?; // a payment service that knows idempotency keys
///     Ok(cents)
/// }
///
/// #[orchestration]
/// async fn order(ctx: OrchestrationContext, cents: u64) -> Result<u64, OrchestrationError> {
///     let patient = charge.with(ActivityOptions::new().retry(RetryPolicy::new(100)));
///     let charged = ctx.call_activity(patient, cents).await?;
///     let tip: u64 = ctx.wait_external("Tip").await?;
///     Ok(charged + tip)
/// }
///
/// Scenario::new(order, 500, || Host::builder().orchestration(order).activity(charge))
///     .raise("Tip", 50)
///     .check(|result, effects| {
///         if effects.of("charged").len() != 1 {
///             return Err(format!("charged {:?}", effects.all()));
///         }
///         if result.as_ref() != Ok(&550) {
///             return Err(format!("the result is {result:?}"));
///         }
///         Ok(())
///     })
///     .run(20);
/// ```
///
/// Hosts get options of their own: those of the builder do not count, and [`tags`](Self::tags) says what they declare. The store is [`InMemory`](crate::InMemory), shared,
/// or a directory on a simulated disk, with the journals of `Local` and an archive in memory; see [`store`](Self::store).
/// Threads, files and sockets are not simulated: an activity that uses them makes a run differ from its repetition, so
/// give the hosts doubles of these.
#[must_use = "a scenario does nothing until it runs"]
pub struct Scenario<O: Orchestration> {
    input: O::Input,
    build: std::sync::Arc<dyn Fn() -> HostBuilder + Send + Sync>,
    events: Vec<RaisedEvent>,
    store: Option<ScenarioStore>,
    tags: Vec<String>,
    check: Box<Check<O::Output>>,
}

type Check<T> = dyn Fn(&Result<T, String>, &Effects) -> Result<(), String>;

/// An event that the client of a scenario raises.
#[derive(Clone)]
struct RaisedEvent {
    name: String,
    data: reenact_core::Payload,
}

/// What a scenario that went well has done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScenarioReport {
    /// The number of runs.
    pub seeds: u64,
    /// The number of faults in all of them.
    pub faults: u64,
    /// The kinds of faults that have happened.
    pub kinds: BTreeSet<FaultKind>,
}

impl<O: Orchestration> Scenario<O>
where
    O::Input: Clone + Sync,
{
    /// A scenario in which a client starts one instance, on hosts as `build` makes them. They need no provider; state of
    /// the type [`Effects`] is given to them.
    pub fn new(
        _orchestration: O,
        input: O::Input,
        build: impl Fn() -> HostBuilder + Send + Sync + 'static,
    ) -> Self {
        let check = Box::new(|_: &_, _: &_| Ok(()));
        let (build, events) = (std::sync::Arc::new(build), Vec::new());
        Self { input, build, events, store: None, tags: Vec::new(), check }
    }

    /// What the hosts have for a store, in all runs. Otherwise even seeds have memory, and odd ones a directory.
    pub const fn store(mut self, store: ScenarioStore) -> Self {
        self.store = Some(store);
        self
    }

    /// One of the hosts declares these [tags](reenact_actors::HostOptions::tags), and no other: activities that are called with
    /// them run there, and wait while it is away.
    pub fn tags(mut self, tags: impl IntoIterator<Item: Into<String>>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// The client raises an event, at some time after the start, and after the events before it were acknowledged.
    ///
    /// # Panics
    /// When the data cannot be stored.
    pub fn raise<D: Serialize>(mut self, name: impl NamesEvent<D>, data: D) -> Self {
        let name = name.event_name().to_owned();
        let data =
            reenact_core::Payload::encode(&data).expect("the data of the event can be stored");
        self.events.push(RaisedEvent { name, data });
        self
    }

    /// What must hold after each run, of the result of the instance (or why it has none) and of what its activities did.
    pub fn check(
        mut self,
        check: impl Fn(&Result<O::Output, String>, &Effects) -> Result<(), String> + 'static,
    ) -> Self {
        self.check = Box::new(check);
        self
    }

    /// Runs the seeds from 0 on, or the one run that [`SCENARIO_VARIABLE`] says.
    ///
    /// # Panics
    /// When a seed fails, with one line that repeats it; within a runtime.
    #[track_caller]
    pub fn run(&self, seeds: u64) -> ScenarioReport {
        match self.try_run(seeds) {
            Ok(report) => report,
            Err(failure) => panic!("{failure}"),
        }
    }

    /// The same, with an error.
    ///
    /// # Errors
    /// When a seed fails, or [`SCENARIO_VARIABLE`] is no run.
    ///
    /// # Panics
    /// Within a runtime.
    pub fn try_run(&self, seeds: u64) -> Result<ScenarioReport, ScenarioFailure> {
        let mut report = ScenarioReport { seeds: 0, faults: 0, kinds: BTreeSet::new() };
        if let Ok(text) = std::env::var(SCENARIO_VARIABLE) {
            let (seed, only) = failure::parse(&text)?;
            self.run_one(seed, only, &mut report)?;
            return Ok(report);
        }
        for seed in 0..seeds {
            if let Err(failure) = self.run_one(seed, None, &mut report) {
                return Err(self.made_small(failure));
            }
        }
        Ok(report)
    }

    fn run_one(
        &self,
        seed: u64,
        only: Option<BTreeSet<Fault>>,
        report: &mut ScenarioReport,
    ) -> Result<(), ScenarioFailure> {
        let by_seed =
            if seed.is_multiple_of(2) { ScenarioStore::Memory } else { ScenarioStore::Directory };
        let (store, tags) = (self.store.unwrap_or(by_seed), self.tags.clone());
        let plan = Plan { only, store, tags, ..Plan::new(seed) };
        let effects = Effects::default();
        let (build, of_host) = (self.build.clone(), effects.clone());
        let host = move |dice: &Dice| build().state(of_host.on(dice));
        let (input, events) = (self.input.clone(), self.events.clone());
        let drive = |world| drive::<O>(world, input, events);
        let run = simulate(&plan, host, drive);
        report.seeds += 1;
        report.faults += run.fired.len() as u64;
        report.kinds.extend(run.fired.iter().map(|fault| fault.kind));
        let undamaged =
            run.damage.map_or(Ok(()), |damage| Err(format!("the store is damaged: {damage}")));
        let result = undamaged.and(run.result);
        let checked = result.and_then(|result| (self.check)(&result, &effects));
        checked.map_err(|why| ScenarioFailure::Failed { seed, faults: run.fired, why })
    }

    /// The same failure with as few faults as can be.
    fn made_small(&self, failure: ScenarioFailure) -> ScenarioFailure {
        let ScenarioFailure::Failed { seed, faults, .. } = &failure else { return failure };
        let seed = *seed;
        let (mut kept, mut smallest) = (faults.clone(), failure.clone());
        let (mut portion, mut runs) = (kept.len().div_ceil(2), 0);
        while portion > 0 && runs < MAX_SMALLER_RUNS {
            let (mut begin, before) = (0, kept.len());
            while begin < kept.len() && runs < MAX_SMALLER_RUNS {
                let end = (begin + portion).min(kept.len());
                let without: Vec<Fault> = [&kept[..begin], &kept[end..]].concat();
                let mut report = ScenarioReport { seeds: 0, faults: 0, kinds: BTreeSet::new() };
                runs += 1;
                match self.run_one(seed, Some(without.iter().copied().collect()), &mut report) {
                    Err(ScenarioFailure::Failed { faults, why, .. }) => {
                        kept = faults.clone();
                        smallest = ScenarioFailure::Failed { seed, faults, why };
                    }
                    _ => begin = end,
                }
            }
            // What one fault was needed for may have gone with another one.
            let is_smallest = portion == 1 && kept.len() == before;
            portion = if is_smallest { 0 } else { portion.div_ceil(2).min(kept.len()) };
        }
        smallest
    }
}

/// Plays the client of a run. An error says why it has not come to rest.
async fn drive<O: Orchestration>(
    world: World,
    input: O::Input,
    events: Vec<RaisedEvent>,
) -> Result<Result<O::Output, String>, String>
where
    O::Input: Clone + Sync,
{
    let caller = Caller::new(world.clone());
    let client = tokio::spawn({
        let caller = caller.clone();
        async move {
            caller.start::<O>(INSTANCE, input).await?;
            for (number, event) in events.into_iter().enumerate() {
                caller.raise(INSTANCE, &event.name, event.data, number).await?;
            }
            caller.result::<O>(INSTANCE).await
        }
    });
    let mut client = client;
    // Most runs end in spite of their faults.
    let ended = match timeout(FAULTS_LAST, &mut client).await {
        Ok(ended) => Ok(ended),
        Err(_) => {
            world.heal().await;
            let stands_still = caller.until_it_stands_still(INSTANCE, LOOK);
            tokio::select! {
                biased;
                ended = timeout(REST, &mut client) => ended.map_err(drop),
                () = stands_still => Err(()),
            }
        }
    };
    match ended {
        Ok(ended) => ended.map_err(|panic| format!("the client has panicked: {panic}"))?,
        Err(()) => {
            client.abort();
            Err(caller.waits_for(INSTANCE).await)
        }
    }
}
