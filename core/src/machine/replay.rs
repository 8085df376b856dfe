//! Builds a machine from a log.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::renewal::Passed;
use super::{Machine, MachineConfig, ReplayError};
use crate::code::OrchestrationCode;
use crate::history::RecordedTurn;
use crate::ids::{ExecutionId, InstanceId};
use crate::wellformed::WellFormed;

/// An execution that is being re-enacted from its log, turn by turn: so the log need not be in memory
/// as a whole. Nothing comes out: what the log implies was done.
///
/// Where the code [went on as new](RecordedTurn::is_renewal) in its log, only what comes after the newest
/// such turn is re-enacted. [`renewed_in`](Self::renewed_in) must be given that turn: a shell
/// that does not know reads the log twice. So it does with the log of a fork, as
/// [`forked_from`](Self::forked_from) says.
#[derive(Debug)]
pub struct Replay {
    machine: Machine,
    log: WellFormed,
    /// The turns up to this number are gone over without code.
    passing: Option<(Box<Passed>, u64)>,
}

impl Replay {
    /// Of a log in which the code never went on as new.
    pub fn new(
        code: &OrchestrationCode,
        instance: InstanceId,
        execution: ExecutionId,
        config: MachineConfig,
    ) -> Self {
        let machine = Machine::new(code, instance, execution, config);
        Self { machine, log: WellFormed::default(), passing: None }
    }

    /// Of a log in which the code went on as new for the last time in the turn of this number. Before
    /// the first turn is taken in.
    #[must_use]
    pub fn renewed_in(self, turn: u64) -> Self {
        Self { passing: Some((Box::default(), turn)), ..self }
    }

    /// Of a fork: its first turns were copied from the log of this instance, which is that of the first
    /// [`Event::ExecutionForked`](crate::Event::ExecutionForked). Before the first turn is taken in.
    #[must_use]
    pub fn forked_from(self, instance: InstanceId) -> Self {
        self.machine.shared.lock().begin_as(instance);
        self
    }

    /// Takes in the next turn.
    ///
    /// # Errors
    /// [`ReplayError::Nondeterministic`] when the code does not do what the log says;
    /// [`ReplayError::Malformed`] when nothing can have written the log. What was re-enacted so far is
    /// to be dropped then.
    pub fn apply(&mut self, turn: &RecordedTurn) -> Result<(), ReplayError> {
        self.log.check(turn)?;
        let number = self.machine.turns();
        match &mut self.passing {
            Some((passed, _)) => self.machine.pass_turn(passed, turn)?,
            None => self.machine.replay_turn(turn)?,
        }
        self.machine.note_turn(turn);
        if let Some((passed, _)) = self.passing.take_if(|(_, renewed)| number >= *renewed) {
            self.machine.continue_after(*passed, self.log.last_id());
        }
        Ok(())
    }

    /// The machine in the state in which the one was that wrote the log.
    ///
    /// # Errors
    /// [`ReplayError::Malformed`] when the log cannot end here.
    pub fn finish(self) -> Result<Machine, ReplayError> {
        self.log.finish()?;
        Ok(self.machine)
    }
}

impl Machine {
    /// Re-enacts an execution from its log, as a whole. Nothing comes out: what the log implies was
    /// done. See [`Replay`] for a log that is read in parts.
    ///
    /// # Errors
    /// [`ReplayError::Nondeterministic`] when the code does not do what the log says;
    /// [`ReplayError::Malformed`] when nothing can have written the log.
    pub fn replay(
        code: &OrchestrationCode,
        instance: InstanceId,
        execution: ExecutionId,
        config: MachineConfig,
        history: impl IntoIterator<Item = RecordedTurn>,
    ) -> Result<Self, ReplayError> {
        let history: Vec<_> = history.into_iter().collect();
        let mut replay = Replay::new(code, instance, execution, config);
        if let Some(renewed) = history.iter().rposition(RecordedTurn::is_renewal) {
            replay = replay.renewed_in(renewed as u64);
        }
        if let Some(fork) = history.iter().find_map(RecordedTurn::fork) {
            replay = replay.forked_from(fork.from.clone());
        }
        history.iter().try_for_each(|turn| replay.apply(turn))?;
        replay.finish()
    }
}
