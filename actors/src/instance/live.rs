//! The machine of a live instance: commands into turns, turns into entries.

use reenact_core::limits::WARN_HISTORY_EVENTS;
use reenact_core::{
    Action, ApplyError, Command, Outcome, RecordedTurn, Sealed, Successor, TraceContext, Turn,
};
use reenact_providers::{InstanceState as State, TurnRecord};

use super::encode::encoded;
use super::phase::Live;
use super::summary::{follow, state_of};
use crate::error::ParkReason;
use crate::metrics::Tally;
use crate::persistence::PendingTurn;
use crate::run::Run;
use crate::stalls::Stalls;
use crate::telemetry::Story;
use crate::trace::RunTrace;

impl Live {
    /// Applies a command with the trace in which it was asked for, and watches the code that it runs.
    pub(super) fn apply_traced(
        &mut self,
        stalls: &Stalls,
        command: Command,
        trace: Option<Box<TraceContext>>,
        now: reenact_core::Timestamp,
    ) -> Result<Turn, ApplyError> {
        let Self { machine, summary, .. } = self;
        let apply = || match trace {
            Some(_) => machine.apply_traced(command, trace, now),
            None => machine.apply(command, now),
        };
        stalls.watch(&summary.instance, &summary.name, apply)
    }

    /// A turn in the form in which it is passed on.
    pub(super) fn pending(&mut self, turn: Turn) -> Result<PendingTurn, ParkReason> {
        let tally = self.tally(&turn);
        let Turn { number, recorded, actions, outcome, local, can_wait } = turn;
        self.wanted.add(self.run, local, can_wait);
        // The first turns of a next execution are passed on after the machine has made all of them.
        let status_turn = self.machine.status_turn().filter(|turn| *turn <= number);
        let bytes = encoded(&recorded, status_turn).map_err(unreadable)?;
        self.follow(&recorded, outcome.as_ref());
        let trace = (self.run, &self.trace);
        let story = Story::of(&self.summary, &recorded, &mut self.ledger, &self.machine, trace);
        let has_drawn_id = std::mem::take(&mut self.has_drawn_id);
        let record =
            TurnRecord { number, bytes, summary: self.summary.clone(), has_drawn_id, keep: 0 };
        Ok(PendingTurn {
            instance: self.summary.instance.clone(),
            run: self.run,
            record: Some(record),
            actions,
            answer: None,
            known: None,
            tally,
            successor: Vec::new(),
            trace: self.trace.clone(),
            story,
        })
    }

    /// The actions of turns that have nothing new to store; they are carried out after the turns that are
    /// under way.
    pub(super) fn pending_without_record(&self, actions: Sealed<Vec<Action>>) -> PendingTurn {
        PendingTurn {
            instance: self.summary.instance.clone(),
            run: self.run,
            record: None,
            actions,
            answer: None,
            known: None,
            tally: Tally::NOTHING,
            successor: Vec::new(),
            trace: self.trace.clone(),
            story: None,
        }
    }

    /// Goes on with the next execution when the newest has continued as new; returns the turns that begin
    /// it. Later commands are for the new execution. `last` is the turn that continues: the traces of the two are
    /// linked both ways.
    pub(super) fn continue_as_new(
        &mut self,
        last: &mut PendingTurn,
    ) -> Result<Vec<PendingTurn>, ParkReason> {
        let own = self.trace.for_successor(&self.summary.instance, self.run);
        let successor = self.machine.successor(own).map_err(unreadable)?;
        let Some(Successor { machine, turns }) = successor else { return Ok(Vec::new()) };
        self.run = Run::of(&machine);
        self.trace = RunTrace::of_machine(&machine);
        #[cfg(feature = "otel")]
        last.story.iter_mut().for_each(|story| story.continues_as(self.run, &self.trace));
        #[cfg(not(feature = "otel"))]
        let _ = last;
        self.summary.execution = machine.execution_id();
        (self.summary.turns, self.summary.events) = (0, 0);
        self.machine = machine;
        self.ledger = None;
        turns.into_iter().map(|turn| self.pending(turn)).collect()
    }

    /// Updates the summary with a turn.
    pub(super) fn follow(&mut self, turn: &RecordedTurn, outcome: Option<&Outcome>) {
        let before = self.summary.events;
        let state = match outcome {
            None if self.machine.is_parked() => State::Parked,
            outcome => state_of(outcome, self.machine.is_suspended()),
        };
        // A parked instance is looked at when a host starts.
        let wake_at = self.machine.wake_at().filter(|_| state != State::Parked);
        follow(&mut self.summary, turn, state, wake_at);
        // Events that the turn has replaced do not count.
        self.summary.events = self.summary.events.min(self.machine.events());
        if before < WARN_HISTORY_EVENTS && self.summary.events >= WARN_HISTORY_EVENTS {
            let (instance, events) = (&self.summary.instance, self.summary.events);
            tracing::warn!(target: "reenact::instance", parent: None, %instance, events, "the history of this instance is long; continue as new to keep replays short");
        }
    }
}

pub(super) fn unreadable(error: impl std::fmt::Display) -> ParkReason {
    ParkReason::Unreadable { reason: error.to_string() }
}
