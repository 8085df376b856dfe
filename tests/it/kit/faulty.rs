//! The in-memory provider, with faults that a test orders.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reenact::core::{Receipt, ShardId};
use reenact::providers::{
    Batch, HistoryStore, Lease, Place, Provider, ProviderError, ShardLease, Sharing,
    TimerScheduler, TurnPage,
};
use reenact::{
    ExecutionId, InMemory, InstanceCounts, InstanceFilter, InstanceId, InstancePage,
    InstanceSummary, PageRequest, TimeOrder,
};
use tokio::sync::watch;

use super::Gate;

/// A store that does what [`InMemory`] does, but for what is ordered. Clones share the orders.
#[derive(Clone)]
pub(crate) struct Faulty {
    inner: InMemory,
    /// Appends of turns pass here before they happen.
    pub(crate) appends: Gate,
    /// Looks at summaries pass here.
    pub(crate) summaries: Gate,
    /// Looks at the executions of an instance, which are as of now, pass here.
    pub(crate) executions: Gate,
    /// Reads of single turns, as clients make them, pass here.
    pub(crate) single_reads: Gate,
    /// Acquisitions of shards pass here.
    pub(crate) acquisitions: Gate,
    /// Lists that have been made pass here before anybody sees them.
    pub(crate) lists: Gate,
    orders: Arc<Mutex<Orders>>,
    appended: Arc<AtomicUsize>,
    appended_turns: Arc<AtomicUsize>,
    appended_bytes: Arc<AtomicUsize>,
    released: Arc<AtomicUsize>,
    turns_read: Arc<AtomicUsize>,
    /// This many appends happen, and then no more: later appends wait for ever.
    stops_at: Arc<watch::Sender<(usize, bool)>>,
}

#[derive(Default)]
struct Orders {
    appends: VecDeque<AppendFault>,
    poisoned: HashMap<InstanceId, usize>,
    rotten: HashSet<InstanceId>,
    failing_reads: usize,
    failing_recoveries: usize,
    failing_releases: usize,
    broken: HashMap<ShardId, Breakage>,
    failing_lists: usize,
    failing_purges: usize,
    panicking_renewals: usize,
}

/// How a shard's log is broken. Nothing can be appended, and the shard cannot be taken again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breakage {
    /// The medium has no room.
    Full,
    /// What is stored does not decode.
    Rotten,
}

/// What happens to an append of turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AppendFault {
    /// Nothing is written; it may work later.
    Unavailable,
    /// Nothing is written; it may work a while later.
    Throttled,
    /// It is written; the answer gets lost.
    UnknownButApplied,
    /// It is not written; nobody knows.
    UnknownAndLost,
    /// Nothing is written, and never will be.
    Fatal,
    /// Nothing is written, and the store panics.
    Panics,
}

impl Faulty {
    /// Without any fault so far.
    pub(crate) fn new(inner: InMemory) -> Self {
        Self {
            inner,
            appends: Gate::open(),
            summaries: Gate::open(),
            executions: Gate::open(),
            single_reads: Gate::open(),
            acquisitions: Gate::open(),
            lists: Gate::open(),
            orders: Arc::default(),
            appended: Arc::default(),
            appended_turns: Arc::default(),
            appended_bytes: Arc::default(),
            released: Arc::default(),
            turns_read: Arc::default(),
            stops_at: Arc::new(watch::Sender::new((usize::MAX, false))),
        }
    }

    /// Stops before the append of turns with that number, counted from 0: as a host stops that dies.
    pub(crate) fn stop_at(&self, append: usize) {
        self.stops_at.send_replace((append, false));
    }

    /// Returns when somebody waits for an append that never happens.
    pub(crate) async fn stopped(&self) {
        let stopped = self.stops_at.subscribe().wait_for(|(_, stopped)| *stopped).await.is_ok();
        assert!(stopped, "it lives as long as the store");
    }

    /// The next renewals of leases panic.
    pub(crate) fn panic_at_renewals(&self, many: usize) {
        self.orders().panicking_renewals = many;
    }

    /// The next appends of turns, one after the other, fail so.
    pub(crate) fn fail_appends(&self, faults: impl IntoIterator<Item = AppendFault>) {
        self.orders().appends.extend(faults);
    }

