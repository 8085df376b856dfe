//! What counts of the rows of an instance: of each execution that is kept its turns, out of one run after the other.

use reenact_core::ExecutionId;

use super::row::{Grown, Row};
use super::scan::Rows;
use super::shard_paths::{ShardPaths, corrupt_instance};
use crate::ProviderError;

/// Some turns of an execution, and the run in which they are.
pub(super) type Part<'a> = (usize, &'a Grown);

/// What counts of the rows of an instance.
pub(super) struct Counted<'a> {
    /// What is of earlier executions does not count.
    pub(super) oldest: ExecutionId,
    /// The newest execution first; of each the newest part first, and at least one.
    pub(super) executions: Vec<Vec<Part<'a>>>,
}

/// What counts of the rows of an instance, of which the newest is first. An error when something between them is
/// missing, or before them where nothing else can be.
pub(super) fn counted<'a>(
    paths: &ShardPaths,
    rows: &'a Rows,
    begins: bool,
) -> Result<Counted<'a>, ProviderError> {
    let mut counted = Counted { oldest: ExecutionId(0), executions: Vec::new() };
    let mut is_settled = begins;
    for (run, row) in rows {
        counted.oldest = counted.oldest.max(row.oldest());
        if let Some(open) = counted.open() {
            let newest = row.grown.as_ref().filter(|newest| follows(newest, open));
            newest.ok_or_else(|| missing_turns(paths, open))?;
        }
        counted.take(*run, row);
        if row.settles(counted.oldest) {
            is_settled = true;
            break;
        }
    }
    match counted.open() {
        Some(open) if is_settled => Err(missing_turns(paths, open)),
        _ if is_settled => Ok(counted.settled()),
        _ => Ok(counted),
    }
}

impl<'a> Counted<'a> {
    /// The first known part of the oldest execution, when it has turns before that.
    fn open(&self) -> Option<&'a Grown> {
        let (_, first) = self.executions.last()?.last()?;
        (first.first > 0).then_some(*first)
    }

    /// All that counts is known: what older runs may have of the id is of an instance that was purged.
    fn settled(mut self) -> Self {
        let first = self.executions.last().and_then(|parts| parts.last());
        if let Some((_, first)) = first {
            self.oldest = first.summary.execution;
        }
        self
    }

    fn take(&mut self, run: usize, row: &'a Row) {
        for grown in row.executions().filter(|grown| grown.summary.execution >= self.oldest) {
            match self.executions.last_mut() {
                Some(parts) if is_same(parts, grown) => parts.push((run, grown)),
                _ => self.executions.push(vec![(run, grown)]),
            }
        }
    }
}

fn is_same(parts: &[Part<'_>], grown: &Grown) -> bool {
    parts.last().is_some_and(|(_, newer)| newer.summary.execution == grown.summary.execution)
}

/// Whether the turns of a newer row follow on those of an older one.
pub(super) fn follows(older: &Grown, newer: &Grown) -> bool {
    older.summary.execution == newer.summary.execution && older.end == newer.first
}

/// The error that what is before the turns of a row is missing.
pub(super) fn missing_turns(paths: &ShardPaths, grown: &Grown) -> crate::ProviderError {
    let summary = &grown.summary;
    let reason = format!("the turns before turn {} are missing", grown.first);
    corrupt_instance(paths, &summary.instance, summary.execution, reason)
}
