//! `reenact-simulation`: runs seeds, and prints for each that fails a line that repeats it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Instant;

use reenact::testing::simulation::{Fault, FaultKind};
use reenact_simulation::{MARKS, Store, run_seed_on, store_of, systematic};

const USAGE: &str = "reenact-simulation [--seeds N] [--seed S] [--from S] [--store memory|directory|hub] \
     [--faults crash:3,twice:0] [--trace] [--keep-going]\n\
     reenact-simulation --systematic [--scenario NAME] [--twice [N]]\n\
     reenact-simulation --zoo [BUG|none] [--seeds N] [--check CHECK]";

/// From this number of seeds on, each kind of fault must have happened, and each mark must have been seen.
const ENOUGH_SEEDS: u64 = 500;

struct Arguments {
    seeds: u64,
    first: u64,
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
        Some(("--zoo", rest)) => return zoo(rest),
        _ => {}
    }
    let arguments = match arguments(given.into_iter()) {
        Ok(arguments) => arguments,
        Err(wrong) => {
            eprintln!("{wrong}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let (began, mut failed, mut calls) = (Instant::now(), 0_u64, 0_u64);
    let mut fired: BTreeMap<FaultKind, u64> = BTreeMap::new();
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    let mut digest = 0_u64;
    for seed in arguments.first..arguments.first + arguments.seeds {
        let store = arguments.store.unwrap_or(store_of(seed));
        let outcome = run_seed_on(store, seed, arguments.only.clone(), arguments.trace);
        outcome.lines.iter().for_each(|line| println!("{line}"));
        outcome.fired.iter().for_each(|fault| *fired.entry(fault.kind).or_default() += 1);
        calls += outcome.calls;
        digest = digest.rotate_left(1) ^ outcome.digest;
        if arguments.seeds == 1 {
            let faults: Vec<String> = outcome.fired.iter().map(Fault::to_string).collect();
            println!(
                "seed {seed} on {store}: digest {:016x}, {} calls of the store, {:?} of virtual time, faults {}",
                outcome.digest,
                outcome.calls,
                outcome.took,
                faults.join(",")
            );
        }
        match outcome.result {
            Ok(marks) => marks.into_iter().for_each(|mark| *seen.entry(mark).or_default() += 1),
            Err(wrong) => {
                failed += 1;
                println!(
                    "seed {seed} on {store} fails: {wrong}\n  repeat it with: cargo run -p reenact-simulation -- --store {store} --seed {seed}"
                );
                if !arguments.keep_going {
                    break;
                }
            }
        }
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "{} seeds, {failed} failed, {calls} calls of the store, {took:.1} s, digest {digest:016x}",
        arguments.seeds
    );
    let missing: Vec<_> = FaultKind::ALL.iter().filter(|kind| !fired.contains_key(kind)).collect();
    for (kind, times) in &fired {
        println!("  {kind}: {times}");
    }
    for mark in MARKS {
        println!("  {mark}: {} seeds", seen.get(mark).unwrap_or(&0));
    }
    let unseen: Vec<_> = MARKS.iter().filter(|mark| !seen.contains_key(*mark)).collect();
    let all_can_happen = arguments.only.is_none() && arguments.store.is_none();
    if all_can_happen
        && arguments.seeds >= ENOUGH_SEEDS
        && !(missing.is_empty() && unseen.is_empty())
    {
        println!("these have never happened: {missing:?} {unseen:?}");
        return ExitCode::FAILURE;
    }
    if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[cfg(reenact_zoo)]
fn zoo(given: &[String]) -> ExitCode {
    reenact_simulation::zoo::main(given.iter().cloned())
}

#[cfg(not(reenact_zoo))]
fn zoo(_: &[String]) -> ExitCode {
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
