//! An execution that comes into memory out of its log, page by page.

use reenact_core::{Machine, MachineConfig, RecordedTurn, Replay, ReplayError};
use reenact_providers::{InstanceSummary, StoredTurn};

use super::decode::decode;
use crate::error::ParkReason;
use crate::registry::Registry;
use crate::stalls::Stalls;
use crate::telemetry::Ledger;

/// Re-enacts a log as it is read.
///
/// The log of an execution that has gone on as new in it is to be read twice: which of its turns is the
/// newest renewal is known at its end only.
pub(super) struct Recovery<'a> {
    pub(super) of: &'a InstanceSummary,
    pub(super) registry: &'a Registry,
    config: MachineConfig,
    stalls: Option<&'a Stalls>,
    replay: State,
    /// The number of the newest turn in which the code went on as new, as far as was read.
    pub(super) renewed: Option<u64>,
    /// What is known of [`renewed`](Self::renewed) from before.
    known: Option<u64>,
    /// Follows what is read, if anybody wants to know what is open.
    ledger: &'a mut Option<Box<Ledger>>,
}

enum State {
    /// Nothing has been read yet: the first turn says which version of the code it is.
    Unread,
    Under(Box<Replay>),
    /// It cannot be re-enacted from its start. A renewal may come that makes that irrelevant.
    Unfit(ParkReason),
    /// There is a renewal; it is to be read again.
    Scanned,
}

impl<'a> Recovery<'a> {
    pub(super) fn new(
        of: &'a InstanceSummary,
        registry: &'a Registry,
        config: MachineConfig,
        stalls: Option<&'a Stalls>,
        ledger: &'a mut Option<Box<Ledger>>,
    ) -> Self {
        let (replay, renewed, known) = (State::Unread, None, None);
        Self { of, registry, config, stalls, replay, renewed, known, ledger }
    }

    /// Of the same log, from its start: its newest renewal is known now.
    pub(super) fn again(self, renewed: u64) -> Self {
        if let Some(ledger) = self.ledger {
            **ledger = Ledger::default();
        }
        Self { replay: State::Unread, renewed: None, known: Some(renewed), ..self }
    }

    /// Takes in the next turns. An error says why the log cannot be replayed, whatever comes later.
    pub(super) fn take_in(&mut self, page: Vec<StoredTurn>) -> Result<(), ParkReason> {
        let (of, stalls) = (self.of, self.stalls);
        let mut take = || page.iter().try_for_each(|stored| self.take_in_turn(stored));
        match stalls {
            Some(stalls) => stalls.watch(&of.instance, &of.name, take),
            None => take(),
        }
    }

    fn take_in_turn(&mut self, stored: &StoredTurn) -> Result<(), ParkReason> {
        let turn = decode(stored)?;
        if let Some(ledger) = self.ledger {
            ledger.replay(&turn);
        }
        if let State::Unread = self.replay {
            self.replay = State::Under(Box::new(self.begin(&turn)?));
        }
        if self.known.is_none() && turn.is_renewal() {
            self.renewed = Some(stored.number);
            self.replay = State::Scanned;
        }
        if let State::Under(replay) = &mut self.replay
            && let Err(error) = replay.apply(&turn)
        {
            self.replay = State::Unfit(reason_of(error));
        }
        Ok(())
    }

    fn begin(&self, first: &RecordedTurn) -> Result<Replay, ParkReason> {
        let version = first.version();
        let code = self.registry.code(&self.of.name, Some(&version))?;
        let (instance, execution) = (self.of.instance.clone(), self.of.execution);
        let replay = Replay::new(code, instance, execution, self.config.clone());
        Ok(match self.known {
            Some(renewed) => replay.renewed_in(renewed),
            None => replay,
        })
    }

    /// The machine, when the whole log has been read.
    pub(super) fn finish(self) -> Result<Machine, ParkReason> {
        let has_ended = self.of.state.is_finished();
        let replay = match self.replay {
            State::Under(replay) => replay,
            State::Unfit(reason) => return Err(reason),
            State::Unread | State::Scanned => {
                let reason = "its history has no turns that could be re-enacted".into();
                return Err(ParkReason::Unreadable { reason });
            }
        };
        let machine = replay.finish().map_err(reason_of)?;
        if let Some(ledger) = self.ledger {
            ledger.forget_taken(|name, id| machine.has_wait(name, id));
        }
        match machine.outcome() {
            None => Ok(machine),
            // It is only looked at.
            Some(_) if has_ended => Ok(machine),
            Some(_) => {
                let reason = "its history has an end, and its summary says that it goes on".into();
                Err(ParkReason::Unreadable { reason })
            }
        }
    }
}

fn reason_of(error: ReplayError) -> ParkReason {
    match error {
        ReplayError::Nondeterministic(nondeterminism) => {
            ParkReason::Nondeterministic(nondeterminism)
        }
        ReplayError::Malformed(malformed) => ParkReason::Malformed(malformed),
    }
}
