//! The store of a host or a client: reads instances, and has the queue client where hosts share it.

use std::path::PathBuf;
use std::sync::Arc;

use reenact_core::{
    Event, EventKey, ExecutionId, History, InstanceId, RemoteRun, ShardId, knows_start,
};
use reenact_providers::{
    HistoryStore, InstanceSummary, Provider, ProviderError, ShardLease, Sharing, TimerScheduler,
};

use crate::error::{Error, ParkReason, Result};
use crate::log::{Log, is_copied};
use crate::metrics::QueueRecorder;
use crate::published::ValuesRead;
use crate::queue_client::QueueClient;
use crate::reuse::{Reuse, ReusePolicy};
use crate::seeds::Seeds;

/// What hosts and clients without one have in common: they read the logs, and reach the owners of
/// shards through their queues where the store is shared.
pub(crate) struct Store {
    shards: u32,
    /// The directory that it is in, if it is in one.
    pub(crate) directory: Option<PathBuf>,
    pub(crate) histories: Arc<dyn HistoryStore>,
    pub(crate) takes_large_payloads: bool,
    /// To show who has which shard.
    pub(crate) leases: Arc<dyn ShardLease>,
    pub(crate) clock: Arc<dyn TimerScheduler>,
    pub(crate) seeds: Arc<Seeds>,
    /// The ways to other hosts; none where one host has the store for itself.
    pub(crate) queue_client: Option<QueueClient>,
    /// What was read of published values.
    pub(crate) values_read: ValuesRead,
}

impl Store {
    pub(crate) fn of(provider: &dyn Provider, seed: Option<u64>) -> Self {
        let sharing = provider.sharing().map(|sharing| (sharing, Arc::default()));
        Self::through(provider.histories(), provider.leases(), sharing, provider, Seeds::new(seed))
    }

    /// The same, of which a part is reached through something else; with what counts the messages that are requeued,
    /// and what it draws.
    pub(crate) fn through(
        histories: Arc<dyn HistoryStore>,
        leases: Arc<dyn ShardLease>,
        sharing: Option<(Arc<dyn Sharing>, Arc<QueueRecorder>)>,
        provider: &dyn Provider,
        seeds: Seeds,
    ) -> Self {
        let directory = provider.directory();
        let (shards, clock, seeds) = (provider.shards(), provider.timers(), Arc::new(seeds));
        let queue_client = sharing.map(|(sharing, recorder)| QueueClient {
            shards,
            router: sharing.router(),
            sharing,
            clock: clock.clone(),
            seeds: seeds.clone(),
            recorder,
        });
        Self {
            shards,
            directory,
            takes_large_payloads: provider.histories().takes_large_payloads(),
            histories,
            leases,
            clock,
            seeds,
            queue_client,
            values_read: ValuesRead::default(),
        }
    }

    /// Number of shards.
    pub(crate) const fn shards(&self) -> u32 {
        self.shards
    }

    pub(crate) fn shard_of(&self, instance: &InstanceId) -> ShardId {
        ShardId::of(instance, self.shards)
    }

    /// What is known of an instance that there is.
    pub(crate) async fn summary(&self, instance: &InstanceId) -> Result<InstanceSummary> {
        let summary = self.find(instance).await?;
        summary.ok_or_else(|| Error::NotFound { instance: instance.clone() })
    }

    /// The same as of now, where other hosts write its shard: so is what is read of it after this. It may cost a
    /// request.
    pub(crate) async fn summary_now(&self, instance: &InstanceId) -> Result<InstanceSummary> {
        let newest = self.find_now(instance).await?;
        newest.ok_or_else(|| Error::NotFound { instance: instance.clone() })
    }

    /// What is known of an instance, if there is one.
    pub(crate) async fn find(&self, instance: &InstanceId) -> Result<Option<InstanceSummary>> {
        Ok(self.histories.summary(instance).await?)
    }

    /// The same as of now, as [`summary_now`](Self::summary_now).
    pub(crate) async fn find_now(&self, instance: &InstanceId) -> Result<Option<InstanceSummary>> {
        Ok(self.histories.executions(instance).await?.pop())
    }

