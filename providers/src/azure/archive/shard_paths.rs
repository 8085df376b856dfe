//! Names of the blobs of a shard's archive, and the store that they are in.

use std::sync::Arc;

use super::cache::Cache;
use super::options::BlobArchiveOptions;
use crate::azure::blob_store::BlobStore;
use crate::journal::Identity;
use crate::{Place, ProviderError};

/// What everything of one shard's archive needs.
#[derive(Debug)]
pub(super) struct ShardPaths {
    pub(super) blob_store: Arc<dyn BlobStore>,
    pub(super) identity: Identity,
    pub(super) options: BlobArchiveOptions,
    /// The cache of all shards.
    pub(super) cache: Arc<Cache>,
}

impl ShardPaths {
    pub(super) fn manifest(&self) -> String {
        format!("archive/shard-{:04}/MANIFEST", self.identity.shard.0)
    }

    /// How the names of all runs begin; their number follows.
    pub(super) fn runs(&self) -> String {
        format!("archive/shard-{:04}/run-", self.identity.shard.0)
    }

    pub(super) fn run(&self, number: u64) -> String {
        format!("{}{number:012}", self.runs())
    }

    /// The number of a run; `None` when the name is not that of one.
    pub(super) fn number_of(&self, name: &str) -> Option<u64> {
        let number = name.strip_prefix(&self.runs())?.parse().ok()?;
        (self.run(number) == name).then_some(number)
    }
}

/// Why something could not be read.
#[derive(Debug)]
pub(super) enum Trouble {
    /// This blob is not there: the manifest that names it may be an old one.
    Gone(String),
    /// Anything else.
    Failed(ProviderError),
}

impl From<ProviderError> for Trouble {
    fn from(error: ProviderError) -> Self {
        Self::Failed(error)
    }
}

/// The error that what is stored in a blob is not what was written.
pub(super) fn corrupt(blob: &str, offset: u64, reason: impl Into<String>) -> ProviderError {
    let place = Place(format!("blob {blob}, offset {offset}"));
    ProviderError::Corrupt { place, reason: reason.into() }
}

/// The error that an instance is not as it should be.
pub(super) fn corrupt_instance(
    paths: &ShardPaths,
    instance: &reenact_core::InstanceId,
    execution: reenact_core::ExecutionId,
    reason: impl Into<String>,
) -> ProviderError {
    let shard = paths.identity.shard;
    let place = Place(format!(
        "the archive of shard {shard}, instance {instance}, execution {}",
        execution.0
    ));
    ProviderError::Corrupt { place, reason: reason.into() }
}
