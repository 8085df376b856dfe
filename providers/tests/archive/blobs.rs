//! An archive in blobs keeps the contract of an archive, however small its limits are.

use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId, ShardId};
use reenact_providers::archive::{Archive, Archived, Part, Stretch};
use reenact_providers::azure::archive::{BlobArchive, BlobArchiveOptions};
use reenact_providers::journal::Position;
use reenact_providers::{
    InstanceCounts, InstanceFilter, InstanceSummary, ProviderError, TimeOrder,
};
use reenact_testkit::azure::blob_store::FakeBlobStore;

use crate::kit::{JOURNAL, SHARD};

/// The suite puts all instances into one shard, wherever their ids belong: here, that is the only
/// one.
struct OneShard(BlobArchive);

impl OneShard {
    fn new(options: BlobArchiveOptions) -> Self {
        Self(BlobArchive::with_options(Arc::new(FakeBlobStore::new()), JOURNAL, 1, options))
    }
}

impl std::fmt::Debug for OneShard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn swapped(shard: ShardId) -> ShardId {
    match shard {
        SHARD => ShardId(0),
        ShardId(0) => SHARD,
        other => other,
    }
}

impl Archive for OneShard {
    fn position(&self, shard: ShardId) -> Result<Position, ProviderError> {
        self.0.position(swapped(shard))
    }

    fn absorb(&self, part: &Part<'_>) -> Result<(), ProviderError> {
        let (shard, changes) = (swapped(part.shard), part.changes.clone());
        self.0.absorb(&Part { shard, end: part.end, changes })
    }

    fn tidy(&self, shard: ShardId, has_time: &dyn Fn() -> bool) {
        self.0.tidy(swapped(shard), has_time);
    }

    fn look_up(&self, instance: &InstanceId) -> Result<Option<Archived>, ProviderError> {
        self.0.look_up(instance)
    }

    fn executions(&self, instance: &InstanceId) -> Result<Vec<Archived>, ProviderError> {
        self.0.executions(instance)
    }

    fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<Option<Stretch>, ProviderError> {
        self.0.read(instance, execution, from, limit)
    }

    fn list(
        &self,
        filter: &InstanceFilter,
        after: Option<&InstanceId>,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.0.list(filter, after, limit)
    }

    fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        self.0.count(filter)
    }

    fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
        skip: &dyn Fn(&InstanceId) -> bool,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.0.list_by_time(filter, order, limit, skip)
    }

    fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        self.0.counts(filter)
    }

    fn to_wake(&self, shard: ShardId) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.0.to_wake(swapped(shard))
    }
}

mod by_default {
    use super::*;

    reenact_testkit::archive_conformance_tests!(|check: fn(&OneShard)| check(&OneShard::new(
        BlobArchiveOptions::default()
    )));
}

/// Every other part makes it merge, and each row has a block of its own.
mod merging_always {
    use super::*;

    const TINY: BlobArchiveOptions = BlobArchiveOptions {
        block_bytes: 1,
        table_bytes: 100,
        runs_per_level: 1,
        stretch_bytes: 300,
        turns_stretch_bytes: 100,
        cache_bytes: 2_000,
    };

    reenact_testkit::archive_conformance_tests!(|check: fn(&OneShard)| check(&OneShard::new(TINY)));
}

/// Runs pile up and are read side by side, and nothing is kept.
mod merging_never {
    use super::*;

    const PILED: BlobArchiveOptions = BlobArchiveOptions {
        block_bytes: 300,
        table_bytes: 1_000,
        runs_per_level: usize::MAX,
        stretch_bytes: 1,
        turns_stretch_bytes: 1,
        cache_bytes: 0,
    };

    reenact_testkit::archive_conformance_tests!(|check: fn(&OneShard)| check(&OneShard::new(
        PILED
    )));
}
