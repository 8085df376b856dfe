//! The first of many instances by the time of their last event, in memory for those alone.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use reenact_core::Timestamp;

use super::InstanceSummary;

/// An order by the time of the last event; of finished instances that is their end. Of those with the same time, the
/// lower id is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeOrder {
    /// Those first to which nothing has happened for longest.
    OldestFirst,
    /// Those first to which something has happened just now.
    NewestFirst,
}

impl TimeOrder {
    /// Rises in this order.
    const fn key(self, at: Timestamp) -> u64 {
        match self {
            Self::OldestFirst => at.as_micros(),
            Self::NewestFirst => u64::MAX - at.as_micros(),
        }
    }
}

/// Keeps the first instances in an order by time, of all that are offered: for those who write a store.
#[derive(Debug)]
pub struct FirstByTime {
    order: TimeOrder,
    limit: usize,
    found: BinaryHeap<Keyed>,
}

impl FirstByTime {
    /// Keeps at most `limit`.
    pub const fn new(order: TimeOrder, limit: usize) -> Self {
        Self { order, limit, found: BinaryHeap::new() }
    }

    /// The order.
    pub const fn order(&self) -> TimeOrder {
        self.order
    }

    /// Whether one of that time could be among the first.
    pub fn takes(&self, at: Timestamp) -> bool {
        match self.found.peek() {
            Some(last) if self.found.len() >= self.limit => self.order.key(at) <= last.key,
            _ => self.limit > 0,
        }
    }

    /// Keeps it, if it is among the first.
    pub fn offer(&mut self, summary: &InstanceSummary) {
        if !self.takes(summary.updated_at) {
            return;
        }
        let key = self.order.key(summary.updated_at);
        self.found.push(Keyed { key, summary: summary.clone() });
        if self.found.len() > self.limit {
            self.found.pop();
        }
    }

    /// The first ones, in their order.
    pub fn into_list(self) -> Vec<InstanceSummary> {
        let sorted = self.found.into_sorted_vec();
        sorted.into_iter().map(|keyed| keyed.summary).collect()
    }
}

/// Ordered by time, then by id.
#[derive(Debug)]
struct Keyed {
    key: u64,
    summary: InstanceSummary,
}

impl PartialEq for Keyed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Keyed {}

impl PartialOrd for Keyed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Keyed {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_id = || self.summary.instance.cmp(&other.summary.instance);
        self.key.cmp(&other.key).then_with(by_id)
    }
}

#[cfg(test)]
mod tests {
    use reenact_core::{ExecutionId, InstanceId, Name};

    use super::*;
    use crate::InstanceState;

    fn summary(id: &str, micros: u64) -> InstanceSummary {
        let at = Timestamp::from_micros(micros);
        InstanceSummary {
            instance: InstanceId::new(id).expect("it is valid"),
            execution: ExecutionId::FIRST,
            name: Name::new("order").expect("it is valid"),
            state: InstanceState::Running,
            created_at: at,
            updated_at: at,
            turns: 1,
            events: 2,
            wake_at: None,
            attributes: reenact_core::Attributes::default(),
        }
    }

    fn first(order: TimeOrder, limit: usize) -> Vec<String> {
        let mut first = FirstByTime::new(order, limit);
        for (id, at) in [("c", 3), ("a", 1), ("d", 3), ("z", 0), ("b", 3), ("e", u64::MAX)] {
            first.offer(&summary(id, at));
        }
        first.into_list().into_iter().map(|summary| summary.instance.to_string()).collect()
    }

    #[test]
    fn the_first_are_kept_in_their_order_and_of_one_time_by_id() {
        assert_eq!(first(TimeOrder::OldestFirst, 4), ["z", "a", "b", "c"]);
        assert_eq!(first(TimeOrder::NewestFirst, 3), ["e", "b", "c"]);
        assert_eq!(first(TimeOrder::NewestFirst, 99).len(), 6);
        assert_eq!(first(TimeOrder::OldestFirst, 0), [""; 0]);
    }

    #[test]
    fn only_what_could_be_among_the_first_is_taken() {
        let mut first = FirstByTime::new(TimeOrder::OldestFirst, 1);
        assert!(first.takes(Timestamp::from_micros(9)));
        first.offer(&summary("b", 5));
        assert!(first.takes(Timestamp::from_micros(5)), "its id may be lower");
        assert!(!first.takes(Timestamp::from_micros(6)));
    }
}
