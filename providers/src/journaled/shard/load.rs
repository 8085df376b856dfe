//! Instances that come into the memory of a host, and go from it.

use reenact_core::InstanceId;

use super::answers::Asking;
use super::read::ReadResult;
use super::{Layers, Shard, State};
use crate::archive::{Archive, Archived, Found, Question, Span, Stretch};
use crate::medium::Medium;
use crate::tip::Tip;
use crate::{InstanceSummary, LoadedInstance, ProviderError, TurnPage, TurnRecord};

/// What memory has of an instance that is to be loaded.
#[derive(Debug)]
pub(in crate::journaled) enum Loading {
    /// All of it; `None` when there is no such instance.
    Known(Result<Option<LoadedInstance>, ProviderError>),
    /// Its summary. Its first turns are in the archive.
    WithoutTurns(InstanceSummary),
    /// Nothing: the archive must be asked.
    Unknown(Asking),
}

impl<M: Medium, A: Archive> Shard<M, A> {
    /// What memory has of an instance that comes into the memory of a host.
    pub(in crate::journaled) fn begin_load(&self, instance: &InstanceId, limit: usize) -> Loading {
        let mut state = self.state();
        state.layers.is_at_work(instance);
        let Some(change) = state.layers.newest(instance) else {
            return match self.known_from(&state, instance) {
                // Of what is not in the layers, memory can know only that it is nowhere.
                Ok(_) => Loading::Known(Ok(None)),
                Err(asking) => Loading::Unknown(asking),
            };
        };
        let Some(summary) = change.summary().cloned() else { return Loading::Known(Ok(None)) };
        match state.layers.read(instance, summary.execution, 0, limit) {
            ReadResult::Page(page) => {
                Loading::Known(page.map(|turns| Some(LoadedInstance { summary, turns })))
            }
            ReadResult::AskArchive { .. } => Loading::WithoutTurns(summary),
        }
    }

    /// What the archive has said of an instance, which is remembered where it goes on.
    pub(in crate::journaled) fn end_load(
        &self,
        asking: Asking,
        instance: &InstanceId,
        found: Option<Found>,
    ) -> Option<LoadedInstance> {
        let archived = found.as_ref().map(|found| &found.archived);
        if archived.is_none_or(|archived| !archived.summary.is_over()) {
            self.learn(asking, instance, archived);
        }
        let Found { archived: Archived { summary, length }, stretch } = found?;
        let turns = stretch.map(|Stretch { turns, .. }| turns).unwrap_or_default();
        let next = turns.len() as u64;
        let next = (next < length).then_some(next);
        Some(LoadedInstance { summary, turns: TurnPage { turns, next } })
    }

    /// Remembers what the archive has said of an instance, so that a commit need not ask for it.
    pub(in crate::journaled) fn learn(
        &self,
        asking: Asking,
        instance: &InstanceId,
        archived: Option<&Archived>,
    ) {
        let mut state = self.state();
        if state.is_writing {
            state.tips.learn(asking.version, instance.clone(), archived.map(Tip::of));
        }
    }

    /// Whether it is known where an instance ends in the archive.
    #[cfg(test)]
    pub(in crate::journaled) fn remembers(&self, instance: &InstanceId) -> bool {
        self.state().tips.get(instance).is_some()
    }

    /// An instance has gone from the memory of its host.
    pub(in crate::journaled) fn unload(&self, instance: &InstanceId) {
        let mut state = self.state();
        state.tips.forget(instance);
        state.layers.is_at_rest(instance);
    }
}

/// What is asked of the archive about an instance that comes into the memory of a host.
pub(in crate::journaled) fn question(instance: InstanceId, limit: usize) -> Question {
    Question { instance, turns: Some(Span { execution: None, from: 0, limit }) }
}

impl Layers {
    /// Takes a turn that follows on what is stored.
    pub(super) fn append(&mut self, turn: &TurnRecord) {
        self.is_at_work(&turn.summary.instance);
        self.live.append(turn);
    }

    /// An instance is in the memory of a host.
    fn is_at_work(&mut self, instance: &InstanceId) {
        for at_rest in [&mut self.live_at_rest, &mut self.frozen_at_rest] {
            if !at_rest.is_empty() {
                at_rest.remove(instance);
            }
        }
    }

    /// An instance is in no host's memory, so that nobody needs to know where it ends once the archive
    /// has it.
    fn is_at_rest(&mut self, instance: &InstanceId) {
        if self.live.get(instance).is_some() {
            self.live_at_rest.insert(instance.clone());
        }
        if self.frozen.as_ref().is_some_and(|frozen| frozen.table.get(instance).is_some()) {
            self.frozen_at_rest.insert(instance.clone());
        }
    }
}

impl State {
    /// Remembers where instances end that the archive has been given.
    pub(super) fn remember(&mut self, given: Vec<(&InstanceId, Option<Tip>)>) {
        for (instance, tip) in given {
            let is_at_rest = self.layers.frozen_at_rest.contains(instance);
            self.tips.set(instance, tip.filter(|_| !is_at_rest));
        }
    }
}
