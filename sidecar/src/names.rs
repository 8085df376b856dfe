//! Names: those of the interpreter's own activities, and those that code in Rust has.

use std::collections::BTreeSet;

/// A worker is asked what an orchestration does next.
pub(crate) const DECIDE: &str = "durabletask.decide";
/// A worker does an operation of an entity.
pub(crate) const OPERATE: &str = "durabletask.operate";
/// An orchestration is started by an entity.
pub(crate) const START: &str = "durabletask.start";
/// An instance is terminated, perhaps with its children.
pub(crate) const TERMINATE: &str = "durabletask.terminate";
/// An instance that has ended makes room for another under its id.
pub(crate) const FREE_ID: &str = "durabletask.free_id";
/// A child of an earlier execution is waited for.
pub(crate) const WATCH_CHILD: &str = "durabletask.watch_child";

/// A call that its orchestration does not wait for runs in an instance of its own, with this orchestration.
pub(crate) const DETACHED: &str = "durabletask.detached";
/// The event that has what an instance is to be terminated with, where that is longer than a reason may be.
pub(crate) const LARGE_OUTPUT: &str = "durabletask.output";

/// The event that has why an instance is resumed.
pub(crate) const RESUMED: &str = "durabletask.resumed";

/// The names that code in Rust has on this host. All others are of workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) orchestrations: BTreeSet<String>,
    pub(crate) activities: BTreeSet<String>,
}

impl Names {
    pub(crate) fn is_orchestration(&self, name: &str) -> bool {
        self.orchestrations.contains(name)
    }

    pub(crate) fn is_activity(&self, name: &str) -> bool {
        self.activities.contains(name)
    }
}
