//! A place that others pass when the test lets them.

use std::sync::Arc;

use tokio::sync::watch;

use super::guard;

/// A caller waits until it is let through, in the order of coming. Clones are the same gate.
#[derive(Clone)]
pub(crate) struct Gate {
    state: Arc<watch::Sender<State>>,
}

struct State {
    came: usize,
    let_through: usize,
}

impl Gate {
    /// Lets nobody through.
    pub(crate) fn closed() -> Self {
        Self { state: Arc::new(watch::Sender::new(State { came: 0, let_through: 0 })) }
    }

    /// Lets everybody through.
    pub(crate) fn open() -> Self {
        let gate = Self::closed();
        gate.let_all_through();
        gate
    }

    /// Waits to be let through.
    pub(crate) async fn pass(&self) {
        let mut place = 0;
        self.state.send_modify(|state| {
            place = state.came;
            state.came += 1;
        });
        let mut states = self.state.subscribe();
        let passed = states.wait_for(|state| place < state.let_through).await;
        assert!(passed.is_ok(), "the gate lives as long as those who pass it");
    }

    /// How many have come so far, whether they passed or not.
    pub(crate) fn came(&self) -> usize {
        self.state.borrow().came
    }

    /// Returns when this many callers have come.
    pub(crate) async fn until_came(&self, many: usize) {
        let mut states = self.state.subscribe();
        let came = guard(states.wait_for(|state| state.came >= many)).await;
        assert!(came.is_ok(), "the gate lives as long as those who watch it");
    }

    /// Lets one more through.
    pub(crate) fn let_one_through(&self) {
        self.state.send_modify(|state| state.let_through += 1);
    }

    /// Lets everybody through from now on.
    pub(crate) fn let_all_through(&self) {
        self.state.send_modify(|state| state.let_through = usize::MAX);
    }

    /// Lets nobody through from now on.
    pub(crate) fn close(&self) {
        self.state.send_modify(|state| state.let_through = state.came);
    }
}
