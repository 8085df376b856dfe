//! Where instances end: out of memory, and only for the rest out of the archive.

use std::collections::{BTreeSet, HashMap};

use reenact_core::InstanceId;

use super::{Shard, State};
use crate::archive::{Archive, Archived, Found, Question};
use crate::medium::Medium;
use crate::tip::{Tip, check_turns};
use crate::{InstanceSummary, ProviderError, TurnRecord};

/// A question to the archive that memory could not answer.
#[derive(Clone, Copy, Debug)]
pub(in crate::journaled) struct Asking {
    /// What the archive had handed on to it by then.
    version: u64,
}

impl<M: Medium, A: Archive> Shard<M, A> {
    /// What is known of an instance without the archive; `Err` when the archive must be asked, with what
    /// [`learn`](Self::learn) is to be told with the answer.
    pub(in crate::journaled) fn known(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, Asking> {
        let state = self.state();
        if let Some(change) = state.layers.newest(instance) {
            return Ok(change.summary().cloned());
        }
        match state.is_writing.then(|| self.archived_tip(&state, instance)).flatten() {
            Some(None) => Ok(None),
            _ => Err(Asking { version: state.tips.version() }),
        }
    }

    /// Where an instance ends in the archive that memory has nothing newer of; `None` when the archive
    /// must be asked. Of a shard that this process writes.
    fn archived_tip(&self, state: &State, instance: &InstanceId) -> Option<Option<Tip>> {
        state.tips.get(instance).or_else(|| self.ids.lack(instance).then_some(None))
    }

    /// Remembers what the archive has said of an instance, so that a commit need not ask for it.
    pub(in crate::journaled) fn learn(
        &self,
        asking: Asking,
        instance: InstanceId,
        archived: Option<&Archived>,
    ) {
        let mut state = self.state();
        if state.is_writing {
            state.tips.learn(asking.version, instance, archived.map(Tip::of));
        }
    }

    /// Whether the turns, one after the other, follow on what is stored.
    pub(super) fn check(&self, turns: &[TurnRecord]) -> Result<(), ProviderError> {
        let state = self.state();
        let mut is_known = true;
        let checked = check_turns(turns, |instance| {
            self.known_tip(&state, instance).ok_or_else(|| {
                is_known = false;
                missing_tip(instance)
            })
        });
        drop(state);
        if is_known { checked } else { self.check_with_archive(turns) }
    }

    /// As [`check`](Self::check); the archive is asked for all that is not known, at once.
    fn check_with_archive(&self, turns: &[TurnRecord]) -> Result<(), ProviderError> {
        let state = self.state();
        let instances = turns.iter().map(|turn| &turn.summary.instance);
        let unknown = instances.filter(|instance| self.known_tip(&state, instance).is_none());
        let unknown: BTreeSet<_> = unknown.cloned().collect();
        drop(state);
        let archived = self.look_up_all(unknown)?;
        let state = self.state();
        check_turns(turns, |instance| {
            let asked = || archived.get(instance).map(|archived| archived.as_ref().map(Tip::of));
            self.known_tip(&state, instance).or_else(asked).ok_or_else(|| missing_tip(instance))
        })
    }

    /// Where an instance ends; `None` when the archive must be asked.
    fn known_tip(&self, state: &State, instance: &InstanceId) -> Option<Option<Tip>> {
        match state.layers.newest(instance) {
            Some(change) => Some(change.tip()),
            None => self.archived_tip(state, instance),
        }
    }

    /// What the archive has of some instances.
    fn look_up_all(
        &self,
        instances: BTreeSet<InstanceId>,
    ) -> Result<HashMap<InstanceId, Option<Archived>>, ProviderError> {
        let questions: Vec<_> = instances.into_iter().map(Question::look_up).collect();
        let answers = self.archive.ask(&questions).into_iter();
        let found =
            answers.map(|answer| answer.map(|found| found.map(|Found { archived, .. }| archived)));
        questions
            .into_iter()
            .zip(found)
            .map(|(question, found)| Ok((question.instance, found?)))
            .collect()
    }

    /// Which of them are there, ordered by id; an error unless all of these are over.
    pub(super) fn that_are_over(
        &self,
        instances: BTreeSet<InstanceId>,
    ) -> Result<Vec<InstanceId>, ProviderError> {
        let mut there = Vec::with_capacity(instances.len());
        let mut unknown = BTreeSet::new();
        for instance in instances {
            match self.known(&instance) {
                Ok(summary) => there.extend(summary),
                Err(_) => drop(unknown.insert(instance)),
            }
        }
        let archived = self.look_up_all(unknown)?.into_values().flatten();
        there.extend(archived.map(|archived| archived.summary));
        if let Some(other) = there.iter().find(|summary| !summary.is_over()) {
            let reason = format!("instance {} is not over", other.instance);
            return Err(ProviderError::Conflict { reason });
        }
        let mut there: Vec<_> = there.into_iter().map(|summary| summary.instance).collect();
        there.sort_unstable();
        Ok(there)
    }
}

/// The end of an instance is to be looked up first.
fn missing_tip(instance: &InstanceId) -> ProviderError {
    let reason = format!("it is not known where instance {instance} ends");
    ProviderError::Unavailable { reason, source: None }
}
