//! Random histories, compared with what must be seen.

use proptest::prelude::*;
use reenact_core::{InstanceId, ShardId, Timestamp};

use super::model::Model;
use super::{BlobArchive, BlobArchiveOptions, OwnedPart, TINY, end, grown, id, is_merged, open};
use crate::InstanceState;
use crate::archive::{Archive, Change};
use crate::testkit::azure::blob_store::{FakeBlobStore, Fault};

const SHARDS: u32 = 2;
const INSTANCES: usize = 12;

#[derive(Clone, Debug)]
enum Step {
    /// What happens to which instances.
    Absorb(Vec<(usize, What)>),
    /// The writer begins anew.
    Reopen,
    /// A request goes wrong, after some others.
    Fault(u64, Fault),
}

#[derive(Clone, Copy, Debug)]
struct What {
    kind: Kind,
    turns: u64,
    wakes: bool,
    is_over: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Grow,
    Continue,
    Purge,
    Anew,
}

fn what() -> impl Strategy<Value = What> {
    let kind = prop_oneof![
        4 => Just(Kind::Grow),
        1 => Just(Kind::Continue),
        2 => Just(Kind::Purge),
        1 => Just(Kind::Anew),
    ];
    (kind, 1..4_u64, any::<bool>(), any::<bool>()).prop_map(|(kind, turns, wakes, is_over)| What {
        kind,
        turns,
        wakes,
        is_over,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![Just(Fault::Refused), Just(Fault::Lost), Just(Fault::Late)];
    prop_oneof![
        8 => proptest::collection::vec((0..INSTANCES, what()), 0..6).prop_map(Step::Absorb),
        1 => Just(Step::Reopen),
        1 => (0..12_u64, fault).prop_map(|(others, fault)| Step::Fault(others, fault)),
    ]
}

fn options() -> impl Strategy<Value = BlobArchiveOptions> {
    (1..400_usize, 1..600_usize, 1..4_usize, 1..600_u64).prop_map(
        |(block_bytes, table_bytes, runs_per_level, stretch_bytes)| BlobArchiveOptions {
            block_bytes,
            table_bytes,
            runs_per_level,
            stretch_bytes,
            ..TINY
        },
    )
}

/// What can happen to an instance as it is.
fn change(model: &Model, instance: &InstanceId, what: What) -> Change {
    let name = instance.as_str();
    let there = model.instances.get(instance);
    let (execution, length) =
        there.map_or((1, 0), |row| (row.summary.execution.0, row.turns.len() as u64));
    let (_, mut change) = match what.kind {
        Kind::Purge => return Change::Purged,
        Kind::Grow => grown(name, execution, length..length + what.turns),
        Kind::Continue => grown(name, execution + what.turns as u32, 0..what.turns),
        Kind::Anew => super::anew(grown(name, 1, 0..what.turns)),
    };
    if let Change::Grown(growth) = &mut change {
        growth.summary.wake_at = what.wakes.then_some(Timestamp::from_micros(what.turns));
        if what.is_over {
            growth.summary.state = InstanceState::Completed;
        }
    }
    change
}

/// One part for each shard.
fn parts(model: &Model, whats: &[(usize, What)]) -> Vec<OwnedPart> {
    let parts = (0..SHARDS).map(|shard| {
        let mut changes: Vec<(InstanceId, Change)> = Vec::new();
        for (instance, what) in whats {
            let instance = id(&format!("i{instance}"));
            if ShardId::of(&instance, SHARDS).0 == shard {
                changes.push((instance.clone(), change(model, &instance, *what)));
            }
        }
        changes.sort_by(|a, b| a.0.cmp(&b.0));
        changes.dedup_by(|a, b| a.0 == b.0);
        let sequence = model.positions[shard as usize].sequence + 1;
        OwnedPart { shard: ShardId(shard), end: end(sequence), changes }
    });
    parts.collect()
}

/// Gives a part until it is taken.
fn absorb(archive: &BlobArchive, part: &OwnedPart) {
    let outcome = (0..3).map(|_| part.absorb_into(archive)).find(Result::is_ok);
    outcome.expect("it goes on once the fault is over").unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn an_archive_is_as_a_map_whatever_happens(
        options in options(),
        has_faults in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let blob_store = FakeBlobStore::new();
        let mut writer = open(&blob_store, SHARDS, options);
        let reader = open(&blob_store, SHARDS, options);
        let mut models = vec![Model::new(SHARDS)];
        for step in &steps {
            match step {
                Step::Reopen => writer = open(&blob_store, SHARDS, options),
                Step::Fault(others, fault) if has_faults => blob_store.fail(*others, *fault),
                Step::Fault(..) => {}
                Step::Absorb(whats) => {
                    for part in parts(models.last().unwrap(), whats) {
                        absorb(&writer, &part);
                        let mut model = models.last().unwrap().clone();
                        model.apply(&part);
                        models.push(model);
                    }
                    // The fault is over, or was not to come in this part.
                    let calm = blob_store.copy();
                    prop_assert_eq!(&Model::seen(&open(&calm, SHARDS, options)).unwrap(), models.last().unwrap());
                    if !has_faults {
                        prop_assert!(is_merged(&writer));
                    }
                    if blob_store.has_failed() {
                        prop_assert_eq!(&Model::seen(&writer).unwrap(), models.last().unwrap());
                        assert_sees_what_once_was(&reader, &models)?;
                    }
                }
            }
        }
        if blob_store.has_failed() {
            prop_assert_eq!(&Model::seen(&reader).unwrap(), models.last().unwrap());
        }
    }
}

/// A reader that got no notice may be late, and sees nothing that never was.
fn assert_sees_what_once_was(reader: &BlobArchive, models: &[Model]) -> Result<(), TestCaseError> {
    for instance in (0..INSTANCES).map(|number| id(&format!("i{number}"))) {
        let seen = reader.look_up(&instance).unwrap().map(|archived| archived.summary);
        let was = |model: &Model| model.instances.get(&instance).map(|row| row.summary.clone());
        prop_assert!(models.iter().any(|model| was(model) == seen), "{:?}", seen);
    }
    Ok(())
}
