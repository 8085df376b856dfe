//! What of a shard's journal is not in the archive yet.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem::size_of;
use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId};

use crate::archive::{Change, Growth, TurnRun};
use crate::journal::EntryRef;
use crate::tip::Tip;
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
    /// About how much memory it takes, in bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, instance: &InstanceId) -> Option<&Change> {
        self.changes.get(instance)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&InstanceId, &Change)> {
        self.changes.iter()
    }

    /// All changes, ordered by id.
    pub(super) fn sorted(&self) -> Vec<(&InstanceId, &Change)> {
        let mut changes: Vec<_> = self.changes.iter().collect();
        changes.sort_unstable_by_key(|(instance, _)| *instance);
        changes
    }

    /// Takes a turn that follows on what is stored.
    pub(super) fn append(&mut self, turn: TurnRecord) {
        let TurnRecord { number, bytes, summary } = turn;
        self.bytes += bytes.len() + TURN_BYTES;
        match self.changes.entry(summary.instance.clone()) {
            Entry::Occupied(mut change) => match change.get_mut() {
                Change::Grown(growth) => growth.push(number, bytes, summary),
                purged @ Change::Purged => {
                    *purged = Change::Grown(Growth::begin(number, bytes, summary, true));
                }
            },
            Entry::Vacant(new) => {
                self.bytes += ROW_BYTES;
                new.insert(Change::Grown(Growth::begin(number, bytes, summary, false)));
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
                let turn = TurnRecord { number: turn.number, bytes, summary: turn.summary };
                if let Some(change) = self.get(&turn.summary.instance) {
                    Tip::after(change.tip(), &turn).map_err(|error| error.to_string())?;
                }
                self.append(turn);
                Ok(())
            }
            EntryRef::Purged(instance) => {
                self.purge(&instance);
                Ok(())
            }
            EntryRef::Note { kind, .. } => Err(format!("a note of the unknown kind {kind}")),
        }
    }
}

impl Change {
    /// Where the instance ends; `None` when it is gone.
    pub(super) fn tip(&self) -> Option<Tip> {
        let Self::Grown(growth) = self else { return None };
        let next = growth.runs.last().map_or(0, TurnRun::end);
        Some(Tip { execution: growth.summary.execution, next })
    }

    /// The newest summary; `None` when the instance is gone.
    pub(super) const fn summary(&self) -> Option<&InstanceSummary> {
        match self {
            Self::Grown(growth) => Some(&growth.summary),
            Self::Purged => None,
        }
    }

    /// Whether nothing that is stored before it counts.
    pub(super) const fn hides_what_is_before(&self) -> bool {
        match self {
            Self::Grown(growth) => growth.starts_anew,
            Self::Purged => true,
        }
    }

    pub(super) fn run_of(&self, execution: ExecutionId) -> Option<&TurnRun> {
        let Self::Grown(growth) = self else { return None };
        growth.runs.iter().rev().find(|run| run.execution == execution)
    }
}

impl Growth {
    fn begin(first: u64, bytes: Arc<[u8]>, summary: InstanceSummary, starts_anew: bool) -> Self {
        let run = TurnRun { execution: summary.execution, first, turns: vec![bytes] };
        Self { summary, starts_anew, runs: vec![run] }
    }

    fn push(&mut self, number: u64, bytes: Arc<[u8]>, summary: InstanceSummary) {
        match self.runs.last_mut().filter(|run| run.execution == summary.execution) {
            Some(run) => run.turns.push(bytes),
            None => {
                let execution = summary.execution;
                self.runs.push(TurnRun { execution, first: number, turns: vec![bytes] });
            }
        }
        self.summary = summary;
    }

    /// Whether the instance began in it, so that the archive has nothing under its id.
    pub(super) fn is_whole(&self) -> bool {
        let begins = |run: &TurnRun| run.execution == ExecutionId::FIRST && run.first == 0;
        !self.starts_anew && self.runs.first().is_some_and(begins)
    }
}
