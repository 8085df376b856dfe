//! A store in memory with one fault.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use reenact_core::{ExecutionId, InstanceId, Name, Receipt, ShardId};
use reenact_providers::{
    Batch, Delivery, DeliveryId, ExternalEventRouter, HistoryStore, InMemory, InstanceCounts,
    InstanceFilter, InstancePage, InstanceState, InstanceSummary, Lease, ManualClock, Membership,
    Message, PageRequest, Provider, ProviderError, QuarantineId, Quarantined, ShardLease, Sharing,
    StoredTurn, SystemClock, TimeOrder, TimerScheduler, TurnPage,
};
use reenact_testkit::conformance::Hub;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    None,
    AppendsTurnByTurn,
    AcknowledgesConflicts,
    ForgetsTheFence,
    CountsNoCommits,
    LosesDataOnReopening,
    TakesEndsForPages,
    ReadsOnlyOnePage,
    ForgetsTheNewestSummary,
    IgnoresTheFilter,
    CountsEverything,
    ListsTheOldestAsTheNewest,
    CountsAllAsOneState,
    ListsBackwards,
    ListsAnEmptyLastPage,
    PurgesNothing,
    KeepsEarlierExecutions,
    RecoversLatestFirst,
    RecoversNothing,
    StealsLeases,
    RenewsForAnybody,
    ReleasesForAnybody,
    KeepsDuplicates,
    ForgetsAcknowledgements,
    DeliversOnlyOnce,
    CountsNoAttempts,
    TakesBeforeItReturns,
    HasOneQueueForAllShards,
    ComesBackEmpty,
    KeepsItsOwnTime,
}

/// Keeps the contract but for its fault.
#[derive(Clone)]
pub(crate) struct Faulty {
    inner: InMemory,
    clock: ManualClock,
    fault: Fault,
    seen: Arc<Mutex<Seen>>,
}

/// What a fault needs to remember.
#[derive(Default)]
struct Seen {
    opened: u64,
    sent: u64,
    leases: HashMap<ShardId, Lease>,
    summaries: HashMap<InstanceId, InstanceSummary>,
    turns: HashMap<(InstanceId, ExecutionId), Vec<StoredTurn>>,
}

impl Faulty {
    pub(crate) fn new(fault: Fault, clock: ManualClock) -> Self {
        let inner = InMemory::new().with_clock(clock.clone()).shared();
        Self { inner, clock, fault, seen: Arc::default() }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn remember(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nobody panics under this lock")
    }

    fn sharing_of(&self) -> Arc<dyn Sharing> {
        self.inner.sharing().expect("it is shared")
    }

    fn router_of(&self) -> Arc<dyn ExternalEventRouter> {
        self.sharing_of().router()
    }

    fn newest_lease(&self, shard: ShardId) -> Option<Lease> {
        self.remember().leases.get(&shard).cloned()
    }

    fn queue_of(&self, shard: ShardId) -> ShardId {
        if self.has(Fault::HasOneQueueForAllShards) { ShardId(0) } else { shard }
    }
}

impl Hub for Faulty {
    type Provider = Self;

    async fn open(&self) -> Self {
        let mut seen = self.remember();
        seen.opened += 1;
        if self.has(Fault::LosesDataOnReopening) && seen.opened > 1 {
            return Self::new(self.fault, self.clock.clone());
        }
        self.clone()
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
        if self.has(Fault::KeepsItsOwnTime) {
            return Arc::new(SystemClock);
        }
        self.inner.timers()
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        Arc::new(self.clone())
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        Some(Arc::new(self.clone()))
    }
}

#[async_trait]
impl HistoryStore for Faulty {
    async fn append(&self, batch: Arc<Batch>) -> Result<Receipt, ProviderError> {
        if self.has(Fault::AppendsTurnByTurn) {
            let Batch { shard, epoch, ref turns } = *batch;
            for turn in turns.iter().cloned() {
                let _ = self.inner.append(Batch { shard, epoch, turns: vec![turn] }.into()).await?;
            }
            return self.inner.append(Batch { shard, epoch, turns: vec![] }.into()).await;
        }
        for turn in &batch.turns {
            let (instance, summary) = (turn.summary.instance.clone(), turn.summary.clone());
            self.remember().summaries.entry(instance.clone()).or_insert(summary);
            let stored = StoredTurn { number: turn.number, bytes: turn.bytes.clone() };
            let of = (instance, turn.summary.execution);
            self.remember().turns.entry(of).or_default().push(stored);
        }
        match (self.inner.append(batch.clone()).await, self.fault) {
            (Err(ProviderError::Conflict { .. }), Fault::AcknowledgesConflicts) => {
                Ok(Receipt::issue(batch.shard, 1))
            }
            (Err(ProviderError::Fenced { shard }), Fault::ForgetsTheFence) => {
                let newest = self.newest_lease(shard).ok_or(ProviderError::Fenced { shard })?;
                let turns = batch.turns.clone();
                self.inner.append(Batch { shard, epoch: newest.epoch, turns }.into()).await
            }
            (Ok(_), Fault::CountsNoCommits) => Ok(Receipt::issue(batch.shard, 1)),
            (outcome, _) => outcome,
        }
    }