    /// The next reads of the instance's whole history panic, this many times. Clients that ask for its
    /// status read single turns.
    pub(crate) fn panic_at_reads_of(&self, instance: &InstanceId, times: usize) {
        self.orders().poisoned.insert(instance.clone(), times);
    }

    /// The first turn of an instance does not decode, until it is mended.
    pub(crate) fn rot_first_turn_of(&self, instance: &InstanceId) {
        self.orders().rotten.insert(instance.clone());
    }

    /// Mends the first turn of an instance.
    pub(crate) fn mend_first_turn_of(&self, instance: &InstanceId) {
        self.orders().rotten.remove(instance);
    }

    /// The next reads of histories fail, this many times; they may work later.
    pub(crate) fn fail_reads(&self, times: usize) {
        self.orders().failing_reads = times;
    }

    /// How many ordered read faults have not happened yet.
    pub(crate) fn read_faults_left(&self) -> usize {
        self.orders().failing_reads
    }

    /// The next recoveries of shards fail, this many times.
    pub(crate) fn fail_recoveries(&self, times: usize) {
        self.orders().failing_recoveries = times;
    }

    /// The next shards that are given up are not, this many times.
    pub(crate) fn fail_releases(&self, times: usize) {
        self.orders().failing_releases = times;
    }

    /// Breaks the log of a shard, until it is mended.
    pub(crate) fn break_shard(&self, shard: ShardId, breakage: Breakage) {
        self.orders().broken.insert(shard, breakage);
    }

    /// Mends the log of a shard.
    pub(crate) fn mend_shard(&self, shard: ShardId) {
        self.orders().broken.remove(&shard);
    }

    /// The next lists fail, this many times; they may work later.
    pub(crate) fn fail_lists(&self, times: usize) {
        self.orders().failing_lists = times;
    }

    /// The next purges fail, this many times; they may work later.
    pub(crate) fn fail_purges(&self, times: usize) {
        self.orders().failing_purges = times;
    }

    /// How many ordered faults of lists and purges have not happened yet.
    pub(crate) fn retention_faults_left(&self) -> usize {
        let orders = self.orders();
        orders.failing_lists + orders.failing_purges
    }

    /// How many ordered append faults have not happened yet.
    pub(crate) fn faults_left(&self) -> usize {
        self.orders().appends.len()
    }

    /// How many appends of turns have succeeded.
    pub(crate) fn appended(&self) -> usize {
        self.appended.load(Ordering::SeqCst)
    }

    /// How many turns, and bytes of them, have been appended.
    pub(crate) fn written(&self) -> (usize, usize) {
        let (turns, bytes) = (&self.appended_turns, &self.appended_bytes);
        (turns.load(Ordering::SeqCst), bytes.load(Ordering::SeqCst))
    }

    /// How many times a shard was given up.
    pub(crate) fn released(&self) -> usize {
        self.released.load(Ordering::SeqCst)
    }

