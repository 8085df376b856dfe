//! An archive that is watched.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use reenact_core::{ExecutionId, InstanceId, ShardId};

use crate::archive::{Archive, Archived, Found, Part, Question, Stretch};
use crate::journal::Position;
use crate::testkit::archive::FakeArchive;
use crate::{InstanceCounts, InstanceFilter, InstanceSummary, ProviderError, TimeOrder};

/// An archive that counts what it is asked for, and can be held up.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) archive: FakeArchive,
    pub(super) watch: Arc<Watch>,
}

#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Calls with questions about instances.
    calls: AtomicUsize,
    /// Those on the thread of a shard, for which commits would wait.
    on_a_shards_thread: AtomicUsize,
    /// Instances that were asked for.
    asked: AtomicUsize,
    /// Passed by who reads ids after the first page.
    pub(super) ids: Door,
    /// Passed by who asks about instances.
    pub(super) questions: Door,
    pub(super) has_come: AtomicBool,
    /// Takes over what it is given, and says that it has failed.
    pub(super) doubts: AtomicBool,
}

#[derive(Debug, Default)]
pub(super) struct Door {
    is_shut: Mutex<bool>,
    opened: Condvar,
}

impl Door {
    pub(super) fn shut(&self) {
        *self.is_shut.lock().unwrap() = true;
    }

    pub(super) fn open(&self) {
        *self.is_shut.lock().unwrap() = false;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let mut is_shut = self.is_shut.lock().unwrap();
        while *is_shut {
            is_shut = self.opened.wait(is_shut).unwrap();
        }
    }
}

impl Watch {
    fn count(&self, asked: usize) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let thread = std::thread::current();
        if thread.name().is_some_and(|name| name.starts_with("reenact-shard")) {
            self.on_a_shards_thread.fetch_add(1, Ordering::SeqCst);
        }
        self.asked.fetch_add(asked, Ordering::SeqCst);
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) fn on_a_shards_thread(&self) -> usize {
        self.on_a_shards_thread.load(Ordering::SeqCst)
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Archive for Watched {
    fn position(&self, shard: ShardId) -> Result<Position, ProviderError> {
        self.archive.position(shard)
    }

    fn absorb(&self, part: &Part<'_>) -> Result<(), ProviderError> {
        self.archive.absorb(part)?;
        if self.watch.doubts.load(Ordering::SeqCst) {
            let reason = "it may have been taken over".to_owned();
            return Err(ProviderError::Unavailable { reason, source: None });
        }
        Ok(())
    }

    fn look_up(&self, instance: &InstanceId) -> Result<Option<Archived>, ProviderError> {
        self.watch.count(1);
        self.archive.look_up(instance)
    }

    fn executions(&self, instance: &InstanceId) -> Result<Vec<Archived>, ProviderError> {
        self.archive.executions(instance)
    }

    fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<Option<Stretch>, ProviderError> {
        self.watch.count(1);
        self.archive.read(instance, execution, from, limit)
    }

    fn ask(&self, questions: &[Question]) -> Vec<Result<Option<Found>, ProviderError>> {
        self.watch.count(questions.len());
        self.watch.questions.pass();
        self.archive.ask(questions)
    }

    fn visit_ids(
        &self,
        visit: &mut dyn FnMut(&[InstanceId]) -> bool,
    ) -> Result<bool, ProviderError> {
        let mut is_first = true;
        self.archive.visit_ids(&mut |ids| {
            let goes_on = visit(ids);
            if goes_on && std::mem::take(&mut is_first) {
                self.watch.has_come.store(true, Ordering::SeqCst);
                self.watch.ids.pass();
            }
            goes_on
        })
    }

    fn list(
        &self,
        filter: &InstanceFilter,
        after: Option<&InstanceId>,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.archive.list(filter, after, limit)
    }

    fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        self.archive.count(filter)
    }

    fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
        skip: &dyn Fn(&InstanceId) -> bool,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.archive.list_by_time(filter, order, limit, skip)
    }

    fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        self.archive.counts(filter)
    }

    fn to_wake(&self, shard: ShardId) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.archive.to_wake(shard)
    }
}
