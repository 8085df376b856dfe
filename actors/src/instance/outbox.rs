//! Messages between instances: what this one sends, and what it receives.

use std::mem;
use std::sync::Arc;

use ractor::{ActorProcessingErr, ActorRef};
use reenact_core::{
    ChildError, Command, Event, EventKey, InstanceCommand, MessageId, NotTaken, Origin, Outbox,
    Outcome, Payload, RecordedTurn, Relation, Timestamp,
};
use reenact_providers::{InstanceSummary, ProviderError};
use tokio::sync::oneshot;

use super::closing::Closing;
use super::phase::{Live, Phase};
use super::state::InstanceState;
use crate::error::{Error, ParkReason};
use crate::message::{Content, FromAnother, InstanceMessage, Internal, OnceMessage, Reply};
use crate::persistence::Entry;
use crate::run::Run;
use crate::store::unreadable;
use crate::trace::RunTrace;

/// How a child ended, as its parent sees it.
type ChildResult = Result<Payload, ChildError>;

impl InstanceState {
    /// Records that a message of this instance has arrived, or never will.
    pub(super) fn answered(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
        message: MessageId,
        taken: Result<(), NotTaken>,
        sent_by: Option<Run>,
        reply: Option<Reply>,
    ) {
        match (&mut self.phase, taken) {
            (Phase::Live(live), Ok(())) if !live.machine.awaits_delivery(message) => {
                live.note_arrival(message);
            }
            (Phase::Live(_), Ok(())) => {
                let command = Command::ConfirmDelivery { messages: vec![message] };
                return self.apply(command, reply);
            }
            // The refusal is for an earlier run: the instance was rewound since, and asks again.
            (Phase::Live(live), Err(_)) if sent_by.is_some_and(|run| run != live.run) => {
                self.send_again(message, 0);
            }
            (Phase::Live(_), Err(why)) => {
                return self.apply(Command::RefuseMessage { message, why }, reply);
            }
            // Accepted or refused, the message needs no other try.
            (Phase::Closing(closing), _) => {
                closing.arrived.push(message);
                // It is recorded after the messages in the mailbox, so that one turn records all answers.
                let is_first = closing.arrived.len() == 1;
                if is_first && myself.cast(Internal::Settle.into()).is_err() {
                    self.settle();
                }
            }
            (Phase::Fresh | Phase::Absent | Phase::Finished | Phase::Parked(_), _) => {}
        }
        // If this is lost before it is recorded, the message is sent again, and answered again.
        reply.into_iter().for_each(|reply| self.answer(reply.yes()));
    }

    /// Records the messages that have arrived since the end.
    pub(super) fn settle(&mut self) {
        let now = self.shard.now();
        let Phase::Closing(closing) = &mut self.phase else { return };
        match closing.settle(now) {
            Ok(Some(turn)) => self.shard.make_durable(Entry::Turn(Box::new(turn))),
            Ok(None) => {}
            Err(error) => {
                let instance = &self.instance;
                tracing::warn!(
                    target: "reenact::instance", parent: None,
                    %instance, %error,
                    "what has arrived of its messages cannot be recorded; they are sent again when it \
                     comes back into memory"
                );
                // What this actor knows is no longer what the log says.
                self.phase = Phase::Finished;
            }
        }
    }

    /// Sends a message again, if it still has not arrived.
    pub(super) fn send_again(&self, message: MessageId, tries: u32) {
        let (run, message) = match &self.phase {
            Phase::Live(live) => {
                let message = live.machine.message(message);
                let give = |message| live.trace.give(&self.instance, live.run, message);
                (live.run, message.map(give))
            }
            Phase::Closing(closing) => {
                let message = closing.outbox.message(message).cloned();
                let give = |message| closing.trace.give(&self.instance, closing.run, message);
                (closing.run, message.map(give))
            }
            Phase::Fresh | Phase::Absent | Phase::Finished | Phase::Parked(_) => return,
        };
        if let Some(message) = message {
            self.shard.host.local_delivery.send(&self.instance, run, message, tries);
        }
    }

    /// Handles a message of another instance to this one, which runs.
    pub(super) fn handle_message(&mut self, message: FromAnother) {
        let Phase::Live(live) = &self.phase else { return };
        let FromAnother { from, content, reply } = message;
        match content {
            Content::Event(event) => {
                let (command, trace) = event.into_command();
                self.apply_in(trace, command, Some(reply));
            }
            Content::Return { lineage, id, answer } => {
                let command = Command::ReturnUpdate { lineage, id, from, answer };
                self.apply(command, Some(reply));
            }
            Content::Command { command, key, trace } => {
                self.apply_once(OnceMessage { key, command: command.into(), trace, reply });
            }
            Content::Result { lineage, id, result } => {
                let command = Command::CompleteChild { lineage, id, child: from, result };
                self.apply(command, Some(reply));
            }
            Content::Cancel { call, reason }
                if live.machine.origin().is_some_and(|origin| origin.is(&from, call)) =>
            {
                self.apply(Command::Cancel { reason }, Some(reply));
            }
            // Another instance has this id by now.
            Content::Cancel { .. } => self.answer(reply.yes()),
        }
    }

