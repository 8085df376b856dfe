//! Histories in blobs: a log-structured merge tree for each shard. `AZURE.md` beside this crate's
//! sources describes the stored form byte by byte.

mod absorb;
mod build;
mod cache;
mod counted;
mod filter;
mod lsm_tree;
mod manifest;
mod merge;
mod options;
mod row;
mod scan;
mod seal;
mod shard_paths;
mod table;
mod table_index;
#[cfg(test)]
mod tests;
mod view;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use reenact_core::{ExecutionId, InstanceId, ShardId};

use self::cache::Cache;
use self::lsm_tree::{LsmTree, Writing};
pub use self::options::BlobArchiveOptions;
use self::row::Row;
use self::shard_paths::ShardPaths;
use super::blob_store::BlobStore;
use crate::archive::{Archive, Archived, Part, Stretch};
use crate::journal::{Identity, JournalId, Position};
use crate::{
    FirstByTime, InstanceCounts, InstanceFilter, InstanceSummary, ProviderError, TimeOrder,
};

/// An [`Archive`] in blobs.
///
/// Taking over a part costs two requests, and now and then those of a merge. Asking for an id that is
/// nowhere costs none, for one that is there one, or none if that was asked lately; its turns cost
/// one more for each run that has some of them, and for every 4 MiB.
///
/// Several processes may have it open. For each shard one of them may write, which is the one that has
/// asked for its [`position`](Archive::position) last. Another that has written before gets `Fenced`, and
/// harms nothing. Whatever else is asked is answered as of when the shard's position was asked
/// last, or later.
///
/// It keeps in memory what was read lately (32 MiB), and of each blob that was asked an index: about
/// three bytes for each instance. While it merges, it holds some 5 MiB more for each run that it
/// merges, and 16 MiB, or as much as the largest instance.
#[derive(Debug)]
pub struct BlobArchive {
    blob_store: Arc<dyn BlobStore>,
    journal: JournalId,
    shards: u32,
    options: BlobArchiveOptions,
    cache: Arc<Cache>,
    trees: Mutex<HashMap<ShardId, Arc<LsmTree>>>,
    /// Held by the thread that merges, so that the memory for it is taken once.
    merging: Mutex<()>,
}

impl BlobArchive {
    /// The archive of a store of `shards` shards, at least 1. Asks nothing yet; an archive that is not
    /// there is empty.
    pub fn new(blob_store: Arc<dyn BlobStore>, journal: JournalId, shards: u32) -> Self {
        Self::with_options(blob_store, journal, shards, BlobArchiveOptions::default())
    }

    /// One that is laid out otherwise.
    pub fn with_options(
        blob_store: Arc<dyn BlobStore>,
        journal: JournalId,
        shards: u32,
        options: BlobArchiveOptions,
    ) -> Self {
        let cache = Arc::new(Cache::new(options.cache_bytes));
        let (trees, merging) = (Mutex::default(), Mutex::default());
        Self { blob_store, journal, shards: shards.max(1), options, cache, trees, merging }
    }

    fn tree(&self, shard: ShardId) -> Arc<LsmTree> {
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        let tree = trees.entry(shard).or_insert_with(|| {
            Arc::new(LsmTree::new(ShardPaths {
                blob_store: Arc::clone(&self.blob_store),
                identity: Identity { journal: self.journal, shard },
                options: self.options,
                cache: Arc::clone(&self.cache),
            }))
        });
        Arc::clone(tree)
    }

    fn tree_of(&self, instance: &InstanceId) -> Arc<LsmTree> {
        self.tree(ShardId::of(instance, self.shards))
    }

    fn trees(&self) -> impl Iterator<Item = Arc<LsmTree>> {
        (0..self.shards).map(|shard| self.tree(ShardId(shard)))
    }

    /// Removes what is worthless, and merges what is due.
    fn put_in_order(
        &self,
        tree: &LsmTree,
        writing: &mut Writing,
        has_time: &dyn Fn() -> bool,
    ) -> Result<(), ProviderError> {
        tree.sweep(writing)?;
        match self.merging.try_lock() {
            Err(TryLockError::WouldBlock) => Ok(()),
            Ok(_) | Err(TryLockError::Poisoned(_)) => tree.merge_what_is_due(writing, has_time),
        }
    }
}

impl Archive for BlobArchive {
    fn position(&self, shard: ShardId) -> Result<Position, ProviderError> {
        Ok(self.tree(shard).claim()?.manifest.position)
    }

    /// Also fails with `Fenced` when another process has written to the shard since its position was
    /// asked here: this one owns it no more.
    fn absorb(&self, part: &Part<'_>) -> Result<(), ProviderError> {
        let tree = self.tree(part.shard);
        let mut writing = tree.writing();
        tree.absorb(&mut writing, part).map(drop)
    }

    fn tidy(&self, shard: ShardId, has_time: &dyn Fn() -> bool) {
        let tree = self.tree(shard);
        let mut writing = tree.writing();
        if let Err(error) = self.put_in_order(&tree, &mut writing, has_time) {
            tracing::warn!(target: "reenact::store", parent: None, %shard, %error, "the archive could not be merged; it will be tried again");
        }
    }

    fn look_up(&self, instance: &InstanceId) -> Result<Option<Archived>, ProviderError> {
        let newest = self.tree_of(instance).reading(|view| view.newest(instance))?;
        let grown = newest.and_then(|Row { grown, .. }| grown);
        Ok(grown.map(|grown| Archived { summary: grown.summary, length: grown.end }))
    }

    fn executions(&self, instance: &InstanceId) -> Result<Vec<Archived>, ProviderError> {
        self.tree_of(instance).reading(|view| view.executions(instance))
    }

    fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<Option<Stretch>, ProviderError> {
        let tree = self.tree_of(instance);
        tree.reading(|view| view.read(instance, execution, from, limit.max(1)))
    }

    fn list(
        &self,
        filter: &InstanceFilter,
        after: Option<&InstanceId>,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        let mut listed: Vec<InstanceSummary> = Vec::new();
        for tree in self.trees() {
            // After the last of a whole page nothing is needed.
            let last = listed.last().filter(|_| listed.len() == limit);
            let until = last.map(|last| last.instance.clone());
            let found = tree.reading(|view| view.list(filter, after, until.as_ref(), limit))?;
            listed.extend(found);
            listed.sort_unstable_by(|a, b| a.instance.cmp(&b.instance));
            listed.truncate(limit);
        }
        Ok(listed)
    }

    fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        let mut count = 0;
        for tree in self.trees() {
            count += tree.reading(|view| view.count(filter))?;
        }
        Ok(count)
    }

    /// Goes through the rows of all instances: they are ordered by id only.
    fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
        skip: &dyn Fn(&InstanceId) -> bool,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        let mut first = FirstByTime::new(order, limit);
        for tree in self.trees() {
            let of_one = tree.reading(|view| view.list_by_time(filter, order, limit, skip))?;
            of_one.iter().for_each(|summary| first.offer(summary));
        }
        Ok(first.into_list())
    }

    fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        let mut counts = InstanceCounts::default();
        for tree in self.trees() {
            counts.add_all(&tree.reading(|view| view.counts(filter))?);
        }
        Ok(counts)
    }

    fn to_wake(&self, shard: ShardId) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.tree(shard).reading(|view| view.to_wake())
    }
}
