//! What the test kit needs of a builder.

use reenact_actors::{HostOptions, Registry, Result};
use reenact_providers::Provider;

use super::HostBuilder;

impl HostBuilder {
    /// What was registered, and the options.
    pub(crate) fn into_parts(self) -> Result<(Registry, HostOptions)> {
        Ok((self.registry?, self.options))
    }

    pub(crate) fn of_parts(
        provider: impl Provider,
        registry: Registry,
        options: HostOptions,
    ) -> Self {
        Self {
            registry: Ok(registry),
            ..crate::Host::builder().provider(provider).options(options)
        }
    }
}
