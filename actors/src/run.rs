//! Identifies a run of an instance: an execution with its seed.

use std::fmt;

use reenact_core::{ExecutionId, Machine, RemoteRun};

/// One run of an instance: its execution, and the seed that was drawn when it started. The seed
/// distinguishes it from a run under the same id before a purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Run {
    execution: ExecutionId,
    seed: u64,
    /// The actor in which a call runs in place; 0 of all that a log knows. What an actor has begun in place
    /// counts for that actor alone: after a crash, another call may have the same id.
    place: u32,
}

/// No seed that is drawn: it has all bits set.
const WITHOUT_CODE: u64 = u64::MAX;

impl Run {
    pub(crate) fn of(machine: &Machine) -> Self {
        Self { execution: machine.execution_id(), seed: machine.seed(), place: 0 }
    }

    /// The run of an execution that began with this seed.
    pub(crate) fn new(execution: ExecutionId, seed: u64) -> Self {
        Self { execution, seed, place: 0 }
    }

    /// Of an instance whose code is not asked: nothing can be under way under this name.
    pub(crate) fn without_code(execution: ExecutionId) -> Self {
        Self { execution, seed: WITHOUT_CODE, place: 0 }
    }

    /// Of a call in a unit test.
    pub(crate) fn of_test(execution: ExecutionId) -> Self {
        Self { execution, seed: 0, place: 0 }
    }

    /// Of a turn that brings about nothing.
    pub(crate) fn of_nothing(execution: ExecutionId) -> Self {
        Self { execution, seed: 0, place: 0 }
    }

    pub(crate) fn execution(self) -> ExecutionId {
        self.execution
    }

    /// Drawn at random, but for runs of which nothing is under way.
    pub(crate) fn seed(self) -> u64 {
        self.seed
    }

    /// The same run, of a call that runs in place.
    pub(crate) fn in_place(self, place: u32) -> Self {
        Self { place, ..self }
    }

    /// Where the call runs, if it runs in place; otherwise 0.
    pub(crate) fn place(self) -> u32 {
        self.place
    }

    /// Whether it is the same run, wherever a call runs.
    pub(crate) fn is_of(self, other: Self) -> bool {
        self.in_place(0) == other.in_place(0)
    }

    pub(crate) fn is_without_code(self) -> bool {
        self.seed == WITHOUT_CODE
    }
}

/// As it goes to another host.
impl From<Run> for RemoteRun {
    fn from(Run { execution, seed, .. }: Run) -> Self {
        Self { execution, seed }
    }
}

/// As it comes from another host. No run without code has activities there.
impl From<RemoteRun> for Run {
    fn from(RemoteRun { execution, seed }: RemoteRun) -> Self {
        Self { execution, seed, place: 0 }
    }
}

/// As it stands in idempotency keys.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.execution, self.seed)
    }
}
