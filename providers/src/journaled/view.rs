//! What is asked of the whole store: out of memory and the archive, each instance once.

use std::collections::{BinaryHeap, HashSet};
use std::sync::{MutexGuard, PoisonError};

use reenact_core::InstanceId;

use super::Inner;
use super::shard::{Look, Shard, State};
use crate::archive::{Archive, Question};
use crate::medium::Medium;
use crate::{
    FirstByTime, InstanceCounts, InstanceFilter, InstancePage, InstanceSummary, PageRequest,
    ProviderError, TimeOrder,
};

/// Instances that the archive is asked for at a time, where some of them may not count.
const LISTED_AT_ONCE: usize = 1_024;

impl<M: Medium, A: Archive> Inner<M, A> {
    /// All shards at one instant.
    fn states(&self) -> Vec<MutexGuard<'_, State>> {
        self.shards.iter().map(|shard| shard.state()).collect()
    }

    /// Asks once what others have written was read, of all shards; again where something was thrown
    /// away meanwhile.
    pub(super) fn undisturbed<T>(
        &self,
        ask: impl Fn() -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let stepped_down =
            || self.shards.iter().map(|shard| shard.times_stepped_down()).sum::<u64>();
        loop {
            let before = stepped_down();
            self.shards.iter().try_for_each(|shard| shard.catch_up(Look::Anew))?;
            let answer = ask();
            if stepped_down() == before {
                return answer;
            }
        }
    }

    pub(super) fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<InstancePage, ProviderError> {
        let limit = page.limit.max(1);
        // One more tells whether another page follows.
        let needed = limit.saturating_add(1);
        let _in_one_place = self.archiving.read().unwrap_or_else(PoisonError::into_inner);
        let mut known = FirstById { wanted: needed, found: BinaryHeap::new() };
        let mut hidden = HashSet::new();
        for state in self.states() {
            for (instance, change) in state.layers().all_newest() {
                if page.after.as_ref().is_some_and(|after| instance <= after) {
                    continue;
                }
                if state.may_be_archived(instance) {
                    hidden.insert(instance.clone());
                }
                if let Some(summary) = change.summary().filter(|summary| filter.matches(summary)) {
                    known.offer(summary);
                }
            }
        }
        let mut instances = self.list_archived(filter, page.after.clone(), needed, &hidden)?;
        instances.extend(known.found.into_iter().map(|ById(summary)| summary));
        instances.sort_unstable_by(|a, b| a.instance.cmp(&b.instance));
        let more = instances.len() > limit;
        instances.truncate(limit);
        let next = instances.last().filter(|_| more).map(|last| last.instance.clone());
        Ok(InstancePage { instances, next })
    }

    /// What the archive has and memory does not know better.
    fn list_archived(
        &self,
        filter: &InstanceFilter,
        mut after: Option<InstanceId>,
        needed: usize,
        hidden: &HashSet<InstanceId>,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        let mut instances = Vec::new();
        let at_once = if hidden.is_empty() { needed } else { needed.max(LISTED_AT_ONCE) };
        loop {
            let page = self.archive.list(filter, after.as_ref(), at_once)?;
            let is_last = page.len() < at_once;
            after = page.last().map(|last| last.instance.clone());
            let seen = page.into_iter().filter(|summary| !hidden.contains(&summary.instance));
            instances.extend(seen.take(needed - instances.len()));
            if is_last || instances.len() == needed {
                return Ok(instances);
            }
        }
    }

    pub(super) fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        let _in_one_place = self.archiving.read().unwrap_or_else(PoisonError::into_inner);
        let (mut known, mut hidden) = (0, Vec::new());
        for state in self.states() {
            for (instance, change) in state.layers().all_newest() {
                if state.may_be_archived(instance) {
                    hidden.push(Question::look_up(instance.clone()));
                }
                known += u64::from(change.summary().is_some_and(|summary| filter.matches(summary)));
            }
        }
        let mut archived = self.archive.count(filter)?;
        self.each_outdated(filter, &hidden, |_| {
            // The archive of a shard that others write may have lost it since it was counted.
            archived = archived.saturating_sub(1);
        })?;
        Ok(known + archived)
    }

    pub(super) fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        let _in_one_place = self.archiving.read().unwrap_or_else(PoisonError::into_inner);
        let (mut known, mut hidden) = (InstanceCounts::default(), Vec::new());
        for state in self.states() {
            for (instance, change) in state.layers().all_newest() {
                if state.may_be_archived(instance) {
                    hidden.push(Question::look_up(instance.clone()));
                }
                if let Some(summary) = change.summary().filter(|summary| filter.matches(summary)) {
                    known.add_one(summary);
                }
            }
        }
        let mut counts = self.archive.counts(filter)?;
        self.each_outdated(filter, &hidden, |summary| counts.subtract_one(summary))?;
        counts.add_all(&known);
        Ok(counts)
    }

    /// Shows what the archive has of those that memory knows better, where it passes the filter.
    fn each_outdated(
        &self,
        filter: &InstanceFilter,
        hidden: &[Question],
        mut show: impl FnMut(&InstanceSummary),
    ) -> Result<(), ProviderError> {
        for questions in hidden.chunks(LISTED_AT_ONCE) {
            for outdated in self.archive.ask(questions) {
                if let Some(found) = outdated?
                    && filter.matches(&found.archived.summary)
                {
                    show(&found.archived.summary);
                }
            }
        }
        Ok(())
    }

    pub(super) fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        let _in_one_place = self.archiving.read().unwrap_or_else(PoisonError::into_inner);
        let mut first = FirstByTime::new(order, limit);
        let mut hidden = HashSet::new();
        for state in self.states() {
            for (instance, change) in state.layers().all_newest() {
                if state.may_be_archived(instance) {
                    hidden.insert(instance.clone());
                }
                if let Some(summary) = change.summary().filter(|summary| filter.matches(summary)) {
                    first.offer(summary);
                }
            }
        }
        let skip = |instance: &InstanceId| hidden.contains(instance);
        let archived = self.archive.list_by_time(filter, order, limit, &skip)?;
        archived.iter().for_each(|summary| first.offer(summary));
        Ok(first.into_list())
    }

    /// The executions of an instance that are there, in their order.
    pub(super) fn executions(
        &self,
        shard: &Shard<M, A>,
        instance: &InstanceId,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        loop {
            let before = shard.times_stepped_down();
            shard.catch_up(Look::Anew)?;
            let there = self.executions_now(shard, instance)?;
            if shard.is_read(before, !there.is_empty())? {
                return Ok(there);
            }
        }
    }

    fn executions_now(
        &self,
        shard: &Shard<M, A>,
        instance: &InstanceId,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        let _in_one_place = self.archiving.read().unwrap_or_else(PoisonError::into_inner);
        let archived = self.archive.executions(instance)?;
        let archived = archived.into_iter().map(|archived| archived.summary);
        Ok(shard.state().layers().executions(instance, archived.collect()))
    }

    /// The instances of a shard that must be woken, earliest first.
    pub(super) fn to_wake(
        &self,
        shard: &Shard<M, A>,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        let _in_one_place = self.archiving.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = self.archive.to_wake(shard.identity.shard)?;
        let state = shard.state();
        let layers = state.layers();
        found.retain(|summary| layers.newest(&summary.instance).is_none());
        let known = layers.all_newest().filter_map(|(_, change)| change.summary());
        let wakes = |summary: &&InstanceSummary| summary.wake_at.is_some();
        found.extend(known.filter(wakes).cloned());
        drop(state);
        found.sort_unstable_by(|a, b| (a.wake_at, &a.instance).cmp(&(b.wake_at, &b.instance)));
        Ok(found)
    }
}

/// The first instances by id, of all that are offered.
struct FirstById {
    wanted: usize,
    found: BinaryHeap<ById>,
}

impl FirstById {
    fn offer(&mut self, summary: &InstanceSummary) {
        if self.found.len() == self.wanted {
            match self.found.peek() {
                Some(ById(last)) if last.instance > summary.instance => self.found.pop(),
                _ => return,
            };
        }
        self.found.push(ById(summary.clone()));
    }
}

/// Ordered by id.
struct ById(InstanceSummary);

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.instance == other.0.instance
    }
}

impl Eq for ById {}

impl PartialOrd for ById {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ById {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.instance.cmp(&other.0.instance)
    }
}
