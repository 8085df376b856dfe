//! One turn as a pure function.

use crate::code::OrchestrationCode;
use crate::command::Command;
use crate::history::RecordedTurn;
use crate::ids::{ExecutionId, InstanceId};
use crate::machine::{Machine, MachineConfig, RunTurnError, Turn};
use crate::time::Timestamp;

/// One turn as a pure function: replays the history, then applies the command.
///
/// # Errors
/// [`RunTurnError::Replay`] or [`RunTurnError::Apply`], as [`Machine::replay`] and
/// [`Machine::apply`].
pub fn run_turn(
    history: impl IntoIterator<Item = RecordedTurn>,
    code: &OrchestrationCode,
    instance: InstanceId,
    command: Command,
    now: Timestamp,
) -> Result<Turn, RunTurnError> {
    let first = ExecutionId::FIRST;
    let config = MachineConfig::default();
    let mut machine = Machine::replay(code, instance, first, config, history)?;
    Ok(machine.apply(command, now)?)
}
