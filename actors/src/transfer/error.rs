//! What can go wrong in a transfer, by what the caller can do about it.

use std::io;

use reenact_core::InstanceId;
use reenact_providers::ProviderError;

use crate::error::Error;

/// Why an export or an import has ended early. What was imported before is whole, and stays: import the same again
/// once the cause is gone, and it is passed over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The file cannot be read.
    #[error("the export cannot be read: {source}")]
    Unreadable {
        /// The failure underneath.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written: look at the room on the disk. What was written is no whole export.
    #[error("the export cannot be written: {source}")]
    Unwritable {
        /// The failure underneath.
        #[source]
        source: io::Error,
    },
    /// It is something else. Nothing was changed.
    #[error("this is no export of reenact: {reason}; nothing was changed")]
    NotAnExport {
        /// What is there instead.
        reason: String,
    },
    /// A newer reenact has written it. Nothing was changed. Import it with that one.
    #[error(
        "the export has format {found}, this reenact reads up to {supported}; import it with a newer one"
    )]
    NewerFormat {
        /// The format that it has.
        found: u32,
        /// The newest format that can be read.
        supported: u32,
    },
    /// A line is not what was written. Of the instance that it belongs to nothing was imported. Copy the
    /// file again, or export anew.
    #[error("line {line} of the export is damaged: {reason}; copy it again, or export anew")]
    Damaged {
        /// The line, from 1 on.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The file ends too early. Of an instance that is not whole nothing was imported. Copy it again, or
    /// export anew.
    #[error("the export ends after line {line}, and is not whole; copy it again, or export anew")]
    Truncated {
        /// The last line.
        line: u64,
    },
    /// Hosts may have worked while it was written, so that instances that send each other messages may not fit
    /// together. Nothing was changed. Export again without hosts.
    #[error(
        "hosts may have worked while this was exported, so its instances may not fit together; end the hosts \
         and export again, or allow it with `ImportOptions::even_if_hosts_worked`"
    )]
    NotAtRest,
    /// There are messages that belong to no instance, and would stay there: in the queues of a hub, or in its
    /// quarantine. Nothing was written.
    #[error(
        "the hub has {what}, which belong to no instance and would stay there; {advice}, or leave them with \
         `ExportOptions::leave_messages`"
    )]
    MessagesLeft {
        /// How many there are, and where.
        what: String,
        /// How they are got rid of.
        advice: &'static str,
    },
    /// The store has another instance under this id. Nothing of it was changed. Purge it, or use another store.
    #[error(
        "instance `{instance}` is in the store already, and is not the same; purge it there, or use another \
         store"
    )]
    Exists {
        /// The id.
        instance: InstanceId,
    },
    /// A host works on the store. End it first.
    #[error("a host works on the store: {reason}; end it first")]
    InUse {
        /// Who holds which shard.
        reason: String,
    },
    /// What was read back is not what was written. Keep both stores, and look.
    #[error(
        "instance `{instance}` is not as it was exported when it is read back: {reason}; keep both stores"
    )]
    NotVerified {
        /// The id.
        instance: InstanceId,
        /// What is different.
        reason: String,
    },
    /// The store cannot be read or written.
    #[error("{0}")]
    Store(#[source] Error),
}

impl From<Error> for TransferError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<ProviderError> for TransferError {
    fn from(error: ProviderError) -> Self {
        Self::Store(error.into())
    }
}
