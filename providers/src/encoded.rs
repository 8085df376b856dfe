//! A store in which turns and messages are encoded: encrypted, compressed, or both.

mod histories;
mod sharing;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::codec::Codec;
use crate::{Finding, HistoryStore, Provider, ShardLease, Sharing, TimerScheduler};
use histories::EncodedHistories;
use sharing::EncodedSharing;

/// A store whose turns and messages go through a [`Codec`]. It is a store like any other: hosts, clients,
/// the console and tools that are given it read what is there.
///
/// ```
/// use reenact_providers::codec::{Encryption, Keys};
/// use reenact_providers::{Encoded, InMemory};
///
/// // 32 random bytes, from wherever the program keeps its secrets.
/// let key = [7; 32];
/// let store = Encoded::new(InMemory::new(), Encryption::new(Keys::new("2026-11", key)?));
/// # Ok::<_, reenact_providers::codec::InvalidKey>(())
/// ```
///
/// For two codecs, wrap it twice: the outer one is the first on the way to the store.
///
/// Each turn and each message is encoded by itself, as a whole: payloads, names of activities and events, errors
/// and reasons. What the store itself works with is not: ids, names of orchestrations, states, times; attributes only
/// when they are to be [shown](Self::showing_attributes).
///
/// A host or a client that opens the store without the codec finds turns that it cannot read. A host parks their
/// instances in memory and writes nothing to them: they go on, on a host that has the codec.
pub struct Encoded<P> {
    provider: P,
    codec: Arc<dyn Codec>,
    shows_attributes: bool,
}

impl<P: Provider> Encoded<P> {
    /// What is stored there goes through the codec.
    pub fn new(provider: P, codec: impl Codec) -> Self {
        let shows_attributes = !codec.protects();
        Self { provider, codec: Arc::new(codec), shows_attributes }
    }

    /// Lets the store have the [attributes](reenact_core::OrchestrationContext::set_attribute) of instances in plain
    /// text, so that lists show them and are filtered by them. An instance that has attributes already is found by them
    /// from its next turn on.
    ///
    /// Without this, where the codec [protects](Codec::protects) what is stored, attributes are in the turns only, encoded: code reads them as ever, and so do views of single
    /// instances; a list with a condition on attributes is refused with
    /// [`NoAttributes`](crate::ProviderError::NoAttributes).
    #[must_use]
    pub fn showing_attributes(self) -> Self {
        Self { shows_attributes: true, ..self }
    }
}

impl<P: fmt::Debug> fmt::Debug for Encoded<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded")
            .field("provider", &self.provider)
            .field("codec", &self.codec.name())
            .finish()
    }
}

impl<P: Clone> Clone for Encoded<P> {
    fn clone(&self) -> Self {
        let (provider, codec) = (self.provider.clone(), self.codec.clone());
        Self { provider, codec, shows_attributes: self.shows_attributes }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<P: Provider> Provider for Encoded<P> {
    fn shards(&self) -> u32 {
        self.provider.shards()
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        let (histories, codec) = (self.provider.histories(), self.codec.clone());
        Arc::new(EncodedHistories::new(histories, codec, self.shows_attributes))
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        self.provider.timers()
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        self.provider.leases()
    }

    fn check(&self) -> Vec<Finding> {
        self.provider.check()
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        let sharing = self.provider.sharing()?;
        let takes_large = self.provider.histories().takes_large_payloads();
        Some(Arc::new(EncodedSharing::new(sharing, self.codec.clone(), takes_large)))
    }

    fn directory(&self) -> Option<PathBuf> {
        self.provider.directory()
    }
}
