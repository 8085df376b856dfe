//! Reacts to the end or the crash of an actor of the shard.

use std::time::Duration;

use ractor::{ActorId, ActorProcessingErr, ActorRef};
use reenact_core::zoo::{self, Bug};
use reenact_core::{InstanceId, Timestamp};
use reenact_providers::ProviderError;

use super::stashed::{Entering, Stashed};
use super::state::{Crashes, Member, ShardState};
use crate::error::{Error, ParkReason};
use crate::message::{Begin, ShardMessage};

/// An instance is parked when its actor has crashed this often in a row.
const MAX_CRASHES: u32 = 3;

/// Crashes that are further apart do not count as in a row.
const CRASH_WINDOW: Duration = Duration::from_secs(60);

/// Why an actor of the shard failed.
pub(super) struct Failure {
    message: String,
    /// The store could not be reached; another try may succeed.
    is_of_the_store: bool,
}

impl Failure {
    pub(super) fn of(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Self {
        let is_of_the_store = match error.downcast_ref::<ProviderError>() {
            Some(error) => error.is_transient() || matches!(error, ProviderError::Unknown { .. }),
            None => false,
        };
        Self { message: error.to_string(), is_of_the_store }
    }
}

impl ShardState {
    /// An actor has ended. If it was of an instance, that may have to come back. If it was of the shard
    /// itself, the shard starts again from its log.
    pub(super) async fn ended(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        actor: ActorId,
        failure: Option<Failure>,
    ) -> Result<(), ActorProcessingErr> {
        let Some(member) = self.instances.remove(&actor) else {
            return if self.draining {
                Ok(())
            } else {
                let why = failure.map_or_else(|| "it stopped".into(), |failure| failure.message);
                Err(format!("shard {}: an actor of its own ended: {why}", self.shard).into())
            };
        };
        let Member { instance, mut place, .. } = member;
        self.context.host.routes.remove(&instance, actor);
        self.context.ending.remove(actor);
        self.context.gone.add(instance.clone(), &self.context.inbox);
        let stashed = self.stashed.remove(&instance).unwrap_or_default();
        if let Some(failure) = failure
            && !self.draining
        {
            if failure.is_of_the_store {
                if zoo::planted(Bug::RecoveryErrorSwallowed) {
                    return Ok(());
                }
                // The instance is not to blame: it is tried again for as long as it takes.
                tracing::warn!(target: "reenact::instance", parent: None, %instance, error = failure.message, "the log of this instance could not be read for now; trying again");
            } else if let Some(reason) = self.context.host.routes.parked(&instance) {
                // It crashes without its code as well, so it is not tried again by itself.
                tracing::error!(target: "reenact::instance", parent: None, %instance, error = failure.message, "a parked instance crashed without its code; it is not tried again by itself: resume or terminate it");
                refuse(&instance, &reason, stashed);
                self.broken.insert(instance);
                return Ok(());
            } else if let Some(reason) = self.crashed(&instance, failure.message) {
                // The next actor records this in the log, and does not run the code.
                self.context.park(&instance, reason);
            }
            // The effects that follow from its log go on, also when no message comes.
            let begin = Begin::Activate;
            let place = place.take();
            let entering = Entering { begin, place, coming: None, is_due: false };
            self.spawn(myself, instance.clone(), entering).await?;
        }
        // The instances that wait come first.
        drop(place);
        for what in stashed {
            self.deliver(myself, instance.clone(), what).await?;
        }
        Ok(())
    }

    pub(super) fn forget_old_crashes(&mut self, now: Timestamp) {
        self.crashes.retain(|_, crashes| now.since(crashes.last) <= CRASH_WINDOW);
    }

    /// Counts a crash; returns the reason to park when there were too many.
    fn crashed(&mut self, instance: &InstanceId, failure: String) -> Option<ParkReason> {
        tracing::warn!(target: "reenact::instance", parent: None, %instance, error = failure, "the actor of this instance crashed; it starts again from its log");
        let now = self.context.now();
        let crashes =
            self.crashes.entry(instance.clone()).or_insert(Crashes { times: 0, last: now });
        let in_a_row = now.since(crashes.last) <= CRASH_WINDOW;
        crashes.times = if in_a_row { crashes.times + 1 } else { 1 };
        crashes.last = now;
        let times = crashes.times;
        if times < MAX_CRASHES {
            return None;
        }
        self.crashes.remove(instance);
        Some(ParkReason::Crashed { times, last: failure })
    }
}

fn refuse(instance: &InstanceId, reason: &ParkReason, stashed: Vec<Stashed>) {
    for what in stashed {
        if let Stashed::Message(message) = what {
            let (instance, reason) = (instance.clone(), reason.clone());
            message.refuse(|| Error::Parked { instance, reason });
        }
    }
}
