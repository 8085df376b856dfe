//! What a host counts, for clients and for exporters.

#[cfg(feature = "otel")]
use std::sync::Arc;

use super::Access;
use crate::metrics::HostMetrics;
#[cfg(feature = "otel")]
use crate::metrics::{Meter, register};

impl Access {
    /// What the host counts, and how it is now; `None` without a host. Needs no runtime. What it takes
    /// depends on the number of names and shards, and of parked instances.
    pub fn metrics(&self) -> Option<HostMetrics> {
        self.here().map(|host| host.metrics())
    }

    /// Makes an instrument of an OpenTelemetry meter for each figure of [`metrics`](Self::metrics). They are read when
    /// the meter's reader collects, and observe nothing once the host has gone. Call it once for each meter. Does
    /// nothing without a host.
    #[cfg(feature = "otel")]
    pub fn observe_metrics(&self, meter: &Meter) {
        let Some(host) = self.here().map(Arc::downgrade) else { return };
        register(meter, move || host.upgrade().map(|host| host.metrics()));
    }
}
