//! A check for your own program: do exported histories still fit the code?
//!
//! Make a small binary that registers your code, and run it where changes are tested, on histories that were
//! exported from a store in use ([`transfer::export`](crate::transfer::export), or `reenact export`). It needs no
//! store, and changes nothing.
//!
//! ```no_run
//! use reenact::prelude::*;
//! # #[orchestration]
//! # async fn order(_ctx: OrchestrationContext, _: ()) -> Result<(), OrchestrationError> { Ok(()) }
//!
//! fn main() -> std::process::ExitCode {
//!     reenact::verify::main(Host::builder().orchestration(order))
//! }
//! ```
//!
//! ```text
//! $ cargo run --bin verify -- histories.jsonl
//! unfit  order-7  order  nondeterministic at event 4: expected TaskScheduled #2 `charge`, found TaskScheduled #2 `bill`
//! 1 of 312 histories does not fit
//! ```

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::ExitCode;

use reenact_actors::transfer::{Reader, TransferError};
use reenact_actors::{Unfit, Verifier};

use crate::HostBuilder;

/// The exit code when all histories fit.
pub const FITS: u8 = 0;

/// The exit code when a history does not fit.
pub const DOES_NOT_FIT: u8 = 1;

/// The exit code when the check could not be made: a file cannot be read or is damaged, an argument is
/// unknown, or what was registered does not fit together.
pub const NOT_CHECKED: u8 = 2;

/// How [`main`] is called.
const USAGE: &str = "\
Replays exported histories against the code of this program.

usage: [--quiet] [FILE]...

  FILE      an export of reenact; `-` or none: the standard input
  --quiet   shows no line for a history that fits
  --help    shows this

exit code: 0 all fit, 1 some do not, 2 they could not be checked";

/// What was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// Number of histories.
    pub histories: u64,
    /// Those that do not fit, in the order of the file.
    pub unfit: Vec<Unfit>,
}

/// The `main` of a program that checks histories: reads the files that its arguments name, or the standard input,
/// and replays each history against what was registered. Says on the standard output which fit and which do not,
/// with what was expected, what was found, and where; and on the standard error why it could not check. The exit
/// codes are [`FITS`], [`DOES_NOT_FIT`] and [`NOT_CHECKED`].
///
/// A provider of the builder is not used, and activities need not be registered but for those that are open in
/// a history that goes on. Finished instances are checked as well. Must not be called within a runtime of
/// tokio: it makes one.
pub fn main(builder: HostBuilder) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    ExitCode::from(run(&builder, &arguments, &mut std::io::stdout(), &mut std::io::stderr()))
}

/// As [`main`], with its arguments, and where it writes; the exit code. A failure to write ends it as
/// [`NOT_CHECKED`].
pub fn run(
    builder: &HostBuilder,
    arguments: &[String],
    out: &mut dyn Write,
    complaints: &mut dyn Write,
) -> u8 {
    match run_or_fail(builder, arguments, out) {
        Ok(code) => code,
        Err(why) => {
            // Where nobody listens, the exit code says it.
            let _ = writeln!(complaints, "error: {why}");
            NOT_CHECKED
        }
    }
}

fn run_or_fail(
    builder: &HostBuilder,
    arguments: &[String],
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let (mut quiet, mut files) = (false, Vec::new());
    for argument in arguments {
        match &**argument {
            "--quiet" => quiet = true,
            "--help" => {
                writeln!(out, "{USAGE}")?;
                return Ok(FITS);
            }
            unknown if unknown.starts_with('-') && unknown != "-" => {
                return Err(Failure(format!("unknown argument {unknown:?}\n\n{USAGE}")));
            }
            file => files.push(file),
        }
    }
    if files.is_empty() {
        files.push("-");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut all = Checked::default();
    for file in files {
        let read: Box<dyn BufRead> = match file {
            "-" => Box::new(BufReader::new(std::io::stdin())),
            path => {
                let opened =
                    File::open(path).map_err(|error| Failure(format!("{path}: {error}")))?;
                Box::new(BufReader::new(opened))
            }
        };
        let mut failed = Ok(());
        let checked = runtime.block_on(check(builder, read, |name, id, unfit| {
            if failed.is_err() {
                return;
            }
            failed = match unfit {
                Some(unfit) => writeln!(out, "unfit  {id}  {name}  {}", unfit.reason),
                None if quiet => Ok(()),
                None => writeln!(out, "fits   {id}  {name}"),
            };
        }));
        failed?;
        let checked = checked.map_err(|error| Failure(format!("{file}: {error}")))?;
        all.histories += checked.histories;
        all.unfit.extend(checked.unfit);
    }
    writeln!(out, "{all}")?;
    Ok(if all.unfit.is_empty() { FITS } else { DOES_NOT_FIT })
}

/// Replays each history of an export against what is registered on a builder. `seen` is called with each: the
/// orchestration, the instance, and why it does not fit, if it does not.
///
/// # Errors
/// [`TransferError`]: the export cannot be read or is damaged; or, as its `Store`, what was registered does not fit
/// together. What was seen before is still true.
pub async fn check(
    builder: &HostBuilder,
    from: impl BufRead,
    mut seen: impl FnMut(&str, &str, Option<&Unfit>),
) -> Result<Checked, TransferError> {
    let verifier = Verifier::new(builder.registry()?);
    let mut reader = Reader::new(from)?;
    let mut checked = Checked::default();
    while let Some(instance) = reader.next_instance()? {
        let (name, id) = (instance.summary.name.clone(), instance.summary.instance.clone());
        let unfit = verifier.unfit(instance.summary, instance.turns).await?;
        seen(name.as_str(), id.as_str(), unfit.as_ref());
        checked.histories += 1;
        checked.unfit.extend(unfit);
    }
    Ok(checked)
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.unfit.len(), self.histories) {
            (0, 1) => f.write_str("the history fits"),
            (0, all) => write!(f, "all of {all} histories fit"),
            (1, all) => write!(f, "1 of {all} histories does not fit"),
            (unfit, all) => write!(f, "{unfit} of {all} histories do not fit"),
        }
    }
}

/// Why the check could not be made, for people.
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
