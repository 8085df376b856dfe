//! What must be seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId, ShardId};

use super::{BlobArchive, OwnedPart};
use crate::archive::{Archive, Archived, Change};
use crate::journal::Position;
use crate::{InstanceFilter, InstanceState, InstanceSummary, ProviderError};

/// Instances with all turns of their newest executions, and how far each shard is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) positions: Vec<Position>,
    pub(super) instances: BTreeMap<InstanceId, Row>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) summary: InstanceSummary,
    pub(super) turns: Vec<Arc<[u8]>>,
}

impl Model {
    pub(super) fn new(shards: u32) -> Self {
        let positions = (0..shards).map(|_| Position::START).collect();
        Self { positions, instances: BTreeMap::new() }
    }

    pub(super) fn apply(&mut self, part: &OwnedPart) {
        self.positions[part.shard.0 as usize] = part.end;
        for (instance, change) in &part.changes {
            let before = self.instances.remove(instance);
            let Change::Grown(growth) = change else { continue };
            let mut turns = match before {
                Some(before) if growth.run.first > 0 => before.turns,
                _ => Vec::new(),
            };
            turns.extend(growth.run.turns.iter().cloned());
            self.instances.insert(instance.clone(), Row { summary: growth.summary.clone(), turns });
        }
    }

    /// What an archive shows, asked in every way.
    pub(super) fn seen(archive: &BlobArchive) -> Result<Self, ProviderError> {
        let shards = archive.shards;
        let positions = (0..shards).map(|shard| archive.position(ShardId(shard)));
        let mut model = Self { positions: positions.collect::<Result<_, _>>()?, ..Self::default() };
        let all = InstanceFilter::new();
        let listed = list_by_pages(archive, &all)?;
        assert!(listed.is_sorted_by(|a, b| a.instance < b.instance));
        assert_eq!(archive.count(&all)?, listed.len() as u64);
        for summary in listed {
            let turns = read_by_pages(archive, &summary)?;
            let archived = Archived { summary: summary.clone(), length: turns.len() as u64 };
            assert_eq!(archive.look_up(&summary.instance)?, Some(archived));
            model.instances.insert(summary.instance.clone(), Row { summary, turns });
        }
        model.check_others(archive)?;
        Ok(model)
    }

    /// What else is asked says the same.
    fn check_others(&self, archive: &BlobArchive) -> Result<(), ProviderError> {
        let summaries = || self.instances.values().map(|row| &row.summary);
        for shard in (0..archive.shards).map(ShardId) {
            let mut waking = archive.to_wake(shard)?;
            waking.sort_by(|a, b| a.instance.cmp(&b.instance));
            let expected = summaries().filter(|summary| {
                summary.wake_at.is_some() && ShardId::of(&summary.instance, archive.shards) == shard
            });
            assert!(waking.iter().eq(expected), "{waking:?} in {self:?}");
        }
        for prefix in ["a", "b", "i1", "none"] {
            let filter =
                InstanceFilter::new().id_prefix(prefix.to_owned()).states([InstanceState::Running]);
            let expected: Vec<_> = summaries().filter(|summary| filter.matches(summary)).collect();
            assert!(list_by_pages(archive, &filter)?.iter().eq(expected.iter().copied()));
            assert_eq!(archive.count(&filter)?, expected.len() as u64);
        }
        Ok(())
    }
}

fn list_by_pages(
    archive: &BlobArchive,
    filter: &InstanceFilter,
) -> Result<Vec<InstanceSummary>, ProviderError> {
    let mut listed: Vec<InstanceSummary> = Vec::new();
    loop {
        let after = listed.last().map(|last| last.instance.clone());
        let page = archive.list(filter, after.as_ref(), 2)?;
        let is_last = page.len() < 2;
        listed.extend(page);
        if is_last {
            return Ok(listed);
        }
    }
}

/// The whole history. Neither another execution nor what is after the end is there.
fn read_by_pages(
    archive: &BlobArchive,
    summary: &InstanceSummary,
) -> Result<Vec<Arc<[u8]>>, ProviderError> {
    let (instance, execution) = (&summary.instance, summary.execution);
    for other in [execution.0 - 1, execution.0 + 1] {
        assert_eq!(archive.read(instance, ExecutionId(other), 0, 9)?, None);
    }
    let mut turns = Vec::new();
    loop {
        let from = turns.len() as u64;
        let stretch = archive.read(instance, execution, from, 2)?.unwrap();
        assert!(from <= stretch.length);
        assert!(
            stretch
                .turns
                .iter()
                .map(|turn| turn.number)
                .eq(from..from + stretch.turns.len() as u64)
        );
        assert_eq!(stretch.turns.is_empty(), from == stretch.length);
        if stretch.turns.is_empty() {
            return Ok(turns);
        }
        turns.extend(stretch.turns.into_iter().map(|turn| turn.bytes));
    }
}
