//! A parked instance: its log says that it is parked, and it takes what needs no code.

use ractor::{ActorProcessingErr, ActorRef};
use reenact_core::{
    ApplyError, Command, Event, History, InstanceCommand, ParkedExecution, RecordedTurn, Rejected,
};
use reenact_providers::{InstanceState as State, InstanceSummary};

use super::interrupt::Interrupt;
use super::phase::{LeftLocks, Live, Parked, Phase};
use super::state::InstanceState;
use crate::error::{Error, ParkReason};
use crate::message::{
    Content, ExternalEvent, FromAnother, InstanceMessage, Internal, OnceMessage, Reply,
    RuntimeMessage,
};
use crate::persistence::Entry;

impl InstanceState {
    /// Drops the code, which cannot go on from the log.
    pub(super) fn park(&mut self, reason: ParkReason) {
        if !matches!(self.phase, Phase::Live(_)) {
            return;
        }
        self.leave_place();
        let Phase::Live(live) = std::mem::replace(&mut self.phase, Phase::Absent) else { return };
        let Live { machine, summary, .. } = *live;
        let has_locks = machine.has_locks();
        // The status of a turn that is not passed on does not count.
        let status_turn = machine.status_turn().filter(|turn| *turn < summary.turns);
        drop(machine);
        self.park_as(reason, summary, status_turn, true);
        self.announce_parked();
        if has_locks {
            self.give_back_locks_later();
        }
    }

    /// Parks an instance whose code cannot go on from the log that was read. If its run was announced, the
    /// host has survived it.
    pub(super) async fn park_unfit(
        &mut self,
        reason: ParkReason,
        summary: InstanceSummary,
        was_announced: bool,
    ) -> Result<(), ActorProcessingErr> {
        let status_turn = self.shard.log().status_turn(&summary).await?;
        self.park_as(reason, summary, status_turn, false);
        if let (true, Phase::Parked(parked)) = (was_announced, &mut self.phase) {
            let at = self.shard.now().max(parked.summary.updated_at);
            let survived = RecordedTurn { at, events: [Event::RunSurvived].into() };
            let turn = parked.pending(&survived)?;
            self.shard.make_durable(Entry::Turn(Box::new(turn)));
        }
        self.announce_parked();
        self.give_back_locks().await
    }

    /// Parks an instance of whose code too many hosts have died. The code does not run before somebody
    /// resumes the instance.
    pub(super) async fn park_condemned(
        &mut self,
        reason: ParkReason,
        summary: InstanceSummary,
    ) -> Result<(), ActorProcessingErr> {
        let status_turn = self.shard.log().status_turn(&summary).await?;
        self.park_as(reason, summary, status_turn, true);
        self.announce_parked();
        self.give_back_locks().await
    }

    /// Loads an instance that this host has parked before.
    pub(super) async fn stay_parked(
        &mut self,
        reason: ParkReason,
        summary: InstanceSummary,
    ) -> Result<(), ActorProcessingErr> {
        let status_turn = self.shard.log().status_turn(&summary).await?;
        self.park_as(reason, summary, status_turn, true);
        Ok(())
    }

    /// Keeps an instance as it is whose log takes nothing: an import has not brought all turns, or this host
    /// cannot decode it, and so not write what another one could.
    pub(super) fn keep_out(&mut self, reason: ParkReason, summary: InstanceSummary) {
        let parked = Parked {
            reason,
            summary,
            status_turn: None,
            untried: false,
            execution: None,
            locks: LeftLocks::None,
        };
        self.phase = Phase::Parked(Box::new(parked));
        self.announce_parked();
    }

    /// Whether its log takes nothing.
    pub(super) fn is_kept_out(&self) -> bool {
        matches!(&self.phase, Phase::Parked(parked) if parked.reason.takes_nothing())
    }

    /// Adds a turn to the log that says so, unless the log ends with one.
    fn park_as(
        &mut self,
        reason: ParkReason,
        summary: InstanceSummary,
        status_turn: Option<u64>,
        untried: bool,
    ) {
        let locks = LeftLocks::None;
        let mut parked = Parked { reason, summary, status_turn, untried, execution: None, locks };
        if parked.summary.state != State::Parked {
            let at = self.shard.now().max(parked.summary.updated_at);
            let turn = RecordedTurn::parked(at, &parked.reason);
            match parked.pending(&turn) {
                Ok(turn) => self.shard.make_durable(Entry::Turn(Box::new(turn))),
                Err(error) => {
                    let instance = &self.instance;
                    tracing::warn!(target: "reenact::instance", parent: None, %instance, %error, "that this instance is parked cannot be recorded in its log; this host knows it all the same");
                }
            }
        }
        self.phase = Phase::Parked(Box::new(parked));
    }

    /// Reports the reason after the turns that are under way: without them there would be no reason to
    /// park.
    fn announce_parked(&self) {
        if let Phase::Parked(parked) = &self.phase {
            self.shard.make_durable(Entry::Park(self.instance.clone(), Box::new(parked.reason())));
        }
    }

