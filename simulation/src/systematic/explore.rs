//! Goes through the points of all scenarios, on all processors.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use reenact::testing::simulation::{Counted, CrashPoint, Moment};

use super::run::Run;
use super::scenarios::Scenario;
use super::{Counts, Failure, Limit, run};

/// By how many places the turns differ, where not everything is run. A prime, so that it gets everywhere.
const STEP: usize = 7_919;

/// A scenario on a number of hosts.
#[derive(Clone, Copy)]
pub(super) struct Variant {
    pub(super) scenario: Scenario,
    pub(super) hosts: usize,
}

impl Variant {
    /// The run without a crash.
    pub(super) fn baseline(&self) -> Result<Run, Failure> {
        let run = self.run(&[], false);
        match &run.result {
            Ok(_) => Ok(run),
            Err(why) => Err(self.failure(&[], why)),
        }
    }

    pub(super) fn run(&self, crashes: &[CrashPoint], keeps_lines: bool) -> Run {
        let ran = catch_unwind(AssertUnwindSafe(|| run::run(self, crashes, keeps_lines)));
        ran.unwrap_or_else(|_| Run::failed("it has panicked"))
    }

    /// What came out must be what came out without the crashes.
    pub(super) fn compare(
        &self,
        baseline: &Run,
        run: &Run,
        crashes: &[CrashPoint],
    ) -> Result<(), Failure> {
        let outcome = run.result.as_ref().map_err(|why| self.failure(crashes, why))?;
        let Ok(expected) = &baseline.result else { return Ok(()) };
        match expected.differs_from(outcome) {
            Some(why) => Err(self.failure(crashes, &why)),
            None => Ok(()),
        }
    }

    fn failure(&self, crashes: &[CrashPoint], why: &str) -> Failure {
        Failure {
            scenario: self.scenario.name.to_owned(),
            hosts: self.hosts,
            crashes: crashes.to_vec(),
            why: why.to_owned(),
        }
    }
}

/// Runs these, each with a crash at each of its points.
pub(super) fn explore(
    variants: Vec<Variant>,
    limit: &Limit,
    mut counts: Counts,
) -> Result<Counts, Failure> {
    let mut baselines = Vec::new();
    let mut work = Vec::new();
    for variant in variants {
        let baseline = variant.baseline()?;
        counts.variants += 1;
        counts.polls += baseline.counted.polls;
        counts.calls += baseline.counted.calls;
        let firsts = spread(points(baseline.counted, limit.in_calls), limit.once, 0);
        let count = firsts.len();
        let share = |place| part(limit.twice, place, count);
        let with_share = |(place, first)| (baselines.len(), first, share(place));
        work.extend(firsts.into_iter().enumerate().map(with_share));
        baselines.push((variant, baseline));
    }
    let shared = Shared { baselines, work, in_calls: limit.in_calls, ..Shared::default() };
    let threads = limit.threads.or_else(|| std::thread::available_parallelism().ok());
    std::thread::scope(|scope| {
        for _ in 0..threads.map_or(1, NonZero::get) {
            scope.spawn(|| shared.work());
        }
    });
    let first_failure = shared.failures().pop_first();
    match first_failure {
        Some((_, failure)) => Err(failure),
        None => Ok(Counts {
            once: shared.once.into_inner(),
            calls_after: shared.calls_after.into_inner(),
            twice: shared.twice.into_inner(),
            ..counts
        }),
    }
}

/// What is to be done, and what was done, of all threads.
#[derive(Default)]
struct Shared {
    baselines: Vec<(Variant, Run)>,
    /// Whose point it is, the point, and how many second crashes there may be after it.
    work: Vec<(usize, CrashPoint, usize)>,
    in_calls: bool,
    next: AtomicUsize,
    once: AtomicU64,
    calls_after: AtomicU64,
    twice: AtomicU64,
    /// By the place of the work, so that it does not depend on the threads which one is reported.
    failures: Mutex<BTreeMap<usize, Failure>>,
}

impl Shared {
    fn work(&self) {
        loop {
            let place = self.next.fetch_add(1, Ordering::SeqCst);
            // What comes before a failure in the order is still run.
            let Some(work) = self.work.get(place).filter(|_| self.failures().is_empty()) else {
                return;
            };
            if let Err(failure) = self.crash_at(place, work) {
                self.failures().insert(place, failure);
            }
        }
    }

    fn crash_at(
        &self,
        place: usize,
        &(of, first, seconds): &(usize, CrashPoint, usize),
    ) -> Result<(), Failure> {
        let (variant, baseline) = &self.baselines[of];
        let run = variant.run(&[first], false);
        self.once.fetch_add(1, Ordering::SeqCst);
        variant.compare(baseline, &run, &[first])?;
        if run.left > 0 {
            return Err(variant.failure(&[first], "the run has no such point: it is not the same"));
        }
        self.calls_after.fetch_add(run.counted.calls, Ordering::SeqCst);
        for second in spread(points(run.counted, self.in_calls), seconds, place) {
            let crashes = [first, second];
            let run = variant.run(&crashes, false);
            self.twice.fetch_add(1, Ordering::SeqCst);
            variant.compare(baseline, &run, &crashes)?;
            if run.left > 0 {
                let why = "the run has no such point: it is not the same";
                return Err(variant.failure(&crashes, why));
            }
        }
        Ok(())
    }

    fn failures(&self) -> MutexGuard<'_, BTreeMap<usize, Failure>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All points of a run: those in calls first, which are fewer and matter more, and maybe only those.
fn points(counted: Counted, in_calls_only: bool) -> Vec<CrashPoint> {
    let in_calls = [Moment::Before, Moment::Unanswered, Moment::Answered];
    let in_call = |number| in_calls.into_iter().map(move |moment| CrashPoint { moment, number });
    let polls = if in_calls_only { 0 } else { counted.polls };
    let polls = (0..polls).map(|number| CrashPoint { moment: Moment::Poll, number });
    (0..counted.calls).flat_map(in_call).chain(polls).collect()
}

/// The part of the one at a place, when so many have an amount together.
fn part(amount: usize, place: usize, of: usize) -> usize {
    let up_to = |place: usize| amount as u128 * place as u128 / of as u128;
    usize::try_from(up_to(place + 1) - up_to(place)).unwrap_or(usize::MAX)
}

/// At most so many of them, evenly. Each turn begins with another one.
fn spread<T: Copy>(all: Vec<T>, most: usize, turn: usize) -> Vec<T> {
    let (count, most) = (all.len(), most.min(all.len()));
    (0..most).map(|one| all[(one * count / most + turn * STEP) % count]).collect()
}
