//! `reenact-simulation`: runs seeds, and prints for each that fails a line that repeats it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use reenact::testing::simulation::{Fault, FaultKind};
use reenact_simulation::{MARKS, Outcome, Store, in_order, run_seed_on, store_of, systematic, zoo};

const USAGE: &str = "reenact-simulation [--seeds N] [--seed S] [--from S] [--seconds N] [--jobs N] [--store memory|directory|hub] \
     [--faults crash:3,twice:0] [--trace] [--keep-going]\n\
     reenact-simulation --systematic [--scenario NAME] [--twice [N]]\n\
     reenact-simulation --zoo [BUG|none] [--seeds N] [--check CHECK[,CHECK]]";

/// Large futures are made and dropped all the time, which takes a sixth of the time with the allocator of the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// From this number of seeds on, each kind of fault must have happened, and each mark must have been seen.
const ENOUGH_SEEDS: u64 = 500;

struct Arguments {
    seeds: u64,
    first: u64,
    /// After this time no more seeds are taken.
    lasts: Option<Duration>,
    /// The number of threads that run seeds.
    jobs: NonZero<usize>,
    only: Option<BTreeSet<Fault>>,
    /// The store of all seeds; each has its own where it is `None`.
    store: Option<Store>,
    trace: bool,
    keep_going: bool,
}

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    match given.split_first().map(|(first, rest)| (&**first, rest)) {
        Some(("--systematic", rest)) => return systematic::command(rest),
        Some(("--zoo", rest)) => return run_zoo(rest),
        _ => {}
    }
    let arguments = match arguments(given.into_iter()) {
        Ok(arguments) => arguments,
        Err(wrong) => {
            eprintln!("{wrong}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let report = run(&arguments);
    report.print(&arguments)
}

/// Runs the seeds, prints what goes wrong, and adds up what they have seen.
fn run(arguments: &Arguments) -> Report {
    let began = Instant::now();
    let mut report = Report::default();
    let store_of = |seed| arguments.store.unwrap_or(store_of(seed));
    let last = arguments.first.saturating_add(arguments.seeds);
    in_order(
        arguments.first..last,
        arguments.jobs,
        |seed| run_seed_on(store_of(seed), seed, arguments.only.clone(), arguments.trace),
        |seed, outcome| {
            let went_well = report.add(arguments, (seed, store_of(seed)), outcome);
            let is_late = arguments.lasts.is_some_and(|lasts| began.elapsed() >= lasts);
            if is_late || !(went_well || arguments.keep_going) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        },
    );
    report.took = began.elapsed();
    report
}

/// What came of all seeds.
#[derive(Default)]
struct Report {
    seeds: u64,
    failed: u64,
    calls: u64,
    digest: u64,
    fired: BTreeMap<FaultKind, u64>,
    seen: BTreeMap<&'static str, u64>,
    took: Duration,
}

impl Report {
    /// Whether the seed went well.
    fn add(
        &mut self,
        arguments: &Arguments,
        (seed, store): (u64, Store),
        outcome: Result<Outcome, String>,
    ) -> bool {
        self.seeds += 1;
        let result = outcome.and_then(|outcome| {
            self.count(&outcome);
            outcome.lines.iter().for_each(|line| println!("{line}"));
            if arguments.seeds == 1 {
                print_seed(seed, store, &outcome);
            }
            outcome.result
        });
        match result {
            Ok(marks) => marks.into_iter().for_each(|it| *self.seen.entry(it).or_default() += 1),
            Err(wrong) => {
                self.failed += 1;
                println!(
                    "seed {seed} on {store} fails: {wrong}\n  repeat it with: cargo run -p reenact-simulation -- --store {store} --seed {seed}"
                );
                return false;
            }
        }
        true
    }

    fn count(&mut self, outcome: &Outcome) {
        outcome.fired.iter().for_each(|fault| *self.fired.entry(fault.kind).or_default() += 1);
        self.calls += outcome.calls;
        self.digest = self.digest.rotate_left(1) ^ outcome.digest;
    }

    fn print(&self, arguments: &Arguments) -> ExitCode {
        println!(
            "{} seeds from {}, {} failed, {} calls of the store, {:.1} s, digest {:016x}",
            self.seeds,
            arguments.first,
            self.failed,
            self.calls,
            self.took.as_secs_f64(),
            self.digest
        );
        for (kind, times) in &self.fired {
            println!("  {kind}: {times}");
        }
        for mark in MARKS {
            println!("  {mark}: {} seeds", self.seen.get(mark).unwrap_or(&0));
        }
        let missing = FaultKind::ALL.iter().filter(|kind| !self.fired.contains_key(kind));
        let missing: Vec<_> = missing.collect();
        let unseen: Vec<_> = MARKS.iter().filter(|it| !self.seen.contains_key(*it)).collect();
        let all_can_happen = arguments.only.is_none() && arguments.store.is_none();
        if all_can_happen
            && self.seeds >= ENOUGH_SEEDS
            && !(missing.is_empty() && unseen.is_empty())
        {
            println!("these have never happened: {missing:?} {unseen:?}");
            return ExitCode::FAILURE;
        }
        if self.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

fn print_seed(seed: u64, store: Store, outcome: &Outcome) {
    let faults: Vec<String> = outcome.fired.iter().map(Fault::to_string).collect();
    println!(
        "seed {seed} on {store}: digest {:016x}, {} calls of the store, {:?} of virtual time, faults {}",
        outcome.digest,
        outcome.calls,
        outcome.took,
        faults.join(",")
    );
}

fn run_zoo(given: &[String]) -> ExitCode {
    match zoo::Arguments::parse(given) {
        Ok(arguments) => hunt(&arguments),
        Err(wrong) => {
            eprintln!("{wrong}\n{}", zoo::USAGE);
            ExitCode::from(2)
        }
    }
}

#[cfg(reenact_zoo)]
fn hunt(arguments: &zoo::Arguments) -> ExitCode {
    zoo::command(arguments)
}

#[cfg(not(reenact_zoo))]
fn hunt(_: &zoo::Arguments) -> ExitCode {
    eprintln!(
        "no bug can be planted in this build; build it so:\n  \
         RUSTC_WORKSPACE_WRAPPER=$PWD/simulation/zoo/rustc cargo run -p reenact-simulation -- --zoo"
    );
    ExitCode::from(2)
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments {
        seeds: 1_000,
        first: 0,
        lasts: None,
        jobs: available_parallelism().unwrap_or(NonZero::<usize>::MIN),
        only: None,
        store: None,
        trace: false,
        keep_going: false,
    };
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--seeds" => arguments.seeds = number(&value()?)?,
            "--seed" => (arguments.first, arguments.seeds) = (number(&value()?)?, 1),
            "--faults" => {
                let faults = value()?;
                let faults = faults.split(',').filter(|fault| !fault.is_empty());
                arguments.only = Some(faults.map(str::parse).collect::<Result<_, _>>()?);
            }
            "--store" => arguments.store = Some(value()?.parse()?),
            "--seconds" => {
                arguments.lasts = Some(Duration::from_secs(number(&value()?)?));
                arguments.seeds = u64::MAX;
            }
            "--jobs" => {
                let jobs = usize::try_from(number(&value()?)?).ok().and_then(NonZero::new);
                arguments.jobs = jobs.ok_or("`--jobs` needs a number from 1 on")?;
            }
            "--from" => arguments.first = number(&value()?)?,
            "--trace" => arguments.trace = true,
            "--keep-going" => arguments.keep_going = true,
            other => return Err(format!("`{other}` is no option")),
        }
    }
    Ok(arguments)
}

fn number(text: &str) -> Result<u64, String> {
    text.replace('_', "").parse().map_err(|_| format!("`{text}` is no number"))
}