    /// Handles a message for a parked instance.
    pub(super) async fn handle_parked(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
        message: InstanceMessage,
    ) -> Result<(), ActorProcessingErr> {
        let Phase::Parked(parked) = &self.phase else { return Ok(()) };
        let reason = parked.reason();
        match message {
            InstanceMessage::Runtime(RuntimeMessage(Internal::PassivateIfIdleSince(then, _))) => {
                self.passivate_if_idle(myself, then);
            }
            InstanceMessage::Runtime(RuntimeMessage(Internal::GiveBackLocks)) => {
                self.give_back_locks().await?;
            }
            InstanceMessage::Runtime(RuntimeMessage(Internal::SendAgain { message, tries })) => {
                self.send_lock_again(message, tries);
            }
            InstanceMessage::Runtime(RuntimeMessage(Internal::Answered {
                message, reply, ..
            })) => {
                self.lock_is_back(message);
                reply.into_iter().for_each(|reply| self.answer(reply.yes()));
            }
            message if self.is_kept_out() => {
                let instance = self.instance.clone();
                self.refuse(message, Error::Parked { instance, reason });
            }
            InstanceMessage::Terminate { reason, trace, reply } => {
                let summary = parked.summary();
                self.terminate_without_code(summary, (reason, trace), reply).await?;
            }
            InstanceMessage::RaiseEvent { event, reply } => self.keep_event(event, reply).await?,
            message if self.shard.host.options.dormant && Interrupt::of(&message).is_some() => {
                self.keep_interrupt(message).await?;
            }
            InstanceMessage::Runtime(RuntimeMessage(Internal::Once(once)))
                if matches!(once.command, Command::Terminate { .. }) =>
            {
                // The command leaves no key: the end of the instance shows that it has come.
                let OnceMessage { command, trace, reply, .. } = *once;
                let Command::Terminate { reason } = command else { return Ok(()) };
                let summary = parked.summary();
                self.terminate_without_code(summary, (reason, trace), Some(reply)).await?;
            }
            InstanceMessage::Runtime(RuntimeMessage(Internal::FromAnother(message)))
                if matches!(
                    message.content,
                    Content::Command { command: InstanceCommand::Terminate { .. }, .. }
                ) =>
            {
                // As above.
                let FromAnother { content, reply, .. } = *message;
                let Content::Command { command, trace, .. } = content else { return Ok(()) };
                let InstanceCommand::Terminate { reason } = command else { return Ok(()) };
                let summary = parked.summary();
                self.terminate_without_code(summary, (reason, trace), Some(reply)).await?;
            }
            message if parked.untried && message.is_resume() => {
                // A new actor tries the instance again.
                self.shard.host.routes.unpark(&self.instance);
                self.shard.host.routes.deliver_in_order(&self.instance, message);
                myself.drain()?;
            }
            InstanceMessage::Runtime(RuntimeMessage(Internal::FromAnother(message)))
                if matches!(message.content, Content::Event(_)) =>
            {
                if let Content::Event(event) = message.content {
                    self.keep_event(event, Some(message.reply)).await?;
                }
            }
            // A message that needs the code cannot be accepted; its sender has it, and sends it again.
            message => {
                let instance = self.instance.clone();
                self.refuse(message, Error::Parked { instance, reason });
            }
        }
        Ok(())
    }

    /// Records an event that the code sees once it goes on.
    pub(super) async fn keep_event(
        &mut self,
        event: ExternalEvent,
        reply: Option<Reply>,
    ) -> Result<(), ActorProcessingErr> {
        self.read_parked().await?;
        let (instance, now) = (self.instance.clone(), self.shard.now());
        let Phase::Parked(parked) = &mut self.phase else { return Ok(()) };
        let Some(execution) = &mut parked.execution else {
            let reason = parked.reason();
            if let Some(reply) = reply {
                self.answer(reply.no(Error::Parked { instance, reason }));
            }
            return Ok(());
        };
        let ExternalEvent { name, data, key, trace, by } = event;
        let kept = match (key, by) {
            (Some(key), Some(by)) => {
                execution.take_update(name, data, (key, *by), trace.as_deref(), now)
            }
            (key, _) => execution.raise(name, data, key, trace.as_deref(), now),
        };
        self.keep(kept, reply)
    }

    /// Records what has come, or refuses it.
    pub(super) fn keep(
        &mut self,
        kept: Result<Vec<RecordedTurn>, Rejected>,
        reply: Option<Reply>,
    ) -> Result<(), ActorProcessingErr> {
        let Phase::Parked(parked) = &mut self.phase else { return Ok(()) };
        let turns: Result<Vec<_>, _> = match kept {
            Ok(turns) => turns.iter().map(|turn| parked.pending(turn)).collect(),
            Err(rejected) => {
                let refusal = self.refusal(ApplyError::Rejected(rejected));
                if let Some(reply) = reply {
                    self.answer(reply.no(refusal));
                }
                return Ok(());
            }
        };
        self.last_used = self.shard.now();
        // No event is too large to be encoded.
        let turns = turns?;
        let mut answer = reply.map(Reply::yes);
        let last = turns.len().saturating_sub(1);
        for (place, mut turn) in turns.into_iter().enumerate() {
            turn.answer = if place == last { answer.take() } else { None };
            self.shard.make_durable(Entry::Turn(Box::new(turn)));
        }
        // The event is in the log already.
        answer.into_iter().for_each(|answer| self.answer(answer));
        Ok(())
    }

    /// Reads the log, once. An instance whose log cannot be read accepts nothing.
    pub(super) async fn read_parked(&mut self) -> Result<(), ActorProcessingErr> {
        let summary = match &self.phase {
            Phase::Parked(parked) if parked.execution.is_none() => parked.summary(),
            _ => return Ok(()),
        };
        // Turns from before it was parked may still be under way.
        self.shard.everything_is_durable(&self.instance).await?;
        let Ok(turns) = self.shard.log().history(&summary).await? else { return Ok(()) };
        let mut execution = ParkedExecution::in_store(self.shard.host.store.takes_large_payloads);
        let history: History = turns.into_iter().collect();
        history.turns().iter().for_each(|turn| execution.apply(turn));
        if let Phase::Parked(parked) = &mut self.phase {
            parked.execution = Some(Box::new(execution));
        }
        Ok(())
    }
}
