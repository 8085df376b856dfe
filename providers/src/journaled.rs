//! A store out of journals and an archive: what every durable medium has in common.
//!
//! Only the journals are written on the way of a commit: a batch is checked, becomes one record of
//! its shard's journal, and is then kept in memory. When enough has come together there, it goes into
//! the [`Archive`] beside the commits, recovery begins after it from then on, and the segments
//! before it are removed. So memory and the time of recovery depend on what came last, not on how
//! many instances there are; and whatever is asked for is answered out of both.

mod aside;
mod budget;
mod error;
mod ids;
mod leases;
mod look_up_threads;
mod options;
mod read_only;
mod reader;
mod shard;
mod table;
#[cfg(test)]
mod tests;
mod thread;
mod tips;
mod view;

use std::sync::Arc;

use async_trait::async_trait;
use reenact_core::{ExecutionId, InstanceId, Receipt, ShardId};

use self::budget::Budget;
use self::ids::Ids;
use self::look_up_threads::LookUpThreads;
pub use self::options::{Options, Threads};
use self::reader::Reader;
use self::shard::{
    Answers, ArchivingLock, Loading, Look, Ordered, ReadResult, Shard, Wanted, question,
};
use self::thread::{Common, ShardThread};
use crate::archive::{Archive, Found, Question};
use crate::in_step;
use crate::journal::{self, Identity, JournalId};
use crate::limits::{check_batch, check_purge};
use crate::medium::Medium;
use crate::ownership::check_shard;
use crate::{
    Batch, HistoryStore, InstanceCounts, InstanceFilter, InstancePage, InstanceSummary, Lease,
    LoadedInstance, OpenError, PageRequest, Place, ProviderError, TimeOrder, TimerScheduler,
    TurnPage,
};

/// The logs of all instances of a store, and who owns its shards. Clones are the same store; the
/// last one closes it when it is dropped, and waits for what is under way.
pub struct Journaled<M: Medium, A: Archive> {
    handle: Arc<Handle<M, A>>,
}

/// What the clones of a store have in common. Questions to the archive hold only what is in it, so that
/// the last clone closes the store, and not whatever question ends last.
struct Handle<M: Medium, A: Archive> {
    inner: Arc<Inner<M, A>>,
    look_ups: Arc<LookUpThreads>,
}

/// When this has gone, nothing of the store goes on: its files can be opened again.
impl<M: Medium, A: Archive> Drop for Handle<M, A> {
    fn drop(&mut self) {
        // On a shared medium nobody waits for files to be free, and a question may take long.
        if !M::SHARED {
            self.look_ups.close();
        }
    }
}

struct Inner<M: Medium, A: Archive> {
    /// Dropped first: its threads use the rest.
    threads: Box<[ShardThread]>,
    /// Reads from the archive. Where that waits for a service, each question has a thread of its own.
    reader: Option<Reader>,
    ids: Arc<Ids>,
    archive: Arc<A>,
    /// Dropped last: the media may hold the lock of the store.
    shards: Box<[Arc<Shard<M, A>>]>,
    archiving: Arc<ArchivingLock>,
    clock: Arc<dyn TimerScheduler>,
    /// Whose threads answer what the reader does not.
    asked_on: Threads,
    in_step: in_step::Queue,
    /// Where it is, if it was opened to read it only.
    only_read: Option<Place>,
}

impl<M: Medium, A: Archive> Drop for Inner<M, A> {
    fn drop(&mut self) {
        self.ids.close();
    }
}

