//! The `reenact` program: a tour of what the library does, on real input.

mod tour;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

const USAGE: &str = "\
Usage: reenact [OPTION]

Without an option, runs a tour of reenact and prints what it does. The exit
code is 0 only if every step did what it should, and 1 otherwise.

Options:
  -h, --help     Print this text
  -V, --version  Print the version";

/// The exit code for arguments that make no sense.
const MISUSED: u8 = 2;

/// What the arguments ask for.
enum Request {
    Tour,
    Help,
    Version,
    Unknown(OsString),
}

#[tokio::main]
async fn main() -> ExitCode {
    match request(std::env::args_os().skip(1)) {
        Request::Tour => tour::run().await,
        Request::Help => tell(USAGE),
        Request::Version => tell(concat!("reenact ", env!("CARGO_PKG_VERSION"))),
        Request::Unknown(argument) => {
            eprintln!("reenact: unknown argument `{}`\n\n{USAGE}", argument.display());
            ExitCode::from(MISUSED)
        }
    }
}

fn request(mut arguments: impl Iterator<Item = OsString>) -> Request {
    let Some(first) = arguments.next() else { return Request::Tour };
    if let Some(second) = arguments.next() {
        return Request::Unknown(second);
    }
    match first.to_str() {
        Some("-h" | "--help") => Request::Help,
        Some("-V" | "--version") => Request::Version,
        _ => Request::Unknown(first),
    }
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
        assert!(matches!(asked(&[]), Request::Tour));
        assert!(matches!(asked(&["--help"]), Request::Help));
        assert!(matches!(asked(&["-V"]), Request::Version));
        assert!(matches!(asked(&["--fast"]), Request::Unknown(argument) if argument == "--fast"));
        assert!(matches!(asked(&["--help", "me"]), Request::Unknown(argument) if argument == "me"));
    }
}
