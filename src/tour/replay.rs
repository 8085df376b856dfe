//! Step 2: the log of step 1, re-enacted.

use reenact::core::{Command, Machine, MachineConfig, RecordedTurn, ReplayError};
use reenact::testing::OrchestrationCode;
use reenact::{Event, ExecutionId, History, InstanceId, Outcome};

use super::failure::{Failure, Held, same};
use super::page::Page;
use super::survey::survey;
use super::texts;

/// Replays a log from its first to its last event; then does each of its turns once more, live.
pub(crate) async fn show(page: &mut Page, recorded: &History) -> Held {
    page.title(2, "A strict replay of that log: the same output, and nothing new")?;
    page.history(recorded)?;
    let runs = texts::runs();
    let machine = replay(recorded, recorded.turns().len())?;
    same("the replayed log", machine.history(), recorded)?;
    same("what the replay wants done", &machine.open_actions(), &Vec::new())?;
    same("the output", &machine.outcome().cloned(), &recorded.outcome())?;
    for (number, turn) in recorded.turns().iter().enumerate().skip(1) {
        let again = replay(recorded, number)?.apply(command_of(turn)?, turn.at)?;
        same("a turn that is done once more", &again.recorded, turn)?;
    }
    same("the activities that ran meanwhile", &texts::runs(), &runs)?;
    let Some(Outcome::Completed(output)) = machine.outcome() else {
        return Err(Failure::new("the replay has no output"));
    };
    let before = recorded.len();
    let after = machine.history().len();
    page.say(format_args!(
        "Events before: {before}, after: {after}. Actions: 0. Activities run: 0."
    ))?;
    page.say(format_args!("The same output, byte for byte: {output}"))?;
    page.say("Each turn, done once more from the log before it, gives the same events.")
}

/// Strict: inputs, timers and outputs are compared too. What differs is an error.
fn replay(recorded: &History, turns: usize) -> Held<Machine> {
    let code = OrchestrationCode::of::<survey>()?;
    let config = MachineConfig { strict: true, ..MachineConfig::default() };
    let id = InstanceId::new("survey")?;
    let first = ExecutionId::FIRST;
    let log = recorded.turns()[..turns].iter().cloned();
    let replayed: Result<Machine, ReplayError> = Machine::replay(&code, id, first, config, log);
    Ok(replayed?)
}

/// The command that led to a turn.
fn command_of(turn: &RecordedTurn) -> Held<Command> {
    match turn.events.first().cloned() {
        Some(Event::TaskCompleted { id, output }) => {
            Ok(Command::CompleteTask { id, attempt: 1, result: Ok(output) })
        }
        Some(Event::TimerFired { id }) => Ok(Command::FireTimer { id }),
        Some(Event::ExternalRaised { name, data, key }) => {
            Ok(Command::RaiseEvent { name, data, key })
        }
        other => Err(Failure::new(format!("the log has a turn that begins with {other:?}"))),
    }
}
