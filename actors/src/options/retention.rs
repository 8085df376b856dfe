//! Which finished instances a host keeps.

use std::time::Duration;

/// Which finished instances are kept. Those that are not are purged in the background, with their
/// histories, for good; a call for one then gets [`Error::NotFound`](crate::Error::NotFound),
/// and its id is free. An instance has to be kept by each rule that is set; the default sets none,
/// and keeps all. What has not finished is never touched.
///
/// A host purges in rounds, at its start and then once a minute by the provider's clock, in the
/// shards that it holds. Until its round comes, an instance is there longer than it has to be.
#[must_use = "it does nothing until `HostOptions::retention` gets it"]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    pub(crate) finished_for: Option<Duration>,
    pub(crate) finished_per_orchestration: Option<u64>,
}

impl Retention {
    /// Keeps all, for ever.
    pub const fn new() -> Self {
        Self { finished_for: None, finished_per_orchestration: None }
    }

    /// Keep those that finished no longer ago than this, by the provider's clock.
    pub const fn finished_for(mut self, time: Duration) -> Self {
        self.finished_for = Some(time);
        self
    }

    /// Keep this number of instances of each orchestration that is registered on the host: those that finished
    /// last. They are counted over the whole store. Instances of other orchestrations are kept.
    pub const fn finished_per_orchestration(mut self, most: u64) -> Self {
        self.finished_per_orchestration = Some(most);
        self
    }
}
