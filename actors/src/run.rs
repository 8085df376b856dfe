//! Which run of an instance something belongs to.

use std::fmt;

use reenact_core::{ExecutionId, Machine, RemoteRun};

/// One run of an instance: its execution, and the seed that was drawn when it started. The seed
/// tells it from a run under the same id before a purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Run {
    execution: ExecutionId,
    seed: u64,
}

/// No seed that is drawn: it has all bits set.
const WITHOUT_CODE: u64 = u64::MAX;

impl Run {
    pub(crate) fn of(machine: &Machine) -> Self {
        Self { execution: machine.execution_id(), seed: machine.seed() }
    }

    /// Of an instance whose code is not asked: nothing can be under way under this name.
    pub(crate) fn without_code(execution: ExecutionId) -> Self {
        Self { execution, seed: WITHOUT_CODE }
    }

    /// Of a call in a unit test.
    pub(crate) fn of_test(execution: ExecutionId) -> Self {
        Self { execution, seed: 0 }
    }

    /// Of a turn that brings about nothing.
    pub(crate) fn of_nothing(execution: ExecutionId) -> Self {
        Self { execution, seed: 0 }
    }

    pub(crate) fn is_without_code(self) -> bool {
        self.seed == WITHOUT_CODE
    }
}

/// As it goes to another host.
impl From<Run> for RemoteRun {
    fn from(Run { execution, seed }: Run) -> Self {
        Self { execution, seed }
    }
}

/// As it comes from another host. No run without code has activities there.
impl From<RemoteRun> for Run {
    fn from(RemoteRun { execution, seed }: RemoteRun) -> Self {
        Self { execution, seed }
    }
}

/// As it stands in idempotency keys.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.execution, self.seed)
    }
}
