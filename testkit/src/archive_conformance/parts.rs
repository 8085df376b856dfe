//! Instances, changes and parts of journals, for tests of archives.

use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};
use reenact_providers::archive::{Archive, Change, Earlier, Growth, Part, TurnRun};
use reenact_providers::journal::Position;
use reenact_providers::{InstanceState, InstanceSummary, ProviderError};

/// The shard of all parts that are made here.
pub const SHARD: ShardId = ShardId(3);

/// An id.
pub fn id(id: &str) -> InstanceId {
    InstanceId::new(id).unwrap()
}

/// A time, in microseconds.
pub fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// A place in the journal after this many commits.
pub fn end(sequence: u64) -> Position {
    Position { segment: 1, offset: 512 + sequence * 100, sequence }
}

/// The summary of an instance that runs and has one turn.
pub fn summary(instance: &str) -> InstanceSummary {
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
        attributes: reenact_core::Attributes::default(),
    }
}

/// Turns of an execution, from one number up to another. The bytes of each name the instance and the number.
pub fn run(instance: &str, execution: u32, numbers: std::ops::Range<u64>) -> TurnRun {
    let turns = numbers.clone().map(|number| bytes(instance, execution, number)).collect();
    TurnRun { execution: ExecutionId(execution), first: numbers.start, turns }
}

/// The bytes of a turn, which no other turn has.
pub fn bytes(instance: &str, execution: u32, number: u64) -> Arc<[u8]> {
    format!("turn {number} of {instance}/{execution}").into_bytes().into()
}

/// The growth of an instance by turns of its newest execution.
pub fn grown(instance: &str, run: TurnRun) -> Growth {
    let (execution, turns) = (run.execution, run.end());
    let summary = InstanceSummary { execution, turns, ..summary(instance) };
    Growth { summary, starts_anew: false, run, earlier: Earlier::default() }
}

/// The change that adds an instance with this summary and one turn.
pub fn new(summary: InstanceSummary) -> (InstanceId, Change) {
    let run = run(summary.instance.as_str(), summary.execution.0, 0..1);
    let instance = summary.instance.clone();
    (
        instance,
        Change::Grown(Growth { summary, starts_anew: false, run, earlier: Earlier::default() }),
    )
}

/// Lets an archive take over a part that ends after this many commits, and tidy up.
///
/// # Errors
/// Those of [`Archive::absorb`].
pub fn absorb(
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

/// Lets an archive take over the growth of one instance, as the next part.
///
/// # Errors
/// Those of [`Archive::absorb`].
pub fn grow(archive: &impl Archive, growth: Growth) -> Result<(), ProviderError> {
    let sequence = archive.position(SHARD).unwrap().sequence + 1;
    absorb(archive, sequence, vec![(growth.summary.instance.clone(), Change::Grown(growth))])
}

/// The numbers of the turns that are read, and how many the archive has. Checks the bytes of each.
pub fn read(
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

/// The ids of the instances that are summed up.
pub fn ids(summaries: &[InstanceSummary]) -> Vec<&str> {
    summaries.iter().map(|summary| summary.instance.as_str()).collect()
}
