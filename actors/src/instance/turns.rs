//! Commands into turns, turns to the persistence actor.

use ractor::ActorRef;
use reenact_core::limits::WARN_HISTORY_EVENTS;
use reenact_core::{
    Action, ApplyError, Command, ExecutionId, Machine, Outcome, RecordedTurn, Rejected, Sealed,
    Successor, Turn, codec,
};
use reenact_providers::{InstanceState as State, InstanceSummary, TurnRecord};

use super::{Begin, InstanceState, Live, Phase};
use crate::error::{Error, ParkReason};
use crate::message::{Answer, InstanceMessage, Internal, Reply, StartMessage};
use crate::persistence::{Entry, PendingTurn};
use crate::run::Run;

impl InstanceState {
    pub(super) fn start(&mut self, myself: &ActorRef<InstanceMessage>, message: Box<StartMessage>) {
        match self.phase {
            Phase::Fresh => {}
            // Here for another message: since it looked, the id may have become free.
            Phase::Absent | Phase::Finished if self.begin == Begin::Activate => {
                let message = Internal::Start(message).into();
                return self.shard.routes.deliver_in_order(&self.instance, message);
            }
            _ => {
                let taken = Error::AlreadyExists { instance: self.instance.clone() };
                return self.answer(message.reply.no(taken));
            }
        }
        let StartMessage { code, start, slot, reply, .. } = *message;
        self.slot = Some(slot);
        let (execution, now) = (ExecutionId::FIRST, self.shard.clock.now());
        let config = self.shard.machine_config(myself);
        match Machine::start(&code, self.instance.clone(), execution, config, start, now) {
            Ok((machine, turn)) => {
                let summary = self.new_summary(code.name().clone(), execution, &turn.recorded);
                let run = Run::of(&machine);
                self.phase = Phase::Live(Live { machine, run, summary });
                self.submit(turn, Some(reply));
            }
            Err(error) => {
                // Nothing was stored: there is no instance, and nothing to park.
                self.phase = Phase::Absent;
                reply.refuse(match self.refusal(error) {
                    Error::Parked { reason, .. } => Error::NotStarted { reason },
                    other => other,
                });
            }
        }
    }

    fn new_summary(
        &self,
        name: reenact_core::Name,
        execution: ExecutionId,
        first: &RecordedTurn,
    ) -> InstanceSummary {
        InstanceSummary {
            instance: self.instance.clone(),
            execution,
            name,
            state: State::Running,
            created_at: first.at,
            updated_at: first.at,
            turns: 0,
            events: 0,
            wake_at: None,
        }
    }

    pub(super) fn apply(&mut self, command: Command, reply: Option<Reply>) {
        let Phase::Live(live) = &mut self.phase else { return };
        let now = self.shard.clock.now();
        self.last_used = now;
        match live.machine.apply(command, now) {
            Ok(turn) => self.submit(turn, reply),
            Err(error) => {
                let refusal = self.refusal(error);
                if let Error::Parked { reason, .. } = &refusal {
                    self.park(reason.clone());
                }
                if let Some(reply) = reply {
                    self.answer(reply.no(refusal));
                }
            }
        }
    }

    fn refusal(&self, error: ApplyError) -> Error {
        let instance = self.instance.clone();
        match error {
            ApplyError::Rejected(Rejected::TooManyEvents { limit }) => {
                Error::TooManyEvents { instance, limit }
            }
            ApplyError::Rejected(Rejected::Finished) => Error::Finished { instance },
            ApplyError::Rejected(Rejected::AlreadyStarted) => Error::AlreadyExists { instance },
            ApplyError::Rejected(other) => Error::OverLimit { what: other.to_string() },
            ApplyError::Nondeterministic(nondeterminism) => {
                let reason = ParkReason::Nondeterministic(nondeterminism);
                Error::Parked { instance, reason }
            }
            ApplyError::UnregisteredActivity { activity } => {
                let reason = ParkReason::UnknownActivity { name: activity };
                Error::Parked { instance, reason }
            }
            other => Error::OverLimit { what: other.to_string() },
        }
    }

    /// Hands a turn to the persistence actor, and goes on without waiting for it.
    fn submit(&mut self, turn: Turn, reply: Option<Reply>) {
        let Phase::Live(live) = &mut self.phase else { return };
        if turn.recorded.events.is_empty() {
            // It was so before: the answer waits for what made it so.
            return reply.into_iter().for_each(|reply| self.answer(reply.yes()));
        }
        let before = live.summary.clone();
        let pending = live.pending(turn).and_then(|mut pending| {
            pending.successor = live.continue_as_new()?;
            Ok(pending)
        });
        match pending {
            Ok(mut pending) => {
                pending.answer = reply.map(Reply::yes);
                self.shard.make_durable(Entry::Turn(Box::new(pending)));
            }
            Err(reason) => {
                // Nothing of it is handed on.
                live.summary = before;
                self.refuse_turn(reason, reply);
            }
        }
    }

