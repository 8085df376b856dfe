//! Where instances end: out of memory, and only for the rest out of the archive.

use std::collections::{BTreeSet, HashMap};

use reenact_core::{ExecutionId, InstanceId};

use super::answers::{Answers, Asking, Ordered};
use super::{Shard, State};
use crate::archive::{Archive, Found, Question};
use crate::medium::Medium;
use crate::tip::{Tip, check_turns};
use crate::{InstanceSummary, ProviderError, TurnRecord};

impl<M: Medium, A: Archive> Shard<M, A> {
    /// What is known of an instance without the archive; `Err` when the archive must be asked.
    pub(in crate::journaled) fn known(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, Asking> {
        self.known_from(&self.state(), instance)
    }

    pub(super) fn known_from(
        &self,
        state: &State,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, Asking> {
        if let Some(change) = state.layers.newest(instance) {
            return Ok(change.summary().cloned());
        }
        match state.is_writing.then(|| self.archived_tip(state, instance)).flatten() {
            Some(None) => Ok(None),
            _ => Err(state.asking()),
        }
    }

    /// The archive is about to be asked for what memory does not know.
    pub(in crate::journaled) fn asking(&self) -> Asking {
        self.state().asking()
    }

    /// What the archive has said of instances that were to be looked up. A commit needs no more.
    pub(in crate::journaled) fn are_looked_up(
        &self,
        asking: Asking,
        questions: &[Question],
        found: Vec<Result<Option<Found>, ProviderError>>,
    ) -> Result<Answers, ProviderError> {
        let mut summaries = HashMap::with_capacity(found.len());
        for (Question { instance, .. }, found) in questions.iter().zip(found) {
            let archived = found?.map(|found| found.archived);
            self.learn(asking, instance, archived.as_ref());
            summaries.insert(instance.clone(), archived.map(|archived| archived.summary));
        }
        Ok(Answers { version: asking.version, summaries })
    }

    /// Where an instance ends in the archive that memory has nothing newer of; `None` when the archive
    /// must be asked. Of a shard that this process writes.
    fn archived_tip(&self, state: &State, instance: &InstanceId) -> Option<Option<Tip>> {
        state.tips.get(instance).or_else(|| self.ids.lack(instance).then_some(None))
    }

    /// Whether the turns, one after the other, follow on what is stored; gives back the instances for
    /// which the archive must be asked before that is known.
    pub(super) fn check(&self, turns: &[TurnRecord]) -> Result<Vec<InstanceId>, ProviderError> {
        let state = self.state();
        let mut is_known = true;
        let checked = check_turns(turns, |turn| {
            self.tip_before(&state, turn).ok_or_else(|| {
                is_known = false;
                missing_tip(&turn.summary.instance)
            })
        });
        if is_known {
            return checked.map(|()| Vec::new());
        }
        let unknown = turns.iter().filter(|turn| self.tip_before(&state, turn).is_none());
        let unknown: BTreeSet<_> = unknown.map(|turn| turn.summary.instance.clone()).collect();
        Ok(unknown.into_iter().collect())
    }

    /// Where the instance of a turn ends; `None` when the archive must be asked.
    fn tip_before(&self, state: &State, turn: &TurnRecord) -> Option<Option<Tip>> {
        let instance = &turn.summary.instance;
        match state.layers.newest(instance) {
            Some(change) => Some(change.tip()),
            // Nobody can have had the id before.
            None if turn.has_drawn_id && is_first(turn) => Some(None),
            None => self.archived_tip(state, instance),
        }
    }

    /// Which of them are there, ordered by id; an error unless all of these are over.
    pub(super) fn that_are_over(
        &self,
        instances: &[InstanceId],
        archived: &Answers,
    ) -> Result<Ordered<Vec<InstanceId>>, ProviderError> {
        let instances: BTreeSet<_> = instances.iter().collect();
        let (mut there, mut asked) = (Vec::with_capacity(instances.len()), Vec::new());
        let mut is_known = true;
        for instance in instances {
            match self.known(instance) {
                Ok(summary) => there.extend(summary),
                Err(asking) => {
                    match archived.of(asking, instance) {
                        Some(summary) => there.extend(summary.clone()),
                        None => is_known = false,
                    }
                    asked.push(instance.clone());
                }
            }
        }
        if !is_known {
            // Also those that were answered: new answers take the place of these.
            return Ok(Ordered::AskFirst(asked));
        }
        if let Some(other) = there.iter().find(|summary| !summary.is_over()) {
            let reason = format!("instance {} is not over", other.instance);
            return Err(ProviderError::Conflict { reason });
        }
        Ok(Ordered::Done(there.into_iter().map(|summary| summary.instance).collect()))
    }
}

impl State {
    const fn asking(&self) -> Asking {
        Asking { version: self.tips.version() }
    }
}

/// Whether an instance begins with this turn.
fn is_first(turn: &TurnRecord) -> bool {
    turn.number == 0 && turn.summary.execution == ExecutionId::FIRST
}

/// The end of an instance is to be looked up first.
fn missing_tip(instance: &InstanceId) -> ProviderError {
    let reason = format!("it is not known where instance {instance} ends");
    ProviderError::Unavailable { reason, source: None }
}
