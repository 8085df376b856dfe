//! The conformance suite can fail: each of these stores breaks its contract in one way, and the
//! case that is there for it says so.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use reenact_core::{ExecutionId, InstanceId, Name, Receipt, ShardId};
use reenact_providers::{
    Batch, Delivery, DeliveryId, ExternalEventRouter, HistoryStore, InMemory, InstanceFilter,
    InstancePage, InstanceSummary, Lease, ManualClock, Membership, Message, PageRequest, Provider,
    ProviderError, QuarantineId, Quarantined, ShardLease, Sharing, StoredTurn, SystemClock,
    TimerScheduler, TurnPage,
};
use reenact_testkit::conformance::{
    Hub, Stage, append, executions, fence, lease, list, purge, queue, read, recovery, summary,
    timers,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
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
struct Faulty {
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
    fn new(fault: Fault, clock: ManualClock) -> Self {
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

/// Whether the case panics on a store with this fault.
async fn fails<F>(fault: Fault, case: impl FnOnce(Stage<Faulty>) -> F) -> bool
where
    F: Future<Output = ()> + Send + 'static,
{
    let stage = Stage::new(|clock| async move { Faulty::new(fault, clock) }).await;
    match tokio::spawn(case(stage)).await {
        Ok(()) => false,
        Err(error) => {
            assert!(error.is_panic());
            true
        }
    }
}

/// One test for each fault: the cases named find it, and they find nothing in a store without it.
/// Time is paused, so that a wait that would never end fails at once.
macro_rules! caught {
    ($($test:ident: $fault:ident by $($subject:ident::$case:ident),+;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $test() {$(
            let case = |stage| async move { $subject::$case(&stage).await };
            let name = stringify!($subject::$case);
            assert!(fails(Fault::$fault, case).await, "{name} overlooks {:?}", Fault::$fault);
            assert!(!fails(Fault::None, case).await, "{name} fails without a fault");
        )+}
    )*};
}

caught! {
    a_partial_append_is_found: AppendsTurnByTurn by
        append::a_gap_is_refused_with_all_of_its_batch,
        append::a_turn_of_another_shard_is_refused_with_all_of_its_batch,
        append::two_starts_of_one_id_in_a_batch_are_refused,
        executions::an_execution_cannot_be_left_out;
    a_conflict_that_is_acknowledged_is_found: AcknowledgesConflicts by
        append::of_appends_that_compete_for_a_place_exactly_one_wins,
        append::a_second_start_is_refused_with_all_of_its_batch,
        executions::an_earlier_execution_takes_no_more_turns;
    a_missing_fence_is_found: ForgetsTheFence by
        fence::a_superseded_epoch_can_write_nothing,
        fence::an_empty_batch_is_fenced_as_well,
        fence::an_epoch_from_before_the_reopening_is_fenced;
    receipts_that_do_not_rise_are_found: CountsNoCommits by
        append::receipts_name_their_shard_and_rise;
    lost_data_is_found: LosesDataOnReopening by
        append::what_was_appended_survives_reopening,
        executions::executions_survive_reopening,
        lease::epochs_rise_across_reopening,
        summary::summaries_survive_reopening,
        recovery::recovery_goes_by_the_newest_turn,
        purge::a_purge_survives_reopening,
        queue::a_queue_survives_reopening;
    a_cursor_out_of_place_is_found: TakesEndsForPages by
        read::reading_past_the_end_is_a_conflict;
    a_history_cut_short_is_found: ReadsOnlyOnePage by
        read::pages_of_every_size_give_the_same_history;
    an_old_summary_is_found: ForgetsTheNewestSummary by
        summary::the_summary_is_that_of_the_newest_turn,
        summary::the_last_turn_of_a_batch_gives_the_summary,
        executions::a_finished_instance_goes_on_in_its_next_execution;
    a_filter_that_is_ignored_is_found: IgnoresTheFilter by
        list::each_filter_lets_through_what_it_says,
        list::filters_combine;
    a_list_out_of_order_is_found: ListsBackwards by
        list::instances_are_listed_by_id_in_pages_of_every_size,
        list::a_list_is_stable_while_instances_are_appended;
    a_list_with_an_empty_last_page_is_found: ListsAnEmptyLastPage by
        list::instances_are_listed_by_id_in_pages_of_every_size,
        list::pages_of_a_filtered_list_are_full;
    a_count_that_ignores_the_filter_is_found: CountsEverything by
        list::each_filter_lets_through_what_it_says;
    a_purge_that_does_nothing_is_found: PurgesNothing by
        purge::a_purged_instance_is_gone_and_its_id_is_free,
        purge::an_unfinished_instance_cannot_be_purged,
        purge::purging_an_unknown_instance_removes_nothing,
        purge::purging_is_fenced;
    an_execution_that_is_kept_too_long_is_found: KeepsEarlierExecutions by
        executions::the_next_execution_begins_at_turn_0_in_the_place_of_the_earlier,
        executions::a_batch_may_end_one_execution_and_begin_the_next;
    recovery_out_of_order_is_found: RecoversLatestFirst by
        recovery::recovery_gives_the_instances_that_must_be_woken_earliest_first;
    a_recovery_that_forgets_is_found: RecoversNothing by
        recovery::recovery_leaves_out_what_was_purged;
    a_stolen_lease_is_found: StealsLeases by
        lease::a_held_shard_cannot_be_taken_and_the_error_names_the_holder,
        lease::of_hosts_that_compete_for_a_shard_exactly_one_gets_it;
    a_lease_renewed_for_anybody_is_found: RenewsForAnybody by
        lease::a_superseded_or_released_lease_cannot_be_renewed;
    a_lease_released_by_anybody_is_found: ReleasesForAnybody by
        lease::releasing_a_lost_lease_leaves_the_new_owner_alone;
    a_duplicate_message_is_found: KeepsDuplicates by
        queue::a_key_that_is_in_the_queue_is_not_taken_twice;
    an_acknowledgement_without_effect_is_found: ForgetsAcknowledgements by
        queue::what_is_acknowledged_is_never_delivered_again,
        queue::an_acknowledged_key_can_be_sent_again;
    a_message_delivered_only_once_is_found: DeliversOnlyOnce by
        queue::what_is_not_acknowledged_is_delivered_again_with_a_higher_attempt,
        queue::receiving_waits_until_a_delivery_has_run_out;
    attempts_that_are_not_counted_are_found: CountsNoAttempts by
        queue::what_is_not_acknowledged_is_delivered_again_with_a_higher_attempt;
    a_message_lost_by_cancelling_is_found: TakesBeforeItReturns by
        queue::a_dropped_receive_loses_nothing;
    a_message_in_the_wrong_queue_is_found: HasOneQueueForAllShards by
        queue::each_shard_has_its_own_queue;
    receiving_that_does_not_wait_is_found: ComesBackEmpty by
        queue::receiving_waits_until_a_message_arrives;
    another_clock_is_found: KeepsItsOwnTime by
        timers::timers_run_on_the_clock_that_the_store_was_given;
}