impl<M: Medium, A: Archive> Journaled<M, A> {
    /// Opens the journals of a store, one for each of its shards. First all of them are read, and
    /// nothing is changed unless all of them are whole. On a [shared](Medium::SHARED) medium nothing
    /// is read: each is opened when its shard is acquired.
    ///
    /// # Errors
    /// - `Damaged`: something that is stored is not what was written, or journals and archive do
    ///   not belong together.
    /// - `Foreign`, `NewerFormat`: a journal is of another store, or of a later reenact.
    /// - `Refused`: the medium refuses, has no room, or has failed in the middle of a write. Open
    ///   it again.
    pub fn open(
        journal: JournalId,
        media: impl IntoIterator<Item = M>,
        archive: A,
        clock: Arc<dyn TimerScheduler>,
        options: Options,
    ) -> Result<Self, OpenError> {
        let archive = Arc::new(archive);
        let (archiving, ids) = (Arc::new(ArchivingLock::default()), Arc::new(Ids::default()));
        let shards = shards(journal, media, &archive, &ids, options.journal);
        // A journal that others may own is read when it is acquired.
        let read =
            shards.iter().map(|shard| (!M::SHARED).then(|| shard.read_journal()).transpose());
        let read: Vec<_> = read.collect::<Result<_, _>>()?;
        let in_step = in_step::Queue::default();
        let budget = Budget::new(options.memory_bytes, shards.len());
        let threads = shards.iter().zip(read).map(|(shard, read)| {
            let common = Common {
                archiving: Arc::clone(&archiving),
                clock: Arc::clone(&clock),
                threads: options.threads,
                in_step: in_step.clone(),
                flush_bytes: options.flush_bytes.max(1),
                budget: Arc::clone(&budget),
            };
            ShardThread::start(Arc::clone(shard), read, common)
        });
        let threads = threads.collect::<Result<_, _>>()?;
        let threads_read = !M::SHARED && options.threads == Threads::Own;
        let reader = threads_read.then(|| Reader::start(&archive)).transpose()?;
        if !M::SHARED {
            ids.tend(&archive);
        }
        let (only_read, asked_on) = (None, options.threads);
        let inner = Inner {
            threads,
            reader,
            ids,
            shards,
            archive,
            archiving,
            clock,
            asked_on,
            in_step,
            only_read,
        };
        Ok(Self::of(inner))
    }

    fn of(inner: Inner<M, A>) -> Self {
        Self { handle: Arc::new(Handle { inner: Arc::new(inner), look_ups: Arc::default() }) }
    }

    /// The number of shards.
    pub fn shards(&self) -> u32 {
        // Lossless: a shard's number has as many bits.
        self.inner().shards.len() as u32
    }

    fn inner(&self) -> &Inner<M, A> {
        &self.handle.inner
    }

    fn shard_of(&self, instance: &InstanceId) -> &Arc<Shard<M, A>> {
        &self.inner().shards[ShardId::of(instance, self.shards()).0 as usize]
    }

    fn thread(&self, shard: ShardId) -> Result<&ShardThread, ProviderError> {
        if let Some(place) = &self.inner().only_read {
            return Err(ProviderError::ReadOnly { place: place.clone() });
        }
        self.inner().threads.get(shard.0 as usize).ok_or_else(|| self.no_such(shard))
    }

    fn shard(&self, shard: ShardId) -> Result<&Arc<Shard<M, A>>, ProviderError> {
        self.inner().shards.get(shard.0 as usize).ok_or_else(|| self.no_such(shard))
    }

    fn no_such(&self, shard: ShardId) -> ProviderError {
        let reason = format!("there is no shard {shard}, there are {}", self.shards());
        ProviderError::Conflict { reason }
    }

    /// Lets memory know what others have written.
    async fn catch_up(&self, shard: &Arc<Shard<M, A>>, look: Look) -> Result<(), ProviderError> {
        if shard.may_lag() {
            let index = shard.index();
            self.aside(move |inner| inner.shards[index].catch_up(look)).await?;
        }
        Ok(())
    }

