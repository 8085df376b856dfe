//! What has happened in a run, in a number that two runs can be compared by.

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::dice::mixed;

/// The trace of a run: a digest over all calls of the store, with their times and results. Clones are the same trace.
#[derive(Clone)]
pub(super) struct Trace(Arc<Mutex<State>>);

struct State {
    digest: u64,
    entries: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// An empty one, which keeps its lines, or only their digest.
    pub(super) fn new(keeps_lines: bool) -> Self {
        let state = State { digest: 0, entries: 0, lines: keeps_lines.then(Vec::new) };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Adds an entry.
    pub(super) fn add(&self, entry: impl Hash, line: impl FnOnce() -> String) {
        let mut state = self.state();
        state.digest = mixed((state.digest, entry));
        state.entries += 1;
        if let Some(lines) = &mut state.lines {
            lines.push(line());
        }
    }

    /// The digest so far.
    pub(super) fn digest(&self) -> u64 {
        self.state().digest
    }

    /// How many entries there are.
    pub(super) fn entries(&self) -> u64 {
        self.state().entries
    }

    /// The lines, if they are kept.
    pub(super) fn lines(&self) -> Vec<String> {
        self.state().lines.clone().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
