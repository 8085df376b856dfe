//! Hours of mixed load on a directory, with kills, a full disk and recovery: what was acknowledged is there, nothing is
//! done twice, and nothing grows.
//!
//! ```text
//! cargo run --release -p reenact-soak -- --minutes 120 --kill-every 60
//! ```
//!
//! The host runs in a process of its own, this program started again, and is killed every `--kill-every` seconds. It says on its
//! standard output what was acknowledged; the next one is asked for the newest of that, and does again, under the same
//! ids and keys, what was not. Once a second its memory, its open files, the size of the directory and the latencies are
//! taken. At the end all of it is shown as plots, and the last quarter is held against the second: the exit code is 1
//! where something was lost, done twice, or has grown.
//!
//! `--fill` fills the disk between two kills, until something was refused for some seconds. It needs `--dir` on a file
//! system of its own, with less than 4 GiB free, such as a `tmpfs`.

mod conductor;
mod fill;
mod host;
mod load;
mod report;
mod samples;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::conductor::Conductor;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Where the store is.
    dir: PathBuf,
    /// How long all of it takes.
    time: Duration,
    /// How long a host lives.
    kill_every: Duration,
    /// The number of hosts that are killed; as many as there is time for when it is `None`.
    kills: Option<u64>,
    /// Whether the disk is filled.
    fill: bool,
}

const USAGE: &str = "\
usage: reenact-soak [--dir DIR] [--minutes N | --seconds N] [--kill-every SECONDS] [--kills N] [--fill]

  --dir         an empty directory for the store, which stays; a temporary one unless it is given
  --minutes     how long it takes; 60 unless it is given
  --kill-every  seconds that a host lives; 60 unless it is given
  --kills       ends once so many hosts were killed and one more has come to its end
  --fill        fills the disk once in the life of each host";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == host::ARGUMENT) {
        return host::main(&arguments[1..]);
    }
    let done = plan(&arguments).and_then(|plan| Conductor::new(plan)?.run());
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn plan(arguments: &[String]) -> Result<Plan, String> {
    let temporary = std::env::temp_dir().join(format!("reenact-soak-{}", std::process::id()));
    let mut plan = Plan {
        dir: temporary,
        time: Duration::from_secs(60 * 60),
        kill_every: Duration::from_secs(60),
        kills: None,
        fill: false,
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value\n{USAGE}"));
        let number = |text: &String| {
            let number = text.parse().ok().filter(|number| *number > 0);
            number.ok_or(format!("{argument} needs a number above 0, not `{text}`"))
        };
        match argument.as_str() {
            "--dir" => plan.dir = PathBuf::from(value()?),
            "--minutes" => plan.time = Duration::from_secs(60 * number(value()?)?),
            "--seconds" => plan.time = Duration::from_secs(number(value()?)?),
            "--kill-every" => plan.kill_every = Duration::from_secs(number(value()?)?),
            "--kills" => plan.kills = Some(number(value()?)?),
            "--fill" => plan.fill = true,
            other => return Err(format!("there is no option `{other}`\n{USAGE}")),
        }
    }
    Ok(plan)
}
