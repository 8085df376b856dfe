//! A gate for code that blocks its thread.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::until;

/// A caller blocks its thread until it is let through. Clones are the same door. It opens when the one that
/// [`Door::closed`] gave is dropped, so that no thread is left when a test fails.
#[derive(Clone)]
pub(crate) struct Door {
    shared: Arc<Shared>,
    _opens: Arc<Opens>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The names of the threads that came.
    came: Vec<String>,
    let_through: usize,
    left: usize,
}

/// What code has of it that passes it.
#[derive(Clone)]
pub(crate) struct Way(Arc<Shared>);

struct Opens(Arc<Shared>);

impl Door {
    pub(crate) fn closed() -> Self {
        let shared = Arc::new(Shared::default());
        Self { _opens: Arc::new(Opens(shared.clone())), shared }
    }

    /// For code that passes the door: it does not keep it closed.
    pub(crate) fn way(&self) -> Way {
        Way(self.shared.clone())
    }

    /// The names of the threads that came.
    pub(crate) fn came(&self) -> Vec<String> {
        self.shared.with(|state| state.came.clone())
    }

    /// Returns when this many callers have come.
    pub(crate) async fn until_came(&self, many: usize) {
        until(|| self.came().len() >= many).await;
    }

    /// Returns when this many callers have been let through and have gone on.
    pub(crate) async fn until_left(&self, many: usize) {
        until(|| self.shared.with(|state| state.left) >= many).await;
    }

    pub(crate) fn let_one_through(&self) {
        self.shared.with(|state| state.let_through += 1);
    }

    pub(crate) fn open(&self) {
        self.shared.open();
    }
}

impl Way {
    /// Blocks this thread until it is let through.
    pub(crate) fn pass(&self) {
        let name = thread::current().name().unwrap_or_default().to_owned();
        let place = self.0.with(|state| {
            state.came.push(name);
            state.came.len()
        });
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = |state: &mut State| state.let_through < place;
        let state = self.0.changed.wait_while(state, closed);
        state.unwrap_or_else(PoisonError::into_inner).left += 1;
    }
}

impl Shared {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
        changed
    }

    fn open(&self) {
        self.with(|state| state.let_through = usize::MAX);
    }
}

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.open();
    }
}
