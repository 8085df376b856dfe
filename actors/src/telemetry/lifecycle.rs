//! The begin and the end of a host.

use std::fmt;

use crate::options::HostOptions;
use crate::registry::Registry;

/// Says that a host has started, and what it has.
pub(crate) fn host_has_started(
    options: &HostOptions,
    registry: &Registry,
    shards: u32,
    here: usize,
    is_shared: bool,
) {
    let (orchestrations, activities) = (registry.orchestrations(), registry.activity_names());
    tracing::info!(
        target: "reenact::host", parent: None,
        host = options.host_name, shards, here, is_shared,
        orchestrations = %List(&orchestrations), activities = %List(&activities),
        "a host has started"
    );
}

/// Says that a host begins its end.
pub(crate) fn host_ends(options: &HostOptions) {
    tracing::info!(
        target: "reenact::host", parent: None, host = options.host_name, deadline = ?options.shutdown_deadline,
        "a host ends: it finishes what is under way"
    );
}

/// Says that a host has ended gracefully.
pub(crate) fn host_has_ended(options: &HostOptions) {
    tracing::info!(target: "reenact::host", parent: None, host = options.host_name, "a host has ended");
}

/// How many there are, and the first of them.
struct List<'a, T>(&'a [T]);

/// The number of names in one list.
const NAMES: usize = 32;

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.len())?;
        for (index, name) in self.0.iter().take(NAMES).enumerate() {
            f.write_str(if index == 0 { ": " } else { ", " })?;
            write!(f, "{name}")?;
        }
        if self.0.len() > NAMES { f.write_str(", ...") } else { Ok(()) }
    }
}
