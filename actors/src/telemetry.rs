//! What a host says of its instances: the events of `tracing`, after the append of what they say.

mod activity;
mod events;
mod ledger;
mod lifecycle;
mod story;

use tracing::Level;

pub(crate) use activity::attempt_begins;
pub(crate) use ledger::Ledger;
pub(crate) use lifecycle::{host_ends, host_has_ended, host_has_started};
pub(crate) use story::Story;

/// Whether anybody listens to what happens to instances. When nobody does, it costs a comparison.
pub(crate) fn is_followed() -> bool {
    tracing::enabled!(target: "reenact::instance", Level::DEBUG)
        || tracing::enabled!(target: "reenact::activity", Level::DEBUG)
        || tracing::enabled!(target: "reenact::timer", Level::DEBUG)
        || tracing::enabled!(target: "reenact::event", Level::DEBUG)
        || tracing::enabled!(target: "reenact::child", Level::DEBUG)
}
