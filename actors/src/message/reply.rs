//! The answer to a message, which is sent when the turns that it depends on are durable.

use std::fmt;
use std::sync::Arc;

use ractor::RpcReplyPort;
use reenact_core::Receipt;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::answers::ClientRuntime;
use crate::error::{Error, Result};
use crate::panic::catch;

/// The answer to a command: sent when the turn that the command made is durable, or when it is
/// refused.
#[derive(Debug)]
pub struct Reply {
    way: Way,
    /// The client's place among the messages in flight; given back with the answer.
    permit: Option<OwnedSemaphorePermit>,
    /// The runtime on which the client waits, if answers go there together.
    client: Option<Arc<ClientRuntime>>,
}

/// A message between instances that waits for its answer.
pub(crate) trait TakesAnswer: fmt::Debug + Send + Sync {
    /// Takes the answer.
    fn answer(self: Box<Self>, answer: Result<()>);
}

/// Where an answer goes.
#[derive(Debug)]
enum Way {
    Port(RpcReplyPort<Result<()>>),
    /// To the instance that sent the message.
    Sender(Box<dyn TakesAnswer>),
}

impl Reply {
    /// An answer to a client of this host, which has a permit; a client without a host needs none.
    pub(crate) fn admitted(
        port: oneshot::Sender<Result<()>>,
        permit: Option<OwnedSemaphorePermit>,
        client: Option<Arc<ClientRuntime>>,
    ) -> Self {
        Self { way: Way::Port(port.into()), permit, client }
    }

    /// An answer to a sender that is not a client, and needs no permit.
    pub(crate) fn to_instance(port: oneshot::Sender<Result<()>>) -> Self {
        Self { way: Way::Port(port.into()), permit: None, client: None }
    }

    /// An answer directly to the instance that sent the message, on this host.
    pub(crate) fn to_sender(message: impl TakesAnswer + 'static) -> Self {
        Self { way: Way::Sender(Box::new(message)), permit: None, client: None }
    }

    /// Whether it is to a client of this host.
    pub(crate) fn is_to_client(&self) -> bool {
        self.permit.is_some()
    }

    /// An answer that says yes, once it is durable.
    pub(crate) fn yes(self) -> Answer {
        Answer { reply: self, answer: Ok(()) }
    }

    /// An answer that says no, once the turns are durable that the refusal depends on.
    pub(crate) fn no(self, error: Error) -> Answer {
        Answer { reply: self, answer: Err(error) }
    }

    pub(crate) fn refuse(self, error: Error) {
        self.send(Err(error));
    }

    /// The permit is given back before the client gets the answer: it may need it again at once.
    fn send(self, answer: Result<()>) {
        drop(self.permit);
        let port = match self.way {
            Way::Port(port) => port,
            Way::Sender(message) => return message.answer(answer),
        };
        // The client may be gone. What this wakes is the client's.
        let send = move || drop(catch(|| port.send(answer)));
        match self.client {
            Some(client) => client.answer(send),
            None => send(),
        }
    }
}

/// An answer that is known, and waits for a receipt.
#[derive(Debug)]
pub(crate) struct Answer {
    reply: Reply,
    answer: Result<()>,
}

impl Answer {
    pub(crate) fn give(self, _durable: &Receipt) {
        self.reply.send(self.answer);
    }

    /// The answer did not become durable.
    pub(crate) fn refuse(self, error: Error) {
        self.reply.refuse(error);
    }
}

/// The port that `call` gives.
impl From<RpcReplyPort<Result<()>>> for Reply {
    fn from(port: RpcReplyPort<Result<()>>) -> Self {
        Self { way: Way::Port(port), permit: None, client: None }
    }
}
