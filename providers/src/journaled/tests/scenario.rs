//! One scenario that does everything that a shard can do.

use std::sync::Arc;

use reenact_core::InstanceId;

use super::model::Model;
use super::{FakeOpened, FakeShard, World, id, turn};
use crate::InstanceState::{self, Completed, Failed, Running};
use crate::archive::{Archive, Question};
use crate::journaled::shard::{Answers, ArchivingLock, Opened, Ordered};
use crate::{Batch, ProviderError, TurnRecord};

/// One thing that is done.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Append(Vec<TurnRecord>),
    Purge(Vec<InstanceId>),
    /// What was committed is on its way to the archive.
    Freeze,
    /// It gets there, and the journal is freed of it.
    Flush,
    /// The shard is given up and acquired again.
    Reopen,
}

/// Instances that grow before, during and after a flush; that end, are purged and begin again; of
/// one execution and of several.
pub(super) fn steps() -> Vec<Step> {
    let append = |turns: &[(&str, u32, u64, InstanceState)]| {
        Step::Append(turns.iter().map(|(label, e, n, state)| turn(label, *e, *n, *state)).collect())
    };
    vec![
        append(&[("long", 1, 0, Running), ("short", 1, 0, Completed), ("next", 1, 0, Running)]),
        append(&[("long", 1, 1, Running), ("long", 1, 2, Running)]),
        Step::Freeze,
        append(&[("long", 1, 3, Running), ("next", 2, 0, Running)]),
        Step::Purge(vec![id("short"), id("unknown")]),
        Step::Flush,
        append(&[("short", 1, 0, Running), ("late", 1, 0, Failed)]),
        append(&[("long", 1, 4, Running), ("next", 2, 1, Running)]),
        Step::Freeze,
        append(&[("next", 2, 2, Running), ("next", 3, 0, Running), ("next", 4, 0, Running)]),
        append(&[("next", 4, 1, Completed)]),
        Step::Flush,
        Step::Purge(vec![id("late"), id("next")]),
        append(&[("late", 1, 0, Running), ("short", 1, 1, Running)]),
        Step::Reopen,
        append(&[("long", 1, 5, Running), ("late", 1, 1, Running)]),
        Step::Freeze,
        append(&[("short", 1, 2, Completed), ("late", 1, 2, Completed)]),
        Step::Purge(vec![id("short")]),
        Step::Flush,
        append(&[("next", 1, 0, Running), ("long", 1, 6, Completed)]),
    ]
}

pub(super) fn instances() -> Vec<InstanceId> {
    ["long", "short", "next", "late", "unknown"].map(id).into()
}

/// A process that owns the shard.
pub(super) struct Process {
    world: World,
    shard: Arc<FakeShard>,
    opened: Option<FakeOpened>,
    archiving: ArchivingLock,
}

impl Process {
    pub(super) fn start(world: &World) -> Result<Self, ProviderError> {
        let (shard, opened) = world.open()?;
        let (world, archiving) = (world.clone(), ArchivingLock::default());
        Ok(Self { world, shard, opened: Some(opened), archiving })
    }

    pub(super) fn carry_out(&mut self, step: &Step) -> Result<(), ProviderError> {
        if matches!(step, Step::Reopen) {
            return self.reopen();
        }
        let shard = self.shard.identity.shard;
        let fenced = ProviderError::Fenced { shard };
        let opened = self.opened.as_mut().ok_or(fenced)?;
        let epoch = self.shard.state().ownership.newest();
        match step {
            Step::Append(turns) => {
                let batch = Arc::new(Batch { shard, epoch, turns: turns.clone() });
                order(&self.shard, |_| opened.writer.append(&batch))?;
            }
            Step::Purge(instances) => {
                let purge = |archived: &_| opened.writer.purge(instances, archived, epoch);
                order(&self.shard, purge)?;
            }
            Step::Freeze => opened.writer.freeze(),
            Step::Flush => opened.flusher.flush(&self.archiving, &|| true)?,
            Step::Reopen => {}
        }
        Ok(())
    }

    pub(super) fn reopen(&mut self) -> Result<(), ProviderError> {
        self.opened = None;
        let (shard, opened) = self.world.open()?;
        self.shard = shard;
        self.opened = Some(opened);
        Ok(())
    }

    pub(super) fn seen(&self) -> Model {
        Model::seen(&self.shard, &instances()).unwrap()
    }
}

/// Gives an order, and asks the archive for what must be known first.
fn order<T>(
    shard: &FakeShard,
    mut give: impl FnMut(&Answers) -> Result<Ordered<T>, ProviderError>,
) -> Result<(), ProviderError> {
    let mut archived = Answers::default();
    while let Ordered::AskFirst(instances) = give(&archived)? {
        let (asking, questions) = (shard.asking(), instances.into_iter().map(Question::look_up));
        let questions: Vec<_> = questions.collect();
        archived = shard.are_looked_up(asking, &questions, shard.archive.ask(&questions))?;
    }
    Ok(())
}

#[test]
fn what_was_done_is_seen_at_each_step_and_after_a_crash_that_follows() {
    let world = World::new();
    let mut process = Process::start(&world).unwrap();
    let mut model = Model::default();
    for step in steps() {
        process.carry_out(&step).unwrap();
        model.apply(&step);
        assert_eq!(process.seen(), model, "after {step:?}");
        let after_crash = world.on(world.disk.after_crash(|| false));
        assert_eq!(Process::start(&after_crash).unwrap().seen(), model, "a crash after {step:?}");
    }
    let names = world.disk.names();
    assert!(!names.contains(&"segment-000000000001".to_owned()), "it was freed: {names:?}");
}

#[test]
fn a_purge_during_which_a_flush_ends_asks_again_and_comes_to_an_end() {
    let mut process = Process::start(&World::new()).unwrap();
    let over = |label| Step::Append(vec![turn(label, 1, 0, InstanceState::Completed)]);
    for step in [over("archived"), Step::Freeze, Step::Flush, over("frozen"), Step::Freeze] {
        process.carry_out(&step).unwrap();
    }
    let Process { shard, opened, archiving, .. } = &mut process;
    let Opened { writer, flusher } = opened.as_mut().unwrap();
    let (instances, epoch) = ([id("archived"), id("frozen")], shard.state().ownership.newest());
    let mut times = 0;
    let purge = |archived: &Answers| {
        times += 1;
        assert!(times <= 3, "the archive is asked again and again");
        let purged = writer.purge(&instances, archived, epoch);
        // After the first answer, and before the question that it leads to.
        flusher.flush(archiving, &|| true)?;
        purged
    };
    order(shard, purge).unwrap();
    assert_eq!(times, 3);
    for instance in &instances {
        assert!(matches!(shard.known(instance), Ok(None)), "{instance} has gone");
    }
}
