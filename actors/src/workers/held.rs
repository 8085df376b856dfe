//! Activities on threads that were given up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use reenact_core::ShardId;
use tokio::runtime::{Id as RuntimeId, Runtime};

use super::Workers;
use crate::activity::{ActivityCall, ActivityContext};

/// The runtimes of threads that were given up, each with the activity that holds it and goes on there.
#[derive(Default)]
pub(super) struct HeldRuntimes {
    /// There may be some: mostly there are none, and whoever leaves does not look.
    any: AtomicBool,
    all: Mutex<Vec<(ActivityContext, Runtime)>>,
}

impl Workers {
    /// A thread is given up. The activity that holds it goes on, and its result counts. All else that has
    /// begun there is cut off, and forgotten: its instances ask for it again. What ended there may not have
    /// been recorded, so it is forgotten as well.
    pub(crate) fn give_up(
        &self,
        thread: RuntimeId,
        shards: &[ShardId],
        runtime: Runtime,
        held_by: Option<&ActivityCall>,
    ) {
        let mut holder = None;
        for workers in shards.iter().map(|shard| self.of_shard(*shard)) {
            let mut on_it = workers.own.calls.all();
            on_it.retain(|context| context.has_begun_on(thread));
            for context in on_it {
                if held_by == Some(context.call()) {
                    holder = Some(context);
                    continue;
                }
                // This wakes code of the user's: not while a table is locked.
                context.cut_off();
                workers.own.calls.remove_attempt(&context);
                workers.leave(&context);
            }
        }
        match holder {
            Some(holder) => self.shared.held.keep(holder, runtime),
            None => runtime.shutdown_background(),
        }
    }
}

impl HeldRuntimes {
    /// Keeps a runtime until the activity has left that holds it.
    fn keep(&self, holder: ActivityContext, runtime: Runtime) {
        let mut all = self.all();
        self.any.store(true, Ordering::Release);
        all.push((holder.clone(), runtime));
        drop(all);
        if holder.has_left() {
            self.has_left(&holder);
        }
    }

    /// An activity has left its place: a runtime that was kept for it ends.
    pub(super) fn has_left(&self, context: &ActivityContext) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let mut all = self.all();
        let ended: Vec<_> = all.extract_if(.., |(holder, _)| holder.is(context)).collect();
        self.any.store(!all.is_empty(), Ordering::Release);
        drop(all);
        ended.into_iter().for_each(|(_, runtime)| runtime.shutdown_background());
    }

    /// Ends all of them, each as soon as its code gives the thread back.
    pub(super) fn end(&self) {
        let all = std::mem::take(&mut *self.all());
        all.into_iter().for_each(|(_, runtime)| runtime.shutdown_background());
    }

    /// Every change under the lock is whole, so a panic elsewhere does not spoil it.
    fn all(&self) -> MutexGuard<'_, Vec<(ActivityContext, Runtime)>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A runtime that is dropped within another one would panic.
impl Drop for HeldRuntimes {
    fn drop(&mut self) {
        self.end();
    }
}
