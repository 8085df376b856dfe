//! How an instance is, as far as it is durable.

use reenact_core::{Event, InstanceId, Outcome, Payload, RecordedTurn, codec};
use reenact_providers::{InstanceState, InstanceSummary, ProviderError, StoredTurn};

use crate::context::HostContext;
use crate::error::{Error, ParkReason, Result};

/// How an instance is, as far as it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What the store says.
    pub summary: InstanceSummary,
    /// How it ended, if it has.
    pub outcome: Option<Outcome>,
    /// What its code set as its status last, if it has set one.
    pub status: Option<Payload>,
    /// Why it does not go on, if this host has parked it.
    pub parked: Option<ParkReason>,
}

impl HostContext {
    /// Reads the summary, the last turn, and the turn that set the status: no more, however long the
    /// history is.
    pub(crate) async fn snapshot(&self, instance: &InstanceId) -> Result<Snapshot> {
        loop {
            let summary = self.summary(instance).await?;
            let (outcome, status) = match self.seen_in(&summary).await {
                // It parks the instance as soon as that comes into memory, and is reported then.
                Err(error) if is_rot(&error) && !summary.state.is_finished() => (None, None),
                Err(_) if self.is_another_by_now(&summary).await? => continue,
                seen => seen?,
            };
            let parked = self.routes.parked(instance);
            return Ok(Snapshot { summary, outcome, status, parked });
        }
    }

    /// Whether the next execution, or another instance of the id, has taken the place of this one.
    async fn is_another_by_now(&self, seen: &InstanceSummary) -> Result<bool> {
        let now = self.summary(&seen.instance).await?;
        Ok((now.execution, now.created_at) != (seen.execution, seen.created_at))
    }

    /// What the store knows of an instance.
    pub(crate) async fn summary(&self, instance: &InstanceId) -> Result<InstanceSummary> {
        let summary = self.store.summary(instance).await?;
        summary.ok_or_else(|| Error::NotFound { instance: instance.clone() })
    }

    /// How an instance ended; `None` when it has not.
    pub(crate) async fn end_of(&self, instance: &InstanceId) -> Result<Option<Outcome>> {
        let summary = self.summary(instance).await?;
        if !summary.state.is_finished() {
            return Ok(None);
        }
        let ending = self.ending_turn(&summary).await?;
        outcome_in(&summary, &ending).map(Some)
    }

    async fn seen_in(
        &self,
        summary: &InstanceSummary,
    ) -> Result<(Option<Outcome>, Option<Payload>)> {
        let last = self.ending_turn(summary).await?;
        let finished = summary.state.is_finished();
        let outcome = finished.then(|| outcome_in(summary, &last)).transpose()?;
        Ok((outcome, self.status_in(summary, &last).await?))
    }

    async fn status_in(
        &self,
        summary: &InstanceSummary,
        last: &StoredTurn,
    ) -> Result<Option<Payload>> {
        let Some(number) = self.status_turn(summary, last).await? else {
            return Ok(None);
        };
        let turn = if number == last.number {
            decoded(summary, last)?
        } else {
            decoded(summary, &self.turn(summary, number).await?)?
        };
        let set = turn.events.iter().rev().find_map(|event| match event {
            Event::StatusSet { status } => Some(status.clone()),
            _ => None,
        });
        let silent = || unreadable(summary, format_args!("turn {number} sets no status"));
        set.ok_or_else(silent).map(Some)
    }

    /// The turn that set the newest status: the last turn says so. Where an instance was terminated
    /// without its code, its last turn knows nothing of it, and the one before does.
    async fn status_turn(
        &self,
        summary: &InstanceSummary,
        last: &StoredTurn,
    ) -> Result<Option<u64>> {
        let said = status_turn_in(summary, last)?;
        let before_last = last.number.checked_sub(1);
        match before_last.filter(|_| summary.state == InstanceState::Terminated) {
            Some(before) if said.is_none() => {
                status_turn_in(summary, &self.turn(summary, before).await?)
            }
            _ => Ok(said),
        }
    }

    /// The turn in which the instance ended; the last one, where it has not. Those behind the end say
    /// which one it is.
    async fn ending_turn(&self, summary: &InstanceSummary) -> Result<StoredTurn> {
        let last = self.turn(summary, summary.turns.saturating_sub(1)).await?;
        if !summary.state.is_finished() {
            return Ok(last);
        }
        match &*decoded(summary, &last)?.events {
            [Event::MessagesDelivered { end: Some(end), .. }] => self.turn(summary, *end).await,
            _ => Ok(last),
        }
    }

    async fn turn(&self, summary: &InstanceSummary, number: u64) -> Result<StoredTurn> {
        let page = self.store.read(&summary.instance, summary.execution, number, 1).await?;
        let turn = page.turns.into_iter().next();
        turn.ok_or_else(|| unreadable(summary, format_args!("turn {number} is gone")))
    }
}

fn outcome_in(summary: &InstanceSummary, last: &StoredTurn) -> Result<Outcome> {
    let silent = || unreadable(summary, "it has finished, but its last turn does not say how");
    decoded(summary, last)?.outcome().ok_or_else(silent)
}

fn status_turn_in(summary: &InstanceSummary, turn: &StoredTurn) -> Result<Option<u64>> {
    codec::status_turn(&turn.bytes).map_err(|error| unreadable(summary, error))
}

fn decoded(summary: &InstanceSummary, turn: &StoredTurn) -> Result<RecordedTurn> {
    codec::decode_turn(&turn.bytes).map_err(|error| unreadable(summary, error))
}

fn unreadable(summary: &InstanceSummary, reason: impl ToString) -> Error {
    Error::Unreadable { instance: summary.instance.clone(), reason: reason.to_string() }
}

fn is_rot(error: &Error) -> bool {
    match error {
        Error::Unreadable { .. } => true,
        Error::Store { source } => matches!(**source, ProviderError::Corrupt { .. }),
        _ => false,
    }
}
