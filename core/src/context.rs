//! `OrchestrationContext`: what an orchestration uses in place of a clock, randomness and I/O.

use core::fmt;

use crate::action::Action;
use crate::error::bounded_message;
use crate::ids::{ExecutionId, Guid, InstanceId};
use crate::state::Shared;
use crate::time::Timestamp;

/// The way of an orchestration to everything that is not its own arithmetic: activities, timers,
/// external events, the time, random numbers. Cheap to clone.
///
/// What is scheduled is recorded at once, in the order of the calls; the same order must come out
/// whenever the same history is re-enacted. So: no clocks, no randomness, no I/O, no tasks and no
/// threads of your own in an orchestration; this context has what stands for each of them.
///
/// At replay, each step is compared with the history: its kind and name, the input of an activity or
/// a child, a child's own id and version, the length of a timer, the recipient and the data of an event.
/// Inputs are compared as values: a map is the same in whatever order it was written, and a list is not
/// (a `HashSet` is written as a list: give a `BTreeSet`). Where something differs, the instance is parked,
/// and says what. To change steps while instances run, see [`patched`](Self::patched).
#[derive(Clone)]
pub struct OrchestrationContext {
    shared: Shared,
    /// What is called on it is not touched by a cancel.
    shielded: bool,
    /// Continues as new in its own version.
    pinned: bool,
}

impl OrchestrationContext {
    pub(crate) const fn new(shared: Shared) -> Self {
        Self { shared, shielded: false, pinned: false }
    }

    pub(crate) fn with_shield(&self) -> Self {
        Self { shielded: true, ..self.clone() }
    }

    pub(crate) const fn is_shielded(&self) -> bool {
        self.shielded
    }

    /// Whether it [continues as new](Self::continue_as_new) in its own version.
    pub(crate) const fn is_pinned(&self) -> bool {
        self.pinned
    }

    pub(crate) const fn shared(&self) -> &Shared {
        &self.shared
    }

    /// A context that [continues as new](Self::continue_as_new) in the version that runs, whichever is
    /// the newest: `ctx.pinned().continue_as_new(counter, 7)`. Otherwise the same context.
    pub fn pinned(&self) -> Self {
        Self { pinned: true, ..self.clone() }
    }

    /// The time of the event that is being applied: the same at every replay. It stands still
    /// within a turn and never goes back.
    pub fn now(&self) -> Timestamp {
        self.shared.lock().now
    }

    /// A random number, the same at every replay. Needs no event.
    pub fn random(&self) -> u64 {
        self.shared.lock().draw()
    }

    /// A random (version 4) UUID, the same at every replay. Needs no event.
    pub fn new_guid(&self) -> Guid {
        let mut state = self.shared.lock();
        let high = state.draw();
        let low = state.draw();
        let bits = (u128::from(high) << 64) | u128::from(low);
        Guid::of_random(bits.to_be_bytes())
    }

    /// Whether the code is being re-enacted. Good for leaving out logging and metrics; never branch
    /// on it in any other way.
    pub fn is_replaying(&self) -> bool {
        self.shared.lock().is_replaying()
    }

    /// Says something to the host's log, once: silent at replay. The host emits it as a `tracing`
    /// event when the turn is durable.
    pub fn trace(&self, message: impl fmt::Display) {
        if !self.is_replaying() {
            let message = bounded_message(message);
            self.shared.lock().act(Action::Trace { message });
        }
    }

    /// The instance's id.
    pub fn instance_id(&self) -> InstanceId {
        self.shared.lock().instance.clone()
    }

    /// The instance's generation. It counts the continuations, and each rewind as well: after one,
    /// code that runs again from its start sees another number than it saw before.
    pub fn execution_id(&self) -> ExecutionId {
        self.shared.lock().execution
    }
}

impl fmt::Debug for OrchestrationContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("OrchestrationContext")
            .field("instance", &state.instance)
            .field("execution", &state.execution)
            .finish_non_exhaustive()
    }
}
