//! For how long at least one attempt of an activity was under way.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use crate::ids::CorrelationId;
use crate::time::Timestamp;

#[derive(Debug, Default)]
pub(super) struct Running {
    /// When the attempt of each open activity begins, or began.
    begins: BTreeMap<CorrelationId, Timestamp>,
    /// Those that are to come.
    to_come: BTreeSet<(Timestamp, CorrelationId)>,
    /// Up to where the time is counted.
    counted_to: Timestamp,
    total: Duration,
}

impl Running {
    /// Time passes, without a change until then.
    pub(super) fn advance(&mut self, to: Timestamp) {
        let under_way = self.begins.len() > self.to_come.len();
        let first = self.to_come.first().map(|(begin, _)| *begin);
        let from = if under_way { Some(self.counted_to) } else { first };
        if let Some(from) = from {
            self.total += to.since(from.max(self.counted_to));
        }
        while self.to_come.first().is_some_and(|(begin, _)| *begin <= to) {
            self.to_come.pop_first();
        }
        self.counted_to = self.counted_to.max(to);
    }

    /// An attempt begins at a time, of an activity that has none under way.
    pub(super) fn begin(&mut self, id: CorrelationId, at: Timestamp) {
        self.end(id);
        self.begins.insert(id, at);
        if at > self.counted_to {
            self.to_come.insert((at, id));
        }
    }

    pub(super) fn end(&mut self, id: CorrelationId) {
        if let Some(begin) = self.begins.remove(&id) {
            self.to_come.remove(&(begin, id));
        }
    }

    pub(super) fn end_all(&mut self) {
        self.begins.clear();
        self.to_come.clear();
    }

    /// The activities that are open.
    pub(super) fn all(&self) -> impl Iterator<Item = CorrelationId> {
        self.begins.keys().copied()
    }

    pub(super) const fn total(&self) -> Duration {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn what_overlaps_counts_once_and_waiting_does_not_count() {
        let (one, other) = (CorrelationId(1), CorrelationId(2));
        let mut running = Running::default();
        running.advance(at(10));
        running.begin(one, at(10));
        running.advance(at(12));
        running.begin(other, at(12));
        running.advance(at(15));
        running.end(one);
        running.advance(at(16));
        // Its next attempt begins at 20.
        running.begin(other, at(20));
        running.advance(at(18));
        assert_eq!(running.total(), Duration::from_secs(6));
        running.advance(at(23));
        assert_eq!(running.total(), Duration::from_secs(9));
        running.end(other);
        running.advance(at(90));
        assert_eq!(running.total(), Duration::from_secs(9));
    }
}
