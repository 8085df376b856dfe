//! Starts an instance where there is one of its id, as the policy of the start has it.

use std::time::Duration;

use ractor::{ActorProcessingErr, ActorRef};
use reenact_core::limits::MAX_TIMER;
use reenact_core::{
    Action, Anew, BegunAnew, Event, Outbox, RecordedTurn, RemoteRun, Timestamp, Version, codec,
    knows_start,
};
use reenact_providers::{InstanceState as State, InstanceSummary, TurnRecord};

use super::phase::Phase;
use super::state::InstanceState;
use super::summary::{follow, state_of, wake_at};
use crate::error::{Error, Result};
use crate::message::{ExternalEvent, InstanceMessage, StartMessage};
use crate::metrics::{ExecutionEnd, Tally};
use crate::persistence::{Entry, PendingTurn};
use crate::reuse::Reuse;
use crate::store::unreadable;
use crate::telemetry::Story;
use crate::trace::RunTrace;

/// What there is when a start with a policy comes.
struct Found {
    summary: InstanceSummary,
    history: Vec<RecordedTurn>,
}

impl InstanceState {
    /// Does with the instance that is there what the policy of the start says about its state. The start comes back
    /// where nothing is said.
    pub(super) async fn reuse(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
        message: StartMessage,
    ) -> Result<Option<StartMessage>, ActorProcessingErr> {
        let purges = self.shard.host.purges.clone();
        // A purge would remove what the new one is built on.
        let not_purged = purges.read().await;
        self.everything_is_durable().await?;
        let Some(summary) = self.shard.log().summary(&self.instance).await? else {
            if matches!(self.phase, Phase::Finished) {
                // It was purged since this actor looked: the id is free.
                self.leave_to_the_next(Box::new(message));
            } else {
                let instance = self.instance.clone();
                self.answer(message.reply.no(Error::Interrupted { instance }));
            }
            return Ok(None);
        };
        match message.reuse.of(summary.state) {
            Reuse::Refuse => Ok(Some(message)),
            Reuse::Attach if message.event.is_some() => Ok(Some(message)),
            Reuse::Attach => {
                self.answer(message.reply.yes());
                Ok(None)
            }
            Reuse::Replace => {
                let begun = self.begin_anew(message, summary).await?;
                drop(not_purged);
                if begun {
                    // The code runs now. It may block its thread for ever.
                    self.activate(myself).await?;
                }
                Ok(None)
            }
        }
    }

    /// Whether a new instance has begun in the place of the one that is there. Otherwise the start has its answer.
    async fn begin_anew(
        &mut self,
        message: StartMessage,
        summary: InstanceSummary,
    ) -> Result<bool, ActorProcessingErr> {
        let history = match self.shard.log().history(&summary).await? {
            Ok(history) => history,
            Err(reason) => {
                // Whom the earlier one has to inform is not known.
                self.answer(message.reply.no(unreadable(&self.instance, &reason)));
                return Ok(false);
            }
        };
        let found = Found { summary, history };
        if found.has_begun_with(message.start.seed) {
            // A second delivery.
            self.answer(message.reply.yes());
            return Ok(false);
        }
        match self.replaced(&message, found) {
            Err(error) => {
                self.answer(message.reply.no(error));
                Ok(false)
            }
            Ok(None) => Ok(false),
            Ok(Some(mut pending)) => {
                pending.answer = Some(message.reply.yes());
                self.shard.make_durable(Entry::Turn(Box::new(pending)));
                // The local activities belong to the run that is replaced.
                self.leave_place();
                self.phase = Phase::Absent;
                self.shard.host.routes.unpark(&self.instance);
                self.everything_is_durable().await?;
                Ok(true)
            }
        }
    }