    /// Handles a message of another instance to this one, which has finished. An event or a command may
    /// have come before: then its answer was lost, and is given again.
    pub(super) async fn handle_message_after_end(
        &mut self,
        message: FromAnother,
    ) -> Result<(), ActorProcessingErr> {
        let FromAnother { content, reply, .. } = message;
        let is_known = match content {
            Content::Event(event) => match &event.key {
                Some(key) => self.has_had(key).await?,
                None => Ok(false),
            },
            Content::Command { command, key, .. } => match self.has_had(&key).await? {
                // It left no key, if the instance was parked.
                Ok(false) => self.was_terminated_by(&command).await?,
                known => known,
            },
            Content::Cancel { .. } | Content::Result { .. } | Content::Return { .. } => Ok(false),
        };
        self.answer(match is_known {
            Ok(true) => reply.yes(),
            Ok(false) => reply.no(Error::Finished { instance: self.instance.clone() }),
            Err(reason) => reply.no(unreadable(&self.instance, &reason)),
        });
        Ok(())
    }

    /// Whether this instance, which has finished, was terminated with the words of this command; or why the
    /// log cannot be read.
    async fn was_terminated_by(
        &mut self,
        command: &InstanceCommand,
    ) -> Result<Result<bool, ParkReason>, ActorProcessingErr> {
        let InstanceCommand::Terminate { reason } = command else { return Ok(Ok(false)) };
        let log = self.shard.log();
        let Some(summary) = log.summary(&self.instance).await? else { return Ok(Ok(false)) };
        let turns = log.history(&summary).await?;
        Ok(turns.map(|turns| {
            let outcome = turns.iter().rev().find_map(RecordedTurn::outcome);
            matches!(outcome, Some(Outcome::Terminated { reason: given }) if given == *reason)
        }))
    }

    /// Whether an event or a command with this key is in the log of this instance, which has finished; or why the log
    /// cannot be read.
    pub(super) async fn has_had(
        &mut self,
        key: &EventKey,
    ) -> Result<Result<bool, ParkReason>, ActorProcessingErr> {
        self.shard.everything_is_durable(&self.instance).await?;
        Ok(self.shard.log().has_event(&self.instance, key).await?)
    }

    /// Drops the code of an instance that has ended. What is left are its messages to other instances.
    pub(super) fn close_if_ended(&mut self) {
        let is_closing =
            |live: &Live| live.machine.outcome().is_some() && live.machine.outbox_len() > 0;
        if !matches!(&self.phase, Phase::Live(live) if is_closing(live)) {
            return;
        }
        if let Phase::Live(live) = mem::replace(&mut self.phase, Phase::Finished) {
            let Live { machine, run, trace, summary, arrived, .. } = *live;
            let end = summary.turns.saturating_sub(1);
            let mut closing = Closing::new(machine.outbox(), (run, trace), summary, end);
            closing.arrived = arrived;
            self.phase = Phase::Closing(Box::new(closing));
            self.settle();
        }
    }

    /// Comes back into memory to deliver messages after its end. If the log cannot be read, nothing is
    /// sent.
    pub(super) async fn close_from_log(
        &mut self,
        summary: InstanceSummary,
    ) -> Result<(), ActorProcessingErr> {
        self.phase = Phase::Finished;
        let turns = match self.shard.log().history(&summary).await? {
            Ok(turns) => turns,
            Err(reason) => {
                let instance = &self.instance;
                tracing::error!(target: "reenact::instance", parent: None, %instance, %reason, "the messages that it has yet to send cannot be read from its log: put back a copy of the store that is known to be good");
                return Ok(());
            }
        };
        let ends = |turn: &RecordedTurn| turn.events.iter().any(Event::is_terminal);
        let Some(end) = turns.iter().position(ends).map(|end| end as u64) else {
            let instance = &self.instance;
            tracing::error!(
                target: "reenact::instance", parent: None,
                %instance,
                "its summary says that it has ended, and its log does not: the messages that it has yet to send \
                 are not known; put back a copy of the store that is known to be good"
            );
            return Ok(());
        };
        let outbox = Outbox::of(self.instance.clone(), &turns);
        let run = Run::without_code(summary.execution);
        let trace = RunTrace::of_log(summary.execution, &turns, &outbox);
        let mut closing = Closing::new(outbox, (run, trace), summary, end);
        closing.at = turns.last().map_or(closing.at, |turn| turn.at);
        closing.outbox.under_way().into_iter().for_each(|message| {
            let message = closing.trace.give(&self.instance, run, message);
            self.shard.host.local_delivery.send(&self.instance, run, message, 0);
        });
        self.phase = Phase::Closing(Box::new(closing));
        Ok(())
    }

