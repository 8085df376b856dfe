//! Carries answers to clients on another thread: many at a time, so that the thread is woken once.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::panic::catch;

/// The runtimes on which clients of a host wait. Clones are the same.
///
/// Waking a client on another thread costs two switches of threads, more than a whole step. So a shard
/// collects its answers for the clients of a runtime while it has other work, and then sends them
/// together.
#[derive(Clone, Debug)]
pub(crate) struct ClientRuntimes {
    /// `None` when the shards have no threads of their own.
    known: Option<Arc<Mutex<Vec<Arc<ClientRuntime>>>>>,
}

/// A runtime on which clients wait.
#[derive(Debug)]
pub(crate) struct ClientRuntime {
    handle: Handle,
    deferred: Mutex<Deferred>,
}

/// Answers that are deferred until all tasks that are ready have run.
#[derive(Default)]
struct Deferred(Vec<Box<dyn FnOnce() + Send>>);

/// Sends the deferred answers, also when its task is dropped.
struct Flush(Arc<ClientRuntime>);

impl ClientRuntimes {
    /// The runtimes of a host whose shards have threads of their own, or not.
    pub(crate) fn new(own_threads: bool) -> Self {
        Self { known: own_threads.then(Arc::default) }
    }

    /// The caller's runtime, if its tasks run whatever the caller does; `None` means that each answer is
    /// sent by itself.
    pub(crate) fn of_caller(&self) -> Option<Arc<ClientRuntime>> {
        let known = self.known.as_ref()?;
        let handle = Handle::try_current().ok()?;
        if handle.runtime_flavor() != RuntimeFlavor::MultiThread {
            return None;
        }
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let id = handle.id();
        if let Some(runtime) = known.iter().find(|runtime| runtime.handle.id() == id) {
            return Some(runtime.clone());
        }
        // Runtimes without waiting clients are removed.
        known.retain(|runtime| Arc::strong_count(runtime) > 1);
        let runtime = Arc::new(ClientRuntime { handle, deferred: Mutex::default() });
        known.push(runtime.clone());
        Some(runtime)
    }
}

impl ClientRuntimes {
    /// Sends all deferred answers: the shard that should do so is blocked.
    pub(crate) fn deliver_or_return(&self) {
        let Some(known) = &self.known else { return };
        let known = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.into_iter().for_each(|runtime| drop(Flush(runtime)));
    }
}

impl ClientRuntime {
    /// Answers a client that waits on this runtime.
    pub(crate) fn answer(self: &Arc<Self>, answer: impl FnOnce() + Send + 'static) {
        match Handle::try_current() {
            Ok(here) if here.id() != self.handle.id() => {
                let mut deferred = self.deferred.lock().unwrap_or_else(PoisonError::into_inner);
                deferred.0.push(Box::new(answer));
                let is_first = deferred.0.len() == 1;
                drop(deferred);
                if is_first {
                    let hand_over = Flush(self.clone());
                    here.spawn(async move {
                        // Sent after all tasks that are ready now.
                        tokio::task::yield_now().await;
                        drop(hand_over);
                    });
                }
            }
            _ => answer(),
        }
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        let deferred = &self.0.deferred;
        let deferred = mem::take(&mut *deferred.lock().unwrap_or_else(PoisonError::into_inner));
        if deferred.0.is_empty() {
            return;
        }
        self.0.handle.spawn(async move {
            for answer in deferred.0 {
                // This wakes code of the client's.
                let _ = catch(answer);
            }
        });
    }
}

impl std::fmt::Debug for Deferred {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} answers", self.0.len())
    }
}
