//! An archive on a fake disk: what happens to the disk happens to the archive.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::archive::{Archive, Archived, Change, EarlierRun, Growth, Part, Stretch, TurnRun};
use crate::journal::Position;
use crate::medium::{Directory, Medium};
use crate::{InstanceFilter, InstanceSummary, Place, ProviderError, StoredTurn};
use reenact_core::{ExecutionId, InstanceId, ShardId};

use super::disk::FakeDisk;

/// The file that names the version that counts.
const VERSION: &str = "ARCHIVE";

/// An archive that keeps all of its versions in memory, and the number of the one that counts in a file of a
/// [`FakeDisk`]. A version whose number was not durable is gone after a crash.
#[derive(Clone, Debug)]
pub struct FakeArchive {
    disk: Arc<Directory<FakeDisk>>,
    versions: Arc<Mutex<Vec<Contents>>>,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    positions: BTreeMap<ShardId, Position>,
    instances: BTreeMap<InstanceId, Stored>,
    shards: BTreeMap<InstanceId, ShardId>,
}

#[derive(Clone, Debug)]
struct Stored {
    summary: InstanceSummary,
    turns: Vec<Arc<[u8]>>,
    /// The executions before the newest one that are kept, in their order.
    earlier: Vec<(InstanceSummary, Vec<Arc<[u8]>>)>,
}

impl FakeArchive {
    /// An empty archive on a disk.
    pub fn new(disk: FakeDisk) -> Self {
        let versions = Arc::new(Mutex::new(vec![Contents::default()]));
        Self { disk: Arc::new(Directory::new(disk)), versions }
    }

    /// The same archive, as it is on another disk: the one that is left after a crash.
    #[must_use]
    pub fn on(&self, disk: FakeDisk) -> Self {
        Self { disk: Arc::new(Directory::new(disk)), versions: Arc::clone(&self.versions) }
    }

    /// The disk that it is on.
    pub fn disk(&self) -> &FakeDisk {
        self.disk.disk()
    }

    /// What is left after a crash of the disk that it is on.
    #[must_use]
    pub fn after_crash(&self) -> Self {
        self.on(self.disk().after_crash(|| false))
    }

    fn versions(&self) -> MutexGuard<'_, Vec<Contents>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, look: impl FnOnce(&Contents) -> T) -> Result<T, ProviderError> {
        let stored = self.disk.load(VERSION, 8).map_err(unavailable)?;
        let version = stored
            .map_or(Some(0), |stored| Some(u64::from_le_bytes(stored.try_into().ok()?) as usize));
        let versions = self.versions();
        let contents = version.and_then(|version| versions.get(version));
        contents.map(look).ok_or_else(|| corrupt("it is of no version"))
    }
}

impl Archive for FakeArchive {
    fn position(&self, shard: ShardId) -> Result<Position, ProviderError> {
        self.with(|contents| contents.positions.get(&shard).copied().unwrap_or(Position::START))
    }

    fn absorb(&self, part: &Part<'_>) -> Result<(), ProviderError> {
        let mut contents = self.with(Contents::clone)?;
        if contents.positions.get(&part.shard) != Some(&part.end) {
            for (instance, change) in &part.changes {
                contents.change(part.shard, instance, change)?;
            }
        }
        contents.positions.insert(part.shard, part.end);
        let version = {
            let mut versions = self.versions();
            versions.push(contents);
            versions.len() as u64 - 1
        };
        self.disk.replace(VERSION, &version.to_le_bytes()).map_err(unavailable)
    }

    fn look_up(&self, instance: &InstanceId) -> Result<Option<Archived>, ProviderError> {
        self.with(|contents| contents.instances.get(instance)?.executions().next_back())
    }

    fn executions(&self, instance: &InstanceId) -> Result<Vec<Archived>, ProviderError> {
        self.with(|contents| {
            let stored = contents.instances.get(instance);
            stored.into_iter().flat_map(Stored::executions).collect()
        })
    }

    fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<Option<Stretch>, ProviderError> {
        self.with(|contents| {
            let turns = contents.instances.get(instance)?.turns_of(execution)?;
            let rest = turns.iter().skip(usize::try_from(from).unwrap_or(usize::MAX));
            let read = (from..).zip(rest.take(limit.max(1)));
            let read = read.map(|(number, bytes)| StoredTurn { number, bytes: Arc::clone(bytes) });
            Some(Stretch { turns: read.collect(), length: turns.len() as u64 })
        })
    }

