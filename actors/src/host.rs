//! The root of a host's actors: keeps its shards up.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::try_join_all;
use ractor::{
    Actor, ActorId, ActorProcessingErr, ActorRef, ActorStatus, SpawnErr, SupervisionEvent,
};
use reenact_core::ShardId;
use reenact_providers::ProviderError;

use crate::context::{HostContext, HostRef};
use crate::message::ShardMessage;
use crate::retention;
use crate::shard::ShardSupervisor;
use crate::task::Task;

/// How long a shard stays down before it is started again.
const RESTART_DELAY: Duration = Duration::from_millis(100);

/// The time between two tries to start a shard that another host holds.
const HELD_DELAY: Duration = Duration::from_millis(250);

/// The longest time between two tries to start a shard whose store is away. Each is twice as long
/// as the one before it.
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// The time between two tries to start a shard whose log is rotten: a person has to mend it.
const ROTTEN_DELAY: Duration = Duration::from_secs(30);

/// The supervisor of the shard supervisors.
pub(crate) struct HostSupervisor;

pub(crate) struct HostState {
    host: HostRef,
    shards: HashMap<ActorId, ShardId>,
    closing: bool,
    /// Purges what is not kept, until the host ends.
    retention: Option<Task>,
}

#[derive(Debug)]
pub(crate) enum HostMessage {
    /// Start a shard that is down. When that fails, try again after this delay, or a longer one.
    Restart(ShardId, Duration),
    /// A shard is up.
    Up(ShardId, ActorRef<ShardMessage>),
    /// Shards that end now have been asked to.
    Closing,
}

#[cfg(feature = "cluster")]
impl ractor::Message for HostMessage {}

impl Actor for HostSupervisor {
    type Msg = HostMessage;
    type State = HostState;
    type Arguments = HostRef;

    async fn pre_start(
        &self,
        myself: ActorRef<HostMessage>,
        host: HostRef,
    ) -> Result<HostState, ActorProcessingErr> {
        let starts = (0..host.routes.shards()).map(|shard| {
            let (shard, cell) = (ShardId(shard), myself.get_cell());
            let arguments = (shard, host.options.lease_patience, host.clone());
            async move {
                let started = Actor::spawn_linked(None, ShardSupervisor, arguments, cell).await?;
                Ok::<_, ActorProcessingErr>((started.0.get_id(), shard))
            }
        });
        let shards = try_join_all(starts).await?.into_iter().collect();
        let retention = retention::begin(&host);
        Ok(HostState { host, shards, closing: false, retention })
    }

    async fn handle(
        &self,
        myself: ActorRef<HostMessage>,
        message: HostMessage,
        state: &mut HostState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            HostMessage::Restart(shard, delay) if !state.closing => {
                restart(&myself, &state.host, shard, delay);
            }
            // It may have ended before its name was known here.
            HostMessage::Up(shard, actor) if actor.get_status() >= ActorStatus::Stopping => {
                myself.cast(HostMessage::Restart(shard, RESTART_DELAY))?;
            }
            HostMessage::Up(shard, actor) => {
                state.shards.insert(actor.get_id(), shard);
            }
            HostMessage::Closing => {
                state.closing = true;
                state.retention = None;
            }
            HostMessage::Restart(..) => {}
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<HostMessage>,
        event: SupervisionEvent,
        state: &mut HostState,
    ) -> Result<(), ActorProcessingErr> {
        let (who, why) = match event {
            SupervisionEvent::ActorTerminated(who, _, why) => (who, why.unwrap_or_default()),
            SupervisionEvent::ActorFailed(who, why) => (who, why.to_string()),
            _ => return Ok(()),
        };
        if let Some(shard) = state.shards.remove(&who.get_id())
            && !state.closing
        {
            tracing::error!(%shard, why, "a shard went down; it starts again from its log");
            state.host.routes.clear(shard);
            try_again(&myself, shard, RESTART_DELAY);
        }
        Ok(())
    }
}

/// Starts a shard without holding up the others; tries again for as long as the host lives.
fn restart(myself: &ActorRef<HostMessage>, host: &HostRef, shard: ShardId, delay: Duration) {
    let (myself, host) = (myself.clone(), host.clone());
    tokio::spawn(async move {
        // Without patience of its own: the tries are paced here.
        let arguments = (shard, Duration::ZERO, host.clone());
        let cell = myself.get_cell();
        match Actor::spawn_linked(None, ShardSupervisor, arguments, cell).await {
            Ok((actor, _)) => {
                // A host that has gone takes its shards with it.
                let _ = myself.cast(HostMessage::Up(shard, actor));
            }
            Err(error) => {
                let delay = failed(&host, shard, error, delay);
                try_again(&myself, shard, delay);
            }
        }
    });
}

fn try_again(myself: &ActorRef<HostMessage>, shard: ShardId, delay: Duration) {
    myself.send_after(delay, move || HostMessage::Restart(shard, delay));
}

/// Says why a shard could not be started, to those whom it concerns. How long to wait for the next
/// try.
fn failed(host: &HostContext, shard: ShardId, error: SpawnErr, last: Duration) -> Duration {
    let longer = (last * 2).min(LONGEST_DELAY);
    let why = match error {
        SpawnErr::StartupFailed(error) => error.downcast::<ProviderError>(),
        other => Err(other.into()),
    };
    let why = match why {
        Ok(why) => *why,
        Err(error) => {
            tracing::error!(%shard, %error, "a shard could not be started; trying again");
            return longer;
        }
    };
    let delay = match &why {
        ProviderError::Conflict { .. } => {
            tracing::info!(%shard, error = %why, "waiting for the lease");
            HELD_DELAY
        }
        ProviderError::Corrupt { .. } => {
            tracing::error!(%shard, error = %why, "a shard stays down until its log is mended");
            ROTTEN_DELAY
        }
        _ => {
            tracing::warn!(%shard, error = %why, "a shard could not be started; trying again");
            longer
        }
    };
    host.mark_down(shard, why);
    delay
}
