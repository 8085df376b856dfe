//! What the tests of archives share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};
use reenact_providers::archive::{Archive, Change, Growth, Part, TurnRun};
use reenact_providers::journal::{JournalId, Position};
use reenact_providers::{InstanceState, InstanceSummary, ProviderError};

pub(crate) const JOURNAL: JournalId = JournalId(*b"the test journal");
pub(crate) const SHARD: ShardId = ShardId(3);

/// A directory that is removed in the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("reenact-archive-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn id(id: &str) -> InstanceId {
    InstanceId::new(id).unwrap()
}

pub(crate) fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(micros)
}

pub(crate) fn end(sequence: u64) -> Position {
    Position { segment: 1, offset: 512 + sequence * 100, sequence }
}

pub(crate) fn summary(instance: &str) -> InstanceSummary {
    InstanceSummary {
        instance: id(instance),
        execution: ExecutionId::FIRST,
        name: Name::new("process_order").unwrap(),
        state: InstanceState::Running,
        created_at: at(1_000),
        updated_at: at(2_000),
        turns: 1,
        events: 2,
        wake_at: None,
    }
}

/// Turns of which each tells whose it is, and its number.
pub(crate) fn run(instance: &str, execution: u32, numbers: std::ops::Range<u64>) -> TurnRun {
    let turns = numbers.clone().map(|number| bytes(instance, execution, number)).collect();
    TurnRun { execution: ExecutionId(execution), first: numbers.start, turns }
}

pub(crate) fn bytes(instance: &str, execution: u32, number: u64) -> Arc<[u8]> {
    format!("turn {number} of {instance}/{execution}").into_bytes().into()
}

/// The growth of an instance by turns of its newest execution.
pub(crate) fn grown(instance: &str, run: TurnRun) -> Growth {
    let (execution, turns) = (run.execution, run.end());
    let summary = InstanceSummary { execution, turns, ..summary(instance) };
    Growth { summary, starts_anew: false, run }
}

/// An instance of one turn that is as the summary says.
pub(crate) fn new(summary: InstanceSummary) -> (InstanceId, Change) {
    let run = run(summary.instance.as_str(), summary.execution.0, 0..1);
    let instance = summary.instance.clone();
    (instance, Change::Grown(Growth { summary, starts_anew: false, run }))
}

pub(crate) fn absorb(
    archive: &impl Archive,
    sequence: u64,
    mut changes: Vec<(InstanceId, Change)>,
) -> Result<(), ProviderError> {
    changes.sort_by(|a, b| a.0.cmp(&b.0));
    let changes = changes.iter().map(|(instance, change)| (instance, change)).collect();
    archive.absorb(&Part { shard: SHARD, end: end(sequence), changes })?;
    archive.tidy(SHARD, &|| true);
    Ok(())
}

/// Lets an instance grow.
pub(crate) fn grow(archive: &impl Archive, growth: Growth) -> Result<(), ProviderError> {
    let sequence = archive.position(SHARD).unwrap().sequence + 1;
    absorb(archive, sequence, vec![(growth.summary.instance.clone(), Change::Grown(growth))])
}

/// The numbers and bytes of the turns from a number on, and how many there are in the archive.
pub(crate) fn read(
    archive: &impl Archive,
    instance: &str,
    execution: u32,
    from: u64,
    limit: usize,
) -> Option<(Vec<u64>, u64)> {
    let stretch = archive.read(&id(instance), ExecutionId(execution), from, limit).unwrap()?;
    for turn in &stretch.turns {
        assert_eq!(turn.bytes, bytes(instance, execution, turn.number), "turns keep their bytes");
    }
    Some((stretch.turns.iter().map(|turn| turn.number).collect(), stretch.length))
}

/// The ids that the summaries are of.
pub(crate) fn ids(summaries: &[InstanceSummary]) -> Vec<&str> {
    summaries.iter().map(|summary| summary.instance.as_str()).collect()
}