    async fn read_of(
        &self,
        shard: &Arc<Shard<M, A>>,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<TurnPage, ProviderError> {
        let end = match shard.read_known(instance, execution, from, limit) {
            ReadResult::Page(page) => return page,
            ReadResult::AskArchive { end } => end,
        };
        let mut wanted = Wanted { execution, from, limit, end, seen: None };
        loop {
            let turns = Some(wanted.span());
            let found = self.ask(Question { instance: instance.clone(), turns }).await?;
            let stretch = found.and_then(|Found { stretch, .. }| stretch);
            // Otherwise it has gone over to the archive meanwhile.
            if let Some(page) = shard.page(instance, &mut wanted, stretch)? {
                return Ok(page);
            }
        }
    }

    async fn summary_of(
        &self,
        shard: &Arc<Shard<M, A>>,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError> {
        if let Ok(known) = shard.known(instance) {
            return Ok(known);
        }
        let found = self.ask(Question::look_up(instance.clone())).await?;
        Ok(found.map(|found| found.archived.summary))
    }

    async fn load_of(
        &self,
        shard: &Arc<Shard<M, A>>,
        instance: &InstanceId,
        limit: usize,
    ) -> Result<Option<LoadedInstance>, ProviderError> {
        let mut seen = None;
        let asking = loop {
            let summary = match shard.begin_load(instance, limit) {
                Loading::Known(loaded) => return loaded,
                Loading::WithoutTurns(summary) => summary,
                Loading::Unknown(asking) => break asking,
            };
            match self.read_of(shard, instance, summary.execution, 0, limit).await {
                // The next execution has taken its place, or it was purged.
                Err(ProviderError::NotFound { .. }) if seen != Some(summary.execution) => {
                    seen = Some(summary.execution);
                }
                read => return Ok(Some(LoadedInstance { summary, turns: read? })),
            }
        };
        let found = self.ask(question(instance.clone(), limit)).await?;
        Ok(shard.end_load(asking, instance, found))
    }
}

/// Shards of which nothing is known yet.
fn shards<M: Medium, A: Archive>(
    journal: JournalId,
    media: impl IntoIterator<Item = M>,
    archive: &Arc<A>,
    ids: &Arc<Ids>,
    options: journal::Options,
) -> Box<[Arc<Shard<M, A>>]> {
    let shard = |(shard, medium)| {
        let identity = Identity { journal, shard };
        Shard::new(identity, Arc::new(medium), Arc::clone(archive), Arc::clone(ids), options)
    };
    (0..).map(ShardId).zip(media).map(shard).collect()
}

impl<M: Medium, A: Archive> Clone for Journaled<M, A> {
    fn clone(&self) -> Self {
        Self { handle: Arc::clone(&self.handle) }
    }
}

impl<M: Medium, A: Archive> std::fmt::Debug for Journaled<M, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journaled").field("shards", &self.shards()).finish_non_exhaustive()
    }
}

#[async_trait]
impl<M: Medium, A: Archive> HistoryStore for Journaled<M, A> {
    async fn append(&self, batch: Arc<Batch>) -> Result<Receipt, ProviderError> {
        let thread = self.thread(batch.shard)?;
        check_batch(&batch, false)?;
        for turn in &batch.turns {
            check_shard(&turn.summary.instance, self.shards(), batch.shard, "the batch")?;
        }
        let shard = self.shard(batch.shard)?;
        loop {
            match thread.append(Arc::clone(&batch)).await? {
                Ordered::Done(receipt) => return Ok(receipt),
                Ordered::AskFirst(instances) => drop(self.look_up(shard, instances).await?),
            }
        }
    }

    async fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<TurnPage, ProviderError> {
        loop {
            let shard = self.shard_of(instance);
            let reading = shard.begin_reading(instance);
            self.catch_up(shard, Look::Recent).await?;
            let read = match self.read_of(shard, instance, execution, from, limit).await {
                // It may have begun since.
                Err(ProviderError::NotFound { .. }) if shard.may_lag() => {
                    self.catch_up(shard, Look::Anew).await?;
                    self.read_of(shard, instance, execution, from, limit).await
                }
                read => read,
            };
            let is_there = !matches!(read, Err(ProviderError::NotFound { .. }));
            if reading.counts(is_there).await? {
                return read;
            }
        }
    }

