//! What a client can know of the host itself, without asking the store.

use reenact_core::limits::max_payload_bytes;
use reenact_core::{InstanceId, Name, Payload, PayloadError, Version};

use super::Access;
use crate::error::{Error, Result};
use crate::message::ExternalEvent;

impl Access {
    /// Whether this is the access of a host. Otherwise it is one of a store.
    pub fn has_host(&self) -> bool {
        self.here().is_some()
    }

    /// Whether the host is [dormant](crate::HostOptions::dormant): what it takes is carried out by another one.
    pub fn is_dormant(&self) -> bool {
        self.here().is_some_and(|host| host.options.dormant)
    }

    /// Whether the store takes [large payloads](reenact_core::limits::MAX_LARGE_PAYLOAD_BYTES).
    pub fn takes_large_payloads(&self) -> bool {
        self.store().takes_large_payloads
    }

    /// Refuses a payload that the store does not take.
    pub(super) fn check_payload(
        &self,
        payload: &Payload,
        what: impl FnOnce() -> String,
    ) -> Result<()> {
        let (bytes, limit) = (payload.len(), max_payload_bytes(self.store().takes_large_payloads));
        if bytes <= limit {
            return Ok(());
        }
        Err(Error::InvalidPayload { what: what(), source: PayloadError::TooLarge { bytes, limit } })
    }

    pub(super) fn check_event(&self, event: &ExternalEvent) -> Result<()> {
        self.check_payload(&event.data, || format!("the data of event `{}`", event.name))
    }

    /// Whether the host is shutting down, or has ended: it admits nothing more.
    pub fn is_shutting_down(&self) -> bool {
        self.here().is_some_and(|host| host.admission.is_closed())
    }

    /// An id that no instance has: one as a start without an id draws it, for a caller who must know it before.
    ///
    /// # Errors
    /// [`Error::InvalidName`](crate::Error::InvalidName), when the clock is so wrong that none can be made.
    pub fn draw_id(&self) -> Result<InstanceId> {
        let store = self.store();
        Ok(store.seeds.instance_id(store.clock.now())?)
    }

    /// The orchestrations that the host has, ordered by name, each with its versions, oldest first; none without a
    /// host. One without a version has [`Version::NONE`].
    pub fn registered(&self) -> Vec<(Name, Vec<Version>)> {
        self.here().map(|host| host.registry.names()).unwrap_or_default()
    }
}
