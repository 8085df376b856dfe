//! Threads that answer single questions, so that no task blocks; the end of a store waits for them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Counts the questions that are being answered.
#[derive(Debug, Default)]
pub(super) struct LookUpThreads {
    state: Mutex<State>,
    /// Notified when one has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    closed: bool,
}

impl LookUpThreads {
    /// Answers a question; `None` when the store is closed.
    pub(super) fn run<T>(&self, answer: impl FnOnce() -> T) -> Option<T> {
        let mut state = self.state();
        if state.closed {
            return None;
        }
        state.running += 1;
        drop(state);
        let _running = Running(self);
        Some(answer())
    }

    /// Lets no question begin any more, and returns when none is being answered.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        while state.running > 0 {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a question, also one that has panicked.
struct Running<'a>(&'a LookUpThreads);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.state().running -= 1;
        self.0.ended.notify_all();
    }
}
