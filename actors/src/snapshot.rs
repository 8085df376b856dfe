//! The status of an instance, as far as it is durable.

use reenact_core::limits::{MAX_ACTIVITIES_SHOWN, MAX_CHILDREN_SHOWN};
use reenact_core::{
    Event, InstanceId, OpenActivities, OpenActivity, OpenChild, Outbox, Outcome, Payload,
    RecordedTurn, Version, codec,
};
use reenact_providers::{InstanceState, InstanceSummary, ProviderError, StoredTurn};
use tokio::sync::oneshot;

use crate::error::{Error, ParkReason, Result};
use crate::message::{Internal, OpenCalls};
use crate::routes::Routes;
use crate::stalls::Stalled;
use crate::store::Store;

/// How an instance is, as far as it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What the store says.
    pub summary: InstanceSummary,
    /// The version of its orchestration; `None` when its log cannot be read.
    pub version: Option<Version>,
    /// How it ended, if it has.
    pub outcome: Option<Outcome>,
    /// What its code set as its status last, if it has set one.
    pub status: Option<Payload>,
    /// Why it does not go on, if this host has parked it.
    pub parked: Option<ParkReason>,
    /// Its code, or an activity that it has called, where that has stalled on this host.
    pub stalled: Option<Stalled>,
    /// The activities that are open: the first [`MAX_ACTIVITIES_SHOWN`].
    pub activities: Vec<OpenActivity>,
    /// The children that are open: the first [`MAX_CHILDREN_SHOWN`].
    pub children: Vec<OpenChild>,
}

impl Store {
    /// Reads the summary, the last turn, and the turn that set the status, however long the history is;
    /// for what is open see [`open_calls`](Self::open_calls). And the first turn,
    /// unless it was read before. `here` are the routes of the host that looks, if one does.
    pub(crate) async fn snapshot(
        &self,
        instance: &InstanceId,
        before: Option<&Snapshot>,
        here: Option<&Routes>,
    ) -> Result<Snapshot> {
        loop {
            let summary = self.summary(instance).await?;
            let known = before.filter(|before| is_same(&before.summary, &summary));
            let known = known.and_then(|before| before.version.clone());
            let (version, outcome, status) = match self.seen_in(&summary, known).await {
                // It parks the instance as soon as that comes into memory, and is reported then.
                Err(error) if is_rot(&error) && !summary.state.is_finished() => (None, None, None),
                Err(_) if !is_same(&self.summary(instance).await?, &summary) => continue,
                seen => seen.map(|(version, outcome, status)| (Some(version), outcome, status))?,
            };
            let parked = match here
                .and_then(|routes| routes.parked(instance).or_else(|| routes.why_stalled(instance)))
            {
                None if summary.state == InstanceState::Parked => self.parked_for(&summary).await?,
                parked => parked,
            };
            let stalled = here.and_then(|routes| routes.stalls.of(instance));
            let OpenCalls { activities, children } = self.open_calls(&summary, here).await?;
            return Ok(Snapshot {
                summary,
                version,
                outcome,
                status,
                parked,
                stalled,
                activities,
                children,
            });
        }
    }

    /// What an instance was parked for, as its log has it; or that its log cannot be read.
    async fn parked_for(&self, summary: &InstanceSummary) -> Result<Option<ParkReason>> {
        let mut found = None;
        let note = |_, turn: RecordedTurn| match turn.events.first() {
            Some(Event::ExecutionParked { reason }) => {
                found = Some(ParkReason::Recorded { reason: reason.clone() });
            }
            Some(Event::ExecutionUnparked) => found = None,
            Some(_) | None => {}
        };
        match self.log().each(summary, note).await {
            Ok(Ok(())) => Ok(found),
            // It was parked before, or for this.
            Ok(Err(unreadable)) => Ok(found.or(Some(unreadable))),
            // It goes on meanwhile.
            Err(ProviderError::NotFound { .. }) => Ok(found),
            Err(error) => Err(error.into()),
        }
    }

