//! The commands, a file for each or for each pair.

mod bulk;
mod change;
mod completions;
mod console;
mod converse;
mod doctor;
mod entities;
mod history;
mod list;
mod metrics;
mod quarantine;
mod show;
mod start;
mod stream;
mod timeline;
mod transfer;
mod verify;
mod watch;

use reenact::console::dto::Action;

use crate::arguments::Command;
use crate::failure::Done;
use crate::tool::Tool;

/// What Ctrl-C is for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stops {
    /// It breaks the command off.
    Broken,
    /// It is how the command is meant to end.
    AsMeant,
    /// The command hears it itself, and ends gracefully.
    ByItself,
}

/// What Ctrl-C is for this command.
pub(crate) fn stops(command: &Command) -> Stops {
    match command {
        Command::Watch(watch) if !watch.until_done => Stops::AsMeant,
        Command::Stream(stream) if stream.follow => Stops::AsMeant,
        Command::Console(_) => Stops::ByItself,
        _ => Stops::Broken,
    }
}

pub(crate) async fn run(command: Command, tool: &mut Tool) -> Done {
    match command {
        Command::List(given) => list::list(given, tool).await,
        Command::Count(given) => list::count(given, tool).await,
        Command::Show(given) => show::show(given, tool).await,
        Command::History(given) => history::history(given, tool).await,
        Command::Timeline(given) => timeline::timeline(given, tool).await,
        Command::Stream(given) => stream::stream(given, tool).await,
        Command::Watch(given) => watch::watch(given, tool).await,
        Command::Start(given) => start::start(given, tool).await,
        Command::Raise(given) => start::raise(given, tool).await,
        Command::Query(given) => converse::query(given, tool).await,
        Command::Update(given) => converse::update(given, tool).await,
        Command::Complete(given) => converse::complete(given, tool).await,
        Command::Fail(given) => converse::fail(given, tool).await,
        Command::Entities(given) => entities::entities(given, tool).await,
        Command::Cancel(given) => change::with_reason(Action::Cancel, given, tool).await,
        Command::Suspend(given) => change::with_reason(Action::Suspend, given, tool).await,
        Command::Resume(given) => change::chosen(Action::Resume, given, tool).await,
        Command::Terminate(given) => change::with_reason(Action::Terminate, given, tool).await,
        Command::Rewind(given) => change::rewind(given, tool).await,
        Command::Fork(given) => change::fork(given, tool).await,
        Command::Purge(given) => change::chosen(Action::Purge, given, tool).await,
        Command::Quarantine(given) => quarantine::quarantine(given, tool).await,
        Command::Console(given) => console::console(given, tool).await,
        Command::Metrics(given) => metrics::metrics(given, tool).await,
        Command::Completions(given) => completions::completions(&given, tool),
        Command::Export(given) => transfer::export(given, tool).await,
        Command::Import(given) => transfer::import(given, tool).await,
        Command::Verify(given) => verify::verify(given, tool).await,
        Command::Doctor(given) => doctor::doctor(given, tool).await,
    }
}
