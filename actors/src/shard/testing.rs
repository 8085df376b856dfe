//! For tests: an actor in the place of the supervisor of a shard.

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::mpsc::UnboundedSender;

use crate::message::ShardMessage;

/// A supervisor that forwards its messages to a channel, and does nothing else.
pub(crate) async fn supervisor_that_forwards(
    sender: UnboundedSender<ShardMessage>,
) -> ActorRef<ShardMessage> {
    Actor::spawn(None, Forwarding, sender).await.unwrap().0
}

struct Forwarding;

impl Actor for Forwarding {
    type Msg = ShardMessage;
    type State = UnboundedSender<ShardMessage>;
    type Arguments = UnboundedSender<ShardMessage>;

    async fn pre_start(
        &self,
        _myself: ActorRef<ShardMessage>,
        sender: UnboundedSender<ShardMessage>,
    ) -> Result<UnboundedSender<ShardMessage>, ActorProcessingErr> {
        Ok(sender)
    }

    async fn handle(
        &self,
        _myself: ActorRef<ShardMessage>,
        message: ShardMessage,
        sender: &mut UnboundedSender<ShardMessage>,
    ) -> Result<(), ActorProcessingErr> {
        Ok(sender.send(message)?)
    }
}
