//! Begins a child in the place of an earlier one, whose call its parent has undone.

use std::time::Duration;

use ractor::{ActorProcessingErr, ActorRef};
use reenact_core::{
    OrchestrationCode, Origin, RecordedTurn, Replacement, SupersededCall, codec,
    has_ended_by_itself,
};
use reenact_providers::{InstanceState as State, InstanceSummary, TurnRecord};

use super::phase::Phase;
use super::state::InstanceState;
use crate::error::{Error, Result};
use crate::message::{InstanceMessage, StartMessage};
use crate::persistence::Entry;
use crate::store::unreadable;

impl InstanceState {
    /// Begins a new run under this id as the next execution, because the call that started the earlier one
    /// was undone. The earlier run ends here, in any phase. If only its cancellation was undone, and it had
    /// ended before that, its result counts instead.
    pub(super) async fn replace(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
        message: StartMessage,
        origin: Origin,
        superseded: SupersededCall,
    ) -> Result<(), ActorProcessingErr> {
        let purges = self.shard.host.purges.clone();
        // A purge of the earlier run would remove what the new one is built on.
        let not_purged = purges.read().await;
        self.everything_is_durable().await?;
        let Some(summary) = self.shard.log().summary(&self.instance).await? else {
            // The earlier run was purged since. The start comes again, and finds the id free.
            let instance = self.instance.clone();
            self.answer(message.reply.no(Error::Interrupted { instance }));
            return Ok(());
        };
        let before = match self.shard.log().history(&summary).await? {
            Ok(before) => before,
            Err(reason) => {
                // What the earlier run has started, and whether it has ended, is not known.
                self.answer(message.reply.no(unreadable(&self.instance, &reason)));
                return Ok(());
            }
        };
        if superseded.unless_ended && has_ended_by_itself(&before) {
            self.has_begun(origin, message.reply).await;
            return Ok(());
        }
        let registered =
            self.shard.host.registry.orchestration(&message.name, message.version.as_ref());
        let code = match registered {
            Ok(code) => code,
            Err(missing) => {
                self.answer(message.reply.no(missing));
                return Ok(());
            }
        };
        match self.replacement(&code, &message, origin, summary, &before) {
            Err(error) => self.answer(message.reply.no(error)),
            Ok(records) => {
                let Some(mut pending) = self.pending_execution(records, Vec::new()) else {
                    return Ok(());
                };
                pending.tally.has_started = true;
                pending.tally.orchestration = self.shard.host.recorder.orchestration(&message.name);
                pending.answer = Some(message.reply.yes());
                self.shard.make_durable(Entry::Turn(Box::new(pending)));
                // The local activities belong to the run that is replaced.
                self.leave_place();
                self.phase = Phase::Absent;
                self.shard.host.routes.unpark(&self.instance);
                self.everything_is_durable().await?;
                // Released before the code runs, which may block its thread for ever.
                drop(not_purged);
                self.activate(myself).await?;
            }
        }
        Ok(())
    }

    fn replacement(
        &self,
        code: &OrchestrationCode,
        message: &StartMessage,
        origin: Origin,
        summary: InstanceSummary,
        before: &[RecordedTurn],
    ) -> Result<Vec<TurnRecord>> {
        let now = self.shard.now();
        let delay = message.not_before.map_or(Duration::ZERO, |time| time.since(now));
        let replacement = Replacement {
            name: message.name.clone(),
            version: code.version().clone(),
            input: message.start.input.clone(),
            origin: Box::new(origin),
            delay: Some(delay),
            trace: message.start.trace.clone(),
            limits: message.start.limits,
        };
        let turns = replacement.begin(&self.instance, before, now.max(summary.updated_at));
        records(summary, message, &turns)
    }
}

/// The turns in the form of the next execution of the instance.
fn records(
    before: InstanceSummary,
    message: &StartMessage,
    turns: &[RecordedTurn],
) -> Result<Vec<TurnRecord>> {
    let Some(execution) = before.execution.next() else {
        return Err(Error::AlreadyExists { instance: before.instance });
    };
    let mut summary = InstanceSummary {
        execution,
        name: message.name.clone(),
        state: State::Running,
        turns: 0,
        events: 0,
        updated_at: turns.first().map_or(before.updated_at, |turn| turn.at),
        // It has at least a timer.
        wake_at: Some(reenact_core::Timestamp::EPOCH),
        // It begins anew.
        attributes: reenact_core::Attributes::default(),
        ..before
    };
    let record = |turn: &RecordedTurn| {
        let bytes = codec::encode_turn(turn)
            .map_err(|error| Error::OverLimit { what: error.to_string() })?;
        let number = summary.turns;
        summary.turns += 1;
        summary.events += turn.events.len() as u64;
        Ok(TurnRecord {
            number,
            bytes: bytes.into(),
            summary: summary.clone(),
            has_drawn_id: false,
            keep: 0,
        })
    };
    turns.iter().map(record).collect()
}
