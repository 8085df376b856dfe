//! Rewinds an instance: its next execution is what is kept of this one.

use std::sync::Arc;

use ractor::{ActorProcessingErr, ActorRef};
#[cfg(feature = "otel")]
use reenact_core::Outbox;
use reenact_core::limits::{MAX_LARGE_REWOUND_BYTES, MAX_REWOUND_BYTES, MAX_REWOUND_TURNS};
use reenact_core::{
    Action, Attributes, Event, ExecutionId, History, RecordedTurn, Rewound, Sealed, Timestamp,
    codec,
};
use reenact_providers::{InstanceState as State, InstanceSummary, StoredTurn, TurnRecord};

use super::phase::Phase;
use super::state::InstanceState;
use crate::error::{Error, ParkReason, Result};
use crate::message::{InstanceMessage, RewindMessage};
use crate::metrics::Tally;
use crate::persistence::{Entry, PendingTurn};
use crate::run::Run;
use crate::telemetry::Story;
use crate::trace::RunTrace;

impl InstanceState {
    /// Rewrites the log as wanted, in any phase, and loads the instance anew. The messages in the mailbox
    /// are for the new execution.
    pub(super) async fn rewind(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
        message: RewindMessage,
    ) -> Result<(), ActorProcessingErr> {
        let RewindMessage { rewind, reply } = message;
        let reason = rewind.reason.clone();
        let purges = self.shard.host.purges.clone();
        // A purge of a finished instance would remove what the new execution is built on.
        let not_purged = purges.read().await;
        self.everything_is_durable().await?;
        let Some(summary) = self.shard.log().summary(&self.instance).await? else {
            let instance = self.instance.clone();
            self.answer(reply.no(Error::NotFound { instance }));
            return Ok(());
        };
        if summary.state == State::Importing {
            let (instance, reason) = (self.instance.clone(), ParkReason::Importing);
            self.answer(reply.no(Error::Parked { instance, reason }));
            return Ok(());
        }
        let read = self.shard.log().stored(&summary).await?;
        let now = self.shard.now();
        let takes_large = self.shard.host.store.takes_large_payloads;
        let before = summary.clone();
        let mut replaced = None;
        let next = read.map_err(|reason| self.unreadable(reason)).and_then(|(stored, turns)| {
            let history: History = turns.into_iter().collect();
            replaced = story_of_replaced(&before, &history, now);
            let rewound = history.rewound(&self.instance, rewind, now).map_err(|none| {
                Error::NoSuchPosition {
                    instance: self.instance.clone(),
                    position: none.position,
                    length: none.length,
                }
            })?;
            next_execution(summary, stored, &history, rewound, takes_large)
        });
        match next {
            Err(error) => self.answer(reply.no(error)),
            Ok(records) => {
                let pending = self.pending_execution(records, Vec::new());
                let Some(mut pending) = pending else { return Ok(()) };
                pending.answer = Some(reply.yes());
                pending.story = replaced;
                let execution = pending.record.as_ref().map(|turn| turn.summary.execution.0);
                self.shard.make_durable(Entry::Turn(Box::new(pending)));
                // The local activities belong to the execution that is replaced.
                self.leave_place();
                self.phase = Phase::Absent;
                // It is tried again, for whatever reason it was parked.
                self.shard.host.routes.unpark(&self.instance);
                self.everything_is_durable().await?;
                let (instance, orchestration) = (&self.instance, &before.name);
                tracing::debug!(target: "reenact::instance", parent: None, %instance, %orchestration, execution, reason, "an instance was rewound");
                // Released before the code runs, which may block its thread for ever.
                drop(not_purged);
                self.activate(myself).await?;
            }
        }
        Ok(())
    }

    fn unreadable(&self, reason: ParkReason) -> Error {
        Error::Unreadable { instance: self.instance.clone(), reason: reason.to_string() }
    }

    /// The turns as one append, which cancels what is under way of the execution before, and does what else there
    /// is to do about that.
    pub(super) fn pending_execution(
        &self,
        records: Vec<TurnRecord>,
        others: Vec<Action>,
    ) -> Option<PendingTurn> {
        let (run, mut actions) = match &self.phase {
            Phase::Live(live) => (live.run, live.machine.cancel_actions()),
            // Its activities may still run.
            _ => (self.run_without_code(&records), Vec::new()),
        };
        actions.extend(others);
        actions.push(Action::AnnounceStatus);
        let mut actions = Some(actions);
        let mut turns = records.into_iter().map(|record| PendingTurn {
            instance: self.instance.clone(),
            run,
            record: Some(record),
            actions: Sealed::new(actions.take().unwrap_or_default()),
            answer: None,
            known: None,
            tally: Tally::NOTHING,
            successor: Vec::new(),
            trace: RunTrace::default(),
            story: None,
        });
        let first = turns.next()?;
        Some(PendingTurn { successor: turns.collect(), ..first })
    }

