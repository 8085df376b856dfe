//! The `reenact` program: a tour of what the library does, on real input.

mod tour;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::ExitCode;

use tour::Choice;

const USAGE: &str = "\
Usage: reenact [OPTIONS]

Runs a tour of reenact and prints what it does. The exit code is 0 only if
every step did what it should, and 1 otherwise.

Options:
      --data DIR  Keep the state in DIR; without it, in a directory that is
                  removed at the end
      --memory    Keep the state in memory
  -h, --help      Print this text
  -V, --version   Print the version";

/// The exit code for arguments that make no sense.
const MISUSED: u8 = 2;

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Tour(Choice),
    /// To be the process that the tour kills.
    #[cfg(feature = "local")]
    Work {
        directory: std::path::PathBuf,
        run: String,
    },
    Help,
    Version,
    Misused(String),
}

#[tokio::main]
async fn main() -> ExitCode {
    match request(std::env::args_os().skip(1)) {
        Request::Tour(choice) => tour::run(&choice).await,
        #[cfg(feature = "local")]
        Request::Work { directory, run } => tour::work(&directory, &run).await,
        Request::Help => tell(USAGE),
        Request::Version => tell(concat!("reenact ", env!("CARGO_PKG_VERSION"))),
        Request::Misused(how) => {
            eprintln!("reenact: {how}\n\n{USAGE}");
            ExitCode::from(MISUSED)
        }
    }
}

fn request(mut arguments: impl Iterator<Item = OsString>) -> Request {
    let Some(first) = arguments.next() else { return Request::Tour(Choice::default()) };
    let request = match first.to_str() {
        Some("-h" | "--help") => Request::Help,
        Some("-V" | "--version") => Request::Version,
        Some("--memory") => Request::Tour(Choice::Memory),
        #[cfg(feature = "local")]
        Some("--data") => match arguments.next() {
            Some(path) => Request::Tour(Choice::Directory(path.into())),
            None => Request::Misused("`--data` needs a directory".to_owned()),
        },
        #[cfg(feature = "local")]
        Some(tour::WORKER) => match (arguments.next(), arguments.next()) {
            (Some(directory), Some(run)) => {
                Request::Work { directory: directory.into(), run: run.display().to_string() }
            }
            _ => unknown(&first),
        },
        _ => unknown(&first),
    };
    match arguments.next() {
        Some(further) if !matches!(request, Request::Misused(_)) => unknown(&further),
        _ => request,
    }
}

fn unknown(argument: &OsStr) -> Request {
    Request::Misused(format!("unknown argument `{}`", argument.display()))
}

fn tell(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(arguments: &[&str]) -> Request {
        request(arguments.iter().map(OsString::from))
    }

    #[test]
    fn only_what_is_known_is_accepted() {
        assert_eq!(asked(&[]), Request::Tour(Choice::default()));
        assert_eq!(asked(&["--memory"]), Request::Tour(Choice::Memory));
        assert_eq!(asked(&["--help"]), Request::Help);
        assert_eq!(asked(&["-V"]), Request::Version);
        for (arguments, named) in [
            (&["--fast"][..], "--fast"),
            (&["--help", "me"], "me"),
            (&["--memory", "--data", "d"], "--data"),
        ] {
            let misused = asked(arguments);
            assert!(
                matches!(&misused, Request::Misused(how) if how.contains(named)),
                "{misused:?}"
            );
        }
    }

    #[cfg(feature = "local")]
    #[test]
    fn a_directory_can_be_given() {
        assert_eq!(asked(&["--data", "d"]), Request::Tour(Choice::Directory("d".into())));
        assert!(matches!(asked(&["--data"]), Request::Misused(how) if how.contains("--data")));
        assert!(matches!(asked(&["--data", "d", "e"]), Request::Misused(_)));
    }
}