    fn refuse_turn(&mut self, reason: ParkReason, reply: Option<Reply>) {
        self.park(reason.clone());
        if let Some(reply) = reply {
            let instance = self.instance.clone();
            self.answer(reply.no(Error::Parked { instance, reason }));
        }
    }

    /// Answers behind the turns that are under way: the answer may rest on them.
    pub(super) fn answer(&self, answer: Answer) {
        self.shard.make_durable(Entry::Answer(answer));
    }

    /// Ends a parked instance: its code is not asked, so it need not fit.
    pub(super) fn terminate_without_code(
        &mut self,
        mut summary: InstanceSummary,
        reason: String,
        reply: Option<Reply>,
    ) {
        let (number, execution) = (summary.turns, summary.execution);
        let at = self.shard.clock.now().max(summary.updated_at);
        let recorded = RecordedTurn::terminated(at, reason);
        let bytes = match codec::encode_turn(&recorded) {
            Ok(bytes) => bytes.into(),
            Err(error) => {
                return reply.into_iter().for_each(|reply| {
                    reply.refuse(Error::OverLimit { what: error.to_string() });
                });
            }
        };
        let outcome = recorded.outcome();
        follow(&mut summary, &recorded, outcome.as_ref(), None);
        let actions = outcome.into_iter().map(|outcome| Action::Reply { outcome }).collect();
        let record = TurnRecord { number, bytes, summary };
        let turn = PendingTurn {
            instance: self.instance.clone(),
            run: Run::without_code(execution),
            record: Some(record),
            actions: Sealed::new(actions),
            answer: reply.map(Reply::yes),
            successor: Vec::new(),
        };
        self.shard.make_durable(Entry::Turn(Box::new(turn)));
        self.phase = Phase::Finished;
    }
}

impl Live {
    /// A turn as it is handed on.
    fn pending(&mut self, turn: Turn) -> Result<PendingTurn, ParkReason> {
        let Turn { number, recorded, actions, outcome } = turn;
        // The first turns of a next execution are handed on when it has done all of them.
        let status_turn = self.machine.status_turn().filter(|turn| *turn <= number);
        let bytes = codec::encode_turn_with_status(&recorded, status_turn).map_err(unreadable)?;
        self.follow(&recorded, outcome.as_ref());
        let record = TurnRecord { number, bytes: bytes.into(), summary: self.summary.clone() };
        Ok(PendingTurn {
            instance: self.summary.instance.clone(),
            run: self.run,
            record: Some(record),
            actions,
            answer: None,
            successor: Vec::new(),
        })
    }

    /// Goes on with the next execution, when the newest has continued as new; the turns in which
    /// that begins. What comes from now on is for the new one.
    fn continue_as_new(&mut self) -> Result<Vec<PendingTurn>, ParkReason> {
        let successor = self.machine.successor().map_err(unreadable)?;
        let Some(Successor { machine, turns }) = successor else { return Ok(Vec::new()) };
        self.run = Run::of(&machine);
        self.summary.execution = machine.execution_id();
        (self.summary.turns, self.summary.events) = (0, 0);
        self.machine = machine;
        turns.into_iter().map(|turn| self.pending(turn)).collect()
    }

    /// Keeps the summary up with a turn.
    fn follow(&mut self, turn: &RecordedTurn, outcome: Option<&Outcome>) {
        let before = self.summary.events;
        follow(&mut self.summary, turn, outcome, self.machine.wake_at());
        if before < WARN_HISTORY_EVENTS && self.summary.events >= WARN_HISTORY_EVENTS {
            let (instance, events) = (&self.summary.instance, self.summary.events);
            tracing::warn!(%instance, events, "the history grows long");
        }
    }
}

fn unreadable(error: impl std::fmt::Display) -> ParkReason {
    ParkReason::Unreadable { reason: error.to_string() }
}

fn follow(
    summary: &mut InstanceSummary,
    turn: &RecordedTurn,
    outcome: Option<&Outcome>,
    wake_at: Option<reenact_core::Timestamp>,
) {
    summary.turns += 1;
    summary.events += turn.events.len() as u64;
    summary.updated_at = turn.at;
    summary.wake_at = wake_at;
    summary.state = match outcome {
        None | Some(Outcome::Continued { .. }) => State::Running,
        Some(Outcome::Completed(_)) => State::Completed,
        Some(Outcome::Failed(_)) => State::Failed,
        Some(_) => State::Terminated,
    };
}
