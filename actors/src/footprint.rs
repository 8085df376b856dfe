//! What the instances in memory hold, in bytes, and which of them go first when that is too much.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reenact_core::InstanceId;

/// What an instance takes in memory besides its history, about: its actor and its machine.
const INSTANCE_BYTES: usize = 4 * 1024;

/// An instance reports what it holds when that has changed by this number of bytes.
const WORTH_REPORTING_BYTES: usize = 1024;

/// Instances that hold less than this are not asked to go one by one. When there is too much in
/// memory, they go by themselves as soon as they are idle.
const WORTH_ASKING_BYTES: usize = 8 * 1024;

/// What all instances of a host hold.
#[derive(Debug)]
pub(crate) struct Footprints {
    most: usize,
    bytes: AtomicUsize,
    /// Of those that were asked to go and have not answered.
    leaving: AtomicUsize,
    /// Those that were idle when they said so, by what they held.
    idle: Mutex<BTreeSet<(usize, InstanceId)>>,
}

impl Footprints {
    /// Of a host whose instances are to hold at most `limit` bytes.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            bytes: AtomicUsize::new(0),
            leaving: AtomicUsize::new(0),
            idle: Mutex::default(),
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether there is too much, also when those have gone that were asked to.
    pub(crate) fn is_over(&self) -> bool {
        self.excess() > 0
    }

    fn excess(&self) -> usize {
        let stays = self.bytes().saturating_sub(self.leaving.load(Ordering::Relaxed));
        stays.saturating_sub(self.most)
    }

    /// The largest idle ones, as many as have to go.
    pub(crate) fn take_largest(&self) -> Vec<InstanceId> {
        let mut idle = self.idle();
        let mut taken = Vec::new();
        while self.is_over()
            && let Some((bytes, instance)) = idle.pop_last()
        {
            self.leaving.fetch_add(bytes, Ordering::Relaxed);
            taken.push(instance);
        }
        taken
    }

    fn idle(&self) -> MutexGuard<'_, BTreeSet<(usize, InstanceId)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one instance holds, for as long as its actor lives.
#[derive(Debug)]
pub(crate) struct Footprint {
    all: Arc<Footprints>,
    instance: InstanceId,
    /// As it was last reported.
    bytes: usize,
    /// As it stands among the idle ones, until it was asked to go.
    listed: Option<usize>,
}

impl Footprint {
    pub(crate) fn new(all: Arc<Footprints>, instance: InstanceId) -> Self {
        all.bytes.fetch_add(INSTANCE_BYTES, Ordering::Relaxed);
        Self { all, instance, bytes: INSTANCE_BYTES, listed: None }
    }

    /// Says what the history of the instance takes.
    pub(crate) fn report(&mut self, history: usize) {
        let bytes = history + INSTANCE_BYTES;
        if bytes.abs_diff(self.bytes) < WORTH_REPORTING_BYTES {
            return;
        }
        if bytes > self.bytes {
            self.all.bytes.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            self.all.bytes.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }

    /// Whether it is to be [listed](Self::list) when it is idle: it is large, and is not listed by
    /// about what it holds.
    pub(crate) fn is_to_be_listed(&self) -> bool {
        let is_listed = self.listed.is_some_and(|listed| self.bytes / 2 <= listed);
        self.bytes >= WORTH_ASKING_BYTES && !is_listed
    }

    /// It is idle, and can be asked to go.
    pub(crate) fn list(&mut self) {
        self.answer();
        self.all.idle().insert((self.bytes, self.instance.clone()));
        self.listed = Some(self.bytes);
    }

    /// It has been asked to go, and stays.
    pub(crate) fn answer(&mut self) {
        let Some(listed) = self.listed.take() else { return };
        let entry = (listed, self.instance.clone());
        if !self.all.idle().remove(&entry) {
            self.all.leaving.fetch_sub(listed, Ordering::Relaxed);
        }
    }

    pub(crate) fn all(&self) -> &Arc<Footprints> {
        &self.all
    }
}

impl Drop for Footprint {
    fn drop(&mut self) {
        // Its memory is subtracted before it stops counting as leaving, so that no instance is asked in
        // vain.
        self.all.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.answer();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    fn instance(name: &str) -> InstanceId {
        InstanceId::new(name).expect("an id")
    }

    fn idle(all: &Arc<Footprints>, name: &str, bytes: usize) -> Footprint {
        let mut footprint = Footprint::new(all.clone(), instance(name));
        footprint.report(bytes);
        assert!(footprint.is_to_be_listed());
        footprint.list();
        footprint
    }

    #[test]
    fn the_largest_go_first_and_no_more_than_have_to() {
        let all = Footprints::new(100 * KIB);
        let _small = idle(&all, "small", 20 * KIB);
        let large = idle(&all, "large", 60 * KIB);
        assert!(!all.is_over());
        let _middle = idle(&all, "middle", 30 * KIB);
        assert!(all.is_over());
        assert_eq!(all.take_largest(), [instance("large")]);
        assert!(!all.is_over(), "it is leaving");
        assert_eq!(all.take_largest(), []);
        drop(large);
        assert_eq!(all.bytes(), (20 + 30) * KIB + 2 * INSTANCE_BYTES);
    }

    #[test]
    fn one_that_was_asked_and_stays_can_be_asked_again() {
        let all = Footprints::new(10 * KIB);
        let mut busy = idle(&all, "busy", 60 * KIB);
        assert_eq!(all.take_largest(), [instance("busy")]);
        assert!(!all.is_over());
        busy.answer();
        assert!(all.is_over());
        assert!(busy.is_to_be_listed());
        busy.list();
        assert_eq!(all.take_largest(), [instance("busy")]);
    }

    #[test]
    fn nothing_is_left_of_instances_that_have_gone() {
        let all = Footprints::new(10 * KIB);
        let (one, mut two) = (idle(&all, "one", 60 * KIB), idle(&all, "two", 40 * KIB));
        assert_eq!(all.take_largest(), [instance("one"), instance("two")]);
        two.answer();
        two.list();
        drop((one, two));
        assert_eq!((all.bytes(), all.leaving.load(Ordering::Relaxed)), (0, 0));
        assert!(all.idle().is_empty());
    }
}
