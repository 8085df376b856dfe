//! The zoo: bugs that engines of this kind have had, planted one at a time, and which check finds each.

use std::io::Write;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reenact::core::zoo::{Bug, plant};

use crate::checks::Check;

/// How to call it.
pub const USAGE: &str = "reenact-simulation --zoo [BUG|none] [--seeds N] [--check CHECK]";

/// As many seeds a bug may take.
const SEEDS: u64 = 10_000;

/// A run that takes longer never ends.
const ENDLESS: Duration = Duration::from_secs(120);

/// Which check finds a bug first, and after how many seeds, as it was measured last.
pub const FOUND_BY: &[(Bug, Check, u64)] = &[
    (Bug::NoDeduplication, Check::Simulation, 7),
    (Bug::DeduplicationByTime, Check::Simulation, 1),
    (Bug::KeysLostAtContinueAsNew, Check::Simulation, 94),
    (Bug::InboxLostAtContinueAsNew, Check::Simulation, 3),
    (Bug::EventsLostWhileSuspended, Check::Simulation, 5),
    (Bug::WakeLostWhileSuspended, Check::Simulation, 5),
    (Bug::WakerIgnored, Check::Values, 1),
    (Bug::CompletionOrderByPoll, Check::Values, 1),
    (Bug::RandomDrawnAgain, Check::Simulation, 7),
    (Bug::LiveValueNotAsRecorded, Check::Values, 1),
    (Bug::FloatLost, Check::Values, 1),
    (Bug::EffectsBeforeDurable, Check::Simulation, 1),
    (Bug::AnswerBeforeDurable, Check::Simulation, 1),
    (Bug::UnknownTakenForSuccess, Check::Simulation, 6),
    (Bug::FenceIgnored, Check::Simulation, 55),
    (Bug::FenceSkipped, Check::Conformance, 1),
    (Bug::QueueMessageAcknowledgedEarly, Check::Poison, 12),
    (Bug::TimerNotRearmed, Check::Simulation, 43),
    (Bug::TimerBelowReadLevel, Check::Simulation, 133),
    (Bug::TimerEarly, Check::Simulation, 18),
    (Bug::OverdueComesLast, Check::Values, 182),
    (Bug::MessageNotSentAgain, Check::Simulation, 20),
    (Bug::CompletionOfEarlierExecution, Check::Simulation, 961),
    (Bug::KeyOfAttempt, Check::Simulation, 20),
    (Bug::LostLeaseNeverTakenAgain, Check::Simulation, 12),
    (Bug::PoisonForEver, Check::Poison, 1),
    (Bug::SyncSkipped, Check::Journal, 1),
    (Bug::NamesNotSynced, Check::Journal, 1),
    (Bug::FailedSyncForgiven, Check::Journal, 8),
    (Bug::RecoveredNotHardened, Check::Journal, 71),
    (Bug::TailCutAtAnyError, Check::Journal, 2),
    (Bug::RepairKeepsTornRecord, Check::Journal, 15),
    (Bug::LockNeverGivenBack, Check::Simulation, 7),
];

/// A check that has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The check.
    pub check: Check,
    /// How many seeds it took.
    pub seeds: u64,
    /// What it says.
    pub why: String,
}

/// Plants a bug in this process, and runs these checks in turn, a seed of each, until one fails.
pub fn hunt(bug: Option<Bug>, checks: &[Check], seeds: u64) -> Option<Found> {
    plant(bug);
    std::panic::set_hook(Box::new(|_| {}));
    (0..seeds).find_map(|seed| {
        checks.iter().filter(|check| seed < check.seeds()).find_map(|&check| {
            let why = within(move || check.run(seed)).err()?;
            Some(Found { check, seeds: seed + 1, why })
        })
    })
}

/// Runs one seed in a thread of its own, and does not wait for ever.
fn within(run: impl FnOnce() -> Result<(), String> + Send + 'static) -> Result<(), String> {
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || drop(sender.send(run())));
    ended.recv_timeout(ENDLESS).unwrap_or_else(|_| Err("it never ends".to_owned()))
}

/// The command: hunts one bug, or each in a process of its own, and prints a table.
pub fn main(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let (mut one, mut seeds, mut checks) = (None, SEEDS, Check::ALL.to_vec());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seeds" => {
                match arguments.next().and_then(|number| number.replace('_', "").parse().ok()) {
                    Some(number) => seeds = number,
                    None => return wrong(),
                }
            }
            "--check" => {
                let name = arguments.next().unwrap_or_default();
                checks.retain(|check| check.name() == name);
            }
            name if one.is_none() => one = Some(name.to_owned()),
            _ => return wrong(),
        }
    }
    match one.as_deref() {
        None => all(seeds),
        Some("none") => print_row("none", hunt(None, &checks, seeds), seeds, true),
        Some(name) => match Bug::ALL.iter().find(|(_, known)| *known == name) {
            Some((bug, _)) => print_row(name, hunt(Some(*bug), &checks, seeds), seeds, false),
            None => wrong(),
        },
    }
}

fn wrong() -> ExitCode {
    let names: Vec<_> = Bug::ALL.iter().map(|(_, name)| *name).collect();
    eprintln!("{USAGE}\nbugs: {}", names.join(", "));
    ExitCode::from(2)
}

/// Hunts all bugs, as many at a time as there are processors.
fn all(seeds: u64) -> ExitCode {
    let Ok(program) = std::env::current_exe() else { return ExitCode::FAILURE };
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(0));
    let began = Instant::now();
    let hunt_next = || {
        while let Some((_, name)) = Bug::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            let child = Command::new(&program)
                .args(["--zoo", name, "--seeds", &seeds.to_string()])
                .output();
            let said = child.as_ref().map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
            print!("{}", said.unwrap_or_else(|error| format!("{name}: {error}\n")));
            let _ = std::io::stdout().flush();
            if !child.is_ok_and(|it| it.status.success()) {
                *failed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) += 1;
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        (0..threads).for_each(|_| drop(scope.spawn(hunt_next)));
    });
    let failed = failed.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    println!("{} bugs, {failed} not found, {:.0} s", Bug::ALL.len(), began.elapsed().as_secs_f64());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_row(name: &str, found: Option<Found>, seeds: u64, is_control: bool) -> ExitCode {
    let is_right = found.is_some() != is_control;
    match found {
        Some(Found { check, seeds, why }) => {
            let why: String = why.lines().next().unwrap_or_default().chars().take(150).collect();
            println!("| `{name}` | {} | {seeds} | {why} |", check.name());
        }
        None => println!("| `{name}` | not found | {seeds} | |"),
    }
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
