//! A crash at every place where one can be: small scenarios, each of which is run again for each of its points.
//!
//! A scenario is run once without a crash, and its points are counted: each poll of a task while a host is up, and each
//! call of the store that a host makes. Then it is run again for each point. At a poll, the host is gone. In a call, it is
//! gone before the call has an effect; when it has had it, and nobody hears of it; and when the answer has come. A host
//! starts again, and what comes out must be what came out without the crash. With a second crash, the points of the
//! recovery are gone through in the same way.

mod check;
mod command;
mod explore;
mod play;
mod run;
mod scenarios;

use std::fmt;
use std::num::NonZero;

use reenact::testing::simulation::CrashPoint;

pub use self::command::command;
use self::explore::Variant;
use self::scenarios::Scenario;

/// What is run of all that could be.
#[derive(Clone, Debug)]
pub struct Limit {
    /// The scenario of this name only.
    pub scenario: Option<String>,
    /// The most runs with one crash, for each scenario on each number of hosts. When it has more points, every so
    /// manieth is run.
    pub once: usize,
    /// The most runs with two crashes, in the same way.
    pub twice: usize,
    /// Only the points in calls of the store.
    pub in_calls: bool,
    /// The threads; as many as the machine has processors when it is `None`. The result does not depend on it.
    pub threads: Option<NonZero<usize>>,
}

impl Limit {
    /// Every point, and no second crash.
    pub const ONCE: Self =
        Self { scenario: None, once: usize::MAX, twice: 0, in_calls: false, threads: None };
}

/// How much was run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Scenarios.
    pub scenarios: u64,
    /// Scenarios, each on each number of hosts.
    pub variants: u64,
    /// The points of their runs without a crash: polls, and calls of the store.
    pub polls: u64,
    /// See [`polls`](Self::polls). Each call has three points.
    pub calls: u64,
    /// Runs with one crash.
    pub once: u64,
    /// The calls of the store after that crash, of all those runs. Each has three points for the second one.
    pub calls_after: u64,
    /// Runs with two crashes.
    pub twice: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} scenarios ({} with their numbers of hosts), {} polls and {} calls of the store without a crash, {} runs with \
             one crash and {} calls after it, {} with two",
            self.scenarios,
            self.variants,
            self.polls,
            self.calls,
            self.once,
            self.calls_after,
            self.twice
        )
    }
}

/// A run that went wrong. Its text is one line that says how to repeat it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The name of the scenario.
    pub scenario: String,
    /// The number of hosts.
    pub hosts: usize,
    /// Where hosts have crashed: each point is counted from the one before it.
    pub crashes: Vec<CrashPoint>,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crashes: Vec<String> = self.crashes.iter().map(CrashPoint::to_string).collect();
        write!(
            f,
            "{} on {} hosts fails: {}; repeat it with: cargo run -p reenact-simulation -- --systematic --scenario {} --hosts {} \
             --crashes {}",
            self.scenario,
            self.hosts,
            self.why.replace('\n', " "),
            self.scenario,
            self.hosts,
            crashes.join(",")
        )
    }
}

impl std::error::Error for Failure {}

/// The names of all scenarios.
pub fn names() -> Vec<&'static str> {
    scenarios::all().into_iter().map(|scenario| scenario.name).collect()
}

/// What the client of each scenario is answered without a crash.
///
/// # Errors
/// When one of them goes wrong.
pub fn answers() -> Result<Vec<(&'static str, Vec<String>)>, Failure> {
    let answers = |scenario: Scenario| {
        let run = Variant { scenario, hosts: scenario.hosts[0] }.baseline()?;
        Ok((scenario.name, run.result.map(|outcome| outcome.answers).unwrap_or_default()))
    };
    scenarios::all().into_iter().map(answers).collect()
}

/// Runs a scenario with these crashes, and compares it with the run without. `say` gets the lines of its trace.
/// `None` when there is no such scenario.
pub fn repeat(
    scenario: &str,
    hosts: usize,
    crashes: &[CrashPoint],
    say: impl Fn(&str),
) -> Option<Result<(), Failure>> {
    let scenario = scenarios::all().into_iter().find(|it| it.name == scenario)?;
    let variant = Variant { scenario, hosts };
    Some(variant.baseline().and_then(|baseline| {
        let run = variant.run(crashes, true);
        run.lines.iter().for_each(|line| say(line));
        variant.compare(&baseline, &run, crashes)
    }))
}

/// Runs everything within a limit.
///
/// # Errors
/// The first run that goes wrong.
pub fn run_all(limit: &Limit) -> Result<Counts, Failure> {
    let is_chosen = |it: &&Scenario| limit.scenario.as_deref().is_none_or(|name| name == it.name);
    let chosen: Vec<Scenario> = scenarios::all().into_iter().filter(|it| is_chosen(&it)).collect();
    let mut variants = Vec::new();
    for scenario in &chosen {
        variants.extend(
            scenario.hosts.iter().map(|hosts| Variant { scenario: *scenario, hosts: *hosts }),
        );
    }
    let counts = Counts { scenarios: chosen.len() as u64, ..Counts::default() };
    explore::explore(variants, limit, counts)
}
