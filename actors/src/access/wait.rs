//! Waits for instances: their host reports the end, or the store is asked again and again.

use std::future::pending;
use std::time::Duration;

use reenact_core::{InstanceId, Outcome};
use reenact_providers::Backoff;

use super::Access;
use crate::error::Result;
use crate::seeds::Seeds;
use crate::snapshot::Snapshot;
use crate::waiters::Waiter;

/// The times between two looks at an instance on another host.
const LOOKS: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));

/// How often an instance was looked at.
#[derive(Debug, Default)]
pub(super) struct Looks {
    taken: u32,
}

impl Looks {
    pub(super) const fn is_not_first(&self) -> bool {
        self.taken > 0
    }

    /// Waits until the next look, by the host's own clock. Never for less than half of the time, so
    /// that those who began together do not look together for ever.
    pub(super) async fn pause(&mut self, seeds: &Seeds) {
        let whole = LOOKS.after(self.taken);
        self.taken = self.taken.saturating_add(1);
        let half = whole / 2;
        let jitter = seeds.next() % (half.as_millis().max(1) as u64);
        tokio::time::sleep(half + Duration::from_millis(jitter)).await;
    }
}

impl Access {
    /// Waits for the end of an instance, however many executions it has until then. One on another host
    /// is looked at in the store, at first often, then once a second.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound); [`Error::Parked`](crate::Error::Parked), also when
    /// it is parked while this waits, if it is on this host;
    /// [`Error::ShuttingDown`](crate::Error::ShuttingDown);
    /// [`Error::Unreadable`](crate::Error::Unreadable); [`Error::Store`](crate::Error::Store), also
    /// when the log of the instance's shard turns out to be corrupt while this waits. A store that is
    /// away for a while does not end the wait.
    ///
    /// Cancelling it is harmless.
    pub async fn outcome(&self, instance: &InstanceId) -> Result<Outcome> {
        let mut looks = Looks::default();
        loop {
            // Enlisted before the look, so that no end is missed in between.
            let waiter = self
                .here()
                .map(|host| host.waiters.end_of(instance.clone(), host.clients.of_caller()));
            match self.store().end_of(instance).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => {}
                Err(error) if looks.taken > 0 && error.is_of_a_store_that_is_away() => {}
                Err(error) => return Err(error),
            }
            self.may_go_on(instance)?;
            tokio::select! {
                biased;
                outcome = notified(waiter) => return outcome,
                () = self.until_next_look(instance, &mut looks) => {}
            }
        }
    }

    /// Waits until an instance is as wanted, or has ended; how it is then. Looks now, and whenever
    /// its status has changed; or, where it is on another host, again and again.
    ///
    /// # Errors
    /// As [`Access::outcome`].
    ///
    /// Cancelling it is harmless.
    pub async fn wait_until(
        &self,
        instance: &InstanceId,
        mut is_wanted: impl FnMut(&Snapshot) -> bool,
    ) -> Result<Snapshot> {
        let (mut before, mut looks) = (None, Looks::default());
        loop {
            // Enlisted before the look, so that no change is missed in between.
            let waiter = self.waiter_for_change(instance);
            match self.store().snapshot(instance, before.as_ref(), self.routes()).await {
                Ok(snapshot) if snapshot.outcome.is_some() || is_wanted(&snapshot) => {
                    return Ok(snapshot);
                }
                Ok(snapshot) => before = Some(snapshot),
                Err(error) if looks.taken > 0 && error.is_of_a_store_that_is_away() => {}
                Err(error) => return Err(error),
            }
            self.until_change(instance, waiter, &mut looks).await?;
        }
    }

    /// A waiter for a change of what an instance shows, or for its end, on the host that may have it.
    pub(super) fn waiter_for_change(&self, instance: &InstanceId) -> Option<Waiter<()>> {
        let host = self.here()?;
        Some(host.waiters.change_of(instance.clone(), host.clients.of_caller()))
    }

    /// Returns when the waiter was notified, or when it is time to look again.
    pub(super) async fn until_change(
        &self,
        instance: &InstanceId,
        waiter: Option<Waiter<()>>,
        looks: &mut Looks,
    ) -> Result<()> {
        self.may_go_on(instance)?;
        tokio::select! {
            biased;
            changed = notified(waiter) => changed,
            () = self.until_next_look(instance, looks) => Ok(()),
        }
    }

    /// Returns when it is time to look again at an instance that another host has. It never returns while
    /// the instance's shard is up here, because changes are reported then.
    pub(super) async fn until_next_look(&self, instance: &InstanceId, looks: &mut Looks) {
        if self.store().queue_client.is_none() && !self.is_read_only() {
            return pending().await;
        }
        if let Some(routes) = self.routes() {
            routes.until_away(self.store().shard_of(instance)).await;
        }
        looks.pause(&self.store().seeds).await;
    }
}

pub(super) async fn notified<T>(waiter: Option<Waiter<T>>) -> Result<T> {
    match waiter {
        Some(waiter) => waiter.notified().await,
        None => pending().await,
    }
}
