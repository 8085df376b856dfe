//! Pages of a history.

use std::ops::ControlFlow;

use reenact_core::limits::{MAX_EVENTS_PER_PAGE, MAX_PAGE_BYTES};
use reenact_core::{Event, ExecutionId, InstanceId, RecordedTurn, Timestamp};
use reenact_providers::{InstanceSummary, ProviderError, StoredTurn};
use serde::Serialize;

use super::cursor::HistoryCursor;
use crate::error::{Error, Result};
use crate::store::{Store, unreadable};

/// Some events of the history of an execution of an instance, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HistoryPage {
    /// The execution.
    pub execution: ExecutionId,
    /// Its events from the place that was asked for on, in order. Those that later ones superseded are there:
    /// each failed attempt, each heartbeat that was recorded.
    pub events: Vec<PlacedEvent>,
    /// Where the next page begins; `None` when this was the last one for now.
    pub next: Option<HistoryCursor>,
    /// Where this page ends. Of the last page: where what comes later begins.
    pub end: HistoryCursor,
}

/// An event with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacedEvent {
    /// Its position; the first event of an execution is 0.
    pub position: u64,
    /// The number of its turn; the first is 0.
    pub turn: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

impl Store {
    /// A page of the history of the execution that the place is in; of the newest one, when there is none. Nothing
    /// before it is read.
    pub(crate) async fn history_page(
        &self,
        instance: &InstanceId,
        from: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<HistoryPage> {
        let limit = limit.clamp(1, MAX_EVENTS_PER_PAGE);
        loop {
            let summary = self.execution(instance, from.map(|from| from.execution)).await?;
            let from = from.unwrap_or(HistoryCursor::beginning(summary.execution));
            check_cursor(&summary, &from)?;
            let mut page = PageUnderWay::new(from, limit);
            let take = |stored: &StoredTurn, turn| page.take(stored, &turn);
            match self.log().walk(&summary, from.turn, limit, take).await {
                // The next execution has taken its place since.
                Err(ProviderError::NotFound { .. }) if self.is_gone(&summary).await? => {}
                read => {
                    read?.map_err(|reason| unreadable(instance, &reason))?;
                    return page.finish(&summary);
                }
            }
        }
    }

    /// The place of an event in the history of an execution, or of the newest one, for a page that begins there.
    /// Goes over all turns before it. The place after the last event is one.
    pub(crate) async fn history_cursor(
        &self,
        instance: &InstanceId,
        execution: Option<ExecutionId>,
        position: u64,
    ) -> Result<HistoryCursor> {
        loop {
            let summary = self.execution(instance, execution).await?;
            let mut place = HistoryCursor::beginning(summary.execution);
            let seek = |_: &StoredTurn, turn: RecordedTurn| {
                let places = turn.events.len().max(1) as u64;
                if position - place.position < places {
                    place.index = position - place.position;
                    place.position = position;
                    return ControlFlow::Break(());
                }
                place.position += places;
                place.turn += 1;
                ControlFlow::Continue(())
            };
            match self.log().walk(&summary, 0, usize::MAX, seek).await {
                Err(ProviderError::NotFound { .. }) if self.is_gone(&summary).await? => {}
                read => {
                    read?.map_err(|reason| unreadable(instance, &reason))?;
                    return match place.position == position {
                        true => Ok(place),
                        false => Err(past_the_end(instance, position, place.position)),
                    };
                }
            }
        }
    }
}

/// Whether a page can begin there.
fn check_cursor(summary: &InstanceSummary, from: &HistoryCursor) -> Result<()> {
    if from.turn > summary.turns {
        return Err(past_the_end(&summary.instance, from.position, summary.events));
    }
    Ok(())
}

pub(super) fn past_the_end(instance: &InstanceId, position: u64, length: u64) -> Error {
    Error::PastTheEnd { instance: instance.clone(), position, length }
}

/// A page that is being read.
struct PageUnderWay {
    from: HistoryCursor,
    limit: usize,
    events: Vec<PlacedEvent>,
    bytes: usize,
    /// Where the next event is.
    end: HistoryCursor,
    /// Whether the first turn has no event in the place that was asked for.
    is_past_turn: bool,
}

impl PageUnderWay {
    fn new(from: HistoryCursor, limit: usize) -> Self {
        Self { from, limit, events: Vec::new(), bytes: 0, end: from, is_past_turn: false }
    }

    fn take(&mut self, stored: &StoredTurn, turn: &RecordedTurn) -> ControlFlow<()> {
        let all = turn.events.len() as u64;
        let index = if stored.number == self.from.turn { self.from.index } else { 0 };
        if index > all {
            self.is_past_turn = true;
            return ControlFlow::Break(());
        }
        let first = self.end.position;
        let room = self.limit - self.events.len();
        let events = turn.events.iter().skip(index as usize).take(room);
        self.events.extend((first..).zip(events).map(|(position, event)| PlacedEvent {
            position,
            turn: stored.number,
            at: turn.at,
            event: event.clone(),
        }));
        let taken = (all - index).min(room as u64);
        let (execution, position) = (self.end.execution, first + taken);
        self.end = match index + taken == all {
            true => HistoryCursor { execution, turn: stored.number + 1, index: 0, position },
            false => {
                HistoryCursor { execution, turn: stored.number, index: index + taken, position }
            }
        };
        self.bytes += stored.bytes.len();
        match self.events.len() >= self.limit || self.bytes >= MAX_PAGE_BYTES {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn finish(self, summary: &InstanceSummary) -> Result<HistoryPage> {
        let Self { from, events, end, is_past_turn, .. } = self;
        // A turn that the store does not have.
        if is_past_turn || (from.turn == summary.turns && from.index > 0) {
            return Err(past_the_end(&summary.instance, from.position, summary.events));
        }
        let next = (end.turn < summary.turns).then_some(end);
        Ok(HistoryPage { execution: summary.execution, events, next, end })
    }
}