    /// The end of the earlier instance, if it has not ended, and the beginning of the new one, as one append.
    fn replaced(&self, message: &StartMessage, found: Found) -> Result<Option<PendingTurn>> {
        let Found { mut summary, history } = found;
        let host = &self.shard.host;
        let version = if host.options.dormant {
            // The host that has the code finds out whether it has that version.
            message.version.clone().unwrap_or(Version::NONE)
        } else {
            host.registry.orchestration(&message.name, message.version.as_ref())?.version().clone()
        };
        let now = self.shard.now().max(summary.updated_at);
        // Commands are for an instance of that id and this time: the two must not have the same.
        let at = now.max(summary.created_at + Duration::from_micros(1));
        let anew = anew(message, version, at)?;
        let BegunAnew { end, turns } = anew.begin(&self.instance, &history, at);
        let mut records = Vec::new();
        let mut ended = None;
        if let Some(end) = &end {
            let mut outbox = Outbox::of(self.instance.clone(), &history);
            end.events.iter().for_each(|event| drop(outbox.follow(event)));
            let number = summary.turns;
            follow(&mut summary, end, state_of(end.outcome().as_ref(), false), wake_at(&outbox));
            records.push(record(number, &summary, end)?);
            let trace = RunTrace::of_log(summary.execution, &history, &outbox);
            ended = Some(Story::at_the_end(&summary, &history, end, &trace));
        }
        let created_at = summary.created_at;
        let recorder = &self.shard.host.recorder;
        let (before, orchestration) =
            (recorder.orchestration(&summary.name), recorder.orchestration(&message.name));
        begin(&mut records, summary, message, &turns)?;
        let reply = end.as_ref().and_then(RecordedTurn::outcome);
        let reply = reply.map(|outcome| Action::Reply { outcome });
        let pending = self.pending_execution(records, reply.into_iter().collect());
        let Some(mut pending) = pending else { return Ok(None) };
        let started = Tally { has_started: true, orchestration, ..Tally::NOTHING };
        match (end, pending.successor.first_mut()) {
            (Some(_), Some(first)) => {
                first.tally = started;
                pending.story = ended.flatten();
                pending.tally = Tally {
                    orchestration: before,
                    end: Some(ExecutionEnd::Terminated),
                    at,
                    created_at,
                    ..Tally::NOTHING
                };
            }
            _ => pending.tally = started,
        }
        Ok(Some(pending))
    }
}

impl Found {
    /// Whether it is there because of that start.
    fn has_begun_with(&self, seed: u64) -> bool {
        let first = self.history.first().and_then(|turn| turn.events.first());
        let Some(Event::ExecutionStarted { seed: drawn, .. }) = first else { return false };
        let run = RemoteRun { execution: self.summary.execution, seed: *drawn };
        run.descends_from(seed) || knows_start(&self.history, seed)
    }
}

fn anew(message: &StartMessage, version: Version, at: Timestamp) -> Result<Anew> {
    let asked = message.start.delay;
    if let Some(delay) = asked.filter(|delay| *delay > MAX_TIMER) {
        let what = format!("a delay of {delay:?} is over {MAX_TIMER:?}");
        return Err(Error::OverLimit { what });
    }
    let event = message.event.clone().map(|event| {
        let ExternalEvent { name, data, key, trace, .. } = event;
        (Event::ExternalRaised { name, data, key }, trace)
    });
    Ok(Anew {
        name: message.name.clone(),
        version,
        input: message.start.input.clone(),
        seed: message.start.seed,
        delay: message.not_before.map(|time| time.since(at)).or(asked),
        trace: message.start.trace.clone(),
        limits: message.start.limits,
        attributes: message.start.attributes.clone(),
        event,
    })
}

/// The first turns of the next execution, which is of a new instance.
fn begin(
    records: &mut Vec<TurnRecord>,
    before: InstanceSummary,
    message: &StartMessage,
    turns: &[RecordedTurn],
) -> Result<()> {
    let Some(execution) = before.execution.next() else {
        return Err(Error::AlreadyExists { instance: before.instance });
    };
    let mut summary = InstanceSummary {
        execution,
        name: message.name.clone(),
        turns: 0,
        events: 0,
        created_at: turns.first().map_or(before.updated_at, |turn| turn.at),
        attributes: reenact_core::Attributes::default(),
        ..before
    };
    for turn in turns {
        let number = summary.turns;
        // It has at least a timer.
        follow(&mut summary, turn, State::Running, Some(Timestamp::EPOCH));
        records.push(record(number, &summary, turn)?);
    }
    Ok(())
}

fn record(number: u64, summary: &InstanceSummary, turn: &RecordedTurn) -> Result<TurnRecord> {
    let encoded = codec::encode_turn(turn);
    let bytes = encoded.map_err(|error| Error::OverLimit { what: error.to_string() })?.into();
    Ok(TurnRecord { number, bytes, summary: summary.clone(), has_drawn_id: false, keep: 0 })
}