    fn run_without_code(&self, records: &[TurnRecord]) -> Run {
        let execution = records.first().map(|record| record.summary.execution);
        Run::without_code(execution.unwrap_or(ExecutionId::FIRST))
    }
}

/// What is said of an execution that a rewind replaces, once that is durable.
#[cfg(feature = "otel")]
fn story_of_replaced(of: &InstanceSummary, history: &History, at: Timestamp) -> Option<Box<Story>> {
    let outbox = Outbox::of(of.instance.clone(), history.turns());
    let trace = RunTrace::of_log(of.execution, history.turns(), &outbox);
    Story::of_replaced(of, history.turns(), at, &trace)
}

/// Without the feature `otel` there are no spans.
#[cfg(not(feature = "otel"))]
const fn story_of_replaced(_: &InstanceSummary, _: &History, _: Timestamp) -> Option<Box<Story>> {
    None
}

/// All turns of the execution that a rewind makes.
fn next_execution(
    before: InstanceSummary,
    stored: Vec<StoredTurn>,
    history: &History,
    rewound: Rewound,
    takes_large: bool,
) -> Result<Vec<TurnRecord>> {
    let Some(execution) = before.execution.next() else {
        return Err(Error::OverLimit {
            what: "an instance cannot have more executions".to_owned(),
        });
    };
    let copying = Copying { what: "rewind", takes_large };
    first_turns(copying, InstanceSummary { execution, ..before }, stored, history, rewound)
}

/// Why turns are copied, and into which store.
pub(super) struct Copying {
    /// What is said where they are too many.
    pub(super) what: &'static str,
    /// The store takes large payloads.
    pub(super) takes_large: bool,
}

/// The turns of an execution that begins with turns of another one.
pub(super) fn first_turns(
    Copying { what, takes_large }: Copying,
    of: InstanceSummary,
    mut stored: Vec<StoredTurn>,
    history: &History,
    rewound: Rewound,
) -> Result<Vec<TurnRecord>> {
    let over = |what: String| Error::OverLimit { what };
    let most = if takes_large { MAX_LARGE_REWOUND_BYTES } else { MAX_REWOUND_BYTES };
    let Rewound { kept, turns } = rewound;
    let count = kept + turns.len();
    if count > MAX_REWOUND_TURNS {
        return Err(over(format!("{count} turns to {what} are over {MAX_REWOUND_TURNS}")));
    }
    stored.truncate(kept);
    let bytes = encoded(&of, stored, &turns)?;
    let sum: usize = bytes.iter().map(|bytes| bytes.len()).sum();
    if sum > most {
        return Err(over(format!("{sum} bytes to {what} are over {most}")));
    }
    let mut summary = InstanceSummary {
        state: State::Running,
        turns: 0,
        events: 0,
        updated_at: turns.first().map_or(of.updated_at, |turn| turn.at),
        // What it waits for is known once it is in memory.
        wake_at: Some(Timestamp::EPOCH),
        attributes: Attributes::default(),
        ..of
    };
    let (mut suspended, mut parked) = (false, false);
    let all = history.turns().iter().take(kept).chain(&turns).zip(bytes);
    let records = all.map(|(turn, bytes)| {
        match turn.events.first() {
            Some(Event::ExecutionSuspended { .. }) => suspended = true,
            Some(Event::ExecutionResumed) => suspended = false,
            Some(Event::ExecutionParked { .. }) => parked = true,
            Some(Event::ExecutionUnparked) => parked = false,
            _ => {}
        }
        summary.state = match (parked, suspended) {
            (true, _) => State::Parked,
            (false, true) => State::Suspended,
            (false, false) => State::Running,
        };
        let number = summary.turns;
        summary.turns += 1;
        summary.events += turn.events.len() as u64;
        summary.attributes.follow(turn);
        TurnRecord { number, bytes, summary: summary.clone(), has_drawn_id: false, keep: 0 }
    });
    Ok(records.collect())
}

/// The turns that are kept, as they are stored, and the turns that are added after them.
fn encoded(
    of: &InstanceSummary,
    kept: Vec<StoredTurn>,
    added: &[RecordedTurn],
) -> Result<Vec<Arc<[u8]>>> {
    let unreadable = |error: codec::CodecError| Error::Unreadable {
        instance: of.instance.clone(),
        reason: error.to_string(),
    };
    // The newest status is the one that was set in the turns that are kept.
    let status_turn = kept.last().map(|last| codec::status_turn(&last.bytes));
    let status_turn = status_turn.transpose().map_err(unreadable)?.flatten();
    let mut bytes: Vec<Arc<[u8]>> = kept.into_iter().map(|turn| turn.bytes).collect();
    for turn in added {
        let added = codec::encode_turn_with_status(turn, status_turn).map_err(unreadable)?;
        bytes.push(added.into());
    }
    Ok(bytes)
}
