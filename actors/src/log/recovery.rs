//! An execution that comes into memory out of its log, page by page.

use reenact_core::{InstanceId, Machine, MachineConfig, RecordedTurn, Replay, ReplayError};
use reenact_providers::{InstanceSummary, StoredTurn};

use super::copied::is_copied;
use super::decode::decode;
use crate::error::ParkReason;
use crate::registry::Registry;
use crate::stalls::Stalls;
use crate::telemetry::Ledger;

/// Re-enacts a log as it is read.
///
/// The log of an execution that has gone on as new in it is to be read twice: which of its turns is the
/// newest renewal is known at its end only. So is the log of a fork: of which instance the first turns are stands
/// after them.
pub(super) struct Recovery<'a> {
    pub(super) of: &'a InstanceSummary,
    pub(super) registry: &'a Registry,
    config: MachineConfig,
    stalls: Option<&'a Stalls>,
    replay: State,
    /// As far as was read.
    found: Found,
    /// What was found before, when it is read again.
    known: Option<Found>,
    /// Follows what is read, if anybody wants to know what is open.
    ledger: &'a mut Option<Box<Ledger>>,
}

/// What has to be known of a log before its first turn is re-enacted.
#[derive(Clone, Default)]
struct Found {
    /// The number of the newest turn in which the code went on as new.
    renewed: Option<u64>,
    /// The instance whose log was copied, of a fork.
    forked_from: Option<InstanceId>,
}

enum State {
    /// Nothing has been read yet: the first turn says which version of the code it is.
    Unread,
    Under(Box<Replay>),
    /// It cannot be re-enacted from its start. A renewal may come that makes that irrelevant.
    Unfit(ParkReason),
    /// There is a renewal, or it is a fork; it is to be read again.
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
        let (replay, found, known) = (State::Unread, Found::default(), None);
        Self { of, registry, config, stalls, replay, found, known, ledger }
    }

    /// Whether the log was only looked through so far, from some place on.
    pub(super) const fn is_to_be_read_again(&self) -> bool {
        self.known.is_none() && matches!(self.replay, State::Scanned)
    }

    /// Of the same log, from its start.
    pub(super) fn again(self) -> Self {
        if let Some(ledger) = self.ledger {
            **ledger = Ledger::default();
        }
        Self { replay: State::Unread, found: Found::default(), known: Some(self.found), ..self }
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
            // The code must not see the id of the fork in what is copied.
            let is_to_be_scanned = self.known.is_none() && is_copied(self.of, &turn);
            self.replay = match is_to_be_scanned {
                true => State::Scanned,
                false => State::Under(Box::new(self.begin(&turn)?)),
            };
        }
        if self.known.is_none() {
            self.look_at(&turn, stored.number);
        }
        if let State::Under(replay) = &mut self.replay
            && let Err(error) = replay.apply(&turn)
        {
            self.replay = State::Unfit(reason_of(error));
        }
        Ok(())
    }

    fn look_at(&mut self, turn: &RecordedTurn, number: u64) {
        if turn.is_renewal() {
            self.found.renewed = Some(number);
            self.replay = State::Scanned;
        }
        if let (None, Some(fork)) = (&self.found.forked_from, turn.fork()) {
            self.found.forked_from = Some(fork.from.clone());
            self.replay = State::Scanned;
        }
    }

    fn begin(&self, first: &RecordedTurn) -> Result<Replay, ParkReason> {
        let version = first.version();
        let code = self.registry.code(&self.of.name, Some(&version))?;
        let (instance, execution) = (self.of.instance.clone(), self.of.execution);
        let mut replay = Replay::new(&code, instance, execution, self.config.clone());
        let known = self.known.clone().unwrap_or_default();
        if let Some(renewed) = known.renewed {
            replay = replay.renewed_in(renewed);
        }
        Ok(match known.forked_from {
            Some(from) => replay.forked_from(from),
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