    /// How an instance ended; `None` when it has not.
    pub(crate) async fn end_of(&self, instance: &InstanceId) -> Result<Option<Outcome>> {
        loop {
            let summary = self.summary(instance).await?;
            if !summary.state.is_finished() {
                return Ok(None);
            }
            match self.ending_turn(&summary).await {
                // It was rewound or replaced since.
                Err(Error::NotFound { .. }) if self.is_gone(&summary).await? => {}
                ending => return outcome_in(&summary, &ending?).map(Some),
            }
        }
    }

    /// The activities and children that are open. The instance says so where it is in memory, and
    /// otherwise its log. One that waits for others only, and need not be in memory, has no open
    /// activity; for its children alone it is not asked.
    async fn open_calls(
        &self,
        summary: &InstanceSummary,
        here: Option<&Routes>,
    ) -> Result<OpenCalls> {
        let is_parked = summary.state == InstanceState::Parked;
        if summary.state.is_finished() || (summary.wake_at.is_none() && !is_parked) {
            return Ok(OpenCalls::default());
        }
        let (reply, answer) = oneshot::channel();
        let question = Internal::ReportOpen(reply).into();
        if let Some(routes) = here
            && routes.try_deliver(&summary.instance, question).is_ok()
        {
            let answer = tokio::select! {
                biased;
                answer = answer => answer.ok(),
                // It answers nothing before its code gives its thread back; its log does.
                () = routes.until_stalled(&summary.instance) => None,
            };
            if let Some(open) = answer {
                return Ok(open);
            }
        }
        match self.open_in_log(summary).await {
            // It parks the instance as soon as that comes into memory, and is reported then; or the
            // next execution has taken the place of this one, which left nothing open.
            Err(error) if is_rot(&error) || matches!(error, Error::NotFound { .. }) => {
                Ok(OpenCalls::default())
            }
            open => open,
        }
    }

    async fn open_in_log(&self, summary: &InstanceSummary) -> Result<OpenCalls> {
        let (mut activities, mut outbox) =
            (OpenActivities::default(), Outbox::of(summary.instance.clone(), []));
        let follow = |_, turn: RecordedTurn| {
            activities.apply(&turn);
            turn.events.iter().for_each(|event| drop(outbox.follow(event)));
        };
        let read = self.log().each(summary, follow).await?;
        read.map_err(|reason| crate::store::unreadable(&summary.instance, &reason))?;
        Ok(OpenCalls {
            activities: activities.first(MAX_ACTIVITIES_SHOWN),
            children: outbox.open_children(MAX_CHILDREN_SHOWN),
        })
    }

    async fn seen_in(
        &self,
        summary: &InstanceSummary,
        version: Option<Version>,
    ) -> Result<(Version, Option<Outcome>, Option<Payload>)> {
        let last = self.ending_turn(summary).await?;
        let finished = summary.state.is_finished();
        let outcome = finished.then(|| outcome_in(summary, &last)).transpose()?;
        let version = match version {
            Some(known) => known,
            None if last.number == 0 => decoded(summary, &last)?.version(),
            None => decoded(summary, &self.turn(summary, 0).await?)?.version(),
        };
        Ok((version, outcome, self.status_in(summary, &last).await?))
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

    /// The turn in which the instance ended; the last one, where it has not. The turns after the end say
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
        let page = self.histories.read(&summary.instance, summary.execution, number, 1).await?;
        let turn = page.turns.into_iter().next();
        turn.ok_or_else(|| unreadable(summary, format_args!("turn {number} is gone")))
    }
}

/// Whether it is still the same execution: neither the next one, nor another instance of the id.
fn is_same(one: &InstanceSummary, other: &InstanceSummary) -> bool {
    (one.execution, one.created_at) == (other.execution, other.created_at)
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
        Error::Store { source } => source.is_unreadable(),
        _ => false,
    }
}