    async fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<TurnPage, ProviderError> {
        match (self.inner.read(instance, execution, from, limit).await, self.fault) {
            (Err(ProviderError::Conflict { .. }), Fault::TakesEndsForPages) => {
                Ok(TurnPage { turns: vec![], next: None })
            }
            (Err(ProviderError::NotFound { instance }), Fault::KeepsEarlierExecutions) => {
                let kept = self.remember().turns.get(&(instance.clone(), execution)).cloned();
                let turns = kept.ok_or(ProviderError::NotFound { instance })?;
                Ok(TurnPage { turns, next: None })
            }
            (Ok(page), Fault::ReadsOnlyOnePage) => Ok(TurnPage { next: None, ..page }),
            (outcome, _) => outcome,
        }
    }

    async fn summary(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError> {
        if self.has(Fault::ForgetsTheNewestSummary) {
            return Ok(self.remember().summaries.get(instance).cloned());
        }
        self.inner.summary(instance).await
    }

    async fn executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.inner.executions(instance).await
    }

    async fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<InstancePage, ProviderError> {
        let everything = InstanceFilter::new();
        let ignores = self.has(Fault::IgnoresTheFilter);
        let mut listed = self.inner.list(if ignores { &everything } else { filter }, page).await?;
        if self.has(Fault::ListsBackwards) {
            listed.instances.reverse();
        }
        if self.has(Fault::ListsAnEmptyLastPage) {
            listed.next = listed.instances.last().map(|last| last.instance.clone());
        }
        Ok(listed)
    }

    async fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        let everything = InstanceFilter::new();
        let ignores = self.has(Fault::CountsEverything);
        self.inner.count(if ignores { &everything } else { filter }).await
    }

    async fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        let wrong = self.has(Fault::ListsTheOldestAsTheNewest);
        let order = if wrong { TimeOrder::OldestFirst } else { order };
        self.inner.list_by_time(filter, order, limit).await
    }

    async fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        let right = self.inner.counts(filter).await?;
        if !self.has(Fault::CountsAllAsOneState) {
            return Ok(right);
        }
        let mut wrong = InstanceCounts::default();
        for (name, counts) in right.orchestrations() {
            wrong.add(name, InstanceState::Running, counts.total());
        }
        Ok(wrong)
    }

    async fn purge(&self, instances: &[InstanceId], lease: &Lease) -> Result<usize, ProviderError> {
        if self.has(Fault::PurgesNothing) {
            return Ok(instances.len());
        }
        self.inner.purge(instances, lease).await
    }

    async fn recover(&self, lease: &Lease) -> Result<Vec<InstanceSummary>, ProviderError> {
        let mut found = self.inner.recover(lease).await?;
        if self.has(Fault::RecoversLatestFirst) {
            found.reverse();
        }
        if self.has(Fault::RecoversNothing) {
            found.clear();
        }
        Ok(found)
    }
}

