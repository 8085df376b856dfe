//! The options of a load test.
#![allow(dead_code, reason = "each bench takes what it needs")]

use std::process::ExitCode;
use std::time::Duration;

use reenact::{HostOptions, ShardThreads};

#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Parts of the names of what is to be run; all of it when there are none.
    pub(crate) filters: Vec<String>,
    /// For each row.
    pub(crate) time: Duration,
    pub(crate) outstanding: Vec<u64>,
    pub(crate) workers: usize,
    /// The threads of the host's shards, where the command line says it.
    pub(crate) threads: Option<ShardThreads>,
    /// Whether what is stored is encrypted.
    pub(crate) is_encrypted: bool,
    /// Instances at rest.
    pub(crate) rest: u64,
    /// Whether a glance is enough.
    pub(crate) is_quick: bool,
}

/// Runs with what the command line says on top of these.
pub(crate) fn main(
    defaults: Options,
    run: impl FnOnce(&Options) -> reenact::Result<()>,
) -> ExitCode {
    let options = match defaults.parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(complaint) => {
            eprintln!("{complaint}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    fn parse(mut self, mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let number = arguments.next().and_then(|text| text.parse::<u32>().ok());
                number.filter(|&n| n > 0).ok_or(format!("{argument} needs a number above 0"))
            };
            match argument.as_str() {
                // Cargo says so.
                "--bench" => {}
                "--quick" => (self.time, self.is_quick) = (Duration::from_millis(200), true),
                "--seconds" => self.time = Duration::from_secs(number()?.into()),
                "--outstanding" => self.outstanding = vec![number()?.into()],
                "--workers" => self.workers = number()? as usize,
                "--threads" => self.threads = Some(threads(arguments.next())?),
                "--encrypted" => self.is_encrypted = true,
                "--rest" => self.rest = number()?.into(),
                unknown if unknown.starts_with('-') => {
                    return Err(format!("there is no option {unknown}"));
                }
                _ => self.filters.push(argument),
            }
        }
        Ok(self)
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter.as_str()))
    }

    /// The options of hosts.
    pub(crate) fn of_hosts(&self) -> HostOptions {
        let default = HostOptions::new();
        match self.threads {
            Some(threads) => default.threads(threads),
            None => default,
        }
    }
}

/// `own`, `caller`, or how many.
fn threads(text: Option<String>) -> Result<ShardThreads, String> {
    let text = text.unwrap_or_default();
    match text.as_str() {
        "own" => Ok(ShardThreads::PerCore),
        "caller" => Ok(ShardThreads::OnCallersRuntime),
        number => number
            .parse()
            .map(ShardThreads::Exactly)
            .map_err(|_| "--threads needs `own`, `caller` or a number".to_owned()),
    }
}
