//! Turns, out of memory and out of the archive.

use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId};

use super::{Layers, Shard};
use crate::archive::{Archive, Change, Span, Stretch, TurnRun};
use crate::medium::Medium;
use crate::{InstanceSummary, Place, ProviderError, StoredTurn, TurnPage};

/// What memory has of what is to be read.
#[derive(Debug)]
pub(in crate::journaled) enum ReadResult {
    /// All of it.
    Page(Result<TurnPage, ProviderError>),
    /// The archive must be asked. It and memory have `end` turns, or more.
    AskArchive { end: u64 },
}

/// Turns that are to be read from the archive, and maybe from memory after it.
#[derive(Debug)]
pub(in crate::journaled) struct Wanted {
    pub(in crate::journaled) execution: ExecutionId,
    pub(in crate::journaled) from: u64,
    pub(in crate::journaled) limit: usize,
    /// How many there are at least: the caller has seen them before, in memory or in the archive.
    pub(in crate::journaled) end: u64,
    /// How many the archive had when it was asked before.
    pub(in crate::journaled) seen: Option<u64>,
}

impl Wanted {
    pub(in crate::journaled) const fn span(&self) -> Span {
        Span { execution: Some(self.execution), from: self.from, limit: self.limit }
    }
}

impl<M: Medium, A: Archive> Shard<M, A> {
    /// Reads turns that are not in the archive.
    pub(in crate::journaled) fn read_known(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> ReadResult {
        self.state().layers.read(instance, execution, from, limit)
    }

    /// A page of which the first turns are in the archive, which has given some of them; `None` when it
    /// must be asked again.
    pub(in crate::journaled) fn page(
        &self,
        instance: &InstanceId,
        wanted: &mut Wanted,
        stretch: Option<Stretch>,
    ) -> Result<Option<TurnPage>, ProviderError> {
        let Wanted { execution, from, limit, end, .. } = *wanted;
        let Some(Stretch { mut turns, length }) = stretch else {
            return Err(ProviderError::NotFound { instance: instance.clone() });
        };
        if from > length.max(end) {
            return Err(past_the_end(instance, execution, from, length));
        }
        let at = from + turns.len() as u64;
        let left = limit.max(1).saturating_sub(turns.len());
        if at < length || left == 0 || at >= end {
            return Ok(Some(TurnPage { turns, next: (at < length.max(end)).then_some(at) }));
        }
        match self.read_known(instance, execution, at, left) {
            ReadResult::Page(page) => {
                let TurnPage { turns: further, next } = page?;
                turns.extend(further);
                Ok(Some(TurnPage { turns, next }))
            }
            ReadResult::AskArchive { .. } if wanted.seen == Some(length) => {
                Err(missing(instance, execution, at))
            }
            // It has gone over to the archive meanwhile.
            ReadResult::AskArchive { .. } => {
                wanted.seen = Some(length);
                Ok(None)
            }
        }
    }
}

impl Layers {
    /// Reads turns that are not in the archive.
    pub(super) fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> ReadResult {
        let mut runs: Vec<&TurnRun> = Vec::new();
        let mut hides = false;
        for change in self.oldest_first(instance) {
            if change.hides_what_is_before(execution) {
                hides = true;
                runs.clear();
            }
            runs.extend(change.run_of(execution));
        }
        match (runs.first(), runs.last()) {
            (Some(first), Some(last)) if from >= first.first => {
                ReadResult::Page(page_of(&runs, last.end(), instance, execution, from, limit))
            }
            (None, _) if hides => {
                ReadResult::Page(Err(ProviderError::NotFound { instance: instance.clone() }))
            }
            (_, last) => ReadResult::AskArchive { end: last.map_or(0, |last| last.end()) },
        }
    }
}

impl Layers {
    /// The executions of an instance, in their order, with those that the archive has.
    pub(in crate::journaled) fn executions(
        &self,
        instance: &InstanceId,
        mut there: Vec<InstanceSummary>,
    ) -> Vec<InstanceSummary> {
        for change in self.oldest_first(instance) {
            let Change::Grown(growth) = change else {
                there.clear();
                continue;
            };
            let oldest = growth.oldest();
            there.retain(|known| !growth.starts_anew && known.execution >= oldest);
            let earlier = growth.earlier.runs.iter().map(|earlier| &earlier.summary);
            for summary in earlier.chain([&growth.summary]) {
                there.retain(|known| known.execution != summary.execution);
                there.push(summary.clone());
            }
        }
        there.sort_unstable_by_key(|summary| summary.execution);
        there
    }
}

/// A page out of runs that follow on each other.
fn page_of(
    runs: &[&TurnRun],
    end: u64,
    instance: &InstanceId,
    execution: ExecutionId,
    from: u64,
    limit: usize,
) -> Result<TurnPage, ProviderError> {
    if from > end {
        return Err(past_the_end(instance, execution, from, end));
    }
    let mut turns = Vec::new();
    for run in runs {
        let at = from + turns.len() as u64;
        let skipped = usize::try_from(at.saturating_sub(run.first)).unwrap_or(usize::MAX);
        let rest = run.turns.get(skipped..).unwrap_or_default();
        let wanted = rest.iter().take(limit.max(1) - turns.len());
        turns.extend(
            (at..)
                .zip(wanted)
                .map(|(number, bytes)| StoredTurn { number, bytes: Arc::clone(bytes) }),
        );
    }
    let next = from + turns.len() as u64;
    Ok(TurnPage { turns, next: (next < end).then_some(next) })
}

fn missing(instance: &InstanceId, execution: ExecutionId, number: u64) -> ProviderError {
    let place = Place(format!("instance {instance}, execution {execution}"));
    let reason = format!("turn {number} is neither in the archive nor in the journal");
    ProviderError::Corrupt { place, reason }
}

fn past_the_end(
    instance: &InstanceId,
    execution: ExecutionId,
    from: u64,
    length: u64,
) -> ProviderError {
    let reason = format!(
        "execution {execution} of instance {instance} has {length} turns, {from} is past the end"
    );
    ProviderError::Conflict { reason }
}
