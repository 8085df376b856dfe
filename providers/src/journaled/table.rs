//! What of a shard's journal is not in the archive yet.

use std::mem::{self, size_of};
use std::sync::Arc;

use foldhash::HashMap;
use reenact_core::{ExecutionId, InstanceId};

use crate::archive::{Change, Earlier, EarlierRun, Growth, TurnRun};
use crate::journal::EntryRef;
use crate::tip::{Tip, oldest_kept};
use crate::{InstanceSummary, TurnRecord};

/// What an instance takes beside its turns, in bytes, about: its id, its row, its part of the map.
const ROW_BYTES: usize = size_of::<Change>() + size_of::<TurnRun>() + 160;

/// What a turn takes beside its events, in bytes, about.
const TURN_BYTES: usize = size_of::<Arc<[u8]>>() + 16;

/// What happened to which instances, since some position of the journal.
#[derive(Debug, Default)]
pub(super) struct Table {
    changes: HashMap<InstanceId, Change>,
    bytes: usize,
}

impl Table {
    /// About how many bytes were put into it. What a later execution has taken the place of counts
    /// as well: it is no longer in memory, and still in the journal.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, instance: &InstanceId) -> Option<&Change> {
        self.changes.get(instance)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&InstanceId, &Change)> {
        self.changes.iter()
    }

    /// All changes, ordered by id.
    pub(super) fn sorted(&self) -> Vec<(&InstanceId, &Change)> {
        let mut changes: Vec<_> = self.changes.iter().collect();
        changes.sort_unstable_by_key(|(instance, _)| *instance);
        changes
    }

    /// Takes a turn that follows on what is stored.
    pub(super) fn append(&mut self, turn: &TurnRecord) {
        self.bytes += turn.bytes.len() + turn.summary.attributes.bytes() + TURN_BYTES;
        match self.changes.get_mut(&turn.summary.instance) {
            Some(Change::Grown(growth)) => growth.push(turn),
            Some(purged) => *purged = Change::Grown(Growth::begin(turn, true)),
            None => {
                self.bytes += ROW_BYTES;
                let change = Change::Grown(Growth::begin(turn, false));
                self.changes.insert(turn.summary.instance.clone(), change);
            }
        }
    }

    pub(super) fn purge(&mut self, instance: &InstanceId) {
        self.bytes += ROW_BYTES;
        self.changes.insert(instance.clone(), Change::Purged);
    }

    /// Takes what was read back from the journal. The error says what is out of place.
    pub(super) fn replay(&mut self, entry: EntryRef<'_>) -> Result<(), String> {
        match entry {
            EntryRef::Turn(turn) => {
                let bytes = Arc::from(turn.bytes);
                let turn = TurnRecord {
                    number: turn.number,
                    bytes,
                    summary: turn.summary,
                    has_drawn_id: false,
                    keep: turn.keep,
                };
                if let Some(change) = self.get(&turn.summary.instance) {
                    Tip::after(change.tip(), &turn).map_err(|error| error.to_string())?;
                }
                self.append(&turn);
                Ok(())
            }
            EntryRef::Purged(instance) => {
                self.purge(&instance);
                Ok(())
            }
        }
    }
}

impl Change {
    /// The place at which the instance ends; `None` when it is gone.
    pub(super) fn tip(&self) -> Option<Tip> {
        let Self::Grown(growth) = self else { return None };
        Some(Tip { execution: growth.summary.execution, next: growth.run.end() })
    }

    /// Whether the instance is gone.
    pub(super) const fn is_purge(&self) -> bool {
        matches!(self, Self::Purged)
    }

    /// The newest summary; `None` when the instance is gone.
    pub(super) const fn summary(&self) -> Option<&InstanceSummary> {
        match self {
            Self::Grown(growth) => Some(&growth.summary),
            Self::Purged => None,
        }
    }

    /// Whether nothing that is stored of an execution before it counts.
    pub(super) fn hides_what_is_before(&self, execution: ExecutionId) -> bool {
        let Self::Grown(growth) = self else { return true };
        let is_out_of_range = execution < growth.oldest() || execution > growth.run.execution;
        let begins = || self.run_of(execution).is_some_and(|run| run.first == 0);
        growth.starts_anew || is_out_of_range || begins()
    }

    pub(super) fn run_of(&self, execution: ExecutionId) -> Option<&TurnRun> {
        let Self::Grown(growth) = self else { return None };
        let earlier = growth.earlier.runs.iter().map(|earlier| &earlier.run);
        earlier.chain([&growth.run]).find(|run| run.execution == execution)
    }
}

impl Growth {
    fn begin(turn: &TurnRecord, starts_anew: bool) -> Self {
        let oldest = match (turn.number, starts_anew) {
            (0, false) => Some(oldest_kept(turn)),
            _ => None,
        };
        let earlier = Earlier { oldest, runs: Vec::new() };
        Self { summary: turn.summary.clone(), starts_anew, run: TurnRun::begin(turn), earlier }
    }

    fn push(&mut self, turn: &TurnRecord) {
        if self.run.execution == turn.summary.execution {
            self.run.turns.push(Arc::clone(&turn.bytes));
        } else {
            // What goes has gone, also when a later turn asks to keep more.
            let oldest = self.oldest().max(oldest_kept(turn));
            let run = mem::replace(&mut self.run, TurnRun::begin(turn));
            self.earlier.keep(oldest, &self.summary, run);
        }
        self.summary.advance_to(&turn.summary);
    }

    /// Whether the instance began in it, so that the archive has nothing under its id.
    pub(super) fn is_whole(&self) -> bool {
        !self.starts_anew && self.run.execution == ExecutionId::FIRST && self.run.first == 0
    }
}

impl Earlier {
    /// The next execution begins: keeps what the one before has got, and what is kept from `oldest` on.
    fn keep(&mut self, oldest: ExecutionId, summary: &InstanceSummary, run: TurnRun) {
        self.oldest = Some(oldest);
        if run.execution >= oldest {
            self.runs.push(EarlierRun { summary: summary.clone(), run });
        }
        self.runs.retain(|earlier| earlier.run.execution >= oldest);
    }
}

impl TurnRun {
    fn begin(turn: &TurnRecord) -> Self {
        let turns = vec![Arc::clone(&turn.bytes)];
        Self { execution: turn.summary.execution, first: turn.number, turns }
    }
}
