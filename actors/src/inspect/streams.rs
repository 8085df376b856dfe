//! Reads the streams of instances, as far as they are durable.

use std::ops::ControlFlow;

use reenact_core::limits::{MAX_ITEMS_PER_PAGE, MAX_PAGE_BYTES, STREAM_ITEM_BYTES};
use reenact_core::{ExecutionId, InstanceId, Name, RecordedTurn, StreamItem, Timestamp};
use reenact_providers::{InstanceSummary, ProviderError, StoredTurn};

use crate::error::{Error, Result};
use crate::store::{Store, unreadable};

/// Turns that are read at a time where only the first item among them is looked for.
const TURNS_PER_LOOK: usize = 32;

/// A log of no more turns is read from its beginning.
const SHORT_LOG: u64 = 256;

/// Items of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamPage {
    /// The items, in the order of their offsets.
    pub items: Vec<StreamItem>,
    /// Where the next page begins.
    pub next: u64,
    /// Whether there is more already.
    pub has_more: bool,
    /// Whether the instance has ended, and these are the last items.
    pub has_ended: bool,
}

/// Where a reader of a stream stands.
#[derive(Clone, Debug)]
pub(crate) struct StreamPlace {
    /// The next offset; `None` for the first item that is there.
    next: Option<u64>,
    /// Of which execution a log was read, and from which turn on it is to be read.
    read: Option<ReadUpTo>,
}

#[derive(Clone, Copy, Debug)]
struct ReadUpTo {
    created_at: Timestamp,
    execution: ExecutionId,
    turn: u64,
}

impl StreamPlace {
    pub(crate) const fn new(next: Option<u64>) -> Self {
        Self { next, read: None }
    }

    pub(crate) fn next(&self) -> u64 {
        self.next.unwrap_or_default()
    }
}

/// What was read of a stream, turn by turn.
struct Reading<'a> {
    stream: &'a Name,
    next: Option<u64>,
    /// From which turn on the log is to be read next.
    turn: u64,
    most: usize,
    items: Vec<StreamItem>,
    bytes: usize,
    /// The first offset that is there, where the wanted one was trimmed.
    trimmed_to: Option<u64>,
    is_full: bool,
}

impl Reading<'_> {
    fn take(&mut self, number: u64, turn: &RecordedTurn) -> ControlFlow<()> {
        if let Some((first, _)) = turn.carried_stream(self.stream)
            && self.next.is_some_and(|next| next < first)
        {
            self.trimmed_to = Some(first);
            return ControlFlow::Break(());
        }
        let from = self.next.unwrap_or_default();
        let items = turn.stream_items(self.stream).into_iter();
        for item in items.filter(|item| item.offset >= from) {
            if self.items.len() >= self.most || self.bytes >= MAX_PAGE_BYTES {
                self.is_full = true;
                return ControlFlow::Break(());
            }
            self.bytes += STREAM_ITEM_BYTES + item.value.len();
            self.next = Some(item.offset + 1);
            self.items.push(item);
        }
        self.turn = number + 1;
        ControlFlow::Continue(())
    }
}

impl Store {
    /// The next items of a stream, at most so many; none when there are no more yet. The place goes on.
    pub(crate) async fn stream_page(
        &self,
        instance: &InstanceId,
        stream: &Name,
        place: &mut StreamPlace,
        most: usize,
    ) -> Result<StreamPage> {
        loop {
            let summary = self.summary(instance).await?;
            let from = match self.turn_to_read(&summary, stream, place).await {
                Err(Error::NotFound { .. }) => continue,
                from => from?,
            };
            let most = most.clamp(1, MAX_ITEMS_PER_PAGE);
            let mut reading = Reading {
                stream,
                next: place.next,
                turn: from,
                most,
                items: Vec::new(),
                bytes: 0,
                trimmed_to: None,
                is_full: false,
            };
            let take = |stored: &StoredTurn, turn| reading.take(stored.number, &turn);
            match self.log().walk(&summary, from, usize::MAX, take).await {
                // The next execution has taken its place since, or it was purged: then the summary says so.
                Err(ProviderError::NotFound { .. }) => continue,
                walked => walked?.map_err(|reason| unreadable(instance, &reason))?,
            }
            let Reading { next, turn, items, trimmed_to, is_full, .. } = reading;
            if let Some(first) = trimmed_to {
                let (instance, stream) = (instance.clone(), stream.clone());
                let offset = place.next();
                return Err(Error::StreamTrimmed { instance, stream, offset, first });
            }
            let (created_at, execution) = (summary.created_at, summary.execution);
            place.read = Some(ReadUpTo { created_at, execution, turn });
            place.next = next;
            let has_ended = !is_full && summary.state.is_finished();
            return Ok(StreamPage { items, next: place.next(), has_more: is_full, has_ended });
        }
    }

    /// From which turn on the log is to be read.
    async fn turn_to_read(
        &self,
        summary: &InstanceSummary,
        stream: &Name,
        place: &StreamPlace,
    ) -> Result<u64> {
        let Some(read) = &place.read else {
            return match place.next {
                Some(offset) => self.turn_with(summary, stream, offset).await,
                None => Ok(0),
            };
        };
        let is_older = summary.execution < read.execution
            || (summary.execution == read.execution && summary.turns < read.turn);
        if summary.created_at != read.created_at || is_older {
            let instance = summary.instance.clone();
            return Err(Error::StreamReplaced { instance, stream: stream.clone() });
        }
        Ok(if summary.execution == read.execution { read.turn } else { 0 })
    }

    /// A turn of which no earlier one has an item of that offset or a later one: a long log is not read from its
    /// beginning.
    async fn turn_with(
        &self,
        summary: &InstanceSummary,
        stream: &Name,
        offset: u64,
    ) -> Result<u64> {
        let (mut low, mut high) = (0, summary.turns);
        while high - low > SHORT_LOG {
            let middle = low + (high - low) / 2;
            match self.first_item(summary, stream, middle, high).await? {
                Some((turn, first)) if first <= offset => low = turn,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The first item of a stream in some turns: its turn, and its offset.
    async fn first_item(
        &self,
        summary: &InstanceSummary,
        stream: &Name,
        from: u64,
        until: u64,
    ) -> Result<Option<(u64, u64)>> {
        let mut found = None;
        let take = |stored: &StoredTurn, turn: RecordedTurn| {
            let first = turn.stream_items(stream).first().map(|item| item.offset);
            found = first.map(|offset| (stored.number, offset));
            match found.is_some() || stored.number + 1 >= until {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let walked = self.log().walk(summary, from, TURNS_PER_LOOK, take).await?;
        walked.map_err(|reason| unreadable(&summary.instance, &reason))?;
        Ok(found)
    }
}
