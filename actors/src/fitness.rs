//! Finds, in the background, the instances that this host cannot run, and those that it can run again.

use std::collections::BTreeSet;
use std::time::Duration;

use reenact_core::{InstanceId, MachineConfig, ShardId, Timestamp};
use reenact_providers::{
    InstanceFilter, InstanceState, InstanceSummary, PageRequest, ProviderError,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::context::{HostContext, HostRef};
use crate::log::Log;
use crate::message::Internal;
use crate::panic::{catch_panic, this_thread};
use crate::task::Task;

/// Instances that are listed at a time.
const LISTED_AT_ONCE: usize = 256;

/// For each time that a replay takes, so much passes before the next: a host that starts has other
/// things to do.
const PAUSE_PER_REPLAY: u32 = 3;

/// The longest pause between two replays.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Most histories that are replayed in one look. Of the instances beyond it only the registration of
/// their orchestration is looked at; they are replayed when something comes for them.
const REPLAYED_AT_ONCE: usize = 100_000;

/// The same on a store that hosts share: there each read is a request, and is paid for.
const REPLAYED_AT_ONCE_ON_A_HUB: usize = 1_000;

/// Looks at each shard that this host begins to hold, until the task is dropped. It runs code of
/// orchestrations, which has no place on the thread of the host.
pub(crate) fn begin(host: &HostRef) -> Task {
    let (thread, host) = (host.threads.of_shard(ShardId(0)), host.clone());
    Task::spawn_on(&thread, async move {
        let mut seen = BTreeSet::new();
        loop {
            let mut shards = host.new_shards.take().await;
            if host.store.queue_client.is_none() {
                // No other host has had them since, and the code of this host is the same.
                shards.retain(|shard| seen.insert(*shard));
            }
            if shards.is_empty() {
                continue;
            }
            let budget = match host.store.queue_client {
                None => REPLAYED_AT_ONCE,
                Some(_) => REPLAYED_AT_ONCE_ON_A_HUB,
            };
            let now = host.store.clock.now();
            let mut look = Look { host: &host, shards, since: now, budget, passed_over: 0 };
            if let Err(error) = look.all().await {
                tracing::warn!(target: "reenact::host", parent: None, %error, "instances could not be checked at the start; each is checked when it is used");
            }
            if look.passed_over > 0 {
                let instances = look.passed_over;
                tracing::info!(
                    target: "reenact::host", parent: None,
                    instances,
                    "these instances were not replayed at the start; each is replayed when it is used"
                );
            }
        }
    })
}

/// What a look at an instance has shown.
enum Found {
    /// It could go on.
    Fit,
    /// It could not: it is parked, or was and may go on.
    Unfit,
    /// Hosts have died while its code ran, which has not run here. Its actor runs it, for that is
    /// recorded before, or does not.
    Suspect,
}

/// One look at the unfinished instances of some shards.
struct Look<'a> {
    host: &'a HostContext,
    shards: BTreeSet<ShardId>,
    /// What was due by then comes into memory by itself.
    since: Timestamp,
    /// How many histories may still be replayed.
    budget: usize,
    passed_over: u64,
}

impl Look<'_> {
    /// Those that are parked first: they may go on.
    async fn all(&mut self) -> Result<(), ProviderError> {
        for state in [InstanceState::Parked, InstanceState::Running, InstanceState::Suspended] {
            self.all_that_are(state).await?;
        }
        Ok(())
    }

    async fn all_that_are(&mut self, state: InstanceState) -> Result<(), ProviderError> {
        let filter = InstanceFilter::new().states([state]);
        let mut next = Some(PageRequest::new().limit(LISTED_AT_ONCE));
        while let Some(request) = next {
            let page = self.log().list(&filter, &request).await?;
            for summary in page.instances {
                if self.is_to_be_seen(&summary) {
                    self.one(summary).await?;
                }
            }
            // A store in memory never waits, and other tasks need the thread too.
            tokio::task::yield_now().await;
            next = page.next.map(|after| request.after(after));
        }
        Ok(())
    }

    fn is_to_be_seen(&self, summary: &InstanceSummary) -> bool {
        let (routes, instance) = (&self.host.routes, &summary.instance);
        let shard = routes.shard_of(instance);
        let comes_by_itself = summary.wake_at.is_some_and(|at| at <= self.since);
        self.shards.contains(&shard)
            && routes.holds(shard)
            && !comes_by_itself
            && routes.parked(instance).is_none()
            && routes.why_stalled(instance).is_none()
            && routes.actor(instance).is_none()
    }

    async fn one(&mut self, summary: InstanceSummary) -> Result<(), ProviderError> {
        let is_registered = self.host.registry.orchestration(&summary.name, None).is_ok();
        if summary.state != InstanceState::Parked && is_registered {
            if self.budget == 0 {
                self.passed_over += 1;
                return Ok(());
            }
            self.budget -= 1;
        }
        let began = Instant::now();
        let found = if summary.state == InstanceState::Parked || !is_registered {
            Found::Unfit
        } else {
            self.replay(&summary).await?
        };
        match found {
            Found::Fit => {}
            Found::Unfit => self.bring_into_memory(&summary.instance).await,
            Found::Suspect => {
                self.host.routes.deliver(&summary.instance, Internal::Recover.into());
                self.bring_into_memory(&summary.instance).await;
            }
        }
        tokio::time::sleep((began.elapsed() * PAUSE_PER_REPLAY).min(LONGEST_PAUSE)).await;
        Ok(())
    }

    /// Whether an instance could go on. What has changed meanwhile is looked at by its actor.
    async fn replay(&self, summary: &InstanceSummary) -> Result<Found, ProviderError> {
        let config = MachineConfig {
            strict: self.host.options.strict_replay,
            catch_panic,
            activities: None,
            versions: None,
            local_in_place: false,
            large_payloads: self.host.store.takes_large_payloads,
            this_thread: Some(this_thread),
            on_foreign_wake: None,
            keep_history: false,
        };
        let found = match self.log().deaths(summary).await {
            Ok(Ok(deaths)) if deaths.known() > 0 => Ok(Found::Suspect),
            Ok(Ok(_)) => {
                let registry = &self.host.registry;
                let replayed = self.log().replay(summary, registry, config, summary.turns).await;
                replayed.map(|replayed| replayed.map_or(Found::Unfit, |_| Found::Fit))
            }
            Ok(Err(_)) => Ok(Found::Unfit),
            Err(error) => Err(error),
        };
        match found {
            // Purged, or in its next execution by now.
            Err(ProviderError::NotFound { .. }) => Ok(Found::Fit),
            found => found,
        }
    }

    /// The instance finds out by itself: it is parked, or goes on. Returns when it has.
    async fn bring_into_memory(&self, instance: &InstanceId) {
        let (reply, answer) = oneshot::channel();
        let given_up = self.host.routes.until_given_up(instance);
        self.host.routes.deliver(instance, Internal::ReportOpen(reply).into());
        tokio::select! {
            biased;
            // One that is parked does not say.
            _ = answer => {}
            () = given_up => {}
        }
    }

    fn log(&self) -> Log<'_> {
        self.host.log()
    }
}
