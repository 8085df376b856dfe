//! The messages that the persistence actor understands.

use reenact_core::Receipt;
use reenact_providers::ProviderError;

use super::entry::Entry;

#[derive(Debug)]
pub(crate) enum PersistenceMessage {
    /// There are turns in the inbox.
    Append,
    /// Append what is in the inbox without waiting for other turns.
    AppendNow,
    /// Carry out more effects of durable turns.
    Release,
    /// The append that was under way has ended.
    Appended(Vec<Entry>, Result<Receipt, ProviderError>),
}

#[cfg(feature = "cluster")]
impl ractor::Message for PersistenceMessage {}

impl Entry {
    /// The message that the persistence actor gets when this entry is the first in the inbox.
    pub(crate) fn message(&self) -> PersistenceMessage {
        match self {
            Self::Turn(_) => PersistenceMessage::Append,
            Self::Answer(_) | Self::Park(..) | Self::Barrier(..) | Self::Open(..) => {
                PersistenceMessage::AppendNow
            }
        }
    }
}
