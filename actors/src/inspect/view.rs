//! What an instance is doing and what it waits for: now, and after an event of its history.

use std::ops::ControlFlow;

use reenact_core::limits::MAX_ITEMS_VIEWED;
use reenact_core::{
    Event, ExecutionId, ExecutionView, InstanceId, RecordedTurn, ShardId, Timestamp, Viewer,
};
use reenact_providers::{InstanceSummary, ProviderError, StoredTurn};
use serde::Serialize;

use super::cursor::HistoryCursor;
use super::history::past_the_end;
use crate::error::{Mismatch, ParkReason, Result};
use crate::routes::Routes;
use crate::stalls::Stalled;
use crate::store::{Store, unreadable};

/// How an instance is, and what it waits for, as far as it is durable: from its summary and its log, without
/// its code.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct InstanceView {
    /// What the store says.
    pub summary: InstanceSummary,
    /// Its shard.
    pub shard: ShardId,
    /// Whether that shard is on this host.
    pub is_here: bool,
    /// Whether it is in memory on this host.
    pub in_memory: bool,
    /// What its log says, of its newest execution. Each list has at most [`MAX_ITEMS_VIEWED`] items.
    pub execution: ExecutionView,
    /// Why its log cannot be read to its end, if it cannot: then `execution` is what the turns before
    /// that say.
    pub unreadable: Option<String>,
    /// That it is parked, and why.
    pub parked: Option<ViewedPark>,
    /// Its code, or an activity that it has called, where that has stalled on this host.
    pub stalled: Option<Stalled>,
}

/// Why an instance is parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ViewedPark {
    /// Since when, by its log; `None` while that does not say so.
    pub since: Option<Timestamp>,
    /// The [name](ParkReason::name) of the reason. `recorded` for one that another host has found, or this
    /// one before its last start.
    pub kind: &'static str,
    /// The reason in words, with what to do.
    pub reason: String,
    /// What was expected and what was found, where that is the reason and this host has found it.
    pub mismatch: Option<Mismatch>,
}

/// How an execution was directly after an event of its history.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StateAfter {
    /// The instance, as it is now; where an earlier execution is looked at, as it was when that ended.
    pub summary: InstanceSummary,
    /// The position of the event.
    pub position: u64,
    /// The number of its turn.
    pub turn: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened. `None` in a place that has no event.
    pub event: Option<Event>,
    /// Where a page of the history begins with this event.
    pub cursor: HistoryCursor,
    /// How the execution was then. Each list has at most [`MAX_ITEMS_VIEWED`] items.
    pub execution: ExecutionView,
}

impl Store {
    /// How an instance is. `here` are the routes of the host that looks, if one does.
    pub(crate) async fn view(
        &self,
        instance: &InstanceId,
        here: Option<&Routes>,
    ) -> Result<InstanceView> {
        let folded =
            self.fold(instance, None, || Viewer::new(instance.clone()), Viewer::apply).await?;
        let execution = folded.fold.view(MAX_ITEMS_VIEWED);
        Ok(self.viewed(folded.summary, execution, folded.unreadable, here))
    }

    fn viewed(
        &self,
        summary: InstanceSummary,
        execution: ExecutionView,
        unreadable: Option<String>,
        here: Option<&Routes>,
    ) -> InstanceView {
        let instance = &summary.instance;
        let shard = self.shard_of(instance);
        let found_here = here
            .and_then(|routes| routes.parked(instance).or_else(|| routes.why_stalled(instance)));
        let recorded = || {
            let reason = execution.parked.as_ref()?.reason.to_string();
            Some(ParkReason::Recorded { reason })
        };
        let parked = found_here.or_else(recorded).map(|reason| ViewedPark {
            since: execution.parked.as_ref().map(|since| since.at),
            kind: reason.name(),
            reason: reason.to_string(),
            mismatch: reason.mismatch(),
        });
        InstanceView {
            shard,
            is_here: here.is_some_and(|routes| routes.holds(shard)),
            in_memory: here.is_some_and(|routes| routes.actor(instance).is_some()),
            stalled: here.and_then(|routes| routes.stalls.of(instance)),
            summary,
            execution,
            unreadable,
            parked,
        }
    }

    /// How an execution of an instance, or the newest one, was after the event in a place.
    pub(crate) async fn view_after(
        &self,
        instance: &InstanceId,
        execution: Option<ExecutionId>,
        position: u64,
    ) -> Result<StateAfter> {
        loop {
            let summary = self.execution(instance, execution).await?;
            let mut viewer = Viewer::new(instance.clone());
            let mut reached = None;
            let take = |stored: &StoredTurn, turn: RecordedTurn| {
                let index = position - viewer.position();
                if !viewer.apply_up_to(&turn, position) {
                    return ControlFlow::Continue(());
                }
                reached = Some((stored.number, index, turn));
                ControlFlow::Break(())
            };
            match self.log().walk(&summary, 0, usize::MAX, take).await {
                Err(ProviderError::NotFound { .. }) if self.is_gone(&summary).await? => {}
                read => {
                    read?.map_err(|reason| unreadable(instance, &reason))?;
                    let Some((number, index, turn)) = reached else {
                        return Err(past_the_end(instance, position, viewer.position()));
                    };
                    let execution = summary.execution;
                    return Ok(StateAfter {
                        summary,
                        position,
                        turn: number,
                        at: turn.at,
                        event: turn.events.get(index as usize).cloned(),
                        cursor: HistoryCursor { execution, turn: number, index, position },
                        execution: viewer.view(MAX_ITEMS_VIEWED),
                    });
                }
            }
        }
    }
}