    /// How many turns have been read.
    pub(crate) fn turns_read(&self) -> usize {
        self.turns_read.load(Ordering::SeqCst)
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The failure that the faults of this file give as their reason.
pub(crate) const REASON: &str = "ordered by a test";

/// Fails, if this many failures or more are ordered.
fn fails(times: &mut usize) -> Result<(), ProviderError> {
    if *times == 0 {
        return Ok(());
    }
    *times -= 1;
    Err(ProviderError::Unavailable { reason: REASON.into(), source: None })
}

#[async_trait]
impl HistoryStore for Faulty {
    async fn append(&self, batch: Arc<Batch>) -> Result<Receipt, ProviderError> {
        if batch.turns.is_empty() {
            return self.inner.append(batch).await;
        }
        self.appends.pass().await;
        if self.appended() >= self.stops_at.borrow().0 {
            self.stops_at.send_modify(|(_, stopped)| *stopped = true);
            return std::future::pending().await;
        }
        let reason = REASON.to_owned();
        if self.orders().broken.contains_key(&batch.shard) {
            return Err(ProviderError::Fenced { shard: batch.shard });
        }
        let fault = self.orders().appends.pop_front();
        match fault {
            None => {}
            Some(AppendFault::Unavailable) => {
                return Err(ProviderError::Unavailable { reason, source: None });
            }
            Some(AppendFault::Throttled) => {
                return Err(ProviderError::Throttled { retry_after: Duration::from_secs(5) });
            }
            Some(AppendFault::UnknownButApplied) => {
                let _ = self.inner.append(batch).await?;
                return Err(ProviderError::Unknown { reason, source: None });
            }
            Some(AppendFault::UnknownAndLost) => {
                return Err(ProviderError::Unknown { reason, source: None });
            }
            Some(AppendFault::Fatal) => return Err(ProviderError::Conflict { reason }),
            Some(AppendFault::Panics) => panic!("as ordered"),
        }
        let turns = batch.turns.len();
        let bytes = batch.turns.iter().map(|turn| turn.bytes.len()).sum();
        let receipt = self.inner.append(batch).await?;
        self.appended.fetch_add(1, Ordering::SeqCst);
        self.appended_turns.fetch_add(turns, Ordering::SeqCst);
        self.appended_bytes.fetch_add(bytes, Ordering::SeqCst);
        Ok(receipt)
    }

    async fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<TurnPage, ProviderError> {
        {
            let mut orders = self.orders();
            if let Some(times) = orders.poisoned.get_mut(instance)
                && *times > 0
                && limit > 1
            {
                *times -= 1;
                panic!("the read panicked, {REASON}");
            }
            fails(&mut orders.failing_reads)?;
        }
        if limit == 1 {
            self.single_reads.pass().await;
        }
        let mut page = self.inner.read(instance, execution, from, limit).await?;
        if let Some(first) = page.turns.first_mut().filter(|turn| turn.number == 0)
            && self.orders().rotten.contains(instance)
        {
            first.bytes = Arc::new([0xff; 9]);
        }
        self.turns_read.fetch_add(page.turns.len(), Ordering::SeqCst);
        Ok(page)
    }

    async fn summary(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError> {
        self.summaries.pass().await;
        self.inner.summary(instance).await
    }

    async fn executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.executions.pass().await;
        self.inner.executions(instance).await
    }

    async fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<InstancePage, ProviderError> {
        fails(&mut self.orders().failing_lists)?;
        let listed = self.inner.list(filter, page).await;
        self.lists.pass().await;
        listed
    }

    async fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        self.inner.count(filter).await
    }

    async fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.inner.list_by_time(filter, order, limit).await
    }

    async fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        self.inner.counts(filter).await
    }

    async fn purge(&self, instances: &[InstanceId], lease: &Lease) -> Result<usize, ProviderError> {
        fails(&mut self.orders().failing_purges)?;
        self.inner.purge(instances, lease).await
    }

    async fn recover(&self, lease: &Lease) -> Result<Vec<InstanceSummary>, ProviderError> {
        fails(&mut self.orders().failing_recoveries)?;
        self.inner.recover(lease).await
    }
}

#[async_trait]
impl ShardLease for Faulty {
    async fn acquire(&self, shard: ShardId, owner: &str) -> Result<Lease, ProviderError> {
        self.acquisitions.pass().await;
        let reason = REASON.to_owned();
        let broken = self.orders().broken.get(&shard).copied();
        match broken {
            None => self.inner.acquire(shard, owner).await,
            Some(Breakage::Full) => Err(ProviderError::Unavailable { reason, source: None }),
            Some(Breakage::Rotten) => {
                Err(ProviderError::Corrupt { place: Place("segment 7".into()), reason })
            }
        }
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, ProviderError> {
        let panics = {
            let left = &mut self.orders().panicking_renewals;
            let panics = *left > 0;
            *left = left.saturating_sub(1);
            panics
        };
        assert!(!panics, "as ordered");
        self.inner.renew(lease).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), ProviderError> {
        fails(&mut self.orders().failing_releases)?;
        let released = self.inner.release(lease).await;
        self.released.fetch_add(1, Ordering::SeqCst);
        released
    }
}

impl Provider for Faulty {
    fn shards(&self) -> u32 {
        self.inner.shards()
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        Arc::new(self.clone())
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        self.inner.timers()
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        Arc::new(self.clone())
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        self.inner.sharing()
    }
}