    fn list(
        &self,
        filter: &InstanceFilter,
        after: Option<&InstanceId>,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.with(|contents| {
            let start = after.map_or(Bound::Unbounded, Bound::Excluded);
            let rest = contents.instances.range::<InstanceId, _>((start, Bound::Unbounded));
            let summaries = rest.map(|(_, stored)| &stored.summary);
            summaries.filter(|summary| filter.matches(summary)).take(limit).cloned().collect()
        })
    }

    fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        self.with(|contents| {
            let summaries = contents.instances.values().map(|stored| &stored.summary);
            summaries.filter(|summary| filter.matches(summary)).count() as u64
        })
    }

    fn to_wake(&self, shard: ShardId) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.with(|contents| {
            let of_shard = contents.instances.iter().filter(|(instance, stored)| {
                contents.shards.get(*instance) == Some(&shard) && stored.summary.wake_at.is_some()
            });
            of_shard.map(|(_, stored)| stored.summary.clone()).collect()
        })
    }
}

impl Contents {
    fn change(
        &mut self,
        shard: ShardId,
        instance: &InstanceId,
        change: &Change,
    ) -> Result<(), ProviderError> {
        let Change::Grown(growth) = change else {
            self.instances.remove(instance);
            self.shards.remove(instance);
            return Ok(());
        };
        let Growth { summary, starts_anew, run, earlier } = growth;
        if *starts_anew {
            self.instances.remove(instance);
        }
        self.shards.insert(instance.clone(), shard);
        if run.execution != summary.execution {
            return Err(corrupt(&format!("instance {instance}: its execution is another")));
        }
        let first = earlier.runs.first().map_or(summary, |earlier| &earlier.summary);
        let empty = || Stored { summary: first.clone(), turns: Vec::new(), earlier: Vec::new() };
        let stored = self.instances.entry(instance.clone()).or_insert_with(empty);
        for EarlierRun { summary, run } in &earlier.runs {
            stored.grow(summary, run)?;
        }
        stored.grow(summary, run)?;
        stored.earlier.retain(|(summary, _)| summary.execution >= growth.oldest());
        Ok(())
    }
}

impl Stored {
    fn executions(&self) -> impl DoubleEndedIterator<Item = Archived> {
        let earlier = self.earlier.iter().map(|(summary, turns)| (summary, turns));
        let all = earlier.chain([(&self.summary, &self.turns)]);
        all.map(|(summary, turns)| Archived {
            summary: summary.clone(),
            length: turns.len() as u64,
        })
    }

    fn turns_of(&self, execution: ExecutionId) -> Option<&Vec<Arc<[u8]>>> {
        let earlier = self.earlier.iter().map(|(summary, turns)| (summary, turns));
        let mut all = earlier.chain([(&self.summary, &self.turns)]);
        all.find(|(summary, _)| summary.execution == execution).map(|(_, turns)| turns)
    }

    /// Takes turns of the newest execution, or the first ones of a later one.
    fn grow(&mut self, summary: &InstanceSummary, run: &TurnRun) -> Result<(), ProviderError> {
        let TurnRun { execution, first, turns } = run;
        if self.summary.execution < *execution {
            let turns = std::mem::take(&mut self.turns);
            if !turns.is_empty() {
                self.earlier.push((self.summary.clone(), turns));
            }
        }
        if self.summary.execution > *execution || *first != self.turns.len() as u64 {
            let instance = &summary.instance;
            return Err(corrupt(&format!("instance {instance}: turns do not follow")));
        }
        self.turns.extend(turns.iter().cloned());
        self.summary = summary.clone();
        Ok(())
    }
}

fn unavailable(error: crate::medium::MediumError) -> ProviderError {
    let reason = format!("the archive: {error}");
    ProviderError::Unavailable { reason, source: Some(Box::new(error)) }
}

fn corrupt(reason: &str) -> ProviderError {
    ProviderError::Corrupt { place: Place("the archive".to_owned()), reason: reason.to_owned() }
}