    /// What is known of an execution of an instance; of the newest one, when none is named.
    pub(crate) async fn execution(
        &self,
        instance: &InstanceId,
        execution: Option<ExecutionId>,
    ) -> Result<InstanceSummary> {
        let newest = self.summary(instance).await?;
        let Some(asked) = execution.filter(|asked| *asked != newest.execution) else {
            return Ok(newest);
        };
        let mut there = self.histories.executions(instance).await?;
        let (Some(oldest), Some(newest)) = (there.first(), there.last()) else {
            return Err(Error::NotFound { instance: instance.clone() });
        };
        let (oldest, newest) = (oldest.execution, newest.execution);
        match there.iter().position(|one| one.execution == asked) {
            Some(place) => Ok(there.swap_remove(place)),
            None => {
                Err(Error::OtherExecution { instance: instance.clone(), asked, oldest, newest })
            }
        }
    }

    /// Whether an execution that was there is gone, of an instance that is there.
    pub(crate) async fn is_gone(&self, of: &InstanceSummary) -> Result<bool> {
        let newest = self.summary(&of.instance).await?;
        if newest.execution == of.execution {
            return Ok(false);
        }
        let there = self.histories.executions(&of.instance).await?;
        Ok(there.iter().all(|one| one.execution != of.execution))
    }

    /// The history of an execution of an instance, or of the newest one, as far as it is durable.
    pub(crate) async fn history(
        &self,
        instance: &InstanceId,
        execution: Option<ExecutionId>,
    ) -> Result<History> {
        loop {
            let summary = self.execution(instance, execution).await?;
            match self.log().history(&summary).await {
                // The next execution has taken its place since.
                Err(ProviderError::NotFound { .. }) if self.is_gone(&summary).await? => {}
                read => {
                    let turns = read?.map_err(|reason| unreadable(instance, &reason))?;
                    return Ok(turns.into_iter().collect());
                }
            }
        }
    }

    /// Whether an instance has begun, and then whether with the start of that seed, and what the policy of that
    /// says about it.
    pub(crate) async fn began_with(
        &self,
        instance: &InstanceId,
        seed: u64,
        policy: ReusePolicy,
    ) -> Result<Option<(bool, Reuse)>> {
        let Some(summary) = self.find(instance).await? else { return Ok(None) };
        let first = match self.log().first_turn(&summary).await {
            Ok(first) => first.map_err(|reason| unreadable(instance, &reason))?,
            // The next execution has taken its place since, or it was purged: look again.
            Err(ProviderError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some(Event::ExecutionStarted { seed: drawn, .. }) = first.events.first() else {
            let reason = "its first turn does not start it".to_owned();
            return Err(unreadable(instance, &ParkReason::Unreadable { reason }));
        };
        let run = RemoteRun { execution: summary.execution, seed: *drawn };
        let reuse = policy.of(summary.state);
        // What a fork has copied names another start.
        let may_be_known = policy.may_replace() || is_copied(&summary, &first);
        if run.descends_from(seed) || !may_be_known {
            return Ok(Some((run.descends_from(seed), reuse)));
        }
        // It may have begun, and have been replaced itself since.
        Ok(Some((knows_start(self.history(instance, None).await?.turns(), seed), reuse)))
    }

    /// Whether an event with that key is in the log of an instance.
    pub(crate) async fn has_event(&self, instance: &InstanceId, key: &EventKey) -> Result<bool> {
        let found = self.log().has_event(instance, key).await?;
        found.map_err(|reason| unreadable(instance, &reason))
    }

    pub(crate) fn log(&self) -> Log<'_> {
        let is_shared = self.queue_client.is_some();
        Log { store: &*self.histories, clock: &*self.clock, is_shared, stalls: None }
    }
}

/// The log of an instance cannot be read.
pub(crate) fn unreadable(instance: &InstanceId, reason: &ParkReason) -> Error {
    let reason = match reason {
        ParkReason::Unreadable { reason } | ParkReason::Undecodable { reason } => reason.clone(),
        other => other.to_string(),
    };
    Error::Unreadable { instance: instance.clone(), reason }
}
