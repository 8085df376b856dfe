//! The begin of an attempt of an activity.

use crate::activity::ActivityContext;

/// Says that an attempt runs from now on.
pub(crate) fn attempt_begins(context: &ActivityContext) {
    tracing::debug!(
        target: "reenact::activity", parent: None,
        instance = %context.instance_id(), id = context.correlation_id().0,
        activity = %context.activity_name(), attempt = context.attempt(),
        "an attempt of an activity begins"
    );
}
