//! What a client can know of the host itself, without asking the store.

use reenact_core::{Name, Version};

use super::Access;

impl Access {
    /// Whether this is the access of a host. Otherwise it is one of a store.
    pub fn has_host(&self) -> bool {
        self.here().is_some()
    }

    /// Whether the host is shutting down, or has ended: it admits nothing more.
    pub fn is_shutting_down(&self) -> bool {
        self.here().is_some_and(|host| host.admission.is_closed())
    }

    /// The orchestrations that the host has, ordered by name, each with its versions, oldest first; none without a
    /// host. One without a version has [`Version::NONE`].
    pub fn registered(&self) -> Vec<(Name, Vec<Version>)> {
        self.here().map(|host| host.registry.names()).unwrap_or_default()
    }
}
