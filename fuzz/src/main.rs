//! `cargo run --release -p reenact-fuzz -- TARGET [--inputs N] [--seed S]` gives changed inputs to a target. One at which
//! it panics is kept, and named. `-- seeds` keeps inputs to begin with; without arguments, it lists the targets.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use reenact_fuzz::{TARGETS, Target, keep, run};

/// Inputs, unless the command line says otherwise.
const INPUTS: u64 = 100_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |option: &str| {
        let at = arguments.iter().position(|argument| argument == option)?;
        arguments.get(at + 1)?.replace('_', "").parse::<u64>().ok()
    };
    let Some(first) = arguments.first() else { return list() };
    if first == "seeds" {
        return keep_seeds();
    }
    let Some(target) = TARGETS.iter().find(|target| target.name == first) else {
        eprintln!("there is no target `{first}`; without arguments, all are listed");
        return ExitCode::from(2);
    };
    let seed = number("--seed").unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs())
    });
    fuzz(target, number("--inputs").unwrap_or(INPUTS), seed)
}

fn list() -> ExitCode {
    for Target { name, reads, .. } in &TARGETS {
        println!("{name:10} {reads}");
    }
    ExitCode::SUCCESS
}

fn keep_seeds() -> ExitCode {
    for target in &TARGETS {
        for (number, seed) in (target.seeds)().iter().enumerate() {
            if let Err(error) = keep(target, &format!("seed-{number:02}"), seed) {
                eprintln!("the corpus of `{}` cannot be written: {error}", target.name);
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn fuzz(target: &Target, inputs: u64, seed: u64) -> ExitCode {
    println!("{} --inputs {inputs} --seed {seed}", target.name);
    let last = RefCell::new(Vec::new());
    let ran = catch_unwind(AssertUnwindSafe(|| {
        run(target, inputs, seed, |input| drop(last.replace(input.to_vec())));
    }));
    if ran.is_ok() {
        return ExitCode::SUCCESS;
    }
    let name = format!("found-{seed}");
    match keep(target, &name, &last.borrow()) {
        Ok(()) => eprintln!("it panics at fuzz/corpus/{}/{name}", target.name),
        Err(error) => eprintln!("it panics, and the input cannot be kept: {error}"),
    }
    ExitCode::FAILURE
}
