//! What a host says of its instances: the events of `tracing`, after the append of what they say.

mod activity;
mod events;
mod ledger;
mod lifecycle;
#[cfg(feature = "otel")]
mod spans;
mod story;

use tracing::Level;

pub(crate) use activity::{attempt_begins, in_span};
pub(crate) use ledger::Ledger;
pub(crate) use lifecycle::{host_ends, host_has_ended, host_has_started};
pub(crate) use story::Story;

/// Whether anybody follows the life of instances, by events or by spans. When nobody does, it costs a comparison.
pub(crate) fn is_followed() -> bool {
    crate::trace::is_on() || has_listeners()
}

/// Whether anybody listens to the events that report what happens to instances.
fn has_listeners() -> bool {
    tracing::enabled!(target: "reenact::instance", Level::DEBUG)
        || tracing::enabled!(target: "reenact::activity", Level::DEBUG)
        || tracing::enabled!(target: "reenact::timer", Level::DEBUG)
        || tracing::enabled!(target: "reenact::event", Level::DEBUG)
        || tracing::enabled!(target: "reenact::child", Level::DEBUG)
}
