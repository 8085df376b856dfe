//! Hunting a bug: only in a build that has bugs to plant.

use std::io::Write;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reenact::core::zoo::{Bug, plant};

use crate::checks::Check;
use crate::zoo::{Arguments, Which};

/// A run that takes longer never ends.
const ENDLESS: Duration = Duration::from_secs(120);

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
pub fn command(arguments: &Arguments) -> ExitCode {
    let Arguments { which, seeds, checks } = arguments;
    match which {
        Which::All => all(arguments),
        Which::None => print_row("none", hunt(None, checks, *seeds), *seeds, true),
        Which::One(bug) => print_row(bug.name(), hunt(Some(*bug), checks, *seeds), *seeds, false),
    }
}

/// Hunts all bugs, as many at a time as there are processors.
fn all(arguments: &Arguments) -> ExitCode {
    let Ok(program) = std::env::current_exe() else { return ExitCode::FAILURE };
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(0));
    let began = Instant::now();
    let hunt_next = || {
        while let Some((bug, name)) = Bug::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            let child = Command::new(&program).arg("--zoo").args(arguments.of_one(*bug)).output();
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