    async fn summary(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError> {
        loop {
            let shard = self.shard_of(instance);
            let reading = shard.begin_reading(instance);
            self.catch_up(shard, Look::Recent).await?;
            let summary = match self.summary_of(shard, instance).await? {
                // It may have begun since.
                None if shard.may_lag() => {
                    self.catch_up(shard, Look::Anew).await?;
                    self.summary_of(shard, instance).await?
                }
                summary => summary,
            };
            if reading.counts(summary.is_some()).await? {
                return Ok(summary);
            }
        }
    }

    async fn executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        loop {
            let shard = self.shard_of(instance);
            let reading = shard.begin_reading(instance);
            let (index, of) = (shard.index(), instance.clone());
            let there =
                self.aside(move |inner| inner.executions(&inner.shards[index], &of)).await?;
            if reading.counts(!there.is_empty()).await? {
                return Ok(there);
            }
        }
    }

    async fn load(
        &self,
        instance: &InstanceId,
        limit: usize,
    ) -> Result<Option<LoadedInstance>, ProviderError> {
        loop {
            let shard = self.shard_of(instance);
            let reading = shard.begin_reading(instance);
            self.catch_up(shard, Look::Recent).await?;
            let loaded = match self.load_of(shard, instance, limit).await {
                // It may have begun since, or gone on as another execution.
                Ok(None) | Err(ProviderError::NotFound { .. }) if shard.may_lag() => {
                    self.catch_up(shard, Look::Anew).await?;
                    self.load_of(shard, instance, limit).await
                }
                loaded => loaded,
            };
            let is_there = !matches!(loaded, Ok(None) | Err(ProviderError::NotFound { .. }));
            if reading.counts(is_there).await? {
                return loaded;
            }
        }
    }

    fn unload(&self, instance: &InstanceId) {
        self.shard_of(instance).unload(instance);
    }

    fn unarchived_bytes(&self) -> Option<u64> {
        let shards = self.inner().shards.iter();
        let own = shards.map(|shard| shard.state()).filter(|state| state.is_writing());
        Some(own.map(|state| state.layers().bytes() as u64).sum())
    }

    async fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<InstancePage, ProviderError> {
        if filter.check().is_err() || page.check().is_err() {
            return Ok(InstancePage { instances: Vec::new(), next: None });
        }
        let (filter, page) = (filter.clone(), page.clone());
        self.aside(move |inner| inner.undisturbed(|| inner.list(&filter, &page))).await
    }

    async fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        if filter.check().is_err() {
            return Ok(0);
        }
        let filter = filter.clone();
        self.aside(move |inner| inner.undisturbed(|| inner.count(&filter))).await
    }

    async fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        if filter.check().is_err() {
            return Ok(Vec::new());
        }
        let filter = filter.clone();
        let ask = move |inner: &Inner<M, A>| inner.list_by_time(&filter, order, limit);
        self.aside(move |inner| inner.undisturbed(|| ask(inner))).await
    }

    async fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        if filter.check().is_err() {
            return Ok(InstanceCounts::default());
        }
        let filter = filter.clone();
        self.aside(move |inner| inner.undisturbed(|| inner.counts(&filter))).await
    }

    async fn purge(&self, instances: &[InstanceId], lease: &Lease) -> Result<usize, ProviderError> {
        let thread = self.thread(lease.shard)?;
        check_purge(instances)?;
        for instance in instances {
            check_shard(instance, self.shards(), lease.shard, "the lease")?;
        }
        let (shard, instances) = (self.shard(lease.shard)?, Arc::from(instances));
        let mut archived = Answers::default();
        loop {
            match thread.purge(Arc::clone(&instances), archived, lease.epoch).await? {
                Ordered::Done(count) => return Ok(count),
                Ordered::AskFirst(instances) => archived = self.look_up(shard, instances).await?,
            }
        }
    }

    async fn recover(&self, lease: &Lease) -> Result<Vec<InstanceSummary>, ProviderError> {
        let shard = self.shard(lease.shard)?.index();
        let epoch = lease.epoch;
        self.aside(move |inner| {
            let shard = &inner.shards[shard];
            shard.state().ownership.check(epoch)?;
            inner.to_wake(shard)
        })
        .await
    }
}
