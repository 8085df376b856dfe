//! `reenact-simulation --systematic`: all points, or one run again.

use std::process::ExitCode;
use std::time::Instant;

use reenact::testing::simulation::CrashPoint;

use super::{Limit, names, repeat, run_all};

const USAGE: &str = "\
reenact-simulation --systematic [--scenario NAME] [--once N] [--twice [N]] [--in-calls]
reenact-simulation --systematic --scenario NAME --hosts N --crashes POINT[,POINT]

  --scenario NAME  this scenario only
  --once N         N points at most for each scenario on each number of hosts
  --twice [N]      with second crashes, N of them at most for each scenario on each number of hosts; all of them without N
  --in-calls       the points in calls of the store only
  --crashes        one run again, with its trace; a point is `poll:3`, `before:3`, `unanswered:3` or `answered:3`";

struct Arguments {
    limit: Limit,
    /// One run: the number of hosts, and where they crash.
    hosts: usize,
    crashes: Option<Vec<CrashPoint>>,
}

/// Runs what the arguments after `--systematic` say.
pub fn command(arguments: &[String]) -> ExitCode {
    match run(arguments) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            println!("{wrong}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<String, String> {
    let Arguments { limit, hosts, crashes } =
        parsed(arguments).map_err(|wrong| format!("{wrong}\n\n{USAGE}"))?;
    let unknown = |name: &str| format!("there is no scenario `{name}`; there are {:?}", names());
    if let Some(name) = limit.scenario.as_deref().filter(|name| !names().contains(name)) {
        return Err(unknown(name));
    }
    let began = Instant::now();
    if let Some(crashes) = crashes {
        let name = limit.scenario.ok_or("--crashes needs --scenario")?;
        let ran = repeat(&name, hosts, &crashes, |line| println!("{line}"));
        return match ran.ok_or_else(|| unknown(&name))? {
            Ok(()) => Ok(format!("{name} holds")),
            Err(failure) => Err(failure.to_string()),
        };
    }
    match run_all(&limit) {
        Ok(counts) => Ok(format!("{counts}; {:.1} s", began.elapsed().as_secs_f64())),
        Err(failure) => Err(failure.to_string()),
    }
}

fn parsed(arguments: &[String]) -> Result<Arguments, String> {
    let mut parsed = Arguments { limit: Limit::ONCE, hosts: 1, crashes: None };
    let mut rest = arguments.iter().map(String::as_str).peekable();
    while let Some(name) = rest.next() {
        if name == "--twice" {
            let most = rest.next_if(|next| !next.starts_with('-'));
            parsed.limit.twice = most.map_or(Ok(usize::MAX), number)?;
            continue;
        }
        if name == "--in-calls" {
            parsed.limit.in_calls = true;
            continue;
        }
        let value = rest.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name {
            "--scenario" => parsed.limit.scenario = Some(value.to_owned()),
            "--hosts" => parsed.hosts = number(value)?,
            "--once" => parsed.limit.once = number(value)?,
            "--crashes" => {
                let points = value.split(',').filter(|point| !point.is_empty());
                parsed.crashes = Some(points.map(str::parse).collect::<Result<_, _>>()?);
            }
            other => return Err(format!("`{other}` is no option")),
        }
    }
    Ok(parsed)
}

fn number(text: &str) -> Result<usize, String> {
    text.replace('_', "").parse().map_err(|_| format!("`{text}` is no number"))
}