    /// Answers a start by the instance that started this one. A parent that was rewound to before the end
    /// of its child does not know the result: it gets that before the answer that the child has begun.
    pub(super) async fn has_begun(&mut self, origin: Origin, reply: Reply) {
        let is_child = origin.relation == Relation::Child;
        if !is_child || matches!(self.phase, Phase::Live(_) | Phase::Parked(_)) {
            return self.answer(reply.yes());
        }
        let result = match self.result().await {
            Ok(Ok(Some(result))) => result.map_err(Box::new),
            Ok(Ok(None)) => return self.answer(reply.yes()),
            Ok(Err(reason)) => {
                return self.answer(reply.no(unreadable(&self.instance, &reason)));
            }
            Err(source) => {
                return self.answer(reply.no(Error::from(Arc::new(source))));
            }
        };
        let (shard, from) = (self.shard.clone(), self.instance.clone());
        let (local_delivery, tasks) =
            (self.shard.host.local_delivery.clone(), self.shard.host.tasks.clone());
        if local_delivery.is_remote(&origin.instance) {
            tasks.spawn(async move {
                // The result is in the parent's queue before this answer. If it cannot be sent, the parent asks
                // again.
                if local_delivery.send_result(from, &origin, result).await.is_ok() {
                    shard.make_durable(Entry::Answer(Box::new(reply.yes())));
                }
            });
            return;
        }
        tasks.spawn(async move {
            let (port, answer) = oneshot::channel();
            let Origin { instance: parent, lineage, id, .. } = origin;
            let (content, port) =
                (Content::Result { lineage, id, result }, Reply::to_instance(port));
            let message =
                Internal::FromAnother(Box::new(FromAnother { from, content, reply: port }));
            shard.host.routes.deliver(&parent, message.into());
            // If the parent does not accept it, it asks again.
            if let Ok(Ok(()) | Err(Error::Finished { .. } | Error::NotFound { .. })) = answer.await
            {
                shard.make_durable(Entry::Answer(Box::new(reply.yes())));
            }
        });
    }

    /// The result of this instance for its parent; `None` when its log does not say it. Or why the log
    /// cannot be read.
    async fn result(&mut self) -> Result<Result<Option<ChildResult>, ParkReason>, ProviderError> {
        let Some(summary) = self.shard.log().summary(&self.instance).await? else {
            return Ok(Ok(None));
        };
        let turns = self.shard.log().history(&summary).await?;
        let outcome = turns.map(|turns| turns.iter().rev().find_map(RecordedTurn::outcome));
        Ok(outcome.map(|outcome| {
            outcome.and_then(|outcome| ChildError::of_outcome(&self.instance, outcome))
        }))
    }

    /// The instance that started this one, which runs or has run, if another one did; or why the log cannot
    /// be read.
    pub(super) async fn own_origin(
        &mut self,
    ) -> Result<Result<Option<Origin>, ParkReason>, ProviderError> {
        match &self.phase {
            Phase::Live(live) => Ok(Ok(live.machine.origin())),
            Phase::Closing(closing) => Ok(Ok(closing.outbox.origin().cloned())),
            Phase::Fresh | Phase::Absent | Phase::Finished | Phase::Parked(_) => {
                self.shard.log().origin(&self.instance).await
            }
        }
    }
}

impl Live {
    /// Notes that a child has begun. It is recorded when the instance leaves memory, if it still counts:
    /// other messages of the child say the same.
    fn note_arrival(&mut self, message: MessageId) {
        if self.machine.message(message).is_some() {
            self.arrived.push(message);
        }
        if self.arrived.len() > 2 * self.machine.outbox_len() {
            self.arrived.retain(|id| self.machine.message(*id).is_some());
        }
    }

    /// Whether everything that would be lost if it left memory now comes back by itself.
    pub(super) fn is_idle(&mut self, now: Timestamp) -> bool {
        !self.machine.has_open_tasks(now) && self.has_delivered_all()
    }

    fn has_delivered_all(&mut self) -> bool {
        self.arrived.retain(|id| self.machine.message(*id).is_some());
        self.arrived.sort_unstable();
        self.arrived.dedup();
        self.arrived.len() == self.machine.outbox_len()
    }
}