#[async_trait]
impl ShardLease for Faulty {
    async fn acquire(&self, shard: ShardId, owner: &str) -> Result<Lease, ProviderError> {
        if let (Some(held), Fault::StealsLeases) = (self.newest_lease(shard), self.fault) {
            self.inner.release(&held).await?;
        }
        let lease = self.inner.acquire(shard, owner).await?;
        self.remember().leases.insert(shard, lease.clone());
        Ok(lease)
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, ProviderError> {
        match (self.inner.renew(lease).await, self.fault) {
            (Err(ProviderError::Fenced { .. }), Fault::RenewsForAnybody) => Ok(lease.clone()),
            (outcome, _) => outcome,
        }
    }

    async fn release(&self, lease: &Lease) -> Result<(), ProviderError> {
        match (self.newest_lease(lease.shard), self.fault) {
            (Some(newest), Fault::ReleasesForAnybody) => self.inner.release(&newest).await,
            _ => self.inner.release(lease).await,
        }
    }
}

#[async_trait]
impl ExternalEventRouter for Faulty {
    async fn send(&self, shard: ShardId, mut message: Message) -> Result<(), ProviderError> {
        if self.has(Fault::KeepsDuplicates) {
            let mut seen = self.remember();
            seen.sent += 1;
            message.key = format!("{}#{}", message.key, seen.sent);
        }
        self.router_of().send(self.queue_of(shard), message).await
    }

    async fn receive(&self, shard: ShardId, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        if self.has(Fault::ComesBackEmpty) {
            let (now, router) = (std::future::ready(Ok(vec![])), self.router_of());
            return tokio::select! {
                biased;
                deliveries = router.receive(shard, limit) => deliveries,
                nothing = now => nothing,
            };
        }
        let mut deliveries = self.router_of().receive(self.queue_of(shard), limit).await?;
        for delivery in &mut deliveries {
            match self.fault {
                Fault::KeepsDuplicates => {
                    let key = delivery.message.key.split('#').next().unwrap_or_default();
                    delivery.message.key = key.to_owned();
                }
                Fault::CountsNoAttempts => delivery.attempt = 1,
                Fault::DeliversOnlyOnce => {
                    self.router_of().acknowledge(shard, delivery.id).await?;
                }
                Fault::TakesBeforeItReturns => {
                    self.router_of().acknowledge(shard, delivery.id).await?;
                    tokio::task::yield_now().await;
                }
                _ => {}
            }
        }
        Ok(deliveries)
    }

    async fn acknowledge(&self, shard: ShardId, delivery: DeliveryId) -> Result<(), ProviderError> {
        if self.has(Fault::ForgetsAcknowledgements) {
            return Ok(());
        }
        self.router_of().acknowledge(self.queue_of(shard), delivery).await
    }
}

/// Has no faults of its own, but for its router.
#[async_trait]
impl Sharing for Faulty {
    fn router(&self) -> Arc<dyn ExternalEventRouter> {
        Arc::new(self.clone())
    }

    async fn join(&self, host: &str) -> Result<Arc<dyn Membership>, ProviderError> {
        self.sharing_of().join(host).await
    }

    async fn send_to(&self, tag: &Name, message: Message) -> Result<(), ProviderError> {
        self.sharing_of().send_to(tag, message).await
    }

    async fn receive_from(&self, tag: &Name, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        self.sharing_of().receive_from(tag, limit).await
    }

    fn visibility_time(&self) -> Duration {
        self.sharing_of().visibility_time()
    }

    async fn extend(&self, tag: &Name, delivery: DeliveryId) -> Result<(), ProviderError> {
        self.sharing_of().extend(tag, delivery).await
    }

    async fn acknowledge_from(
        &self,
        tag: &Name,
        delivery: DeliveryId,
    ) -> Result<(), ProviderError> {
        self.sharing_of().acknowledge_from(tag, delivery).await
    }

    async fn quarantine(&self, what: Quarantined) -> Result<(), ProviderError> {
        self.sharing_of().quarantine(what).await
    }

    async fn quarantined(
        &self,
        after: Option<&QuarantineId>,
        limit: usize,
    ) -> Result<Vec<(QuarantineId, Quarantined)>, ProviderError> {
        self.sharing_of().quarantined(after, limit).await
    }

    async fn discard(&self, id: &QuarantineId) -> Result<(), ProviderError> {
        self.sharing_of().discard(id).await
    }
}
