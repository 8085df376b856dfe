//! `reenact`: the command line, which looks into a store or a running host and steers what is there.

mod api;
mod arguments;
mod commands;
mod confirm;
mod failure;
mod limits;
mod open;
mod output;
mod progress;
mod tool;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, FromArgMatches};

use self::arguments::{Arguments, Color, secrets};
use self::commands::Stops;
use self::failure::{Code, Done, Failure};
use self::output::styles::{BAD, FAINT, paint};
use self::output::text::printable_lines;
use self::tool::Tool;

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    arguments.look.color().write_global();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return ended(Err(Failure::unreachable(format_args!("nothing can be run: {error}"))));
        }
    };
    let done = runtime.block_on(run(arguments));
    // A thread that waits for somebody to type something is not waited for.
    runtime.shutdown_background();
    ended(done)
}

async fn run(arguments: Arguments) -> Done {
    let Arguments { command, place, look } = arguments;
    let stops = commands::stops(&command);
    let mut tool = Tool::new(place, look);
    let ran = tokio::select! {
        biased;
        stopped = stopped(stops) => stopped,
        ran = commands::run(command, &mut tool) => ran,
    };
    // What was found before a failure is shown as well.
    let flushed = tool.out.flush();
    ran.and(flushed)
}

/// Ctrl-C, and what it means for the command.
async fn stopped(stops: Stops) -> Done {
    if stops == Stops::ByItself {
        return std::future::pending().await;
    }
    match tokio::signal::ctrl_c().await {
        Ok(()) if stops == Stops::AsMeant => Ok(()),
        Ok(()) => Err(Failure::Said(Code::Interrupted)),
        Err(error) => Err(Failure::unreachable(format_args!("Ctrl-C cannot be heard: {error}"))),
    }
}

/// The arguments; or how the program ends, when it has said what is wrong with them, or has helped.
fn arguments() -> Result<Arguments, ExitCode> {
    let command = Arguments::command().color(color_of_help());
    let parsed = command.try_get_matches().and_then(|found| Arguments::from_arg_matches(&found));
    parsed.map_err(|error| {
        let is_misuse = error.use_stderr();
        let text = error.render();
        let text = secrets::hidden(&text.ansi().to_string());
        let written = if is_misuse {
            write!(anstream::stderr(), "{text}")
        } else {
            write!(anstream::stdout(), "{text}")
        };
        match written {
            Ok(()) if is_misuse => ExitCode::from(Code::Misused as u8),
            Err(error) => ExitCode::from(Failure::from(error).code()),
            Ok(()) => ExitCode::SUCCESS,
        }
    })
}

/// `--color` counts for help and for errors in arguments as well, before arguments are read.
fn color_of_help() -> ColorChoice {
    let given: Vec<_> =
        std::env::args_os().map(|given| given.to_string_lossy().into_owned()).collect();
    let named = |when: &str| {
        given.iter().any(|one| *one == format!("--color={when}"))
            || given.windows(2).any(|two| two[0] == "--color" && two[1] == when)
    };
    let color = if named("never") {
        Color::Never
    } else if named("always") {
        Color::Always
    } else {
        Color::Auto
    };
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => {
            anstream::ColorChoice::Always.write_global();
            ColorChoice::Always
        }
        Color::Never => {
            anstream::ColorChoice::Never.write_global();
            ColorChoice::Never
        }
    }
}

/// Says how it ended: one line what, one line what to do.
fn ended(done: Done) -> ExitCode {
    let Err(failure) = done else { return ExitCode::SUCCESS };
    if let Failure::Of { what, remedy, .. } = &failure {
        let mut error = anstream::stderr();
        let what = printable_lines(&secrets::hidden(what));
        // When nobody reads it, the exit code is left.
        let _ = writeln!(error, "{}: {what}", paint(BAD, "reenact"));
        if let Some(remedy) = remedy {
            let _ = writeln!(
                error,
                "{}",
                paint(FAINT, format_args!("  → {}", printable_lines(remedy)))
            );
        }
    }
    if let Failure::Said(Code::Interrupted) = failure
        && std::io::stderr().is_terminal()
    {
        // After the ^C of the terminal.
        let _ = writeln!(anstream::stderr());
    }
    ExitCode::from(failure.code())
}
