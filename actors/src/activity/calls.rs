//! The calls of activities that are queued or running.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use reenact_core::InstanceId;

use super::call::ActivityCall;
use super::context::ActivityContext;

/// The newest attempt of each call of the instances of one shard. Mostly only the thread of the shard
/// uses it. It outlives the actors of the shard, so running calls are known when the actors come again.
#[derive(Default)]
pub(crate) struct Calls {
    newest: Mutex<HashMap<ActivityCall, ActivityContext, BuildHasherDefault<OfSeed>>>,
}

/// The result of adding an attempt.
pub(crate) enum Taken {
    /// The attempt is known, so it does not run a second time.
    Known(ActivityContext),
    /// The attempt is the newest now. The attempt before it may still be running.
    New(ActivityContext, Option<ActivityContext>),
}

impl Calls {
    /// Adds an attempt of a call, unless it is known.
    pub(crate) fn take(
        &self,
        call: ActivityCall,
        attempt: u32,
        context: impl FnOnce(ActivityCall) -> ActivityContext,
    ) -> Taken {
        match self.newest().entry(call) {
            Entry::Occupied(known) if known.get().attempt() == attempt => {
                Taken::Known(known.get().clone())
            }
            Entry::Occupied(mut known) => {
                let context = context(known.key().clone());
                let before = known.insert(context.clone());
                Taken::New(context, Some(before))
            }
            Entry::Vacant(vacant) => {
                let context = context(vacant.key().clone());
                vacant.insert(context.clone());
                Taken::New(context, None)
            }
        }
    }

    pub(crate) fn get(&self, call: &ActivityCall) -> Option<ActivityContext> {
        self.newest().get(call).cloned()
    }

    pub(crate) fn attempt(&self, call: &ActivityCall) -> Option<u32> {
        self.newest().get(call).map(ActivityContext::attempt)
    }

    /// Forgets a call.
    pub(crate) fn remove(&self, call: &ActivityCall) {
        let removed = self.newest().remove(call);
        // The lock is released first.
        drop(removed);
    }

    /// Forgets an attempt, unless a newer one has replaced it.
    pub(crate) fn remove_attempt(&self, context: &ActivityContext) {
        let mut newest = self.newest();
        if newest.get(context.call()).is_some_and(|known| known.is(context)) {
            let removed = newest.remove(context.call());
            drop(newest);
            drop(removed);
        }
    }

    pub(crate) fn of(&self, instance: &InstanceId) -> Vec<ActivityCall> {
        let newest = self.newest();
        newest.keys().filter(|call| call.instance == *instance).cloned().collect()
    }

    pub(crate) fn all(&self) -> Vec<ActivityContext> {
        self.newest().values().cloned().collect()
    }

    /// Forgets an attempt that has ended, once its end is durable if it was reported.
    pub(crate) fn let_go(&self, context: &ActivityContext) {
        if context.let_go() {
            self.remove_attempt(context);
        }
    }

    /// Every change under the lock is complete, so a panic while it is held leaves it usable.
    fn newest(
        &self,
    ) -> MutexGuard<'_, HashMap<ActivityCall, ActivityContext, BuildHasherDefault<OfSeed>>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hasher for numbers of which one is random.
#[derive(Default)]
struct OfSeed(u64);

impl Hasher for OfSeed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // The multiplier is that of SplitMix64.
        let mixed = (self.0.rotate_left(29) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
