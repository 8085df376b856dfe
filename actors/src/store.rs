//! A store as everybody sees it, whether they have shards of it or not.

use std::sync::Arc;

use reenact_core::{
    Event, EventKey, ExecutionId, History, InstanceId, RecordedTurn, RemoteRun, ShardId, codec,
};
use reenact_providers::{HistoryStore, InstanceSummary, Provider, ProviderError, TimerScheduler};

use crate::error::{Error, Result};
use crate::log::Log;
use crate::remote::Remote;
use crate::seeds::Seeds;

/// Turns that are read from the store at a time.
pub(crate) const TURNS_PER_READ: usize = 4_096;

/// What hosts and clients without one have in common: they read the logs, and reach the owners of
/// shards through their queues where the store is shared.
pub(crate) struct Store {
    shards: u32,
    pub(crate) histories: Arc<dyn HistoryStore>,
    pub(crate) clock: Arc<dyn TimerScheduler>,
    pub(crate) seeds: Arc<Seeds>,
    /// The ways to other hosts; none where one host has the store for itself.
    pub(crate) remote: Option<Remote>,
}

impl Store {
    pub(crate) fn of(provider: &dyn Provider) -> Self {
        Self::through(provider.histories(), provider)
    }

    /// The same, whose logs are read through something else.
    pub(crate) fn through(histories: Arc<dyn HistoryStore>, provider: &dyn Provider) -> Self {
        let (shards, clock, seeds) = (provider.shards(), provider.timers(), Arc::new(Seeds::new()));
        let remote = provider.sharing().map(|sharing| Remote {
            shards,
            router: sharing.router(),
            sharing,
            clock: clock.clone(),
            seeds: seeds.clone(),
        });
        Self { shards, histories, clock, seeds, remote }
    }

    pub(crate) fn shard_of(&self, instance: &InstanceId) -> ShardId {
        ShardId::of(instance, self.shards)
    }

    /// What is known of an instance that there is.
    pub(crate) async fn summary(&self, instance: &InstanceId) -> Result<InstanceSummary> {
        let summary = self.find(instance).await?;
        summary.ok_or_else(|| Error::NotFound { instance: instance.clone() })
    }

    /// What is known of an instance, if there is one.
    pub(crate) async fn find(&self, instance: &InstanceId) -> Result<Option<InstanceSummary>> {
        Ok(self.histories.summary(instance).await?)
    }

    /// The history of an instance's newest execution, as far as it is durable.
    pub(crate) async fn history(&self, instance: &InstanceId) -> Result<History> {
        loop {
            let execution = self.summary(instance).await?.execution;
            match self.history_of(instance, execution).await {
                // The next execution has taken its place since.
                Err(Error::NotFound { .. })
                    if self.summary(instance).await?.execution != execution => {}
                read => return read,
            }
        }
    }

    async fn history_of(&self, instance: &InstanceId, execution: ExecutionId) -> Result<History> {
        let (mut history, mut next) = (History::default(), Some(0));
        while let Some(from) = next {
            let page = self.histories.read(instance, execution, from, TURNS_PER_READ).await?;
            for turn in page.turns {
                history.push(codec::decode_turn(&turn.bytes).map_err(|error| {
                    let reason = format!("turn {}: {error}", turn.number);
                    Error::Unreadable { instance: instance.clone(), reason }
                })?);
            }
            next = page.next;
        }
        Ok(history)
    }

    /// Whether an instance has begun, and then whether with the start of that seed.
    pub(crate) async fn began_with(
        &self,
        instance: &InstanceId,
        seed: u64,
    ) -> Result<Option<bool>> {
        let Some(summary) = self.find(instance).await? else { return Ok(None) };
        let read = self.histories.read(instance, summary.execution, 0, 1).await;
        let first = match read {
            Ok(page) => page.turns.into_iter().next(),
            // The next execution has taken its place since, or it was purged: look again.
            Err(ProviderError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let first: Option<RecordedTurn> =
            first.and_then(|turn| codec::decode_turn(&turn.bytes).ok());
        let drawn = first.and_then(|turn| match turn.events.first() {
            Some(Event::ExecutionStarted { seed, .. }) => Some(*seed),
            _ => None,
        });
        let run = drawn.map(|seed| RemoteRun { execution: summary.execution, seed });
        Ok(Some(run.is_some_and(|run| run.descends_from(seed))))
    }

    /// Whether an event with that key is in the log of an instance.
    pub(crate) async fn has_event(
        &self,
        instance: &InstanceId,
        key: &EventKey,
    ) -> Result<bool, ProviderError> {
        self.log().has_event(instance, key).await
    }

    pub(crate) fn log(&self) -> Log<'_> {
        let is_shared = self.remote.is_some();
        Log { store: &*self.histories, clock: &*self.clock, is_shared, stalls: None }
    }
}
