//! What must be seen: instances with all of their turns.

use std::collections::BTreeMap;
use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId};

use super::FakeShard;
use super::scenario::Step;
use crate::archive::Archive;
use crate::journaled::shard::{ReadResult, Wanted};
use crate::{InstanceSummary, ProviderError, TurnPage};

/// The instances of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Model(BTreeMap<InstanceId, Row>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    summary: InstanceSummary,
    /// Of the newest execution.
    turns: Vec<Arc<[u8]>>,
}

impl Model {
    pub(super) fn apply(&mut self, step: &Step) {
        match step {
            Step::Append(turns) => {
                for turn in turns {
                    let summary = turn.summary.clone();
                    let empty = || Row { summary: summary.clone(), turns: Vec::new() };
                    let row = self.0.entry(summary.instance.clone()).or_insert_with(empty);
                    if row.summary.execution != summary.execution {
                        row.turns.clear();
                    }
                    row.turns.push(turn.bytes.clone());
                    row.summary = summary;
                }
            }
            Step::Purge(instances) => {
                for instance in instances {
                    self.0.remove(instance);
                }
            }
            Step::Flush | Step::Freeze | Step::Reopen => {}
        }
    }

    /// What a shard shows of these instances, read in pages of two turns.
    pub(super) fn seen(shard: &FakeShard, instances: &[InstanceId]) -> Result<Self, ProviderError> {
        let mut model = Self::default();
        for instance in instances {
            let summary = match shard.known(instance) {
                Ok(summary) => summary,
                Err(_) => shard.archive.look_up(instance)?.map(|archived| archived.summary),
            };
            let Some(summary) = summary else { continue };
            let turns = history(shard, instance, summary.execution)?;
            if let Some(earlier) = summary.execution.0.checked_sub(1) {
                let gone = history(shard, instance, ExecutionId(earlier));
                assert!(matches!(gone, Err(ProviderError::NotFound { .. })), "{gone:?}");
            }
            model.0.insert(instance.clone(), Row { summary, turns });
        }
        Ok(model)
    }
}

fn history(
    shard: &FakeShard,
    instance: &InstanceId,
    execution: ExecutionId,
) -> Result<Vec<Arc<[u8]>>, ProviderError> {
    let mut turns = Vec::new();
    let mut next = Some(0);
    while let Some(from) = next {
        let page = match shard.read_known(instance, execution, from, 2) {
            ReadResult::Page(page) => page?,
            ReadResult::AskArchive { end } => from_archive(shard, instance, execution, from, end)?,
        };
        assert!(page.turns.iter().map(|turn| turn.number).eq(from..from + page.turns.len() as u64));
        turns.extend(page.turns.into_iter().map(|turn| turn.bytes));
        assert!(page.next.is_none_or(|next| next == turns.len() as u64 && next > from));
        next = page.next;
    }
    Ok(turns)
}

/// A page of two turns, of which the first are in the archive.
fn from_archive(
    shard: &FakeShard,
    instance: &InstanceId,
    execution: ExecutionId,
    from: u64,
    end: u64,
) -> Result<TurnPage, ProviderError> {
    let mut wanted = Wanted { execution, from, limit: 2, end, seen: None };
    loop {
        let stretch = shard.archive.read(instance, execution, from, 2)?;
        if let Some(page) = shard.page(instance, &mut wanted, stretch)? {
            return Ok(page);
        }
    }
}
