//! Messages to and from instances on other hosts.

use std::time::Duration;

use reenact_core::{
    ChildError, InstanceId, Message, MessageBody, MessageId, MessageKind, NotTaken, Origin, Payload,
};
use reenact_providers::Backoff;

use super::{Fate, LocalDelivery, Shared, UnderWay};
use crate::error::Result;
use crate::message::Internal;
use crate::queue_client::KeyedCommand;

/// The pauses before a message to another host is sent again that was not answered.
const UNANSWERED: Backoff = Backoff::new(Duration::from_secs(60), Duration::from_secs(15 * 60));

impl LocalDelivery {
    /// Whether messages to an instance go through the queue of its shard.
    pub(crate) fn is_remote(&self, instance: &InstanceId) -> bool {
        let Shared { routes, store, .. } = &*self.shared;
        store.queue_client.is_some() && !routes.holds(routes.shard_of(instance))
    }

    /// The answer to a message that went to another host has come: the wait for it ends.
    pub(crate) fn is_answered(&self, from: &InstanceId, message: MessageId) {
        let key = (from.clone(), message);
        // A message that is under way on this host is answered here.
        let is_remote = |under_way: &UnderWay| matches!(under_way, UnderWay::Remote { .. });
        self.shared.under_way.remove_if(&key, |_, under_way| is_remote(under_way));
    }

    /// Answers a message of an instance on any host. An error means that the answer cannot be sent for now.
    pub(crate) async fn answer(
        &self,
        to: &InstanceId,
        message: MessageId,
        taken: std::result::Result<(), NotTaken>,
    ) -> Result<()> {
        let Some(remote) = self.shared.store.queue_client.as_ref().filter(|_| self.is_remote(to))
        else {
            self.is_answered(to, message);
            let answered = Internal::Answered { message, taken, sent_by: None, reply: None };
            // If the answer is lost, the message is sent again, and answered again.
            self.shared.routes.deliver(to, answered.into());
            return Ok(());
        };
        remote.send(to, &KeyedCommand::answer(message, taken)).await
    }

    /// Reports to a parent on another host how its child has ended. The report is durable when this
    /// returns.
    pub(crate) async fn send_result(
        &self,
        child: InstanceId,
        origin: &Origin,
        result: std::result::Result<Payload, Box<ChildError>>,
    ) -> Result<()> {
        let Some(remote) = &self.shared.store.queue_client else { return Ok(()) };
        let Origin { instance: parent, lineage, id, attempt, .. } = origin;
        let (lineage, id, attempt) = (*lineage, *id, *attempt);
        let body = MessageBody::Result { lineage, id, result };
        let id = MessageId { lineage, id, attempt, kind: MessageKind::Result };
        let message = Message { id, to: parent.clone(), body };
        remote.send(parent, &KeyedCommand::to_instance(&child, message)).await
    }
}

impl Shared {
    /// Sends a message to another host, and returns when it is to be sent again; an error means that it
    /// will not be.
    pub(super) async fn post(
        &self,
        from: &InstanceId,
        message: Message,
        tries: u32,
    ) -> std::result::Result<(), ()> {
        let Some(remote) = &self.store.queue_client else { return Ok(()) };
        let to = message.to.clone();
        let pause = match remote.send(&to, &KeyedCommand::to_instance(from, message)).await {
            Ok(()) => UNANSWERED.after(tries),
            Err(error) => {
                tracing::warn!(target: "reenact::message", parent: None, %from, %to, %error, "a message could not be sent; trying again");
                UNANSWERED.first
            }
        };
        self.wait(pause).await
    }
}

impl Fate {
    /// The answer to the sender of a message; `None` when another try may help.
    pub(crate) fn answer(self) -> Option<std::result::Result<(), NotTaken>> {
        match self {
            Self::Taken => Some(Ok(())),
            Self::NotTaken(why) => Some(Err(why)),
            Self::NotYet => None,
        }
    }
}
