//! The activities and children of an instance that have not ended.

use reenact_core::limits::{MAX_ACTIVITIES_SHOWN, MAX_CHILDREN_SHOWN};
use reenact_core::{Machine, OpenActivity, OpenChild};

/// The open calls of an instance, as far as a status shows them.
#[derive(Debug, Default)]
pub(crate) struct OpenCalls {
    pub(crate) activities: Vec<OpenActivity>,
    pub(crate) children: Vec<OpenChild>,
}

impl OpenCalls {
    pub(crate) fn of(machine: &Machine) -> Self {
        Self {
            activities: machine.open_activities(MAX_ACTIVITIES_SHOWN),
            children: machine.open_children(MAX_CHILDREN_SHOWN),
        }
    }
}
