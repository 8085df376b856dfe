//! The histories of one shard.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use foldhash::HashMap;
use reenact_core::{ExecutionId, InstanceId};

use crate::tip::{Tip, check_turns, oldest_kept};
use crate::{InstanceFilter, InstanceSummary, ProviderError, StoredTurn, TurnPage, TurnRecord};

/// The instances of one shard with their histories.
#[derive(Default)]
pub(super) struct Log {
    /// Boxed, so that the table moves pointers when it grows.
    rows: HashMap<InstanceId, Box<Row>>,
    /// The ids in order, for listing; appends to existing instances leave it alone.
    ids: BTreeSet<InstanceId>,
}

/// The encoded events of the turns of one execution: the turn's number is the index.
type Turns = Vec<Arc<[u8]>>;

/// One instance.
struct Row {
    summary: InstanceSummary,
    /// The turns of the newest execution.
    turns: Turns,
    /// Those before it that are kept, in order.
    earlier: Vec<(InstanceSummary, Turns)>,
}

impl Log {
    /// Whether the turns, one after the other, follow on what is stored.
    pub(super) fn check(&self, turns: &[TurnRecord]) -> Result<(), ProviderError> {
        check_turns(turns, |turn| Ok(self.rows.get(&turn.summary.instance).map(|row| row.tip())))
    }

    /// Appends turns that were checked.
    pub(super) fn apply(&mut self, turns: &[TurnRecord]) {
        for turn in turns {
            match self.rows.get_mut(&turn.summary.instance) {
                Some(row) => row.push(turn),
                None => {
                    let instance = turn.summary.instance.clone();
                    self.ids.insert(instance.clone());
                    self.rows.insert(instance, Box::new(Row::new(turn)));
                }
            }
        }
    }

    pub(super) fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<TurnPage, ProviderError> {
        let row = self.rows.get(instance);
        let turns = (row.and_then(|row| row.history(execution)))
            .ok_or_else(|| ProviderError::NotFound { instance: instance.clone() })?;
        let past_the_end = || ProviderError::Conflict {
            reason: format!(
                "execution {execution} of instance {instance} has {} turns, {from} is past the end",
                turns.len()
            ),
        };
        let start = usize::try_from(from).map_err(|_| past_the_end())?;
        let rest = turns.get(start..).ok_or_else(past_the_end)?;
        let taken = rest.len().min(limit.max(1));
        Ok(TurnPage {
            turns: (from..)
                .zip(&rest[..taken])
                .map(|(number, bytes)| StoredTurn { number, bytes: Arc::clone(bytes) })
                .collect(),
            next: (taken < rest.len()).then_some(from + taken as u64),
        })
    }

    pub(super) fn summary(&self, instance: &InstanceId) -> Option<&InstanceSummary> {
        self.rows.get(instance).map(|row| &row.summary)
    }

    pub(super) fn executions(&self, instance: &InstanceId) -> Vec<InstanceSummary> {
        let Some(row) = self.rows.get(instance) else { return Vec::new() };
        let earlier = row.earlier.iter().map(|(summary, _)| summary);
        earlier.chain([&row.summary]).cloned().collect()
    }

    /// Adds to `found` the first `limit` instances after `after` that pass the filter.
    pub(super) fn list(
        &self,
        filter: &InstanceFilter,
        after: Option<&InstanceId>,
        limit: usize,
        found: &mut Vec<InstanceSummary>,
    ) {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = self.ids.range::<InstanceId, _>((start, Bound::Unbounded));
        let summaries = ids.filter_map(|id| self.summary(id));
        found.extend(summaries.filter(|summary| filter.matches(summary)).take(limit).cloned());
    }

    pub(super) fn count(&self, filter: &InstanceFilter) -> u64 {
        self.passing(filter).count() as u64
    }

    /// What passes the filter, in no order.
    pub(super) fn passing(
        &self,
        filter: &InstanceFilter,
    ) -> impl Iterator<Item = &InstanceSummary> {
        let summaries = self.rows.values().map(|row| &row.summary);
        summaries.filter(move |summary| filter.matches(summary))
    }

    /// Removes those that there are; all of them or none. Tells how many.
    pub(super) fn purge(&mut self, instances: &[InstanceId]) -> Result<usize, ProviderError> {
        for summary in instances.iter().filter_map(|instance| self.summary(instance)) {
            if !summary.is_over() {
                let reason = format!("instance {} is not over", summary.instance);
                return Err(ProviderError::Conflict { reason });
            }
        }
        let mut purged = 0;
        for instance in instances {
            if self.rows.remove(instance).is_some() {
                self.ids.remove(instance);
                purged += 1;
            }
        }
        Ok(purged)
    }

    /// The instances that must be woken, earliest first.
    pub(super) fn to_wake(&self) -> Vec<InstanceSummary> {
        let mut found: Vec<_> = (self.rows.values())
            .map(|row| &row.summary)
            .filter(|summary| summary.wake_at.is_some())
            .cloned()
            .collect();
        // By id as well: the order of the table is random.
        found.sort_unstable_by(|a, b| (a.wake_at, &a.instance).cmp(&(b.wake_at, &b.instance)));
        found
    }
}

impl Row {
    fn new(first: &TurnRecord) -> Self {
        let (summary, turns) = (first.summary.clone(), vec![first.bytes.clone()]);
        Self { summary, turns, earlier: Vec::new() }
    }

    fn push(&mut self, turn: &TurnRecord) {
        if turn.summary.execution != self.summary.execution {
            let turns = std::mem::take(&mut self.turns);
            self.keep(turns, oldest_kept(turn));
        }
        self.turns.push(turn.bytes.clone());
        self.summary.advance_to(&turn.summary);
    }

    /// The next execution begins: keeps what has been the newest one so far, and those before it from `oldest` on.
    fn keep(&mut self, turns: Turns, oldest: ExecutionId) {
        if self.summary.execution >= oldest {
            self.earlier.push((self.summary.clone(), turns));
        }
        self.earlier.retain(|(summary, _)| summary.execution >= oldest);
    }

    fn tip(&self) -> Tip {
        Tip { execution: self.summary.execution, next: self.turns.len() as u64 }
    }

    fn history(&self, execution: ExecutionId) -> Option<&Turns> {
        if execution == self.summary.execution {
            return Some(&self.turns);
        }
        let kept = self.earlier.iter().find(|(summary, _)| summary.execution == execution);
        kept.map(|(_, turns)| turns)
    }
}
