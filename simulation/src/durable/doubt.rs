//! Appends of which only the store knows whether they are durable: the host that was to hear of it is gone, or heard of an
//! error.

use std::sync::Arc;

use reenact::providers::{Batch, TurnRecord};

/// Those of a run, in the order in which they came to the store.
#[derive(Default)]
pub(super) struct Doubts(Vec<Doubt>);

struct Doubt {
    batch: Arc<Batch>,
    /// The store is at it no more.
    is_over: bool,
}

impl Doubts {
    /// Turns have come to the store.
    pub(super) fn begin(&mut self, batch: Arc<Batch>) {
        // The owner before is at nothing any more.
        let earlier =
            |it: &&mut Doubt| it.batch.shard == batch.shard && it.batch.epoch < batch.epoch;
        self.0.iter_mut().filter(earlier).for_each(|it| it.is_over = true);
        self.0.push(Doubt { batch, is_over: false });
    }

    /// They are durable.
    pub(super) fn settle(&mut self, batch: &Arc<Batch>) {
        self.0.retain(|it| !Arc::ptr_eq(&it.batch, batch));
    }

    /// The store has not said so, and will not.
    pub(super) fn give_up(&mut self, batch: &Arc<Batch>) {
        let same = |it: &&mut Doubt| Arc::ptr_eq(&it.batch, batch);
        self.0.iter_mut().filter(same).for_each(|it| it.is_over = true);
    }

    /// The newest that has this turn. An owner that had seen an earlier one would not have written it again.
    pub(super) fn with(&self, id: &str, execution: u32, number: u64) -> Option<Arc<Batch>> {
        let is_it = |turn: &TurnRecord| {
            let of = &turn.summary;
            turn.number == number && of.execution.0 == execution && of.instance.as_str() == id
        };
        let has_it = |it: &&Doubt| it.batch.turns.iter().any(is_it);
        self.0.iter().rev().find(has_it).map(|it| it.batch.clone())
    }

    /// The turns of an instance that may be durable: those of which the store says no more, or also those that are
    /// `under_way`.
    pub(super) fn of(&self, id: &str, under_way: bool) -> impl Iterator<Item = &TurnRecord> {
        let may_be = self.0.iter().filter(move |it| it.is_over || under_way);
        let turns = may_be.flat_map(|it| &it.batch.turns);
        turns.filter(move |turn| turn.summary.instance.as_str() == id)
    }

    /// All of them, in order.
    pub(super) fn all(&self) -> Vec<Arc<Batch>> {
        self.0.iter().map(|it| it.batch.clone()).collect()
    }
}
