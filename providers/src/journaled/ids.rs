//! A filter in memory that says which ids the archive does not have.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, JoinHandle};

use reenact_core::InstanceId;

use crate::archive::bloom::Filter;
use crate::archive::hash::hash;
use crate::archive::{Archive, IDS_AT_ONCE};
use crate::{InstanceFilter, ProviderError};

/// Fewer ids are read in place.
const FEW: usize = IDS_AT_ONCE;

/// Ids that there is room for at least.
const MIN_ROOM: u64 = 64 * 1024;

/// Ids that are put in under one lock.
const ADDED_AT_ONCE: usize = 64;

/// Says of nearly all ids that the archive does not have that it does not have them, and never of one
/// that it has. What it says is kept nowhere else: it is made at the opening of the store from the ids
/// that the archive has, in the background where they are many, and says nothing until it is whole.
#[derive(Debug, Default)]
pub(super) struct Ids {
    state: RwLock<State>,
    is_closing: AtomicBool,
    /// Makes it.
    builder: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct State {
    /// Has all ids that the archive has.
    whole: Option<Filter>,
    /// Is to take its place. Has all ids that the archive was given since it was begun.
    growing: Option<Filter>,
    /// How many were purged that are still in the whole one.
    purged: u64,
}

impl State {
    fn is_due(&self) -> bool {
        let Some(whole) = &self.whole else { return true };
        whole.has_outgrown() || self.purged > MIN_ROOM.max(whole.len() / 2)
    }
}

impl Ids {
    /// Whether the archive does not have an instance under this id, and is not being given one.
    pub(super) fn lack(&self, instance: &InstanceId) -> bool {
        let state = self.read();
        state.whole.as_ref().is_some_and(|whole| !whole.may_have(hash(instance)))
    }

    /// Puts in what the archive has by now, before anybody can find it nowhere but there.
    pub(super) fn add<'a>(&self, ids: impl IntoIterator<Item = &'a InstanceId>) {
        let hashes: Vec<u64> = ids.into_iter().map(hash).collect();
        for hashes in hashes.chunks(ADDED_AT_ONCE) {
            let mut state = self.write();
            let State { whole, growing, .. } = &mut *state;
            for filter in whole.iter_mut().chain(growing) {
                hashes.iter().for_each(|hash| filter.insert(*hash));
            }
        }
    }

    /// The archive has fewer ids, by this number.
    pub(super) fn are_purged(&self, count: u64) {
        self.write().purged += count;
    }

    /// Makes it from what the archive has, or makes it anew where that is due: at once where it is
    /// little, in the background otherwise. What fails is tried again at the next call.
    pub(super) fn tend<A: Archive>(self: &Arc<Self>, archive: &Arc<A>) {
        let mut builder = self.builder.lock().unwrap_or_else(PoisonError::into_inner);
        let is_building = builder.as_ref().is_some_and(|builder| !builder.is_finished());
        let is_closing = self.is_closing.load(Ordering::Relaxed);
        if is_building || is_closing || !self.read().is_due() {
            return;
        }
        self.begin(MIN_ROOM);
        let mut taken = 0;
        let all = archive.visit_ids(&mut |ids| {
            self.add(ids);
            taken += ids.len();
            taken < FEW
        });
        match all {
            Ok(true) => return self.end(),
            Ok(false) => {}
            Err(error) => return self.give_up(&error),
        }
        let (ids, archive) = (Arc::clone(self), Arc::clone(archive));
        let thread = thread::Builder::new().name("reenact-ids".to_owned());
        match thread.spawn(move || ids.build(&*archive)) {
            Ok(thread) => *builder = Some(thread),
            Err(error) => self.give_up(&error),
        }
    }

    /// Returns when nothing is read from the archive any more.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
        self.wait();
    }

    /// Returns when nothing is being made.
    pub(in crate::journaled) fn wait(&self) {
        let builder = self.builder.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(builder) = builder {
            // A panic was printed.
            let _ = builder.join();
        }
    }

    /// Knows nothing any more.
    #[cfg(test)]
    pub(super) fn lose(&self) {
        *self.write() = State::default();
    }

    fn build(&self, archive: &dyn Archive) {
        match self.fill(archive) {
            Ok(true) => self.end(),
            Ok(false) => {}
            Err(error) => self.give_up(&error),
        }
    }

    /// Reads all ids; false when there is no time for that any more.
    fn fill(&self, archive: &dyn Archive) -> Result<bool, ProviderError> {
        let count = archive.count(&InstanceFilter::default())?;
        self.begin(MIN_ROOM + count + count / 4);
        archive.visit_ids(&mut |ids| {
            self.add(ids);
            !self.is_closing.load(Ordering::Relaxed)
        })
    }

    fn begin(&self, room: u64) {
        // Made, and the one before it freed, outside of the lock.
        let growing = Some(Filter::with_room_for(room));
        let before = mem::replace(&mut self.write().growing, growing);
        drop(before);
    }

    fn end(&self) {
        let mut state = self.write();
        state.purged = 0;
        let whole = state.growing.take();
        let before = mem::replace(&mut state.whole, whole);
        drop(state);
        drop(before);
    }

    fn give_up(&self, error: &dyn std::error::Error) {
        tracing::warn!(target: "reenact::store", parent: None, %error, "the ids of the archive could not be read; it is asked for each");
        self.write().growing = None;
    }

    /// What is under the lock is whole after each step.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
