//! The arguments of the command line.

pub(crate) mod changes;
pub(crate) mod entities;
pub(crate) mod filter;
pub(crate) mod moment;
pub(crate) mod payload;
pub(crate) mod place;
pub(crate) mod reading;
pub(crate) mod secrets;
pub(crate) mod stores;

use clap::{Args, Parser, Subcommand, ValueEnum};

use self::place::Place;
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  reenact list --store orders.reenact --state failed --created-after 2h
  reenact show order-7 --store orders.reenact
  reenact raise order-7 Approved true --store orders.reenact
  reenact cancel --prefix test- --reason \"a test\" --yes --store orders.reenact
  reenact watch --url http://localhost:9000/admin
  reenact list --json --azure env --hub orders | jq -r '.instances[].id'

Which store or host:
  --store DIR, --azure CONNECTION --hub NAME, or --url ADDRESS of a console;
  or REENACT_STORE, REENACT_HUB, REENACT_URL in the environment. A host that
  runs on DIR with its console on is found, and asked. The token of a console is
  in REENACT_TOKEN or in the file that --token-file names.

Exit codes:
  0    it is done
  1    what was asked for has failed, or something was found that needs a person
  2    the arguments make no sense
  3    there is no such instance, event, orchestration or entry
  4    refused: it exists already, has ended, was not confirmed, or the token is wrong
  5    the store or the console cannot be reached, opened or read
  130  ended by Ctrl-C";

/// Looks into a store or a running host of reenact, and steers what is there.
#[derive(Debug, Parser)]
#[command(
    name = "reenact",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_long_help = EXAMPLES,
    after_help = "`--help` has examples and the exit codes.",
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) look: Look,
}

/// How results are shown.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Look {
    /// One JSON document, for programs
    #[arg(long, global = true, conflicts_with = "jsonl")]
    pub(crate) json: bool,
    /// One JSON value on each line, for programs
    #[arg(long, global = true)]
    pub(crate) jsonl: bool,
    /// Colours: as the terminal and NO_COLOR want it, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = false
    )]
    pub(crate) color: Color,
    /// Changes what was asked for without asking back, for scripts
    #[arg(long, short = 'y', global = true)]
    pub(crate) yes: bool,
    /// No remarks and no progress bars, only results and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// When there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Look {
    pub(crate) fn format(self) -> Format {
        match (self.json, self.jsonl) {
            (true, _) => Format::Json,
            (_, true) => Format::JsonLines,
            _ => Format::People,
        }
    }

    pub(crate) fn color(self) -> anstream::ColorChoice {
        match self.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists instances
    #[command(visible_alias = "ls")]
    List(reading::List),
    /// Counts instances
    Count(reading::Count),
    /// Shows one instance: its state, and why it waits
    Show(reading::Show),
    /// Shows the events of an instance
    History(reading::History),
    /// Draws what an instance did and waited for, over time
    Timeline(reading::Timeline),
    /// Shows the items of a stream of an instance
    Stream(reading::Stream),
    /// Shows instances, or one instance, as they change
    Watch(reading::Watch),
    /// Starts an instance
    Start(changes::Start),
    /// Raises an event on an instance
    Raise(changes::Raise),
    /// Shows the values that an instance has published
    Query(reading::Query),
    /// Sends an update to an instance, and shows its answer
    Update(changes::Update),
    /// Completes an activity that is completed from outside
    Complete(changes::Complete),
    /// Lets an activity fail that is completed from outside
    Fail(changes::Fail),
    /// Lists, shows, calls and removes entities: durable objects with one writer
    Entities(entities::Entities),
    /// Cancels instances: their code is asked to end, and may clean up
    Cancel(changes::WithReason),
    /// Suspends instances: their code is not run until they are resumed
    Suspend(changes::WithReason),
    /// Resumes suspended instances
    Resume(changes::Chosen),
    /// Ends instances at once, without their code
    Terminate(changes::WithReason),
    /// Takes an instance back to before an event of its history
    Rewind(changes::Rewind),
    /// Begins a new instance with the history of another one
    Fork(changes::Fork),
    /// Removes finished instances and their histories for ever
    Purge(changes::Chosen),
    /// Lists, retries or discards messages that nobody could process
    Quarantine(stores::Quarantine),
    /// Writes histories as JSON lines
    Export(stores::Export),
    /// Brings exported histories into a store
    Import(stores::Import),
    /// Replays exported histories against the code of a program
    Verify(stores::Verify),
    /// Serves the pages of the console over a store without a host
    Console(stores::Console),
    /// Shows the metrics of a running host
    Metrics(stores::Metrics),
    /// Checks a store and its machine, and says what to do
    Doctor(stores::Doctor),
    /// Prints completions for a shell
    Completions(stores::Completions),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once(&"reenact").chain(arguments))
    }

    #[test]
    fn the_definitions_agree_with_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn where_and_how_stand_before_or_after_the_command() {
        let before = parsed(&["--store", "d", "--json", "list"]).unwrap();
        let after = parsed(&["list", "--store", "d", "--json"]).unwrap();
        for arguments in [before, after] {
            assert_eq!(arguments.place.store.as_deref(), Some(std::path::Path::new("d")));
            assert_eq!(arguments.look.format(), Format::Json);
        }
    }

    #[test]
    fn two_places_or_two_forms_are_refused() {
        for arguments in [
            &["list", "--store", "d", "--url", "http://localhost"][..],
            &["list", "--store", "d", "--azure", "env"],
            &["list", "--json", "--jsonl"],
            &["list", "--hub", "h", "--store", "d"],
            &["show"],
            &["list", "--state", "asleep"],
            &["list", "--created-after", "tomorrowish"],
            &["rewind", "a"],
            &["fork", "a"],
            &["completions", "tcsh"],
        ] {
            assert!(parsed(arguments).is_err(), "{arguments:?}");
        }
    }
}
