//! Carries messages from one instance to another.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use reenact_core::{InstanceId, Message, MessageBody, MessageId, NotTaken, Start};
use reenact_providers::TimerScheduler;
use tokio::sync::{oneshot, watch};

use crate::error::{Error, Result};
use crate::message::{FromAnother, InstanceMessage, Internal, Reply, StartMessage, Tell};
use crate::routes::Routes;

/// The time before a message is sent again that was not answered, or that its recipient does not
/// take for now. Each further one is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest time before a message is sent again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The messages of a host's instances that are under way. Each has a task that waits until the
/// recipient says that it is durable there, or that it will never be, and tells the sender.
///
/// Nothing depends on it: what is lost here is still in the outbox of its sender, and is sent again
/// when that comes into memory.
#[derive(Clone)]
pub(crate) struct Mail {
    shared: Arc<Shared>,
}

struct Shared {
    routes: Routes,
    clock: Arc<dyn TimerScheduler>,
    /// By sender. What is here is not sent a second time meanwhile, so that no copy of a message is
    /// still under way when its recipient is long gone.
    under_way: DashMap<(InstanceId, MessageId), ()>,
    closed: watch::Sender<bool>,
}

/// What became of a message.
enum Fate {
    /// It is durable there, or nobody needs it any more.
    Taken,
    /// It will never be taken.
    NotTaken(NotTaken),
    /// Another try may help.
    NotYet,
}

impl Mail {
    pub(crate) fn new(routes: Routes, clock: Arc<dyn TimerScheduler>) -> Self {
        let closed = watch::Sender::new(false);
        Self { shared: Arc::new(Shared { routes, clock, under_way: DashMap::new(), closed }) }
    }

    /// Sends a message of an instance, in which it is durable. It was sent so many times before.
    pub(crate) fn send(&self, from: &InstanceId, message: Message, tries: u32) {
        let key = (from.clone(), message.id);
        if self.shared.under_way.insert(key.clone(), ()).is_some() {
            return;
        }
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let answer = match shared.carry(&key.0, message).await {
                Fate::Taken => Internal::Answered { message: key.1, taken: Ok(()) },
                Fate::NotTaken(why) => Internal::Answered { message: key.1, taken: Err(why) },
                Fate::NotYet => {
                    if shared.pause(tries).await.is_err() {
                        return;
                    }
                    Internal::SendAgain { message: key.1, tries: tries.saturating_add(1) }
                }
            };
            // First: what the answer makes the sender send must not be taken for this one.
            shared.under_way.remove(&key);
            shared.routes.deliver(&key.0, answer.into());
        });
    }

    /// Nothing is sent again any more.
    pub(crate) fn close(&self) {
        self.shared.closed.send_replace(true);
    }
}

impl Shared {
    async fn carry(&self, from: &InstanceId, message: Message) -> Fate {
        let (port, answer) = oneshot::channel();
        let Message { id, to, body } = message;
        let is_start = matches!(body, MessageBody::Start { .. });
        let is_event = matches!(body, MessageBody::Event { .. });
        let Ok(message) = addressed(from, id, body, Reply::to_instance(port)) else {
            // No key can be made: then the event can neither be told from others.
            return Fate::NotTaken(NotTaken::NotFound);
        };
        self.routes.deliver(&to, message);
        match answer.await {
            Ok(Ok(())) => Fate::Taken,
            Ok(Err(Error::AlreadyExists { .. })) if is_start => {
                Fate::NotTaken(NotTaken::AlreadyExists)
            }
            Ok(Err(Error::NotFound { .. })) if is_event => Fate::NotTaken(NotTaken::NotFound),
            Ok(Err(Error::Finished { .. })) if is_event => Fate::NotTaken(NotTaken::Finished),
            // To cancel what is gone, or to tell it a result, there is nothing to do.
            Ok(Err(Error::NotFound { .. } | Error::Finished { .. })) if !is_start => Fate::Taken,
            Ok(Err(error)) => {
                tracing::debug!(%from, %to, %error, "a message was not taken; trying again");
                Fate::NotYet
            }
            Err(_) => Fate::NotYet,
        }
    }

    /// Returns when it is time for another try; an error when there will be none.
    async fn pause(&self, tries: u32) -> std::result::Result<(), ()> {
        let pause = FIRST_PAUSE.saturating_mul(1 << tries.min(16)).min(LONGEST_PAUSE);
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(()),
            () = self.clock.sleep_until(self.clock.now() + pause) => Ok(()),
        }
    }
}

/// A message as its recipient's actor understands it.
fn addressed(
    from: &InstanceId,
    id: MessageId,
    body: MessageBody,
    reply: Reply,
) -> Result<InstanceMessage> {
    let tell = match body {
        MessageBody::Start { name, version, input, origin, not_before } => {
            let seed = origin.seed();
            let start = Start { input, seed, delay: None, origin: Some(origin) };
            let start = StartMessage {
                name,
                version,
                start,
                not_before,
                own_id: true,
                slot: None,
                event: None,
                reply,
            };
            return Ok(Internal::Start(Box::new(start)).into());
        }
        MessageBody::Event { name, data } => Tell::Event { name, data, key: id.event_key(from)? },
        MessageBody::Cancel { reason } => Tell::Cancel { call: id, reason },
        MessageBody::Result { lineage, id, result } => Tell::Result { lineage, id, result },
    };
    let from = from.clone();
    Ok(Internal::FromAnother(Box::new(FromAnother { from, tell, reply })).into())
}
