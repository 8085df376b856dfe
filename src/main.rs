//! The `reenact-tour` program: a tour of what the library does, on real input.

mod tour;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::ExitCode;

#[cfg(any(feature = "azure", feature = "azure-legacy"))]
use tour::Account;
use tour::{Choice, Site};

const USAGE: &str = "\
Usage: reenact-tour [OPTIONS]

Runs a tour of reenact and prints what it does. The exit code is 0 only if
every step did what it should, and 1 otherwise.

Options:
      --data DIR  Keep the state in DIR; without it, in a new directory
                  among the temporary files
      --memory    Keep the state in memory
      --azure CONNECTION
                  Keep the state in a new hub in Azure Storage. CONNECTION is
                  the connection string of an account, in quotes; or `env`:
                  that in AZURE_STORAGE_CONNECTION_STRING, so that no list of
                  processes shows it; or `emulator`: an emulator is started,
                  which needs Node.js 20 or newer with npm. Needs the feature
                  `azure`: cargo builds this program with it first
  -h, --help      Print this text
  -V, --version   Print the version";

/// The exit code for arguments that make no sense.
const MISUSED: u8 = 2;

/// What the arguments ask for. No `Debug` outside of tests: it may hold a secret.
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
enum Request {
    Tour(Choice),
    /// To be the process that the tour kills.
    Work {
        place: OsString,
        run: String,
    },
    Help,
    Version,
    /// To be built with what this program has not got.
    #[cfg(not(any(feature = "azure", feature = "azure-legacy")))]
    Rebuilt(OsString),
    Misused(String),
}

#[tokio::main]
async fn main() -> ExitCode {
    match request(std::env::args_os().skip(1)) {
        Request::Tour(choice) => tour::run(&choice).await,
        Request::Work { place, run } => match Site::given(place) {
            Some(site) => tour::work(&site, &run).await,
            None => misused("a worker has nothing to work on in memory"),
        },
        Request::Help => print(USAGE),
        Request::Version => print(concat!("reenact ", env!("CARGO_PKG_VERSION"))),
        #[cfg(not(any(feature = "azure", feature = "azure-legacy")))]
        Request::Rebuilt(connection) => rebuilt(&connection),
        Request::Misused(how) => misused(&how),
    }
}

/// Has cargo run this program with the feature, if it was cargo that ran it.
#[cfg(not(any(feature = "azure", feature = "azure-legacy")))]
fn rebuilt(connection: &OsStr) -> ExitCode {
    let (Some(cargo), Some(package)) =
        (std::env::var_os("CARGO"), std::env::var_os("CARGO_MANIFEST_DIR"))
    else {
        return misused(
            "`--azure` is not in this program; build it with `--features azure`:\n\
             cargo run --release --features azure -- --azure CONNECTION",
        );
    };
    eprintln!("reenact: building this program with the feature `azure`");
    let mut command = std::process::Command::new(cargo);
    command.current_dir(package).args(["run", "--release", "--features", "azure", "--", "--azure"]);
    // Cargo shows the arguments.
    match connection.to_str() {
        Some("emulator" | "env") => command.arg(connection),
        _ => command.arg("env").env("AZURE_STORAGE_CONNECTION_STRING", connection),
    };
    match command.status() {
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()).map_or(
            // It was ended by a signal.
            ExitCode::FAILURE,
            ExitCode::from,
        ),
        Err(error) => misused(&format!("cargo cannot be run: {error}")),
    }
}

fn misused(how: &str) -> ExitCode {
    eprintln!("reenact: {how}\n\n{USAGE}");
    ExitCode::from(MISUSED)
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
        Some("--azure") => azure(arguments.next()),
        Some(tour::WORKER) => match (arguments.next(), arguments.next()) {
            (Some(place), Some(run)) => Request::Work { place, run: run.display().to_string() },
            _ => unknown(&first),
        },
        _ => unknown(&first),
    };
    match arguments.next() {
        Some(further) if !matches!(request, Request::Misused(_)) => unknown(&further),
        _ => request,
    }
}

#[cfg(any(feature = "azure", feature = "azure-legacy"))]
fn azure(connection: Option<OsString>) -> Request {
    match connection.map(OsString::into_string) {
        Some(Ok(text)) => Request::Tour(Choice::Azure(Account::of(text))),
        Some(Err(_)) => Request::Misused("the connection string is not UTF-8".to_owned()),
        None => Request::Misused("`--azure` needs a connection string, or `emulator`".to_owned()),
    }
}

#[cfg(not(any(feature = "azure", feature = "azure-legacy")))]
fn azure(connection: Option<OsString>) -> Request {
    match connection {
        Some(connection) => Request::Rebuilt(connection),
        None => Request::Misused("`--azure` needs a connection string, or `emulator`".to_owned()),
    }
}

/// What follows a `=` is not printed: it may be a part of a connection string, and secret.
fn unknown(argument: &OsStr) -> Request {
    let text = argument.to_string_lossy();
    let shown =
        text.split_once('=').map_or_else(|| text.to_string(), |(name, _)| format!("{name}=.."));
    Request::Misused(format!("unknown argument `{shown}`"))
}

fn print(text: &str) -> ExitCode {
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

    #[test]
    fn an_account_can_be_given() {
        let asked = asked(&["--azure", "emulator"]);
        #[cfg(any(feature = "azure", feature = "azure-legacy"))]
        assert_eq!(asked, Request::Tour(Choice::Azure(Account::Emulator)));
        #[cfg(not(any(feature = "azure", feature = "azure-legacy")))]
        assert_eq!(asked, Request::Rebuilt("emulator".into()));
    }

    #[test]
    fn what_may_be_a_secret_is_not_printed() {
        for arguments in [&["AccountKey=c2VjcmV0"][..], &["--memory", "AccountKey=c2VjcmV0"]] {
            let misused = asked(arguments);
            assert!(
                matches!(&misused, Request::Misused(how) if how.contains("`AccountKey=..`")),
                "{misused:?}"
            );
        }
    }
}
